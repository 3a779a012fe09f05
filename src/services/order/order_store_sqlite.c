#include "order_store_sqlite.h"

#include "arena.h"
#include "buffer.h"
#include "order_messages.h"
#include "sqlite_outbox.h"

#include <stdlib.h>
#include <string.h>

/* The sequence of orders is their number for people. The index by owner guards the idempotency
 * keys, too: placing an order then touches few pages, which is what a commit costs. */
static const char *const migrations[] = {
    SQLITE_OUTBOX_SCHEMA
    "CREATE TABLE cart(owner TEXT PRIMARY KEY, version INTEGER NOT NULL, lines TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE orders(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
    " sealer TEXT NOT NULL, status INTEGER NOT NULL, payment INTEGER NOT NULL,"
    " fulfilment INTEGER NOT NULL, version INTEGER NOT NULL, changed_from INTEGER NOT NULL,"
    " placed_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " currency TEXT NOT NULL, method TEXT NOT NULL, destination TEXT NOT NULL, reason TEXT,"
    " reference TEXT, history TEXT NOT NULL, key TEXT, request_hash TEXT NOT NULL,"
    " sealed BLOB NOT NULL, doc TEXT NOT NULL);"
    "CREATE UNIQUE INDEX orders_by_owner ON orders(owner, key);",
    NULL,
};

static struct order_store_sqlite *of(struct order_store *store)
{
    return (struct order_store_sqlite *)store;
}

/* ---- carts ---- */

int order_cart_load(
    struct sqlite_conn *conn, const char *owner, struct cart *cart, struct error *error)
{
    cart->version = 0;
    cart->count = 0;
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, error, "SELECT version, lines FROM cart WHERE owner = ?", "t", owner);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc <= 0)
        return rc;
    cart->version = sqlite3_column_int64(row, 0);
    return cart_read(cart, sqlite_text(row, 1), error);
}

static int put_events(struct sqlite_conn *conn, const struct cart_change *change, int64_t version,
    struct arena *arena, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < change->count; i++) {
        const struct cart_edit *edit = &change->edits[i];
        if (edit->now == edit->previous)
            continue;
        struct outbox_item item = message_cart(arena, change->owner, edit, version, &change->trace);
        rc = sqlite_outbox_put(conn, &item, error);
    }
    return rc;
}

int order_cart_edit(struct sqlite_conn *conn, const struct cart_change *change, struct arena *arena,
    struct cart *cart, struct error *error)
{
    int rc = order_cart_load(conn, change->owner, cart, error);
    if (rc < 0)
        return rc;
    int changes = cart_apply(cart, change->edits, change->count, change->now_ms, error);
    if (changes <= 0)
        return changes;
    CLEANUP_BUFFER struct buffer lines = BUFFER_INIT;
    buffer_append_text(&lines, "");
    cart_write(cart, &lines);
    rc = sqlite_exec(conn, error,
        "INSERT INTO cart(owner, version, lines) VALUES(?, ?, ?)"
        " ON CONFLICT(owner) DO UPDATE SET version = excluded.version, lines = excluded.lines",
        "tit", change->owner, cart->version, lines.data);
    return rc < 0 ? rc : put_events(conn, change, cart->version, arena, error);
}

static void sqlite_cart_get(struct order_store *store, const char *owner, struct arena *arena,
    cart_done_fn *done, void *ctx)
{
    struct error error = {0};
    struct cart *cart = arena_alloc(arena, sizeof(*cart));
    struct sqlite_conn *conn = sqlite_db_reader(of(store)->db, &error);
    int rc = conn ? order_cart_load(conn, owner, cart, &error) : ERROR_UNAVAILABLE;
    done(ctx, rc, &error, rc < 0 ? NULL : cart);
}

struct cart_job {
    struct sqlite_job job;
    const struct cart_change *change;
    struct arena *arena;
    struct cart *cart;
    cart_done_fn *done;
    void *ctx;
};

static int run_cart(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct cart_job *this = (struct cart_job *)job;
    return order_cart_edit(conn, this->change, this->arena, this->cart, &job->error);
}

static void cart_written(struct sqlite_job *job)
{
    struct cart_job *this = (struct cart_job *)job;
    this->done(this->ctx, job->rc, &job->error, job->rc < 0 ? NULL : this->cart);
}

static void sqlite_cart_edit(struct order_store *store, const struct cart_change *change,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    struct cart_job *job = arena_new_struct(arena, struct cart_job);
    job->job.run = run_cart;
    job->job.done = cart_written;
    job->change = change;
    job->arena = arena;
    job->cart = arena_alloc(arena, sizeof(*job->cart));
    job->done = done;
    job->ctx = ctx;
    sqlite_db_write(of(store)->db, &job->job);
}

/* ---- the outbox ---- */

static int source_read(void *ctx, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(ctx, error);
    return conn ? sqlite_outbox_read(conn, arena, after, max, items, error) : ERROR_UNAVAILABLE;
}

struct trim_job {
    struct sqlite_job job;
    int64_t upto;
    relay_trimmed_fn *trimmed;
    void *ctx;
};

static int run_trim(struct sqlite_conn *conn, struct sqlite_job *job)
{
    return sqlite_outbox_trim(conn, ((struct trim_job *)job)->upto, &job->error);
}

static void trim_done(struct sqlite_job *job)
{
    struct trim_job *this = (struct trim_job *)job;
    this->trimmed(this->ctx, job->rc);
    free(this);
}

static void source_trim(void *ctx, int64_t upto, relay_trimmed_fn *trimmed, void *trimmed_ctx)
{
    struct trim_job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    job->job.run = run_trim;
    job->job.done = trim_done;
    job->upto = upto;
    job->trimmed = trimmed;
    job->ctx = trimmed_ctx;
    sqlite_db_write(ctx, &job->job);
}

static void sqlite_source(struct order_store *store, struct relay_source_config *source)
{
    *source = (struct relay_source_config){
        .name = "order", .ctx = of(store)->db, .read = source_read, .trim = source_trim};
}

static void sqlite_on_commit(struct order_store *store, void (*wake)(void *), void *ctx)
{
    sqlite_db_on_commit(of(store)->db, wake, ctx);
}

static void sqlite_close(struct order_store *store)
{
    struct order_store_sqlite *this = of(store);
    order_reporter_stop(this);
    sqlite_db_close(this->db);
    free(this);
}

static const struct order_store_ops sqlite_ops = {
    .cart_get = sqlite_cart_get,
    .cart_edit = sqlite_cart_edit,
    .merge = order_sqlite_merge,
    .checkout = order_sqlite_checkout,
    .place = order_sqlite_place,
    .get = order_sqlite_get,
    .transition = order_sqlite_transition,
    .list = order_sqlite_list,
    .source = sqlite_source,
    .on_commit = sqlite_on_commit,
    .close = sqlite_close,
};

int order_store_sqlite_open(struct order_store **out, const char *path, struct error *error)
{
    struct order_store_sqlite *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &sqlite_ops;
    struct sqlite_options options = {.name = "order-db", .migrations = migrations};
    int rc = sqlite_db_open(&store->db, path, &options, error);
    if (rc == 0) {
        rc = order_reporter_start(store, error);
        if (rc < 0)
            sqlite_db_close(store->db);
    }
    if (rc < 0) {
        free(store);
        return rc;
    }
    *out = &store->base;
    return 0;
}
