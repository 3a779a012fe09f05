#include "taste.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct taste_weights taste_likeness = {.type = 2.6,
    .grapes = 1.6,
    .country = 0.8,
    .region = 0.9,
    .appellation = 0.7,
    .elaborate = 0.5,
    .winery = 0.3,
    .body = 0.8,
    .acidity = 0.5,
    .sweetness = 0.8,
    .tannin = 0.4,
    .price = 0.8,
    .pairings = 0.9};

const struct taste_weights taste_demand = {.type = 1.4,
    .grapes = 0.5,
    .country = 1.4,
    .region = 0.5,
    .appellation = 0.5,
    .elaborate = 0.4,
    .winery = 1.4,
    .body = 1.0,
    .acidity = 0.7,
    .sweetness = 0.5,
    .tannin = 0.3,
    .price = 0.3,
    .pairings = 1.0};

#define ENOUGH_CANDIDATES 4000
#define MOST_CANDIDATES 20000

/* ---- features of a document ---- */

struct list {
    struct text_index *names;
    struct feature *features;
    size_t count;
};

static void add(struct list *list, const char *kind, const char *value, double weight)
{
    char name[256];
    if (!*value || list->count == WINE_MAX_FEATURES)
        return;
    snprintf(name, sizeof(name), "%s:%s", kind, value);
    uint32_t number = text_index_add(list->names, name);
    for (size_t i = 0; i < list->count; i++) {
        if (list->features[i].number == number)
            return;
    }
    list->features[list->count++] = (struct feature){.number = number, .weight = (float)weight};
}

/* Two bands, each half an octave of price wide on either side: near prices share at least one. */
static void add_price(struct list *list, int64_t price, double weight)
{
    if (price <= 0)
        return;
    double octave = log2((double)price);
    double lower = floor(octave), share = octave - lower;
    char band[16];
    snprintf(band, sizeof(band), "%d", (int)lower);
    add(list, "price", band, weight * sqrt(1 - share));
    snprintf(band, sizeof(band), "%d", (int)lower + 1);
    add(list, "price", band, weight * sqrt(share));
}

static int by_number(const void *a, const void *b)
{
    const struct feature *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

size_t taste_features(struct text_index *names, const struct wine_document *document,
    const struct taste_weights *weights, struct feature features[WINE_MAX_FEATURES])
{
    struct list list = {.names = names, .features = features};
    add(&list, "type", document->type, weights->type);
    for (size_t i = 0; i < document->grape_count; i++)
        add(&list, "grape", document->grapes[i].name,
            weights->grapes * sqrt(document->grapes[i].share));
    add(&list, "country", document->country, weights->country);
    add(&list, "region", document->region, weights->region);
    add(&list, "appellation", document->appellation, weights->appellation);
    add(&list, "elaborate", document->elaborate, weights->elaborate);
    add(&list, "winery", document->winery, weights->winery);
    add(&list, "body", document->body, weights->body);
    add(&list, "acidity", document->acidity, weights->acidity);
    add(&list, "sweetness", document->sweetness, weights->sweetness);
    add(&list, "tannin", document->tannin, weights->tannin);
    add_price(&list, document->price, weights->price);
    for (size_t i = 0; i < document->pairing_count; i++)
        add(&list, "pairing", document->pairings[i],
            weights->pairings / sqrt((double)document->pairing_count));
    qsort(features, list.count, sizeof(*features), by_number);
    return list.count;
}

float taste_demand_ratio(const char *feature)
{
    static const struct {
        const char *kind;
        size_t weight;
    } kinds[] = {
        {"type:", offsetof(struct taste_weights, type)},
        {"grape:", offsetof(struct taste_weights, grapes)},
        {"country:", offsetof(struct taste_weights, country)},
        {"region:", offsetof(struct taste_weights, region)},
        {"appellation:", offsetof(struct taste_weights, appellation)},
        {"elaborate:", offsetof(struct taste_weights, elaborate)},
        {"winery:", offsetof(struct taste_weights, winery)},
        {"body:", offsetof(struct taste_weights, body)},
        {"acidity:", offsetof(struct taste_weights, acidity)},
        {"sweetness:", offsetof(struct taste_weights, sweetness)},
        {"tannin:", offsetof(struct taste_weights, tannin)},
        {"price:", offsetof(struct taste_weights, price)},
        {"pairing:", offsetof(struct taste_weights, pairings)},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strncmp(feature, kinds[i].kind, strlen(kinds[i].kind)) == 0)
            return (float)(*(const double *)((const char *)&taste_demand + kinds[i].weight) /
                           *(const double *)((const char *)&taste_likeness + kinds[i].weight));
    }
    return 1;
}

/* ---- the scorer ---- */

struct neighbours {
    size_t count;
    struct scored list[];
};

struct taste {
    struct scorer base; /* first: the scorer's address is the engine's */
    struct taste_wine *wines;
    size_t count;
    struct feature *features;
    uint32_t *posting_first;             /* by feature, one more than there are */
    uint32_t *postings;                  /* wines that have it */
    _Atomic(struct neighbours *) *lists; /* made when first asked for */
};

static float cosine(const struct taste *taste, uint32_t a, uint32_t b)
{
    const struct feature *x = taste->features + taste->wines[a].first;
    const struct feature *x_end = taste->features + taste->wines[a + 1].first;
    const struct feature *y = taste->features + taste->wines[b].first;
    const struct feature *y_end = taste->features + taste->wines[b + 1].first;
    float sum = 0;
    while (x < x_end && y < y_end) {
        if (x->number == y->number)
            sum += x++->weight * y++->weight;
        else if (x->number < y->number)
            x++;
        else
            y++;
    }
    return sum;
}

static size_t frequency(const struct taste *taste, uint32_t feature)
{
    return taste->posting_first[feature + 1] - taste->posting_first[feature];
}

/* Who may be near: those who share a rare feature; common ones are looked at only until there are
 * enough to choose from. */
static size_t find_candidates(const struct taste *taste, uint32_t wine, struct scored *found)
{
    const struct feature *features = taste->features + taste->wines[wine].first;
    size_t feature_count = taste->wines[wine + 1].first - taste->wines[wine].first, count = 0;
    bool used[WINE_MAX_FEATURES] = {0};
    unsigned char *seen = calloc(taste->count / 8 + 1, 1);
    if (!seen)
        abort();
    for (size_t round = 0; round < feature_count && count < ENOUGH_CANDIDATES; round++) {
        size_t rarest = feature_count;
        for (size_t i = 0; i < feature_count; i++) {
            if (!used[i] &&
                (rarest == feature_count || frequency(taste, features[i].number) <
                                                frequency(taste, features[rarest].number)))
                rarest = i;
        }
        used[rarest] = true;
        const uint32_t *posting = taste->postings + taste->posting_first[features[rarest].number];
        for (size_t left = frequency(taste, features[rarest].number);
             left && count < MOST_CANDIDATES; left--, posting++) {
            if (seen[*posting / 8] & 1 << *posting % 8)
                continue;
            seen[*posting / 8] |= (unsigned char)(1 << *posting % 8);
            if (taste->wines[*posting].group != taste->wines[wine].group)
                found[count++].wine = *posting;
        }
    }
    free(seen);
    return count;
}

/* One group shows two of its wines at most: whoever asks takes the one that is in stock. */
static size_t thin_groups(const struct taste *taste, struct scored *list, size_t count, size_t max)
{
    size_t kept = 0;
    for (size_t i = 0; i < count && kept < max; i++) {
        int same = 0;
        for (size_t j = 0; j < kept; j++)
            same += taste->wines[list[j].wine].group == taste->wines[list[i].wine].group;
        if (same < 2)
            list[kept++] = list[i];
    }
    return kept;
}

static struct neighbours *make_list(const struct taste *taste, uint32_t wine)
{
    struct scored *found = malloc(
        ((taste->count < MOST_CANDIDATES ? taste->count : MOST_CANDIDATES) + 1) * sizeof(*found));
    if (!found)
        abort();
    size_t count = find_candidates(taste, wine, found);
    for (size_t i = 0; i < count; i++)
        found[i].score = cosine(taste, wine, found[i].wine);
    count = scored_select(found, count, TASTE_NEIGHBOURS * 3);
    count = thin_groups(taste, found, count, TASTE_NEIGHBOURS);
    struct neighbours *made = malloc(sizeof(*made) + count * sizeof(*found));
    if (!made)
        abort();
    made->count = count;
    memcpy(made->list, found, count * sizeof(*found));
    free(found);
    return made;
}

static size_t taste_neighbours(struct scorer *base, uint32_t wine, const struct scored **list)
{
    struct taste *taste = (struct taste *)base;
    if (wine >= taste->count)
        return 0;
    struct neighbours *known = atomic_load_explicit(&taste->lists[wine], memory_order_acquire);
    if (!known) {
        struct neighbours *made = make_list(taste, wine);
        if (atomic_compare_exchange_strong(&taste->lists[wine], &known, made))
            known = made;
        else
            free(made); /* another thread was faster */
    }
    *list = known->list;
    return known->count;
}

static void taste_free(struct scorer *base)
{
    struct taste *taste = (struct taste *)base;
    for (size_t i = 0; i < taste->count; i++)
        free(atomic_load_explicit(&taste->lists[i], memory_order_relaxed));
    free(taste->lists);
    free(taste->wines);
    free(taste->features);
    free(taste->posting_first);
    free(taste->postings);
    free(taste);
}

static const struct scorer_ops taste_ops = {
    .neighbours = taste_neighbours, .score = scorer_score_by_neighbours, .free = taste_free};

/* ---- building ---- */

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

/* Rare features say more: a shared Assyrtiko is a better reason than a shared "Red". */
static void weigh_by_rarity(struct taste *taste)
{
    for (size_t wine = 0; wine < taste->count; wine++) {
        struct feature *first = taste->features + taste->wines[wine].first;
        struct feature *end = taste->features + taste->wines[wine + 1].first;
        double length = 0;
        for (struct feature *f = first; f < end; f++) {
            double rarity =
                log2(2.0 + (double)taste->count / (double)(1 + frequency(taste, f->number)));
            f->weight *= (float)sqrt(rarity);
            length += (double)f->weight * (double)f->weight;
        }
        for (struct feature *f = first; f < end; f++)
            f->weight /= (float)sqrt(length);
    }
}

static void index_features(struct taste *taste, size_t feature_numbers)
{
    uint32_t *first = zeroed(feature_numbers + 2, sizeof(*first));
    for (size_t wine = 0; wine < taste->count; wine++) {
        for (uint32_t i = taste->wines[wine].first; i < taste->wines[wine + 1].first; i++)
            first[taste->features[i].number + 1] += taste->wines[wine].listed;
    }
    for (size_t i = 0; i < feature_numbers; i++)
        first[i + 1] += first[i];
    uint32_t *next = zeroed(feature_numbers + 1, sizeof(*next));
    memcpy(next, first, feature_numbers * sizeof(*next));
    taste->postings = zeroed(first[feature_numbers], sizeof(*taste->postings));
    for (size_t wine = 0; wine < taste->count; wine++) {
        if (!taste->wines[wine].listed)
            continue;
        for (uint32_t i = taste->wines[wine].first; i < taste->wines[wine + 1].first; i++)
            taste->postings[next[taste->features[i].number]++] = (uint32_t)wine;
    }
    free(next);
    taste->posting_first = first;
}

struct scorer *taste_new(
    struct taste_wine *wines, size_t count, struct feature *features, size_t feature_numbers)
{
    struct taste *taste = zeroed(1, sizeof(*taste));
    taste->base.ops = &taste_ops;
    atomic_init(&taste->base.references, 1);
    taste->wines = wines;
    taste->count = count;
    taste->features = features;
    taste->lists = zeroed(count, sizeof(*taste->lists));
    index_features(taste, feature_numbers);
    weigh_by_rarity(taste);
    return &taste->base;
}
