/* What the files of the memory engine share. Everything is guarded by one lock; callbacks are
 * called without it. */
#ifndef PRODUCT_STORE_MEMORY_H
#define PRODUCT_STORE_MEMORY_H

#include "document.h"
#include "store.h"

#include <pthread.h>

struct memory_wine {
    struct product_wine wine; /* numbers; json is made anew for each reader */
    char group_id[ID_SIZE], image_upload[ID_SIZE];
    char *sku, *name_key, *words, *brief, *doc, *images;
    int64_t price;
};

struct memory_group {
    char *key;
    char id[ID_SIZE];
};

struct memory_rating {
    struct product_rating rating;
    char *note;
};

struct memory_upload {
    struct product_upload upload;
    char *reason;
};

struct memory_reservation {
    char order_id[ID_SIZE];
    enum reservation_status status;
    char *lines;
};

struct store_memory {
    struct product_store base; /* first: the port's address is the engine's */
    pthread_mutex_t lock;
    struct outbox_memory *outbox;
    struct relay_source *source;
    int64_t position;
    struct buffer scratch; /* for events */

    struct memory_wine *wines; /* in the order of creation */
    size_t wine_count;
    struct memory_group *groups;
    size_t group_count;
    struct memory_rating *ratings; /* in the order of ids */
    size_t rating_count;
    char (*forgotten)[ID_SIZE]; /* users whose ratings are not taken any more */
    size_t forgotten_count;
    struct memory_upload *uploads;
    size_t upload_count;
    struct memory_reservation *reservations;
    size_t reservation_count;
    char (*applied)[65]; /* ids of messages */
    size_t applied_count;
    struct product_pending *pending;
    size_t pending_count;
    int64_t last_pending;
};

static inline struct store_memory *memory_of(struct product_store *store)
{
    return (struct store_memory *)store;
}

/* An array with room for one more element of `size` bytes. */
void *memory_grow(void *array, size_t count, size_t size);
char *memory_strdup(const char *text);
void memory_replace(char **slot, const char *text);

/* With the lock held. NULL when there is no such wine. */
struct memory_wine *memory_find(struct store_memory *store, const char *id);
struct memory_wine *memory_find_sku(struct store_memory *store, const char *sku);

/* As memory_find, filling the error when it is not there. */
struct memory_wine *memory_need(struct store_memory *store, const char *id, struct error *error);

/* Puts store->scratch, an event, in the outbox. */
void memory_put_event(struct store_memory *store, const struct product_event *event);
void memory_put_pending(struct store_memory *store, const struct memory_wine *wine);

/* Ends a write: lets the lock go and wakes the relay. */
void memory_commit(struct store_memory *store);

/* store_memory_wines.c */
void memory_put_wine(
    struct product_store *store, const struct product_put *put, product_done_fn *done, void *ctx);
void memory_withdraw(struct product_store *store, const char *id, int64_t version,
    const struct trace *trace, product_done_fn *done, void *ctx);
void memory_import(struct product_store *store, struct product_import_source *source,
    product_import_fn *done, void *ctx);
void memory_add_upload(struct product_store *store, const struct product_upload *upload,
    const char *blob, product_done_fn *done, void *ctx);
void memory_finish_upload(struct product_store *store, const struct product_upload *upload,
    const char *images, const struct trace *trace, product_done_fn *done, void *ctx);
void memory_clear_images(struct product_store *store, const char *wine_id,
    const struct trace *trace, product_done_fn *done, void *ctx);
void memory_uploads(
    struct product_store *store, const char *wine_id, product_uploads_fn *done, void *ctx);

/* store_memory_stock.c */
void memory_reserve(struct product_store *store, const char *order_id,
    const struct product_line *lines, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx);
void memory_settle(struct product_store *store, const char *order_id,
    enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
    void *ctx);
void memory_change_stock(struct product_store *store, const struct product_line *lines,
    size_t count, const struct product_change *change, product_lines_fn *done, void *ctx);
void memory_rate(struct product_store *store, const struct product_rating *rating,
    const struct trace *trace, product_rated_fn *done, void *ctx);
void memory_forget(
    struct product_store *store, const char *user_id, product_done_fn *done, void *ctx);
void memory_ratings(struct product_store *store, struct arena *arena, const char *wine_id,
    const char *user_id, const char *before, size_t limit, product_ratings_fn *done, void *ctx);

#endif
