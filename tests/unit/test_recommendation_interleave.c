#include "engines.h"

#include "interleave.h"

#define PLACES 20

static void fill(struct scored *list, const uint32_t *wines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct scored){.wine = wines[i], .score = (float)(count - i)};
}

/* What was chosen so far, and how many of them may be odd before a given place. */
struct taken {
    uint32_t wines[PLACES];
    int arms[PLACES];
    size_t count;
    size_t most_odd, until;
};

static enum interleave_verdict judge(void *ctx, uint32_t wine)
{
    const struct taken *taken = ctx;
    size_t odd = 0;
    for (size_t i = 0; i < taken->count; i++) {
        if (taken->wines[i] == wine)
            return INTERLEAVE_GONE;
        odd += taken->wines[i] % 2;
    }
    return taken->count < taken->until && wine % 2 && odd >= taken->most_odd ? INTERLEAVE_LATER
                                                                             : INTERLEAVE_FREE;
}

static void draft(struct taken *taken, const struct scored *a, size_t a_count,
    const struct scored *b, size_t b_count, uint64_t seed)
{
    struct interleave interleave;
    interleave_init(&interleave, a, a_count, b, b_count, seed);
    taken->count = 0;
    while (taken->count < PLACES && interleave_next(&interleave, judge, taken,
                                        &taken->wines[taken->count], &taken->arms[taken->count]))
        taken->count++;
}

static const uint32_t forward[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint32_t backward[] = {8, 7, 6, 5, 4, 3, 2, 1};
static const uint32_t other[] = {11, 12, 13, 14, 15, 16, 17, 18};

static void both_choose_equally_often_and_nothing_twice(void **state)
{
    (void)state;
    struct scored a[8], b[8];
    fill(a, forward, 8);
    fill(b, other, 8);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct taken taken = {0};
        draft(&taken, a, 8, b, 8, seed);
        assert_int_equal(taken.count, 16);
        int balance = 0;
        size_t next[2] = {0, 0};
        for (size_t i = 0; i < taken.count; i++) {
            balance += taken.arms[i] ? -1 : 1;
            assert_in_range(balance + 1, 0, 2);
            /* Each in the order of its own ranking. */
            const uint32_t *ranking = taken.arms[i] ? other : forward;
            assert_int_equal(taken.wines[i], ranking[next[taken.arms[i]]++]);
        }
        assert_int_equal(balance, 0);
    }
}

static void shared_wines_are_listed_once(void **state)
{
    (void)state;
    struct scored a[8], b[8];
    fill(a, forward, 8);
    fill(b, backward, 8);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct taken taken = {0};
        draft(&taken, a, 8, b, 8, seed);
        assert_int_equal(taken.count, 8);
        unsigned seen = 0;
        for (size_t i = 0; i < taken.count; i++)
            seen |= 1u << taken.wines[i];
        assert_int_equal(seen, 0x1fe);
    }
}

static void the_same_seed_gives_the_same_list(void **state)
{
    (void)state;
    struct scored a[8], b[8];
    fill(a, forward, 8);
    fill(b, backward, 8);
    int different = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct taken once = {0}, again = {0}, next = {0};
        draft(&once, a, 8, b, 8, seed);
        draft(&again, a, 8, b, 8, seed);
        draft(&next, a, 8, b, 8, seed + 1);
        assert_memory_equal(once.wines, again.wines, once.count * sizeof(*once.wines));
        assert_memory_equal(once.arms, again.arms, once.count * sizeof(*once.arms));
        different += memcmp(once.wines, next.wines, once.count * sizeof(*once.wines)) != 0;
    }
    assert_true(different > 50);
}

/* Over many seeds each arm has each place as often as the other: 4 standard errors. */
static void every_place_is_fair(void **state)
{
    (void)state;
    enum { SEEDS = 20000 };
    struct scored a[8], b[8];
    int first[8] = {0};
    fill(a, forward, 8);
    fill(b, other, 8);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct taken taken = {0};
        draft(&taken, a, 8, b, 8, seed);
        for (size_t i = 0; i < 8; i++)
            first[i] += taken.arms[i] == 0;
    }
    for (size_t i = 0; i < 8; i++)
        assert_in_range(first[i], SEEDS / 2 - 283, SEEDS / 2 + 283);
}

/* A shopper who clicks at random prefers neither, whatever the two rankings have in common. */
static void random_clicks_decide_nothing(void **state)
{
    (void)state;
    enum { SEEDS = 20000 };
    static const uint32_t near[] = {1, 2, 4, 3, 9, 5, 6, 7};
    struct scored a[8], b[8];
    int credit = 0;
    unsigned dice = 7;
    fill(a, forward, 8);
    fill(b, near, 8);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct taken taken = {0};
        draft(&taken, a, 8, b, 8, seed);
        int arm = taken.arms[(size_t)rand_r(&dice) % 6];
        credit += arm == 0 ? 1 : arm == 1 ? -1 : 0;
    }
    assert_in_range(credit + 600, 0, 1200);
}

static void what_one_ranking_lacks_is_nobodys(void **state)
{
    (void)state;
    struct scored a[8], b[2];
    fill(a, forward, 8);
    fill(b, other, 2);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct taken taken = {0};
        draft(&taken, a, 8, b, 2, seed);
        assert_int_equal(taken.count, 10);
        int places[2] = {0, 0}, nobodys = 0;
        for (size_t i = 0; i < taken.count; i++) {
            if (taken.arms[i] == INTERLEAVE_NOBODY)
                nobodys++;
            else
                places[taken.arms[i]]++;
        }
        assert_int_equal(places[1], 2);
        assert_in_range(places[0], 2, 3);
        assert_int_equal(nobodys, 8 - places[0]);
    }
    struct taken taken = {0};
    draft(&taken, a, 8, NULL, 0, 3);
    assert_int_equal(taken.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(taken.wines[i], forward[i]);
    draft(&taken, NULL, 0, NULL, 0, 3);
    assert_int_equal(taken.count, 0);
}

static void what_waits_comes_later_in_its_order(void **state)
{
    (void)state;
    struct scored a[8];
    fill(a, forward, 8);
    struct taken taken = {.most_odd = 1, .until = 4};
    draft(&taken, a, 8, NULL, 0, 1);
    static const uint32_t expected[] = {1, 2, 4, 6, 3, 5, 7, 8};
    assert_int_equal(taken.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(taken.wines[i], expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_choose_equally_often_and_nothing_twice),
        cmocka_unit_test(shared_wines_are_listed_once),
        cmocka_unit_test(the_same_seed_gives_the_same_list),
        cmocka_unit_test(every_place_is_fair),
        cmocka_unit_test(random_clicks_decide_nothing),
        cmocka_unit_test(what_one_ranking_lacks_is_nobodys),
        cmocka_unit_test(what_waits_comes_later_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
