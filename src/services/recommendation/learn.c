#include "learn.h"

#include "arena.h"
#include "clock.h"

#include <string.h>

struct reading {
    struct model *model;
    struct arena *arena; /* for texts */
};

static const char *text_of(struct reading *reading, struct json_view object, const char *name)
{
    return json_view_text(json_view_get(object, name), reading->arena, "");
}

static int64_t int_of(struct json_view object, const char *name, int64_t fallback)
{
    return json_view_int(json_view_get(object, name), fallback);
}

/* ---- wines ---- */

static double share_of(struct json_view shares, struct reading *reading, const char *grape)
{
    for (struct json_view share = json_view_first(shares); json_view_kind(share) != JSON_MISSING;
         share = json_view_next(share)) {
        if (strcmp(text_of(reading, share, "name"), grape) == 0)
            return json_view_number(json_view_get(share, "percent"), 0) / 100;
    }
    return 0;
}

static void read_grapes(
    struct reading *reading, struct json_view wine, struct wine_document *document)
{
    struct json_view names = json_view_get(wine, "grapes");
    size_t count = json_view_count(names);
    for (struct json_view name = json_view_first(names);
         json_view_kind(name) != JSON_MISSING && document->grape_count < WINE_MAX_GRAPES;
         name = json_view_next(name)) {
        const char *grape = json_view_text(name, reading->arena, "");
        double share = share_of(json_view_get(wine, "grape_shares"), reading, grape);
        document->grapes[document->grape_count].name = grape;
        document->grapes[document->grape_count++].share =
            share > 0 && share <= 1 ? share : 1.0 / (double)count;
    }
}

static void read_pairings(
    struct reading *reading, struct json_view wine, struct wine_document *document)
{
    for (struct json_view name = json_view_first(json_view_get(wine, "pairings"));
         json_view_kind(name) != JSON_MISSING && document->pairing_count < WINE_MAX_PAIRINGS;
         name = json_view_next(name))
        document->pairings[document->pairing_count++] = json_view_text(name, reading->arena, "");
}

static struct wine_document read_wine(
    struct reading *reading, struct json_view wine, const char *id)
{
    struct json_view rating = json_view_get(wine, "rating");
    bool rated = json_view_kind(rating) == JSON_KIND_OBJECT;
    struct wine_document document = {
        .id = id,
        .group_id = text_of(reading, wine, "group_id"),
        .name = text_of(reading, wine, "name"),
        .winery = text_of(reading, wine, "winery"),
        .type = text_of(reading, wine, "type"),
        .country = text_of(reading, wine, "country"),
        .region = text_of(reading, wine, "region"),
        .appellation = text_of(reading, wine, "appellation"),
        .elaborate = text_of(reading, wine, "elaborate"),
        .body = text_of(reading, wine, "body"),
        .acidity = text_of(reading, wine, "acidity"),
        .sweetness = text_of(reading, wine, "sweetness"),
        .tannin = text_of(reading, wine, "tannin"),
        .price = int_of(json_view_get(wine, "price"), "amount", 0),
        .rating_mean = json_view_number(json_view_get(rating, "mean"), 0),
        .rating_count = rated ? int_of(rating, "count", 0) : -1,
    };
    read_grapes(reading, wine, &document);
    read_pairings(reading, wine, &document);
    return document;
}

struct wine_document learn_read_wine(struct json_view wine, struct arena *arena)
{
    struct reading reading = {.arena = arena};
    return read_wine(&reading, wine, text_of(&reading, wine, "id"));
}

void learn_wine(struct model *model, struct json_view wine, struct arena *arena)
{
    struct reading reading = {.model = model, .arena = arena};
    const char *id = text_of(&reading, wine, "id");
    if (!*id || strlen(id) >= ID_SIZE)
        return;
    struct wine_document document = read_wine(&reading, wine, id);
    model_describe(model, &document, 0, int_of(wine, "available", -1));
}

/* ---- events ---- */

struct event {
    struct reading *reading;
    struct model *model;
    struct json_view data;
    const char *subject, *shopper;
    int64_t sequence, at_ms;
};

static const char *wine_of(const struct event *event)
{
    const char *id = text_of(event->reading, event->data, "wine_id");
    return strlen(id) < ID_SIZE ? id : "";
}

static void on_viewed(const struct event *event)
{
    const char *wine = wine_of(event);
    if (*wine)
        model_view(event->model, event->shopper, wine, event->at_ms);
}

static void on_clicked(const struct event *event)
{
    const char *wine = wine_of(event);
    if (*wine)
        model_click(event->model, event->shopper, wine, event->at_ms);
}

static void on_cart(const struct event *event)
{
    const char *wine = wine_of(event);
    bool inside = int_of(event->data, "quantity", 0) > 0;
    if (*wine)
        model_cart(event->model, event->shopper, wine, inside, event->at_ms);
}

static void on_merged(const struct event *event)
{
    const char *guest = text_of(event->reading, event->data, "guest_id");
    if (*guest && *event->shopper)
        model_merge(event->model, event->shopper, guest);
}

static void on_placed(const struct event *event)
{
    const char *wines[PROFILE_ORDER];
    size_t count = 0;
    for (struct json_view line = json_view_first(json_view_get(event->data, "lines"));
         json_view_kind(line) != JSON_MISSING && count < PROFILE_ORDER;
         line = json_view_next(line)) {
        const char *id = text_of(event->reading, line, "wine_id");
        if (*id && strlen(id) < ID_SIZE)
            wines[count++] = id;
    }
    model_order(event->model, event->shopper, event->subject, wines, count, event->at_ms);
}

static void on_undone(const struct event *event)
{
    model_order_undone(event->model, event->shopper, event->subject);
}

static void on_rated(const struct event *event)
{
    double stars = json_view_number(json_view_get(event->data, "stars"), 0);
    if (!*event->subject || stars <= 0)
        return;
    model_rate(event->model, event->shopper, event->subject, stars, event->at_ms);
    model_rating(event->model, event->subject,
        json_view_number(json_view_get(event->data, "mean"), stars),
        int_of(event->data, "count", 1));
}

static void on_described(const struct event *event)
{
    struct json_view wine = json_view_get(event->data, "wine");
    if (!*event->subject || json_view_kind(wine) != JSON_KIND_OBJECT)
        return;
    struct wine_document document = read_wine(event->reading, wine, event->subject);
    model_describe(event->model, &document, event->sequence, -1);
}

static void on_withdrawn(const struct event *event)
{
    if (*event->subject)
        model_withdraw(event->model, event->subject, event->sequence);
}

static void on_stock(const struct event *event)
{
    int64_t available = int_of(event->data, "available", -1);
    if (*event->subject && available >= 0)
        model_stock(event->model, event->subject, available, event->sequence);
}

static void on_erased(const struct event *event)
{
    model_forget(event->model, event->subject);
}

static const struct {
    const char *type;
    void (*learn)(const struct event *event);
} lessons[] = {
    {"activity.viewed", on_viewed},
    {"activity.clicked", on_clicked},
    {"stock.changed", on_stock},
    {"cart.changed", on_cart},
    {"cart.merged", on_merged},
    {"order.placed", on_placed},
    {"order.rejected", on_undone},
    {"order.cancelled", on_undone},
    {"rating.given", on_rated},
    {"product.created", on_described},
    {"product.updated", on_described},
    {"product.withdrawn", on_withdrawn},
    {"user.erased", on_erased},
};

void learn_event(struct model *model, struct json_view json, struct arena *arena)
{
    struct reading reading = {.model = model, .arena = arena};
    struct event event = {
        .reading = &reading,
        .model = model,
        .data = json_view_get(json, "data"),
        .subject = text_of(&reading, json, "subject"),
        .sequence = int_of(json, "sequence", 0),
        .at_ms = clock_now_ms(),
    };
    struct json_view type = json_view_get(json, "type");
    if (strlen(event.subject) >= ID_SIZE)
        return;
    int64_t at_ms;
    /* A clock that runs ahead must not make a wine popular for ever. */
    if (clock_parse(text_of(&reading, json, "time"), &at_ms) == 0 && at_ms < event.at_ms)
        event.at_ms = at_ms;
    event.shopper = text_of(&reading, event.data, "user_id");
    if (!*event.shopper)
        event.shopper = text_of(&reading, event.data, "guest_id");
    for (size_t i = 0; i < sizeof(lessons) / sizeof(*lessons); i++) {
        if (json_view_is(type, lessons[i].type)) {
            lessons[i].learn(&event);
            return;
        }
    }
}

/* ---- the past ---- */

void learn_past_end(struct past *past)
{
    const char *wines[PROFILE_ORDER];
    if (!past->count)
        return;
    for (size_t i = 0; i < past->count; i++)
        wines[i] = past->wines[i];
    model_order(past->model, past->shopper, past->order_id, wines, past->count, past->at_ms);
    if (past->undone)
        model_order_undone(past->model, past->shopper, past->order_id);
    past->count = 0;
}

static void gather_line(struct past *past, const struct warehouse_interaction *interaction)
{
    if (past->count && strcmp(past->order_id, interaction->order_id) != 0)
        learn_past_end(past);
    if (past->count == PROFILE_ORDER || strlen(interaction->order_id) >= ID_SIZE)
        return;
    strcpy(past->order_id, interaction->order_id);
    strcpy(past->shopper, interaction->shopper);
    strcpy(past->wines[past->count++], interaction->wine_id);
    past->at_ms = interaction->at_ms;
    past->undone = interaction->value <= 0;
}

void learn_past(struct past *past, const struct warehouse_interaction *interaction)
{
    const char *shopper = interaction->shopper, *wine = interaction->wine_id;
    if (!*wine || strlen(wine) >= ID_SIZE || strlen(shopper) >= ID_SIZE)
        return;
    if (interaction->kind == WAREHOUSE_ORDER) {
        gather_line(past, interaction);
        return;
    }
    learn_past_end(past);
    switch (interaction->kind) {
    case WAREHOUSE_VIEW:
        model_view(past->model, shopper, wine, interaction->at_ms);
        break;
    case WAREHOUSE_CLICK:
        model_click(past->model, shopper, wine, interaction->at_ms);
        break;
    case WAREHOUSE_CART:
        model_cart(past->model, shopper, wine, interaction->value > 0, interaction->at_ms);
        break;
    case WAREHOUSE_RATING:
        model_rate(past->model, shopper, wine, interaction->value, interaction->at_ms);
        break;
    default:
        break;
    }
}
