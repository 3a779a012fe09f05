#include "notification_store.h"

#include "arena.h"
#include "sqlite_db.h"

#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
    "CREATE TABLE notification(id TEXT PRIMARY KEY, user_id TEXT, guest_id TEXT,"
    " template TEXT NOT NULL, subject TEXT NOT NULL, order_id TEXT, error TEXT,"
    " status INTEGER NOT NULL, attempts INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " sent_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX notification_user ON notification(user_id, id) WHERE user_id IS NOT NULL;"
    "CREATE INDEX notification_unsent ON notification(status, id) WHERE status <> 1;",
    NULL,
};

#define COLUMNS                                                                                    \
    "id, user_id, guest_id, template, subject, order_id, error, status, attempts, created_ms,"     \
    " sent_ms"

_Static_assert(NOTIFICATION_SENT == 1, "the index of unsent letters says so");

struct sqlite_store {
    struct notification_store base; /* first */
    struct sqlite_db *db;
};

static struct sqlite_db *db_of(struct notification_store *store)
{
    return ((struct sqlite_store *)store)->db;
}

static int sent(struct notification_store *store, const char *id, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(db_of(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement = sqlite_query(
        conn, error, "SELECT 1 FROM notification WHERE id = ? AND status = 1", "t", id);
    return statement ? sqlite_step(conn, statement, error) : ERROR_INTERNAL;
}

struct record_job {
    struct sqlite_job job; /* first */
    const struct notification_row *rows;
    size_t count;
    notification_done *done;
    void *ctx;
};

static int run_record(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct record_job *job = (struct record_job *)base;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->count; i++) {
        const struct notification_row *row = &job->rows[i];
        rc = sqlite_exec(conn, &base->error,
            "INSERT INTO notification(" COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT(id) DO UPDATE SET subject = excluded.subject, error = excluded.error,"
            " status = excluded.status, attempts = excluded.attempts, sent_ms = excluded.sent_ms"
            " WHERE status <> 1",
            "tttttttiiii", row->id, row->user_id, row->guest_id, row->template, row->subject,
            row->order_id, row->error, (int64_t)row->status, (int64_t)row->attempts,
            row->created_ms, row->sent_ms);
    }
    return rc;
}

static void record_done(struct sqlite_job *base)
{
    struct record_job *job = (struct record_job *)base;
    job->done(job->ctx, base->rc < 0 ? base->rc : 0, &base->error);
    free(job);
}

static void record(struct notification_store *store, const struct notification_row *rows,
    size_t count, notification_done *done, void *ctx)
{
    struct record_job *job = malloc(sizeof(*job));
    if (!job)
        abort();
    *job = (struct record_job){
        .job = {.run = run_record, .done = record_done}, rows, count, done, ctx};
    sqlite_db_write(db_of(store), &job->job);
}

static void take_row(struct arena *arena, sqlite3_stmt *statement, struct notification_row *out)
{
    *out = (struct notification_row){
        .id = arena_strdup(arena, sqlite_text(statement, 0)),
        .user_id = arena_strdup(arena, sqlite_text(statement, 1)),
        .guest_id = arena_strdup(arena, sqlite_text(statement, 2)),
        .template = arena_strdup(arena, sqlite_text(statement, 3)),
        .subject = arena_strdup(arena, sqlite_text(statement, 4)),
        .order_id = arena_strdup(arena, sqlite_text(statement, 5)),
        .error = arena_strdup(arena, sqlite_text(statement, 6)),
        .status = (enum notification_status)sqlite3_column_int(statement, 7),
        .attempts = sqlite3_column_int(statement, 8),
        .created_ms = sqlite3_column_int64(statement, 9),
        .sent_ms = sqlite3_column_int64(statement, 10),
    };
}

/* A statement per shape of the question, so that each uses its index. */
static sqlite3_stmt *select_page(
    struct sqlite_conn *conn, const struct notification_query *query, struct error *error)
{
    const char *before = query->before ? query->before : "~"; /* above every id */
    int64_t limit = query->limit, status = query->status;
    if (query->user_id)
        return sqlite_query(conn, error,
            "SELECT " COLUMNS " FROM notification WHERE user_id = ? AND id < ?"
            " AND (?3 < 0 OR status = ?3) ORDER BY id DESC LIMIT ?",
            "ttii", query->user_id, before, status, limit);
    if (query->status >= 0 && query->status != NOTIFICATION_SENT)
        return sqlite_query(conn, error,
            "SELECT " COLUMNS " FROM notification WHERE status = ? AND status <> 1 AND id < ?"
            " ORDER BY id DESC LIMIT ?",
            "iti", status, before, limit);
    return sqlite_query(conn, error,
        "SELECT " COLUMNS " FROM notification WHERE id < ? AND (?2 < 0 OR status = ?2)"
        " ORDER BY id DESC LIMIT ?",
        "tii", before, status, limit);
}

static int list_rows(struct notification_store *store, struct arena *arena,
    const struct notification_query *query, struct notification_list *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(db_of(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement = select_page(conn, query, error);
    if (!statement)
        return ERROR_INTERNAL;
    struct notification_row *rows =
        arena_new_array(arena, (size_t)query->limit + 1, struct notification_row);
    size_t count = 0;
    int rc;
    while ((rc = sqlite_step(conn, statement, error)) > 0)
        take_row(arena, statement, &rows[count++]);
    if (rc == 0)
        *out = (struct notification_list){rows, count};
    return rc;
}

static void list(struct notification_store *store, struct arena *arena,
    const struct notification_query *query, struct notification_list *out, notification_done *done,
    void *ctx)
{
    struct error error = {0};
    int rc = list_rows(store, arena, query, out, &error);
    done(ctx, rc, &error);
}

static int backup(struct notification_store *store, const char *path, struct error *error)
{
    return sqlite_db_backup(db_of(store), path, error);
}

static void store_close(struct notification_store *store)
{
    sqlite_db_close(db_of(store));
    free(store);
}

static const struct notification_store_ops sqlite_ops = {
    .sent = sent,
    .record = record,
    .list = list,
    .backup = backup,
    .close = store_close,
};

int notification_store_sqlite_open(
    struct notification_store **out, const char *path, struct error *error)
{
    struct sqlite_store *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &sqlite_ops;
    /* Not in the background, though the mail is: what is recorded is acknowledged from this thread,
     * under locks of the queues' that orders wait for. */
    int rc = sqlite_db_open(&store->db, path,
        &(struct sqlite_options){.name = "notification", .migrations = migrations}, error);
    if (rc < 0) {
        free(store);
        return rc;
    }
    *out = &store->base;
    return 0;
}
