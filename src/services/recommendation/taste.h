/*
 * Taste: wines are near when their documents are (type, grapes, place, body, acidity, sweetness,
 * tannin, price, pairings). Each wine is a short list of weighted features; the score of two is the
 * cosine of their lists, rare features counting more.
 */
#ifndef RECOMMENDATION_TASTE_H
#define RECOMMENDATION_TASTE_H

#include "catalogue.h"

#define TASTE_NEIGHBOURS 64

/* How much each kind of feature says. */
struct taste_weights {
    double type, grapes, country, region, appellation, elaborate, winery;
    double body, acidity, sweetness, tannin, price, pairings;
};

/* For a shopper who asks for wines like this one, ... */
extern const struct taste_weights taste_likeness;
/* ... and for telling from the wines most like it who will want a new one: there the producer and
 * the country say most. Both were found with X-Wines' ratings. */
extern const struct taste_weights taste_demand;

/* The document's features, unweighted by rarity; returns the count. */
size_t taste_features(struct text_index *names, const struct wine_document *document,
    const struct taste_weights *weights, struct feature features[WINE_MAX_FEATURES]);

/* How much more a feature says by taste_demand than by taste_likeness; by its name. */
float taste_demand_ratio(const char *feature);

struct taste_wine {
    uint32_t group; /* neighbours are of other groups */
    uint32_t first; /* its features in the array; the next wine's `first` ends them */
    bool listed;    /* may be a neighbour */
};

/* Takes `wines` (count + 1 of them) and `features` over; frees them with free(). */
struct scorer *taste_new(
    struct taste_wine *wines, size_t count, struct feature *features, size_t feature_numbers);

#endif
