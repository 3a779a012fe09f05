#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#define FIRST_BLOCK 4096
#define LARGEST_BLOCK (256 * 1024)

struct block {
    struct block *next;
    size_t size;
    _Alignas(16) unsigned char data[];
};

struct arena {
    struct block *blocks; /* newest first; the last one is the first block, kept by clear */
    unsigned char *cursor;
    unsigned char *end;
    size_t next_size;
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);
    if (!block)
        abort();
    block->size = size;
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

static void arena_push(struct arena *arena, struct block *block)
{
    block->next = arena->blocks;
    arena->blocks = block;
    arena->cursor = block->data;
    arena->end = block->data + block->size;
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        abort();
    arena->next_size = 2 * FIRST_BLOCK;
    arena_push(arena, block_new(FIRST_BLOCK));
    return arena;
}

static void block_free(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    free(block);
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks->next) {
        struct block *next = arena->blocks->next;
        block_free(arena->blocks);
        arena->blocks = next;
    }
    struct block *first = arena->blocks;
    ASAN_POISON_MEMORY_REGION(first->data, first->size);
    arena->cursor = first->data;
    arena->end = first->data + first->size;
    arena->next_size = 2 * FIRST_BLOCK;
}

void arena_wipe(struct arena *arena)
{
    for (struct block *block = arena->blocks; block; block = block->next) {
        ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
        explicit_bzero(block->data, block->size);
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->blocks) {
        struct block *next = arena->blocks->next;
        block_free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

static void *arena_alloc_slow(struct arena *arena, size_t size)
{
    if (size > arena->next_size / 2) {
        /* A large piece gets a block of its own, behind the current one. */
        struct block *block = block_new(size);
        block->next = arena->blocks->next;
        arena->blocks->next = block;
        ASAN_UNPOISON_MEMORY_REGION(block->data, size);
        return block->data;
    }
    arena_push(arena, block_new(arena->next_size));
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return arena_alloc(arena, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        abort();
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded > (size_t)(arena->end - arena->cursor))
        return arena_alloc_slow(arena, rounded);
    void *piece = arena->cursor;
    arena->cursor += rounded;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_memdup(struct arena *arena, const void *data, size_t length)
{
    void *copy = arena_alloc(arena, length);
    if (length)
        memcpy(copy, data, length);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        abort();
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
