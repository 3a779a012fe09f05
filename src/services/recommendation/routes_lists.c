/* Similar wines, and the list for a shopper: the model names the wines, the product service has
 * their documents. */
#include "buffer.h"
#include "clock.h"
#include "documents.h"
#include "service.h"

#include <string.h>

static void reply_upstream(struct exchange *exchange, int status, const char *body, size_t length)
{
    if (status >= 500 || status == 0) {
        http_problem(exchange, 503, "unavailable", NULL, "the wines cannot be read at the moment");
        return;
    }
    http_reply(exchange, status, status < 400 ? "application/json" : "application/problem+json",
        arena_strndup(exchange->arena, body, length), length);
}

/* ---- similar ---- */

static void got_similar(void *ctx, int status, const char *body, size_t length)
{
    reply_upstream(ctx, status, body, length); /* {"items": [...]}, as it is to be */
}

/* The model does not know the wine: the product service knows whether there is none, it is gone, or
 * it is so new that nothing can be said of it. */
static void got_unknown(void *ctx, int status, const char *body, size_t length)
{
    if (status == 200)
        http_reply(ctx, 200, "application/json", "{\"items\":[]}", strlen("{\"items\":[]}"));
    else
        reply_upstream(ctx, status, body, length);
}

static void call_product(struct recommendation_service *service, struct exchange *exchange,
    const char *path, void (*done)(void *ctx, int status, const char *body, size_t length),
    void *ctx)
{
    upstream_call(service->options.product, &(struct upstream_call){.method = HTTP_GET,
                                                .path = path,
                                                .trace = &exchange->request.trace,
                                                .done = done,
                                                .ctx = ctx});
}

void route_similar(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    const char *wine_id = exchange->request.params[0], *ids[MODEL_MAX_LIST];
    int64_t limit = 8;
    size_t count = 0;
    struct error error = {0};
    if (!id_valid(wine_id)) {
        http_problem(exchange, 404, "not_found", NULL, "there is no such wine");
        return;
    }
    if (http_query_int(exchange, "limit", 1, MODEL_MAX_LIST, &limit, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    if (!recommendation_service_ready(service)) {
        http_problem(exchange, 503, "unavailable", NULL, "the catalogue is being learnt");
        return;
    }
    enum model_found found = model_similar(service->model, wine_id, (size_t)limit, ids, &count);
    if (found == MODEL_FOUND && count == 0)
        http_reply(exchange, 200, "application/json", "{\"items\":[]}", strlen("{\"items\":[]}"));
    else if (found == MODEL_FOUND)
        call_product(service, exchange, service_documents_path(exchange->arena, ids, count),
            got_similar, exchange);
    else
        call_product(service, exchange, arena_printf(exchange->arena, "/api/v1/wines/%s", wine_id),
            got_unknown, exchange);
}

/* ---- for a shopper ---- */

struct listing {
    struct exchange *exchange;
    bool personal;
    size_t count;
    struct model_pick picks[MODEL_MAX_LIST];
};

static const struct {
    const char *kind, *before, *after;
} reasons[] = {
    [MODEL_LIKED] = {"similar_to", "Because you liked ", ""},
    [MODEL_VIEWED] = {"similar_to", "Because you looked at ", ""},
    [MODEL_BASKET] = {"bought_together", "Goes with ", " in your basket"},
    [MODEL_BOUGHT_WITH] = {"bought_together", "Often bought with ", ""},
    [MODEL_POPULAR] = {"popular", "Popular at the moment", ""},
    [MODEL_NEW] = {"new", "New in the shop", ""},
};

static void append_reason(struct buffer *body, const struct model_pick *pick, struct buffer *text)
{
    buffer_reset(text);
    buffer_append_text(text, reasons[pick->reason].before);
    if (pick->source_name)
        buffer_append_text(text, pick->source_name);
    buffer_append_text(text, reasons[pick->reason].after);
    buffer_append_text(body, ",\"reason\":{\"kind\":\"");
    buffer_append_text(body, reasons[pick->reason].kind);
    buffer_append_text(body, "\",\"text\":");
    buffer_append_json(body, text->data);
    if (pick->source_id) {
        buffer_append_text(body, ",\"wine_id\":");
        buffer_append_json(body, pick->source_id);
    }
    buffer_append_text(body, "}}");
}

static const struct model_pick *pick_of(
    const struct listing *listing, const struct document *document)
{
    for (size_t i = 0; i < listing->count; i++) {
        const char *id = listing->picks[i].wine_id;
        if (strlen(id) == document->id_length && memcmp(id, document->id, document->id_length) == 0)
            return &listing->picks[i];
    }
    return NULL;
}

static void reply_list(struct listing *listing, const struct document *documents, size_t count)
{
    struct buffer body = BUFFER_INIT, text = BUFFER_INIT;
    bool first = true;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        const struct model_pick *pick = pick_of(listing, &documents[i]);
        if (!pick)
            continue;
        buffer_append_text(&body, first ? "{\"wine\":" : ",{\"wine\":");
        buffer_append(&body, documents[i].text, documents[i].length);
        append_reason(&body, pick, &text);
        first = false;
    }
    buffer_append_text(&body, "],\"personal\":");
    buffer_append_text(&body, listing->personal && !first ? "true}" : "false}");
    buffer_release(&text);
    http_reply_json(listing->exchange, 200, &body);
}

static void got_documents(void *ctx, int status, const char *body, size_t length)
{
    struct listing *listing = ctx;
    struct document documents[MODEL_MAX_LIST];
    if (status != 200)
        reply_upstream(listing->exchange, status >= 400 ? 503 : status, body, length);
    else
        reply_list(listing, documents, documents_split(body, documents, MODEL_MAX_LIST));
}

void route_recommendations(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    const struct identity *who = &exchange->request.identity;
    struct listing *listing = arena_new_struct(exchange->arena, struct listing);
    const char *ids[MODEL_MAX_LIST];
    int64_t limit = 12;
    struct error error = {0};
    if (http_query_int(exchange, "limit", 1, MODEL_MAX_LIST, &limit, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    listing->exchange = exchange;
    listing->count = model_recommend(service->model, *who->user ? who->user : who->guest,
        (size_t)limit, clock_now_ms(), listing->picks, &listing->personal);
    for (size_t i = 0; i < listing->count; i++)
        ids[i] = listing->picks[i].wine_id;
    if (listing->count == 0)
        reply_list(listing, NULL, 0);
    else
        call_product(service, exchange,
            service_documents_path(exchange->arena, ids, listing->count), got_documents, listing);
}
