/*
 * Those who wait for an order to change: requests with `?wait`, answered once, and event streams,
 * told of each change. In memory, keyed by the order's id; every change is announced by
 * waiters_notify after its commit. Any thread.
 *
 * A change between reading the order and waiting must not be missed, so a waiter is added first,
 * then the order is read, then the waiter is armed with the version that was read: what was
 * announced between adding and arming is seen at the arming.
 */
#ifndef ORDER_WAITERS_H
#define ORDER_WAITERS_H

#include "order_model.h"

struct http_stream;
struct timers;
struct waiter;
struct waiters;

struct waiters *waiters_new(struct timers *timers);

/* Wakes every armed request, closes every stream; from now on arming fails. */
void waiters_stop(struct waiters *waiters);

/* After waiters_stop. */
void waiters_free(struct waiters *waiters);

struct waiter *waiters_add(struct waiters *waiters, const char *order_id);

/* Takes back a waiter that was not armed. */
void waiters_remove(struct waiters *waiters, struct waiter *waiter);

/*
 * Calls `wake(ctx, record)` once: when the order has left `pending` (the record is valid during
 * the call), or at the deadline, or at the stop (NULL). The waiter is then gone. Returns false,
 * and removes the waiter, when a change after `version` was announced already or the stop has come:
 * read the order again, nobody will call.
 */
bool waiters_arm(struct waiters *waiters, struct waiter *waiter, int64_t version,
    int64_t deadline_ms, void (*wake)(void *ctx, const struct order_record *record), void *ctx);

/*
 * Makes it a stream, which the waiter owns: sends the state, if its version is above `seen`, and
 * each later change; closes it after a settled state, or when the client has gone.
 */
void waiters_stream(struct waiters *waiters, struct waiter *waiter, const struct order_state *state,
    int64_t seen, struct http_stream *stream);

void waiters_notify(struct waiters *waiters, const struct order_record *record);

/* Requests and streams that wait now. */
int64_t waiters_count(struct waiters *waiters);

#endif
