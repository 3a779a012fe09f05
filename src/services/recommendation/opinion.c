#include "opinion.h"

#include <math.h>
#include <stdlib.h>

/* Where shoppers have spoken they outweigh the documents (found with X-Wines' ratings). */
const float scorer_weights[SCORERS] = {[SCORER_TASTE] = 0.5f, [SCORER_TOGETHER] = 1.0f};

#define PREFERENCE_HALF_LIFE_DAYS 30.0
#define SEEN_FACTOR 0.6f /* of wines they looked at already */
#define FIRST_DAY_ITEMS 50
#define TRIED_STARS 3.0f /* with less, a wine is no reason for another */

/* ---- by a trained model ---- */

struct sieve {
    const struct mapping *mapping;
    opinion_filter *filter;
    void *ctx;
    const struct snapshot *new_of; /* lets new wines through alone; or NULL */
};

static bool passes(void *ctx, uint32_t number)
{
    const struct sieve *sieve = ctx;
    uint32_t wine = sieve->mapping->from_trained[number];
    if (wine == NO_WINE)
        return false;
    if (sieve->new_of && !sieve->new_of->wines[wine].fresh &&
        !trained_is_new(sieve->mapping->trained, number))
        return false;
    return sieve->filter(sieve->ctx, wine);
}

static enum trained_act_kind kind_of(const struct profile_item *item)
{
    static const enum trained_act_kind kinds[] = {
        [PROFILE_VIEWED] = TRAINED_VIEW,
        [PROFILE_CARTED] = TRAINED_CART,
        [PROFILE_ORDERED] = TRAINED_ORDER,
        [PROFILE_RATED] = TRAINED_RATING,
    };
    return kinds[item->sign];
}

/* The model's number for the wine, or that of the wine most like it that it knows. */
static uint32_t number_of(const struct mapping *mapping, uint32_t wine)
{
    if (wine >= mapping->count)
        return NO_WINE;
    if (mapping->to_trained[wine] != NO_WINE)
        return mapping->to_trained[wine];
    const struct unknown_wine *unknown = mapping_unknown(mapping, wine);
    return unknown ? unknown->near[0] : NO_WINE;
}

static void add_act(struct opinion *opinion, const struct profile_item *item)
{
    uint32_t number = number_of(opinion->mapping, item->wine);
    if (number == NO_WINE)
        return;
    for (size_t i = 0; i < opinion->act_count; i++) {
        if (opinion->acts[i].wine == number)
            return;
    }
    opinion->sources[opinion->act_count] = item->wine;
    opinion->acts[opinion->act_count++] = (struct trained_act){
        .wine = number, .kind = kind_of(item), .stars = item->stars, .at_ms = item->at_ms};
}

static void rank_trained(struct opinion *opinion, opinion_filter *filter, void *ctx)
{
    const struct mapping *mapping = opinion->mapping;
    struct sieve sieve = {.mapping = mapping, .filter = filter, .ctx = ctx};
    for (size_t i = 0; i < opinion->item_count; i++)
        add_act(opinion, &opinion->items[i]);
    if (opinion->act_count)
        opinion->preference_count = trained_preferences(
            mapping->trained, opinion->acts, opinion->act_count, opinion->preferences);
    opinion->ranked_count = trained_rank(mapping->trained, opinion->preferences,
        opinion->preference_count, passes, &sieve, opinion->ranked, OPINION_RANKED);
    for (size_t i = 0; i < opinion->ranked_count; i++)
        opinion->ranked[i].wine = mapping->from_trained[opinion->ranked[i].wine];
}

/* ---- by the first days' scorers ---- */

static size_t first_preferences(
    const struct opinion *opinion, int64_t now_ms, struct preference *preferences)
{
    size_t count = opinion->item_count < FIRST_DAY_ITEMS ? opinion->item_count : FIRST_DAY_ITEMS;
    const struct profile_item *items = opinion->items + (opinion->item_count - count);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double age = decay_scale(items[i].at_ms, PREFERENCE_HALF_LIFE_DAYS) /
                     decay_scale(now_ms, PREFERENCE_HALF_LIFE_DAYS);
        preferences[i] = (struct preference){
            .wine = items[i].wine, .weight = (float)((double)items[i].weight * fmin(1, age))};
        sum += fabs((double)preferences[i].weight);
    }
    for (size_t i = 0; sum > 0 && i < count; i++)
        preferences[i].weight /= (float)sum;
    return count;
}

static bool is_known(const struct opinion *opinion, uint32_t wine)
{
    for (size_t i = 0; i < opinion->item_count; i++) {
        if (opinion->items[i].wine == wine)
            return true;
    }
    return false;
}

static void rank_first(struct opinion *opinion, int64_t now_ms, opinion_filter *filter, void *ctx)
{
    const struct snapshot *snapshot = opinion->snapshot;
    struct candidates *candidates = &opinion->candidates;
    opinion->preference_count = first_preferences(opinion, now_ms, opinion->preferences);
    if (!opinion->preference_count)
        return;
    *candidates = candidates_new(1024);
    for (int i = 0; i < SCORERS; i++)
        scorer_score(snapshot->scorers[i], opinion->preferences, opinion->preference_count,
            scorer_weights[i], i, candidates);
    struct scored *list = malloc((candidates->count + 1) * sizeof(*list));
    if (!list)
        abort();
    size_t length = 0;
    for (size_t i = 0; i < candidates->capacity; i++) {
        const struct candidate *candidate = &candidates->slots[i];
        if (candidate->wine >= snapshot->count || candidate->score <= 0 ||
            !filter(ctx, candidate->wine))
            continue;
        float factor = is_known(opinion, candidate->wine) ? SEEN_FACTOR : 1;
        list[length++] =
            (struct scored){.wine = candidate->wine, .score = candidate->score * factor};
    }
    opinion->ranked_count = scored_select(list, length, OPINION_RANKED);
    for (size_t i = 0; i < opinion->ranked_count; i++)
        opinion->ranked[i] = list[i];
    free(list);
}

/* ---- both ---- */

void opinion_form(struct opinion *opinion, const struct snapshot *snapshot,
    const struct mapping *mapping, const struct profile_item *items, size_t count, int64_t now_ms,
    opinion_filter *filter, void *ctx)
{
    opinion->snapshot = snapshot;
    opinion->mapping = mapping;
    opinion->items = items;
    opinion->item_count = count;
    opinion->act_count = opinion->preference_count = opinion->ranked_count = 0;
    opinion->candidates = (struct candidates){0};
    if (mapping)
        rank_trained(opinion, filter, ctx);
    else
        rank_first(opinion, now_ms, filter, ctx);
}

void opinion_release(struct opinion *opinion)
{
    candidates_release(&opinion->candidates);
}

static const struct profile_item *item_of(const struct opinion *opinion, uint32_t wine)
{
    for (size_t i = 0; i < opinion->item_count; i++) {
        if (opinion->items[i].wine == wine)
            return &opinion->items[i];
    }
    return NULL;
}

static const struct profile_item *item_of_preference(
    const struct opinion *opinion, const struct preference *preference)
{
    for (size_t i = 0; i < opinion->act_count; i++) {
        if (opinion->acts[i].wine == preference->wine)
            return item_of(opinion, opinion->sources[i]);
    }
    return NULL;
}

/* Nobody wants to hear "because of" a wine they did not care for, or of the wine itself. */
static bool is_reason(const struct profile_item *item, uint32_t wine)
{
    return item && item->wine != wine && (item->stars == 0 || item->stars >= TRIED_STARS);
}

static const struct profile_item *source_by_parts(
    const struct opinion *opinion, uint32_t number, uint32_t wine)
{
    const struct profile_item *source = NULL;
    float most = 0;
    for (size_t i = 0; i < opinion->preference_count; i++) {
        const struct preference *preference = &opinion->preferences[i];
        float part = trained_part(opinion->mapping->trained, preference, number);
        if (part <= most)
            continue;
        const struct profile_item *item = item_of_preference(opinion, preference);
        if (is_reason(item, wine)) {
            most = part;
            source = item;
        }
    }
    return source;
}

const struct profile_item *opinion_source(const struct opinion *opinion, uint32_t wine)
{
    if (!opinion->mapping) {
        const struct candidate *candidate =
            opinion->candidates.slots ? candidates_find(&opinion->candidates, wine) : NULL;
        const struct profile_item *item = candidate ? item_of(opinion, candidate->source) : NULL;
        return is_reason(item, wine) ? item : NULL;
    }
    uint32_t number = number_of(opinion->mapping, wine);
    return number == NO_WINE ? NULL : source_by_parts(opinion, number, wine);
}

/* ---- new wines ---- */

struct nearby {
    const struct mapping *mapping;
    uint32_t *wines; /* sorted */
    size_t count;
};

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool stands_for_some(void *ctx, uint32_t number)
{
    const struct nearby *nearby = ctx;
    return bsearch(&number, nearby->wines, nearby->count, sizeof(number), by_value) != NULL;
}

static float mean_of(const struct unknown_wine *unknown, const struct scored *scores, size_t count)
{
    float sum = 0;
    int found = 0;
    for (size_t i = 0; i < unknown->count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (scores[j].wine == unknown->near[i]) {
                sum += scores[j].score;
                found++;
            }
        }
    }
    return found ? sum / (float)found : -1;
}

#define MAX_UNKNOWN 64 /* looked at for one answer */

static size_t add_unknown(const struct opinion *opinion, opinion_filter *filter, void *ctx,
    struct scored *list, size_t count)
{
    const struct mapping *mapping = opinion->mapping;
    const struct unknown_wine *fit[MAX_UNKNOWN];
    uint32_t near[MAX_UNKNOWN * MAPPING_NEAR];
    struct scored scores[MAX_UNKNOWN * MAPPING_NEAR];
    struct nearby nearby = {.mapping = mapping, .wines = near};
    size_t fitting = 0;
    for (size_t i = 0; i < mapping->unknown_count && fitting < MAX_UNKNOWN; i++) {
        if (!filter(ctx, mapping->unknown[i].wine))
            continue;
        fit[fitting++] = &mapping->unknown[i];
        for (size_t j = 0; j < mapping->unknown[i].count; j++)
            near[nearby.count++] = mapping->unknown[i].near[j];
    }
    if (!fitting)
        return count;
    qsort(near, nearby.count, sizeof(*near), by_value);
    size_t scored = trained_rank(mapping->trained, opinion->preferences, opinion->preference_count,
        stands_for_some, &nearby, scores, nearby.count);
    for (size_t i = 0; i < fitting; i++)
        list[count++] =
            (struct scored){.wine = fit[i]->wine, .score = mean_of(fit[i], scores, scored)};
    return count;
}

size_t opinion_new(const struct opinion *opinion, opinion_filter *filter, void *ctx,
    struct scored best[OPINION_NEW])
{
    struct scored list[OPINION_NEW + MAX_UNKNOWN];
    if (!opinion->mapping || !opinion->preference_count)
        return 0;
    struct sieve sieve = {
        .mapping = opinion->mapping, .filter = filter, .ctx = ctx, .new_of = opinion->snapshot};
    size_t count = trained_rank(opinion->mapping->trained, opinion->preferences,
        opinion->preference_count, passes, &sieve, list, OPINION_NEW);
    for (size_t i = 0; i < count; i++)
        list[i].wine = opinion->mapping->from_trained[list[i].wine];
    count = add_unknown(opinion, filter, ctx, list, count);
    count = scored_select(list, count, OPINION_NEW);
    size_t kept = 0;
    while (kept < count && list[kept].score > 0) {
        best[kept] = list[kept];
        kept++;
    }
    return kept;
}
