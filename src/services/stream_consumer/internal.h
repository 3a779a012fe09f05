/* What the files of the stream consumer share; not for others. */
#ifndef STREAM_CONSUMER_INTERNAL_H
#define STREAM_CONSUMER_INTERNAL_H

#include "buffer.h"
#include "decode.h"
#include "id.h"
#include "stream.h"
#include "stream_consumer.h"
#include "warehouse.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMPONENT "stream_consumer"
#define READER_BATCH 4000
#define FIRST_PAUSE_MS 50
#define LONGEST_PAUSE_MS 5000

enum batch_state {
    BATCH_FREE,
    BATCH_READY,   /* read and taught */
    BATCH_LOADING, /* the warehouse has it */
    BATCH_LOADED,  /* and answered; see `rc` */
    BATCH_WAITING, /* to be loaded again, at `retry_at_ms` */
};

/* What is read at once. Two of them alternate: while one is loaded the next is read. */
struct batch {
    struct reader *reader;
    struct arena *arena;
    struct warehouse_fact facts[READER_BATCH];
    const char *event_ids[READER_BATCH];
    struct warehouse_dead_letter letters[READER_BATCH];
    struct warehouse_checkpoint checkpoints[WAREHOUSE_MAX_SHARDS];
    struct warehouse_batch load;
    int64_t events, duplicates, skipped;
    int64_t first_at_ms, last_at_ms; /* of the puts */
    int64_t retry_at_ms, pause_ms, began_ms;
    enum batch_state state; /* under the reader's lock while it is LOADING */
    int rc;
};

struct place {
    int64_t loaded; /* read up to here for the warehouse */
    int64_t taught; /* and for the model */
};

/* One consumer. What is not marked is its thread's own. */
struct reader {
    struct stream_consumer *group;
    int index;
    char owner[ID_SIZE];

    bool mine[WAREHOUSE_MAX_SHARDS]; /* shards that it reads */
    struct place places[WAREHOUSE_MAX_SHARDS];
    bool restored; /* `mine` and `places` are as of `epoch` */
    int64_t epoch; /* of the leases that it goes by */
    struct recent *recent;
    struct aggregates *aggregates;
    struct aggregates *ahead; /* the model's, where that is further; else NULL */
    struct batch batches[2];
    int oldest;                /* of the batches */
    int next_shard;            /* where the next batch begins to read */
    bool misread;              /* a shard could not be read: once more */
    struct arena *ahead_arena; /* of what is read for the model alone */
    bool stumbling;            /* the places could not be read; again at `restore_at_ms` */
    int64_t restore_at_ms;

    struct buffer lesson; /* for the model; see lessons.c */
    struct buffer sequences;
    int lessons, lesson_shard;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows, and the batches' state */
    pthread_cond_t wake;
    atomic_bool woken; /* by the stream; set without the lock, waited for under it */
    bool signaled;     /* a load is done, or the leases changed */
    bool lost;         /* a load was refused: the leases are to be asked for anew */
    struct {
        bool answered; /* the warehouse was asked once */
        bool granted;  /* and gave an answer */
        bool held[WAREHOUSE_MAX_SHARDS];
        int64_t epoch;          /* counts changes */
        int64_t valid_until_ms; /* monotonic */
    } lease;

    atomic_int_fast64_t unloaded_since_ms, untaught_since_ms; /* wall clock; 0: nothing waits */
};

struct stream_consumer {
    struct stream_consumer_options options;
    int shards;
    struct reader *readers[STREAM_CONSUMER_MAX];
    atomic_bool stopping, away;
    atomic_int_fast64_t taught_to[WAREHOUSE_MAX_SHARDS]; /* by any of the readers */

    pthread_mutex_t model_lock; /* guards what follows: see lessons.c */
    bool model_away;
    int64_t model_retry_at_ms;

    pthread_t keeper;
    bool keeping;
    pthread_mutex_t keeper_lock;
    pthread_cond_t keeper_wake;
    bool keeper_signaled, keeper_stopping; /* under the lock */
    bool subscribed;                       /* to the queue of erasures */

    atomic_int_fast64_t events, loaded, duplicates, skipped, broken, taught, passed_by, erasures,
        retries, held;
};

static inline void count(atomic_int_fast64_t *counter, int64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static inline int64_t value(atomic_int_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline bool is_stopping(struct stream_consumer *group)
{
    return atomic_load_explicit(&group->stopping, memory_order_relaxed);
}

/* ---- reader.c ---- */

struct reader *reader_new(struct stream_consumer *group, int index);
void reader_free(struct reader *reader);
int reader_start(struct reader *reader, struct error *error);
void reader_join(struct reader *reader);
void reader_wake(struct reader *reader);   /* there is more to read */
void reader_signal(struct reader *reader); /* something else has changed */

/* Until it is stopped or the time is over. */
void reader_pause(struct reader *reader, int64_t ms);

/* A condition by the monotonic clock, and waiting for it; false when the time is over. */
void clock_cond_init(pthread_cond_t *cond);
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);

/* ---- batches.c ---- */

/* Reads what is next for the warehouse into the batch, and teaches what of it was not taught; the
 * number of events, or negative when stopped before it was taught: the batch is not to be loaded.
 * `*more`: there is more to read. */
int batch_read(struct reader *reader, struct batch *batch, bool *more);

/* Reads what is next for the model alone; the number of events. */
int batch_teach_ahead(struct reader *reader);

/* ---- lessons.c ---- */

/* Adds the event to what is told to the model, and tells it when that is enough. False when stopped
 * before it was told. */
bool lesson_add(struct reader *reader, int shard, const struct stream_record *record);

/* Tells what was added. The same. */
bool lesson_send(struct reader *reader);

/* ---- leases.c ---- */

int leases_start(struct stream_consumer *group, struct error *error);

/* Ends the thread and gives the leases back. After the readers' end. */
void leases_stop(struct stream_consumer *group);

/* Asks anew at once: a reader has lost something. */
void leases_hurry(struct stream_consumer *group);

/* ---- erasures.c ---- */

int erasures_start(struct stream_consumer *group, struct error *error);
void erasures_stop(struct stream_consumer *group);

/* Returns when the erasure is durable in its queue; false when stopped before. */
bool erasures_put(struct reader *reader, const struct decoded *event);

#endif
