#include "text_index.h"

#include "arena.h"

#include <stdlib.h>
#include <string.h>

struct text_index {
    struct arena *arena;
    const char **texts;
    uint32_t *hashes; /* of the texts, so that growing does not read them again */
    uint32_t *slots;  /* open addressing: number + 1, 0 is free; a power of two */
    size_t count, capacity, slot_count;
};

#define FIRST_CAPACITY 64

static void *grown(void *memory, size_t count, size_t size)
{
    void *larger = reallocarray(memory, count, size);
    if (!larger)
        abort();
    return larger;
}

/* FNV-1a, then mixed, since the low bits choose the slot. */
static uint32_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = (hash ^ *c) * 0x100000001b3u;
    return (uint32_t)(hash ^ hash >> 32);
}

struct text_index *text_index_new(void)
{
    struct text_index *index = calloc(1, sizeof(*index));
    if (!index)
        abort();
    index->arena = arena_new();
    return index;
}

void text_index_free(struct text_index *index)
{
    if (!index)
        return;
    arena_free(index->arena);
    free(index->texts);
    free(index->hashes);
    free(index->slots);
    free(index);
}

static uint32_t *slot_of(const struct text_index *index, const char *text, uint32_t hash)
{
    size_t mask = index->slot_count - 1, i = hash & mask;
    for (; index->slots[i]; i = (i + 1) & mask) {
        uint32_t number = index->slots[i] - 1;
        if (index->hashes[number] == hash && strcmp(index->texts[number], text) == 0)
            break;
    }
    return &index->slots[i];
}

static void grow(struct text_index *index)
{
    index->capacity = index->capacity ? index->capacity * 2 : FIRST_CAPACITY;
    index->texts = grown(index->texts, index->capacity, sizeof(*index->texts));
    index->hashes = grown(index->hashes, index->capacity, sizeof(*index->hashes));
    index->slot_count = index->capacity * 2;
    free(index->slots);
    index->slots = calloc(index->slot_count, sizeof(*index->slots));
    if (!index->slots)
        abort();
    size_t mask = index->slot_count - 1;
    for (size_t number = 0; number < index->count; number++) {
        size_t i = index->hashes[number] & mask;
        while (index->slots[i])
            i = (i + 1) & mask;
        index->slots[i] = (uint32_t)number + 1;
    }
}

uint32_t text_index_add(struct text_index *index, const char *text)
{
    if (index->count == index->capacity)
        grow(index);
    uint32_t hash = hash_text(text);
    uint32_t *slot = slot_of(index, text, hash);
    if (!*slot) {
        index->texts[index->count] = arena_strdup(index->arena, text);
        index->hashes[index->count] = hash;
        *slot = (uint32_t)++index->count;
    }
    return *slot - 1;
}

uint32_t text_index_find(const struct text_index *index, const char *text)
{
    if (!index->count)
        return TEXT_INDEX_NONE;
    uint32_t slot = *slot_of(index, text, hash_text(text));
    return slot ? slot - 1 : TEXT_INDEX_NONE;
}

const char *text_index_text(const struct text_index *index, uint32_t number)
{
    return index->texts[number];
}

size_t text_index_count(const struct text_index *index)
{
    return index->count;
}
