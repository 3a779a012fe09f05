/* The kept list of experiments: what is read of it is what is written with the next one. */
#include "fuzz.h"

#include "blob.h"
#include "experiments.h"

#include <stdlib.h>
#include <string.h>

static bool same(const struct experiment *a, const struct experiment *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 &&
           a->version_a == b->version_a && a->version_b == b->version_b &&
           a->started_ms == b->started_ms && a->ended_ms == b->ended_ms;
}

static struct experiment *list(struct experiments *experiments, int *count)
{
    struct experiment *all = calloc(EXPERIMENTS_KEPT, sizeof(*all));
    *count = experiments_list(experiments, all, EXPERIMENTS_KEPT, NULL);
    demand(*count >= 0);
    return all;
}

static void add_one(struct blob *blob, struct experiments *experiments)
{
    struct experiment one, running;
    int before, after;
    if (experiments_running(experiments, &running))
        demand(experiments_stop(experiments, running.id, &running, NULL) == 0);
    struct experiment *old = list(experiments, &before);
    demand(experiments_start(experiments, "One \"more\"", 1, 2, &one, NULL) == 0);
    struct experiments *again = experiments_new(blob);
    demand(experiments_load(again, NULL) == 0);
    struct experiment *all = list(again, &after);
    demand(after == (before < EXPERIMENTS_KEPT ? before + 1 : EXPERIMENTS_KEPT));
    demand(same(&all[0], &one));
    for (int i = 1; i < after; i++)
        demand(same(&all[i], &old[i - 1]));
    free(all);
    free(old);
    experiments_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob *blob = blob_memory_new();
    struct experiments *experiments = experiments_new(blob);
    struct error error = {0};
    demand(blob_put(blob, EXPERIMENTS_BLOB, "application/json", data, size, &error) == 0);
    if (experiments_load(experiments, &error) == 0)
        add_one(blob, experiments);
    else
        demand(error.code == ERROR_UNAVAILABLE);
    experiments_free(experiments);
    blob_close(blob);
    return 0;
}
