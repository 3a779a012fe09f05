/*
 * The stream in a SQLite file: one table in the order of commits, so that every insert is at its
 * end and trimming is at its beginning. A shard's sequence is the table's; a reader of one shard
 * filters. That is cheaper than an index, because readers who keep up never come here: the newest
 * records are in memory.
 */
#include "stream_tail.h"

#include "arena.h"
#include "clock.h"
#include "sqlite_db.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define DEFAULT_SHARDS 4
#define DEFAULT_RETENTION_MS ((int64_t)7 * 24 * 3600 * 1000)
#define DEFAULT_MAX_BYTES ((int64_t)2 * 1024 * 1024 * 1024)
#define TAIL_BYTES ((int64_t)8 * 1024 * 1024)
#define TAIL_RECORDS 16384
#define TRIM_ROWS 2000 /* in one job: puts are not to wait long behind it */

static const char *const migrations[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE record(seq INTEGER PRIMARY KEY, shard INTEGER NOT NULL, at INTEGER NOT NULL,"
    " key TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL);",
    NULL,
};

struct sqlite_stream {
    struct stream base; /* first */
    struct sqlite_db *db;
    struct stream_tail *tail;
    int64_t retention_ms, max_bytes;
    int64_t last_seq, last_at_ms; /* the writer thread's */
    atomic_bool trimming;
    atomic_llong put, bytes, read, read_file;
};

/* ---- putting ---- */

struct put_job {
    struct sqlite_job job;
    struct sqlite_stream *stream;
    stream_done_fn *done;
    void *ctx;
    struct tail_entry *entries;
    int64_t count, bytes;
};

static int put_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct put_job *put = (struct put_job *)job;
    struct sqlite_stream *stream = put->stream;
    int64_t now_ms = clock_now_ms();
    /* The clock may be set back; trimming counts on times that grow with the sequence. */
    if (now_ms > stream->last_at_ms)
        stream->last_at_ms = now_ms;
    for (struct tail_entry *entry = put->entries; entry; entry = entry->next) {
        struct stream_record *record = &entry->record;
        record->sequence = ++stream->last_seq;
        record->at_ms = stream->last_at_ms;
        int rc = sqlite_exec(conn, &job->error,
            "INSERT INTO record(seq, shard, at, key, id, data) VALUES(?, ?, ?, ?, ?, ?)", "iiittb",
            record->sequence, (int64_t)entry->shard, record->at_ms, record->key, record->id,
            record->data, record->length);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void put_done(struct sqlite_job *job)
{
    struct put_job *put = (struct put_job *)job;
    struct sqlite_stream *stream = put->stream;
    if (job->rc == 0) {
        tail_add(stream->tail, put->entries);
        atomic_fetch_add(&stream->put, put->count);
        atomic_fetch_add(&stream->bytes, put->bytes);
        stream_wake(&stream->base);
    } else {
        tail_entries_free(put->entries);
    }
    if (put->done)
        put->done(put->ctx, job->rc, &job->error);
    free(put);
}

static void sqlite_put(struct stream *base, const struct stream_record *records, size_t count,
    stream_done_fn *done, void *ctx)
{
    struct error error = {0};
    int rc = stream_check(records, count, &error);
    if (rc < 0 || count == 0) {
        if (done)
            done(ctx, rc, &error);
        return;
    }
    struct sqlite_stream *stream = (struct sqlite_stream *)base;
    struct put_job *put = calloc(1, sizeof(*put));
    if (!put)
        abort();
    put->job.run = put_run;
    put->job.done = put_done;
    put->stream = stream;
    put->done = done;
    put->ctx = ctx;
    put->count = (int64_t)count;
    struct tail_entry **end = &put->entries;
    for (size_t i = 0; i < count; i++) {
        *end = tail_entry_new(&records[i], stream_shard_of(base, records[i].key));
        end = &(*end)->next;
        put->bytes += (int64_t)records[i].length;
    }
    sqlite_db_write(stream->db, &put->job);
}

/* ---- reading ---- */

static int read_file(struct sqlite_stream *stream, int shard, int64_t after, int max,
    struct arena *arena, struct stream_record **records, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(stream->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT seq, at, key, id, data FROM record WHERE seq > ? AND shard = ?"
        " ORDER BY seq LIMIT ?",
        "iii", after, (int64_t)shard, (int64_t)max);
    if (!rows)
        return ERROR_INTERNAL;
    struct stream_record *found = arena_new_array(arena, max, struct stream_record);
    int count = 0, rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct stream_record *record = &found[count++];
        record->sequence = sqlite3_column_int64(rows, 0);
        record->at_ms = sqlite3_column_int64(rows, 1);
        record->key = arena_strdup(arena, sqlite_text(rows, 2));
        record->id = arena_strdup(arena, sqlite_text(rows, 3));
        record->length = (size_t)sqlite3_column_bytes(rows, 4);
        record->data = arena_strndup(arena, sqlite3_column_blob(rows, 4), record->length);
    }
    if (rc < 0)
        return rc;
    *records = found;
    return count;
}

static int sqlite_read(struct stream *base, int shard, int64_t after, int max, struct arena *arena,
    struct stream_record **records, struct error *error)
{
    struct sqlite_stream *stream = (struct sqlite_stream *)base;
    int count = tail_read(stream->tail, shard, after, max, arena, records);
    if (count < 0) {
        int64_t floor = tail_floor(stream->tail, shard);
        count = read_file(stream, shard, after, max, arena, records, error);
        if (count < 0)
            return count;
        /* The file ends before the floor: from here on memory has all of the shard. Without this a
         * reader of a quiet shard would search the whole file at every wake. */
        if (count < max)
            tail_nothing_between(
                stream->tail, shard, count > 0 ? (*records)[count - 1].sequence : after, floor);
        atomic_fetch_add(&stream->read_file, count);
    }
    atomic_fetch_add(&stream->read, count);
    return count;
}

static int64_t sqlite_latest(struct stream *base, int shard)
{
    (void)shard;
    return tail_last(((struct sqlite_stream *)base)->tail);
}

/* ---- trimming ---- */

struct trim_job {
    struct sqlite_job job;
    struct sqlite_stream *stream;
    bool more;
};

static int64_t pragma(struct sqlite_conn *conn, const char *sql)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_prepare(conn, sql, NULL);
    return row && sqlite_step(conn, row, NULL) > 0 ? sqlite3_column_int64(row, 0) : 0;
}

static bool too_large(const struct sqlite_stream *stream, struct sqlite_conn *conn)
{
    int64_t pages = pragma(conn, "PRAGMA page_count") - pragma(conn, "PRAGMA freelist_count");
    return pages * pragma(conn, "PRAGMA page_size") > stream->max_bytes;
}

/* The last of the oldest records that are to go, 0 if none is. */
static int trim_upto(struct sqlite_stream *stream, struct sqlite_conn *conn, int64_t *upto,
    bool *more, struct error *error)
{
    bool all = too_large(stream, conn);
    int64_t cutoff_ms = clock_now_ms() - stream->retention_ms;
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(
        conn, error, "SELECT seq, at FROM record ORDER BY seq LIMIT ?", "i", (int64_t)TRIM_ROWS);
    if (!rows)
        return ERROR_INTERNAL;
    int count = 0, rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        int64_t seq = sqlite3_column_int64(rows, 0);
        /* The last record stays: the next start goes on from its sequence. */
        if (seq >= stream->last_seq || !(all || sqlite3_column_int64(rows, 1) < cutoff_ms))
            break;
        *upto = seq;
        count++;
    }
    *more = count == TRIM_ROWS;
    return rc < 0 ? rc : 0;
}

static int trim_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct trim_job *trim = (struct trim_job *)job;
    int64_t upto = 0;
    int rc = trim_upto(trim->stream, conn, &upto, &trim->more, &job->error);
    if (rc == 0 && upto > 0)
        rc = sqlite_exec(conn, &job->error, "DELETE FROM record WHERE seq <= ?", "i", upto);
    return rc;
}

static void trim_done(struct sqlite_job *job)
{
    struct trim_job *trim = (struct trim_job *)job;
    struct sqlite_stream *stream = trim->stream;
    if (job->rc == 0 && trim->more) {
        sqlite_db_write(stream->db, job);
        return;
    }
    atomic_store(&stream->trimming, false);
    free(trim);
}

static void sqlite_trim(struct stream *base)
{
    struct sqlite_stream *stream = (struct sqlite_stream *)base;
    if (atomic_exchange(&stream->trimming, true))
        return;
    tail_trim(stream->tail, clock_now_ms() - stream->retention_ms);
    struct trim_job *trim = calloc(1, sizeof(*trim));
    if (!trim)
        abort();
    trim->job.run = trim_run;
    trim->job.done = trim_done;
    trim->stream = stream;
    sqlite_db_write(stream->db, &trim->job);
}

/* ---- the rest ---- */

static void sqlite_stats(struct stream *base, struct stream_stats *stats)
{
    struct sqlite_stream *stream = (struct sqlite_stream *)base;
    *stats = (struct stream_stats){
        .put = atomic_load(&stream->put),
        .bytes = atomic_load(&stream->bytes),
        .read = atomic_load(&stream->read),
        .read_file = atomic_load(&stream->read_file),
        .last_sequence = tail_last(stream->tail),
    };
}

static void sqlite_close(struct stream *base)
{
    struct sqlite_stream *stream = (struct sqlite_stream *)base;
    sqlite_db_close(stream->db);
    tail_free(stream->tail);
    stream_release(base);
    free(stream);
}

static const struct stream_ops sqlite_ops = {
    .put = sqlite_put,
    .read = sqlite_read,
    .latest = sqlite_latest,
    .trim = sqlite_trim,
    .stats = sqlite_stats,
    .close = sqlite_close,
};

struct open_job {
    struct sqlite_job job;
    int64_t shards, last_seq, last_at_ms;
};

static int open_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct open_job *open = (struct open_job *)job;
    int rc = sqlite_exec(conn, &job->error,
        "INSERT INTO meta(name, value) VALUES('shards', ?) ON CONFLICT(name) DO NOTHING", "i",
        open->shards);
    if (rc < 0)
        return rc;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, &job->error,
        "SELECT (SELECT value FROM meta WHERE name = 'shards'), (SELECT max(seq) FROM record),"
        " (SELECT at FROM record ORDER BY seq DESC LIMIT 1)",
        "");
    if (!row)
        return ERROR_INTERNAL;
    rc = sqlite_step(conn, row, &job->error);
    if (rc <= 0)
        return rc < 0 ? rc : ERROR_INTERNAL;
    open->shards = sqlite3_column_int64(row, 0);
    open->last_seq = sqlite3_column_int64(row, 1);
    open->last_at_ms = sqlite3_column_int64(row, 2);
    return 0;
}

int stream_sqlite_open(struct stream **out, const char *path, const struct stream_options *options,
    struct error *error)
{
    struct stream_options given = options ? *options : (struct stream_options){0};
    if (given.shards > STREAM_MAX_SHARDS)
        return error_set(error, ERROR_INVALID, NULL, "shards", "a stream has at most %d shards",
            STREAM_MAX_SHARDS);
    struct sqlite_options sqlite_options = {
        .name = "stream-writer", .gather_us = 4000, .migrations = migrations};
    struct sqlite_db *db;
    int rc = sqlite_db_open(&db, path, &sqlite_options, error);
    if (rc < 0)
        return rc;
    struct open_job open = {
        .job = {.run = open_run}, .shards = given.shards > 0 ? given.shards : DEFAULT_SHARDS};
    rc = sqlite_db_write_wait(db, &open.job, error);
    if (rc < 0) {
        sqlite_db_close(db);
        return rc;
    }
    struct sqlite_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        abort();
    stream_init(&stream->base, &sqlite_ops, (int)open.shards);
    stream->db = db;
    stream->retention_ms = given.retention_ms > 0 ? given.retention_ms : DEFAULT_RETENTION_MS;
    stream->max_bytes = given.max_bytes > 0 ? given.max_bytes : DEFAULT_MAX_BYTES;
    stream->last_seq = open.last_seq;
    stream->last_at_ms = open.last_at_ms;
    stream->tail = tail_new(stream->base.shards, TAIL_BYTES, TAIL_RECORDS, open.last_seq);
    *out = &stream->base;
    return 0;
}
