#include "filter.h"

#include "numeric.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000.0

/* The weights of the events, and what their sums make of them. */
struct degrees {
    double *weight;  /* by event: normalised */
    double *by_wine; /* D_i^b */
};

static struct degrees find_degrees(
    const struct events *events, const struct filter_options *options)
{
    struct degrees degrees = {.weight = numeric_new(events->count, sizeof(double)),
        .by_wine = numeric_new(events->wines, sizeof(double))};
    for (size_t i = 0; i < events->wines; i++)
        degrees.by_wine[i] = 1;
    for (size_t i = 0; i < events->count; i++) {
        double days = (double)(events->newest_ms - events->at_ms[i]) / DAY_MS;
        degrees.weight[i] = (double)events->strength[i] * exp2(-days / options->half_life_days);
        degrees.by_wine[events->wine[i]] += degrees.weight[i];
    }
    for (size_t i = 0; i < events->wines; i++)
        degrees.by_wine[i] = pow(degrees.by_wine[i], options->wine_power);
    for (size_t shopper = 0; shopper < events->shoppers; shopper++) {
        double sum = 0;
        for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++)
            sum += degrees.weight[i];
        double scale = sum > 0 ? pow(sum, -options->shopper_power) : 0;
        for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++)
            degrees.weight[i] *= scale / degrees.by_wine[events->wine[i]];
    }
    return degrees;
}

static void degrees_release(struct degrees *degrees)
{
    free(degrees->weight);
    free(degrees->by_wine);
}

/* The lower triangle of G by rows, its trace brought to the number of wines that have events: those
 * without any have no part in the mean eigenvalue. */
static void add_events(const struct events *events, const double *weight, double *matrix)
{
    size_t n = events->wines;
    double trace = 0, rated = 0;
    for (size_t shopper = 0; shopper < events->shoppers; shopper++) {
        for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++) {
            for (size_t j = events->first[shopper]; j <= i; j++) {
                size_t row = events->wine[i] > events->wine[j] ? events->wine[i] : events->wine[j];
                size_t column =
                    events->wine[i] > events->wine[j] ? events->wine[j] : events->wine[i];
                matrix[row * n + column] += weight[i] * weight[j];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        trace += matrix[i * n + i];
        rated += matrix[i * n + i] > 0;
    }
    double scale = trace > 0 ? rated / trace : 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            matrix[i * n + j] *= scale;
    }
}

static void mirror(double *matrix, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            matrix[j * n + i] = matrix[i * n + j];
    }
}

/* `from` (its lower triangle) squared into `to`'s. */
static void square(double *from, double *to, size_t n)
{
    mirror(from, n);
    cblas_dsyrk(
        CblasRowMajor, CblasLower, CblasNoTrans, (int)n, (int)n, 1, from, (int)n, 0, to, (int)n);
}

/* (H + c I)^-1 H = I - c (H + c I)^-1: the lower triangle of H by rows becomes that of it. */
static int solve(double *matrix, size_t n, double c)
{
    for (size_t i = 0; i < n; i++)
        matrix[i * n + i] += c;
    /* The lower triangle by rows is the upper one by columns, which is LAPACK's order. */
    lapack_int size = (lapack_int)n;
    lapack_int rc = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', size, matrix, size);
    if (rc == 0)
        rc = LAPACKE_dpotri(LAPACK_COL_MAJOR, 'U', size, matrix, size);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            matrix[i * n + j] = (i == j) - c * matrix[i * n + j];
    }
    return rc == 0 ? 0 : -1;
}

static float *finish(const double *matrix, size_t n, const double *by_wine)
{
    float *weights = malloc((n * n + 1) * sizeof(*weights));
    for (size_t i = 0; weights && i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double value = i >= j ? matrix[i * n + j] : matrix[j * n + i];
            weights[i * n + j] = (float)(value / by_wine[i] * by_wine[j]);
        }
    }
    return weights;
}

float *filter_train(const struct events *events, const struct filter_options *options)
{
    size_t n = events->wines;
    double *matrix = calloc(n * n + 1, sizeof(*matrix));
    double *other = malloc((n * n + 1) * sizeof(*other));
    float *weights = NULL;
    struct degrees degrees = find_degrees(events, options);
    if (matrix && other) {
        add_events(events, degrees.weight, matrix);
        numeric_blas_threads(options->threads);
        for (int power = 1; power < options->order; power *= 2) {
            square(matrix, other, n);
            double *swap = matrix;
            matrix = other;
            other = swap;
        }
        free(other);
        other = NULL;
        if (solve(matrix, n, pow(options->cutoff, options->order)) == 0)
            weights = finish(matrix, n, degrees.by_wine);
        numeric_blas_threads(1);
    }
    degrees_release(&degrees);
    free(matrix);
    free(other);
    return weights;
}
