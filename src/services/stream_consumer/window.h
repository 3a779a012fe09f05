/*
 * What was seen lately, in bounded memory: the ids of events, and the last sequence of each
 * aggregate. Both go by 64-bit hashes (two of 65,536 ids are alike once in 10^10 windows). Not
 * thread-safe.
 */
#ifndef STREAM_CONSUMER_WINDOW_H
#define STREAM_CONSUMER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window;

struct window *window_new(void);
void window_free(struct window *window);

/* Remembers the id; false if it was among the last WAREHOUSE_RECENT_EVENTS. */
bool window_add(struct window *window, const char *id);

/* Remembers the sequence of the aggregate `kind` (the type's first word) of `subject`; false if a
 * higher one was seen. Equal ones pass: one change may be told by several events. */
bool window_advance(struct window *window, const char *type, const char *subject, int64_t sequence);

#endif
