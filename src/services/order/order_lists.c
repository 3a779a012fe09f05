/* Lists of orders: a shopper's, the back office's (as CSV, too), and the export of one's data. */
#include "order_service.h"

#include "buffer.h"
#include "clock.h"
#include "csv.h"
#include "text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- orders with what only their shoppers' keys open, one after the other ---- */

struct writing {
    struct order_service *service;
    struct exchange *exchange;
    const struct order_record *records;
    int count, next;
    enum order_audience audience;
    struct buffer *buffer;
    void (*done)(void *ctx, int rc, const struct error *error);
    void *ctx;
    int rc; /* of the record at `next` */
    struct error error;
    /* Whoever comes second, the asker who returned or the answer, goes on: so answers that come at
     * once do not nest, and late ones are not lost. */
    atomic_bool first_came;
};

static void write_record(struct writing *writing, const struct shopper *shopper)
{
    const struct order_record *record = &writing->records[writing->next];
    const char *address = NULL;
    if (writing->rc == 0)
        writing->rc = shopper_open(writing->service->shoppers, record->sealer, shopper, record->id,
            record->sealed, record->sealed_length, writing->exchange->arena, &address,
            &writing->error);
    else if (writing->rc == ERROR_NOT_FOUND)
        writing->rc = 0;
    if (writing->rc < 0)
        return;
    if (writing->next++)
        buffer_append_char(writing->buffer, ',');
    order_write(
        writing->buffer, record, address, shopper ? shopper->email : NULL, writing->audience);
}

static void write_rest(struct writing *writing);

static void write_one(void *ctx, int rc, const struct error *error, const struct shopper *shopper)
{
    struct writing *writing = ctx;
    writing->rc = rc;
    writing->error = *error;
    write_record(writing, shopper);
    if (atomic_exchange(&writing->first_came, true))
        write_rest(writing);
}

static void write_rest(struct writing *writing)
{
    while (writing->rc == 0 && writing->next < writing->count) {
        const struct order_record *record = &writing->records[writing->next];
        atomic_store(&writing->first_came, false);
        shoppers_get(writing->service->shoppers, record->sealer, &writing->exchange->request.trace,
            writing->exchange->arena, write_one, writing);
        if (!atomic_exchange(&writing->first_came, true))
            return;
    }
    buffer_append_char(writing->buffer, ']');
    writing->done(writing->ctx, writing->rc, &writing->error);
}

void write_orders(struct order_service *service, struct exchange *exchange,
    const struct order_record *records, int count, enum order_audience audience,
    struct buffer *buffer, void (*done)(void *ctx, int rc, const struct error *error), void *ctx)
{
    struct writing *writing = arena_new_struct(exchange->arena, struct writing);
    writing->service = service;
    writing->exchange = exchange;
    writing->records = records;
    writing->count = count;
    writing->audience = audience;
    writing->buffer = buffer;
    writing->done = done;
    writing->ctx = ctx;
    buffer_append_char(buffer, '[');
    write_rest(writing);
}

/* ---- pages ---- */

struct listing {
    struct order_service *service;
    struct exchange *exchange;
    char owner[OWNER_SIZE];
    struct order_query query;
    enum order_audience audience;
    struct order_page page;
    struct buffer body;
};

static struct listing *listing_new(struct order_service *service, struct exchange *exchange)
{
    struct listing *listing = arena_new_struct(exchange->arena, struct listing);
    listing->service = service;
    listing->exchange = exchange;
    return listing;
}

static void fail(struct listing *listing, const struct error *error)
{
    buffer_release(&listing->body);
    http_fail(listing->exchange, error);
}

static void wrote_page(void *ctx, int rc, const struct error *error)
{
    struct listing *listing = ctx;
    struct buffer *body = &listing->body;
    if (rc < 0) {
        fail(listing, error);
        return;
    }
    if (listing->query.count) {
        buffer_append_text(body, ",\"total\":");
        buffer_append_int(body, listing->page.total);
    }
    buffer_append_text(body, ",\"next_cursor\":");
    if (listing->page.next)
        buffer_printf(body, "\"%lld\"", (long long)listing->page.next);
    else
        buffer_append_text(body, "null");
    buffer_append_char(body, '}');
    http_reply_json(listing->exchange, 200, body);
}

static void got_page(void *ctx, int rc, const struct error *error, const struct order_page *page)
{
    struct listing *listing = ctx;
    if (rc < 0) {
        fail(listing, error);
        return;
    }
    listing->page = *page;
    buffer_append_text(&listing->body, "{\"items\":");
    write_orders(listing->service, listing->exchange, page->records, page->count, listing->audience,
        &listing->body, wrote_page, listing);
}

static bool refuse_parameter(
    struct exchange *exchange, bool readable, const char *name, const char *rule)
{
    http_problem(exchange, readable ? 422 : 400, readable ? "invalid_field" : "malformed_parameter",
        name, "%s", rule);
    return false;
}

/* False after a refusal. */
static bool read_paging(struct listing *listing)
{
    struct exchange *exchange = listing->exchange;
    int64_t limit = 20, any;
    const char *text = http_query(exchange, "limit"), *cursor = http_query(exchange, "cursor");
    if (text && text_to_int(text, 1, 100, &limit) < 0)
        return refuse_parameter(exchange, text_to_int(text, INT64_MIN, INT64_MAX, &any) == 0,
            "limit", "must be a whole number from 1 to 100");
    if (cursor && text_to_int(cursor, 1, INT64_MAX, &listing->query.before) < 0)
        return refuse_parameter(exchange, false, "cursor", "is none of ours");
    listing->query.limit = (int)limit;
    return true;
}

void handle_list_orders(void *ctx, struct exchange *exchange)
{
    struct listing *listing = listing_new(ctx, exchange);
    if (!require_owner(exchange, listing->owner) || !read_paging(listing))
        return;
    listing->query.owner = listing->owner;
    order_store_list(
        listing->service->options.store, &listing->query, exchange->arena, got_page, listing);
}

/* ---- the export of a shopper's own data ---- */

#define EXPORT_MAX_ORDERS 10000

static void wrote_export(void *ctx, int rc, const struct error *error)
{
    struct listing *listing = ctx;
    if (rc < 0) {
        fail(listing, error);
        return;
    }
    buffer_append_char(&listing->body, '}');
    http_reply_json(listing->exchange, 200, &listing->body);
}

static void got_export(void *ctx, int rc, const struct error *error, const struct order_page *page)
{
    struct listing *listing = ctx;
    if (rc < 0) {
        fail(listing, error);
        return;
    }
    buffer_append_text(&listing->body, "{\"orders\":");
    write_orders(listing->service, listing->exchange, page->records, page->count, AUDIENCE_SHOPPER,
        &listing->body, wrote_export, listing);
}

void handle_internal_export(void *ctx, struct exchange *exchange)
{
    struct listing *listing = listing_new(ctx, exchange);
    if (!require_owner(exchange, listing->owner))
        return;
    listing->query.owner = listing->owner;
    listing->query.limit = EXPORT_MAX_ORDERS;
    order_store_list(
        listing->service->options.store, &listing->query, exchange->arena, got_export, listing);
}

/* ---- the back office ---- */

/* The CSV is made in pieces, so that the reporting thread is not held for long at a time. */
#define CSV_PIECE 500
#define CSV_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* A cell that a spreadsheet would take for a formula begins with an apostrophe. */
static void append_cell(struct buffer *body, struct arena *arena, const char *text)
{
    if (*text && strchr("=+-@\t\r", *text))
        text = arena_printf(arena, "'%s", text);
    csv_append_field(body, text, /* first= */ 0);
}

static void append_cents(struct buffer *body, int64_t amount)
{
    char text[24];
    csv_append_field(body, money_format(amount, text), /* first= */ 0);
}

static void append_csv_line(
    struct buffer *body, struct arena *arena, const struct order_record *record, const json_t *line)
{
    char number[ORDER_NUMBER_SIZE], time[CLOCK_TEXT_SIZE];
    int64_t vintage = json_int_or(line, "vintage", 0);
    csv_append_field(body, order_number(record, number), /* first= */ 1);
    csv_append_field(body, record->id, 0);
    csv_append_field(body, clock_format(record->placed_at, time), 0);
    csv_append_field(body, order_status_name(record->state.status), 0);
    csv_append_field(body, json_text_or(line, "wine_id", ""), 0);
    append_cell(body, arena, json_text_or(line, "name", ""));
    buffer_append_char(body, ',');
    if (vintage)
        buffer_append_int(body, vintage);
    buffer_append_char(body, ',');
    buffer_append_int(body, json_int_or(line, "quantity", 0));
    append_cents(body, json_int_or(line, "unit_price", 0));
    append_cents(body, json_int_or(line, "line_total", 0));
    csv_append_field(body, record->total.currency, 0);
    append_cents(body, record->total.amount);
    buffer_append_text(body, "\r\n");
}

static void append_csv(struct buffer *body, const struct order_record *record)
{
    struct arena *arena = arena_new();
    CLEANUP_JSON json_t *doc = NULL;
    const char *text = arena_printf(arena, "{%s}", record->doc);
    if (json_read_object(text, strlen(text), &doc, NULL) == 0) {
        const json_t *line;
        size_t index;
        json_array_foreach(json_object_get(doc, "lines"), index, line)
            append_csv_line(body, arena, record, line);
    }
    arena_free(arena);
}

struct csv_export {
    struct listing *listing;
    struct arena *piece; /* of the records of one piece */
};

static void next_piece(struct csv_export *export);

static void got_piece(void *ctx, int rc, const struct error *error, const struct order_page *page)
{
    struct csv_export *export = ctx;
    struct listing *listing = export->listing;
    struct exchange *exchange = listing->exchange;
    for (int i = 0; rc == 0 && i < page->count; i++)
        append_csv(&listing->body, &page->records[i]);
    int64_t next = rc == 0 ? page->next : 0;
    arena_clear(export->piece);
    if (next && listing->body.length < CSV_MAX_BYTES) {
        listing->query.before = next;
        next_piece(export);
        return;
    }
    arena_free(export->piece);
    if (rc < 0) {
        fail(listing, error);
    } else if (next) {
        buffer_release(&listing->body);
        http_problem(exchange, 422, "invalid_field", "status",
            "these are more orders than one file takes: ask for fewer");
    } else {
        const char *body = listing->body.data;
        size_t length = listing->body.length;
        http_set_header(exchange, "Content-Disposition", "attachment; filename=\"orders.csv\"");
        exchange->response.body_release = free;
        exchange->response.body_owner = listing->body.data;
        http_reply(exchange, 200, "text/csv; charset=utf-8", body, length);
    }
}

static void next_piece(struct csv_export *export)
{
    struct listing *listing = export->listing;
    order_store_list(
        listing->service->options.store, &listing->query, export->piece, got_piece, export);
}

static void start_csv(struct listing *listing)
{
    struct csv_export *export = arena_new_struct(listing->exchange->arena, struct csv_export);
    export->listing = listing;
    export->piece = arena_new();
    listing->query.count = false;
    listing->query.limit = CSV_PIECE;
    listing->query.before = 0;
    buffer_append_text(&listing->body,
        "number,id,placed_at,status,wine_id,name,vintage,quantity,unit_price,line_total,currency,"
        "order_total\r\n");
    next_piece(export);
}

/* False after a refusal. */
static bool read_statuses(struct listing *listing)
{
    const char *values[10];
    size_t count = http_query_all(listing->exchange, "status", values, 10);
    for (size_t i = 0; i < count; i++) {
        int status = order_status_parse(values[i]);
        if (status < 0)
            return refuse_parameter(listing->exchange, true, "status",
                "must be pending, confirmed, rejected, shipped, delivered, cancelled or returned");
        listing->query.statuses |= 1u << status;
    }
    return true;
}

static bool wants_csv(struct exchange *exchange, const char *format)
{
    const char *accept = http_header(exchange, "Accept");
    return format ? strcmp(format, "csv") == 0 : accept && strstr(accept, "text/csv") != NULL;
}

void handle_admin_list(void *ctx, struct exchange *exchange)
{
    struct listing *listing = listing_new(ctx, exchange);
    if (!require_admin(exchange) || !read_paging(listing) || !read_statuses(listing))
        return;
    const char *format = http_query(exchange, "format"), *text = http_query(exchange, "q");
    if (format && strcmp(format, "csv") != 0 && strcmp(format, "json") != 0) {
        refuse_parameter(exchange, true, "format", "must be json or csv");
        return;
    }
    if (text && utf8_length(text) > 200) {
        refuse_parameter(exchange, true, "q", "must have at most 200 characters");
        return;
    }
    listing->query.text = text;
    listing->query.count = true;
    listing->audience = AUDIENCE_SHOP;
    if (wants_csv(exchange, format))
        start_csv(listing);
    else
        order_store_list(
            listing->service->options.store, &listing->query, exchange->arena, got_page, listing);
}
