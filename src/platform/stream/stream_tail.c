#include "stream_tail.h"

#include "arena.h"

#include <stdlib.h>
#include <string.h>

/* A ring per shard, so that a reader finds its place by bisection. */
struct ring {
    struct tail_entry **slots; /* capacity is a power of two */
    size_t first, count, capacity;
    int64_t floor; /* everything above it is in the ring */
};

struct stream_tail {
    pthread_mutex_t lock;
    int shards;
    int64_t max_bytes, max_records, bytes, records, last;
    struct ring rings[];
};

struct stream_tail *tail_new(int shards, int64_t max_bytes, int64_t max_records, int64_t first)
{
    struct stream_tail *tail = calloc(1, sizeof(*tail) + (size_t)shards * sizeof(struct ring));
    if (!tail)
        abort();
    pthread_mutex_init(&tail->lock, NULL);
    tail->shards = shards;
    tail->max_bytes = max_bytes;
    tail->max_records = max_records;
    tail->last = first;
    for (int i = 0; i < shards; i++)
        tail->rings[i].floor = first;
    return tail;
}

static struct tail_entry *slot(const struct ring *ring, size_t index)
{
    return ring->slots[(ring->first + index) & (ring->capacity - 1)];
}

void tail_free(struct stream_tail *tail)
{
    if (!tail)
        return;
    for (int i = 0; i < tail->shards; i++) {
        for (size_t j = 0; j < tail->rings[i].count; j++)
            free(slot(&tail->rings[i], j));
        free(tail->rings[i].slots);
    }
    pthread_mutex_destroy(&tail->lock);
    free(tail);
}

struct tail_entry *tail_entry_new(const struct stream_record *record, int shard)
{
    size_t key_size = strlen(record->key) + 1, id_size = strlen(record->id) + 1;
    struct tail_entry *entry = malloc(sizeof(*entry) + key_size + id_size + record->length + 1);
    if (!entry)
        abort();
    char *key = (char *)(entry + 1), *id = key + key_size, *data = id + id_size;
    memcpy(key, record->key, key_size);
    memcpy(id, record->id, id_size);
    if (record->length > 0)
        memcpy(data, record->data, record->length);
    data[record->length] = '\0';
    *entry = (struct tail_entry){.shard = shard,
        .record = {.key = key,
            .id = id,
            .data = data,
            .length = record->length,
            .sequence = record->sequence,
            .at_ms = record->at_ms}};
    return entry;
}

void tail_entries_free(struct tail_entry *list)
{
    while (list) {
        struct tail_entry *next = list->next;
        free(list);
        list = next;
    }
}

static int64_t entry_bytes(const struct tail_entry *entry)
{
    return (int64_t)(sizeof(*entry) + strlen(entry->record.key) + entry->record.length);
}

static void push(struct ring *ring, struct tail_entry *entry)
{
    if (ring->count == ring->capacity) {
        size_t capacity = ring->capacity ? ring->capacity * 2 : 64;
        struct tail_entry **slots = malloc(capacity * sizeof(struct tail_entry *));
        if (!slots)
            abort();
        for (size_t i = 0; i < ring->count; i++)
            slots[i] = slot(ring, i);
        free(ring->slots);
        ring->slots = slots;
        ring->capacity = capacity;
        ring->first = 0;
    }
    ring->slots[(ring->first + ring->count++) & (ring->capacity - 1)] = entry;
}

static void drop_first(struct stream_tail *tail, struct ring *ring)
{
    struct tail_entry *entry = slot(ring, 0);
    ring->floor = entry->record.sequence;
    ring->first++;
    ring->count--;
    tail->bytes -= entry_bytes(entry);
    tail->records--;
    free(entry);
}

static struct ring *oldest_ring(struct stream_tail *tail)
{
    struct ring *oldest = NULL;
    for (int i = 0; i < tail->shards; i++) {
        struct ring *ring = &tail->rings[i];
        if (ring->count > 0 &&
            (!oldest || slot(ring, 0)->record.sequence < slot(oldest, 0)->record.sequence))
            oldest = ring;
    }
    return oldest;
}

void tail_add(struct stream_tail *tail, struct tail_entry *list)
{
    pthread_mutex_lock(&tail->lock);
    while (list) {
        struct tail_entry *next = list->next;
        list->next = NULL;
        push(&tail->rings[list->shard], list);
        tail->last = list->record.sequence;
        tail->bytes += entry_bytes(list);
        tail->records++;
        list = next;
    }
    while (
        tail->records > 1 && (tail->bytes > tail->max_bytes || tail->records > tail->max_records))
        drop_first(tail, oldest_ring(tail));
    pthread_mutex_unlock(&tail->lock);
}

/* The index of the first record above `after`. */
static size_t bisect(const struct ring *ring, int64_t after)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slot(ring, middle)->record.sequence <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct stream_record copy(struct arena *arena, const struct stream_record *record)
{
    struct stream_record result = *record;
    result.key = arena_strdup(arena, record->key);
    result.id = arena_strdup(arena, record->id);
    result.data = arena_strndup(arena, record->data, record->length);
    return result;
}

int tail_read(struct stream_tail *tail, int shard, int64_t after, int max, struct arena *arena,
    struct stream_record **records)
{
    pthread_mutex_lock(&tail->lock);
    const struct ring *ring = &tail->rings[shard];
    if (after < ring->floor) {
        pthread_mutex_unlock(&tail->lock);
        return -1;
    }
    size_t from = bisect(ring, after), count = ring->count - from;
    if (count > (size_t)max)
        count = (size_t)max;
    struct stream_record *found = arena_new_array(arena, count, struct stream_record);
    for (size_t i = 0; i < count; i++)
        found[i] = copy(arena, &slot(ring, from + i)->record);
    pthread_mutex_unlock(&tail->lock);
    *records = found;
    return (int)count;
}

void tail_nothing_between(struct stream_tail *tail, int shard, int64_t after, int64_t floor)
{
    pthread_mutex_lock(&tail->lock);
    struct ring *ring = &tail->rings[shard];
    if (ring->floor == floor && after < floor)
        ring->floor = after;
    pthread_mutex_unlock(&tail->lock);
}

int64_t tail_floor(struct stream_tail *tail, int shard)
{
    pthread_mutex_lock(&tail->lock);
    int64_t floor = tail->rings[shard].floor;
    pthread_mutex_unlock(&tail->lock);
    return floor;
}

int64_t tail_last(struct stream_tail *tail)
{
    pthread_mutex_lock(&tail->lock);
    int64_t last = tail->last;
    pthread_mutex_unlock(&tail->lock);
    return last;
}

void tail_trim(struct stream_tail *tail, int64_t at_ms)
{
    pthread_mutex_lock(&tail->lock);
    while (tail->records > 1) {
        struct ring *oldest = oldest_ring(tail);
        if (slot(oldest, 0)->record.at_ms >= at_ms)
            break;
        drop_first(tail, oldest);
    }
    pthread_mutex_unlock(&tail->lock);
}
