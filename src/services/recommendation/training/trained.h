/*
 * A trained model: what train.h has worked out from what shoppers did, ready to rank wines.
 *
 * Three opinions are formed of each shopper and wine:
 * - the linear model's: a weighted sum of the rows of B, one per wine the shopper knows
 *   (linear.h: EASE with dropout and content);
 * - the low-pass filter's: the same with another B (filter.h);
 * - the factor model's: the product of the shopper's vector, found from the same wines in closed
 *   form, and the wine's (als.h).
 * Each is brought to mean 0 and deviation 1 over all wines; of m, their weighted mean, comes the
 * score: (floor + max(0, m + shift)) * boost, where boost says whether the wine is asked for more
 * or less of late than it used to be. All of it follows from the wines the shopper knows, so that a
 * new event changes the list at once, without training. Catalogues too large for a dense inverse
 * have the factor model and the boost alone.
 *
 * Immutable, counted references, any thread. Wines are numbers below `info->wines`.
 */
#ifndef TRAINING_TRAINED_H
#define TRAINING_TRAINED_H

#include "error.h"
#include "scored.h"

#include <stdbool.h>

struct buffer;
struct trained;

struct trained *trained_retain(struct trained *trained);
void trained_release(struct trained *trained); /* NULL is fine */

/* What is known of one training; kept beside the model's bytes, which are the same for the same
 * input. */
struct trained_record {
    int64_t version;                     /* 0 until it is kept */
    int64_t trained_ms;                  /* wall clock */
    double seconds, linear_seconds;      /* it took, and of these the linear model */
    double recall, ndcg;                 /* on the held-out last events (evaluate.h), ... */
    double popular_recall, popular_ndcg; /* ... and the popular list's; negative: not measured */
};

struct trained_info {
    int64_t until_ms; /* the newest event it knows; the trend's "now" */
    size_t wines, shoppers, events;
    bool linear; /* else the catalogue was too large for it */
    struct trained_record record;
};
const struct trained_info *trained_info(const struct trained *trained);

/* Before the model is shared. */
void trained_set_record(struct trained *trained, const struct trained_record *record);

/* The wine's id, the model's until it is released. */
const char *trained_wine_id(const struct trained *trained, uint32_t wine);
uint32_t trained_find(const struct trained *trained, const char *wine_id); /* or NO_WINE */

/* Whether too little was known of the wine to learn from: it is scored by its content and by
 * transfer from the wines most like it. */
bool trained_is_new(const struct trained *trained, uint32_t wine);

/* ---- what a shopper did ---- */

enum trained_act_kind {
    TRAINED_VIEW,
    TRAINED_CLICK,
    TRAINED_CART,
    TRAINED_ORDER,
    TRAINED_RATING,
};

struct trained_act {
    uint32_t wine;
    enum trained_act_kind kind;
    float stars; /* of TRAINED_RATING */
    int64_t at_ms;
};

#define TRAINED_MAX_ACTS 256 /* older ones say nothing any more */

/* From acts, oldest first and each wine once, to weights: newer ones say more, better stars and
 * stronger kinds too. `out` has room for `count`; returns how many, at most TRAINED_MAX_ACTS. */
size_t trained_preferences(const struct trained *trained, const struct trained_act *acts,
    size_t count, struct preference *out);

/* The same for one who has the strengths (events.h) already; `wines` are the model's numbers. */
size_t trained_weigh(const struct trained *trained, const uint32_t *wines, const float *strengths,
    size_t count, struct preference *out);

/* ---- ranking ---- */

/* Whether the wine may be listed. */
typedef bool trained_filter(void *ctx, uint32_t wine);

/* The best `max` wines that `admits` lets through (NULL: all), best first; returns how many.
 * Without preferences: what is asked for of late. Equal scores go to the more popular wine. */
size_t trained_rank(const struct trained *trained, const struct preference *preferences,
    size_t count, trained_filter *admits, void *ctx, struct scored *best, size_t max);

/* The scores that trained_rank gives, for these wines alone: fills in `score`, keeps the order. */
void trained_score(const struct trained *trained, const struct preference *preferences,
    size_t count, struct scored *list, size_t length);

/* What one preference alone says for the wine: the one that says most is the reason. */
float trained_part(
    const struct trained *trained, const struct preference *preference, uint32_t wine);

/* How alike the shoppers of two wines are, -1 to 1: the cosine of their vectors. */
float trained_likeness(const struct trained *trained, uint32_t a, uint32_t b);

/* The wines that go with the wine, nearest first; scores from 0 to 1, comparable between wines. */
size_t trained_similar(
    const struct trained *trained, uint32_t wine, struct scored *list, size_t max);

/* Events of the wine with a half-life (train.h) as of until_ms: what "popular now" means. */
float trained_popularity(const struct trained *trained, uint32_t wine);

/* ---- as a file ---- */

/* Appends the model as bytes: a header, sections and a BLAKE2b hash of all of it. The same model
 * gives the same bytes. */
void trained_write(const struct trained *trained, struct buffer *out);

/* ERROR_INVALID with a message for what is cut short, altered, of another program or format. */
int trained_read(struct trained **out, const void *data, size_t length, struct error *error);

#endif
