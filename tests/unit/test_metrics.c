#include "buffer.h"
#include "engines.h"
#include "metrics.h"

#include <time.h>

static char *render(struct metrics *metrics)
{
    struct buffer buffer = BUFFER_INIT;
    metrics_write(metrics, &buffer);
    return buffer_take(&buffer);
}

static void assert_renders(struct metrics *metrics, const char *expected)
{
    char *text = render(metrics);
    if (!strstr(text, expected))
        print_error("%s", text);
    assert_non_null(strstr(text, expected));
    free(text);
}

static void counters_and_gauges(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counter *orders = metrics_counter(metrics, "orders_total", "Orders placed.", NULL);
    struct gauge *waiting = metrics_gauge(metrics, "waiting", "Requests that wait.", NULL);
    counter_increment(orders);
    counter_add(orders, 41);
    gauge_set(waiting, 5);
    gauge_add(waiting, -7);
    assert_int_equal(counter_value(orders), 42);
    assert_int_equal(gauge_value(waiting), -2);
    assert_renders(metrics, "# HELP orders_total Orders placed.\n"
                            "# TYPE orders_total counter\n"
                            "orders_total 42\n"
                            "# HELP waiting Requests that wait.\n"
                            "# TYPE waiting gauge\n"
                            "waiting -2\n");
    metrics_free(metrics);
}

static void labels_make_series_of_one_family(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    static const char *const a[] = {"route", "/a", "status", "2xx", NULL};
    static const char *const b[] = {"route", "say \"hi\"\\\n", NULL};
    counter_add(metrics_counter(metrics, "hits_total", "Line one\nback\\slash.", a), 1);
    counter_add(metrics_counter(metrics, "hits_total", "", b), 2);
    counter_add(metrics_counter(metrics, "hits_total", "", a), 3);
    assert_ptr_equal(metrics_counter(metrics, "hits_total", "", a),
        metrics_counter(metrics, "hits_total", "", a));
    assert_renders(metrics, "# HELP hits_total Line one\\nback\\\\slash.\n"
                            "# TYPE hits_total counter\n"
                            "hits_total{route=\"/a\",status=\"2xx\"} 4\n"
                            "hits_total{route=\"say \\\"hi\\\"\\\\\\n\"} 2\n");
    metrics_free(metrics);
}

static void histograms(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    static const char *const labels[] = {"route", "/", NULL};
    struct histogram *bare = metrics_histogram(metrics, "size_bytes", "Size.", NULL, 1, 10, 3);
    struct histogram *labelled =
        metrics_histogram(metrics, "time_seconds", "Time.", labels, 0.5, 2, 2);
    static const double values[] = {0, 1, 1.5, 10, 100, 100.5, 1e9};
    for (int i = 0; i < 7; i++)
        histogram_observe(bare, values[i]);
    histogram_observe_ns(labelled, 750000000);
    assert_renders(metrics, "# TYPE size_bytes histogram\n"
                            "size_bytes_bucket{le=\"1\"} 2\n"
                            "size_bytes_bucket{le=\"10\"} 4\n"
                            "size_bytes_bucket{le=\"100\"} 5\n"
                            "size_bytes_bucket{le=\"+Inf\"} 7\n"
                            "size_bytes_sum 1000000213\n"
                            "size_bytes_count 7\n");
    assert_renders(metrics, "time_seconds_bucket{route=\"/\",le=\"0.5\"} 0\n"
                            "time_seconds_bucket{route=\"/\",le=\"1\"} 1\n"
                            "time_seconds_bucket{route=\"/\",le=\"+Inf\"} 1\n"
                            "time_seconds_sum{route=\"/\"} 0.75\n"
                            "time_seconds_count{route=\"/\"} 1\n");
    metrics_free(metrics);
}

static double read_half(void *ctx)
{
    return *(double *)ctx / 2;
}

static void callbacks_are_asked_at_each_rendering(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    double value = 3;
    metrics_gauge_callback(metrics, "depth", "Depth.", NULL, read_half, &value);
    assert_renders(metrics, "# TYPE depth gauge\ndepth 1.5\n");
    value = 1.0 / 0.0;
    assert_renders(metrics, "\ndepth +Inf\n");
    value = 0.0 / 0.0;
    assert_renders(metrics, "\ndepth NaN\n");
    value = -2e18;
    assert_renders(metrics, "\ndepth -1e+18\n");
    metrics_free(metrics);
}

static double sample(struct metrics *metrics, const char *name)
{
    char *text = render(metrics), line[128];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *found = strstr(text, line);
    assert_non_null(found);
    double value = strtod(found + strlen(line), NULL);
    free(text);
    return value;
}

static void the_process_is_described(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    assert_true(sample(metrics, "process_cpu_seconds_total") > 0);
    assert_true(sample(metrics, "process_resident_memory_bytes") > 100000);
    assert_true(sample(metrics, "process_virtual_memory_bytes") >
                sample(metrics, "process_resident_memory_bytes"));
    assert_true(sample(metrics, "process_max_fds") > 10);
    assert_true(sample(metrics, "process_threads") >= 1);
    double started = sample(metrics, "process_start_time_seconds");
    assert_true(started <= (double)time(NULL) + 1 && started > (double)time(NULL) - 600);
    double open_before = sample(metrics, "process_open_fds");
    int fd = dup(0);
    assert_true(sample(metrics, "process_open_fds") == open_before + 1);
    close(fd);
    metrics_free(metrics);
}

#define ROUNDS 20000

struct shared {
    struct metrics *metrics;
    struct counter *counter;
    struct gauge *gauge;
    struct histogram *histogram;
};

static void *update(void *ctx)
{
    struct shared *shared = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        counter_increment(shared->counter);
        gauge_add(shared->gauge, i % 2 ? 1 : -1);
        histogram_observe(shared->histogram, i % 100);
        if (i % 1000 == 0)
            metrics_counter(shared->metrics, "late_total", "Late.", NULL);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct shared shared = {.metrics = metrics_new()};
    shared.counter = metrics_counter(shared.metrics, "c_total", "C.", NULL);
    shared.gauge = metrics_gauge(shared.metrics, "g", "G.", NULL);
    shared.histogram = metrics_histogram(shared.metrics, "h", "H.", NULL, 1, 4, 5);
    pthread_t threads[12];
    for (int i = 0; i < 12; i++)
        pthread_create(&threads[i], NULL, update, &shared);
    free(render(shared.metrics));
    for (int i = 0; i < 12; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter_value(shared.counter), 12 * ROUNDS);
    assert_int_equal(gauge_value(shared.gauge), 0);
    assert_true(sample(shared.metrics, "h_count") == 12 * ROUNDS);
    assert_true(sample(shared.metrics, "h_sum") == 12 * (ROUNDS / 100) * 4950.0);
    metrics_free(shared.metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(labels_make_series_of_one_family),
        cmocka_unit_test(histograms),
        cmocka_unit_test(callbacks_are_asked_at_each_rendering),
        cmocka_unit_test(the_process_is_described),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
