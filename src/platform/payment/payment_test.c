/*
 * What the engine says follows from the token alone, and a reference carries a digest of what was
 * approved: so a repeat gets the same answer even after a restart. The table of recent orders adds
 * what needs a memory: failures counted, captured against voided, how much was given back.
 */
#include "payment.h"

#include "secure.h"
#include "timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_ID_MAX 64
#define DIGEST_LENGTH 32

enum stage { STAGE_NEW, STAGE_AUTHORIZED, STAGE_DECLINED, STAGE_CAPTURED, STAGE_VOIDED };

struct entry {
    char order_id[ORDER_ID_MAX + 1];
    struct money total;
    enum stage stage;
    int failures;
    int64_t captured, refunded;
    unsigned next; /* in the chain of a bucket: an index + 1, 0 at its end */
};

struct payment_test {
    struct payment base;
    struct timers *timers;
    int latency_ms;
    pthread_mutex_t lock;
    struct entry *entries; /* a ring: the oldest is forgotten first */
    unsigned *buckets;     /* chains of entries: an index + 1, 0 when empty */
    unsigned used, oldest;
};

/* An answer on its way. */
struct answer {
    payment_done done;
    void *ctx;
    struct payment_result result;
};

static void deliver(void *ctx)
{
    struct answer *answer = ctx;
    answer->done(answer->ctx, &answer->result);
    free(answer);
}

static void finish(const struct payment_test *test, const struct payment_result *result,
    payment_done done, void *ctx)
{
    if (test->latency_ms <= 0) {
        done(ctx, result);
        return;
    }
    struct answer *answer = malloc(sizeof(*answer));
    if (!answer)
        abort();
    *answer = (struct answer){done, ctx, *result};
    timers_after(test->timers, test->latency_ms, deliver, answer);
}

/* FNV-1a. */
static unsigned bucket_of(const char *order_id)
{
    unsigned hash = 2166136261u;
    for (; *order_id; order_id++)
        hash = (hash ^ (unsigned char)*order_id) * 16777619u;
    return hash % PAYMENT_TEST_REMEMBERED;
}

static struct entry *find(const struct payment_test *test, const char *order_id)
{
    unsigned link = test->buckets[bucket_of(order_id)];
    while (link && strcmp(test->entries[link - 1].order_id, order_id) != 0)
        link = test->entries[link - 1].next;
    return link ? &test->entries[link - 1] : NULL;
}

static void forget(struct payment_test *test, unsigned at)
{
    unsigned *link = &test->buckets[bucket_of(test->entries[at].order_id)];
    while (*link != at + 1)
        link = &test->entries[*link - 1].next;
    *link = test->entries[at].next;
}

static struct entry *remember(struct payment_test *test, const char *order_id, struct money total)
{
    unsigned at;
    if (test->used < PAYMENT_TEST_REMEMBERED) {
        at = test->used++;
    } else {
        at = test->oldest;
        test->oldest = (at + 1) % PAYMENT_TEST_REMEMBERED;
        forget(test, at);
    }
    unsigned *bucket = &test->buckets[bucket_of(order_id)];
    struct entry *entry = &test->entries[at];
    *entry = (struct entry){.total = total, .next = *bucket};
    strcpy(entry->order_id, order_id);
    *bucket = at + 1;
    return entry;
}

/* "test-<amount>-<currency>-<digest>": the digest binds it to the order, so that a mixed-up
 * reference is noticed. */
static void write_reference(
    char reference[PAYMENT_REFERENCE_SIZE], const char *order_id, struct money total)
{
    char text[160], digest[SECURE_SHA256_HEX_SIZE];
    int length = snprintf(
        text, sizeof(text), "%s %lld %s", order_id, (long long)total.amount, total.currency);
    secure_sha256_hex(text, (size_t)length, digest);
    snprintf(reference, PAYMENT_REFERENCE_SIZE, "test-%lld-%s-%.*s", (long long)total.amount,
        total.currency, DIGEST_LENGTH, digest);
}

/* 0 and what the reference says, or -1 when it was not made for this order. */
static int read_reference(const char *reference, const char *order_id, struct money *total)
{
    long long amount;
    struct money found = {0};
    char again[PAYMENT_REFERENCE_SIZE];
    if (sscanf(reference, "test-%lld-%3[A-Z]-", &amount, found.currency) != 2)
        return -1;
    found.amount = amount;
    write_reference(again, order_id, found);
    if (!secure_equal(again, reference))
        return -1;
    *total = found;
    return 0;
}

static void fail(struct payment_result *result, enum error_code code, const char *reason,
    const char *field, const char *message)
{
    result->rc = error_set(&result->error, code, reason, field, "%s", message);
}

static void decline(struct payment_result *result, const char *message)
{
    result->outcome = PAYMENT_DECLINED;
    error_set(&result->error, ERROR_INVALID, "payment_declined", "payment.token", "%s", message);
}

static bool check_order_id(const char *order_id, struct payment_result *result)
{
    size_t length = order_id ? strlen(order_id) : 0;
    if (length >= 1 && length <= ORDER_ID_MAX)
        return true;
    fail(result, ERROR_INVALID, NULL, "order_id", "a payment needs an order id of 1 to 64 bytes");
    return false;
}

static bool check_request(const struct payment_request *request, struct payment_result *result)
{
    if (!check_order_id(request->order_id, result))
        return false;
    if (request->total.amount < 1 || !money_currency_valid(request->total.currency)) {
        fail(result, ERROR_INVALID, NULL, "amount",
            "a payment needs an amount above 0 and a currency");
        return false;
    }
    if (!request->method || strcmp(request->method, "test") != 0) {
        fail(result, ERROR_INVALID, "payment_method", "payment.method",
            "this store takes the payment method \"test\"");
        return false;
    }
    if (!request->token || !*request->token) {
        fail(result, ERROR_INVALID, "payment_token", "payment.token", "a payment needs a token");
        return false;
    }
    return true;
}

static void approve(struct entry *entry, struct payment_result *result)
{
    if (entry->stage == STAGE_NEW)
        entry->stage = STAGE_AUTHORIZED;
    result->outcome = PAYMENT_APPROVED;
    write_reference(result->reference, entry->order_id, entry->total);
}

/* Under the lock. */
static void decide(
    struct entry *entry, const struct payment_request *request, struct payment_result *result)
{
    if (entry->total.amount != request->total.amount ||
        strcmp(entry->total.currency, request->total.currency) != 0) {
        fail(result, ERROR_CONFLICT, "payment_amount", "amount",
            "this order is already being paid with another amount");
    } else if (entry->stage == STAGE_AUTHORIZED || entry->stage == STAGE_CAPTURED ||
               (entry->stage == STAGE_NEW && strcmp(request->token, "ok") == 0)) {
        approve(entry, result);
    } else if (entry->stage == STAGE_VOIDED) {
        fail(result, ERROR_CONFLICT, "payment_voided", "order_id",
            "the payment of this order was given up");
    } else if (entry->stage != STAGE_DECLINED && strcmp(request->token, "unavailable") == 0) {
        if (++entry->failures > PAYMENT_TEST_FAILURES)
            approve(entry, result);
        else
            fail(result, ERROR_UNAVAILABLE, "payment_unavailable", NULL,
                "the payment provider does not answer");
    } else {
        entry->stage = STAGE_DECLINED;
        decline(result, strcmp(request->token, "declined") == 0
                            ? "Your bank declined the payment. Please choose another means."
                            : "This means of payment is not known. Please choose another one.");
    }
}

static void test_authorize(
    struct payment *payment, const struct payment_request *request, payment_done done, void *ctx)
{
    struct payment_test *test = (struct payment_test *)payment;
    struct payment_result result = {0};
    if (check_request(request, &result)) {
        pthread_mutex_lock(&test->lock);
        struct entry *entry = find(test, request->order_id);
        if (!entry)
            entry = remember(test, request->order_id, request->total);
        decide(entry, request, &result);
        pthread_mutex_unlock(&test->lock);
    }
    finish(test, &result, done, ctx);
}

static void capture(
    struct entry *entry, const struct payment_change *change, struct payment_result *result)
{
    if (entry->stage == STAGE_VOIDED) {
        fail(result, ERROR_CONFLICT, "payment_voided", "order_id",
            "the payment of this order was given up");
    } else if (change->amount < 1 || change->amount > entry->total.amount) {
        fail(result, ERROR_INVALID, "payment_amount", "amount",
            "the amount is not within what was authorized");
    } else if (entry->stage == STAGE_CAPTURED && entry->captured != change->amount) {
        fail(result, ERROR_CONFLICT, "payment_captured", "amount",
            "another amount was already captured");
    } else {
        entry->stage = STAGE_CAPTURED;
        entry->captured = change->amount;
    }
}

static void give_up(
    struct entry *entry, const struct payment_change *change, struct payment_result *result)
{
    (void)change;
    if (entry->stage == STAGE_CAPTURED)
        fail(result, ERROR_CONFLICT, "payment_captured", "order_id",
            "the payment was captured: refund it");
    else
        entry->stage = STAGE_VOIDED;
}

static void refund(
    struct entry *entry, const struct payment_change *change, struct payment_result *result)
{
    if (entry->stage != STAGE_CAPTURED)
        fail(result, ERROR_CONFLICT, "payment_not_captured", "order_id",
            "nothing was captured for this order");
    else if (change->amount < 1 || change->amount > entry->captured)
        fail(result, ERROR_INVALID, "payment_amount", "amount",
            "the amount is not within what was captured");
    else if (change->amount < entry->refunded)
        fail(result, ERROR_CONFLICT, "payment_refunded", "amount",
            "more than this was already given back");
    else
        entry->refunded = change->amount;
}

/* An order that left the table is taken to stand as the change supposes. */
static struct entry *recall(struct payment_test *test, const struct payment_change *change,
    bool captured, struct payment_result *result)
{
    struct money total;
    if (!check_order_id(change->order_id, result))
        return NULL;
    if (!change->reference || read_reference(change->reference, change->order_id, &total) != 0) {
        fail(result, ERROR_NOT_FOUND, "payment_unknown", "reference",
            "there is no such payment of this order");
        return NULL;
    }
    struct entry *entry = find(test, change->order_id);
    if (!entry) {
        entry = remember(test, change->order_id, total);
        entry->stage = captured ? STAGE_CAPTURED : STAGE_AUTHORIZED;
        entry->captured = captured ? total.amount : 0;
    }
    return entry;
}

static void change_payment(struct payment *payment, const struct payment_change *change,
    bool captured,
    void (*apply)(struct entry *, const struct payment_change *, struct payment_result *),
    payment_done done, void *ctx)
{
    struct payment_test *test = (struct payment_test *)payment;
    struct payment_result result = {.outcome = PAYMENT_APPROVED};
    pthread_mutex_lock(&test->lock);
    struct entry *entry = recall(test, change, captured, &result);
    if (entry)
        apply(entry, change, &result);
    pthread_mutex_unlock(&test->lock);
    if (result.rc == 0)
        snprintf(result.reference, sizeof(result.reference), "%s", change->reference);
    finish(test, &result, done, ctx);
}

static void test_capture(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    change_payment(payment, change, /* captured= */ false, capture, done, ctx);
}

static void test_cancel(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    change_payment(payment, change, /* captured= */ false, give_up, done, ctx);
}

static void test_refund(
    struct payment *payment, const struct payment_change *change, payment_done done, void *ctx)
{
    change_payment(payment, change, /* captured= */ true, refund, done, ctx);
}

static void test_close(struct payment *payment)
{
    struct payment_test *test = (struct payment_test *)payment;
    pthread_mutex_destroy(&test->lock);
    free(test->entries);
    free(test->buckets);
    free(test);
}

static const struct payment_ops test_ops = {
    .authorize = test_authorize,
    .capture = test_capture,
    .cancel = test_cancel,
    .refund = test_refund,
    .close = test_close,
};

struct payment *payment_test_new(struct timers *timers, int latency_ms)
{
    struct payment_test *test = calloc(1, sizeof(*test));
    if (!test)
        abort();
    /* calloc, not touched: pages come as orders do, so an idle store does not pay for the table. */
    test->entries = calloc(PAYMENT_TEST_REMEMBERED, sizeof(*test->entries));
    test->buckets = calloc(PAYMENT_TEST_REMEMBERED, sizeof(*test->buckets));
    if (!test->entries || !test->buckets)
        abort();
    test->base.ops = &test_ops;
    test->timers = timers;
    test->latency_ms = latency_ms;
    pthread_mutex_init(&test->lock, NULL);
    return &test->base;
}
