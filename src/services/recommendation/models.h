/*
 * The versions of the trained model, and the one that serves.
 *
 * Each version is kept in the blob store: its bytes in parts under "models/<version>/", and beside
 * them "record.json" (when and from how much it was trained, how good it is), written last, so that
 * a version without it is no version. "models/current.json" names the one that serves; writing it
 * is the switch. The newest MODELS_KEPT versions are kept, the current one and those in use by an
 * experiment besides.
 *
 * A version that cannot be read (cut short, altered, of another program) is refused, logged and
 * counted (`recommendation_models_refused_total`); the newest good one before it serves.
 *
 * Threads: any. Those that say "may wait" wait for the blob store and belong on a thread that may.
 */
#ifndef RECOMMENDATION_MODELS_H
#define RECOMMENDATION_MODELS_H

#include "trained.h"

struct blob;
struct experiments;
struct metrics;
struct models;

#define MODELS_KEPT 10

/* `blob`, `experiments` and `metrics` (may be NULL) outlive it. Knows none until models_load. */
struct models *models_new(
    struct blob *blob, struct experiments *experiments, struct metrics *metrics);
void models_free(struct models *models);

/* Reads which versions there are and the current one, unless that is done. May wait. 0 also when
 * there is none; ERROR_UNAVAILABLE when the blob store cannot be read. */
int models_load(struct models *models, struct error *error);

/* The one that serves, for the caller to release; NULL while there is none. Takes a lock for a
 * moment. */
struct trained *models_current(struct models *models);

/* A version, for the caller to release: the current one and the last asked for are in memory,
 * others are read. ERROR_NOT_FOUND; ERROR_INVALID for a file that is refused. May wait. */
int models_get(struct models *models, int64_t version, struct trained **out, struct error *error);

/* The same from memory alone: NULL when it would have to be read. Never waits. */
struct trained *models_peek(struct models *models, int64_t version);

/* Keeps the model as the next version, tells it so (trained_record) and makes it the current one.
 * May wait. */
int models_keep(struct models *models, struct trained *trained, struct error *error);

/* Makes a version the current one. ERROR_NOT_FOUND; ERROR_INVALID when its file is refused: then
 * the present one goes on. May wait. */
int models_use(struct models *models, int64_t version, struct error *error);

struct models_version {
    struct trained_info info;
    bool current;
};

/* The newest first, at most `max`; returns how many. */
size_t models_list(struct models *models, struct models_version *list, size_t max);

#endif
