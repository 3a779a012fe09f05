/* What only the SQLite engines of queue and stream have: a file that is killed, locked, shared. */
#include "engines.h"

#include "arena.h"
#include "queue.h"
#include "sqlite_db.h"
#include "stream.h"
#include "timer.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void path_of(char path[128], const char *directory, const char *name)
{
    snprintf(path, 128, "%s/%s", directory, name);
}

struct opened {
    struct timers *timers;
    struct queue_sqlite_file *file;
    struct queue *queue;
};

static struct opened open_queue(const char *directory, const char *name)
{
    struct opened it = {.timers = timers_new()};
    struct error error;
    struct queue_options options = {.timers = it.timers};
    char path[128];
    path_of(path, directory, "queue.db");
    assert_int_equal(queue_sqlite_file_open(&it.file, path, it.timers, &error), 0);
    assert_int_equal(queue_sqlite_open(&it.queue, it.file, name, &options, &error), 0);
    return it;
}

static void close_queue(struct opened *it)
{
    queue_close(it->queue);
    queue_sqlite_file_close(it->file);
    timers_free(it->timers);
}

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        for (int tries = 0; !(condition); tries++) {                                               \
            if (tries > 5000)                                                                      \
                fail_msg("in vain: " #condition);                                                  \
            usleep(2000);                                                                          \
        }                                                                                          \
    } while (0)

/* ---- killed ---- */

struct seen {
    struct queue *queue;
    int pipe;
    atomic_int count;
    char numbers[200000];
};

struct sent {
    int pipe, number;
};

/* What was acknowledged is told to the parent, which outlives the kill. */
static void tell(void *ctx, int rc, const struct error *error)
{
    (void)error;
    struct sent *sent = ctx;
    if (rc == 0 && write(sent->pipe, &sent->number, sizeof(sent->number)) < 0)
        _exit(1);
    free(sent);
}

static void child_sends(const char *directory, int pipe)
{
    struct opened it = open_queue(directory, "orders");
    struct stream *stream;
    struct error error;
    char path[128];
    path_of(path, directory, "stream.db");
    if (stream_sqlite_open(&stream, path, NULL, &error) < 0)
        _exit(1);
    for (int i = 0; i < 100000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        struct sent *sent = malloc(sizeof(*sent));
        *sent = (struct sent){pipe, i};
        if (i % 2) {
            struct queue_message message = {.id = id, .body = id, .length = strlen(id)};
            queue_send(it.queue, &message, 1, tell, sent);
        } else {
            struct stream_record record = {.key = "k", .id = id};
            stream_put(stream, &record, 1, tell, sent);
        }
        if (i % 50 == 0)
            usleep(1000);
    }
    pause();
}

static void take(void *ctx, struct queue_delivery *delivery)
{
    struct seen *seen = ctx;
    seen->numbers[atoi(delivery->id)]++;
    queue_ack(seen->queue, delivery);
    atomic_fetch_add(&seen->count, 1);
}

static void read_stream(const char *directory, struct seen *seen)
{
    struct stream *stream;
    struct stream_record *records;
    struct error error;
    struct arena *arena = arena_new();
    char path[128];
    path_of(path, directory, "stream.db");
    assert_int_equal(stream_sqlite_open(&stream, path, NULL, &error), 0);
    int64_t after = 0;
    int count, shard = stream_shard_of(stream, "k");
    while ((count = stream_read(stream, shard, after, 500, arena, &records, &error)) > 0) {
        for (int i = 0; i < count; i++)
            seen->numbers[atoi(records[i].id)]++;
        after = records[count - 1].sequence;
    }
    assert_int_equal(count, 0);
    stream_close(stream);
    arena_free(arena);
}

static void a_kill_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    char directory[64];
    int ends[2];
    engine_directory(directory);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_sends(directory, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    static bool acknowledged[200000];
    int number, told = 0;
    while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
        acknowledged[number] = true;
        if (++told == 3000)
            kill(child, SIGKILL);
    }
    assert_true(told >= 3000);
    waitpid(child, NULL, 0);
    close(ends[0]);

    struct seen *seen = test_calloc(1, sizeof(*seen));
    struct opened it = open_queue(directory, "orders");
    struct error error;
    struct queue_stats stats;
    seen->queue = it.queue;
    queue_stats(it.queue, &stats);
    int waiting = (int)stats.waiting;
    assert_int_equal(queue_subscribe(it.queue, take, seen, 100, &error), 0);
    AWAIT(atomic_load(&seen->count) == waiting);
    read_stream(directory, seen);
    for (int i = 0; i < 100000; i++) {
        if (acknowledged[i] && seen->numbers[i] != 1)
            fail_msg("message %d was seen %d times", i, seen->numbers[i]);
    }
    close_queue(&it);
    test_free(seen);
    engine_directory_remove(directory);
}

/* ---- locked ---- */

static void on_result(void *ctx, int rc, const struct error *error)
{
    (void)error;
    atomic_store((atomic_int *)ctx, rc == 0 ? 1 : rc);
}

static int send_one(struct queue *queue, const char *id)
{
    atomic_int result = 0;
    struct queue_message message = {.id = id, .body = id, .length = strlen(id)};
    queue_send(queue, &message, 1, on_result, &result);
    AWAIT(atomic_load(&result) != 0);
    return atomic_load(&result);
}

static void keep(void *ctx, struct queue_delivery *delivery)
{
    atomic_store((_Atomic(struct queue_delivery *) *)ctx, delivery);
}

/* Another program holds the file: sends fail, what was acked is written once it lets go. */
static void a_locked_file_delays_acks_and_refuses_sends(void **state)
{
    (void)state;
    char directory[64], path[128];
    engine_directory(directory);
    path_of(path, directory, "queue.db");
    struct opened it = open_queue(directory, "orders");
    struct error error;
    _Atomic(struct queue_delivery *) delivery = NULL;
    assert_int_equal(queue_subscribe(it.queue, keep, &delivery, 1, &error), 0);
    assert_int_equal(send_one(it.queue, "m1"), 1);
    AWAIT(atomic_load(&delivery));

    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    queue_ack(it.queue, atomic_load(&delivery));
    assert_int_equal(send_one(it.queue, "m2"), ERROR_UNAVAILABLE);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);

    sqlite3_stmt *count;
    assert_int_equal(
        sqlite3_prepare_v2(other, "SELECT count(*) FROM message", -1, &count, NULL), SQLITE_OK);
    int left = 1;
    for (int i = 0; i < 1000 && left > 0; i++, usleep(10000)) {
        sqlite3_step(count);
        left = sqlite3_column_int(count, 0);
        sqlite3_reset(count);
    }
    assert_int_equal(left, 0);
    sqlite3_finalize(count);
    sqlite3_close(other);
    struct queue_stats stats;
    queue_stats(it.queue, &stats);
    assert_int_equal(stats.sent, 1);
    queue_ack(it.queue, atomic_load(&delivery)); /* m2, refused and yet delivered */
    close_queue(&it);
    engine_directory_remove(directory);
}

/* ---- delivered before the commit ---- */

struct held {
    char directory[64];
    struct opened it;
    sqlite3 *other; /* holds the file, so that no commit gets through */
    _Atomic(struct queue_delivery *) delivery;
    atomic_int result;
};

/* Sends a message that is delivered while its commit waits. */
static void hold_and_send(struct held *held)
{
    char path[128];
    struct error error;
    memset(held, 0, sizeof(*held));
    engine_directory(held->directory);
    path_of(path, held->directory, "queue.db");
    held->it = open_queue(held->directory, "orders");
    assert_int_equal(queue_subscribe(held->it.queue, keep, &held->delivery, 1, &error), 0);
    assert_int_equal(sqlite3_open(path, &held->other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(held->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct queue_message message = {.id = "m1", .body = "m1", .length = 2};
    queue_send(held->it.queue, &message, 1, on_result, &held->result);
    assert_non_null(atomic_load(&held->delivery));
    assert_int_equal(atomic_load(&held->result), 0);
}

static void let_go(struct held *held)
{
    assert_int_equal(sqlite3_exec(held->other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    AWAIT(atomic_load(&held->result) != 0);
    assert_int_equal(atomic_load(&held->result), 1);
    sqlite3_close(held->other);
}

static int64_t waiting_after_reopening(struct held *held)
{
    struct queue_stats stats;
    close_queue(&held->it);
    held->it = open_queue(held->directory, "orders");
    queue_stats(held->it.queue, &stats);
    return stats.waiting;
}

static void end(struct held *held)
{
    close_queue(&held->it);
    engine_directory_remove(held->directory);
}

static void acked_before_the_commit_is_gone(void **state)
{
    (void)state;
    struct held held;
    hold_and_send(&held);
    queue_ack(held.it.queue, atomic_load(&held.delivery));
    let_go(&held);
    assert_int_equal(waiting_after_reopening(&held), 0);
    end(&held);
}

static void acked_after_the_commit_is_gone(void **state)
{
    (void)state;
    struct held held;
    hold_and_send(&held);
    let_go(&held);
    queue_ack(held.it.queue, atomic_load(&held.delivery));
    assert_int_equal(waiting_after_reopening(&held), 0);
    end(&held);
}

static void nacked_before_the_commit_comes_again(void **state)
{
    (void)state;
    struct held held;
    hold_and_send(&held);
    queue_nack(held.it.queue, atomic_load(&held.delivery), 60000, "later");
    let_go(&held);
    assert_int_equal(waiting_after_reopening(&held), 1);
    end(&held);
}

static void dead_before_the_commit_is_a_dead_letter(void **state)
{
    (void)state;
    struct held held;
    struct error error;
    struct queue_dead_letter *letters;
    struct arena *arena = arena_new();
    hold_and_send(&held);
    queue_nack(held.it.queue, atomic_load(&held.delivery), QUEUE_NACK_DEAD, "never");
    let_go(&held);
    assert_int_equal(waiting_after_reopening(&held), 0);
    assert_int_equal(queue_dead_letters(held.it.queue, arena, 10, &letters, &error), 1);
    assert_string_equal(letters[0].reason, "never");
    assert_int_equal(letters[0].receive_count, 1);
    arena_free(arena);
    end(&held);
}

/* The same message sent again while the first is out is dropped, as ever. */
static void sent_again_before_the_commit_is_one(void **state)
{
    (void)state;
    struct held held;
    hold_and_send(&held);
    atomic_int again = 0;
    struct queue_message message = {.id = "m1", .body = "m1", .length = 2};
    queue_send(held.it.queue, &message, 1, on_result, &again);
    let_go(&held);
    AWAIT(atomic_load(&again) != 0);
    assert_int_equal(atomic_load(&again), 1);
    struct queue_stats stats;
    queue_stats(held.it.queue, &stats);
    assert_int_equal(stats.sent, 1);
    assert_int_equal(stats.waiting, 0);
    queue_ack(held.it.queue, atomic_load(&held.delivery));
    assert_int_equal(waiting_after_reopening(&held), 0);
    end(&held);
}

/* ---- shared ---- */

static void queues_of_a_file_are_apart(void **state)
{
    (void)state;
    char directory[64];
    engine_directory(directory);
    struct opened it = open_queue(directory, "orders");
    struct queue_options options = {.timers = it.timers, .max_receives = 1};
    struct queue *mail;
    struct error error;
    struct queue_stats stats;
    assert_int_equal(queue_sqlite_open(&mail, it.file, "mail", &options, &error), 0);
    assert_string_equal(mail->name, "mail");
    assert_int_equal(send_one(it.queue, "m1"), 1);
    assert_int_equal(send_one(mail, "m1"), 1);
    assert_int_equal(send_one(mail, "m2"), 1);
    _Atomic(struct queue_delivery *) delivery = NULL;
    assert_int_equal(queue_subscribe(mail, keep, &delivery, 1, &error), 0);
    AWAIT(atomic_load(&delivery));
    queue_nack(mail, atomic_load(&delivery), 0, "no");
    queue_stats(it.queue, &stats);
    assert_int_equal(stats.waiting, 1);
    assert_int_equal(stats.dead, 0);
    queue_stats(mail, &stats);
    assert_int_equal(stats.dead, 1);
    atomic_int purged = 0;
    queue_purge_dead(mail, NULL, on_result, &purged);
    AWAIT(atomic_load(&purged) == 1);
    queue_ack(mail, atomic_load(&delivery));
    queue_close(mail);
    char copy[128];
    path_of(copy, directory, "copy.db");
    assert_int_equal(queue_sqlite_file_backup(it.file, copy, &error), 0);
    assert_int_equal(access(copy, R_OK), 0);
    close_queue(&it);
    engine_directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(a_locked_file_delays_acks_and_refuses_sends),
        cmocka_unit_test(acked_before_the_commit_is_gone),
        cmocka_unit_test(acked_after_the_commit_is_gone),
        cmocka_unit_test(nacked_before_the_commit_comes_again),
        cmocka_unit_test(dead_before_the_commit_is_a_dead_letter),
        cmocka_unit_test(sent_again_before_the_commit_is_one),
        cmocka_unit_test(queues_of_a_file_are_apart),
    };
    sqlite_global_init();
    return cmocka_run_group_tests_name("queue and stream, sqlite", tests, NULL, NULL);
}
