#include "queue_core.h"

#include "clock.h"
#include "timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Deliveries taken under one lock, and by one thread before it lets others have the turn: a backlog
 * must not keep the thread that commits from committing. */
#define DISPATCH_BATCH 32
#define DISPATCH_TURN 256

#define DEFAULT_VISIBILITY_MS 30000
#define DEFAULT_MAX_RECEIVES 5
#define DEFAULT_BACKLOG 10000

/* ---- life ---- */

void core_init(struct queue_core *core, const struct queue_ops *ops, const struct core_hooks *hooks,
    const char *name, const struct queue_options *options)
{
    assert(options && options->timers);
    core->base.ops = ops;
    core->base.name = strdup(name);
    if (!core->base.name)
        abort();
    core->hooks = hooks;
    core->timers = options->timers;
    int64_t visibility_ms =
        options->visibility_ms > 0 ? options->visibility_ms : DEFAULT_VISIBILITY_MS;
    core->visibility_ns = visibility_ms * 1000000;
    core->max_receives = options->max_receives > 0 ? options->max_receives : DEFAULT_MAX_RECEIVES;
    core->backlog = options->backlog > 0 ? options->backlog : DEFAULT_BACKLOG;
    atomic_init(&core->refs, 1);
    pthread_mutex_init(&core->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&core->settled, &attributes);
    pthread_condattr_destroy(&attributes);
    core->ready_end = &core->ready;
}

void core_ref(struct queue_core *core)
{
    atomic_fetch_add(&core->refs, 1);
}

void core_unref(struct queue_core *core)
{
    if (atomic_fetch_sub(&core->refs, 1) != 1)
        return;
    while (core->ready) {
        struct core_message *next = core->ready->next;
        core_message_unref(core->ready);
        core->ready = next;
    }
    for (size_t i = 0; i < core->delayed_slots; i++)
        core_message_unref(core->delayed[i]);
    free(core->delayed);
    pthread_cond_destroy(&core->settled);
    pthread_mutex_destroy(&core->lock);
    free((char *)core->base.name);
    core->hooks->free(core);
}

struct core_message *core_message_new(
    const char *id, const char *key, const void *body, size_t length, int64_t sent_at_ms)
{
    size_t id_size = strlen(id) + 1, key_size = key ? strlen(key) + 1 : 1;
    struct core_message *message = malloc(sizeof(*message) + id_size + key_size + length + 1);
    if (!message)
        abort();
    *message = (struct core_message){.refs = 1, .length = length, .sent_at_ms = sent_at_ms};
    memcpy(message->id, id, id_size);
    char *at = message->id + id_size;
    memcpy(at, key ? key : "", key_size);
    message->key = at;
    at += key_size;
    if (length > 0)
        memcpy(at, body, length);
    at[length] = '\0';
    message->body = at;
    return message;
}

void core_message_unref(struct core_message *message)
{
    if (--message->refs > 0)
        return;
    free(message->why);
    free(message);
}

int core_check(const struct queue_message *messages, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct queue_message *message = &messages[i];
        size_t id = message->id ? strlen(message->id) : 0;
        if (id == 0 || id > QUEUE_MAX_TEXT)
            return error_set(error, ERROR_INVALID, NULL, "id",
                "a message's id has 1 to %d bytes, this one %zu", QUEUE_MAX_TEXT, id);
        if (message->key && strlen(message->key) > QUEUE_MAX_TEXT)
            return error_set(error, ERROR_INVALID, NULL, "key",
                "a message's key has at most %d bytes", QUEUE_MAX_TEXT);
        if (message->length > QUEUE_MAX_BODY)
            return error_set(error, ERROR_INVALID, NULL, "body",
                "a message's body has at most %zu bytes, this one %zu", QUEUE_MAX_BODY,
                message->length);
    }
    return 0;
}

/* ---- delayed messages: a heap by due time ---- */

static void heap_push(struct queue_core *core, struct core_message *message)
{
    if (core->delayed_slots == core->delayed_capacity) {
        core->delayed_capacity = core->delayed_capacity ? core->delayed_capacity * 2 : 16;
        core->delayed =
            realloc(core->delayed, core->delayed_capacity * sizeof(struct core_message *));
        if (!core->delayed)
            abort();
    }
    size_t index = core->delayed_slots++;
    while (index > 0 && core->delayed[(index - 1) / 2]->due_ns > message->due_ns) {
        core->delayed[index] = core->delayed[(index - 1) / 2];
        index = (index - 1) / 2;
    }
    core->delayed[index] = message;
}

static struct core_message *heap_pop(struct queue_core *core)
{
    struct core_message *first = core->delayed[0];
    struct core_message *last = core->delayed[--core->delayed_slots];
    size_t index = 0, child;
    while ((child = index * 2 + 1) < core->delayed_slots) {
        if (child + 1 < core->delayed_slots &&
            core->delayed[child + 1]->due_ns < core->delayed[child]->due_ns)
            child++;
        if (core->delayed[child]->due_ns >= last->due_ns)
            break;
        core->delayed[index] = core->delayed[child];
        index = child;
    }
    core->delayed[index] = last;
    return first;
}

/* ---- the one timer: the next delayed message or visibility deadline ---- */

static void on_timer(void *ctx);

static void arm_locked(struct queue_core *core, int64_t due_ns)
{
    if (core->closed || (core->timer && core->timer_ns <= due_ns))
        return;
    if (core->timer && timers_cancel(core->timers, core->timer))
        core_unref(core); /* never the last: the caller has one */
    int64_t wait_ns = due_ns - clock_monotonic_ns();
    core_ref(core);
    core->timer_ns = due_ns;
    /* Rounded up, so that what is due is due when the timer fires. */
    core->timer =
        timers_after(core->timers, wait_ns > 0 ? wait_ns / 1000000 + 1 : 0, on_timer, core);
}

static void arm_next_locked(struct queue_core *core)
{
    if (core->oldest)
        arm_locked(core, core->oldest->deadline_ns);
    if (core->delayed_slots > 0)
        arm_locked(core, core->delayed[0]->due_ns);
}

void core_dispatch_later_locked(struct queue_core *core, int64_t delay_ms)
{
    arm_locked(core, clock_monotonic_ns() + delay_ms * 1000000);
}

/* ---- the ways of a message ---- */

static void ready_push(struct queue_core *core, struct core_message *message)
{
    message->state = CORE_READY;
    message->next = NULL;
    *core->ready_end = message;
    core->ready_end = &message->next;
    core->ready_count++;
}

void core_add_locked(struct queue_core *core, struct core_message *message, int64_t now_ms)
{
    if (message->available_at_ms <= now_ms) {
        ready_push(core, message);
        return;
    }
    message->state = CORE_DELAYED;
    message->due_ns = clock_monotonic_ns() + (message->available_at_ms - now_ms) * 1000000;
    heap_push(core, message);
    core->delayed_count++;
    arm_locked(core, message->due_ns);
}

static void die_locked(struct queue_core *core, struct core_message *message, const char *reason)
{
    message->state = CORE_GONE;
    message->refs++;
    core->stats.died++;
    core->stats.dead++;
    core->hooks->died_locked(core, message, reason);
}

/* Back from a delivery that did not succeed. */
static void retry_locked(
    struct queue_core *core, struct core_message *message, int64_t delay_ms, const char *reason)
{
    if (delay_ms < 0 || message->receives >= core->max_receives) {
        die_locked(core, message, reason);
        return;
    }
    int64_t now_ms = clock_now_ms();
    message->available_at_ms = now_ms + delay_ms;
    message->refs++;
    core->hooks->retry_locked(core, message);
    core_add_locked(core, message, now_ms);
}

/* Takes a delivery out of the in-flight list. */
static void land_locked(struct queue_core *core, struct core_delivery *delivery)
{
    *(delivery->previous ? &delivery->previous->next : &core->oldest) = delivery->next;
    *(delivery->next ? &delivery->next->previous : &core->newest) = delivery->previous;
    core->stats.in_flight--;
}

static void settled_locked(struct queue_core *core)
{
    /* Only who takes the subscriber away waits. */
    if (!core->handler)
        pthread_cond_broadcast(&core->settled);
}

static void expire_locked(struct queue_core *core, int64_t now_ns)
{
    struct core_delivery *delivery;
    while ((delivery = core->oldest) && delivery->deadline_ns <= now_ns) {
        land_locked(core, delivery);
        delivery->expired = true;
        core->stats.expired++;
        if (delivery->message->state == CORE_OUT)
            retry_locked(core, delivery->message, 0, "not settled within the visibility timeout");
    }
}

static void on_timer(void *ctx)
{
    struct queue_core *core = ctx;
    pthread_mutex_lock(&core->lock);
    core->timer = NULL;
    if (!core->closed) {
        int64_t now_ns = clock_monotonic_ns();
        expire_locked(core, now_ns);
        while (core->delayed_slots > 0 && core->delayed[0]->due_ns <= now_ns) {
            struct core_message *message = heap_pop(core);
            if (message->state != CORE_DELAYED) {
                core_message_unref(message);
                continue;
            }
            core->delayed_count--;
            ready_push(core, message);
        }
        settled_locked(core);
        arm_next_locked(core);
    }
    pthread_mutex_unlock(&core->lock);
    core_dispatch(core);
    core_unref(core);
}

/* ---- delivering ---- */

static bool deliverable_locked(const struct queue_core *core)
{
    return core->handler && core->ready_count > 0 && core->stats.in_flight < core->max_in_flight;
}

static struct core_message *ready_pop(struct queue_core *core)
{
    for (;;) {
        struct core_message *message = core->ready;
        core->ready = message->next;
        if (!core->ready)
            core->ready_end = &core->ready;
        if (message->state == CORE_READY) {
            core->ready_count--;
            return message;
        }
        core_message_unref(message);
    }
}

/* The list's reference becomes the delivery's. */
static struct core_delivery *deliver_locked(struct queue_core *core, int64_t now_ns)
{
    struct core_message *message = ready_pop(core);
    struct core_delivery *delivery = malloc(sizeof(*delivery));
    if (!delivery)
        abort();
    message->state = CORE_OUT;
    message->receives++;
    *delivery = (struct core_delivery){
        .base = {.id = message->id,
            .key = message->key,
            .body = message->body,
            .length = message->length,
            .receive_count = message->receives,
            .sent_at_ms = message->sent_at_ms},
        .message = message,
        .previous = core->newest,
        .deadline_ns = now_ns + core->visibility_ns,
    };
    *(core->newest ? &core->newest->next : &core->oldest) = delivery;
    core->newest = delivery;
    core->stats.in_flight++;
    core->stats.delivered++;
    core_ref(core);
    return delivery;
}

static int take_locked(struct queue_core *core, struct core_delivery **batch)
{
    int count = 0;
    if (!deliverable_locked(core))
        return 0;
    int64_t now_ns = clock_monotonic_ns();
    while (count < DISPATCH_BATCH && deliverable_locked(core))
        batch[count++] = deliver_locked(core, now_ns);
    arm_locked(core, core->oldest->deadline_ns);
    return count;
}

void core_dispatch(struct queue_core *core)
{
    pthread_mutex_lock(&core->lock);
    /* Whoever is at it looks again, under the lock, before it stops. */
    if (core->dispatching || core->closed) {
        pthread_mutex_unlock(&core->lock);
        return;
    }
    core->dispatching = true;
    struct core_delivery *batch[DISPATCH_BATCH];
    int count, turn = 0;
    while (turn < DISPATCH_TURN && (count = take_locked(core, batch)) > 0) {
        queue_handler_fn *handler = core->handler;
        void *ctx = core->handler_ctx;
        pthread_mutex_unlock(&core->lock);
        for (int i = 0; i < count; i++)
            handler(ctx, &batch[i]->base);
        turn += count;
        pthread_mutex_lock(&core->lock);
    }
    core->dispatching = false;
    settled_locked(core);
    if (deliverable_locked(core))
        arm_locked(core, clock_monotonic_ns());
    bool load = core->spilled && !core->loading && core->ready_count <= core->backlog / 2;
    if (load)
        core->loading = true;
    pthread_mutex_unlock(&core->lock);
    if (load)
        core->hooks->load(core);
}

/* ---- the slots ---- */

int core_subscribe(struct queue *queue, queue_handler_fn *handler, void *ctx, int max_in_flight,
    struct error *error)
{
    struct queue_core *core = (struct queue_core *)queue;
    assert(handler && max_in_flight > 0);
    pthread_mutex_lock(&core->lock);
    bool taken = core->handler != NULL;
    if (!taken) {
        core->handler = handler;
        core->handler_ctx = ctx;
        core->max_in_flight = max_in_flight;
    }
    pthread_mutex_unlock(&core->lock);
    if (taken)
        return error_set(
            error, ERROR_CONFLICT, NULL, NULL, "queue %s has a subscriber already", queue->name);
    core_dispatch(core);
    return 0;
}

int core_unsubscribe(struct queue *queue, int64_t timeout_ms, struct error *error)
{
    struct queue_core *core = (struct queue_core *)queue;
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * 1000000;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&core->lock);
    core->handler = NULL;
    while (core->dispatching)
        pthread_cond_wait(&core->settled, &core->lock);
    int waited = 0;
    while (core->stats.in_flight > 0 && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&core->settled, &core->lock, &until);
    int64_t left = core->stats.in_flight;
    pthread_mutex_unlock(&core->lock);
    if (left > 0)
        return error_set(error, ERROR_TIMEOUT, NULL, NULL,
            "queue %s: %lld deliveries are not settled yet", queue->name, (long long)left);
    return 0;
}

/* The delivery is done with: its list, its references. */
static void release_delivery(struct queue_core *core, struct core_delivery *delivery)
{
    core_message_unref(delivery->message);
    free(delivery);
    settled_locked(core);
    pthread_mutex_unlock(&core->lock);
    core_dispatch(core);
    core_unref(core);
}

void core_ack(struct queue *queue, struct queue_delivery *base)
{
    struct queue_core *core = (struct queue_core *)queue;
    struct core_delivery *delivery = (struct core_delivery *)base;
    struct core_message *message = delivery->message;
    pthread_mutex_lock(&core->lock);
    if (!delivery->expired)
        land_locked(core, delivery);
    if (!core->closed && message->state != CORE_GONE) {
        /* A late ack may find the message waiting again: what is linked is skipped there. */
        core->ready_count -= message->state == CORE_READY;
        core->delayed_count -= message->state == CORE_DELAYED;
        message->state = CORE_GONE;
        core->stats.acked++;
        core->hooks->acked_locked(core, message);
    }
    release_delivery(core, delivery);
}

void core_nack(
    struct queue *queue, struct queue_delivery *base, int64_t delay_ms, const char *reason)
{
    struct queue_core *core = (struct queue_core *)queue;
    struct core_delivery *delivery = (struct core_delivery *)base;
    pthread_mutex_lock(&core->lock);
    if (!delivery->expired) {
        land_locked(core, delivery);
        if (!core->closed && delivery->message->state == CORE_OUT) {
            core->stats.nacked++;
            retry_locked(core, delivery->message, delay_ms, reason ? reason : "");
        }
    }
    release_delivery(core, delivery);
}

void core_stats(struct queue *queue, struct queue_stats *stats)
{
    struct queue_core *core = (struct queue_core *)queue;
    pthread_mutex_lock(&core->lock);
    *stats = core->stats;
    stats->waiting = core->ready_count + core->delayed_count + core->spilled_count;
    const struct core_message *message = core->ready;
    while (message && message->state != CORE_READY)
        message = message->next;
    int64_t age_ms = message ? clock_now_ms() - message->sent_at_ms : 0;
    stats->oldest_age_ms = age_ms > 0 ? age_ms : 0;
    pthread_mutex_unlock(&core->lock);
}

void core_close(struct queue *queue)
{
    struct queue_core *core = (struct queue_core *)queue;
    pthread_mutex_lock(&core->lock);
    core->handler = NULL;
    while (core->dispatching)
        pthread_cond_wait(&core->settled, &core->lock);
    core->closed = true;
    bool cancelled = core->timer && timers_cancel(core->timers, core->timer);
    core->timer = NULL;
    pthread_mutex_unlock(&core->lock);
    if (cancelled)
        core_unref(core);
    core_unref(core);
}
