/*
 * From an event of the stream (CloudEvents JSON, docs/internal-api.md) to a fact of the warehouse.
 * Knows nothing of streams or HTTP.
 */
#ifndef STREAM_CONSUMER_DECODE_H
#define STREAM_CONSUMER_DECODE_H

#include "error.h"
#include "warehouse.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct decoded {
    const char *id, *type, *subject; /* "" where there is no subject */
    int64_t sequence;                /* 0 where there is none */
    bool known;                      /* the type means something here */
    bool has_fact;                   /* `fact` is filled */
    bool teaches;                    /* the recommendation service learns from it */
    struct warehouse_fact fact;
};

/* Reads one event; its texts are copied into the arena. ERROR_INVALID when it is broken: `event`
 * then holds the id if that could be read, "" otherwise. */
int event_decode(const char *data, size_t length, struct arena *arena, struct decoded *event,
    struct error *error);

#endif
