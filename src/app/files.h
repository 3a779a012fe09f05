/* Copying and hashing files. Paths in errors are as given. */
#ifndef APP_FILES_H
#define APP_FILES_H

#include "error.h"
#include "secure.h"

#include <stdbool.h>
#include <stdint.h>

/* Copies, syncs, keeps the mode. */
int file_copy(const char *from, const char *to, struct error *error);

/* SHA-256 and size of a file. */
int file_hash(
    const char *path, char hex[SECURE_SHA256_HEX_SIZE], int64_t *bytes, struct error *error);

/* Makes a directory and its missing parents (mode 0700). */
int directory_make(const char *path, struct error *error);

/* Syncs a directory, so that the names in it last. */
int directory_sync(const char *path, struct error *error);

/* Removes a tree; what is not there is success. */
int directory_remove(const char *path, struct error *error);

/* Calls `fn` with the path of each regular file below `root`, relative to it, in no order. */
int directory_walk(const char *root, int (*fn)(void *ctx, const char *path, struct error *error),
    void *ctx, struct error *error);

bool directory_is_empty(const char *path); /* or missing */

#endif
