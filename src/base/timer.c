#include "timer.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct timer {
    int64_t due_ns;
    size_t index; /* in the heap */
    void (*fn)(void *);
    void *ctx;
};

struct timers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stopping;
    struct timer **heap; /* a binary heap, earliest first */
    size_t count, capacity;
};

static void place(struct timers *timers, size_t index, struct timer *timer)
{
    timers->heap[index] = timer;
    timer->index = index;
}

static void sift_up(struct timers *timers, size_t index, struct timer *timer)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (timers->heap[parent]->due_ns <= timer->due_ns)
            break;
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, timer);
}

static void sift_down(struct timers *timers, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns)
            child++;
        if (timers->heap[child]->due_ns >= timer->due_ns)
            break;
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

static void remove_at(struct timers *timers, size_t index)
{
    struct timer *last = timers->heap[--timers->count];
    if (index == timers->count)
        return;
    if (index > 0 && timers->heap[(index - 1) / 2]->due_ns > last->due_ns)
        sift_up(timers, index, last);
    else
        sift_down(timers, index, last);
}

static void wait_until(struct timers *timers, int64_t due_ns)
{
    struct timespec until = {due_ns / 1000000000, due_ns % 1000000000};
    pthread_cond_timedwait(&timers->changed, &timers->lock, &until);
}

static void *run(void *argument)
{
    struct timers *timers = argument;
    pthread_setname_np(pthread_self(), "timers");
    pthread_mutex_lock(&timers->lock);
    while (!timers->stopping) {
        if (timers->count == 0) {
            pthread_cond_wait(&timers->changed, &timers->lock);
            continue;
        }
        struct timer *first = timers->heap[0];
        if (first->due_ns > clock_monotonic_ns()) {
            wait_until(timers, first->due_ns);
            continue;
        }
        remove_at(timers, 0);
        pthread_mutex_unlock(&timers->lock);
        first->fn(first->ctx);
        free(first);
        pthread_mutex_lock(&timers->lock);
    }
    pthread_mutex_unlock(&timers->lock);
    return NULL;
}

struct timers *timers_new(void)
{
    struct timers *timers = calloc(1, sizeof(*timers));
    if (!timers)
        abort();
    pthread_mutex_init(&timers->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&timers->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&timers->thread, NULL, run, timers) != 0)
        abort();
    return timers;
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    pthread_mutex_lock(&timers->lock);
    timers->stopping = true;
    pthread_cond_signal(&timers->changed);
    pthread_mutex_unlock(&timers->lock);
    pthread_join(timers->thread, NULL);
    for (size_t i = 0; i < timers->count; i++)
        free(timers->heap[i]);
    free(timers->heap);
    pthread_cond_destroy(&timers->changed);
    pthread_mutex_destroy(&timers->lock);
    free(timers);
}

struct timer *timers_after(struct timers *timers, int64_t delay_ms, void (*fn)(void *), void *ctx)
{
    struct timer *timer = malloc(sizeof(*timer));
    if (!timer)
        abort();
    timer->due_ns = clock_monotonic_ns() + delay_ms * 1000000;
    timer->fn = fn;
    timer->ctx = ctx;
    pthread_mutex_lock(&timers->lock);
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
        timers->heap = realloc(timers->heap, timers->capacity * sizeof(struct timer *));
        if (!timers->heap)
            abort();
    }
    sift_up(timers, timers->count++, timer);
    if (timer->index == 0)
        pthread_cond_signal(&timers->changed);
    pthread_mutex_unlock(&timers->lock);
    return timer;
}

bool timers_cancel(struct timers *timers, struct timer *timer)
{
    pthread_mutex_lock(&timers->lock);
    bool pending = timer->index < timers->count && timers->heap[timer->index] == timer;
    if (pending) {
        remove_at(timers, timer->index);
        free(timer);
    }
    pthread_mutex_unlock(&timers->lock);
    return pending;
}
