/*
 * The linear item-to-item model: scores = x B with a zero diagonal in B, found in closed form.
 *
 *   A = X'X + content FF' + lambda I + dropout / (1 - dropout) diag(X'X),  P = inverse of A,
 *   B[i][j] = -P[i][j] / P[j][j]
 *
 * EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data"), with dropout as a
 * penalty (EDLAE: Steck 2020, "Autoencoders that don't overfit towards the identity") and with
 * content as additional rows of X (CEASE: Jeunen, Van Balen, Goethals 2020, "Closed-form models
 * for collaborative filtering with side-information"). X holds an event's strength, halved every
 * `half_life` events back in the shopper's history.
 */
#ifndef TRAINING_LINEAR_H
#define TRAINING_LINEAR_H

#include "content.h"
#include "events.h"

struct linear_options {
    double lambda, dropout, content;
    double half_life; /* in events of the shopper */
    int threads;
};

/* B, wines x wines by rows, freed with free(); NULL when A is not positive definite in floating
 * point (it is for any lambda > 0 of use) or memory is short. Needs twice the matrix' memory. */
float *linear_train(const struct events *events, const struct content *content,
    const struct linear_options *options);

#endif
