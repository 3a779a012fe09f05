/*
 * Metrics: counters, gauges and histograms with labels fixed at registration, rendered as
 * Prometheus text (exposition format 0.0.4).
 *
 * Register once, keep the handle, update from any thread: an update is a relaxed atomic operation
 * on a cell of the thread's own (about 5 ns), takes no lock and never fails. Registering the same
 * name with the same labels again gives the same handle. Handles live as long as the metrics.
 *
 * Names and label names are [a-zA-Z_:][a-zA-Z0-9_:]*, units in the name (_seconds, _bytes, counters
 * end in _total); a bad name, or one name registered as two kinds, is a programmer's error. Label
 * values are few and known: never ids or anything a client sends.
 */
#ifndef PLATFORM_METRICS_H
#define PLATFORM_METRICS_H

#include <stdint.h>

struct buffer;
struct metrics;
struct counter;
struct gauge;
struct histogram;

/* Labels are pairs, name and value, and a NULL at the end; NULL is no labels. Texts are copied:
 *     (const char *const[]){"route", "GET /wines", "status", "2xx", NULL} */
typedef const char *const *metric_labels;

/* With the process_* basics of Prometheus already in it (cpu seconds, resident and virtual memory,
 * open and allowed descriptors, start time, threads). */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

struct counter *metrics_counter(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels);
struct gauge *metrics_gauge(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels);

/* Buckets with the upper bounds first, first * factor, ... (count of them, at most
 * HISTOGRAM_MAX_BUCKETS), and +Inf. All histograms of one name have the same buckets. */
#define HISTOGRAM_MAX_BUCKETS 40
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, double first, double factor, int count);

/* For durations: 16 buckets from 100 us to 3.3 s, each twice the one before. */
struct histogram *metrics_histogram_seconds(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels);

/* A gauge or counter whose value is asked for at each rendering: `read` must be
 * quick and must not register metrics. */
typedef double (*metric_read)(void *ctx);
void metrics_gauge_callback(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, metric_read read, void *ctx);
void metrics_counter_callback(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, metric_read read, void *ctx);

void counter_add(struct counter *counter, uint64_t amount);
static inline void counter_increment(struct counter *counter)
{
    counter_add(counter, 1);
}
uint64_t counter_value(const struct counter *counter);

void gauge_set(struct gauge *gauge, int64_t value);
void gauge_add(struct gauge *gauge, int64_t amount);
int64_t gauge_value(const struct gauge *gauge);

void histogram_observe(struct histogram *histogram, double value);
void histogram_observe_ns(struct histogram *histogram, int64_t nanoseconds); /* in seconds */

/* Appends all metrics, families in the order of their first registration. Content type:
 * METRICS_CONTENT_TYPE. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_write(struct metrics *metrics, struct buffer *buffer);

#endif
