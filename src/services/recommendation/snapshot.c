/* Training: from what was learnt to the immutable state that questions go by. */
#include "model_internal.h"
#include "taste.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define FRESH_MS (30 * DAY_MS)
#define OPENING_MS DAY_MS /* what came with the first wines is stock, not news */

/* The rating's say in popularity: stars above the usual, sure by the number of raters. */
#define RATING_WEIGHT 2.0
#define USUAL_STARS 3.5
#define USUAL_RATERS 10.0

struct snapshot *snapshot_acquire(struct model *model)
{
    pthread_mutex_lock(&model->snapshot_lock);
    struct snapshot *snapshot = model->snapshot;
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&model->snapshot_lock);
    return snapshot;
}

void snapshot_release(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < SCORERS; i++)
        scorer_release(snapshot->scorers[i]);
    free(snapshot->wines);
    free(snapshot->popular);
    free(snapshot->fresh);
    free(snapshot);
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

static bool is_listed(const struct wine *wine)
{
    return wine->described && !wine->withdrawn;
}

/* ---- copies, made under the learning lock ---- */

static void copy_wines(struct model *model, struct snapshot *snapshot)
{
    const struct catalogue *catalogue = &model->catalogue;
    snapshot->count = catalogue->count;
    snapshot->wines = zeroed(catalogue->count, sizeof(*snapshot->wines));
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct wine *wine = &catalogue->wines[i];
        snapshot->wines[i] = (struct snapshot_wine){.id = wine->id,
            .name = wine->name,
            .group = wine->group,
            .winery = wine->winery,
            .region = wine->region,
            .listed = is_listed(wine),
            .withdrawn = wine->withdrawn};
    }
}

struct taste_input {
    struct taste_wine *wines;
    struct feature *features;
    size_t count, feature_numbers;
};

static struct taste_input copy_taste(const struct catalogue *catalogue)
{
    struct taste_input input = {
        .count = catalogue->count, .feature_numbers = text_index_count(catalogue->features)};
    size_t total = 0;
    for (size_t i = 0; i < catalogue->count; i++)
        total += catalogue->wines[i].feature_count;
    input.wines = zeroed(catalogue->count + 1, sizeof(*input.wines));
    input.features = zeroed(total, sizeof(*input.features));
    uint32_t next = 0;
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct wine *wine = &catalogue->wines[i];
        input.wines[i] =
            (struct taste_wine){.group = wine->group, .first = next, .listed = is_listed(wine)};
        if (wine->feature_count)
            memcpy(input.features + next, wine->features,
                wine->feature_count * sizeof(*input.features));
        next += (uint32_t)wine->feature_count;
    }
    input.wines[catalogue->count].first = next;
    return input;
}

struct together_input {
    struct pair *pairs;
    double *occurrences;
    size_t pair_count, wine_count;
};

static struct together_input copy_together(const struct model *model)
{
    const struct catalogue *catalogue = &model->catalogue;
    struct together_input input = {.wine_count = catalogue->count};
    input.pairs = zeroed(model->pairs.count, sizeof(*input.pairs));
    for (size_t i = 0; i < model->pairs.capacity; i++) {
        if (model->pairs.slots[i].b)
            input.pairs[input.pair_count++] = model->pairs.slots[i];
    }
    input.occurrences = zeroed(catalogue->count, sizeof(*input.occurrences));
    for (size_t i = 0; i < catalogue->count; i++)
        input.occurrences[i] = catalogue->wines[i].occurrences;
    return input;
}

/* ---- rankings ---- */

static double popularity_of(struct catalogue *catalogue, size_t number, double scale)
{
    const struct wine *wine = &catalogue->wines[number];
    double acts = atomic_load_explicit(
        &catalogue_live(catalogue, (uint32_t)number)->popularity, memory_order_relaxed);
    double raters = (double)wine->rating_count;
    double rating =
        raters > 0 ? (wine->rating_mean - USUAL_STARS) * raters / (raters + USUAL_RATERS) : 0;
    return acts / scale + RATING_WEIGHT * rating;
}

static uint32_t *take_numbers(struct scored *list, size_t *count, size_t max)
{
    *count = scored_select(list, *count, max);
    uint32_t *numbers = zeroed(*count, sizeof(*numbers));
    for (size_t i = 0; i < *count; i++)
        numbers[i] = list[i].wine;
    return numbers;
}

static void rank(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now_ms)
{
    struct scored *popular = zeroed(catalogue->count, sizeof(*popular));
    struct scored *fresh = zeroed(catalogue->count, sizeof(*fresh));
    double scale = decay_scale(now_ms, POPULARITY_HALF_LIFE_DAYS);
    int64_t opening = INT64_MAX;
    for (size_t i = 0; i < catalogue->count; i++) {
        int64_t added = catalogue->wines[i].added_ms;
        if (is_listed(&catalogue->wines[i]) && added && added < opening)
            opening = added;
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct wine *wine = &catalogue->wines[i];
        if (!is_listed(wine))
            continue;
        popular[snapshot->popular_count++] = (struct scored){
            .wine = (uint32_t)i, .score = (float)popularity_of(catalogue, i, scale)};
        if (wine->added_ms > now_ms - FRESH_MS && wine->added_ms > opening + OPENING_MS)
            fresh[snapshot->fresh_count++] =
                (struct scored){.wine = (uint32_t)i, .score = (float)(wine->added_ms - opening)};
    }
    snapshot->popular = take_numbers(popular, &snapshot->popular_count, SNAPSHOT_POPULAR);
    snapshot->fresh = take_numbers(fresh, &snapshot->fresh_count, SNAPSHOT_FRESH);
    free(popular);
    free(fresh);
}

enum model_change model_rebuild(struct model *model, int64_t now_ms)
{
    struct snapshot *made = zeroed(1, sizeof(*made));
    atomic_init(&made->references, 1);
    struct taste_input taste = {0};
    pthread_mutex_lock(&model->learning);
    bool wines_changed = model->wines_changed;
    if (!wines_changed && !model->counts_changed) {
        pthread_mutex_unlock(&model->learning);
        free(made);
        return MODEL_SAME;
    }
    copy_wines(model, made);
    if (wines_changed)
        taste = copy_taste(&model->catalogue);
    struct together_input together = copy_together(model);
    rank(&model->catalogue, made, now_ms);
    model->wines_changed = model->counts_changed = false;
    model->rebuilds++;
    pthread_mutex_unlock(&model->learning);

    /* The neighbours by taste are dear and depend on the documents alone: they are kept. */
    made->scorers[SCORER_TASTE] =
        wines_changed ? taste_new(taste.wines, taste.count, taste.features, taste.feature_numbers)
                      : scorer_retain(model->snapshot->scorers[SCORER_TASTE]);
    made->scorers[SCORER_TOGETHER] = together_new(together.pairs, together.pair_count,
        together.occurrences, together.wine_count, decay_scale(now_ms, TOGETHER_HALF_LIFE_DAYS));
    free(together.pairs);
    free(together.occurrences);

    pthread_mutex_lock(&model->snapshot_lock);
    struct snapshot *old = model->snapshot;
    model->snapshot = made;
    pthread_mutex_unlock(&model->snapshot_lock);
    snapshot_release(old);
    return wines_changed ? MODEL_WINES : MODEL_COUNTS;
}
