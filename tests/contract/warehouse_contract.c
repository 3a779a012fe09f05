/* What every warehouse keeps, run against each engine: facts and the report. */
#include "warehouse_fixture.h"

#include <math.h>

/* ---- the report ---- */

static void an_empty_warehouse_reports_empty_days(void **state)
{
    struct fixture *f = *state;
    struct warehouse_report r = ask_report(f, 3);
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
    load_order(f, "o1", "s1", NOW, "w1", 2);
    load_order(f, "o2", "s1", NOW - DAY, "w1", 1);
    load_order(f, "o3", "s2", NOW - DAY, "w1", 1);
    load_order(f, "o4", "s2", NOW - 3 * DAY, "w1", 9); /* before the days asked for */
    load_order(f, "o5", "s2", NOW, "w1", 4);
    load_status(f, "o1", "confirmed", 2);
    load_status(f, "o2", "confirmed", 2);
    load_status(f, "o2", "shipped", 3);
    load_status(f, "o3", "rejected", 2);
    load_status(f, "o4", "confirmed", 2);
    load_status(f, "o5", "confirmed", 2);
    load_status(f, "o5", "cancelled", 3);
    struct warehouse_report r = ask_report(f, 3);
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
    load_order(f, "o1", "s1", NOW, "w1", 2);
    load_status(f, "o1", "confirmed", 2);
    load_status(f, "o1", "shipped", 3);
    load_status(f, "o1", "confirmed", 2);
    load_order(f, "o1", "s1", NOW, "w1", 2);
    load_status(f, "o9", "confirmed", 2); /* never placed here */
    load_wine(f, "w1", "New name", 5);
    load_wine(f, "w1", "Old name", 4);
    load_stock(f, "w1", 3, 8);
    load_stock(f, "w1", 30, 7);
    struct warehouse_report r = ask_report(f, 1);
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
    load_view(f, "s1", "w1", NOW);
    load_view(f, "s1", "w2", NOW);
    load_view(f, "g1", "w1", NOW);
    load_view(f, "", "w1", NOW);
    load_view(f, "", "w1", NOW);
    load_view(f, "s3", "w1", NOW - 5 * DAY);
    load_cart(f, "g1", "w1", 1);
    load_cart(f, "g1", "w1", 0);
    load_cart(f, "s3", "w1", 0); /* only taken out */
    load_order(f, "o1", "g1", NOW, "w1", 1);
    struct warehouse_report r = ask_report(f, 2);
    assert_int_equal(r.viewers, 4);
    assert_int_equal(r.carts, 1);
    assert_int_equal(r.buyers, 1);
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_MERGE, .shopper = "s1", .merge = {.guest = "g1"}});
    r = ask_report(f, 2);
    assert_int_equal(r.viewers, 3);
    assert_int_equal(r.carts, 1);
}

static void best_sellers_come_by_bottles(void **state)
{
    struct fixture *f = *state;
    load_wine(f, "w2", "Second", 1);
    load_order(f, "o1", "s1", NOW, "w1", 1);
    load_order(f, "o2", "s1", NOW, "w2", 3);
    load_order(f, "o3", "s1", NOW, "w2", 3);
    load_order(f, "o4", "s1", NOW, "w3", 99);
    load_status(f, "o1", "confirmed", 2);
    load_status(f, "o2", "confirmed", 2);
    load_status(f, "o3", "delivered", 4);
    struct warehouse_report r = ask_report(f, 7);
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
    load_fact(f, (struct warehouse_fact){
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
    struct warehouse_report r = ask_report(f, 1);
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
        load_wine(f, id, id, 1);
    }
    load_stock(f, "w0", 4, 1);   /* few, none sold */
    load_stock(f, "w1", 100, 1); /* many, sold fast */
    load_stock(f, "w2", 500, 1); /* enough */
    load_stock(f, "w3", 0, 1);   /* none left */
    load_stock(f, "w4", 1, 1);   /* withdrawn */
    load_fact(f,
        (struct warehouse_fact){.kind = WAREHOUSE_WINE_WITHDRAWN, .wine_id = "w4", .sequence = 2});
    load_order(f, "o1", "s", NOW, "w1", 60);
    load_order(f, "o2", "s", NOW, "w2", 6);
    load_order(f, "o3", "s", NOW, "w3", 1);
    for (int i = 1; i <= 3; i++)
        load_status(f, i == 1 ? "o1" : i == 2 ? "o2" : "o3", "confirmed", 2);
    struct warehouse_report r = ask_report(f, 6);
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
    load_order(f, "o2", "s", NOW - 120000, "w", 1);
    load_order(f, "o1", "s", NOW - 240000, "w", 1);
    load_order(f, "o3", "s", NOW - 1000, "w", 1);
    load_order(f, "o4", "s", NOW - 240000, "w", 1);
    load_status(f, "o4", "confirmed", 2);
    struct warehouse_report r = ask_report(f, 1);
    assert_int_equal(r.stuck_count, 2);
    assert_string_equal(r.stuck[0].order_id, "o1");
    assert_int_equal(r.stuck[0].since_ms, NOW - 240000);
    assert_string_equal(r.stuck[1].order_id, "o2");
}

/* ---- interactions and forgetting ---- */

static void interactions_come_in_the_order_of_time(void **state)
{
    struct fixture *f = *state;
    struct warehouse_line lines[] = {
        {.wine_id = "w1", .quantity = 2}, {.wine_id = "w2", .quantity = 1}};
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_RATING,
                     .shopper = "s1",
                     .wine_id = "w1",
                     .at_ms = NOW - 100,
                     .stars = 4.5});
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER,
                     .shopper = "s1",
                     .at_ms = NOW - 200,
                     .sequence = 1,
                     .order = {.order_id = "o1",
                         .country = "",
                         .region = "",
                         .currency = "USD",
                         .lines = lines,
                         .line_count = 2}});
    load_view(f, "g1", "w3", NOW - 300);
    load_view(f, "", "w4", NOW - 5000);
    struct seen seen = ask_interactions(f, NOW - 1000, 100);
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
    assert_string_equal(ask_interactions(f, 0, 100).items[0].shopper, "");
    assert_int_equal(ask_interactions(f, 0, 1).count, 3); /* the newest of each kind */
    struct seen first = {.f = f, .stop_after = 1};
    struct error error;
    struct warehouse_interaction_query all = {.limit = 100};
    assert_int_equal(warehouse_interactions(f->warehouse, &all, see, &first, &error), 0);
    assert_int_equal(first.count, 1);
}

static void the_forgotten_count_but_have_no_name(void **state)
{
    struct fixture *f = *state;
    load_view(f, "g1", "w1", NOW);
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_MERGE, .shopper = "s1", .merge = {.guest = "g1"}});
    load_view(f, "s1", "w2", NOW + 1);
    load_view(f, "s2", "w3", NOW + 2);
    struct seen seen = ask_interactions(f, 0, 10);
    assert_string_equal(seen.items[0].shopper, "s1");
    warehouse_forget(f->warehouse, "s1", finished, f);
    await(f);
    warehouse_forget(f->warehouse, "never seen", finished, f);
    await(f);
    seen = ask_interactions(f, 0, 10);
    assert_int_equal(seen.count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(
            seen.items[i].shopper, strcmp(seen.items[i].wine_id, "w3") == 0 ? "s2" : "");
    assert_int_equal(ask_report(f, 1).viewers, 2);
    load_view(f, "s1", "w4", NOW + 1); /* whoever comes by that name is somebody new */
    assert_int_equal(ask_report(f, 1).viewers, 3);
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
    if (f->engine->durable)
        reopen(f);
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
        WAREHOUSE_TEST(an_empty_warehouse_reports_empty_days),
        WAREHOUSE_TEST(revenue_counts_what_was_confirmed_on_its_day),
        WAREHOUSE_TEST(events_told_twice_or_late_change_nothing),
        WAREHOUSE_TEST(the_funnel_counts_shoppers),
        WAREHOUSE_TEST(best_sellers_come_by_bottles),
        WAREHOUSE_TEST(searches_without_result_are_counted),
        WAREHOUSE_TEST(low_stock_is_what_runs_out_soonest),
        WAREHOUSE_TEST(orders_that_stay_pending_are_stuck),
        WAREHOUSE_TEST(interactions_come_in_the_order_of_time),
        WAREHOUSE_TEST(the_forgotten_count_but_have_no_name),
        WAREHOUSE_TEST(checkpoints_events_and_letters_are_kept),
    };
    return run_engines(tests);
}
