/* One suite for every engine of the notification service's store. */
#include "arena.h"
#include "engines.h"
#include "notification_store.h"
#include "sqlite_db.h"

struct fixture {
    char directory[64];
    struct notification_store *store;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc;
};

static struct engine {
    const char *name;
    struct notification_store *(*open)(struct fixture *f);
} const *engine;

static struct notification_store *open_memory(struct fixture *f)
{
    (void)f;
    return notification_store_memory_new();
}

static struct notification_store *open_sqlite(struct fixture *f)
{
    struct error error = {0};
    struct notification_store *store = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/notification.db", f->directory);
    assert_int_equal(notification_store_sqlite_open(&store, path, &error), 0);
    return store;
}

static const struct engine engines[] = {{"memory", open_memory}, {"sqlite", open_sqlite}};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->store = engine->open(f);
    f->arena = arena_new();
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->finished, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    notification_store_close(f->store);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    free(f);
    return 0;
}

static void finished(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    (void)error;
    pthread_mutex_lock(&f->lock);
    f->rc = rc;
    f->done = true;
    pthread_cond_signal(&f->finished);
    pthread_mutex_unlock(&f->lock);
}

static int wait_for(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->done)
        pthread_cond_wait(&f->finished, &f->lock);
    f->done = false;
    pthread_mutex_unlock(&f->lock);
    return f->rc;
}

#define ADA "01J8ZQ4T8M3V5X7Y9A1B2C3D4A"
#define BEA "01J8ZQ4T8M3V5X7Y9A1B2C3D4B"

static struct notification_row row(
    const char *id, const char *user, enum notification_status status)
{
    return (struct notification_row){.id = id,
        .user_id = user,
        .guest_id = user ? NULL : BEA,
        .template = "order_confirmed",
        .subject = "Your order",
        .order_id = "01JB0000000000000000000001",
        .error = status == NOTIFICATION_SENT ? NULL : "away",
        .status = status,
        .attempts = 1,
        .created_ms = 1000,
        .sent_ms = status == NOTIFICATION_SENT ? 2000 : 0};
}

static void record(struct fixture *f, const struct notification_row *rows, size_t count)
{
    notification_store_record(f->store, rows, count, finished, f);
    assert_int_equal(wait_for(f), 0);
}

static struct notification_list list(
    struct fixture *f, const char *user, int status, const char *before, int limit)
{
    struct notification_query query = {user, status, before, limit};
    struct notification_list out = {0};
    notification_store_list(f->store, f->arena, &query, &out, finished, f);
    assert_int_equal(wait_for(f), 0);
    return out;
}

static void what_is_recorded_is_listed(void **state)
{
    struct fixture *f = *state;
    struct notification_row one = row("01JB000000000000000000000A", ADA, NOTIFICATION_SENT);
    record(f, &one, 1);
    struct notification_list found = list(f, ADA, -1, NULL, 10);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.rows[0].id, one.id);
    assert_string_equal(found.rows[0].user_id, ADA);
    assert_null(found.rows[0].guest_id);
    assert_string_equal(found.rows[0].template, "order_confirmed");
    assert_string_equal(found.rows[0].subject, "Your order");
    assert_string_equal(found.rows[0].order_id, one.order_id);
    assert_null(found.rows[0].error);
    assert_int_equal(found.rows[0].status, NOTIFICATION_SENT);
    assert_int_equal(found.rows[0].created_ms, 1000);
    assert_int_equal(found.rows[0].sent_ms, 2000);
}

static void sent_is_for_good(void **state)
{
    struct fixture *f = *state;
    const char *id = "01JB000000000000000000000A";
    struct notification_row queued = row(id, ADA, NOTIFICATION_QUEUED);
    struct notification_row sent = row(id, ADA, NOTIFICATION_SENT);
    struct notification_row failed = row(id, ADA, NOTIFICATION_FAILED);
    struct error error = {0};
    assert_int_equal(notification_store_sent(f->store, id, &error), 0);
    record(f, &queued, 1);
    assert_int_equal(notification_store_sent(f->store, id, &error), 0);
    record(f, &failed, 1);
    assert_int_equal(list(f, ADA, NOTIFICATION_FAILED, NULL, 10).count, 1);
    record(f, &sent, 1);
    assert_int_equal(notification_store_sent(f->store, id, &error), 1);
    record(f, &failed, 1);
    assert_int_equal(notification_store_sent(f->store, id, &error), 1);
    assert_int_equal(list(f, ADA, NOTIFICATION_FAILED, NULL, 10).count, 0);
}

static void lists_filter_and_page(void **state)
{
    struct fixture *f = *state;
    struct notification_row rows[] = {
        row("01JB000000000000000000000A", ADA, NOTIFICATION_SENT),
        row("01JB000000000000000000000B", BEA, NOTIFICATION_SENT),
        row("01JB000000000000000000000C", ADA, NOTIFICATION_QUEUED),
        row("01JB000000000000000000000D", NULL, NOTIFICATION_FAILED),
        row("01JB000000000000000000000E", ADA, NOTIFICATION_SENT),
    };
    record(f, rows, 5);
    struct notification_list found = list(f, NULL, -1, NULL, 3);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.rows[0].id, rows[4].id);
    assert_string_equal(found.rows[2].id, rows[2].id);
    found = list(f, NULL, -1, rows[2].id, 3);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.rows[0].id, rows[1].id);
    found = list(f, ADA, -1, NULL, 10);
    assert_int_equal(found.count, 3);
    found = list(f, ADA, NOTIFICATION_SENT, rows[4].id, 10);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.rows[0].id, rows[0].id);
    found = list(f, NULL, NOTIFICATION_FAILED, NULL, 10);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.rows[0].guest_id, BEA);
    assert_string_equal(found.rows[0].error, "away");
    assert_int_equal(list(f, NULL, NOTIFICATION_SENT, NULL, 10).count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_recorded_is_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(sent_is_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_filter_and_page, setup, teardown),
    };
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
