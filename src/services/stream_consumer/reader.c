/* One consumer: a thread that reads its shards, and keeps two batches going. */
#include "internal.h"

#include "aggregates.h"
#include "arena.h"
#include "clock.h"
#include "log.h"
#include "recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 5
#define SLOW_LOAD_MS 300 /* after that the model does not wait for the warehouse */
#define AGAIN_MS 100     /* between two looks at the leases, or tries to read the places */

/* ---- waiting ---- */

void clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    struct timespec deadline;
    if (ms <= 0)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ms / 1000;
    deadline.tv_nsec += ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(cond, lock, &deadline) != ETIMEDOUT;
}

void reader_pause(struct reader *reader, int64_t ms)
{
    int64_t end = clock_monotonic_ms() + ms;
    pthread_mutex_lock(&reader->lock);
    while (!is_stopping(reader->group) &&
           clock_cond_wait(&reader->wake, &reader->lock, end - clock_monotonic_ms()))
        ;
    pthread_mutex_unlock(&reader->lock);
}

void reader_wake(struct reader *reader)
{
    /* Who puts into the stream does not wait for a reader that yields to everybody: the lock is
     * taken for the first of many wake-ups alone. */
    if (atomic_exchange(&reader->woken, true))
        return;
    pthread_mutex_lock(&reader->lock);
    pthread_cond_broadcast(&reader->wake);
    pthread_mutex_unlock(&reader->lock);
}

void reader_signal(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    reader->signaled = true;
    pthread_cond_broadcast(&reader->wake);
    pthread_mutex_unlock(&reader->lock);
}

/* Until something was signaled, the time is over (negative: none) or, for one that can read, the
 * stream has more. True when it was the stream. */
static bool await(struct reader *reader, int64_t ms, bool reading)
{
    int64_t end = clock_monotonic_ms() + ms;
    bool more = false;
    pthread_mutex_lock(&reader->lock);
    while (!is_stopping(reader->group) && !reader->signaled && !(reading && reader->woken)) {
        if (ms < 0)
            pthread_cond_wait(&reader->wake, &reader->lock);
        else if (!clock_cond_wait(&reader->wake, &reader->lock, end - clock_monotonic_ms()))
            break;
    }
    more = reading && reader->woken && !reader->signaled;
    reader->signaled = false;
    if (reading)
        reader->woken = false;
    pthread_mutex_unlock(&reader->lock);
    return more;
}

/* ---- loading ---- */

static struct batch *oldest(struct reader *reader)
{
    return &reader->batches[reader->oldest];
}

static enum batch_state state_of(struct batch *batch)
{
    pthread_mutex_lock(&batch->reader->lock);
    enum batch_state state = batch->state;
    pthread_mutex_unlock(&batch->reader->lock);
    return state;
}

static struct batch *free_batch(struct reader *reader)
{
    struct batch *other = &reader->batches[1 - reader->oldest];
    if (state_of(oldest(reader)) == BATCH_FREE)
        return oldest(reader);
    return state_of(other) == BATCH_FREE ? other : NULL;
}

static void set_state(struct batch *batch, enum batch_state state)
{
    pthread_mutex_lock(&batch->reader->lock);
    batch->state = state;
    pthread_mutex_unlock(&batch->reader->lock);
}

static void load_done(void *ctx, int rc, const struct error *error)
{
    struct batch *batch = ctx;
    struct reader *reader = batch->reader;
    if (rc < 0 && rc != ERROR_CONFLICT && batch->pause_ms == FIRST_PAUSE_MS)
        log_write(LOG_WARN, COMPONENT, NULL, "cannot load the warehouse: %s", error->message);
    pthread_mutex_lock(&reader->lock);
    batch->rc = rc;
    batch->state = BATCH_LOADED;
    reader->signaled = true;
    pthread_cond_broadcast(&reader->wake);
    pthread_mutex_unlock(&reader->lock);
}

static void start_load(struct batch *batch)
{
    batch->began_ms = clock_monotonic_ms();
    set_state(batch, BATCH_LOADING);
    warehouse_load(batch->reader->group->options.warehouse, &batch->load, load_done, batch);
}

static void drop_batches(struct reader *reader)
{
    for (int i = 0; i < 2; i++)
        set_state(&reader->batches[i], BATCH_FREE);
}

/* What was read beyond the warehouse's place is another's now, or read again. */
static void lose(struct reader *reader)
{
    drop_batches(reader);
    reader->restored = false;
    reader->restore_at_ms = clock_monotonic_ms() + AGAIN_MS;
    pthread_mutex_lock(&reader->lock);
    reader->lost = true;
    pthread_mutex_unlock(&reader->lock);
    leases_hurry(reader->group);
}

static void finish_load(struct reader *reader, struct batch *batch)
{
    struct stream_consumer *group = reader->group;
    if (batch->rc == 0) {
        count(&group->events, batch->events);
        count(&group->loaded, (int64_t)batch->load.fact_count);
        count(&group->duplicates, batch->duplicates);
        count(&group->skipped, batch->skipped);
        count(&group->broken, (int64_t)batch->load.letter_count);
        set_state(batch, BATCH_FREE);
        reader->oldest = 1 - reader->oldest;
    } else if (batch->rc == ERROR_CONFLICT) {
        lose(reader);
    } else {
        count(&group->retries, 1);
        batch->retry_at_ms = clock_monotonic_ms() + batch->pause_ms;
        if (batch->pause_ms < LONGEST_PAUSE_MS)
            batch->pause_ms *= 2;
        set_state(batch, BATCH_WAITING);
    }
}

/* Takes the loads a step further; whether there was one to take. */
static bool step_loads(struct reader *reader, bool may_load)
{
    struct batch *batch = oldest(reader);
    enum batch_state state = state_of(batch);
    bool due = state == BATCH_READY ||
               (state == BATCH_WAITING && clock_monotonic_ms() >= batch->retry_at_ms);
    if (state == BATCH_LOADED)
        finish_load(reader, batch);
    else if (due && may_load)
        start_load(batch);
    else
        return false;
    return true;
}

/* While it may not load, what the model was taught first of that is noted there. */
static void note_lag(struct reader *reader, bool more, bool may_load)
{
    struct batch *batch = oldest(reader);
    struct batch *other = &reader->batches[1 - reader->oldest];
    bool waits = state_of(batch) != BATCH_FREE;
    int64_t since = waits ? batch->first_at_ms : more ? other->last_at_ms : 0;
    if (waits || may_load)
        atomic_store_explicit(&reader->unloaded_since_ms, since, memory_order_relaxed);
}

/* ---- leases ---- */

static void remember(struct reader *reader, const char *const *ids, int found)
{
    recent_free(reader->recent);
    aggregates_free(reader->aggregates);
    reader->recent = recent_new(WAREHOUSE_RECENT_EVENTS);
    reader->aggregates = aggregates_new();
    for (int i = 0; i < found; i++)
        recent_add(reader->recent, ids[i]);
}

/* Begins at the places in the warehouse, with what it remembers. What the model was taught beyond
 * by this process is not taught again; what it was taught by another it drops. */
static int restore(struct reader *reader, const bool *held, int64_t epoch)
{
    struct warehouse *warehouse = reader->group->options.warehouse;
    int64_t sequences[WAREHOUSE_MAX_SHARDS] = {0};
    struct arena *arena = arena_new();
    const char **ids = NULL;
    int found = warehouse_checkpoints(warehouse, sequences, NULL);
    if (found == 0)
        found = warehouse_recent(warehouse, arena, &ids, NULL);
    if (found >= 0)
        remember(reader, ids, found);
    arena_free(arena);
    if (found < 0)
        return found;
    bool ahead = false;
    for (int i = 0; i < reader->group->shards; i++) {
        struct place *place = &reader->places[i];
        if (!reader->mine[i])
            place->taught = value(&reader->group->taught_to[i]);
        place->loaded = sequences[i];
        if (place->taught < place->loaded)
            place->taught = place->loaded;
        reader->mine[i] = held[i];
        if (held[i] && place->loaded > stream_latest(reader->group->options.stream, i))
            log_write(LOG_ERROR, COMPONENT, NULL,
                "the warehouse has been further than the stream reaches: is it another stream's?");
        ahead = ahead || (held[i] && place->taught > place->loaded);
    }
    if (ahead && !reader->ahead)
        reader->ahead = aggregates_copy(reader->aggregates);
    reader->restored = true;
    reader->epoch = epoch;
    return 0;
}

/* The warehouse was never reached: what is new from now on is taught all the same, each shard by
 * one of this process. Another process may teach it, too; the model drops what it had. */
static void guess(struct reader *reader)
{
    for (int i = 0; i < reader->group->shards; i++)
        reader->mine[i] = i % reader->group->options.consumers == reader->index;
}

/* Goes by what the leases are now. Whether it may load. */
static bool adopt_leases(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    bool answered = reader->lease.answered, granted = reader->lease.granted, lost = reader->lost;
    int64_t epoch = reader->lease.epoch, valid_until_ms = reader->lease.valid_until_ms;
    bool held[WAREHOUSE_MAX_SHARDS];
    memcpy(held, reader->lease.held, sizeof(held));
    bool loading = oldest(reader)->state == BATCH_LOADING || oldest(reader)->state == BATCH_LOADED;
    pthread_mutex_unlock(&reader->lock);
    int64_t now = clock_monotonic_ms();
    if (answered && !granted)
        guess(reader);
    if (!granted || lost || now >= valid_until_ms)
        return false;
    if (reader->restored && reader->epoch == epoch)
        return true;
    if (loading || now < reader->restore_at_ms)
        return false;
    drop_batches(reader);
    reader->stumbling = restore(reader, held, epoch) < 0;
    if (reader->stumbling)
        reader->restore_at_ms = now + AGAIN_MS;
    return !reader->stumbling;
}

/* ---- the loop ---- */

/* Whether the warehouse keeps the model waiting. */
static bool is_held_up(struct reader *reader, bool may_load)
{
    struct batch *batch = oldest(reader);
    enum batch_state state = state_of(batch);
    return state == BATCH_WAITING ||
           (state == BATCH_LOADING && clock_monotonic_ms() - batch->began_ms >= SLOW_LOAD_MS) ||
           (!may_load && (reader->stumbling || atomic_load(&reader->group->away)));
}

/* Once the warehouse is where the model is, both go on together. */
static void catch_up(struct reader *reader)
{
    for (int i = 0; i < reader->group->shards; i++) {
        if (reader->mine[i] && reader->places[i].loaded < reader->places[i].taught)
            return;
    }
    aggregates_free(reader->ahead);
    reader->ahead = NULL;
}

/* Until when there is nothing to do but to wait for a signal; negative: for ever. */
static int64_t next_step_ms(struct reader *reader, bool may_load)
{
    struct batch *batch = oldest(reader);
    int64_t now = clock_monotonic_ms();
    switch (state_of(batch)) {
    case BATCH_LOADING:
        return batch->began_ms + SLOW_LOAD_MS > now ? batch->began_ms + SLOW_LOAD_MS - now : -1;
    case BATCH_LOADED:
    case BATCH_READY:
        return may_load ? 0 : AGAIN_MS;
    case BATCH_WAITING:
        return may_load && batch->retry_at_ms > now ? batch->retry_at_ms - now : AGAIN_MS;
    default:
        return may_load ? -1 : AGAIN_MS;
    }
}

/* One turn; whether it brought anything. `*reading`: what would help is more in the stream. */
static bool turn(struct reader *reader, bool *may_load, bool *reading)
{
    *may_load = adopt_leases(reader);
    bool moved = step_loads(reader, *may_load), more = false;
    struct batch *batch = *may_load ? free_batch(reader) : NULL;
    *reading = batch != NULL;
    if (batch) {
        int got = batch_read(reader, batch, &more);
        if (got > 0) {
            set_state(batch, BATCH_READY);
            step_loads(reader, *may_load);
            moved = true;
        }
        if (reader->ahead)
            catch_up(reader);
    }
    /* What is new is learnt at once, also while the warehouse has yet much to catch up with. */
    if (reader->ahead || (!batch && is_held_up(reader, *may_load))) {
        *reading = true;
        moved = batch_teach_ahead(reader) > 0 || moved;
    }
    moved = moved || reader->misread;
    reader->misread = false;
    note_lag(reader, more, *may_load);
    return moved;
}

/* What was read and taught is loaded before the end, if that goes at the first try. */
static void finish(struct reader *reader)
{
    for (;;) {
        struct batch *batch = oldest(reader);
        pthread_mutex_lock(&reader->lock);
        while (batch->state == BATCH_LOADING)
            pthread_cond_wait(&reader->wake, &reader->lock);
        enum batch_state state = batch->state;
        bool may_load = reader->restored && reader->epoch == reader->lease.epoch;
        pthread_mutex_unlock(&reader->lock);
        if (state == BATCH_LOADED)
            finish_load(reader, batch);
        else if (state == BATCH_READY && may_load)
            start_load(batch);
        else
            return;
    }
}

static void *read_loop(void *argument)
{
    struct reader *reader = argument;
    struct stream_consumer *group = reader->group;
    pthread_setname_np(pthread_self(), "stream_consumer");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while (!is_stopping(group)) {
        bool may_load, reading;
        if (turn(reader, &may_load, &reading))
            continue;
        /* Small batches cost more than they hasten: let a few events gather. */
        if (await(reader, next_step_ms(reader, may_load), reading) && group->options.linger_ms > 0)
            reader_pause(reader, group->options.linger_ms);
    }
    finish(reader);
    return NULL;
}

/* ---- life ---- */

struct reader *reader_new(struct stream_consumer *group, int index)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        abort();
    reader->group = group;
    reader->index = index;
    id_new(reader->owner);
    reader->recent = recent_new(WAREHOUSE_RECENT_EVENTS);
    reader->aggregates = aggregates_new();
    reader->ahead_arena = arena_new();
    pthread_mutex_init(&reader->lock, NULL);
    clock_cond_init(&reader->wake);
    for (int i = 0; i < 2; i++) {
        reader->batches[i].reader = reader;
        reader->batches[i].arena = arena_new();
    }
    return reader;
}

int reader_start(struct reader *reader, struct error *error)
{
    for (int i = 0; i < reader->group->shards; i++)
        reader->places[i].taught = stream_latest(reader->group->options.stream, i);
    if (pthread_create(&reader->thread, NULL, read_loop, reader) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the stream consumer");
    reader->started = true;
    return 0;
}

void reader_join(struct reader *reader)
{
    if (!reader->started)
        return;
    pthread_join(reader->thread, NULL);
    reader->started = false;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    for (int i = 0; i < 2; i++)
        arena_free(reader->batches[i].arena);
    arena_free(reader->ahead_arena);
    buffer_release(&reader->lesson);
    buffer_release(&reader->sequences);
    recent_free(reader->recent);
    aggregates_free(reader->aggregates);
    aggregates_free(reader->ahead);
    pthread_cond_destroy(&reader->wake);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}
