/*
 * One thread for what can only block (writing an upload to the blob store), with a bounded queue:
 * nobody waits for it, a full queue is refused.
 */
#ifndef PRODUCT_WORKER_H
#define PRODUCT_WORKER_H

#include <stdbool.h>

struct product_worker;

struct worker_task {
    void (*run)(struct worker_task *task); /* on the worker's thread, once */
    struct worker_task *next;              /* the queue's */
};

struct product_worker *worker_new(void);

/* Runs what waits, then frees. */
void worker_free(struct product_worker *worker);

/* False when too much waits already. The task must live until it has run. */
bool worker_add(struct product_worker *worker, struct worker_task *task);

#endif
