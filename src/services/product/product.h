/*
 * The product service: wines, their stock and reservations, ratings and pictures, and finding them.
 *
 * Owns product.db and the contents of the search index (which it builds from the former and can
 * always build again). Reservations keep their promise under any crash: see store.h.
 *
 * Order: new, attach_relay, start (after the relay's and before the first request), ... , stop
 * (after the last request and before the relay stops), free. The ports it is given outlive it.
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include "error.h"
#include "money.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct blob;
struct metrics;
struct product_service;
struct product_store;
struct queue;
struct relay;
struct router;
struct search;
struct upstream;

struct product_options {
    struct product_store *store;
    struct search *search;
    struct blob *blob;       /* where uploads are kept for the image service; NULL: no uploads */
    struct upstream *user;   /* for the first names of raters; NULL: "A shopper" */
    struct queue *stock;     /* bulk corrections to consume; NULL: none */
    struct metrics *metrics; /* or NULL */
    const char *currency;    /* of the shop, ISO 4217; copied */
};

int product_service_new(
    struct product_service **out, const struct product_options *options, struct error *error);

/* Public paths, back office and /internal/. */
struct router *product_service_router(struct product_service *service);

/* Makes the store's outbox a source of the relay. Before the first write. */
void product_service_attach_relay(struct product_service *service, struct relay *relay);

/* Brings the search up to date in a thread of its own (at once when it was closed cleanly) and
 * consumes the stock queue. */
int product_service_start(struct product_service *service, struct error *error);

/* Waits until the search has heard of every change, and stops the threads and the consumer.
 * Returns the position to close the search with (search_close); `*clean` is false when the search
 * is not up to date. */
uint64_t product_service_stop(struct product_service *service, bool *clean);

void product_service_free(struct product_service *service);

/* Rebuilds the index beside, as after an unclean stop; `winestore reindex`. Blocks until done when
 * `wait` is set. `progress` may be NULL. */
int product_service_reindex(struct product_service *service, bool wait,
    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct error *error);

#endif
