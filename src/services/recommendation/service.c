#include "service.h"
#include "buffer.h"
#include "metrics.h"
#include "recall.h"
#include "router.h"
#include "shipping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROFILES 20000
#define MAX_TASKS_WAITING 16

static const struct route routes[] = {
    {HTTP_GET, "/api/v1/wines/{id}/similar", route_similar},
    {HTTP_GET, "/api/v1/recommendations", route_recommendations},
    {HTTP_POST, "/api/v1/events", route_events},
    {HTTP_GET, "/api/v1/admin/analytics/dashboard", route_dashboard},
    {HTTP_GET, "/api/v1/admin/recommendations/models", route_list_models},
    {HTTP_POST, "/api/v1/admin/recommendations/models", route_train_model},
    {HTTP_POST, "/api/v1/admin/recommendations/models/{version}/use", route_use_model},
    {HTTP_GET, "/api/v1/admin/recommendations/experiments", route_list_experiments},
    {HTTP_POST, "/api/v1/admin/recommendations/experiments", route_start_experiment},
    {HTTP_GET, "/api/v1/admin/recommendations/experiments/{id}", route_get_experiment},
    {HTTP_POST, "/api/v1/admin/recommendations/experiments/{id}/stop", route_stop_experiment},
    {HTTP_GET, "/api/v1/admin/stream/dead-letters", route_letters},
    {HTTP_POST, "/internal/recommendation/events", route_told},
    {HTTP_GET, "/internal/ready", recommendation_route_ready},
    {0},
};

static double count_taken(void *ctx)
{
    struct recommendation_service *service = ctx;
    return (double)atomic_load_explicit(&service->taken, memory_order_relaxed);
}

static double count_wines(void *ctx)
{
    struct model_stats stats;
    model_stats(((struct recommendation_service *)ctx)->model, &stats);
    return (double)stats.wines;
}

static double count_profiles(void *ctx)
{
    struct model_stats stats;
    model_stats(((struct recommendation_service *)ctx)->model, &stats);
    return (double)stats.profiles;
}

static void register_lists(struct recommendation_service *service)
{
    static const char *const sources[LIST_SOURCES] = {
        [LIST_BY_MODEL] = "model",
        [LIST_BY_FIRST_DAYS] = "first_days",
        [LIST_POPULAR] = "popular",
        [LIST_EMPTY] = "empty",
    };
    for (int list = 0; list < LIST_QUERY_LISTS; list++) {
        for (int source = 0; source < LIST_SOURCES; source++)
            service->lists[list][source] = metrics_counter(service->options.metrics,
                "recommendation_lists_total", "Lists of recommendations, by what they were made.",
                (const char *const[]){
                    "list", list_query_name((enum model_list)list), "by", sources[source], NULL});
    }
}

static void register_metrics(struct recommendation_service *service)
{
    struct metrics *metrics = service->options.metrics;
    register_lists(service);
    metrics_counter_callback(metrics, "recommendation_events_total",
        "Events the model has learnt from.", NULL, count_taken, service);
    metrics_gauge_callback(
        metrics, "recommendation_wines", "Wines the model knows.", NULL, count_wines, service);
    metrics_gauge_callback(metrics, "recommendation_profiles",
        "Shoppers the model knows, by pseudonym.", NULL, count_profiles, service);
}

int recommendation_service_new(struct recommendation_service **out,
    const struct recommendation_options *options, struct error *error)
{
    if (!money_currency_valid(options->currency))
        return error_set(error, ERROR_INVALID, NULL, "currency", "must be an ISO 4217 code");
    struct recommendation_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    service->options = *options;
    service->options.currency = service->currency;
    snprintf(service->currency, sizeof(service->currency), "%s", options->currency);
    service->model = model_new(MAX_PROFILES);
    service->recent = recent_new(RECENT_EVENTS);
    service->experiments = experiments_new(options->blob);
    service->models = models_new(options->blob, service->experiments, options->metrics);
    service->trainer = trainer_new(service, &options->training);
    service->recall = recall_new(service->model, options->warehouse);
    service->shipping = shipping_new(options->order);
    service->worker = worker_new("models", MAX_TASKS_WAITING);
    service->router = router_new(routes, service);
    pthread_mutex_init(&service->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&service->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (options->metrics)
        register_metrics(service);
    *out = service;
    return 0;
}

struct router *recommendation_service_router(struct recommendation_service *service)
{
    return service->router;
}

int recommendation_service_start(struct recommendation_service *service, struct error *error)
{
    if (pthread_create(&service->thread, NULL, service_learn, service) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the recommendations");
    service->started = true;
    return trainer_start(service->trainer, error);
}

bool recommendation_service_ready(struct recommendation_service *service)
{
    return atomic_load_explicit(&service->ready, memory_order_acquire);
}

void recommendation_service_stop(struct recommendation_service *service)
{
    if (!service->started)
        return;
    trainer_stop(service->trainer);
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_broadcast(&service->wake);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    service->started = false;
}

void recommendation_service_free(struct recommendation_service *service)
{
    if (!service)
        return;
    recall_free(service->recall);
    shipping_free(service->shipping);
    worker_free(service->worker);
    trainer_free(service->trainer);
    models_free(service->models);
    experiments_free(service->experiments);
    router_free(service->router);
    model_free(service->model);
    recent_free(service->recent);
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->lock);
    free(service);
}

void service_changed(struct recommendation_service *service)
{
    pthread_mutex_lock(&service->lock);
    service->changed = true;
    pthread_cond_broadcast(&service->wake);
    pthread_mutex_unlock(&service->lock);
}

const char *service_documents_path(struct arena *arena, const char *const *ids, size_t count)
{
    struct buffer path = BUFFER_INIT;
    buffer_append_text(&path, "/internal/wines?full=true&ids=");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&path, ',');
        buffer_append_text(&path, ids[i]);
    }
    const char *text = arena_strndup(arena, path.data, path.length);
    buffer_release(&path);
    return text;
}

bool service_admits_office(struct exchange *exchange)
{
    if (exchange->request.identity.role == ROLE_ADMIN)
        return true;
    bool known = *exchange->request.identity.user != '\0';
    http_problem(exchange, known ? 403 : 401, known ? "forbidden" : "unauthenticated", NULL,
        known ? "this is for the back office" : "sign in first");
    return false;
}

void service_call_product(struct recommendation_service *service, struct exchange *exchange,
    const char *path, void (*done)(void *ctx, int status, const char *body, size_t length),
    void *ctx)
{
    upstream_call(service->options.product, &(struct upstream_call){.method = HTTP_GET,
                                                .path = path,
                                                .trace = &exchange->request.trace,
                                                .done = done,
                                                .ctx = ctx});
}

void service_reply_upstream(struct exchange *exchange, int status, const char *body, size_t length)
{
    if (status >= 500 || status == 0) {
        http_problem(exchange, 503, "unavailable", NULL, "the wines cannot be read at the moment");
        return;
    }
    http_reply(exchange, status, status < 400 ? "application/json" : "application/problem+json",
        arena_strndup(exchange->arena, body, length), length);
}

bool service_experiment(struct recommendation_service *service, struct experiment *copy)
{
    if (!experiments_running(service->experiments, copy)) {
        *copy->id = '\0';
        return false;
    }
    pthread_mutex_lock(&service->lock);
    bool armed = strcmp(service->armed, copy->id) == 0;
    pthread_mutex_unlock(&service->lock);
    if (!armed)
        *copy->id = '\0';
    return armed;
}

bool service_takes_nothing(struct exchange *exchange)
{
    CLEANUP_JSON json_t *body = NULL;
    return exchange->request.body_length == 0 || http_json_body(exchange, &body) == 0;
}
