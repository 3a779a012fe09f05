#include "password.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 2
#define MEMORY ((size_t)19 * 1024 * 1024)
#define MAX_THREADS 16

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE, "a hash fits");

struct password_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct password_job *first, **last;
    int waiting, max_waiting;
    int threads, started;
    pthread_t thread[MAX_THREADS];
    bool stopping;
};

int password_hash(const char *password, char hashed[PASSWORD_HASH_SIZE], struct error *error)
{
    if (crypto_pwhash_str(hashed, password, strlen(password), PASSES, MEMORY) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no memory to hash a password in");
    return 0;
}

static void work(struct password_job *job)
{
    char wasted[PASSWORD_HASH_SIZE];
    size_t length = strlen(job->password);
    job->rc = 0;
    if (job->work == PASSWORD_HASH)
        job->rc = password_hash(job->password, job->hashed, NULL);
    else if (job->hash)
        job->matches = crypto_pwhash_str_verify(job->hash, job->password, length) == 0;
    else
        password_hash(job->password, wasted, NULL);
    sodium_memzero(job->password, length);
    job->done(job);
}

static void *work_loop(void *argument)
{
    struct password_pool *pool = argument;
    pthread_setname_np(pthread_self(), "password");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        struct password_job *job = pool->first;
        if (!job)
            break;
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pool->waiting--;
        pthread_mutex_unlock(&pool->lock);
        work(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct password_pool *password_pool_new(int threads, int max_waiting)
{
    struct password_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->last = &pool->first;
    pool->max_waiting = max_waiting;
    pool->threads = threads < MAX_THREADS ? threads : MAX_THREADS;
    return pool;
}

void password_pool_free(struct password_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* One more thread while there are fewer than wanted; called with the lock held. */
static bool have_thread(struct password_pool *pool)
{
    if (pool->started < pool->threads &&
        pthread_create(&pool->thread[pool->started], NULL, work_loop, pool) == 0)
        pool->started++;
    return pool->started > 0;
}

int password_pool_submit(struct password_pool *pool, struct password_job *job, struct error *error)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = pool->waiting < pool->max_waiting && !pool->stopping && have_thread(pool);
    if (taken) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!taken)
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
            "too many people are signing in at this moment; try again in a second");
    return 0;
}

int password_pool_waiting(struct password_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    int waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
