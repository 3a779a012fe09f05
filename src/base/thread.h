/* Threads that give way. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/*
 * From now on the calling thread runs when no other wants to (sched(7), SCHED_IDLE): mail, the
 * warehouse, learning and indexing yield to shoppers at once. A nice value does not do that: the
 * scheduler lets a nice thread finish its slice, milliseconds, before one that wakes up.
 *
 * Such a thread may be held up for long where processors are few and busy, so it holds no lock that
 * a serving thread waits for, or for moments only.
 */
void thread_background(void);

#endif
