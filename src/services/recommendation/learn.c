#include "learn.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

/* ---- wines ---- */

static void read_grapes(struct wine_document *document, const json_t *wine)
{
    const json_t *names = json_object_get(wine, "grapes");
    const json_t *shares = json_object_get(wine, "grape_shares");
    size_t count = json_array_size(names);
    for (size_t i = 0; i < count && i < WINE_MAX_GRAPES; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name)
            continue;
        double percent = 0;
        for (size_t j = 0; j < json_array_size(shares); j++) {
            const json_t *share = json_array_get(shares, j);
            if (strcmp(json_text_or(share, "name", ""), name) == 0)
                percent = json_number_or(share, "percent", 0);
        }
        document->grapes[document->grape_count].name = name;
        document->grapes[document->grape_count++].share =
            percent > 0 && percent <= 100 ? percent / 100 : 1.0 / (double)count;
    }
}

static void read_pairings(struct wine_document *document, const json_t *wine)
{
    const json_t *pairings = json_object_get(wine, "pairings");
    for (size_t i = 0; i < json_array_size(pairings) && i < WINE_MAX_PAIRINGS; i++) {
        const char *name = json_string_value(json_array_get(pairings, i));
        if (name)
            document->pairings[document->pairing_count++] = name;
    }
}

/* The texts are the JSON's. */
static struct wine_document read_wine(const json_t *wine, const char *id)
{
    const json_t *rating = json_object_get(wine, "rating");
    struct wine_document document = {
        .id = id,
        .group_id = json_text_or(wine, "group_id", ""),
        .name = json_text_or(wine, "name", ""),
        .winery = json_text_or(wine, "winery", ""),
        .type = json_text_or(wine, "type", ""),
        .country = json_text_or(wine, "country", ""),
        .region = json_text_or(wine, "region", ""),
        .appellation = json_text_or(wine, "appellation", ""),
        .elaborate = json_text_or(wine, "elaborate", ""),
        .body = json_text_or(wine, "body", ""),
        .acidity = json_text_or(wine, "acidity", ""),
        .sweetness = json_text_or(wine, "sweetness", ""),
        .tannin = json_text_or(wine, "tannin", ""),
        .price = json_int_or(json_object_get(wine, "price"), "amount", 0),
        .rating_mean = json_number_or(rating, "mean", 0),
        .rating_count = rating ? json_int_or(rating, "count", 0) : -1,
    };
    read_grapes(&document, wine);
    read_pairings(&document, wine);
    return document;
}

void learn_wine(struct model *model, const json_t *wine)
{
    const char *id = json_text_or(wine, "id", "");
    if (!*id || strlen(id) >= ID_SIZE)
        return;
    struct wine_document document = read_wine(wine, id);
    model_describe(model, &document, 0, json_int_or(wine, "available", -1));
}

/* ---- events ---- */

struct event {
    const json_t *data;
    const char *type, *subject, *shopper;
    int64_t sequence, at_ms;
};

static const char *wine_of(const struct event *event)
{
    const char *id = json_text_or(event->data, "wine_id", "");
    return strlen(id) < ID_SIZE ? id : "";
}

static void on_viewed(struct model *model, const struct event *event)
{
    if (*wine_of(event))
        model_view(model, event->shopper, wine_of(event), event->at_ms);
}

static void on_clicked(struct model *model, const struct event *event)
{
    if (*wine_of(event))
        model_click(model, event->shopper, wine_of(event), event->at_ms);
}

static void on_cart(struct model *model, const struct event *event)
{
    int64_t quantity = json_int_or(event->data, "quantity", 0);
    if (*wine_of(event))
        model_cart(model, event->shopper, wine_of(event), quantity > 0, event->at_ms);
}

static void on_merged(struct model *model, const struct event *event)
{
    const char *guest = json_text_or(event->data, "guest_id", "");
    if (*guest && *event->shopper)
        model_merge(model, event->shopper, guest);
}

static void on_placed(struct model *model, const struct event *event)
{
    const json_t *lines = json_object_get(event->data, "lines");
    const char *wines[PROFILE_ORDER];
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(lines) && count < PROFILE_ORDER; i++) {
        const char *id = json_text_or(json_array_get(lines, i), "wine_id", "");
        if (*id && strlen(id) < ID_SIZE)
            wines[count++] = id;
    }
    model_order(model, event->shopper, event->subject, wines, count, event->at_ms);
}

static void on_undone(struct model *model, const struct event *event)
{
    model_order_undone(model, event->shopper, event->subject);
}

static void on_rated(struct model *model, const struct event *event)
{
    double stars = json_number_or(event->data, "stars", 0);
    if (!*event->subject || stars <= 0)
        return;
    model_rate(model, event->shopper, event->subject, stars, event->at_ms);
    model_rating(model, event->subject, json_number_or(event->data, "mean", stars),
        json_int_or(event->data, "count", 1));
}

static void on_described(struct model *model, const struct event *event)
{
    const json_t *wine = json_object_get(event->data, "wine");
    if (!*event->subject || !json_is_object(wine))
        return;
    struct wine_document document = read_wine(wine, event->subject);
    model_describe(model, &document, event->sequence, -1);
}

static void on_withdrawn(struct model *model, const struct event *event)
{
    if (*event->subject)
        model_withdraw(model, event->subject, event->sequence);
}

static void on_stock(struct model *model, const struct event *event)
{
    int64_t available = json_int_or(event->data, "available", -1);
    if (*event->subject && available >= 0)
        model_stock(model, event->subject, available, event->sequence);
}

static void on_erased(struct model *model, const struct event *event)
{
    model_forget(model, event->subject);
}

static const struct {
    const char *type;
    void (*learn)(struct model *model, const struct event *event);
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

void learn_event(struct model *model, const json_t *json)
{
    struct event event = {
        .data = json_object_get(json, "data"),
        .type = json_text_or(json, "type", ""),
        .subject = json_text_or(json, "subject", ""),
        .sequence = json_int_or(json, "sequence", 0),
        .at_ms = clock_now_ms(),
    };
    if (strlen(event.subject) >= ID_SIZE)
        return;
    int64_t at_ms;
    /* A clock that runs ahead must not make a wine popular for ever. */
    if (clock_parse(json_text_or(json, "time", ""), &at_ms) == 0 && at_ms < event.at_ms)
        event.at_ms = at_ms;
    event.shopper = json_text_or(event.data, "user_id", "");
    if (!*event.shopper)
        event.shopper = json_text_or(event.data, "guest_id", "");
    for (size_t i = 0; i < sizeof(lessons) / sizeof(*lessons); i++) {
        if (strcmp(lessons[i].type, event.type) == 0) {
            lessons[i].learn(model, &event);
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
