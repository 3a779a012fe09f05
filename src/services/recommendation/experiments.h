/*
 * Experiments between two models: which ran, which runs. One runs at a time; while it does, lists
 * are made of both models' by turns (interleaved) and shoppers' clicks decide (the warehouse counts
 * them). What ended is kept, the newest EXPERIMENTS_KEPT.
 *
 * The list lives in memory and in one blob, EXPERIMENTS_BLOB, written whole with every change: a
 * change counts once it is there. A blob that cannot be read (the store away, or text that is none
 * of ours) is never written over: changes fail with ERROR_UNAVAILABLE until it can be.
 *
 * Threads: any. Those that say "may wait" wait for the blob store and belong on a thread that may;
 * the others take a lock for moments.
 */
#ifndef RECOMMENDATION_EXPERIMENTS_H
#define RECOMMENDATION_EXPERIMENTS_H

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct experiments;

#define EXPERIMENTS_BLOB "models/experiments.json"
#define EXPERIMENTS_KEPT 200
#define EXPERIMENT_NAME_MAX 100 /* characters */

struct experiment {
    char id[ID_SIZE];
    char name[4 * EXPERIMENT_NAME_MAX + 1]; /* UTF-8 */
    int64_t version_a, version_b;           /* of models; a and b differ */
    int64_t started_ms;
    int64_t ended_ms; /* 0 while it runs */
};

/* `blob` outlives it. Knows of none until experiments_load. */
struct experiments *experiments_new(struct blob *blob);
void experiments_free(struct experiments *experiments);

/* Reads the blob, unless that is done. May wait. */
int experiments_load(struct experiments *experiments, struct error *error);

/* Whether one runs, and which. Quick enough for every list that is made. */
bool experiments_running(struct experiments *experiments, struct experiment *copy);

/* Starts one; the caller has made sure that there are such versions. ERROR_INVALID with the field
 * "name" (empty, blank, too long) or "version_b" (the same as version_a); ERROR_CONFLICT with the
 * reason "experiment_running". May wait. */
int experiments_start(struct experiments *experiments, const char *name, int64_t version_a,
    int64_t version_b, struct experiment *copy, struct error *error);

/* Ends the one of that id; one that has ended stays as it is. ERROR_NOT_FOUND. May wait. */
int experiments_stop(
    struct experiments *experiments, const char *id, struct experiment *copy, struct error *error);

/* One by its id. ERROR_NOT_FOUND; ERROR_UNAVAILABLE while nothing could be read. */
int experiments_get(
    struct experiments *experiments, const char *id, struct experiment *copy, struct error *error);

/* The newest first, at most `max`; returns how many, or ERROR_UNAVAILABLE as above. */
int experiments_list(
    struct experiments *experiments, struct experiment *list, size_t max, struct error *error);

/* Whether the version takes part in the experiment that runs. */
bool experiments_use(struct experiments *experiments, int64_t version);

#endif
