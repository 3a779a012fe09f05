/*
 * The data directory: made at the first start (mode 0700), locked while a program uses it. The lock
 * file holds the process id for the message a second program gives; the lock itself is flock(2), so
 * it ends with the process, however that ends.
 */
#ifndef APP_DATA_DIR_H
#define APP_DATA_DIR_H

#include "error.h"

#include <stdbool.h>

struct data_dir {
    char path[3072]; /* absolute */
    int lock;        /* descriptor */
    bool fresh;      /* no database is in it yet */
    bool unclean;    /* the last program that served from it did not end in order */
};

/* Makes and locks it. ERROR_CONFLICT when another program has it (its process id is named);
 * ERROR_UNAVAILABLE when it cannot be made or written. With `create` false a missing directory is
 * ERROR_NOT_FOUND. */
int data_dir_open(struct data_dir *dir, const char *path, bool create, struct error *error);

/* Marks the end as orderly (when `clean`) and unlocks. */
void data_dir_close(struct data_dir *dir, bool clean);

#endif
