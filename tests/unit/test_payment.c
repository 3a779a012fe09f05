/* What the test engine has of its own: a bounded memory. */
#include "engines.h"
#include "payment.h"
#include "secure.h"

static void note(void *ctx, const struct payment_result *result)
{
    *(struct payment_result *)ctx = *result;
}

static struct payment_result authorize(struct payment *payment, int order)
{
    char id[16];
    struct payment_result result;
    snprintf(id, sizeof(id), "o%d", order);
    struct payment_request request = {id, {100 + order % 7, "EUR"}, "test", "ok"};
    payment_authorize(payment, &request, note, &result);
    return result;
}

static void forgets_the_oldest_orders_and_still_answers_alike(void **state)
{
    (void)state;
    struct payment *payment = payment_test_new(NULL, 0);
    struct payment_result first = authorize(payment, 0);
    for (int i = 1; i < PAYMENT_TEST_REMEMBERED * 2; i++)
        assert_int_equal(authorize(payment, i).rc, 0);
    assert_string_equal(authorize(payment, 0).reference, first.reference);
    struct payment_change change = {"o0", first.reference, 100};
    struct payment_result result;
    payment_refund(payment, &change, note, &result);
    assert_int_equal(result.rc, ERROR_CONFLICT);
    payment_capture(payment, &change, note, &result);
    assert_int_equal(result.rc, 0);
    payment_close(payment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_the_oldest_orders_and_still_answers_alike),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
