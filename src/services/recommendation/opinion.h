/*
 * What one ranking says for one shopper: the wines that may be listed, best first, and for each of
 * them what it is there for. It comes from a trained model, or on the first days from the scorers
 * that need no training. For one thread and one answer; everything but the first days' candidates
 * is inside the struct.
 */
#ifndef RECOMMENDATION_OPINION_H
#define RECOMMENDATION_OPINION_H

#include "model_internal.h"

#define OPINION_RANKED 320 /* enough for the longest list after all rules */
#define OPINION_NEW 16

/* Whether the wine may be listed at all. */
typedef bool opinion_filter(void *ctx, uint32_t wine);

struct opinion {
    const struct snapshot *snapshot;
    const struct mapping *mapping; /* NULL: the first days' */
    const struct profile_item *items;
    size_t item_count;

    struct trained_act acts[PROFILE_ITEMS];
    uint32_t sources[PROFILE_ITEMS]; /* of each act: the catalogue's wine it stands for */
    size_t act_count;
    struct preference preferences[PROFILE_ITEMS];
    size_t preference_count;
    struct candidates candidates; /* the first days' */

    struct scored ranked[OPINION_RANKED]; /* the catalogue's numbers */
    size_t ranked_count;
};

struct opinion_question {
    const struct snapshot *snapshot;
    const struct mapping *mapping;
    const struct profile_item *items; /* what the shopper did, in the order of time */
    size_t count;
    int64_t now_ms;
    size_t depth; /* how many wines to rank, at most OPINION_RANKED */
    opinion_filter *filter;
    void *ctx;
};

/* Ranks; what the question points to outlives the opinion. Without items a trained model ranks by
 * its trend, and the first days' scorers have nothing to say. */
void opinion_form(struct opinion *opinion, const struct opinion_question *question);
void opinion_release(struct opinion *opinion);

/* The shopper's item that says most for the wine, or NULL when none does. */
const struct profile_item *opinion_source(const struct opinion *opinion, uint32_t wine);

/* What the opinion goes by: the catalogue's wines and what they say. Returns how many. */
size_t opinion_history(const struct opinion *opinion, struct preference history[PROFILE_ITEMS]);

/* Puts the first `count` ranked wines in the order of their scores, higher first; equal ones stay
 * in their order. */
void opinion_reorder(struct opinion *opinion, const float *scores, size_t count);

/* The best of the wines that are new in the shop or of which too little is known to learn from, as
 * far as they are worth a place: a deviation above the average wine. Returns how many. What the
 * model has never heard of has the mean score of the wines that stand for it. */
size_t opinion_new(const struct opinion *opinion, opinion_filter *filter, void *ctx,
    struct scored best[OPINION_NEW]);

#endif
