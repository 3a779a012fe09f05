/*
 * The stream port: a log of records in a fixed number of shards. A record's shard follows from its
 * key, so records of one key are read in the order of their puts; within a shard sequences only
 * grow (with gaps). Readers keep their own place: nothing is consumed by reading, and the same
 * record may be put twice (readers deduplicate by id).
 *
 * Threads: every function may be called from any thread. Puts are asynchronous: `done` is called
 * once, when the records are durable. Nobody but the engines touches `ops`.
 */
#ifndef PLATFORM_STREAM_STREAM_H
#define PLATFORM_STREAM_STREAM_H

#include "error.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct stream;

#define STREAM_MAX_DATA ((size_t)1024 * 1024) /* what Kinesis takes, too */
#define STREAM_MAX_TEXT 256                   /* of keys and ids */
#define STREAM_MAX_SHARDS 64

struct stream_record {
    const char *key, *id;
    const char *data; /* ends with a NUL that `length` does not count, when read */
    size_t length;
    int64_t sequence; /* > 0; filled by reading */
    int64_t at_ms;    /* wall clock of the put; filled by reading */
};

struct stream_stats {
    int64_t put, bytes;    /* records and data bytes put since the stream was opened */
    int64_t read;          /* records read since then */
    int64_t read_file;     /* of these, from the engine's file and not from memory */
    int64_t last_sequence; /* the highest of all shards */
};

struct stream_options {
    int shards;           /* 0: 4; a file that exists keeps its own number */
    int64_t retention_ms; /* 0: 7 days */
    int64_t max_bytes;    /* 0: 2 GiB (memory engine: 64 MiB) */
};

/* `error` is valid during the call, and empty when `rc` is 0. */
typedef void stream_done_fn(void *ctx, int rc, const struct error *error);
typedef void stream_wake_fn(void *ctx);

struct stream_ops {
    void (*put)(struct stream *stream, const struct stream_record *records, size_t count,
        stream_done_fn *done, void *ctx);
    int (*read)(struct stream *stream, int shard, int64_t after, int max, struct arena *arena,
        struct stream_record **records, struct error *error);
    int64_t (*latest)(struct stream *stream, int shard);
    void (*trim)(struct stream *stream);
    void (*stats)(struct stream *stream, struct stream_stats *stats);
    void (*close)(struct stream *stream);
};

#define STREAM_MAX_SUBSCRIBERS 8

struct stream {
    const struct stream_ops *ops;
    int shards;
    pthread_rwlock_t subscribers_lock;
    struct stream_subscriber {
        stream_wake_fn *wake; /* NULL: free */
        void *ctx;
    } subscribers[STREAM_MAX_SUBSCRIBERS];
};

/* Puts all or none; the records are copied before the call returns. `done` (may be NULL) may be
 * called before it returns; it is short and never waits. ERROR_INVALID: an empty or too long key or
 * id, too much data. ERROR_UNAVAILABLE: try again later. */
static inline void stream_put(struct stream *stream, const struct stream_record *records,
    size_t count, stream_done_fn *done, void *ctx)
{
    stream->ops->put(stream, records, count, done, ctx);
}

/* The shard's oldest records with a sequence above `after`, at most `max`, allocated from the
 * arena. Returns the count (0: nothing new) or a negative code. Records older than the retention
 * are skipped over. May read a file, on the calling thread. */
static inline int stream_read(struct stream *stream, int shard, int64_t after, int max,
    struct arena *arena, struct stream_record **records, struct error *error)
{
    return stream->ops->read(stream, shard, after, max, arena, records, error);
}

static inline int stream_shards(const struct stream *stream)
{
    return stream->shards;
}

/* A sequence that no record put so far exceeds: where a reader starts who wants only what is new.
 */
static inline int64_t stream_latest(struct stream *stream, int shard)
{
    return stream->ops->latest(stream, shard);
}

/* Drops what is older than the retention or beyond the bytes; the last record stays. Returns at
 * once; called every minute or so by the owner. */
static inline void stream_trim(struct stream *stream)
{
    stream->ops->trim(stream);
}

static inline void stream_stats(struct stream *stream, struct stream_stats *stats)
{
    stream->ops->stats(stream, stats);
}

/* `wake(ctx)` is called, on any thread, after new records can be read. Short; it must not call the
 * stream. ERROR_CONFLICT: too many subscribers. */
int stream_subscribe(struct stream *stream, stream_wake_fn *wake, void *ctx, struct error *error);

/* Takes it back; when this returns, `wake` is not running and will not. Not from within it. */
void stream_unsubscribe(struct stream *stream, stream_wake_fn *wake, void *ctx);

/* Finishes the puts that wait, then frees. NULL is fine. */
static inline void stream_close(struct stream *stream)
{
    if (stream)
        stream->ops->close(stream);
}

/* ---- engines ---- */

/* Keeps the newest `max_bytes` in memory. `options` may be NULL. */
struct stream *stream_memory_new(const struct stream_options *options);

/* One file, which this process alone may have open; errors as sqlite_db_open. A reader who keeps up
 * is served from memory. */
int stream_sqlite_open(struct stream **out, const char *path, const struct stream_options *options,
    struct error *error);

/* For engines: the base's set-up and tear-down, the call of all subscribers, the shard of a key,
 * and the check of what is put. */
void stream_init(struct stream *stream, const struct stream_ops *ops, int shards);
void stream_release(struct stream *stream);
void stream_wake(struct stream *stream);
int stream_shard_of(const struct stream *stream, const char *key);
int stream_check(const struct stream_record *records, size_t count, struct error *error);

#endif
