/* What the files of the notification service share. */
#ifndef SERVICES_NOTIFICATION_SERVICE_H
#define SERVICES_NOTIFICATION_SERVICE_H

#include "letter.h"
#include "notification.h"

#include <pthread.h>

#define MAX_IN_FLIGHT 256
#define MAX_WAITING (4 * MAX_IN_FLIGHT)
#define MAX_BATCH 64
#define MAX_RECENT 256

struct notification_service {
    struct notification_store *store;
    struct queue *queue;
    struct mail *mail;
    struct upstream *user, *order, *product;
    struct router *router;
    struct letter_shop shop;
    char *from_address;
    const char *domain; /* within from_address */
    int max_attempts;
    struct counter *sent, *failed, *retried; /* NULL without metrics */
    struct letter letter;                    /* the thread's, as what follows */

    /* Letters that went out a moment ago, whose record may not be readable yet. */
    char recent[MAX_RECENT][ID_SIZE];
    size_t next_recent;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct queue_delivery *waiting[MAX_WAITING]; /* a ring */
    size_t first, count;
    int batches; /* whose record is under way */
    bool stopping;
};

/* What became of a delivery. */
struct letter_outcome {
    struct queue_delivery *delivery;
    bool ack;     /* else nack, after delay_ms (or QUEUE_NACK_DEAD) */
    bool has_row; /* `row` is to be recorded first */
    int64_t delay_ms;
    const char *reason; /* of a nack */
    struct notification_row row;
};

/* Composes and sends one letter; texts of the outcome live in the arena. On the service's thread.
 */
void letter_deliver(
    struct notification_service *service, struct arena *arena, struct letter_outcome *outcome);

/* The thread. */
void *notification_run(void *service);

/* The queue's handler. */
void notification_receive(void *service, struct queue_delivery *delivery);

void notification_list_mine(void *ctx, struct exchange *exchange);
void notification_list_all(void *ctx, struct exchange *exchange);
void notification_export_mine(void *ctx, struct exchange *exchange);

#endif
