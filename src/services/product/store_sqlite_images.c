/* The SQLite engine: uploads, and the pictures made of them. */
#include "store_sqlite.h"

#include "sqlite_outbox.h"

#include <string.h>

struct upload_job {
    struct store_job base; /* base.id is the wine's */
    struct product_upload upload;
    const char *blob, *images;
};

static struct upload_job *upload_job_new(struct product_store *store,
    const struct product_upload *upload, const struct trace *trace, product_done_fn *done,
    void *ctx)
{
    struct upload_job *job = store_job_new(store, sizeof(*job), trace);
    job->base.job.done = store_job_done;
    job->base.done = done;
    job->base.ctx = ctx;
    if (upload) {
        job->upload = *upload;
        job->upload.reason = arena_strdup(job->base.arena, upload->reason);
        memcpy(job->base.id, upload->wine_id, ID_SIZE);
    }
    return job;
}

static int add_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct upload_job *job = (struct upload_job *)base;
    CLEANUP_BUFFER struct buffer message = BUFFER_INIT;
    struct product_wine wine;
    int rc = store_find(conn, job->base.id, &wine, &base->error);
    if (rc == 0)
        rc = sqlite_exec(conn, &base->error,
            "INSERT INTO upload(id, wine, status, created_ms) VALUES(?, ?, ?, ?)", "tiii",
            job->upload.id, wine.row, (int64_t)PRODUCT_UPLOAD_PENDING, job->upload.created_ms);
    if (rc < 0)
        return rc;
    message_image(&message, &job->upload, job->blob);
    struct outbox_item item = {.target = "queue:images",
        .key = job->base.id,
        .id = job->upload.id,
        .body = message.data,
        .length = message.length};
    return sqlite_outbox_put(conn, &item, &base->error);
}

void sqlite_add_upload(struct product_store *store, const struct product_upload *upload,
    const char *blob, product_done_fn *done, void *ctx)
{
    struct upload_job *job = upload_job_new(store, upload, NULL, done, ctx);
    job->base.job.run = add_run;
    job->blob = arena_strdup(job->base.arena, blob);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* Whether the pictures of this upload may replace the ones shown; ids grow with time. */
static int is_newest(struct sqlite_conn *conn, const struct product_wine *wine, const char *upload,
    struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
        conn, error, "SELECT image_upload < ? FROM wine WHERE row = ?", "ti", upload, wine->row);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    return rc > 0 ? sqlite3_column_int(row, 0) : rc;
}

static int finish_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct upload_job *job = (struct upload_job *)base;
    struct error *error = &base->error;
    struct product_wine wine;
    int rc = store_find(conn, job->base.id, &wine, error);
    if (rc == 0)
        rc = sqlite_exec(conn, error,
            "UPDATE upload SET status = ?3, reason = ?4 WHERE id = ?1 AND wine = ?2", "tiit",
            job->upload.id, wine.row, (int64_t)job->upload.status, job->upload.reason);
    if (rc == 0 && sqlite_changes(conn) == 0)
        return error_set(
            error, ERROR_NOT_FOUND, NULL, NULL, "there is no such upload of this wine");
    if (rc < 0 || job->upload.status != PRODUCT_UPLOAD_DONE)
        return rc;
    rc = is_newest(conn, &wine, job->upload.id, error);
    return rc <= 0 ? rc
                   : store_set_images(conn, job->base.cache, &wine, job->upload.id, job->images,
                         &job->base.trace, error);
}

void sqlite_finish_upload(struct product_store *store, const struct product_upload *upload,
    const char *images, const struct trace *trace, product_done_fn *done, void *ctx)
{
    struct upload_job *job = upload_job_new(store, upload, trace, done, ctx);
    job->base.job.run = finish_run;
    job->images = arena_strdup(job->base.arena, images);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* The newest upload of the wine, "" when there is none. A new id in its place would not do: ids of
 * two threads have no order within a millisecond, and the next upload has to be above it. */
static int newest_upload(struct sqlite_conn *conn, const struct product_wine *wine,
    char mark[ID_SIZE], struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
        conn, error, "SELECT coalesce(max(id), '') FROM upload WHERE wine = ?", "i", wine->row);
    int rc = row ? sqlite_step(conn, row, error) : ERROR_INTERNAL;
    if (rc < 0)
        return rc;
    strcpy(mark, sqlite_text(row, 0));
    return 0;
}

static int clear_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct upload_job *job = (struct upload_job *)base;
    struct product_wine wine;
    char mark[ID_SIZE];
    int rc = store_find(conn, job->base.id, &wine, &base->error);
    if (rc == 0)
        rc = newest_upload(conn, &wine, mark, &base->error);
    return rc < 0 ? rc
                  : store_set_images(
                        conn, job->base.cache, &wine, mark, "[]", &job->base.trace, &base->error);
}

void sqlite_clear_images(struct product_store *store, const char *wine_id,
    const struct trace *trace, product_done_fn *done, void *ctx)
{
    struct upload_job *job = upload_job_new(store, NULL, trace, done, ctx);
    job->base.job.run = clear_run;
    memcpy(job->base.id, wine_id, ID_SIZE);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

void sqlite_uploads(
    struct product_store *store, const char *wine_id, product_uploads_fn *done, void *ctx)
{
    struct error error = {0};
    struct product_upload uploads[10];
    size_t count = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    sqlite3_stmt *rows = conn ? sqlite_query(conn, &error,
                                    "SELECT u.id, u.status, u.reason, u.created_ms FROM upload u"
                                    " WHERE u.wine = (SELECT row FROM wine WHERE id = ?)"
                                    " ORDER BY u.id DESC LIMIT 10",
                                    "t", wine_id)
                              : NULL;
    struct arena *arena = arena_new();
    int rc = rows ? 0 : error.code;
    while (rows && count < 10 && (rc = sqlite_step(conn, rows, &error)) > 0) {
        struct product_upload *upload = &uploads[count++];
        memcpy(upload->id, sqlite_text(rows, 0), ID_SIZE);
        memcpy(upload->wine_id, wine_id, ID_SIZE);
        upload->status = (enum product_upload_status)sqlite3_column_int(rows, 1);
        upload->reason = arena_strdup(arena, sqlite_text(rows, 2));
        upload->created_ms = sqlite3_column_int64(rows, 3);
    }
    sqlite_done(rows);
    done(ctx, rc < 0 ? rc : 0, &error, uploads, rc < 0 ? 0 : count);
    arena_free(arena);
}
