/*
 * Keeps the search in step with the store.
 *
 * - Stock and ratings: at once, from the callbacks of the store's writes.
 * - Texts: from the pending rows that the store writes in the transaction of the change, drained by
 *   a thread in batches; a crash loses none.
 * - The whole index: built anew when it is not at the store's position (after an unclean stop, a
 *   restored backup), beside the running store; lists come back first, texts later.
 *
 * Any thread may call.
 */
#ifndef PRODUCT_INDEX_H
#define PRODUCT_INDEX_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct product_index;
struct product_store;
struct search;

struct product_index *index_new(struct product_store *store, struct search *search);
void index_free(struct product_index *index);

/* Starts the thread; it begins with a rebuild if the search is not where the store is. */
int index_start(struct product_index *index, struct error *error);

/* Drains what is pending and stops the thread. True if the search then is up to date. */
bool index_stop(struct product_index *index);

/* There may be pending rows. */
void index_wake(struct product_index *index);

/* Blocks until nothing is pending. False if the thread is not running or gave up. */
bool index_wait(
    struct product_index *index, void (*progress)(void *ctx, int64_t waiting), void *ctx);

/* Asks for a rebuild; with `wait` blocks until it is done. */
int index_rebuild(struct product_index *index, bool wait,
    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct error *error);

#endif
