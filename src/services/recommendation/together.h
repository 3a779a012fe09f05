/*
 * Together: wines that the same shoppers buy or look at. Counts of pairs fade with a half-life; a
 * wine's neighbours are those with the most pairs for how often they occur at all, and their scores
 * grow to 1 with how often the wine itself occurs.
 */
#ifndef RECOMMENDATION_TOGETHER_H
#define RECOMMENDATION_TOGETHER_H

#include "scorer.h"

#define TOGETHER_NEIGHBOURS 32
#define TOGETHER_HALF_LIFE_DAYS 90.0
#define TOGETHER_MAX_PAIRS ((size_t)1 << 20)

/* How often two wines came together, scaled by decay_scale(). Not thread-safe. */
struct pair {
    uint32_t a, b; /* a < b; a slot is free where b is 0 */
    double weight;
};

struct pairs {
    struct pair *slots;
    size_t capacity, count;
};

void pairs_release(struct pairs *pairs);

/* Over TOGETHER_MAX_PAIRS the weaker half is forgotten. */
void pairs_add(struct pairs *pairs, uint32_t a, uint32_t b, double weight);

/* From a copy of the counts: `pairs` and how often each wine occurs, both scaled by `scale`. */
struct scorer *together_new(const struct pair *pairs, size_t pair_count, const double *occurrences,
    size_t wine_count, double scale);

#endif
