/* What every payment engine keeps, run against each; the tokens are those of the test engine, which
 * other providers' sandboxes have too. */
#include "engines.h"
#include "payment.h"
#include "secure.h"
#include "timer.h"

struct fixture {
    struct timers *timers;
    struct payment *payment;
};

static struct payment *open_test(struct timers *timers)
{
    (void)timers;
    return payment_test_new(NULL, /* latency_ms= */ 0);
}

static struct payment *open_test_late(struct timers *timers)
{
    return payment_test_new(timers, /* latency_ms= */ 2);
}

static const struct engine {
    const char *name;
    struct payment *(*open)(struct timers *timers);
} engines[] = {{"payment, test", open_test}, {"payment, test with latency", open_test_late}};
static const struct engine *engine;

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->timers = timers_new();
    f->payment = engine->open(f->timers);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    timers_free(f->timers);
    payment_close(f->payment);
    test_free(f);
    return 0;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls;
    struct payment_result result;
};

static void note(void *ctx, const struct payment_result *result)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    waiter->calls++;
    waiter->result = *result;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

#define WAITER_INIT                                                                                \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

static struct payment_result await(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    while (waiter->calls == 0)
        pthread_cond_wait(&waiter->changed, &waiter->lock);
    assert_int_equal(waiter->calls, 1);
    pthread_mutex_unlock(&waiter->lock);
    return waiter->result;
}

static struct payment_result authorize_request(void **state, const struct payment_request *request)
{
    struct waiter waiter = WAITER_INIT;
    payment_authorize(((struct fixture *)*state)->payment, request, note, &waiter);
    return await(&waiter);
}

static struct payment_result authorize(
    void **state, const char *order, int64_t amount, const char *token)
{
    struct payment_request request = {order, {amount, "EUR"}, "test", token};
    return authorize_request(state, &request);
}

typedef void (*verb)(struct payment *, const struct payment_change *, payment_done, void *);

static struct payment_result change(
    void **state, verb apply, const char *order, const char *reference, int64_t amount)
{
    struct waiter waiter = WAITER_INIT;
    struct payment_change request = {order, reference, amount};
    apply(((struct fixture *)*state)->payment, &request, note, &waiter);
    return await(&waiter);
}

static void approves_and_repeats_the_answer(void **state)
{
    struct payment_result first = authorize(state, "o1", 1850, "ok");
    assert_int_equal(first.rc, 0);
    assert_int_equal(first.outcome, PAYMENT_APPROVED);
    assert_true(*first.reference);
    struct payment_result again = authorize(state, "o1", 1850, "ok");
    assert_int_equal(again.rc, 0);
    assert_string_equal(first.reference, again.reference);
    struct payment_result other = authorize(state, "o2", 1850, "ok");
    assert_string_not_equal(first.reference, other.reference);
}

static void declines_and_repeats_the_answer(void **state)
{
    static const char *const tokens[] = {"declined", "stolen", "\xff", "OK"};
    for (size_t i = 0; i < 8; i++) {
        char order[8];
        snprintf(order, sizeof(order), "d%zu", i / 2);
        struct payment_result result = authorize(state, order, 100, tokens[i / 2]);
        assert_int_equal(result.rc, 0);
        assert_int_equal(result.outcome, PAYMENT_DECLINED);
        assert_string_equal(result.error.reason, "payment_declined");
        assert_true(*result.error.message);
        assert_string_equal(result.reference, "");
    }
}

static void recovers_from_an_outage(void **state)
{
    for (int i = 0; i < PAYMENT_TEST_FAILURES; i++) {
        struct payment_result result = authorize(state, "o1", 100, "unavailable");
        assert_int_equal(result.rc, ERROR_UNAVAILABLE);
        assert_int_equal(result.error.code, ERROR_UNAVAILABLE);
    }
    for (int i = 0; i < 2; i++) {
        struct payment_result result = authorize(state, "o1", 100, "unavailable");
        assert_int_equal(result.rc, 0);
        assert_int_equal(result.outcome, PAYMENT_APPROVED);
    }
}

static void another_amount_conflicts(void **state)
{
    authorize(state, "o1", 100, "ok");
    assert_int_equal(authorize(state, "o1", 101, "ok").rc, ERROR_CONFLICT);
    struct payment_request dollars = {"o1", {100, "USD"}, "test", "ok"};
    assert_int_equal(authorize_request(state, &dollars).rc, ERROR_CONFLICT);
}

static void wrong_requests_are_refused(void **state)
{
    static const struct payment_request requests[] = {
        {NULL, {100, "EUR"}, "test", "ok"},
        {"", {100, "EUR"}, "test", "ok"},
        {"o", {0, "EUR"}, "test", "ok"},
        {"o", {-5, "EUR"}, "test", "ok"},
        {"o", {100, ""}, "test", "ok"},
        {"o", {100, "EUR"}, "cash", "ok"},
        {"o", {100, "EUR"}, NULL, "ok"},
        {"o", {100, "EUR"}, "test", ""},
        {"o", {100, "EUR"}, "test", NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123x", {100, "EUR"}, "test",
            "ok"},
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct payment_result result = authorize_request(state, &requests[i]);
        assert_int_equal(result.rc, ERROR_INVALID);
        assert_true(*result.error.field);
    }
}

static void captures_once(void **state)
{
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    for (int i = 0; i < 2; i++) {
        struct payment_result result = change(state, payment_capture, "o1", paid.reference, 1000);
        assert_int_equal(result.rc, 0);
        assert_string_equal(result.reference, paid.reference);
    }
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 900).rc, ERROR_CONFLICT);
    assert_int_equal(change(state, payment_void, "o1", paid.reference, 0).rc, ERROR_CONFLICT);
    assert_int_equal(authorize(state, "o1", 1000, "ok").rc, 0);
}

static void a_capture_is_within_the_amount(void **state)
{
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 1001).rc, ERROR_INVALID);
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 0).rc, ERROR_INVALID);
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 999).rc, 0);
}

static void voids_once(void **state)
{
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    assert_int_equal(change(state, payment_void, "o1", paid.reference, 0).rc, 0);
    assert_int_equal(change(state, payment_void, "o1", paid.reference, 0).rc, 0);
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 1000).rc, ERROR_CONFLICT);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 1000).rc, ERROR_CONFLICT);
}

static void refunds_up_to_what_was_captured(void **state)
{
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 100).rc, ERROR_CONFLICT);
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 800).rc, 0);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 300).rc, 0);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 300).rc, 0);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 200).rc, ERROR_CONFLICT);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 801).rc, ERROR_INVALID);
    assert_int_equal(change(state, payment_refund, "o1", paid.reference, 800).rc, 0);
}

static void a_reference_belongs_to_its_order(void **state)
{
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    authorize(state, "o2", 1000, "ok");
    static const verb verbs[] = {payment_capture, payment_void, payment_refund};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(change(state, verbs[i], "o2", paid.reference, 1000).rc, ERROR_NOT_FOUND);
        assert_int_equal(change(state, verbs[i], "o1", "made-up", 1000).rc, ERROR_NOT_FOUND);
        assert_int_equal(change(state, verbs[i], "o1", "", 1000).rc, ERROR_NOT_FOUND);
        assert_int_equal(change(state, verbs[i], "o1", NULL, 1000).rc, ERROR_NOT_FOUND);
    }
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 1000).rc, 0);
}

static void a_reference_outlives_the_engine(void **state)
{
    struct fixture *f = *state;
    struct payment_result paid = authorize(state, "o1", 1000, "ok");
    struct payment *first = f->payment;
    f->payment = engine->open(f->timers);
    assert_int_equal(change(state, payment_capture, "o1", paid.reference, 1000).rc, 0);
    assert_string_equal(authorize(state, "o1", 1000, "ok").reference, paid.reference);
    payment_close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(approves_and_repeats_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(declines_and_repeats_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(recovers_from_an_outage, setup, teardown),
        cmocka_unit_test_setup_teardown(another_amount_conflicts, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_requests_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(captures_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_capture_is_within_the_amount, setup, teardown),
        cmocka_unit_test_setup_teardown(voids_once, setup, teardown),
        cmocka_unit_test_setup_teardown(refunds_up_to_what_was_captured, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reference_belongs_to_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reference_outlives_the_engine, setup, teardown),
    };
    int failures = 0;
    secure_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
