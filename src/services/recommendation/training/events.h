/*
 * What a model learns from: who did what with which wine, and when. Collected row by row, then
 * finished: one event per shopper and wine (the newest; of two kinds the stronger), in the order of
 * time per shopper, at most EVENTS_PER_SHOPPER of the newest, so that one shopper with ten million
 * events counts as one shopper.
 *
 * Not thread-safe while it is collected; immutable once finished.
 */
#ifndef TRAINING_EVENTS_H
#define TRAINING_EVENTS_H

#include "trained.h"

#define EVENTS_PER_SHOPPER 1000

/* How much an act says. A rating: 1 for the usual 3.5 stars, 0.2 more or less per star (found with
 * X-Wines). The other kinds are set by hand: what costs the shopper more says more. */
float act_strength(enum trained_act_kind kind, float stars);

struct events {
    size_t wines, shoppers, count;
    size_t *first; /* shopper's events begin here; shoppers + 1 of them */
    uint32_t *wine;
    float *strength;
    int64_t *at_ms;
    int64_t newest_ms; /* 0 when there are none */
};

struct event_collector;

/* `wines`: numbers below it are known; others are passed over. */
struct event_collector *event_collector_new(size_t wines);
void event_collector_free(struct event_collector *collector);

/* `shopper` is a pseudonym; "" is nobody and passed over. */
void event_collector_add(struct event_collector *collector, const char *shopper, uint32_t wine,
    enum trained_act_kind kind, float stars, int64_t at_ms);

/* The same for one who numbers the shoppers, from 0 without gaps; not to be mixed. */
void event_collector_add_numbered(struct event_collector *collector, uint32_t shopper,
    uint32_t wine, enum trained_act_kind kind, float stars, int64_t at_ms);

/* The finished set, freed with events_free; the collector is empty afterwards. Shoppers stand in
 * the order in which they were first added. */
struct events *event_collector_finish(struct event_collector *collector);
void events_free(struct events *events);

/* The shopper's number (their order of adding), or NO_WINE. Until the collector is freed. */
uint32_t event_collector_shopper(const struct event_collector *collector, const char *shopper);

/* Those from `from_ms` to before `until_ms`, and with `hidden` not of those wines (a flag per wine;
 * may be NULL). Shoppers and wines keep their numbers. */
struct events *events_select(
    const struct events *events, int64_t from_ms, int64_t until_ms, const bool *hidden);

/* The time before which `share` (0 to 1) of the events lie. */
int64_t events_quantile(const struct events *events, double share);

/* The same events by wine: who, in the order of shoppers. */
struct events_by_wine {
    size_t *first; /* wines + 1 */
    uint32_t *shopper;
    float *strength;
};
struct events_by_wine events_by_wine(const struct events *events);
void events_by_wine_release(struct events_by_wine *by_wine);

#endif
