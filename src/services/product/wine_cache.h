/*
 * Wines as they were last read from the file, kept in memory: a page of twenty wines is twenty
 * lookups, and each read of the file costs two system calls and a walk of two trees.
 *
 * Exact: what changes a wine drops it after the commit and before anybody is told of the change,
 * and a reader keeps what it read only if nothing was committed since it began. Bounded: 8,192
 * wines of up to 8 KiB; those that share a place push each other out.
 *
 * Any thread may read and keep; wine_cache_committed is the writer's alone.
 */
#ifndef PRODUCT_WINE_CACHE_H
#define PRODUCT_WINE_CACHE_H

#include "store.h"

struct wine_cache;

struct wine_cache *wine_cache_new(void);
void wine_cache_free(struct wine_cache *cache);

/* What is stored of a wine. */
struct wine_stored {
    const char *doc, *brief;
    size_t doc_length, brief_length;
};

/* The wine with its JSON in the arena; false when it is not there. */
bool wine_cache_get(struct wine_cache *cache, struct arena *arena, const char *id,
    enum product_detail detail, struct product_wine *wine);

/* Taken before reading from the file, and given to wine_cache_keep with what was read. */
uint64_t wine_cache_begin(struct wine_cache *cache);
void wine_cache_keep(struct wine_cache *cache, uint64_t begun, const struct product_wine *wine,
    const struct wine_stored *stored);

/* The writer, within a transaction: this wine is changing. */
void wine_cache_touch(struct wine_cache *cache, const char *id);

/* The writer, after a commit: drops what was touched since the last one. */
void wine_cache_committed(struct wine_cache *cache);

#endif
