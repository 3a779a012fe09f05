/*
 * The directory of an index on disk: which subdirectory holds it, and whether it may be trusted.
 * A file `state` says so; it says "open" while the index is in use, so that after a crash it is
 * the last thing known. Every change of it is atomic and on disk when the function returns.
 */
#ifndef SEARCH_DIRECTORY_H
#define SEARCH_DIRECTORY_H

#include "error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct search_directory {
    char path[PATH_MAX - 512];
    unsigned number;   /* of the subdirectory "index-<number>" */
    bool clean;        /* it was closed, and can be opened again */
    bool fresh;        /* there was no index at all */
    uint64_t position; /* of a clean one */
};

/* Reads the state, making the directory if it is missing. */
int search_directory_open(
    struct search_directory *directory, const char *path, struct error *error);

/* Writes the state: `clean` with its position, or in use. */
int search_directory_mark(
    struct search_directory *directory, bool clean, uint64_t position, struct error *error);

/* Takes an empty subdirectory with a number of its own, marks it in use, and removes the others. */
int search_directory_renew(struct search_directory *directory, struct error *error);

/* "<path>/index-<number>/<name>" into `out` of PATH_MAX bytes. Returns `out`. */
char *search_directory_file(const struct search_directory *directory, const char *name, char *out);

#endif
