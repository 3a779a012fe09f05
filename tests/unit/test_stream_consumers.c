/* Several consumers, and what goes on while something is away. */
#include "consumer_fixture.h"

#include "clock.h"
#include "postgres_server.h"
#include "sqlite_db.h"

#include <limits.h>

/* ---- several consumers ---- */

static void consumers_share_the_shards(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    options.takeover_ms = 10000;
    options.consumers = 3;
    f->consumer = fixture_start(&options);
    put_numbered(f, 100);
    struct stream_consumer_stats stats = await(f, f->put);
    assert_int_equal(stats.loaded, f->put);
    await_numbered(f);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.shards == 4));
}

static void another_joins_and_one_leaves(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    struct stream_consumer_stats here, there;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    await(f, f->put);
    options.warehouse = f->second;
    f->other = fixture_start(&options);
    for (int i = 0; i < 20; i++) {
        put_numbered(f, 10);
        usleep(40000);
    }
    WAIT_FOR((stream_consumer_stats(f->consumer, &here), stream_consumer_stats(f->other, &there),
        here.shards == 2 && there.shards == 2));
    put_numbered(f, 10);
    WAIT_FOR((stream_consumer_stats(f->other, &there), there.loaded > 0));
    stop(f);
    put_numbered(f, 20);
    await_numbered(f);
    WAIT_FOR((stream_consumer_stats(f->other, &there), there.shards == 4));
}

/* A crash is a stop that gives nothing back. */
static void the_shards_of_the_dead_are_taken_over(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    struct stream_consumer_stats stats;
    options.forsake = true;
    f->other = fixture_start(&options);
    f->consumer = fixture_start(&options);
    put_numbered(f, 50);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.shards == 2));
    put_numbered(f, 50);
    fixture_stop(&f->other);
    int64_t died = clock_monotonic_ms();
    put_numbered(f, 50);
    await_numbered(f);
    assert_true(clock_monotonic_ms() - died < 10000);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.shards == 4));
}

/* Alive, but it cannot reach the warehouse, while another can: what it sends late is refused. */
static void who_is_cut_off_loses_its_shards(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    struct stream_consumer_stats stats;
    options.warehouse = &f->lines[0].base;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    await(f, f->put);
    options.warehouse = &f->lines[1].base;
    f->other = fixture_start(&options);
    for (int i = 0; i < 4; i++) {
        struct line *line = &f->lines[i % 2];
        line->cut = true;
        put_numbered(f, 20);
        usleep(900000);
        put_numbered(f, 20);
        line->cut = false;
    }
    await_numbered(f);
    stream_consumer_stats(f->other, &stats);
    assert_true(stats.loaded > 0);
    assert_int_equal(stats.passed_by, 0);
    print_message("taught again and dropped: %d, loads refused: %d\n", f->model.again,
        f->lines[0].refused + f->lines[1].refused);
}

/* What was under way when the shard went to another comes too late. */
static void a_load_that_comes_late_is_refused(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    struct stream_consumer_stats stats;
    struct line *line = &f->lines[0];
    options.warehouse = &line->base;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    await(f, f->put);
    line->slow = true;
    put_numbered(f, 20);
    WAIT_FOR(line->under_way);
    line->cut = true;
    options.warehouse = f->second;
    f->other = fixture_start(&options);
    WAIT_FOR((stream_consumer_stats(f->other, &stats), stats.shards == 4 && stats.loaded >= 800));
    line_hasten(line);
    WAIT_FOR(line->refused == 1);
    line->cut = false;
    put_numbered(f, 20);
    await_numbered(f);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.shards == 2));
}

static void late_doubled_and_broken_events_of_many(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    char id[32];
    options.takeover_ms = 10000;
    options.consumers = 4;
    f->consumer = fixture_start(&options);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "S%d", i);
        char wine[16];
        snprintf(wine, sizeof(wine), "W%d", i);
        put(f, id, "stock.changed", wine, 7, "{\"available\":3}");
        put(f, id, "stock.changed", wine, 7, "{\"available\":3}"); /* again */
        snprintf(id, sizeof(id), "L%d", i);
        put(f, id, "stock.changed", wine, 6, "{\"available\":4}"); /* late */
        put_text(f, wine, id, "{\"id\":");                         /* broken */
        snprintf(id, sizeof(id), "M%d", i);
        put(f, id, "moon.rose", wine, 8, "{}"); /* unknown */
    }
    struct stream_consumer_stats stats = await(f, 250);
    assert_int_equal(stats.loaded, 50);
    assert_int_equal(stats.duplicates, 100);
    assert_int_equal(stats.broken, 50);
    assert_int_equal(stats.skipped, 50);
    assert_int_equal(f->model.events, 50);
    fixture_stop(&f->consumer);
    /* Another owner remembers what the others loaded. */
    start(f);
    put(f, "S1", "stock.changed", "W1", 7, "{\"available\":3}");
    assert_int_equal(await(f, 1).duplicates, 1);
}

/* ---- the warehouse away ---- */

static void the_model_learns_while_the_warehouse_is_away(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    struct stream_consumer_stats stats;
    options.warehouse = &f->lines[0].base;
    options.consumers = 2;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    await(f, f->put);
    int loaded = f->put;
    f->lines[0].cut = true;
    for (int i = 0; i < 10; i++) { /* for longer than a lease */
        put_numbered(f, 20);
        WAIT_FOR(f->model.events == f->put);
        usleep(100000);
    }
    stream_consumer_stats(f->consumer, &stats);
    assert_true(stats.away);
    assert_true(stats.lag_ms > 500);
    assert_int_equal(stats.loaded, loaded);
    assert_int_equal(count_numbered(f), loaded);
    f->lines[0].cut = false;
    put_numbered(f, 20);
    await_numbered(f);
    stats = await(f, f->put);
    assert_false(stats.away);
    assert_int_equal(stats.passed_by, 0);
    /* Only while shards went from one to the other was anything taught by both. */
    assert_true(f->model.again < f->put / 10);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.lag_ms == 0));
}

static void a_start_without_the_warehouse_is_fine(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    options.warehouse = &f->lines[0].base;
    options.consumers = 2;
    put(f, "E0", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\",\"guest_id\":\"G1\"}");
    f->lines[0].cut = true;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    WAIT_FOR(f->model.events >= f->put);
    struct stream_consumer_stats stats;
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.away && stats.lag_ms > 200));
    f->lines[0].cut = false;
    stats = await(f, f->put + 1);
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.lag_ms == 0));
    assert_int_equal(count_numbered(f), f->put);
    assert_int_equal(f->model.disordered, 0);
    assert_int_equal(report(f).viewers, 1);
}

static void a_server_that_stops_and_hangs_is_found_again(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    options.consumers = 2;
    f->consumer = fixture_start(&options);
    put_numbered(f, 20);
    await(f, f->put);
    postgres_server_stop(fixture_server());
    for (int i = 0; i < 10; i++) {
        put_numbered(f, 20);
        WAIT_FOR(f->model.events == f->put);
        usleep(100000);
    }
    postgres_server_again(fixture_server());
    await_numbered(f);
    postgres_server_freeze(fixture_server(), true);
    for (int i = 0; i < 10; i++) {
        int64_t began = clock_monotonic_ms();
        put_numbered(f, 20);
        WAIT_FOR(f->model.events == f->put);
        assert_true(clock_monotonic_ms() - began < 3000);
        usleep(100000);
    }
    postgres_server_freeze(fixture_server(), false);
    await_numbered(f);
}

/* ---- services away ---- */

#define ERASED "01J8ZQ4T8M3V5X7Y9A1B2C3D4A"

static void an_erasure_waits_beside_the_stream(void **state)
{
    struct consumer_fixture *f = *state;
    f->product.failures = INT_MAX;
    start(f);
    put(f, "E1", "user.erased", ERASED, 2, "{}");
    put(f, "E2", "user.erased", "no id", 2, "{}");
    put_numbered(f, 20);
    await(f, f->put + 2);
    assert_int_equal(count_numbered(f), f->put);
    assert_int_equal(f->product.told, 0);
    stop(f);
    start(f);
    usleep(50000);
    assert_int_equal(f->product.told, 0);
    f->product.failures = 1;
    WAIT_FOR(f->product.told == 1);
    assert_string_equal(f->product.user, ERASED);
    struct stream_consumer_stats stats;
    WAIT_FOR((stream_consumer_stats(f->consumer, &stats), stats.erasures == 1));
    struct queue_stats waiting;
    queue_stats(f->erasures, &waiting);
    assert_int_equal(waiting.waiting + waiting.in_flight + waiting.dead, 0);
}

/* Passed by in the stream's order, it is told nevertheless. */
static void a_model_that_is_away_forgets_when_it_is_back(void **state)
{
    struct consumer_fixture *f = *state;
    struct stream_consumer_options options = fixture_options(f);
    options.patience_ms = 200;
    f->model.failures = INT_MAX;
    f->consumer = fixture_start(&options);
    put_numbered(f, 10);
    put(f, "E1", "user.erased", ERASED, 2, "{}");
    struct stream_consumer_stats stats = await(f, f->put + 1);
    assert_int_equal(stats.passed_by, f->put + 1);
    assert_int_equal(count_numbered(f), f->put);
    f->model.failures = 0;
    WAIT_FOR(f->product.told > 0 && model_forgot(&f->model, ERASED));
}

/* ---- one shopper without end ---- */

#define CRAZE 200000

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void one_shopper_does_not_hold_up_the_rest(void **state)
{
    struct consumer_fixture *f = *state;
    put_views(f, "mad", 0, CRAZE / 2);
    start(f);
    await(f, CRAZE / 10);
    long before = resident_kib();
    int64_t began = clock_monotonic_ms();
    put_views(f, "mad", CRAZE / 2, CRAZE / 2);
    put_numbered(f, 1);
    struct stream_consumer_stats stats = await(f, CRAZE + KEYS);
    assert_int_equal(stats.loaded, CRAZE + KEYS);
    assert_int_equal(stats.passed_by, 0);
    assert_int_equal(count_numbered(f), KEYS);
    print_message("%d events of one shopper: %lld ms, %ld KiB more\n", CRAZE,
        (long long)(clock_monotonic_ms() - began), resident_kib() - before);
}

#define SUITE(setup)                                                                               \
    cmocka_unit_test_setup_teardown(consumers_share_the_shards, setup, fixture_end),               \
        cmocka_unit_test_setup_teardown(another_joins_and_one_leaves, setup, fixture_end),         \
        cmocka_unit_test_setup_teardown(                                                           \
            the_shards_of_the_dead_are_taken_over, setup, fixture_end),                            \
        cmocka_unit_test_setup_teardown(who_is_cut_off_loses_its_shards, setup, fixture_end),      \
        cmocka_unit_test_setup_teardown(a_load_that_comes_late_is_refused, setup, fixture_end),    \
        cmocka_unit_test_setup_teardown(                                                           \
            late_doubled_and_broken_events_of_many, setup, fixture_end),                           \
        cmocka_unit_test_setup_teardown(                                                           \
            the_model_learns_while_the_warehouse_is_away, setup, fixture_end),                     \
        cmocka_unit_test_setup_teardown(                                                           \
            a_start_without_the_warehouse_is_fine, setup, fixture_end),                            \
        cmocka_unit_test_setup_teardown(an_erasure_waits_beside_the_stream, setup, fixture_end),   \
        cmocka_unit_test_setup_teardown(                                                           \
            a_model_that_is_away_forgets_when_it_is_back, setup, fixture_end),                     \
        cmocka_unit_test_setup_teardown(one_shopper_does_not_hold_up_the_rest, setup, fixture_end)

/* The engines named; all without a name. */
int main(int argc, char **argv)
{
    const struct CMUnitTest memory[] = {SUITE(fixture_memory)}, sqlite[] = {SUITE(fixture_sqlite)};
    const struct CMUnitTest postgres[] = {SUITE(fixture_postgres),
        cmocka_unit_test_setup_teardown(
            a_server_that_stops_and_hangs_is_found_again, fixture_postgres, fixture_end)};
    const char *only = argc > 1 ? argv[1] : "memory sqlite postgres";
    int failures = 0;
    sqlite_global_init();
    if (strstr(only, "memory"))
        failures += cmocka_run_group_tests(memory, NULL, NULL);
    if (strstr(only, "sqlite"))
        failures += cmocka_run_group_tests(sqlite, NULL, NULL);
    if (strstr(only, "postgres"))
        failures += cmocka_run_group_tests(postgres, NULL, fixture_server_end);
    return failures;
}
