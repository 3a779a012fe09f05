#include "stream_consumer.h"

#include "aggregates.h"
#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "decode.h"
#include "id.h"
#include "log.h"
#include "metrics.h"
#include "recent.h"
#include "stream.h"
#include "upstream.h"
#include "warehouse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMPONENT "stream_consumer"
#define NICE 5
#define BATCH 1000
#define MODEL_BATCH 500   /* what the recommendation service takes at once */
#define MODEL_BYTES 65536 /* of one call: its JSON becomes a tree that is 20 times as large */
#define MODEL_TRIES 6
#define LETTER_BYTES 4096
#define DEFAULT_LINGER_MS 50
#define FIRST_PAUSE_MS 50
#define LONGEST_PAUSE_MS 5000

/* Two batches alternate: while one is being loaded the next is read. */
struct batch {
    struct stream_consumer *consumer;
    struct arena *arena;
    struct warehouse_fact facts[BATCH];
    const char *event_ids[BATCH];
    struct warehouse_dead_letter letters[BATCH];
    struct warehouse_checkpoint checkpoints[WAREHOUSE_MAX_SHARDS];
    struct warehouse_batch load;
    struct buffer lesson; /* for the model: {"events":[...]} */
    int lessons;
    bool loading, loaded; /* under the consumer's lock */
    bool untold;          /* stopped before an erasure was told: must not be loaded */
    int rc;
};

struct stream_consumer {
    struct stream_consumer_options options;
    int64_t places[WAREHOUSE_MAX_SHARDS]; /* read up to here */
    struct recent *recent;
    struct aggregates *aggregates;
    struct batch batches[2];
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, stopping; /* under the lock */
    atomic_int_fast64_t events, loaded, duplicates, skipped, broken, passed_by, retries, lag_ms;
};

static void count(atomic_int_fast64_t *counter, int64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static int64_t value(atomic_int_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- waiting ---- */

/* Waits until woken, stopped or the time is over (negative: none). */
static void pause_for(struct stream_consumer *consumer, int64_t ms, bool until_woken)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ms / 1000;
    deadline.tv_nsec += ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&consumer->lock);
    while (!consumer->stopping && !(until_woken && consumer->woken)) {
        if (ms < 0)
            pthread_cond_wait(&consumer->wake, &consumer->lock);
        else if (pthread_cond_timedwait(&consumer->wake, &consumer->lock, &deadline) != 0)
            break;
    }
    if (until_woken)
        consumer->woken = false;
    pthread_mutex_unlock(&consumer->lock);
}

static bool is_stopping(struct stream_consumer *consumer)
{
    pthread_mutex_lock(&consumer->lock);
    bool stopping = consumer->stopping;
    pthread_mutex_unlock(&consumer->lock);
    return stopping;
}

static void wake(void *ctx)
{
    struct stream_consumer *consumer = ctx;
    pthread_mutex_lock(&consumer->lock);
    if (!consumer->woken) {
        consumer->woken = true;
        pthread_cond_broadcast(&consumer->wake);
    }
    pthread_mutex_unlock(&consumer->lock);
}

/* ---- the model ---- */

static void teach(struct batch *batch, const struct stream_record *record)
{
    buffer_append_text(&batch->lesson, batch->lessons++ ? "," : "{\"events\":[");
    buffer_append(&batch->lesson, record->data, record->length);
}

static void finish_lesson(struct batch *batch)
{
    buffer_reset(&batch->lesson);
    batch->lessons = 0;
}

/* The model must not hold up the warehouse for ever: after some tries it is passed by. */
static void send_lesson(struct stream_consumer *consumer, struct batch *batch)
{
    if (!batch->lessons)
        return;
    buffer_append_text(&batch->lesson, "]}");
    struct upstream_call call = {.method = HTTP_POST,
        .path = "/internal/recommendation/events",
        .body = batch->lesson.data,
        .body_length = batch->lesson.length};
    int64_t wait = FIRST_PAUSE_MS;
    int status = 0;
    for (int tries = 0; tries < MODEL_TRIES; tries++, wait *= 3) {
        struct arena *arena = arena_new();
        status = upstream_call_wait(consumer->options.recommendation, &call, arena, NULL);
        arena_free(arena);
        if (status < 500 || is_stopping(consumer))
            break;
        count(&consumer->retries, 1);
        pause_for(consumer, wait < LONGEST_PAUSE_MS ? wait : LONGEST_PAUSE_MS, false);
    }
    if (status >= 300) {
        count(&consumer->passed_by, batch->lessons);
        log_write(LOG_WARN, COMPONENT, NULL,
            "the recommendation service answered %d: %d events passed by", status, batch->lessons);
    }
    finish_lesson(batch);
}

/* ---- erasures ---- */

/* Until it is answered: passed by it would be lost. A refusal would be the same the next time. */
static void tell_erased(struct stream_consumer *consumer, struct batch *batch, const char *user_id)
{
    char path[64 + ID_SIZE];
    int64_t wait = FIRST_PAUSE_MS;
    snprintf(path, sizeof(path), "/internal/users/%s/erased", user_id);
    struct upstream_call call = {.method = HTTP_POST, .path = path};
    while (true) {
        struct arena *arena = arena_new();
        int status = upstream_call_wait(consumer->options.product, &call, arena, NULL);
        arena_free(arena);
        if (status >= 300 && status < 500)
            log_write(LOG_ERROR, COMPONENT, NULL,
                "the product service answered %d to an erasure: it was not carried out", status);
        if (status < 500)
            return;
        if (is_stopping(consumer)) {
            batch->untold = true;
            return;
        }
        count(&consumer->retries, 1);
        pause_for(consumer, wait, false);
        wait = wait * 3 < LONGEST_PAUSE_MS ? wait * 3 : LONGEST_PAUSE_MS;
    }
}

/* ---- reading ---- */

/* What came, as text that any engine can keep. */
static const char *letter_body(struct arena *arena, const struct stream_record *record)
{
    size_t length = record->length < LETTER_BYTES ? record->length : LETTER_BYTES;
    char *body = arena_strndup(arena, record->data, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)body[i];
        if (byte < 0x20 || byte >= 0x7f)
            body[i] = '?';
    }
    return body;
}

static void bury(struct stream_consumer *consumer, struct batch *batch, int shard,
    const struct stream_record *record, const struct decoded *event, const struct error *error)
{
    char reason[sizeof(error->message) + sizeof(error->field) + 4];
    snprintf(
        reason, sizeof(reason), "%s%s%s", error->field, *error->field ? ": " : "", error->message);
    batch->letters[batch->load.letter_count++] = (struct warehouse_dead_letter){
        .event_id = event->id,
        .reason = arena_strdup(batch->arena, reason),
        .body = letter_body(batch->arena, record),
        .at_ms = record->at_ms,
        .sequence = record->sequence,
        .shard = shard,
    };
    count(&consumer->broken, 1);
    log_write(LOG_WARN, COMPONENT, NULL, "an event became a dead letter (shard %d, %lld): %s",
        shard, (long long)record->sequence, reason);
}

static void take(struct stream_consumer *consumer, struct batch *batch, int shard,
    const struct stream_record *record)
{
    struct decoded event;
    struct error error = {0};
    int rc = event_decode(record->data, record->length, batch->arena, &event, &error);
    bool again = *event.id && !recent_add(consumer->recent, event.id);
    bool late =
        rc == 0 && !again && event.sequence > 0 && *event.subject &&
        !aggregates_advance(consumer->aggregates, event.type, event.subject, event.sequence);
    if (*event.id && !again)
        batch->event_ids[batch->load.event_count++] = event.id;
    if (again || late) {
        count(&consumer->duplicates, 1);
        return;
    }
    if (rc < 0) {
        bury(consumer, batch, shard, record, &event, &error);
        return;
    }
    if (!event.known)
        count(&consumer->skipped, 1);
    if (event.has_fact) {
        /* A clock that runs ahead would put facts into days that no report asks for. */
        if (event.fact.at_ms > record->at_ms)
            event.fact.at_ms = record->at_ms;
        batch->facts[batch->load.fact_count++] = event.fact;
    }
    if (event.has_fact && event.fact.kind == WAREHOUSE_FORGET && consumer->options.product &&
        id_valid(event.subject))
        tell_erased(consumer, batch, event.subject);
    if (event.teaches && consumer->options.recommendation) {
        teach(batch, record);
        if (batch->lessons == MODEL_BATCH || batch->lesson.length >= MODEL_BYTES)
            send_lesson(consumer, batch);
    }
}

/* Fills the batch from all shards in turn; returns the number of records. */
static int read_batch(struct stream_consumer *consumer, struct batch *batch, bool *more)
{
    struct stream *stream = consumer->options.stream;
    int shards = stream_shards(stream), each = BATCH / shards, total = 0;
    arena_clear(batch->arena);
    batch->untold = false;
    batch->load = (struct warehouse_batch){.facts = batch->facts,
        .event_ids = batch->event_ids,
        .letters = batch->letters,
        .checkpoints = batch->checkpoints};
    int64_t newest = 0;
    *more = false;
    for (int shard = 0; shard < shards; shard++) {
        struct stream_record *records;
        struct error error = {0};
        int got = stream_read(
            stream, shard, consumer->places[shard], each, batch->arena, &records, &error);
        if (got < 0)
            log_write(LOG_ERROR, COMPONENT, NULL, "cannot read shard %d: %s", shard, error.message);
        if (got <= 0)
            continue;
        for (int i = 0; i < got; i++)
            take(consumer, batch, shard, &records[i]);
        consumer->places[shard] = records[got - 1].sequence;
        batch->checkpoints[batch->load.checkpoint_count++] =
            (struct warehouse_checkpoint){.shard = shard, .sequence = records[got - 1].sequence};
        if (records[got - 1].at_ms > newest)
            newest = records[got - 1].at_ms;
        *more = *more || got == each;
        total += got;
    }
    int64_t lag = *more ? clock_now_ms() - newest : 0;
    atomic_store_explicit(&consumer->lag_ms, lag > 0 ? lag : 0, memory_order_relaxed);
    count(&consumer->events, total);
    return total;
}

/* ---- loading ---- */

static void load_done(void *ctx, int rc, const struct error *error)
{
    struct batch *batch = ctx;
    struct stream_consumer *consumer = batch->consumer;
    if (rc < 0)
        log_write(LOG_ERROR, COMPONENT, NULL, "cannot load the warehouse: %s", error->message);
    pthread_mutex_lock(&consumer->lock);
    batch->rc = rc;
    batch->loaded = true;
    pthread_cond_broadcast(&consumer->wake);
    pthread_mutex_unlock(&consumer->lock);
}

static void start_load(struct batch *batch)
{
    batch->loading = true;
    batch->loaded = false;
    warehouse_load(batch->consumer->options.warehouse, &batch->load, load_done, batch);
}

/* Waits until the batch is in the warehouse, and loads it again as long as it is not. False when
 * stopped before. */
static bool await_load(struct stream_consumer *consumer, struct batch *batch)
{
    int64_t wait = FIRST_PAUSE_MS;
    while (batch->loading) {
        pthread_mutex_lock(&consumer->lock);
        while (!batch->loaded)
            pthread_cond_wait(&consumer->wake, &consumer->lock);
        int rc = batch->rc;
        pthread_mutex_unlock(&consumer->lock);
        batch->loading = false;
        if (rc == 0) {
            count(&consumer->loaded, (int64_t)batch->load.fact_count);
            return true;
        }
        if (is_stopping(consumer))
            return false;
        count(&consumer->retries, 1);
        pause_for(consumer, wait, false);
        wait = wait * 2 < LONGEST_PAUSE_MS ? wait * 2 : LONGEST_PAUSE_MS;
        start_load(batch);
    }
    return true;
}

static void run_until_empty(struct stream_consumer *consumer, int *turn)
{
    bool more = true;
    while (more && !is_stopping(consumer)) {
        struct batch *batch = &consumer->batches[*turn];
        struct batch *other = &consumer->batches[1 - *turn];
        int got = read_batch(consumer, batch, &more);
        send_lesson(consumer, batch);
        if (!await_load(consumer, other) || batch->untold)
            return;
        if (!got)
            continue;
        start_load(batch);
        *turn = 1 - *turn;
    }
    await_load(consumer, &consumer->batches[1 - *turn]);
}

static void *consume_loop(void *argument)
{
    struct stream_consumer *consumer = argument;
    int turn = 0;
    pthread_setname_np(pthread_self(), "stream_consumer");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while (!is_stopping(consumer)) {
        run_until_empty(consumer, &turn);
        pause_for(consumer, -1, true);
        /* Small batches cost more than they hasten: let a few events gather. */
        if (consumer->options.linger_ms > 0)
            pause_for(consumer, consumer->options.linger_ms, false);
    }
    return NULL;
}

/* ---- life ---- */

void stream_consumer_stats(struct stream_consumer *consumer, struct stream_consumer_stats *stats)
{
    *stats = (struct stream_consumer_stats){
        .events = value(&consumer->events),
        .loaded = value(&consumer->loaded),
        .duplicates = value(&consumer->duplicates),
        .skipped = value(&consumer->skipped),
        .broken = value(&consumer->broken),
        .passed_by = value(&consumer->passed_by),
        .retries = value(&consumer->retries),
        .lag_ms = value(&consumer->lag_ms),
    };
}

static double read_counter(void *ctx)
{
    return (double)value(ctx);
}

static double read_lag(void *ctx)
{
    return (double)value(ctx) / 1000;
}

static void register_metrics(struct stream_consumer *consumer)
{
    struct metrics *metrics = consumer->options.metrics;
    const struct {
        const char *result;
        atomic_int_fast64_t *counter;
    } results[] = {{"read", &consumer->events}, {"loaded", &consumer->loaded},
        {"duplicate", &consumer->duplicates}, {"skipped", &consumer->skipped},
        {"broken", &consumer->broken}, {"passed_by", &consumer->passed_by}};
    for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
        metrics_counter_callback(metrics, "stream_consumer_events_total",
            "Events of the stream, by what became of them.",
            (const char *const[]){"result", results[i].result, NULL}, read_counter,
            results[i].counter);
    metrics_counter_callback(metrics, "stream_consumer_retries_total",
        "Loads and lessons that were tried again.", NULL, read_counter, &consumer->retries);
    metrics_gauge_callback(metrics, "stream_consumer_lag_seconds",
        "Age of the newest event read while more wait, else 0.", NULL, read_lag, &consumer->lag_ms);
}

static int restore(struct stream_consumer *consumer, struct error *error)
{
    struct arena *arena = arena_new();
    const char **ids = NULL;
    int rc = warehouse_checkpoints(consumer->options.warehouse, consumer->places, error);
    int found = rc == 0 ? warehouse_recent(consumer->options.warehouse, arena, &ids, error) : rc;
    for (int i = 0; i < found; i++)
        recent_add(consumer->recent, ids[i]);
    arena_free(arena);
    return found < 0 ? found : 0;
}

int stream_consumer_new(struct stream_consumer **out, const struct stream_consumer_options *options,
    struct error *error)
{
    struct stream_consumer *consumer = calloc(1, sizeof(*consumer));
    if (!consumer)
        abort();
    consumer->options = *options;
    if (options->linger_ms == 0)
        consumer->options.linger_ms = DEFAULT_LINGER_MS;
    consumer->recent = recent_new(WAREHOUSE_RECENT_EVENTS);
    consumer->aggregates = aggregates_new();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&consumer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&consumer->lock, NULL);
    for (int i = 0; i < 2; i++) {
        consumer->batches[i].consumer = consumer;
        consumer->batches[i].arena = arena_new();
    }
    int rc = restore(consumer, error);
    if (rc < 0) {
        stream_consumer_free(consumer);
        return rc;
    }
    if (options->metrics)
        register_metrics(consumer);
    *out = consumer;
    return 0;
}

int stream_consumer_start(struct stream_consumer *consumer, struct error *error)
{
    int rc = stream_subscribe(consumer->options.stream, wake, consumer, error);
    if (rc < 0)
        return rc;
    if (pthread_create(&consumer->thread, NULL, consume_loop, consumer) != 0) {
        stream_unsubscribe(consumer->options.stream, wake, consumer);
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the stream consumer");
    }
    consumer->started = true;
    return 0;
}

void stream_consumer_stop(struct stream_consumer *consumer)
{
    if (!consumer->started)
        return;
    stream_unsubscribe(consumer->options.stream, wake, consumer);
    pthread_mutex_lock(&consumer->lock);
    consumer->stopping = true;
    pthread_cond_broadcast(&consumer->wake);
    pthread_mutex_unlock(&consumer->lock);
    pthread_join(consumer->thread, NULL);
    consumer->started = false;
}

void stream_consumer_free(struct stream_consumer *consumer)
{
    if (!consumer)
        return;
    for (int i = 0; i < 2; i++) {
        arena_free(consumer->batches[i].arena);
        buffer_release(&consumer->batches[i].lesson);
    }
    recent_free(consumer->recent);
    aggregates_free(consumer->aggregates);
    pthread_cond_destroy(&consumer->wake);
    pthread_mutex_destroy(&consumer->lock);
    free(consumer);
}
