/*
 * The stream consumer: reads every shard of the stream, loads what happened into the warehouse and
 * passes what there is to learn to the recommendation service.
 *
 * - The place in each shard is kept in the warehouse, in the transaction of the facts up to it: an
 *   event counts there once, whatever is killed in between. Events put twice are dropped by their
 *   id within a window that a restart does not forget, and by the sequence of their aggregate.
 * - The model gets each event at least once and before the warehouse has it. A model that does not
 *   answer is tried again for a while and then passed by: it learns from the warehouse at its
 * start.
 * - The product service is told of each `user.erased` before the warehouse has it. An erasure is
 *   never passed by: the stream waits until the service answers, and a stop before that leaves the
 *   event to the next start.
 * - An event of an unknown type is skipped. One that cannot be read becomes a dead letter in the
 *   warehouse; the stream goes on.
 *
 * One background thread of its own (nice +5). Contract: docs/internal-api.md, Events.
 */
#ifndef SERVICES_STREAM_CONSUMER_H
#define SERVICES_STREAM_CONSUMER_H

#include "error.h"

#include <stdint.h>

struct metrics;
struct stream;
struct stream_consumer;
struct upstream;
struct warehouse;

struct stream_consumer_options {
    struct stream *stream; /* all are borrowed and outlive the consumer */
    struct warehouse *warehouse;
    struct upstream *recommendation;
    struct upstream *product; /* told of erasures; NULL: nobody is */
    struct metrics *metrics;  /* may be NULL */
    int linger_ms;            /* after a wake, how long to gather; 0: 50, negative: not at all */
};

struct stream_consumer_stats {
    int64_t events;     /* read from the stream */
    int64_t loaded;     /* facts in the warehouse */
    int64_t duplicates; /* dropped */
    int64_t skipped;    /* of types that mean nothing here */
    int64_t broken;     /* dead letters */
    int64_t passed_by;  /* events that the model did not take */
    int64_t retries;    /* of loads and of calls to services */
    int64_t lag_ms;     /* age of the newest event read, while there is more to read; else 0 */
};

/* Reads the places and the window from the warehouse (blocks). */
int stream_consumer_new(struct stream_consumer **out, const struct stream_consumer_options *options,
    struct error *error);

/* Starts the thread: what waits in the stream is read at once. */
int stream_consumer_start(struct stream_consumer *consumer, struct error *error);

/* Finishes the batch at hand and stops the thread. Once; fine without a start. */
void stream_consumer_stop(struct stream_consumer *consumer);

/* NULL is fine. */
void stream_consumer_free(struct stream_consumer *consumer);

/* Any thread. */
void stream_consumer_stats(struct stream_consumer *consumer, struct stream_consumer_stats *stats);

#endif
