/*
 * POST /orders. The steps, in order:
 *
 *   begin       the cart, and whether the key was used      -> replay
 *   on_state    the destination, the number of bottles      -> 422
 *   on_wines    prices and stock as they are now             -> 409, the cart takes the new price
 *   on_shopper  the age, the sealed address, the order       -> 422
 *   on_placed   order, key, empty cart and messages at once -> 201, or begin again
 */
#include "order_service.h"

#include "buffer.h"
#include "clock.h"
#include "metrics.h"
#include "order_input.h"
#include "order_messages.h"
#include "secure.h"

#include <string.h>

#define MAX_ATTEMPTS 3

struct checkout {
    struct order_service *service;
    struct exchange *exchange;
    char owner[OWNER_SIZE];
    const char *key;
    char request_hash[SECURE_SHA256_HEX_SIZE];
    struct order_input input;
    int attempts;
    int64_t now_ms;
    struct cart *cart;
    struct wines wines;
    const struct destination *destination;
    struct order_placement placement;
    struct outbox_item items[2];
    struct cart_edit edits[CART_MAX_LINES];
    struct cart_change change;
    struct shortage shortages[CART_MAX_LINES];
    struct http_field_error errors[CART_MAX_LINES];
    size_t count; /* of shortages or errors */
};

static void begin(struct checkout *checkout);

static void fail(struct checkout *checkout, const struct error *error)
{
    http_fail(checkout->exchange, error);
}

/* ---- a key that was used ---- */

static void replay(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct checkout *checkout = ctx;
    if (rc < 0) {
        fail(checkout, error);
        return;
    }
    http_set_header(checkout->exchange, "Idempotency-Replayed", "true");
    reply_order(checkout->service, checkout->exchange, 201, record, AUDIENCE_SHOPPER,
        /* location= */ true);
}

static void answer_used_key(struct checkout *checkout, const struct checkout_state *state)
{
    struct exchange *exchange = checkout->exchange;
    if (strcmp(state->request_hash, checkout->request_hash) != 0) {
        http_problem(exchange, 422, "idempotency_mismatch", "Idempotency-Key",
            "this key was used with another body: take a new one");
        return;
    }
    order_store_get(
        checkout->service->options.store, state->order_id, exchange->arena, replay, checkout);
}

/* ---- the order is written ---- */

static void on_placed(void *ctx, int rc, const struct error *error, enum place_outcome outcome)
{
    struct checkout *checkout = ctx;
    struct exchange *exchange = checkout->exchange;
    if (rc < 0) {
        fail(checkout, error);
        return;
    }
    if (outcome != PLACE_DONE) {
        if (++checkout->attempts < MAX_ATTEMPTS)
            begin(checkout);
        else
            http_problem(exchange, 503, "unavailable", NULL,
                "the cart keeps changing while it is ordered; try again in a moment");
        return;
    }
    const struct order_record *record = &checkout->placement.record;
    if (checkout->service->placed)
        counter_increment(checkout->service->placed);
    struct buffer body = BUFFER_INIT;
    order_write(&body, record, checkout->input.address, checkout->input.email, AUDIENCE_SHOPPER);
    http_set_header(
        exchange, "Location", arena_printf(exchange->arena, "/api/v1/orders/%s", record->id));
    http_reply_json(exchange, 201, &body);
}

static const char *first_history(struct arena *arena, int64_t at_ms)
{
    char time[CLOCK_TEXT_SIZE];
    return arena_printf(
        arena, "{\"status\":\"pending\",\"at\":\"%s\",\"reason\":null}", clock_format(at_ms, time));
}

static const char *take(struct arena *arena, struct buffer *buffer)
{
    const char *text = arena_strndup(arena, buffer->data, buffer->length);
    buffer_release(buffer);
    return text;
}

/* Lines, totals and charges, kept as they are served; and the two messages. */
static void write_documents(struct checkout *checkout)
{
    struct arena *arena = checkout->exchange->arena;
    struct order_record *record = &checkout->placement.record;
    const struct destination *destination = checkout->destination;
    int64_t subtotal = 0, bottles = cart_bottles(checkout->cart);
    for (size_t i = 0; i < checkout->cart->count; i++)
        subtotal += checkout->cart->lines[i].price * checkout->cart->lines[i].quantity;
    struct quote quote = destination_quote(destination, subtotal, bottles);
    record->total.amount = quote.total;
    memcpy(record->total.currency, destination->currency, MONEY_CURRENCY_SIZE);
    struct buffer buffer = BUFFER_INIT;
    order_lines_write(&buffer, checkout->cart, &checkout->wines);
    const char *lines = take(arena, &buffer);
    order_totals_write(&buffer, &quote, destination->currency);
    const char *totals = take(arena, &buffer);
    buffer_append_text(&buffer, "\"lines\":");
    buffer_append_text(&buffer, lines);
    buffer_append_text(&buffer, ",\"totals\":");
    buffer_append_text(&buffer, totals);
    buffer_append_text(&buffer, ",\"charges\":");
    destination_write_charges(destination, &quote, bottles, &buffer);
    record->doc = take(arena, &buffer);
    const struct trace *trace = &checkout->exchange->request.trace;
    checkout->items[0] =
        message_process(arena, record, checkout->cart, checkout->input.token, trace);
    checkout->items[1] = message_placed(arena, record, lines, totals, trace);
    checkout->placement.items = checkout->items;
    checkout->placement.item_count = 2;
}

static void prepare_record(struct checkout *checkout)
{
    struct arena *arena = checkout->exchange->arena;
    const struct destination *destination = checkout->destination;
    struct order_record *record = &checkout->placement.record;
    *record = (struct order_record){
        .state = {.version = 1,
            .updated_at = checkout->now_ms,
            .history = first_history(arena, checkout->now_ms)},
        .placed_at = checkout->now_ms,
        .method = checkout->input.method,
        .destination = *destination->region
                           ? arena_printf(arena, "%s-%s", destination->country, destination->region)
                           : destination->country,
    };
    id_new(record->id);
    strcpy(record->owner, checkout->owner);
    strcpy(record->sealer, checkout->owner);
    checkout->placement.key = checkout->key;
    checkout->placement.request_hash = checkout->request_hash;
    checkout->placement.cart_version = checkout->cart->version;
}

/* False after a refusal. */
static bool old_enough(struct checkout *checkout, const char *birth_date)
{
    struct exchange *exchange = checkout->exchange;
    const struct destination *destination = checkout->destination;
    if (!birth_date || !*birth_date) {
        http_problem(exchange, 422, "invalid_field", "birth_date",
            "is needed: wine is sold by age, and the account has none");
        return false;
    }
    if (clock_age_years(birth_date, checkout->now_ms) >= destination->min_age)
        return true;
    http_problem(exchange, 422, "underage", "birth_date", "wine is sold to %s from the age of %d",
        destination->name, destination->min_age);
    return false;
}

static void on_shopper(void *ctx, int rc, const struct error *error, const struct shopper *shopper)
{
    struct checkout *checkout = ctx;
    struct exchange *exchange = checkout->exchange;
    if (rc < 0) {
        if (rc == ERROR_NOT_FOUND)
            http_problem(exchange, 401, "unauthenticated", NULL, "this account is gone");
        else
            fail(checkout, error);
        return;
    }
    const char *birth_date =
        *shopper->birth_date ? shopper->birth_date : checkout->input.birth_date;
    if (!old_enough(checkout, birth_date))
        return;
    checkout->input.email = shopper->email;
    prepare_record(checkout);
    struct order_record *record = &checkout->placement.record;
    struct error failure = {0};
    if (shopper_seal(checkout->service->shoppers, checkout->owner, shopper, record->id,
            checkout->input.address, exchange->arena, &record->sealed, &record->sealed_length,
            &failure) < 0) {
        fail(checkout, &failure);
        return;
    }
    write_documents(checkout);
    order_store_place(checkout->service->options.store, &checkout->placement, exchange->arena,
        on_placed, checkout);
}

static void ask_shopper(struct checkout *checkout)
{
    struct shoppers *shoppers = checkout->service->shoppers;
    struct exchange *exchange = checkout->exchange;
    const struct order_input *input = &checkout->input;
    const struct trace *trace = &exchange->request.trace;
    if (checkout->owner[0] == 'u') {
        shoppers_get(shoppers, checkout->owner, trace, exchange->arena, on_shopper, checkout);
        return;
    }
    /* Before the guest is written down: who is too young leaves no trace. */
    if (old_enough(checkout, input->birth_date))
        shoppers_put_guest(shoppers, checkout->owner, input->email, input->name, input->birth_date,
            trace, exchange->arena, on_shopper, checkout);
}

/* ---- prices and stock ---- */

static void refuse_prices(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct checkout *checkout = ctx;
    (void)cart;
    if (rc < 0)
        fail(checkout, error);
    else
        http_problem_fields(checkout->exchange, 409, "price_changed",
            "a price has changed since the bottle was put in the cart; the cart shows the new one",
            checkout->errors, checkout->count);
}

static void refuse_stock(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct checkout *checkout = ctx;
    (void)cart;
    if (rc < 0)
        fail(checkout, error);
    else
        reply_out_of_stock(checkout->exchange, checkout->shortages, checkout->count);
}

static void edit_cart(struct checkout *checkout, cart_done_fn *done)
{
    checkout->change.owner = checkout->owner;
    checkout->change.edits = checkout->edits;
    checkout->change.now_ms = checkout->now_ms;
    checkout->change.trace = checkout->exchange->request.trace;
    order_store_cart_edit(checkout->service->options.store, &checkout->change,
        checkout->exchange->arena, done, checkout);
}

static void add_edit(
    struct checkout *checkout, enum cart_edit_kind kind, const char *wine_id, int64_t price)
{
    struct cart_edit *edit = &checkout->edits[checkout->change.count++];
    *edit = (struct cart_edit){.kind = kind, .price = price};
    memcpy(edit->wine_id, wine_id, ID_SIZE);
}

/* True when a price moved: the cart takes the new ones, and the shopper is told. */
static bool prices_moved(struct checkout *checkout)
{
    struct arena *arena = checkout->exchange->arena;
    checkout->count = checkout->change.count = 0;
    for (size_t i = 0; i < checkout->cart->count; i++) {
        const struct cart_line *line = &checkout->cart->lines[i];
        const struct wine *wine = wines_find(&checkout->wines, line->wine_id);
        if (!wine || wine->price.amount == line->price)
            continue;
        char before[24], now[24];
        add_edit(checkout, CART_REPRICE, line->wine_id, wine->price.amount);
        checkout->errors[checkout->count++] = (struct http_field_error){
            .field = line->wine_id,
            .message = arena_printf(arena, "%s costs %s %s now, it was %s", wine->name,
                money_format(wine->price.amount, now), wine->price.currency,
                money_format(line->price, before)),
        };
    }
    if (checkout->count)
        edit_cart(checkout, refuse_prices);
    return checkout->count > 0;
}

/* True when there is clearly too little: whether there is enough, the reservation says. A wine no
 * longer sold leaves the cart. */
static bool stock_short(struct checkout *checkout)
{
    checkout->count = checkout->change.count = 0;
    for (size_t i = 0; i < checkout->cart->count; i++) {
        const struct cart_line *line = &checkout->cart->lines[i];
        const struct wine *wine = wines_find(&checkout->wines, line->wine_id);
        if (wine && wine->available >= line->quantity)
            continue;
        if (!wine)
            add_edit(checkout, CART_SET, line->wine_id, 0);
        checkout->shortages[checkout->count++] = (struct shortage){.field = line->wine_id,
            .name = wine ? wine->name : "a wine that is no longer sold",
            .available = wine ? wine->available : 0};
    }
    if (checkout->change.count)
        edit_cart(checkout, refuse_stock);
    else if (checkout->count)
        refuse_stock(checkout, 0, NULL, checkout->cart);
    return checkout->count > 0;
}

static bool currency_differs(const struct checkout *checkout)
{
    for (size_t i = 0; i < checkout->wines.count; i++) {
        if (strcmp(checkout->wines.items[i].price.currency, checkout->destination->currency) != 0)
            return true;
    }
    return false;
}

static void on_wines(void *ctx, int rc, const struct error *error, const struct wines *wines)
{
    struct checkout *checkout = ctx;
    if (rc < 0) {
        fail(checkout, error);
        return;
    }
    checkout->wines = *wines;
    if (prices_moved(checkout) || stock_short(checkout))
        return;
    if (currency_differs(checkout))
        http_problem(checkout->exchange, 422, "destination_not_served", "shipping_address.country",
            "what it costs to ship there is not known in the currency of these prices");
    else
        ask_shopper(checkout);
}

/* ---- the cart and where it goes ---- */

/* False after a refusal. */
static bool find_destination(struct checkout *checkout)
{
    const struct order_input *input = &checkout->input;
    struct exchange *exchange = checkout->exchange;
    struct error error = {0};
    if (destinations_find(checkout->service->destinations, input->country, input->region,
            checkout->now_ms, &checkout->destination, &error) < 0) {
        http_problem(exchange, 422, "destination_not_served",
            arena_printf(exchange->arena, "shipping_address.%s", error.field), "%s", error.message);
        return false;
    }
    int64_t bottles = cart_bottles(checkout->cart);
    if (bottles <= checkout->destination->max_bottles)
        return true;
    http_problem(exchange, 422, "invalid_field", "quantity",
        "at most %lld bottles an order may go to %s; the cart holds %lld",
        (long long)checkout->destination->max_bottles, checkout->destination->name,
        (long long)bottles);
    return false;
}

static void on_state(
    void *ctx, int rc, const struct error *error, const struct checkout_state *state)
{
    struct checkout *checkout = ctx;
    if (rc < 0) {
        fail(checkout, error);
        return;
    }
    if (state->key_used) {
        answer_used_key(checkout, state);
        return;
    }
    checkout->cart = state->cart;
    if (!checkout->cart->count)
        http_problem(checkout->exchange, 409, "cart_empty", NULL, "there is nothing in the cart");
    else if (find_destination(checkout))
        fetch_cart_wines(
            checkout->service, checkout->exchange, checkout->cart, NULL, on_wines, checkout);
}

static void begin(struct checkout *checkout)
{
    checkout->now_ms = clock_now_ms();
    order_store_checkout(checkout->service->options.store, checkout->owner, checkout->key,
        checkout->now_ms, checkout->exchange->arena, on_state, checkout);
}

static bool valid_key(const char *key)
{
    size_t length = key ? strlen(key) : 0;
    if (length < 1 || length > 255)
        return false;
    for (; *key; key++) {
        if (*key < '!' || *key > '~')
            return false;
    }
    return true;
}

/* False after a refusal. */
static bool read_input(struct exchange *exchange, bool guest, struct order_input *input)
{
    CLEANUP_JSON json_t *body = NULL;
    struct http_field_error errors[ORDER_INPUT_MAX_ERRORS];
    if (http_json_body(exchange, &body) < 0)
        return false;
    size_t count = order_input_read(body, guest, exchange->arena, input, errors);
    if (!count)
        return true;
    http_problem_fields(exchange, 422, "invalid_field",
        arena_printf(exchange->arena, "%s: %s", errors[0].field, errors[0].message), errors, count);
    return false;
}

void handle_place_order(void *ctx, struct exchange *exchange)
{
    struct checkout *checkout = arena_new_struct(exchange->arena, struct checkout);
    checkout->service = ctx;
    checkout->exchange = exchange;
    if (!require_owner(exchange, checkout->owner))
        return;
    const char *key = http_header(exchange, "Idempotency-Key");
    if (!valid_key(key)) {
        http_problem(exchange, 400, "malformed_header", "Idempotency-Key",
            "must be 1 to 255 printable characters without spaces, new for each order");
        return;
    }
    if (!read_input(exchange, checkout->owner[0] == 'g', &checkout->input))
        return;
    checkout->key = arena_strdup(exchange->arena, key);
    secure_sha256_hex(
        exchange->request.body, exchange->request.body_length, checkout->request_hash);
    begin(checkout);
}
