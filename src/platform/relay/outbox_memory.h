/*
 * An outbox in memory, for stores that keep nothing else either (tests, trials). The store adds
 * items while it holds the lock that guards its state, so that state and message move together.
 * Any thread.
 */
#ifndef PLATFORM_RELAY_OUTBOX_MEMORY_H
#define PLATFORM_RELAY_OUTBOX_MEMORY_H

#include "relay.h"

struct outbox_memory;

struct outbox_memory *outbox_memory_new(void);
void outbox_memory_free(struct outbox_memory *outbox);

/* Copies the item and gives it the next seq, which is returned. */
int64_t outbox_memory_put(struct outbox_memory *outbox, const struct outbox_item *item);

/* Items not yet trimmed. */
int64_t outbox_memory_count(struct outbox_memory *outbox);

/* What relay_add_source takes. */
struct relay_source_config outbox_memory_source(struct outbox_memory *outbox, const char *name);

#endif
