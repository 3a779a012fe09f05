/*
 * Inside this folder only. A family is a name; it has series, one per set of labels. A series that
 * threads update has cells of its own per shard, each shard on cache lines of its own; a thread
 * keeps to one shard, so that two threads rarely touch one line.
 */
#ifndef PLATFORM_METRICS_INTERNAL_H
#define PLATFORM_METRICS_INTERNAL_H

#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define SHARDS 8 /* a power of two; threads beyond that share */
#define CACHE_LINE 64

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct counter {
    struct {
        _Alignas(CACHE_LINE) atomic_uint_fast64_t value;
    } shards[SHARDS];
};

struct gauge {
    atomic_int_fast64_t value;
};

struct histogram_shard {
    _Alignas(CACHE_LINE) _Atomic double sum;
    atomic_uint_fast64_t buckets[HISTOGRAM_MAX_BUCKETS + 1]; /* the last is +Inf; not cumulative */
};

struct histogram {
    int count; /* of the bounds */
    double bounds[HISTOGRAM_MAX_BUCKETS];
    struct histogram_shard shards[SHARDS];
};

struct series {
    struct series *next;
    char *labels; /* rendered: `route="/",status="2xx"`, "" without */
    struct counter *counter;
    struct gauge *gauge;
    struct histogram *histogram;
    metric_read read; /* with ctx: asked instead of a cell */
    void *ctx;
};

struct family {
    struct family *next;
    char *name, *help;
    enum metric_kind kind;
    struct series *first, **end;
};

struct metrics {
    pthread_mutex_t lock; /* guards the lists; never taken by an update */
    struct family *first, **end;
};

/* The process_* metrics, in process.c. */
void metrics_add_process(struct metrics *metrics);

#endif
