/*
 * Token buckets by key, in memory: at most `burst` at once, one more every `interval_ms`. A fixed
 * table; a key that finds no room takes the place of one that has not been seen for long, so the
 * memory is bounded and a flood of keys can at worst forget old ones. Any thread.
 */
#ifndef SERVICES_USER_LIMITER_H
#define SERVICES_USER_LIMITER_H

#include <stdint.h>

struct limiter;

struct limiter *limiter_new(int burst, int64_t interval_ms);
void limiter_free(struct limiter *limiter);

/* 0 if the key may go on at `now_ms` (monotonic), else how many milliseconds it has to wait. */
int64_t limiter_take(struct limiter *limiter, const char *key, int64_t now_ms);

/* The key starts anew, with a full bucket. */
void limiter_forget(struct limiter *limiter, const char *key);

#endif
