/* /admin/recommendations/experiments: the office's experiments, and how they stand. */
#include "buffer.h"
#include "clock.h"
#include "confidence.h"
#include "service.h"

#include <stdio.h>

#define MAX_VERSION INT64_C(9007199254740991) /* what a browser counts to exactly */

struct flow {
    struct worker_task task; /* first: the task's address is the flow's */
    struct recommendation_service *service;
    struct exchange *exchange;
    const char *id, *name; /* as asked for */
    int64_t version_a, version_b;
    struct experiment one;
    struct warehouse_experiment_result result;
};

static void append_experiment(struct buffer *body, const struct experiment *one)
{
    char time[CLOCK_TEXT_SIZE];
    buffer_printf(body, "{\"id\":\"%s\",\"name\":", one->id);
    buffer_append_json(body, one->name);
    buffer_printf(body,
        ",\"version_a\":%lld,\"version_b\":%lld,\"running\":%s,\"started_at\":\"%s\",\"ended_at\":",
        (long long)one->version_a, (long long)one->version_b, one->ended_ms ? "false" : "true",
        clock_format(one->started_ms, time));
    if (one->ended_ms)
        buffer_append_json(body, clock_format(one->ended_ms, time));
    else
        buffer_append_text(body, "null");
}

static void reply_experiment(struct flow *flow, int status)
{
    struct buffer body = BUFFER_INIT;
    append_experiment(&body, &flow->one);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, status, &body);
}

/* Has the step done by the thread that may wait. */
static void begin(struct flow *flow, void (*run)(struct worker_task *task))
{
    flow->task.run = run;
    if (!worker_add(flow->service->worker, &flow->task))
        http_problem(flow->exchange, 503, "unavailable", NULL, "too much is asked at once");
}

/* NULL, and answered, when it is not the office that asks. */
static struct flow *flow_new(void *service, struct exchange *exchange)
{
    if (!service_admits_office(exchange))
        return NULL;
    struct flow *flow = arena_new_struct(exchange->arena, struct flow);
    flow->service = service;
    flow->exchange = exchange;
    flow->id = exchange->request.params[0];
    return flow;
}

/* ---- the list ---- */

static void list_experiments(struct worker_task *task)
{
    struct flow *flow = (struct flow *)task;
    struct buffer body = BUFFER_INIT;
    struct error error = {0};
    struct experiment *list =
        arena_new_array(flow->exchange->arena, EXPERIMENTS_KEPT, struct experiment);
    int count = experiments_load(flow->service->experiments, &error);
    if (count == 0)
        count = experiments_list(flow->service->experiments, list, EXPERIMENTS_KEPT, &error);
    if (count < 0) {
        http_fail(flow->exchange, &error);
        return;
    }
    buffer_append_text(&body, "{\"items\":[");
    for (int i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_experiment(&body, &list[i]);
        buffer_append_char(&body, '}');
    }
    buffer_append_text(&body, "]}");
    http_reply_json(flow->exchange, 200, &body);
}

void route_list_experiments(void *service, struct exchange *exchange)
{
    struct flow *flow = flow_new(service, exchange);
    if (flow)
        begin(flow, list_experiments);
}

/* ---- start and stop ---- */

/* Reads it, so that it is at hand when the first list is made. */
static int check_version(struct flow *flow, const char *field, int64_t version, struct error *error)
{
    struct trained *trained = NULL;
    struct error why = {0};
    int rc = models_get(flow->service->models, version, &trained, &why);
    if (rc == 0)
        trained_release(trained);
    if (rc == ERROR_NOT_FOUND)
        return error_set(
            error, ERROR_INVALID, NULL, field, "there is no version %lld", (long long)version);
    if (rc == ERROR_INVALID)
        return error_set(error, ERROR_INVALID, NULL, field, "%s", why.message);
    if (rc < 0)
        *error = why;
    return rc;
}

static void start_experiment(struct worker_task *task)
{
    struct flow *flow = (struct flow *)task;
    struct error error = {0};
    int rc = models_load(flow->service->models, &error);
    if (rc == 0)
        rc = check_version(flow, "version_a", flow->version_a, &error);
    if (rc == 0)
        rc = check_version(flow, "version_b", flow->version_b, &error);
    if (rc == 0)
        rc = experiments_start(flow->service->experiments, flow->name, flow->version_a,
            flow->version_b, &flow->one, &error);
    if (rc < 0) {
        http_fail(flow->exchange, &error);
        return;
    }
    service_changed(flow->service);
    http_set_header(flow->exchange, "Location",
        arena_printf(
            flow->exchange->arena, "/api/v1/admin/recommendations/experiments/%s", flow->one.id));
    reply_experiment(flow, 201);
}

static int read_wish(const json_t *body, struct flow *flow, struct error *error)
{
    const char *name;
    int rc = json_get_text(body, "name", 1, EXPERIMENT_NAME_MAX, &name, error);
    if (rc == 0)
        rc = json_get_int(body, "version_a", 0, MAX_VERSION, &flow->version_a, error);
    if (rc == 0)
        rc = json_get_int(body, "version_b", 0, MAX_VERSION, &flow->version_b, error);
    if (rc == 0)
        flow->name = arena_strdup(flow->exchange->arena, name);
    return rc;
}

void route_start_experiment(void *service, struct exchange *exchange)
{
    struct flow *flow = flow_new(service, exchange);
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    if (!flow || http_json_body(exchange, &body) < 0)
        return;
    if (read_wish(body, flow, &error) < 0)
        http_fail(exchange, &error);
    else
        begin(flow, start_experiment);
}

static void stop_experiment(struct worker_task *task)
{
    struct flow *flow = (struct flow *)task;
    struct error error = {0};
    if (experiments_stop(flow->service->experiments, flow->id, &flow->one, &error) < 0) {
        http_fail(flow->exchange, &error);
        return;
    }
    service_changed(flow->service);
    reply_experiment(flow, 200);
}

void route_stop_experiment(void *service, struct exchange *exchange)
{
    struct flow *flow = flow_new(service, exchange);
    if (flow && service_takes_nothing(exchange))
        begin(flow, stop_experiment);
}

/* ---- how one stands ---- */

static void append_share(struct buffer *body, const char *name, int64_t part, int64_t whole)
{
    buffer_printf(body, ",\"%s\":", name);
    if (whole > 0)
        buffer_printf(body, "%.4f", (double)part / (double)whole);
    else
        buffer_append_text(body, "null");
}

static void append_arm(struct buffer *body, char arm, int64_t version, int64_t impressions,
    int64_t clicks, int64_t won)
{
    buffer_printf(body, "{\"arm\":\"%c\",\"version\":%lld,\"impressions\":%lld,\"clicks\":%lld",
        arm, (long long)version, (long long)impressions, (long long)clicks);
    append_share(body, "click_rate", clicks, impressions);
    buffer_printf(body, ",\"sessions_won\":%lld}", (long long)won);
}

static void say_result(char *text, size_t size, char leader, int64_t won, int64_t decided,
    struct confidence_interval interval, double p)
{
    char chance[24];
    const char *many = decided == 1 ? "" : "s";
    if (p < 0.001)
        snprintf(chance, sizeof(chance), "p < 0.001");
    else
        snprintf(chance, sizeof(chance), "p = %.3f", p);
    if (leader)
        snprintf(text, size,
            "%c won %.0f %% of %lld session%s decided; 95 %% interval %.0f to %.0f %%; %s", leader,
            100.0 * (double)won / (double)decided, (long long)decided, many, 100 * interval.low,
            100 * interval.high, chance);
    else
        snprintf(
            text, size, "A and B won %lld session%s each", (long long)won, won == 1 ? "" : "s");
}

static void append_result(struct buffer *body, const struct flow *flow)
{
    const struct warehouse_experiment_result *result = &flow->result;
    int64_t decided = result->a.won + result->b.won;
    int64_t won = result->a.won > result->b.won ? result->a.won : result->b.won;
    char leader = result->a.won > result->b.won ? 'A' : result->b.won > result->a.won ? 'B' : '\0';
    struct confidence_interval interval = confidence_wilson(won, decided, CONFIDENCE_Z95);
    double p = confidence_sign_test(won, decided);
    char text[200] = "No session is decided yet";
    buffer_append_text(body, ",\"result\":{\"arms\":[");
    append_arm(
        body, 'a', flow->one.version_a, result->a.impressions, result->a.clicks, result->a.won);
    buffer_append_char(body, ',');
    append_arm(
        body, 'b', flow->one.version_b, result->b.impressions, result->b.clicks, result->b.won);
    buffer_printf(body,
        "],\"sessions\":%lld,\"decided\":%lld,\"leader\":", (long long)(decided + result->tied),
        (long long)decided);
    buffer_append_text(body, leader == 'A' ? "\"a\"" : leader == 'B' ? "\"b\"" : "null");
    append_share(body, "share", won, decided);
    if (decided) {
        say_result(text, sizeof(text), leader, won, decided, interval, p);
        buffer_printf(body, ",\"interval\":{\"low\":%.4f,\"high\":%.4f},\"p_value\":%.6g",
            interval.low, interval.high, p);
    } else {
        buffer_append_text(body, ",\"interval\":null,\"p_value\":null");
    }
    buffer_append_text(body, ",\"text\":");
    buffer_append_json(body, text);
    buffer_append_char(body, '}');
}

static void counted(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    struct buffer body = BUFFER_INIT;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    append_experiment(&body, &flow->one);
    append_result(&body, flow);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

static void get_experiment(struct worker_task *task)
{
    struct flow *flow = (struct flow *)task;
    struct error error = {0};
    int rc = experiments_load(flow->service->experiments, &error);
    if (rc == 0)
        rc = experiments_get(flow->service->experiments, flow->id, &flow->one, &error);
    if (rc < 0)
        http_fail(flow->exchange, &error);
    else
        warehouse_experiment(
            flow->service->options.warehouse, flow->one.id, &flow->result, counted, flow);
}

void route_get_experiment(void *service, struct exchange *exchange)
{
    struct flow *flow = flow_new(service, exchange);
    if (flow)
        begin(flow, get_experiment);
}
