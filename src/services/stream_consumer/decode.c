#include "decode.h"

#include "arena.h"
#include "clock.h"
#include "json_view.h"

#include <string.h>

#define MAX_ID 128
#define MAX_TEXT 1000
#define MAX_LINES 1000
#define MAX_POSITION 1000000
#define MAX_NUMBER INT64_C(1000000000000000) /* sequences may be times, too */

struct reading {
    struct json_view data;
    struct arena *arena;
    struct decoded *event;
    struct error *error;
};

static int refuse(struct reading *reading, const char *field, const char *what)
{
    return error_set(reading->error, ERROR_INVALID, NULL, field, "%s", what);
}

static bool holds_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            return true;
    }
    return false;
}

/* `min` 0: may be left out or null. */
static int copy_text(struct reading *reading, struct json_view object, const char *field,
    size_t min, const char **out)
{
    struct json_view view = json_view_get(object, field);
    enum json_kind kind = json_view_kind(view);
    if (!min && (kind == JSON_MISSING || kind == JSON_KIND_NULL)) {
        *out = "";
        return 0;
    }
    const char *text = json_view_text(view, reading->arena, NULL);
    if (!text || strlen(text) < min || strlen(text) > MAX_TEXT || holds_control(text))
        return refuse(reading, field, "must be a text");
    *out = text;
    return 0;
}

/* From 0 to MAX_NUMBER. */
static int copy_int(
    struct reading *reading, struct json_view object, const char *field, int64_t *out)
{
    int64_t value = json_view_int(json_view_get(object, field), -1);
    if (value < 0 || value > MAX_NUMBER)
        return refuse(reading, field, "must be a whole number, not negative");
    *out = value;
    return 0;
}

/* The same, but may be left out or null: then `*out` stays. */
static int find_int(
    struct reading *reading, struct json_view object, const char *field, int64_t *out)
{
    enum json_kind kind = json_view_kind(json_view_get(object, field));
    if (kind == JSON_MISSING || kind == JSON_KIND_NULL)
        return 0;
    return copy_int(reading, object, field, out);
}

static int find_object(
    struct reading *reading, struct json_view object, const char *field, struct json_view *out)
{
    *out = json_view_get(object, field);
    if (json_view_kind(*out) != JSON_KIND_OBJECT)
        return refuse(reading, field, "must be an object");
    return 0;
}

static const char *text_or_none(struct reading *reading, struct json_view object, const char *field)
{
    return json_view_text(json_view_get(object, field), reading->arena, "");
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

/* The arm of an experiment. */
static int read_arm(struct reading *reading)
{
    const char **arm = &reading->event->fact.shown.arm;
    int rc = copy_text(reading, reading->data, "arm", 0, arm);
    if (rc == 0 && **arm && strcmp(*arm, "a") != 0 && strcmp(*arm, "b") != 0)
        return refuse(reading, "arm", "must be a or b");
    return rc;
}

static int decode_activity(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    int64_t position = 0;
    int rc = read_shopper(reading);
    if (rc == 0)
        rc = read_wine_id(reading);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "list", 0, &fact->shown.list);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "query", 0, &fact->shown.query);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "experiment", 0, &fact->shown.experiment);
    if (rc == 0)
        rc = read_arm(reading);
    if (rc == 0)
        rc = find_int(reading, reading->data, "position", &position);
    if (rc == 0 && position > MAX_POSITION)
        rc = refuse(reading, "position", "is too large");
    fact->shown.position = (int)position;
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
        rc = find_int(reading, reading->data, "results", &fact->search.results);
    return rc;
}

static int decode_cart(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    int rc = read_shopper(reading);
    if (rc == 0)
        rc = read_wine_id(reading);
    if (rc == 0)
        rc = copy_int(reading, reading->data, "quantity", &fact->cart.quantity);
    if (rc == 0)
        rc = find_int(reading, reading->data, "previous", &fact->cart.previous);
    return rc;
}

static int decode_merge(struct reading *reading)
{
    int rc = copy_text(reading, reading->data, "user_id", 1, &reading->event->fact.shopper);
    if (rc == 0)
        rc = copy_text(reading, reading->data, "guest_id", 1, &reading->event->fact.merge.guest);
    return rc;
}

static int read_line(struct reading *reading, struct json_view item, struct warehouse_line *line)
{
    int rc = copy_text(reading, item, "wine_id", 1, &line->wine_id);
    if (rc == 0)
        rc = copy_int(reading, item, "quantity", &line->quantity);
    if (rc == 0)
        rc = copy_int(reading, item, "unit_price", &line->unit_price);
    if (rc == 0)
        rc = copy_int(reading, item, "line_total", &line->line_total);
    return rc;
}

static int read_totals(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    struct json_view totals;
    int rc = find_object(reading, reading->data, "totals", &totals);
    if (rc == 0)
        rc = copy_int(reading, totals, "total", &fact->order.total);
    if (rc == 0)
        rc = copy_text(reading, totals, "currency", 1, &fact->order.currency);
    if (rc == 0) {
        fact->order.subtotal = json_view_int(json_view_get(totals, "subtotal"), 0);
        fact->order.shipping = json_view_int(json_view_get(totals, "shipping"), 0);
        fact->order.tax = json_view_int(json_view_get(totals, "tax"), 0);
    }
    return rc;
}

static int decode_order(struct reading *reading)
{
    struct warehouse_fact *fact = &reading->event->fact;
    struct json_view lines = json_view_get(reading->data, "lines");
    struct json_view item = json_view_first(lines);
    size_t count = json_view_count(lines);
    if (json_view_kind(lines) != JSON_KIND_ARRAY || !*reading->event->subject || count == 0 ||
        count > MAX_LINES)
        return error_set(
            reading->error, ERROR_INVALID, NULL, "lines", "an order needs an id and lines");
    struct warehouse_line *copied = arena_new_array(reading->arena, count, struct warehouse_line);
    int rc = read_shopper(reading);
    for (size_t i = 0; rc == 0 && i < count; i++, item = json_view_next(item))
        rc = read_line(reading, item, &copied[i]);
    if (rc == 0)
        rc = read_totals(reading);
    if (rc < 0)
        return rc;
    struct json_view destination = json_view_get(reading->data, "destination");
    fact->order.order_id = reading->event->subject;
    fact->order.lines = copied;
    fact->order.line_count = count;
    fact->order.country = text_or_none(reading, destination, "country");
    fact->order.region = text_or_none(reading, destination, "region");
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
    if (rc < 0)
        return rc;
    double stars = json_view_number(json_view_get(reading->data, "stars"), -1);
    if (stars < 0 || stars > 5)
        return refuse(reading, "stars", "must be a number from 0 to 5");
    reading->event->fact.stars = stars;
    return 0;
}

static int decode_wine(struct reading *reading)
{
    struct warehouse_wine *wine = &reading->event->fact.wine;
    struct json_view document, price;
    int rc = subject_is_wine(reading);
    if (rc == 0)
        rc = find_object(reading, reading->data, "wine", &document);
    if (rc == 0)
        rc = find_object(reading, document, "price", &price);
    if (rc < 0)
        return rc;
    *wine = (struct warehouse_wine){
        .name = text_or_none(reading, document, "name"),
        .winery = text_or_none(reading, document, "winery"),
        .type = text_or_none(reading, document, "type"),
        .country = text_or_none(reading, document, "country"),
        .region = text_or_none(reading, document, "region"),
        .vintage = json_view_int(json_view_get(document, "vintage"), 0),
        .bottle_ml = json_view_int(json_view_get(document, "bottle_ml"), 0),
        .price = json_view_int(json_view_get(price, "amount"), 0),
        .currency = text_or_none(reading, price, "currency"),
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
        rc = copy_int(reading, reading->data, "available", &reading->event->fact.available);
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

/* What every event has. */
static int read_envelope(struct reading *reading, struct json_view root)
{
    struct decoded *event = reading->event;
    const char *time = "";
    int rc = copy_text(reading, root, "id", 1, &event->id);
    if (rc == 0 && (strlen(event->id) > MAX_ID || strchr(event->id, ' '))) {
        event->id = "";
        rc = refuse(reading, "id", "is too long or holds a blank");
    }
    if (rc == 0)
        rc = copy_text(reading, root, "type", 1, &event->type);
    if (rc == 0)
        rc = copy_text(reading, root, "subject", 0, &event->subject);
    if (rc == 0)
        rc = find_int(reading, root, "sequence", &event->sequence);
    if (rc == 0)
        rc = copy_text(reading, root, "time", 1, &time);
    if (rc < 0)
        return rc;
    if (clock_parse(time, &event->fact.at_ms) < 0 || event->fact.at_ms < 0)
        return refuse(reading, "time", "not a time");
    return 0;
}

int event_decode(const char *data, size_t length, struct arena *arena, struct decoded *event,
    struct error *error)
{
    struct json_view root;
    *event = (struct decoded){.id = "", .type = "", .subject = ""};
    struct reading reading = {.arena = arena, .event = event, .error = error};
    int rc = json_view_read(data, length, arena, &root, error);
    if (rc == 0)
        rc = read_envelope(&reading, root);
    if (rc < 0)
        return rc;
    const struct kind *kind = kind_of(event->type);
    event->known = kind != NULL;
    if (!kind || !kind->decode)
        return 0;
    rc = find_object(&reading, root, "data", &reading.data);
    if (rc < 0)
        return rc;
    event->fact.kind = kind->fact;
    event->fact.event_id = event->id;
    event->fact.sequence = event->sequence;
    event->fact.shopper = event->fact.wine_id = "";
    rc = kind->decode(&reading);
    event->has_fact = rc == 0;
    event->teaches = rc == 0 && kind->teaches;
    return rc;
}
