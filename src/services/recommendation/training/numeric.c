#include "numeric.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 64

void *numeric_new(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

struct crew {
    size_t count, slice;
    numeric_work *work;
    void *ctx;
    atomic_size_t next;
};

struct hand {
    struct crew *crew;
    pthread_t thread;
    int number;
    int started;
};

static void *labour(void *argument)
{
    struct hand *hand = argument;
    struct crew *crew = hand->crew;
    for (;;) {
        size_t first = atomic_fetch_add_explicit(&crew->next, crew->slice, memory_order_relaxed);
        if (first >= crew->count)
            return NULL;
        size_t end = first + crew->slice < crew->count ? first + crew->slice : crew->count;
        crew->work(crew->ctx, first, end, hand->number);
    }
}

void numeric_parallel(int threads, size_t count, size_t slice, numeric_work *work, void *ctx)
{
    struct crew crew = {.count = count, .slice = slice ? slice : 1, .work = work, .ctx = ctx};
    struct hand hands[MAX_THREADS];
    atomic_init(&crew.next, 0);
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    for (int i = 1; i < threads; i++) {
        hands[i] = (struct hand){.crew = &crew, .number = i};
        hands[i].started = pthread_create(&hands[i].thread, NULL, labour, &hands[i]) == 0;
    }
    hands[0] = (struct hand){.crew = &crew};
    labour(&hands[0]);
    for (int i = 1; i < threads; i++) {
        if (hands[i].started)
            pthread_join(hands[i].thread, NULL);
    }
}

void numeric_blas_threads(int threads)
{
    openblas_set_num_threads(threads);
}

double numeric_normal(unsigned long long *state)
{
    double u = ((double)(numeric_random(state) >> 11) + 1) / 9007199254740993.0;
    double v = (double)(numeric_random(state) >> 11) / 9007199254740992.0;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}
