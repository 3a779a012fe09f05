/*
 * The recommendation service: takes the page's activity to the stream, learns in memory from what
 * the stream consumer tells it, and answers similar wines, personal lists and the back office's
 * dashboard. It serves its paths of api/openapi.yaml and docs/internal-api.md.
 *
 * The model lives in memory alone: at the start the catalogue is asked of the product service and
 * what shoppers did is read from the warehouse, in a thread of its own; until then lists are empty,
 * similar wines are 503, and events from the consumer are refused with 503 so that none counts
 * twice. Shoppers are known by their pseudonyms only.
 *
 * Order: new, start (when the product service answers), then the stream consumer's start ... stop
 * (after the consumer's), free. The ports it is given outlive it.
 */
#ifndef SERVICES_RECOMMENDATION_H
#define SERVICES_RECOMMENDATION_H

#include "error.h"
#include "trainer.h"

#include <stdbool.h>

struct blob;
struct metrics;
struct outside;
struct recommendation_service;
struct router;
struct stream;
struct upstream;
struct warehouse;

struct recommendation_options {
    struct stream *stream;
    struct warehouse *warehouse;
    struct upstream *product;
    struct upstream *order;  /* for the destinations; NULL: lists by destination are 503 */
    struct blob *blob;       /* keeps what is under "models/" */
    struct outside *scorer;  /* outside.h; NULL: our own model alone */
    struct metrics *metrics; /* may be NULL */
    const char *currency;    /* of the shop, for days without orders; copied */
    struct trainer_options training;
};

int recommendation_service_new(struct recommendation_service **out,
    const struct recommendation_options *options, struct error *error);

/* The service's until it is freed. */
struct router *recommendation_service_router(struct recommendation_service *service);

/* Starts the thread that learns. */
int recommendation_service_start(struct recommendation_service *service, struct error *error);

/* Whether the catalogue and the past are learnt. Any thread. */
bool recommendation_service_ready(struct recommendation_service *service);

/* Work that takes long (training, lists for a file) ends with an error as soon as it can. */
void recommendation_service_give_up(struct recommendation_service *service);

void recommendation_service_stop(struct recommendation_service *service);

/* Once no request can arrive any more. NULL is fine. */
void recommendation_service_free(struct recommendation_service *service);

#endif
