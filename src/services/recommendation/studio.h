/*
 * The studio: what an operator does with the model, beside a running store or without one: train,
 * list for a file of shoppers, evaluate, bring in ratings from elsewhere, go back to an earlier
 * version. Functions of the service; the command line and the back office call them.
 *
 * Threads: any that may wait. One training at a time (ERROR_CONFLICT, reason "training").
 */
#ifndef RECOMMENDATION_STUDIO_H
#define RECOMMENDATION_STUDIO_H

#include "evaluate.h"
#include "models.h"
#include "recommendation.h"

#include <stdio.h>

struct studio_training {
    int64_t as_of_ms; /* learn from what happened before; 0: till now */
    int threads;
    size_t least_events; /* with fewer there is nothing to learn */
    bool background;     /* nobody waits: only when nothing else is to be done */
};

/* Trains from the catalogue and what happened, measures on the last tenth of it, keeps the model as
 * a new version and serves it. `info` may be NULL. ERROR_CONFLICT with the reason
 * "nothing_to_learn"; ERROR_UNAVAILABLE when it was given up. */
int studio_train(struct recommendation_service *service, const struct studio_training *training,
    struct trained_info *info, struct error *error);

/* Whether a training, listing or evaluation runs. */
bool studio_is_busy(struct recommendation_service *service);

typedef void studio_line(void *ctx, const char *line);

struct studio_lists {
    int64_t shoppers, unknown; /* `unknown` of them had done nothing: they get the popular list */
    int64_t version;           /* 0: a model trained for this alone */
};

/* For each shopper of the file (one a line) a line "shopper<TAB>wine,wine,...", best first: `top`
 * (1 to 100) wines of the catalogue that the shopper has done nothing with, whether or not they are
 * in stock. With `as_of_ms` (0: now) as it would have been then: from what happened before, with
 * the current model if that knows nothing newer, else with one trained from the same. ERROR_INVALID
 * names a bad line; ERROR_NOT_FOUND when no model is trained yet. */
int studio_recommend(struct recommendation_service *service, FILE *shoppers, int top,
    int64_t as_of_ms, int threads, studio_line *line, void *ctx, struct studio_lists *result,
    struct error *error);

struct studio_evaluation {
    struct evaluation trained, one_event, popular, knn; /* `one_event`: the last one alone known */
    double new_wines; /* mean recall among wines never seen; negative: not measured */
    size_t hidden, draws;
    int64_t split_ms; /* history before, truth from then on */
    struct trained_info model;
};

/* Trains on what happened before the truth, and holds lists against it. The truth is a file of
 * ratings, or (NULL) the last `share` of what happened. Nothing is kept. */
int studio_evaluate(struct recommendation_service *service, FILE *truth, double share, int threads,
    struct studio_evaluation *result, struct error *error);

struct studio_import {
    int64_t rows, rejected;
};
struct studio_import_callbacks {
    void (*rejected)(void *ctx, int64_t line, const char *field, const char *reason);
    void (*progress)(void *ctx, int64_t rows, int64_t bytes, int64_t total_bytes);
    void *ctx;
};

/* Loads a file of ratings (ratings_file.h) into the warehouse: all or nothing, or with `keep_good`
 * the good rows. Repeatable: a row replaces what was imported of its shopper and wine. The file
 * must be seekable. ERROR_INVALID when rows are bad (each was told) and nothing was loaded. */
int studio_import_ratings(struct recommendation_service *service, FILE *file, bool keep_good,
    const struct studio_import_callbacks *callbacks, struct studio_import *result,
    struct error *error);

struct models *studio_models(struct recommendation_service *service);

/* Serves another version from now on; as models_use. */
int studio_use(struct recommendation_service *service, int64_t version, struct error *error);

#endif
