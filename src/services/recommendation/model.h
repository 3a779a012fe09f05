/*
 * The model: what the service has learnt of wines and shoppers, and what it answers from that.
 *
 * Learning (any thread, one at a time inside) changes counts, profiles and the catalogue. Asking
 * (any thread) goes by a snapshot: the wines, the scorers and the trained models as of the last
 * model_rebuild, immutable, swapped whole. What must be seen at once is laid over it live: bottles
 * available, and the profile of the shopper who asks. Popularity and pairs come in with the next
 * rebuild. No lock is held while wines are ranked.
 *
 * Who ranks: the trained model (trained.h); on the first days, while none is trained, taste.h and
 * together.h.
 */
#ifndef RECOMMENDATION_MODEL_H
#define RECOMMENDATION_MODEL_H

#include "catalogue.h"
#include "profiles.h"

#define MODEL_MAX_LIST 50

struct model;
struct trained;

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

/* The trained models to answer from: the current one, and the two arms of an experiment. */
enum model_trained { MODEL_CURRENT, MODEL_ARM_A, MODEL_ARM_B, MODEL_TRAINED };

/* Takes effect with the next rebuild, which it calls for if it changes anything (then true). NULL:
 * none. Retained as long as it is needed. */
bool model_use(struct model *model, enum model_trained which, struct trained *trained);

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
    MODEL_LIKED,       /* because of a wine they rated well */
    MODEL_BOUGHT,      /* ... ordered */
    MODEL_VIEWED,      /* ... looked at, or had in the basket */
    MODEL_BASKET,      /* goes with what is in the basket */
    MODEL_BOUGHT_WITH, /* often bought with what they ordered */
    MODEL_POPULAR,
    MODEL_NEW,
    MODEL_AGAIN, /* they ordered it before */
};

enum model_list {
    MODEL_PERSONAL,  /* for the shopper */
    MODEL_BASKET_OF, /* goes with what is in their basket */
    MODEL_BUY_AGAIN, /* what they ordered before, by how often and how long ago */
};

struct model_query {
    enum model_list list;
    const char *shopper; /* "": nobody */
    size_t limit;        /* at most MODEL_MAX_LIST */
    int64_t now_ms;
    int64_t min_price, max_price; /* minor units, both inclusive; INT64_MAX: no bound */
    unsigned types;               /* a bit for each catalogue_type(), 1 << type; 0: any */
    bool experiment;              /* interleave the two arms; not for the other lists */
    uint64_t seed;                /* for that */
};

struct model_pick {
    const char *wine_id;
    enum model_reason reason;
    const char *source_id, *source_name; /* of the first five; else NULL */
    int64_t ordered_ms;                  /* of MODEL_AGAIN: the last time */
    char arm;                            /* 'a', 'b', or 0: not part of the experiment */
};

struct model_answer {
    size_t count;
    bool personal; /* whether any came from what the shopper did */
    bool whole;    /* whether the shopper's past is known; see profiles.h */
    bool trained;  /* whether by a trained model */
    bool empty;    /* no basket, or nothing ordered: there is nothing to start from */
};

/* Fills `picks` (room for `limit`): what fits the query, is in stock, not rated 2 or less, not in
 * the basket, one per group. The personal list also leaves out what they rated or ordered, and
 * keeps the rules of docs/recommendations.md on variety and places for new wines. */
void model_recommend(struct model *model, const struct model_query *query, struct model_pick *picks,
    struct model_answer *answer);

/* ---- a personal list that somebody else puts in order ---- */

#define MODEL_MAX_CANDIDATES 200

/* A list that is ranked and not yet drawn up: what comes after the answer from outside is quick.
 * For one thread at a time; holds the snapshot it was ranked by, so it is for moments only. */
struct model_draft;

/* The best wines that may be listed, before the list's rules, and what the shopper did, weighed. */
struct model_candidates {
    size_t count, known_count;
    const char *ids[MODEL_MAX_CANDIDATES]; /* best first */
    const char *known_ids[PROFILE_ITEMS];
    float known_weights[PROFILE_ITEMS];
};

/* Never NULL; the query's experiment does not count. The candidates are the draft's. */
struct model_draft *model_draft_new(struct model *model, const struct model_query *query,
    const struct model_candidates **candidates);

/* Draws the list up as model_recommend does, by the same query; with scores for each candidate
 * (higher is better, equal ones stay in their order) these come first, in their order. Frees the
 * draft. */
void model_draft_finish(struct model_draft *draft, const struct model_query *query,
    const float *scores, struct model_pick *picks, struct model_answer *answer);

struct model_stats {
    size_t wines, profiles, pairs;
    int64_t rebuilds;
};
void model_stats(struct model *model, struct model_stats *stats);

#endif
