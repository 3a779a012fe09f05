#include "outbox_memory.h"

#include "arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct outbox_item item; /* its texts lie behind */
    struct entry *next;
};

struct outbox_memory {
    pthread_mutex_t lock;
    struct entry *first, **last;
    int64_t count, seq;
};

struct outbox_memory *outbox_memory_new(void)
{
    struct outbox_memory *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        abort();
    pthread_mutex_init(&outbox->lock, NULL);
    outbox->last = &outbox->first;
    return outbox;
}

static void drop_first(struct outbox_memory *outbox)
{
    struct entry *entry = outbox->first;
    outbox->first = entry->next;
    if (!outbox->first)
        outbox->last = &outbox->first;
    outbox->count--;
    free(entry);
}

void outbox_memory_free(struct outbox_memory *outbox)
{
    if (!outbox)
        return;
    while (outbox->first)
        drop_first(outbox);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

static char *put_text(char **at, const void *text, size_t length)
{
    char *start = *at;
    if (length > 0)
        memcpy(start, text, length);
    start[length] = '\0';
    *at = start + length + 1;
    return start;
}

int64_t outbox_memory_put(struct outbox_memory *outbox, const struct outbox_item *item)
{
    size_t target = strlen(item->target), key = strlen(item->key), id = strlen(item->id);
    struct entry *entry = malloc(sizeof(*entry) + target + key + id + item->length + 4);
    if (!entry)
        abort();
    char *at = (char *)(entry + 1);
    entry->item = *item;
    entry->item.target = put_text(&at, item->target, target);
    entry->item.key = put_text(&at, item->key, key);
    entry->item.id = put_text(&at, item->id, id);
    entry->item.body = put_text(&at, item->body, item->length);
    entry->next = NULL;
    pthread_mutex_lock(&outbox->lock);
    int64_t seq = entry->item.seq = ++outbox->seq;
    *outbox->last = entry;
    outbox->last = &entry->next;
    outbox->count++;
    pthread_mutex_unlock(&outbox->lock);
    return seq;
}

int64_t outbox_memory_count(struct outbox_memory *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    int64_t count = outbox->count;
    pthread_mutex_unlock(&outbox->lock);
    return count;
}

static int read_items(void *ctx, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error)
{
    (void)error;
    struct outbox_memory *outbox = ctx;
    struct outbox_item *found = arena_new_array(arena, max, struct outbox_item);
    int count = 0;
    pthread_mutex_lock(&outbox->lock);
    for (const struct entry *entry = outbox->first; entry && count < max; entry = entry->next) {
        if (entry->item.seq <= after)
            continue;
        struct outbox_item *item = &found[count++];
        *item = entry->item;
        item->target = arena_strdup(arena, item->target);
        item->key = arena_strdup(arena, item->key);
        item->id = arena_strdup(arena, item->id);
        item->body = arena_strndup(arena, item->body, item->length);
    }
    pthread_mutex_unlock(&outbox->lock);
    *items = found;
    return count;
}

static void trim_items(void *ctx, int64_t upto, relay_trimmed_fn *trimmed, void *trimmed_ctx)
{
    struct outbox_memory *outbox = ctx;
    pthread_mutex_lock(&outbox->lock);
    while (outbox->first && outbox->first->item.seq <= upto)
        drop_first(outbox);
    pthread_mutex_unlock(&outbox->lock);
    trimmed(trimmed_ctx, 0);
}

struct relay_source_config outbox_memory_source(struct outbox_memory *outbox, const char *name)
{
    return (struct relay_source_config){
        .name = name, .ctx = outbox, .read = read_items, .trim = trim_items};
}
