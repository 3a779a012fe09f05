#include "order_service.h"

#include "buffer.h"
#include "clock.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

static const struct route routes[] = {
    {HTTP_GET, "/api/v1/cart", handle_get_cart},
    {HTTP_PUT, "/api/v1/cart/items/{wine_id}", handle_put_item},
    {HTTP_DELETE, "/api/v1/cart/items/{wine_id}", handle_delete_item},
    {HTTP_GET, "/api/v1/destinations", handle_destinations},
    {HTTP_POST, "/api/v1/orders", handle_place_order},
    {HTTP_GET, "/api/v1/orders", handle_list_orders},
    {HTTP_GET, "/api/v1/orders/{id}", handle_get_order},
    {HTTP_GET, "/api/v1/orders/{id}/events", handle_follow_order},
    {HTTP_POST, "/api/v1/orders/{id}/cancel", handle_cancel_order},
    {HTTP_GET, "/api/v1/admin/orders", handle_admin_list},
    {HTTP_GET, "/api/v1/admin/orders/{id}", handle_admin_get},
    {HTTP_POST, "/api/v1/admin/orders/{id}/status", handle_admin_status},
    {HTTP_POST, "/api/v1/admin/orders/{id}/refund", handle_admin_refund},
    {HTTP_GET, "/internal/orders/{id}", handle_internal_get},
    {HTTP_POST, "/internal/orders/{id}/transition", handle_internal_transition},
    {HTTP_POST, "/internal/carts/merge", handle_internal_merge},
    {HTTP_GET, "/internal/export", handle_internal_export},
    {HTTP_GET, "/internal/ready", handle_internal_ready},
    {HTTP_OTHER, NULL, NULL},
};

static double count_waiting(void *ctx)
{
    return (double)waiters_count(ctx);
}

static void register_metrics(struct order_service *service)
{
    struct metrics *metrics = service->options.metrics;
    for (int status = 0; status < ORDER_STATUSES; status++)
        service->reached[status] = metrics_counter(metrics, "winestore_orders_total",
            "Orders that reached a status.",
            (const char *const[]){"status", order_status_name((enum order_status)status), NULL});
    service->placed = service->reached[ORDER_PENDING];
    service->decided = metrics_histogram_seconds(metrics, "winestore_order_decision_seconds",
        "From placing an order to its being confirmed or rejected.", NULL);
    metrics_gauge_callback(metrics, "winestore_order_waiters",
        "Requests and event streams that wait for an order.", NULL, count_waiting,
        service->waiters);
}

int order_service_new(
    struct order_service **out, const struct order_options *options, struct error *error)
{
    struct destinations *destinations = NULL;
    int rc = destinations_load(&destinations, options->destinations_file, error);
    if (rc < 0)
        return rc;
    struct order_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    service->options = *options;
    service->destinations = destinations;
    service->shoppers = shoppers_new(options->user, options->keyring);
    service->waiters = waiters_new(options->timers);
    service->router = router_new(routes, service);
    if (options->metrics)
        register_metrics(service);
    *out = service;
    return 0;
}

void order_service_attach_relay(struct order_service *service, struct relay *relay)
{
    struct relay_source_config config;
    order_store_source(service->options.store, &config);
    struct relay_source *source = relay_add_source(relay, &config);
    order_store_on_commit(service->options.store, relay_wake_source, source);
}

struct router *order_service_router(struct order_service *service)
{
    return service->router;
}

void order_service_stop(struct order_service *service)
{
    service->stopped = true;
    waiters_stop(service->waiters);
}

void order_service_free(struct order_service *service)
{
    if (!service)
        return;
    if (!service->stopped)
        order_service_stop(service);
    router_free(service->router);
    waiters_free(service->waiters);
    shoppers_free(service->shoppers);
    destinations_free(service->destinations);
    free(service);
}

/* ---- who asks ---- */

bool exchange_owner(const struct exchange *exchange, char owner[OWNER_SIZE])
{
    const struct identity *identity = &exchange->request.identity;
    const char *id = *identity->user ? identity->user : identity->guest;
    owner[0] = *identity->user ? 'u' : 'g';
    memcpy(owner + 1, id, ID_SIZE);
    return *id != '\0';
}

bool require_owner(struct exchange *exchange, char owner[OWNER_SIZE])
{
    if (exchange_owner(exchange, owner))
        return true;
    http_problem(
        exchange, 401, "unauthenticated", NULL, "sign in, or put something in the cart first");
    return false;
}

bool require_admin(struct exchange *exchange)
{
    const struct identity *identity = &exchange->request.identity;
    if (identity->role == ROLE_ADMIN)
        return true;
    if (*identity->user)
        http_problem(exchange, 403, "forbidden", NULL, "this is for the back office");
    else
        http_problem(exchange, 401, "unauthenticated", NULL, "sign in to the back office");
    return false;
}

const char *require_id(struct exchange *exchange)
{
    const char *id = exchange->request.params[0];
    if (id_valid(id))
        return id;
    http_problem(exchange, 404, "not_found", NULL, "no such order");
    return NULL;
}

/* ---- answers ---- */

void reply_out_of_stock(struct exchange *exchange, const struct shortage *shortages, size_t count)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"type\":\"/problems/out_of_stock\",\"title\":\"Not enough"
                              " bottles\",\"status\":409,\"code\":\"out_of_stock\",\"detail\":");
    const struct shortage *first = &shortages[0];
    buffer_append_json(&body,
        arena_printf(exchange->arena,
            first->available == 1 ? "%lld bottle of %s is left." : "%lld bottles of %s are left.",
            (long long)first->available, first->name));
    buffer_append_text(&body, ",\"errors\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&body, i ? ",{\"field\":" : "{\"field\":");
        buffer_append_json(&body, shortages[i].field);
        buffer_append_text(&body, ",\"message\":\"at most ");
        buffer_append_int(&body, shortages[i].available);
        buffer_append_text(&body, "\",\"available\":");
        buffer_append_int(&body, shortages[i].available);
        buffer_append_char(&body, '}');
    }
    buffer_append_text(&body, "],\"trace_id\":\"");
    buffer_append_text(&body, exchange->request.trace.trace_id);
    buffer_append_text(&body, "\"}");
    const char *text = arena_strndup(exchange->arena, body.data, body.length);
    size_t length = body.length;
    buffer_release(&body);
    http_reply(exchange, 409, "application/problem+json", text, length);
}

struct order_reply {
    struct order_service *service;
    struct exchange *exchange;
    int status;
    struct order_record *record;
    enum order_audience audience;
};

static void reply_with_shopper(
    void *ctx, int rc, const struct error *error, const struct shopper *shopper)
{
    struct order_reply *reply = ctx;
    struct exchange *exchange = reply->exchange;
    const struct order_record *record = reply->record;
    const char *address = NULL, *email = NULL;
    struct error failure = *error;
    if (rc == 0) {
        email = shopper->email;
        rc = shopper_open(reply->service->shoppers, record->sealer, shopper, record->id,
            record->sealed, record->sealed_length, exchange->arena, &address, &failure);
    } else if (rc == ERROR_NOT_FOUND) {
        rc = 0; /* erased: the order stays, unreadable where it was personal */
    }
    if (rc < 0) {
        http_fail(exchange, &failure);
        return;
    }
    struct buffer body = BUFFER_INIT;
    order_write(&body, record, address, email, reply->audience);
    http_reply_json(exchange, reply->status, &body);
}

void reply_order(struct order_service *service, struct exchange *exchange, int status,
    struct order_record *record, enum order_audience audience, bool location)
{
    struct order_reply *reply = arena_new_struct(exchange->arena, struct order_reply);
    *reply = (struct order_reply){service, exchange, status, record, audience};
    if (location)
        http_set_header(
            exchange, "Location", arena_printf(exchange->arena, "/api/v1/orders/%s", record->id));
    shoppers_get(service->shoppers, record->sealer, &exchange->request.trace, exchange->arena,
        reply_with_shopper, reply);
}

void reply_cart(struct exchange *exchange, const struct cart *cart, const struct wines *wines,
    const struct destination *destination, const char *currency)
{
    struct buffer body = BUFFER_INIT;
    cart_view_write(&body, cart, wines, destination, currency);
    http_reply_json(exchange, 200, &body);
}

void fetch_cart_wines(struct order_service *service, struct exchange *exchange,
    const struct cart *cart, const char *extra, wines_done_fn *done, void *ctx)
{
    const char *ids[CART_MAX_LINES + 1];
    size_t count = 0;
    bool known = !extra;
    for (size_t i = 0; i < cart->count; i++) {
        ids[count++] = cart->lines[i].wine_id;
        known = known || strcmp(cart->lines[i].wine_id, extra) == 0;
    }
    if (!known)
        ids[count++] = extra;
    if (!count) {
        done(ctx, 0, &(struct error){0}, &(struct wines){0});
        return;
    }
    wines_fetch(
        service->options.product, ids, count, &exchange->request.trace, exchange->arena, done, ctx);
}

/* ---- changes ---- */

struct change {
    struct order_service *service;
    const struct order_transition *transition;
    order_done_fn *done;
    void *ctx;
};

/* A request repeated counts again: rare, and no reason to ask the store. */
static void measure(const struct change *change, const struct order_record *record)
{
    const struct order_service *service = change->service;
    int to = change->transition->to;
    if (!service->placed || to < 0)
        return;
    counter_increment(service->reached[to]);
    if (to == ORDER_CONFIRMED || to == ORDER_REJECTED)
        histogram_observe_ns(
            service->decided, (record->state.updated_at - record->placed_at) * 1000000);
}

static void changed(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    struct change *change = ctx;
    if (rc == 0) {
        measure(change, record);
        waiters_notify(change->service->waiters, record);
    }
    change->done(change->ctx, rc, error, record);
}

void service_transition(struct order_service *service, const struct order_transition *transition,
    struct arena *arena, order_done_fn *done, void *ctx)
{
    struct change *change = arena_new_struct(arena, struct change);
    *change = (struct change){service, transition, done, ctx};
    order_store_transition(service->options.store, transition, arena, changed, change);
}
