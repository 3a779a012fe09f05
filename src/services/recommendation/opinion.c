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
};

static bool passes(void *ctx, uint32_t number)
{
    const struct sieve *sieve = ctx;
    uint32_t wine = sieve->mapping->from_trained[number];
    return wine != NO_WINE && sieve->filter(sieve->ctx, wine);
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

static void rank_trained(struct opinion *opinion, const struct opinion_question *question)
{
    const struct mapping *mapping = opinion->mapping;
    struct sieve sieve = {.mapping = mapping, .filter = question->filter, .ctx = question->ctx};
    for (size_t i = 0; i < opinion->item_count; i++)
        add_act(opinion, &opinion->items[i]);
    if (opinion->act_count)
        opinion->preference_count = trained_preferences(
            mapping->trained, opinion->acts, opinion->act_count, opinion->preferences);
    opinion->ranked_count = trained_rank(mapping->trained, opinion->preferences,
        opinion->preference_count, passes, &sieve, opinion->ranked, question->depth);
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

static void rank_first(struct opinion *opinion, const struct opinion_question *question)
{
    const struct snapshot *snapshot = opinion->snapshot;
    struct candidates *candidates = &opinion->candidates;
    opinion->preference_count = first_preferences(opinion, question->now_ms, opinion->preferences);
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
            !question->filter(question->ctx, candidate->wine))
            continue;
        float factor = is_known(opinion, candidate->wine) ? SEEN_FACTOR : 1;
        list[length++] =
            (struct scored){.wine = candidate->wine, .score = candidate->score * factor};
    }
    opinion->ranked_count = scored_select(list, length, question->depth);
    for (size_t i = 0; i < opinion->ranked_count; i++)
        opinion->ranked[i] = list[i];
    free(list);
}

/* ---- both ---- */

void opinion_form(struct opinion *opinion, const struct opinion_question *question)
{
    opinion->snapshot = question->snapshot;
    opinion->mapping = question->mapping;
    opinion->items = question->items;
    opinion->item_count = question->count;
    opinion->act_count = opinion->preference_count = opinion->ranked_count = 0;
    opinion->candidates = (struct candidates){0};
    if (question->mapping)
        rank_trained(opinion, question);
    else
        rank_first(opinion, question);
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

/* The wines a shopper knows speak through several matrices; where the one that can be asked for
 * reasons is silent, those who like the same things are the reason. */
static float says(const struct opinion *opinion, size_t i, uint32_t number, bool by_likeness)
{
    const struct preference *preference = &opinion->preferences[i];
    const struct trained *trained = opinion->mapping->trained;
    return by_likeness ? preference->weight * trained_likeness(trained, preference->wine, number)
                       : trained_part(trained, preference, number);
}

static const struct profile_item *source_by_parts(
    const struct opinion *opinion, uint32_t number, uint32_t wine, bool by_likeness)
{
    const struct profile_item *source = NULL;
    float most = 0;
    for (size_t i = 0; i < opinion->preference_count; i++) {
        float part = says(opinion, i, number, by_likeness);
        if (part <= most)
            continue;
        const struct profile_item *item = item_of_preference(opinion, &opinion->preferences[i]);
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
    if (number == NO_WINE)
        return NULL;
    const struct profile_item *source = source_by_parts(opinion, number, wine, false);
    return source ? source : source_by_parts(opinion, number, wine, true);
}

/* ---- new wines ---- */

#define SAMPLE 64 /* wines, evenly taken: what the average one means to the shopper */

/* Their scores together, since what a shopper is like is worked out once for all of them: first the
 * sample, then the known new wines, then for each unknown one those that stand for it. */
struct newcomers {
    struct scored scores[SAMPLE + MAPPING_NEW + MAPPING_UNKNOWN * MAPPING_NEAR];
    size_t known, count; /* the sample counts as known */
    const struct unknown_wine *unknown[MAPPING_UNKNOWN];
    size_t unknown_count;
};

static void add_newcomer(struct newcomers *newcomers, uint32_t number)
{
    newcomers->scores[newcomers->count++] = (struct scored){.wine = number};
}

static void gather(
    const struct mapping *mapping, opinion_filter *filter, void *ctx, struct newcomers *newcomers)
{
    size_t wines = trained_info(mapping->trained)->wines;
    for (size_t i = 0; i < SAMPLE; i++)
        add_newcomer(newcomers, (uint32_t)(i * wines / SAMPLE));
    for (size_t i = 0; i < mapping->fresh_count; i++) {
        if (filter(ctx, mapping->from_trained[mapping->fresh[i]]))
            add_newcomer(newcomers, mapping->fresh[i]);
    }
    newcomers->known = newcomers->count;
    for (size_t i = 0; i < mapping->unknown_count; i++) {
        const struct unknown_wine *unknown = &mapping->unknown[i];
        if (!filter(ctx, unknown->wine))
            continue;
        newcomers->unknown[newcomers->unknown_count++] = unknown;
        for (size_t j = 0; j < unknown->count; j++)
            add_newcomer(newcomers, unknown->near[j]);
    }
}

/* Worth a place is what suits the shopper clearly better than the average wine does. */
static float least_worth(const struct newcomers *newcomers)
{
    float sum = 0, squares = 0;
    for (size_t i = 0; i < SAMPLE; i++) {
        sum += newcomers->scores[i].score;
        squares += newcomers->scores[i].score * newcomers->scores[i].score;
    }
    float mean = sum / SAMPLE;
    return mean + sqrtf(fmaxf(0, squares / SAMPLE - mean * mean));
}

/* From the model's numbers and the stand-ins' scores to the catalogue's wines with one each. */
static size_t settle(
    const struct mapping *mapping, const struct newcomers *newcomers, struct scored *list)
{
    const struct scored *scores = newcomers->scores;
    size_t count = 0, next = newcomers->known;
    for (size_t i = SAMPLE; i < newcomers->known; i++)
        list[count++] = (struct scored){
            .wine = mapping->from_trained[scores[i].wine], .score = scores[i].score};
    for (size_t i = 0; i < newcomers->unknown_count; i++) {
        const struct unknown_wine *unknown = newcomers->unknown[i];
        float sum = 0;
        for (size_t j = 0; j < unknown->count; j++)
            sum += unknown->share[j] * scores[next++].score;
        list[count++] = (struct scored){.wine = unknown->wine, .score = sum};
    }
    return count;
}

size_t opinion_new(const struct opinion *opinion, opinion_filter *filter, void *ctx,
    struct scored best[OPINION_NEW])
{
    struct newcomers newcomers;
    struct scored list[MAPPING_NEW + MAPPING_UNKNOWN];
    newcomers.count = newcomers.unknown_count = 0;
    if (!opinion->mapping || !opinion->preference_count)
        return 0;
    gather(opinion->mapping, filter, ctx, &newcomers);
    if (newcomers.count == SAMPLE)
        return 0;
    trained_score(opinion->mapping->trained, opinion->preferences, opinion->preference_count,
        newcomers.scores, newcomers.count);
    size_t count = settle(opinion->mapping, &newcomers, list);
    count = scored_select(list, count, OPINION_NEW);
    float least = least_worth(&newcomers);
    size_t kept = 0;
    while (kept < count && list[kept].score >= least) {
        best[kept] = list[kept];
        kept++;
    }
    return kept;
}
