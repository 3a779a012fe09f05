/* The rules of POST /events, without HTTP: what a page may report, and what of it is kept. */
#ifndef RECOMMENDATION_ACTIVITY_H
#define RECOMMENDATION_ACTIVITY_H

#include "json.h"

#include <stdint.h>

struct arena;
struct buffer;

#define ACTIVITY_MAX 50
#define ACTIVITY_MAX_QUERY 200
#define ACTIVITY_MAX_LIST 50
#define ACTIVITY_MAX_POSITION 10000

struct activity {
    const char *type;    /* one of the four */
    const char *wine_id; /* NULL for searches */
    const char *query;   /* scrubbed; of the search, or that a wine was found by (NULL: none) */
    const char *list;    /* NULL: not told */
    int64_t results;     /* -1: not told */
    int64_t position;    /* of the wine in the list, from 1; 0: not told */
    const char *experiment, *arm; /* both or none (NULL) */
    int64_t at_ms;                /* when it happened, by the client's clock within the last day */
};

/* Reads `{"events": [...]}` into an array in the arena; returns the count, or ERROR_INVALID naming
 * the field as "events[2].wine_id". */
int activity_read(const json_t *body, int64_t now_ms, struct arena *arena,
    struct activity **activities, struct error *error);

/* The query as it may be published: on one line, white space at the ends cut, "***" for what looks
 * like an e-mail address, a telephone or a card number. */
const char *activity_scrub(struct arena *arena, const char *query);

/* Appends the event's data: the shopper (`user` or else `guest`, both may be "") and the rest. */
void activity_append_data(
    struct buffer *buffer, const struct activity *activity, const char *user, const char *guest);

#endif
