/*
 * Payment: authorize when the order is placed, capture when it ships, void when it is cancelled
 * before, refund after. Calls are asynchronous: `done` is called exactly once, on any thread, and
 * perhaps before the call returns; it must be short.
 *
 * Every call is idempotent by order id: a repeat (after a crash or a timeout) has one effect and
 * gives the same answer. Authorizing one order with another amount or currency is ERROR_CONFLICT.
 *
 * Amounts are minor units. A card's data never comes here: the token stands for it.
 */
#ifndef PLATFORM_PAYMENT_H
#define PLATFORM_PAYMENT_H

#include "error.h"
#include "money.h"

#include <stdint.h>

struct payment;
struct timers;

#define PAYMENT_REFERENCE_SIZE 80

enum payment_outcome {
    PAYMENT_APPROVED,
    PAYMENT_DECLINED, /* a final no: reason "payment_declined" and a message for the shopper */
};

struct payment_result {
    int rc;                       /* 0: the engine answered, see `outcome`; else error.code */
    enum payment_outcome outcome; /* valid when rc is 0 */
    char reference[PAYMENT_REFERENCE_SIZE]; /* of an approved authorization: store it, it is needed
                                               for what follows */
    struct error error; /* why it was declined, or what failed (ERROR_UNAVAILABLE,
                           ERROR_TIMEOUT: repeat the call later) */
};

typedef void (*payment_done)(void *ctx, const struct payment_result *result);

struct payment_request {
    const char *order_id; /* the idempotency key, 1 to 64 bytes */
    struct money total;   /* amount at least 1 */
    const char *method;   /* "test", ... : which means of payment the token is of */
    const char *token;
};

/* What was authorized. For a refund `amount` is the total given back so far, this time included:
 * repeating a total changes nothing, a lower one is ERROR_CONFLICT, more than was captured is
 * ERROR_INVALID. For capture it is the amount to take, at most what was authorized; void ignores
 * it.
 */
struct payment_change {
    const char *order_id;
    const char *reference;
    int64_t amount;
};

struct payment_ops {
    void (*authorize)(struct payment *payment, const struct payment_request *request,
        payment_done done, void *ctx);
    void (*capture)(
        struct payment *payment, const struct payment_change *change, payment_done done, void *ctx);
    void (*cancel)(
        struct payment *payment, const struct payment_change *change, payment_done done, void *ctx);
    void (*refund)(
        struct payment *payment, const struct payment_change *change, payment_done done, void *ctx);
    void (*close)(struct payment *payment);
};

struct payment {
    const struct payment_ops *ops;
};

/* Reserves the money. The request is copied as far as the engine needs it. */
static inline void payment_authorize(
    struct payment *payment, const struct payment_request *request, payment_done done, void *ctx)
{
    payment->ops->authorize(payment, request, done, ctx);
}

/* Takes reserved money. ERROR_NOT_FOUND for a reference that is not this order's, ERROR_CONFLICT
 * when it was voided. */
static inline void payment_capture(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    payment->ops->capture(payment, change, done, ctx);
}

/* Gives reserved money free. ERROR_NOT_FOUND as above, ERROR_CONFLICT when it was captured. */
static inline void payment_void(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    payment->ops->cancel(payment, change, done, ctx);
}

/* Gives captured money back. ERROR_NOT_FOUND as above, ERROR_CONFLICT when it was not captured. */
static inline void payment_refund(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    payment->ops->refund(payment, change, done, ctx);
}

/* No call may be pending. */
static inline void payment_close(struct payment *payment)
{
    if (payment)
        payment->ops->close(payment);
}

/*
 * The test engine moves no money. Tokens: "ok" is approved, "declined" declined, "unavailable" is
 * ERROR_UNAVAILABLE the first PAYMENT_TEST_FAILURES times per order and then approved; any other is
 * declined. It keeps the latest PAYMENT_TEST_REMEMBERED orders in memory; a reference made earlier,
 * or before a restart, is still recognised and counts as authorized and captured as asked.
 *
 * With `latency_ms` above 0 answers come that much later, on the thread of `timers`; with 0 they
 * come before the call returns, and `timers` may be NULL.
 */
#define PAYMENT_TEST_FAILURES 3
#define PAYMENT_TEST_REMEMBERED 65536
struct payment *payment_test_new(struct timers *timers, int latency_ms);

#endif
