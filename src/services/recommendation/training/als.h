/*
 * The factor model: a vector per wine and shopper whose product says how well they go together,
 * found by alternating least squares over all pairs, those that happened (target 1) and those that
 * did not (target 0, weight alpha0):
 *
 *   sum over events (1 - u.v)^2 + alpha0 * sum over all pairs (u.v)^2 + lambda_u |u|^2 + lambda_v
 * |v|^2 lambda_u = lambda * (events of u + alpha0 * wines)^nu, lambda_v likewise
 *
 * Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback datasets"; the weights
 * of the regularisation: Rendle, Krichene, Zhang, Koren 2021, "Revisiting the performance of iALS
 * on item recommendation benchmarks". The cost grows with events x dims^2, not with wines^2.
 */
#ifndef TRAINING_ALS_H
#define TRAINING_ALS_H

#include "events.h"

#include <stdatomic.h>

#define ALS_MAX_DIMS 256

struct als_options {
    int dims, iterations, threads;
    double alpha0, lambda, nu;
    unsigned long long seed;
    const atomic_bool *given_up; /* may be NULL; once true, what is returned means nothing */
};

/* Vectors of the wines, wines x dims by rows, freed with free(). The same bits for the same events
 * and options, whatever the threads. */
float *als_train(const struct events *events, const struct als_options *options);

/* alpha0 * V'V, dims x dims: what a shopper's vector is found with. */
void als_gram(const float *vectors, size_t wines, const struct als_options *options, float *gram);

/* The vector of a shopper with these wines, in closed form. `weights`: how much each event counts
 * (its confidence; 1 in training). Not thread-bound; `vector` has room for dims. */
void als_fold_in(const float *vectors, size_t wines, const float *gram,
    const struct als_options *options, const uint32_t *wine, const float *weights, size_t count,
    float *vector);

#endif
