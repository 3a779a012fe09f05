#include "metrics_internal.h"

#include "buffer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* Zeroed, on cache lines of its own. */
static void *new_cells(size_t size)
{
    void *memory =
        checked(aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) & ~(CACHE_LINE - 1UL)));
    return memset(memory, 0, size);
}

struct metrics *metrics_new(void)
{
    struct metrics *metrics = checked(calloc(1, sizeof(*metrics)));
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->end = &metrics->first;
    metrics_add_process(metrics);
    return metrics;
}

static void free_series(struct series *series)
{
    while (series) {
        struct series *next = series->next;
        free(series->labels);
        free(series->counter);
        free(series->gauge);
        free(series->histogram);
        free(series);
        series = next;
    }
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (struct family *family = metrics->first; family;) {
        struct family *next = family->next;
        free_series(family->first);
        free(family->name);
        free(family->help);
        free(family);
        family = next;
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static bool name_valid(const char *name, bool colons)
{
    for (const char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
                      (colons && *c == ':');
        if (!letter && (c == name || *c < '0' || *c > '9'))
            return false;
    }
    return *name;
}

/* Escaped as the format asks: backslash and line feed, and in label values the quote. */
static void append_escaped(struct buffer *buffer, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            buffer_append_text(buffer, "\\n");
        else if (*text == '\\' || (quotes && *text == '"'))
            buffer_printf(buffer, "\\%c", *text);
        else
            buffer_append_char(buffer, *text);
    }
}

static char *render_labels(metric_labels labels)
{
    struct buffer buffer = BUFFER_INIT;
    for (; labels && *labels; labels += 2) {
        assert(name_valid(labels[0], /* colons= */ false) && labels[1]);
        buffer_printf(&buffer, "%s%s=\"", buffer.length ? "," : "", labels[0]);
        append_escaped(&buffer, labels[1], /* quotes= */ true);
        buffer_append_char(&buffer, '"');
    }
    return buffer_take(&buffer);
}

static struct family *find_family(
    struct metrics *metrics, const char *name, const char *help, enum metric_kind kind)
{
    for (struct family *family = metrics->first; family; family = family->next) {
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind);
            return family;
        }
    }
    assert(name_valid(name, /* colons= */ true));
    struct family *family = checked(calloc(1, sizeof(*family)));
    family->name = checked(strdup(name));
    family->help = checked(strdup(help));
    family->kind = kind;
    family->end = &family->first;
    *metrics->end = family;
    metrics->end = &family->next;
    return family;
}

/* The series of these labels, a bare one if it is new. The caller holds the lock. */
static struct series *find_series(struct family *family, metric_labels labels)
{
    char *text = render_labels(labels);
    for (struct series *series = family->first; series; series = series->next) {
        if (strcmp(series->labels, text) == 0) {
            free(text);
            return series;
        }
    }
    struct series *series = checked(calloc(1, sizeof(*series)));
    series->labels = text;
    *family->end = series;
    family->end = &series->next;
    return series;
}

struct counter *metrics_counter(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels)
{
    pthread_mutex_lock(&metrics->lock);
    struct series *series = find_series(find_family(metrics, name, help, METRIC_COUNTER), labels);
    assert(!series->read);
    if (!series->counter)
        series->counter = new_cells(sizeof(*series->counter));
    pthread_mutex_unlock(&metrics->lock);
    return series->counter;
}

struct gauge *metrics_gauge(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels)
{
    pthread_mutex_lock(&metrics->lock);
    struct series *series = find_series(find_family(metrics, name, help, METRIC_GAUGE), labels);
    assert(!series->read);
    if (!series->gauge)
        series->gauge = new_cells(sizeof(*series->gauge));
    pthread_mutex_unlock(&metrics->lock);
    return series->gauge;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, double first, double factor, int count)
{
    assert(count >= 1 && count <= HISTOGRAM_MAX_BUCKETS && first > 0 && factor > 1);
    pthread_mutex_lock(&metrics->lock);
    struct family *family = find_family(metrics, name, help, METRIC_HISTOGRAM);
    struct series *series = find_series(family, labels);
    if (!series->histogram) {
        struct histogram *histogram = new_cells(sizeof(*histogram));
        histogram->count = count;
        for (int i = 0; i < count; i++, first *= factor)
            histogram->bounds[i] = first;
        series->histogram = histogram;
    }
    const struct histogram *model = family->first->histogram;
    assert(memcmp(model->bounds, series->histogram->bounds, sizeof(model->bounds)) == 0);
    (void)model;
    pthread_mutex_unlock(&metrics->lock);
    return series->histogram;
}

struct histogram *metrics_histogram_seconds(
    struct metrics *metrics, const char *name, const char *help, metric_labels labels)
{
    return metrics_histogram(metrics, name, help, labels, 0.0001, 2, 16);
}

static void add_callback(struct metrics *metrics, enum metric_kind kind, const char *name,
    const char *help, metric_labels labels, metric_read read, void *ctx)
{
    pthread_mutex_lock(&metrics->lock);
    struct series *series = find_series(find_family(metrics, name, help, kind), labels);
    assert(!series->counter && !series->gauge);
    series->read = read;
    series->ctx = ctx;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_gauge_callback(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, metric_read read, void *ctx)
{
    add_callback(metrics, METRIC_GAUGE, name, help, labels, read, ctx);
}

void metrics_counter_callback(struct metrics *metrics, const char *name, const char *help,
    metric_labels labels, metric_read read, void *ctx)
{
    add_callback(metrics, METRIC_COUNTER, name, help, labels, read, ctx);
}

/* Threads take shards in turn: 1 and up, 0 is "none yet". */
static unsigned shard(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned mine;
    if (__builtin_expect(mine == 0, 0))
        mine = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % SHARDS;
    return mine - 1;
}

void counter_add(struct counter *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&counter->shards[shard()].value, amount, memory_order_relaxed);
}

uint64_t counter_value(const struct counter *counter)
{
    uint64_t sum = 0;
    for (int i = 0; i < SHARDS; i++)
        sum += atomic_load_explicit(&counter->shards[i].value, memory_order_relaxed);
    return sum;
}

void gauge_set(struct gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void gauge_add(struct gauge *gauge, int64_t amount)
{
    atomic_fetch_add_explicit(&gauge->value, amount, memory_order_relaxed);
}

int64_t gauge_value(const struct gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

void histogram_observe(struct histogram *histogram, double value)
{
    struct histogram_shard *cells = &histogram->shards[shard()];
    int low = 0, high = histogram->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (value <= histogram->bounds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    atomic_fetch_add_explicit(&cells->buckets[low], 1, memory_order_relaxed);
    double sum = atomic_load_explicit(&cells->sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &cells->sum, &sum, sum + value, memory_order_relaxed, memory_order_relaxed))
        ;
}

void histogram_observe_ns(struct histogram *histogram, int64_t nanoseconds)
{
    histogram_observe(histogram, (double)nanoseconds / 1e9);
}

/* The shortest of the usual precisions that reads back as the same number. */
static void append_number(struct buffer *buffer, double number)
{
    if (number != number)
        buffer_append_text(buffer, "NaN");
    else if (number > 1e308 || number < -1e308)
        buffer_append_text(buffer, number > 0 ? "+Inf" : "-Inf");
    else if (number == (double)(int64_t)number && number < 1e15 && number > -1e15)
        buffer_append_int(buffer, (int64_t)number);
    else
        buffer_printf(buffer, "%.10g", number);
}

static void append_sample(struct buffer *buffer, const char *name, const char *labels)
{
    buffer_append_text(buffer, name);
    if (*labels) {
        buffer_append_char(buffer, '{');
        buffer_append_text(buffer, labels);
        buffer_append_char(buffer, '}');
    }
    buffer_append_char(buffer, ' ');
}

/* One `name_bucket{labels,le="bound"} ` with its comma where there are labels. */
static void append_bucket(struct buffer *buffer, const char *name, const char *labels)
{
    buffer_append_text(buffer, name);
    buffer_append_text(buffer, "_bucket{");
    buffer_append_text(buffer, labels);
    buffer_append_text(buffer, *labels ? ",le=\"" : "le=\"");
}

static void write_histogram(
    struct buffer *buffer, const char *name, const char *labels, const struct histogram *histogram)
{
    uint64_t total = 0;
    double sum = 0;
    for (int i = 0; i <= histogram->count; i++) {
        for (int s = 0; s < SHARDS; s++)
            total += atomic_load_explicit(&histogram->shards[s].buckets[i], memory_order_relaxed);
        append_bucket(buffer, name, labels);
        if (i < histogram->count)
            append_number(buffer, histogram->bounds[i]);
        else
            buffer_append_text(buffer, "+Inf");
        buffer_printf(buffer, "\"} %llu\n", (unsigned long long)total);
    }
    for (int s = 0; s < SHARDS; s++)
        sum += atomic_load_explicit(&histogram->shards[s].sum, memory_order_relaxed);
    buffer_append_text(buffer, name);
    append_sample(buffer, "_sum", labels);
    append_number(buffer, sum);
    buffer_append_char(buffer, '\n');
    buffer_append_text(buffer, name);
    append_sample(buffer, "_count", labels);
    buffer_printf(buffer, "%llu\n", (unsigned long long)total);
}

static void write_series(
    struct buffer *buffer, const struct family *family, const struct series *series)
{
    if (series->histogram) {
        write_histogram(buffer, family->name, series->labels, series->histogram);
        return;
    }
    append_sample(buffer, family->name, series->labels);
    if (series->read)
        append_number(buffer, series->read(series->ctx));
    else if (series->counter)
        buffer_printf(buffer, "%llu", (unsigned long long)counter_value(series->counter));
    else
        buffer_append_int(buffer, gauge_value(series->gauge));
    buffer_append_char(buffer, '\n');
}

void metrics_write(struct metrics *metrics, struct buffer *buffer)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };
    pthread_mutex_lock(&metrics->lock);
    for (const struct family *family = metrics->first; family; family = family->next) {
        buffer_printf(buffer, "# HELP %s ", family->name);
        append_escaped(buffer, family->help, /* quotes= */ false);
        buffer_printf(buffer, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
        for (const struct series *series = family->first; series; series = series->next)
            write_series(buffer, family, series);
    }
    pthread_mutex_unlock(&metrics->lock);
}
