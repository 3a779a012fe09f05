/*
 * The low-pass filter: an item-to-item matrix in closed form that keeps what many shoppers have in
 * common and drops the rest.
 *
 *   Xn = D_u^-a X D_i^-b with D the sums of X's rows and columns, G = Xn' Xn over its mean
 *   eigenvalue, H = G^order, B = D_i^-b (H + cutoff^order I)^-1 H D_i^b
 *
 * The eigenvectors of G with eigenvalues above the cutoff pass, those below do not, with the edge
 * of a Butterworth filter of that order. Collaborative filtering as low-pass filtering: Shen, Wu,
 * Zhang, et al. 2021, "How powerful is graph convolution for recommendation?"; a polynomial instead
 * of eigenvectors: Park, Shin, Shin 2024, "Turbo-CF". X holds an event's strength, halved every
 * `half_life_days` before the newest event of all.
 */
#ifndef TRAINING_FILTER_H
#define TRAINING_FILTER_H

#include "events.h"

struct filter_options {
    double shopper_power, wine_power; /* a, b */
    int order;                        /* 2, 4 or 8 */
    double cutoff;
    double half_life_days;
    int threads;
};

/* B, wines x wines by rows, freed with free(); NULL when memory is short. Needs four times its
 * memory while it works (double precision: the eigenvalues of H lie far apart). */
float *filter_train(const struct events *events, const struct filter_options *options);

#endif
