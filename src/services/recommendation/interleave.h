/*
 * Team-draft interleaving (Radlinski, Kurup and Joachims, CIKM 2008): one list from two rankings,
 * such that a click tells which ranking the shopper prefers.
 *
 * As in a school's ball game two captains choose in turn, each the best of its own ranking that is
 * still free; who begins a round is drawn by lot. So both have the same number of places, neither
 * is before the other more often than chance has it, and a place belongs to the arm that chose it.
 *
 * No memory, no clock, no other state: the same rankings, seed and verdicts give the same list.
 */
#ifndef RECOMMENDATION_INTERLEAVE_H
#define RECOMMENDATION_INTERLEAVE_H

#include "scored.h"

#include <stdbool.h>

#define INTERLEAVE_NOBODY (-1)

struct interleave {
    struct {
        const struct scored *ranked; /* best first; the caller's */
        size_t count;
        size_t first;  /* what is before it is gone for good */
        size_t places; /* chosen so far */
    } arms[2];
    uint64_t state; /* of the lot */
};

/* Either ranking may be empty. */
void interleave_init(struct interleave *interleave, const struct scored *a, size_t a_count,
    const struct scored *b, size_t b_count, uint64_t seed);

enum interleave_verdict {
    INTERLEAVE_FREE,
    INTERLEAVE_LATER, /* not for this place, perhaps for a later one */
    INTERLEAVE_GONE,  /* never again: listed already, say */
};
typedef enum interleave_verdict interleave_judge(void *ctx, uint32_t wine);

/* The next place: its wine, and whose it is (0 or 1). Where the captain whose turn it is has
 * nothing left to choose, the other's best fills the place, and it is INTERLEAVE_NOBODY's: a click
 * there says nothing. False when neither has anything. */
bool interleave_next(
    struct interleave *interleave, interleave_judge *judge, void *ctx, uint32_t *wine, int *arm);

#endif
