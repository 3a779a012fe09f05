/* Somebody else's order laid over an opinion. */
#include "opinion.h"

#include <stdlib.h>
#include <string.h>

size_t opinion_history(const struct opinion *opinion, struct preference history[PROFILE_ITEMS])
{
    size_t count = 0;
    for (size_t i = 0; i < opinion->preference_count; i++) {
        struct preference preference = opinion->preferences[i];
        bool known = !opinion->mapping;
        for (size_t j = 0; j < opinion->act_count && !known; j++) {
            known = opinion->acts[j].wine == preference.wine;
            if (known)
                preference.wine = opinion->sources[j];
        }
        if (known && preference.wine < opinion->snapshot->count)
            history[count++] = preference;
    }
    return count;
}

struct place {
    struct scored own;
    size_t rank;
    float score; /* the other's */
};

static int by_score(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->rank < b->rank ? -1 : 1;
}

static bool find_score(const struct model_order *order, uint32_t wine, float *score)
{
    for (size_t i = 0; i < order->count; i++) {
        if (order->wines[i] == wine) {
            *score = order->scores[i];
            return true;
        }
    }
    return false;
}

void opinion_reorder(struct opinion *opinion, const struct model_order *order)
{
    struct place first[OPINION_RANKED];
    struct scored others[OPINION_RANKED];
    size_t count = 0, other_count = 0;
    for (size_t i = 0; i < opinion->ranked_count; i++) {
        struct place place = {.own = opinion->ranked[i], .rank = i};
        if (find_score(order, place.own.wine, &place.score))
            first[count++] = place;
        else
            others[other_count++] = place.own;
    }
    qsort(first, count, sizeof(first[0]), by_score);
    for (size_t i = 0; i < count; i++)
        opinion->ranked[i] = first[i].own;
    memcpy(opinion->ranked + count, others, other_count * sizeof(others[0]));
}
