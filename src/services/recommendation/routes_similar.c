/* Similar wines: the model names them, the product service has their documents. */
#include "service.h"

#include <string.h>

static void got_similar(void *ctx, int status, const char *body, size_t length)
{
    service_reply_upstream(ctx, status, body, length); /* {"items": [...]}, as it is to be */
}

/* The model does not know the wine: the product service knows whether there is none, it is gone, or
 * it is so new that nothing can be said of it. */
static void got_unknown(void *ctx, int status, const char *body, size_t length)
{
    if (status == 200)
        http_reply(ctx, 200, "application/json", "{\"items\":[]}", strlen("{\"items\":[]}"));
    else
        service_reply_upstream(ctx, status, body, length);
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
        service_call_product(service, exchange, service_documents_path(exchange->arena, ids, count),
            got_similar, exchange);
    else
        service_call_product(service, exchange,
            arena_printf(exchange->arena, "/api/v1/wines/%s", wine_id), got_unknown, exchange);
}
