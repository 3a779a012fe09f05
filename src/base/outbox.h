/*
 * What a service leaves for others in the transaction that changes its state: an item of its
 * outbox. The store's engine keeps it (a table, a list); the relay carries it to its target after
 * the commit, at least once and in order per key.
 */
#ifndef BASE_OUTBOX_H
#define BASE_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox_item {
    int64_t seq;        /* given by the outbox, in the order of commits */
    const char *target; /* "stream", or "queue:<name>" */
    const char *key;    /* partition key: the aggregate's id */
    const char *id;     /* stable message id: the receiver's inbox goes by it */
    const char *body;
    size_t length;
};

#endif
