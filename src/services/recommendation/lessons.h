/*
 * Lessons: what there is to learn from, at one moment: the catalogue's wines and what shoppers did
 * with them, from the warehouse.
 */
#ifndef RECOMMENDATION_LESSONS_H
#define RECOMMENDATION_LESSONS_H

#include "events.h"
#include "shelf.h"

struct upstream;
struct warehouse;

struct lessons {
    struct shelf *shelf;
    struct event_collector *collector; /* knows the shoppers' names */
    struct events *events;
};

/* Reads what happened before `until_ms`. Waits for the product service and the warehouse;
 * ERROR_UNAVAILABLE when one of them does not answer. */
int lessons_read(struct lessons *lessons, struct upstream *product, struct warehouse *warehouse,
    int64_t until_ms, struct error *error);
void lessons_release(struct lessons *lessons);

/* The shopper's number, or NO_WINE for one who has done nothing. */
uint32_t lessons_shopper(const struct lessons *lessons, const char *shopper);

#endif
