#include "internal.h"

#include "clock.h"
#include "metrics.h"

#include <stdlib.h>

#define DEFAULT_LINGER_MS 50
#define DEFAULT_TAKEOVER_MS 15000
#define DEFAULT_PATIENCE_MS 30000

/* ---- figures ---- */

static int64_t age_of(int64_t since_ms, int64_t now_ms)
{
    return since_ms && now_ms > since_ms ? now_ms - since_ms : 0;
}

static int held_by(struct reader *reader)
{
    int held = 0;
    pthread_mutex_lock(&reader->lock);
    bool valid = clock_monotonic_ms() < reader->lease.valid_until_ms;
    for (int i = 0; valid && i < reader->group->shards; i++)
        held += reader->lease.held[i];
    pthread_mutex_unlock(&reader->lock);
    return held;
}

void stream_consumer_stats(struct stream_consumer *group, struct stream_consumer_stats *stats)
{
    *stats = (struct stream_consumer_stats){
        .events = value(&group->events),
        .loaded = value(&group->loaded),
        .duplicates = value(&group->duplicates),
        .skipped = value(&group->skipped),
        .broken = value(&group->broken),
        .taught = value(&group->taught),
        .passed_by = value(&group->passed_by),
        .erasures = value(&group->erasures),
        .retries = value(&group->retries),
        .away = atomic_load(&group->away),
    };
    int64_t now_ms = clock_now_ms();
    for (int i = 0; i < group->options.consumers; i++) {
        struct reader *reader = group->readers[i];
        int64_t warehouse = age_of(value(&reader->unloaded_since_ms), now_ms);
        int64_t model = age_of(value(&reader->untaught_since_ms), now_ms);
        stats->shards += held_by(reader);
        if (warehouse > stats->lag_ms)
            stats->lag_ms = warehouse;
        if (model > stats->model_lag_ms)
            stats->model_lag_ms = model;
    }
}

static double read_counter(void *ctx)
{
    return (double)value(ctx);
}

static double read_lag(void *ctx)
{
    struct stream_consumer_stats stats;
    stream_consumer_stats(ctx, &stats);
    return (double)stats.lag_ms / 1000;
}

static double read_model_lag(void *ctx)
{
    struct stream_consumer_stats stats;
    stream_consumer_stats(ctx, &stats);
    return (double)stats.model_lag_ms / 1000;
}

static double read_shards(void *ctx)
{
    struct stream_consumer_stats stats;
    stream_consumer_stats(ctx, &stats);
    return stats.shards;
}

static double read_away(void *ctx)
{
    return atomic_load(&((struct stream_consumer *)ctx)->away);
}

static void register_metrics(struct stream_consumer *group)
{
    struct metrics *metrics = group->options.metrics;
    const struct {
        const char *result;
        atomic_int_fast64_t *counter;
    } results[] = {{"read", &group->events}, {"loaded", &group->loaded},
        {"duplicate", &group->duplicates}, {"skipped", &group->skipped}, {"broken", &group->broken},
        {"taught", &group->taught}, {"passed_by", &group->passed_by}};
    for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
        metrics_counter_callback(metrics, "stream_consumer_events_total",
            "Events of the stream, by what became of them.",
            (const char *const[]){"result", results[i].result, NULL}, read_counter,
            results[i].counter);
    metrics_counter_callback(metrics, "stream_consumer_retries_total",
        "Loads, lessons and erasures that were tried again.", NULL, read_counter, &group->retries);
    metrics_counter_callback(metrics, "stream_consumer_erasures_total",
        "Erasures that all services have heard of.", NULL, read_counter, &group->erasures);
    static const char lag[] = "Age of the oldest event that the reader has yet to take, else 0.";
    metrics_gauge_callback(metrics, "stream_consumer_lag_seconds", lag,
        (const char *const[]){"reader", "warehouse", NULL}, read_lag, group);
    metrics_gauge_callback(metrics, "stream_consumer_lag_seconds", lag,
        (const char *const[]){"reader", "model", NULL}, read_model_lag, group);
    metrics_gauge_callback(metrics, "stream_consumer_shards",
        "Shards that the consumers of this process hold.", NULL, read_shards, group);
    metrics_gauge_callback(metrics, "stream_consumer_warehouse_away",
        "1 while the warehouse does not answer, else 0.", NULL, read_away, group);
}

/* ---- life ---- */

int stream_consumer_new(struct stream_consumer **out, const struct stream_consumer_options *options,
    struct error *error)
{
    if (options->consumers < 0 || options->consumers > STREAM_CONSUMER_MAX)
        return error_set(
            error, ERROR_INVALID, NULL, "consumers", "must be 1 to %d", STREAM_CONSUMER_MAX);
    struct stream_consumer *group = calloc(1, sizeof(*group));
    if (!group)
        abort();
    group->options = *options;
    if (options->consumers == 0)
        group->options.consumers = 1;
    if (options->linger_ms == 0)
        group->options.linger_ms = DEFAULT_LINGER_MS;
    if (options->takeover_ms == 0)
        group->options.takeover_ms = DEFAULT_TAKEOVER_MS;
    if (options->patience_ms == 0)
        group->options.patience_ms = DEFAULT_PATIENCE_MS;
    group->shards = stream_shards(options->stream);
    pthread_mutex_init(&group->model_lock, NULL);
    pthread_mutex_init(&group->keeper_lock, NULL);
    clock_cond_init(&group->keeper_wake);
    for (int i = 0; i < group->options.consumers; i++)
        group->readers[i] = reader_new(group, i);
    if (options->metrics)
        register_metrics(group);
    *out = group;
    return 0;
}

static void wake(void *ctx)
{
    struct stream_consumer *group = ctx;
    for (int i = 0; i < group->options.consumers; i++)
        reader_wake(group->readers[i]);
}

int stream_consumer_start(struct stream_consumer *group, struct error *error)
{
    int rc = stream_subscribe(group->options.stream, wake, group, error);
    if (rc < 0)
        return rc;
    rc = erasures_start(group, error);
    for (int i = 0; rc == 0 && i < group->options.consumers; i++)
        rc = reader_start(group->readers[i], error);
    if (rc == 0)
        rc = leases_start(group, error);
    if (rc < 0)
        stream_consumer_stop(group);
    return rc;
}

void stream_consumer_stop(struct stream_consumer *group)
{
    stream_unsubscribe(group->options.stream, wake, group);
    atomic_store(&group->stopping, true);
    for (int i = 0; i < group->options.consumers; i++)
        reader_signal(group->readers[i]);
    for (int i = 0; i < group->options.consumers; i++)
        reader_join(group->readers[i]);
    leases_stop(group);
    erasures_stop(group);
}

void stream_consumer_free(struct stream_consumer *group)
{
    if (!group)
        return;
    for (int i = 0; i < group->options.consumers; i++)
        reader_free(group->readers[i]);
    pthread_cond_destroy(&group->keeper_wake);
    pthread_mutex_destroy(&group->keeper_lock);
    pthread_mutex_destroy(&group->model_lock);
    free(group);
}
