/* The breaker's states, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "breaker.h"

#include <pthread.h>
#include <stdatomic.h>

static const struct breaker_options options = {.max_in_flight = 3, .failures = 3, .pause_ms = 1000};

static enum breaker_change call(
    struct breaker *breaker, enum breaker_outcome outcome, int64_t now_ms)
{
    uint64_t ticket;
    assert_int_equal(breaker_enter(breaker, now_ms, &ticket), BREAKER_ENTERED);
    return breaker_leave(breaker, ticket, outcome, now_ms);
}

static void assert_entry(struct breaker *breaker, int64_t now_ms, enum breaker_entry expected)
{
    uint64_t ticket = 7;
    assert_int_equal(breaker_enter(breaker, now_ms, &ticket), expected);
    assert_int_equal(ticket, 7);
}

static void test_failures_in_a_row_open_it(void **state)
{
    (void)state;
    struct breaker *breaker = breaker_new(&options);
    assert_int_equal(call(breaker, BREAKER_FAILED, 0), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_FAILED, 1), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_SUCCEEDED, 2), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_FAILED, 3), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_NEITHER, 4), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_FAILED, 5), BREAKER_AS_BEFORE);
    assert_false(breaker_is_open(breaker));
    assert_int_equal(call(breaker, BREAKER_FAILED, 6), BREAKER_OPENED);
    assert_true(breaker_is_open(breaker));
    assert_entry(breaker, 6, BREAKER_IS_OPEN);
    assert_entry(breaker, 1005, BREAKER_IS_OPEN);
    breaker_free(breaker);
}

static struct breaker *opened_at(int64_t now_ms)
{
    struct breaker *breaker = breaker_new(&options);
    for (int i = 0; i < 3; i++)
        call(breaker, BREAKER_FAILED, now_ms);
    assert_true(breaker_is_open(breaker));
    return breaker;
}

static void test_one_trial_closes_it(void **state)
{
    (void)state;
    struct breaker *breaker = opened_at(0);
    uint64_t trial;
    assert_int_equal(breaker_enter(breaker, 1000, &trial), BREAKER_ENTERED);
    assert_entry(breaker, 1000, BREAKER_IS_OPEN);
    assert_entry(breaker, 99999, BREAKER_IS_OPEN);
    assert_int_equal(breaker_leave(breaker, trial, BREAKER_SUCCEEDED, 1010), BREAKER_CLOSED);
    assert_false(breaker_is_open(breaker));
    /* And counts from none again. */
    assert_int_equal(call(breaker, BREAKER_FAILED, 1011), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_FAILED, 1012), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_FAILED, 1013), BREAKER_OPENED);
    breaker_free(breaker);
}

static void test_a_failed_trial_opens_it_anew(void **state)
{
    (void)state;
    struct breaker *breaker = opened_at(0);
    assert_int_equal(call(breaker, BREAKER_FAILED, 1500), BREAKER_AS_BEFORE);
    assert_entry(breaker, 2499, BREAKER_IS_OPEN);
    /* A trial that told nothing: the next one need not wait. */
    assert_int_equal(call(breaker, BREAKER_NEITHER, 2500), BREAKER_AS_BEFORE);
    assert_int_equal(call(breaker, BREAKER_SUCCEEDED, 2500), BREAKER_CLOSED);
    breaker_free(breaker);
}

static void test_stragglers_do_not_count(void **state)
{
    (void)state;
    struct breaker *breaker = breaker_new(&options);
    uint64_t old, older, trial;
    assert_int_equal(breaker_enter(breaker, 0, &older), BREAKER_ENTERED);
    assert_int_equal(breaker_enter(breaker, 0, &old), BREAKER_ENTERED);
    for (int i = 0; i < 3; i++)
        call(breaker, BREAKER_FAILED, 0);
    assert_int_equal(breaker_leave(breaker, older, BREAKER_SUCCEEDED, 1), BREAKER_AS_BEFORE);
    assert_true(breaker_is_open(breaker));
    assert_int_equal(breaker_enter(breaker, 1000, &trial), BREAKER_ENTERED);
    assert_int_equal(breaker_leave(breaker, old, BREAKER_FAILED, 1001), BREAKER_AS_BEFORE);
    assert_int_equal(breaker_leave(breaker, trial, BREAKER_SUCCEEDED, 1002), BREAKER_CLOSED);
    breaker_free(breaker);
}

static void test_its_limit(void **state)
{
    (void)state;
    struct breaker *breaker = breaker_new(&options);
    uint64_t tickets[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(breaker_enter(breaker, 0, &tickets[i]), BREAKER_ENTERED);
    assert_entry(breaker, 0, BREAKER_IS_FULL);
    breaker_leave(breaker, tickets[1], BREAKER_NEITHER, 0);
    assert_int_equal(breaker_enter(breaker, 0, &tickets[1]), BREAKER_ENTERED);
    assert_entry(breaker, 0, BREAKER_IS_FULL);
    breaker_free(breaker);
}

static atomic_int inside, most, opened, closed;

static void *crowd(void *ctx)
{
    struct breaker *breaker = ctx;
    for (int i = 0; i < 20000; i++) {
        uint64_t ticket;
        if (breaker_enter(breaker, i, &ticket) != BREAKER_ENTERED)
            continue;
        int now = atomic_fetch_add(&inside, 1) + 1;
        if (now > atomic_load(&most))
            atomic_store(&most, now);
        atomic_fetch_sub(&inside, 1);
        switch (breaker_leave(breaker, ticket, i % 7 ? BREAKER_FAILED : BREAKER_SUCCEEDED, i)) {
        case BREAKER_OPENED:
            atomic_fetch_add(&opened, 1);
            break;
        case BREAKER_CLOSED:
            atomic_fetch_add(&closed, 1);
            break;
        case BREAKER_AS_BEFORE:
            break;
        }
    }
    return NULL;
}

/* Openings and closings alternate, whoever causes them. */
static void test_a_crowd(void **state)
{
    (void)state;
    struct breaker *breaker =
        breaker_new(&(struct breaker_options){.max_in_flight = 3, .failures = 3, .pause_ms = 1});
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd, breaker), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&most) <= 3);
    assert_true(atomic_load(&opened) > 0);
    assert_int_equal(atomic_load(&opened) - atomic_load(&closed), breaker_is_open(breaker) ? 1 : 0);
    breaker_free(breaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_in_a_row_open_it),
        cmocka_unit_test(test_one_trial_closes_it),
        cmocka_unit_test(test_a_failed_trial_opens_it_anew),
        cmocka_unit_test(test_stragglers_do_not_count),
        cmocka_unit_test(test_its_limit),
        cmocka_unit_test(test_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
