/*
 * The process-order service: takes orders off the queue `orders`, reserves the bottles, has the
 * payment authorized, and asks the order service for the transition; afterwards it sees through
 * what a transition asks for (release, shipped, returned). docs/internal-api.md has the messages.
 *
 * It keeps nothing: every step is idempotent by the order's id, and a message is acknowledged when
 * all its steps are done, so a crash at any point ends in the same place. No thread waits: each
 * step is a call whose answer takes the next one.
 *
 * Everything in the options outlives the processor and stays the caller's.
 */
#ifndef ORDER_PROCESSOR_H
#define ORDER_PROCESSOR_H

#include "error.h"

#include <stdint.h>

struct metrics;
struct order_processor;
struct payment;
struct queue;
struct upstream;

/* For the queue's options: with the growing pauses between them, about seven minutes in
 * which a service or the payment provider may be away before an order needs a person. */
#define ORDER_PROCESSOR_RECEIVES 20

struct order_processor_options {
    struct queue *orders;
    struct upstream *product;
    struct upstream *order;
    struct payment *payment;
    struct metrics *metrics; /* or NULL */
    int max_in_flight;       /* messages; 0: 256 */
};

struct order_processor_stats {
    int64_t confirmed, rejected; /* orders, since the start */
    int64_t overtaken;           /* cancelled meanwhile: given back */
    int64_t followed;            /* releases, shippings and returns seen through */
    int64_t retried;             /* messages put back to be tried again */
};

struct order_processor *order_processor_new(const struct order_processor_options *options);

/* Subscribes. ERROR_CONFLICT when the queue has a subscriber. */
int order_processor_start(struct order_processor *processor, struct error *error);

/* Takes no more messages and waits for those in hand; ERROR_TIMEOUT if some are not done by then.
 */
int order_processor_stop(
    struct order_processor *processor, int64_t timeout_ms, struct error *error);

void order_processor_stats(struct order_processor *processor, struct order_processor_stats *stats);

/* After a stop. NULL is fine. */
void order_processor_free(struct order_processor *processor);

#endif
