/* What other services ask: an order in the clear, a transition, the merging of two carts. */
#include "order_service.h"

#include "buffer.h"
#include "clock.h"

#include <string.h>

struct internal_request {
    struct order_service *service;
    struct exchange *exchange;
    struct order_transition transition;
    char guest[OWNER_SIZE], user[OWNER_SIZE];
    struct order_query query;
    const struct order_record *orders;
    int order_count, next;
    struct cart_merge merge;
    struct resealed *resealed;
    const struct shopper *from, *to; /* whose key sealed, whose shall */
};

static struct internal_request *request_new(
    struct order_service *service, struct exchange *exchange)
{
    struct internal_request *request = arena_new_struct(exchange->arena, struct internal_request);
    request->service = service;
    request->exchange = exchange;
    return request;
}

void handle_internal_ready(void *ctx, struct exchange *exchange)
{
    static const char body[] =
        "{\"checks\":[{\"name\":\"orders\",\"ready\":true,\"detail\":null}]}";
    (void)ctx;
    http_reply(exchange, 200, "application/json", body, sizeof(body) - 1);
}

/* ---- one order ---- */

static void got_order(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct internal_request *request = ctx;
    if (rc < 0)
        http_fail(request->exchange, error);
    else
        reply_order(request->service, request->exchange, 200, record, AUDIENCE_SHOP,
            /* location= */ false);
}

void handle_internal_get(void *ctx, struct exchange *exchange)
{
    struct order_service *service = ctx;
    const char *id = require_id(exchange);
    if (id)
        order_store_get(
            service->options.store, id, exchange->arena, got_order, request_new(service, exchange));
}

/* ---- transitions ---- */

/* The problem's members, and what the order is now. */
static void reply_conflict(
    struct exchange *exchange, const struct error *error, const struct order_record *record)
{
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body,
        "{\"type\":\"/problems/%s\",\"title\":\"Conflict\",\"status\":409,\"code\":\"%s\","
        "\"order\":{\"status\":\"%s\",\"version\":%lld},\"detail\":",
        error->reason, error->reason, order_status_name(record->state.status),
        (long long)record->state.version);
    buffer_append_json(&body, error->message);
    buffer_printf(&body, ",\"errors\":[],\"trace_id\":\"%s\"}", exchange->request.trace.trace_id);
    http_reply_json(exchange, 409, &body);
}

static void moved(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct internal_request *request = ctx;
    struct exchange *exchange = request->exchange;
    if (rc == ERROR_CONFLICT && record) {
        reply_conflict(exchange, error, record);
        return;
    }
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    const char *body = arena_printf(exchange->arena, "{\"status\":\"%s\",\"version\":%lld}",
        order_status_name(record->state.status), (long long)record->state.version);
    http_reply(exchange, 200, "application/json", body, strlen(body));
}

static int read_payment(struct order_transition *transition, const json_t *body,
    struct arena *arena, struct error *error)
{
    const json_t *payment = json_object_get(body, "payment");
    const char *status = NULL, *reference = NULL;
    if (!payment || json_is_null(payment))
        return 0;
    int rc = json_get_text(payment, "status", 1, 20, &status, error);
    if (rc == 0)
        rc = json_find_text(payment, "reference", 0, 79, &reference, error);
    if (rc < 0)
        return rc;
    transition->payment = pay_status_parse(status);
    if (transition->payment < 0)
        return error_set(error, ERROR_INVALID, NULL, "payment.status", "is no payment's status");
    transition->reference = reference ? arena_strdup(arena, reference) : NULL;
    return 0;
}

static int read_transition(struct order_transition *transition, const json_t *body,
    struct arena *arena, struct error *error)
{
    const char *to = NULL, *reason = NULL;
    int rc = json_get_int(body, "from_version", 1, INT64_MAX, &transition->from_version, error);
    if (rc == 0)
        rc = json_find_text(body, "to", 1, 20, &to, error);
    if (rc == 0)
        rc = json_find_text(body, "reason", 0, 200, &reason, error);
    if (rc == 0)
        rc = read_payment(transition, body, arena, error);
    if (rc < 0)
        return rc;
    transition->to = to ? order_status_parse(to) : -1;
    if (to && transition->to < 0)
        return error_set(error, ERROR_INVALID, NULL, "to", "is no order's status");
    transition->reason = reason ? arena_strdup(arena, reason) : NULL;
    return 0;
}

void handle_internal_transition(void *ctx, struct exchange *exchange)
{
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    const char *id = require_id(exchange);
    if (!id || http_json_body(exchange, &body) < 0)
        return;
    struct internal_request *request = request_new(ctx, exchange);
    request->transition = (struct order_transition){
        .order_id = id, .payment = -1, .now_ms = clock_now_ms(), .trace = exchange->request.trace};
    if (read_transition(&request->transition, body, exchange->arena, &error) < 0)
        http_fail(exchange, &error);
    else
        service_transition(request->service, &request->transition, exchange->arena, moved, request);
}

/* ---- the guest becomes a user ---- */

static void merged(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct internal_request *request = ctx;
    struct exchange *exchange = request->exchange;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    const char *body = arena_printf(exchange->arena, "{\"lines\":%zu}", cart->count);
    http_reply(exchange, 200, "application/json", body, strlen(body));
}

static void write_merge(struct internal_request *request)
{
    request->merge = (struct cart_merge){.guest = request->guest,
        .user = request->user,
        .orders = request->resealed,
        .order_count = (size_t)request->next,
        .now_ms = clock_now_ms(),
        .trace = request->exchange->request.trace};
    order_store_merge(request->service->options.store, &request->merge, request->exchange->arena,
        merged, request);
}

static int reseal(struct internal_request *request, const struct order_record *record,
    struct resealed *resealed, struct error *error)
{
    struct shoppers *shoppers = request->service->shoppers;
    struct arena *arena = request->exchange->arena;
    const char *address = NULL;
    memcpy(resealed->order_id, record->id, ID_SIZE);
    int rc = shopper_open(shoppers, record->sealer, request->from, record->id, record->sealed,
        record->sealed_length, arena, &address, error);
    return rc < 0 ? rc
                  : shopper_seal(shoppers, request->user, request->to, record->id, address, arena,
                        &resealed->sealed, &resealed->sealed_length, error);
}

/* The guest's orders go under the account's key, so that erasing the account makes them unreadable,
 * too. */
static void got_user(void *ctx, int rc, const struct error *error, const struct shopper *shopper)
{
    struct internal_request *request = ctx;
    struct error failure = *error;
    request->to = shopper;
    for (; rc == 0 && request->next < request->order_count; request->next++)
        rc = reseal(
            request, &request->orders[request->next], &request->resealed[request->next], &failure);
    if (rc < 0)
        http_fail(request->exchange, &failure);
    else
        write_merge(request);
}

static void got_guest(void *ctx, int rc, const struct error *error, const struct shopper *shopper)
{
    struct internal_request *request = ctx;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    request->from = shopper;
    shoppers_get(request->service->shoppers, request->user, &request->exchange->request.trace,
        request->exchange->arena, got_user, request);
}

static void got_guest_orders(
    void *ctx, int rc, const struct error *error, const struct order_page *page)
{
    struct internal_request *request = ctx;
    struct arena *arena = request->exchange->arena;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    request->orders = page->records;
    request->order_count = page->count;
    if (!page->count) {
        write_merge(request);
        return;
    }
    request->resealed = arena_new_array(arena, page->count, struct resealed);
    shoppers_get(request->service->shoppers, request->guest, &request->exchange->request.trace,
        arena, got_guest, request);
}

static int read_owner(
    const json_t *body, const char *field, char kind, char owner[OWNER_SIZE], struct error *error)
{
    const char *id = NULL;
    int rc = json_get_text(body, field, 1, ID_LENGTH, &id, error);
    if (rc == 0 && !id_valid(id))
        rc = error_set(error, ERROR_INVALID, NULL, field, "must be an id");
    if (rc < 0)
        return rc;
    owner[0] = kind;
    memcpy(owner + 1, id, ID_SIZE);
    return 0;
}

void handle_internal_merge(void *ctx, struct exchange *exchange)
{
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    if (http_json_body(exchange, &body) < 0)
        return;
    struct internal_request *request = request_new(ctx, exchange);
    int rc = read_owner(body, "guest_id", 'g', request->guest, &error);
    if (rc == 0)
        rc = read_owner(body, "user_id", 'u', request->user, &error);
    if (rc < 0) {
        http_fail(exchange, &error);
        return;
    }
    request->query = (struct order_query){.owner = request->guest, .limit = 1000};
    order_store_list(request->service->options.store, &request->query, exchange->arena,
        got_guest_orders, request);
}
