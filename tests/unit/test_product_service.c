#include "product_fixture.h"

static const char *path_of(struct product_fixture *fixture, const char *format, const char *id)
{
    char pattern[256];
    snprintf(pattern, sizeof(pattern), "%s", format);
    char *mark = strstr(pattern, "@");
    return arena_printf(fixture->arena, "%.*s%s%s", (int)(mark - pattern), pattern, id, mark + 1);
}

static int64_t available(struct product_fixture *fixture, const char *id)
{
    json_t *wine = expect(fixture, 200, HTTP_GET, path_of(fixture, "/api/v1/wines/@", id), NULL);
    int64_t bottles = json_int_or(wine, "available", -1);
    json_decref(wine);
    return bottles;
}

static const char *lines_of(struct product_fixture *fixture, const char *id, int quantity)
{
    return arena_printf(
        fixture->arena, "{\"lines\":[{\"wine_id\":\"%s\",\"quantity\":%d}]}", id, quantity);
}

#define ORDER_1 "/internal/stock/reservations/01JB0000000000000000000001"
#define ORDER_2 "/internal/stock/reservations/01JB0000000000000000000002"

static void test_wine_is_served_as_written(void **state)
{
    struct product_fixture *fixture = *state;
    const char *id = add_wine(fixture, WINE_JSON("a-1", "Les Genêts", ",\"stock\":60"));
    json_t *wine = expect(fixture, 200, HTTP_GET, path_of(fixture, "/api/v1/wines/@", id), NULL);
    assert_string_equal(json_text_or(wine, "id", ""), id);
    assert_string_equal(json_text_or(wine, "group_id", ""), id);
    assert_string_equal(json_text_or(wine, "name", ""), "Les Genêts");
    assert_string_equal(json_text_or(wine, "vintage_label", ""), "2021");
    assert_int_equal(json_int_or(wine, "available", 0), 60);
    json_t *rating = json_object_get(wine, "rating");
    assert_true(json_is_null(json_object_get(rating, "mean")));
    assert_int_equal(json_array_size(json_object_get(wine, "images")), 0);
    assert_true(json_is_null(json_object_get(wine, "notes")));
    json_decref(wine);
    expect_problem(fixture, 404, "not_found", NULL, HTTP_GET, "/api/v1/wines/nonsense", NULL);
    expect_problem(fixture, 404, "not_found", NULL, HTTP_GET,
        "/api/v1/wines/01J9ZQ4T8M3V5X7Y9A1B2C3D4E", NULL);
}

static void test_vintages_are_those_of_the_group(void **state)
{
    struct product_fixture *fixture = *state;
    const char *first = add_wine(fixture, WINE_JSON("v-1", "Les Genêts", ",\"stock\":6"));
    const char *group = arena_printf(fixture->arena, ",\"group_id\":\"%s\"", first);
    const char *second = add_wine(fixture,
        arena_printf(fixture->arena, "%s%s}",
            "{\"sku\":\"v-2\",\"name\":\"Les Genêts\",\"winery\":\"Maison Tournebise\","
            "\"type\":\"White\",\"country\":\"France\",\"region\":\"Loire\",\"vintage\":2020,"
            "\"bottle_ml\":1500,\"abv\":12.5,\"price\":{\"amount\":5200,\"currency\":\"EUR\"}",
            group));
    add_wine(fixture, WINE_JSON("v-3", "Another", ""));
    const char *const asked[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        json_t *answer = expect(
            fixture, 200, HTTP_GET, path_of(fixture, "/api/v1/wines/@/vintages", asked[i]), NULL);
        json_t *items = json_object_get(answer, "items");
        assert_int_equal(json_array_size(items), 2);
        assert_string_equal(json_text_or(json_array_get(items, 0), "id", ""), first);
        assert_int_equal(json_int_or(json_array_get(items, 0), "available", 0), 6);
        assert_string_equal(json_text_or(json_array_get(items, 1), "id", ""), second);
        json_decref(answer);
    }
    expect_problem(fixture, 404, "not_found", NULL, HTTP_GET,
        "/api/v1/wines/01J9ZQ4T8M3V5X7Y9A1B2C3D4E/vintages", NULL);
}

static void test_internal_wines_keep_the_order_asked_for(void **state)
{
    struct product_fixture *fixture = *state;
    const char *a = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":1"));
    const char *b = add_wine(fixture, WINE_JSON("b", "B",
                                          ",\"organic\":true"
                                          ",\"group_id\":null"));
    json_t *answer = expect(fixture, 200, HTTP_GET,
        arena_printf(fixture->arena, "/internal/wines?ids=%s,01J9ZQ4T8M3V5X7Y9A1B2C3D4E,%s", b, a),
        NULL);
    json_t *items = json_object_get(answer, "items");
    assert_int_equal(json_array_size(items), 2);
    json_t *first = json_array_get(items, 0);
    assert_string_equal(json_text_or(first, "id", ""), b);
    assert_string_equal(json_text_or(first, "type", ""), "White");
    assert_int_equal(json_int_or(first, "bottle_ml", 0), 750);
    assert_int_equal(json_int_or(json_object_get(first, "price"), "amount", 0), 2450);
    assert_int_equal(json_int_or(json_array_get(items, 1), "available", 0), 1);
    assert_null(json_object_get(first, "images"));
    json_decref(answer);

    answer = expect(fixture, 200, HTTP_GET,
        arena_printf(fixture->arena, "/internal/wines?ids=%s&full=true", a), NULL);
    first = json_array_get(json_object_get(answer, "items"), 0);
    assert_non_null(json_object_get(first, "images"));
    json_decref(answer);

    answer = expect(fixture, 200, HTTP_GET, "/internal/wines/all?limit=1", NULL);
    assert_string_equal(json_text_or(answer, "next", ""), a);
    json_decref(answer);
    answer = expect(fixture, 200, HTTP_GET,
        arena_printf(fixture->arena, "/internal/wines/all?limit=5&after=%s", a), NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 1);
    assert_true(json_is_null(json_object_get(answer, "next")));
    json_decref(answer);
}

static void test_reservations_hold_all_lines_or_none(void **state)
{
    struct product_fixture *fixture = *state;
    const char *a = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":5"));
    const char *b = add_wine(fixture, WINE_JSON("b", "B", ",\"stock\":1"));
    const char *two = arena_printf(fixture->arena,
        "{\"lines\":[{\"wine_id\":\"%s\",\"quantity\":2},{\"wine_id\":\"%s\",\"quantity\":2}]}", a,
        b);
    json_t *problem = expect(fixture, 409, HTTP_PUT, ORDER_1, two);
    assert_string_equal(json_text_or(problem, "code", ""), "out_of_stock");
    json_t *errors = json_object_get(problem, "errors");
    assert_int_equal(json_array_size(errors), 1);
    assert_string_equal(json_text_or(json_array_get(errors, 0), "field", ""), b);
    assert_int_equal(json_int_or(json_array_get(errors, 0), "available", -1), 1);
    json_decref(problem);
    assert_int_equal(available(fixture, a), 5);

    for (int i = 0; i < 2; i++)
        json_decref(expect(fixture, 200, HTTP_PUT, ORDER_1, lines_of(fixture, a, 2)));
    assert_int_equal(available(fixture, a), 3);
    expect_problem(
        fixture, 409, "version_conflict", NULL, HTTP_PUT, ORDER_1, lines_of(fixture, a, 3));
    expect_problem(fixture, 409, "out_of_stock", NULL, HTTP_PUT, ORDER_2,
        lines_of(fixture, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", 1));
}

static void test_reservations_are_settled_once(void **state)
{
    struct product_fixture *fixture = *state;
    const char *a = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":5"));
    json_decref(expect(fixture, 200, HTTP_PUT, ORDER_1, lines_of(fixture, a, 2)));
    expect_problem(fixture, 409, "version_conflict", NULL, HTTP_POST, ORDER_1 "/returned", NULL);
    for (int i = 0; i < 2; i++)
        expect(fixture, 204, HTTP_POST, ORDER_1 "/shipped", NULL);
    expect_problem(fixture, 409, "version_conflict", NULL, HTTP_DELETE, ORDER_1, NULL);
    assert_int_equal(available(fixture, a), 3);
    for (int i = 0; i < 2; i++)
        expect(fixture, 204, HTTP_POST, ORDER_1 "/returned", NULL);
    assert_int_equal(available(fixture, a), 5);

    /* Released before it was reserved: the late reservation is refused. */
    expect(fixture, 204, HTTP_DELETE, ORDER_2, NULL);
    expect_problem(
        fixture, 409, "version_conflict", NULL, HTTP_PUT, ORDER_2, lines_of(fixture, a, 1));
    expect_problem(fixture, 404, "not_found", NULL, HTTP_POST,
        "/internal/stock/reservations/01JB0000000000000000000003/shipped", NULL);
}

static void test_bad_reservations_are_refused(void **state)
{
    struct product_fixture *fixture = *state;
    static const char *const bodies[] = {
        "{}",
        "{\"lines\":[]}",
        "{\"lines\":{}}",
        "{\"lines\":[1]}",
        "{\"lines\":[{\"wine_id\":\"x\",\"quantity\":1}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":0}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":-1}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":1.5}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":\"two\"}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":1000000000}]}",
        "{\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":1},"
        "{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"quantity\":1}]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        expect_problem(fixture, 422, "invalid_field", NULL, HTTP_PUT, ORDER_1, bodies[i]);
    expect_problem(fixture, 400, "malformed_json", NULL, HTTP_PUT, ORDER_1, "{\"lines\":[");
    expect_problem(
        fixture, 400, "malformed_json", NULL, HTTP_PUT, ORDER_1, "{\"lines\":[],\"lines\":[]}");
}

static void test_search_follows_the_store(void **state)
{
    struct product_fixture *fixture = *state;
    const char *a = add_wine(fixture, WINE_JSON("a", "Les Genêts", ",\"stock\":2"));
    await_search(fixture, 1);
    json_t *page = expect(fixture, 200, HTTP_GET, "/api/v1/wines?q=genets", NULL);
    json_t *item = json_array_get(json_object_get(page, "items"), 0);
    assert_string_equal(json_text_or(item, "id", ""), a);
    assert_int_equal(json_int_or(item, "vintages", 0), 1);
    assert_int_equal(json_int_or(page, "total", 0), 1);
    json_t *facets = json_object_get(page, "facets");
    json_t *country = json_array_get(json_object_get(facets, "country"), 0);
    assert_string_equal(json_text_or(country, "value", ""), "France");
    assert_int_equal(json_int_or(json_object_get(facets, "price"), "min", 0), 2450);
    assert_true(json_is_null(json_object_get(page, "next_cursor")));
    json_decref(page);

    json_decref(expect(fixture, 200, HTTP_PUT, ORDER_1, lines_of(fixture, a, 2)));
    page = expect(fixture, 200, HTTP_GET, "/api/v1/wines?in_stock=true", NULL);
    assert_int_equal(json_int_or(page, "total", -1), 0);
    json_decref(page);

    page = expect(fixture, 200, HTTP_GET, "/api/v1/wines/suggest?q=gen", NULL);
    assert_true(json_array_size(json_object_get(page, "items")) > 0);
    json_decref(page);
}

static void test_search_is_rebuilt_when_it_is_behind(void **state)
{
    struct product_fixture *fixture = *state;
    add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":2"));
    add_wine(fixture, WINE_JSON("b", "B", ",\"stock\":2"));
    fixture_close(fixture);
    struct product_options options = {0};
    fixture_open(fixture, &options); /* the memory engine opens empty */
    await_search(fixture, 2);
    struct error error = {0};
    assert_int_equal(
        product_service_reindex(fixture->service, /* wait= */ true, NULL, NULL, &error), 0);
    assert_int_equal(search_count(fixture->search), 2);
    json_t *ready = expect(fixture, 200, HTTP_GET, "/internal/ready", NULL);
    assert_true(json_is_true(
        json_object_get(json_array_get(json_object_get(ready, "checks"), 0), "ready")));
    json_decref(ready);
}

static void test_bad_queries_are_refused(void **state)
{
    struct product_fixture *fixture = *state;
    static const struct {
        int status;
        const char *code, *field, *query;
    } cases[] = {
        {422, "invalid_field", "limit", "limit=0"},
        {422, "invalid_field", "limit", "limit=101"},
        {400, "malformed_parameter", "limit", "limit=ten"},
        {400, "malformed_parameter", "limit", "limit=99999999999999999999"},
        {422, "invalid_field", "sort", "sort=cheapest"},
        {422, "invalid_field", "type", "type=Orange"},
        {422, "invalid_field", "vintage", "vintage=20x9"},
        {422, "invalid_field", "country", "country="},
        {422, "invalid_field", "min_price", "min_price=-1"},
        {422, "invalid_field", "max_price", "min_price=10&max_price=9"},
        {400, "malformed_parameter", "in_stock", "in_stock=maybe"},
        {400, "malformed_parameter", "cursor", "cursor=nonsense"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_problem(fixture, cases[i].status, cases[i].code, cases[i].field, HTTP_GET,
            arena_printf(fixture->arena, "/api/v1/wines?%s", cases[i].query), NULL);
    char *long_q = arena_zalloc(fixture->arena, 202);
    memset(long_q, 'a', 201);
    expect_problem(fixture, 422, "invalid_field", "q", HTTP_GET,
        arena_printf(fixture->arena, "/api/v1/wines?q=%s", long_q), NULL);
    expect_problem(
        fixture, 400, "malformed_parameter", "q", HTTP_GET, "/api/v1/wines/suggest", NULL);
    /* What search engines take for syntax is text. */
    static const char *const syntax[] = {
        "%22", "(", "*", "a%20OR%20", "name:@x", "-", "%5C", "%3E%3D", "~", "%22a%20b"};
    for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
        json_decref(expect(fixture, 200, HTTP_GET,
            arena_printf(fixture->arena, "/api/v1/wines?q=%s", syntax[i]), NULL));
}

static void test_ratings_replace_each_other(void **state)
{
    struct product_fixture *fixture = *state;
    const char *a = add_wine(fixture, WINE_JSON("a", "A", ""));
    const char *path = path_of(fixture, "/api/v1/wines/@/ratings", a);
    expect_problem(fixture, 401, "unauthenticated", NULL, HTTP_POST, path, "{\"stars\":4}");
    fixture->identity.role = ROLE_CUSTOMER;
    strcpy(fixture->identity.user, "01J9ZQ4T8M3V5X7Y9A1B2C3D4F");
    static const char *const bad[] = {"{}", "{\"stars\":0.5}", "{\"stars\":5.5}", "{\"stars\":4.2}",
        "{\"stars\":\"five\"}", "{\"stars\":4,\"note\":7}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_problem(fixture, 422, "invalid_field", NULL, HTTP_POST, path, bad[i]);
    json_decref(expect(fixture, 201, HTTP_POST, path, "{\"stars\":3,\"note\":\"thin\"}"));
    json_decref(expect(fixture, 201, HTTP_POST, path, "{\"stars\":4.5}"));
    strcpy(fixture->identity.user, "01J9ZQ4T8M3V5X7Y9A1B2C3D4G");
    json_t *given = expect(fixture, 201, HTTP_POST, path, "{\"stars\":4,\"note\":\"good\"}");
    assert_string_equal(json_text_or(given, "author", ""), "A shopper");
    json_decref(given);

    json_t *page =
        expect(fixture, 200, HTTP_GET, arena_printf(fixture->arena, "%s?limit=1", path), NULL);
    assert_int_equal(json_int_or(page, "count", 0), 2);
    assert_true(json_number_or(page, "mean", 0) == 4.25);
    json_t *first = json_array_get(json_object_get(page, "items"), 0);
    assert_string_equal(json_text_or(first, "note", ""), "good");
    const char *cursor = arena_strdup(fixture->arena, json_text_or(page, "next_cursor", ""));
    json_decref(page);
    page = expect(fixture, 200, HTTP_GET,
        arena_printf(fixture->arena, "%s?limit=1&cursor=%s", path, cursor), NULL);
    first = json_array_get(json_object_get(page, "items"), 0);
    assert_true(json_number_or(first, "stars", 0) == 4.5);
    assert_true(json_is_null(json_object_get(page, "next_cursor")));
    json_decref(page);
    expect_problem(fixture, 400, "malformed_parameter", "cursor", HTTP_GET,
        arena_printf(fixture->arena, "%s?cursor=x", path), NULL);
    json_t *mine = expect(fixture, 200, HTTP_GET, "/internal/export", NULL);
    assert_int_equal(json_array_size(json_object_get(mine, "ratings")), 1);
    json_decref(mine);
}

static int setup(void **state)
{
    *state = fixture_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wine_is_served_as_written),
        TEST(test_vintages_are_those_of_the_group),
        TEST(test_internal_wines_keep_the_order_asked_for),
        TEST(test_reservations_hold_all_lines_or_none),
        TEST(test_reservations_are_settled_once),
        TEST(test_bad_reservations_are_refused),
        TEST(test_search_follows_the_store),
        TEST(test_search_is_rebuilt_when_it_is_behind),
        TEST(test_bad_queries_are_refused),
        TEST(test_ratings_replace_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
