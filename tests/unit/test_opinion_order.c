/* An order from outside laid over an opinion, and what is told of the shopper for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opinion.h"

#include <stdlib.h>

static struct opinion *opinion_of(const uint32_t *wines, size_t count)
{
    struct opinion *opinion = calloc(1, sizeof(*opinion));
    assert_non_null(opinion);
    for (size_t i = 0; i < count; i++)
        opinion->ranked[i] = (struct scored){.wine = wines[i], .score = 1.0f / (float)(i + 1)};
    opinion->ranked_count = count;
    return opinion;
}

static void assert_ranked(const struct opinion *opinion, const uint32_t *wines, size_t count)
{
    assert_int_equal(opinion->ranked_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(opinion->ranked[i].wine, wines[i]);
}

static void check_order(const float *scores, size_t count, const uint32_t *expected)
{
    static const uint32_t own[] = {10, 20, 30, 40, 50};
    struct opinion *opinion = opinion_of(own, 5);
    opinion_reorder(opinion, scores, count);
    assert_ranked(opinion, expected, 5);
    free(opinion);
}

static void test_scored_wines_come_first(void **state)
{
    (void)state;
    check_order((float[]){1, 2, 3, 4, 5}, 5, (uint32_t[]){50, 40, 30, 20, 10});
    check_order((float[]){-7, 9, 0}, 3, (uint32_t[]){20, 30, 10, 40, 50});
    check_order(NULL, 0, (uint32_t[]){10, 20, 30, 40, 50});
}

static void test_equal_scores_stay_in_order(void **state)
{
    (void)state;
    check_order((float[]){0, 0, 0, 0, 0}, 5, (uint32_t[]){10, 20, 30, 40, 50});
    check_order((float[]){1, 2, 1, 2}, 4, (uint32_t[]){20, 40, 10, 30, 50});
}

static void test_the_longest_ranking(void **state)
{
    (void)state;
    uint32_t wines[OPINION_RANKED];
    float scores[MODEL_MAX_CANDIDATES];
    for (uint32_t i = 0; i < OPINION_RANKED; i++)
        wines[i] = i;
    for (uint32_t i = 0; i < MODEL_MAX_CANDIDATES; i++)
        scores[i] = (float)i;
    struct opinion *opinion = opinion_of(wines, OPINION_RANKED);
    opinion_reorder(opinion, scores, MODEL_MAX_CANDIDATES);
    for (uint32_t i = 0; i < MODEL_MAX_CANDIDATES; i++)
        wines[i] = MODEL_MAX_CANDIDATES - 1 - i;
    assert_ranked(opinion, wines, OPINION_RANKED);
    free(opinion);
}

static void test_history_in_the_numbers_of_the_catalogue(void **state)
{
    (void)state;
    struct preference history[PROFILE_ITEMS];
    struct snapshot snapshot = {.count = 100};
    struct mapping *some_mapping =
        (struct mapping *)&snapshot; /* only asked whether there is one */
    struct opinion *opinion = opinion_of(NULL, 0);
    opinion->snapshot = &snapshot;
    opinion->preferences[0] = (struct preference){.wine = 7, .weight = 0.5f};
    opinion->preferences[1] = (struct preference){.wine = 3, .weight = -0.25f};
    opinion->preferences[2] = (struct preference){.wine = 200, .weight = 1};
    opinion->preference_count = 3;
    /* The first days' scorers use them already; 200 came after the snapshot. */
    assert_int_equal(opinion_history(opinion, history), 2);
    assert_int_equal(history[0].wine, 7);
    assert_int_equal(history[1].wine, 3);
    /* A trained model has numbers of its own, and one act for each. */
    opinion->mapping = some_mapping;
    opinion->acts[0].wine = 3;
    opinion->sources[0] = 33;
    opinion->acts[1].wine = 7;
    opinion->sources[1] = 77;
    opinion->act_count = 2;
    assert_int_equal(opinion_history(opinion, history), 2);
    assert_int_equal(history[0].wine, 77);
    assert_true(history[0].weight == 0.5f);
    assert_int_equal(history[1].wine, 33);
    assert_true(history[1].weight == -0.25f);
    free(opinion);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scored_wines_come_first),
        cmocka_unit_test(test_equal_scores_stay_in_order),
        cmocka_unit_test(test_the_longest_ranking),
        cmocka_unit_test(test_history_in_the_numbers_of_the_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
