/*
 * Wines to search in, for tests and benchmarks: those of X-Wines or of its stand-in (x_wines.h),
 * then as many more as are wanted, made from their parts, the same ones every time.
 */
#ifndef TESTS_WINES_H
#define TESTS_WINES_H

#include "search.h"

struct arena;

struct wines {
    struct arena *arena;
    struct search_document *documents;
    size_t count;
};

/* `count` wines, or with 0 those of X-Wines. */
void wines_make(struct wines *wines, size_t count);
void wines_free(struct wines *wines);

#endif
