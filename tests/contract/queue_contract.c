/* What every queue keeps, run against each engine. */
#include "arena.h"
#include "clock.h"
#include "engines.h"
#include "queue.h"
#include "sqlite_db.h"
#include "timer.h"

#define MANY 2000

struct engine {
    const char *name;
    bool durable;
    void (*open)(struct queue **queue, const char *directory, const struct queue_options *options);
    void (*close)(struct queue *queue);
};
static const struct engine *engine;

static void open_memory(
    struct queue **queue, const char *directory, const struct queue_options *options)
{
    (void)directory;
    *queue = queue_memory_new("orders", options);
}

static struct queue_sqlite_file *file;

static void open_sqlite(
    struct queue **queue, const char *directory, const struct queue_options *options)
{
    struct error error;
    char path[128];
    snprintf(path, sizeof(path), "%s/queue.db", directory);
    assert_int_equal(queue_sqlite_file_open(&file, path, options->timers, &error), 0);
    assert_int_equal(queue_sqlite_open(queue, file, "orders", options, &error), 0);
}

static void close_sqlite(struct queue *queue)
{
    queue_close(queue);
    queue_sqlite_file_close(file);
}

static const struct engine engines[] = {
    {"queue, memory", false, open_memory, queue_close},
    {"queue, sqlite", true, open_sqlite, close_sqlite},
};

/* ---- a queue and a subscriber that notes what it gets ---- */

struct fixture {
    struct timers *timers;
    char directory[64];
    struct queue_options options;
    struct queue *queue;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool settle_at_once; /* ack in the handler; else the deliveries are kept */
    struct queue_delivery *kept[MANY];
    char ids[MANY][32];
    int counts[MANY];
    int received, taken;
    int sent, send_rc;
};

static void start(struct fixture *f)
{
    engine->open(&f->queue, f->directory, &f->options);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    engine_directory(f->directory);
    f->timers = timers_new();
    f->options = (struct queue_options){.timers = f->timers};
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine->close(f->queue);
    timers_free(f->timers);
    engine_directory_remove(f->directory);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    test_free(f);
    return 0;
}

static void restart(struct fixture *f)
{
    engine->close(f->queue);
    start(f);
}

/* Waits for `*value` to reach `least`, under the lock. */
static void wait_for(struct fixture *f, const int *value, int least)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    while (*value < least)
        if (pthread_cond_timedwait(&f->changed, &f->lock, &until) != 0)
            fail_msg("waited in vain: %d of %d", *value, least);
}

static void on_sent(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    assert_int_equal(rc, error->code);
    pthread_mutex_lock(&f->lock);
    f->sent++;
    f->send_rc = rc;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static int await_sent(struct fixture *f, int before)
{
    pthread_mutex_lock(&f->lock);
    wait_for(f, &f->sent, before + 1);
    int rc = f->send_rc;
    pthread_mutex_unlock(&f->lock);
    return rc;
}

static int send_message(struct fixture *f, const struct queue_message *message)
{
    int before = f->sent;
    queue_send(f->queue, message, 1, on_sent, f);
    return await_sent(f, before);
}

static void put(struct fixture *f, const char *id, int64_t delay_ms)
{
    struct queue_message message = {
        .id = id, .key = "k", .body = id, .length = strlen(id), .delay_ms = delay_ms};
    assert_int_equal(send_message(f, &message), 0);
}

static void handle(void *ctx, struct queue_delivery *delivery)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    bool at_once = f->settle_at_once;
    int n = f->received;
    if (n == MANY)
        abort();
    snprintf(f->ids[n], sizeof(f->ids[n]), "%s", delivery->id);
    f->counts[n] = delivery->receive_count;
    f->kept[n] = at_once ? NULL : delivery;
    f->received++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (at_once)
        queue_ack(f->queue, delivery);
}

static void subscribe(struct fixture *f, int max_in_flight)
{
    struct error error;
    assert_int_equal(queue_subscribe(f->queue, handle, f, max_in_flight, &error), 0);
}

/* The next delivery, in the order of arrival. */
static struct queue_delivery *take(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    int mine = f->taken++;
    wait_for(f, &f->received, mine + 1);
    struct queue_delivery *delivery = f->kept[mine];
    pthread_mutex_unlock(&f->lock);
    return delivery;
}

static void await_received(struct fixture *f, int count)
{
    pthread_mutex_lock(&f->lock);
    wait_for(f, &f->received, count);
    pthread_mutex_unlock(&f->lock);
}

static int received(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    int count = f->received;
    pthread_mutex_unlock(&f->lock);
    return count;
}

static struct queue_stats stats_of(struct fixture *f)
{
    struct queue_stats stats;
    queue_stats(f->queue, &stats);
    return stats;
}

/* Until `count` dead letters can be listed. */
static struct queue_dead_letter *await_dead(struct fixture *f, struct arena *arena, int count)
{
    struct error error;
    struct queue_dead_letter *letters = NULL;
    for (int i = 0; i < 4000; i++) {
        if (queue_dead_letters(f->queue, arena, 100, &letters, &error) == count)
            return letters;
        usleep(2500);
    }
    fail_msg("no %d dead letters", count);
    return NULL;
}

/* ---- sending and delivering ---- */

static void delivers_what_was_sent(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_now_ms();
    struct queue_message message = {
        .id = "m1", .key = "order-7", .body = "{\"a\":1}??", .length = 7};
    assert_int_equal(send_message(f, &message), 0);
    assert_int_equal(stats_of(f).waiting, 1);
    subscribe(f, 10);
    struct queue_delivery *delivery = take(f);
    assert_string_equal(delivery->id, "m1");
    assert_string_equal(delivery->key, "order-7");
    assert_int_equal(delivery->length, 7);
    assert_string_equal(delivery->body, "{\"a\":1}");
    assert_int_equal(delivery->receive_count, 1);
    assert_true(delivery->sent_at_ms >= before && delivery->sent_at_ms <= clock_now_ms());
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.in_flight, 1);
    queue_ack(f->queue, delivery);
    stats = stats_of(f);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.acked, 1);
    assert_int_equal(stats.sent, 1);
}

static void bodies_may_be_empty_or_hold_nul(void **state)
{
    struct fixture *f = *state;
    struct queue_message messages[] = {{.id = "empty"}, {.id = "nul", .body = "a\0b", .length = 3}};
    assert_int_equal(send_message(f, &messages[0]), 0);
    assert_int_equal(send_message(f, &messages[1]), 0);
    restart(f);
    if (!engine->durable) {
        assert_int_equal(send_message(f, &messages[0]), 0);
        assert_int_equal(send_message(f, &messages[1]), 0);
    }
    subscribe(f, 10);
    struct queue_delivery *delivery = take(f);
    assert_int_equal(delivery->length, 0);
    assert_string_equal(delivery->body, "");
    assert_string_equal(delivery->key, "");
    queue_ack(f->queue, delivery);
    delivery = take(f);
    assert_memory_equal(delivery->body, "a\0b", 4);
    queue_ack(f->queue, delivery);
}

static void send_numbered(struct fixture *f, int count)
{
    struct queue_message messages[100];
    char ids[100][16];
    for (int done = 0; done < count; done += 100) {
        for (int i = 0; i < 100; i++) {
            snprintf(ids[i], sizeof(ids[i]), "m%05d", done + i);
            messages[i] = (struct queue_message){.id = ids[i], .body = "x", .length = 1};
        }
        queue_send(f->queue, messages, 100, on_sent, f);
    }
    pthread_mutex_lock(&f->lock);
    wait_for(f, &f->sent, count / 100);
    pthread_mutex_unlock(&f->lock);
}

static void many_come_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    f->settle_at_once = true;
    send_numbered(f, MANY);
    subscribe(f, 7);
    await_received(f, MANY);
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof(id), "m%05d", i);
        assert_string_equal(f->ids[i], id);
    }
    struct error error;
    assert_int_equal(queue_unsubscribe(f->queue, 5000, &error), 0);
    assert_int_equal(stats_of(f).acked, MANY);
}

static void an_id_that_is_present_is_dropped(void **state)
{
    struct fixture *f = *state;
    f->options.max_receives = 1;
    restart(f);
    put(f, "m1", 0);
    put(f, "m1", 0);
    assert_int_equal(stats_of(f).waiting, 1);
    subscribe(f, 10);
    struct queue_delivery *delivery = take(f);
    put(f, "m1", 0); /* in flight */
    queue_nack(f->queue, delivery, 0, "no");
    put(f, "m1", 0); /* dead */
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.waiting + stats.in_flight, 0);
    assert_int_equal(stats.dead, 1);
    assert_int_equal(stats.sent, 1);
}

static void an_id_may_come_back_after_its_ack(void **state)
{
    struct fixture *f = *state;
    subscribe(f, 10);
    put(f, "m1", 0);
    queue_ack(f->queue, take(f));
    put(f, "m1", 0);
    queue_ack(f->queue, take(f));
    assert_int_equal(stats_of(f).acked, 2);
}

static void broken_messages_are_refused_with_the_rest(void **state)
{
    struct fixture *f = *state;
    static char large[QUEUE_MAX_BODY + 1];
    char text[QUEUE_MAX_TEXT + 2];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct queue_message broken[] = {
        {.id = NULL},
        {.id = ""},
        {.id = text},
        {.id = "m", .key = text},
        {.id = "m", .body = large, .length = sizeof(large)},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        struct queue_message messages[] = {{.id = "good"}, broken[i]};
        int before = f->sent;
        queue_send(f->queue, messages, 2, on_sent, f);
        assert_int_equal(await_sent(f, before), ERROR_INVALID);
    }
    assert_int_equal(stats_of(f).waiting, 0);
    struct queue_message largest = {.id = "m", .body = large, .length = QUEUE_MAX_BODY};
    assert_int_equal(send_message(f, &largest), 0);
}

static void no_more_in_flight_than_asked_for(void **state)
{
    struct fixture *f = *state;
    send_numbered(f, 100);
    subscribe(f, 3);
    await_received(f, 3);
    usleep(20000);
    assert_int_equal(received(f), 3);
    assert_int_equal(stats_of(f).in_flight, 3);
    queue_ack(f->queue, take(f));
    await_received(f, 4);
    for (int i = 1; i < 100; i++)
        queue_ack(f->queue, take(f));
    assert_int_equal(stats_of(f).acked, 100);
}

static void a_delay_is_kept(void **state)
{
    struct fixture *f = *state;
    subscribe(f, 10);
    int64_t start_ms = clock_monotonic_ms();
    put(f, "late", 120);
    put(f, "now", 0);
    struct queue_delivery *delivery = take(f);
    assert_string_equal(delivery->id, "now");
    queue_ack(f->queue, delivery);
    assert_int_equal(stats_of(f).waiting, 1);
    delivery = take(f);
    assert_string_equal(delivery->id, "late");
    assert_true(clock_monotonic_ms() - start_ms >= 119);
    queue_ack(f->queue, delivery);
}

/* ---- failing ---- */

static void a_nack_delivers_again(void **state)
{
    struct fixture *f = *state;
    subscribe(f, 10);
    put(f, "m1", 0);
    queue_nack(f->queue, take(f), 0, NULL);
    struct queue_delivery *delivery = take(f);
    assert_int_equal(delivery->receive_count, 2);
    int64_t start_ms = clock_monotonic_ms();
    queue_nack(f->queue, delivery, 80, "busy");
    delivery = take(f);
    assert_int_equal(delivery->receive_count, 3);
    assert_true(clock_monotonic_ms() - start_ms >= 79);
    queue_ack(f->queue, delivery);
    assert_int_equal(stats_of(f).nacked, 2);
    assert_int_equal(stats_of(f).acked, 1);
}

static void what_is_not_settled_comes_again(void **state)
{
    struct fixture *f = *state;
    f->options.visibility_ms = 60;
    restart(f);
    subscribe(f, 1);
    put(f, "m1", 0);
    struct queue_delivery *first = take(f), *second = take(f);
    assert_int_equal(second->receive_count, 2);
    assert_int_equal(stats_of(f).expired, 1);
    queue_nack(f->queue, first, QUEUE_NACK_DEAD, "too late to matter");
    assert_int_equal(stats_of(f).dead, 0);
    queue_ack(f->queue, second);
    assert_int_equal(stats_of(f).acked, 1);
}

static void a_late_ack_counts(void **state)
{
    struct fixture *f = *state;
    f->options.visibility_ms = 60;
    restart(f);
    subscribe(f, 10);
    put(f, "m1", 0);
    struct queue_delivery *first = take(f), *second = take(f);
    queue_ack(f->queue, first);
    queue_nack(f->queue, second, 0, "but it is done");
    usleep(100000);
    assert_int_equal(received(f), 2);
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.waiting + stats.in_flight + stats.dead, 0);
    assert_int_equal(stats.acked, 1);
}

static void a_late_ack_takes_back_what_waits_again(void **state)
{
    struct fixture *f = *state;
    f->options.visibility_ms = 60;
    restart(f);
    subscribe(f, 1);
    put(f, "m1", 0);
    struct queue_delivery *first = take(f);
    struct error error;
    assert_int_equal(queue_unsubscribe(f->queue, 1, &error), ERROR_TIMEOUT);
    while (stats_of(f).waiting == 0)
        usleep(1000);
    queue_ack(f->queue, first);
    assert_int_equal(stats_of(f).waiting, 0);
    put(f, "m2", 0);
    subscribe(f, 1);
    struct queue_delivery *delivery = take(f);
    assert_string_equal(delivery->id, "m2");
    queue_ack(f->queue, delivery);
}

static void too_many_failures_are_death(void **state)
{
    struct fixture *f = *state;
    struct arena *arena = arena_new();
    f->options.max_receives = 3;
    restart(f);
    subscribe(f, 10);
    struct queue_message message = {.id = "m1", .key = "k1", .body = "text", .length = 4};
    assert_int_equal(send_message(f, &message), 0);
    queue_nack(f->queue, take(f), 0, "first");
    queue_nack(f->queue, take(f), 0, "second");
    queue_nack(f->queue, take(f), 0, "third");
    struct queue_dead_letter *letter = await_dead(f, arena, 1);
    assert_string_equal(letter->id, "m1");
    assert_string_equal(letter->key, "k1");
    assert_int_equal(letter->length, 4);
    assert_string_equal(letter->body, "text");
    assert_string_equal(letter->reason, "third");
    assert_int_equal(letter->receive_count, 3);
    assert_true(letter->died_at_ms >= letter->sent_at_ms);
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.dead, 1);
    assert_int_equal(stats.died, 1);
    assert_int_equal(stats.waiting + stats.in_flight, 0);
    arena_free(arena);
}

static void the_hopeless_die_at_once(void **state)
{
    struct fixture *f = *state;
    struct arena *arena = arena_new();
    subscribe(f, 10);
    put(f, "m1", 0);
    queue_nack(f->queue, take(f), QUEUE_NACK_DEAD, "not JSON");
    assert_string_equal(await_dead(f, arena, 1)->reason, "not JSON");
    arena_free(arena);
}

static void kill_some(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "dead%d", i);
        put(f, id, 0);
        queue_nack(f->queue, take(f), QUEUE_NACK_DEAD, "on purpose");
    }
}

static void dead_letters_are_driven_back(void **state)
{
    struct fixture *f = *state;
    struct arena *arena = arena_new();
    subscribe(f, 10);
    kill_some(f, 3);
    int before = f->sent;
    queue_redrive(f->queue, "dead1", on_sent, f);
    assert_int_equal(await_sent(f, before), 0);
    struct queue_delivery *delivery = take(f);
    assert_string_equal(delivery->id, "dead1");
    assert_int_equal(delivery->receive_count, 1);
    queue_ack(f->queue, delivery);
    assert_int_equal(stats_of(f).dead, 2);
    await_dead(f, arena, 2);
    before = f->sent;
    queue_redrive(f->queue, NULL, on_sent, f);
    assert_int_equal(await_sent(f, before), 0);
    queue_ack(f->queue, take(f));
    queue_ack(f->queue, take(f));
    assert_int_equal(stats_of(f).dead, 0);
    await_dead(f, arena, 0);
    before = f->sent;
    queue_redrive(f->queue, "dead1", on_sent, f);
    assert_int_equal(await_sent(f, before), ERROR_NOT_FOUND);
    arena_free(arena);
}

static void dead_letters_are_purged(void **state)
{
    struct fixture *f = *state;
    struct arena *arena = arena_new();
    subscribe(f, 10);
    kill_some(f, 3);
    int before = f->sent;
    queue_purge_dead(f->queue, "dead0", on_sent, f);
    assert_int_equal(await_sent(f, before), 0);
    assert_string_equal(await_dead(f, arena, 2)->id, "dead1");
    before = f->sent;
    queue_purge_dead(f->queue, "dead0", on_sent, f);
    assert_int_equal(await_sent(f, before), ERROR_NOT_FOUND);
    before = f->sent;
    queue_purge_dead(f->queue, NULL, on_sent, f);
    assert_int_equal(await_sent(f, before), 0);
    assert_int_equal(stats_of(f).dead, 0);
    put(f, "dead0", 0);
    queue_ack(f->queue, take(f));
    arena_free(arena);
}

/* ---- subscribing, stopping ---- */

static void there_is_one_subscriber(void **state)
{
    struct fixture *f = *state;
    struct error error;
    subscribe(f, 1);
    assert_int_equal(queue_subscribe(f->queue, handle, f, 1, &error), ERROR_CONFLICT);
}

static void unsubscribing_waits_for_what_is_out(void **state)
{
    struct fixture *f = *state;
    struct error error;
    subscribe(f, 1);
    put(f, "m1", 0);
    put(f, "m2", 0);
    struct queue_delivery *delivery = take(f);
    assert_int_equal(queue_unsubscribe(f->queue, 20, &error), ERROR_TIMEOUT);
    queue_ack(f->queue, delivery);
    assert_int_equal(queue_unsubscribe(f->queue, 20, &error), 0);
    assert_int_equal(received(f), 1);
    assert_int_equal(stats_of(f).waiting, 1);
    subscribe(f, 1);
    queue_ack(f->queue, take(f));
}

static void closing_leaves_deliveries_to_be_settled(void **state)
{
    struct fixture *f = *state;
    subscribe(f, 10);
    put(f, "m1", 0);
    put(f, "m2", 0);
    struct queue *old = f->queue;
    struct queue_delivery *first = take(f), *second = take(f);
    restart(f);
    queue_ack(old, first);
    queue_nack(old, second, 0, "gone");
    assert_int_equal(stats_of(f).acked, 0);
    if (engine->durable) {
        while (stats_of(f).waiting < 2)
            usleep(1000);
        subscribe(f, 10);
        queue_ack(f->queue, take(f));
        queue_ack(f->queue, take(f));
    }
}

/* ---- threads ---- */

#define SENDERS 4
#define EACH (MANY / SENDERS)

struct sender {
    struct fixture *f;
    int number;
    pthread_t thread;
};

static void *send_many(void *ctx)
{
    struct sender *sender = ctx;
    for (int i = 0; i < EACH; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%d-%d", sender->number, i);
        struct queue_message message = {.id = id, .body = id, .length = strlen(id)};
        queue_send(sender->f->queue, &message, 1, on_sent, sender->f);
    }
    return NULL;
}

static void *settle_many(void *ctx)
{
    struct fixture *f = ctx;
    for (int i = 0; i < MANY / 2; i++)
        queue_ack(f->queue, take(f));
    return NULL;
}

static void many_threads_send_and_settle(void **state)
{
    struct fixture *f = *state;
    struct sender senders[SENDERS];
    pthread_t settlers[2];
    subscribe(f, 50);
    for (int i = 0; i < 2; i++)
        pthread_create(&settlers[i], NULL, settle_many, f);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.f = f, .number = i};
        pthread_create(&senders[i].thread, NULL, send_many, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(settlers[i], NULL);
    pthread_mutex_lock(&f->lock);
    wait_for(f, &f->sent, MANY);
    pthread_mutex_unlock(&f->lock);
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.sent, MANY);
    assert_int_equal(stats.delivered, MANY);
    assert_int_equal(stats.acked, MANY);
    assert_int_equal(stats.waiting + stats.in_flight + stats.dead, 0);
}

static void a_small_memory_loses_nothing(void **state)
{
    struct fixture *f = *state;
    f->options.backlog = 16;
    f->settle_at_once = true;
    restart(f);
    send_numbered(f, 300);
    assert_int_equal(stats_of(f).waiting, 300);
    subscribe(f, 4);
    await_received(f, 300);
    f->sent = 0;
    for (int i = 0; i < 300; i++) {
        char id[16];
        snprintf(id, sizeof(id), "m%05d", i);
        assert_string_equal(f->ids[i], id);
    }
    put(f, "last", 0);
    await_received(f, 301);
    assert_int_equal(stats_of(f).waiting, 0);
}

/* ---- across restarts ---- */

static void a_restart_forgets_nothing(void **state)
{
    struct fixture *f = *state;
    if (!engine->durable)
        skip();
    struct arena *arena = arena_new();
    f->options.max_receives = 2;
    restart(f);
    subscribe(f, 10);
    put(f, "acked", 0);
    queue_ack(f->queue, take(f));
    put(f, "failed", 0);
    queue_nack(f->queue, take(f), 100, "later");
    put(f, "dead", 0);
    queue_nack(f->queue, take(f), QUEUE_NACK_DEAD, "gone");
    struct error error;
    assert_int_equal(queue_unsubscribe(f->queue, 1000, &error), 0);
    put(f, "waiting", 0);
    put(f, "delayed", 200);
    restart(f);
    struct queue_stats stats = stats_of(f);
    assert_int_equal(stats.waiting, 3);
    assert_int_equal(stats.dead, 1);
    subscribe(f, 10);
    static const char *const expected[] = {"waiting", "failed", "delayed"};
    for (int i = 0; i < 3; i++) {
        struct queue_delivery *delivery = take(f);
        assert_string_equal(delivery->id, expected[i]);
        assert_int_equal(delivery->receive_count, i == 1 ? 2 : 1);
        queue_ack(f->queue, delivery);
    }
    assert_string_equal(await_dead(f, arena, 1)->reason, "gone");
    restart(f);
    assert_int_equal(stats_of(f).waiting, 0);
    assert_int_equal(stats_of(f).dead, 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivers_what_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_may_be_empty_or_hold_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(many_come_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_that_is_present_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_may_come_back_after_its_ack, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_messages_are_refused_with_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_in_flight_than_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delay_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nack_delivers_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_settled_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_ack_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_ack_takes_back_what_waits_again, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_failures_are_death, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hopeless_die_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_letters_are_driven_back, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_letters_are_purged, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_one_subscriber, setup, teardown),
        cmocka_unit_test_setup_teardown(unsubscribing_waits_for_what_is_out, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_leaves_deliveries_to_be_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads_send_and_settle, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_memory_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_forgets_nothing, setup, teardown),
    };
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
