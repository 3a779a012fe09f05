/* What the model learns. */
#include "crowd.h"
#include "model_internal.h"

#include <stdlib.h>
#include <string.h>

/* How much a pair counts: in one order, liked by one shopper, looked at in one sitting. */
#define PAIR_ORDER 1.0
#define PAIR_LIKED 0.5
#define PAIR_VIEWED 0.1
#define PAIR_LINES 20 /* of one order; more would be a warehouse, not a taste */
#define PAIR_LIKES 20 /* earlier wines that a new one is paired with */
#define PAIR_VIEWS 5  /* the same, of a sitting */
#define SITTING_MS (30 * 60 * 1000)
#define LIKED_STARS 3.5

struct model *model_new(size_t max_profiles)
{
    struct model *model = calloc(1, sizeof(*model));
    if (!model)
        abort();
    catalogue_init(&model->catalogue);
    model->profiles = profiles_new(max_profiles);
    model->crowd = crowd_new();
    pthread_mutex_init(&model->learning, NULL);
    pthread_mutex_init(&model->snapshot_lock, NULL);
    model->wines_changed = true;
    model_rebuild(model, 0);
    model->rebuilds = 0;
    return model;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    snapshot_release(model->snapshot);
    for (int i = 0; i < MODEL_TRAINED; i++)
        trained_release(model->trained[i]);
    profiles_free(model->profiles);
    crowd_free(model->crowd);
    pairs_release(&model->pairs);
    catalogue_release(&model->catalogue);
    pthread_mutex_destroy(&model->learning);
    pthread_mutex_destroy(&model->snapshot_lock);
    free(model);
}

bool model_use(struct model *model, enum model_trained which, struct trained *trained)
{
    pthread_mutex_lock(&model->learning);
    struct trained *old = model->trained[which];
    bool changed = old != trained;
    if (changed) {
        model->trained[which] = trained ? trained_retain(trained) : NULL;
        model->counts_changed = true;
    }
    pthread_mutex_unlock(&model->learning);
    if (changed)
        trained_release(old);
    return changed;
}

/* ---- wines ---- */

static void set_available(struct model *model, uint32_t wine, int64_t available)
{
    int32_t bottles = available > INT32_MAX ? INT32_MAX : (int32_t)available;
    atomic_store_explicit(
        &catalogue_live(&model->catalogue, wine)->available, bottles, memory_order_relaxed);
}

void model_describe(
    struct model *model, const struct wine_document *document, int64_t sequence, int64_t available)
{
    pthread_mutex_lock(&model->learning);
    if (catalogue_describe(&model->catalogue, document, sequence))
        model->wines_changed = true;
    uint32_t wine = catalogue_find(&model->catalogue, document->id);
    if (wine != NO_WINE && available >= 0 && !model->catalogue.wines[wine].stock_sequence)
        set_available(model, wine, available);
    pthread_mutex_unlock(&model->learning);
}

void model_withdraw(struct model *model, const char *wine_id, int64_t sequence)
{
    pthread_mutex_lock(&model->learning);
    uint32_t number = catalogue_add(&model->catalogue, wine_id);
    struct wine *wine = number == NO_WINE ? NULL : &model->catalogue.wines[number];
    if (wine && sequence > wine->document_sequence) {
        wine->document_sequence = sequence;
        wine->withdrawn = true;
        model->wines_changed = true;
    }
    pthread_mutex_unlock(&model->learning);
}

void model_stock(struct model *model, const char *wine_id, int64_t available, int64_t sequence)
{
    pthread_mutex_lock(&model->learning);
    uint32_t number = catalogue_add(&model->catalogue, wine_id);
    struct wine *wine = number == NO_WINE ? NULL : &model->catalogue.wines[number];
    if (wine && (sequence > wine->stock_sequence || !sequence)) {
        wine->stock_sequence = sequence;
        set_available(model, number, available);
    }
    pthread_mutex_unlock(&model->learning);
}

/* ---- shoppers; under the learning lock from here ---- */

static void add_popularity(struct model *model, uint32_t wine, double weight, int64_t at_ms)
{
    _Atomic double *popularity = &catalogue_live(&model->catalogue, wine)->popularity;
    double now = atomic_load_explicit(popularity, memory_order_relaxed);
    atomic_store_explicit(popularity, now + weight * decay_scale(at_ms, POPULARITY_HALF_LIFE_DAYS),
        memory_order_relaxed);
    model->counts_changed = true;
}

static void add_occurrence(struct model *model, uint32_t wine, double weight, int64_t at_ms)
{
    model->catalogue.wines[wine].occurrences +=
        weight * decay_scale(at_ms, TOGETHER_HALF_LIFE_DAYS);
}

static void add_pair(struct model *model, uint32_t a, uint32_t b, double weight, int64_t at_ms)
{
    pairs_add(&model->pairs, a, b, weight * decay_scale(at_ms, TOGETHER_HALF_LIFE_DAYS));
}

static bool is_liked(const struct profile_item *item)
{
    return item->weight > 0 &&
           (item->sign == PROFILE_ORDERED ||
               (item->sign == PROFILE_RATED && item->weight >= (LIKED_STARS - 2.5) * 2.4));
}

/* Pairs the wine with the latest others of the shopper: those liked, or those of this sitting. */
static void pair_with_past(
    struct model *model, const char *shopper, uint32_t wine, bool liked, int64_t at_ms)
{
    struct profile profile;
    if (!profiles_get(model->profiles, shopper, &profile))
        return;
    int left = liked ? PAIR_LIKES : PAIR_VIEWS;
    for (size_t i = profile.item_count; i-- > 0 && left > 0;) {
        const struct profile_item *item = &profile.items[i];
        if (item->wine == wine)
            continue;
        if (liked ? !is_liked(item) : item->at_ms < at_ms - SITTING_MS)
            continue;
        add_pair(model, wine, item->wine, liked ? PAIR_LIKED : PAIR_VIEWED, at_ms);
        left--;
    }
}

static void look(struct model *model, const char *shopper, const char *wine_id,
    enum crowd_sign sign, float weight, int64_t at_ms)
{
    pthread_mutex_lock(&model->learning);
    uint32_t wine = catalogue_add(&model->catalogue, wine_id);
    if (wine != NO_WINE) {
        if (crowd_counts(model->crowd, shopper, wine, sign, at_ms)) {
            add_popularity(model, wine, weight, at_ms);
            add_occurrence(model, wine, PAIR_VIEWED, at_ms);
            pair_with_past(model, shopper, wine, /* liked= */ false, at_ms);
        }
        profiles_see(model->profiles, shopper, wine, PROFILE_VIEWED, weight, at_ms);
    }
    pthread_mutex_unlock(&model->learning);
}

void model_view(struct model *model, const char *shopper, const char *wine_id, int64_t at_ms)
{
    look(model, shopper, wine_id, CROWD_VIEW, WEIGHT_VIEW, at_ms);
}

void model_click(struct model *model, const char *shopper, const char *wine_id, int64_t at_ms)
{
    look(model, shopper, wine_id, CROWD_CLICK, WEIGHT_CLICK, at_ms);
}

void model_cart(
    struct model *model, const char *shopper, const char *wine_id, bool inside, int64_t at_ms)
{
    pthread_mutex_lock(&model->learning);
    uint32_t wine = catalogue_add(&model->catalogue, wine_id);
    if (wine != NO_WINE) {
        profiles_cart(model->profiles, shopper, wine, inside, at_ms);
        if (inside) {
            if (crowd_counts(model->crowd, shopper, wine, CROWD_CART, at_ms))
                add_popularity(model, wine, WEIGHT_CART, at_ms);
            profiles_see(model->profiles, shopper, wine, PROFILE_CARTED, WEIGHT_CART, at_ms);
        }
    }
    pthread_mutex_unlock(&model->learning);
}

void model_order(struct model *model, const char *shopper, const char *order_id,
    const char *const *wine_ids, size_t count, int64_t at_ms)
{
    uint32_t wines[PROFILE_ORDER];
    size_t known = 0;
    pthread_mutex_lock(&model->learning);
    for (size_t i = 0; i < count && known < PROFILE_ORDER; i++) {
        wines[known] = catalogue_add(&model->catalogue, wine_ids[i]);
        known += wines[known] != NO_WINE;
    }
    for (size_t i = 0; i < known; i++) {
        add_popularity(model, wines[i], WEIGHT_ORDER, at_ms);
        add_occurrence(model, wines[i], PAIR_ORDER, at_ms);
        for (size_t j = i + 1; j < known && j < PAIR_LINES; j++)
            add_pair(model, wines[i], wines[j], PAIR_ORDER, at_ms);
        pair_with_past(model, shopper, wines[i], /* liked= */ true, at_ms);
    }
    for (size_t i = 0; i < known; i++)
        profiles_see(model->profiles, shopper, wines[i], PROFILE_ORDERED, WEIGHT_ORDER, at_ms);
    profiles_order(model->profiles, shopper, order_id, wines, known, at_ms);
    pthread_mutex_unlock(&model->learning);
}

void model_order_undone(struct model *model, const char *shopper, const char *order_id)
{
    profiles_order_undone(model->profiles, shopper, order_id);
}

void model_rate(
    struct model *model, const char *shopper, const char *wine_id, double stars, int64_t at_ms)
{
    pthread_mutex_lock(&model->learning);
    uint32_t wine = catalogue_add(&model->catalogue, wine_id);
    if (wine != NO_WINE) {
        if (stars >= LIKED_STARS &&
            crowd_counts(model->crowd, shopper, wine, CROWD_RATING, at_ms)) {
            add_popularity(model, wine, (stars - 2.5) * 2, at_ms);
            add_occurrence(model, wine, PAIR_LIKED, at_ms);
            pair_with_past(model, shopper, wine, /* liked= */ true, at_ms);
        }
        profiles_rate(model->profiles, shopper, wine, stars, at_ms);
    }
    pthread_mutex_unlock(&model->learning);
}

void model_rating(struct model *model, const char *wine_id, double mean, int64_t count)
{
    pthread_mutex_lock(&model->learning);
    uint32_t wine = catalogue_add(&model->catalogue, wine_id);
    if (wine != NO_WINE) {
        model->catalogue.wines[wine].rating_mean = mean;
        model->catalogue.wines[wine].rating_count = count;
        model->counts_changed = true;
    }
    pthread_mutex_unlock(&model->learning);
}

void model_merge(struct model *model, const char *user, const char *guest)
{
    profiles_merge(model->profiles, user, guest);
}

void model_forget(struct model *model, const char *shopper)
{
    profiles_forget(model->profiles, shopper);
}

bool model_knows(struct model *model, const char *wine_id)
{
    return catalogue_find(&model->catalogue, wine_id) != NO_WINE;
}

void model_stats(struct model *model, struct model_stats *stats)
{
    pthread_mutex_lock(&model->learning);
    *stats = (struct model_stats){
        .wines = model->catalogue.count, .pairs = model->pairs.count, .rebuilds = model->rebuilds};
    pthread_mutex_unlock(&model->learning);
    stats->profiles = profiles_count(model->profiles);
}
