#include "engines.h"

#include "arena.h"
#include "catalogue.h"
#include "clock.h"
#include "model.h"
#include "recall.h"
#include "train.h"
#include "warehouse.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1772000000000)
#define WINES 240
#define TASTES 4 /* wine i is of taste i % TASTES, and so is shopper i */
#define SHOPPERS 400

/* Wine 0 to WINES - 1, all from the opening; two wines of a winery, eight of a region. */
struct fixture {
    struct model *model;
    struct arena *arena;
    struct trained *trained;
};

static const char *id_of(struct fixture *f, int number)
{
    return arena_printf(f->arena, "01KF0000000000000%09d", number);
}

static void describe(struct fixture *f, const char *id, int number, int64_t price, int available)
{
    static const char *const types[TASTES] = {"Red", "White", "Rosé", "Sparkling"};
    static const char *const grapes[TASTES] = {"Syrah", "Riesling", "Grenache", "Chardonnay"};
    struct wine_document made = {.id = id,
        .group_id = "",
        .name = arena_printf(f->arena, "Wine %d", number),
        .winery = arena_printf(f->arena, "Winery %d", number / 2),
        .type = types[number % TASTES],
        .country = "France",
        .region = arena_printf(f->arena, "Region %d", number / 8),
        .appellation = "",
        .elaborate = "",
        .body = "full",
        .acidity = "high",
        .sweetness = "dry",
        .tannin = "",
        .price = price,
        .rating_count = -1};
    made.grapes[0].name = grapes[number % TASTES];
    made.grapes[0].share = 1;
    made.grape_count = 1;
    model_describe(f->model, &made, 0, available);
}

/* Shoppers rate wines of their own taste; `shift` turns tastes round, for another model. */
static struct trained *train_on(struct fixture *f, int wines, int shift)
{
    const char **ids = test_calloc((size_t)wines, sizeof(*ids));
    const struct feature **features = test_calloc((size_t)wines, sizeof(*features));
    struct feature *own = test_calloc((size_t)wines, sizeof(*own));
    size_t *counts = test_calloc((size_t)wines, sizeof(*counts));
    for (int i = 0; i < wines; i++) {
        ids[i] = id_of(f, i);
        own[i] = (struct feature){.number = (uint32_t)(i % TASTES), .weight = 1};
        features[i] = &own[i];
        counts[i] = 1;
    }
    struct event_collector *collector = event_collector_new((size_t)wines);
    unsigned dice = 11;
    for (int shopper = 0; shopper < SHOPPERS; shopper++) {
        for (int i = 0; i < 12; i++) {
            int place = rand_r(&dice) % (wines / TASTES);
            int taste = i % 2 ? shopper % TASTES : (shopper + shift) % TASTES;
            event_collector_add(collector, arena_printf(f->arena, "T%d", shopper),
                (uint32_t)(place * TASTES + taste), TRAINED_RATING, 4.5f,
                NOW - (int64_t)(rand_r(&dice) % 300) * DAY);
        }
    }
    struct events *events = event_collector_finish(collector);
    event_collector_free(collector);
    struct content *content = content_new((size_t)wines, TASTES, features, counts);
    struct training_options options = training_defaults(1);
    options.als.dims = 16;
    struct trained *trained = NULL;
    struct error error = {0};
    assert_int_equal(train(&trained, ids, events, content, &options, &error), 0);
    content_free(content);
    events_free(events);
    test_free(ids);
    test_free(features);
    test_free(own);
    test_free(counts);
    return trained;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->model = model_new(100);
    f->arena = arena_new();
    for (int i = 0; i < WINES; i++)
        describe(f, id_of(f, i), i, 1000 + i * 10, 10);
    f->trained = train_on(f, WINES, 0);
    model_use(f->model, MODEL_CURRENT, f->trained);
    model_rebuild(f->model, NOW);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    model_free(f->model);
    trained_release(f->trained);
    arena_free(f->arena);
    test_free(f);
    return 0;
}

static struct model_query query_of(const char *shopper)
{
    return (struct model_query){
        .shopper = shopper, .limit = 20, .now_ms = NOW, .max_price = INT64_MAX};
}

static int number_of(const char *id)
{
    return atoi(id + 17);
}

static bool lists(const struct model_pick *picks, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(picks[i].wine_id, id) == 0)
            return true;
    }
    return false;
}

static struct model_answer ask(
    struct fixture *f, const struct model_query *query, struct model_pick picks[MODEL_MAX_LIST])
{
    struct model_answer answer;
    model_recommend(f->model, query, picks, &answer);
    return answer;
}

/* ---- the personal list ---- */

static void one_event_changes_the_next_list(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    assert_false(ask(f, &query, picks).personal);
    model_rate(f->model, "S", id_of(f, 41), 5, NOW); /* taste 1 */
    struct model_answer answer = ask(f, &query, picks);
    assert_true(answer.personal);
    assert_int_equal(answer.count, 20);
    int alike = 0;
    for (size_t i = 0; i < 10; i++) {
        alike += number_of(picks[i].wine_id) % TASTES == 1;
        if (number_of(picks[i].wine_id) % TASTES == 1) {
            assert_int_equal(picks[i].reason, MODEL_LIKED);
            assert_string_equal(picks[i].source_id, id_of(f, 41));
        }
    }
    assert_true(alike >= 8);
    assert_string_equal(picks[0].source_name, "Wine 41");
}

static void the_first_ten_are_varied(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    for (int i = 0; i < 8; i += 4)
        model_rate(f->model, "S", id_of(f, 40 + i), 5, NOW);
    assert_int_equal(ask(f, &query, picks).count, 20);
    for (size_t i = 0; i < 10; i++) {
        int winery = 0, region = 0;
        for (size_t j = 0; j < 10; j++) {
            winery += number_of(picks[i].wine_id) / 2 == number_of(picks[j].wine_id) / 2;
            region += number_of(picks[i].wine_id) / 8 == number_of(picks[j].wine_id) / 8;
        }
        assert_in_range(winery, 1, 2);
        assert_in_range(region, 1, 3);
    }
}

static void what_may_not_be_shown_is_not(void **state)
{
    struct fixture *f = *state;
    struct model_pick before[MODEL_MAX_LIST], picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    query.limit = 50;
    model_rate(f->model, "S", id_of(f, 41), 5, NOW);
    ask(f, &query, before);
    model_stock(f->model, before[0].wine_id, 0, 1);
    model_rate(f->model, "S", before[1].wine_id, 2, NOW);
    model_cart(f->model, "S", before[2].wine_id, true, NOW);
    model_withdraw(f->model, before[3].wine_id, 9);
    const char *ordered[] = {before[4].wine_id};
    model_order(f->model, "S", "O1", ordered, 1, NOW);
    model_rebuild(f->model, NOW); /* for the one that was withdrawn */
    struct model_answer answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 50);
    for (int i = 0; i < 5; i++)
        assert_false(lists(picks, answer.count, before[i].wine_id));
    assert_false(lists(picks, answer.count, id_of(f, 41))); /* they know that one */
}

static void many_bad_ratings_are_all_kept(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    for (int i = 0; i < 200; i++)
        model_rate(f->model, "S", id_of(f, i), 1 + i % 3 * 0.5, NOW + i);
    query.limit = 50;
    struct model_answer answer = ask(f, &query, picks);
    assert_int_equal(answer.count, WINES - 200);
    for (size_t i = 0; i < answer.count; i++)
        assert_true(number_of(picks[i].wine_id) >= 200);
}

static void filters_choose_before_the_cut(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    model_rate(f->model, "S", id_of(f, 41), 5, NOW);
    query.types = 1u << catalogue_type("Sparkling"); /* taste 3: far from theirs */
    query.min_price = 1500;
    query.max_price = 2500;
    struct model_answer answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 20);
    for (size_t i = 0; i < answer.count; i++) {
        int number = number_of(picks[i].wine_id);
        assert_int_equal(number % TASTES, 3);
        assert_in_range(1000 + number * 10, 1500, 2500);
    }
    query.min_price = query.max_price = 1000 + 43 * 10;
    assert_int_equal(ask(f, &query, picks).count, 1);
    assert_string_equal(picks[0].wine_id, id_of(f, 43));
    query.min_price = query.max_price = 1;
    answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 0);
    assert_false(answer.personal);
}

static void a_new_wine_has_a_place(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    const char *suits = "01KJ80000000000000000000AA", *other = "01KJ80000000000000000000AB";
    describe(f, suits, 1001, 2000, 5); /* taste 1, of February 2026 */
    describe(f, other, 1002, 2000, 5); /* taste 2 */
    model_rebuild(f->model, NOW);
    for (int i = 0; i < 12; i++)
        model_rate(f->model, "S", id_of(f, 41 + 4 * i), 5, NOW + i);
    ask(f, &query, picks);
    assert_string_equal(picks[9].wine_id, suits);
    assert_int_equal(picks[9].reason, MODEL_NEW);
    assert_false(lists(picks, 20, other)); /* not worth a place of this shopper's */
}

static void a_wine_the_model_never_heard_of_is_a_first_event_too(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    const char *fresh = "01KJ80000000000000000000AA";
    describe(f, fresh, 1001, 2000, 5);
    model_rebuild(f->model, NOW);
    model_view(f->model, "S", fresh, NOW);
    assert_true(ask(f, &query, picks).personal);
    assert_int_equal(picks[0].reason, MODEL_VIEWED);
    assert_string_equal(picks[0].source_id, fresh);
    assert_int_equal(number_of(picks[0].wine_id) % TASTES, 1);
}

static void a_new_model_takes_over(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    model_rate(f->model, "S", id_of(f, 41), 5, NOW);
    assert_false(model_use(f->model, MODEL_CURRENT, f->trained));
    assert_true(model_use(f->model, MODEL_CURRENT, NULL));
    assert_int_equal(model_rebuild(f->model, NOW), MODEL_COUNTS);
    assert_true(ask(f, &query, picks).personal); /* by taste */
    struct trained *smaller = train_on(f, WINES / 2, 0);
    assert_true(model_use(f->model, MODEL_CURRENT, smaller));
    trained_release(smaller);
    model_rebuild(f->model, NOW);
    assert_int_equal(ask(f, &query, picks).count, 20);
    assert_int_equal(number_of(picks[0].wine_id) % TASTES, 1);
}

/* ---- similar ---- */

static void similar_wines_come_from_both(void **state)
{
    struct fixture *f = *state;
    const char *ids[MODEL_MAX_LIST];
    size_t count;
    assert_int_equal(model_similar(f->model, id_of(f, 41), 20, ids, &count), MODEL_FOUND);
    assert_int_equal(count, 20);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(number_of(ids[i]) % TASTES, 1);
}

/* ---- the basket ---- */

static void the_basket_calls_for_what_goes_with_it(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    query.list = MODEL_BASKET_OF;
    struct model_answer answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 0);
    assert_true(answer.empty);
    /* What they like is another thing than what they have in the basket. */
    for (int i = 0; i < 5; i++)
        model_rate(f->model, "S", id_of(f, 40 + 4 * i), 5, NOW);
    model_cart(f->model, "S", id_of(f, 82), true, NOW); /* taste 2 */
    answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 20);
    assert_false(answer.empty);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(picks[i].reason, MODEL_BASKET);
        assert_string_equal(picks[i].source_id, id_of(f, 82));
        assert_int_equal(number_of(picks[i].wine_id) % TASTES, 2);
    }
    assert_false(lists(picks, answer.count, id_of(f, 82)));
    model_cart(f->model, "S", id_of(f, 82), false, NOW);
    assert_true(ask(f, &query, picks).empty);
}

/* The order's shard was faster than the cart's. */
static void what_was_ordered_is_not_in_the_basket(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    const char *lines[] = {id_of(f, 82)};
    model_order(f->model, "S", "O1", lines, 1, NOW);
    model_cart(f->model, "S", id_of(f, 82), true, NOW - 10);
    query.list = MODEL_BASKET_OF;
    assert_true(ask(f, &query, picks).empty);
    query.list = MODEL_BUY_AGAIN;
    assert_int_equal(ask(f, &query, picks).count, 1);
    model_order(f->model, "S", "O0", lines, 1, NOW - 20); /* later still: an earlier one */
    model_cart(f->model, "S", id_of(f, 82), true, NOW - 5);
    query.list = MODEL_BASKET_OF;
    assert_true(ask(f, &query, picks).empty);
    model_cart(f->model, "S", id_of(f, 82), true, NOW + 10); /* and again */
    model_order(f->model, "S", "O2", lines, 1, NOW - 1);     /* an order of before that */
    query.list = MODEL_BASKET_OF;
    assert_int_equal(ask(f, &query, picks).count, 20);
}

static void what_was_bought_with_it_since_the_training_comes_up(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    query.list = MODEL_BASKET_OF;
    const char *lines[] = {id_of(f, 82), id_of(f, 7)}; /* tastes 2 and 3 */
    for (int i = 0; i < 12; i++)
        model_order(f->model, arena_printf(f->arena, "B%d", i), "O", lines, 2, NOW);
    model_cart(f->model, "S", lines[0], true, NOW);
    model_rebuild(f->model, NOW);
    ask(f, &query, picks);
    assert_true(lists(picks, 12, lines[1]));
}

/* ---- again ---- */

static void order_one(struct fixture *f, const char *order, int number, int64_t at_ms)
{
    const char *lines[] = {id_of(f, number)};
    model_order(f->model, "S", order, lines, 1, at_ms);
}

static void often_and_lately_ordered_comes_first(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    query.list = MODEL_BUY_AGAIN;
    assert_true(ask(f, &query, picks).empty);
    order_one(f, "O1", 1, NOW - 400 * DAY); /* long ago */
    order_one(f, "O2", 2, NOW - 90 * DAY);  /* twice */
    order_one(f, "O3", 3, NOW - 40 * DAY);  /* once */
    order_one(f, "O4", 2, NOW - 30 * DAY);
    order_one(f, "O5", 4, NOW - 20 * DAY); /* rated badly */
    order_one(f, "O6", 5, NOW - 10 * DAY); /* sold out */
    order_one(f, "O7", 6, NOW - 9 * DAY);  /* rejected */
    model_order_undone(f->model, "S", "O7");
    order_one(f, "O8", 7, NOW - 8 * DAY); /* in the basket again */
    model_rate(f->model, "S", id_of(f, 4), 2, NOW);
    model_rate(f->model, "S", id_of(f, 3), 2.5, NOW);
    model_stock(f->model, id_of(f, 5), 0, 1);
    model_cart(f->model, "S", id_of(f, 7), true, NOW);
    struct model_answer answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 3);
    assert_string_equal(picks[0].wine_id, id_of(f, 2));
    assert_string_equal(picks[1].wine_id, id_of(f, 3));
    assert_string_equal(picks[2].wine_id, id_of(f, 1));
    assert_int_equal(picks[0].reason, MODEL_AGAIN);
    assert_int_equal(picks[0].ordered_ms, NOW - 30 * DAY);
    query.max_price = 1010;
    assert_int_equal(ask(f, &query, picks).count, 1);
}

/* ---- two models ---- */

static void an_experiment_shares_the_places(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[MODEL_MAX_LIST], same[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    struct trained *other = train_on(f, WINES, 1);
    query.experiment = true;
    model_rate(f->model, "S", id_of(f, 41), 5, NOW);
    ask(f, &query, picks); /* no arms yet: the current model alone */
    for (int i = 0; i < 20; i++)
        assert_int_equal(picks[i].arm, 0);
    model_use(f->model, MODEL_ARM_A, f->trained);
    model_use(f->model, MODEL_ARM_B, other);
    model_rebuild(f->model, NOW);
    int first = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        int a = 0, b = 0;
        query.seed = seed;
        assert_int_equal(ask(f, &query, picks).count, 20);
        ask(f, &query, same);
        assert_memory_equal(picks, same, sizeof(*picks) * 20);
        for (int i = 0; i < 20; i++) {
            a += picks[i].arm == 'a';
            b += picks[i].arm == 'b';
            for (int j = 0; j < i; j++)
                assert_string_not_equal(picks[i].wine_id, picks[j].wine_id);
        }
        assert_in_range(a, b ? b - 1 : 0, b + 1);
        assert_true(a + b >= 18); /* but for the places of new wines */
        first += picks[0].arm == 'a';
    }
    assert_in_range(first, 8, 32);
    query.shopper = "T"; /* of whom nothing is known: by what is asked for of late */
    ask(f, &query, picks);
    model_use(f->model, MODEL_ARM_B, NULL);
    model_rebuild(f->model, NOW);
    query.shopper = "S";
    ask(f, &query, picks);
    assert_int_equal(picks[0].arm, 0);
    trained_release(other);
}

/* ---- the past ---- */

static void loaded(void *ctx, int rc, const struct error *error)
{
    (void)error;
    assert_int_equal(rc, 0);
    *(bool *)ctx = true;
}

static void load_facts(
    struct warehouse *warehouse, const struct warehouse_fact *facts, size_t count)
{
    bool done = false;
    struct warehouse_batch batch = {.facts = facts, .fact_count = count};
    warehouse_load(warehouse, &batch, loaded, &done);
    assert_true(done);
}

static struct warehouse_fact rating_fact(const char *shopper, const char *wine, double stars)
{
    return (struct warehouse_fact){.kind = WAREHOUSE_RATING,
        .event_id = "",
        .at_ms = NOW - 200 * DAY,
        .shopper = shopper,
        .wine_id = wine,
        .stars = stars};
}

static struct model_answer ask_until_whole(struct fixture *f, struct recall *recall,
    const struct model_query *query, struct model_pick *picks)
{
    struct model_answer answer = ask(f, query, picks);
    for (int i = 0; i < 3000 && !answer.whole; i++) {
        recall_want(recall, query->shopper);
        usleep(1000);
        answer = ask(f, query, picks);
    }
    assert_true(answer.whole);
    return answer;
}

static void a_shopper_of_long_ago_is_remembered(void **state)
{
    struct fixture *f = *state;
    struct warehouse *warehouse = warehouse_memory_new();
    struct recall *recall = recall_new(f->model, warehouse);
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S"), nobody = query_of("N");
    struct warehouse_line lines[] = {
        {.wine_id = id_of(f, 10), .quantity = 1}, {.wine_id = id_of(f, 14), .quantity = 2}};
    struct warehouse_fact facts[] = {rating_fact("S", id_of(f, 41), 5),
        rating_fact("S", id_of(f, 45), 1), rating_fact("other", id_of(f, 42), 5),
        {.kind = WAREHOUSE_CART,
            .event_id = "",
            .at_ms = NOW - 150 * DAY,
            .sequence = 1,
            .shopper = "S",
            .wine_id = id_of(f, 20),
            .cart = {.quantity = 2}},
        {.kind = WAREHOUSE_ORDER,
            .event_id = "",
            .at_ms = NOW - 160 * DAY,
            .sequence = 1,
            .shopper = "S",
            .wine_id = "",
            .order = {.order_id = "O1",
                .country = "US",
                .region = "CA",
                .currency = "USD",
                .lines = lines,
                .line_count = 2}}};
    load_facts(warehouse, facts, sizeof(facts) / sizeof(*facts));
    struct warehouse_line rejected_line = {.wine_id = id_of(f, 18), .quantity = 1};
    struct warehouse_fact rejected[] = {{.kind = WAREHOUSE_ORDER,
                                            .event_id = "",
                                            .at_ms = NOW - 155 * DAY,
                                            .sequence = 1,
                                            .shopper = "S",
                                            .wine_id = "",
                                            .order = {.order_id = "O2",
                                                .country = "US",
                                                .region = "CA",
                                                .currency = "USD",
                                                .lines = &rejected_line,
                                                .line_count = 1}},
        {.kind = WAREHOUSE_ORDER_STATUS,
            .event_id = "",
            .at_ms = NOW - 155 * DAY,
            .sequence = 2,
            .shopper = "",
            .wine_id = "",
            .status = {.order_id = "O2", .status = "rejected"}}};
    load_facts(warehouse, rejected, 2);
    assert_false(ask(f, &query, picks).personal);
    struct model_answer answer = ask_until_whole(f, recall, &query, picks);
    assert_true(answer.personal);
    assert_false(lists(picks, answer.count, id_of(f, 45)));
    assert_false(lists(picks, answer.count, id_of(f, 20)));
    query.list = MODEL_BUY_AGAIN;
    assert_int_equal(ask(f, &query, picks).count, 2);
    query.list = MODEL_BASKET_OF;
    answer = ask(f, &query, picks);
    assert_int_equal(answer.count, 20);
    assert_string_equal(picks[0].source_id, id_of(f, 20));
    /* Of whom nothing was ever heard there is nothing to read again. */
    assert_false(ask_until_whole(f, recall, &nobody, picks).personal);
    recall_want(recall, "");
    recall_want(recall, "a pseudonym that is much too long");
    recall_free(recall);
    warehouse_close(warehouse);
}

static void the_present_outweighs_the_past(void **state)
{
    struct fixture *f = *state;
    struct warehouse *warehouse = warehouse_memory_new();
    struct recall *recall = recall_new(f->model, warehouse);
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_query query = query_of("S");
    query.limit = 50;
    struct warehouse_fact facts[] = {
        rating_fact("S", id_of(f, 41), 1), rating_fact("S", id_of(f, 45), 5)};
    load_facts(warehouse, facts, 2);
    model_rate(f->model, "S", id_of(f, 41), 4, NOW);
    model_rate(f->model, "S", id_of(f, 45), 1, NOW);
    ask_until_whole(f, recall, &query, picks);
    query.types = 1u << catalogue_type("White");
    struct model_answer answer = ask(f, &query, picks);
    assert_true(answer.count > 0);
    assert_false(lists(picks, answer.count, id_of(f, 45)));
    model_cart(f->model, "S", id_of(f, 49), true, NOW);
    query.list = MODEL_BASKET_OF;
    query.limit = 50;
    answer = ask(f, &query, picks);
    assert_true(lists(picks, answer.count, id_of(f, 41))); /* good again */
    assert_false(lists(picks, answer.count, id_of(f, 45)));
    recall_free(recall);
    warehouse_close(warehouse);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_event_changes_the_next_list),
        TEST(the_first_ten_are_varied),
        TEST(what_may_not_be_shown_is_not),
        TEST(many_bad_ratings_are_all_kept),
        TEST(filters_choose_before_the_cut),
        TEST(a_new_wine_has_a_place),
        TEST(a_wine_the_model_never_heard_of_is_a_first_event_too),
        TEST(a_new_model_takes_over),
        TEST(similar_wines_come_from_both),
        TEST(the_basket_calls_for_what_goes_with_it),
        TEST(what_was_ordered_is_not_in_the_basket),
        TEST(what_was_bought_with_it_since_the_training_comes_up),
        TEST(often_and_lately_ordered_comes_first),
        TEST(an_experiment_shares_the_places),
        TEST(a_shopper_of_long_ago_is_remembered),
        TEST(the_present_outweighs_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
