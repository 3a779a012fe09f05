/* The thread: takes what has arrived, delivers it letter by letter, records the batch in one
 * transaction, and settles its messages once that is durable. The next batch does not wait. */
#include "service.h"

#include "arena.h"
#include "log.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct batch {
    struct notification_service *service;
    struct arena *arena; /* the batch lives in it */
    size_t count, row_count;
    struct letter_outcome outcomes[MAX_BATCH];
    struct notification_row rows[MAX_BATCH];
};

void notification_receive(void *ctx, struct queue_delivery *delivery)
{
    struct notification_service *service = ctx;
    pthread_mutex_lock(&service->lock);
    service->waiting[(service->first + service->count++) % MAX_IN_FLIGHT] = delivery;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/* Waits for deliveries; false when the service stops. */
static bool take_batch(struct notification_service *service, struct batch *batch)
{
    pthread_mutex_lock(&service->lock);
    while (service->count == 0 && !service->stopping)
        pthread_cond_wait(&service->changed, &service->lock);
    bool going = !service->stopping;
    while (going && service->count > 0 && batch->count < MAX_BATCH) {
        batch->outcomes[batch->count++].delivery = service->waiting[service->first];
        service->first = (service->first + 1) % MAX_IN_FLIGHT;
        service->count--;
    }
    service->batches += going;
    pthread_mutex_unlock(&service->lock);
    return going;
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

static void deliver_batch(struct batch *batch)
{
    struct notification_service *service = batch->service;
    for (size_t i = 0; i < batch->count; i++) {
        letter_deliver(service, batch->arena, &batch->outcomes[i]);
        if (batch->outcomes[i].has_row)
            batch->rows[batch->row_count++] = batch->outcomes[i].row;
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
    /* On Linux the nice value is the thread's own: letters yield to shoppers. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    for (;;) {
        struct arena *arena = arena_new();
        struct batch *batch = arena_new_struct(arena, struct batch);
        batch->service = service;
        batch->arena = arena;
        if (!take_batch(service, batch)) {
            arena_free(arena);
            return NULL;
        }
        deliver_batch(batch);
    }
}
