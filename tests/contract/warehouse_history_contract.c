/* What every warehouse answers beside the plain report, run against each engine: imported history,
 * interactions by shopper and time, demand, searches and experiments. */
#include "warehouse_fixture.h"

#include <math.h>

/* ---- imported ratings ---- */

static struct warehouse_rating_row rating(
    const char *shopper, const char *wine, double stars, int64_t at_ms)
{
    return (struct warehouse_rating_row){
        .shopper = shopper, .wine_id = wine, .stars = stars, .vintage = 2015, .at_ms = at_ms};
}

static void import(struct fixture *f, const struct warehouse_rating_row *rows, size_t count)
{
    warehouse_import(f->warehouse, rows, count, finished, f);
    await(f);
}

static void rate(struct fixture *f, const char *shopper, const char *wine, double stars)
{
    load_fact(
        f, (struct warehouse_fact){
               .kind = WAREHOUSE_RATING, .shopper = shopper, .wine_id = wine, .stars = stars});
}

static void an_import_can_be_repeated_and_replaces(void **state)
{
    struct fixture *f = *state;
    struct warehouse_rating_row rows[] = {rating("u1", "w1", 4.5, NOW - 3 * DAY),
        rating("u1", "w2", 3, NOW - 2 * DAY), rating("u2", "w1", 2, NOW - 4000 * DAY)};
    rate(f, "u1", "w1", 1); /* in the shop: no import takes it away */
    import(f, rows, 3);
    import(f, rows, 3);
    assert_int_equal(ask_interactions(f, 0, 0).count, 4);
    rows[0].stars = 5;
    rows[0].at_ms = NOW - DAY;
    import(f, rows, 1);
    struct seen seen = ask_interactions(f, 0, 0);
    assert_int_equal(seen.count, 4);
    assert_string_equal(seen.items[0].shopper, "u2");
    assert_int_equal(seen.items[0].at_ms, NOW - 4000 * DAY);
    assert_string_equal(seen.items[1].wine_id, "w2");
    assert_true(fabs(seen.items[2].value - 5) < 1e-9);
    assert_int_equal(seen.items[2].at_ms, NOW - DAY);
    assert_true(fabs(seen.items[3].value - 1) < 1e-9);
}

static void the_last_of_several_rows_counts(void **state)
{
    struct fixture *f = *state;
    struct warehouse_rating_row rows[] = {
        rating("u1", "w1", 2, NOW), rating("u1", "w1", 4, NOW - DAY), rating("u1", "w2", 3, NOW)};
    import(f, rows, 3);
    struct seen seen = ask_interactions(f, 0, 0);
    assert_int_equal(seen.count, 2);
    assert_true(fabs(seen.items[0].value - 4) < 1e-9);
    import(f, rows, 0);
    assert_int_equal(ask_interactions(f, 0, 0).count, 2);
}

static void a_large_import_comes_whole(void **state)
{
    enum { ROWS = 20000, WINES = 100 };
    struct fixture *f = *state;
    char(*names)[8] = calloc(ROWS, sizeof(*names));
    struct warehouse_rating_row *rows = calloc(ROWS, sizeof(*rows));
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof(names[i]), "%c%d", i < WINES ? 'w' : 'u', i % 1000000);
        rows[i] = rating(names[WINES + i / WINES], names[i % WINES], 1 + i % 5, NOW - i);
    }
    import(f, rows, ROWS);
    import(f, rows, ROWS);
    struct warehouse_interaction_query one = {.shopper = names[WINES + 7], .limit = 30};
    struct seen seen = ask_query(f, one);
    assert_int_equal(seen.count, 30);
    for (int i = 1; i < seen.count; i++)
        assert_true(seen.items[i - 1].at_ms < seen.items[i].at_ms);
    assert_int_equal(seen.items[29].at_ms, NOW - 700);
    free(rows);
    free(names);
}

static void the_forgotten_leave_their_imported_ratings(void **state)
{
    struct fixture *f = *state;
    struct warehouse_rating_row rows[] = {
        rating("u1", "w1", 4, NOW), rating("u2", "w1", 5, NOW + 1)};
    import(f, rows, 2);
    warehouse_forget(f->warehouse, "u1", finished, f);
    await(f);
    struct seen seen = ask_interactions(f, 0, 0);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.items[0].shopper, "");
    assert_string_equal(seen.items[1].shopper, "u2");
    assert_int_equal(ask_query(f, (struct warehouse_interaction_query){.shopper = "u1"}).count, 0);
}

/* ---- interactions ---- */

static void interactions_are_of_a_time(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++)
        load_view(f, "s1", "w1", NOW + i);
    rate(f, "s1", "w2", 5);
    struct seen seen = ask_query(
        f, (struct warehouse_interaction_query){.since_ms = NOW + 1, .until_ms = NOW + 4});
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.items[0].at_ms, NOW + 1);
    assert_int_equal(seen.items[2].at_ms, NOW + 3);
    seen = ask_query(f, (struct warehouse_interaction_query){.until_ms = NOW + 4, .limit = 2});
    assert_int_equal(seen.count, 3); /* the rating, and the newest two views before */
    assert_int_equal(seen.items[2].at_ms, NOW + 3);
    assert_int_equal(ask_query(f, (struct warehouse_interaction_query){0}).count, 7);
}

static void interactions_of_a_shopper_hold_those_of_its_guests(void **state)
{
    struct fixture *f = *state;
    load_view(f, "g1", "w1", NOW);
    load_view(f, "g2", "w2", NOW + 1);
    load_view(f, "s1", "w3", NOW + 2);
    load_view(f, "s2", "w4", NOW + 3);
    load_view(f, "", "w5", NOW + 4);
    load_order(f, "o1", "g1", NOW + 5, "w6", 2);
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_MERGE, .shopper = "s1", .merge = {.guest = "g1"}});
    struct seen seen = ask_query(f, (struct warehouse_interaction_query){.shopper = "s1"});
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.items[0].wine_id, "w1");
    assert_string_equal(seen.items[0].shopper, "s1");
    assert_string_equal(seen.items[1].wine_id, "w3");
    assert_string_equal(seen.items[2].order_id, "o1");
    seen = ask_query(f, (struct warehouse_interaction_query){.shopper = "s1", .limit = 1});
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.items[0].wine_id, "w3");
    assert_int_equal(ask_query(f, (struct warehouse_interaction_query){.shopper = "g2"}).count, 1);
    assert_int_equal(
        ask_query(f, (struct warehouse_interaction_query){.shopper = "none"}).count, 0);
}

static void what_was_not_delivered_is_no_bottle(void **state)
{
    struct fixture *f = *state;
    static const char *const statuses[] = {"pending", "confirmed", "rejected", "cancelled"};
    for (int i = 0; i < 4; i++) {
        char order[8];
        snprintf(order, sizeof(order), "o%d", i);
        load_order(f, order, "s1", NOW + i, "w1", 2);
        if (i)
            load_status(f, order, statuses[i], 9);
    }
    for (int limit = 0; limit <= 10; limit += 10) {
        struct seen seen =
            ask_query(f, (struct warehouse_interaction_query){.shopper = "s1", .limit = limit});
        assert_int_equal(seen.count, 4);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal((int)seen.items[i].value, i < 2 ? 2 : 0);
    }
}

static void a_batch_may_forget_in_its_middle(void **state)
{
    struct fixture *f = *state;
    struct warehouse_fact view = {.kind = WAREHOUSE_VIEW,
        .event_id = "",
        .at_ms = NOW,
        .shopper = "s1",
        .wine_id = "w1",
        .shown = {.list = "", .query = "", .experiment = "", .arm = ""}};
    struct warehouse_fact facts[] = {view, view,
        {.kind = WAREHOUSE_FORGET, .event_id = "", .at_ms = NOW, .shopper = "s1", .wine_id = ""},
        view};
    facts[1].shopper = "s2";
    facts[3].at_ms = NOW + 1;
    load_batch(f, &(struct warehouse_batch){.facts = facts, .fact_count = 4});
    struct seen seen = ask_interactions(f, 0, 0);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.items[2].shopper, "s1");
    assert_true(*seen.items[0].shopper == '\0' || *seen.items[1].shopper == '\0');
    assert_int_equal(ask_query(f, (struct warehouse_interaction_query){.shopper = "s1"}).count, 1);
}

static void texts_that_are_too_long_are_cut(void **state)
{
    struct fixture *f = *state;
    char longest[4001];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest + 999, "\xc3\xa9", 2); /* across the end of a text */
    memcpy(longest + 127, "\xc3\xa9", 2); /* and of an id */
    load_wine(f, "w1", longest, 1);
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_SEARCH, .shopper = longest, .search = {.query = longest}});
    load_view(f, longest, longest, NOW);
    load_wine(f, "w2", "Ch\xe2teau \xff", 1); /* nor is what is no UTF-8 refused for ever */
    assert_int_equal(ask_interactions(f, 0, 0).count, 1);
    assert_int_equal(ask_report(f, 1).search_count, 1);
}

/* ---- the report ---- */

static void the_period_before_is_for_comparison(void **state)
{
    struct fixture *f = *state;
    load_order(f, "o1", "s1", NOW, "w1", 1);
    load_order(f, "o2", "s1", NOW - 3 * DAY, "w1", 2);
    load_order(f, "o3", "s1", NOW - 5 * DAY, "w1", 3);
    load_order(f, "o4", "s1", NOW - 6 * DAY, "w1", 4); /* before that, too */
    load_order(f, "o5", "s1", NOW - 4 * DAY, "w1", 5);
    const char *const ids[] = {"o1", "o2", "o3", "o4"};
    for (int i = 0; i < 4; i++)
        load_status(f, ids[i], "confirmed", 2);
    struct warehouse_report r = ask_report(f, 3);
    assert_int_equal(r.revenue[2].orders, 1);
    assert_int_equal(r.previous_orders, 2);
    assert_int_equal(r.previous_amount, 2500 + 3500);
}

static void demand_is_told_by_day(void **state)
{
    struct fixture *f = *state;
    load_wine(f, "w2", "Second", 1);
    load_wine(f, "w3", "Low", 1);
    load_stock(f, "w2", 40, 1);
    load_stock(f, "w3", 2, 1);
    load_order(f, "o1", "s1", NOW - DAY, "w1", 2);
    load_order(f, "o2", "s1", NOW - DAY, "w2", 3);
    load_order(f, "o3", "s2", NOW - DAY - 1000, "w2", 4);
    load_order(f, "o4", "s2", NOW - 91 * DAY, "w2", 1);
    load_order(f, "o5", "s2", NOW - 92 * DAY, "w2", 50); /* too long ago */
    load_order(f, "o6", "s2", NOW, "w2", 60);            /* today is not over */
    load_order(f, "o7", "s2", NOW - DAY, "w2", 70);      /* not confirmed */
    const char *const ids[] = {"o1", "o2", "o3", "o4", "o5", "o6"};
    for (int i = 0; i < 6; i++)
        load_status(f, ids[i], "confirmed", 2);
    struct warehouse_report r = ask_report(f, 7);
    assert_int_equal(r.demand_count, 3);
    assert_string_equal(r.demand[0].wine_id, "w2");
    assert_string_equal(r.demand[0].name, "Second");
    assert_int_equal(r.demand[0].available, 40);
    assert_int_equal(r.demand[0].bottles[WAREHOUSE_DEMAND_DAYS - 1], 7);
    assert_int_equal(r.demand[0].bottles[0], 1);
    assert_int_equal(r.demand[0].bottles[1], 0);
    assert_string_equal(r.demand[1].wine_id, "w1");
    assert_int_equal(r.demand[1].available, -1);
    assert_int_equal(r.demand[1].bottles[WAREHOUSE_DEMAND_DAYS - 1], 2);
    assert_string_equal(r.demand[2].wine_id, "w3"); /* low, never sold */
    assert_int_equal(r.demand[2].bottles[WAREHOUSE_DEMAND_DAYS - 1], 0);
}

static void click(struct fixture *f, enum warehouse_fact_kind kind, const char *shopper,
    const char *query, const char *experiment, const char *arm, int64_t at_ms)
{
    load_fact(f, (struct warehouse_fact){.kind = kind,
                     .shopper = shopper,
                     .wine_id = "w1",
                     .at_ms = at_ms,
                     .shown = {.list = "search",
                         .query = query,
                         .position = 3,
                         .experiment = experiment,
                         .arm = arm}});
}

static void search(struct fixture *f, const char *query, int64_t results)
{
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_SEARCH, .search = {.query = query, .results = results}});
}

static void searches_are_told_with_what_was_clicked(void **state)
{
    struct fixture *f = *state;
    search(f, "Riesling", 12);
    search(f, "riesling", 12);
    search(f, "malbec", -1);
    search(f, "retsina", 0);
    click(f, WAREHOUSE_CLICK, "s1", "RIESLING", "", "", NOW);
    click(f, WAREHOUSE_CLICK, "s1", "", "", "", NOW);
    click(f, WAREHOUSE_CLICK, "s1", "malbec", "", "", NOW - 9 * DAY);
    click(f, WAREHOUSE_IMPRESSION, "s1", "malbec", "", "", NOW);
    struct warehouse_report r = ask_report(f, 2);
    assert_int_equal(r.impressions, 1);
    assert_int_equal(r.clicks, 2);
    assert_int_equal(r.clicked_search_count, 2);
    assert_string_equal(r.clicked_searches[0].query, "riesling");
    assert_int_equal(r.clicked_searches[0].searches, 2);
    assert_int_equal(r.clicked_searches[0].clicks, 1);
    assert_string_equal(r.clicked_searches[1].query, "malbec");
    assert_int_equal(r.clicked_searches[1].clicks, 0);
}

/* ---- experiments ---- */

#define EXPERIMENT "01J8ZQ4T8M3V5X7Y9A1B2C3D4E"

static struct warehouse_experiment_result ask_experiment(struct fixture *f, const char *id)
{
    struct warehouse_experiment_result result;
    memset(&result, 0x55, sizeof(result));
    warehouse_experiment(f->warehouse, id, &result, finished, f);
    await(f);
    return result;
}

static void an_experiment_is_won_by_sessions(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *shopper, *arm;
        int64_t at_ms;
    } clicks[] = {{"s1", "a", NOW}, {"s1", "a", NOW + 1}, {"s1", "b", NOW + 2}, /* a */
        {"s1", "b", NOW - DAY},                                                 /* b, another day */
        {"s2", "a", NOW}, {"g2", "b", NOW}, /* tied: one shopper */
        {"s3", "b", NOW},                   /* b */
        {"", "a", NOW}, {"", "a", NOW}};    /* nobody known has no session */
    for (size_t i = 0; i < sizeof(clicks) / sizeof(*clicks); i++)
        click(
            f, WAREHOUSE_CLICK, clicks[i].shopper, "", EXPERIMENT, clicks[i].arm, clicks[i].at_ms);
    load_fact(f, (struct warehouse_fact){
                     .kind = WAREHOUSE_MERGE, .shopper = "s2", .merge = {.guest = "g2"}});
    for (int i = 0; i < 5; i++)
        click(f, WAREHOUSE_IMPRESSION, "s1", "", EXPERIMENT, i < 3 ? "a" : "b", NOW);
    click(f, WAREHOUSE_IMPRESSION, "s1", "", "", "", NOW);
    click(f, WAREHOUSE_CLICK, "s4", "", "01J8ZQ4T8M3V5X7Y9A1B2C3D4F", "a", NOW);
    click(f, WAREHOUSE_CLICK, "s4", "", "", "", NOW);
    struct warehouse_experiment_result r = ask_experiment(f, EXPERIMENT);
    assert_int_equal(r.a.impressions, 3);
    assert_int_equal(r.b.impressions, 2);
    assert_int_equal(r.a.clicks, 5);
    assert_int_equal(r.b.clicks, 4);
    assert_int_equal(r.a.won, 1);
    assert_int_equal(r.b.won, 2);
    assert_int_equal(r.tied, 1);
    r = ask_experiment(f, "01J8ZQ4T8M3V5X7Y9A1B2C3D40");
    assert_int_equal(r.a.impressions + r.a.clicks + r.a.won + r.tied, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAREHOUSE_TEST(an_import_can_be_repeated_and_replaces),
        WAREHOUSE_TEST(the_last_of_several_rows_counts),
        WAREHOUSE_TEST(a_large_import_comes_whole),
        WAREHOUSE_TEST(the_forgotten_leave_their_imported_ratings),
        WAREHOUSE_TEST(interactions_are_of_a_time),
        WAREHOUSE_TEST(interactions_of_a_shopper_hold_those_of_its_guests),
        WAREHOUSE_TEST(what_was_not_delivered_is_no_bottle),
        WAREHOUSE_TEST(a_batch_may_forget_in_its_middle),
        WAREHOUSE_TEST(texts_that_are_too_long_are_cut),
        WAREHOUSE_TEST(the_period_before_is_for_comparison),
        WAREHOUSE_TEST(demand_is_told_by_day),
        WAREHOUSE_TEST(searches_are_told_with_what_was_clicked),
        WAREHOUSE_TEST(an_experiment_is_won_by_sessions),
    };
    return run_engines(tests);
}
