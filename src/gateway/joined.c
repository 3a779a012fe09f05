#include "internal.h"

#include <stdatomic.h>
#include <string.h>

struct joined *joined_new(struct exchange *exchange, void (*finish)(struct joined *joined))
{
    struct joined *joined = arena_new_struct(exchange->arena, struct joined);
    joined->exchange = exchange;
    joined->finish = finish;
    pthread_mutex_init(&joined->lock, NULL);
    return joined;
}

void joined_add(struct joined *joined, const char *name, struct upstream *upstream)
{
    struct joined_part *part = &joined->parts[joined->count++];
    part->name = name;
    part->upstream = upstream;
    part->all = joined;
}

static void answered(void *ctx, int status, const char *body, size_t length)
{
    struct joined_part *part = ctx;
    struct joined *joined = part->all;
    pthread_mutex_lock(&joined->lock);
    part->status = status;
    part->body = arena_strndup(joined->exchange->arena, body, length);
    pthread_mutex_unlock(&joined->lock);
    if (atomic_fetch_sub(&joined->open, 1) == 1) {
        pthread_mutex_destroy(&joined->lock);
        joined->finish(joined);
    }
}

void joined_ask(struct joined *joined, const char *path)
{
    size_t count = joined->count;
    /* One more than there are, so that an early last answer does not finish before the loop ends.
     */
    atomic_store(&joined->open, (int)count + 1);
    for (size_t i = 0; i < count; i++)
        upstream_call(
            joined->parts[i].upstream, &(struct upstream_call){.method = HTTP_GET,
                                           .path = path,
                                           .identity = &joined->exchange->request.identity,
                                           .trace = &joined->exchange->request.trace,
                                           .done = answered,
                                           .ctx = &joined->parts[i]});
    if (atomic_fetch_sub(&joined->open, 1) == 1) {
        pthread_mutex_destroy(&joined->lock);
        joined->finish(joined);
    }
}
