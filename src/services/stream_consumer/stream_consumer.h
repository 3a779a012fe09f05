/*
 * The stream consumer: reads the stream, loads what happened into the warehouse and passes what
 * there is to learn to the recommendation service.
 *
 * - Several consumers, of this process and of others, share the stream's shards: each holds leases
 *   in the warehouse and renews them. One that dies, or is cut off, loses its shards to the others,
 *   who go on from the place in the warehouse; what it still tries to load is refused there.
 * - The place in each shard is kept in the warehouse, in the transaction of the facts up to it: an
 *   event counts there once, whatever is killed in between. Events put twice are dropped by their
 *   id within a window that a restart does not forget, and by the sequence of their aggregate.
 * - The model gets each event at least once (it drops what it had) and before the warehouse has it.
 *   A model that does not answer is tried again for a while and then passed by: it learns from the
 *   warehouse at its start.
 * - While the warehouse is away the model goes on learning: that reader runs ahead. The warehouse
 *   is filled from its own place when it is back.
 * - Each `user.erased` is put on a queue of its own before the warehouse has it. From there product
 *   and recommendation service are told until they have heard; the stream does not wait for them.
 * - An event of an unknown type is skipped. One that cannot be read becomes a dead letter in the
 *   warehouse; the stream goes on.
 *
 * A background thread per consumer (nice +5), and one that renews their leases. Contract:
 * docs/internal-api.md, Events.
 */
#ifndef SERVICES_STREAM_CONSUMER_H
#define SERVICES_STREAM_CONSUMER_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics;
struct queue;
struct stream;
struct stream_consumer;
struct upstream;
struct warehouse;

#define STREAM_CONSUMER_MAX 16 /* consumers in one process */

/* For the options of the queue of erasures: with the pauses between them a day or so in which a
 * service may be away before an erasure needs a person. */
#define STREAM_CONSUMER_ERASURE_RECEIVES 1500

struct stream_consumer_options {
    struct stream *stream; /* all are borrowed and outlive the consumer */
    struct warehouse *warehouse;
    struct upstream *recommendation; /* NULL: nobody learns */
    struct upstream *product;        /* told of erasures, by way of the queue; NULL: it is not */
    struct queue *erasures;          /* NULL: nobody is told */
    struct metrics *metrics;         /* may be NULL */
    int consumers;                   /* threads that read; 0: 1, at most STREAM_CONSUMER_MAX */
    int linger_ms;   /* after a wake, how long to gather; 0: 50, negative: not at all */
    int takeover_ms; /* after which another has the shards of one that died; 0: 15,000 */
    int patience_ms; /* with a model that does not answer; 0: 30,000 */
    bool forsake;    /* a stop leaves the leases behind, as a crash does (for tests) */
};

struct stream_consumer_stats {
    int64_t events;       /* read, and done with as far as the warehouse goes */
    int64_t loaded;       /* facts in the warehouse */
    int64_t duplicates;   /* dropped */
    int64_t skipped;      /* of types that mean nothing here */
    int64_t broken;       /* dead letters */
    int64_t taught;       /* events that the model took */
    int64_t passed_by;    /* events that the model did not take */
    int64_t erasures;     /* carried out by all who are told */
    int64_t retries;      /* of loads and of calls to services */
    int64_t lag_ms;       /* age of the oldest event that is not in the warehouse; 0: none waits */
    int64_t model_lag_ms; /* the same of the model */
    int shards;           /* held by the consumers of this process */
    bool away;            /* the warehouse did not answer when last asked */
};

int stream_consumer_new(struct stream_consumer **out, const struct stream_consumer_options *options,
    struct error *error);

/* Starts the threads: what waits in the stream is read at once. */
int stream_consumer_start(struct stream_consumer *consumer, struct error *error);

/* Finishes the batches at hand, stops the threads and gives the leases back. Once; fine without a
 * start. */
void stream_consumer_stop(struct stream_consumer *consumer);

/* NULL is fine. */
void stream_consumer_free(struct stream_consumer *consumer);

/* Any thread. */
void stream_consumer_stats(struct stream_consumer *consumer, struct stream_consumer_stats *stats);

#endif
