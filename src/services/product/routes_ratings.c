/* Ratings: given, listed, and a shopper's own for the export of personal data. */
#include "buffer.h"
#include "clock.h"
#include "document.h"
#include "json.h"
#include "search.h"
#include "service.h"
#include "upstream.h"
#include "wine.h"

#include <math.h>
#include <string.h>

#define ANONYMOUS "A shopper"
#define MAX_NOTE 2000
#define MAX_EXPORT 10000

static void append_rating(
    struct buffer *body, const struct product_rating *rating, const char *author)
{
    char time[CLOCK_TEXT_SIZE];
    buffer_printf(body, "{\"id\":\"%s\",\"stars\":%d%s,\"note\":", rating->id,
        (int)(rating->halves / 2), rating->halves % 2 ? ".5" : "");
    buffer_append_json(body, rating->note);
    buffer_append_text(body, ",\"author\":");
    buffer_append_json(body, author);
    buffer_printf(body, ",\"created_at\":\"%s\"", clock_format(rating->created_ms, time));
}

/* ---- first names of the authors ---- */

/* Asks the user service for the first names of the ratings' authors, then calls `next`. Without an
 * answer they stay anonymous: a page of ratings is not worth failing for. */
struct names_flow {
    struct exchange *exchange;
    const struct product_rating *ratings;
    size_t count;
    const char **authors; /* per rating */
    void (*next)(struct names_flow *flow);
};

static void take_names(struct names_flow *flow, const json_t *items)
{
    size_t index;
    const json_t *item;
    json_array_foreach(items, index, item)
    {
        const char *id = json_text_or(item, "id", "");
        const char *name = json_text_or(item, "first_name", "");
        for (size_t i = 0; i < flow->count; i++) {
            if (*name && strcmp(flow->ratings[i].user_id, id) == 0)
                flow->authors[i] = arena_strdup(flow->exchange->arena, name);
        }
    }
}

static void got_names(void *ctx, int status, const char *body, size_t length)
{
    struct names_flow *flow = ctx;
    CLEANUP_JSON json_t *answer = NULL;
    struct error error;
    if (status == 200 && json_read_object(body, length, &answer, &error) == 0)
        take_names(flow, json_object_get(answer, "items"));
    flow->next(flow);
}

static void ask_names(struct product_service *service, struct names_flow *flow)
{
    flow->authors = arena_new_array(flow->exchange->arena, flow->count + 1, const char *);
    for (size_t i = 0; i < flow->count; i++)
        flow->authors[i] = ANONYMOUS;
    if (!service->user || flow->count == 0) {
        flow->next(flow);
        return;
    }
    CLEANUP_BUFFER struct buffer path = BUFFER_INIT;
    buffer_append_text(&path, "/internal/users/first-names?ids=");
    for (size_t i = 0; i < flow->count; i++)
        buffer_printf(&path, "%s%s", i ? "," : "", flow->ratings[i].user_id);
    struct upstream_call call = {.method = HTTP_GET,
        .path = path.data,
        .trace = &flow->exchange->request.trace,
        .done = got_names,
        .ctx = flow};
    upstream_call(service->user, &call);
}

/* ---- a page of ratings ---- */

struct ratings_flow {
    struct names_flow names; /* first: the address is the flow's */
    struct product_service *service;
    struct product_wine wine;
    bool more;
};

static void reply_page(struct names_flow *names)
{
    struct ratings_flow *flow = (struct ratings_flow *)names;
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < names->count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_rating(&body, &names->ratings[i], names->authors[i]);
        buffer_append_char(&body, '}');
    }
    buffer_append_text(&body, "],\"mean\":");
    document_append_mean(&body, flow->wine.halves, flow->wine.ratings);
    buffer_append_text(&body, ",\"count\":");
    buffer_append_int(&body, flow->wine.ratings);
    buffer_append_text(&body, ",\"next_cursor\":");
    buffer_append_json(&body, flow->more ? names->ratings[names->count - 1].id : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(names->exchange, 200, &body);
}

static void got_ratings(void *ctx, int rc, const struct error *error,
    const struct product_wine *wine, struct product_rating *ratings, size_t count, bool more)
{
    struct ratings_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->names.exchange, error);
        return;
    }
    if (!route_for_sale(flow->names.exchange, wine))
        return;
    flow->wine = *wine;
    flow->names.ratings = ratings;
    flow->names.count = count;
    flow->more = more;
    ask_names(flow->service, &flow->names);
}

void route_list_ratings(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *id = route_id(exchange);
    const char *cursor = http_query(exchange, "cursor");
    int64_t limit = 20;
    if (!id || !route_number(exchange, "limit", 1, 100, &limit))
        return;
    if (cursor && !id_valid(cursor)) {
        http_problem(
            exchange, 400, "malformed_parameter", "cursor", "is not one that this list gave");
        return;
    }
    struct ratings_flow *flow = arena_new_struct(exchange->arena, struct ratings_flow);
    flow->names.exchange = exchange;
    flow->names.next = reply_page;
    flow->service = service;
    product_store_ratings(service->store, exchange->arena, id, /* user_id= */ NULL, cursor,
        (size_t)limit, got_ratings, flow);
}

/* ---- rating ---- */

struct rate_flow {
    struct names_flow names; /* first: the address is the flow's */
    struct product_service *service;
    struct product_rating rating;
};

static void reply_rating(struct names_flow *names)
{
    struct buffer body = BUFFER_INIT;
    append_rating(&body, names->ratings, names->authors[0]);
    buffer_append_char(&body, '}');
    http_reply_json(names->exchange, 201, &body);
}

static void rated(void *ctx, int rc, const struct error *error, const struct product_wine *wine)
{
    struct rate_flow *flow = ctx;
    struct exchange *exchange = flow->names.exchange;
    if (rc < 0 && strcmp(error->reason, "withdrawn") == 0) {
        http_problem(exchange, 410, "withdrawn", NULL, "%s", error->message);
        return;
    }
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    search_set_rating(
        flow->service->search, wine->id, (double)wine->halves / 2, (int)wine->ratings, NULL);
    ask_names(flow->service, &flow->names);
}

static int read_rating(
    struct arena *arena, const json_t *body, struct product_rating *rating, struct error *error)
{
    double stars = 0;
    const char *note = NULL;
    int rc = json_get_number(body, "stars", 1, 5, &stars, error);
    if (rc == 0 && stars * 2 != floor(stars * 2))
        rc = error_set(error, ERROR_INVALID, NULL, "stars", "must be whole or half stars");
    if (rc == 0)
        rc = json_find_text(body, "note", 0, MAX_NOTE, &note, error);
    rating->halves = (int64_t)(stars * 2);
    rating->note = note && *note ? arena_strdup(arena, note) : NULL;
    return rc;
}

void route_rate(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    const char *id = route_id(exchange);
    if (!id || !route_user(exchange) || http_json_body(exchange, &body) < 0)
        return;
    struct rate_flow *flow = arena_new_struct(exchange->arena, struct rate_flow);
    if (read_rating(exchange->arena, body, &flow->rating, &error) < 0) {
        http_problem(exchange, 422, "invalid_field", error.field, "%s", error.message);
        return;
    }
    id_new(flow->rating.id);
    memcpy(flow->rating.wine_id, id, ID_SIZE);
    memcpy(flow->rating.user_id, exchange->request.identity.user, ID_SIZE);
    flow->rating.created_ms = clock_now_ms();
    flow->service = service;
    flow->names.exchange = exchange;
    flow->names.ratings = &flow->rating;
    flow->names.count = 1;
    flow->names.next = reply_rating;
    product_store_rate(service->store, &flow->rating, &exchange->request.trace, rated, flow);
}

/* ---- GET /internal/export ---- */

struct export_flow {
    struct names_flow names; /* first: the address is the flow's */
};

static void reply_export(struct names_flow *names)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"ratings\":[");
    for (size_t i = 0; i < names->count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_rating(&body, &names->ratings[i], names->authors[i]);
        buffer_printf(&body, ",\"wine_id\":\"%s\"}", names->ratings[i].wine_id);
    }
    buffer_append_text(&body, "]}");
    http_reply_json(names->exchange, 200, &body);
}

static void got_own_ratings(void *ctx, int rc, const struct error *error,
    const struct product_wine *wine, struct product_rating *ratings, size_t count, bool more)
{
    struct names_flow *names = ctx;
    (void)wine;
    (void)more;
    if (rc < 0) {
        http_fail(names->exchange, error);
        return;
    }
    names->ratings = ratings;
    names->count = count;
    names->authors = arena_new_array(names->exchange->arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++)
        names->authors[i] = ANONYMOUS;
    reply_export(names);
}

void route_export_user(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    if (!route_user(exchange))
        return;
    struct export_flow *flow = arena_new_struct(exchange->arena, struct export_flow);
    flow->names.exchange = exchange;
    product_store_ratings(service->store, exchange->arena, /* wine_id= */ NULL,
        exchange->request.identity.user, /* before= */ NULL, MAX_EXPORT, got_own_ratings,
        &flow->names);
}
