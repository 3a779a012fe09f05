/* What every warehouse keeps, run against each engine. */
#include "arena.h"
#include "engines.h"
#include "sqlite_db.h"
#include "warehouse.h"

#include <math.h>

struct engine {
    const char *name;
    bool durable;
    struct warehouse *(*open)(const char *directory);
};
static const struct engine *engine;

static struct warehouse *open_memory(const char *directory)
{
    (void)directory;
    return warehouse_memory_new();
}

static struct warehouse *open_sqlite(const char *directory)
{
    struct error error;
    struct warehouse *warehouse = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/warehouse.db", directory);
    assert_int_equal(warehouse_sqlite_open(&warehouse, path, &error), 0);
    return warehouse;
}

static const struct engine engines[] = {
    {"warehouse, memory", false, open_memory}, {"warehouse, sqlite", true, open_sqlite}};

#define DAY WAREHOUSE_DAY_MS
#define NOW (INT64_C(20000) * DAY + 12 * 3600 * 1000) /* 2024-10-04 at noon */

struct fixture {
    char directory[64];
    struct warehouse *warehouse;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int rc;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    engine_directory(f->directory);
    f->arena = arena_new();
    f->warehouse = engine->open(f->directory);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    warehouse_close(f->warehouse);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    test_free(f);
    return 0;
}

static void finished(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    (void)error;
    pthread_mutex_lock(&f->lock);
    f->rc = rc;
    f->done = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void await(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->done)
        pthread_cond_wait(&f->changed, &f->lock);
    f->done = false;
    pthread_mutex_unlock(&f->lock);
    assert_int_equal(f->rc, 0);
}

static void load_batch(struct fixture *f, const struct warehouse_batch *batch)
{
    warehouse_load(f->warehouse, batch, finished, f);
    await(f);
}

static void load(struct fixture *f, struct warehouse_fact fact)
{
    if (!fact.event_id)
        fact.event_id = "";
    if (!fact.shopper)
        fact.shopper = "";
    if (!fact.wine_id)
        fact.wine_id = "";
    if (fact.kind <= WAREHOUSE_CLICK) {
        const char **texts[] = {
            &fact.shown.list, &fact.shown.query, &fact.shown.experiment, &fact.shown.arm};
        for (size_t i = 0; i < 4; i++)
            *texts[i] = *texts[i] ? *texts[i] : "";
    }
    if (!fact.at_ms)
        fact.at_ms = NOW;
    load_batch(f, &(struct warehouse_batch){.facts = &fact, .fact_count = 1});
}

static void view(struct fixture *f, const char *shopper, const char *wine, int64_t at_ms)
{
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_VIEW,
                .shopper = shopper,
                .wine_id = wine,
                .at_ms = at_ms,
                .shown = {.list = "search"}});
}

static void cart(struct fixture *f, const char *shopper, const char *wine, int64_t quantity)
{
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_CART,
                .shopper = shopper,
                .wine_id = wine,
                .cart = {.quantity = quantity, .previous = 0}});
}

static void order(struct fixture *f, const char *id, const char *shopper, int64_t at_ms,
    const char *wine, int64_t quantity)
{
    struct warehouse_line line = {
        .wine_id = wine, .quantity = quantity, .unit_price = 1000, .line_total = quantity * 1000};
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER,
                .shopper = shopper,
                .at_ms = at_ms,
                .sequence = 1,
                .order = {.order_id = id,
                    .country = "US",
                    .region = "CA",
                    .currency = "USD",
                    .subtotal = quantity * 1000,
                    .shipping = 500,
                    .total = quantity * 1000 + 500,
                    .lines = &line,
                    .line_count = 1}});
}

static void status(struct fixture *f, const char *id, const char *to, int64_t sequence)
{
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER_STATUS,
                .sequence = sequence,
                .status = {.order_id = id, .status = to}});
}

static void wine(struct fixture *f, const char *id, const char *name, int64_t sequence)
{
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_WINE,
                .wine_id = id,
                .sequence = sequence,
                .wine = {.name = name,
                    .winery = "Winery",
                    .type = "Red",
                    .country = "France",
                    .region = "Rhône",
                    .bottle_ml = 750,
                    .price = 1000,
                    .currency = "USD"}});
}

static void stock(struct fixture *f, const char *id, int64_t available, int64_t sequence)
{
    load(f,
        (struct warehouse_fact){
            .kind = WAREHOUSE_STOCK, .wine_id = id, .sequence = sequence, .available = available});
}

static struct warehouse_report report(struct fixture *f, int days)
{
    struct warehouse_report result = {0};
    struct warehouse_report_query query = {.days = days,
        .now_ms = NOW,
        .limit = 10,
        .low_stock = 5,
        .horizon_days = 14,
        .stuck_ms = 60000};
    warehouse_report(f->warehouse, &query, f->arena, &result, finished, f);
    await(f);
    return result;
}

/* ---- the report ---- */

static void an_empty_warehouse_reports_empty_days(void **state)
{
    struct fixture *f = *state;
    struct warehouse_report r = report(f, 3);
    assert_int_equal(r.revenue_count, 3);
    assert_string_equal(r.revenue[0].day, "2024-10-02");
    assert_string_equal(r.revenue[2].day, "2024-10-04");
    assert_int_equal(r.revenue[2].orders + r.revenue[2].amount, 0);
    assert_string_equal(r.currency, "");
    assert_int_equal(r.viewers + r.carts + r.buyers, 0);
    assert_int_equal(r.seller_count + r.search_count + r.low_count + r.stuck_count, 0);
}

static void revenue_counts_what_was_confirmed_on_its_day(void **state)
{
    struct fixture *f = *state;
    order(f, "o1", "s1", NOW, "w1", 2);
    order(f, "o2", "s1", NOW - DAY, "w1", 1);
    order(f, "o3", "s2", NOW - DAY, "w1", 1);
    order(f, "o4", "s2", NOW - 3 * DAY, "w1", 9); /* before the days asked for */
    order(f, "o5", "s2", NOW, "w1", 4);
    status(f, "o1", "confirmed", 2);
    status(f, "o2", "confirmed", 2);
    status(f, "o2", "shipped", 3);
    status(f, "o3", "rejected", 2);
    status(f, "o4", "confirmed", 2);
    status(f, "o5", "confirmed", 2);
    status(f, "o5", "cancelled", 3);
    struct warehouse_report r = report(f, 3);
    assert_string_equal(r.currency, "USD");
    assert_int_equal(r.revenue[0].orders, 0);
    assert_int_equal(r.revenue[1].orders, 1);
    assert_int_equal(r.revenue[1].amount, 1500);
    assert_int_equal(r.revenue[2].orders, 1);
    assert_int_equal(r.revenue[2].amount, 2500);
}

static void events_told_twice_or_late_change_nothing(void **state)
{
    struct fixture *f = *state;
    order(f, "o1", "s1", NOW, "w1", 2);
    status(f, "o1", "confirmed", 2);
    status(f, "o1", "shipped", 3);
    status(f, "o1", "confirmed", 2);
    order(f, "o1", "s1", NOW, "w1", 2);
    status(f, "o9", "confirmed", 2); /* never placed here */
    wine(f, "w1", "New name", 5);
    wine(f, "w1", "Old name", 4);
    stock(f, "w1", 3, 8);
    stock(f, "w1", 30, 7);
    struct warehouse_report r = report(f, 1);
    assert_int_equal(r.revenue[0].orders, 1);
    assert_int_equal(r.seller_count, 1);
    assert_int_equal(r.sellers[0].bottles, 2);
    assert_string_equal(r.sellers[0].name, "New name");
    assert_int_equal(r.low_count, 1);
    assert_int_equal(r.low[0].available, 3);
}

static void the_funnel_counts_shoppers(void **state)
{
    struct fixture *f = *state;
    view(f, "s1", "w1", NOW);
    view(f, "s1", "w2", NOW);
    view(f, "g1", "w1", NOW);
    view(f, "", "w1", NOW);
    view(f, "", "w1", NOW);
    view(f, "s3", "w1", NOW - 5 * DAY);
    cart(f, "g1", "w1", 1);
    cart(f, "g1", "w1", 0);
    cart(f, "s3", "w1", 0); /* only taken out */
    order(f, "o1", "g1", NOW, "w1", 1);
    struct warehouse_report r = report(f, 2);
    assert_int_equal(r.viewers, 4);
    assert_int_equal(r.carts, 1);
    assert_int_equal(r.buyers, 1);
    load(f, (struct warehouse_fact){
                .kind = WAREHOUSE_MERGE, .shopper = "s1", .merge = {.guest = "g1"}});
    r = report(f, 2);
    assert_int_equal(r.viewers, 3);
    assert_int_equal(r.carts, 1);
}

static void best_sellers_come_by_bottles(void **state)
{
    struct fixture *f = *state;
    wine(f, "w2", "Second", 1);
    order(f, "o1", "s1", NOW, "w1", 1);
    order(f, "o2", "s1", NOW, "w2", 3);
    order(f, "o3", "s1", NOW, "w2", 3);
    order(f, "o4", "s1", NOW, "w3", 99);
    status(f, "o1", "confirmed", 2);
    status(f, "o2", "confirmed", 2);
    status(f, "o3", "delivered", 4);
    struct warehouse_report r = report(f, 7);
    assert_int_equal(r.seller_count, 2);
    assert_string_equal(r.sellers[0].wine_id, "w2");
    assert_string_equal(r.sellers[0].name, "Second");
    assert_int_equal(r.sellers[0].bottles, 6);
    assert_int_equal(r.sellers[0].amount, 6000);
    assert_string_equal(r.sellers[1].wine_id, "w1");
    assert_string_equal(r.sellers[1].name, "");
}

static void search_for(struct fixture *f, const char *query, int64_t results)
{
    load(f, (struct warehouse_fact){
                .kind = WAREHOUSE_SEARCH, .search = {.query = query, .results = results}});
}

static void searches_without_result_are_counted(void **state)
{
    struct fixture *f = *state;
    search_for(f, "retsina", 0);
    search_for(f, "Orange Wine", 0);
    search_for(f, "orange wine", 0);
    search_for(f, "riesling", 12);
    search_for(f, "unknown", -1);
    struct warehouse_report r = report(f, 1);
    assert_int_equal(r.search_count, 2);
    assert_string_equal(r.searches[0].query, "orange wine");
    assert_int_equal(r.searches[0].count, 2);
    assert_string_equal(r.searches[1].query, "retsina");
}

static void low_stock_is_what_runs_out_soonest(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++) {
        char id[4] = {'w', (char)('0' + i), '\0'};
        wine(f, id, id, 1);
    }
    stock(f, "w0", 4, 1);   /* few, none sold */
    stock(f, "w1", 100, 1); /* many, sold fast */
    stock(f, "w2", 500, 1); /* enough */
    stock(f, "w3", 0, 1);   /* none left */
    stock(f, "w4", 1, 1);   /* withdrawn */
    load(f,
        (struct warehouse_fact){.kind = WAREHOUSE_WINE_WITHDRAWN, .wine_id = "w4", .sequence = 2});
    order(f, "o1", "s", NOW, "w1", 60);
    order(f, "o2", "s", NOW, "w2", 6);
    order(f, "o3", "s", NOW, "w3", 1);
    for (int i = 1; i <= 3; i++)
        status(f, i == 1 ? "o1" : i == 2 ? "o2" : "o3", "confirmed", 2);
    struct warehouse_report r = report(f, 6);
    assert_int_equal(r.low_count, 3);
    assert_string_equal(r.low[0].wine_id, "w3");
    assert_string_equal(r.low[1].wine_id, "w1");
    assert_int_equal(r.low[1].sold, 60);
    assert_string_equal(r.low[2].wine_id, "w0");
    assert_int_equal(r.low[2].sold, 0);
}

static void orders_that_stay_pending_are_stuck(void **state)
{
    struct fixture *f = *state;
    order(f, "o2", "s", NOW - 120000, "w", 1);
    order(f, "o1", "s", NOW - 240000, "w", 1);
    order(f, "o3", "s", NOW - 1000, "w", 1);
    order(f, "o4", "s", NOW - 240000, "w", 1);
    status(f, "o4", "confirmed", 2);
    struct warehouse_report r = report(f, 1);
    assert_int_equal(r.stuck_count, 2);
    assert_string_equal(r.stuck[0].order_id, "o1");
    assert_int_equal(r.stuck[0].since_ms, NOW - 240000);
    assert_string_equal(r.stuck[1].order_id, "o2");
}

/* ---- interactions and forgetting ---- */

struct seen {
    struct fixture *f;
    int count, stop_after;
    struct warehouse_interaction items[32];
};

static int see(void *ctx, const struct warehouse_interaction *interaction)
{
    struct seen *seen = ctx;
    struct warehouse_interaction *item = &seen->items[seen->count++];
    *item = *interaction;
    item->shopper = arena_strdup(seen->f->arena, interaction->shopper);
    item->wine_id = arena_strdup(seen->f->arena, interaction->wine_id);
    item->order_id = arena_strdup(seen->f->arena, interaction->order_id);
    return seen->count == seen->stop_after;
}

static struct seen interactions(struct fixture *f, int64_t since_ms, int limit)
{
    struct seen seen = {.f = f};
    struct error error;
    struct warehouse_interaction_query query = {.since_ms = since_ms, .limit = limit};
    assert_int_equal(warehouse_interactions(f->warehouse, &query, see, &seen, &error), 0);
    return seen;
}

static void interactions_come_in_the_order_of_time(void **state)
{
    struct fixture *f = *state;
    struct warehouse_line lines[] = {
        {.wine_id = "w1", .quantity = 2}, {.wine_id = "w2", .quantity = 1}};
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_RATING,
                .shopper = "s1",
                .wine_id = "w1",
                .at_ms = NOW - 100,
                .stars = 4.5});
    load(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER,
                .shopper = "s1",
                .at_ms = NOW - 200,
                .sequence = 1,
                .order = {.order_id = "o1",
                    .country = "",
                    .region = "",
                    .currency = "USD",
                    .lines = lines,
                    .line_count = 2}});
    view(f, "g1", "w3", NOW - 300);
    view(f, "", "w4", NOW - 5000);
    struct seen seen = interactions(f, NOW - 1000, 100);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.items[0].kind, WAREHOUSE_VIEW);
    assert_string_equal(seen.items[0].shopper, "g1");
    assert_string_equal(seen.items[0].wine_id, "w3");
    assert_int_equal(seen.items[1].kind, WAREHOUSE_ORDER);
    assert_string_equal(seen.items[1].order_id, "o1");
    assert_string_equal(seen.items[2].order_id, "o1");
    assert_true(seen.items[1].value + seen.items[2].value == 3);
    assert_int_equal(seen.items[3].kind, WAREHOUSE_RATING);
    assert_true(fabs(seen.items[3].value - 4.5) < 1e-9);
    assert_int_equal(seen.items[3].at_ms, NOW - 100);
    assert_string_equal(interactions(f, 0, 100).items[0].shopper, "");
    assert_int_equal(interactions(f, 0, 1).count, 3); /* the newest of each kind */
    struct seen first = {.f = f, .stop_after = 1};
    struct error error;
    struct warehouse_interaction_query all = {.limit = 100};
    assert_int_equal(warehouse_interactions(f->warehouse, &all, see, &first, &error), 0);
    assert_int_equal(first.count, 1);
}

static void the_forgotten_count_but_have_no_name(void **state)
{
    struct fixture *f = *state;
    view(f, "g1", "w1", NOW);
    load(f, (struct warehouse_fact){
                .kind = WAREHOUSE_MERGE, .shopper = "s1", .merge = {.guest = "g1"}});
    view(f, "s1", "w2", NOW + 1);
    view(f, "s2", "w3", NOW + 2);
    struct seen seen = interactions(f, 0, 10);
    assert_string_equal(seen.items[0].shopper, "s1");
    warehouse_forget(f->warehouse, "s1", finished, f);
    await(f);
    warehouse_forget(f->warehouse, "never seen", finished, f);
    await(f);
    seen = interactions(f, 0, 10);
    assert_int_equal(seen.count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(
            seen.items[i].shopper, strcmp(seen.items[i].wine_id, "w3") == 0 ? "s2" : "");
    assert_int_equal(report(f, 1).viewers, 2);
    view(f, "s1", "w4", NOW + 1); /* whoever comes by that name is somebody new */
    assert_int_equal(report(f, 1).viewers, 3);
}

/* ---- the loader's own ---- */

static void checkpoints_events_and_letters_are_kept(void **state)
{
    struct fixture *f = *state;
    const char *ids[] = {"e1", "e2", "e3"};
    struct warehouse_dead_letter letters[] = {
        {.event_id = "bad1", .reason = "no type", .body = "{}", .at_ms = 5, .sequence = 6},
        {.event_id = "",
            .reason = "no JSON",
            .body = "x\"",
            .at_ms = 7,
            .sequence = 8,
            .shard = 2}};
    struct warehouse_checkpoint places[] = {
        {.shard = 0, .sequence = 10}, {.shard = 3, .sequence = 7}};
    load_batch(f, &(struct warehouse_batch){.event_ids = ids,
                      .event_count = 3,
                      .letters = letters,
                      .letter_count = 2,
                      .checkpoints = places,
                      .checkpoint_count = 2});
    places[0].sequence = 12;
    load_batch(f, &(struct warehouse_batch){.checkpoints = places, .checkpoint_count = 1});
    if (engine->durable) {
        warehouse_close(f->warehouse);
        f->warehouse = engine->open(f->directory);
    }
    struct error error;
    int64_t sequences[WAREHOUSE_MAX_SHARDS];
    assert_int_equal(warehouse_checkpoints(f->warehouse, sequences, &error), 0);
    assert_int_equal(sequences[0], 12);
    assert_int_equal(sequences[1], 0);
    assert_int_equal(sequences[3], 7);
    const char **found;
    assert_int_equal(warehouse_recent(f->warehouse, f->arena, &found, &error), 3);
    assert_string_equal(found[0], "e1");
    assert_string_equal(found[2], "e3");
    struct warehouse_letters kept = {0};
    warehouse_letters(f->warehouse, 10, f->arena, &kept, finished, f);
    await(f);
    assert_int_equal(kept.count, 2);
    assert_string_equal(kept.letters[0].reason, "no JSON");
    assert_string_equal(kept.letters[0].body, "x\"");
    assert_int_equal(kept.letters[0].shard, 2);
    assert_string_equal(kept.letters[1].event_id, "bad1");
    assert_int_equal(kept.letters[1].sequence, 6);
    warehouse_letters(f->warehouse, 1, f->arena, &kept, finished, f);
    await(f);
    assert_int_equal(kept.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_warehouse_reports_empty_days, setup, teardown),
        cmocka_unit_test_setup_teardown(
            revenue_counts_what_was_confirmed_on_its_day, setup, teardown),
        cmocka_unit_test_setup_teardown(events_told_twice_or_late_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_funnel_counts_shoppers, setup, teardown),
        cmocka_unit_test_setup_teardown(best_sellers_come_by_bottles, setup, teardown),
        cmocka_unit_test_setup_teardown(searches_without_result_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(low_stock_is_what_runs_out_soonest, setup, teardown),
        cmocka_unit_test_setup_teardown(orders_that_stay_pending_are_stuck, setup, teardown),
        cmocka_unit_test_setup_teardown(interactions_come_in_the_order_of_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_forgotten_count_but_have_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(checkpoints_events_and_letters_are_kept, setup, teardown),
    };
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
