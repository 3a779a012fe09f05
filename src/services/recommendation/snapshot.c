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
    for (int i = 0; i < MODEL_TRAINED; i++)
        mapping_release(snapshot->mappings[i]);
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
            .price = wine->price,
            .type = wine->type,
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

struct rankings {
    struct scored *popular, *fresh;
    size_t popular_count, fresh_count;
};

static struct rankings copy_rankings(
    struct catalogue *catalogue, struct snapshot *snapshot, int64_t now_ms)
{
    struct rankings rankings = {.popular = zeroed(catalogue->count, sizeof(struct scored)),
        .fresh = zeroed(catalogue->count, sizeof(struct scored))};
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
        rankings.popular[rankings.popular_count++] = (struct scored){
            .wine = (uint32_t)i, .score = (float)popularity_of(catalogue, i, scale)};
        snapshot->wines[i].fresh =
            wine->added_ms > now_ms - FRESH_MS && wine->added_ms > opening + OPENING_MS;
        if (snapshot->wines[i].fresh)
            rankings.fresh[rankings.fresh_count++] =
                (struct scored){.wine = (uint32_t)i, .score = (float)(wine->added_ms - opening)};
    }
    return rankings;
}

/* Sorts `list` and frees it. */
static uint32_t *take_numbers(struct scored *list, size_t *count, size_t max)
{
    *count = scored_select(list, *count, max);
    uint32_t *numbers = zeroed(*count, sizeof(*numbers));
    for (size_t i = 0; i < *count; i++)
        numbers[i] = list[i].wine;
    free(list);
    return numbers;
}

/* All of what is popular, since a filter may let through only what is far down; the best of it
 * would do for nobody else. */
static void rank(struct snapshot *snapshot, struct rankings *rankings)
{
    snapshot->popular_count = rankings->popular_count;
    snapshot->fresh_count = rankings->fresh_count;
    snapshot->popular =
        take_numbers(rankings->popular, &snapshot->popular_count, rankings->popular_count);
    snapshot->fresh = take_numbers(rankings->fresh, &snapshot->fresh_count, SNAPSHOT_FRESH);
}

/* ---- trained models ---- */

/* What the wines are like, weighed by what tells who will want them, as in training. */
struct demand_input {
    struct feature *features;
    const struct feature **lists;
    size_t *counts, count, numbers;
};

static struct demand_input copy_demand(const struct catalogue *catalogue)
{
    struct demand_input input = {
        .count = catalogue->count, .numbers = text_index_count(catalogue->features)};
    float *ratios = zeroed(input.numbers, sizeof(*ratios));
    size_t total = 0;
    for (size_t i = 0; i < input.numbers; i++)
        ratios[i] = taste_demand_ratio(text_index_text(catalogue->features, (uint32_t)i));
    for (size_t i = 0; i < catalogue->count; i++)
        total += catalogue->wines[i].feature_count;
    input.features = zeroed(total, sizeof(*input.features));
    input.lists = zeroed(catalogue->count, sizeof(*input.lists));
    input.counts = zeroed(catalogue->count, sizeof(*input.counts));
    struct feature *next = input.features;
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct wine *wine = &catalogue->wines[i];
        input.lists[i] = next;
        input.counts[i] = wine->feature_count;
        for (size_t j = 0; j < wine->feature_count; j++, next++)
            *next = (struct feature){.number = wine->features[j].number,
                .weight = wine->features[j].weight * ratios[wine->features[j].number]};
    }
    free(ratios);
    return input;
}

static void release_demand(struct demand_input *input)
{
    free(input->features);
    free(input->lists);
    free(input->counts);
}

/* A mapping depends on the wines and the model alone: the snapshot before may have it. */
static struct mapping *kept_mapping(
    const struct snapshot *before, const struct trained *trained, bool wines_changed)
{
    for (int i = 0; before && !wines_changed && i < MODEL_TRAINED; i++) {
        if (before->mappings[i] && before->mappings[i]->trained == trained)
            return before->mappings[i];
    }
    return NULL;
}

static bool needs_mapping(const struct model *model, bool wines_changed)
{
    for (int i = 0; i < MODEL_TRAINED; i++) {
        if (model->trained[i] && !kept_mapping(model->snapshot, model->trained[i], wines_changed))
            return true;
    }
    return false;
}

static void map_trained(struct snapshot *made, struct trained *const trained[MODEL_TRAINED],
    const struct snapshot *before, bool wines_changed, const struct demand_input *demand)
{
    struct content *content = NULL;
    for (int i = 0; i < MODEL_TRAINED; i++) {
        if (!trained[i])
            continue;
        struct mapping *same = kept_mapping(before, trained[i], wines_changed);
        for (int j = 0; j < i && !same; j++)
            same = trained[j] == trained[i] ? made->mappings[j] : NULL;
        if (same) {
            made->mappings[i] = mapping_retain(same);
            continue;
        }
        if (!content)
            content = content_new(demand->count, demand->numbers, demand->lists, demand->counts);
        made->mappings[i] = mapping_new(trained[i], made, content);
    }
    content_free(content);
}

enum model_change model_rebuild(struct model *model, int64_t now_ms)
{
    struct snapshot *made = zeroed(1, sizeof(*made));
    atomic_init(&made->references, 1);
    struct taste_input taste = {0};
    struct demand_input demand = {0};
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
    if (needs_mapping(model, wines_changed))
        demand = copy_demand(&model->catalogue);
    struct together_input together = copy_together(model);
    struct rankings rankings = copy_rankings(&model->catalogue, made, now_ms);
    struct trained *trained[MODEL_TRAINED];
    for (int i = 0; i < MODEL_TRAINED; i++)
        trained[i] = model->trained[i] ? trained_retain(model->trained[i]) : NULL;
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
    rank(made, &rankings);
    map_trained(made, trained, model->snapshot, wines_changed, &demand);
    release_demand(&demand);
    for (int i = 0; i < MODEL_TRAINED; i++)
        trained_release(trained[i]);

    pthread_mutex_lock(&model->snapshot_lock);
    struct snapshot *old = model->snapshot;
    model->snapshot = made;
    pthread_mutex_unlock(&model->snapshot_lock);
    snapshot_release(old);
    return wines_changed ? MODEL_WINES : MODEL_COUNTS;
}
