#include "product_fixture.h"

#include "blob.h"
#include "picture.h"
#include "queue.h"
#include "timer.h"

static const char *at(struct product_fixture *fixture, const char *id, const char *rest)
{
    return arena_printf(fixture->arena, "/api/v1/admin/wines/%s%s", id, rest);
}

static int put_with(struct product_fixture *fixture, const char *id, const char *if_match,
    const char *body, json_t **answer)
{
    struct fixture_request request = {.method = HTTP_PUT,
        .path = at(fixture, id, ""),
        .body = body,
        .body_length = strlen(body),
        .if_match = if_match};
    return ask_with(fixture, &request, answer);
}

/* ---- who may ---- */

static void test_only_admins_come_in(void **state)
{
    struct product_fixture *fixture = *state;
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ""));
    const struct {
        enum http_method method;
        const char *path;
    } paths[] = {
        {HTTP_GET, "/api/v1/admin/wines"},
        {HTTP_POST, "/api/v1/admin/wines"},
        {HTTP_GET, at(fixture, id, "")},
        {HTTP_PUT, at(fixture, id, "")},
        {HTTP_DELETE, at(fixture, id, "")},
        {HTTP_POST, at(fixture, id, "/stock")},
        {HTTP_POST, at(fixture, id, "/images")},
        {HTTP_DELETE, at(fixture, id, "/images")},
    };
    memset(&fixture->identity, 0, sizeof(fixture->identity));
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        fixture->identity.role = ROLE_NONE;
        expect_problem(fixture, 401, "unauthenticated", NULL, paths[i].method, paths[i].path, NULL);
        fixture->identity.role = ROLE_CUSTOMER;
        expect_problem(fixture, 403, "forbidden", NULL, paths[i].method, paths[i].path, NULL);
    }
}

/* ---- texts ---- */

static void test_bad_wines_are_refused_by_field(void **state)
{
    struct product_fixture *fixture = *state;
    static const struct {
        const char *field, *member;
    } cases[] = {
        {"name", "\"name\":\"\""},
        {"name", "\"name\":7"},
        {"name", "\"name\":\"a\\u0001\""},
        {"type", "\"type\":\"Orange\""},
        {"body", "\"body\":\"fat\""},
        {"abv", "\"abv\":61"},
        {"abv", "\"abv\":\"13\""},
        {"bottle_ml", "\"bottle_ml\":49"},
        {"bottle_ml", "\"bottle_ml\":750.5"},
        {"vintage", "\"vintage\":1799"},
        {"vintage", "\"vintage\":0"},
        {"price", "\"price\":12"},
        {"price.amount", "\"price\":{\"amount\":0,\"currency\":\"EUR\"}"},
        {"price.amount", "\"price\":{\"amount\":1.5,\"currency\":\"EUR\"}"},
        {"price.currency", "\"price\":{\"amount\":100,\"currency\":\"USD\"}"},
        {"grapes", "\"grapes\":\"Merlot\""},
        {"grapes", "\"grapes\":[\"Merlot\",\"Merlot\"]"},
        {"grapes", "\"grapes\":[\"Merlot;Malbec\"]"},
        {"grapes", "\"grapes\":[\"Merlot 60\"]"},
        {"grape_shares",
            "\"grapes\":[\"Merlot\"],\"grape_shares\":[{\"name\":\"Malbec\",\"percent\":100}]"},
        {"grapes",
            "\"grapes\":[\"Merlot\"],\"grape_shares\":[{\"name\":\"Merlot\",\"percent\":90}]"},
        {"drink_until", "\"drink_from\":2030,\"drink_until\":2029"},
        {"website", "\"website\":\"javascript:alert(1)\""},
        {"organic", "\"organic\":\"yes\""},
        {"sku", "\"sku\":\"a b\""},
        {"group_id", "\"group_id\":\"x\""},
        {"stock", "\"stock\":-1"},
        {"stock", "\"stock\":1000001"},
    };
    be_admin(fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* The case's member stands in for the good one of the same name. */
        CLEANUP_JSON json_t *wine = json_loads(WINE_JSON("a", "A", ""), 0, NULL);
        CLEANUP_JSON json_t *member =
            json_loads(arena_printf(fixture->arena, "{%s}", cases[i].member), 0, NULL);
        json_object_update(wine, member);
        expect_problem(fixture, 422, "invalid_field", cases[i].field, HTTP_POST,
            "/api/v1/admin/wines", json_text(fixture->arena, wine));
    }
    expect_problem(fixture, 400, "malformed_json", NULL, HTTP_POST, "/api/v1/admin/wines", "{");
    struct fixture_request request = {.method = HTTP_POST,
        .path = "/api/v1/admin/wines",
        .body = "sku=1",
        .body_length = 5,
        .content_type = "text/plain"};
    assert_int_equal(ask_with(fixture, &request, NULL), 415);
    char *deep = arena_alloc(fixture->arena, 200001);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    expect_problem(fixture, 400, "malformed_json", NULL, HTTP_POST, "/api/v1/admin/wines", deep);
}

static void test_wines_are_changed_by_version(void **state)
{
    struct product_fixture *fixture = *state;
    json_t *answer;
    be_admin(fixture);
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":3"));
    assert_string_equal(fixture->etag, "\"1\"");
    assert_int_equal(put_with(fixture, id, NULL, WINE_JSON("a", "B", ""), NULL), 400);
    assert_int_equal(put_with(fixture, id, "1", WINE_JSON("a", "B", ""), NULL), 400);
    assert_int_equal(put_with(fixture, id, "\"2\"", WINE_JSON("a", "B", ""), NULL), 409);
    assert_int_equal(put_with(fixture, id, "\"1\"", WINE_JSON("a", "B", ""), &answer), 200);
    assert_string_equal(fixture->etag, "\"2\"");
    assert_string_equal(json_text_or(answer, "name", ""), "B");
    assert_int_equal(json_int_or(answer, "version", 0), 2);
    assert_int_equal(json_int_or(answer, "available", 0), 3);
    assert_string_equal(json_text_or(answer, "status", ""), "for_sale");
    json_decref(answer);
    add_wine(fixture, WINE_JSON("b", "Other", ""));
    assert_int_equal(put_with(fixture, id, "\"2\"", WINE_JSON("b", "B", ""), &answer), 409);
    assert_string_equal(json_text_or(answer, "code", ""), "sku_taken");
    json_decref(answer);
    assert_int_equal(
        put_with(fixture, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", "\"1\"", WINE_JSON("c", "C", ""), NULL),
        404);
}

static void test_withdrawn_wines_are_gone_for_shoppers(void **state)
{
    struct product_fixture *fixture = *state;
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":3"));
    await_search(fixture, 1);
    be_admin(fixture);
    struct fixture_request request = {
        .method = HTTP_DELETE, .path = at(fixture, id, ""), .if_match = "\"1\""};
    assert_int_equal(ask_with(fixture, &request, NULL), 204);
    await_search(fixture, 0);
    const char *page = arena_printf(fixture->arena, "/api/v1/wines/%s", id);
    expect_problem(fixture, 410, "withdrawn", NULL, HTTP_GET, page, NULL);
    expect_problem(fixture, 410, "withdrawn", NULL, HTTP_GET,
        arena_printf(fixture->arena, "%s/ratings", page), NULL);
    expect_problem(fixture, 410, "withdrawn", NULL, HTTP_POST,
        arena_printf(fixture->arena, "%s/ratings", page), "{\"stars\":4}");
    json_t *wine = expect(fixture, 200, HTTP_GET, at(fixture, id, ""), NULL);
    assert_string_equal(json_text_or(wine, "status", ""), "withdrawn");
    json_decref(wine);
    json_t *internal = expect(
        fixture, 200, HTTP_GET, arena_printf(fixture->arena, "/internal/wines?ids=%s", id), NULL);
    assert_int_equal(json_array_size(json_object_get(internal, "items")), 0);
    json_decref(internal);
}

static void test_a_page_is_revalidated(void **state)
{
    struct product_fixture *fixture = *state;
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":3"));
    struct fixture_request request = {
        .method = HTTP_GET, .path = arena_printf(fixture->arena, "/api/v1/wines/%s", id)};
    assert_int_equal(ask_with(fixture, &request, NULL), 200);
    request.if_none_match = fixture->etag;
    assert_non_null(request.if_none_match);
    assert_int_equal(ask_with(fixture, &request, NULL), 304);
    be_admin(fixture);
    json_decref(expect(fixture, 200, HTTP_POST, at(fixture, id, "/stock"),
        "{\"change\":1,\"reason\":\"found one\"}"));
    assert_int_equal(ask_with(fixture, &request, NULL), 200);
}

static void test_the_list_is_folded_and_paged(void **state)
{
    struct product_fixture *fixture = *state;
    add_wine(fixture, WINE_JSON("a", "Élan", ",\"stock\":1"));
    add_wine(fixture, WINE_JSON("b", "Genêts", ",\"stock\":2"));
    be_admin(fixture);
    json_t *page = expect(fixture, 200, HTTP_GET, "/api/v1/admin/wines?q=TOURNEBISE%20elan", NULL);
    assert_int_equal(json_int_or(page, "total", 0), 1);
    json_decref(page);
    page = expect(fixture, 200, HTTP_GET, "/api/v1/admin/wines?limit=1&sort=-available", NULL);
    json_t *first = json_array_get(json_object_get(page, "items"), 0);
    assert_string_equal(json_text_or(first, "sku", ""), "b");
    assert_int_equal(json_int_or(first, "reserved", -1), 0);
    const char *next =
        arena_printf(fixture->arena, "/api/v1/admin/wines?limit=1&sort=-available&cursor=%s",
            json_text_or(page, "next_cursor", ""));
    json_decref(page);
    page = expect(fixture, 200, HTTP_GET, next, NULL);
    first = json_array_get(json_object_get(page, "items"), 0);
    assert_string_equal(json_text_or(first, "sku", ""), "a");
    assert_true(json_is_null(json_object_get(page, "next_cursor")));
    json_decref(page);
    expect_problem(fixture, 400, "malformed_parameter", "cursor", HTTP_GET,
        "/api/v1/admin/wines?cursor=x", NULL);
    expect_problem(
        fixture, 422, "invalid_field", "sort", HTTP_GET, "/api/v1/admin/wines?sort=age", NULL);
}

static void test_stock_is_changed_with_a_reason(void **state)
{
    struct product_fixture *fixture = *state;
    be_admin(fixture);
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":5"));
    const char *path = at(fixture, id, "/stock");
    json_decref(
        expect(fixture, 200, HTTP_PUT, "/internal/stock/reservations/01JB0000000000000000000001",
            arena_printf(fixture->arena, "{\"lines\":[{\"wine_id\":\"%s\",\"quantity\":2}]}", id)));
    json_t *stock =
        expect(fixture, 200, HTTP_POST, path, "{\"change\":24,\"reason\":\"delivery\"}");
    assert_int_equal(json_int_or(stock, "available", 0), 27);
    assert_int_equal(json_int_or(stock, "on_hand", 0), 29);
    assert_int_equal(json_int_or(stock, "reserved", 0), 2);
    json_decref(stock);
    json_t *problem =
        expect(fixture, 409, HTTP_POST, path, "{\"change\":-28,\"reason\":\"broken\"}");
    assert_string_equal(json_text_or(problem, "code", ""), "out_of_stock");
    assert_non_null(strstr(json_text_or(problem, "detail", ""), "27"));
    json_decref(problem);
    static const char *const bad[] = {"{\"change\":0,\"reason\":\"x\"}", "{\"change\":1}",
        "{\"change\":1.5,\"reason\":\"x\"}", "{\"change\":1000001,\"reason\":\"x\"}",
        "{\"change\":1,\"reason\":\"\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_problem(fixture, 422, "invalid_field", NULL, HTTP_POST, path, bad[i]);
    expect_problem(fixture, 404, "not_found", NULL, HTTP_POST,
        at(fixture, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", "/stock"), "{\"change\":1,\"reason\":\"x\"}");
}

/* ---- pictures ---- */

static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I',
    'H', 'D', 'R', 0, 0, 1, 0, 0, 0, 2, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0};
static const unsigned char jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc2, 0, 17, 8, 1,
    0x2c, 2, 0x58, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1};
static const unsigned char webp[] = {'R', 'I', 'F', 'F', 22, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P',
    '8', 'X', 10, 0, 0, 0, 0, 0, 0, 0, 0x57, 2, 0, 0x2b, 1, 0};

static void test_pictures_are_told_by_their_bytes(void **state)
{
    (void)state;
    struct picture picture;
    struct error error;
    assert_int_equal(picture_probe(png, sizeof(png), &picture, &error), 0);
    assert_string_equal(picture.type, "image/png");
    assert_int_equal(picture.width, 256);
    assert_int_equal(picture.height, 512);
    assert_int_equal(picture_probe(jpeg, sizeof(jpeg), &picture, &error), 0);
    assert_string_equal(picture.type, "image/jpeg");
    assert_int_equal(picture.width, 600);
    assert_int_equal(picture.height, 300);
    assert_int_equal(picture_probe(webp, sizeof(webp), &picture, &error), 0);
    assert_int_equal(picture.width, 600);
    assert_int_equal(picture.height, 300);
    unsigned char bomb[sizeof(png)];
    memcpy(bomb, png, sizeof(png));
    bomb[16] = bomb[20] = 1;
    assert_int_equal(picture_probe(bomb, sizeof(bomb), &picture, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "invalid_image");
    /* No prefix of a picture is read beyond its end. */
    for (size_t i = 0; i < sizeof(jpeg); i++) {
        unsigned char *cut = malloc(i + 1);
        memcpy(cut, jpeg, i);
        picture_probe(cut, i, &picture, &error);
        memcpy(cut, png, i);
        picture_probe(cut, i, &picture, &error);
        memcpy(cut, webp, i < sizeof(webp) ? i : sizeof(webp));
        picture_probe(cut, i, &picture, &error);
        free(cut);
    }
}

static int upload(struct product_fixture *fixture, const char *id, const void *bytes, size_t length,
    const char *type, json_t **answer)
{
    struct fixture_request request = {.method = HTTP_POST,
        .path = at(fixture, id, "/images"),
        .body = bytes,
        .body_length = length,
        .content_type = type};
    return ask_with(fixture, &request, answer);
}

static void test_an_upload_becomes_pictures(void **state)
{
    struct product_fixture *fixture = *state;
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ""));
    be_admin(fixture);
    json_t *answer;
    assert_int_equal(upload(fixture, id, "GIF89a", 6, "image/gif", NULL), 415);
    assert_int_equal(upload(fixture, id, "not a picture", 13, "image/png", &answer), 422);
    assert_string_equal(json_text_or(answer, "code", ""), "invalid_image");
    json_decref(answer);
    char *large = calloc(1, PICTURE_MAX_BYTES + 1);
    assert_int_equal(upload(fixture, id, large, PICTURE_MAX_BYTES + 1, "image/png", NULL), 413);
    free(large);
    assert_int_equal(
        upload(fixture, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", png, sizeof(png), "image/png", NULL), 404);
    assert_int_equal(upload(fixture, id, png, sizeof(png), "image/png", &answer), 202);
    const char *upload_id = arena_strdup(fixture->arena, json_text_or(answer, "id", ""));
    assert_string_equal(json_text_or(answer, "status", ""), "pending");
    json_decref(answer);

    const char *report = arena_printf(fixture->arena, "/internal/wines/%s/images", id);
    json_decref(expect(fixture, 422, HTTP_POST, report,
        arena_printf(fixture->arena, "{\"upload_id\":\"%s\",\"images\":[]}", upload_id)));
    expect(fixture, 204, HTTP_POST, report,
        arena_printf(fixture->arena,
            "{\"upload_id\":\"%s\",\"images\":[{\"url\":\"/media/b\",\"width\":600},"
            "{\"url\":\"/media/a\",\"width\":300}],\"error\":null}",
            upload_id));
    json_t *wine = expect(fixture, 200, HTTP_GET, at(fixture, id, ""), NULL);
    json_t *images = json_object_get(wine, "images");
    assert_int_equal(json_array_size(images), 2);
    assert_int_equal(json_int_or(json_array_get(images, 0), "width", 0), 300);
    json_t *state_of = json_array_get(json_object_get(wine, "uploads"), 0);
    assert_string_equal(json_text_or(state_of, "status", ""), "done");
    json_decref(wine);
    expect(fixture, 204, HTTP_DELETE, at(fixture, id, "/images"), NULL);
    wine = expect(fixture, 200, HTTP_GET, at(fixture, id, ""), NULL);
    assert_int_equal(json_array_size(json_object_get(wine, "images")), 0);
    json_decref(wine);
}

/* ---- the queue of corrections ---- */

static void await_settled(struct queue *queue, int64_t acked, int64_t died)
{
    struct queue_stats stats = {0};
    for (int i = 0; i < 400; i++) {
        queue_stats(queue, &stats);
        if (stats.acked == acked && stats.died == died)
            return;
        usleep(5000);
    }
    fail_msg("%d acked, %d died", (int)stats.acked, (int)stats.died);
}

static void test_corrections_are_applied_once(void **state)
{
    (void)state;
    struct timers *timers = timers_new();
    struct queue *queue = queue_memory_new("stock", &(struct queue_options){.timers = timers});
    struct product_options options = {.stock = queue};
    struct product_fixture *fixture = fixture_new(&options);
    const char *id = add_wine(fixture, WINE_JSON("a", "A", ",\"stock\":5"));
    const char *body = arena_printf(fixture->arena,
        "{\"id\":\"m1\",\"lines\":[{\"wine_id\":\"%s\",\"change\":3}],\"reason\":\"count\"}", id);
    struct queue_message message = {.id = "q1", .body = body, .length = strlen(body)};
    queue_send(queue, &message, 1, NULL, NULL);
    await_settled(queue, 1, 0);
    message.id = "q2"; /* another delivery of the same correction */
    queue_send(queue, &message, 1, NULL, NULL);
    await_settled(queue, 2, 0);
    json_t *wine =
        expect(fixture, 200, HTTP_GET, arena_printf(fixture->arena, "/api/v1/wines/%s", id), NULL);
    assert_int_equal(json_int_or(wine, "available", 0), 8);
    json_decref(wine);
    static const char *const bad[] = {"{", "{\"id\":\"m2\"}",
        "{\"id\":\"m3\",\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"change\":1}]}"};
    for (int i = 0; i < 3; i++) {
        message = (struct queue_message){
            .id = arena_printf(fixture->arena, "b%d", i), .body = bad[i], .length = strlen(bad[i])};
        queue_send(queue, &message, 1, NULL, NULL);
    }
    await_settled(queue, 2, 3);
    fixture_free(fixture);
    queue_close(queue);
    timers_free(timers);
}

static struct blob *blobs;

static int setup(void **state)
{
    blobs = blob_memory_new();
    struct product_options options = {.blob = blobs};
    *state = fixture_new(&options);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    blob_close(blobs);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_admins_come_in),
        TEST(test_bad_wines_are_refused_by_field),
        TEST(test_wines_are_changed_by_version),
        TEST(test_withdrawn_wines_are_gone_for_shoppers),
        TEST(test_a_page_is_revalidated),
        TEST(test_the_list_is_folded_and_paged),
        TEST(test_stock_is_changed_with_a_reason),
        cmocka_unit_test(test_pictures_are_told_by_their_bytes),
        TEST(test_an_upload_becomes_pictures),
        cmocka_unit_test(test_corrections_are_applied_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
