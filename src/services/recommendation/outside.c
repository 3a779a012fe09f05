#include "outside.h"

#include "arena.h"
#include "breaker.h"
#include "buffer.h"
#include "clock.h"
#include "http_client.h"
#include "http_url.h"
#include "log.h"
#include "metrics.h"
#include "outside_wire.h"
#include "sigv4.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER ((size_t)64 * 1024)
#define MAX_IN_FLIGHT 64
#define FAILURES 5 /* in a row, until it is left alone ... */
#define PAUSE_MS 5000

enum result { RESULT_OK, RESULT_LATE, RESULT_FAILED, RESULT_REFUSED, RESULT_SKIPPED, RESULTS };

struct outside {
    struct outside_options options;
    struct outside_address address;
    struct arena *arena;
    const char *url, *authority, *path; /* of the call */
    struct breaker *breaker;
    struct counter *results[RESULTS];
    struct histogram *seconds;
};

/* ---- settings ---- */

/* Weights and keys' signatures do not travel where others can read or change them. */
static int make_url(struct outside *outside, const char *base, struct error *error)
{
    struct http_url url;
    struct arena *arena = outside->arena;
    const struct outside_address *address = &outside->address;
    if (!*base)
        base = arena_printf(arena, "https://runtime.sagemaker.%s.amazonaws.com%s", address->region,
            text_starts_with(address->region, "cn-") ? ".cn" : "");
    int rc = http_url_read(&url, base, "recommendation.scorer_url", arena, error);
    if (rc < 0)
        return rc;
    if (!url.tls && !url.loopback)
        return error_set(error, ERROR_INVALID, NULL, "recommendation.scorer_url",
            "recommendation.scorer_url = %.100s: must be https, but on this machine itself", base);
    if (*url.query || (strlen(url.path) > 1 && text_ends_with(url.path, "/")))
        return error_set(error, ERROR_INVALID, NULL, "recommendation.scorer_url",
            "recommendation.scorer_url = %.100s: must have no query, nor / at its end", base);
    outside->authority = url.authority;
    outside->path = arena_printf(
        arena, "%s/endpoints/%s/invocations", strlen(url.path) > 1 ? url.path : "", address->name);
    outside->url =
        arena_printf(arena, "%s://%s%s", url.tls ? "https" : "http", url.authority, outside->path);
    return 0;
}

static void register_metrics(struct outside *outside, struct metrics *metrics)
{
    static const char *const names[RESULTS] = {"ok", "late", "failed", "refused", "skipped"};
    for (int i = 0; i < RESULTS; i++)
        outside->results[i] = metrics_counter(metrics, "recommendation_scorer_calls_total",
            "Lists the scorer outside was to put in order.",
            (const char *const[]){"result", names[i], NULL});
    outside->seconds = metrics_histogram_seconds(metrics, "recommendation_scorer_seconds",
        "How long the scorer outside took, whatever it answered.", NULL);
}

int outside_new(struct outside **out, const struct outside_options *options, struct error *error)
{
    struct outside_address address;
    int rc = outside_read_address(&address, options->scorer, error);
    if (rc < 0)
        return rc;
    struct outside *outside = calloc(1, sizeof(*outside));
    if (!outside)
        abort();
    outside->options = *options;
    outside->address = address;
    outside->arena = arena_new();
    rc = make_url(outside, options->url, error);
    if (rc < 0) {
        outside_free(outside);
        return rc;
    }
    outside->breaker = breaker_new(&(struct breaker_options){
        .max_in_flight = MAX_IN_FLIGHT, .failures = FAILURES, .pause_ms = PAUSE_MS});
    if (options->metrics)
        register_metrics(outside, options->metrics);
    *out = outside;
    return 0;
}

void outside_free(struct outside *outside)
{
    if (!outside)
        return;
    breaker_free(outside->breaker);
    arena_free(outside->arena);
    free(outside);
}

/* ---- one call ---- */

struct scoring {
    struct outside *outside;
    uint64_t ticket;
    int64_t began_ns;
    size_t count;
    void (*done)(void *ctx, const float *scores);
    void *ctx;
};

static void count_result(struct outside *outside, enum result result)
{
    if (outside->results[result])
        counter_increment(outside->results[result]);
}

/* Of an answer that is none, the status alone is told: its text may repeat what we signed. */
static enum result judge_status(int status, struct error *error)
{
    error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "it answered %d", status);
    bool ours = status >= 400 && status < 500 && status != 408 && status != 424 && status != 429;
    return ours ? RESULT_REFUSED : RESULT_FAILED;
}

static enum result judge(const struct scoring *scoring, int rc, const struct http_answer *answer,
    struct arena *arena, float *scores, struct error *error)
{
    if (rc == ERROR_TIMEOUT)
        return RESULT_LATE;
    if (rc < 0) {
        bool asked =
            strcmp(error->reason, "stopping") != 0 && strcmp(error->reason, "too_many_calls") != 0;
        return asked ? RESULT_FAILED : RESULT_SKIPPED;
    }
    if (answer->status != 200)
        return judge_status(answer->status, error);
    rc = outside_read_answer(answer->body, answer->length, arena, scores, scoring->count, error);
    return rc == 0 ? RESULT_OK : RESULT_FAILED;
}

static void leave_breaker(
    const struct scoring *scoring, enum result result, const struct error *error)
{
    struct outside *outside = scoring->outside;
    enum breaker_outcome outcome = result == RESULT_OK        ? BREAKER_SUCCEEDED
                                   : result == RESULT_SKIPPED ? BREAKER_NEITHER
                                                              : BREAKER_FAILED;
    enum breaker_change change =
        breaker_leave(outside->breaker, scoring->ticket, outcome, clock_monotonic_ms());
    if (change == BREAKER_OPENED)
        log_write(LOG_WARN, "recommendation", NULL,
            "the scorer %s is left alone, our own order serves: %d calls failed, the last one: %s",
            outside->address.name, FAILURES, error->message);
    else if (change == BREAKER_CLOSED)
        log_write(
            LOG_INFO, "recommendation", NULL, "the scorer %s serves again", outside->address.name);
}

static void answered(void *ctx, int rc, const struct http_answer *answer, const struct error *why)
{
    struct scoring *scoring = ctx;
    struct outside *outside = scoring->outside;
    struct arena *arena = arena_new();
    float *scores = arena_new_array(arena, scoring->count, float);
    struct error error = *why;
    enum result result = judge(scoring, rc, answer, arena, scores, &error);
    leave_breaker(scoring, result, &error);
    count_result(outside, result);
    if (outside->seconds && result != RESULT_SKIPPED)
        histogram_observe_ns(outside->seconds, clock_monotonic_ns() - scoring->began_ns);
    scoring->done(scoring->ctx, result == RESULT_OK ? scores : NULL);
    arena_free(arena);
    free(scoring);
}

static void invoke(struct outside *outside, const struct outside_query *query,
    struct scoring *scoring, struct arena *arena)
{
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    struct sigv4_signed made;
    struct error error = {0};
    const struct sigv4_header given[] = {{"Host", outside->authority},
        {"Content-Type", "application/json"}, {"Accept", "application/json"}};
    outside_append_request(&body, query);
    const struct sigv4_request request = {
        .method = "POST",
        .path = outside->path,
        .headers = given,
        .header_count = sizeof(given) / sizeof(given[0]),
        .body = body.data,
        .body_length = body.length,
        .region = outside->address.region,
        .service = "sagemaker",
        .at_ms = clock_now_ms(),
    };
    int rc = sigv4_sign(&request, outside->options.credentials, arena, &made, &error);
    if (rc < 0) {
        answered(scoring, rc, NULL, &error);
        return;
    }
    struct http_pair headers[sizeof(given) / sizeof(given[0]) + 4];
    size_t count = 0;
    for (size_t i = 0; i < request.header_count; i++)
        headers[count++] = (struct http_pair){given[i].name, given[i].value};
    for (size_t i = 0; i < made.header_count; i++)
        headers[count++] = (struct http_pair){made.headers[i].name, made.headers[i].value};
    http_client_call(outside->options.client, &(struct http_client_call){.method = HTTP_POST,
                                                  .url = outside->url,
                                                  .headers = headers,
                                                  .header_count = count,
                                                  .body = body.data,
                                                  .body_length = body.length,
                                                  .deadline_ms = outside->options.deadline_ms,
                                                  .max_body = MAX_ANSWER,
                                                  .done = answered,
                                                  .ctx = scoring});
}

void outside_score(struct outside *outside, const struct outside_query *query,
    void (*done)(void *ctx, const float *scores), void *ctx)
{
    uint64_t ticket;
    assert(query->history_count <= OUTSIDE_MAX_HISTORY);
    assert(query->candidate_count <= OUTSIDE_MAX_CANDIDATES);
    if (query->candidate_count == 0 ||
        breaker_enter(outside->breaker, clock_monotonic_ms(), &ticket) != BREAKER_ENTERED) {
        count_result(outside, RESULT_SKIPPED);
        done(ctx, NULL);
        return;
    }
    struct scoring *scoring = malloc(sizeof(*scoring));
    if (!scoring)
        abort();
    *scoring = (struct scoring){.outside = outside,
        .ticket = ticket,
        .began_ns = clock_monotonic_ns(),
        .count = query->candidate_count,
        .done = done,
        .ctx = ctx};
    struct arena *arena = arena_new();
    invoke(outside, query, scoring, arena);
    arena_free(arena);
}
