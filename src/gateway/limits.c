/*
 * Token buckets per client and kind of traffic, in a fixed table: a client whose place is taken by
 * another is given a fresh bucket there, so memory is bounded and an attacker with many addresses
 * gains no more than those addresses are worth anyway.
 */
#include "clock.h"
#include "internal.h"
#include "text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 16384
#define LOCKS 64

struct rate {
    double per_second, burst;
};

static const struct rate rates[TRAFFIC_KINDS] = {
    [TRAFFIC_PAGE] = {100, 400},
    [TRAFFIC_READ] = {100, 400},
    [TRAFFIC_WRITE] = {20, 80},
    [TRAFFIC_SIGN_IN] = {0.2, 15},
    [TRAFFIC_OPERATE] = {50, 200},
};

struct bucket {
    uint64_t client;
    int64_t at_ns;
    double tokens;
};

struct limits {
    pthread_mutex_t locks[LOCKS];
    uint64_t seed;
    struct bucket buckets[PLACES];
};

struct limits *limits_new(void)
{
    struct limits *limits = calloc(1, sizeof(*limits));
    if (!limits)
        abort();
    secure_random(&limits->seed, sizeof(limits->seed));
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&limits->locks[i], NULL);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&limits->locks[i]);
    free(limits);
}

/* FNV-1a, seeded so that collisions cannot be prepared. */
static uint64_t hash_client(const struct limits *limits, const char *client, enum traffic traffic)
{
    uint64_t hash = 0xcbf29ce484222325u ^ limits->seed ^ (uint64_t)traffic * 0x9e3779b97f4a7c15u;
    for (; *client; client++)
        hash = (hash ^ (unsigned char)*client) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

int limits_take(struct limits *limits, enum traffic traffic, const char *client)
{
    uint64_t hash = hash_client(limits, client, traffic);
    struct bucket *bucket = &limits->buckets[hash % PLACES];
    pthread_mutex_t *lock = &limits->locks[hash % PLACES % LOCKS];
    const struct rate *rate = &rates[traffic];
    int64_t now = clock_monotonic_ns();
    pthread_mutex_lock(lock);
    if (bucket->client != hash)
        *bucket = (struct bucket){hash, now, rate->burst};
    bucket->tokens += (double)(now - bucket->at_ns) / 1e9 * rate->per_second;
    if (bucket->tokens > rate->burst)
        bucket->tokens = rate->burst;
    bucket->at_ns = now;
    int wait = 0;
    if (bucket->tokens >= 1)
        bucket->tokens -= 1;
    else
        wait = 1 + (int)((1 - bucket->tokens) / rate->per_second);
    pthread_mutex_unlock(lock);
    return wait;
}

static bool is_trusted(const char *list, const char *address)
{
    size_t length = strlen(address);
    while (*list) {
        list += strspn(list, ", ");
        size_t entry = strcspn(list, ", ");
        if (entry == length && length && strncmp(list, address, length) == 0)
            return true;
        list += entry;
    }
    return false;
}

const char *client_of(struct gateway *gateway, struct exchange *exchange)
{
    const char *address = exchange->request.client_address;
    const char *trusted = gateway->options.trusted_proxies;
    if (!*trusted || !is_trusted(trusted, address))
        return address;
    const char *forwarded = http_header(exchange, "X-Forwarded-For");
    const char *hops[16];
    size_t count = forwarded ? text_split(exchange->arena, forwarded, ',', hops,
                                   sizeof(hops) / sizeof(hops[0]))
                             : 0;
    while (count && is_trusted(trusted, hops[count - 1]))
        count--;
    return count ? hops[count - 1] : address;
}
