/*
 * The last sequence seen of each aggregate, in bounded memory, by 64-bit hashes. When it is full it
 * forgets all: it saves work, and the warehouse guards its own states. Not thread-safe.
 */
#ifndef STREAM_CONSUMER_AGGREGATES_H
#define STREAM_CONSUMER_AGGREGATES_H

#include <stdbool.h>
#include <stdint.h>

struct aggregates;

struct aggregates *aggregates_new(void);
struct aggregates *aggregates_copy(const struct aggregates *aggregates);
void aggregates_free(struct aggregates *aggregates); /* NULL is fine */

/* Remembers the sequence of `subject` under the type's first word; false if a higher one was seen.
 * Equal ones pass: one change may be told by several events. */
bool aggregates_advance(
    struct aggregates *aggregates, const char *type, const char *subject, int64_t sequence);

#endif
