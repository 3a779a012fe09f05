/* Inside this folder only: what every engine checks and says alike. */
#ifndef PLATFORM_BLOB_CHECK_H
#define PLATFORM_BLOB_CHECK_H

#include "error.h"

#include <stddef.h>

int blob_check_name(const char *name, struct error *error);
int blob_check_put(const char *name, const char *type, size_t length, struct error *error);

/* These fill `error` and return its code. */
int blob_too_large(const char *name, size_t length, size_t cap, struct error *error);
int blob_missing(const char *name, struct error *error);

#endif
