#include "recent.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

struct recent {
    size_t capacity, next;
    uint64_t *ring;  /* hashes, the oldest at `next`; 0 is empty */
    uint64_t *slots; /* a set of the same: linear probing, at most half full */
};

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = (hash ^ *c) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

struct recent *recent_new(size_t capacity)
{
    assert((capacity & (capacity - 1)) == 0);
    struct recent *recent = calloc(1, sizeof(*recent));
    if (!recent)
        abort();
    recent->capacity = capacity;
    recent->ring = calloc(capacity, sizeof(*recent->ring));
    recent->slots = calloc(capacity * 2, sizeof(*recent->slots));
    if (!recent->ring || !recent->slots)
        abort();
    return recent;
}

void recent_free(struct recent *recent)
{
    if (!recent)
        return;
    free(recent->ring);
    free(recent->slots);
    free(recent);
}

static uint64_t *slot_of(const struct recent *recent, uint64_t hash)
{
    size_t mask = recent->capacity * 2 - 1, i = hash & mask;
    while (recent->slots[i] && recent->slots[i] != hash)
        i = (i + 1) & mask;
    return &recent->slots[i];
}

/* Deletion from linear probing without tombstones (Knuth, volume 3, algorithm R). */
static void drop(struct recent *recent, uint64_t hash)
{
    size_t mask = recent->capacity * 2 - 1;
    size_t hole = (size_t)(slot_of(recent, hash) - recent->slots);
    for (size_t i = (hole + 1) & mask; recent->slots[i]; i = (i + 1) & mask) {
        size_t home = recent->slots[i] & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            recent->slots[hole] = recent->slots[i];
            hole = i;
        }
    }
    recent->slots[hole] = 0;
}

bool recent_add(struct recent *recent, const char *id)
{
    uint64_t hash = hash_text(id);
    if (*slot_of(recent, hash))
        return false;
    if (recent->ring[recent->next])
        drop(recent, recent->ring[recent->next]);
    *slot_of(recent, hash) = hash;
    recent->ring[recent->next] = hash;
    recent->next = (recent->next + 1) & (recent->capacity - 1);
    return true;
}
