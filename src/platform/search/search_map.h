/*
 * A hash map from text to a small number, whose keys live with whoever owns the numbers: the map
 * asks for the key of a number when it must compare. Used for ids, values and words.
 *
 * One writer or many readers. The owner frees the keys; `search_map_release` frees the map.
 */
#ifndef SEARCH_MAP_H
#define SEARCH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEARCH_NONE UINT32_MAX

struct search_map_slot {
    uint32_t hash;
    uint32_t value;
};

struct search_map {
    struct search_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    const char *(*key)(const void *owner, uint32_t value);
    const void *owner;
};

uint32_t search_hash(const char *text, size_t length);

void search_map_init(struct search_map *map, const char *(*key)(const void *owner, uint32_t value),
    const void *owner);
void search_map_release(struct search_map *map);

/* SEARCH_NONE if it is not there. */
uint32_t search_map_find(const struct search_map *map, const char *text, size_t length);

/* `value`'s key, given as `text`, must not be in the map yet. */
void search_map_add(struct search_map *map, const char *text, size_t length, uint32_t value);

/* `text` may be gone afterwards. Not there: nothing happens. */
void search_map_remove(struct search_map *map, const char *text, size_t length);

#endif
