#include "stream.h"

#include <string.h>

void stream_init(struct stream *stream, const struct stream_ops *ops, int shards)
{
    *stream = (struct stream){.ops = ops, .shards = shards};
    pthread_rwlock_init(&stream->subscribers_lock, NULL);
}

void stream_release(struct stream *stream)
{
    pthread_rwlock_destroy(&stream->subscribers_lock);
}

int stream_subscribe(struct stream *stream, stream_wake_fn *wake, void *ctx, struct error *error)
{
    int rc = -1;
    pthread_rwlock_wrlock(&stream->subscribers_lock);
    for (int i = 0; i < STREAM_MAX_SUBSCRIBERS && rc < 0; i++) {
        if (stream->subscribers[i].wake)
            continue;
        stream->subscribers[i] = (struct stream_subscriber){wake, ctx};
        rc = 0;
    }
    pthread_rwlock_unlock(&stream->subscribers_lock);
    if (rc < 0)
        return error_set(error, ERROR_CONFLICT, NULL, NULL, "the stream has %d subscribers already",
            STREAM_MAX_SUBSCRIBERS);
    return 0;
}

void stream_unsubscribe(struct stream *stream, stream_wake_fn *wake, void *ctx)
{
    pthread_rwlock_wrlock(&stream->subscribers_lock);
    for (int i = 0; i < STREAM_MAX_SUBSCRIBERS; i++)
        if (stream->subscribers[i].wake == wake && stream->subscribers[i].ctx == ctx)
            stream->subscribers[i] = (struct stream_subscriber){0};
    pthread_rwlock_unlock(&stream->subscribers_lock);
}

void stream_wake(struct stream *stream)
{
    pthread_rwlock_rdlock(&stream->subscribers_lock);
    for (int i = 0; i < STREAM_MAX_SUBSCRIBERS; i++)
        if (stream->subscribers[i].wake)
            stream->subscribers[i].wake(stream->subscribers[i].ctx);
    pthread_rwlock_unlock(&stream->subscribers_lock);
}

int stream_shard_of(const struct stream *stream, const char *key)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */
    for (; *key; key++)
        value = (value ^ (unsigned char)*key) * 1099511628211u;
    /* FNV's low bits mix worst. */
    return (int)((value ^ value >> 32) % (uint64_t)stream->shards);
}

static int check_text(const char *field, const char *text, struct error *error)
{
    size_t length = text ? strlen(text) : 0;
    if (length == 0 || length > STREAM_MAX_TEXT)
        return error_set(error, ERROR_INVALID, NULL, field,
            "a record's %s has 1 to %d bytes, this one %zu", field, STREAM_MAX_TEXT, length);
    return 0;
}

int stream_check(const struct stream_record *records, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        int rc = check_text("key", records[i].key, error);
        if (rc == 0)
            rc = check_text("id", records[i].id, error);
        if (rc == 0 && records[i].length > STREAM_MAX_DATA)
            rc = error_set(error, ERROR_INVALID, NULL, "data",
                "a record's data has at most %zu bytes, this one %zu", STREAM_MAX_DATA,
                records[i].length);
        if (rc < 0)
            return rc;
    }
    return 0;
}
