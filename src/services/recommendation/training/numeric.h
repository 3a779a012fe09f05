/*
 * Memory and threads for the numeric parts, and OpenBLAS's own threads, which are one for the whole
 * process: 1, except while a large matrix is factored.
 */
#ifndef TRAINING_NUMERIC_H
#define TRAINING_NUMERIC_H

#include <stddef.h>

/* Zeroed; never NULL. */
void *numeric_new(size_t count, size_t size);

/* Calls `work(ctx, first, end, thread)` for slices of 0 to count on `threads` threads, the caller's
 * among them. Which thread has which slice is open: results must not depend on it. */
typedef void numeric_work(void *ctx, size_t first, size_t end, int thread);
void numeric_parallel(int threads, size_t count, size_t slice, numeric_work *work, void *ctx);

/* Threads of OpenBLAS from now on. */
void numeric_blas_threads(int threads);

/* The same bits on every machine: splitmix64 (Steele, Lea, Flood 2014). */
static inline unsigned long long numeric_random(unsigned long long *state)
{
    unsigned long long z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Normally distributed, mean 0, deviation 1 (Box and Muller 1958). */
double numeric_normal(unsigned long long *state);

#endif
