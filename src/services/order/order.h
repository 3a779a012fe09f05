/*
 * The order service: carts, destinations and orders, and every change of an order's status. Serves
 * /api/v1/cart, /destinations, /orders, /admin/orders and the internal paths of
 * docs/internal-api.md. What follows from a change leaves by the store's outbox.
 *
 * Everything in the options outlives the service and stays the caller's.
 */
#ifndef ORDER_H
#define ORDER_H

#include "error.h"
#include "order_store.h"
#include "router.h"

struct keyring;
struct metrics;
struct order_service;
struct payment;
struct relay;
struct timers;
struct upstream;

struct order_options {
    struct order_store *store;
    struct upstream *product;
    struct upstream *user;
    struct keyring *keyring; /* opens the shoppers' data keys */
    struct payment *payment; /* for what the back office asks: capture at shipping, refund */
    struct timers *timers;
    struct metrics *metrics;       /* or NULL */
    const char *destinations_file; /* docs/destinations.md */
};

/* ERROR_INVALID or ERROR_NOT_FOUND for the table of destinations, naming file and line. */
int order_service_new(
    struct order_service **out, const struct order_options *options, struct error *error);

/* Makes the store's outbox a source of the relay. Before the first write. */
void order_service_attach_relay(struct order_service *service, struct relay *relay);

struct router *order_service_router(struct order_service *service);

/* Answers those who wait for an order with what it is now, and ends the event streams. Calls that
 * come later are answered as before, but wait for nothing. Once, before the HTTP server stops. */
void order_service_stop(struct order_service *service);

/* After the last call. NULL is fine. */
void order_service_free(struct order_service *service);

#endif
