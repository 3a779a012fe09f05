/* Threads that give way. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <stdint.h>

/*
 * From now on the calling thread runs when no other wants to (sched(7), SCHED_IDLE): mail, the
 * warehouse, learning and indexing yield to shoppers at once. A nice value does not do that: the
 * scheduler lets a nice thread finish its slice, milliseconds, before one that wakes up.
 *
 * Such a thread may be held up for long where processors are few and busy, so it holds no lock that
 * a serving thread waits for, or for moments only.
 */
void thread_background(void);

/*
 * For background work, between two pieces of it: where the thread had to wait for a processor since
 * the last call (proc(5), schedstat), shoppers keep the machine busy, and it stays away for some
 * times as long, at most 200 ms. Else it returns at once. `*waited_ns` is the caller's, 0 at first.
 */
void thread_give_way(int64_t *waited_ns);

#endif
