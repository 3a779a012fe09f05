/*
 * An order as the store keeps it and the rules see it: values and borrowed texts, which live in the
 * arena of whoever asked. What decides is in order_transition.h.
 */
#ifndef ORDER_MODEL_H
#define ORDER_MODEL_H

#include "exchange.h"
#include "id.h"
#include "money.h"
#include "order_states.h"
#include "outbox.h"

#include <stddef.h>
#include <stdint.h>

/* Whose cart or order: 'u' and a user's id, or 'g' and a guest's. */
#define OWNER_SIZE (ID_SIZE + 1)

static inline const char *owner_member(const char *owner)
{
    return *owner == 'u' ? "user_id" : "guest_id";
}

/* What changes in an order's life. */
struct order_state {
    enum order_status status;
    enum pay_status payment;
    enum fulfil_status fulfilment;
    int64_t version;      /* grows by one with each change of status and of payment */
    int64_t changed_from; /* the version the last transition started from; 0 at first */
    int64_t updated_at;
    const char *reason;    /* NULL if there is none */
    const char *reference; /* of the payment engine; NULL until authorized */
    const char *history;   /* JSON objects joined by commas, as served */
};

struct order_record {
    int64_t seq; /* the human number's; given by the store, in the order of placing */
    char id[ID_SIZE];
    char owner[OWNER_SIZE];  /* who may see it */
    char sealer[OWNER_SIZE]; /* under whose data key the address is sealed */
    struct order_state state;
    int64_t placed_at;
    struct money total;
    const char *method;      /* of payment */
    const char *destination; /* "US-CA", "DE" */
    const char *doc;         /* `"lines":[...],"totals":{...},"charges":[...]`, as served */
    const void *sealed;      /* the shipping address as JSON, sealed */
    size_t sealed_length;
};

/* An order's number for people, "W-2026-000123": the year it was placed in and its seq. */
#define ORDER_NUMBER_SIZE 32
char *order_number(const struct order_record *record, char number[ORDER_NUMBER_SIZE]);
bool order_number_parse(const char *text, int64_t *seq);

/* A step of the state machines, asked for by the processor, a shopper or the back office. */
struct order_transition {
    const char *order_id;
    const char *owner;     /* only if it is this shopper's; NULL: whoever's */
    int64_t from_version;  /* 0: whatever the version is now */
    int to;                /* enum order_status; -1: only the payment changes */
    int payment;           /* enum pay_status; -1: not said */
    const char *reason;    /* NULL: none */
    const char *reference; /* with PAY_AUTHORIZED */
    int64_t now_ms;
    struct trace trace;
};

/* What an order costs and holds, and what leaves with it, ready for one write. */
struct order_placement {
    struct order_record record; /* seq is the store's to give */
    const char *key;            /* Idempotency-Key */
    const char *request_hash;   /* hex SHA-256 of the body */
    int64_t cart_version;       /* the cart must still be this one; it is then emptied */
    struct outbox_item *items;
    size_t item_count;
};

#endif
