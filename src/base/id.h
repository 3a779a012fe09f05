/*
 * ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, as 26 characters of
 * Crockford's base 32. Sorts by time; monotonic within a thread and millisecond.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define ID_LENGTH 26
#define ID_SIZE (ID_LENGTH + 1)

/* A new id, with its NUL, into `id` of ID_SIZE bytes. Any thread. Returns `id`. */
char *id_new(char *id);

/* Whether `text` is exactly one ULID in upper case. */
bool id_valid(const char *text);

/* When the id was made, in milliseconds since the Unix epoch; 0 for what is no id. */
int64_t id_time_ms(const char *text);

#endif
