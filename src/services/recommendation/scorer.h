/*
 * A scorer: one trained opinion on which wines go with which. Immutable once built (lists may be
 * made when they are first asked for), counted references, any thread. The model mixes several by
 * weight; today they are taste (what the documents say) and together (what shoppers bought and
 * viewed). One that knows weights between items, such as EASE, fills `neighbours` alone; one that
 * knows shoppers as vectors, such as ALS, fills `score` as well.
 *
 * Wines are numbers below the count that the scorer was built for; see catalogue.h.
 */
#ifndef RECOMMENDATION_SCORER_H
#define RECOMMENDATION_SCORER_H

#include "scored.h"

#include <stdatomic.h>

struct candidate {
    uint32_t wine;
    float score;
    float best;      /* the largest part of the score ... */
    uint32_t source; /* ... and the wine it comes from */
    int scorer;      /* ... and who gave it */
};

/* Scores being summed up: a hash table by wine. */
struct candidates {
    struct candidate *slots; /* free where wine is NO_WINE */
    size_t capacity, count;
};

struct candidates candidates_new(size_t expected);
void candidates_release(struct candidates *candidates);
void candidates_add(
    struct candidates *candidates, uint32_t wine, float score, uint32_t source, int scorer);

/* NULL if the wine has no score. */
const struct candidate *candidates_find(const struct candidates *candidates, uint32_t wine);

struct scorer;

struct scorer_ops {
    /* The wine's neighbours, best first; the list is the scorer's. */
    size_t (*neighbours)(struct scorer *scorer, uint32_t wine, const struct scored **list);
    /* Adds what the shopper may like. `number` names the scorer in the candidates. */
    void (*score)(struct scorer *scorer, const struct preference *preferences, size_t count,
        float weight, int number, struct candidates *candidates);
    void (*free)(struct scorer *scorer);
};

struct scorer {
    const struct scorer_ops *ops;
    atomic_int references;
};

static inline size_t scorer_neighbours(
    struct scorer *scorer, uint32_t wine, const struct scored **list)
{
    return scorer->ops->neighbours(scorer, wine, list);
}

static inline void scorer_score(struct scorer *scorer, const struct preference *preferences,
    size_t count, float weight, int number, struct candidates *candidates)
{
    scorer->ops->score(scorer, preferences, count, weight, number, candidates);
}

/* The default of `score`: the neighbours of each preference, weighted. */
void scorer_score_by_neighbours(struct scorer *scorer, const struct preference *preferences,
    size_t count, float weight, int number, struct candidates *candidates);

static inline struct scorer *scorer_retain(struct scorer *scorer)
{
    atomic_fetch_add_explicit(&scorer->references, 1, memory_order_relaxed);
    return scorer;
}

void scorer_release(struct scorer *scorer);

#endif
