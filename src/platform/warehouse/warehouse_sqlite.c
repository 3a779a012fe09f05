#include "arena.h"
#include "thread.h"
#include "warehouse_sqlite_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_REPORTS 64

/* A report waits for the thread that asks: a question over a year of facts must not hold up one
 * that serves shoppers. */
struct report_job {
    struct warehouse_report_query query;
    struct arena *arena;
    struct warehouse_report *report;
    warehouse_done_fn *done;
    void *ctx;
    struct report_job *next;
};

struct warehouse_sqlite {
    struct warehouse base; /* first: the port's address is the engine's */
    struct sqlite_db *db;
    pthread_t reporter;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct report_job *first, **last;
    int waiting;
    bool stopping;
};

/* ---- loading ---- */

struct load_job {
    struct sqlite_job job; /* first: the job's address is the load's */
    const struct warehouse_batch *batch;
    warehouse_done_fn *done;
    void *ctx;
};

static int load_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct load_job *load = (struct load_job *)job;
    return warehouse_sqlite_apply(conn, load->batch, &job->error);
}

static void load_done(struct sqlite_job *job)
{
    struct load_job *load = (struct load_job *)job;
    load->done(load->ctx, job->rc, &job->error);
    free(load);
}

static void load(
    struct warehouse *base, const struct warehouse_batch *batch, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct load_job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    job->job.run = load_run;
    job->job.done = load_done;
    job->batch = batch;
    job->done = done;
    job->ctx = ctx;
    sqlite_db_write(warehouse->db, &job->job);
}

/* ---- reports ---- */

static void report_one(struct warehouse_sqlite *warehouse, struct report_job *job)
{
    struct error error = {0};
    struct sqlite_conn *conn = sqlite_db_reader(warehouse->db, &error);
    struct warehouse_report report = {0};
    int rc = conn ? warehouse_sqlite_fill(conn, &job->query, job->arena, &report, &error)
                  : ERROR_UNAVAILABLE;
    if (rc == 0)
        *job->report = report;
    job->done(job->ctx, rc, &error);
    free(job);
}

static void *report_loop(void *argument)
{
    struct warehouse_sqlite *warehouse = argument;
    pthread_setname_np(pthread_self(), "reports");
    thread_background();
    pthread_mutex_lock(&warehouse->lock);
    for (;;) {
        while (!warehouse->first && !warehouse->stopping)
            pthread_cond_wait(&warehouse->wake, &warehouse->lock);
        struct report_job *job = warehouse->first;
        if (!job)
            break;
        warehouse->first = job->next;
        if (!warehouse->first)
            warehouse->last = &warehouse->first;
        warehouse->waiting--;
        pthread_mutex_unlock(&warehouse->lock);
        report_one(warehouse, job);
        pthread_mutex_lock(&warehouse->lock);
    }
    pthread_mutex_unlock(&warehouse->lock);
    return NULL;
}

static void report(struct warehouse *base, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *out, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct report_job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    *job = (struct report_job){
        .query = *query, .arena = arena, .report = out, .done = done, .ctx = ctx};
    pthread_mutex_lock(&warehouse->lock);
    bool full = warehouse->waiting >= MAX_REPORTS || warehouse->stopping;
    if (!full) {
        *warehouse->last = job;
        warehouse->last = &job->next;
        warehouse->waiting++;
        pthread_cond_signal(&warehouse->wake);
    }
    pthread_mutex_unlock(&warehouse->lock);
    if (full) {
        struct error error;
        int rc = error_set(&error, ERROR_UNAVAILABLE, NULL, NULL,
            "too many reports are being made; try again in a moment");
        done(ctx, rc, &error);
        free(job);
    }
}

/* ---- reading ---- */

static int interactions(struct warehouse *base, int64_t since_ms, int limit,
    warehouse_interaction_fn *fn, void *ctx, struct error *error)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct sqlite_conn *conn = sqlite_db_reader(warehouse->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    return warehouse_sqlite_interactions(conn, since_ms, limit, fn, ctx, error);
}

static int checkpoints(struct warehouse *base, int64_t *sequences, struct error *error)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct sqlite_conn *conn = sqlite_db_reader(warehouse->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *rows =
        sqlite_query(conn, error, "SELECT shard, sequence FROM load_checkpoint", "");
    if (!rows)
        return ERROR_INTERNAL;
    int64_t found[WAREHOUSE_MAX_SHARDS] = {0};
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        int shard = sqlite3_column_int(rows, 0);
        if (shard >= 0 && shard < WAREHOUSE_MAX_SHARDS)
            found[shard] = sqlite3_column_int64(rows, 1);
    }
    for (int i = 0; rc == 0 && i < WAREHOUSE_MAX_SHARDS; i++)
        sequences[i] = found[i];
    return rc;
}

static int recent(
    struct warehouse *base, struct arena *arena, const char ***ids, struct error *error)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct sqlite_conn *conn = sqlite_db_reader(warehouse->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *rows =
        sqlite_query(conn, error, "SELECT event_ids FROM load_event ORDER BY up_to", "");
    if (!rows)
        return ERROR_INTERNAL;
    size_t count = 0, capacity = 1024;
    const char **found = malloc(capacity * sizeof(*found));
    if (!found)
        abort();
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        for (const char *id = sqlite_text(rows, 0); *id; id += strcspn(id, " ") + 1) {
            if (count == capacity)
                found = reallocarray(found, capacity *= 2, sizeof(*found));
            if (!found)
                abort();
            found[count++] = arena_strndup(arena, id, strcspn(id, " "));
        }
    }
    size_t kept = count < WAREHOUSE_RECENT_EVENTS ? count : WAREHOUSE_RECENT_EVENTS;
    if (rc == 0)
        *ids = arena_memdup(arena, found + count - kept, kept * sizeof(*found));
    free(found);
    return rc < 0 ? rc : (int)kept;
}

static int letters(struct warehouse *base, int max, struct arena *arena,
    struct warehouse_dead_letter **out, struct error *error)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    struct sqlite_conn *conn = sqlite_db_reader(warehouse->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT event_id, shard, sequence, at_ms, reason, body FROM dead_letter"
        " ORDER BY position DESC LIMIT $1",
        "i", (int64_t)max);
    if (!rows)
        return ERROR_INTERNAL;
    struct warehouse_dead_letter *found =
        arena_new_array(arena, max > 0 ? max : 1, struct warehouse_dead_letter);
    int count = 0, rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        found[count++] = (struct warehouse_dead_letter){
            .event_id = arena_strdup(arena, sqlite_text(rows, 0)),
            .shard = sqlite3_column_int(rows, 1),
            .sequence = sqlite3_column_int64(rows, 2),
            .at_ms = sqlite3_column_int64(rows, 3),
            .reason = arena_strdup(arena, sqlite_text(rows, 4)),
            .body = arena_strdup(arena, sqlite_text(rows, 5)),
        };
    }
    if (rc < 0)
        return rc;
    *out = found;
    return count;
}

/* ---- opening, closing, copying ---- */

static void close_warehouse(struct warehouse *base)
{
    struct warehouse_sqlite *warehouse = (struct warehouse_sqlite *)base;
    pthread_mutex_lock(&warehouse->lock);
    warehouse->stopping = true;
    pthread_cond_signal(&warehouse->wake);
    pthread_mutex_unlock(&warehouse->lock);
    pthread_join(warehouse->reporter, NULL);
    sqlite_db_close(warehouse->db);
    pthread_cond_destroy(&warehouse->wake);
    pthread_mutex_destroy(&warehouse->lock);
    free(warehouse);
}

static const struct warehouse_ops ops = {
    .load = load,
    .report = report,
    .interactions = interactions,
    .checkpoints = checkpoints,
    .recent = recent,
    .letters = letters,
    .close = close_warehouse,
};

int warehouse_sqlite_open(struct warehouse **out, const char *path, struct error *error)
{
    struct sqlite_options options = {
        .name = "warehouse",
        .migrations = warehouse_sqlite_migrations,
        .background = true,
        .relaxed = true, /* facts and checkpoints go together: what a crash takes is read again */
    };
    struct sqlite_db *db = NULL;
    int rc = sqlite_db_open(&db, path, &options, error);
    if (rc < 0)
        return rc;
    struct warehouse_sqlite *warehouse = calloc(1, sizeof(*warehouse));
    if (!warehouse)
        abort();
    warehouse->base.ops = &ops;
    warehouse->db = db;
    warehouse->last = &warehouse->first;
    pthread_mutex_init(&warehouse->lock, NULL);
    pthread_cond_init(&warehouse->wake, NULL);
    if (pthread_create(&warehouse->reporter, NULL, report_loop, warehouse) != 0) {
        sqlite_db_close(db);
        free(warehouse);
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "%s: no thread for reports", path);
    }
    *out = &warehouse->base;
    return 0;
}
