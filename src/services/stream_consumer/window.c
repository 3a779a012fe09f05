#include "window.h"

#include "warehouse.h"

#include <stdlib.h>
#include <string.h>

#define IDS WAREHOUSE_RECENT_EVENTS
#define SLOTS (2 * IDS) /* powers of two, half full */
#define MAX_AGGREGATES (SLOTS / 2)

struct window {
    uint64_t ring[IDS]; /* hashes, oldest at `next`; 0 is empty */
    uint64_t slots[SLOTS];
    uint32_t next;

    struct {
        uint64_t hash; /* 0: free */
        int64_t sequence;
    } aggregates[SLOTS];
    uint32_t aggregate_count;
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

struct window *window_new(void)
{
    /* Pages that are never touched cost nothing, so an idle shop does not pay for the whole. */
    struct window *window = calloc(1, sizeof(*window));
    if (!window)
        abort();
    return window;
}

void window_free(struct window *window)
{
    free(window);
}

static uint32_t slot_of(const struct window *window, uint64_t hash)
{
    uint32_t i = hash & (SLOTS - 1);
    while (window->slots[i] && window->slots[i] != hash)
        i = (i + 1) & (SLOTS - 1);
    return i;
}

/* Deletion from linear probing without tombstones (Knuth, volume 3, algorithm R). */
static void drop(struct window *window, uint64_t hash)
{
    uint32_t hole = slot_of(window, hash);
    if (!window->slots[hole])
        return;
    for (uint32_t i = (hole + 1) & (SLOTS - 1); window->slots[i]; i = (i + 1) & (SLOTS - 1)) {
        uint32_t home = window->slots[i] & (SLOTS - 1);
        if (((i - home) & (SLOTS - 1)) >= ((i - hole) & (SLOTS - 1))) {
            window->slots[hole] = window->slots[i];
            hole = i;
        }
    }
    window->slots[hole] = 0;
}

bool window_add(struct window *window, const char *id)
{
    uint64_t hash = finish(hash_bytes(0xcbf29ce484222325u, id, strlen(id)));
    if (window->slots[slot_of(window, hash)])
        return false;
    if (window->ring[window->next])
        drop(window, window->ring[window->next]);
    window->slots[slot_of(window, hash)] = hash;
    window->ring[window->next] = hash;
    window->next = (window->next + 1) & (IDS - 1);
    return true;
}

bool window_advance(struct window *window, const char *type, const char *subject, int64_t sequence)
{
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, type, strcspn(type, "."));
    hash = finish(hash_bytes(hash * 31, subject, strlen(subject)));
    /* Full: forget all. It only saves work; the warehouse guards its own states. */
    if (window->aggregate_count >= MAX_AGGREGATES) {
        memset(window->aggregates, 0, sizeof(window->aggregates));
        window->aggregate_count = 0;
    }
    uint32_t i = hash & (SLOTS - 1);
    while (window->aggregates[i].hash && window->aggregates[i].hash != hash)
        i = (i + 1) & (SLOTS - 1);
    if (!window->aggregates[i].hash) {
        window->aggregates[i].hash = hash;
        window->aggregate_count++;
    } else if (sequence < window->aggregates[i].sequence) {
        return false;
    }
    window->aggregates[i].sequence = sequence;
    return true;
}
