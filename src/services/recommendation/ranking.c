/* What the model answers: neighbours of a wine, and a list for a shopper. */
#include "model_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where shoppers have spoken they outweigh the documents (found with X-Wines' ratings). */
const float scorer_weights[SCORERS] = {[SCORER_TASTE] = 0.5f, [SCORER_TOGETHER] = 1.0f};

#define PREFERENCE_HALF_LIFE_DAYS 30.0
#define SEEN_FACTOR 0.6f   /* of wines they looked at already */
#define DISLIKE_FACTOR 0.3 /* what is like a bad bottle is not all bad */
#define FIRST_PAGE 10
#define MAX_PER_WINERY 2
#define MAX_PER_REGION 3
#define NEW_EVERY 4 /* in the popular list, each such place goes to a new wine */

/* The candidates above zero, as a list to sort; freed with free(). */
static struct scored *positive(const struct candidates *candidates, size_t *count)
{
    struct scored *list = malloc((candidates->count + 1) * sizeof(*list));
    if (!list)
        abort();
    *count = 0;
    for (size_t i = 0; i < candidates->capacity; i++) {
        const struct candidate *candidate = &candidates->slots[i];
        if (candidate->wine != NO_WINE && candidate->score > 0)
            list[(*count)++] = (struct scored){.wine = candidate->wine, .score = candidate->score};
    }
    return list;
}

/* ---- similar ---- */

static size_t take_similar(struct model *model, const struct snapshot *snapshot, uint32_t wine,
    const struct scored *list, size_t count, size_t limit, const char **ids)
{
    uint32_t groups[MODEL_MAX_LIST];
    size_t taken = 0;
    /* Those that can be bought first; then, if there is room, the others. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count && taken < limit; i++) {
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
        struct candidates candidates = candidates_new(96);
        for (int i = 0; i < SCORERS; i++)
            scorer_score(snapshot->scorers[i], &only, 1, scorer_weights[i], i, &candidates);
        size_t length;
        struct scored *list = positive(&candidates, &length);
        length = scored_select(list, length, length);
        *count = take_similar(model, snapshot, wine, list, length,
            limit < MODEL_MAX_LIST ? limit : MODEL_MAX_LIST, ids);
        free(list);
        candidates_release(&candidates);
    }
    snapshot_release(snapshot);
    return found;
}

/* ---- for a shopper ---- */

struct picking {
    struct model *model;
    const struct snapshot *snapshot;
    const struct profile *profile;
    struct model_pick *picks;
    uint32_t wines[MODEL_MAX_LIST];
    size_t count, limit;
};

static bool holds(const uint32_t *wines, size_t count, uint32_t wine)
{
    for (size_t i = 0; i < count; i++) {
        if (wines[i] == wine)
            return true;
    }
    return false;
}

static bool holds_group(
    const struct picking *picking, const uint32_t *wines, size_t count, uint32_t group)
{
    for (size_t i = 0; i < count; i++) {
        if (wines[i] < picking->snapshot->count &&
            picking->snapshot->wines[wines[i]].group == group)
            return true;
    }
    return false;
}

static bool may_show(const struct picking *picking, uint32_t wine)
{
    const struct profile *profile = picking->profile;
    const struct snapshot_wine *described = &picking->snapshot->wines[wine];
    return described->listed && catalogue_available(&picking->model->catalogue, wine) > 0 &&
           !holds(profile->disliked, profile->disliked_count, wine) &&
           !holds_group(picking, profile->cart, profile->cart_count, described->group) &&
           !holds_group(picking, profile->order, profile->order_count, described->group) &&
           !holds_group(picking, picking->wines, picking->count, described->group);
}

static bool keeps_variety(const struct picking *picking, uint32_t wine)
{
    int same_winery = 0, same_region = 0;
    if (picking->count >= FIRST_PAGE)
        return true;
    for (size_t i = 0; i < picking->count; i++) {
        const struct snapshot_wine *other = &picking->snapshot->wines[picking->wines[i]];
        same_winery += other->winery == picking->snapshot->wines[wine].winery;
        same_region += other->region == picking->snapshot->wines[wine].region;
    }
    return same_winery < MAX_PER_WINERY && same_region < MAX_PER_REGION;
}

static void pick(struct picking *picking, uint32_t wine, enum model_reason reason, uint32_t source)
{
    const struct snapshot_wine *wines = picking->snapshot->wines;
    bool sourced = source != NO_WINE && source < picking->snapshot->count;
    picking->picks[picking->count] = (struct model_pick){.wine_id = wines[wine].id,
        .reason = reason,
        .source_id = sourced ? wines[source].id : NULL,
        .source_name = sourced ? wines[source].name : NULL};
    picking->wines[picking->count++] = wine;
}

/* The wine in the basket that it was most often bought with, or NO_WINE: a better reason than any
 * likeness. */
static uint32_t basket_source(const struct picking *picking, uint32_t wine)
{
    const struct profile *profile = picking->profile;
    uint32_t source = NO_WINE;
    float best = 0;
    for (size_t i = 0; i < profile->cart_count; i++) {
        const struct scored *list;
        size_t count =
            scorer_neighbours(picking->snapshot->scorers[SCORER_TOGETHER], profile->cart[i], &list);
        for (size_t j = 0; j < count; j++) {
            if (list[j].wine == wine && list[j].score > best) {
                best = list[j].score;
                source = profile->cart[i];
            }
        }
    }
    return source;
}

static enum model_reason reason_of(const struct picking *picking, const struct candidate *candidate)
{
    const struct profile *profile = picking->profile;
    bool together = candidate->scorer == SCORER_TOGETHER;
    for (size_t i = 0; i < profile->item_count; i++) {
        const struct profile_item *item = &profile->items[i];
        if (item->wine == candidate->source && item->sign >= PROFILE_CARTED)
            return together && item->sign == PROFILE_ORDERED ? MODEL_BOUGHT_WITH : MODEL_LIKED;
    }
    return MODEL_VIEWED;
}

static size_t preferences_of(
    const struct profile *profile, int64_t now_ms, struct preference *preferences)
{
    double sum = 0;
    for (size_t i = 0; i < profile->item_count; i++) {
        const struct profile_item *item = &profile->items[i];
        double age = decay_scale(item->at_ms, PREFERENCE_HALF_LIFE_DAYS) /
                     decay_scale(now_ms, PREFERENCE_HALF_LIFE_DAYS);
        preferences[i] =
            (struct preference){.wine = item->wine, .weight = (float)(item->weight * fmin(1, age))};
        sum += fabs((double)preferences[i].weight);
    }
    for (size_t i = 0; sum > 0 && i < profile->item_count; i++)
        preferences[i].weight /= (float)sum;
    return profile->item_count;
}

static void pick_personal(struct picking *picking, int64_t now_ms)
{
    struct preference preferences[PROFILE_ITEMS];
    size_t known = preferences_of(picking->profile, now_ms, preferences), length;
    struct candidates candidates = candidates_new(1024);
    for (int i = 0; i < SCORERS; i++)
        scorer_score(
            picking->snapshot->scorers[i], preferences, known, scorer_weights[i], i, &candidates);
    struct scored *list = positive(&candidates, &length);
    for (size_t i = 0; i < length; i++) {
        for (size_t j = 0; j < picking->profile->item_count; j++) {
            if (picking->profile->items[j].wine == list[i].wine)
                list[i].score *= SEEN_FACTOR;
        }
    }
    length = scored_select(list, length, length);
    for (size_t i = 0; i < length && picking->count < picking->limit; i++) {
        uint32_t wine = list[i].wine;
        if (wine >= picking->snapshot->count || !may_show(picking, wine) ||
            !keeps_variety(picking, wine))
            continue;
        const struct candidate *candidate = candidates_find(&candidates, wine);
        uint32_t basket = basket_source(picking, wine);
        if (basket != NO_WINE)
            pick(picking, wine, MODEL_BASKET, basket);
        else
            pick(picking, wine, reason_of(picking, candidate), candidate->source);
    }
    free(list);
    candidates_release(&candidates);
}

/* The next of the list that may be shown; false at its end. */
static bool pick_next(struct picking *picking, const uint32_t *list, size_t count, size_t *next,
    enum model_reason reason)
{
    while (*next < count) {
        uint32_t wine = list[(*next)++];
        if (may_show(picking, wine) && keeps_variety(picking, wine)) {
            pick(picking, wine, reason, NO_WINE);
            return true;
        }
    }
    return false;
}

static void fill_up(struct picking *picking)
{
    const struct snapshot *snapshot = picking->snapshot;
    size_t popular = 0, fresh = 0;
    bool more = true;
    while (more && picking->count < picking->limit) {
        more = false;
        if ((picking->count + 1) % NEW_EVERY == 0)
            more = pick_next(picking, snapshot->fresh, snapshot->fresh_count, &fresh, MODEL_NEW);
        if (!more)
            more = pick_next(
                picking, snapshot->popular, snapshot->popular_count, &popular, MODEL_POPULAR);
        if (!more)
            more = pick_next(picking, snapshot->fresh, snapshot->fresh_count, &fresh, MODEL_NEW);
    }
}

size_t model_recommend(struct model *model, const char *shopper, size_t limit, int64_t now_ms,
    struct model_pick *picks, bool *personal)
{
    struct profile profile;
    profiles_get(model->profiles, shopper, &profile);
    struct snapshot *snapshot = snapshot_acquire(model);
    struct picking picking = {.model = model,
        .snapshot = snapshot,
        .profile = &profile,
        .picks = picks,
        .limit = limit < MODEL_MAX_LIST ? limit : MODEL_MAX_LIST};
    if (profile.item_count)
        pick_personal(&picking, now_ms);
    *personal = picking.count > 0;
    fill_up(&picking);
    snapshot_release(snapshot);
    return picking.count;
}
