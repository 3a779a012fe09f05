/* Somebody else's order laid over an opinion. */
#include "opinion.h"

#include <assert.h>
#include <stdlib.h>

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

void opinion_reorder(struct opinion *opinion, const float *scores, size_t count)
{
    struct place places[OPINION_RANKED];
    assert(count <= opinion->ranked_count);
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){opinion->ranked[i], i, scores[i]};
    qsort(places, count, sizeof(places[0]), by_score);
    for (size_t i = 0; i < count; i++)
        opinion->ranked[i] = places[i].own;
}
