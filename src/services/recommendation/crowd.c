#include "crowd.h"

#include <stdlib.h>

#define WAYS 4
#define SIGN_SETS 32768   /* powers of two; 131,072 signs in 1.5 MB, */
#define SHOPPER_SETS 8192 /* and 32,768 shoppers in 0.4 MB */

struct slot {
    uint32_t tag; /* 0: free */
    uint32_t at_s;
    uint32_t count;
};

struct crowd {
    struct slot signs[SIGN_SETS][WAYS], shoppers[SHOPPER_SETS][WAYS];
};

struct crowd *crowd_new(void)
{
    /* Pages that are never touched cost nothing, so a quiet shop does not pay for the whole. */
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    if (!crowd)
        abort();
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    free(crowd);
}

static uint64_t hash_shopper(const char *shopper)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)shopper; *c; c++)
        hash = (hash ^ *c) * 0x100000001b3u;
    return hash;
}

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* The slot of that hash; a new one (count 0) takes the place of the oldest. */
static struct slot *slot_of(struct slot *set, uint64_t hash, uint32_t at_s)
{
    uint32_t tag = (uint32_t)(hash >> 32) | 1;
    struct slot *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].at_s < oldest->at_s)
            oldest = &set[i];
    }
    *oldest = (struct slot){.tag = tag, .at_s = at_s};
    return oldest;
}

bool crowd_counts(
    struct crowd *crowd, const char *shopper, uint32_t wine, enum crowd_sign sign, int64_t at_ms)
{
    if (!*shopper)
        return true;
    uint32_t at_s = at_ms > 0 ? (uint32_t)(at_ms / 1000) : 0;
    uint64_t whose = hash_shopper(shopper), shopper_hash = mix(whose);
    uint64_t sign_hash = mix(whose ^ ((uint64_t)wine << 2 | sign) * 0xd6e8feb86659fd93u);
    struct slot *last = slot_of(crowd->signs[sign_hash % SIGN_SETS], sign_hash, at_s);
    if (last->count && at_s < last->at_s + CROWD_PAUSE_S)
        return false;
    struct slot *budget = slot_of(crowd->shoppers[shopper_hash % SHOPPER_SETS], shopper_hash, at_s);
    if (at_s >= budget->at_s + CROWD_PAUSE_S)
        *budget = (struct slot){.tag = budget->tag, .at_s = at_s};
    if (budget->count >= CROWD_SIGNS)
        return false;
    budget->count++;
    *last = (struct slot){.tag = last->tag, .at_s = at_s, .count = 1};
    return true;
}
