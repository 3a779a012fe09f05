/*
 * A message `process` takes these steps, each started by the answer of the one before:
 *
 *   reserve -> authorize -> confirm -> done
 *      |           |           `- overtaken: void -> release -> done
 *      |           `- declined: release -> reject -> done
 *      |- out of stock: reject -> done
 *      `- refused, because released before: ask for the order's status
 *            pending: a decline whose rejection was not written: authorize -> reject -> done
 *            cancelled: authorize, to learn whether money is held -> void -> done
 *
 * What fails for now puts the message back; what can never succeed goes to the dead letters.
 */
#include "order_processor.h"

#include "arena.h"
#include "buffer.h"
#include "id.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "payment.h"
#include "queue.h"
#include "text.h"
#include "upstream.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IN_FLIGHT 256
#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 60000
#define RESERVATIONS "/internal/stock/reservations/"
#define ORDERS "/internal/orders/"

struct order_processor {
    struct order_processor_options options;
    atomic_llong confirmed, rejected, overtaken, followed, retried;
};

/* A message in hand. Lives in its own arena, until the message is settled. */
struct work {
    struct order_processor *processor;
    struct queue_delivery *delivery;
    struct arena *arena;
    json_t *message;
    const char *order_id; /* borrowed from `message`, as all texts */
    int64_t version;
    struct trace trace;
    char reference[PAYMENT_REFERENCE_SIZE];
    bool lost;            /* the reservation is gone: the order cannot be confirmed any more */
    const char *reason;   /* of a rejection */
    const char *declined; /* "declined", or NULL: the payment's state goes with it */
    void (*released)(struct work *work);
};

/* ---- the end of a message ---- */

static void work_free(struct work *work)
{
    json_decref(work->message);
    arena_free(work->arena);
}

static void finish(struct work *work)
{
    queue_ack(work->processor->options.orders, work->delivery);
    work_free(work);
}

static void try_again(struct work *work, const char *reason)
{
    int doublings = work->delivery->receive_count < 10 ? work->delivery->receive_count - 1 : 9;
    int64_t pause = (int64_t)FIRST_PAUSE_MS << (doublings > 0 ? doublings : 0);
    atomic_fetch_add(&work->processor->retried, 1);
    queue_nack(work->processor->options.orders, work->delivery,
        pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS, reason);
    work_free(work);
}

static void give_up(struct work *work, const char *reason)
{
    log_write(
        LOG_ERROR, "order_processor", work->trace.trace_id, "order %s: %s", work->order_id, reason);
    queue_nack(work->processor->options.orders, work->delivery, QUEUE_NACK_DEAD, reason);
    work_free(work);
}

/* An answer that no step knows: later if it may pass, else never. */
static void unexpected(struct work *work, const char *step, int status)
{
    const char *reason = arena_printf(work->arena, "%s was answered with %d", step, status);
    if (status >= 500 || status == 429 || status == 408)
        try_again(work, reason);
    else
        give_up(work, reason);
}

/* `path` is completed by the order's id and `then`. */
static void call(struct work *work, struct upstream *upstream, enum http_method method,
    const char *path, const char *then, const struct buffer *body,
    void (*done)(void *ctx, int status, const char *body, size_t length))
{
    upstream_call(
        upstream, &(struct upstream_call){.method = method,
                      .path = arena_printf(work->arena, "%s%s%s", path, work->order_id, then),
                      .body = body ? body->data : NULL,
                      .body_length = body ? body->length : 0,
                      .trace = *work->trace.trace_id ? &work->trace : NULL,
                      .done = done,
                      .ctx = work});
}

/* The code of a problem, in the arena. */
static const char *code_of(struct work *work, int status, const char *body, size_t length)
{
    struct error error = {0};
    upstream_error(status, body, length, &error);
    return arena_strdup(work->arena, error.reason);
}

/* ---- giving back ---- */

static void on_released(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    (void)body;
    (void)length;
    /* 409: the bottles are on their way to the shopper, and there is nothing to give back. */
    if (status == 204 || status == 409)
        work->released(work);
    else
        unexpected(work, "releasing the stock", status);
}

static void release(struct work *work, void (*then)(struct work *work))
{
    work->released = then;
    call(work, work->processor->options.product, HTTP_DELETE, RESERVATIONS, "", NULL, on_released);
}

static void on_voided(void *ctx, const struct payment_result *result)
{
    struct work *work = ctx;
    if (result->rc == ERROR_UNAVAILABLE || result->rc == ERROR_TIMEOUT)
        try_again(work, "the payment provider does not answer");
    else if (result->rc < 0 && result->rc != ERROR_NOT_FOUND)
        give_up(work,
            arena_printf(work->arena, "the payment was not voided: %s", result->error.message));
    else
        finish(work);
}

static void void_payment(struct work *work)
{
    struct payment_change change = {.order_id = work->order_id, .reference = work->reference};
    payment_void(work->processor->options.payment, &change, on_voided, work);
}

/* ---- transitions ---- */

static void give_back(struct work *work)
{
    atomic_fetch_add(&work->processor->overtaken, 1);
    release(work, *work->reference ? void_payment : finish);
}

static bool was_given_up(const char *status)
{
    return text_equal(status, "cancelled") || text_equal(status, "rejected");
}

/* Overtaken: by a cancellation, or by ourselves in an earlier life. */
static void on_conflict(struct work *work, const char *body, size_t length)
{
    CLEANUP_JSON json_t *problem = NULL;
    if (json_read_object(body, length, &problem, NULL) < 0) {
        unexpected(work, "the transition", 500);
        return;
    }
    if (was_given_up(json_text_or(json_object_get(problem, "order"), "status", "")))
        give_back(work);
    else
        finish(work);
}

static void on_confirmed(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    if (status == 409) {
        on_conflict(work, body, length);
    } else if (status != 200) {
        unexpected(work, "the confirmation", status);
    } else {
        atomic_fetch_add(&work->processor->confirmed, 1);
        finish(work);
    }
}

static void on_rejected(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    (void)body;
    (void)length;
    if (status == 200)
        atomic_fetch_add(&work->processor->rejected, 1);
    if (status == 200 || status == 409)
        finish(work);
    else
        unexpected(work, "the rejection", status);
}

static void begin_transition(struct work *work, struct buffer *body, const char *to)
{
    buffer_append_text(body, "{\"from_version\":");
    buffer_append_int(body, work->version);
    buffer_append_text(body, ",\"to\":\"");
    buffer_append_text(body, to);
    buffer_append_char(body, '"');
}

static void confirm(struct work *work)
{
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    begin_transition(work, &body, "confirmed");
    buffer_append_text(&body, ",\"payment\":{\"status\":\"authorized\",\"reference\":");
    buffer_append_json(&body, work->reference);
    buffer_append_text(&body, ",\"amount\":");
    buffer_append_int(&body, json_int_or(work->message, "total", 0));
    buffer_append_text(&body, ",\"currency\":");
    buffer_append_json(&body, json_text_or(work->message, "currency", ""));
    buffer_append_text(&body, "}}");
    call(work, work->processor->options.order, HTTP_POST, ORDERS, "/transition", &body,
        on_confirmed);
}

static void reject(struct work *work)
{
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    begin_transition(work, &body, "rejected");
    buffer_append_text(&body, ",\"reason\":");
    buffer_append_json(&body, work->reason);
    if (work->declined)
        buffer_append_text(&body, ",\"payment\":{\"status\":\"declined\"}");
    buffer_append_char(&body, '}');
    call(
        work, work->processor->options.order, HTTP_POST, ORDERS, "/transition", &body, on_rejected);
}

/* ---- payment ---- */

static void on_void_then_reject(void *ctx, const struct payment_result *result)
{
    struct work *work = ctx;
    if (result->rc == ERROR_UNAVAILABLE || result->rc == ERROR_TIMEOUT) {
        try_again(work, "the payment provider does not answer");
        return;
    }
    work->reason = "out_of_stock";
    reject(work);
}

/* The bottles are gone, so is the order: only what is held of the money is of interest. */
static void on_paid_for_nothing(struct work *work)
{
    struct payment_change change = {.order_id = work->order_id, .reference = work->reference};
    payment_void(work->processor->options.payment, &change, on_void_then_reject, work);
}

static void on_authorized(void *ctx, const struct payment_result *result)
{
    struct work *work = ctx;
    if (result->rc == ERROR_CONFLICT) {
        /* Voided before: the order was given up. */
        work->reason = "cancelled";
        release(work, reject);
    } else if (result->rc < 0) {
        try_again(work, arena_strdup(work->arena, result->error.message));
    } else if (result->outcome == PAYMENT_DECLINED) {
        work->reason = "payment_declined";
        work->declined = "declined";
        release(work, reject);
    } else {
        memcpy(work->reference, result->reference, sizeof(work->reference));
        if (work->lost)
            on_paid_for_nothing(work);
        else
            confirm(work);
    }
}

static void authorize(struct work *work)
{
    const json_t *payment = json_object_get(work->message, "payment");
    struct payment_request request = {
        .order_id = work->order_id,
        .total = {.amount = json_int_or(work->message, "total", 0)},
        .method = json_text_or(payment, "method", ""),
        .token = json_text_or(payment, "token", ""),
    };
    const char *currency = json_text_or(work->message, "currency", "");
    strncat(request.total.currency, currency, sizeof(request.total.currency) - 1);
    payment_authorize(work->processor->options.payment, &request, on_authorized, work);
}

/* ---- stock ---- */

static void on_status(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    CLEANUP_JSON json_t *order = NULL;
    if (status != 200 || json_read_object(body, length, &order, NULL) < 0) {
        unexpected(work, "the question for the order", status == 200 ? 500 : status);
        return;
    }
    const char *now = json_text_or(order, "status", "");
    work->lost = true;
    if (text_equal(now, "pending") || was_given_up(now))
        authorize(work);
    else
        finish(work);
}

static void on_reserved(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    if (status == 200) {
        authorize(work);
        return;
    }
    if (status != 409) {
        unexpected(work, "the reservation", status);
        return;
    }
    if (text_equal(code_of(work, status, body, length), "out_of_stock")) {
        work->reason = "out_of_stock";
        reject(work);
    } else {
        call(work, work->processor->options.order, HTTP_GET, ORDERS, "", NULL, on_status);
    }
}

static void reserve(struct work *work)
{
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"lines\":");
    json_write(json_object_get(work->message, "lines"), &body);
    buffer_append_char(&body, '}');
    call(work, work->processor->options.product, HTTP_PUT, RESERVATIONS, "", &body, on_reserved);
}

/* ---- what follows from a transition ---- */

static void on_followed(void *ctx, int status, const char *body, size_t length)
{
    struct work *work = ctx;
    (void)body;
    (void)length;
    if (status == 204)
        finish(work);
    else
        unexpected(work, "the stock's change", status);
}

static void follow(struct work *work, const char *action)
{
    struct upstream *product = work->processor->options.product;
    atomic_fetch_add(&work->processor->followed, 1);
    if (strcmp(action, "release") == 0) {
        const char *reference = json_text_or(work->message, "reference", "");
        strncat(work->reference, reference, sizeof(work->reference) - 1);
        release(work, *work->reference ? void_payment : finish);
    } else if (strcmp(action, "shipped") == 0) {
        call(work, product, HTTP_POST, RESERVATIONS, "/shipped", NULL, on_followed);
    } else if (strcmp(action, "returned") == 0) {
        call(work, product, HTTP_POST, RESERVATIONS, "/returned", NULL, on_followed);
    } else {
        give_up(work, "the message asks for an action that is not known");
    }
}

static void read_trace(struct work *work)
{
    const json_t *trace = json_object_get(work->message, "trace");
    const char *trace_id = json_string_value(json_array_get(trace, 0));
    const char *span_id = json_string_value(json_array_get(trace, 1));
    if (!trace_id || !span_id || strlen(trace_id) != 32 || strlen(span_id) != 16)
        return;
    memcpy(work->trace.trace_id, trace_id, 33);
    memcpy(work->trace.span_id, span_id, 17);
}

static void handle(void *ctx, struct queue_delivery *delivery)
{
    struct order_processor *processor = ctx;
    struct arena *arena = arena_new();
    struct work *work = arena_new_struct(arena, struct work);
    work->processor = processor;
    work->delivery = delivery;
    work->arena = arena;
    work->order_id = "?";
    struct error error = {0};
    if (json_read_object(delivery->body, delivery->length, &work->message, &error) < 0) {
        give_up(work, "the message is no JSON");
        return;
    }
    work->order_id = json_text_or(work->message, "order_id", "?");
    work->version = json_int_or(work->message, "version", 1);
    read_trace(work);
    const char *action = json_text_or(work->message, "action", "");
    if (!id_valid(work->order_id))
        give_up(work, "the message names no order");
    else if (strcmp(action, "process") == 0)
        reserve(work);
    else
        follow(work, action);
}

/* ---- life ---- */

static double read_count(void *ctx)
{
    return (double)atomic_load((atomic_llong *)ctx);
}

static void register_metrics(struct order_processor *processor)
{
    const struct {
        const char *result;
        atomic_llong *count;
    } counts[] = {
        {"confirmed", &processor->confirmed},
        {"rejected", &processor->rejected},
        {"overtaken", &processor->overtaken},
        {"followed", &processor->followed},
        {"retried", &processor->retried},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        metrics_counter_callback(processor->options.metrics, "winestore_order_messages_total",
            "Messages of the queue orders, by what became of them.",
            (const char *const[]){"result", counts[i].result, NULL}, read_count, counts[i].count);
}

struct order_processor *order_processor_new(const struct order_processor_options *options)
{
    struct order_processor *processor = calloc(1, sizeof(*processor));
    if (!processor)
        abort();
    processor->options = *options;
    if (!processor->options.max_in_flight)
        processor->options.max_in_flight = MAX_IN_FLIGHT;
    if (processor->options.metrics)
        register_metrics(processor);
    return processor;
}

int order_processor_start(struct order_processor *processor, struct error *error)
{
    return queue_subscribe(
        processor->options.orders, handle, processor, processor->options.max_in_flight, error);
}

int order_processor_stop(struct order_processor *processor, int64_t timeout_ms, struct error *error)
{
    return queue_unsubscribe(processor->options.orders, timeout_ms, error);
}

void order_processor_stats(struct order_processor *processor, struct order_processor_stats *stats)
{
    stats->confirmed = atomic_load(&processor->confirmed);
    stats->rejected = atomic_load(&processor->rejected);
    stats->overtaken = atomic_load(&processor->overtaken);
    stats->followed = atomic_load(&processor->followed);
    stats->retried = atomic_load(&processor->retried);
}

void order_processor_free(struct order_processor *processor)
{
    free(processor);
}
