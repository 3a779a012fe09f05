#include "aggregates.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 131072 /* a power of two */
#define MAX_COUNT (SLOTS / 2)

struct aggregates {
    struct {
        uint64_t hash; /* 0: free */
        int64_t sequence;
    } slots[SLOTS];
    uint32_t count;
};

static uint64_t hash_bytes(uint64_t hash, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t finish(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

struct aggregates *aggregates_new(void)
{
    /* Pages that are never touched cost nothing, so an idle shop does not pay for the whole. */
    struct aggregates *aggregates = calloc(1, sizeof(*aggregates));
    if (!aggregates)
        abort();
    return aggregates;
}

struct aggregates *aggregates_copy(const struct aggregates *aggregates)
{
    struct aggregates *copy = aggregates_new();
    memcpy(copy, aggregates, sizeof(*copy));
    return copy;
}

void aggregates_free(struct aggregates *aggregates)
{
    free(aggregates);
}

bool aggregates_advance(
    struct aggregates *aggregates, const char *type, const char *subject, int64_t sequence)
{
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, type, strcspn(type, "."));
    hash = finish(hash_bytes(hash * 31, subject, strlen(subject)));
    if (aggregates->count >= MAX_COUNT)
        memset(aggregates, 0, sizeof(*aggregates));
    uint32_t i = hash & (SLOTS - 1);
    while (aggregates->slots[i].hash && aggregates->slots[i].hash != hash)
        i = (i + 1) & (SLOTS - 1);
    if (!aggregates->slots[i].hash) {
        aggregates->slots[i].hash = hash;
        aggregates->count++;
    } else if (sequence < aggregates->slots[i].sequence) {
        return false;
    }
    aggregates->slots[i].sequence = sequence;
    return true;
}
