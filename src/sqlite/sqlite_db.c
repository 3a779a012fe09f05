#include "sqlite_db.h"

#include "clock.h"
#include "sqlite_internal.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAITING 16384
#define MAX_BATCH 256
#define CHECKPOINT_PAGES 4000
#define CHECKPOINT_IDLE_S 1
/* Where the last commit carried several jobs, more are on their way: a moment's wait lets one sync
 * and one write of each page serve them all. A lone write never waits. */
#define GATHER_FROM 3
#define GATHER_US 200
#define BUSY_MS 20
/* Files grow in steps: a sync has then seldom a new size to write down. */
#define GROWTH_BYTES (1 << 20)

struct sqlite_db {
    char *path;
    char name[16];
    bool background;
    struct sqlite_conn *writer;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct sqlite_job *first, **last;
    bool stopping, checkpointed;
    int64_t last_batch, last_commit_ms;
    int gather_us;
    bool scrub; /* the writer thread's: the log is to be emptied */
    struct sqlite_db_stats stats;
    void (*on_commit)(void *);
    void *on_commit_ctx;
    pthread_key_t reader_key;
    struct sqlite_conn *readers;
};

/* Every commit holds it for reading, a freeze for writing. It belongs to the process as SQLite's
 * own set-up does: an instant over all files cannot be one file's. */
static pthread_rwlock_t commit_gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

void sqlite_freeze(void)
{
    pthread_rwlock_wrlock(&commit_gate);
}

void sqlite_thaw(void)
{
    pthread_rwlock_unlock(&commit_gate);
}

void sqlite_global_init(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    /* The savepoints of a batch outgrow SQLite's 64 KiB and would go to a temporary file each. */
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
    sqlite3_initialize();
}

/* ---- the writer ---- */

static struct sqlite_job *take_batch(struct sqlite_db *db)
{
    struct sqlite_job *batch = db->first, **end = &batch;
    int count = 0;
    while (*end && count < MAX_BATCH) {
        end = &(*end)->next;
        count++;
    }
    db->first = *end;
    if (!db->first)
        db->last = &db->first;
    *end = NULL;
    db->stats.waiting -= count;
    return batch;
}

static void run_one(struct sqlite_conn *conn, struct sqlite_job *job)
{
    job->rc = sqlite_exec(conn, &job->error, "SAVEPOINT job", "");
    if (job->rc < 0)
        return;
    job->rc = job->run(conn, job);
    if (job->rc < 0)
        sqlite_exec(conn, NULL, "ROLLBACK TO job", "");
    struct error error;
    int rc = sqlite_exec(conn, &error, "RELEASE job", "");
    if (rc < 0 && job->rc >= 0) {
        job->rc = rc;
        job->error = error;
    }
}

static void fail_batch(struct sqlite_job *batch, int rc, const struct error *error)
{
    for (struct sqlite_job *job = batch; job; job = job->next) {
        if (job->rc >= 0) {
            job->rc = rc;
            job->error = *error;
        }
    }
}

/* True if the batch's effects are on the disk. */
static bool commit_batch(struct sqlite_conn *conn, struct sqlite_job *batch)
{
    struct error error = {0};
    int rc = sqlite_exec(conn, &error, "BEGIN IMMEDIATE", "");
    if (rc < 0) {
        for (struct sqlite_job *job = batch; job; job = job->next)
            job->rc = 0;
        fail_batch(batch, rc, &error);
        return false;
    }
    for (struct sqlite_job *job = batch; job; job = job->next)
        run_one(conn, job);
    rc = sqlite_exec(conn, &error, "COMMIT", "");
    if (rc < 0) {
        if (!sqlite3_get_autocommit(conn->handle))
            sqlite_exec(conn, NULL, "ROLLBACK", "");
        fail_batch(batch, rc, &error);
    }
    return rc == 0;
}

static void scrub(struct sqlite_db *db, const struct sqlite_job *batch)
{
    for (; batch; batch = batch->next)
        db->scrub |= batch->scrub;
    if (db->scrub)
        db->scrub = sqlite3_wal_checkpoint_v2(db->writer->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                        NULL, NULL) != SQLITE_OK;
}

static void finish_batch(struct sqlite_db *db, struct sqlite_job *batch, bool committed)
{
    if (committed)
        scrub(db, batch);
    if (committed && db->on_commit)
        db->on_commit(db->on_commit_ctx);
    while (batch) {
        struct sqlite_job *next = batch->next;
        batch->done(batch);
        batch = next;
    }
}

/* With the lock held. True when there is something to do; false when nothing came for a while. */
static bool wait_for_jobs(struct sqlite_db *db)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CHECKPOINT_IDLE_S;
    while (!db->first && !db->stopping) {
        if (db->checkpointed)
            pthread_cond_wait(&db->wake, &db->lock);
        else if (pthread_cond_timedwait(&db->wake, &db->lock, &until) == ETIMEDOUT)
            return false;
    }
    return true;
}

/* While nothing is written the log is moved into the file, where pages are found without a search.
 */
static void checkpoint(struct sqlite_db *db)
{
    sqlite3_wal_checkpoint_v2(db->writer->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db->checkpointed = true;
}

/* With the lock held: how long the next commit waits for company. */
static int gather_time(const struct sqlite_db *db)
{
    if (db->gather_us)
        return clock_monotonic_ms() - db->last_commit_ms < BUSY_MS ? db->gather_us : 0;
    return db->last_batch >= GATHER_FROM ? GATHER_US : 0;
}

static void *write_loop(void *argument)
{
    struct sqlite_db *db = argument;
    pthread_setname_np(pthread_self(), db->name);
    if (db->background)
        thread_background();
    pthread_mutex_lock(&db->lock);
    for (;;) {
        if (!wait_for_jobs(db)) {
            pthread_mutex_unlock(&db->lock);
            checkpoint(db);
            pthread_mutex_lock(&db->lock);
            continue;
        }
        if (!db->first)
            break;
        db->checkpointed = false;
        int gather_us = gather_time(db);
        if (gather_us) {
            pthread_mutex_unlock(&db->lock);
            usleep((useconds_t)gather_us);
            pthread_mutex_lock(&db->lock);
        }
        struct sqlite_job *batch = take_batch(db);
        pthread_mutex_unlock(&db->lock);
        int64_t jobs = 0;
        for (struct sqlite_job *job = batch; job; job = job->next)
            jobs++;
        db->last_batch = jobs;
        db->last_commit_ms = clock_monotonic_ms();
        pthread_rwlock_rdlock(&commit_gate);
        bool committed = commit_batch(db->writer, batch);
        pthread_rwlock_unlock(&commit_gate);
        finish_batch(db, batch, committed);
        pthread_mutex_lock(&db->lock);
        db->stats.commits++;
        db->stats.jobs += jobs;
    }
    pthread_mutex_unlock(&db->lock);
    return NULL;
}

void sqlite_db_write(struct sqlite_db *db, struct sqlite_job *job)
{
    job->next = NULL;
    job->rc = 0;
    pthread_mutex_lock(&db->lock);
    bool full = db->stats.waiting >= MAX_WAITING || db->stopping;
    if (!full) {
        *db->last = job;
        db->last = &job->next;
        if (db->stats.waiting++ == 0)
            pthread_cond_signal(&db->wake);
    }
    pthread_mutex_unlock(&db->lock);
    if (full) {
        job->rc = error_set(&job->error, ERROR_UNAVAILABLE, NULL, NULL,
            "too many writes are waiting; try again in a moment");
        job->done(job);
    }
}

struct waiter {
    struct sqlite_job job; /* first: the job's address is the waiter's */
    struct sqlite_job *inner;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
};

static int waiter_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct waiter *waiter = (struct waiter *)job;
    int rc = waiter->inner->run(conn, waiter->inner);
    if (rc < 0)
        job->error = waiter->inner->error;
    return rc;
}

static void waiter_done(struct sqlite_job *job)
{
    struct waiter *waiter = (struct waiter *)job;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->finished);
    pthread_mutex_unlock(&waiter->lock);
}

int sqlite_db_write_wait(struct sqlite_db *db, struct sqlite_job *job, struct error *error)
{
    struct waiter waiter = {.job = {.run = waiter_run, .done = waiter_done}, .inner = job};
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.finished, NULL);
    sqlite_db_write(db, &waiter.job);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.finished, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.finished);
    pthread_mutex_destroy(&waiter.lock);
    if (waiter.job.rc < 0 && error)
        *error = waiter.job.error;
    return waiter.job.rc;
}

void sqlite_db_on_commit(struct sqlite_db *db, void (*fn)(void *ctx), void *ctx)
{
    db->on_commit_ctx = ctx;
    db->on_commit = fn;
}

void sqlite_db_stats(struct sqlite_db *db, struct sqlite_db_stats *stats)
{
    pthread_mutex_lock(&db->lock);
    *stats = db->stats;
    pthread_mutex_unlock(&db->lock);
}

/* ---- readers ---- */

struct sqlite_conn *sqlite_db_reader(struct sqlite_db *db, struct error *error)
{
    struct sqlite_conn *conn = pthread_getspecific(db->reader_key);
    if (conn)
        return conn;
    conn = sqlite_conn_open(db->path, SQLITE_OPEN_READONLY, error);
    if (!conn)
        return NULL;
    sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    /* No map: after each commit SQLite drops a reader's whole map and faults it in again. */
    if (sqlite_script(conn,
            "PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0; PRAGMA cache_size=-1024;"
            " PRAGMA query_only=1;",
            error) < 0) {
        sqlite_conn_close(conn);
        return NULL;
    }
    pthread_setspecific(db->reader_key, conn);
    pthread_mutex_lock(&db->lock);
    conn->next = db->readers;
    db->readers = conn;
    pthread_mutex_unlock(&db->lock);
    return conn;
}

/* ---- opening, closing, copying ---- */

static int user_version(struct sqlite_conn *conn, int *version, struct error *error)
{
    sqlite3_stmt *statement = sqlite_prepare(conn, "PRAGMA user_version", error);
    if (!statement)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, statement, error);
    if (rc > 0)
        *version = sqlite3_column_int(statement, 0);
    sqlite_done(statement);
    return rc < 0 ? rc : 0;
}

static int migrate(struct sqlite_db *db, const char *const *migrations, struct error *error)
{
    int version = 0, known = 0;
    int rc = user_version(db->writer, &version, error);
    while (migrations[known])
        known++;
    if (rc == 0 && version > known)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "%s was written by a newer winestore (schema %d, this one knows %d): use that one",
            db->path, version, known);
    for (; rc == 0 && version < known; version++) {
        char pragma[64];
        snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", version + 1);
        rc = sqlite_script(db->writer, "BEGIN IMMEDIATE", error);
        if (rc == 0)
            rc = sqlite_script(db->writer, migrations[version], error);
        if (rc == 0)
            rc = sqlite_script(db->writer, pragma, error);
        if (rc == 0)
            rc = sqlite_script(db->writer, "COMMIT", error);
        if (rc < 0)
            sqlite_script(db->writer, "ROLLBACK", NULL);
    }
    return rc;
}

static int prepare_writer(
    struct sqlite_db *db, const struct sqlite_options *options, struct error *error)
{
    char checkpoint[64];
    snprintf(checkpoint, sizeof(checkpoint), "PRAGMA wal_autocheckpoint=%d", CHECKPOINT_PAGES);
    int chunk = GROWTH_BYTES;
    sqlite3_file_control(db->writer->handle, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    int rc = sqlite_script(db->writer,
        "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA mmap_size=1073741824;"
        " PRAGMA cache_size=-4096; PRAGMA journal_size_limit=67108864;",
        error);
    if (rc == 0)
        rc = sqlite_script(db->writer,
            options->relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", error);
    if (rc == 0)
        rc = sqlite_script(db->writer, checkpoint, error);
    if (rc == 0 && options->overwrite)
        rc = sqlite_script(db->writer, "PRAGMA secure_delete=ON", error);
    return rc;
}

/* What SQLite says of a file does not name it. */
static int name_file(
    const struct sqlite_db *db, int rc, const struct error *cause, struct error *error)
{
    bool damaged = cause->code == ERROR_INTERNAL;
    return error_set(error, (enum error_code)rc, NULL, NULL, "%s: %.200s%s", db->path,
        cause->message, damaged ? "; restore it from a backup" : "");
}

static int open_writer(
    struct sqlite_db *db, const struct sqlite_options *options, struct error *error)
{
    struct error cause = {0};
    db->writer = sqlite_conn_open(db->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (!db->writer)
        return ERROR_UNAVAILABLE;
    int rc = prepare_writer(db, options, &cause);
    return rc < 0 ? name_file(db, rc, &cause, error) : migrate(db, options->migrations, error);
}

static void db_free(struct sqlite_db *db)
{
    if (db->writer)
        sqlite_conn_close(db->writer);
    pthread_key_delete(db->reader_key);
    pthread_cond_destroy(&db->wake);
    pthread_mutex_destroy(&db->lock);
    free(db->path);
    free(db);
}

int sqlite_db_open(struct sqlite_db **out, const char *path, const struct sqlite_options *options,
    struct error *error)
{
    struct sqlite_db *db = calloc(1, sizeof(*db));
    if (!db || !(db->path = strdup(path)))
        abort();
    snprintf(db->name, sizeof(db->name), "%s", options->name);
    db->background = options->background;
    db->gather_us = options->gather_us;
    db->last = &db->first;
    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&db->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_key_create(&db->reader_key, NULL);
    int rc = open_writer(db, options, error);
    if (rc == 0 && pthread_create(&db->thread, NULL, write_loop, db) != 0)
        rc = error_set(error, ERROR_INTERNAL, NULL, NULL, "%s: no thread to write with", path);
    if (rc < 0) {
        db_free(db);
        return rc;
    }
    *out = db;
    return 0;
}

void sqlite_db_close(struct sqlite_db *db)
{
    if (!db)
        return;
    pthread_mutex_lock(&db->lock);
    db->stopping = true;
    pthread_cond_signal(&db->wake);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->thread, NULL);
    while (db->readers) {
        struct sqlite_conn *next = db->readers->next;
        sqlite_conn_close(db->readers);
        db->readers = next;
    }
    db_free(db);
}

struct backup {
    struct sqlite_job job;
    const char *path;
};

/* Inside the job's savepoint the pages are still: VACUUM INTO cannot run in a transaction, the
 * backup interface can read beside one. */
static int backup_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct backup *backup = (struct backup *)job;
    struct sqlite_conn *source = NULL, *target = NULL;
    int rc = ERROR_UNAVAILABLE;
    source = sqlite_conn_open(
        sqlite3_db_filename(conn->handle, "main"), SQLITE_OPEN_READONLY, &job->error);
    if (!source)
        return rc;
    sqlite3_db_config(source->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    target =
        sqlite_conn_open(backup->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &job->error);
    if (target) {
        sqlite3_backup *copy = sqlite3_backup_init(target->handle, "main", source->handle, "main");
        if (copy) {
            sqlite3_backup_step(copy, -1);
            sqlite3_backup_finish(copy);
        }
        int code = sqlite3_errcode(target->handle);
        rc = code == SQLITE_OK ? 0 : sqlite_fail(target, code, &job->error);
        sqlite_conn_close(target);
    }
    sqlite_conn_close(source);
    return rc;
}

int sqlite_db_backup(struct sqlite_db *db, const char *path, struct error *error)
{
    struct backup backup = {.job = {.run = backup_run}, .path = path};
    return sqlite_db_write_wait(db, &backup.job, error);
}
