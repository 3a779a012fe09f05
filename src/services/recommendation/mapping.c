#include "mapping.h"

#include "model_internal.h"

#include <math.h>
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

#define SHARE_POWER 4 /* as in training (train.h) */

/* From likeness to a share of the mean. */
static void find_shares(const struct scored *list, struct unknown_wine *unknown)
{
    float sum = 0;
    for (size_t i = 0; i < unknown->count; i++) {
        unknown->share[i] = powf(list[i].score, SHARE_POWER);
        sum += unknown->share[i];
    }
    for (size_t i = 0; i < unknown->count; i++)
        unknown->share[i] = sum > 0 ? unknown->share[i] / sum : 1.0f / (float)unknown->count;
}

static void stand_in(struct mapping *mapping, const struct content *content,
    struct content_workspace *space, const bool *known, uint32_t wine)
{
    struct scored list[MAPPING_NEAR];
    struct unknown_wine *unknown = &mapping->unknown[mapping->unknown_count];
    *unknown = (struct unknown_wine){
        .wine = wine, .count = content_nearest(content, space, wine, known, list, MAPPING_NEAR)};
    for (size_t i = 0; i < unknown->count; i++)
        unknown->near[i] = mapping->to_trained[list[i].wine];
    find_shares(list, unknown);
    mapping->unknown_count += unknown->count > 0;
}

static void find_new(
    struct mapping *mapping, const struct snapshot *snapshot, const struct content *content)
{
    struct content_workspace *space = content_workspace_new(content);
    bool *known = calloc(snapshot->count + 1, sizeof(*known));
    if (!known)
        abort();
    for (size_t i = 0; i < snapshot->count; i++)
        known[i] = mapping->to_trained[i] != NO_WINE;
    for (size_t i = snapshot->count; i-- > 0;) {
        uint32_t number = mapping->to_trained[i];
        if (!snapshot->wines[i].listed)
            continue;
        if (number == NO_WINE && mapping->unknown_count < MAPPING_UNKNOWN)
            stand_in(mapping, content, space, known, (uint32_t)i);
        if (number != NO_WINE && mapping->fresh_count < MAPPING_NEW &&
            (snapshot->wines[i].fresh || trained_is_new(mapping->trained, number)))
            mapping->fresh[mapping->fresh_count++] = number;
    }
    free(known);
    content_workspace_free(space);
}

struct mapping *mapping_new(
    struct trained *trained, const struct snapshot *snapshot, const struct content *content)
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
    find_new(mapping, snapshot, content);
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
