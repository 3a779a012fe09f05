/* Finding wines: one, a page of them, completions. The paths that shoppers ask most. */
#include "buffer.h"
#include "search.h"
#include "service.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_Q 200

/* ---- one wine ---- */

static void got_wine(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct exchange *exchange = ctx;
    (void)count;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    struct product_wine *wine = &wines[0];
    if (!route_for_sale(exchange, wine))
        return;
    const char *etag = arena_printf(exchange->arena, "d%llds%lldr%lld", (long long)wine->revision,
        (long long)wine->stock_version, (long long)wine->rating_version);
    http_set_header(exchange, "Cache-Control", "no-cache");
    if (!http_not_modified(exchange, etag))
        http_reply(exchange, 200, "application/json", wine->json, wine->length);
}

void route_get_wine(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *id = route_id(exchange);
    if (id)
        product_store_get(
            service->store, exchange->arena, &id, 1, PRODUCT_PUBLIC, got_wine, exchange);
}

/* ---- its vintages and sizes ---- */

static void got_vintages(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct exchange *exchange = ctx;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    if (count == 0) {
        http_problem(exchange, 404, "not_found", NULL, "there is no such wine");
        return;
    }
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        buffer_append(&body, wines[i].json, wines[i].length);
    }
    buffer_append_text(&body, "]}");
    http_set_header(exchange, "Cache-Control", "no-cache");
    http_reply_json(exchange, 200, &body);
}

void route_vintages(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    const char *id = route_id(exchange);
    if (id)
        product_store_vintages(service->store, exchange->arena, id, got_vintages, exchange);
}

/* ---- reading a query ---- */

static const char *const facet_names[SEARCH_FACETS] = {
    "type", "country", "region", "grape", "pairing", "winery", "vintage"};

static bool known_value(enum search_facet facet, const char *value)
{
    static const char *const types[] = {
        "Red", "White", "Rosé", "Sparkling", "Dessert", "Fortified"};
    size_t length = strlen(value);
    if (facet == SEARCH_VINTAGE)
        return strcmp(value, "NV") == 0 || (length == 4 && strspn(value, "0123456789") == 4);
    if (facet != SEARCH_TYPE)
        return length > 0 && utf8_length(value) <= 200;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(value, types[i]) == 0)
            return true;
    }
    return false;
}

static bool read_filters(struct exchange *exchange, struct search_query *query)
{
    const struct http_request *request = &exchange->request;
    const char **values[SEARCH_FACETS] = {NULL};
    for (size_t i = 0; i < request->query_count; i++) {
        const struct http_pair *pair = &request->query[i];
        int facet = 0;
        while (facet < SEARCH_FACETS && strcmp(pair->name, facet_names[facet]) != 0)
            facet++;
        if (facet == SEARCH_FACETS)
            continue;
        struct search_filter *filter = &query->filters[facet];
        if (!known_value((enum search_facet)facet, pair->value)) {
            http_problem(exchange, 422, "invalid_field", facet_names[facet],
                facet == SEARCH_VINTAGE ? "must be a year or NV" : "is not a value to filter by");
            return false;
        }
        if (filter->count == SEARCH_MAX_FILTER_VALUES) {
            http_problem(exchange, 422, "invalid_field", facet_names[facet], "at most %d values",
                SEARCH_MAX_FILTER_VALUES);
            return false;
        }
        if (!values[facet])
            values[facet] =
                arena_new_array(exchange->arena, SEARCH_MAX_FILTER_VALUES, const char *);
        values[facet][filter->count++] = pair->value;
        filter->values = values[facet];
    }
    return true;
}

static bool read_sort(struct exchange *exchange, struct search_query *query)
{
    static const struct {
        const char *name;
        enum search_sort sort;
    } sorts[] = {
        {"relevance", SEARCH_BY_RELEVANCE},
        {"price", SEARCH_BY_PRICE},
        {"-price", SEARCH_BY_PRICE_DOWN},
        {"rating", SEARCH_BY_RATING},
        {"newest", SEARCH_BY_NEWEST},
        {"name", SEARCH_BY_NAME},
    };
    const char *name = http_query(exchange, "sort");
    if (!name)
        return true;
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        if (strcmp(name, sorts[i].name) == 0) {
            query->sort = sorts[i].sort;
            return true;
        }
    }
    http_problem(exchange, 422, "invalid_field", "sort",
        "must be relevance, price, -price, rating, newest or name");
    return false;
}

static bool read_prices(struct exchange *exchange, struct search_query *query)
{
    if (!route_number(exchange, "min_price", 0, INT64_MAX, &query->min_price) ||
        !route_number(exchange, "max_price", 0, INT64_MAX, &query->max_price))
        return false;
    if (query->max_price >= query->min_price)
        return true;
    http_problem(exchange, 422, "invalid_field", "max_price", "must not be below min_price");
    return false;
}

static bool read_in_stock(struct exchange *exchange, struct search_query *query)
{
    const char *text = http_query(exchange, "in_stock");
    if (!text || strcmp(text, "false") == 0)
        return true;
    query->in_stock = strcmp(text, "true") == 0;
    if (!query->in_stock)
        http_problem(exchange, 400, "malformed_parameter", "in_stock", "must be true or false");
    return query->in_stock;
}

static bool read_q(struct exchange *exchange, const char **q)
{
    *q = http_query(exchange, "q");
    if (!*q || utf8_length(*q) <= MAX_Q)
        return true;
    http_problem(exchange, 422, "invalid_field", "q", "must have at most %d characters", MAX_Q);
    return false;
}

static bool read_query(struct exchange *exchange, struct search_query *query)
{
    int64_t limit = SEARCH_DEFAULT_LIMIT;
    if (!read_q(exchange, &query->q) || !read_filters(exchange, query) ||
        !read_sort(exchange, query) || !read_prices(exchange, query) ||
        !read_in_stock(exchange, query) ||
        !route_number(exchange, "limit", 1, SEARCH_MAX_LIMIT, &limit))
        return false;
    query->limit = (size_t)limit;
    query->cursor = http_query(exchange, "cursor");
    return true;
}

/* The contract tells a cursor that cannot be read (400) from a rule that is broken (422). */
static void reply_search_error(struct exchange *exchange, struct error *error)
{
    if (error->code == ERROR_INVALID && strcmp(error->field, "cursor") == 0)
        http_problem(exchange, 400, "malformed_parameter", "cursor", "%s", error->message);
    else if (error->code == ERROR_INVALID)
        http_problem(exchange, 422, "invalid_field", error->field, "%s", error->message);
    else
        http_fail(exchange, error);
}

/* ---- a page ---- */

struct list_flow {
    struct exchange *exchange;
    struct search_result result;
};

static void append_facet(
    struct buffer *body, const char *name, const struct search_value *values, size_t count)
{
    buffer_append_char(body, '"');
    buffer_append_text(body, name);
    buffer_append_text(body, "\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(body, i ? ",{\"value\":" : "{\"value\":");
        buffer_append_json(body, values[i].value);
        buffer_append_text(body, ",\"count\":");
        buffer_append_int(body, values[i].count);
        buffer_append_char(body, '}');
    }
    buffer_append_text(body, "],");
}

static void append_facets(struct buffer *body, const struct search_result *result)
{
    buffer_append_text(body, "\"facets\":{");
    for (int i = 0; i < SEARCH_FACETS; i++)
        append_facet(body, facet_names[i], result->facets[i], result->facet_counts[i]);
    if (!result->has_price) {
        buffer_append_text(body, "\"price\":{\"min\":null,\"max\":null}}");
        return;
    }
    buffer_append_text(body, "\"price\":{\"min\":");
    buffer_append_int(body, result->min_price);
    buffer_append_text(body, ",\"max\":");
    buffer_append_int(body, result->max_price);
    buffer_append_text(body, "}}");
}

static void append_items(struct buffer *body, const struct search_result *result,
    const struct product_wine *wines, size_t count)
{
    bool first = true;
    buffer_append_text(body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        /* Withdrawn a moment ago, and the search has not heard of it. */
        if (!wines[i].row || wines[i].withdrawn)
            continue;
        if (!first)
            buffer_append_char(body, ',');
        first = false;
        buffer_append(body, wines[i].json, wines[i].length - 1);
        buffer_append_text(body, ",\"vintages\":");
        buffer_append_int(body, result->hits[i].vintages);
        buffer_append_char(body, '}');
    }
    buffer_append_text(body, "],");
}

static void got_page(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct list_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    size_t size = 8192;
    for (size_t i = 0; i < count; i++)
        size += wines[i].length + 24;
    buffer_reserve(&body, size);
    append_items(&body, &flow->result, wines, count);
    append_facets(&body, &flow->result);
    buffer_append_text(&body, ",\"total\":");
    buffer_append_int(&body, flow->result.total);
    if (flow->result.corrected) {
        buffer_append_text(&body, ",\"corrected\":");
        buffer_append_json(&body, flow->result.corrected);
    }
    buffer_append_text(&body, ",\"next_cursor\":");
    buffer_append_json(&body, flow->result.next_cursor);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

void route_list_wines(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    struct search_query query = SEARCH_QUERY_INIT;
    struct error error = {0};
    if (!read_query(exchange, &query))
        return;
    struct list_flow *flow = arena_new_struct(exchange->arena, struct list_flow);
    flow->exchange = exchange;
    if (search_query(service->search, exchange->arena, &query, &flow->result, &error) < 0) {
        reply_search_error(exchange, &error);
        return;
    }
    size_t count = flow->result.count;
    const char **ids = arena_new_array(exchange->arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++)
        ids[i] = flow->result.hits[i].id;
    product_store_get(service->store, exchange->arena, ids, count, PRODUCT_PUBLIC, got_page, flow);
}

/* ---- completions ---- */

void route_suggest(void *ctx, struct exchange *exchange)
{
    static const char *const kinds[] = {"wine", "winery", "region", "grape"};
    struct product_service *service = ctx;
    const char *q;
    int64_t limit = 8;
    if (!read_q(exchange, &q) || !route_number(exchange, "limit", 1, 20, &limit))
        return;
    if (!q) {
        http_problem(exchange, 400, "malformed_parameter", "q", "is required");
        return;
    }
    struct search_suggestions found = {0};
    struct error error = {0};
    if (search_suggest(service->search, exchange->arena, q, (size_t)limit, &found, &error) < 0) {
        reply_search_error(exchange, &error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < found.count; i++) {
        const struct search_suggestion *item = &found.items[i];
        buffer_printf(&body, "%s{\"kind\":\"%s\",\"text\":", i ? "," : "", kinds[item->kind]);
        buffer_append_json(&body, item->text);
        if (item->detail) {
            buffer_append_text(&body, ",\"detail\":");
            buffer_append_json(&body, item->detail);
        }
        if (item->id) {
            buffer_append_text(&body, ",\"wine_id\":");
            buffer_append_json(&body, item->id);
        }
        buffer_append_char(&body, '}');
    }
    buffer_append_text(&body, "]}");
    http_reply_json(exchange, 200, &body);
}
