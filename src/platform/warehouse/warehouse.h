/*
 * The warehouse port: what happened in the shop, kept for analysis in a star schema. Facts (views,
 * impressions, clicks, searches, cart changes, orders and their lines, ratings) point to the
 * dimensions wine, shopper (a pseudonym) and day. docs/warehouse.md describes the tables.
 *
 * It is filled by loaders (stream consumers) in batches: the facts and the loader's place in the
 * stream are kept in one transaction, so that each event counts once however often the loader
 * starts again. Several loaders share the stream's shards by leases. Everything that came from the
 * stream can be built anew from it as far as it reaches back; history from before the shop is
 * imported. Facts that carry a document or a state (wine, stock, order status) have a `sequence`:
 * one that is not above what was applied before is dropped.
 *
 * Threads: every function may be called from any thread. Those with `done` are asynchronous; the
 * others block on the engine and are for background threads. An engine that is away answers
 * ERROR_UNAVAILABLE within 5 s, and is found again by itself. Nobody but the engines touches `ops`.
 */
#ifndef PLATFORM_WAREHOUSE_H
#define PLATFORM_WAREHOUSE_H

#include "error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct warehouse;

#define WAREHOUSE_MAX_SHARDS 64
#define WAREHOUSE_MAX_DAYS 366
#define WAREHOUSE_RECENT_EVENTS 65536 /* ids of events that are remembered */
#define WAREHOUSE_RECENT_LETTERS 1000 /* dead letters that are kept */
#define WAREHOUSE_DEMAND_DAYS 91      /* of sales by wine, for forecasts */
#define WAREHOUSE_MAX_OWNERS 64       /* loaders at a time */
#define WAREHOUSE_ID_MAX 128          /* bytes of an id or pseudonym; longer ones are cut */

enum warehouse_fact_kind {
    WAREHOUSE_VIEW,
    WAREHOUSE_IMPRESSION,
    WAREHOUSE_CLICK,
    WAREHOUSE_SEARCH,
    WAREHOUSE_CART,         /* a cart's line is now `cart.quantity` */
    WAREHOUSE_ORDER,        /* an order was placed */
    WAREHOUSE_ORDER_STATUS, /* an order that was placed has a new status */
    WAREHOUSE_RATING,
    WAREHOUSE_WINE, /* the dimension: a wine is described */
    WAREHOUSE_WINE_WITHDRAWN,
    WAREHOUSE_STOCK,
    WAREHOUSE_MERGE,  /* `merge.guest` turned out to be `shopper` */
    WAREHOUSE_FORGET, /* `shopper`, and the guests merged into it, become nobody in particular */
};

struct warehouse_line {
    const char *wine_id;
    int64_t quantity, unit_price, line_total;
};

struct warehouse_wine {
    const char *name, *winery, *type, *country, *region;
    int64_t vintage; /* 0: none */
    int64_t bottle_ml, price;
    const char *currency;
};

/* Texts are never NULL ("" is none) and live until the load is done. */
struct warehouse_fact {
    enum warehouse_fact_kind kind;
    const char *event_id;
    int64_t at_ms;    /* wall clock of the event */
    int64_t sequence; /* of the aggregate; 0 where there is none */
    const char *shopper;
    const char *wine_id;
    union {
        struct {
            const char *list;  /* where the wine was shown; of a view nothing else is kept */
            const char *query; /* the search it was found by */
            int position;      /* in the list, from 1; 0: not told */
            const char *experiment, *arm; /* "a" or "b" */
        } shown;                          /* view, impression, click */
        struct {
            const char *query;
            int64_t results; /* -1: not told */
        } search;
        struct {
            int64_t quantity, previous;
        } cart;
        struct {
            const char *order_id, *country, *region, *currency;
            int64_t subtotal, shipping, tax, total;
            const struct warehouse_line *lines;
            size_t line_count;
        } order;
        struct {
            const char *order_id, *status;
        } status;
        double stars;
        struct warehouse_wine wine;
        int64_t available;
        struct {
            const char *guest;
        } merge;
    };
};

struct warehouse_dead_letter {
    const char *event_id; /* "" when not even that could be read */
    const char *reason;
    const char *body; /* as it came, cut to a few KiB; invalid bytes replaced */
    int64_t at_ms;
    int64_t sequence; /* in the stream */
    int shard;
};

struct warehouse_checkpoint {
    int shard;
    int64_t sequence;
};

struct warehouse_batch {
    const struct warehouse_fact *facts;
    size_t fact_count;
    const char *const *event_ids; /* of all events of the batch, those without a fact too; an id
                                     holds no blank */
    size_t event_count;
    const struct warehouse_dead_letter *letters;
    size_t letter_count;
    const struct warehouse_checkpoint *checkpoints;
    size_t checkpoint_count;
    const char *owner; /* who must hold the checkpoints' shards (warehouse_lease); NULL or "":
                          nobody need */
};

/* ---- leases: who of several loaders reads which shard ---- */

struct warehouse_lease_query {
    const char *owner; /* at most WAREHOUSE_ID_MAX bytes */
    int shards;        /* of the stream, at most WAREHOUSE_MAX_SHARDS */
    int64_t now_ms;    /* wall clock; the loaders' clocks agree to well below `lease_ms` */
    int64_t lease_ms;
    bool release; /* give all back */
};

/* ---- history from before the shop ---- */

struct warehouse_rating_row {
    const char *shopper, *wine_id; /* neither is empty */
    double stars;
    int64_t vintage; /* 0: none */
    int64_t at_ms;
};

/* ---- what happened between shoppers and wines, for those who learn from it ---- */

struct warehouse_interaction_query {
    int64_t since_ms, until_ms; /* from, and up to but without; 0: no end */
    int limit;                  /* of each kind, the newest; 0: all */
    const char *shopper;        /* NULL: all; else this one and the guests merged into it */
};

struct warehouse_interaction {
    enum warehouse_fact_kind kind; /* VIEW, CLICK, CART, ORDER (one per line) or RATING */
    int64_t at_ms;
    const char *shopper; /* "" when not known, or forgotten; guests by whom they turned out to be */
    const char *wine_id;
    const char *order_id; /* of ORDER; else "" */
    double value;         /* quantity (0 if the order was rejected or cancelled), or stars */
};

/* ---- the report ---- */

struct warehouse_revenue {
    char day[11]; /* YYYY-MM-DD, UTC */
    int64_t orders, amount;
};

struct warehouse_seller {
    const char *wine_id, *name;
    int64_t bottles, amount;
};

struct warehouse_query_count {
    const char *query;
    int64_t count;
};

struct warehouse_clicked_search {
    const char *query;
    int64_t searches; /* not counting those without a result */
    int64_t clicks;   /* on what they found */
};

struct warehouse_demand {
    const char *wine_id, *name;
    int64_t available; /* -1: not known */
    int32_t *bottles;  /* sold on each of WAREHOUSE_DEMAND_DAYS, oldest first, last is yesterday */
};

struct warehouse_low_stock {
    const char *wine_id, *name;
    int64_t available;
    int64_t sold; /* bottles, in the days of the report */
};

struct warehouse_stuck_order {
    const char *order_id;
    int64_t since_ms;
};

struct warehouse_report_query {
    int days;         /* today included; 1 to WAREHOUSE_MAX_DAYS */
    int64_t now_ms;   /* decides what "today" is */
    int limit;        /* entries of each list but the days */
    int low_stock;    /* list wines with at most so many bottles ... */
    int horizon_days; /* ... and those that at the pace of `days` last at most so long */
    int64_t stuck_ms; /* an order that is pending longer is stuck */
};

/* Orders count by the day they were placed, once they are confirmed and unless they are cancelled
 * or returned; amounts are what was paid, in the currency that most orders have. */
struct warehouse_report {
    char currency[4]; /* "" while there are no orders */
    struct warehouse_revenue *revenue;
    size_t revenue_count; /* one per day, oldest first */

    /* Shoppers, a guest and the account it became once; a view without a pseudonym counts as a
     * shopper of its own. Orders are counted from the moment they are placed. */
    int64_t viewers, carts, buyers;
    int64_t impressions, clicks; /* not shoppers: each counts */

    /* Of as many days just before, in the same currency. */
    int64_t previous_orders, previous_amount;

    struct warehouse_seller *sellers; /* most bottles first */
    size_t seller_count;
    struct warehouse_query_count *searches; /* without a result, most frequent first */
    size_t search_count;
    struct warehouse_clicked_search *clicked_searches; /* most frequent first */
    size_t clicked_search_count;
    struct warehouse_low_stock *low; /* soonest empty first, unsold ones last */
    size_t low_count;
    struct warehouse_demand
        *demand; /* `limit` wines of which most was sold in WAREHOUSE_DEMAND_DAYS,
                    most first, then those in `low` that are not among them */
    size_t demand_count;
    struct warehouse_stuck_order *stuck; /* oldest first */
    size_t stuck_count;
};

/* What an experiment between two lists has shown so far. A session is a shopper's day; it is won by
 * the arm with more clicks in it, and counts if there was one. Clicks of nobody known have none. */
struct warehouse_experiment_result {
    struct {
        int64_t impressions, clicks;
        int64_t won; /* sessions */
    } a, b;
    int64_t tied; /* sessions */
};

struct warehouse_letters {
    struct warehouse_dead_letter *letters; /* newest first */
    size_t count;
};

/* What went wrong since the engine was opened; for metrics. */
struct warehouse_stats {
    int64_t unavailable; /* calls that ended so */
    int64_t connects;    /* connections made to a server */
};

/* `error` is empty when `rc` is 0. */
typedef void warehouse_done_fn(void *ctx, int rc, const struct error *error);

/* Returns 0 to go on. */
typedef int warehouse_interaction_fn(void *ctx, const struct warehouse_interaction *interaction);

struct warehouse_ops {
    void (*load)(struct warehouse *warehouse, const struct warehouse_batch *batch,
        warehouse_done_fn *done, void *ctx);
    void (*import)(struct warehouse *warehouse, const struct warehouse_rating_row *rows,
        size_t count, warehouse_done_fn *done, void *ctx);
    int (*lease)(struct warehouse *warehouse, const struct warehouse_lease_query *query,
        bool held[WAREHOUSE_MAX_SHARDS], struct error *error);
    void (*report)(struct warehouse *warehouse, const struct warehouse_report_query *query,
        struct arena *arena, struct warehouse_report *report, warehouse_done_fn *done, void *ctx);
    void (*experiment)(struct warehouse *warehouse, const char *experiment,
        struct warehouse_experiment_result *result, warehouse_done_fn *done, void *ctx);
    void (*letters)(struct warehouse *warehouse, int max, struct arena *arena,
        struct warehouse_letters *letters, warehouse_done_fn *done, void *ctx);
    int (*interactions)(struct warehouse *warehouse,
        const struct warehouse_interaction_query *query, warehouse_interaction_fn *fn, void *ctx,
        struct error *error);
    int (*checkpoints)(struct warehouse *warehouse, int64_t *sequences, struct error *error);
    int (*recent)(
        struct warehouse *warehouse, struct arena *arena, const char ***ids, struct error *error);
    void (*close)(struct warehouse *warehouse);
};

struct warehouse {
    const struct warehouse_ops *ops;
    atomic_int_fast64_t unavailable, connects; /* struct warehouse_stats; the engine counts */
};

/* Applies the batch, all or nothing, in the order given. `batch` and what it points to live until
 * `done` is called: once, on any thread, perhaps before the return; it is short and never waits.
 *
 * A batch whose checkpoints are all reached was loaded before (its answer was lost, say): 0, and
 * nothing is applied. ERROR_CONFLICT, and nothing is applied, when some are reached and others not,
 * or when the owner does not hold their shards. */
static inline void warehouse_load(struct warehouse *warehouse, const struct warehouse_batch *batch,
    warehouse_done_fn *done, void *ctx)
{
    warehouse->ops->load(warehouse, batch, done, ctx);
}

/* Loads ratings from elsewhere, all or nothing: a row replaces what was imported before of the same
 * shopper and wine (never what was rated in the shop), the last of several in `rows` counts. `rows`
 * live until `done` is called, as above. The more rows a call, the quicker: 100,000, say. */
static inline void warehouse_import(struct warehouse *warehouse,
    const struct warehouse_rating_row *rows, size_t count, warehouse_done_fn *done, void *ctx)
{
    warehouse->ops->import(warehouse, rows, count, done, ctx);
}

/* Renews what the owner holds, gives back what is above its fair share (the shards by the owners
 * alive, rounded up) and takes free and expired shards up to it. An owner is alive until `lease_ms`
 * after its last call. `held` tells which it holds now; untouched on failure. Blocks. */
static inline int warehouse_lease(struct warehouse *warehouse,
    const struct warehouse_lease_query *query, bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    return warehouse->ops->lease(warehouse, query, held, error);
}

/* Fills `report` with memory of the arena, which nobody else uses until `done` is called (as
 * above). ERROR_UNAVAILABLE when too many reports wait. */
static inline void warehouse_report(struct warehouse *warehouse,
    const struct warehouse_report_query *query, struct arena *arena,
    struct warehouse_report *report, warehouse_done_fn *done, void *ctx)
{
    warehouse->ops->report(warehouse, query, arena, report, done, ctx);
}

/* The same for an experiment (its id is copied), and for the newest dead letters. */
static inline void warehouse_experiment(struct warehouse *warehouse, const char *experiment,
    struct warehouse_experiment_result *result, warehouse_done_fn *done, void *ctx)
{
    warehouse->ops->experiment(warehouse, experiment, result, done, ctx);
}

static inline void warehouse_letters(struct warehouse *warehouse, int max, struct arena *arena,
    struct warehouse_letters *letters, warehouse_done_fn *done, void *ctx)
{
    warehouse->ops->letters(warehouse, max, arena, letters, done, ctx);
}

/* Calls `fn` for what happened, in the order of time; the lines of one order come one after the
 * other. Rows are passed as they come, however many they are. Blocks. */
static inline int warehouse_interactions(struct warehouse *warehouse,
    const struct warehouse_interaction_query *query, warehouse_interaction_fn *fn, void *ctx,
    struct error *error)
{
    return warehouse->ops->interactions(warehouse, query, fn, ctx, error);
}

/* How far each of WAREHOUSE_MAX_SHARDS shards was loaded; 0 where nothing was. Blocks. */
static inline int warehouse_checkpoints(
    struct warehouse *warehouse, int64_t *sequences, struct error *error)
{
    return warehouse->ops->checkpoints(warehouse, sequences, error);
}

/* The ids of the newest events loaded, oldest first, at most WAREHOUSE_RECENT_EVENTS; returns the
 * count or a negative code. Blocks. */
static inline int warehouse_recent(
    struct warehouse *warehouse, struct arena *arena, const char ***ids, struct error *error)
{
    return warehouse->ops->recent(warehouse, arena, ids, error);
}

static inline struct warehouse_stats warehouse_stats(struct warehouse *warehouse)
{
    return (struct warehouse_stats){
        .unavailable = atomic_load_explicit(&warehouse->unavailable, memory_order_relaxed),
        .connects = atomic_load_explicit(&warehouse->connects, memory_order_relaxed),
    };
}

/* Finishes what waits, then frees. NULL is fine. */
static inline void warehouse_close(struct warehouse *warehouse)
{
    if (warehouse)
        warehouse->ops->close(warehouse);
}

/* Makes a shopper nobody in particular, outside of the stream's order (there it is a fact). */
void warehouse_forget(
    struct warehouse *warehouse, const char *shopper, warehouse_done_fn *done, void *ctx);

/* ---- engines ---- */

struct warehouse *warehouse_memory_new(void);

/* One file, which this process alone may have open; errors as sqlite_db_open. Loads and reports run
 * on threads of its own, at background priority. */
int warehouse_sqlite_open(struct warehouse **out, const char *path, struct error *error);

/* A database of PostgreSQL, or of what speaks its protocol:
 * postgres://user:password@host:port/name, also postgresql://, and redshift:// for one that knows
 * no indexes. The server need not be there: it is connected to when it is needed. Several programs
 * may have it open. ERROR_INVALID for a URL that is none. Threads as above; at most 9 connections.
 */
int warehouse_postgres_open(struct warehouse **out, const char *url, struct error *error);

/* ---- for engines ---- */

#define WAREHOUSE_DAY_MS INT64_C(86400000)

/* Whether the batch's checkpoints let it be applied: 1 yes, 0 it was loaded before, or a negative
 * code. `places` are those of WAREHOUSE_MAX_SHARDS shards. */
int warehouse_check_places(
    const struct warehouse_batch *batch, const int64_t *places, struct error *error);

/* The refusal of a batch whose owner does not hold `shard`. */
int warehouse_not_held(const struct warehouse_batch *batch, int shard, struct error *error);

/* Which shards an owner has after its call: `held` tells what it has now, and `taken` what others
 * alive have; `owners` counts those alive, itself among them. */
void warehouse_lease_share(const struct warehouse_lease_query *query, int owners, const bool *taken,
    bool held[WAREHOUSE_MAX_SHARDS]);

/* Days since 1970-01-01 UTC: the key of the dimension. */
static inline int64_t warehouse_day(int64_t at_ms)
{
    return at_ms / WAREHOUSE_DAY_MS;
}

/* The first day of the query. */
int64_t warehouse_first_day(const struct warehouse_report_query *query);

/* Milliseconds of the first day of the report, and of the first of the days just before. */
int64_t warehouse_since(const struct warehouse_report_query *query);
int64_t warehouse_since_previous(const struct warehouse_report_query *query);

/* Makes the report's days, all zero. */
void warehouse_report_days(const struct warehouse_report_query *query, struct arena *arena,
    struct warehouse_report *report);

#endif
