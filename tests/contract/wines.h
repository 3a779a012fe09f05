/*
 * Wines to search in, for tests and benchmarks: the X-Wines catalogue when it can be found (the
 * file named by the environment's XWINES, else ../shared/x-wines/wines.csv beside the repository),
 * else a few dozen written here; then as many more as are wanted, made from their parts, the same
 * ones every time.
 */
#ifndef TESTS_WINES_H
#define TESTS_WINES_H

#include "search.h"

struct arena;

struct wines {
    struct arena *arena;
    struct search_document *documents;
    size_t count;
    bool real; /* the first 1,007 are X-Wines */
};

/* `count` wines, or with 0 those of X-Wines (1,007 made ones if there is no file). */
void wines_make(struct wines *wines, size_t count);
void wines_free(struct wines *wines);

#endif
