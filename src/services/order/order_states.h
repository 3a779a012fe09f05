/*
 * The three state machines of an order: what was agreed (status), the money (payment) and the
 * parcel (fulfilment). Each is one table in order_states.c; nothing else decides whether a step is
 * allowed. Pure functions, any thread.
 *
 * The numbers are stored: never renumber, only add.
 */
#ifndef ORDER_STATES_H
#define ORDER_STATES_H

#include <stdbool.h>

enum order_status {
    ORDER_PENDING,
    ORDER_CONFIRMED,
    ORDER_REJECTED,
    ORDER_SHIPPED,
    ORDER_DELIVERED,
    ORDER_CANCELLED,
    ORDER_RETURNED,
    ORDER_STATUSES,
};

enum pay_status {
    PAY_PENDING,
    PAY_AUTHORIZED,
    PAY_CAPTURED,
    PAY_DECLINED,
    PAY_VOIDED,
    PAY_REFUNDED,
    PAY_STATUSES,
};

enum fulfil_status {
    FULFIL_UNFULFILLED,
    FULFIL_SHIPPED,
    FULFIL_DELIVERED,
    FULFIL_RETURNED,
    FULFIL_STATUSES,
};

bool order_may(enum order_status from, enum order_status to);
bool pay_may(enum pay_status from, enum pay_status to);
bool fulfil_may(enum fulfil_status from, enum fulfil_status to);

/* Whether nothing follows. */
bool order_final(enum order_status status);

/* Whether a shopper who follows the order is told nothing more: final, or delivered. */
bool order_settled(enum order_status status);

/* The names of the public contract; parsing gives -1 for a name that is none. */
const char *order_status_name(enum order_status status);
const char *pay_status_name(enum pay_status status);
const char *fulfil_status_name(enum fulfil_status status);
int order_status_parse(const char *name);
int pay_status_parse(const char *name);

/* "order.confirmed": the event that tells of reaching the status. */
const char *order_status_event(enum order_status status);

#endif
