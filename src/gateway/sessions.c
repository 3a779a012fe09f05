/* The answers of the user service about sessions, kept for 5 s at most. A fixed table: a session
 * whose place is taken is simply asked for again. */
#include "sessions.h"

#include "clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 32768
#define LOCKS 64
#define KEEP_MS 5000

struct place {
    char hash[SECURE_SHA256_HEX_SIZE];
    struct identity identity;
    int64_t until_ms;
};

struct sessions {
    pthread_mutex_t locks[LOCKS];
    struct place places[PLACES];
};

struct sessions *sessions_new(void)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions)
        abort();
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&sessions->locks[i], NULL);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&sessions->locks[i]);
    free(sessions);
}

/* The hash is SHA-256 in hex: its first digits are as good as any. */
static size_t place_of(const char *hash)
{
    char digits[9] = {0};
    memcpy(digits, hash, 8);
    return strtoul(digits, NULL, 16) % PLACES;
}

bool sessions_get(struct sessions *sessions, const char *hash, struct identity *identity)
{
    size_t index = place_of(hash);
    struct place *place = &sessions->places[index];
    pthread_mutex_lock(&sessions->locks[index % LOCKS]);
    bool known = strcmp(place->hash, hash) == 0 && place->until_ms > clock_monotonic_ms();
    if (known)
        *identity = place->identity;
    pthread_mutex_unlock(&sessions->locks[index % LOCKS]);
    return known;
}

void sessions_put(struct sessions *sessions, const char *hash, const struct identity *identity,
    int64_t lifetime_ms)
{
    size_t index = place_of(hash);
    struct place *place = &sessions->places[index];
    pthread_mutex_lock(&sessions->locks[index % LOCKS]);
    memcpy(place->hash, hash, sizeof(place->hash));
    place->identity = *identity;
    place->until_ms = clock_monotonic_ms() + (lifetime_ms < KEEP_MS ? lifetime_ms : KEEP_MS);
    pthread_mutex_unlock(&sessions->locks[index % LOCKS]);
}

void sessions_drop(struct sessions *sessions, const char *hash)
{
    size_t index = place_of(hash);
    struct place *place = &sessions->places[index];
    pthread_mutex_lock(&sessions->locks[index % LOCKS]);
    if (strcmp(place->hash, hash) == 0)
        place->hash[0] = '\0';
    pthread_mutex_unlock(&sessions->locks[index % LOCKS]);
}
