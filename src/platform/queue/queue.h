/*
 * The queue port: one `struct queue` is one named queue ("orders", "mail") that delivers each
 * message at least once to its one subscriber.
 *
 * - Sending is asynchronous: `done` is called once, after the messages are durable (or refused, all
 *   of them). A message whose id is present in the queue (waiting, in flight or dead) is dropped
 *   silently, so that a producer may send again when it does not know. A message may be delivered
 *   while it is still being made durable; so one that was refused may have been delivered.
 * - Consumption is a push: the handler gets deliveries, at most `max_in_flight` unsettled at a
 *   time, and settles each exactly once, by queue_ack or queue_nack, from any thread, in the
 *   handler or later. Roughly in the order of sending; consumers must not rely on it.
 * - A delivery that is not settled within the visibility timeout is delivered again. A late ack
 *   still counts; a late nack does nothing. After `max_receives` deliveries without an ack the
 *   message goes to the dead letters with the reason of the last failure; it stays there until it
 *   is driven back or purged.
 * - Consumers make the effect happen once: they record the message id with it.
 *
 * Threads: every function may be called from any thread. The handler is never called concurrently
 * with itself; it runs on the thread of a sender's commit, of a timer, or inside queue_send,
 * queue_subscribe, queue_ack and queue_nack: hold no lock across these calls that the handler
 * takes. Handlers and `done` are short and never wait.
 *
 * Bodies are text or bytes of at most QUEUE_MAX_BODY; deliveries' bodies end with a NUL that
 * `length` does not count. Nobody but the engines touches `ops`.
 */
#ifndef PLATFORM_QUEUE_QUEUE_H
#define PLATFORM_QUEUE_QUEUE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

struct arena;
struct queue;
struct timers;

#define QUEUE_MAX_BODY ((size_t)256 * 1024) /* what SQS takes, too */
#define QUEUE_MAX_TEXT 256                  /* of ids and keys */

struct queue_message {
    const char *id;  /* stable, the producer's choice: the same id is the same message */
    const char *key; /* the aggregate's id; NULL is "" */
    const char *body;
    size_t length;
    int64_t delay_ms; /* not delivered before; 0 is at once */
};

struct queue_delivery {
    const char *id, *key, *body;
    size_t length;
    int receive_count;  /* 1 at the first delivery */
    int64_t sent_at_ms; /* wall clock */
};

struct queue_dead_letter {
    const char *id, *key, *body;
    size_t length;
    int receive_count;
    int64_t sent_at_ms, died_at_ms;
    const char *reason; /* of the last failure, "" if none was given */
};

struct queue_stats {
    int64_t waiting;       /* to be delivered, delayed ones included */
    int64_t in_flight;     /* delivered, not settled */
    int64_t dead;          /* dead letters */
    int64_t oldest_age_ms; /* of the message that is delivered next; 0 if none waits */
    int64_t sent, delivered, acked, nacked, expired, died; /* since the queue was opened */
};

struct queue_options {
    struct timers *timers; /* required; outlives the queue */
    int64_t visibility_ms; /* 0: 30,000 */
    int max_receives;      /* 0: 5 */
    int backlog;           /* messages kept in memory, where the engine has a file; 0: 10,000 */
};

/* `error` is valid during the call, and empty when `rc` is 0. */
typedef void queue_done_fn(void *ctx, int rc, const struct error *error);
typedef void queue_handler_fn(void *ctx, struct queue_delivery *delivery);

/* nack with this delay: a message that can never succeed goes to the dead letters at once. */
#define QUEUE_NACK_DEAD ((int64_t)-1)

enum queue_dead_action { QUEUE_DEAD_REDRIVE, QUEUE_DEAD_PURGE };

struct queue_ops {
    void (*send)(struct queue *queue, const struct queue_message *messages, size_t count,
        queue_done_fn *done, void *ctx);
    int (*subscribe)(struct queue *queue, queue_handler_fn *handler, void *ctx, int max_in_flight,
        struct error *error);
    int (*unsubscribe)(struct queue *queue, int64_t timeout_ms, struct error *error);
    void (*ack)(struct queue *queue, struct queue_delivery *delivery);
    void (*nack)(
        struct queue *queue, struct queue_delivery *delivery, int64_t delay_ms, const char *reason);
    void (*stats)(struct queue *queue, struct queue_stats *stats);
    int (*dead_letters)(struct queue *queue, struct arena *arena, int max,
        struct queue_dead_letter **letters, struct error *error);
    void (*dead_act)(struct queue *queue, enum queue_dead_action action, const char *id,
        queue_done_fn *done, void *ctx);
    void (*close)(struct queue *queue);
};

struct queue {
    const struct queue_ops *ops;
    const char *name; /* the engine's copy */
};

/* Sends all or none; the messages are copied before the call returns. `done` (may be NULL) may be
 * called before it returns. ERROR_INVALID: an empty or too long id, too long a key, too large a
 * body. ERROR_UNAVAILABLE: try again later. */
static inline void queue_send(struct queue *queue, const struct queue_message *messages,
    size_t count, queue_done_fn *done, void *ctx)
{
    queue->ops->send(queue, messages, count, done, ctx);
}

/* One subscriber at a time: ERROR_CONFLICT if there is one. Deliveries may begin before the call
 * returns. */
static inline int queue_subscribe(struct queue *queue, queue_handler_fn *handler, void *ctx,
    int max_in_flight, struct error *error)
{
    return queue->ops->subscribe(queue, handler, ctx, max_in_flight, error);
}

/* No delivery begins after this; waits until all are settled. ERROR_TIMEOUT if some are not by
 * then: they may still be settled later. Not from the handler. */
static inline int queue_unsubscribe(struct queue *queue, int64_t timeout_ms, struct error *error)
{
    return queue->ops->unsubscribe(queue, timeout_ms, error);
}

/* The message is done with and gone. The delivery is the queue's again. */
static inline void queue_ack(struct queue *queue, struct queue_delivery *delivery)
{
    queue->ops->ack(queue, delivery);
}

/* Deliver again, not before `delay_ms` (or QUEUE_NACK_DEAD). `reason` is copied; NULL is "". */
static inline void queue_nack(
    struct queue *queue, struct queue_delivery *delivery, int64_t delay_ms, const char *reason)
{
    queue->ops->nack(queue, delivery, delay_ms, reason);
}

static inline void queue_stats(struct queue *queue, struct queue_stats *stats)
{
    queue->ops->stats(queue, stats);
}

/* The oldest dead letters, at most `max`, allocated from the arena. Returns the count or a negative
 * code. One that died this very moment may not be seen yet. */
static inline int queue_dead_letters(struct queue *queue, struct arena *arena, int max,
    struct queue_dead_letter **letters, struct error *error)
{
    return queue->ops->dead_letters(queue, arena, max, letters, error);
}

/* The dead letter `id`, or all of them if NULL, is delivered again with its count at 0. */
static inline void queue_redrive(
    struct queue *queue, const char *id, queue_done_fn *done, void *ctx)
{
    queue->ops->dead_act(queue, QUEUE_DEAD_REDRIVE, id, done, ctx);
}

/* The dead letter `id`, or all of them if NULL, is forgotten. */
static inline void queue_purge_dead(
    struct queue *queue, const char *id, queue_done_fn *done, void *ctx)
{
    queue->ops->dead_act(queue, QUEUE_DEAD_PURGE, id, done, ctx);
}

/* Unsubscribes without waiting and frees. Deliveries that are out are still to be settled, without
 * effect: their messages are delivered again when the queue is opened next. NULL is fine. */
static inline void queue_close(struct queue *queue)
{
    if (queue)
        queue->ops->close(queue);
}

/* ---- engines ---- */

/* Lives and dies with the process; keeps everything in memory. */
struct queue *queue_memory_new(const char *name, const struct queue_options *options);

/* All queues of a process share one file, which it alone may have open: what is in flight is known
 * in memory only, and a restart delivers it again. */
struct queue_sqlite_file;

/* Opens or creates; errors as sqlite_db_open. `timers` outlives the file. */
int queue_sqlite_file_open(
    struct queue_sqlite_file **out, const char *path, struct timers *timers, struct error *error);

/* After its queues are closed. NULL is fine. */
void queue_sqlite_file_close(struct queue_sqlite_file *file);

/* A consistent copy at `path` (which must not exist); blocks. */
int queue_sqlite_file_backup(struct queue_sqlite_file *file, const char *path, struct error *error);

int queue_sqlite_open(struct queue **out, struct queue_sqlite_file *file, const char *name,
    const struct queue_options *options, struct error *error);

#endif
