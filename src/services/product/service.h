/* What the files of the product service share. */
#ifndef PRODUCT_SERVICE_H
#define PRODUCT_SERVICE_H

#include "exchange.h"
#include "product.h"
#include "store.h"

#include <stdbool.h>

struct buffer;
struct product_index;
struct worker;

struct product_service {
    struct product_store *store;
    struct search *search;
    struct blob *blob;
    struct upstream *user;
    struct queue *stock_queue;
    char currency[MONEY_CURRENCY_SIZE];
    struct router *router;
    struct product_index *index;
    struct worker *worker;
    struct product_counters {
        struct counter *reserved, *short_of;
    } counters;
};

/* ---- shared by the routes ---- */

/* The id in the path; replies 404 and returns NULL when it is none. */
const char *route_id(struct exchange *exchange);

/* Whether the exchange is of an admin, or of a signed-in user; else replies 401 or 403. */
bool route_admin(struct exchange *exchange);
bool route_user(struct exchange *exchange);

/* A whole number in the query: 400 when it is none, 422 when it is out of bounds. Replies itself.
 */
bool route_number(
    struct exchange *exchange, const char *name, int64_t low, int64_t high, int64_t *value);

/* Replies 404 or 410 unless the wine is there and for sale. */
bool route_for_sale(struct exchange *exchange, const struct product_wine *wine);

/* The version in If-Match; replies 400 when there is none. */
bool route_if_match(struct exchange *exchange, int64_t *version);

/* Tells the search of stock that changed; for callbacks of the store. */
void service_stock_changed(
    struct product_service *service, const struct product_line *lines, size_t count);

void route_list_wines(void *ctx, struct exchange *exchange);
void route_suggest(void *ctx, struct exchange *exchange);
void route_get_wine(void *ctx, struct exchange *exchange);
void route_vintages(void *ctx, struct exchange *exchange);
void route_list_ratings(void *ctx, struct exchange *exchange);
void route_rate(void *ctx, struct exchange *exchange);

void route_internal_wines(void *ctx, struct exchange *exchange);
void route_internal_all(void *ctx, struct exchange *exchange);
void route_reserve(void *ctx, struct exchange *exchange);
void route_release(void *ctx, struct exchange *exchange);
void route_shipped(void *ctx, struct exchange *exchange);
void route_returned(void *ctx, struct exchange *exchange);
void route_images_made(void *ctx, struct exchange *exchange);
void route_user_erased(void *ctx, struct exchange *exchange);
void route_export_user(void *ctx, struct exchange *exchange);
void route_ready(void *ctx, struct exchange *exchange);

void route_admin_list(void *ctx, struct exchange *exchange);
void route_admin_get(void *ctx, struct exchange *exchange);
void route_admin_create(void *ctx, struct exchange *exchange);
void route_admin_replace(void *ctx, struct exchange *exchange);
void route_admin_withdraw(void *ctx, struct exchange *exchange);
void route_admin_stock(void *ctx, struct exchange *exchange);
void route_admin_upload(void *ctx, struct exchange *exchange);
void route_admin_clear_images(void *ctx, struct exchange *exchange);

/* ---- the consumer of bulk corrections ---- */

int stock_consumer_start(struct product_service *service, struct error *error);
void stock_consumer_stop(struct product_service *service);

#endif
