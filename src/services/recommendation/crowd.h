/*
 * How much one shopper may add to the figures of all (popularity, pairs): each wine once an hour by
 * each kind of sign, and so many signs an hour in all. What goes beyond is the shopper's own taste
 * still, but not the crowd's: a browser that reloads a page all day must not make a wine popular.
 *
 * Bounded memory, by hashes: the shopper and the wine not heard of for longest are forgotten first,
 * and count anew. Times are those of the events. Not thread-safe.
 */
#ifndef RECOMMENDATION_CROWD_H
#define RECOMMENDATION_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#define CROWD_PAUSE_S 3600 /* between two that count, of one shopper, wine and kind */
#define CROWD_SIGNS 200    /* that count, of one shopper in that time */

enum crowd_sign { CROWD_VIEW, CROWD_CLICK, CROWD_CART, CROWD_RATING };

struct crowd;

struct crowd *crowd_new(void);
void crowd_free(struct crowd *crowd);

/* Whether this one counts; a shopper of "" is nobody in particular and always does. */
bool crowd_counts(
    struct crowd *crowd, const char *shopper, uint32_t wine, enum crowd_sign sign, int64_t at_ms);

#endif
