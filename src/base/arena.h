/*
 * An arena: memory that is freed all at once. One arena per request; what belongs to the request
 * dies with it. Not thread-safe: one owner at a time (ownership passes with the request).
 *
 * Out of memory aborts, so whoever sizes an allocation from input caps it first. Under
 * AddressSanitizer freed and unallocated arena memory is poisoned.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);

/* Frees the arena and everything allocated from it. NULL is fine. */
void arena_free(struct arena *arena);

/* Frees everything allocated from the arena and keeps it (and its first block) for reuse. */
void arena_clear(struct arena *arena);

/* Overwrites everything in the arena: before arena_free, where it held secrets. */
void arena_wipe(struct arena *arena);

/* `size` bytes, 16-byte aligned, uninitialised. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));

/* Copies; the results end with a NUL. `arena_strdup(NULL)` is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *data, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#define arena_new_struct(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define arena_new_array(arena, count, type)                                                        \
    ((type *)arena_zalloc((arena), (size_t)(count) * sizeof(type)))

#endif
