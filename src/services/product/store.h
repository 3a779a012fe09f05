/*
 * The product service's store: wines, their stock and ratings, reservations, uploads, and what is
 * to be told to others (an outbox) and to the search (pending wines), all of which change together
 * or not at all.
 *
 * Operations are completion-style: `done` is called exactly once, on any thread, perhaps before the
 * call returns. What a call is given must live until then unless it says that it copies; results
 * lie in the arena the caller passes, or live for the callback where there is none. `error` is
 * valid during the callback and empty when `rc` is 0. Writes are durable when `done` is called.
 *
 * Errors: ERROR_NOT_FOUND for an unknown wine; ERROR_CONFLICT with reason "version_conflict",
 * "sku_taken", "out_of_stock" or "withdrawn"; ERROR_INVALID naming the field; ERROR_UNAVAILABLE.
 *
 * Engines: memory (tests) and SQLite. Nobody but them touches `ops`.
 */
#ifndef PRODUCT_STORE_H
#define PRODUCT_STORE_H

#include "arena.h"
#include "error.h"
#include "exchange.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct product_store;
struct relay;

#define PRODUCT_MAX_LINES 40
#define PRODUCT_MAX_STOCK 100000000 /* bottles of one wine */

/* ---- what is read ---- */

enum product_detail {
    PRODUCT_PUBLIC, /* the wine as it is served: text, available, rating */
    PRODUCT_BRIEF,  /* what an order needs to know */
};

struct product_wine {
    int64_t row; /* order of creation, from 1; 0: there is no such wine, the rest is empty */
    char id[ID_SIZE];
    const char *json; /* one JSON object, as `product_detail` asked for */
    size_t length;
    int64_t version;  /* of the text, for If-Match */
    int64_t revision; /* of text and pictures */
    bool withdrawn;
    int64_t on_hand, available, stock_version;
    int64_t halves, ratings, rating_version; /* sum of the stars in halves, how many */
    /* filled by `scan` and `list` and for a single id: */
    int64_t created_ms, updated_ms;
    const char *group_key; /* what the catalogue file calls its group; "" stands alone */
};

typedef void product_wines_fn(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count);

/* The back office's list. */
enum product_list_sort { PRODUCT_BY_NAME, PRODUCT_BY_PRICE, PRODUCT_BY_AVAILABLE, PRODUCT_BY_AGE };

#define PRODUCT_MAX_WORDS 8
struct product_list_query {
    const char *words[PRODUCT_MAX_WORDS]; /* folded; all must be found */
    size_t word_count;
    enum product_list_sort sort;
    bool descending;
    size_t limit;
    const char *after; /* id of the last wine of the page before, or NULL */
};

typedef void product_list_fn(void *ctx, int rc, const struct error *error,
    struct product_wine *wines, size_t count, int64_t total, bool more);

/* ---- what is written ---- */

/* A wine's text, rendered by wine.h: what the store keeps of it. */
struct product_record {
    const char *sku;
    const char *group_key; /* by name: imports; NULL or "": stands alone, or see group_id */
    const char *body;      /* members of the public document, without id, group_id and images */
    const char *brief;     /* members of the brief one, without id and available */
    const char *name_key;  /* folded, to sort by */
    const char *words;     /* folded, to be found by */
    int64_t price;
    int64_t stock; /* of a new wine */
};

struct product_put {
    struct product_record record;
    char id[ID_SIZE];
    int64_t version;      /* the one that was looked at; 0: a new wine */
    const char *group_id; /* by id: joins that wine; NULL: as record.group_key says */
    bool keep_group;      /* leave the group as it is */
    struct trace trace;
};

typedef void product_done_fn(void *ctx, int rc, const struct error *error);

struct product_line {
    char id[ID_SIZE];
    int64_t quantity;
    /* results: */
    bool short_of; /* could not be had */
    int64_t available, on_hand;
};

/* `lines` is the call's own copy, in the order of ids, with results filled in; valid during the
 * callback. */
typedef void product_lines_fn(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count);

enum product_settlement { PRODUCT_RELEASE, PRODUCT_SHIP, PRODUCT_RETURN };

struct product_change {
    const char *message_id; /* applied once per id; NULL: always */
    const char *cause;      /* of the event: "restock", "correction" */
    struct trace trace;
};

struct product_rating {
    char id[ID_SIZE];
    char wine_id[ID_SIZE];
    char user_id[ID_SIZE];
    int64_t halves;   /* 2 to 10 */
    const char *note; /* or NULL */
    int64_t created_ms;
};

typedef void product_rated_fn(
    void *ctx, int rc, const struct error *error, const struct product_wine *wine);

typedef void product_ratings_fn(void *ctx, int rc, const struct error *error,
    const struct product_wine *wine, struct product_rating *ratings, size_t count, bool more);

enum product_upload_status { PRODUCT_UPLOAD_PENDING, PRODUCT_UPLOAD_DONE, PRODUCT_UPLOAD_FAILED };

struct product_upload {
    char id[ID_SIZE];
    char wine_id[ID_SIZE];
    enum product_upload_status status;
    const char *reason; /* when it failed */
    int64_t created_ms;
};

typedef void product_uploads_fn(void *ctx, int rc, const struct error *error,
    const struct product_upload *uploads, size_t count);

/* Rows of an import, one after another, on the store's thread: 1 with a row that lives until the
 * next call, 0 at the end, negative to give up. */
struct product_import_source {
    int (*next)(
        struct product_import_source *source, struct product_record *record, struct error *error);
};

struct product_import_counts {
    int64_t added, changed, unchanged;
};

typedef void product_import_fn(
    void *ctx, int rc, const struct error *error, const struct product_import_counts *counts);

/* Wines that the search has yet to hear of. */
struct product_pending {
    int64_t seq;
    char id[ID_SIZE];
};

typedef void product_pending_fn(void *ctx, int rc, const struct error *error,
    const struct product_pending *pending, size_t count);

struct product_totals {
    int64_t wines;    /* withdrawn ones too */
    int64_t pending;  /* seq of the newest pending row; 0: none */
    int64_t position; /* grows with every change of a wine, its stock or its rating */
};

struct product_store_ops {
    void (*get)(struct product_store *store, struct arena *arena, const char *const *ids,
        size_t count, enum product_detail detail, product_wines_fn *done, void *ctx);
    void (*vintages)(struct product_store *store, struct arena *arena, const char *id,
        product_wines_fn *done, void *ctx);
    void (*scan)(struct product_store *store, struct arena *arena, const char *after, size_t max,
        product_wines_fn *done, void *ctx);
    void (*list)(struct product_store *store, struct arena *arena,
        const struct product_list_query *query, product_list_fn *done, void *ctx);
    int (*totals)(struct product_store *store, struct product_totals *totals, struct error *error);
    void (*put)(struct product_store *store, const struct product_put *put, product_done_fn *done,
        void *ctx);
    void (*withdraw)(struct product_store *store, const char *id, int64_t version,
        const struct trace *trace, product_done_fn *done, void *ctx);
    void (*reserve)(struct product_store *store, const char *order_id,
        const struct product_line *lines, size_t count, const struct trace *trace,
        product_lines_fn *done, void *ctx);
    void (*settle)(struct product_store *store, const char *order_id,
        enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
        void *ctx);
    void (*change_stock)(struct product_store *store, const struct product_line *lines,
        size_t count, const struct product_change *change, product_lines_fn *done, void *ctx);
    void (*rate)(struct product_store *store, const struct product_rating *rating,
        const struct trace *trace, product_rated_fn *done, void *ctx);
    void (*ratings)(struct product_store *store, struct arena *arena, const char *wine_id,
        const char *user_id, const char *before, size_t limit, product_ratings_fn *done, void *ctx);
    void (*forget)(
        struct product_store *store, const char *user_id, product_done_fn *done, void *ctx);
    void (*add_upload)(struct product_store *store, const struct product_upload *upload,
        const char *blob, product_done_fn *done, void *ctx);
    void (*finish_upload)(struct product_store *store, const struct product_upload *upload,
        const char *images, const struct trace *trace, product_done_fn *done, void *ctx);
    void (*clear_images)(struct product_store *store, const char *wine_id,
        const struct trace *trace, product_done_fn *done, void *ctx);
    void (*uploads)(
        struct product_store *store, const char *wine_id, product_uploads_fn *done, void *ctx);
    void (*import)(struct product_store *store, struct product_import_source *source,
        product_import_fn *done, void *ctx);
    void (*pending)(struct product_store *store, int64_t after, size_t max,
        product_pending_fn *done, void *ctx);
    void (*pending_done)(
        struct product_store *store, int64_t upto, product_done_fn *done, void *ctx);
    void (*attach_relay)(struct product_store *store, struct relay *relay);
    void (*close)(struct product_store *store);
};

struct product_store {
    const struct product_store_ops *ops;
};

/* Wines by id, in the order of the ids; withdrawn ones are marked, unknown ones have row 0. */
static inline void product_store_get(struct product_store *store, struct arena *arena,
    const char *const *ids, size_t count, enum product_detail detail, product_wines_fn *done,
    void *ctx)
{
    store->ops->get(store, arena, ids, count, detail, done, ctx);
}

/* The public wines for sale of the group that the wine `id` is of, that one too: oldest entry
 * first, at most PRODUCT_MAX_VINTAGES. None for an unknown id. */
#define PRODUCT_MAX_VINTAGES 100
static inline void product_store_vintages(struct product_store *store, struct arena *arena,
    const char *id, product_wines_fn *done, void *ctx)
{
    store->ops->vintages(store, arena, id, done, ctx);
}

/* Public wines that are for sale, by id, above `after` (""). May take a while: not for threads that
 * serve shoppers, unless `max` is small. */
static inline void product_store_scan(struct product_store *store, struct arena *arena,
    const char *after, size_t max, product_wines_fn *done, void *ctx)
{
    store->ops->scan(store, arena, after, max, done, ctx);
}

/* A page of all wines, withdrawn ones too, and how many there are in all. ERROR_INVALID, field
 * "cursor", when `after` is no wine. */
static inline void product_store_list(struct product_store *store, struct arena *arena,
    const struct product_list_query *query, product_list_fn *done, void *ctx)
{
    store->ops->list(store, arena, query, done, ctx);
}

/* On the calling thread: for starting, stopping and watching. */
static inline int product_store_totals(
    struct product_store *store, struct product_totals *totals, struct error *error)
{
    return store->ops->totals(store, totals, error);
}

/* Adds or replaces a wine; copies. Event product.created or product.updated. */
static inline void product_store_put(
    struct product_store *store, const struct product_put *put, product_done_fn *done, void *ctx)
{
    store->ops->put(store, put, done, ctx);
}

/* Takes a wine from sale for good; copies. Event product.withdrawn. Again: no further effect. */
static inline void product_store_withdraw(struct product_store *store, const char *id,
    int64_t version, const struct trace *trace, product_done_fn *done, void *ctx)
{
    store->ops->withdraw(store, id, version, trace, done, ctx);
}

/* All lines or none; copies. The same order with the same lines: no further effect. Lines that
 * cannot be had come back marked, with ERROR_CONFLICT "out_of_stock"; other lines than before, or
 * after a release or shipment: "version_conflict". */
static inline void product_store_reserve(struct product_store *store, const char *order_id,
    const struct product_line *lines, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx)
{
    store->ops->reserve(store, order_id, lines, count, trace, done, ctx);
}

/* Releases, ships or takes back what was reserved; copies. Again: no further effect. An unknown
 * order is ERROR_NOT_FOUND, but for a release, which leaves a mark that refuses a later
 * reservation. A step that does not follow from the last one is "version_conflict". */
static inline void product_store_settle(struct product_store *store, const char *order_id,
    enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
    void *ctx)
{
    store->ops->settle(store, order_id, settlement, trace, done, ctx);
}

/* Adds each line's quantity, which may be negative, to what is on hand and available; all or none;
 * copies. Below zero: "out_of_stock", with the lines marked. */
static inline void product_store_change_stock(struct product_store *store,
    const struct product_line *lines, size_t count, const struct product_change *change,
    product_lines_fn *done, void *ctx)
{
    store->ops->change_stock(store, lines, count, change, done, ctx);
}

/* Gives or replaces the user's rating of the wine; copies. The wine comes back with its new
 * summary, without JSON. Event rating.given. ERROR_UNAUTHORIZED: the user was forgotten. */
static inline void product_store_rate(struct product_store *store,
    const struct product_rating *rating, const struct trace *trace, product_rated_fn *done,
    void *ctx)
{
    store->ops->rate(store, rating, trace, done, ctx);
}

/* Ratings, newest first: of a wine (which comes back too, without JSON), or of a user when
 * `wine_id` is NULL. `before` is the id of the last one seen, or NULL. */
static inline void product_store_ratings(struct product_store *store, struct arena *arena,
    const char *wine_id, const char *user_id, const char *before, size_t limit,
    product_ratings_fn *done, void *ctx)
{
    store->ops->ratings(store, arena, wine_id, user_id, before, limit, done, ctx);
}

/* Forgets a user for good; copies. The stars stay, as those of a pseudonym made for it; the notes
 * are gone, from the file too. Ratings that the user still sends are refused with
 * ERROR_UNAUTHORIZED. Again: no further effect. */
static inline void product_store_forget(
    struct product_store *store, const char *user_id, product_done_fn *done, void *ctx)
{
    store->ops->forget(store, user_id, done, ctx);
}

/* Notes an upload and sends it to the queue "images"; copies. */
static inline void product_store_add_upload(struct product_store *store,
    const struct product_upload *upload, const char *blob, product_done_fn *done, void *ctx)
{
    store->ops->add_upload(store, upload, blob, done, ctx);
}

/* What became of an upload; copies. Done: `images`, a JSON array, replaces the wine's pictures
 * unless a later upload did. Event product.updated. ERROR_NOT_FOUND: no such upload of this wine.
 */
static inline void product_store_finish_upload(struct product_store *store,
    const struct product_upload *upload, const char *images, const struct trace *trace,
    product_done_fn *done, void *ctx)
{
    store->ops->finish_upload(store, upload, images, trace, done, ctx);
}

/* Removes the pictures; uploads made before are not shown any more. Event product.updated. */
static inline void product_store_clear_images(struct product_store *store, const char *wine_id,
    const struct trace *trace, product_done_fn *done, void *ctx)
{
    store->ops->clear_images(store, wine_id, trace, done, ctx);
}

/* The wine's ten newest uploads, newest first. */
static inline void product_store_uploads(
    struct product_store *store, const char *wine_id, product_uploads_fn *done, void *ctx)
{
    store->ops->uploads(store, wine_id, done, ctx);
}

/* Adds, changes or leaves the wines of all rows, by sku, in one transaction; the source must live
 * until `done`. A known sku keeps its id, stock, pictures and whether it was withdrawn. */
static inline void product_store_import(struct product_store *store,
    struct product_import_source *source, product_import_fn *done, void *ctx)
{
    store->ops->import(store, source, done, ctx);
}

/* The oldest wines that changed and have not been acknowledged by product_store_pending_done, with
 * a seq above `after`. */
static inline void product_store_pending(
    struct product_store *store, int64_t after, size_t max, product_pending_fn *done, void *ctx)
{
    store->ops->pending(store, after, max, done, ctx);
}

static inline void product_store_pending_done(
    struct product_store *store, int64_t upto, product_done_fn *done, void *ctx)
{
    store->ops->pending_done(store, upto, done, ctx);
}

/* Makes the outbox a source of the relay, and each commit wake it. Before the first write. */
static inline void product_store_attach_relay(struct product_store *store, struct relay *relay)
{
    store->ops->attach_relay(store, relay);
}

static inline void product_store_close(struct product_store *store)
{
    if (store)
        store->ops->close(store);
}

/* ---- engines ---- */

struct product_store *product_store_memory_new(void);

struct sqlite_db;

/* Opens or creates the file; errors as sqlite_db_open. */
int product_store_sqlite_open(struct product_store **out, const char *path, struct error *error);

#endif
