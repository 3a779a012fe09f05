/* A shopper's orders: list, one (waiting for it, too), its events, cancelling it. */
#include "order_service.h"

#include "buffer.h"
#include "clock.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WAIT_S 25

struct order_request {
    struct order_service *service;
    struct exchange *exchange;
    char owner[OWNER_SIZE];
    const char *id;
    int64_t deadline_ms; /* monotonic; 0: answer at once */
    int64_t seen;        /* version a stream's client had last */
    struct waiter *waiter;
    struct order_record *record;
    struct order_transition transition;
};

static struct order_request *request_new(struct order_service *service, struct exchange *exchange)
{
    struct order_request *request = arena_new_struct(exchange->arena, struct order_request);
    request->service = service;
    request->exchange = exchange;
    return request;
}

/* Whose, and which; replies itself and returns NULL when either is missing. */
static struct order_request *request_for_order(
    struct order_service *service, struct exchange *exchange)
{
    struct order_request *request = request_new(service, exchange);
    if (!require_owner(exchange, request->owner))
        return NULL;
    request->id = require_id(exchange);
    return request->id ? request : NULL;
}

static void drop_waiter(struct order_request *request)
{
    if (request->waiter)
        waiters_remove(request->service->waiters, request->waiter);
    request->waiter = NULL;
}

/* False after a refusal: what is not there, or another shopper's. */
static bool may_see(
    struct order_request *request, int rc, const struct error *error, struct order_record *record)
{
    if (rc == 0 && strcmp(record->owner, request->owner) == 0)
        return true;
    drop_waiter(request);
    if (rc < 0 && rc != ERROR_NOT_FOUND)
        http_fail(request->exchange, error);
    else
        http_problem(request->exchange, 404, "not_found", NULL, "no such order");
    return false;
}

static void reply(struct order_request *request, struct order_record *record)
{
    reply_order(request->service, request->exchange, 200, record, AUDIENCE_SHOPPER,
        /* location= */ false);
}

/* ---- one order, now or when it has left `pending` ---- */

static void read_order(struct order_request *request);

/* Only the state changes in an order's life; its texts are the announcer's. */
static void woken(void *ctx, const struct order_record *news)
{
    struct order_request *request = ctx;
    struct arena *arena = request->exchange->arena;
    request->waiter = NULL;
    if (news) {
        struct order_state *state = &request->record->state;
        *state = news->state;
        state->reason = arena_strdup(arena, news->state.reason);
        state->reference = arena_strdup(arena, news->state.reference);
        state->history = arena_strdup(arena, news->state.history);
    }
    reply(request, request->record);
}

static void got_order(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct order_request *request = ctx;
    if (!may_see(request, rc, error, record))
        return;
    if (!request->waiter || record->state.status != ORDER_PENDING) {
        drop_waiter(request);
        reply(request, record);
        return;
    }
    request->record = record;
    struct waiter *waiter = request->waiter;
    if (waiters_arm(request->service->waiters, waiter, record->state.version, request->deadline_ms,
            woken, request))
        return;
    /* It changed between the reading and now: read once more, without waiting. */
    request->waiter = NULL;
    read_order(request);
}

static void read_order(struct order_request *request)
{
    order_store_get(
        request->service->options.store, request->id, request->exchange->arena, got_order, request);
}

/* False after a refusal. */
static bool read_wait(struct exchange *exchange, int64_t *seconds)
{
    const char *text = http_query(exchange, "wait");
    if (!text || text_to_int(text, 0, MAX_WAIT_S, seconds) == 0)
        return true;
    int64_t number;
    bool whole = text_to_int(text, INT64_MIN, INT64_MAX, &number) == 0;
    http_problem(exchange, whole ? 422 : 400, whole ? "invalid_field" : "malformed_parameter",
        "wait", "must be a whole number from 0 to %d", MAX_WAIT_S);
    return false;
}

void handle_get_order(void *ctx, struct exchange *exchange)
{
    int64_t wait = 0;
    struct order_request *request = request_for_order(ctx, exchange);
    if (!request || !read_wait(exchange, &wait))
        return;
    if (wait) {
        request->deadline_ms = clock_monotonic_ms() + wait * 1000;
        request->waiter = waiters_add(request->service->waiters, request->id);
    }
    read_order(request);
}

/* ---- events ---- */

static void got_followed(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct order_request *request = ctx;
    if (!may_see(request, rc, error, record))
        return;
    /* The exchange, and its arena, are gone once the stream is open. */
    struct waiters *waiters = request->service->waiters;
    struct waiter *waiter = request->waiter;
    int64_t seen = request->seen;
    struct order_state state = record->state;
    char *reason = state.reason ? strdup(state.reason) : NULL;
    state.reason = reason;
    struct http_stream *stream = http_stream_open(request->exchange);
    if (stream)
        waiters_stream(waiters, waiter, &state, seen, stream);
    else
        waiters_remove(waiters, waiter);
    free(reason);
}

void handle_follow_order(void *ctx, struct exchange *exchange)
{
    struct order_request *request = request_for_order(ctx, exchange);
    if (!request)
        return;
    const char *seen = http_header(exchange, "Last-Event-ID");
    if (seen && *seen && text_to_int(seen, 0, INT64_MAX, &request->seen) < 0) {
        http_problem(exchange, 400, "malformed_header", "Last-Event-ID", "must be a version");
        return;
    }
    request->waiter = waiters_add(request->service->waiters, request->id);
    order_store_get(
        request->service->options.store, request->id, exchange->arena, got_followed, request);
}

/* ---- cancelling ---- */

static void cancelled(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct order_request *request = ctx;
    struct exchange *exchange = request->exchange;
    if (rc == ERROR_CONFLICT && record)
        http_problem(exchange, 409, "not_cancellable", NULL,
            "an order that is %s can no longer be cancelled",
            order_status_name(record->state.status));
    else if (rc == ERROR_NOT_FOUND)
        http_problem(exchange, 404, "not_found", NULL, "no such order");
    else if (rc < 0)
        http_fail(exchange, error);
    else
        reply(request, record);
}

void handle_cancel_order(void *ctx, struct exchange *exchange)
{
    struct order_request *request = request_for_order(ctx, exchange);
    CLEANUP_JSON json_t *body = NULL;
    if (!request || (exchange->request.body_length && http_json_body(exchange, &body) < 0))
        return;
    request->transition = (struct order_transition){
        .order_id = request->id,
        .owner = request->owner,
        .to = ORDER_CANCELLED,
        .payment = -1,
        .reason = "cancelled_by_shopper",
        .now_ms = clock_now_ms(),
        .trace = exchange->request.trace,
    };
    service_transition(request->service, &request->transition, exchange->arena, cancelled, request);
}
