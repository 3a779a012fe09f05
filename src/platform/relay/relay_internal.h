/*
 * What the relay's files share.
 *
 * A source is read at its head; the items go to lanes, one per target, which send on their own. A
 * lane that cannot keep up is detached: its items are passed over at the head and read again, for
 * it alone, once it is well. What all lanes have sent is trimmed.
 *
 * Everything belongs to the relay's thread, but for what is marked with the lock.
 */
#ifndef PLATFORM_RELAY_RELAY_INTERNAL_H
#define PLATFORM_RELAY_RELAY_INTERNAL_H

#include "relay.h"

#include "queue.h"
#include "stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define RELAY_BATCH 512 /* items read or sent at once */

/* The memory of one reading, freed with its last item. */
struct relay_batch {
    struct arena *arena;
    int refs;
};

struct relay_item {
    const struct outbox_item *item;
    struct relay_batch *batch;
    int64_t read_ms;
    struct relay_item *next;
};

struct relay_lane {
    struct relay_source *source;
    struct relay_lane *next;
    char *target;
    bool to_stream;
    struct queue *queue;              /* NULL and not to_stream: there is no such target */
    struct relay_item *first, **last; /* unsent, in order; the first `out` are on their way */
    int count, out;
    int one_by_one;   /* after a refusal: so many items are sent each on its own */
    int64_t sent_ms;  /* when those were sent */
    int64_t retry_ms; /* not before; 0: nothing failed */
    int backoff_ms;
    bool detached;
    int64_t resume; /* while detached: what lies behind was read for it */

    /* under the relay's lock */
    bool finished;
    int rc;
    struct error error;
};

struct relay_source {
    struct relay *relay;
    struct relay_source *next;
    struct relay_source_config config;
    atomic_bool woken;
    int64_t head;       /* read so far */
    bool more;          /* the last reading was full, or failed */
    int64_t read_at_ms; /* not before, after one that failed; and the last, for the safety net */
    struct relay_lane *lanes;
    int64_t trimmed;    /* asked for so far */
    int64_t trimmed_ms; /* when */
    int64_t sent, refused, retries;
    char error[160];

    /* under the relay's lock */
    bool trimming, trim_failed;
    struct relay_stats published;
};

struct relay {
    struct stream *stream;
    struct relay_target {
        struct queue *queue;
        struct relay_target *next;
    } * targets;
    struct relay_source *sources;
    void (*refused)(void *ctx, const struct outbox_item *item, const struct error *error);
    void *refused_ctx;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool signalled; /* something under the lock, or a `woken`, has changed */
    bool stopping;
    int64_t stop_ms;
    bool drained; /* the result */
};

/* Something for the thread to look at. Any thread. */
void relay_signal(struct relay *relay);

/* ---- lanes (relay_lane.c) ---- */

/* The lane of a target, made at its first item. */
struct relay_lane *lane_of(struct relay_source *source, const char *target);
void lane_free(struct relay_lane *lane);

/* Takes an item, or leaves it (and is detached) if the lane fails or holds too many. */
void lane_add(struct relay_lane *lane, struct relay_item *item);

/* Whether the head is to wait: the lane is full and works. */
bool lane_is_busy(const struct relay_lane *lane, int64_t now_ms);

/* Takes the result of what was sent, sends what can be sent, catches up. Returns the time at which
 * it wants to be called again though nothing happens. */
int64_t lane_step(struct relay_lane *lane, int64_t now_ms);

/* Every item of the source up to this seq was sent, as far as this lane goes. */
int64_t lane_sent_upto(const struct relay_lane *lane);

/* Whether nothing is left that could be sent. */
bool lane_is_idle(const struct relay_lane *lane);

/* Reads at most RELAY_BATCH items; returns their count, or a negative code. With NULL `batch` there
 * are none. */
int source_read(struct relay_source *source, int64_t after, struct relay_batch **batch,
    struct outbox_item **items);
struct relay_item *batch_item(
    struct relay_batch *batch, const struct outbox_item *item, int64_t now_ms);
void batch_unref(struct relay_batch *batch);

#endif
