/* Orders in SQLite: placing, reading, moving along, handing over. */
#include "order_store_sqlite.h"

#include "arena.h"
#include "order_messages.h"
#include "order_transition.h"
#include "sqlite_outbox.h"

#include <string.h>

static struct sqlite_db *db_of(struct order_store *store)
{
    return ((struct order_store_sqlite *)store)->db;
}

static char *copy_text(struct arena *arena, sqlite3_stmt *row, int column)
{
    const char *text = sqlite_text(row, column);
    return text ? arena_strndup(arena, text, (size_t)sqlite3_column_bytes(row, column)) : NULL;
}

static void copy_fixed(char *out, size_t size, sqlite3_stmt *row, int column)
{
    const char *text = sqlite_text(row, column);
    size_t length = text ? strnlen(text, size - 1) : 0;
    memcpy(out, text ? text : "", length);
    out[length] = '\0';
}

void order_row_read(sqlite3_stmt *row, struct arena *arena, struct order_record *record)
{
    *record = (struct order_record){
        .seq = sqlite3_column_int64(row, 0),
        .state =
            {
                .status = (enum order_status)sqlite3_column_int(row, 4),
                .payment = (enum pay_status)sqlite3_column_int(row, 5),
                .fulfilment = (enum fulfil_status)sqlite3_column_int(row, 6),
                .version = sqlite3_column_int64(row, 7),
                .changed_from = sqlite3_column_int64(row, 8),
                .updated_at = sqlite3_column_int64(row, 10),
                .reason = copy_text(arena, row, 15),
                .reference = copy_text(arena, row, 16),
                .history = copy_text(arena, row, 17),
            },
        .placed_at = sqlite3_column_int64(row, 9),
        .total = {.amount = sqlite3_column_int64(row, 11)},
        .method = copy_text(arena, row, 13),
        .destination = copy_text(arena, row, 14),
        .sealed_length = (size_t)sqlite3_column_bytes(row, 18),
        .doc = copy_text(arena, row, 19),
    };
    copy_fixed(record->id, sizeof(record->id), row, 1);
    copy_fixed(record->owner, sizeof(record->owner), row, 2);
    copy_fixed(record->sealer, sizeof(record->sealer), row, 3);
    copy_fixed(record->total.currency, sizeof(record->total.currency), row, 12);
    record->sealed = arena_memdup(arena, sqlite3_column_blob(row, 18), record->sealed_length);
}

static int load_order(struct sqlite_conn *conn, const char *id, struct arena *arena,
    struct order_record *record, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, error, "SELECT " ORDER_COLUMNS " FROM orders WHERE id = ?", "t", id);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such order");
    if (rc > 0)
        order_row_read(row, arena, record);
    return rc < 0 ? rc : 0;
}

void order_sqlite_get(
    struct order_store *store, const char *id, struct arena *arena, order_done_fn *done, void *ctx)
{
    struct error error = {0};
    struct order_record *record = arena_new_struct(arena, struct order_record);
    struct sqlite_conn *conn = sqlite_db_reader(db_of(store), &error);
    int rc = conn ? load_order(conn, id, arena, record, &error) : ERROR_UNAVAILABLE;
    done(ctx, rc, &error, rc < 0 ? NULL : record);
}

/* ---- checkout ---- */

static int load_key(struct sqlite_conn *conn, const char *owner, const char *key, int64_t now_ms,
    struct arena *arena, struct checkout_state *state, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "SELECT id, request_hash FROM orders WHERE owner = ? AND key = ? AND placed_at >= ?", "tti",
        owner, key, now_ms - ORDER_KEY_TTL_MS);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc > 0) {
        state->key_used = true;
        state->order_id = copy_text(arena, row, 0);
        state->request_hash = copy_text(arena, row, 1);
    }
    return rc < 0 ? rc : 0;
}

/* The cart first: an order placed after this read shows as a used key, or is found out by the
 * cart's version. */
void order_sqlite_checkout(struct order_store *store, const char *owner, const char *key,
    int64_t now_ms, struct arena *arena, checkout_done_fn *done, void *ctx)
{
    struct error error = {0};
    struct checkout_state state = {.cart = arena_alloc(arena, sizeof(struct cart))};
    struct sqlite_conn *conn = sqlite_db_reader(db_of(store), &error);
    int rc = conn ? order_cart_load(conn, owner, state.cart, &error) : ERROR_UNAVAILABLE;
    if (rc == 0)
        rc = load_key(conn, owner, key, now_ms, arena, &state, &error);
    done(ctx, rc, &error, &state);
}

struct place_job {
    struct sqlite_job job;
    struct order_placement *placement;
    enum place_outcome outcome;
    place_done_fn *done;
    void *ctx;
};

/* 1 if it was inserted, 0 if the key is used. */
static int insert_order(
    struct sqlite_conn *conn, const struct order_placement *placement, struct error *error)
{
    const struct order_record *record = &placement->record;
    const struct order_state *state = &record->state;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO orders(id, owner, sealer, status, payment, fulfilment, version, changed_from,"
        " placed_at, updated_at, amount, currency, method, destination, history, key,"
        " request_hash, sealed, doc)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(owner, key) DO NOTHING",
        "tttiiiiiiittttttbt", record->id, record->owner, record->sealer, (int64_t)state->status,
        (int64_t)state->payment, (int64_t)state->fulfilment, state->version, record->placed_at,
        state->updated_at, record->total.amount, record->total.currency, record->method,
        record->destination, state->history, placement->key, placement->request_hash,
        record->sealed, record->sealed_length, record->doc);
    return rc < 0 ? rc : sqlite_changes(conn);
}

/* 1 if the key was used so long ago that it is free again. */
static int free_key(
    struct sqlite_conn *conn, const struct order_placement *placement, struct error *error)
{
    const struct order_record *record = &placement->record;
    int rc = sqlite_exec(conn, error,
        "UPDATE orders SET key = NULL WHERE owner = ? AND key = ? AND placed_at < ?", "tti",
        record->owner, placement->key, record->placed_at - ORDER_KEY_TTL_MS);
    return rc < 0 ? rc : sqlite_changes(conn);
}

static int put_items(
    struct sqlite_conn *conn, const struct outbox_item *items, size_t count, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = sqlite_outbox_put(conn, &items[i], error);
    return rc;
}

/* Undoes the job and lets the caller know why. */
static int give_up(struct place_job *job, enum place_outcome outcome)
{
    job->outcome = outcome;
    return error_set(&job->job.error, ERROR_CONFLICT, NULL, NULL, "the checkout was overtaken");
}

static int run_place(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct place_job *this = (struct place_job *)job;
    struct order_placement *placement = this->placement;
    struct order_record *record = &placement->record;
    int rc = insert_order(conn, placement, &job->error);
    if (rc == 0 && (rc = free_key(conn, placement, &job->error)) > 0)
        rc = insert_order(conn, placement, &job->error);
    if (rc <= 0)
        return rc < 0 ? rc : give_up(this, PLACE_KEY_USED);
    record->seq = sqlite_last_rowid(conn);
    rc = sqlite_exec(conn, &job->error, "DELETE FROM cart WHERE owner = ? AND version = ?", "ti",
        record->owner, placement->cart_version);
    if (rc == 0 && sqlite_changes(conn) == 0)
        return give_up(this, PLACE_CART_CHANGED);
    return rc < 0 ? rc : put_items(conn, placement->items, placement->item_count, &job->error);
}

static void placed(struct sqlite_job *job)
{
    struct place_job *this = (struct place_job *)job;
    int rc = this->outcome == PLACE_DONE ? job->rc : 0;
    this->done(this->ctx, rc, &job->error, this->outcome);
}

void order_sqlite_place(struct order_store *store, struct order_placement *placement,
    struct arena *arena, place_done_fn *done, void *ctx)
{
    struct place_job *job = arena_new_struct(arena, struct place_job);
    job->job.run = run_place;
    job->job.done = placed;
    job->placement = placement;
    job->done = done;
    job->ctx = ctx;
    sqlite_db_write(db_of(store), &job->job);
}

/* ---- transitions ---- */

struct transition_job {
    struct sqlite_job job;
    const struct order_transition *transition;
    struct arena *arena;
    struct order_record *record; /* NULL until found */
    order_done_fn *done;
    void *ctx;
};

static int write_state(
    struct sqlite_conn *conn, const struct order_record *record, struct error *error)
{
    const struct order_state *state = &record->state;
    return sqlite_exec(conn, error,
        "UPDATE orders SET status = ?, payment = ?, fulfilment = ?, version = ?, changed_from = ?,"
        " updated_at = ?, reason = ?, reference = ?, history = ? WHERE seq = ?",
        "iiiiiittti", (int64_t)state->status, (int64_t)state->payment, (int64_t)state->fulfilment,
        state->version, state->changed_from, state->updated_at, state->reason, state->reference,
        state->history, record->seq);
}

static int restore_cart(struct sqlite_conn *conn, const struct transition_job *job,
    const struct order_record *record, struct error *error)
{
    struct cart cart;
    struct cart_edit edits[CART_MAX_LINES];
    struct cart_change change = {
        .owner = record->owner,
        .edits = edits,
        .count = order_transition_lines(record, job->arena, edits),
        .now_ms = job->transition->now_ms,
        .trace = job->transition->trace,
    };
    return order_cart_edit(conn, &change, job->arena, &cart, error);
}

static int run_transition(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct transition_job *this = (struct transition_job *)job;
    struct order_record *record = arena_new_struct(this->arena, struct order_record);
    struct transition_outcome outcome;
    int rc = load_order(conn, this->transition->order_id, this->arena, record, &job->error);
    if (rc < 0)
        return rc;
    rc = order_transition_apply(record, this->transition, this->arena, &outcome, &job->error);
    if (rc == ERROR_NOT_FOUND)
        return rc;
    this->record = record;
    if (rc < 0 || outcome.replayed)
        return rc;
    record->state = outcome.state;
    rc = write_state(conn, record, &job->error);
    if (rc == 0)
        rc = put_items(conn, outcome.items, outcome.item_count, &job->error);
    if (rc == 0 && outcome.restore_cart)
        rc = restore_cart(conn, this, record, &job->error);
    return rc;
}

static void moved(struct sqlite_job *job)
{
    struct transition_job *this = (struct transition_job *)job;
    bool known = job->rc == 0 || job->rc == ERROR_CONFLICT;
    this->done(this->ctx, job->rc, &job->error, known ? this->record : NULL);
}

void order_sqlite_transition(struct order_store *store, const struct order_transition *transition,
    struct arena *arena, order_done_fn *done, void *ctx)
{
    struct transition_job *job = arena_new_struct(arena, struct transition_job);
    job->job.run = run_transition;
    job->job.done = moved;
    job->transition = transition;
    job->arena = arena;
    job->done = done;
    job->ctx = ctx;
    sqlite_db_write(db_of(store), &job->job);
}

/* ---- handing over ---- */

struct merge_job {
    struct sqlite_job job;
    const struct cart_merge *merge;
    struct arena *arena;
    struct cart *cart;
    cart_done_fn *done;
    void *ctx;
};

static int hand_over(struct sqlite_conn *conn, const struct cart_merge *merge, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < merge->order_count; i++) {
        const struct resealed *order = &merge->orders[i];
        rc = sqlite_exec(conn, error,
            "UPDATE orders SET owner = ?, sealer = ?, sealed = ? WHERE id = ? AND owner = ?",
            "ttbtt", merge->user, merge->user, order->sealed, order->sealed_length, order->order_id,
            merge->guest);
    }
    return rc;
}

static size_t additions(const struct cart *guest, struct cart_edit edits[CART_MAX_LINES])
{
    for (size_t i = 0; i < guest->count; i++) {
        edits[i] = (struct cart_edit){
            .kind = CART_ADD, .quantity = guest->lines[i].quantity, .price = guest->lines[i].price};
        memcpy(edits[i].wine_id, guest->lines[i].wine_id, ID_SIZE);
    }
    return guest->count;
}

static int run_merge(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct merge_job *this = (struct merge_job *)job;
    const struct cart_merge *merge = this->merge;
    struct cart guest;
    struct cart_edit edits[CART_MAX_LINES];
    int rc = order_cart_load(conn, merge->guest, &guest, &job->error);
    if (rc == 0)
        rc = hand_over(conn, merge, &job->error);
    if (rc < 0)
        return rc;
    struct cart_change change = {.owner = merge->user,
        .edits = edits,
        .count = additions(&guest, edits),
        .now_ms = merge->now_ms,
        .trace = merge->trace};
    rc = order_cart_edit(conn, &change, this->arena, this->cart, &job->error);
    if (rc < 0 || !guest.version)
        return rc;
    rc = sqlite_exec(conn, &job->error, "DELETE FROM cart WHERE owner = ?", "t", merge->guest);
    struct outbox_item item =
        message_merged(this->arena, merge->guest, merge->user, this->cart->version, &merge->trace);
    return rc < 0 ? rc : sqlite_outbox_put(conn, &item, &job->error);
}

static void merged(struct sqlite_job *job)
{
    struct merge_job *this = (struct merge_job *)job;
    this->done(this->ctx, job->rc, &job->error, job->rc < 0 ? NULL : this->cart);
}

void order_sqlite_merge(struct order_store *store, const struct cart_merge *merge,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    struct merge_job *job = arena_new_struct(arena, struct merge_job);
    job->job.run = run_merge;
    job->job.done = merged;
    job->merge = merge;
    job->arena = arena;
    job->cart = arena_alloc(arena, sizeof(*job->cart));
    job->done = done;
    job->ctx = ctx;
    sqlite_db_write(db_of(store), &job->job);
}
