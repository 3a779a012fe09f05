/*
 * Training: from events and contents to a trained model. The recipe and what each part adds are in
 * docs/recommendations.md.
 */
#ifndef TRAINING_TRAIN_H
#define TRAINING_TRAIN_H

#include "als.h"
#include "content.h"
#include "events.h"
#include "linear.h"

/* Above, a dense inverse takes too long and too much: the factor model serves alone. */
#define TRAIN_LINEAR_WINES 12000

struct training_options {
    struct linear_options linear;
    struct als_options als;
    size_t linear_wines;      /* up to so many wines the linear model is trained; at most 12,000 */
    double factors, trend;    /* weights beside the linear model's 1 */
    double profile_half_life; /* in events */
    double fold_power;
    double trend_half_life_days, popular_half_life_days;
    size_t new_events; /* a wine with fewer is new: scored by transfer */
    size_t transfer;   /* from so many of the wines most like it */
};

/* The values found on X-Wines' validation period. */
struct training_options training_defaults(int threads);

/* `ids[i]` is the id of wine i of the events and the contents. Trains from the events there are;
 * with none the content speaks alone. `*out` is the caller's. ERROR_UNAVAILABLE when memory is
 * short, ERROR_INVALID when there are no wines. */
int train(struct trained **out, const char *const *ids, const struct events *events,
    const struct content *content, const struct training_options *options, struct error *error);

#endif
