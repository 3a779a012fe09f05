/* Health, readiness, metrics and the contract. */
#include "internal.h"
#include "text.h"

#include <string.h>

void operate_health(struct gateway *gateway, struct exchange *exchange)
{
    (void)gateway;
    static const char body[] = "{\"status\":\"ok\"}";
    http_reply(exchange, 200, "application/json", body, sizeof(body) - 1);
}

static void join_checks(const struct joined_part *part, json_t *checks, bool *ready)
{
    CLEANUP_JSON json_t *answer = NULL;
    if (part->status != 200 ||
        json_read_object(part->body, strlen(part->body), &answer, NULL) < 0) {
        *ready = false;
        json_array_append_new(checks, json_pack("{s:s, s:b, s:s}", "name", part->name, "ready", 0,
                                          "detail", "does not answer"));
        return;
    }
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(answer, "checks"), i, check)
    {
        *ready = *ready && json_is_true(json_object_get(check, "ready"));
        json_array_append(checks, check);
    }
}

static void ready_finish(struct joined *joined)
{
    json_t *checks = json_array();
    bool ready = true;
    for (size_t i = 0; i < joined->count; i++)
        join_checks(&joined->parts[i], checks, &ready);
    if (!ready)
        http_set_header(joined->exchange, "Retry-After", "1");
    http_reply_json_value(joined->exchange, ready ? 200 : 503,
        json_pack("{s:s, s:o}", "status", ready ? "ready" : "not_ready", "checks", checks));
}

void operate_ready(struct gateway *gateway, struct exchange *exchange)
{
    const struct gateway_options *options = &gateway->options;
    struct joined *joined = joined_new(exchange, ready_finish);
    joined_add(joined, "product", options->product);
    joined_add(joined, "user", options->user);
    joined_add(joined, "order", options->order);
    joined_add(joined, "recommendation", options->recommendation);
    joined_add(joined, "notification", options->notification);
    joined_ask(joined, "/internal/ready");
}

static bool may_see_metrics(const struct gateway *gateway, struct exchange *exchange)
{
    const char *token = gateway->options.metrics_token;
    const char *given = http_header(exchange, "Authorization");
    if (*token && given && text_starts_with(given, "Bearer "))
        return secure_equal(given + 7, token);
    const char *address = exchange->request.client_address;
    return (text_starts_with(address, "127.") || text_equal(address, "::1")) &&
           !http_header(exchange, "X-Forwarded-For");
}

void operate_metrics(struct gateway *gateway, struct exchange *exchange)
{
    if (!may_see_metrics(gateway, exchange)) {
        http_problem(exchange, 403, "forbidden", NULL,
            "metrics answer this machine, or a bearer token (metrics.token)");
        return;
    }
    struct buffer body = BUFFER_INIT;
    metrics_write(gateway->options.metrics, &body);
    char *text = arena_strndup(exchange->arena, body.data ? body.data : "", body.length);
    size_t length = body.length;
    buffer_release(&body);
    http_reply(exchange, 200, METRICS_CONTENT_TYPE, text, length);
}

void operate_openapi(struct gateway *gateway, struct exchange *exchange)
{
    http_set_header(exchange, "Cache-Control", "no-cache");
    if (http_not_modified(exchange, gateway->openapi_etag))
        return;
    http_reply(exchange, 200, "application/json", gateway->options.openapi,
        strlen(gateway->options.openapi));
}
