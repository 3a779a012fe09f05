/* What the other services ask: wines for a cart or a model, reservations, a shopper's data. */
#include "buffer.h"
#include "clock.h"
#include "json.h"
#include "metrics.h"
#include "search.h"
#include "service.h"
#include "text.h"

#include <string.h>

#define MAX_IDS 100

/* ---- wines ---- */

static void append_wines(struct buffer *body, const struct product_wine *wines, size_t count)
{
    buffer_append_text(body, "{\"items\":[");
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!wines[i].row || wines[i].withdrawn)
            continue;
        if (!first)
            buffer_append_char(body, ',');
        first = false;
        buffer_append(body, wines[i].json, wines[i].length);
    }
    buffer_append_char(body, ']');
}

static void got_wines(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct exchange *exchange = ctx;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    append_wines(&body, wines, count);
    buffer_append_char(&body, '}');
    http_reply_json(exchange, 200, &body);
}

void route_internal_wines(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *list = http_query(exchange, "ids");
    const char *full = http_query(exchange, "full");
    const char *ids[MAX_IDS + 1];
    size_t count = list ? text_split(exchange->arena, list, ',', ids, MAX_IDS + 1) : 0;
    if (!list || count > MAX_IDS) {
        http_problem(exchange, 422, "invalid_field", "ids", "name at most %d wines", MAX_IDS);
        return;
    }
    enum product_detail detail = full && strcmp(full, "true") == 0 ? PRODUCT_PUBLIC : PRODUCT_BRIEF;
    product_store_get(service->store, exchange->arena, ids, count, detail, got_wines, exchange);
}

struct all_flow {
    struct exchange *exchange;
    size_t limit;
};

static void got_all(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct all_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    append_wines(&body, wines, count);
    buffer_append_text(&body, ",\"next\":");
    buffer_append_json(&body, count == flow->limit ? wines[count - 1].id : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

void route_internal_all(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *after = http_query(exchange, "after");
    int64_t limit = 1000;
    if (!route_number(exchange, "limit", 1, 1000, &limit))
        return;
    struct all_flow *flow = arena_new_struct(exchange->arena, struct all_flow);
    flow->exchange = exchange;
    flow->limit = (size_t)limit;
    product_store_scan(
        service->store, exchange->arena, after ? after : "", flow->limit, got_all, flow);
}

/* ---- reservations ---- */

struct stock_flow {
    struct product_service *service;
    struct exchange *exchange;
};

static struct stock_flow *stock_flow_new(struct product_service *service, struct exchange *exchange)
{
    struct stock_flow *flow = arena_new_struct(exchange->arena, struct stock_flow);
    flow->service = service;
    flow->exchange = exchange;
    return flow;
}

static int read_line(const json_t *value, struct product_line *line, struct error *error)
{
    const char *id = NULL;
    if (!json_is_object(value))
        return error_set(error, ERROR_INVALID, "invalid_field", "lines", "must hold objects");
    int rc = json_get_text(value, "wine_id", ID_LENGTH, ID_LENGTH, &id, error);
    if (rc == 0)
        rc = json_get_int(value, "quantity", 1, 999, &line->quantity, error);
    if (rc == 0 && !id_valid(id))
        rc = error_set(error, ERROR_INVALID, NULL, "wine_id", "is no id");
    if (rc == 0)
        memcpy(line->id, id, ID_SIZE);
    return rc;
}

static int read_lines(
    const json_t *body, struct product_line *lines, size_t *count, struct error *error)
{
    const json_t *list = json_object_get(body, "lines");
    size_t size = json_array_size(list);
    if (size < 1 || size > PRODUCT_MAX_LINES)
        return error_set(error, ERROR_INVALID, "invalid_field", "lines",
            "must be an array of 1 to %d lines", PRODUCT_MAX_LINES);
    for (size_t i = 0; i < size; i++) {
        memset(&lines[i], 0, sizeof(lines[i]));
        int rc = read_line(json_array_get(list, i), &lines[i], error);
        for (size_t j = 0; rc == 0 && j < i; j++) {
            if (strcmp(lines[i].id, lines[j].id) == 0)
                rc = error_set(
                    error, ERROR_INVALID, NULL, "lines", "a wine may stand in one line only");
        }
        if (rc < 0)
            return rc;
    }
    *count = size;
    return 0;
}

/* The problem of the contract, with what is left per short line. */
static void reply_short(struct exchange *exchange, const struct error *error,
    const struct product_line *lines, size_t count)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"type\":\"/problems/out_of_stock\",\"title\":\"Out of stock\","
                              "\"status\":409,\"code\":\"out_of_stock\",\"detail\":");
    buffer_append_json(&body, error->message);
    buffer_append_text(&body, ",\"errors\":[");
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!lines[i].short_of)
            continue;
        buffer_printf(&body, "%s{\"field\":\"%s\",\"message\":\"at most %lld\",\"available\":%lld}",
            first ? "" : ",", lines[i].id, (long long)lines[i].available,
            (long long)lines[i].available);
        first = false;
    }
    buffer_printf(&body, "],\"trace_id\":\"%s\"}", exchange->request.trace.trace_id);
    http_reply(exchange, 409, "application/problem+json",
        arena_memdup(exchange->arena, body.data, body.length), body.length);
    buffer_release(&body);
}

static void reserved(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count)
{
    static const char answer[] = "{\"status\":\"reserved\"}";
    struct stock_flow *flow = ctx;
    struct product_counters *counters = &flow->service->counters;
    if (rc == 0) {
        service_stock_changed(flow->service, lines, count);
        if (counters->reserved)
            counter_increment(counters->reserved);
        http_reply(flow->exchange, 200, "application/json", answer, sizeof(answer) - 1);
    } else if (strcmp(error->reason, "out_of_stock") == 0) {
        if (counters->short_of)
            counter_increment(counters->short_of);
        reply_short(flow->exchange, error, lines, count);
    } else {
        http_fail(flow->exchange, error);
    }
}

void route_reserve(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *order_id = route_id(exchange);
    CLEANUP_JSON json_t *body = NULL;
    struct product_line lines[PRODUCT_MAX_LINES];
    size_t count = 0;
    struct error error = {0};
    if (!order_id || http_json_body(exchange, &body) < 0)
        return;
    if (read_lines(body, lines, &count, &error) < 0) {
        http_problem(exchange, 422, "invalid_field", error.field, "%s", error.message);
        return;
    }
    product_store_reserve(service->store, order_id, lines, count, &exchange->request.trace,
        reserved, stock_flow_new(service, exchange));
}

static void settled(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count)
{
    struct stock_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    service_stock_changed(flow->service, lines, count);
    http_reply_empty(flow->exchange, 204);
}

static void settle(
    struct product_service *service, struct exchange *exchange, enum product_settlement settlement)
{
    const char *order_id = route_id(exchange);
    if (order_id)
        product_store_settle(service->store, order_id, settlement, &exchange->request.trace,
            settled, stock_flow_new(service, exchange));
}

void route_release(void *ctx, struct exchange *exchange)
{
    settle(ctx, exchange, PRODUCT_RELEASE);
}

void route_shipped(void *ctx, struct exchange *exchange)
{
    settle(ctx, exchange, PRODUCT_SHIP);
}

void route_returned(void *ctx, struct exchange *exchange)
{
    settle(ctx, exchange, PRODUCT_RETURN);
}

/* ---- erasure ---- */

static void forgot(void *ctx, int rc, const struct error *error)
{
    struct exchange *exchange = ctx;
    if (rc < 0)
        http_fail(exchange, error);
    else
        http_reply_empty(exchange, 204);
}

void route_user_erased(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *id = route_id(exchange);
    if (id)
        product_store_forget(service->store, id, forgot, exchange);
}

/* ---- readiness ---- */

void route_ready(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    struct buffer body = BUFFER_INIT;
    bool ready = search_ready(service->search);
    buffer_printf(&body, "{\"checks\":[{\"name\":\"search\",\"ready\":%s,\"detail\":\"%s\"}]}",
        ready ? "true" : "false", ready ? "" : "rebuilding the index");
    http_reply_json(exchange, 200, &body);
}
