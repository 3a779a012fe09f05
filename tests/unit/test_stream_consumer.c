#include "consumer_fixture.h"

#include "aggregates.h"
#include "clock.h"
#include "decode.h"
#include "recent.h"
#include "sqlite_db.h"

static const char placed[] =
    "{\"user_id\":\"U1\",\"lines\":[{\"wine_id\":\"W1\",\"quantity\":2,\"unit_price\":100,"
    "\"line_total\":200}],\"totals\":{\"subtotal\":200,\"shipping\":10,\"tax\":1,\"total\":211,"
    "\"currency\":\"USD\"},\"destination\":{\"country\":\"US\",\"region\":\"CA\"}}";

/* ---- the consumer ---- */

static void what_happened_reaches_warehouse_and_model(void **state)
{
    struct consumer_fixture *f = *state;
    put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\",\"guest_id\":\"G1\"}");
    put(f, "E2", "order.placed", "O1", 1, placed);
    start(f);
    put(f, "E3", "order.confirmed", "O1", 2,
        "{\"user_id\":\"U1\",\"from\":\"pending\",\"to\":\"confirmed\",\"reason\":null}");
    put(f, "E4", "activity.searched", NULL, 0, "{\"query\":\"retsina\",\"results\":0}");
    put(f, "E5", "moon.rose", "M1", 1, "{}");
    struct stream_consumer_stats stats = await(f, 5);
    assert_int_equal(stats.loaded, 4);
    assert_int_equal(stats.skipped, 1);
    assert_int_equal(f->model.events, 2);
    struct warehouse_report r = report(f);
    assert_int_equal(r.viewers, 1);
    assert_int_equal(r.revenue[0].amount, 211);
    assert_int_equal(r.sellers[0].bottles, 2);
    assert_string_equal(r.searches[0].query, "retsina");
}

static void the_same_event_counts_once(void **state)
{
    struct consumer_fixture *f = *state;
    start(f);
    for (int i = 0; i < 3; i++)
        put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    put(f, "E2", "stock.changed", "W1", 7, "{\"available\":3}");
    put(f, "E3", "stock.changed", "W1", 6, "{\"available\":4}"); /* late */
    struct stream_consumer_stats stats = await(f, 5);
    assert_int_equal(stats.duplicates, 3);
    assert_int_equal(report(f).viewers, 1);
    assert_int_equal(f->model.events, 2);
    stop(f);
    start(f); /* the window outlives a restart */
    put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    assert_int_equal(await(f, 1).duplicates, 1);
    assert_int_equal(report(f).viewers, 1);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    struct consumer_fixture *f = *state;
    char id[16];
    start(f);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "A%d", i);
        put(f, id, "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    }
    await(f, 50);
    stop(f);
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "B%d", i);
        put(f, id, "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    }
    start(f);
    struct stream_consumer_stats stats = await(f, 30);
    assert_int_equal(stats.events, 30);
    assert_int_equal(report(f).viewers, 80);
}

static void broken_events_are_buried_and_the_stream_goes_on(void **state)
{
    struct consumer_fixture *f = *state;
    start(f);
    put_text(f, "k", "x1", "{\"id\": ");
    put_text(f, "k", "x2", "\xff\xfe not even text");
    put_text(f, "k", "x3", "{\"id\":\"X3\",\"type\":\"activity.viewed\"}");
    put(f, "X4", "activity.viewed", NULL, 0, "{\"wine_id\":7}");
    put(f, "X5", "order.placed", "O1", 1, "{\"lines\":\"none\"}");
    put(f, "X6", "stock.changed", "W1", 1, "{\"available\":-5}");
    put(f, "OK", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    struct stream_consumer_stats stats = await(f, 7);
    assert_int_equal(stats.broken, 6);
    assert_int_equal(stats.loaded, 1);
    struct warehouse_letters letters = {0};
    atomic_int done = 0;
    warehouse_letters(f->warehouse, 10, f->arena, &letters, put_done, &done);
    while (!done)
        usleep(100);
    assert_int_equal(letters.count, 6);
    bool found = false;
    for (int i = 0; i < 6; i++)
        found = found || (strcmp(letters.letters[i].event_id, "X4") == 0 &&
                             strstr(letters.letters[i].reason, "wine_id") != NULL);
    assert_true(found);
}

static void a_model_that_is_away_is_tried_again(void **state)
{
    struct consumer_fixture *f = *state;
    f->model.failures = 2;
    start(f);
    put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    struct stream_consumer_stats stats = await(f, 1);
    assert_int_equal(stats.retries, 2);
    assert_int_equal(stats.passed_by, 0);
    assert_int_equal(f->model.events, 1);
}

#define MANY 20000

static void many_events_come_through_whole(void **state)
{
    struct consumer_fixture *f = *state;
    char shopper[16];
    for (int i = 0; i < MANY / 100; i++) {
        snprintf(shopper, sizeof(shopper), "G%d", i);
        put_views(f, shopper, i * 100, 100);
    }
    int64_t began = clock_monotonic_ns();
    start(f);
    struct stream_consumer_stats stats = await(f, MANY);
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    print_message("%.0f events/s\n", MANY / seconds);
    assert_int_equal(stats.loaded, MANY);
    assert_int_equal(stats.taught, MANY);
    assert_int_equal(f->model.events, MANY);
    assert_int_equal(report(f).viewers, MANY / 100);
}

/* ---- its parts ---- */

static void the_window_forgets_the_oldest(void **state)
{
    (void)state;
    struct recent *window = recent_new(WAREHOUSE_RECENT_EVENTS);
    char id[16];
    for (int i = 0; i < WAREHOUSE_RECENT_EVENTS + 1000; i++) {
        snprintf(id, sizeof(id), "id%d", i);
        assert_true(recent_add(window, id));
        assert_false(recent_add(window, id));
    }
    assert_false(recent_add(window, "id1000"));
    assert_true(recent_add(window, "id999"));
    assert_true(recent_add(window, "id0"));
    struct aggregates *aggregates = aggregates_new();
    assert_true(aggregates_advance(aggregates, "stock.changed", "W1", 5));
    assert_true(aggregates_advance(aggregates, "stock.changed", "W1", 5));
    assert_false(aggregates_advance(aggregates, "stock.changed", "W1", 4));
    assert_true(aggregates_advance(aggregates, "product.updated", "W1", 4));
    assert_true(aggregates_advance(aggregates, "stock.changed", "W2", 1));
    aggregates_free(aggregates);
    recent_free(window);
}

static void events_become_facts(void **state)
{
    struct consumer_fixture *f = *state;
    struct decoded event;
    struct error error;
    static const char text[] =
        "{\"specversion\":\"1.0\",\"id\":\"E1\",\"type\":\"product.updated\",\"subject\":\"W1\","
        "\"time\":\"2026-03-03T09:12:44.310Z\",\"sequence\":4,\"data\":{\"wine\":{\"name\":\"Les "
        "Gen\xc3\xaats\",\"winery\":\"Maison\",\"type\":\"White\",\"country\":\"France\","
        "\"region\":\"Loire\",\"vintage\":null,\"bottle_ml\":750,\"price\":{\"amount\":1800,"
        "\"currency\":\"USD\"}}}}";
    assert_int_equal(event_decode(text, strlen(text), f->arena, &event, &error), 0);
    assert_true(event.known && event.has_fact && event.teaches);
    assert_int_equal(event.fact.kind, WAREHOUSE_WINE);
    assert_string_equal(event.fact.wine_id, "W1");
    assert_string_equal(event.fact.wine.name, "Les Gen\xc3\xaats");
    assert_int_equal(event.fact.wine.vintage, 0);
    assert_int_equal(event.fact.wine.price, 1800);
    assert_int_equal(event.fact.sequence, 4);
}

#define SUITE(setup)                                                                               \
    cmocka_unit_test_setup_teardown(                                                               \
        what_happened_reaches_warehouse_and_model, setup, fixture_end),                            \
        cmocka_unit_test_setup_teardown(the_same_event_counts_once, setup, fixture_end),           \
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_it_was, setup, fixture_end),       \
        cmocka_unit_test_setup_teardown(                                                           \
            broken_events_are_buried_and_the_stream_goes_on, setup, fixture_end),                  \
        cmocka_unit_test_setup_teardown(a_model_that_is_away_is_tried_again, setup, fixture_end),  \
        cmocka_unit_test_setup_teardown(many_events_come_through_whole, setup, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE(fixture_memory),
        SUITE(fixture_sqlite),
        SUITE(fixture_postgres),
        cmocka_unit_test(the_window_forgets_the_oldest),
        cmocka_unit_test_setup_teardown(events_become_facts, fixture_memory, fixture_end),
    };
    sqlite_global_init();
    return cmocka_run_group_tests(tests, NULL, fixture_server_end);
}
