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

static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->wine < y->wine ? -1 : x->wine > y->wine;
}

static void sift_down(struct scored *heap, size_t count, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= count)
            return;
        if (child + 1 < count && compare(&heap[child + 1], &heap[child]) > 0)
            child++;
        if (compare(&heap[child], &heap[i]) <= 0)
            return;
        struct scored swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

/* A heap of the best so far, the worst of them on top: one pass over long lists. */
size_t scored_select(struct scored *list, size_t count, size_t max)
{
    size_t kept = count < max ? count : max;
    if (kept == 0)
        return 0;
    for (size_t i = kept / 2; i-- > 0;)
        sift_down(list, kept, i);
    for (size_t i = kept; i < count; i++) {
        if (compare(&list[i], &list[0]) < 0) {
            list[0] = list[i];
            sift_down(list, kept, 0);
        }
    }
    qsort(list, kept, sizeof(*list), compare);
    return kept;
}
