#include "relay_internal.h"

#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_BUSY 1024 /* unsent items at which the head waits for a lane that works */
#define LANE_FULL 2048 /* at which it is detached; one that fails, at once */
#define STUCK_MS 2000  /* a send that takes longer does not hold up the others */
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000

/* ---- items ---- */

int source_read(struct relay_source *source, int64_t after, struct relay_batch **batch,
    struct outbox_item **items)
{
    struct arena *arena = arena_new();
    struct error error = {0};
    int count = source->config.read(source->config.ctx, arena, after, RELAY_BATCH, items, &error);
    if (count <= 0) {
        if (count < 0)
            snprintf(source->error, sizeof(source->error), "outbox: %.140s", error.message);
        arena_free(arena);
        *batch = NULL;
        return count;
    }
    *batch = arena_new_struct(arena, struct relay_batch);
    (*batch)->arena = arena;
    (*batch)->refs = 1; /* the reader's */
    return count;
}

struct relay_item *batch_item(
    struct relay_batch *batch, const struct outbox_item *item, int64_t now_ms)
{
    struct relay_item *result = arena_new_struct(batch->arena, struct relay_item);
    batch->refs++;
    result->item = item;
    result->batch = batch;
    result->read_ms = now_ms;
    return result;
}

void batch_unref(struct relay_batch *batch)
{
    if (batch && --batch->refs == 0)
        arena_free(batch->arena);
}

static void pop(struct relay_lane *lane)
{
    struct relay_item *item = lane->first;
    lane->first = item->next;
    if (!lane->first)
        lane->last = &lane->first;
    lane->count--;
    batch_unref(item->batch);
}

/* ---- life ---- */

struct relay_lane *lane_of(struct relay_source *source, const char *target)
{
    for (struct relay_lane *lane = source->lanes; lane; lane = lane->next)
        if (strcmp(lane->target, target) == 0)
            return lane;
    struct relay *relay = source->relay;
    struct relay_lane *lane = calloc(1, sizeof(*lane));
    if (!lane || !(lane->target = strdup(target)))
        abort();
    lane->source = source;
    lane->last = &lane->first;
    lane->to_stream = strcmp(target, "stream") == 0 && relay->stream;
    if (strncmp(target, "queue:", 6) == 0)
        for (struct relay_target *it = relay->targets; it; it = it->next)
            if (strcmp(it->queue->name, target + 6) == 0)
                lane->queue = it->queue;
    lane->next = source->lanes;
    source->lanes = lane;
    return lane;
}

void lane_free(struct relay_lane *lane)
{
    while (lane->first)
        pop(lane);
    free(lane->target);
    free(lane);
}

static bool has_target(const struct relay_lane *lane)
{
    return lane->to_stream || lane->queue;
}

/* ---- sending ---- */

static void on_sent(void *ctx, int rc, const struct error *error)
{
    struct relay_lane *lane = ctx;
    struct relay *relay = lane->source->relay;
    pthread_mutex_lock(&relay->lock);
    lane->finished = true;
    lane->rc = rc;
    lane->error = *error;
    relay->signalled = true;
    pthread_cond_signal(&relay->changed);
    pthread_mutex_unlock(&relay->lock);
}

static void send_to_stream(struct relay_lane *lane)
{
    struct stream_record records[RELAY_BATCH];
    const struct relay_item *it = lane->first;
    for (int i = 0; i < lane->out; i++, it = it->next)
        records[i] = (struct stream_record){.key = it->item->key,
            .id = it->item->id,
            .data = it->item->body,
            .length = it->item->length};
    stream_put(lane->source->relay->stream, records, (size_t)lane->out, on_sent, lane);
}

static void send_to_queue(struct relay_lane *lane)
{
    struct queue_message messages[RELAY_BATCH];
    const struct relay_item *it = lane->first;
    for (int i = 0; i < lane->out; i++, it = it->next)
        messages[i] = (struct queue_message){.id = it->item->id,
            .key = it->item->key,
            .body = it->item->body,
            .length = it->item->length};
    queue_send(lane->queue, messages, (size_t)lane->out, on_sent, lane);
}

static void send_next(struct relay_lane *lane, int64_t now_ms)
{
    lane->out = lane->count < RELAY_BATCH ? lane->count : RELAY_BATCH;
    if (lane->one_by_one > 0) {
        lane->out = 1;
        lane->one_by_one--;
    }
    lane->sent_ms = now_ms;
    if (lane->to_stream)
        send_to_stream(lane);
    else
        send_to_queue(lane);
}

static void take_sent(struct relay_lane *lane)
{
    lane->source->sent += lane->out;
    for (; lane->out > 0; lane->out--)
        pop(lane);
    lane->retry_ms = 0;
    lane->backoff_ms = 0;
}

/* One bad item must not stop those around it: they are sent one by one, to find it. */
static void take_refused(struct relay_lane *lane, const struct error *error)
{
    struct relay *relay = lane->source->relay;
    if (lane->out > 1) {
        lane->one_by_one = lane->out;
        lane->out = 0;
        return;
    }
    if (relay->refused)
        relay->refused(relay->refused_ctx, lane->first->item, error);
    lane->source->refused++;
    lane->out = 0;
    pop(lane);
}

static void take_failed(struct relay_lane *lane, const struct error *error, int64_t now_ms)
{
    int backoff_ms = lane->backoff_ms * 2;
    if (backoff_ms < BACKOFF_MIN_MS)
        backoff_ms = BACKOFF_MIN_MS;
    lane->backoff_ms = backoff_ms < BACKOFF_MAX_MS ? backoff_ms : BACKOFF_MAX_MS;
    lane->retry_ms = now_ms + lane->backoff_ms;
    lane->source->retries++;
    snprintf(lane->source->error, sizeof(lane->source->error), "%.40s: %.110s", lane->target,
        error->message);
    /* In order: those behind wait as well. */
    lane->one_by_one += lane->one_by_one > 0;
    lane->out = 0;
}

static void take_result(struct relay_lane *lane, int64_t now_ms)
{
    struct relay *relay = lane->source->relay;
    pthread_mutex_lock(&relay->lock);
    bool finished = lane->finished;
    int rc = lane->rc;
    struct error error;
    if (finished && rc < 0)
        error = lane->error;
    lane->finished = false;
    pthread_mutex_unlock(&relay->lock);
    if (!finished)
        return;
    if (rc == 0)
        take_sent(lane);
    else if (rc == ERROR_INVALID)
        take_refused(lane, &error);
    else
        take_failed(lane, &error, now_ms);
}

/* ---- keeping up ---- */

static bool is_failing(const struct relay_lane *lane, int64_t now_ms)
{
    return !has_target(lane) || lane->retry_ms != 0 ||
           (lane->out > 0 && now_ms - lane->sent_ms > STUCK_MS);
}

bool lane_is_busy(const struct relay_lane *lane, int64_t now_ms)
{
    return lane->count >= LANE_BUSY && !is_failing(lane, now_ms);
}

static void append(struct relay_lane *lane, struct relay_item *item)
{
    *lane->last = item;
    lane->last = &item->next;
    lane->count++;
}

void lane_add(struct relay_lane *lane, struct relay_item *item)
{
    /* One item holds the memory of its whole reading: a lane that fails must not collect them. */
    bool failing = lane->count > 0 && is_failing(lane, item->read_ms);
    if (!lane->detached && (failing || lane->count >= LANE_FULL)) {
        lane->detached = true;
        lane->resume = item->item->seq - 1;
    }
    if (lane->detached)
        batch_unref(item->batch);
    else
        append(lane, item);
}

/* The next items of a detached lane; once it has reached the head it is like the others. */
static void catch_up(struct relay_lane *lane, int64_t now_ms)
{
    struct relay_source *source = lane->source;
    struct relay_batch *batch;
    struct outbox_item *items;
    int count = source_read(source, lane->resume, &batch, &items);
    if (count < 0) {
        lane->retry_ms = now_ms + BACKOFF_MAX_MS;
        return;
    }
    for (int i = 0; i < count && items[i].seq <= source->head; i++) {
        lane->resume = items[i].seq;
        if (strcmp(items[i].target, lane->target) == 0)
            append(lane, batch_item(batch, &items[i], now_ms));
    }
    if (count < RELAY_BATCH || items[count - 1].seq >= source->head)
        lane->detached = false;
    batch_unref(batch);
}

int64_t lane_step(struct relay_lane *lane, int64_t now_ms)
{
    if (lane->out > 0)
        take_result(lane, now_ms);
    if (!has_target(lane)) {
        snprintf(lane->source->error, sizeof(lane->source->error), "there is no target %.100s",
            lane->target);
        return INT64_MAX;
    }
    if (lane->out > 0)
        return lane->sent_ms + STUCK_MS + 1 > now_ms ? lane->sent_ms + STUCK_MS + 1 : INT64_MAX;
    if (lane->retry_ms > now_ms)
        return lane->retry_ms;
    while (lane->count == 0 && lane->detached && lane->retry_ms <= now_ms)
        catch_up(lane, now_ms);
    if (lane->count > 0)
        send_next(lane, now_ms);
    return lane->count > 0 ? now_ms + STUCK_MS + 1 : INT64_MAX;
}

int64_t lane_sent_upto(const struct relay_lane *lane)
{
    if (lane->count > 0)
        return lane->first->item->seq - 1;
    return lane->detached ? lane->resume : lane->source->head;
}

bool lane_is_idle(const struct relay_lane *lane)
{
    return !has_target(lane) || (lane->count == 0 && !lane->detached);
}
