/* The back office: all wines, their texts and their stock. */
#include "buffer.h"
#include "clock.h"
#include "index.h"
#include "json.h"
#include "service.h"
#include "text.h"
#include "wine.h"

#include <string.h>

/* ---- a wine as the back office sees it ---- */

static void append_uploads(struct buffer *body, const struct product_upload *uploads, size_t count)
{
    static const char *const statuses[] = {"pending", "done", "failed"};
    char time[CLOCK_TEXT_SIZE];
    buffer_append_text(body, ",\"uploads\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(body, "%s{\"id\":\"%s\",\"status\":\"%s\",\"reason\":", i ? "," : "",
            uploads[i].id, statuses[uploads[i].status]);
        buffer_append_json(body, uploads[i].reason);
        buffer_printf(body, ",\"created_at\":\"%s\"}", clock_format(uploads[i].created_ms, time));
    }
    buffer_append_char(body, ']');
}

static void append_admin_wine(struct buffer *body, const struct product_wine *wine,
    const struct product_upload *uploads, size_t count)
{
    char created[CLOCK_TEXT_SIZE], updated[CLOCK_TEXT_SIZE];
    buffer_append(body, wine->json, wine->length - 1);
    buffer_printf(body,
        ",\"version\":%lld,\"status\":\"%s\",\"on_hand\":%lld,\"reserved\":%lld,"
        "\"created_at\":\"%s\",\"updated_at\":\"%s\"",
        (long long)wine->version, wine->withdrawn ? "withdrawn" : "for_sale",
        (long long)wine->on_hand, (long long)(wine->on_hand - wine->available),
        clock_format(wine->created_ms, created), clock_format(wine->updated_ms, updated));
    append_uploads(body, uploads, count);
    buffer_append_char(body, '}');
}

/* ---- showing one: the wine, then its uploads; also the last steps of a change ---- */

struct show_flow {
    struct product_service *service;
    struct exchange *exchange;
    int status;
    struct product_wine *wine;
};

static void show_uploads(void *ctx, int rc, const struct error *error,
    const struct product_upload *uploads, size_t count)
{
    struct show_flow *flow = ctx;
    struct exchange *exchange = flow->exchange;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    append_admin_wine(&body, flow->wine, uploads, count);
    http_set_header(exchange, "ETag",
        arena_printf(exchange->arena, "\"%lld\"", (long long)flow->wine->version));
    if (flow->status == 201)
        http_set_header(exchange, "Location",
            arena_printf(exchange->arena, "/api/v1/admin/wines/%s", flow->wine->id));
    http_reply_json(exchange, flow->status, &body);
}

static void show_wine(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct show_flow *flow = ctx;
    (void)count;
    if (rc < 0) {
        http_fail(flow->exchange, error);
    } else if (!wines[0].row) {
        http_problem(flow->exchange, 404, "not_found", NULL, "there is no such wine");
    } else {
        flow->wine = &wines[0];
        product_store_uploads(flow->service->store, flow->wine->id, show_uploads, flow);
    }
}

static void show(
    struct product_service *service, struct exchange *exchange, const char *id, int status)
{
    struct show_flow *flow = arena_new_struct(exchange->arena, struct show_flow);
    flow->service = service;
    flow->exchange = exchange;
    flow->status = status;
    product_store_get(service->store, exchange->arena, &id, 1, PRODUCT_PUBLIC, show_wine, flow);
}

void route_admin_get(void *ctx, struct exchange *exchange)
{
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (id)
        show(ctx, exchange, id, 200);
}

/* ---- the list ---- */

struct admin_list_flow {
    struct exchange *exchange;
};

static void got_list(void *ctx, int rc, const struct error *error, struct product_wine *wines,
    size_t count, int64_t total, bool more)
{
    struct admin_list_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_admin_wine(&body, &wines[i], /* uploads= */ NULL, 0);
    }
    buffer_append_text(&body, "],\"total\":");
    buffer_append_int(&body, total);
    buffer_append_text(&body, ",\"next_cursor\":");
    buffer_append_json(&body, more ? wines[count - 1].id : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

static bool read_sort(struct exchange *exchange, struct product_list_query *query)
{
    static const struct {
        const char *name;
        enum product_list_sort sort;
        bool descending;
    } sorts[] = {
        {"name", PRODUCT_BY_NAME, false},
        {"-name", PRODUCT_BY_NAME, true},
        {"price", PRODUCT_BY_PRICE, false},
        {"-price", PRODUCT_BY_PRICE, true},
        {"available", PRODUCT_BY_AVAILABLE, false},
        {"-available", PRODUCT_BY_AVAILABLE, true},
        {"newest", PRODUCT_BY_AGE, true},
    };
    const char *name = http_query(exchange, "sort");
    if (!name)
        return true;
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        if (strcmp(name, sorts[i].name) == 0) {
            query->sort = sorts[i].sort;
            query->descending = sorts[i].descending;
            return true;
        }
    }
    http_problem(exchange, 422, "invalid_field", "sort",
        "must be name, -name, price, -price, available, -available or newest");
    return false;
}

void route_admin_list(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    struct product_list_query query = {0};
    int64_t limit = 20;
    if (!route_admin(exchange) || !read_sort(exchange, &query) ||
        !route_number(exchange, "limit", 1, 100, &limit))
        return;
    const char *q = http_query(exchange, "q");
    if (q && utf8_length(q) > 200) {
        http_problem(exchange, 422, "invalid_field", "q", "must have at most 200 characters");
        return;
    }
    if (q)
        query.word_count = wine_fold_words(exchange->arena, q, query.words, PRODUCT_MAX_WORDS);
    query.limit = (size_t)limit;
    query.after = http_query(exchange, "cursor");
    struct admin_list_flow *flow = arena_new_struct(exchange->arena, struct admin_list_flow);
    flow->exchange = exchange;
    product_store_list(service->store, exchange->arena, &query, got_list, flow);
}

/* ---- adding and changing ---- */

struct put_flow {
    struct product_service *service;
    struct exchange *exchange;
    struct product_put put;
    json_t *body;
    int status;
};

static void put_stored(void *ctx, int rc, const struct error *error)
{
    struct put_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    index_wake(flow->service->index);
    show(flow->service, flow->exchange, arena_strdup(flow->exchange->arena, flow->put.id),
        flow->status);
}

/* Left out, a new wine stands alone and an old one stays where it is; null, it stands alone. */
static int read_group(struct put_flow *flow, const json_t *body, struct error *error)
{
    const char *group = NULL;
    if (!json_object_get(body, "group_id")) {
        flow->put.keep_group = flow->put.version > 0;
        return 0;
    }
    int rc = json_find_text(body, "group_id", ID_LENGTH, ID_LENGTH, &group, error);
    if (rc < 0 || (group && !id_valid(group)))
        return error_set(error, ERROR_INVALID, NULL, "group_id", "is no id");
    flow->put.group_id = arena_strdup(flow->exchange->arena, group);
    return 0;
}

/* Reads the body into flow->put; replies itself when it breaks a rule. */
static bool read_put(struct put_flow *flow, const json_t *body, const char *fallback_sku)
{
    struct arena *arena = flow->exchange->arena;
    struct product_record *record = &flow->put.record;
    struct wine wine;
    struct error error = {0};
    int rc = wine_from_json(arena, body, flow->service->currency, fallback_sku, &wine, &error);
    if (rc == 0)
        rc = read_group(flow, body, &error);
    if (rc == 0 && flow->put.version == 0)
        rc = json_find_int(body, "stock", 0, WINE_MAX_STOCK, &record->stock, &error);
    if (rc < 0) {
        http_problem(flow->exchange, 422, "invalid_field", error.field, "%s", error.message);
        return false;
    }
    wine_render(arena, &wine, flow->service->currency, record);
    flow->put.trace = flow->exchange->request.trace;
    return true;
}

static struct put_flow *put_flow_new(
    struct product_service *service, struct exchange *exchange, int status)
{
    struct put_flow *flow = arena_new_struct(exchange->arena, struct put_flow);
    flow->service = service;
    flow->exchange = exchange;
    flow->status = status;
    return flow;
}

void route_admin_create(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    CLEANUP_JSON json_t *body = NULL;
    if (!route_admin(exchange) || http_json_body(exchange, &body) < 0)
        return;
    struct put_flow *flow = put_flow_new(service, exchange, 201);
    id_new(flow->put.id);
    if (read_put(flow, body, /* fallback_sku= */ flow->put.id))
        product_store_put(service->store, &flow->put, put_stored, flow);
}

/* The sku that stands when the body has none. */
static void replace_read(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct put_flow *flow = ctx;
    (void)count;
    CLEANUP_JSON json_t *body = flow->body;
    CLEANUP_JSON json_t *old = NULL;
    struct error problem = {0};
    if (rc < 0) {
        http_fail(flow->exchange, error);
    } else if (!wines[0].row) {
        http_problem(flow->exchange, 404, "not_found", NULL, "there is no such wine");
    } else if (json_read_object(wines[0].json, wines[0].length, &old, &problem) < 0) {
        http_fail(flow->exchange, &problem);
    } else {
        const char *sku = arena_strdup(flow->exchange->arena, json_text_or(old, "sku", ""));
        if (read_put(flow, body, sku))
            product_store_put(flow->service->store, &flow->put, put_stored, flow);
    }
}

void route_admin_replace(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    json_t *body = NULL;
    int64_t version;
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (!id || !route_if_match(exchange, &version) || http_json_body(exchange, &body) < 0)
        return;
    struct put_flow *flow = put_flow_new(service, exchange, 200);
    memcpy(flow->put.id, id, ID_SIZE);
    flow->put.version = version;
    flow->body = body;
    product_store_get(service->store, exchange->arena, &id, 1, PRODUCT_PUBLIC, replace_read, flow);
}

/* ---- withdrawing ---- */

static void withdrawn(void *ctx, int rc, const struct error *error)
{
    struct put_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    index_wake(flow->service->index);
    http_reply_empty(flow->exchange, 204);
}

void route_admin_withdraw(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    int64_t version;
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (id && route_if_match(exchange, &version))
        product_store_withdraw(service->store, id, version, &exchange->request.trace, withdrawn,
            put_flow_new(service, exchange, 204));
}

/* ---- stock ---- */

static void stock_changed(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count)
{
    struct put_flow *flow = ctx;
    struct exchange *exchange = flow->exchange;
    if (rc < 0 && strcmp(error->reason, "out_of_stock") == 0) {
        http_problem(exchange, 409, "out_of_stock", "change",
            "at most %lld bottles can be taken away", (long long)lines[0].available);
        return;
    }
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    service_stock_changed(flow->service, lines, count);
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body,
        "{\"wine_id\":\"%s\",\"available\":%lld,\"on_hand\":%lld,\"reserved\":%lld}", lines[0].id,
        (long long)lines[0].available, (long long)lines[0].on_hand,
        (long long)(lines[0].on_hand - lines[0].available));
    http_reply_json(exchange, 200, &body);
}

void route_admin_stock(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    CLEANUP_JSON json_t *body = NULL;
    struct product_line line = {0};
    const char *reason = NULL;
    struct error error = {0};
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (!id || http_json_body(exchange, &body) < 0)
        return;
    int rc = json_get_int(body, "change", -WINE_MAX_STOCK, WINE_MAX_STOCK, &line.quantity, &error);
    if (rc == 0 && line.quantity == 0)
        rc = error_set(&error, ERROR_INVALID, NULL, "change", "must not be 0");
    if (rc == 0)
        rc = json_get_text(body, "reason", 1, 200, &reason, &error);
    if (rc < 0) {
        http_problem(exchange, 422, "invalid_field", error.field, "%s", error.message);
        return;
    }
    memcpy(line.id, id, ID_SIZE);
    struct product_change change = {.trace = exchange->request.trace};
    product_store_change_stock(
        service->store, &line, 1, &change, stock_changed, put_flow_new(service, exchange, 200));
}
