#include "engines.h"

#include "aggregates.h"
#include "arena.h"
#include "clock.h"
#include "cloudevent.h"
#include "decode.h"
#include "id.h"
#include "json.h"
#include "recent.h"
#include "sqlite_db.h"
#include "stream.h"
#include "stream_consumer.h"
#include "upstream.h"
#include "warehouse.h"

#include <limits.h>
#include <stdatomic.h>

/* ---- a recommendation service that counts, or fails as often as it is told ---- */

struct model {
    atomic_int events, calls, failures;
    struct router *router;
    struct upstream *upstream;
};

static void take_events(void *ctx, struct exchange *exchange)
{
    struct model *model = ctx;
    json_t *body;
    model->calls++;
    if (atomic_fetch_sub(&model->failures, 1) > 0) {
        http_problem(exchange, 503, "unavailable", NULL, "not now");
        return;
    }
    if (http_json_body(exchange, &body) < 0)
        return;
    size_t events = json_array_size(json_object_get(body, "events"));
    assert_true(events > 0 && events <= 500);
    model->events += (int)events;
    json_decref(body);
    http_reply_empty(exchange, 202);
}

static const struct route routes[] = {
    {HTTP_POST, "/internal/recommendation/events", take_events}, {0}};

/* ---- a product service that is told of erasures, or fails as often as it is told ---- */

struct product {
    atomic_int told, failures;
    char user[ID_SIZE];
    struct router *router;
    struct upstream *upstream;
};

static void erase_user(void *ctx, struct exchange *exchange)
{
    struct product *product = ctx;
    if (atomic_fetch_sub(&product->failures, 1) > 0) {
        http_problem(exchange, 503, "unavailable", NULL, "not now");
        return;
    }
    snprintf(product->user, sizeof(product->user), "%s", exchange->request.params[0]);
    product->told++;
    http_reply_empty(exchange, 204);
}

static const struct route product_routes[] = {
    {HTTP_POST, "/internal/users/{id}/erased", erase_user}, {0}};

struct fixture {
    char directory[64];
    struct stream *stream;
    struct warehouse *warehouse;
    struct model model;
    struct product product;
    struct stream_consumer *consumer;
    struct arena *arena;
};

static void start(struct fixture *f)
{
    struct error error = {0};
    struct stream_consumer_options options = {.stream = f->stream,
        .warehouse = f->warehouse,
        .recommendation = f->model.upstream,
        .product = f->product.upstream,
        .linger_ms = -1};
    assert_int_equal(stream_consumer_new(&f->consumer, &options, &error), 0);
    assert_int_equal(stream_consumer_start(f->consumer, &error), 0);
}

static void stop(struct fixture *f)
{
    stream_consumer_stop(f->consumer);
    stream_consumer_free(f->consumer);
    f->consumer = NULL;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct error error;
    char path[128];
    engine_directory(f->directory);
    snprintf(path, sizeof(path), "%s/warehouse.db", f->directory);
    assert_int_equal(warehouse_sqlite_open(&f->warehouse, path, &error), 0);
    f->stream = stream_memory_new(NULL);
    f->model.router = router_new(routes, &f->model);
    f->model.upstream = upstream_local("recommendation");
    upstream_set_router(f->model.upstream, f->model.router);
    f->product.router = router_new(product_routes, &f->product);
    f->product.upstream = upstream_local("product");
    upstream_set_router(f->product.upstream, f->product.router);
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->consumer)
        stop(f);
    stream_close(f->stream);
    warehouse_close(f->warehouse);
    upstream_free(f->model.upstream);
    router_free(f->model.router);
    upstream_free(f->product.upstream);
    router_free(f->product.router);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

static void put_done(void *ctx, int rc, const struct error *error)
{
    (void)error;
    assert_int_equal(rc, 0);
    ++*(atomic_int *)ctx;
}

static void put_text(struct fixture *f, const char *key, const char *id, const char *text)
{
    atomic_int done = 0;
    struct stream_record record = {.key = key, .id = id, .data = text, .length = strlen(text)};
    stream_put(f->stream, &record, 1, put_done, &done);
    while (!done)
        usleep(100);
}

static void put(struct fixture *f, const char *id, const char *type, const char *subject,
    int64_t sequence, const char *data)
{
    struct buffer text = BUFFER_INIT;
    struct cloudevent event = {.id = id,
        .source = "/services/test",
        .type = type,
        .subject = subject,
        .sequence = sequence,
        .data = data};
    cloudevent_append(&text, &event);
    put_text(f, subject ? subject : id, id, text.data);
    buffer_release(&text);
}

static struct stream_consumer_stats await(struct fixture *f, int64_t events)
{
    struct stream_consumer_stats stats;
    for (int i = 0; i < 5000; i++) {
        stream_consumer_stats(f->consumer, &stats);
        if (stats.events >= events &&
            stats.loaded + stats.duplicates + stats.skipped + stats.broken >= events)
            return stats;
        usleep(1000);
    }
    fail_msg("only %lld events came", (long long)stats.events);
    return stats;
}

struct report_wait {
    atomic_int done;
    struct warehouse_report report;
};

static struct warehouse_report report(struct fixture *f)
{
    struct report_wait wait = {0};
    struct warehouse_report_query query = {
        .days = 1, .now_ms = clock_now_ms(), .limit = 10, .horizon_days = 14, .stuck_ms = 60000};
    warehouse_report(f->warehouse, &query, f->arena, &wait.report, put_done, &wait.done);
    while (!wait.done)
        usleep(100);
    return wait.report;
}

static const char placed[] =
    "{\"user_id\":\"U1\",\"lines\":[{\"wine_id\":\"W1\",\"quantity\":2,\"unit_price\":100,"
    "\"line_total\":200}],\"totals\":{\"subtotal\":200,\"shipping\":10,\"tax\":1,\"total\":211,"
    "\"currency\":\"USD\"},\"destination\":{\"country\":\"US\",\"region\":\"CA\"}}";

/* ---- the consumer ---- */

static void what_happened_reaches_warehouse_and_model(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    f->model.failures = 2;
    start(f);
    put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    struct stream_consumer_stats stats = await(f, 1);
    assert_int_equal(stats.retries, 2);
    assert_int_equal(stats.passed_by, 0);
    assert_int_equal(f->model.events, 1);
}

#define ERASED "01J8ZQ4T8M3V5X7Y9A1B2C3D4A"

static void an_erasure_is_told_until_it_is_heard(void **state)
{
    struct fixture *f = *state;
    f->product.failures = 2;
    start(f);
    put(f, "E1", "user.erased", ERASED, 2, "{}");
    put(f, "E2", "user.erased", "no id", 2, "{}");
    struct stream_consumer_stats stats = await(f, 2);
    assert_int_equal(stats.retries, 2);
    assert_int_equal(f->product.told, 1);
    assert_string_equal(f->product.user, ERASED);
}

static void an_erasure_that_was_not_heard_is_told_after_a_restart(void **state)
{
    struct fixture *f = *state;
    f->product.failures = INT_MAX;
    start(f);
    put(f, "E1", "activity.viewed", NULL, 0, "{\"wine_id\":\"W1\"}");
    put(f, "E2", "user.erased", ERASED, 2, "{}");
    usleep(100000);
    stop(f);
    assert_int_equal(f->product.told, 0);
    f->product.failures = 0;
    start(f);
    await(f, 1);
    assert_int_equal(f->product.told, 1);
    assert_int_equal(report(f).viewers, 1);
}

#define MANY 20000

static void many_events_come_through_whole(void **state)
{
    struct fixture *f = *state;
    struct stream_record records[100];
    struct buffer texts[100] = {0};
    char ids[100][16];
    atomic_int done = 0;
    for (int i = 0; i < MANY / 100; i++) {
        for (int j = 0; j < 100; j++) {
            snprintf(ids[j], sizeof(ids[j]), "E%d", i * 100 + j);
            buffer_reset(&texts[j]);
            cloudevent_append(&texts[j],
                &(struct cloudevent){.id = ids[j],
                    .source = "/services/recommendation",
                    .type = "activity.viewed",
                    .data = "{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\","
                            "\"guest_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4F\",\"list\":\"search\"}"});
            records[j] = (struct stream_record){
                .key = ids[j], .id = ids[j], .data = texts[j].data, .length = texts[j].length};
        }
        stream_put(f->stream, records, 100, put_done, &done);
    }
    for (int j = 0; j < 100; j++)
        buffer_release(&texts[j]);
    int64_t began = clock_monotonic_ns();
    start(f);
    struct stream_consumer_stats stats = await(f, MANY);
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    print_message("%.0f events/s\n", MANY / seconds);
    assert_int_equal(stats.loaded, MANY);
    assert_int_equal(f->model.events, MANY);
    assert_int_equal(report(f).viewers, 1);
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
    struct fixture *f = *state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_happened_reaches_warehouse_and_model, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_event_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(
            broken_events_are_buried_and_the_stream_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_that_is_away_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erasure_is_told_until_it_is_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_erasure_that_was_not_heard_is_told_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(many_events_come_through_whole, setup, teardown),
        cmocka_unit_test(the_window_forgets_the_oldest),
        cmocka_unit_test_setup_teardown(events_become_facts, setup, teardown),
    };
    sqlite_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
