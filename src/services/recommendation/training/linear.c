#include "linear.h"

#include "numeric.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

/* X'X into the lower triangle, by rows. Events of one shopper at a time, so that the sums do not
 * depend on threads. */
static void add_events(const struct events *events, double half_life, float *matrix)
{
    size_t n = events->wines;
    float weights[EVENTS_PER_SHOPPER];
    for (size_t shopper = 0; shopper < events->shoppers; shopper++) {
        size_t first = events->first[shopper], count = events->first[shopper + 1] - first;
        const uint32_t *wine = events->wine + first;
        for (size_t i = 0; i < count; i++)
            weights[i] =
                events->strength[first + i] * (float)exp2(-(double)(count - 1 - i) / half_life);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j <= i; j++) {
                uint32_t row = wine[i] > wine[j] ? wine[i] : wine[j];
                uint32_t column = wine[i] > wine[j] ? wine[j] : wine[i];
                matrix[row * n + column] += weights[i] * weights[j];
            }
        }
    }
}

/* From the inverse's lower triangle to B, in place. */
static void finish(float *matrix, size_t n)
{
    float *diagonal = numeric_new(n, sizeof(*diagonal));
    for (size_t i = 0; i < n; i++)
        diagonal[i] = matrix[i * n + i];
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            float inverse = matrix[i * n + j];
            matrix[i * n + j] = -inverse / diagonal[j];
            matrix[j * n + i] = -inverse / diagonal[i];
        }
        matrix[i * n + i] = 0;
    }
    free(diagonal);
}

float *linear_train(const struct events *events, const struct content *content,
    const struct linear_options *options)
{
    size_t n = events->wines;
    float *matrix = calloc(n * n + 1, sizeof(*matrix));
    if (!matrix)
        return NULL;
    add_events(events, options->half_life, matrix);
    float penalty = (float)(1 + options->dropout / (1 - options->dropout));
    for (size_t i = 0; i < n; i++)
        matrix[i * n + i] = matrix[i * n + i] * penalty + (float)options->lambda;
    content_add_gram(content, (float)options->content, matrix);
    /* The lower triangle by rows is the upper one by columns, which is LAPACK's order. */
    numeric_blas_threads(options->threads);
    lapack_int size = (lapack_int)n;
    lapack_int rc = LAPACKE_spotrf(LAPACK_COL_MAJOR, 'U', size, matrix, size);
    if (rc == 0)
        rc = LAPACKE_spotri(LAPACK_COL_MAJOR, 'U', size, matrix, size);
    numeric_blas_threads(1);
    if (rc != 0) {
        free(matrix);
        return NULL;
    }
    finish(matrix, n);
    return matrix;
}
