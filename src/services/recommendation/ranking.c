/* The list for a shopper: what may be on it, in which order, and the rules that it keeps. */
#include "interleave.h"
#include "opinion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAGE 10
#define MAX_PER_WINERY 2
#define MAX_PER_REGION 3
#define NEW_EVERY 10        /* each such place is kept for a new wine, ... */
#define NEW_EVERY_COLD 4    /* ... and more of them where nothing is known of the shopper */
#define TOGETHER_SHARE 2.0f /* of what is bought with the basket, beside the model's best score */
#define LIKED_STARS 3.5f
#define DAY_MS 86400000.0
#define DEPTH_FACTOR 4 /* of several vintages one is listed, and a winery's third waits */
#define DEPTH_MORE 40
_Static_assert(MODEL_MAX_LIST *DEPTH_FACTOR + DEPTH_MORE <= OPINION_RANKED, "");

/* A set that answers "surely not" at once, so that long lists need not be searched for each wine.
 */
struct guard {
    uint64_t bits[16];
};

static void guard_add(struct guard *guard, uint32_t number)
{
    number *= 0x9e3779b1u;
    guard->bits[number >> 28] |= UINT64_C(1) << (number >> 22 & 63);
}

static bool guard_may_hold(const struct guard *guard, uint32_t number)
{
    number *= 0x9e3779b1u;
    return guard->bits[number >> 28] >> (number >> 22 & 63) & 1;
}

struct picking {
    struct model *model;
    const struct snapshot *snapshot;
    const struct profile *profile;
    const struct model_query *query;
    struct guard disliked, tried, taken_groups;
    uint32_t groups[PROFILE_CART + PROFILE_ORDER]; /* of the basket and the last order */
    size_t group_count;
    struct model_pick *picks;
    uint32_t wines[MODEL_MAX_LIST];
    size_t count, limit;
    size_t depth;     /* of the rankings: what the rules leave of it fills the list */
    bool any_variety; /* nothing that keeps the rule is left */
};

/* ---- what may be listed ---- */

static bool holds(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static void leave_out(struct picking *picking, const uint32_t *wines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (wines[i] >= picking->snapshot->count)
            continue;
        uint32_t group = picking->snapshot->wines[wines[i]].group;
        picking->groups[picking->group_count++] = group;
        guard_add(&picking->taken_groups, group);
    }
}

static bool is_disliked(const struct picking *picking, uint32_t wine)
{
    return guard_may_hold(&picking->disliked, wine) &&
           holds(picking->profile->disliked, picking->profile->disliked_count, wine);
}

/* A list for the shopper is there to find something new: what they had before is in the one to buy
 * again. */
static bool is_tried(const struct picking *picking, uint32_t wine)
{
    if (picking->query->list != MODEL_PERSONAL || !guard_may_hold(&picking->tried, wine))
        return false;
    for (size_t i = 0; i < picking->profile->item_count; i++) {
        const struct profile_item *item = &picking->profile->items[i];
        if (item->wine == wine)
            return item->stars > 0 || item->orders > 0;
    }
    return false;
}

static bool is_left_out(const struct picking *picking, uint32_t group)
{
    return guard_may_hold(&picking->taken_groups, group) &&
           holds(picking->groups, picking->group_count, group);
}

static bool fits_query(const struct model_query *query, const struct snapshot_wine *wine)
{
    return wine->price >= query->min_price && wine->price <= query->max_price &&
           (!query->types || query->types >> wine->type & 1);
}

static bool may_list(void *ctx, uint32_t wine)
{
    const struct picking *picking = ctx;
    if (wine >= picking->snapshot->count)
        return false;
    const struct snapshot_wine *described = &picking->snapshot->wines[wine];
    return described->listed && fits_query(picking->query, described) &&
           catalogue_available(&picking->model->catalogue, wine) > 0 &&
           !is_disliked(picking, wine) && !is_tried(picking, wine) &&
           !is_left_out(picking, described->group);
}

static bool keeps_variety(const struct picking *picking, uint32_t wine)
{
    int same_winery = 0, same_region = 0;
    if (picking->count >= FIRST_PAGE || picking->any_variety)
        return true;
    for (size_t i = 0; i < picking->count; i++) {
        const struct snapshot_wine *other = &picking->snapshot->wines[picking->wines[i]];
        same_winery += other->winery == picking->snapshot->wines[wine].winery;
        same_region += other->region == picking->snapshot->wines[wine].region;
    }
    return same_winery < MAX_PER_WINERY && same_region < MAX_PER_REGION;
}

/* The stock may have gone since the ranking was made. */
static enum interleave_verdict judge(void *ctx, uint32_t wine)
{
    const struct picking *picking = ctx;
    uint32_t group = picking->snapshot->wines[wine].group;
    for (size_t i = 0; i < picking->count; i++) {
        if (picking->snapshot->wines[picking->wines[i]].group == group)
            return INTERLEAVE_GONE;
    }
    return keeps_variety(picking, wine) ? INTERLEAVE_FREE : INTERLEAVE_LATER;
}

/* ---- picks and their reasons ---- */

static struct model_pick *pick(
    struct picking *picking, uint32_t wine, enum model_reason reason, uint32_t source)
{
    const struct snapshot_wine *wines = picking->snapshot->wines;
    struct model_pick *made = &picking->picks[picking->count];
    bool sourced = source < picking->snapshot->count;
    *made = (struct model_pick){.wine_id = wines[wine].id,
        .reason = reason,
        .source_id = sourced ? wines[source].id : NULL,
        .source_name = sourced ? wines[source].name : NULL};
    picking->wines[picking->count++] = wine;
    return made;
}

static float together(const struct picking *picking, uint32_t wine, uint32_t other)
{
    const struct scored *list;
    size_t count = scorer_neighbours(picking->snapshot->scorers[SCORER_TOGETHER], wine, &list);
    for (size_t i = 0; i < count; i++) {
        if (list[i].wine == other)
            return list[i].score;
    }
    return 0;
}

/* The wine in the basket that it was most often bought with, or NO_WINE: a better reason than any
 * likeness. */
static uint32_t basket_source(const struct picking *picking, uint32_t wine)
{
    const struct profile *profile = picking->profile;
    uint32_t source = NO_WINE;
    float best = 0;
    for (size_t i = 0; i < profile->cart_count; i++) {
        float score = together(picking, profile->cart[i], wine);
        if (score > best) {
            best = score;
            source = profile->cart[i];
        }
    }
    return source;
}

static enum model_reason reason_of(
    const struct picking *picking, const struct profile_item *item, uint32_t wine)
{
    if (holds(picking->profile->cart, picking->profile->cart_count, item->wine))
        return MODEL_BASKET;
    switch (item->sign) {
    case PROFILE_RATED:
        if (item->stars >= LIKED_STARS)
            return MODEL_LIKED;
        return item->orders > 0 ? MODEL_BOUGHT : MODEL_VIEWED;
    case PROFILE_ORDERED:
        return together(picking, item->wine, wine) > 0 ? MODEL_BOUGHT_WITH : MODEL_BOUGHT;
    default:
        return MODEL_VIEWED;
    }
}

static void pick_for(struct picking *picking, const struct opinion *opinion, uint32_t wine)
{
    const struct profile_item *item = opinion_source(opinion, wine);
    uint32_t basket = basket_source(picking, wine);
    if (basket != NO_WINE)
        pick(picking, wine, MODEL_BASKET, basket);
    else if (item)
        pick(picking, wine, reason_of(picking, item, wine), item->wine);
    else
        pick(picking, wine, picking->snapshot->wines[wine].fresh ? MODEL_NEW : MODEL_POPULAR,
            NO_WINE);
}

/* ---- the personal list ---- */

struct personal {
    struct opinion opinions[2]; /* two where an experiment runs */
    int arms;
    struct interleave draft;
    struct scored fresh[OPINION_NEW];
    size_t fresh_count, next_newest, next_popular;
    bool fresh_ranked;
};

static bool pick_drafted(struct picking *picking, struct personal *personal)
{
    uint32_t wine;
    int arm;
    if (!interleave_next(&personal->draft, judge, picking, &wine, &arm))
        return false;
    const struct opinion *opinion = &personal->opinions[arm == 1 ? 1 : 0];
    pick_for(picking, opinion, wine);
    if (personal->arms == 2 && arm != INTERLEAVE_NOBODY)
        picking->picks[picking->count - 1].arm = arm ? 'b' : 'a';
    return true;
}

/* The next of the list that may be shown; false at its end. */
static bool pick_next(struct picking *picking, const uint32_t *list, size_t count, size_t *next,
    enum model_reason reason)
{
    for (size_t i = *next; i < count; i++) {
        if (!may_list(picking, list[i])) {
            *next += i == *next;
            continue;
        }
        enum interleave_verdict verdict = judge(picking, list[i]);
        if (verdict == INTERLEAVE_FREE) {
            pick(picking, list[i], reason, NO_WINE);
            return true;
        }
        *next += verdict == INTERLEAVE_GONE && i == *next;
    }
    return false;
}

static bool pick_newest(struct picking *picking, struct personal *personal)
{
    const struct snapshot *snapshot = picking->snapshot;
    return pick_next(
        picking, snapshot->fresh, snapshot->fresh_count, &personal->next_newest, MODEL_NEW);
}

static void rank_new(struct picking *picking, struct personal *personal)
{
    if (personal->fresh_ranked)
        return;
    personal->fresh_ranked = true;
    personal->fresh_count = opinion_new(&personal->opinions[0], may_list, picking, personal->fresh);
}

/* New wines by how well they would suit the shopper. */
static bool pick_new(struct picking *picking, struct personal *personal)
{
    const struct opinion *opinion = &personal->opinions[0];
    if (!opinion->mapping || !opinion->preference_count)
        return pick_newest(picking, personal);
    rank_new(picking, personal);
    for (size_t i = 0; i < personal->fresh_count; i++) {
        uint32_t wine = personal->fresh[i].wine;
        if (judge(picking, wine) != INTERLEAVE_FREE)
            continue;
        if (picking->snapshot->wines[wine].fresh)
            pick(picking, wine, MODEL_NEW, NO_WINE);
        else
            pick_for(picking, opinion, wine);
        return true;
    }
    return false;
}

static bool pick_popular(struct picking *picking, struct personal *personal)
{
    const struct snapshot *snapshot = picking->snapshot;
    return pick_next(picking, snapshot->popular, snapshot->popular_count, &personal->next_popular,
        MODEL_POPULAR);
}

static void fill(struct picking *picking, struct personal *personal)
{
    bool cold = personal->opinions[0].preference_count == 0;
    size_t every = cold ? NEW_EVERY_COLD : NEW_EVERY;
    while (picking->count < picking->limit) {
        if ((picking->count + 1) % every == 0 && pick_new(picking, personal))
            continue;
        if (pick_drafted(picking, personal) || pick_popular(picking, personal) ||
            pick_newest(picking, personal))
            continue;
        /* A list is not cut short for the sake of variety. */
        if (picking->any_variety)
            break;
        picking->any_variety = true;
    }
}

/* Ranks: most of the work. */
static void form_opinions(struct picking *picking, struct personal *personal, bool experiment)
{
    const struct profile *profile = picking->profile;
    struct mapping *const *mappings = picking->snapshot->mappings;
    experiment = experiment && mappings[MODEL_ARM_A] && mappings[MODEL_ARM_B];
    personal->arms = experiment ? 2 : 1;
    personal->fresh_count = personal->next_newest = 0;
    personal->next_popular = 0;
    personal->fresh_ranked = false;
    leave_out(picking, profile->order, profile->order_count);
    for (int arm = 0; arm < personal->arms; arm++)
        opinion_form(&personal->opinions[arm],
            &(struct opinion_question){.snapshot = picking->snapshot,
                .mapping = mappings[experiment ? MODEL_ARM_A + arm : MODEL_CURRENT],
                .items = profile->items,
                .count = profile->item_count,
                .now_ms = picking->query->now_ms,
                .depth = picking->depth,
                .filter = may_list,
                .ctx = picking});
}

static void draw_up(struct picking *picking, struct personal *personal, struct model_answer *answer)
{
    const struct opinion *a = &personal->opinions[0], *b = &personal->opinions[1];
    bool experiment = personal->arms == 2;
    interleave_init(&personal->draft, a->ranked, a->ranked_count, experiment ? b->ranked : NULL,
        experiment ? b->ranked_count : 0, picking->query->seed);
    fill(picking, personal);
    answer->personal = a->preference_count > 0 && a->ranked_count > 0;
    for (int arm = 0; arm < personal->arms; arm++)
        opinion_release(&personal->opinions[arm]);
}

static void recommend_personal(struct picking *picking, struct model_answer *answer)
{
    struct personal *personal = malloc(sizeof(*personal));
    if (!personal)
        abort();
    form_opinions(picking, personal, picking->query->experiment);
    draw_up(picking, personal, answer);
    free(personal);
}

/* ---- what goes with the basket ---- */

static void lift(
    struct picking *picking, struct opinion *opinion, uint32_t wine, float score, size_t *replaced)
{
    for (size_t i = 0; i < opinion->ranked_count; i++) {
        if (opinion->ranked[i].wine == wine) {
            opinion->ranked[i].score = fmaxf(opinion->ranked[i].score, 0) + score;
            return;
        }
    }
    /* Too low in the ranking to be among its best: it takes the place of the least of them. */
    if (*replaced >= OPINION_RANKED / 2 || !may_list(picking, wine))
        return;
    size_t place = opinion->ranked_count < OPINION_RANKED ? opinion->ranked_count++
                                                          : OPINION_RANKED - ++*replaced;
    opinion->ranked[place] = (struct scored){.wine = wine, .score = score};
}

/* What was bought with these very wines of late is known before the next training is. */
static void add_together(struct picking *picking, struct opinion *opinion)
{
    const struct profile *profile = picking->profile;
    float share = opinion->ranked_count ? TOGETHER_SHARE * opinion->ranked[0].score : 0;
    size_t replaced = 0;
    for (size_t i = 0; i < profile->cart_count && share > 0; i++) {
        const struct scored *list;
        size_t count =
            scorer_neighbours(picking->snapshot->scorers[SCORER_TOGETHER], profile->cart[i], &list);
        for (size_t j = 0; j < count; j++)
            lift(picking, opinion, list[j].wine, share * list[j].score, &replaced);
    }
    opinion->ranked_count =
        scored_select(opinion->ranked, opinion->ranked_count, opinion->ranked_count);
}

static void recommend_basket(struct picking *picking, struct model_answer *answer)
{
    const struct profile *profile = picking->profile;
    struct profile_item items[PROFILE_CART];
    struct opinion *opinion = malloc(sizeof(*opinion));
    if (!opinion)
        abort();
    for (size_t i = 0; i < profile->cart_count; i++)
        items[i] = (struct profile_item){.wine = profile->cart[i],
            .weight = 1,
            .at_ms = picking->query->now_ms,
            .sign = PROFILE_CARTED};
    answer->empty = profile->cart_count == 0;
    opinion_form(opinion, &(struct opinion_question){.snapshot = picking->snapshot,
                              .mapping = picking->snapshot->mappings[MODEL_CURRENT],
                              .items = items,
                              .count = profile->cart_count,
                              .now_ms = picking->query->now_ms,
                              .depth = picking->depth,
                              .filter = may_list,
                              .ctx = picking});
    if (opinion->mapping)
        add_together(picking, opinion);
    size_t count = answer->empty ? 0 : opinion->ranked_count;
    for (int pass = 0; pass < 2; pass++) {
        picking->any_variety = pass > 0;
        for (size_t i = 0; i < count && picking->count < picking->limit; i++) {
            uint32_t wine = opinion->ranked[i].wine;
            if (judge(picking, wine) != INTERLEAVE_FREE)
                continue;
            const struct profile_item *item = opinion_source(opinion, wine);
            uint32_t source = basket_source(picking, wine);
            if (source == NO_WINE && item)
                source = item->wine;
            if (source != NO_WINE)
                pick(picking, wine, MODEL_BASKET, source);
        }
    }
    answer->personal = picking->count > 0;
    opinion_release(opinion);
    free(opinion);
}

/* ---- what was ordered before ---- */

static void recommend_again(struct picking *picking, struct model_answer *answer)
{
    const struct profile *profile = picking->profile;
    struct scored list[PROFILE_ITEMS];
    size_t count = 0;
    answer->empty = true;
    for (size_t i = 0; i < profile->item_count; i++) {
        const struct profile_item *item = &profile->items[i];
        if (item->orders <= 0)
            continue;
        answer->empty = false;
        if (item->wine >= picking->snapshot->count || !may_list(picking, item->wine))
            continue;
        double age = (double)(picking->query->now_ms - item->ordered_ms) / DAY_MS;
        double worth = (double)item->orders * exp2(-fmax(age, 0) / PROFILE_AGAIN_HALF_LIFE_DAYS);
        list[count++] = (struct scored){.wine = (uint32_t)i, .score = (float)worth};
    }
    picking->any_variety = true; /* they know what they want */
    count = scored_select(list, count, count);
    for (size_t i = 0; i < count && picking->count < picking->limit; i++) {
        const struct profile_item *item = &profile->items[list[i].wine];
        if (judge(picking, item->wine) == INTERLEAVE_FREE)
            pick(picking, item->wine, MODEL_AGAIN, NO_WINE)->ordered_ms = item->ordered_ms;
    }
    answer->personal = picking->count > 0;
}

/* ---- asking ---- */

static struct picking begin(struct model *model, const struct snapshot *snapshot,
    const struct profile *profile, const struct model_query *query)
{
    struct picking picking = {.model = model,
        .snapshot = snapshot,
        .profile = profile,
        .query = query,
        .limit = query->limit < MODEL_MAX_LIST ? query->limit : MODEL_MAX_LIST};
    picking.depth = picking.limit * DEPTH_FACTOR + DEPTH_MORE;
    for (size_t i = 0; i < profile->disliked_count; i++)
        guard_add(&picking.disliked, profile->disliked[i]);
    for (size_t i = 0; i < profile->item_count; i++)
        guard_add(&picking.tried, profile->items[i].wine);
    leave_out(&picking, profile->cart, profile->cart_count);
    return picking;
}

void model_recommend(struct model *model, const struct model_query *query, struct model_pick *picks,
    struct model_answer *answer)
{
    static void (*const lists[])(struct picking *, struct model_answer *) = {
        [MODEL_PERSONAL] = recommend_personal,
        [MODEL_BASKET_OF] = recommend_basket,
        [MODEL_BUY_AGAIN] = recommend_again,
    };
    struct profile profile;
    profiles_get(model->profiles, query->shopper, &profile);
    struct snapshot *snapshot = snapshot_acquire(model);
    struct picking picking = begin(model, snapshot, &profile, query);
    picking.picks = picks;
    *answer = (struct model_answer){
        .whole = profile.whole, .trained = snapshot->mappings[MODEL_CURRENT] != NULL};
    lists[query->list](&picking, answer);
    answer->count = picking.count;
    snapshot_release(snapshot);
}

/* ---- a personal list that somebody else puts in order ---- */

struct model_draft {
    struct model *model;
    struct snapshot *snapshot;
    struct profile profile;
    struct personal personal;
    struct model_candidates candidates;
};

static void note_candidates(const struct opinion *opinion, struct model_candidates *candidates)
{
    const struct snapshot_wine *wines = opinion->snapshot->wines;
    struct preference history[PROFILE_ITEMS];
    candidates->count =
        opinion->ranked_count < MODEL_MAX_CANDIDATES ? opinion->ranked_count : MODEL_MAX_CANDIDATES;
    for (size_t i = 0; i < candidates->count; i++)
        candidates->ids[i] = wines[opinion->ranked[i].wine].id;
    candidates->known_count = opinion_history(opinion, history);
    for (size_t i = 0; i < candidates->known_count; i++) {
        candidates->known_ids[i] = wines[history[i].wine].id;
        candidates->known_weights[i] = history[i].weight;
    }
}

struct model_draft *model_draft_new(struct model *model, const struct model_query *query,
    const struct model_candidates **candidates)
{
    struct model_draft *draft = malloc(sizeof(*draft));
    if (!draft)
        abort();
    draft->model = model;
    profiles_get(model->profiles, query->shopper, &draft->profile);
    draft->snapshot = snapshot_acquire(model);
    struct picking picking = begin(model, draft->snapshot, &draft->profile, query);
    picking.depth = OPINION_RANKED;
    form_opinions(&picking, &draft->personal, /* experiment= */ false);
    if (picking.limit >= NEW_EVERY)
        rank_new(&picking, &draft->personal);
    note_candidates(&draft->personal.opinions[0], &draft->candidates);
    *candidates = &draft->candidates;
    return draft;
}

/* The last bottle may have been sold while the answer was awaited. */
static void leave_out_gone(struct picking *picking, struct opinion *opinion)
{
    size_t kept = 0;
    for (size_t i = 0; i < opinion->ranked_count; i++) {
        if (may_list(picking, opinion->ranked[i].wine))
            opinion->ranked[kept++] = opinion->ranked[i];
    }
    opinion->ranked_count = kept;
}

void model_draft_finish(struct model_draft *draft, const struct model_query *query,
    const float *scores, struct model_pick *picks, struct model_answer *answer)
{
    struct picking picking = begin(draft->model, draft->snapshot, &draft->profile, query);
    picking.picks = picks;
    leave_out(&picking, draft->profile.order, draft->profile.order_count);
    if (scores)
        opinion_reorder(&draft->personal.opinions[0], scores, draft->candidates.count);
    leave_out_gone(&picking, &draft->personal.opinions[0]);
    *answer = (struct model_answer){
        .whole = draft->profile.whole, .trained = draft->snapshot->mappings[MODEL_CURRENT] != NULL};
    draw_up(&picking, &draft->personal, answer);
    answer->count = picking.count;
    snapshot_release(draft->snapshot);
    free(draft);
}
