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

/* Asks; `*answer` is NULL for an empty one, and freed by the caller. Returns the status. */
static inline int ask(struct product_fixture *fixture, enum http_method method, const char *path,
    const char *body, json_t **answer)
{
    struct upstream_call call = {.method = method,
        .path = path,
        .body = body,
        .body_length = body ? strlen(body) : 0,
        .identity = &fixture->identity};
    const char *text;
    int status = upstream_call_wait(fixture->upstream, &call, fixture->arena, &text);
    json_t *value = NULL;
    struct error error;
    if (*text && json_read(text, strlen(text), &value, &error) < 0)
        fail_msg("%s: no JSON: %s", path, text);
    if (answer)
        *answer = value;
    else
        json_decref(value);
    return status;
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
