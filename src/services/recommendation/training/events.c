#include "events.h"

#include "text_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct raw {
    int64_t at_ms;
    uint32_t shopper, wine;
    float strength;
    uint32_t order; /* of adding: equal times keep it */
};

struct event_collector {
    size_t wines, shoppers;
    struct text_index *names;
    struct raw *rows;
    size_t count, capacity;
};

float act_strength(enum trained_act_kind kind, float stars)
{
    switch (kind) {
    case TRAINED_RATING:
        return 1.0f + 0.2f * (stars - 3.5f);
    case TRAINED_ORDER:
        return 1.0f;
    case TRAINED_CART:
        return 0.5f;
    case TRAINED_CLICK:
        return 0.2f;
    case TRAINED_VIEW:
        return 0.15f;
    }
    return 0;
}

static void *allocated(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

struct event_collector *event_collector_new(size_t wines)
{
    struct event_collector *collector = allocated(1, sizeof(*collector));
    collector->wines = wines;
    collector->names = text_index_new();
    return collector;
}

void event_collector_free(struct event_collector *collector)
{
    if (!collector)
        return;
    text_index_free(collector->names);
    free(collector->rows);
    free(collector);
}

void event_collector_add_numbered(struct event_collector *collector, uint32_t shopper,
    uint32_t wine, enum trained_act_kind kind, float stars, int64_t at_ms)
{
    if (wine >= collector->wines)
        return;
    if (collector->count == collector->capacity) {
        collector->capacity = collector->capacity ? collector->capacity * 2 : 4096;
        collector->rows =
            reallocarray(collector->rows, collector->capacity, sizeof(*collector->rows));
        if (!collector->rows)
            abort();
    }
    if (shopper >= collector->shoppers)
        collector->shoppers = (size_t)shopper + 1;
    collector->rows[collector->count] = (struct raw){.at_ms = at_ms,
        .shopper = shopper,
        .wine = wine,
        .strength = act_strength(kind, stars),
        .order = (uint32_t)collector->count};
    collector->count++;
}

void event_collector_add(struct event_collector *collector, const char *shopper, uint32_t wine,
    enum trained_act_kind kind, float stars, int64_t at_ms)
{
    if (*shopper && wine < collector->wines)
        event_collector_add_numbered(
            collector, text_index_add(collector->names, shopper), wine, kind, stars, at_ms);
}

uint32_t event_collector_shopper(const struct event_collector *collector, const char *shopper)
{
    return text_index_find(collector->names, shopper);
}

/* ---- finishing ---- */

static int by_wine_then_time(const void *a, const void *b)
{
    const struct raw *x = a, *y = b;
    if (x->wine != y->wine)
        return x->wine < y->wine ? -1 : 1;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int by_time(const void *a, const void *b)
{
    const struct raw *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* One row per wine, oldest first; returns how many are left. */
static size_t merge(struct raw *rows, size_t count)
{
    qsort(rows, count, sizeof(*rows), by_wine_then_time);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept && rows[kept - 1].wine == rows[i].wine) {
            float strength = fmaxf(rows[kept - 1].strength, rows[i].strength);
            rows[kept - 1] = rows[i];
            rows[kept - 1].strength = strength;
        } else {
            rows[kept++] = rows[i];
        }
    }
    qsort(rows, kept, sizeof(*rows), by_time);
    return kept;
}

static struct events *events_new(size_t wines, size_t shoppers, size_t capacity)
{
    struct events *events = allocated(1, sizeof(*events));
    events->wines = wines;
    events->shoppers = shoppers;
    events->first = allocated(shoppers + 1, sizeof(*events->first));
    events->wine = allocated(capacity, sizeof(*events->wine));
    events->strength = allocated(capacity, sizeof(*events->strength));
    events->at_ms = allocated(capacity, sizeof(*events->at_ms));
    return events;
}

static void take(struct events *events, uint32_t wine, float strength, int64_t at_ms)
{
    events->wine[events->count] = wine;
    events->strength[events->count] = strength;
    events->at_ms[events->count++] = at_ms;
    if (at_ms > events->newest_ms)
        events->newest_ms = at_ms;
}

/* By shopper, by counting: two passes instead of a sort of them all. */
static struct raw *by_shopper(const struct event_collector *collector, size_t *first)
{
    struct raw *sorted = allocated(collector->count, sizeof(*sorted));
    for (size_t i = 0; i < collector->count; i++)
        first[collector->rows[i].shopper + 1]++;
    for (size_t i = 0; i < collector->shoppers; i++)
        first[i + 1] += first[i];
    size_t *next = allocated(collector->shoppers + 1, sizeof(*next));
    memcpy(next, first, collector->shoppers * sizeof(*next));
    for (size_t i = 0; i < collector->count; i++)
        sorted[next[collector->rows[i].shopper]++] = collector->rows[i];
    free(next);
    return sorted;
}

struct events *event_collector_finish(struct event_collector *collector)
{
    size_t *first = allocated(collector->shoppers + 2, sizeof(*first));
    struct raw *sorted = by_shopper(collector, first);
    free(collector->rows);
    struct events *events = events_new(collector->wines, collector->shoppers, collector->count);
    for (size_t shopper = 0; shopper < collector->shoppers; shopper++) {
        struct raw *rows = sorted + first[shopper];
        size_t kept = merge(rows, first[shopper + 1] - first[shopper]);
        size_t passed = kept > EVENTS_PER_SHOPPER ? kept - EVENTS_PER_SHOPPER : 0;
        for (size_t i = passed; i < kept; i++)
            take(events, rows[i].wine, rows[i].strength, rows[i].at_ms);
        events->first[shopper + 1] = events->count;
    }
    free(sorted);
    free(first);
    collector->rows = NULL;
    collector->count = collector->capacity = 0;
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    free(events->first);
    free(events->wine);
    free(events->strength);
    free(events->at_ms);
    free(events);
}

struct events *events_select(
    const struct events *events, int64_t from_ms, int64_t until_ms, const bool *hidden)
{
    struct events *selected = events_new(events->wines, events->shoppers, events->count);
    for (size_t shopper = 0; shopper < events->shoppers; shopper++) {
        for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++) {
            if (events->at_ms[i] >= from_ms && events->at_ms[i] < until_ms &&
                !(hidden && hidden[events->wine[i]]))
                take(selected, events->wine[i], events->strength[i], events->at_ms[i]);
        }
        selected->first[shopper + 1] = selected->count;
    }
    return selected;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int64_t events_quantile(const struct events *events, double share)
{
    if (!events->count)
        return 0;
    int64_t *times = allocated(events->count, sizeof(*times));
    memcpy(times, events->at_ms, events->count * sizeof(*times));
    qsort(times, events->count, sizeof(*times), compare_times);
    size_t place = (size_t)(share * (double)events->count);
    int64_t at_ms = times[place < events->count ? place : events->count - 1];
    free(times);
    return at_ms;
}

struct events_by_wine events_by_wine(const struct events *events)
{
    struct events_by_wine by_wine = {
        .first = allocated(events->wines + 1, sizeof(*by_wine.first)),
        .shopper = allocated(events->count, sizeof(*by_wine.shopper)),
        .strength = allocated(events->count, sizeof(*by_wine.strength)),
    };
    for (size_t i = 0; i < events->count; i++)
        by_wine.first[events->wine[i] + 1]++;
    for (size_t i = 0; i < events->wines; i++)
        by_wine.first[i + 1] += by_wine.first[i];
    size_t *next = allocated(events->wines, sizeof(*next));
    memcpy(next, by_wine.first, events->wines * sizeof(*next));
    for (size_t shopper = 0; shopper < events->shoppers; shopper++) {
        for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++) {
            size_t place = next[events->wine[i]]++;
            by_wine.shopper[place] = (uint32_t)shopper;
            by_wine.strength[place] = events->strength[i];
        }
    }
    free(next);
    return by_wine;
}

void events_by_wine_release(struct events_by_wine *by_wine)
{
    free(by_wine->first);
    free(by_wine->shopper);
    free(by_wine->strength);
}
