#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "secure.h"
#include "sqlite_db.h"
#include "sqlite_outbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const migrations[] = {
    SQLITE_OUTBOX_SCHEMA "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
    NULL,
};
static const char *const older[] = {migrations[0], NULL};

static const struct sqlite_options options = {.name = "test", .migrations = migrations};

static char directory[64];

static char *path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", directory, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/winestore-sqlite-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

struct insert {
    struct sqlite_job job;
    const char *name;
    bool fail;
    atomic_int *finished;
    int rc;
};

static int insert_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct insert *insert = (struct insert *)job;
    int rc = sqlite_exec(conn, &job->error, "INSERT INTO item(name) VALUES(?)", "t", insert->name);
    return rc == 0 && insert->fail
               ? error_set(&job->error, ERROR_INVALID, NULL, "name", "not wanted")
               : rc;
}

static void insert_done(struct sqlite_job *job)
{
    struct insert *insert = (struct insert *)job;
    insert->rc = job->rc;
    atomic_fetch_add(insert->finished, 1);
}

static int64_t count(struct sqlite_db *db)
{
    struct error error = {0};
    struct sqlite_conn *conn = sqlite_db_reader(db, &error);
    assert_non_null(conn);
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, &error, "SELECT count(*) FROM item", "");
    assert_int_equal(sqlite_step(conn, row, &error), 1);
    return sqlite3_column_int64(row, 0);
}

static void test_a_failed_job_is_undone_alone(void **state)
{
    (void)state;
    struct sqlite_db *db;
    struct error error = {0};
    char path[128];
    atomic_int finished = 0;
    assert_int_equal(sqlite_db_open(&db, path_of("a.db", path), &options, &error), 0);
    static struct insert jobs[300];
    static char names[300][16];
    for (int i = 0; i < 300; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i == 7 ? 6 : i);
        jobs[i] = (struct insert){.job = {.run = insert_run, .done = insert_done},
            .name = names[i],
            .fail = i % 3 == 2,
            .finished = &finished};
        sqlite_db_write(db, &jobs[i].job);
    }
    while (atomic_load(&finished) < 300)
        usleep(1000);
    assert_int_equal(jobs[0].rc, 0);
    assert_int_equal(jobs[2].rc, ERROR_INVALID);
    assert_int_equal(jobs[7].rc, ERROR_CONFLICT);
    assert_int_equal(count(db), 199);
    struct sqlite_db_stats stats;
    sqlite_db_stats(db, &stats);
    assert_true(stats.commits < 300);
    sqlite_db_close(db);
}

static void test_what_was_written_is_there_after_opening_again(void **state)
{
    (void)state;
    struct sqlite_db *db;
    struct error error = {0};
    char path[128];
    const struct sqlite_options first = {.name = "test", .migrations = older};
    assert_int_equal(sqlite_db_open(&db, path_of("b.db", path), &first, &error), 0);
    struct insert insert = {.job = {.run = insert_run}, .name = "kept"};
    assert_int_equal(sqlite_db_write_wait(db, &insert.job, &error), 0);
    assert_int_equal(sqlite_db_write_wait(db, &insert.job, &error), ERROR_CONFLICT);
    sqlite_db_close(db);
    /* The second migration is applied to a file that has the first. */
    assert_int_equal(sqlite_db_open(&db, path, &options, &error), 0);
    assert_int_equal(count(db), 1);
    sqlite_db_close(db);
    /* A file of a newer program is left alone. */
    assert_int_equal(sqlite_db_open(&db, path, &first, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "newer winestore"));
}

static int put_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    for (int i = 0; i < 3; i++) {
        struct outbox_item item = {
            .target = "stream", .key = "k", .id = "i", .body = "body\0x", .length = 6};
        int rc = sqlite_outbox_put(conn, &item, &job->error);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int trim_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    return sqlite_outbox_trim(conn, 2, &job->error);
}

static void test_outbox_keeps_order_and_bytes(void **state)
{
    (void)state;
    struct sqlite_db *db;
    struct error error = {0};
    char path[128];
    struct arena *arena = arena_new();
    assert_int_equal(sqlite_db_open(&db, path_of("c.db", path), &options, &error), 0);
    struct sqlite_job put = {.run = put_run}, trim = {.run = trim_run};
    assert_int_equal(sqlite_db_write_wait(db, &put, &error), 0);
    struct outbox_item *items;
    struct sqlite_conn *conn = sqlite_db_reader(db, &error);
    assert_int_equal(sqlite_outbox_read(conn, arena, 0, 10, &items, &error), 3);
    assert_int_equal(items[0].seq, 1);
    assert_int_equal(items[0].length, 6);
    assert_memory_equal(items[0].body, "body\0x", 6);
    assert_int_equal(sqlite_db_write_wait(db, &trim, &error), 0);
    assert_int_equal(sqlite_outbox_read(conn, arena, 0, 10, &items, &error), 1);
    assert_int_equal(items[0].seq, 3);
    arena_free(arena);
    sqlite_db_close(db);
}

struct writer {
    struct sqlite_db *one, *two;
    atomic_bool stop;
};

/* Writes the same name first into one file, then into the other. */
static void *write_both(void *argument)
{
    struct writer *writer = argument;
    struct error error = {0};
    for (int i = 0; !atomic_load(&writer->stop); i++) {
        char name[16];
        snprintf(name, sizeof(name), "w%d", i);
        struct insert first = {.job = {.run = insert_run}, .name = name};
        struct insert second = {.job = {.run = insert_run}, .name = name};
        sqlite_db_write_wait(writer->one, &first.job, &error);
        sqlite_db_write_wait(writer->two, &second.job, &error);
    }
    return NULL;
}

static void test_a_freeze_is_one_instant_over_files(void **state)
{
    (void)state;
    struct writer writer = {0};
    struct error error = {0};
    char path[128];
    pthread_t thread;
    assert_int_equal(sqlite_db_open(&writer.one, path_of("d.db", path), &options, &error), 0);
    assert_int_equal(sqlite_db_open(&writer.two, path_of("e.db", path), &options, &error), 0);
    pthread_create(&thread, NULL, write_both, &writer);
    for (int i = 0; i < 50; i++) {
        usleep(1000);
        sqlite_freeze();
        int64_t two = count(writer.two);
        usleep(500);
        int64_t one = count(writer.one);
        sqlite_thaw();
        assert_true(one == two || one == two + 1);
    }
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    sqlite_db_close(writer.one);
    sqlite_db_close(writer.two);
}

static void test_an_unwritable_place_is_named(void **state)
{
    (void)state;
    struct sqlite_db *db;
    struct error error = {0};
    assert_int_equal(
        sqlite_db_open(&db, "/nowhere/at/all.db", &options, &error), ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "/nowhere/at/all.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_job_is_undone_alone),
        cmocka_unit_test(test_what_was_written_is_there_after_opening_again),
        cmocka_unit_test(test_outbox_keeps_order_and_bytes),
        cmocka_unit_test(test_a_freeze_is_one_instant_over_files),
        cmocka_unit_test(test_an_unwritable_place_is_named),
    };
    secure_init();
    sqlite_global_init();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
