#include "scorer.h"

#include <stdlib.h>

/* ---- candidates ---- */

struct candidates candidates_new(size_t expected)
{
    size_t capacity = 64;
    while (capacity < expected * 2)
        capacity *= 2;
    struct candidates candidates = {.capacity = capacity};
    candidates.slots = malloc(capacity * sizeof(*candidates.slots));
    if (!candidates.slots)
        abort();
    for (size_t i = 0; i < capacity; i++)
        candidates.slots[i].wine = NO_WINE;
    return candidates;
}

void candidates_release(struct candidates *candidates)
{
    free(candidates->slots);
    candidates->slots = NULL;
}

static struct candidate *slot_of(const struct candidates *candidates, uint32_t wine)
{
    size_t mask = candidates->capacity - 1, i = wine * 0x9e3779b1u & mask;
    while (candidates->slots[i].wine != NO_WINE && candidates->slots[i].wine != wine)
        i = (i + 1) & mask;
    return &candidates->slots[i];
}

static void grow(struct candidates *candidates)
{
    struct candidates larger = candidates_new(candidates->capacity);
    for (size_t i = 0; i < candidates->capacity; i++) {
        if (candidates->slots[i].wine != NO_WINE)
            *slot_of(&larger, candidates->slots[i].wine) = candidates->slots[i];
    }
    larger.count = candidates->count;
    candidates_release(candidates);
    *candidates = larger;
}

void candidates_add(
    struct candidates *candidates, uint32_t wine, float score, uint32_t source, int scorer)
{
    if (candidates->count * 2 >= candidates->capacity)
        grow(candidates);
    struct candidate *candidate = slot_of(candidates, wine);
    if (candidate->wine == NO_WINE) {
        candidates->count++;
        *candidate = (struct candidate){.wine = wine, .source = NO_WINE};
    }
    candidate->score += score;
    if (score > candidate->best) {
        candidate->best = score;
        candidate->source = source;
        candidate->scorer = scorer;
    }
}

const struct candidate *candidates_find(const struct candidates *candidates, uint32_t wine)
{
    const struct candidate *candidate = slot_of(candidates, wine);
    return candidate->wine == wine ? candidate : NULL;
}

/* ---- scorers ---- */

void scorer_score_by_neighbours(struct scorer *scorer, const struct preference *preferences,
    size_t count, float weight, int number, struct candidates *candidates)
{
    for (size_t i = 0; i < count; i++) {
        const struct scored *list;
        size_t length = scorer_neighbours(scorer, preferences[i].wine, &list);
        for (size_t j = 0; j < length; j++)
            candidates_add(candidates, list[j].wine, weight * preferences[i].weight * list[j].score,
                preferences[i].wine, number);
    }
}

void scorer_release(struct scorer *scorer)
{
    if (scorer && atomic_fetch_sub_explicit(&scorer->references, 1, memory_order_acq_rel) == 1)
        scorer->ops->free(scorer);
}
