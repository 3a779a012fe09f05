/*
 * What the embedded queue engines share: the messages of one queue in memory and their way from
 * waiting over in flight to acked, tried again or dead. The engine keeps what has to last, told by
 * the hooks.
 *
 * `lock` guards everything below it. Hooks named *_locked run under it: they are short and call
 * nothing of the core. The core lives until its owner and the last delivery, timer and job have let
 * go of it (core_unref).
 */
#ifndef PLATFORM_QUEUE_QUEUE_CORE_H
#define PLATFORM_QUEUE_QUEUE_CORE_H

#include "queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum core_state { CORE_READY, CORE_DELAYED, CORE_OUT, CORE_GONE };

struct core_message {
    struct core_message *next; /* of the ready list, or the engine's while it is in neither */
    int64_t seq;               /* the engine's */
    int64_t sent_at_ms;
    int64_t available_at_ms; /* wall clock; of a delayed message */
    int64_t due_ns;          /* the same, monotonic */
    int refs;                /* list or heap, and each delivery */
    int receives;
    enum core_state state;
    const char *key, *body; /* behind the id */
    size_t length;

    /* An engine's that delivers before its commit; under the core's lock. */
    struct core_message *same; /* the next in its table of ids */
    bool listed;               /* in that table */
    bool unwritten;            /* the commit is still to come */
    int meanwhile;             /* what is to be noted after it; 0: nothing */
    char *why;                 /* of a message that died meanwhile */

    char id[];
};

struct core_delivery {
    struct queue_delivery base; /* first: the handler's view */
    struct core_message *message;
    struct core_delivery *next, *previous; /* in flight, oldest first */
    int64_t deadline_ns;
    bool expired; /* no longer in that list */
};

struct queue_core;

struct core_hooks {
    void (*acked_locked)(struct queue_core *core, struct core_message *message);
    void (*retry_locked)(struct queue_core *core, struct core_message *message);
    /* Takes over one reference. */
    void (*died_locked)(struct queue_core *core, struct core_message *message, const char *reason);
    /* The backlog in memory ran low while there is more in the file; `loading` is set. */
    void (*load)(struct queue_core *core);
    void (*free)(struct queue_core *core);
};

struct queue_core {
    struct queue base; /* first */
    const struct core_hooks *hooks;
    struct timers *timers;
    int64_t visibility_ns;
    int max_receives;
    int64_t backlog;
    atomic_int refs;

    pthread_mutex_t lock;
    pthread_cond_t settled; /* in_flight or dispatching fell to nothing */
    bool closed;
    struct core_message *ready, **ready_end;
    int64_t ready_count;           /* without those that are gone and still linked */
    struct core_message **delayed; /* a binary heap, earliest first */
    size_t delayed_slots, delayed_capacity;
    int64_t delayed_count;
    struct core_delivery *oldest, *newest;
    struct timer *timer; /* holds a reference */
    int64_t timer_ns;
    queue_handler_fn *handler;
    void *handler_ctx;
    int64_t max_in_flight;
    bool dispatching;
    bool spilled, loading; /* the file holds more than memory does; a load is under way */
    int64_t spilled_count;
    struct queue_stats stats;
};

void core_init(struct queue_core *core, const struct queue_ops *ops, const struct core_hooks *hooks,
    const char *name, const struct queue_options *options);
void core_ref(struct queue_core *core);
void core_unref(struct queue_core *core);

/* With one reference, ready, never received. `id` and `key` are NUL-terminated; `key` may be NULL.
 */
struct core_message *core_message_new(
    const char *id, const char *key, const void *body, size_t length, int64_t sent_at_ms);
void core_message_unref(struct core_message *message);

/* The checks that queue_send promises. */
int core_check(const struct queue_message *messages, size_t count, struct error *error);

/* Takes over the message's reference: it waits, until its available_at_ms if that lies ahead.
 * Follow with core_dispatch, unlocked. */
void core_add_locked(struct queue_core *core, struct core_message *message, int64_t now_ms);

/* Dispatches again after `delay_ms`, at the latest. */
void core_dispatch_later_locked(struct queue_core *core, int64_t delay_ms);

/* Delivers what can be delivered, on this thread unless another is at it. */
void core_dispatch(struct queue_core *core);

/* The slots that the engines share. */
int core_subscribe(struct queue *queue, queue_handler_fn *handler, void *ctx, int max_in_flight,
    struct error *error);
int core_unsubscribe(struct queue *queue, int64_t timeout_ms, struct error *error);
void core_ack(struct queue *queue, struct queue_delivery *delivery);
void core_nack(
    struct queue *queue, struct queue_delivery *delivery, int64_t delay_ms, const char *reason);
void core_stats(struct queue *queue, struct queue_stats *stats);
void core_close(struct queue *queue);

#endif
