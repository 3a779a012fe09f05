/*
 * The port of the order service's store: carts, orders, idempotency keys and the outbox, one
 * transaction per call.
 *
 * Every call is completion-style: `done` is called exactly once, on any thread, possibly before the
 * return. What is passed by pointer lives until then; what `done` gets is allocated in the arena
 * that was passed, and lives as long as that. Between call and `done` the arena is the store's.
 * `error` is valid during `done`. Nobody but the engines touches `ops`.
 */
#ifndef ORDER_STORE_H
#define ORDER_STORE_H

#include "error.h"
#include "order_cart.h"
#include "order_model.h"
#include "relay.h"

#include <stdbool.h>

struct arena;
struct order_store;

/* A key is remembered so long. */
#define ORDER_KEY_TTL_MS ((int64_t)24 * 3600 * 1000)

typedef void cart_done_fn(void *ctx, int rc, const struct error *error, struct cart *cart);

struct cart_change {
    const char *owner;
    struct cart_edit *edits;
    size_t count;
    int64_t now_ms;
    struct trace trace;
};

/* What a checkout starts from. */
struct checkout_state {
    struct cart *cart;
    bool key_used; /* within ORDER_KEY_TTL_MS */
    const char *order_id, *request_hash;
};
typedef void checkout_done_fn(
    void *ctx, int rc, const struct error *error, const struct checkout_state *state);

enum place_outcome {
    PLACE_DONE,
    PLACE_KEY_USED,    /* meanwhile: begin again */
    PLACE_CART_CHANGED /* likewise */
};
/* With PLACE_DONE the placement's record has its seq. */
typedef void place_done_fn(
    void *ctx, int rc, const struct error *error, enum place_outcome outcome);

/* `record` is the order after the call; on ERROR_CONFLICT as it is; NULL on other errors. */
typedef void order_done_fn(
    void *ctx, int rc, const struct error *error, struct order_record *record);

struct order_query {
    const char *owner; /* this shopper's; NULL: everybody's, read in the background */
    unsigned statuses; /* bits of enum order_status; 0: any */
    const char *text;  /* a number ("W-2026-000123"), an id, or part of a wine's name; NULL */
    int64_t before;    /* orders with a smaller seq; 0: from the newest */
    int limit;
    bool count; /* also fill `total` */
};
struct order_page {
    struct order_record *records; /* newest first */
    int count;
    int64_t next;  /* `before` of the next page; 0 on the last */
    int64_t total; /* of the whole selection, if asked for */
};
typedef void order_page_fn(
    void *ctx, int rc, const struct error *error, const struct order_page *page);

/* An address sealed anew, for the account that takes over a guest's order. */
struct resealed {
    char order_id[ID_SIZE];
    const void *sealed;
    size_t sealed_length;
};
struct cart_merge {
    const char *guest, *user; /* owners */
    const struct resealed *orders;
    size_t order_count;
    int64_t now_ms;
    struct trace trace;
};

struct order_store_ops {
    void (*cart_get)(struct order_store *store, const char *owner, struct arena *arena,
        cart_done_fn *done, void *ctx);
    void (*cart_edit)(struct order_store *store, const struct cart_change *change,
        struct arena *arena, cart_done_fn *done, void *ctx);
    void (*merge)(struct order_store *store, const struct cart_merge *merge, struct arena *arena,
        cart_done_fn *done, void *ctx);
    void (*checkout)(struct order_store *store, const char *owner, const char *key, int64_t now_ms,
        struct arena *arena, checkout_done_fn *done, void *ctx);
    void (*place)(struct order_store *store, struct order_placement *placement, struct arena *arena,
        place_done_fn *done, void *ctx);
    void (*get)(struct order_store *store, const char *id, struct arena *arena, order_done_fn *done,
        void *ctx);
    void (*transition)(struct order_store *store, const struct order_transition *transition,
        struct arena *arena, order_done_fn *done, void *ctx);
    void (*list)(struct order_store *store, const struct order_query *query, struct arena *arena,
        order_page_fn *done, void *ctx);
    void (*source)(struct order_store *store, struct relay_source_config *source);
    void (*on_commit)(struct order_store *store, void (*wake)(void *ctx), void *ctx);
    void (*close)(struct order_store *store);
};

struct order_store {
    const struct order_store_ops *ops;
};

/* An owner's cart; an empty one if there is none. */
static inline void order_store_cart(struct order_store *store, const char *owner,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    store->ops->cart_get(store, owner, arena, done, ctx);
}

/* Applies the edits (cart_apply) and leaves a `cart.changed` event for each quantity that changed.
 * Gives the cart as it is then. */
static inline void order_store_cart_edit(struct order_store *store,
    const struct cart_change *change, struct arena *arena, cart_done_fn *done, void *ctx)
{
    store->ops->cart_edit(store, change, arena, done, ctx);
}

/* Adds the guest's cart to the user's, empties the guest's, hands over the orders named (those that
 * are still the guest's). Gives the user's cart. */
static inline void order_store_merge(struct order_store *store, const struct cart_merge *merge,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    store->ops->merge(store, merge, arena, done, ctx);
}

/* The cart, and whether the key was used: read so that an order placed between the two reads is
 * seen as a used key. */
static inline void order_store_checkout(struct order_store *store, const char *owner,
    const char *key, int64_t now_ms, struct arena *arena, checkout_done_fn *done, void *ctx)
{
    store->ops->checkout(store, owner, key, now_ms, arena, done, ctx);
}

/* Order, key, empty cart and outbox, all or none. */
static inline void order_store_place(struct order_store *store, struct order_placement *placement,
    struct arena *arena, place_done_fn *done, void *ctx)
{
    store->ops->place(store, placement, arena, done, ctx);
}

/* ERROR_NOT_FOUND if there is none. */
static inline void order_store_get(
    struct order_store *store, const char *id, struct arena *arena, order_done_fn *done, void *ctx)
{
    store->ops->get(store, id, arena, done, ctx);
}

/* Applies order_transition_apply to the order as it is, and writes what follows from it. */
static inline void order_store_transition(struct order_store *store,
    const struct order_transition *transition, struct arena *arena, order_done_fn *done, void *ctx)
{
    store->ops->transition(store, transition, arena, done, ctx);
}

static inline void order_store_list(struct order_store *store, const struct order_query *query,
    struct arena *arena, order_page_fn *done, void *ctx)
{
    store->ops->list(store, query, arena, done, ctx);
}

/* The outbox, for relay_add_source; and what to call after each commit (relay_wake_source). Set
 * before the first write. */
static inline void order_store_source(struct order_store *store, struct relay_source_config *source)
{
    store->ops->source(store, source);
}

static inline void order_store_on_commit(
    struct order_store *store, void (*wake)(void *ctx), void *ctx)
{
    store->ops->on_commit(store, wake, ctx);
}

/* Finishes the writes that wait. NULL is fine. */
static inline void order_store_close(struct order_store *store)
{
    if (store)
        store->ops->close(store);
}

/* ---- engines ---- */

/* In memory, gone with the process. */
struct order_store *order_store_memory_new(void);

/* One file of its own (data/order.db); errors as sqlite_db_open. */
int order_store_sqlite_open(struct order_store **out, const char *path, struct error *error);

#endif
