/*
 * The back office: one order, its next status, its refund. What the payment engine has to agree to
 * comes before the change is written: it is idempotent by the order, so a request that is repeated
 * after a crash between the two ends in the same place.
 */
#include "order_service.h"

#include "clock.h"
#include "payment.h"

#include <string.h>

struct admin_request {
    struct order_service *service;
    struct exchange *exchange;
    const char *id;
    int64_t version;
    int status; /* to reach; -1: a refund */
    const char *reason;
    struct order_record *record;
    struct order_transition transition;
};

static void reply(struct admin_request *request, struct order_record *record)
{
    reply_order(request->service, request->exchange, 200, record, AUDIENCE_SHOP,
        /* location= */ false);
}

static void got_order(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct admin_request *request = ctx;
    if (rc < 0)
        http_fail(request->exchange, error);
    else
        reply(request, record);
}

/* Replies itself and returns NULL for those who may not, or for an id that is none. */
static struct admin_request *request_new(struct order_service *service, struct exchange *exchange)
{
    const char *id = require_admin(exchange) ? require_id(exchange) : NULL;
    if (!id)
        return NULL;
    struct admin_request *request = arena_new_struct(exchange->arena, struct admin_request);
    request->service = service;
    request->exchange = exchange;
    request->id = id;
    request->status = -1;
    return request;
}

void handle_admin_get(void *ctx, struct exchange *exchange)
{
    struct admin_request *request = request_new(ctx, exchange);
    if (request)
        order_store_get(
            request->service->options.store, request->id, exchange->arena, got_order, request);
}

/* ---- the change ---- */

static void moved(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct admin_request *request = ctx;
    if (rc < 0)
        http_fail(request->exchange, error);
    else
        reply(request, record);
}

static void move(struct admin_request *request, int64_t from_version, int payment)
{
    request->transition = (struct order_transition){
        .order_id = request->id,
        .from_version = from_version,
        .to = request->status,
        .payment = payment,
        .reason = request->reason,
        .now_ms = clock_now_ms(),
        .trace = request->exchange->request.trace,
    };
    service_transition(
        request->service, &request->transition, request->exchange->arena, moved, request);
}

/* False after a refusal. */
static bool engine_agreed(struct admin_request *request, const struct payment_result *result)
{
    if (result->rc == 0)
        return true;
    if (result->rc == ERROR_UNAVAILABLE || result->rc == ERROR_TIMEOUT)
        http_problem(request->exchange, 503, "unavailable", NULL,
            "the payment provider does not answer; try again in a moment");
    else
        http_problem(request->exchange, 409,
            request->status < 0 ? "not_refundable" : "invalid_transition", NULL,
            "the payment provider refuses: %s", result->error.message);
    return false;
}

static void captured(void *ctx, const struct payment_result *result)
{
    struct admin_request *request = ctx;
    if (engine_agreed(request, result))
        move(request, request->version, /* payment= */ -1);
}

/* The money was given back, so it is written down whatever the version is by now. */
static void refunded(void *ctx, const struct payment_result *result)
{
    struct admin_request *request = ctx;
    if (engine_agreed(request, result))
        move(request, /* from_version= */ 0, PAY_REFUNDED);
}

static struct payment_change change_of(const struct order_record *record)
{
    return (struct payment_change){.order_id = record->id,
        .reference = record->state.reference,
        .amount = record->total.amount};
}

/* False after a refusal: whoever looked at another version decides anew. */
static bool same_version(struct admin_request *request, const struct order_record *record)
{
    if (record->state.version == request->version)
        return true;
    http_problem(request->exchange, 409, "version_conflict", "version",
        "the order was changed meanwhile: it is %s at version %lld",
        order_status_name(record->state.status), (long long)record->state.version);
    return false;
}

static void before_status(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct admin_request *request = ctx;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    if (!same_version(request, record))
        return;
    bool capture = request->status == ORDER_SHIPPED && record->state.status == ORDER_CONFIRMED &&
                   record->state.payment == PAY_AUTHORIZED;
    if (!capture) {
        move(request, request->version, /* payment= */ -1);
        return;
    }
    struct payment_change change = change_of(record);
    payment_capture(request->service->options.payment, &change, captured, request);
}

static void before_refund(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct admin_request *request = ctx;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    if (!same_version(request, record))
        return;
    if (record->state.payment != PAY_CAPTURED) {
        http_problem(request->exchange, 409, "not_refundable", NULL,
            record->state.payment == PAY_AUTHORIZED
                ? "the money is only reserved: cancel the order to let it go"
                : "nothing was paid, or it was given back");
        return;
    }
    struct payment_change change = change_of(record);
    payment_refund(request->service->options.payment, &change, refunded, request);
}

/* ---- reading what is asked ---- */

static int read_change(
    struct admin_request *request, const json_t *body, bool with_status, struct error *error)
{
    const char *status = NULL, *reason = NULL;
    int rc = with_status ? json_get_text(body, "status", 1, 20, &status, error) : 0;
    if (rc == 0)
        rc = json_get_int(body, "version", 1, INT64_MAX, &request->version, error);
    if (rc == 0)
        rc = json_find_text(body, "reason", 0, 200, &reason, error);
    if (rc < 0)
        return rc;
    if (with_status) {
        request->status = order_status_parse(status);
        if (request->status != ORDER_SHIPPED && request->status != ORDER_DELIVERED &&
            request->status != ORDER_CANCELLED && request->status != ORDER_RETURNED)
            return error_set(error, ERROR_INVALID, NULL, "status",
                "must be shipped, delivered, cancelled or returned");
    }
    if (reason && *reason)
        request->reason = arena_strdup(request->exchange->arena, reason);
    else if (request->status == ORDER_CANCELLED)
        request->reason = "cancelled_by_shop";
    return 0;
}

static void read_and_go(
    struct order_service *service, struct exchange *exchange, bool with_status, order_done_fn *next)
{
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    struct admin_request *request = request_new(service, exchange);
    if (!request || http_json_body(exchange, &body) < 0)
        return;
    if (read_change(request, body, with_status, &error) < 0)
        http_fail(exchange, &error);
    else
        order_store_get(service->options.store, request->id, exchange->arena, next, request);
}

void handle_admin_status(void *ctx, struct exchange *exchange)
{
    read_and_go(ctx, exchange, /* with_status= */ true, before_status);
}

void handle_admin_refund(void *ctx, struct exchange *exchange)
{
    read_and_go(ctx, exchange, /* with_status= */ false, before_refund);
}
