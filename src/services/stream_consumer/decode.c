#include "decode.h"

#include "arena.h"
#include "clock.h"
#include "json.h"

#include <string.h>

#define MAX_ID 128
#define MAX_TEXT 1000
#define MAX_LINES 1000
#define MAX_NUMBER INT64_C(1000000000000)

struct reading {
    const json_t *data;
    struct arena *arena;
    struct decoded *event;
    struct error *error;
};

static int copy_text(
    struct reading *reading, const json_t *object, const char *field, size_t min, const char **out)
{
    const char *text = "";
    int rc = min ? json_get_text(object, field, min, MAX_TEXT, &text, reading->error)
                 : json_find_text(object, field, 0, MAX_TEXT, &text, reading->error);
    if (rc == 0)
        *out = arena_strdup(reading->arena, text);
    return rc;
}

static int read_shopper(struct reading *reading)
{
    const char **shopper = &reading->event->fact.shopper;
    int rc = copy_text(reading, reading->data, "user_id", 0, shopper);
    if (rc == 0 && !**shopper)
        rc = copy_text(reading, reading->data, "guest_id", 0, shopper);
    return rc;
}

static int read_wine_id(struct reading *reading)
{
    return copy_text(reading, reading->data, "wine_id", 1, &reading->event->fact.wine_id);
}

static int subject_is_wine(struct reading *reading)
{
    if (!*reading->event->subject)
        return error_set(reading->error, ERROR_INVALID, NULL, "subject", "the event names no wine");
    reading->event->fact.wine_id = reading->event->subject;
    return 0;
}

/* ---- one function per kind of event ---- */

static int decode_activity(struct reading *reading)
{
    int rc = read_shopper(reading);
    if (rc == 0)
        rc = read_wine_id(reading);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "list", 0, &reading->event->fact.list);
    return rc;
}

static int decode_search(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    fact->search.results = -1;
    int rc = read_shopper(reading);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "query", 0, &fact->search.query);
    if (rc == 0)
        rc = json_find_int(
            reading->data, "results", 0, MAX_NUMBER, &fact->search.results, reading->error);
    return rc;
}

static int decode_cart(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    int rc = read_shopper(reading);
    if (rc == 0)
        rc = read_wine_id(reading);
    if (rc == 0)
        rc = json_get_int(
            reading->data, "quantity", 0, MAX_NUMBER, &fact->cart.quantity, reading->error);
    if (rc == 0)
        rc = json_find_int(
            reading->data, "previous", 0, MAX_NUMBER, &fact->cart.previous, reading->error);
    return rc;
}

static int decode_merge(struct reading *reading)
{
    int rc = copy_text(reading, reading->data, "user_id", 1, &reading->event->fact.shopper);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "guest_id", 1, &reading->event->fact.merge.guest);
    return rc;
}

static int read_line(struct reading *reading, const json_t *item, struct warehouse_line *line)
{
    int rc = copy_text(reading, item, "wine_id", 1, &line->wine_id);
    if (rc == 0)
        rc = json_get_int(item, "quantity", 0, MAX_NUMBER, &line->quantity, reading->error);
    if (rc == 0)
        rc = json_get_int(item, "unit_price", 0, MAX_NUMBER, &line->unit_price, reading->error);
    if (rc == 0)
        rc = json_get_int(item, "line_total", 0, MAX_NUMBER, &line->line_total, reading->error);
    return rc;
}

static int read_totals(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    json_t *totals;
    int rc = json_get_object(reading->data, "totals", &totals, reading->error);
    if (rc == 0)
        rc = json_get_int(totals, "total", 0, MAX_NUMBER, &fact->order.total, reading->error);
    if (rc == 0)
        rc = copy_text(reading, totals, "currency", 1, &fact->order.currency);
    if (rc == 0) {
        fact->order.subtotal = json_int_or(totals, "subtotal", 0);
        fact->order.shipping = json_int_or(totals, "shipping", 0);
        fact->order.tax = json_int_or(totals, "tax", 0);
    }
    return rc;
}

static int decode_order(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    const json_t *lines = json_object_get(reading->data, "lines");
    size_t count = json_array_size(lines);
    if (!*reading->event->subject || count == 0 || count > MAX_LINES)
        return error_set(
            reading->error, ERROR_INVALID, NULL, "lines", "an order needs an id and lines");
    struct warehouse_line *copied = arena_new_array(reading->arena, count, struct warehouse_line);
    int rc = read_shopper(reading);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_line(reading, json_array_get(lines, i), &copied[i]);
    if (rc == 0)
        rc = read_totals(reading);
    if (rc < 0)
        return rc;
    const json_t *destination = json_object_get(reading->data, "destination");
    fact->order.order_id = reading->event->subject;
    fact->order.lines = copied;
    fact->order.line_count = count;
    fact->order.country = arena_strdup(reading->arena, json_text_or(destination, "country", ""));
    fact->order.region = arena_strdup(reading->arena, json_text_or(destination, "region", ""));
    return 0;
}

static int decode_status(struct reading *reading)
{
    reading->event->fact.status.order_id = reading->event->subject;
    return copy_text(reading, reading->data, "to", 1, &reading->event->fact.status.status);
}

static int decode_rating(struct reading *reading)
{
    int rc = subject_is_wine(reading);
    if (rc == 0)
        rc = read_shopper(reading);
    if (rc == 0)
        rc = json_get_number(
            reading->data, "stars", 0, 5, &reading->event->fact.stars, reading->error);
    return rc;
}

static int decode_wine(struct reading *reading)
{
    struct warehouse_wine *wine = &reading->event->fact.wine;
    json_t *document, *price;
    int rc = subject_is_wine(reading);
    if (rc == 0)
        rc = json_get_object(reading->data, "wine", &document, reading->error);
    if (rc == 0)
        rc = json_get_object(document, "price", &price, reading->error);
    if (rc < 0)
        return rc;
    struct arena *arena = reading->arena;
    *wine = (struct warehouse_wine){
        .name = arena_strdup(arena, json_text_or(document, "name", "")),
        .winery = arena_strdup(arena, json_text_or(document, "winery", "")),
        .type = arena_strdup(arena, json_text_or(document, "type", "")),
        .country = arena_strdup(arena, json_text_or(document, "country", "")),
        .region = arena_strdup(arena, json_text_or(document, "region", "")),
        .vintage = json_int_or(document, "vintage", 0),
        .bottle_ml = json_int_or(document, "bottle_ml", 0),
        .price = json_int_or(price, "amount", 0),
        .currency = arena_strdup(arena, json_text_or(price, "currency", "")),
    };
    return 0;
}

static int decode_withdrawn(struct reading *reading)
{
    return subject_is_wine(reading);
}

static int decode_stock(struct reading *reading)
{
    int rc = subject_is_wine(reading);
    if (rc == 0)
        rc = json_get_int(reading->data, "available", 0, MAX_NUMBER,
            &reading->event->fact.available, reading->error);
    return rc;
}

static int decode_erased(struct reading *reading)
{
    if (!*reading->event->subject)
        return error_set(reading->error, ERROR_INVALID, NULL, "subject", "nobody is named");
    reading->event->fact.shopper = reading->event->subject;
    return 0;
}

static const struct kind {
    const char *type;
    int (*decode)(struct reading *reading); /* NULL: known, but no fact */
    enum warehouse_fact_kind fact;
    bool teaches;
} kinds[] = {
    {"activity.viewed", decode_activity, WAREHOUSE_VIEW, true},
    {"activity.impression", decode_activity, WAREHOUSE_IMPRESSION, false},
    {"activity.clicked", decode_activity, WAREHOUSE_CLICK, true},
    {"activity.searched", decode_search, WAREHOUSE_SEARCH, false},
    {"stock.changed", decode_stock, WAREHOUSE_STOCK, true},
    {"cart.changed", decode_cart, WAREHOUSE_CART, true},
    {"cart.merged", decode_merge, WAREHOUSE_MERGE, true},
    {"order.placed", decode_order, WAREHOUSE_ORDER, true},
    {"order.confirmed", decode_status, WAREHOUSE_ORDER_STATUS, false},
    {"order.rejected", decode_status, WAREHOUSE_ORDER_STATUS, true},
    {"order.cancelled", decode_status, WAREHOUSE_ORDER_STATUS, true},
    {"order.shipped", decode_status, WAREHOUSE_ORDER_STATUS, false},
    {"order.delivered", decode_status, WAREHOUSE_ORDER_STATUS, false},
    {"order.returned", decode_status, WAREHOUSE_ORDER_STATUS, false},
    {"order.payment_changed", NULL, 0, false},
    {"rating.given", decode_rating, WAREHOUSE_RATING, true},
    {"product.created", decode_wine, WAREHOUSE_WINE, true},
    {"product.updated", decode_wine, WAREHOUSE_WINE, true},
    {"product.withdrawn", decode_withdrawn, WAREHOUSE_WINE_WITHDRAWN, true},
    {"user.registered", NULL, 0, false},
    {"user.updated", NULL, 0, false},
    {"user.erased", decode_erased, WAREHOUSE_FORGET, true},
};

static const struct kind *kind_of(const char *type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    }
    return NULL;
}

static int read_envelope(
    const json_t *root, struct arena *arena, struct decoded *event, struct error *error)
{
    const char *id, *type, *subject = "", *time;
    int rc = json_get_text(root, "id", 1, MAX_ID, &id, error);
    if (rc < 0)
        return rc;
    event->id = arena_strdup(arena, id);
    rc = json_get_text(root, "type", 1, MAX_ID, &type, error);
    if (rc == 0)
        rc = json_find_text(root, "subject", 0, MAX_ID, &subject, error);
    if (rc == 0)
        rc = json_find_int(root, "sequence", 0, INT64_MAX, &event->sequence, error);
    if (rc == 0)
        rc = json_get_text(root, "time", 1, 64, &time, error);
    if (rc < 0)
        return rc;
    event->type = arena_strdup(arena, type);
    event->subject = arena_strdup(arena, subject);
    if (clock_parse(time, &event->fact.at_ms) < 0 || event->fact.at_ms < 0)
        return error_set(error, ERROR_INVALID, NULL, "time", "not a time");
    return 0;
}

int event_decode(const char *data, size_t length, struct arena *arena, struct decoded *event,
    struct error *error)
{
    CLEANUP_JSON json_t *root = NULL;
    *event = (struct decoded){.id = "", .type = "", .subject = ""};
    int rc = json_read_object(data, length, &root, error);
    if (rc == 0)
        rc = read_envelope(root, arena, event, error);
    if (rc < 0)
        return rc;
    const struct kind *kind = kind_of(event->type);
    event->known = kind != NULL;
    if (!kind || !kind->decode)
        return 0;
    json_t *body;
    rc = json_get_object(root, "data", &body, error);
    if (rc < 0)
        return rc;
    event->fact.kind = kind->fact;
    event->fact.event_id = event->id;
    event->fact.sequence = event->sequence;
    event->fact.shopper = event->fact.wine_id = "";
    struct reading reading = {.data = body, .arena = arena, .event = event, .error = error};
    rc = kind->decode(&reading);
    event->has_fact = rc == 0;
    event->teaches = rc == 0 && kind->teaches;
    return rc;
}
