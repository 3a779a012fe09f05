/* What the back office's figures rest on: forecasts, confidence, and the list of experiments. */
#include "engines.h"

#include "blob.h"
#include "confidence.h"
#include "experiments.h"
#include "forecast.h"

#include <stdio.h>
#include <string.h>

#define DAYS 91

/* ---- forecasts ---- */

static void assert_near(double value, double wanted, double off)
{
    if (!(value >= wanted - off && value <= wanted + off))
        fail_msg("%.9g is not %.9g", value, wanted);
}

static void test_constant_sales_go_on(void **state)
{
    (void)state;
    struct forecast forecast;
    int32_t bottles[DAYS];
    for (int i = 0; i < DAYS; i++)
        bottles[i] = 2;
    forecast_make(&forecast, bottles, DAYS, DAYS);
    assert_int_equal(forecast.state, FORECAST_MADE);
    assert_int_equal(forecast.weeks, 13);
    assert_near(forecast.next_7, 14, 1e-9);
    assert_near(forecast.next_28, 56, 1e-9);
    assert_near(forecast.error, 0, 1e-9);
    assert_near(forecast.naive_error, 0, 1e-9);
    assert_int_equal(forecast.tested, 8);
    assert_near(forecast.low_7, 14, 1e-9);
    assert_near(forecast_days_left(&forecast, 21), 10.5, 1e-9);
    assert_near(forecast_days_left(&forecast, 0), 0, 0);
}

static void test_none_sold_is_none_expected(void **state)
{
    (void)state;
    struct forecast forecast;
    int32_t bottles[DAYS] = {0};
    forecast_make(&forecast, bottles, DAYS, DAYS);
    assert_int_equal(forecast.state, FORECAST_NONE_SOLD);
    assert_near(forecast.next_28, 0, 0);
    assert_near(forecast_days_left(&forecast, 5), -1, 0);
}

static void test_a_spike_fades(void **state)
{
    (void)state;
    struct forecast forecast;
    int32_t bottles[DAYS] = {0};
    double last = 1e9;
    for (int week = 12; week >= 3; week--) { /* ever longer ago */
        memset(bottles, 0, sizeof(bottles));
        bottles[7 * week + 2] = 60;
        forecast_make(&forecast, bottles, DAYS, DAYS);
        assert_int_equal(forecast.state, FORECAST_MADE);
        assert_true(forecast.next_7 > 0 && forecast.next_7 < last);
        last = forecast.next_7;
    }
    /* In the last week it counts a fifth. */
    memset(bottles, 0, sizeof(bottles));
    bottles[DAYS - 1] = 60;
    forecast_make(&forecast, bottles, DAYS, DAYS);
    assert_near(forecast.next_7, 12, 1e-9);
    assert_near(forecast.error, 60.0 / 8, 1e-9);
    assert_near(forecast.naive_error, 60.0 / 8, 1e-9);
    assert_near(forecast.low_28, 33, 1e-9);
    assert_near(forecast.high_28, 63, 1e-9);
}

static void test_intermittent_sales(void **state)
{
    (void)state;
    struct forecast forecast;
    int32_t bottles[DAYS] = {0};
    for (int i = 1; i < DAYS; i += 14)
        bottles[i] = 6; /* every other week */
    forecast_make(&forecast, bottles, DAYS, DAYS);
    assert_int_equal(forecast.state, FORECAST_MADE);
    assert_true(forecast.next_7 > 2.5 && forecast.next_7 < 4); /* about 3 a week */
    assert_near(forecast.naive_error, 6, 1e-9);
    assert_true(forecast.error < 0.6 * forecast.naive_error);
    assert_true(forecast.low_7 >= 0 && forecast.high_7 > forecast.next_7);
}

static void test_too_short_is_said(void **state)
{
    (void)state;
    struct forecast forecast;
    int32_t bottles[DAYS] = {0};
    bottles[DAYS - 3] = 5;
    forecast_make(&forecast, bottles, DAYS, 27);
    assert_int_equal(forecast.state, FORECAST_TOO_SHORT);
    assert_int_equal(forecast.weeks, 3);
    assert_int_equal(forecast.weekly[2], 5);
    assert_near(forecast.next_7, 0, 0);
    assert_near(forecast_days_left(&forecast, 5), -1, 0);
    forecast_make(&forecast, bottles, DAYS, 28);
    assert_int_equal(forecast.state, FORECAST_MADE);
    assert_int_equal(forecast.tested, 1);
    forecast_make(&forecast, bottles, 0, 0);
    assert_int_equal(forecast.state, FORECAST_TOO_SHORT);
    assert_int_equal(forecast.weeks, 0);
    /* Sold before it was known of: what was sold counts. */
    bottles[10] = 1;
    forecast_make(&forecast, bottles, DAYS, 3);
    assert_int_equal(forecast.weeks, 11);
    forecast_make(&forecast, bottles, DAYS, 5000);
    assert_int_equal(forecast.weeks, 13);
}

/* ---- confidence ---- */

static void test_the_sign_test_is_exact(void **state)
{
    (void)state;
    assert_near(confidence_sign_test(0, 0), 1, 0);
    assert_near(confidence_sign_test(1, 1), 1, 1e-12);
    assert_near(confidence_sign_test(5, 10), 1, 0);
    assert_near(confidence_sign_test(0, 10), 2.0 / 1024, 1e-12);
    assert_near(confidence_sign_test(8, 10), 2 * 56.0 / 1024, 1e-12);
    assert_near(confidence_sign_test(2, 10), confidence_sign_test(8, 10), 0);
    assert_near(confidence_sign_test(15, 20), 0.041389465332, 1e-11);
    assert_near(confidence_sign_test(60, 100), 0.056887933640, 1e-11);
    assert_near(confidence_sign_test(239, 412), 0.00133490293, 1e-10);
    /* As the normal distribution has it, for many: z = 3. */
    assert_near(confidence_sign_test(501500, 1000000), 0.0027, 2e-5);
    assert_true(confidence_sign_test(0, 100000) >= 0);
}

static void test_wilsons_interval(void **state)
{
    (void)state;
    struct confidence_interval interval = confidence_wilson(5, 10, CONFIDENCE_Z95);
    assert_near(interval.low, 0.236593, 1e-6);
    assert_near(interval.high, 0.763407, 1e-6);
    interval = confidence_wilson(0, 10, CONFIDENCE_Z95);
    assert_near(interval.low, 0, 0);
    assert_near(interval.high, 0.277533, 1e-6);
    interval = confidence_wilson(81, 263, CONFIDENCE_Z95); /* Newcombe 1998, table I */
    assert_near(interval.low, 0.2553, 5e-5);
    assert_near(interval.high, 0.3662, 5e-5);
    interval = confidence_wilson(1, 29, CONFIDENCE_Z95);
    assert_near(interval.low, 0.0061, 5e-5);
    assert_near(interval.high, 0.1718, 5e-5);
    interval = confidence_wilson(0, 0, CONFIDENCE_Z95);
    assert_near(interval.low, 0, 0);
    assert_near(interval.high, 1, 0);
}

/* ---- experiments ---- */

struct shelf {
    struct blob *blob;
    struct experiments *experiments;
    struct error error;
};

static int setup(void **state)
{
    static struct shelf shelf;
    shelf = (struct shelf){.blob = blob_memory_new()};
    shelf.experiments = experiments_new(shelf.blob);
    *state = &shelf;
    return 0;
}

static int teardown(void **state)
{
    struct shelf *shelf = *state;
    experiments_free(shelf->experiments);
    blob_close(shelf->blob);
    return 0;
}

static void reopen(struct shelf *shelf)
{
    experiments_free(shelf->experiments);
    shelf->experiments = experiments_new(shelf->blob);
    assert_int_equal(experiments_load(shelf->experiments, &shelf->error), 0);
}

static void test_one_experiment_runs_at_a_time(void **state)
{
    struct shelf *shelf = *state;
    struct experiment one, other, running;
    struct error error = {0};
    assert_int_equal(experiments_load(shelf->experiments, &error), 0);
    assert_false(experiments_running(shelf->experiments, &running));
    assert_int_equal(
        experiments_start(shelf->experiments, "Blend \"or\" not", 3, 4, &one, &error), 0);
    assert_true(id_valid(one.id));
    assert_true(experiments_running(shelf->experiments, &running));
    assert_string_equal(running.id, one.id);
    assert_true(experiments_use(shelf->experiments, 3));
    assert_true(experiments_use(shelf->experiments, 4));
    assert_false(experiments_use(shelf->experiments, 5));
    assert_int_equal(
        experiments_start(shelf->experiments, "Another", 4, 5, &other, &error), ERROR_CONFLICT);
    assert_string_equal(error.reason, "experiment_running");
    assert_int_equal(experiments_stop(shelf->experiments, one.id, &other, &error), 0);
    assert_true(other.ended_ms >= other.started_ms);
    assert_false(experiments_running(shelf->experiments, &running));
    int64_t ended = other.ended_ms;
    assert_int_equal(experiments_stop(shelf->experiments, one.id, &other, &error), 0);
    assert_int_equal(other.ended_ms, ended);
    assert_int_equal(experiments_start(shelf->experiments, "Another", 4, 5, &other, &error), 0);
}

static void test_experiments_are_kept(void **state)
{
    struct shelf *shelf = *state;
    struct experiment one, two, running, list[EXPERIMENTS_KEPT];
    struct error error = {0};
    assert_int_equal(experiments_start(shelf->experiments, "Ünë", 1, 2, &one, &error), 0);
    reopen(shelf);
    assert_true(experiments_running(shelf->experiments, &running));
    assert_string_equal(running.name, "Ünë");
    assert_int_equal(running.started_ms, one.started_ms);
    assert_int_equal(experiments_stop(shelf->experiments, one.id, &one, &error), 0);
    assert_int_equal(experiments_start(shelf->experiments, "Two", 2, 1, &two, &error), 0);
    reopen(shelf);
    assert_int_equal(experiments_list(shelf->experiments, list, EXPERIMENTS_KEPT, &error), 2);
    assert_string_equal(list[0].id, two.id);
    assert_string_equal(list[1].id, one.id);
    assert_int_equal(list[1].ended_ms, one.ended_ms);
    assert_int_equal(experiments_get(shelf->experiments, one.id, &running, &error), 0);
    assert_int_equal(running.version_b, 2);
    assert_int_equal(
        experiments_get(shelf->experiments, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &one, &error),
        ERROR_NOT_FOUND);
    assert_int_equal(experiments_stop(shelf->experiments, "x", &one, &error), ERROR_NOT_FOUND);
}

static void test_the_oldest_experiments_go(void **state)
{
    struct shelf *shelf = *state;
    struct experiment one, list[EXPERIMENTS_KEPT];
    struct error error = {0};
    char name[32];
    for (int i = 0; i < EXPERIMENTS_KEPT + 5; i++) {
        snprintf(name, sizeof(name), "Number %d", i);
        assert_int_equal(experiments_start(shelf->experiments, name, i, i + 1, &one, &error), 0);
        assert_int_equal(experiments_stop(shelf->experiments, one.id, &one, &error), 0);
    }
    reopen(shelf);
    assert_int_equal(
        experiments_list(shelf->experiments, list, EXPERIMENTS_KEPT, &error), EXPERIMENTS_KEPT);
    assert_string_equal(list[EXPERIMENTS_KEPT - 1].name, "Number 5");
}

static void test_bad_experiments_are_refused(void **state)
{
    struct shelf *shelf = *state;
    struct experiment one;
    struct error error = {0};
    char name[EXPERIMENT_NAME_MAX + 2];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(
        experiments_start(shelf->experiments, name, 1, 2, &one, &error), ERROR_INVALID);
    assert_string_equal(error.field, "name");
    assert_int_equal(
        experiments_start(shelf->experiments, " \t", 1, 2, &one, &error), ERROR_INVALID);
    assert_string_equal(error.field, "name");
    assert_int_equal(
        experiments_start(shelf->experiments, "Same", 2, 2, &one, &error), ERROR_INVALID);
    assert_string_equal(error.field, "version_b");
    assert_int_equal(experiments_start(shelf->experiments, name + 1, 1, 2, &one, &error), 0);
}

/* What cannot be read is left as it is, for somebody to look at. */
static void test_a_broken_list_is_not_written_over(void **state)
{
    struct shelf *shelf = *state;
    struct experiment one;
    static const char *const broken[] = {"", "{", "[]", "{\"experiments\":3}",
        "{\"experiments\":[{\"id\":\"x\"}]}", "{\"experiments\":[null]}",
        "{\"experiments\":[{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"name\":\"A\",\"version_a\":1,"
        "\"version_b\":2,\"started_ms\":1,\"ended_ms\":0},{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAW\","
        "\"name\":\"B\",\"version_a\":1,\"version_b\":2,\"started_ms\":1,\"ended_ms\":0}]}"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct error error = {0};
        CLEANUP_BLOB_OBJECT struct blob_object object = {0};
        assert_int_equal(blob_put(shelf->blob, EXPERIMENTS_BLOB, "application/json", broken[i],
                             strlen(broken[i]), &error),
            0);
        assert_int_equal(experiments_load(shelf->experiments, &error), ERROR_UNAVAILABLE);
        assert_int_equal(
            experiments_start(shelf->experiments, "A", 1, 2, &one, &error), ERROR_UNAVAILABLE);
        assert_int_equal(experiments_list(shelf->experiments, &one, 1, &error), ERROR_UNAVAILABLE);
        assert_int_equal(experiments_get(shelf->experiments, "x", &one, &error), ERROR_UNAVAILABLE);
        assert_false(experiments_running(shelf->experiments, &one));
        assert_int_equal(blob_get(shelf->blob, EXPERIMENTS_BLOB, 1000, &object, &error), 0);
        assert_string_equal((const char *)object.data, broken[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_sales_go_on),
        cmocka_unit_test(test_none_sold_is_none_expected),
        cmocka_unit_test(test_a_spike_fades),
        cmocka_unit_test(test_intermittent_sales),
        cmocka_unit_test(test_too_short_is_said),
        cmocka_unit_test(test_the_sign_test_is_exact),
        cmocka_unit_test(test_wilsons_interval),
        cmocka_unit_test_setup_teardown(test_one_experiment_runs_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_experiments_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_oldest_experiments_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_experiments_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_list_is_not_written_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
