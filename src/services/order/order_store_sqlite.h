/* What the files of the SQLite engine share. */
#ifndef ORDER_STORE_SQLITE_H
#define ORDER_STORE_SQLITE_H

#include "order_store.h"
#include "sqlite_db.h"

#include <pthread.h>

struct report; /* a list that waits for the reporting thread */

struct order_store_sqlite {
    struct order_store base;
    struct sqlite_db *db;

    /* Lists over everybody's orders scan the table: one thread of their own reads them, so that
     * none that serves is held up. */
    pthread_t reporter;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct report *first, **last;
    bool stopping;
};

#define ORDER_COLUMNS                                                                              \
    "seq, id, owner, sealer, status, payment, fulfilment, version, changed_from, placed_at,"       \
    " updated_at, amount, currency, method, destination, reason, reference, history, sealed, doc"

/* Fills the record from a row of ORDER_COLUMNS, texts copied to the arena. */
void order_row_read(sqlite3_stmt *row, struct arena *arena, struct order_record *record);

/* Within a job: reads the cart, applies the edits, writes it and its events. Gives the cart after
 * in `*cart` (may be NULL). */
int order_cart_edit(struct sqlite_conn *conn, const struct cart_change *change, struct arena *arena,
    struct cart *cart, struct error *error);

int order_cart_load(
    struct sqlite_conn *conn, const char *owner, struct cart *cart, struct error *error);

/* The operations of the other files. */
void order_sqlite_checkout(struct order_store *store, const char *owner, const char *key,
    int64_t now_ms, struct arena *arena, checkout_done_fn *done, void *ctx);
void order_sqlite_place(struct order_store *store, struct order_placement *placement,
    struct arena *arena, place_done_fn *done, void *ctx);
void order_sqlite_get(
    struct order_store *store, const char *id, struct arena *arena, order_done_fn *done, void *ctx);
void order_sqlite_transition(struct order_store *store, const struct order_transition *transition,
    struct arena *arena, order_done_fn *done, void *ctx);
void order_sqlite_merge(struct order_store *store, const struct cart_merge *merge,
    struct arena *arena, cart_done_fn *done, void *ctx);
void order_sqlite_list(struct order_store *store, const struct order_query *query,
    struct arena *arena, order_page_fn *done, void *ctx);

int order_reporter_start(struct order_store_sqlite *store, struct error *error);
void order_reporter_stop(struct order_store_sqlite *store);

#endif
