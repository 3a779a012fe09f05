#include "stream_tail.h"

#include "arena.h"
#include "clock.h"

#include <stdlib.h>

#define DEFAULT_SHARDS 4
#define DEFAULT_RETENTION_MS ((int64_t)7 * 24 * 3600 * 1000)
#define DEFAULT_MAX_BYTES ((int64_t)64 * 1024 * 1024)

struct memory_stream {
    struct stream base; /* first */
    struct stream_tail *tail;
    int64_t retention_ms;
    pthread_mutex_t lock; /* outside the tail's: sequences are given and added in one go */
    int64_t last;
    struct stream_stats stats;
};

static void memory_put(struct stream *base, const struct stream_record *records, size_t count,
    stream_done_fn *done, void *ctx)
{
    struct memory_stream *stream = (struct memory_stream *)base;
    struct error error = {0};
    int rc = stream_check(records, count, &error);
    if (rc == 0 && count > 0) {
        struct tail_entry *list = NULL, **end = &list;
        pthread_mutex_lock(&stream->lock);
        int64_t now_ms = clock_now_ms();
        for (size_t i = 0; i < count; i++) {
            struct tail_entry *entry =
                tail_entry_new(&records[i], stream_shard_of(base, records[i].key));
            entry->record.sequence = ++stream->last;
            entry->record.at_ms = now_ms;
            stream->stats.bytes += (int64_t)records[i].length;
            *end = entry;
            end = &entry->next;
        }
        stream->stats.put += (int64_t)count;
        tail_add(stream->tail, list);
        pthread_mutex_unlock(&stream->lock);
        stream_wake(base);
    }
    if (done)
        done(ctx, rc, &error);
}

static int memory_read(struct stream *base, int shard, int64_t after, int max, struct arena *arena,
    struct stream_record **records, struct error *error)
{
    (void)error;
    struct memory_stream *stream = (struct memory_stream *)base;
    int count;
    /* What was dropped is skipped over; the floor may rise meanwhile. */
    while ((count = tail_read(stream->tail, shard, after, max, arena, records)) < 0)
        after = tail_floor(stream->tail, shard);
    pthread_mutex_lock(&stream->lock);
    stream->stats.read += count;
    pthread_mutex_unlock(&stream->lock);
    return count;
}

static int64_t memory_latest(struct stream *base, int shard)
{
    (void)shard;
    return tail_last(((struct memory_stream *)base)->tail);
}

static void memory_trim(struct stream *base)
{
    struct memory_stream *stream = (struct memory_stream *)base;
    tail_trim(stream->tail, clock_now_ms() - stream->retention_ms);
}

static void memory_stats(struct stream *base, struct stream_stats *stats)
{
    struct memory_stream *stream = (struct memory_stream *)base;
    pthread_mutex_lock(&stream->lock);
    *stats = stream->stats;
    stats->last_sequence = stream->last;
    pthread_mutex_unlock(&stream->lock);
}

static void memory_close(struct stream *base)
{
    struct memory_stream *stream = (struct memory_stream *)base;
    tail_free(stream->tail);
    pthread_mutex_destroy(&stream->lock);
    stream_release(base);
    free(stream);
}

static const struct stream_ops memory_ops = {
    .put = memory_put,
    .read = memory_read,
    .latest = memory_latest,
    .trim = memory_trim,
    .stats = memory_stats,
    .close = memory_close,
};

struct stream *stream_memory_new(const struct stream_options *options)
{
    struct stream_options given = options ? *options : (struct stream_options){0};
    struct memory_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        abort();
    stream_init(&stream->base, &memory_ops, given.shards > 0 ? given.shards : DEFAULT_SHARDS);
    stream->retention_ms = given.retention_ms > 0 ? given.retention_ms : DEFAULT_RETENTION_MS;
    int64_t max_bytes = given.max_bytes > 0 ? given.max_bytes : DEFAULT_MAX_BYTES;
    stream->tail = tail_new(stream->base.shards, max_bytes, INT64_MAX, /* first= */ 0);
    pthread_mutex_init(&stream->lock, NULL);
    return &stream->base;
}
