/* Calls to the outside, against the store's own server and against one that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "http_client.h"
#include "http_url.h"
#include "rogue.h"
#include "server.h"
#include "text.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one call, waited for ---- */

struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls, rc, status;
    char type[64], body[4096];
    size_t length;
    struct error error;
};

static void outcome_init(struct outcome *outcome)
{
    memset(outcome, 0, sizeof(*outcome));
    pthread_mutex_init(&outcome->lock, NULL);
    pthread_cond_init(&outcome->changed, NULL);
}

static void note(void *ctx, int rc, const struct http_answer *answer, const struct error *error)
{
    struct outcome *outcome = ctx;
    pthread_mutex_lock(&outcome->lock);
    outcome->calls++;
    outcome->rc = rc;
    if (rc == 0) {
        outcome->status = answer->status;
        outcome->length = answer->length;
        snprintf(outcome->type, sizeof(outcome->type), "%s", answer->content_type);
        snprintf(outcome->body, sizeof(outcome->body), "%s", answer->body);
    } else {
        outcome->error = *error;
    }
    pthread_cond_signal(&outcome->changed);
    pthread_mutex_unlock(&outcome->lock);
}

static void await(struct outcome *outcome)
{
    pthread_mutex_lock(&outcome->lock);
    while (!outcome->calls)
        pthread_cond_wait(&outcome->changed, &outcome->lock);
    pthread_mutex_unlock(&outcome->lock);
}

static struct outcome perform(struct http_client *client, struct http_client_call call)
{
    struct outcome outcome;
    outcome_init(&outcome);
    if (!call.deadline_ms)
        call.deadline_ms = 30000;
    if (!call.max_body)
        call.max_body = 4000;
    call.done = note;
    call.ctx = &outcome;
    http_client_call(client, &call);
    await(&outcome);
    return outcome;
}

static struct http_client *client_with(size_t max_in_flight, const char *ca_file)
{
    struct http_client *client;
    struct error error = {0};
    const struct http_client_options options = {max_in_flight, ca_file};
    assert_int_equal(http_client_new(&client, &options, &error), 0);
    return client;
}

/* ---- the rogue ---- */

struct scene {
    struct rogue *rogue;
    struct http_client *client;
    char url[80];
};

static const char *at(struct scene *scene, const char *path)
{
    snprintf(
        scene->url, sizeof(scene->url), "http://127.0.0.1:%d%s", rogue_port(scene->rogue), path);
    return scene->url;
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->rogue = rogue_new();
    scene->client = client_with(100, NULL);
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    http_client_free(scene->client);
    rogue_free(scene->rogue);
    free(scene);
    return 0;
}

static struct outcome get(struct scene *scene, const char *path)
{
    return perform(scene->client, (struct http_client_call){.url = at(scene, path)});
}

static void assert_hello(const struct outcome *outcome)
{
    assert_int_equal(outcome->rc, 0);
    assert_int_equal(outcome->status, 200);
    assert_string_equal(outcome->body, "hello");
    assert_int_equal(outcome->length, 5);
}

static void test_connections_are_used_again(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 20; i++) {
        struct outcome outcome = get(scene, "/hello");
        assert_hello(&outcome);
        assert_string_equal(outcome.type, "text/plain");
    }
    assert_int_equal(rogue_connections(scene->rogue), 1);
    assert_int_equal(rogue_requests(scene->rogue), 20);
    assert_int_equal(http_client_in_flight(scene->client), 0);
}

static void test_a_kept_connection_that_was_closed_is_made_anew(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 10; i++) {
        struct outcome outcome = get(scene, "/last");
        assert_hello(&outcome);
    }
    assert_int_equal(rogue_connections(scene->rogue), 10);
}

static void test_the_end_of_the_connection_is_the_end_of_the_answer(void **state)
{
    struct outcome outcome = get(*state, "/hidden");
    assert_hello(&outcome);
    assert_string_equal(outcome.type, "");
}

static void assert_failed(const struct outcome *outcome, int rc, const char *reason)
{
    assert_int_equal(outcome->calls, 1);
    if (outcome->rc != rc || !text_equal(outcome->error.reason, reason))
        fail_msg("%d %s: %s", outcome->rc, outcome->error.reason, outcome->error.message);
    assert_int_not_equal(outcome->error.message[0], '\0');
}

static void test_answers_that_break_off(void **state)
{
    static const char *const paths[] = {"/cut", "/close", "/garbage"};
    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = get(*state, paths[i]);
        assert_failed(&outcome, ERROR_UNAVAILABLE, "cut");
    }
}

static void test_deadlines_hold_whatever_the_server_does(void **state)
{
    static const char *const paths[] = {"/silent", "/slow", "/headers"};
    struct scene *scene = *state;
    for (size_t i = 0; i < 3; i++) {
        int64_t began = clock_monotonic_ms();
        struct outcome outcome = perform(scene->client,
            (struct http_client_call){
                .url = at(scene, paths[i]), .deadline_ms = 150, .max_body = 1000000});
        int64_t took = clock_monotonic_ms() - began;
        assert_failed(&outcome, ERROR_TIMEOUT, "");
        assert_in_range(took, 140, 3000);
    }
    struct outcome outcome = perform(
        scene->client, (struct http_client_call){.url = at(scene, "/hello"), .deadline_ms = -1});
    assert_failed(&outcome, ERROR_TIMEOUT, "");
    outcome = get(scene, "/hello");
    assert_hello(&outcome);
}

static void test_a_slow_answer_holds_up_no_other(void **state)
{
    struct scene *scene = *state;
    struct outcome slow[20];
    for (size_t i = 0; i < 20; i++) {
        outcome_init(&slow[i]);
        http_client_call(
            scene->client, &(struct http_client_call){.url = at(scene, i % 2 ? "/slow" : "/silent"),
                               .deadline_ms = 60000,
                               .max_body = 1000000,
                               .done = note,
                               .ctx = &slow[i]});
    }
    int64_t began = clock_monotonic_ms();
    for (int i = 0; i < 20; i++) {
        struct outcome outcome = get(scene, "/hello");
        assert_hello(&outcome);
    }
    assert_in_range(clock_monotonic_ms() - began, 0, 5000);
    assert_int_equal(http_client_in_flight(scene->client), 20);
    http_client_stop(scene->client);
    for (size_t i = 0; i < 20; i++)
        assert_failed(&slow[i], ERROR_UNAVAILABLE, "stopping");
    assert_int_equal(http_client_in_flight(scene->client), 0);
}

static void test_answers_that_are_too_large(void **state)
{
    struct scene *scene = *state;
    struct outcome outcome = get(scene, "/large");
    assert_failed(&outcome, ERROR_INVALID, "answer_too_large");
    outcome = get(scene, "/endless");
    assert_failed(&outcome, ERROR_INVALID, "answer_too_large");
    outcome = perform(
        scene->client, (struct http_client_call){.url = at(scene, "/hello"), .max_body = 4});
    assert_failed(&outcome, ERROR_INVALID, "answer_too_large");
    outcome = perform(
        scene->client, (struct http_client_call){.url = at(scene, "/hello"), .max_body = 5});
    assert_hello(&outcome);
}

static void test_redirects_are_answers(void **state)
{
    struct outcome outcome = get(*state, "/away");
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.status, 302);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct rogue *gone = rogue_new();
    struct http_client *client = client_with(10, NULL);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", rogue_port(gone));
    rogue_free(gone);
    struct outcome outcome = perform(client, (struct http_client_call){.url = url});
    assert_failed(&outcome, ERROR_UNAVAILABLE, "unreachable");
    /* What resolves names may be slow to say no. */
    outcome = perform(
        client, (struct http_client_call){.url = "http://nowhere.invalid/", .deadline_ms = 500});
    if (outcome.rc != ERROR_TIMEOUT)
        assert_failed(&outcome, ERROR_UNAVAILABLE, "unreachable");
    http_client_free(client);
}

static void test_calls_that_cannot_be_made(void **state)
{
    struct scene *scene = *state;
    static const char *const urls[] = {"", "nothing", "ftp://127.0.0.1/", "file:///etc/passwd",
        "http://", "http://user:word@127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/",
        "http://127.0.0.1/#part"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct outcome outcome = perform(scene->client, (struct http_client_call){.url = urls[i]});
        if (outcome.rc != ERROR_INVALID)
            fail_msg("%s is taken", urls[i]);
        assert_null(strstr(outcome.error.message, "word"));
    }
    static const struct http_pair pairs[] = {
        {"X-Name", "a\r\nX-Other: b"}, {"X-Name", "a\n"}, {"X Name", "a"}, {"", "a"}, {"X:", "a"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct outcome outcome = perform(scene->client,
            (struct http_client_call){
                .url = at(scene, "/hello"), .headers = &pairs[i], .header_count = 1});
        assert_failed(&outcome, ERROR_INVALID, "");
    }
    assert_int_equal(rogue_connections(scene->rogue), 0);
}

static void test_more_than_are_allowed(void **state)
{
    struct scene *scene = *state;
    struct http_client *client = client_with(3, NULL);
    struct outcome held[3];
    for (size_t i = 0; i < 3; i++) {
        outcome_init(&held[i]);
        http_client_call(client,
            &(struct http_client_call){
                .url = at(scene, "/silent"), .deadline_ms = 300, .done = note, .ctx = &held[i]});
    }
    struct outcome outcome = perform(client, (struct http_client_call){.url = at(scene, "/hello")});
    assert_failed(&outcome, ERROR_UNAVAILABLE, "too_many_calls");
    for (size_t i = 0; i < 3; i++)
        await(&held[i]);
    outcome = perform(client, (struct http_client_call){.url = at(scene, "/hello")});
    assert_hello(&outcome);
    http_client_free(client);
}

/* ---- a chain: each answer makes the next call ---- */

struct chain {
    struct scene *scene;
    struct outcome last;
    int left;
};

static void next_link(
    void *ctx, int rc, const struct http_answer *answer, const struct error *error)
{
    struct chain *chain = ctx;
    if (rc < 0 || --chain->left == 0) {
        note(&chain->last, rc, answer, error);
        return;
    }
    http_client_call(chain->scene->client, &(struct http_client_call){.url = chain->scene->url,
                                               .deadline_ms = 30000,
                                               .max_body = 100,
                                               .done = next_link,
                                               .ctx = chain});
}

static void test_an_answer_may_make_the_next_call(void **state)
{
    struct chain chain = {.scene = *state, .left = 50};
    outcome_init(&chain.last);
    at(chain.scene, "/hello");
    next_link(&chain, 0, NULL, NULL);
    await(&chain.last);
    assert_hello(&chain.last);
    assert_int_equal(rogue_connections(chain.scene->rogue), 1);
}

/* ---- many threads, and an end in the middle ---- */

struct crowd {
    struct scene *scene;
    char urls[3][80];
    atomic_int called, answered, failed;
};

static void count(void *ctx, int rc, const struct http_answer *answer, const struct error *error)
{
    struct crowd *crowd = ctx;
    if (rc == 0 && answer->length == 5)
        atomic_fetch_add(&crowd->answered, 1);
    else if (rc < 0 && *error->message)
        atomic_fetch_add(&crowd->failed, 1);
}

static void *call_much(void *ctx)
{
    struct crowd *crowd = ctx;
    for (int i = 0; i < 300; i++) {
        atomic_fetch_add(&crowd->called, 1);
        http_client_call(crowd->scene->client, &(struct http_client_call){.url = crowd->urls[i % 3],
                                                   .deadline_ms = i % 5 ? 30000 : 5,
                                                   .max_body = 100,
                                                   .done = count,
                                                   .ctx = crowd});
        if (i % 10 == 0)
            usleep(1000);
    }
    return NULL;
}

static void test_each_call_ends_once_even_when_all_ends(void **state)
{
    struct crowd crowd = {.scene = *state};
    static const char *const paths[] = {"/hello", "/hello", "/silent"};
    pthread_t threads[4];
    for (int i = 0; i < 3; i++)
        snprintf(crowd.urls[i], sizeof(crowd.urls[i]), "%s", at(crowd.scene, paths[i]));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_much, &crowd), 0);
    while (atomic_load(&crowd.answered) < 100)
        usleep(100);
    http_client_stop(crowd.scene->client);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.called), 1200);
    assert_int_equal(atomic_load(&crowd.answered) + atomic_load(&crowd.failed), 1200);
    assert_int_equal(http_client_in_flight(crowd.scene->client), 0);
    http_client_stop(crowd.scene->client);
}

static void test_after_the_end(void **state)
{
    struct scene *scene = *state;
    http_client_stop(scene->client);
    struct outcome outcome = get(scene, "/hello");
    assert_failed(&outcome, ERROR_UNAVAILABLE, "stopping");
}

/* ---- the store's own server: what arrives there ---- */

struct site {
    struct timers *timers;
    struct http_server *server;
    struct http_client *client;
    char url[80];
};

static void echo(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const char *special = http_header(exchange, "X-Special"),
               *empty = http_header(exchange, "X-Empty");
    const char *host = http_header(exchange, "Host"), *expect = http_header(exchange, "Expect");
    const char *text = arena_printf(exchange->arena,
        "%s %s type=%s special=%s empty=%s host=%s "
        "expect=%s %zu %.20s",
        http_method_name(exchange->request.method), exchange->request.path,
        exchange->request.content_type, special ? special : "none", empty ? empty : "none",
        host ? host : "none", expect ? expect : "none", exchange->request.body_length,
        exchange->request.body);
    http_reply(exchange, 418, "text/plain; charset=utf-8", text, strlen(text));
}

static void open_site(struct site *site, const char *certificate, const char *key)
{
    struct error error = {0};
    int listener;
    site->timers = timers_new();
    assert_int_equal(http_listener_open("127.0.0.1", 0, &listener, &error), 0);
    const struct http_server_options options = {.listener = listener,
        .threads = 2,
        .max_connections = 500,
        .request_deadline_ms = 20000,
        .idle_timeout_s = 60,
        .max_body = 4000000,
        .certificate_file = certificate,
        .key_file = key,
        .handler = echo};
    assert_int_equal(http_server_start(&site->server, &options, site->timers, &error), 0);
    snprintf(site->url, sizeof(site->url), "%s://127.0.0.1:%d/a%%20path", key ? "https" : "http",
        http_server_port(site->server));
}

static void close_site(struct site *site)
{
    http_server_stop(site->server, 100);
    timers_free(site->timers);
    http_server_free(site->server);
}

static void test_what_is_sent(void **state)
{
    (void)state;
    struct site site;
    open_site(&site, NULL, NULL);
    struct http_client *client = client_with(10, NULL);
    static const struct http_pair headers[] = {{"Content-Type", "application/json"},
        {"X-Special", "some value"}, {"X-Empty", ""}, {"Host", "wine.example"}};
    struct outcome outcome = perform(client, (struct http_client_call){.method = HTTP_POST,
                                                 .url = site.url,
                                                 .headers = headers,
                                                 .header_count = 4,
                                                 .body = "{\"a\":1}",
                                                 .body_length = 7});
    assert_int_equal(outcome.status, 418);
    assert_string_equal(outcome.type, "text/plain; charset=utf-8");
    assert_string_equal(outcome.body, "POST /a path type=application/json special=some value "
                                      "empty= host=wine.example expect=none 7 {\"a\":1}");
    static const enum http_method methods[] = {
        HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE};
    for (size_t i = 0; i < 5; i++) {
        outcome = perform(client, (struct http_client_call){.method = methods[i], .url = site.url});
        char expected[64];
        snprintf(expected, sizeof(expected), "%s /a path type= special=none empty=none",
            http_method_name(methods[i]));
        assert_true(text_starts_with(outcome.body, expected));
    }
    outcome = perform(client, (struct http_client_call){.method = HTTP_HEAD, .url = site.url});
    assert_int_equal(outcome.status, 418);
    assert_int_equal(outcome.length, 0);
    size_t size = 3000000;
    char *large = malloc(size);
    memset(large, 'x', size);
    outcome = perform(
        client, (struct http_client_call){
                    .method = HTTP_PUT, .url = site.url, .body = large, .body_length = size});
    assert_non_null(strstr(outcome.body, "expect=none 3000000 xxxx"));
    free(large);
    http_client_free(client);
    close_site(&site);
}

/* ---- TLS ---- */

/* A certificate for `name` that is its own authority. */
static void make_certificate(const char *name, const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
        (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(certificate_file, "w");
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    file = fopen(key_file, "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static struct outcome call_over_tls(const char *name, bool trusted)
{
    char directory[] = "/tmp/winestore-tls-XXXXXX", certificate[64], key[64];
    struct site site;
    assert_non_null(mkdtemp(directory));
    snprintf(certificate, sizeof(certificate), "%s/certificate", directory);
    snprintf(key, sizeof(key), "%s/key", directory);
    make_certificate(name, certificate, key);
    open_site(&site, certificate, key);
    struct http_client *client = client_with(10, trusted ? certificate : NULL);
    struct outcome outcome = perform(client, (struct http_client_call){.url = site.url});
    http_client_free(client);
    close_site(&site);
    unlink(certificate);
    unlink(key);
    rmdir(directory);
    return outcome;
}

static void test_certificates_are_checked(void **state)
{
    (void)state;
    struct outcome outcome = call_over_tls("IP:127.0.0.1", /* trusted= */ true);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.status, 418);
    outcome = call_over_tls("IP:127.0.0.1", /* trusted= */ false);
    assert_failed(&outcome, ERROR_UNAVAILABLE, "certificate");
    outcome = call_over_tls("DNS:wine.example", /* trusted= */ true);
    assert_failed(&outcome, ERROR_UNAVAILABLE, "certificate");
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool tls, loopback;
        const char *authority, *path, *query;
    } cases[] = {
        {"https://example.com", true, false, "example.com", "/", ""},
        {"https://example.com:443/a?b=c", true, false, "example.com", "/a", "b=c"},
        {"http://127.0.0.1:8080/a%20b", false, true, "127.0.0.1:8080", "/a%20b", ""},
        {"http://127.9.9.9", false, true, "127.9.9.9", "/", ""},
        {"http://localhost:80", false, true, "localhost", "/", ""},
        {"http://[::1]:9", false, true, "[::1]:9", "/", ""},
        {"http://127.0.0.1.example.com", false, false, "127.0.0.1.example.com", "/", ""},
        {"http://localhost.example.com", false, false, "localhost.example.com", "/", ""},
        {"http://10.0.0.1", false, false, "10.0.0.1", "/", ""},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_url url;
        struct error error = {0};
        assert_int_equal(http_url_read(&url, cases[i].text, "url", arena, &error), 0);
        assert_int_equal(url.tls, cases[i].tls);
        assert_int_equal(url.loopback, cases[i].loopback);
        assert_string_equal(url.authority, cases[i].authority);
        assert_string_equal(url.path, cases[i].path);
        assert_string_equal(url.query, cases[i].query);
    }
    arena_free(arena);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_connections_are_used_again),
        SCENE(test_a_kept_connection_that_was_closed_is_made_anew),
        SCENE(test_the_end_of_the_connection_is_the_end_of_the_answer),
        SCENE(test_answers_that_break_off),
        SCENE(test_deadlines_hold_whatever_the_server_does),
        SCENE(test_a_slow_answer_holds_up_no_other),
        SCENE(test_answers_that_are_too_large),
        SCENE(test_redirects_are_answers),
        cmocka_unit_test(test_nobody_there),
        SCENE(test_calls_that_cannot_be_made),
        SCENE(test_more_than_are_allowed),
        SCENE(test_an_answer_may_make_the_next_call),
        SCENE(test_each_call_ends_once_even_when_all_ends),
        SCENE(test_after_the_end),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_certificates_are_checked),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
