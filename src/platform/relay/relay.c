#include "relay_internal.h"

#include "clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAFETY_MS 1000    /* a source is read so often though nobody woke it */
#define READ_RETRY_MS 250 /* after a reading or trimming that failed */
#define TRIM_EVERY_MS 25  /* each trim is a commit in a service's file */
#define TRIM_ITEMS 2000   /* ... but items of a busy outbox go in good time */
#define TURN_READINGS 8   /* of one source, before the next has its turn */

/* ---- one source ---- */

static bool lanes_busy(const struct relay_source *source, int64_t now_ms)
{
    for (const struct relay_lane *lane = source->lanes; lane; lane = lane->next)
        if (lane_is_busy(lane, now_ms))
            return true;
    return false;
}

static void read_head(struct relay_source *source, int64_t now_ms)
{
    /* Cleared before the reading: a commit during it wakes again. */
    atomic_store(&source->woken, false);
    struct relay_batch *batch;
    struct outbox_item *items;
    int count = source_read(source, source->head, &batch, &items);
    source->more = count < 0 || count == RELAY_BATCH;
    source->read_at_ms = count < 0 ? now_ms + READ_RETRY_MS : now_ms;
    for (int i = 0; i < count; i++) {
        lane_add(lane_of(source, items[i].target), batch_item(batch, &items[i], now_ms));
        source->head = items[i].seq;
    }
    batch_unref(batch);
}

static bool wants_reading(struct relay_source *source, int64_t now_ms)
{
    if (now_ms < source->read_at_ms)
        return false;
    return source->more || atomic_load(&source->woken) || now_ms - source->read_at_ms >= SAFETY_MS;
}

static void on_trimmed(void *ctx, int rc)
{
    struct relay_source *source = ctx;
    pthread_mutex_lock(&source->relay->lock);
    source->trimming = false;
    source->trim_failed = rc < 0;
    source->relay->signalled = true;
    pthread_cond_signal(&source->relay->changed);
    pthread_mutex_unlock(&source->relay->lock);
}

/* Returns when to come back for it, INT64_MAX if there is nothing to trim. */
static int64_t trim(struct relay_source *source, int64_t now_ms, bool at_once)
{
    pthread_mutex_lock(&source->relay->lock);
    bool trimming = source->trimming, failed = source->trim_failed;
    source->trim_failed = false;
    pthread_mutex_unlock(&source->relay->lock);
    if (trimming)
        return INT64_MAX;
    if (failed) {
        source->trimmed = 0;
        source->trimmed_ms = now_ms + READ_RETRY_MS;
    }
    int64_t upto = source->head;
    for (const struct relay_lane *lane = source->lanes; lane; lane = lane->next)
        if (lane_sent_upto(lane) < upto)
            upto = lane_sent_upto(lane);
    if (upto <= source->trimmed)
        return INT64_MAX;
    int64_t due_ms = source->trimmed_ms + TRIM_EVERY_MS;
    if (now_ms < source->trimmed_ms)
        return source->trimmed_ms;
    if (!at_once && now_ms < due_ms && upto - source->trimmed < TRIM_ITEMS)
        return due_ms;
    pthread_mutex_lock(&source->relay->lock);
    source->trimming = true;
    pthread_mutex_unlock(&source->relay->lock);
    source->trimmed = upto;
    source->trimmed_ms = now_ms;
    source->config.trim(source->config.ctx, upto, on_trimmed, source);
    return INT64_MAX;
}

static void publish(struct relay_source *source, int64_t now_ms)
{
    struct relay_stats stats = {.name = source->config.name,
        .sent = source->sent,
        .refused = source->refused,
        .retries = source->retries};
    int64_t oldest_ms = now_ms;
    bool well = source->read_at_ms <= now_ms;
    for (const struct relay_lane *lane = source->lanes; lane; lane = lane->next) {
        stats.pending += lane->count;
        if (lane->first && lane->first->read_ms < oldest_ms)
            oldest_ms = lane->first->read_ms;
        well &= lane->retry_ms == 0 && (lane->queue || lane->to_stream);
    }
    if (well)
        source->error[0] = '\0';
    stats.oldest_age_ms = now_ms - oldest_ms;
    memcpy(stats.error, source->error, sizeof(stats.error));
    pthread_mutex_lock(&source->relay->lock);
    source->published = stats;
    pthread_mutex_unlock(&source->relay->lock);
}

/* Does what can be done; returns when it wants to be called again though nothing happens. */
static int64_t source_step(struct relay_source *source, int64_t now_ms, bool stopping)
{
    int64_t next_ms;
    int readings = 0;
    bool again;
    do {
        again = wants_reading(source, now_ms) && !lanes_busy(source, now_ms);
        if (again)
            read_head(source, now_ms);
        next_ms = INT64_MAX;
        for (struct relay_lane *lane = source->lanes; lane; lane = lane->next) {
            int64_t lane_ms = lane_step(lane, now_ms);
            next_ms = lane_ms < next_ms ? lane_ms : next_ms;
        }
    } while (again && source->more && ++readings < TURN_READINGS);
    if (again && source->more)
        next_ms = now_ms;
    int64_t trim_ms = trim(source, now_ms, stopping);
    next_ms = trim_ms < next_ms ? trim_ms : next_ms;
    int64_t read_ms =
        source->read_at_ms > now_ms ? source->read_at_ms : source->read_at_ms + SAFETY_MS;
    publish(source, now_ms);
    return read_ms < next_ms ? read_ms : next_ms;
}

/* Nothing is left to be sent, or on its way. */
static bool source_drained(struct relay_source *source)
{
    if (source->more || atomic_load(&source->woken))
        return false;
    for (const struct relay_lane *lane = source->lanes; lane; lane = lane->next)
        if (!lane_is_idle(lane))
            return false;
    pthread_mutex_lock(&source->relay->lock);
    bool trimming = source->trimming;
    pthread_mutex_unlock(&source->relay->lock);
    return !trimming;
}

/* ---- the thread ---- */

void relay_signal(struct relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    relay->signalled = true;
    pthread_cond_signal(&relay->changed);
    pthread_mutex_unlock(&relay->lock);
}

static void wait_until(struct relay *relay, int64_t until_ms)
{
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    pthread_mutex_lock(&relay->lock);
    while (!relay->signalled)
        if (pthread_cond_timedwait(&relay->changed, &relay->lock, &until) != 0)
            break;
    relay->signalled = false;
    pthread_mutex_unlock(&relay->lock);
}

static bool anything_out(struct relay *relay)
{
    bool out = false;
    pthread_mutex_lock(&relay->lock);
    for (const struct relay_source *source = relay->sources; source; source = source->next) {
        out |= source->trimming;
        for (const struct relay_lane *lane = source->lanes; lane; lane = lane->next)
            out |= lane->out > 0 && !lane->finished;
    }
    pthread_mutex_unlock(&relay->lock);
    return out;
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    pthread_setname_np(pthread_self(), "relay");
    for (;;) {
        int64_t now_ms = clock_monotonic_ms(), next_ms = now_ms + SAFETY_MS;
        pthread_mutex_lock(&relay->lock);
        bool stopping = relay->stopping;
        int64_t stop_ms = relay->stop_ms;
        pthread_mutex_unlock(&relay->lock);
        bool drained = true;
        for (struct relay_source *source = relay->sources; source; source = source->next) {
            int64_t source_ms = source_step(source, now_ms, stopping);
            next_ms = source_ms < next_ms ? source_ms : next_ms;
            drained &= source_drained(source);
        }
        if (stopping && (drained || now_ms >= stop_ms)) {
            relay->drained = drained;
            break;
        }
        if (stopping && stop_ms < next_ms)
            next_ms = stop_ms;
        wait_until(relay, next_ms);
    }
    /* Who was asked answers once; after that nobody knows the relay any more. */
    while (anything_out(relay))
        wait_until(relay, clock_monotonic_ms() + SAFETY_MS);
    return NULL;
}

/* ---- the outside ---- */

struct relay *relay_new(void)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        abort();
    pthread_mutex_init(&relay->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&relay->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return relay;
}

void relay_add_queue(struct relay *relay, struct queue *queue)
{
    struct relay_target *target = calloc(1, sizeof(*target));
    if (!target)
        abort();
    assert(!relay->started);
    target->queue = queue;
    target->next = relay->targets;
    relay->targets = target;
}

void relay_set_stream(struct relay *relay, struct stream *stream)
{
    assert(!relay->started);
    relay->stream = stream;
}

void relay_on_refused(struct relay *relay,
    void (*refused)(void *ctx, const struct outbox_item *item, const struct error *error),
    void *ctx)
{
    assert(!relay->started);
    relay->refused = refused;
    relay->refused_ctx = ctx;
}

struct relay_source *relay_add_source(struct relay *relay, const struct relay_source_config *config)
{
    struct relay_source *source = calloc(1, sizeof(*source));
    if (!source)
        abort();
    assert(!relay->started);
    source->relay = relay;
    source->config = *config;
    source->config.name = strdup(config->name);
    if (!source->config.name)
        abort();
    source->more = true; /* what an earlier run left behind */
    source->published.name = source->config.name;
    source->next = relay->sources;
    relay->sources = source;
    return source;
}

int relay_start(struct relay *relay, struct error *error)
{
    assert(!relay->started);
    if (pthread_create(&relay->thread, NULL, run, relay) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "the relay got no thread");
    relay->started = true;
    return 0;
}

void relay_wake(struct relay_source *source)
{
    if (!atomic_exchange(&source->woken, true))
        relay_signal(source->relay);
}

void relay_wake_source(void *source)
{
    relay_wake(source);
}

int relay_stats(struct relay *relay, struct relay_stats *stats, int max)
{
    int count = 0;
    pthread_mutex_lock(&relay->lock);
    for (const struct relay_source *source = relay->sources; source; source = source->next) {
        if (count < max)
            stats[count] = source->published;
        count++;
    }
    pthread_mutex_unlock(&relay->lock);
    return count;
}

int relay_stop(struct relay *relay, int64_t timeout_ms, struct error *error)
{
    if (!relay->started)
        return 0;
    pthread_mutex_lock(&relay->lock);
    relay->stopping = true;
    relay->stop_ms = clock_monotonic_ms() + timeout_ms;
    pthread_mutex_unlock(&relay->lock);
    for (struct relay_source *source = relay->sources; source; source = source->next)
        relay_wake(source);
    relay_signal(relay);
    pthread_join(relay->thread, NULL);
    relay->started = false;
    if (!relay->drained)
        return error_set(error, ERROR_TIMEOUT, NULL, NULL,
            "not everything could be sent; it stays in the outbox for the next start");
    return 0;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    assert(!relay->started);
    while (relay->sources) {
        struct relay_source *source = relay->sources;
        relay->sources = source->next;
        while (source->lanes) {
            struct relay_lane *next = source->lanes->next;
            lane_free(source->lanes);
            source->lanes = next;
        }
        free((char *)source->config.name);
        free(source);
    }
    while (relay->targets) {
        struct relay_target *next = relay->targets->next;
        free(relay->targets);
        relay->targets = next;
    }
    pthread_cond_destroy(&relay->changed);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
}
