#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "router.h"
#include "upstream.h"

#include <stdio.h>
#include <string.h>

static void say(struct exchange *exchange, const char *name)
{
    const char *text = arena_printf(exchange->arena, "{\"route\":\"%s\",\"param\":\"%s\"}", name,
        exchange->request.params[0] ? exchange->request.params[0] : "");
    http_reply(exchange, 200, "application/json", text, strlen(text));
}

static void wines(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    say(exchange, "wines");
}

static void suggest(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    say(exchange, "suggest");
}

static void wine(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    say(exchange, "wine");
}

static void similar(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    say(exchange, "similar");
}

static const struct route routes[] = {
    {HTTP_GET, "/wines", wines},
    {HTTP_GET, "/wines/{id}", wine},
    {HTTP_DELETE, "/wines/{id}", wine},
    {HTTP_GET, "/wines/suggest", suggest},
    {HTTP_GET, "/wines/{id}/similar", similar},
    {HTTP_GET, "/internal/wines", wines},
    {HTTP_GET, NULL, NULL},
};

struct answer {
    int status;
    char body[512];
};

static void keep(void *ctx, int status, const char *body, size_t length)
{
    struct answer *answer = ctx;
    answer->status = status;
    snprintf(answer->body, sizeof(answer->body), "%.*s", (int)length, body);
}

static struct answer ask(enum http_method method, const char *path)
{
    struct answer answer = {0};
    struct router *router = router_new(routes, NULL);
    struct upstream *upstream = upstream_local("test");
    upstream_set_router(upstream, router);
    upstream_call(upstream,
        &(struct upstream_call){.method = method, .path = path, .done = keep, .ctx = &answer});
    upstream_free(upstream);
    router_free(router);
    return answer;
}

static void test_literals_beat_names(void **state)
{
    (void)state;
    assert_non_null(strstr(ask(HTTP_GET, "/wines/suggest").body, "\"suggest\""));
    assert_non_null(strstr(ask(HTTP_GET, "/wines/abc").body, "\"param\":\"abc\""));
    assert_non_null(strstr(ask(HTTP_GET, "/wines/suggest/similar").body, "\"similar\""));
    assert_non_null(strstr(ask(HTTP_GET, "/wines/x/similar?limit=3").body, "\"similar\""));
}

static void test_unknown_paths_and_methods(void **state)
{
    (void)state;
    assert_int_equal(ask(HTTP_GET, "/").status, 404);
    assert_int_equal(ask(HTTP_GET, "/wine").status, 404);
    assert_int_equal(ask(HTTP_GET, "/wines/").status, 404);
    assert_int_equal(ask(HTTP_GET, "/wines//similar").status, 404);
    assert_int_equal(ask(HTTP_GET, "/wines/a/b/c").status, 404);
    assert_int_equal(ask(HTTP_PUT, "/wines/a").status, 405);
    assert_int_equal(ask(HTTP_GET, "/wines?q=%zz").status, 400);
}

static void test_internal_paths_answer_services_alone(void **state)
{
    (void)state;
    assert_int_equal(ask(HTTP_GET, "/internal/wines").status, 200);
}

static void test_problems_travel_as_errors(void **state)
{
    (void)state;
    struct error error = {0};
    static const char body[] = "{\"code\":\"out_of_stock\",\"detail\":\"d\",\"errors\":[{\"field\":"
                               "\"f\",\"message\":\"m\"}]}";
    assert_int_equal(upstream_error(409, body, strlen(body), &error), ERROR_CONFLICT);
    assert_string_equal(error.reason, "out_of_stock");
    assert_string_equal(error.field, "f");
    assert_string_equal(error.message, "m");
    assert_int_equal(upstream_error(502, "<html>", 6, &error), ERROR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_beat_names),
        cmocka_unit_test(test_unknown_paths_and_methods),
        cmocka_unit_test(test_internal_paths_answer_services_alone),
        cmocka_unit_test(test_problems_travel_as_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
