/* The thread: takes what has arrived, delivers it letter by letter, records the batch in one
 * transaction, and settles its messages once that is durable. The next batch does not wait. */
#include "service.h"

#include "arena.h"
#include "clock.h"
#include "log.h"
#include "thread.h"

#include <unistd.h>

#define BATCH_MS 500

struct batch {
    struct notification_service *service;
    struct arena *arena; /* the batch lives in it */
    size_t count, row_count;
    struct letter_outcome outcomes[MAX_BATCH];
    struct notification_row rows[MAX_BATCH];
};

/* Deliveries that waited too long come again and do not count as out any more, so that a slow mail
 * server can fill the ring. */
void notification_receive(void *ctx, struct queue_delivery *delivery)
{
    struct notification_service *service = ctx;
    pthread_mutex_lock(&service->lock);
    bool room = service->count < MAX_WAITING;
    if (room)
        service->waiting[(service->first + service->count++) % MAX_WAITING] = delivery;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
    if (!room)
        queue_nack(service->queue, delivery, 5000, "too many letters wait");
}

/* The next delivery; NULL when there is none (with `wait`: when the service stops). */
static struct queue_delivery *take(struct notification_service *service, bool wait)
{
    struct queue_delivery *delivery = NULL;
    pthread_mutex_lock(&service->lock);
    while (wait && service->count == 0 && !service->stopping)
        pthread_cond_wait(&service->changed, &service->lock);
    if (service->count > 0 && !service->stopping) {
        delivery = service->waiting[service->first];
        service->first = (service->first + 1) % MAX_WAITING;
        service->count--;
        service->batches += wait;
    }
    pthread_mutex_unlock(&service->lock);
    return delivery;
}

static void settle(struct notification_service *service, const struct letter_outcome *outcome)
{
    if (outcome->ack)
        queue_ack(service->queue, outcome->delivery);
    else
        queue_nack(service->queue, outcome->delivery, outcome->delay_ms, outcome->reason);
}

static void batch_recorded(void *ctx, int rc, const struct error *error)
{
    struct batch *batch = ctx;
    struct notification_service *service = batch->service;
    if (rc < 0)
        log_write(LOG_ERROR, "notification", NULL,
            "%zu letters went out and could not be recorded, they will be sent again: %s",
            batch->row_count, error->message);
    for (size_t i = 0; i < batch->count; i++) {
        struct letter_outcome *outcome = &batch->outcomes[i];
        if (rc < 0 && outcome->has_row) {
            outcome->ack = false;
            outcome->delay_ms = 5000;
            outcome->reason = "not recorded";
        }
        settle(service, outcome);
    }
    arena_free(batch->arena);
    pthread_mutex_lock(&service->lock);
    service->batches--;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/* The batch ends when nothing waits, when it is full, and when it has taken long: what went out is
 * recorded soon. */
static void deliver_batch(struct batch *batch, struct queue_delivery *delivery)
{
    struct notification_service *service = batch->service;
    int64_t end = clock_monotonic_ms() + BATCH_MS;
    while (delivery) {
        struct letter_outcome *outcome = &batch->outcomes[batch->count++];
        outcome->delivery = delivery;
        letter_deliver(service, batch->arena, outcome);
        if (outcome->has_row)
            batch->rows[batch->row_count++] = outcome->row;
        bool more = batch->count < MAX_BATCH && clock_monotonic_ms() < end;
        delivery = more ? take(service, /* wait= */ false) : NULL;
    }
    if (batch->row_count > 0)
        notification_store_record(
            service->store, batch->rows, batch->row_count, batch_recorded, batch);
    else
        batch_recorded(batch, 0, NULL);
}

void *notification_run(void *ctx)
{
    struct notification_service *service = ctx;
    pthread_setname_np(pthread_self(), "mail");
    thread_background();
    struct queue_delivery *delivery;
    int64_t waited_ns = 0;
    while ((delivery = take(service, /* wait= */ true))) {
        struct arena *arena = arena_new();
        struct batch *batch = arena_new_struct(arena, struct batch);
        batch->service = service;
        batch->arena = arena;
        deliver_batch(batch, delivery);
        thread_give_way(&waited_ns);
    }
    return NULL;
}
