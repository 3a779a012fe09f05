#include "wine_cache.h"

#include "document.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SETS 2048
#define WAYS 4
#define STRIPES 64
#define MAX_ENTRY 8192
#define MAX_TOUCHED 4096

struct entry {
    struct product_wine wine; /* without JSON */
    size_t doc_length, brief_length;
    char text[]; /* doc, then brief */
};

struct set {
    struct entry *ways[WAYS];
    unsigned next; /* the way to be taken when all are full */
};

struct wine_cache {
    struct set sets[SETS];
    struct stripe {
        pthread_rwlock_t lock;
    } __attribute__((aligned(64))) stripes[STRIPES];
    _Atomic uint64_t commits;

    /* The writer's. */
    char (*touched)[ID_SIZE];
    size_t touched_count;
    bool touched_all;
};

struct wine_cache *wine_cache_new(void)
{
    struct wine_cache *cache = aligned_alloc(64, (sizeof(*cache) + 63) / 64 * 64);
    if (!cache)
        abort();
    memset(cache, 0, sizeof(*cache));
    for (int i = 0; i < STRIPES; i++)
        pthread_rwlock_init(&cache->stripes[i].lock, NULL);
    cache->touched = calloc(MAX_TOUCHED, sizeof(*cache->touched));
    if (!cache->touched)
        abort();
    return cache;
}

static void empty_set(struct set *set)
{
    for (int i = 0; i < WAYS; i++) {
        free(set->ways[i]);
        set->ways[i] = NULL;
    }
}

void wine_cache_free(struct wine_cache *cache)
{
    for (int i = 0; i < SETS; i++)
        empty_set(&cache->sets[i]);
    for (int i = 0; i < STRIPES; i++)
        pthread_rwlock_destroy(&cache->stripes[i].lock);
    free(cache->touched);
    free(cache);
}

static size_t set_of(const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 0x100000001b3u;
    return (hash ^ hash >> 32) % SETS;
}

static pthread_rwlock_t *lock_of(struct wine_cache *cache, size_t set)
{
    return &cache->stripes[set % STRIPES].lock;
}

static int way_of(const struct set *set, const char *id)
{
    for (int i = 0; i < WAYS; i++) {
        if (set->ways[i] && strcmp(set->ways[i]->wine.id, id) == 0)
            return i;
    }
    return -1;
}

bool wine_cache_get(struct wine_cache *cache, struct arena *arena, const char *id,
    enum product_detail detail, struct product_wine *wine)
{
    size_t set = set_of(id);
    pthread_rwlock_t *lock = lock_of(cache, set);
    pthread_rwlock_rdlock(lock);
    int way = way_of(&cache->sets[set], id);
    if (way >= 0) {
        const struct entry *entry = cache->sets[set].ways[way];
        bool brief = detail == PRODUCT_BRIEF;
        *wine = entry->wine;
        document_splice(arena, wine, detail, entry->text + (brief ? entry->doc_length : 0),
            brief ? entry->brief_length : entry->doc_length);
    }
    pthread_rwlock_unlock(lock);
    return way >= 0;
}

uint64_t wine_cache_begin(struct wine_cache *cache)
{
    return atomic_load(&cache->commits);
}

void wine_cache_keep(struct wine_cache *cache, uint64_t begun, const struct product_wine *wine,
    const struct wine_stored *stored)
{
    size_t size = sizeof(struct entry) + stored->doc_length + stored->brief_length;
    if (size > MAX_ENTRY)
        return;
    struct entry *entry = malloc(size), *old = NULL;
    if (!entry)
        abort();
    entry->wine = *wine;
    entry->wine.json = NULL;
    entry->wine.length = 0;
    entry->wine.group_key = "";
    entry->doc_length = stored->doc_length;
    entry->brief_length = stored->brief_length;
    memcpy(entry->text, stored->doc, stored->doc_length);
    memcpy(entry->text + stored->doc_length, stored->brief, stored->brief_length);

    size_t place = set_of(wine->id);
    struct set *set = &cache->sets[place];
    pthread_rwlock_wrlock(lock_of(cache, place));
    /* The writer counts the commit before it drops: either we see its count here, or it will find
     * our entry. */
    if (atomic_load(&cache->commits) == begun) {
        int way = way_of(set, wine->id);
        for (int i = 0; way < 0 && i < WAYS; i++)
            way = set->ways[i] ? -1 : i;
        if (way < 0)
            way = (int)(set->next++ % WAYS);
        old = set->ways[way];
        set->ways[way] = entry;
    } else {
        old = entry;
    }
    pthread_rwlock_unlock(lock_of(cache, place));
    free(old);
}

void wine_cache_touch(struct wine_cache *cache, const char *id)
{
    if (cache->touched_count == MAX_TOUCHED)
        cache->touched_all = true;
    else
        memcpy(cache->touched[cache->touched_count++], id, ID_SIZE);
}

static void drop(struct wine_cache *cache, const char *id)
{
    size_t place = set_of(id);
    struct set *set = &cache->sets[place];
    pthread_rwlock_wrlock(lock_of(cache, place));
    int way = way_of(set, id);
    struct entry *entry = way >= 0 ? set->ways[way] : NULL;
    if (entry)
        set->ways[way] = NULL;
    pthread_rwlock_unlock(lock_of(cache, place));
    free(entry);
}

static void drop_all(struct wine_cache *cache)
{
    for (size_t i = 0; i < SETS; i++) {
        pthread_rwlock_wrlock(lock_of(cache, i));
        empty_set(&cache->sets[i]);
        pthread_rwlock_unlock(lock_of(cache, i));
    }
}

void wine_cache_committed(struct wine_cache *cache)
{
    atomic_fetch_add(&cache->commits, 1);
    if (cache->touched_all)
        drop_all(cache);
    else
        for (size_t i = 0; i < cache->touched_count; i++)
            drop(cache, cache->touched[i]);
    cache->touched_count = 0;
    cache->touched_all = false;
}
