#include "together.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAMPING 2.0     /* occurrences that nothing is known about */
#define RARITY 0.4      /* 0: the neighbours bought most; 0.5: cosine; found with X-Wines */
#define CONFIDENCE 10.0 /* occurrences after which half of what is said is believed */

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

/* ---- counting ---- */

void pairs_release(struct pairs *pairs)
{
    free(pairs->slots);
    *pairs = (struct pairs){0};
}

static struct pair *slot_of(const struct pairs *pairs, uint32_t a, uint32_t b)
{
    uint64_t hash = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    size_t mask = pairs->capacity - 1, i = (hash >> 32) & mask;
    while (pairs->slots[i].b && (pairs->slots[i].a != a || pairs->slots[i].b != b))
        i = (i + 1) & mask;
    return &pairs->slots[i];
}

/* Into a table of that capacity, leaving out what is not above `least`. */
static void move(struct pairs *pairs, size_t capacity, double least)
{
    struct pairs moved = {.slots = zeroed(capacity, sizeof(*moved.slots)), .capacity = capacity};
    for (size_t i = 0; i < pairs->capacity; i++) {
        const struct pair *pair = &pairs->slots[i];
        if (!pair->b || pair->weight < least)
            continue;
        *slot_of(&moved, pair->a, pair->b) = *pair;
        moved.count++;
    }
    pairs_release(pairs);
    *pairs = moved;
}

static int by_weight(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median_of(const struct pairs *pairs)
{
    double *weights = zeroed(pairs->count, sizeof(*weights));
    size_t count = 0;
    for (size_t i = 0; i < pairs->capacity; i++) {
        if (pairs->slots[i].b)
            weights[count++] = pairs->slots[i].weight;
    }
    qsort(weights, count, sizeof(*weights), by_weight);
    /* Just above, so that many equal weights go, too. */
    double median = nextafter(weights[count / 2], INFINITY);
    free(weights);
    return median;
}

void pairs_add(struct pairs *pairs, uint32_t a, uint32_t b, double weight)
{
    if (a == b)
        return;
    if (pairs->count >= TOGETHER_MAX_PAIRS)
        move(pairs, pairs->capacity, median_of(pairs));
    else if (pairs->count * 2 >= pairs->capacity)
        move(pairs, pairs->capacity ? pairs->capacity * 2 : 256, -1);
    struct pair *pair = a < b ? slot_of(pairs, a, b) : slot_of(pairs, b, a);
    if (!pair->b) {
        *pair = (struct pair){.a = a < b ? a : b, .b = a < b ? b : a};
        pairs->count++;
    }
    pair->weight += weight;
}

/* ---- the scorer ---- */

struct together {
    struct scorer base; /* first: the scorer's address is the engine's */
    size_t wine_count;
    struct scored *neighbours; /* TOGETHER_NEIGHBOURS at most from each `first` */
    uint32_t *first, *counts;
};

static size_t together_neighbours(struct scorer *base, uint32_t wine, const struct scored **list)
{
    struct together *together = (struct together *)base;
    if (wine >= together->wine_count)
        return 0;
    *list = together->neighbours + together->first[wine];
    return together->counts[wine];
}

static void together_free(struct scorer *base)
{
    struct together *together = (struct together *)base;
    free(together->neighbours);
    free(together->first);
    free(together->counts);
    free(together);
}

static const struct scorer_ops together_ops = {
    .neighbours = together_neighbours, .score = scorer_score_by_neighbours, .free = together_free};

static void add_neighbour(struct together *together, const struct pair *pair, uint32_t wine,
    uint32_t other, const double *occurrences, double scale)
{
    double own = pow(occurrences[wine] / scale + DAMPING, 1 - RARITY);
    double others = pow(occurrences[other] / scale + DAMPING, RARITY);
    together->neighbours[together->first[wine] + together->counts[wine]++] =
        (struct scored){.wine = other, .score = (float)(pair->weight / scale / (own * others))};
}

/* The nearest counts as much as the wine is known: so that the little that two strangers bought
 * does not drown what the documents say, and much does. */
static void finish_list(struct together *together, size_t wine, double occurrences)
{
    struct scored *list = together->neighbours + together->first[wine];
    size_t count = scored_select(list, together->counts[wine], TOGETHER_NEIGHBOURS);
    double top = count ? (double)list[0].score : 0;
    double factor = top > 0 ? occurrences / (occurrences + CONFIDENCE) / top : 0;
    for (size_t i = 0; i < count; i++)
        list[i].score *= (float)factor;
    together->counts[wine] = (uint32_t)count;
}

struct scorer *together_new(const struct pair *pairs, size_t pair_count, const double *occurrences,
    size_t wine_count, double scale)
{
    struct together *together = zeroed(1, sizeof(*together));
    together->base.ops = &together_ops;
    atomic_init(&together->base.references, 1);
    together->wine_count = wine_count;
    together->first = zeroed(wine_count + 1, sizeof(*together->first));
    together->counts = zeroed(wine_count, sizeof(*together->counts));
    for (size_t i = 0; i < pair_count; i++) {
        together->first[pairs[i].a + 1]++;
        together->first[pairs[i].b + 1]++;
    }
    for (size_t i = 0; i < wine_count; i++)
        together->first[i + 1] += together->first[i];
    together->neighbours = zeroed(together->first[wine_count], sizeof(*together->neighbours));
    for (size_t i = 0; i < pair_count; i++) {
        add_neighbour(together, &pairs[i], pairs[i].a, pairs[i].b, occurrences, scale);
        add_neighbour(together, &pairs[i], pairs[i].b, pairs[i].a, occurrences, scale);
    }
    for (size_t i = 0; i < wine_count; i++)
        finish_list(together, i, occurrences[i] / scale);
    return &together->base;
}
