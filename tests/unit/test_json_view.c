#include "engines.h"

#include "arena.h"
#include "json.h"
#include "json_view.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int read_text(const char *text, struct json_view *view)
{
    struct error error;
    int rc = json_view_read(text, strlen(text), arena, view, &error);
    if (rc < 0)
        assert_string_equal(error.reason, "malformed_json");
    return rc;
}

static void numbers_are_exact(void **state)
{
    (void)state;
    struct json_view v;
    static const double expected[] = {1e31, 0.1e-7,
        123456789012345678901234567890123456789012345678901234567890123456789.5, 5e-324};
    assert_int_equal(
        read_text("{\"n\":[1e31,0.1e-7,12345678901234567890123456789012345678901234567890"
                  "1234567890123456789.5,5e-324],\"huge\":1e400}",
            &v),
        0);
    struct json_view at = json_view_first(json_view_get(v, "n"));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++, at = json_view_next(at))
        assert_true(json_view_number(at, 0) == expected[i]);
    assert_true(json_view_number(json_view_get(v, "huge"), -7) == -7);
}

static void values_are_found(void **state)
{
    (void)state;
    struct json_view v;
    assert_int_equal(read_text(" {\"a\" : [1, -2.5e1 ,{\"b\":null}], \"t\":true,\n\"f\":false,"
                               "\"s\":\"x\", \"e\":{}, \"l\":[], \"s\":\"second\"} ",
                         &v),
        0);
    assert_int_equal(json_view_count(v), 7);
    struct json_view a = json_view_get(v, "a");
    assert_int_equal(json_view_count(a), 3);
    struct json_view one = json_view_first(a), two = json_view_next(one),
                     three = json_view_next(two);
    assert_int_equal(json_view_int(one, 9), 1);
    assert_int_equal(json_view_int(two, 9), 9); /* not an integer */
    assert_true(json_view_number(two, 0) == -25);
    assert_int_equal(json_view_kind(json_view_get(three, "b")), JSON_KIND_NULL);
    assert_int_equal(json_view_kind(json_view_next(three)), JSON_MISSING);
    assert_int_equal(json_view_kind(json_view_get(v, "t")), JSON_KIND_TRUE);
    assert_int_equal(json_view_kind(json_view_get(v, "f")), JSON_KIND_FALSE);
    assert_string_equal(json_view_text(json_view_get(v, "s"), arena, ""), "x");
    assert_true(json_view_is(json_view_get(v, "s"), "x"));
    assert_int_equal(json_view_kind(json_view_first(json_view_get(v, "l"))), JSON_MISSING);
    assert_int_equal(json_view_count(json_view_get(v, "e")), 0);
    assert_string_equal(
        json_view_text(json_view_get(json_view_get(v, "none"), "of"), arena, "fallback"),
        "fallback");
    size_t length;
    const char *raw = json_view_raw(json_view_get(v, "a"), &length);
    assert_int_equal(length, strlen("[1, -2.5e1 ,{\"b\":null}]"));
    assert_memory_equal(raw, "[1, -2.5e1 ,{\"b\":null}]", length);
    raw = json_view_raw(json_view_get(v, "s"), &length);
    assert_memory_equal(raw, "\"x\"", length);
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    struct json_view v;
    assert_int_equal(
        read_text(
            "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83c\\udf77é🍷\"}", &v),
        0);
    assert_string_equal(json_view_text(json_view_get(v, "s"), arena, ""),
        "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\xb7é🍷");
    assert_false(json_view_is(json_view_get(v, "s"), "x"));
}

static void integers_are_exact(void **state)
{
    (void)state;
    struct json_view v;
    assert_int_equal(read_text("{\"h\":9223372036854775807,\"l\":-9223372036854775808,"
                               "\"o\":9223372036854775808,\"u\":-9223372036854775809,\"z\":-0}",
                         &v),
        0);
    assert_true(json_view_int(json_view_get(v, "h"), 0) == INT64_MAX);
    assert_true(json_view_int(json_view_get(v, "l"), 0) == INT64_MIN);
    assert_int_equal(json_view_int(json_view_get(v, "o"), 7), 7);
    assert_int_equal(json_view_int(json_view_get(v, "u"), 7), 7);
    assert_int_equal(json_view_int(json_view_get(v, "z"), 7), 0);
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "[]", "7", "\"x\"", "{", "}", "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{,}", "{a:1}", "{\"a\":1}x", "{\"a\":1}{}", "{\"a\":[1,]}", "{\"a\":[1 2]}",
        "{\"a\":01}", "{\"a\":-}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":.5}", "{\"a\":+1}",
        "{\"a\":nul}", "{\"a\":truE}", "{\"a\":NaN}", "{\"a\":\"x}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\n\"}", "{\"a\":\"\\",
        "{\"a\":\"\\u", "{\"a\":\xff}", "{\"a\":\"\xc3\"}", "{\"a\":[}", "{\"a\":{]}"};
    struct json_view v;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_text(bad[i], &v), ERROR_INVALID);
    assert_int_equal(json_view_read("{\"a\":1}\0", 8, arena, &v, NULL), ERROR_INVALID);
    char *deep = test_malloc(200001);
    memset(deep, '[', 200000);
    memcpy(deep, "{\"a\":", 5);
    deep[200000] = '\0';
    assert_int_equal(read_text(deep, &v), ERROR_INVALID);
    test_free(deep);
}

/* What this reader takes jansson takes, and the other way round (doubled keys aside): texts made by
 * breaking a good one at random. */
static void agrees_with_the_strict_reader(void **state)
{
    (void)state;
    static const char good[] =
        "{\"id\":\"01J9\",\"n\":[1,2.5,-3e2,true,null],\"t\":\"a\\u00e9\\n\","
        "\"o\":{\"k\":\"v\",\"e\":{}},\"é\":\"\\\"\"}";
    static const char dirt[] = "{}[]\",:\\u0e1-.tfn \xc3\x01";
    unsigned seed = 42;
    int taken = 0;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (int j = rand_r(&seed) % 3; j >= 0; j--)
            text[rand_r(&seed) % (sizeof(good) - 1)] = dirt[rand_r(&seed) % (sizeof(dirt) - 1)];
        struct json_view v;
        struct error error = {0};
        json_t *tree = NULL;
        int ours = read_text(text, &v);
        int theirs = json_read_object(text, strlen(text), &tree, &error);
        json_decref(tree);
        if ((ours == 0) != (theirs == 0) && !strstr(error.message, "duplicate") &&
            !strstr(error.message, "too big"))
            fail_msg("%s: %s", text, error.message);
        taken += ours == 0;
        arena_clear(arena);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes_are_resolved, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_json_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(agrees_with_the_strict_reader, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
