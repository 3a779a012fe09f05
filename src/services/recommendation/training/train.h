/*
 * Training: from events and contents to a trained model. The recipe and what each part adds are in
 * docs/recommendations.md.
 */
#ifndef TRAINING_TRAIN_H
#define TRAINING_TRAIN_H

#include "als.h"
#include "content.h"
#include "events.h"
#include "filter.h"
#include "linear.h"

#include <stdatomic.h>

/* Above, a dense inverse takes too long and too much: the factor model serves alone. */
#define TRAIN_LINEAR_WINES 12000

struct training_options {
    struct linear_options linear;
    struct filter_options filter;
    struct als_options als;
    size_t linear_wines; /* up to so many wines there are linear model and filter; at most 12,000 */
    double linear_weight, filter_weight, factors_weight; /* 0: not trained */
    double floor, shift;                                 /* trained_internal.h */
    double profile_half_life;                            /* in events */
    double fold_power;
    /* boost = ((recent + smoothing g) / (all + smoothing) / g)^trend: events of a wine, the recent
     * ones with a half-life, g: recent / all over all wines. */
    double trend, trend_half_life_days, trend_smoothing;
    double popular_half_life_days;
    /* Shoppers who know many wines are past what everybody knows: score = score * (events of the
     * wine + common_floor) ^ (-common log2(events of the shopper / common_events)). */
    double common, common_events, common_floor;
    size_t new_events;           /* a wine with fewer is new, and is told so */
    const atomic_bool *given_up; /* may be NULL; once true, the training ends as soon as it can */
    size_t transfer;       /* a wine without any is the mean of so many wines most like it, ... */
    double transfer_power; /* ... weighted by their likeness to this power */
};

/* The values found on X-Wines' validation period. */
struct training_options training_defaults(int threads);

/* `ids[i]` is the id of wine i of the events and the contents. Trains from the events there are;
 * with none the content speaks alone. `*out` is the caller's. ERROR_UNAVAILABLE when memory is
 * short or the training was given up, ERROR_INVALID when there are no wines. */
int train(struct trained **out, const char *const *ids, const struct events *events,
    const struct content *content, const struct training_options *options, struct error *error);

#endif
