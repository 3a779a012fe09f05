/*
 * Messages a second through a queue (send, deliver, ack) and through a service's outbox, relay and
 * queue; records a second into the stream and out of it. On files in a new directory under the one
 * given (the current one otherwise), because the disk's syncs are most of it.
 *
 *   bench_queue [DIRECTORY [MESSAGES]]
 */
#include "arena.h"
#include "clock.h"
#include "queue.h"
#include "relay.h"
#include "sqlite_db.h"
#include "sqlite_outbox.h"
#include "stream.h"
#include "timer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BODY 600    /* an order's event */
#define WINDOW 2048 /* messages sent and not yet acked */
#define BATCH_MAX 64

static char body[BODY + 1];

struct run {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t sent, finished, failed;
    struct queue *queue;
    int64_t latency_ns; /* summed, from the send to the delivery */
    int64_t *started_ns;
};

static void die(const struct error *error)
{
    fprintf(stderr, "bench_queue: %s\n", error->message);
    exit(1);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, int64_t count, int64_t started_ns, double cpu)
{
    double seconds = (double)(clock_monotonic_ns() - started_ns) / 1e9;
    printf("%-44s %9.0f/s  %6.3f CPU-s per 100,000", what, (double)count / seconds,
        (cpu_seconds() - cpu) * 1e5 / (double)count);
}

static void run_init(struct run *run)
{
    *run = (struct run){0};
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->changed, NULL);
}

static void finish(struct run *run, int64_t count)
{
    pthread_mutex_lock(&run->lock);
    run->finished += count;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

/* Until at most `window` are under way. */
static void wait_window(struct run *run, int64_t window)
{
    pthread_mutex_lock(&run->lock);
    while (run->sent - run->finished > window)
        pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static void on_delivery(void *ctx, struct queue_delivery *delivery)
{
    struct run *run = ctx;
    if (run->started_ns)
        run->latency_ns += clock_monotonic_ns() - run->started_ns[atoll(delivery->id)];
    queue_ack(run->queue, delivery);
    finish(run, 1);
}

static void on_sent(void *ctx, int rc, const struct error *error)
{
    (void)ctx;
    if (rc < 0)
        die(error);
}

static void drive_queue(
    struct queue *queue, const char *engine, int64_t messages, int batch, int64_t window)
{
    struct run run;
    struct error error;
    run_init(&run);
    run.queue = queue;
    run.started_ns = calloc((size_t)messages + BATCH_MAX, sizeof(*run.started_ns));
    if (queue_subscribe(queue, on_delivery, &run, 256, &error) < 0)
        die(&error);
    int64_t start_ns = clock_monotonic_ns();
    double cpu = cpu_seconds();
    while (run.sent < messages) {
        struct queue_message list[BATCH_MAX];
        char ids[BATCH_MAX][24];
        for (int i = 0; i < batch; i++) {
            snprintf(ids[i], sizeof(ids[i]), "%020lld", (long long)run.sent + i);
            run.started_ns[run.sent + i] = clock_monotonic_ns();
            list[i] =
                (struct queue_message){.id = ids[i], .key = "order", .body = body, .length = BODY};
        }
        pthread_mutex_lock(&run.lock);
        run.sent += batch;
        pthread_mutex_unlock(&run.lock);
        queue_send(queue, list, (size_t)batch, on_sent, NULL);
        wait_window(&run, window);
    }
    wait_window(&run, 0);
    char what[64];
    snprintf(what, sizeof(what), "queue, %s, batches of %d, %lld at once", engine, batch,
        (long long)(window > 0 ? window : batch));
    report(what, run.sent, start_ns, cpu);
    printf("  send to delivery %.2f ms\n", (double)run.latency_ns / (double)run.sent / 1e6);
    if (queue_unsubscribe(queue, 1000, &error) < 0)
        die(&error);
    free(run.started_ns);
}

static void bench_memory(struct timers *timers, int64_t messages)
{
    struct queue_options options = {.timers = timers};
    struct queue *queue = queue_memory_new("orders", &options);
    drive_queue(queue, "memory", messages, 1, WINDOW);
    queue_close(queue);
}

static void bench_sqlite(struct queue_sqlite_file *file, struct timers *timers, int64_t messages)
{
    struct error error;
    struct queue_options options = {.timers = timers};
    struct queue *queue;
    if (queue_sqlite_open(&queue, file, "orders", &options, &error) < 0)
        die(&error);
    drive_queue(queue, "SQLite", 1000, 1, 0);
    drive_queue(queue, "SQLite", messages, 1, WINDOW);
    drive_queue(queue, "SQLite", messages, BATCH_MAX, WINDOW);
    queue_close(queue);
}

/* ---- outbox, relay, queue ---- */

struct put_job {
    struct sqlite_job job;
    int64_t number;
};

static int put_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    char id[24];
    snprintf(id, sizeof(id), "%020lld", (long long)((struct put_job *)job)->number);
    struct outbox_item item = {
        .target = "queue:relayed", .key = "order", .id = id, .body = body, .length = BODY};
    return sqlite_outbox_put(conn, &item, &job->error);
}

static void put_done(struct sqlite_job *job)
{
    if (job->rc < 0)
        die(&job->error);
    free(job);
}

static void drive_relay(struct sqlite_db *db, struct run *run, int64_t messages, int64_t window)
{
    int64_t start_ns = clock_monotonic_ns();
    double cpu = cpu_seconds();
    int64_t first = run->sent;
    while (run->sent < first + messages) {
        struct put_job *put = calloc(1, sizeof(*put));
        put->job.run = put_run;
        put->job.done = put_done;
        pthread_mutex_lock(&run->lock);
        put->number = run->sent++;
        run->started_ns[put->number] = clock_monotonic_ns();
        pthread_mutex_unlock(&run->lock);
        sqlite_db_write(db, &put->job);
        wait_window(run, window);
    }
    wait_window(run, 0);
    char what[64];
    snprintf(what, sizeof(what), "commit, relay, queue, %lld at once",
        (long long)(window > 0 ? window : 1));
    report(what, messages, start_ns, cpu);
    printf("  commit to delivery %.2f ms\n", (double)run->latency_ns / (double)messages / 1e6);
    run->latency_ns = 0;
}

static void bench_relay(
    struct queue_sqlite_file *file, const char *directory, struct timers *timers, int64_t messages)
{
    static const char *const migrations[] = {SQLITE_OUTBOX_SCHEMA, NULL};
    struct sqlite_options sqlite_options = {.name = "service", .migrations = migrations};
    struct queue_options options = {.timers = timers};
    struct sqlite_db *db;
    struct error error;
    struct run run;
    char path[4096];
    run_init(&run);
    run.started_ns = calloc((size_t)messages + 1000, sizeof(*run.started_ns));
    snprintf(path, sizeof(path), "%s/service.db", directory);
    if (sqlite_db_open(&db, path, &sqlite_options, &error) < 0 ||
        queue_sqlite_open(&run.queue, file, "relayed", &options, &error) < 0)
        die(&error);
    struct relay *relay = relay_new();
    relay_add_queue(relay, run.queue);
    sqlite_db_on_commit(db, relay_wake_source, relay_add_sqlite_source(relay, "service", db));
    if (relay_start(relay, &error) < 0 ||
        queue_subscribe(run.queue, on_delivery, &run, 256, &error) < 0)
        die(&error);
    drive_relay(db, &run, 1000, 0);
    drive_relay(db, &run, messages, WINDOW);
    if (relay_stop(relay, 5000, &error) < 0 || queue_unsubscribe(run.queue, 1000, &error) < 0)
        die(&error);
    relay_free(relay);
    sqlite_db_close(db);
    queue_close(run.queue);
    free(run.started_ns);
}

/* ---- stream ---- */

static void on_put(void *ctx, int rc, const struct error *error)
{
    if (rc < 0)
        die(error);
    finish(ctx, 1);
}

static void drive_puts(struct stream *stream, int64_t records, int batch)
{
    struct run run;
    run_init(&run);
    int64_t start_ns = clock_monotonic_ns();
    double cpu = cpu_seconds();
    for (int64_t put = 0; put < records; put += batch) {
        struct stream_record list[BATCH_MAX];
        char keys[BATCH_MAX][24], ids[BATCH_MAX][24];
        for (int i = 0; i < batch; i++) {
            snprintf(keys[i], sizeof(keys[i]), "user-%lld", (long long)(put + i) % 997);
            snprintf(ids[i], sizeof(ids[i]), "%020lld", (long long)put + i);
            list[i] =
                (struct stream_record){.key = keys[i], .id = ids[i], .data = body, .length = BODY};
        }
        run.sent++;
        stream_put(stream, list, (size_t)batch, on_put, &run);
        wait_window(&run, WINDOW / batch);
    }
    wait_window(&run, 0);
    char what[64];
    snprintf(what, sizeof(what), "stream, put in batches of %d", batch);
    report(what, records, start_ns, cpu);
    printf("\n");
}

static int64_t read_all(struct stream *stream)
{
    struct arena *arena = arena_new();
    struct error error;
    int64_t total = 0;
    for (int shard = 0; shard < stream_shards(stream); shard++) {
        struct stream_record *records;
        int64_t after = 0;
        int count;
        while ((count = stream_read(stream, shard, after, 512, arena, &records, &error)) > 0) {
            after = records[count - 1].sequence;
            total += count;
            arena_clear(arena);
        }
        if (count < 0)
            die(&error);
    }
    arena_free(arena);
    return total;
}

static void bench_stream(const char *directory, int64_t records)
{
    struct error error;
    struct stream *stream;
    char path[4096];
    snprintf(path, sizeof(path), "%s/stream.db", directory);
    if (stream_sqlite_open(&stream, path, NULL, &error) < 0)
        die(&error);
    drive_puts(stream, records, 1);
    drive_puts(stream, records, BATCH_MAX);
    int64_t start_ns = clock_monotonic_ns();
    double cpu = cpu_seconds();
    int64_t read = read_all(stream);
    report("stream, read from the start (mostly file)", read, start_ns, cpu);
    printf("\n");
    stream_close(stream);
}

int main(int argc, char **argv)
{
    char directory[2048];
    int64_t messages = argc > 2 ? atoll(argv[2]) : 100000;
    snprintf(directory, sizeof(directory), "%s/bench-queue-XXXXXX", argc > 1 ? argv[1] : ".");
    if (messages <= 0 || !mkdtemp(directory)) {
        fprintf(stderr, "usage: bench_queue [DIRECTORY [MESSAGES]]\n");
        return 2;
    }
    messages = (messages + BATCH_MAX - 1) / BATCH_MAX * BATCH_MAX;
    memset(body, 'x', BODY);
    sqlite_global_init();
    struct timers *timers = timers_new();
    struct queue_sqlite_file *file;
    struct error error;
    char path[4096];
    snprintf(path, sizeof(path), "%s/queue.db", directory);
    if (queue_sqlite_file_open(&file, path, timers, &error) < 0)
        die(&error);
    bench_memory(timers, messages);
    bench_sqlite(file, timers, messages);
    bench_relay(file, directory, timers, messages);
    queue_sqlite_file_close(file);
    timers_free(timers);
    bench_stream(directory, messages);
    static const char *const names[] = {"queue.db", "service.db", "stream.db"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory) == 0 ? 0 : 1;
}
