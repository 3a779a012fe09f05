/* What the files of the trained model share. */
#ifndef TRAINING_TRAINED_INTERNAL_H
#define TRAINING_TRAINED_INTERNAL_H

#include "als.h"
#include "text_index.h"
#include "trained.h"

#include <stdatomic.h>

/* Up to so many wines every score is worked out; above, those that a rough pass finds best. */
#define TRAINED_EXACT_WINES 12000

/* How the opinions are weighed when a shopper is served; kept in the file. */
struct trained_blend {
    float linear, filter, factors; /* shares of the mean of standardised scores */
    float floor, shift;            /* score = (floor + max(0, mean + shift)) * boost */
    float profile_half_life;       /* in events of the shopper */
    float common, common_events;   /* train.h */
    float fold_power; /* a preference's confidence in the fold-in is its weight to this power */
};

/* A matrix of weights from wine to wine: `row_length` entries a row. `columns` is NULL when rows
 * are whole; `weights` is NULL when there is none. */
struct trained_matrix {
    float *weights;
    uint16_t *columns;
    size_t row_length;
};

struct trained {
    atomic_int references;
    struct trained_info info;
    struct trained_blend blend;
    struct als_options als; /* dims, alpha0, lambda, nu */
    struct text_index
        *ids;       /* in the order of popularity: a lower number is the more popular wine */
    uint8_t *fresh; /* wines */
    float *boost;   /* by the trend: 1 is neutral */
    float *popularity;
    float *common; /* log2 of the wine's events and a floor */
    struct trained_matrix linear, filter;
    float *factors; /* wines x dims */

    /* Worked out from the above when the model is made or read. */
    float *gram;              /* dims x dims: alpha0 V'V */
    float *mean, *covariance; /* of the factors: mean and deviation of scores over all wines */
    int8_t *codes;            /* factors in 8 bits, for the rough pass; NULL where all are exact */
    float *scales;            /* of each wine's codes */
    float *shrinks;           /* one over the length of each wine's vector; NULL like codes */
};

#define TRAINED_UNMEASURED                                                                         \
    {                                                                                              \
        .recall = -1, .ndcg = -1, .popular_recall = -1, .popular_ndcg = -1                         \
    }

/* Codes of a wine: its dims, rounded up to sixteen with zeros. */
static inline size_t trained_code_stride(const struct trained *trained)
{
    return ((size_t)trained->als.dims + 15) / 16 * 16;
}

/* Takes over what has been filled in above the line; allocates and fills what is below it. */
void trained_prepare(struct trained *trained);

#endif
