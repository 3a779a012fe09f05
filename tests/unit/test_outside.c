/* The scorer outside: what is asked, what answers are taken, and what every other one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "buffer.h"
#include "credentials.h"
#include "http_client.h"
#include "metrics.h"
#include "outside.h"
#include "outside_wire.h"
#include "server.h"
#include "text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD "{\"scores\":[1,3,2]}"
#define SCORER "sagemaker://wines-2?region=eu-west-1"

/* ---- an endpoint ---- */

struct site {
    struct timers *timers;
    struct http_server *server;
    struct http_client *client;
    struct aws_credentials *credentials;
    struct metrics *metrics;
    struct outside *outside;
    char url[80];

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    int status, delay_ms, requests;
    const char *answer;
    char body[1000], authorization[400], path[100], type[50];
    int dones;
    bool scored;
    float scores[OUTSIDE_MAX_CANDIDATES];
};

static void reply(void *ctx)
{
    struct exchange *exchange = ctx;
    http_reply(exchange, exchange->response.status, "application/json", exchange->scratch,
        strlen(exchange->scratch));
}

static void serve(void *ctx, struct exchange *exchange)
{
    struct site *site = ctx;
    const char *authorization = http_header(exchange, "Authorization");
    pthread_mutex_lock(&site->lock);
    site->requests++;
    snprintf(site->body, sizeof(site->body), "%s", exchange->request.body);
    snprintf(site->path, sizeof(site->path), "%s", exchange->request.path);
    snprintf(site->type, sizeof(site->type), "%s", exchange->request.content_type);
    snprintf(
        site->authorization, sizeof(site->authorization), "%s", authorization ? authorization : "");
    exchange->scratch = arena_strdup(exchange->arena, site->answer);
    exchange->response.status = site->status;
    int delay_ms = site->delay_ms;
    pthread_mutex_unlock(&site->lock);
    if (delay_ms)
        timers_after(site->timers, delay_ms, reply, exchange);
    else
        reply(exchange);
}

static int open_outside(struct site *site, const char *scorer, const char *url, struct error *error)
{
    return outside_new(&site->outside,
        &(struct outside_options){.scorer = scorer,
            .url = url,
            .deadline_ms = 200,
            .client = site->client,
            .credentials = site->credentials,
            .metrics = site->metrics},
        error);
}

static int open_site(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    struct error error = {0};
    int listener;
    pthread_mutex_init(&site->lock, NULL);
    pthread_cond_init(&site->changed, NULL);
    site->status = 200;
    site->answer = GOOD;
    site->timers = timers_new();
    assert_int_equal(http_listener_open("127.0.0.1", 0, &listener, &error), 0);
    const struct http_server_options options = {.listener = listener,
        .threads = 2,
        .max_connections = 500,
        .request_deadline_ms = 20000,
        .idle_timeout_s = 60,
        .max_body = 100000,
        .handler = serve,
        .ctx = site};
    assert_int_equal(http_server_start(&site->server, &options, site->timers, &error), 0);
    snprintf(site->url, sizeof(site->url), "http://127.0.0.1:%d", http_server_port(site->server));
    assert_int_equal(
        http_client_new(&site->client, &(struct http_client_options){.max_in_flight = 100}, &error),
        0);
    assert_int_equal(
        aws_credentials_new(&site->credentials, "AKIDEXAMPLE", "very secret", "a-token", &error),
        ERROR_INVALID);
    assert_int_equal(
        aws_credentials_new(&site->credentials, "AKIDEXAMPLE", "secret", "a-token", &error), 0);
    site->metrics = metrics_new();
    assert_int_equal(open_outside(site, SCORER, site->url, &error), 0);
    *state = site;
    return 0;
}

static int close_site(void **state)
{
    struct site *site = *state;
    http_client_free(site->client);
    outside_free(site->outside);
    http_server_stop(site->server, 2000);
    timers_free(site->timers);
    http_server_free(site->server);
    aws_credentials_free(site->credentials);
    metrics_free(site->metrics);
    pthread_cond_destroy(&site->changed);
    pthread_mutex_destroy(&site->lock);
    free(site);
    return 0;
}

/* ---- asking ---- */

static void scored(void *ctx, const float *scores)
{
    struct site *site = ctx;
    pthread_mutex_lock(&site->lock);
    site->dones++;
    site->scored = scores != NULL;
    if (scores)
        memcpy(site->scores, scores, 3 * sizeof(*scores));
    pthread_cond_signal(&site->changed);
    pthread_mutex_unlock(&site->lock);
}

static void await(struct site *site, int dones)
{
    pthread_mutex_lock(&site->lock);
    while (site->dones < dones)
        pthread_cond_wait(&site->changed, &site->lock);
    pthread_mutex_unlock(&site->lock);
}

static const struct outside_wine history[] = {{"01WINE\"A", 0.5f}, {"01WINEB", -0.125f}};
static const char *const candidates[] = {"01WINEC", "01WINED", "01WINEE"};
static const struct outside_query query = {history, 2, candidates, 3};

static int dones(struct site *site)
{
    pthread_mutex_lock(&site->lock);
    int count = site->dones;
    pthread_mutex_unlock(&site->lock);
    return count;
}

static void behave(struct site *site, int status, const char *answer, int delay_ms)
{
    pthread_mutex_lock(&site->lock);
    site->status = status;
    site->answer = answer;
    site->delay_ms = delay_ms;
    pthread_mutex_unlock(&site->lock);
}

/* Whether scores came. */
static bool ask(struct site *site)
{
    int before = dones(site);
    outside_score(site->outside, &query, scored, site);
    await(site, before + 1);
    return site->scored;
}

static void assert_counted(struct site *site, const char *result, int expected)
{
    const char *const labels[] = {"result", result, NULL};
    int counted = (int)counter_value(
        metrics_counter(site->metrics, "recommendation_scorer_calls_total", "", labels));
    if (counted != expected)
        fail_msg("%s: %d, not %d", result, counted, expected);
}

static void test_scores_come(void **state)
{
    struct site *site = *state;
    assert_true(ask(site));
    assert_true(site->scores[0] == 1 && site->scores[1] == 3 && site->scores[2] == 2);
    assert_string_equal(site->path, "/endpoints/wines-2/invocations");
    assert_string_equal(site->type, "application/json");
    assert_string_equal(site->body, "{\"history\":[{\"wine\":\"01WINE\\\"A\",\"weight\":0.5},"
                                    "{\"wine\":\"01WINEB\",\"weight\":-0.125}],"
                                    "\"candidates\":[\"01WINEC\",\"01WINED\",\"01WINEE\"]}");
    assert_true(text_starts_with(site->authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert_non_null(strstr(site->authorization, "/eu-west-1/sagemaker/aws4_request, SignedHeaders="
                                                "accept;content-type;host;x-amz-date;"
                                                "x-amz-security-token, Signature="));
    assert_counted(site, "ok", 1);
}

static void test_answers_that_are_no_scores(void **state)
{
    struct site *site = *state;
    static const char *const answers[] = {
        "",
        "scores",
        "[1,2,3]",
        "{}",
        "{\"scores\":null}",
        "{\"scores\":{\"a\":1}}",
        "{\"scores\":[]}",
        "{\"scores\":[1,2]}",
        "{\"scores\":[1,2,3,4]}",
        "{\"scores\":[1,2,\"3\"]}",
        "{\"scores\":[1,2,null]}",
        "{\"scores\":[1,2,NaN]}",
        "{\"scores\":[1,2,-Infinity]}",
        "{\"scores\":[1,2,1e400]}",
        "{\"scores\":[1,2,1e300]}", /* more than a float holds */
        "{\"scores\":[1,2,3]} and more",
        "{\"scores\":[1,2,3]",
    };
    size_t count = sizeof(answers) / sizeof(answers[0]);
    for (size_t i = 0; i < count; i++) {
        behave(site, 200, GOOD, 0); /* keeps the breaker closed */
        assert_true(ask(site));
        behave(site, 200, answers[i], 0);
        if (ask(site))
            fail_msg("%s is taken", answers[i]);
    }
    assert_counted(site, "failed", (int)count);
    assert_counted(site, "skipped", 0);
    assert_counted(site, "late", 0);
}

static void test_statuses(void **state)
{
    struct site *site = *state;
    static const struct {
        int status;
        const char *result;
    } cases[] = {{400, "refused"}, {403, "refused"}, {404, "refused"}, {424, "failed"},
        {429, "failed"}, {500, "failed"}, {503, "failed"}, {302, "failed"}, {204, "failed"}};
    int refused = 0, failed = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        behave(site, 200, GOOD, 0);
        assert_true(ask(site));
        behave(site, cases[i].status, GOOD, 0);
        assert_false(ask(site));
        refused += text_equal(cases[i].result, "refused");
        failed += text_equal(cases[i].result, "failed");
        assert_counted(site, "refused", refused);
        assert_counted(site, "failed", failed);
    }
}

static void test_late_answers(void **state)
{
    struct site *site = *state;
    behave(site, 200, GOOD, 600);
    assert_false(ask(site));
    assert_counted(site, "late", 1);
    behave(site, 200, GOOD, 20);
    assert_true(ask(site));
}

static void test_failures_are_left_alone(void **state)
{
    struct site *site = *state;
    behave(site, 500, GOOD, 0);
    for (int i = 0; i < 20; i++)
        assert_false(ask(site));
    assert_counted(site, "failed", 5);
    assert_counted(site, "skipped", 15);
    assert_int_equal(site->requests, 5);
}

static void test_nothing_to_score(void **state)
{
    struct site *site = *state;
    struct outside_query empty = {history, 2, NULL, 0};
    outside_score(site->outside, &empty, scored, site);
    assert_int_equal(dones(site), 1);
    assert_false(site->scored);
    assert_counted(site, "skipped", 1);
    assert_int_equal(site->requests, 0);
    /* A shopper of whom nothing is known may be asked about all the same. */
    struct outside_query stranger = {NULL, 0, candidates, 3};
    outside_score(site->outside, &stranger, scored, site);
    await(site, 2);
    assert_true(site->scored);
    assert_true(text_starts_with(site->body, "{\"history\":[],\"candidates\":["));
}

static void test_the_store_stops(void **state)
{
    struct site *site = *state;
    behave(site, 200, GOOD, 100);
    for (int i = 0; i < 10; i++)
        outside_score(site->outside, &query, scored, site);
    http_client_stop(site->client);
    assert_int_equal(dones(site), 10);
    assert_false(site->scored);
    assert_counted(site, "skipped", 10);
}

static void *ask_much(void *ctx)
{
    for (int i = 0; i < 100; i++)
        outside_score(((struct site *)ctx)->outside, &query, scored, ctx);
    return NULL;
}

static void test_from_many_threads(void **state)
{
    struct site *site = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_much, site), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    await(site, 400);
    assert_int_equal(dones(site), 400);
    assert_true(site->requests > 0);
}

/* ---- settings ---- */

static void test_good_settings(void **state)
{
    struct site *site = *state;
    static const char *const scorers[][2] = {{"sagemaker://a?region=eu-west-1", "a"},
        {"sagemaker://My-Wines-2?region=cn-north-1", "My-Wines-2"}};
    static const char *const urls[] = {"", "https://vpce-1.example.com",
        "https://example.com/prefix", "http://localhost:1", "http://[::1]:1",
        "https://10.0.0.1:8443"};
    for (size_t i = 0; i < 2; i++) {
        struct outside_address address;
        struct error error = {0};
        assert_int_equal(outside_read_address(&address, scorers[i][0], &error), 0);
        assert_string_equal(address.name, scorers[i][1]);
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct error error = {0};
        outside_free(site->outside);
        if (open_outside(site, SCORER, urls[i], &error) < 0)
            fail_msg("%s: %s", urls[i], error.message);
    }
}

static void test_bad_settings(void **state)
{
    struct site *site = *state;
    static const char *const scorers[] = {"sagemaker", "sagemaker://", "sagemaker://a",
        "sagemaker://a?", "sagemaker://a?region=", "sagemaker://?region=eu-west-1",
        "sagemaker://a/b?region=eu-west-1", "sagemaker://a?region=eu-west-1&x=y",
        "sagemaker://a?region=eu.evil.example/", "sagemaker://-a?region=eu-west-1",
        "sagemaker://a\xc3\xa4?region=eu-west-1", "sagemaker://a?Region=eu-west-1",
        "sagemakers://a?region=eu-west-1", "https://a?region=eu-west-1",
        "sagemaker://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?region=eu"};
    static const char *const urls[] = {"http://example.com", "http://10.0.0.1", "example.com",
        "ftp://127.0.0.1", "https://a.example?b=c", "https://a.example/b/", "https://u:p@a.example",
        "http://127.0.0.1.example.com", "https://"};
    struct outside *before = site->outside;
    for (size_t i = 0; i < sizeof(scorers) / sizeof(scorers[0]); i++) {
        struct error error = {0};
        if (open_outside(site, scorers[i], "", &error) != ERROR_INVALID)
            fail_msg("%s is taken", scorers[i]);
        assert_string_equal(error.field, "recommendation.scorer");
        assert_non_null(strstr(error.message, "sagemaker://ENDPOINT-NAME?region="));
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct error error = {0};
        if (open_outside(site, SCORER, urls[i], &error) != ERROR_INVALID)
            fail_msg("%s is taken", urls[i]);
        assert_string_equal(error.field, "recommendation.scorer_url");
        assert_non_null(strstr(error.message, "recommendation.scorer_url"));
        assert_null(strchr(error.message, '\n'));
    }
    assert_ptr_equal(site->outside, before);
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, open_site, close_site)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE(test_scores_come),
        SITE(test_answers_that_are_no_scores),
        SITE(test_statuses),
        SITE(test_late_answers),
        SITE(test_failures_are_left_alone),
        SITE(test_nothing_to_score),
        SITE(test_the_store_stops),
        SITE(test_from_many_threads),
        SITE(test_good_settings),
        SITE(test_bad_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
