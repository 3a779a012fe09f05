/*
 * A scorer outside the store: a SageMaker endpoint that is asked how well each of the candidates
 * our own model found suits a shopper. It only puts them in another order: what it does not answer
 * in time, or answers wrongly, leaves the model's.
 *
 * What goes out is pseudonymous: ids of wines and weights, nothing of who asks. The contract is in
 * docs/recommendations.md. Behind a breaker: an endpoint that fails is left alone for a while.
 */
#ifndef RECOMMENDATION_OUTSIDE_H
#define RECOMMENDATION_OUTSIDE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

#define OUTSIDE_MAX_HISTORY 256
#define OUTSIDE_MAX_CANDIDATES 200

struct aws_credentials;
struct http_client;
struct metrics;
struct outside;

struct outside_options {
    const char *scorer;  /* sagemaker://ENDPOINT-NAME?region=eu-west-1 */
    const char *url;     /* where it is called; "" is the region's own address */
    int64_t deadline_ms; /* for a list to wait */
    struct http_client *client;
    const struct aws_credentials *credentials;
    struct metrics *metrics; /* may be NULL */
};

/* ERROR_INVALID names the setting that is wrong. What it is given outlives it; texts are copied. */
int outside_new(struct outside **out, const struct outside_options *options, struct error *error);

/* Once no call is under way (http_client_stop). NULL is fine. */
void outside_free(struct outside *outside);

struct outside_wine {
    const char *id;
    float weight;
};

struct outside_query {
    const struct outside_wine *history; /* what the shopper did, as the model weighs it */
    size_t history_count;
    const char *const *candidates; /* their ids, the model's best first */
    size_t candidate_count;
};

/* Asks for scores. `done` is called once, on the client's thread or before outside_score returns:
 * with a score for each candidate, higher is better, which live until it returns; or with NULL, and
 * the model's own order serves. Must be short. Any thread; the query may go at once. More than the
 * limits above is a programmer's error. */
void outside_score(struct outside *outside, const struct outside_query *query,
    void (*done)(void *ctx, const float *scores), void *ctx);

#endif
