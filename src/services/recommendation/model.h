/*
 * The model: what the service has learnt of wines and shoppers, and what it answers from that.
 *
 * Learning (any thread, one at a time inside) changes counts, profiles and the catalogue. Asking
 * (any thread) goes by a snapshot: the wines and the trained scorers as of the last model_rebuild,
 * immutable, swapped whole. What must be seen at once is laid over it live: bottles available, and
 * the profile of the shopper who asks. Popularity and pairs come in with the next rebuild.
 */
#ifndef RECOMMENDATION_MODEL_H
#define RECOMMENDATION_MODEL_H

#include "catalogue.h"
#include "profiles.h"

#define MODEL_MAX_LIST 50

struct model;

struct model *model_new(size_t max_profiles);
void model_free(struct model *model);

/* ---- learning ---- */

/* A sequence of 0 is "not known": it never beats one that is. `available` in bottles, -1 leaves it.
 */
void model_describe(
    struct model *model, const struct wine_document *document, int64_t sequence, int64_t available);
void model_withdraw(struct model *model, const char *wine_id, int64_t sequence);
void model_stock(struct model *model, const char *wine_id, int64_t available, int64_t sequence);

void model_view(struct model *model, const char *shopper, const char *wine_id, int64_t at_ms);
void model_click(struct model *model, const char *shopper, const char *wine_id, int64_t at_ms);
void model_cart(
    struct model *model, const char *shopper, const char *wine_id, bool inside, int64_t at_ms);
void model_order(struct model *model, const char *shopper, const char *order_id,
    const char *const *wine_ids, size_t count, int64_t at_ms);
void model_order_undone(struct model *model, const char *shopper, const char *order_id);
void model_rate(
    struct model *model, const char *shopper, const char *wine_id, double stars, int64_t at_ms);
void model_rating(struct model *model, const char *wine_id, double mean, int64_t count);
void model_merge(struct model *model, const char *user, const char *guest);
void model_forget(struct model *model, const char *shopper);

enum model_change { MODEL_SAME, MODEL_COUNTS, MODEL_WINES };

/* Trains what changed since the last time and swaps the snapshot; for a background thread, one at
 * a time. Tells what had changed: nothing, what shoppers did, or (also) wines. */
enum model_change model_rebuild(struct model *model, int64_t now_ms);

/* ---- asking ---- */

/* Whether the wine was ever heard of. */
bool model_knows(struct model *model, const char *wine_id);

enum model_found {
    MODEL_FOUND,
    MODEL_UNKNOWN, /* the wine is not (yet) in the snapshot */
    MODEL_WITHDRAWN,
};

/* Wines of other groups, one per group, nearest first but those in stock before the others. `ids`
 * has room for `limit` (at most MODEL_MAX_LIST); the texts live as long as the model. */
enum model_found model_similar(
    struct model *model, const char *wine_id, size_t limit, const char **ids, size_t *count);

enum model_reason {
    MODEL_LIKED,       /* tastes like what they ordered, rated well or put in the basket */
    MODEL_VIEWED,      /* near to what they looked at */
    MODEL_BASKET,      /* bought with what is in the basket */
    MODEL_BOUGHT_WITH, /* bought with what they ordered */
    MODEL_POPULAR,
    MODEL_NEW,
};

struct model_pick {
    const char *wine_id;
    enum model_reason reason;
    const char *source_id, *source_name; /* of the first four; else NULL */
};

/* A list for the shopper ("" is nobody): in stock, not disliked, not in the cart or the last order,
 * one per group; at most 2 of a winery and 3 of a region among the first 10. `picks` has room for
 * `limit` (at most MODEL_MAX_LIST). Returns how many; `*personal` tells whether any came from what
 * the shopper did. */
size_t model_recommend(struct model *model, const char *shopper, size_t limit, int64_t now_ms,
    struct model_pick *picks, bool *personal);

struct model_stats {
    size_t wines, profiles, pairs;
    int64_t rebuilds;
};
void model_stats(struct model *model, struct model_stats *stats);

#endif
