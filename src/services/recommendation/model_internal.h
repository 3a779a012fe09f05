/* What the files of the model share. */
#ifndef RECOMMENDATION_MODEL_INTERNAL_H
#define RECOMMENDATION_MODEL_INTERNAL_H

#include "model.h"
#include "together.h"

enum { SCORER_TASTE, SCORER_TOGETHER, SCORERS };

#define POPULARITY_HALF_LIFE_DAYS 14.0
#define SNAPSHOT_POPULAR 400
#define SNAPSHOT_FRESH 100

struct snapshot_wine {
    const char *id, *name;
    uint32_t group, winery, region;
    bool listed; /* described and not withdrawn */
    bool withdrawn;
};

struct snapshot {
    atomic_int references;
    size_t count;
    struct snapshot_wine *wines;
    struct scorer *scorers[SCORERS];
    uint32_t *popular, *fresh; /* best and newest first */
    size_t popular_count, fresh_count;
};

struct model {
    struct catalogue catalogue;
    struct profiles *profiles;

    pthread_mutex_t learning; /* guards the catalogue's tables and all below */
    struct pairs pairs;
    struct crowd *crowd;
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
