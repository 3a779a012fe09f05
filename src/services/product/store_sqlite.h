/* What the files of the SQLite engine share. */
#ifndef PRODUCT_STORE_SQLITE_H
#define PRODUCT_STORE_SQLITE_H

#include "document.h"
#include "sqlite_db.h"
#include "store.h"
#include "wine_cache.h"

struct store_sqlite {
    struct product_store base; /* first: the port's address is the engine's */
    struct sqlite_db *db;
    struct wine_cache *cache;
    struct relay_source *source;
};

static inline struct store_sqlite *store_of(struct product_store *store)
{
    return (struct store_sqlite *)store;
}

/* A write with what it needs, in memory of its own; `job` is first in each. */
struct store_job {
    struct sqlite_job job;
    struct arena *arena; /* holds the job itself */
    union {
        product_done_fn *done;
        product_lines_fn *lines_done;
        product_rated_fn *rated_done;
        product_import_fn *import_done;
    };
    void *ctx;
    struct trace trace;
    struct wine_cache *cache;
    char id[ID_SIZE];
};

/* A new job of `size` bytes that begins with a struct store_job. */
void *store_job_new(struct product_store *store, size_t size, const struct trace *trace);

/* `error` for callbacks: the job's. */
void store_job_done(struct sqlite_job *job); /* calls `done` and frees */
void store_job_free(struct store_job *job);

/* Puts the event in the outbox. Every change of a wine leaves one, so the cache hears of it here.
 */
int store_put_event(struct sqlite_conn *conn, struct wine_cache *cache,
    const struct product_event *event, const struct buffer *body, struct error *error);

/* Notes that the search must hear of the wine. */
int store_put_pending(struct sqlite_conn *conn, int64_t row, struct error *error);

/* A wine's row and numbers, without JSON; ERROR_NOT_FOUND. For jobs and readers. */
int store_find(
    struct sqlite_conn *conn, const char *id, struct product_wine *wine, struct error *error);

/* store_sqlite_wines.c */
void sqlite_put_wine(
    struct product_store *store, const struct product_put *put, product_done_fn *done, void *ctx);
void sqlite_withdraw(struct product_store *store, const char *id, int64_t version,
    const struct trace *trace, product_done_fn *done, void *ctx);
void sqlite_import(struct product_store *store, struct product_import_source *source,
    product_import_fn *done, void *ctx);

/* store_sqlite_stock.c */
void sqlite_reserve(struct product_store *store, const char *order_id,
    const struct product_line *lines, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx);
void sqlite_settle(struct product_store *store, const char *order_id,
    enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
    void *ctx);
void sqlite_change_stock(struct product_store *store, const struct product_line *lines,
    size_t count, const struct product_change *change, product_lines_fn *done, void *ctx);

/* store_sqlite_ratings.c */
void sqlite_rate(struct product_store *store, const struct product_rating *rating,
    const struct trace *trace, product_rated_fn *done, void *ctx);
void sqlite_ratings(struct product_store *store, struct arena *arena, const char *wine_id,
    const char *user_id, const char *before, size_t limit, product_ratings_fn *done, void *ctx);
void sqlite_forget(
    struct product_store *store, const char *user_id, product_done_fn *done, void *ctx);

/* store_sqlite_images.c */
void sqlite_add_upload(struct product_store *store, const struct product_upload *upload,
    const char *blob, product_done_fn *done, void *ctx);
void sqlite_finish_upload(struct product_store *store, const struct product_upload *upload,
    const char *images, const struct trace *trace, product_done_fn *done, void *ctx);
void sqlite_clear_images(struct product_store *store, const char *wine_id,
    const struct trace *trace, product_done_fn *done, void *ctx);
void sqlite_uploads(
    struct product_store *store, const char *wine_id, product_uploads_fn *done, void *ctx);

/* Replaces the pictures in the wine's document, with the event; call within a job. */
int store_set_images(struct sqlite_conn *conn, struct wine_cache *cache,
    const struct product_wine *wine, const char *upload, const char *images,
    const struct trace *trace, struct error *error);

#endif
