/*
 * Between a trained model's wine numbers and the catalogue's, both ways, and what stands for the
 * wines that the model has never heard of: as in training, those most like them that it has, the
 * more alike the more.
 * Immutable, counted references, any thread.
 */
#ifndef RECOMMENDATION_MAPPING_H
#define RECOMMENDATION_MAPPING_H

#include "content.h"
#include "trained.h"

#include <stdatomic.h>

struct snapshot;

#define MAPPING_NEAR 10    /* wines that stand for an unknown one */
#define MAPPING_UNKNOWN 64 /* unknown wines that are stood for, the newest */
#define MAPPING_NEW 256    /* known wines that are new, the newest */

struct unknown_wine {
    uint32_t wine;               /* the catalogue's */
    uint32_t near[MAPPING_NEAR]; /* the model's, nearest first */
    float share[MAPPING_NEAR];   /* of each in the mean; together 1 */
    size_t count;
};

struct mapping {
    atomic_int references;
    struct trained *trained;
    uint32_t *to_trained; /* by the catalogue's number; or NO_WINE */
    size_t count;
    uint32_t *from_trained; /* by the model's number; or NO_WINE */
    struct unknown_wine unknown[MAPPING_UNKNOWN];
    size_t unknown_count;
    uint32_t fresh[MAPPING_NEW]; /* the model's: new in the shop, or too little known of them */
    size_t fresh_count;
};

/* For a snapshot whose wines are made; `content` has as many wines and says who will want which. */
struct mapping *mapping_new(
    struct trained *trained, const struct snapshot *snapshot, const struct content *content);
struct mapping *mapping_retain(struct mapping *mapping);
void mapping_release(struct mapping *mapping); /* NULL is fine */

/* NULL for a wine that the model knows, or that nothing stands for. */
const struct unknown_wine *mapping_unknown(const struct mapping *mapping, uint32_t wine);

#endif
