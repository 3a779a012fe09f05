/*
 * X-Wines as training data, for tests and benchmarks: the wines' contents and the ratings as
 * events; or generated ones of any size.
 */
#ifndef TESTS_RATINGS_H
#define TESTS_RATINGS_H

#include "train.h"

struct arena;

struct ratings {
    struct arena *arena; /* of the ids */
    const char **ids;    /* of the wines: X-Wines' numbers as text */
    size_t wines;
    struct content *content;
    struct events *train, *valid; /* shoppers numbered alike */
};

/* `path` gives a file's path by its name ("wines.csv"); ends the program when it cannot be read. */
typedef const char *ratings_path(char *path, const char *name);
struct ratings *ratings_read(ratings_path *find);

/* Long-tailed: wines and shoppers of a few tastes, popularity falling with the rank. `valid` is the
 * last tenth. The same for the same sizes. */
struct ratings *ratings_generate(size_t wines, size_t shoppers, size_t events);

void ratings_free(struct ratings *ratings);

#endif
