/*
 * How sure one can be of what an experiment shows: of `trials` that were decided, `wins` went one
 * way. Pure functions; exact to about 1e-9 up to some hundred million trials.
 */
#ifndef RECOMMENDATION_CONFIDENCE_H
#define RECOMMENDATION_CONFIDENCE_H

#include <stdint.h>

#define CONFIDENCE_Z95 1.959963984540054 /* the normal quantile of 0.975 */

/* The two-sided sign test (binomial test against 1/2): how likely chance alone is to split the
 * trials at least as unevenly. 1 for no trials. */
double confidence_sign_test(int64_t wins, int64_t trials);

struct confidence_interval {
    double low, high; /* 0 to 1 */
};

/* The interval of the share wins / trials by its score (Wilson 1927), for normal quantile `z`:
 * sensible for few trials and for shares near 0 and 1, where the usual one is not. 0 to 1 for no
 * trials. */
struct confidence_interval confidence_wilson(int64_t wins, int64_t trials, double z);

#endif
