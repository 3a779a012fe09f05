#include "limiter.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SETS 2048
#define WAYS 4

/* Instead of counting tokens a bucket remembers when it will be full again: one number (the
 * generic cell rate algorithm). */
struct bucket {
    uint64_t key; /* 0: free */
    int64_t full_ms;
};

struct limiter {
    pthread_mutex_t lock;
    unsigned char secret[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a set */
    int64_t burst, interval_ms;
    struct bucket buckets[SETS][WAYS];
};

struct limiter *limiter_new(int burst, int64_t interval_ms)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter)
        abort();
    pthread_mutex_init(&limiter->lock, NULL);
    randombytes_buf(limiter->secret, sizeof(limiter->secret));
    limiter->burst = burst;
    limiter->interval_ms = interval_ms;
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (!limiter)
        return;
    pthread_mutex_destroy(&limiter->lock);
    free(limiter);
}

static struct bucket *bucket_of(struct limiter *limiter, const char *key)
{
    uint64_t hash;
    crypto_shorthash(
        (unsigned char *)&hash, (const unsigned char *)key, strlen(key), limiter->secret);
    hash |= 1;
    struct bucket *set = limiter->buckets[(hash >> 8) % SETS], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == hash)
            return &set[i];
        if (set[i].full_ms < oldest->full_ms)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.key = hash};
    return oldest;
}

int64_t limiter_take(struct limiter *limiter, const char *key, int64_t now_ms)
{
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = bucket_of(limiter, key);
    int64_t full = bucket->full_ms > now_ms ? bucket->full_ms : now_ms;
    int64_t wait = full + limiter->interval_ms - now_ms - limiter->burst * limiter->interval_ms;
    if (wait <= 0)
        bucket->full_ms = full + limiter->interval_ms;
    pthread_mutex_unlock(&limiter->lock);
    return wait > 0 ? wait : 0;
}

void limiter_forget(struct limiter *limiter, const char *key)
{
    pthread_mutex_lock(&limiter->lock);
    bucket_of(limiter, key)->full_ms = 0;
    pthread_mutex_unlock(&limiter->lock);
}
