/*
 * One thread for what can only block (a put into the blob store), with a bounded queue: nobody
 * waits for it, a full queue is refused. Tasks run one after the other, in the order they came.
 */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include <stdbool.h>

struct worker;

struct worker_task {
    void (*run)(struct worker_task *task); /* on the worker's thread, once */
    struct worker_task *next;              /* the queue's */
};

/* `name` (at most 15 bytes) is the thread's; at most `max_waiting` tasks wait at a time. */
struct worker *worker_new(const char *name, int max_waiting);

/* Runs what waits, then frees. NULL is fine. */
void worker_free(struct worker *worker);

/* False when too much waits already. The task must live until it has run. */
bool worker_add(struct worker *worker, struct worker_task *task);

#endif
