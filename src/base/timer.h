/*
 * Timers: one thread that calls functions when they are due. Nothing in the store sleeps or polls
 * in a thread of its own: deadlines, retries, heartbeats and schedules are timers.
 *
 * A callback runs on the timer thread and must be short; it may start and cancel timers.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timers;
struct timer; /* one pending call */

struct timers *timers_new(void);

/* Stops the thread; pending calls are dropped, a running one is waited for. */
void timers_free(struct timers *timers);

/* Calls `fn(ctx)` once, `delay_ms` from now. The handle is valid until the call begins or the timer
 * is cancelled; a caller who never cancels may ignore it. */
struct timer *timers_after(struct timers *timers, int64_t delay_ms, void (*fn)(void *), void *ctx);

/* Takes the timer back. True if its call will not happen; false if it has begun (or is done):
 * then its context is the callback's. The owner must make sure that `timer` is not stale, by
 * forgetting it in the callback under the lock that guards it. */
bool timers_cancel(struct timers *timers, struct timer *timer);

#endif
