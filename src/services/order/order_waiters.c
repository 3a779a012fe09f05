#include "order_waiters.h"

#include "buffer.h"
#include "clock.h"
#include "timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHARDS 64
#define BUCKETS 64 /* per shard */
#define TICK_MS 200

enum kind { UNARMED, REQUEST, STREAM };

/* What a stream tells, without the texts of an arena. */
struct news {
    int64_t version; /* 0: none */
    enum order_status status;
    char reason[204 * 4]; /* at most 200 characters */
    bool has_reason;
};

struct waiter {
    char order_id[ID_SIZE];
    enum kind kind;
    struct news news; /* announced while not armed */
    int64_t deadline_ms;
    void (*wake)(void *ctx, const struct order_record *record);
    void *ctx;
    struct http_stream *stream;
    struct waiter *next, **link;
};

struct shard {
    pthread_mutex_t lock;
    struct waiter *buckets[BUCKETS];
};

struct waiters {
    struct timers *timers;
    struct shard shards[SHARDS];
    atomic_llong count;
    atomic_bool stopping;
    pthread_mutex_t tick_lock;
    struct timer *tick; /* pending; NULL while nobody waits */
};

struct waiters *waiters_new(struct timers *timers)
{
    struct waiters *waiters = calloc(1, sizeof(*waiters));
    if (!waiters)
        abort();
    waiters->timers = timers;
    pthread_mutex_init(&waiters->tick_lock, NULL);
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&waiters->shards[i].lock, NULL);
    return waiters;
}

void waiters_free(struct waiters *waiters)
{
    if (!waiters)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&waiters->shards[i].lock);
    pthread_mutex_destroy(&waiters->tick_lock);
    free(waiters);
}

/* FNV-1a over the id: its shard, and the bucket in it. */
static struct shard *place_of(
    struct waiters *waiters, const char *order_id, struct waiter ***bucket)
{
    unsigned hash = 2166136261u;
    for (; *order_id; order_id++)
        hash = (hash ^ (unsigned char)*order_id) * 16777619u;
    struct shard *shard = &waiters->shards[hash % SHARDS];
    *bucket = &shard->buckets[hash / SHARDS % BUCKETS];
    return shard;
}

/* With the shard's lock held. */
static void unlink_waiter(struct waiters *waiters, struct waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    atomic_fetch_sub(&waiters->count, 1);
}

static void read_news(struct news *news, const struct order_state *state)
{
    news->version = state->version;
    news->status = state->status;
    news->has_reason = state->reason != NULL;
    snprintf(news->reason, sizeof(news->reason), "%s", state->reason ? state->reason : "");
}

/* Sends the news; false when the stream is to be closed. */
static bool tell(struct http_stream *stream, const struct news *news)
{
    CLEANUP_BUFFER struct buffer data = BUFFER_INIT;
    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)news->version);
    buffer_append_text(&data, "{\"status\":\"");
    buffer_append_text(&data, order_status_name(news->status));
    buffer_append_text(&data, "\",\"version\":");
    buffer_append_int(&data, news->version);
    buffer_append_text(&data, ",\"reason\":");
    buffer_append_json(&data, news->has_reason ? news->reason : NULL);
    buffer_append_char(&data, '}');
    return http_stream_send(stream, "status", id, data.data) == 0 && !order_settled(news->status);
}

/* ---- the clock of those who wait ---- */

static void on_tick(void *ctx);

static void start_tick(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->tick_lock);
    if (!waiters->tick && !atomic_load(&waiters->stopping))
        waiters->tick = timers_after(waiters->timers, TICK_MS, on_tick, waiters);
    pthread_mutex_unlock(&waiters->tick_lock);
}

/* Takes out what is due: requests past their deadline into `*late`, streams without a client
 * straight away. */
static void sweep(
    struct waiters *waiters, struct shard *shard, int64_t now_ms, bool all, struct waiter **late)
{
    for (int i = 0; i < BUCKETS; i++) {
        struct waiter *waiter = shard->buckets[i], *next;
        for (; waiter; waiter = next) {
            next = waiter->next;
            bool due = waiter->kind == REQUEST && (all || waiter->deadline_ms <= now_ms);
            bool gone = waiter->kind == STREAM && (all || http_stream_gone(waiter->stream));
            if (!due && !gone)
                continue;
            unlink_waiter(waiters, waiter);
            if (gone) {
                http_stream_close(waiter->stream);
                free(waiter);
            } else {
                waiter->next = *late;
                *late = waiter;
            }
        }
    }
}

static void sweep_all(struct waiters *waiters, bool all)
{
    int64_t now_ms = clock_monotonic_ms();
    struct waiter *late = NULL;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&waiters->shards[i].lock);
        sweep(waiters, &waiters->shards[i], now_ms, all, &late);
        pthread_mutex_unlock(&waiters->shards[i].lock);
    }
    while (late) {
        struct waiter *next = late->next;
        late->wake(late->ctx, NULL);
        free(late);
        late = next;
    }
}

static void on_tick(void *ctx)
{
    struct waiters *waiters = ctx;
    sweep_all(waiters, /* all= */ false);
    pthread_mutex_lock(&waiters->tick_lock);
    bool more = atomic_load(&waiters->count) > 0 && !atomic_load(&waiters->stopping);
    waiters->tick = more ? timers_after(waiters->timers, TICK_MS, on_tick, waiters) : NULL;
    pthread_mutex_unlock(&waiters->tick_lock);
}

void waiters_stop(struct waiters *waiters)
{
    atomic_store(&waiters->stopping, true);
    pthread_mutex_lock(&waiters->tick_lock);
    struct timer *tick = waiters->tick;
    bool running = tick && !timers_cancel(waiters->timers, tick);
    if (!running)
        waiters->tick = NULL;
    pthread_mutex_unlock(&waiters->tick_lock);
    while (running) {
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&waiters->tick_lock);
        running = waiters->tick != NULL;
        pthread_mutex_unlock(&waiters->tick_lock);
    }
    sweep_all(waiters, /* all= */ true);
}

/* ---- waiting ---- */

struct waiter *waiters_add(struct waiters *waiters, const char *order_id)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        abort();
    snprintf(waiter->order_id, sizeof(waiter->order_id), "%s", order_id);
    struct waiter **bucket;
    struct shard *shard = place_of(waiters, waiter->order_id, &bucket);
    pthread_mutex_lock(&shard->lock);
    waiter->next = *bucket;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    waiter->link = bucket;
    *bucket = waiter;
    atomic_fetch_add(&waiters->count, 1);
    pthread_mutex_unlock(&shard->lock);
    return waiter;
}

void waiters_remove(struct waiters *waiters, struct waiter *waiter)
{
    struct waiter **bucket;
    struct shard *shard = place_of(waiters, waiter->order_id, &bucket);
    pthread_mutex_lock(&shard->lock);
    unlink_waiter(waiters, waiter);
    pthread_mutex_unlock(&shard->lock);
    free(waiter);
}

bool waiters_arm(struct waiters *waiters, struct waiter *waiter, int64_t version,
    int64_t deadline_ms, void (*wake)(void *ctx, const struct order_record *record), void *ctx)
{
    struct waiter **bucket;
    struct shard *shard = place_of(waiters, waiter->order_id, &bucket);
    pthread_mutex_lock(&shard->lock);
    bool stale = waiter->news.version > version || atomic_load(&waiters->stopping);
    if (stale) {
        unlink_waiter(waiters, waiter);
    } else {
        waiter->deadline_ms = deadline_ms;
        waiter->wake = wake;
        waiter->ctx = ctx;
        waiter->kind = REQUEST;
    }
    pthread_mutex_unlock(&shard->lock);
    if (stale)
        free(waiter);
    else
        start_tick(waiters);
    return !stale;
}

void waiters_stream(struct waiters *waiters, struct waiter *waiter, const struct order_state *state,
    int64_t seen, struct http_stream *stream)
{
    struct news first;
    read_news(&first, state);
    struct waiter **bucket;
    struct shard *shard = place_of(waiters, waiter->order_id, &bucket);
    pthread_mutex_lock(&shard->lock);
    bool open = !order_settled(first.status);
    if (first.version > seen)
        open = tell(stream, &first);
    if (open && waiter->news.version > first.version)
        open = tell(stream, &waiter->news);
    if (atomic_load(&waiters->stopping))
        open = false;
    if (open) {
        waiter->stream = stream;
        waiter->kind = STREAM;
    } else {
        unlink_waiter(waiters, waiter);
    }
    pthread_mutex_unlock(&shard->lock);
    if (open) {
        start_tick(waiters);
        return;
    }
    http_stream_close(stream);
    free(waiter);
}

/* With the shard's lock held; true when the waiter is a request to wake (it is unlinked then). */
static bool announce(
    struct waiters *waiters, struct waiter *waiter, const struct order_record *record)
{
    struct news news;
    switch (waiter->kind) {
    case UNARMED:
        if (record->state.version > waiter->news.version)
            read_news(&waiter->news, &record->state);
        return false;
    case REQUEST:
        if (record->state.status == ORDER_PENDING)
            return false;
        unlink_waiter(waiters, waiter);
        return true;
    default:
        read_news(&news, &record->state);
        if (!tell(waiter->stream, &news)) {
            unlink_waiter(waiters, waiter);
            http_stream_close(waiter->stream);
            free(waiter);
        }
        return false;
    }
}

void waiters_notify(struct waiters *waiters, const struct order_record *record)
{
    struct waiter **bucket, *woken = NULL;
    struct shard *shard = place_of(waiters, record->id, &bucket);
    pthread_mutex_lock(&shard->lock);
    struct waiter *waiter = *bucket, *next;
    for (; waiter; waiter = next) {
        next = waiter->next;
        if (strcmp(waiter->order_id, record->id) == 0 && announce(waiters, waiter, record)) {
            waiter->next = woken;
            woken = waiter;
        }
    }
    pthread_mutex_unlock(&shard->lock);
    while (woken) {
        next = woken->next;
        woken->wake(woken->ctx, record);
        free(woken);
        woken = next;
    }
}

int64_t waiters_count(struct waiters *waiters)
{
    return atomic_load(&waiters->count);
}
