/* The files of X-Wines, for tests: the folder that the environment's XWINES names, else
 * ../shared/x-wines beside the repository; where that is not, tests/xwines_generated.py has made
 * ones of the same shape while building. What holds of the one must hold of the other. */
#ifndef TESTS_X_WINES_H
#define TESTS_X_WINES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How many wines there are, in either. */
#define X_WINES 1007

/* Of a file's path. */
#define X_WINES_PATH 4096

static inline const char *x_wines_generated(char path[X_WINES_PATH], const char *name)
{
    snprintf(path, X_WINES_PATH, "%s/%s", X_WINES_GENERATED, name);
    return path;
}

/* False when only the generated ones are there. */
static inline bool x_wines_real(char path[X_WINES_PATH], const char *name)
{
    const char *folder = getenv("XWINES");
    snprintf(path, X_WINES_PATH, "%s/%s", folder ? folder : X_WINES_DEFAULT, name);
    return access(path, R_OK) == 0;
}

static inline const char *x_wines_find(char path[X_WINES_PATH], const char *name)
{
    return x_wines_real(path, name) ? path : x_wines_generated(path, name);
}

#endif
