/*
 * The words that scorers share: wines as numbers, what a wine is like, what a shopper did and how
 * much it says, and lists of wines by score.
 */
#ifndef TRAINING_SCORED_H
#define TRAINING_SCORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NO_WINE UINT32_MAX

struct scored {
    uint32_t wine;
    float score;
};

/* What a shopper did: a wine and how much it says, negative for what was disliked. */
struct preference {
    uint32_t wine;
    float weight;
};

/* One of the things a wine's document says. */
struct feature {
    uint32_t number;
    float weight;
};

/* Keeps the best `max` of the list at its front, best first; returns how many. Equal scores go by
 * the number, so that results repeat. */
size_t scored_select(struct scored *list, size_t count, size_t max);

/* The same one by one, in the order of the numbers: the best `max` (above 0) offered so far. What
 * is dear to find out about a wine need only be asked when it would be kept. */
struct scored_best {
    struct scored *list; /* the caller's, room for `max` */
    size_t count, max;
};

static inline bool scored_best_wants(const struct scored_best *best, float score)
{
    return best->count < best->max || score > best->list[0].score;
}

/* Only what is wanted. */
void scored_best_add(struct scored_best *best, uint32_t wine, float score);

/* Best first; returns how many. */
size_t scored_best_sort(struct scored_best *best);

#endif
