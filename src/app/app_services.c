/* From engines to services: who is given what, in which order they start, and the reverse. */
#include "internal.h"

#include "credentials.h"
#include "http_client.h"
#include "log.h"
#include "recommendation/outside.h"
#include "settings.h"
#include "sqlite_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define RELAY_STOP_MS 5000
#define CONSUMER_STOP_MS 5000
#define TRIM_EVERY_MS 60000
#define MAX_CALLS_OUT 128

static void open_upstreams(struct app *app)
{
    app->upstreams.product = upstream_local("product");
    app->upstreams.user = upstream_local("user");
    app->upstreams.order = upstream_local("order");
    app->upstreams.recommendation = upstream_local("recommendation");
    app->upstreams.notification = upstream_local("notification");
}

static int open_product(struct app *app, struct error *error)
{
    const struct engines *engines = &app->engines;
    const struct product_options options = {
        .store = engines->product,
        .search = engines->search,
        .blob = engines->blob,
        .user = app->upstreams.user,
        .stock = app->options.serve ? engines->stock : NULL,
        .metrics = engines->metrics,
        .currency = config_text(app->config, "shop.currency"),
    };
    int rc = product_service_new(&app->product, &options, error);
    if (rc < 0)
        return rc;
    product_service_attach_relay(app->product, engines->relay);
    upstream_set_router(app->upstreams.product, product_service_router(app->product));
    return 0;
}

static int open_user(struct app *app, struct error *error)
{
    const struct engines *engines = &app->engines;
    const struct user_service_options options = {
        .store = engines->user,
        .keyring = engines->keyring,
        .metrics = engines->metrics,
        .unlimited = !config_bool(app->config, "rate_limits"),
    };
    int rc = user_service_new(&app->user, &options, error);
    if (rc < 0)
        return rc;
    struct relay_source_config source = user_store_outbox(engines->user);
    user_store_on_commit(
        engines->user, relay_wake_source, relay_add_source(engines->relay, &source));
    upstream_set_router(app->upstreams.user, user_service_router(app->user));
    return 0;
}

static int open_order(struct app *app, struct error *error)
{
    const struct engines *engines = &app->engines;
    char path[PATH_MAX];
    const char *destinations = config_text(app->config, "destinations");
    if (!*destinations)
        snprintf(path, sizeof(path), "%s/destinations.csv", app->data.path);
    const struct order_options options = {
        .store = engines->order,
        .product = app->upstreams.product,
        .user = app->upstreams.user,
        .keyring = engines->keyring,
        .payment = engines->payment,
        .timers = engines->timers,
        .metrics = engines->metrics,
        .destinations_file = *destinations ? destinations : path,
    };
    int rc = order_service_new(&app->order, &options, error);
    if (rc < 0)
        return rc;
    struct relay_source_config source;
    order_store_source(engines->order, &source);
    order_store_on_commit(
        engines->order, relay_wake_source, relay_add_source(engines->relay, &source));
    upstream_set_router(app->upstreams.order, order_service_router(app->order));
    return 0;
}

static int open_notification(struct app *app, struct error *error)
{
    const struct engines *engines = &app->engines;
    const struct notification_options options = {
        .store = engines->notification,
        .queue = engines->mails,
        .mail = engines->mail,
        .user = app->upstreams.user,
        .order = app->upstreams.order,
        .product = app->upstreams.product,
        .metrics = engines->metrics,
        .public_url = app->public_url,
        .shop_name = config_text(app->config, "shop.name"),
        .from_address = config_text(app->config, "mail.from"),
        .max_attempts = (int)config_int(app->config, "mail.attempts"),
    };
    int rc = notification_service_new(&app->notification, &options, error);
    if (rc == 0)
        upstream_set_router(
            app->upstreams.notification, notification_service_router(app->notification));
    return rc;
}

/* Commands beside a store need neither the endpoint nor its keys. */
static int open_scorer(struct app *app, struct error *error)
{
    const struct config *config = app->config;
    const struct http_client_options calls = {.max_in_flight = MAX_CALLS_OUT};
    struct outside_options options = {
        .scorer = config_text(config, "recommendation.scorer"),
        .url = config_text(config, "recommendation.scorer_url"),
        .deadline_ms = config_int(config, "recommendation.scorer_deadline_ms"),
        .metrics = app->engines.metrics,
    };
    if (!app->options.serve || (!*options.scorer && !*options.url))
        return 0;
    if (!*options.scorer)
        return error_set(error, ERROR_INVALID, NULL, "recommendation.scorer_url",
            "recommendation.scorer_url is set, but no recommendation.scorer to be called there");
    int rc = aws_credentials_new(&app->credentials, config_text(config, "aws.access_key_id"),
        config_text(config, "aws.secret_access_key"), config_text(config, "aws.session_token"),
        error);
    if (rc == 0)
        rc = http_client_new(&app->client, &calls, error);
    options.credentials = app->credentials;
    options.client = app->client;
    return rc < 0 ? rc : outside_new(&app->scorer, &options, error);
}

static int open_recommendation(struct app *app, struct error *error)
{
    const struct engines *engines = &app->engines;
    const struct recommendation_options options = {
        .stream = engines->stream,
        .warehouse = engines->warehouse,
        .product = app->upstreams.product,
        .order = app->upstreams.order,
        .blob = engines->blob,
        .metrics = engines->metrics,
        .scorer = app->scorer,
        .currency = config_text(app->config, "shop.currency"),
        .training = {.every_ms = config_int(app->config, "recommendation.train_every_h") * 3600000,
            .after_events = config_int(app->config, "recommendation.train_after_events"),
            .threads = (int)config_int(app->config, "recommendation.train_threads")},
    };
    int rc = recommendation_service_new(&app->recommendation, &options, error);
    if (rc < 0)
        return rc;
    upstream_set_router(
        app->upstreams.recommendation, recommendation_service_router(app->recommendation));
    const struct stream_consumer_options consumer = {
        .stream = engines->stream,
        .warehouse = engines->warehouse,
        .recommendation = app->upstreams.recommendation,
        .product = app->upstreams.product,
        .erasures = engines->erasures,
        .metrics = engines->metrics,
        .consumers = (int)config_int(app->config, "stream.consumers"),
    };
    return stream_consumer_new(&app->consumer, &consumer, error);
}

static void open_processor(struct app *app)
{
    const struct order_processor_options options = {
        .orders = app->engines.orders,
        .product = app->upstreams.product,
        .order = app->upstreams.order,
        .payment = app->engines.payment,
        .metrics = app->engines.metrics,
    };
    app->processor = order_processor_new(&options);
}

static int open_image(struct app *app, struct error *error)
{
    const struct image_service_options options = {
        .queue = app->engines.images,
        .blob = app->engines.blob,
        .product = app->upstreams.product,
        .metrics = app->engines.metrics,
        .worker = config_text(app->config, "image.worker"),
    };
    return image_service_new(&app->image, &options, error);
}

int services_open(struct app *app, struct error *error)
{
    open_upstreams(app);
    int rc = open_product(app, error);
    if (rc == 0)
        rc = open_user(app, error);
    if (rc == 0)
        rc = open_order(app, error);
    if (rc == 0)
        rc = open_notification(app, error);
    if (rc == 0)
        rc = open_scorer(app, error);
    if (rc == 0)
        rc = open_recommendation(app, error);
    if (rc == 0)
        open_processor(app);
    if (rc == 0 && app->options.serve)
        rc = open_image(app, error);
    if (rc == 0)
        rc = relay_start(app->engines.relay, error);
    if (rc < 0)
        return rc;
    app->relay_running = true;
    rc = product_service_start(app->product, error);
    app->product_running = rc == 0;
    return rc;
}

/* ---- running ---- */

static void trim_stream(void *ctx)
{
    struct app *app = ctx;
    stream_trim(app->engines.stream);
    timers_after(app->engines.timers, TRIM_EVERY_MS, trim_stream, app);
}

static double queue_waiting(void *ctx)
{
    struct queue_stats stats;
    queue_stats(ctx, &stats);
    return (double)(stats.waiting + stats.in_flight);
}

static double queue_dead(void *ctx)
{
    struct queue_stats stats;
    queue_stats(ctx, &stats);
    return (double)stats.dead;
}

static double relay_pending(void *ctx)
{
    struct relay_stats stats[8];
    int count = relay_stats(ctx, stats, 8);
    int64_t pending = 0;
    for (int i = 0; i < count && i < 8; i++)
        pending += stats[i].pending;
    return (double)pending;
}

static double warehouse_unavailable(void *ctx)
{
    return (double)warehouse_stats(ctx).unavailable;
}

static double warehouse_connects(void *ctx)
{
    return (double)warehouse_stats(ctx).connects;
}

static void register_metrics(struct app *app)
{
    struct engines *engines = &app->engines;
    metrics_counter_callback(engines->metrics, "warehouse_unavailable_total",
        "Calls of the warehouse that ended because it was away", NULL, warehouse_unavailable,
        engines->warehouse);
    metrics_counter_callback(engines->metrics, "warehouse_connects_total",
        "Connections made to the warehouse's server", NULL, warehouse_connects, engines->warehouse);
    for (struct queue **queue = engines->queues; *queue; queue++) {
        const char *const labels[] = {"queue", (*queue)->name, NULL};
        metrics_gauge_callback(engines->metrics, "queue_messages",
            "Messages that wait or are being worked on", labels, queue_waiting, *queue);
        metrics_gauge_callback(engines->metrics, "queue_dead_letters",
            "Messages that failed too often", labels, queue_dead, *queue);
    }
    metrics_gauge_callback(engines->metrics, "relay_pending",
        "Outbox items on their way to queue or stream", NULL, relay_pending, engines->relay);
}

int services_start(struct app *app, struct error *error)
{
    register_metrics(app);
    int rc = recommendation_service_start(app->recommendation, error);
    if (rc == 0)
        rc = stream_consumer_start(app->consumer, error);
    if (rc == 0)
        rc = order_processor_start(app->processor, error);
    if (rc == 0)
        rc = notification_service_start(app->notification, error);
    if (rc == 0)
        rc = image_service_start(app->image, error);
    if (rc == 0)
        timers_after(app->engines.timers, TRIM_EVERY_MS, trim_stream, app);
    return rc;
}

/* ---- the way down ---- */

void services_stop(struct app *app)
{
    struct error error = {0};
    bool clean = false;
    uint64_t position = 0;
    /* Lists that wait for an answer from outside are made without it. */
    if (app->client)
        http_client_stop(app->client);
    if (app->processor && order_processor_stop(app->processor, CONSUMER_STOP_MS, &error) < 0)
        log_write(LOG_WARN, "order_processor", NULL, "%s", error.message);
    if (app->image)
        image_service_stop(app->image);
    if (app->notification)
        notification_service_stop(app->notification, CONSUMER_STOP_MS);
    if (app->consumer)
        stream_consumer_stop(app->consumer);
    if (app->recommendation)
        recommendation_service_stop(app->recommendation);
    if (app->product_running)
        position = product_service_stop(app->product, &clean);
    if (app->relay_running && relay_stop(app->engines.relay, RELAY_STOP_MS, &error) < 0)
        log_write(LOG_WARN, "relay", NULL, "%s", error.message);
    search_close(app->engines.search, clean, position);
}

void services_close(struct app *app)
{
    image_service_free(app->image);
    order_processor_free(app->processor);
    stream_consumer_free(app->consumer);
    recommendation_service_free(app->recommendation);
    http_client_free(app->client);
    outside_free(app->scorer);
    aws_credentials_free(app->credentials);
    notification_service_free(app->notification);
    order_service_free(app->order);
    user_service_free(app->user);
    product_service_free(app->product);
    upstream_free(app->upstreams.product);
    upstream_free(app->upstreams.user);
    upstream_free(app->upstreams.order);
    upstream_free(app->upstreams.recommendation);
    upstream_free(app->upstreams.notification);
}

/* ---- the demo ---- */

static void log_rejection(void *ctx, const struct import_rejection *rejection)
{
    (void)ctx;
    log_write(LOG_ERROR, "demo", NULL, "%s:%lld: %s: %s", rejection->file,
        (long long)rejection->line, rejection->field, rejection->reason);
}

int demo_fill(struct app *app, struct error *error)
{
    struct product_totals totals;
    char path[PATH_MAX], text[160];
    int rc = product_store_totals(app->engines.product, &totals, error);
    if (rc < 0 || totals.wines > 0)
        return rc;
    rc = settings_share(app->config, "demo/catalogue.csv", path, sizeof(path), error);
    if (rc < 0)
        return rc;
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path, strerror(errno));
    const struct import_options options = {.file_name = path, .wait_for_search = true};
    const struct import_callbacks callbacks = {.rejected = log_rejection};
    struct import_result result = {0};
    rc = product_import(app->product, file, &options, &callbacks, &result, error);
    fclose(file);
    snprintf(text, sizeof(text), "The catalogue was empty: %lld demo wines are in it now.",
        (long long)result.added);
    if (rc == 0 && app->options.progress)
        app->options.progress(app->options.ctx, text);
    return rc;
}
