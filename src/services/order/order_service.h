/* What the files of the order service share: the service itself, and the small steps that several
 * of its flows take. */
#ifndef ORDER_SERVICE_H
#define ORDER_SERVICE_H

#include "destinations.h"
#include "order.h"
#include "order_json.h"
#include "order_shoppers.h"
#include "order_waiters.h"
#include "order_wines.h"

struct buffer;
struct counter;
struct histogram;

struct order_service {
    struct order_options options;
    struct destinations *destinations;
    struct shoppers *shoppers;
    struct waiters *waiters;
    struct router *router;
    bool stopped;

    /* NULL without metrics. */
    struct counter *placed, *reached[ORDER_STATUSES];
    struct histogram *decided; /* from placed to confirmed or rejected */
};

/* ---- who asks ---- */

/* The owner whose cart and orders the exchange is about, in `owner`: the user, else the guest.
 * False if it is nobody. */
bool exchange_owner(const struct exchange *exchange, char owner[OWNER_SIZE]);

/* As above, but replies 401 itself. */
bool require_owner(struct exchange *exchange, char owner[OWNER_SIZE]);

/* Replies 401 or 403 itself unless an admin asks. */
bool require_admin(struct exchange *exchange);

/* The {id} of the path, or NULL after a 404: what is no id is like an unknown one. */
const char *require_id(struct exchange *exchange);

/* ---- answers ---- */

/* A wine of which there is less than asked for. */
struct shortage {
    const char *field;
    const char *name;
    int64_t available;
};
void reply_out_of_stock(struct exchange *exchange, const struct shortage *shortages, size_t count);

/* Reads the shopper of the record and replies with the order. The record lives in the exchange's
 * arena. `location`: also name the order's address. */
void reply_order(struct order_service *service, struct exchange *exchange, int status,
    struct order_record *record, enum order_audience audience, bool location);

/* A cart at today's prices; `destination` may be NULL. */
void reply_cart(struct exchange *exchange, const struct cart *cart, const struct wines *wines,
    const struct destination *destination, const char *currency);

/* Asks for the wines of the cart, and of `extra` (NULL: none). */
void fetch_cart_wines(struct order_service *service, struct exchange *exchange,
    const struct cart *cart, const char *extra, wines_done_fn *done, void *ctx);

/* ---- changes ---- */

/* order_store_transition, and whoever waits for the order is told. */
void service_transition(struct order_service *service, const struct order_transition *transition,
    struct arena *arena, order_done_fn *done, void *ctx);

/* ---- handlers, by file ---- */

void handle_get_cart(void *ctx, struct exchange *exchange);
void handle_put_item(void *ctx, struct exchange *exchange);
void handle_delete_item(void *ctx, struct exchange *exchange);
void handle_destinations(void *ctx, struct exchange *exchange);

void handle_place_order(void *ctx, struct exchange *exchange);

void handle_list_orders(void *ctx, struct exchange *exchange);
void handle_get_order(void *ctx, struct exchange *exchange);
void handle_follow_order(void *ctx, struct exchange *exchange);
void handle_cancel_order(void *ctx, struct exchange *exchange);

void handle_admin_list(void *ctx, struct exchange *exchange);
void handle_admin_get(void *ctx, struct exchange *exchange);
void handle_admin_status(void *ctx, struct exchange *exchange);
void handle_admin_refund(void *ctx, struct exchange *exchange);

void handle_internal_get(void *ctx, struct exchange *exchange);
void handle_internal_transition(void *ctx, struct exchange *exchange);
void handle_internal_merge(void *ctx, struct exchange *exchange);
void handle_internal_export(void *ctx, struct exchange *exchange);
void handle_internal_ready(void *ctx, struct exchange *exchange);

/* ---- lists (order_lists.c) ---- */

/* Appends the records as a JSON array, each with what its shopper's key opens, and calls `done`
 * once. */
void write_orders(struct order_service *service, struct exchange *exchange,
    const struct order_record *records, int count, enum order_audience audience,
    struct buffer *buffer, void (*done)(void *ctx, int rc, const struct error *error), void *ctx);

#endif
