/* What the files of the model share. */
#ifndef RECOMMENDATION_MODEL_INTERNAL_H
#define RECOMMENDATION_MODEL_INTERNAL_H

#include "mapping.h"
#include "model.h"
#include "together.h"

enum { SCORER_TASTE, SCORER_TOGETHER, SCORERS };

/* How much each sign says of a shopper's taste, and adds to a wine's popularity. */
#define WEIGHT_VIEW 1.0f
#define WEIGHT_CLICK 0.5f
#define WEIGHT_CART 3.0f
#define WEIGHT_ORDER 6.0f

#define POPULARITY_HALF_LIFE_DAYS 14.0
#define SNAPSHOT_FRESH 100

struct snapshot_wine {
    const char *id, *name;
    uint32_t group, winery, region;
    int64_t price;
    unsigned char type; /* as catalogue_type() has it */
    bool listed;        /* described and not withdrawn */
    bool withdrawn;
    bool fresh; /* new in the shop */
};

struct snapshot {
    atomic_int references;
    size_t count;
    struct snapshot_wine *wines;
    struct scorer *scorers[SCORERS];
    struct mapping *mappings[MODEL_TRAINED]; /* NULL where there is no such model */
    uint32_t *popular, *fresh;               /* best and newest first */
    size_t popular_count, fresh_count;
};

struct model {
    struct catalogue catalogue;
    struct profiles *profiles;

    pthread_mutex_t learning; /* guards the catalogue's tables and all below */
    struct pairs pairs;
    struct crowd *crowd;
    struct trained *trained[MODEL_TRAINED]; /* for the next snapshot; may be NULL */
    bool wines_changed, counts_changed;
    int64_t rebuilds;

    pthread_mutex_t snapshot_lock; /* guards the pointer alone */
    struct snapshot *snapshot;     /* never NULL */
};

struct snapshot *snapshot_acquire(struct model *model);
void snapshot_release(struct snapshot *snapshot);

/* How the scorers are mixed. */
extern const float scorer_weights[SCORERS];

#endif
