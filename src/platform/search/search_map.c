#include "search_map.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a with a final mix, because slots are taken from the low bits. */
uint32_t search_hash(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return (uint32_t)(hash ^ (hash >> 32));
}

void search_map_init(struct search_map *map, const char *(*key)(const void *owner, uint32_t value),
    const void *owner)
{
    *map = (struct search_map){.key = key, .owner = owner};
}

void search_map_release(struct search_map *map)
{
    free(map->slots);
    search_map_init(map, map->key, map->owner);
}

/* The slot of `text`, or the empty slot where it would go. */
static size_t slot_of(const struct search_map *map, const char *text, size_t length, uint32_t hash)
{
    size_t mask = map->capacity - 1;
    size_t at = hash & mask;
    for (; map->slots[at].value != SEARCH_NONE; at = (at + 1) & mask) {
        if (map->slots[at].hash != hash)
            continue;
        const char *key = map->key(map->owner, map->slots[at].value);
        if (strncmp(key, text, length) == 0 && key[length] == '\0')
            break;
    }
    return at;
}

uint32_t search_map_find(const struct search_map *map, const char *text, size_t length)
{
    if (!map->count)
        return SEARCH_NONE;
    return map->slots[slot_of(map, text, length, search_hash(text, length))].value;
}

static void grow(struct search_map *map)
{
    struct search_map_slot *old = map->slots;
    size_t old_capacity = map->capacity;
    map->capacity = old_capacity ? old_capacity * 2 : 64;
    map->slots = malloc(map->capacity * sizeof(*map->slots));
    if (!map->slots)
        abort();
    for (size_t i = 0; i < map->capacity; i++)
        map->slots[i] = (struct search_map_slot){0, SEARCH_NONE};
    size_t mask = map->capacity - 1;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].value == SEARCH_NONE)
            continue;
        size_t at = old[i].hash & mask;
        while (map->slots[at].value != SEARCH_NONE)
            at = (at + 1) & mask;
        map->slots[at] = old[i];
    }
    free(old);
}

void search_map_add(struct search_map *map, const char *text, size_t length, uint32_t value)
{
    if (map->count * 4 >= map->capacity * 3)
        grow(map);
    uint32_t hash = search_hash(text, length);
    map->slots[slot_of(map, text, length, hash)] = (struct search_map_slot){hash, value};
    map->count++;
}

/* Moves later members of the run back into the gap, so that no tombstones pile up. */
void search_map_remove(struct search_map *map, const char *text, size_t length)
{
    if (!map->count)
        return;
    size_t mask = map->capacity - 1;
    size_t gap = slot_of(map, text, length, search_hash(text, length));
    if (map->slots[gap].value == SEARCH_NONE)
        return;
    for (size_t at = (gap + 1) & mask; map->slots[at].value != SEARCH_NONE; at = (at + 1) & mask) {
        size_t home = map->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap].value = SEARCH_NONE;
    map->count--;
}
