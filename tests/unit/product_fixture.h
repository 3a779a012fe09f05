/* A product service over a store and a search of a test's own, asked through its contracts. */
#ifndef PRODUCT_FIXTURE_H
#define PRODUCT_FIXTURE_H

#include "engines.h"

#include "arena.h"
#include "json.h"
#include "product.h"
#include "search.h"
#include "search_engines.h"
#include "sqlite_db.h"
#include "store.h"
#include "upstream.h"

struct product_fixture {
    char directory[64];
    struct product_store *store;
    struct search *search;
    struct product_service *service;
    struct upstream *upstream;
    struct arena *arena;
    struct identity identity;
    const char *etag; /* of the last reply, or NULL */
};

static inline void fixture_open(struct product_fixture *fixture, struct product_options *options)
{
    struct error error = {0};
    char path[96];
    snprintf(path, sizeof(path), "%s/product.db", fixture->directory);
    assert_int_equal(product_store_sqlite_open(&fixture->store, path, &error), 0);
    assert_int_equal(search_memory_open(&fixture->search, &error), 0);
    options->store = fixture->store;
    options->search = fixture->search;
    options->currency = "EUR";
    assert_int_equal(product_service_new(&fixture->service, options, &error), 0);
    assert_int_equal(product_service_start(fixture->service, &error), 0);
    fixture->upstream = upstream_local("product");
    upstream_set_router(fixture->upstream, product_service_router(fixture->service));
}

static inline void fixture_close(struct product_fixture *fixture)
{
    bool clean;
    uint64_t position = product_service_stop(fixture->service, &clean);
    upstream_free(fixture->upstream);
    product_service_free(fixture->service);
    search_close(fixture->search, clean, position);
    product_store_close(fixture->store);
}

static inline struct product_fixture *fixture_new(struct product_options *options)
{
    struct product_fixture *fixture = calloc(1, sizeof(*fixture));
    sqlite_global_init();
    engine_directory(fixture->directory);
    fixture->arena = arena_new();
    struct product_options none = {0};
    fixture_open(fixture, options ? options : &none);
    return fixture;
}

static inline void fixture_free(struct product_fixture *fixture)
{
    fixture_close(fixture);
    arena_free(fixture->arena);
    engine_directory_remove(fixture->directory);
    free(fixture);
}

/* ---- a carrier of our own, with headers, content types and bytes ---- */

struct fixture_request {
    enum http_method method;
    const char *path;
    const char *body; /* or NULL */
    size_t body_length;
    const char *content_type; /* NULL: JSON */
    const char *if_match, *if_none_match;
};

struct fixture_call {
    struct exchange exchange; /* first: the exchange's address is the call's */
    const struct fixture_request *request;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
};

static inline void call_replied(struct exchange *exchange)
{
    struct fixture_call *call = (struct fixture_call *)exchange;
    pthread_mutex_lock(&call->lock);
    call->done = true;
    pthread_cond_signal(&call->finished);
    pthread_mutex_unlock(&call->lock);
}

static inline const char *call_header(struct exchange *exchange, const char *name)
{
    const struct fixture_call *call = (const struct fixture_call *)exchange;
    if (strcmp(name, "If-Match") == 0)
        return call->request->if_match;
    return strcmp(name, "If-None-Match") == 0 ? call->request->if_none_match : NULL;
}

static inline struct http_stream *call_stream(struct exchange *exchange)
{
    (void)exchange;
    return NULL;
}

/* Asks; `*answer` is NULL for an empty one, and freed by the caller. The reply's ETag is in
 * fixture->etag. Returns the status. */
static inline int ask_with(
    struct product_fixture *fixture, const struct fixture_request *request, json_t **answer)
{
    static const struct carrier_ops ops = {call_replied, call_header, call_stream};
    struct fixture_call call = {.exchange = {.ops = &ops, .arena = arena_new(), .trusted = true},
        .request = request,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .finished = PTHREAD_COND_INITIALIZER};
    struct exchange *exchange = &call.exchange;
    struct http_request *http = &exchange->request;
    const char *query = strchrnul(request->path, '?');
    struct error error;
    http->method = request->method;
    http->path = arena_strndup(exchange->arena, request->path, (size_t)(query - request->path));
    http->body = request->body ? request->body : "";
    http->body_length = request->body_length;
    http->content_type = request->content_type ? request->content_type
                         : request->body       ? "application/json"
                                               : "";
    http->client_address = "";
    http->identity = fixture->identity;
    strcpy(http->trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    strcpy(http->trace.span_id, "00f067aa0ba902b7");
    assert_int_equal(*query ? http_parse_query(http, exchange->arena, query + 1, &error) : 0, 0);
    upstream_forward(fixture->upstream, exchange);
    pthread_mutex_lock(&call.lock);
    while (!call.done)
        pthread_cond_wait(&call.finished, &call.lock);
    pthread_mutex_unlock(&call.lock);

    const struct http_response *response = &exchange->response;
    fixture->etag = NULL;
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "ETag") == 0)
            fixture->etag = arena_strdup(fixture->arena, response->headers[i].value);
    }
    json_t *value = NULL;
    if (response->body_length &&
        json_read(response->body, response->body_length, &value, &error) < 0)
        fail_msg("%s: no JSON: %s", request->path, response->body);
    int status = response->status;
    if (response->body_release)
        response->body_release(response->body_owner);
    arena_free(exchange->arena);
    if (answer)
        *answer = value;
    else
        json_decref(value);
    return status;
}

static inline int ask(struct product_fixture *fixture, enum http_method method, const char *path,
    const char *body, json_t **answer)
{
    struct fixture_request request = {
        .method = method, .path = path, .body = body, .body_length = body ? strlen(body) : 0};
    return ask_with(fixture, &request, answer);
}

/* Asks and expects a status; the answer is freed by the caller. */
static inline json_t *expect(struct product_fixture *fixture, int status, enum http_method method,
    const char *path, const char *body)
{
    json_t *answer;
    int got = ask(fixture, method, path, body, &answer);
    if (got != status) {
        char *text = answer ? json_dumps(answer, 0) : NULL;
        fail_msg("%s %s: %d instead of %d: %s", http_method_name(method), path, got, status,
            text ? text : "");
    }
    return answer;
}

/* The same, and the problem's code; the field too unless NULL. */
static inline void expect_problem(struct product_fixture *fixture, int status, const char *code,
    const char *field, enum http_method method, const char *path, const char *body)
{
    json_t *answer = expect(fixture, status, method, path, body);
    assert_string_equal(json_text_or(answer, "code", ""), code);
    if (field)
        assert_string_equal(
            json_text_or(json_array_get(json_object_get(answer, "errors"), 0), "field", ""), field);
    json_decref(answer);
}

static inline void be_admin(struct product_fixture *fixture)
{
    fixture->identity.role = ROLE_ADMIN;
    strcpy(fixture->identity.user, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E");
}

#define WINE_JSON(sku, name, extra)                                                                \
    "{\"sku\":\"" sku "\",\"name\":\"" name "\",\"winery\":\"Maison Tournebise\","                 \
    "\"type\":\"White\",\"country\":\"France\",\"region\":\"Loire\",\"grapes\":[\"Chenin "         \
    "Blanc\"],\"pairings\":[\"Poultry\"],\"vintage\":2021,\"bottle_ml\":750,\"abv\":12.5,"         \
    "\"price\":{\"amount\":2450,\"currency\":\"EUR\"}" extra "}"

/* Adds a wine as the back office; returns its id in the fixture's arena. */
static inline const char *add_wine(struct product_fixture *fixture, const char *json)
{
    struct identity before = fixture->identity;
    be_admin(fixture);
    json_t *wine = expect(fixture, 201, HTTP_POST, "/api/v1/admin/wines", json);
    fixture->identity = before;
    const char *id = arena_strdup(fixture->arena, json_text_or(wine, "id", ""));
    json_decref(wine);
    return id;
}

/* Blocks until the search has heard of everything. */
static inline void await_search(struct product_fixture *fixture, size_t wines)
{
    for (int i = 0; i < 500 && search_count(fixture->search) != wines; i++)
        usleep(5000);
    assert_int_equal(search_count(fixture->search), wines);
}

#endif
