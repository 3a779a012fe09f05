#include "scored.h"

#include <stdlib.h>

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

void scored_best_add(struct scored_best *best, uint32_t wine, float score)
{
    struct scored added = {.wine = wine, .score = score};
    if (best->count == best->max) {
        best->list[0] = added;
        sift_down(best->list, best->count, 0);
        return;
    }
    best->list[best->count++] = added;
    for (size_t i = best->count == best->max ? best->count / 2 : 0; i-- > 0;)
        sift_down(best->list, best->count, i);
}

size_t scored_best_sort(struct scored_best *best)
{
    qsort(best->list, best->count, sizeof(*best->list), compare);
    return best->count;
}
