#include "als.h"

#include "numeric.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GATHER 256 /* vectors brought together for one update */
#define SLICE 64   /* rows a thread takes at once */

/* One side's row: solves (gram + regularisation + sum of w v v') x = sum of w v. `others` are the
 * other side's vectors; `weights` may be NULL (all 1). */
struct solver {
    int dims;
    double alpha0, lambda, nu;
    float *matrix, *gathered;
};

static struct solver solver_new(const struct als_options *options)
{
    size_t dims = (size_t)options->dims;
    return (struct solver){.dims = options->dims,
        .alpha0 = options->alpha0,
        .lambda = options->lambda,
        .nu = options->nu,
        .matrix = numeric_new(dims * dims, sizeof(float)),
        .gathered = numeric_new(GATHER * dims, sizeof(float))};
}

static void solver_release(struct solver *solver)
{
    free(solver->matrix);
    free(solver->gathered);
}

static void solve(struct solver *solver, const float *gram, size_t other_count, const float *others,
    const uint32_t *wine, const float *weights, size_t count, float *x)
{
    size_t dims = (size_t)solver->dims;
    memcpy(solver->matrix, gram, dims * dims * sizeof(float));
    memset(x, 0, dims * sizeof(float));
    for (size_t from = 0; from < count; from += GATHER) {
        size_t length = count - from < GATHER ? count - from : GATHER;
        for (size_t i = 0; i < length; i++) {
            const float *vector = others + (size_t)wine[from + i] * dims;
            float weight = weights ? weights[from + i] : 1;
            float root = weights ? sqrtf(weight) : 1;
            for (size_t k = 0; k < dims; k++) {
                solver->gathered[i * dims + k] = root * vector[k];
                x[k] += weight * vector[k];
            }
        }
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, solver->dims, (int)length, 1,
            solver->gathered, solver->dims, 1, solver->matrix, solver->dims);
    }
    float diagonal = (float)(solver->lambda *
                             pow((double)count + solver->alpha0 * (double)other_count, solver->nu));
    for (size_t k = 0; k < dims; k++)
        solver->matrix[k * dims + k] += diagonal;
    /* The lower triangle by rows is the upper one by columns. */
    if (LAPACKE_sposv(LAPACK_COL_MAJOR, 'U', solver->dims, 1, solver->matrix, solver->dims, x,
            solver->dims) != 0)
        memset(x, 0, dims * sizeof(float));
}

/* ---- one half of an iteration ---- */

struct half {
    const struct als_options *options;
    struct solver *solvers; /* one per thread */
    const size_t *first;
    const uint32_t *columns;
    const float *others;
    size_t other_count;
    const float *gram;
    float *rows;
};

static void solve_rows(void *ctx, size_t first, size_t end, int thread)
{
    struct half *half = ctx;
    size_t dims = (size_t)half->options->dims;
    if (half->options->given_up && atomic_load(half->options->given_up))
        return;
    for (size_t row = first; row < end; row++)
        solve(&half->solvers[thread], half->gram, half->other_count, half->others,
            half->columns + half->first[row], NULL, half->first[row + 1] - half->first[row],
            half->rows + row * dims);
}

static void alternate(struct half *half, const size_t *first, const uint32_t *columns,
    const float *others, size_t other_count, float *rows, size_t row_count, float *gram)
{
    als_gram(others, other_count, half->options, gram);
    half->first = first;
    half->columns = columns;
    half->others = others;
    half->other_count = other_count;
    half->gram = gram;
    half->rows = rows;
    numeric_parallel(half->options->threads, row_count, SLICE, solve_rows, half);
}

void als_gram(const float *vectors, size_t wines, const struct als_options *options, float *gram)
{
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, options->dims, (int)wines,
        (float)options->alpha0, vectors, options->dims, 0, gram, options->dims);
}

float *als_train(const struct events *events, const struct als_options *options)
{
    size_t dims = (size_t)options->dims;
    float *wines = numeric_new(events->wines * dims, sizeof(*wines));
    float *shoppers = numeric_new(events->shoppers * dims, sizeof(*shoppers));
    float *gram = numeric_new(dims * dims, sizeof(*gram));
    struct events_by_wine by_wine = events_by_wine(events);
    unsigned long long state = options->seed;
    double scale = 0.1 / sqrt((double)dims);
    for (size_t i = 0; i < events->wines * dims; i++)
        wines[i] = (float)(scale * numeric_normal(&state));
    int threads = options->threads > 0 ? options->threads : 1;
    struct half half = {
        .options = options, .solvers = numeric_new((size_t)threads, sizeof(struct solver))};
    for (int i = 0; i < threads; i++)
        half.solvers[i] = solver_new(options);
    numeric_blas_threads(1);
    for (int i = 0; i < options->iterations; i++) {
        alternate(&half, events->first, events->wine, wines, events->wines, shoppers,
            events->shoppers, gram);
        alternate(&half, by_wine.first, by_wine.shopper, shoppers, events->shoppers, wines,
            events->wines, gram);
    }
    for (int i = 0; i < threads; i++)
        solver_release(&half.solvers[i]);
    free(half.solvers);
    events_by_wine_release(&by_wine);
    free(shoppers);
    free(gram);
    return wines;
}

void als_fold_in(const float *vectors, size_t wines, const float *gram,
    const struct als_options *options, const uint32_t *wine, const float *weights, size_t count,
    float *vector)
{
    struct solver solver = solver_new(options);
    solve(&solver, gram, wines, vectors, wine, weights, count, vector);
    solver_release(&solver);
}
