#include "engines.h"

#include "arena.h"
#include "clock.h"
#include "outbox_memory.h"
#include "queue.h"
#include "relay.h"
#include "sqlite_outbox.h"
#include "stream.h"
#include "timer.h"

#include <stdatomic.h>

/* ---- a queue that does what it is told: fail, refuse, keep silent ---- */

#define MANY 6000

struct odd_queue {
    struct queue base; /* first */
    pthread_mutex_t lock;
    int failures;        /* answer so many sends with ERROR_UNAVAILABLE */
    const char *refused; /* the id that is invalid */
    bool silent;         /* answer later */
    queue_done_fn *done;
    void *ctx;
    int seqs[MANY]; /* what was taken: the numbers at the end of the ids */
    int count, sends;
};

static void odd_send(struct queue *base, const struct queue_message *messages, size_t count,
    queue_done_fn *done, void *ctx)
{
    struct odd_queue *queue = (struct odd_queue *)base;
    struct error error = {0};
    pthread_mutex_lock(&queue->lock);
    queue->sends++;
    bool silent = queue->silent;
    if (queue->failures > 0) {
        queue->failures--;
        error_set(&error, ERROR_UNAVAILABLE, NULL, NULL, "on holiday");
    }
    for (size_t i = 0; i < count && error.code == 0; i++)
        if (queue->refused && strcmp(messages[i].id, queue->refused) == 0)
            error_set(&error, ERROR_INVALID, NULL, "body", "ugly");
    for (size_t i = 0; i < count && error.code == 0; i++)
        queue->seqs[queue->count++] = atoi(messages[i].id);
    queue->done = silent ? done : NULL;
    queue->ctx = ctx;
    pthread_mutex_unlock(&queue->lock);
    if (!silent)
        done(ctx, error.code, &error);
}

static const struct queue_ops odd_ops = {.send = odd_send};

static void odd_init(struct odd_queue *queue, const char *name)
{
    *queue = (struct odd_queue){.base = {.ops = &odd_ops, .name = name}};
    pthread_mutex_init(&queue->lock, NULL);
}

static int odd_count(struct odd_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    int count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

static void odd_answer(struct odd_queue *queue)
{
    struct error error = {0};
    for (bool answered = false; !answered; usleep(1000)) {
        pthread_mutex_lock(&queue->lock);
        queue_done_fn *done = queue->done;
        queue->done = NULL;
        queue->silent = false;
        pthread_mutex_unlock(&queue->lock);
        if (done)
            done(queue->ctx, 0, &error);
        answered = done != NULL;
    }
}

/* ---- the fixture ---- */

struct fixture {
    struct outbox_memory *outbox;
    struct odd_queue orders, mail;
    struct stream *stream;
    struct relay *relay;
    struct relay_source *source;
    atomic_int refused;
    struct error error;
};

static void on_refused(void *ctx, const struct outbox_item *item, const struct error *error)
{
    struct fixture *f = ctx;
    assert_string_equal(error->message, "ugly");
    assert_string_equal(item->id, f->orders.refused);
    atomic_fetch_add(&f->refused, 1);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->outbox = outbox_memory_new();
    odd_init(&f->orders, "orders");
    odd_init(&f->mail, "mail");
    f->stream = stream_memory_new(NULL);
    f->relay = relay_new();
    relay_add_queue(f->relay, &f->orders.base);
    relay_add_queue(f->relay, &f->mail.base);
    relay_set_stream(f->relay, f->stream);
    relay_on_refused(f->relay, on_refused, f);
    struct relay_source_config config = outbox_memory_source(f->outbox, "order");
    f->source = relay_add_source(f->relay, &config);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    relay_stop(f->relay, 0, NULL);
    relay_free(f->relay);
    stream_close(f->stream);
    pthread_mutex_destroy(&f->orders.lock);
    pthread_mutex_destroy(&f->mail.lock);
    outbox_memory_free(f->outbox);
    test_free(f);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(relay_start(f->relay, &f->error), 0);
}

static void put(struct fixture *f, const char *target, int number)
{
    char id[16];
    snprintf(id, sizeof(id), "%d", number);
    struct outbox_item item = {.target = target, .key = "k", .id = id, .body = "{}", .length = 2};
    outbox_memory_put(f->outbox, &item);
    relay_wake(f->source);
}

static int64_t stream_count(struct fixture *f)
{
    struct stream_stats stats;
    stream_stats(f->stream, &stats);
    return stats.put;
}

static struct relay_stats stats_of(struct fixture *f)
{
    struct relay_stats stats;
    assert_int_equal(relay_stats(f->relay, &stats, 1), 1);
    return stats;
}

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        for (int tries = 0; !(condition); tries++) {                                               \
            if (tries > 5000)                                                                      \
                fail_msg("in vain: " #condition);                                                  \
            usleep(2000);                                                                          \
        }                                                                                          \
    } while (0)

/* ---- tests ---- */

static void items_reach_their_targets(void **state)
{
    struct fixture *f = *state;
    put(f, "queue:orders", 1); /* left behind by an earlier run */
    start(f);
    put(f, "stream", 2);
    put(f, "queue:mail", 3);
    AWAIT(odd_count(&f->orders) == 1 && odd_count(&f->mail) == 1 && stream_count(f) == 1);
    AWAIT(outbox_memory_count(f->outbox) == 0);
    struct relay_stats stats = stats_of(f);
    assert_string_equal(stats.name, "order");
    assert_int_equal(stats.sent, 3);
    assert_int_equal(stats.pending, 0);
    assert_string_equal(stats.error, "");
}

static void many_keep_their_order(void **state)
{
    struct fixture *f = *state;
    start(f);
    for (int i = 0; i < MANY; i++)
        put(f, i % 3 ? "queue:orders" : "stream", i);
    assert_int_equal(relay_stop(f->relay, 10000, &f->error), 0);
    assert_int_equal(f->orders.count, MANY / 3 * 2);
    assert_int_equal(stream_count(f), MANY / 3);
    for (int i = 1; i < f->orders.count; i++)
        assert_true(f->orders.seqs[i] > f->orders.seqs[i - 1]);
    assert_int_equal(outbox_memory_count(f->outbox), 0);
}

static void a_target_that_is_away_is_tried_again_in_order(void **state)
{
    struct fixture *f = *state;
    f->orders.failures = 3;
    start(f);
    for (int i = 0; i < 700; i++)
        put(f, "queue:orders", i);
    AWAIT(stats_of(f).retries > 0);
    AWAIT(odd_count(&f->orders) == 700);
    for (int i = 0; i < 700; i++)
        assert_int_equal(f->orders.seqs[i], i);
    AWAIT(outbox_memory_count(f->outbox) == 0);
    AWAIT(stats_of(f).error[0] == '\0');
    assert_int_equal(stats_of(f).retries, 3);
}

static void a_target_that_is_away_does_not_hold_up_others(void **state)
{
    struct fixture *f = *state;
    f->mail.failures = 1000000;
    start(f);
    for (int i = 0; i < MANY; i++)
        put(f, i % 2 ? "queue:orders" : "queue:mail", i);
    AWAIT(odd_count(&f->orders) == MANY / 2);
    assert_int_equal(odd_count(&f->mail), 0);
    assert_non_null(strstr(stats_of(f).error, "on holiday"));
    assert_true(outbox_memory_count(f->outbox) >= MANY / 2);
    pthread_mutex_lock(&f->mail.lock);
    f->mail.failures = 0;
    pthread_mutex_unlock(&f->mail.lock);
    AWAIT(odd_count(&f->mail) == MANY / 2);
    for (int i = 1; i < MANY / 2; i++)
        assert_int_equal(f->mail.seqs[i], f->mail.seqs[i - 1] + 2);
    put(f, "queue:mail", MANY);
    AWAIT(odd_count(&f->mail) == MANY / 2 + 1);
    AWAIT(outbox_memory_count(f->outbox) == 0);
}

static void a_target_that_is_silent_does_not_hold_up_others(void **state)
{
    struct fixture *f = *state;
    f->mail.silent = true;
    start(f);
    put(f, "queue:mail", 1);
    put(f, "queue:orders", 2);
    AWAIT(odd_count(&f->orders) == 1);
    usleep(50000);
    assert_true(outbox_memory_count(f->outbox) >= 1);
    odd_answer(&f->mail);
    AWAIT(outbox_memory_count(f->outbox) == 0);
}

static void what_is_refused_is_passed_over(void **state)
{
    struct fixture *f = *state;
    f->orders.refused = "7";
    for (int i = 0; i < 20; i++)
        put(f, "queue:orders", i);
    start(f);
    AWAIT(odd_count(&f->orders) == 19);
    assert_int_equal(atomic_load(&f->refused), 1);
    for (int i = 1; i < 19; i++)
        assert_int_equal(f->orders.seqs[i], f->orders.seqs[i - 1] + (i == 7 ? 2 : 1));
    AWAIT(outbox_memory_count(f->outbox) == 0);
    assert_int_equal(stats_of(f).refused, 1);
}

static void an_unknown_target_is_told_and_kept(void **state)
{
    struct fixture *f = *state;
    start(f);
    put(f, "queue:nowhere", 1);
    put(f, "queue:nowhere", 2);
    put(f, "queue:orders", 3);
    AWAIT(odd_count(&f->orders) == 1);
    AWAIT(strstr(stats_of(f).error, "queue:nowhere"));
    assert_int_equal(relay_stop(f->relay, 5000, &f->error), 0);
    assert_int_equal(outbox_memory_count(f->outbox), 3);
}

static void stopping_keeps_what_could_not_be_sent(void **state)
{
    struct fixture *f = *state;
    f->mail.failures = 1000000;
    start(f);
    put(f, "queue:mail", 1);
    int64_t start_ms = clock_monotonic_ms();
    assert_int_equal(relay_stop(f->relay, 100, &f->error), ERROR_TIMEOUT);
    assert_in_range(clock_monotonic_ms() - start_ms, 90, 3000);
    assert_int_equal(outbox_memory_count(f->outbox), 1);
    relay_wake(f->source);
}

/* ---- from a service's file to a queue's file, with a subscriber ---- */

struct put_job {
    struct sqlite_job job;
    int from, count;
};

static int put_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct put_job *put_some = (struct put_job *)job;
    int rc = 0;
    for (int i = put_some->from; i < put_some->from + put_some->count && rc >= 0; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        struct outbox_item item = {
            .target = "queue:orders", .key = "k", .id = id, .body = id, .length = strlen(id)};
        rc = sqlite_outbox_put(conn, &item, &job->error);
    }
    return rc;
}

struct consumer {
    struct queue *queue;
    atomic_int count;
    int64_t last;
    bool ordered;
};

static void consume(void *ctx, struct queue_delivery *delivery)
{
    struct consumer *consumer = ctx;
    consumer->ordered &= atoi(delivery->id) > consumer->last;
    consumer->last = atoi(delivery->id);
    queue_ack(consumer->queue, delivery);
    atomic_fetch_add(&consumer->count, 1);
}

static int64_t outbox_left(struct sqlite_db *db)
{
    struct error error;
    struct arena *arena = arena_new();
    struct outbox_item *items;
    int count = sqlite_outbox_read(sqlite_db_reader(db, &error), arena, 0, 10000, &items, &error);
    arena_free(arena);
    return count;
}

static void files_are_joined(void **state)
{
    (void)state;
    char directory[64], path[128];
    struct error error;
    static const char *const migrations[] = {SQLITE_OUTBOX_SCHEMA, NULL};
    struct sqlite_options options = {.name = "service", .migrations = migrations};
    struct sqlite_db *db;
    struct queue_sqlite_file *file;
    struct timers *timers = timers_new();
    struct queue_options queue_options = {.timers = timers};
    struct consumer consumer = {.ordered = true, .last = -1};
    engine_directory(directory);
    snprintf(path, sizeof(path), "%s/service.db", directory);
    assert_int_equal(sqlite_db_open(&db, path, &options, &error), 0);
    snprintf(path, sizeof(path), "%s/queue.db", directory);
    assert_int_equal(queue_sqlite_file_open(&file, path, timers, &error), 0);
    assert_int_equal(queue_sqlite_open(&consumer.queue, file, "orders", &queue_options, &error), 0);
    struct relay *relay = relay_new();
    relay_add_queue(relay, consumer.queue);
    sqlite_db_on_commit(db, relay_wake_source, relay_add_sqlite_source(relay, "service", db));
    assert_int_equal(relay_start(relay, &error), 0);
    assert_int_equal(queue_subscribe(consumer.queue, consume, &consumer, 100, &error), 0);
    for (int i = 0; i < 100; i++) {
        struct put_job put_some = {.job = {.run = put_run}, .from = i * 30, .count = 30};
        assert_int_equal(sqlite_db_write_wait(db, &put_some.job, &error), 0);
    }
    AWAIT(atomic_load(&consumer.count) == 3000);
    AWAIT(outbox_left(db) == 0);
    assert_int_equal(relay_stop(relay, 1000, &error), 0);
    relay_free(relay);
    sqlite_db_close(db);
    assert_int_equal(queue_unsubscribe(consumer.queue, 1000, &error), 0);
    assert_true(consumer.ordered);
    queue_close(consumer.queue);
    queue_sqlite_file_close(file);
    timers_free(timers);
    engine_directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(items_reach_their_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(many_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_target_that_is_away_is_tried_again_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_target_that_is_away_does_not_hold_up_others, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_target_that_is_silent_does_not_hold_up_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_target_is_told_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_keeps_what_could_not_be_sent, setup, teardown),
        cmocka_unit_test(files_are_joined),
    };
    sqlite_global_init();
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
