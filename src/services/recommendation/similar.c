/* Wines like a wine: what a trained model says, and what they taste of. */
#include "model_internal.h"

#include <stdlib.h>

#define TRAINED_WEIGHT 1.0f /* as SCORER_TOGETHER, whose place it takes */
#define TRAINED_LIST 128

static bool add_trained(const struct mapping *mapping, uint32_t wine, struct candidates *candidates)
{
    struct scored list[TRAINED_LIST];
    uint32_t number = mapping && wine < mapping->count ? mapping->to_trained[wine] : NO_WINE;
    if (number == NO_WINE)
        return false;
    size_t count = trained_similar(mapping->trained, number, list, TRAINED_LIST);
    for (size_t i = 0; i < count; i++) {
        uint32_t other = mapping->from_trained[list[i].wine];
        if (other != NO_WINE)
            candidates_add(
                candidates, other, TRAINED_WEIGHT * list[i].score, wine, SCORER_TOGETHER);
    }
    return true;
}

/* The candidates above zero, best first; freed with free(). */
static struct scored *sorted(const struct candidates *candidates, size_t *count)
{
    struct scored *list = malloc((candidates->count + 1) * sizeof(*list));
    if (!list)
        abort();
    size_t length = 0;
    for (size_t i = 0; i < candidates->capacity; i++) {
        const struct candidate *candidate = &candidates->slots[i];
        if (candidate->wine != NO_WINE && candidate->score > 0)
            list[length++] = (struct scored){.wine = candidate->wine, .score = candidate->score};
    }
    *count = scored_select(list, length, length);
    return list;
}

static size_t take(struct model *model, const struct snapshot *snapshot, uint32_t wine,
    const struct scored *list, size_t count, size_t limit, const char **ids)
{
    uint32_t groups[MODEL_MAX_LIST];
    size_t taken = 0;
    /* Those that can be bought first; then, if there is room, the others. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count && taken < limit; i++) {
            if (list[i].wine >= snapshot->count)
                continue;
            const struct snapshot_wine *other = &snapshot->wines[list[i].wine];
            bool in_stock = catalogue_available(&model->catalogue, list[i].wine) > 0;
            if (!other->listed || in_stock != (pass == 0) ||
                other->group == snapshot->wines[wine].group)
                continue;
            bool shown = false;
            for (size_t j = 0; j < taken; j++)
                shown = shown || groups[j] == other->group;
            if (shown)
                continue;
            groups[taken] = other->group;
            ids[taken++] = other->id;
        }
    }
    return taken;
}

enum model_found model_similar(
    struct model *model, const char *wine_id, size_t limit, const char **ids, size_t *count)
{
    uint32_t wine = catalogue_find(&model->catalogue, wine_id);
    struct snapshot *snapshot = snapshot_acquire(model);
    enum model_found found = MODEL_FOUND;
    if (wine == NO_WINE || wine >= snapshot->count)
        found = MODEL_UNKNOWN;
    else if (!snapshot->wines[wine].listed)
        found = snapshot->wines[wine].withdrawn ? MODEL_WITHDRAWN : MODEL_UNKNOWN;
    if (found == MODEL_FOUND) {
        struct preference only = {.wine = wine, .weight = 1};
        struct candidates candidates = candidates_new(256);
        bool trained = add_trained(snapshot->mappings[MODEL_CURRENT], wine, &candidates);
        for (int i = 0; i < SCORERS; i++) {
            if (i != SCORER_TOGETHER || !trained)
                scorer_score(snapshot->scorers[i], &only, 1, scorer_weights[i], i, &candidates);
        }
        size_t length;
        struct scored *list = sorted(&candidates, &length);
        *count = take(model, snapshot, wine, list, length,
            limit < MODEL_MAX_LIST ? limit : MODEL_MAX_LIST, ids);
        free(list);
        candidates_release(&candidates);
    }
    snapshot_release(snapshot);
    return found;
}
