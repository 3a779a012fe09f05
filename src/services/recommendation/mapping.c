#include "mapping.h"

#include "model_internal.h"

#include <stdlib.h>

static uint32_t *numbers_new(size_t count)
{
    uint32_t *numbers = malloc((count ? count : 1) * sizeof(*numbers));
    if (!numbers)
        abort();
    for (size_t i = 0; i < count; i++)
        numbers[i] = NO_WINE;
    return numbers;
}

static void stand_in(struct mapping *mapping, const struct snapshot *snapshot, uint32_t wine)
{
    const struct scored *list;
    size_t length = scorer_neighbours(snapshot->scorers[SCORER_TASTE], wine, &list);
    struct unknown_wine *unknown = &mapping->unknown[mapping->unknown_count];
    *unknown = (struct unknown_wine){.wine = wine};
    for (size_t i = 0; i < length && unknown->count < MAPPING_NEAR; i++) {
        uint32_t number = mapping->to_trained[list[i].wine];
        if (number != NO_WINE)
            unknown->near[unknown->count++] = number;
    }
    mapping->unknown_count += unknown->count > 0;
}

struct mapping *mapping_new(struct trained *trained, const struct snapshot *snapshot)
{
    struct mapping *mapping = calloc(1, sizeof(*mapping));
    if (!mapping)
        abort();
    atomic_init(&mapping->references, 1);
    mapping->trained = trained_retain(trained);
    mapping->count = snapshot->count;
    mapping->to_trained = numbers_new(snapshot->count);
    mapping->from_trained = numbers_new(trained_info(trained)->wines);
    for (size_t i = 0; i < snapshot->count; i++) {
        uint32_t number = trained_find(trained, snapshot->wines[i].id);
        mapping->to_trained[i] = number;
        if (number != NO_WINE)
            mapping->from_trained[number] = (uint32_t)i;
    }
    for (size_t i = snapshot->count; i-- > 0;) {
        uint32_t number = mapping->to_trained[i];
        if (!snapshot->wines[i].listed)
            continue;
        if (number == NO_WINE && mapping->unknown_count < MAPPING_UNKNOWN)
            stand_in(mapping, snapshot, (uint32_t)i);
        if (number != NO_WINE && mapping->fresh_count < MAPPING_NEW &&
            (snapshot->wines[i].fresh || trained_is_new(trained, number)))
            mapping->fresh[mapping->fresh_count++] = number;
    }
    return mapping;
}

struct mapping *mapping_retain(struct mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->references, 1, memory_order_relaxed);
    return mapping;
}

void mapping_release(struct mapping *mapping)
{
    if (!mapping || atomic_fetch_sub_explicit(&mapping->references, 1, memory_order_acq_rel) != 1)
        return;
    trained_release(mapping->trained);
    free(mapping->to_trained);
    free(mapping->from_trained);
    free(mapping);
}

const struct unknown_wine *mapping_unknown(const struct mapping *mapping, uint32_t wine)
{
    for (size_t i = 0; i < mapping->unknown_count; i++) {
        if (mapping->unknown[i].wine == wine)
            return &mapping->unknown[i];
    }
    return NULL;
}
