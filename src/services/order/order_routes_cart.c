/* The cart and the destinations. */
#include "order_service.h"

#include "buffer.h"
#include "clock.h"
#include "upstream.h"

#include <string.h>

struct cart_request {
    struct order_service *service;
    struct exchange *exchange;
    char owner[OWNER_SIZE];
    const char *wine_id; /* put or taken out; NULL when the cart is only read */
    int quantity;
    struct cart_edit edit;
    struct cart_change change;
    struct cart *cart;
    struct wines wines;
    const struct destination *destination;
};

static struct cart_request *request_new(
    struct order_service *service, struct exchange *exchange, const char *owner)
{
    struct cart_request *request = arena_new_struct(exchange->arena, struct cart_request);
    request->service = service;
    request->exchange = exchange;
    strcpy(request->owner, owner);
    return request;
}

static void show(struct cart_request *request, const struct wines *wines)
{
    reply_cart(request->exchange, request->cart, wines, request->destination,
        destinations_currency(request->service->destinations));
}

static void show_wines(void *ctx, int rc, const struct error *error, const struct wines *wines)
{
    struct cart_request *request = ctx;
    if (rc < 0)
        http_fail(request->exchange, error);
    else
        show(request, wines);
}

static void show_cart(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct cart_request *request = ctx;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    request->cart = cart;
    fetch_cart_wines(request->service, request->exchange, cart, NULL, show_wines, request);
}

/* ---- reading ---- */

static bool country_code(const char *text)
{
    return text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z' && !text[2];
}

/* The destination the query asks for; replies and returns false if it is none. */
static bool read_destination(struct cart_request *request)
{
    const char *country = http_query(request->exchange, "country");
    if (!country)
        return true;
    struct error error = {0};
    if (!country_code(country)) {
        http_problem(request->exchange, 422, "invalid_field", "country",
            "must be two capital letters, such as DE");
        return false;
    }
    if (destinations_find(request->service->destinations, country,
            http_query(request->exchange, "region"), clock_now_ms(), &request->destination,
            &error) < 0) {
        http_fail(request->exchange, &error);
        return false;
    }
    return true;
}

void handle_get_cart(void *ctx, struct exchange *exchange)
{
    struct order_service *service = ctx;
    char owner[OWNER_SIZE];
    bool known = exchange_owner(exchange, owner);
    struct cart_request *request = request_new(service, exchange, known ? owner : "");
    if (!read_destination(request))
        return;
    if (known)
        order_store_cart(
            service->options.store, request->owner, exchange->arena, show_cart, request);
    else
        show_cart(request, 0, NULL, arena_new_struct(exchange->arena, struct cart));
}

void handle_destinations(void *ctx, struct exchange *exchange)
{
    struct order_service *service = ctx;
    struct buffer body = BUFFER_INIT;
    destinations_write(service->destinations, clock_now_ms(), &body);
    http_reply_json(exchange, 200, &body);
}

/* ---- changing ---- */

static void edited(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct cart_request *request = ctx;
    if (rc < 0) {
        http_fail(request->exchange, error);
        return;
    }
    request->cart = cart;
    for (size_t i = 0; i < cart->count; i++) {
        /* Another tab was faster with a wine of which nothing was asked. */
        if (!wines_find(&request->wines, cart->lines[i].wine_id)) {
            fetch_cart_wines(request->service, request->exchange, cart, NULL, show_wines, request);
            return;
        }
    }
    show(request, &request->wines);
}

static void write_edit(struct cart_request *request, int64_t price)
{
    struct exchange *exchange = request->exchange;
    request->edit.kind = CART_SET;
    request->edit.quantity = request->quantity;
    request->edit.price = price;
    memcpy(request->edit.wine_id, request->wine_id, ID_SIZE);
    request->change = (struct cart_change){
        .owner = request->owner,
        .edits = &request->edit,
        .count = 1,
        .now_ms = clock_now_ms(),
        .trace = exchange->request.trace,
    };
    order_store_cart_edit(
        request->service->options.store, &request->change, exchange->arena, edited, request);
}

/* The catalogue leaves out what it does not sell; whether it ever did, the wine's own page says. */
static void no_such_wine(void *ctx, int status, const char *body, size_t length)
{
    struct cart_request *request = ctx;
    (void)body;
    (void)length;
    if (status == 410)
        http_problem(request->exchange, 410, "withdrawn", NULL, "this wine is no longer sold");
    else if (status >= 500)
        http_problem(request->exchange, 503, "unavailable", NULL,
            "the catalogue does not answer; try again in a moment");
    else
        http_problem(request->exchange, 404, "not_found", NULL, "no such wine");
}

static void check_wine(void *ctx, int rc, const struct error *error, const struct wines *wines)
{
    struct cart_request *request = ctx;
    struct exchange *exchange = request->exchange;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    request->wines = *wines;
    const struct wine *wine = wines_find(wines, request->wine_id);
    if (!wine) {
        upstream_call(request->service->options.product,
            &(struct upstream_call){.method = HTTP_GET,
                .path = arena_printf(exchange->arena, "/api/v1/wines/%s", request->wine_id),
                .trace = &exchange->request.trace,
                .done = no_such_wine,
                .ctx = request});
        return;
    }
    if (wine->available < request->quantity) {
        struct shortage shortage = {"quantity", wine->name, wine->available};
        reply_out_of_stock(exchange, &shortage, 1);
        return;
    }
    write_edit(request, wine->price.amount);
}

static void ask_wines(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    struct cart_request *request = ctx;
    if (rc < 0)
        http_fail(request->exchange, error);
    else
        fetch_cart_wines(
            request->service, request->exchange, cart, request->wine_id, check_wine, request);
}

static const char *require_wine(struct exchange *exchange)
{
    const char *id = exchange->request.params[0];
    if (id_valid(id))
        return id;
    http_problem(exchange, 404, "not_found", NULL, "no such wine");
    return NULL;
}

/* Reads quantity; replies and returns false if it is none. */
static bool read_quantity(struct exchange *exchange, int *quantity)
{
    CLEANUP_JSON json_t *body = NULL;
    struct error error = {0};
    int64_t number;
    if (http_json_body(exchange, &body) < 0)
        return false;
    if (json_get_int(body, "quantity", 1, CART_MAX_QUANTITY, &number, &error) < 0) {
        http_fail(exchange, &error);
        return false;
    }
    *quantity = (int)number;
    return true;
}

/* The cart, its wines and the new one, the change, the cart as it is then. */
void handle_put_item(void *ctx, struct exchange *exchange)
{
    struct order_service *service = ctx;
    char owner[OWNER_SIZE];
    int quantity;
    if (!require_owner(exchange, owner))
        return;
    const char *wine_id = require_wine(exchange);
    if (!wine_id || !read_quantity(exchange, &quantity))
        return;
    struct cart_request *request = request_new(service, exchange, owner);
    request->wine_id = wine_id;
    request->quantity = quantity;
    order_store_cart(service->options.store, request->owner, exchange->arena, ask_wines, request);
}

void handle_delete_item(void *ctx, struct exchange *exchange)
{
    struct order_service *service = ctx;
    char owner[OWNER_SIZE];
    const char *wine_id = require_wine(exchange);
    if (!wine_id)
        return;
    bool known = exchange_owner(exchange, owner);
    struct cart_request *request = request_new(service, exchange, known ? owner : "");
    request->wine_id = wine_id;
    if (known)
        write_edit(request, 0);
    else
        show_cart(request, 0, NULL, arena_new_struct(exchange->arena, struct cart));
}
