/*
 * The last so many ids, to recognise a message that comes again. In bounded memory, by 64-bit
 * hashes (two of 65,536 ids are alike once in 10^10 windows). Not thread-safe.
 */
#ifndef BASE_RECENT_H
#define BASE_RECENT_H

#include <stdbool.h>
#include <stddef.h>

struct recent;

/* `capacity` is a power of two. Pages that are never used cost nothing. */
struct recent *recent_new(size_t capacity);
void recent_free(struct recent *recent);

/* Remembers the id, in the place of the oldest; false if it was among the last ones. */
bool recent_add(struct recent *recent, const char *id);

#endif
