/*
 * What the model knows of the wines: a number for each, its place in groups, wineries and regions,
 * what it tastes of, and live figures (bottles available, popularity) that readers see at once.
 *
 * Numbers are given once and stay. Changes are made under the model's learning lock; looking up
 * ids and the live figures are for any thread.
 */
#ifndef RECOMMENDATION_CATALOGUE_H
#define RECOMMENDATION_CATALOGUE_H

#include "scorer.h"
#include "text_index.h"

#include <pthread.h>
#include <stdbool.h>

#define WINE_MAX_GRAPES 12
#define WINE_MAX_PAIRINGS 16
#define WINE_MAX_FEATURES 48

/* A wine's document, as far as the model reads it. Texts may be "". */
struct wine_document {
    const char *id, *group_id, *name, *winery, *type, *country, *region, *appellation, *elaborate;
    const char *body, *acidity, *sweetness, *tannin;
    struct {
        const char *name;
        double share; /* 0 to 1 */
    } grapes[WINE_MAX_GRAPES];
    size_t grape_count;
    const char *pairings[WINE_MAX_PAIRINGS];
    size_t pairing_count;
    int64_t price; /* minor units */
    double rating_mean;
    int64_t rating_count; /* -1: not told */
};

struct wine {
    const char *id, *name;
    uint32_t group, winery, region;
    int64_t price;            /* minor units */
    unsigned char type;       /* as catalogue_type() has it */
    struct feature *features; /* by number; the vector has length 1 */
    size_t feature_count;
    bool described, withdrawn;
    int64_t added_ms; /* by its id */
    double rating_mean;
    int64_t rating_count;
    int64_t document_sequence, stock_sequence;
    double occurrences; /* in pairs; see together.h */
};

#define LIVE_CHUNK 1024
#define LIVE_CHUNKS 2048 /* two million wines */

struct live {
    _Atomic int32_t available; /* bottles; -1: not known */
    _Atomic double popularity; /* scaled as decay_scale() says; writers hold the learning lock */
};

struct catalogue {
    pthread_rwlock_t ids_lock;
    struct text_index *ids;
    struct text_index *names, *groups, *wineries, *regions, *features;
    struct wine *wines; /* by number */
    size_t count, capacity;
    _Atomic(struct live *) live[LIVE_CHUNKS];
};

void catalogue_init(struct catalogue *catalogue);
void catalogue_release(struct catalogue *catalogue);

/* 1 and up for a type of wine, 0 for a text that is none. */
#define CATALOGUE_TYPES 6
unsigned char catalogue_type(const char *text);

/* The wine's number, or NO_WINE. Any thread. */
uint32_t catalogue_find(struct catalogue *catalogue, const char *id);

/* The wine's number, given now if it has none; NO_WINE when there are too many. Learning lock. */
uint32_t catalogue_add(struct catalogue *catalogue, const char *id);

/* Takes a document over, unless `sequence` (0: not known) is older than what is known. True if it
 * changed something. Learning lock. */
bool catalogue_describe(
    struct catalogue *catalogue, const struct wine_document *document, int64_t sequence);

static inline struct live *catalogue_live(struct catalogue *catalogue, uint32_t wine)
{
    return &atomic_load_explicit(
        &catalogue->live[wine / LIVE_CHUNK], memory_order_acquire)[wine % LIVE_CHUNK];
}

static inline int32_t catalogue_available(struct catalogue *catalogue, uint32_t wine)
{
    return atomic_load_explicit(&catalogue_live(catalogue, wine)->available, memory_order_relaxed);
}

/*
 * Figures that fade with a half-life are kept scaled up by the time they are from, so that nothing
 * has to be faded: weight * decay_scale(at), compared as they are, or divided by decay_scale(now).
 */
double decay_scale(int64_t at_ms, double half_life_days);

#endif
