#include "worker.h"

#include <pthread.h>
#include <stdlib.h>

#define MAX_WAITING 8 /* uploads of 10 MiB */

struct product_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker_task *first, **last;
    int waiting;
    bool stopping;
};

static void *work_loop(void *argument)
{
    struct product_worker *worker = argument;
    pthread_setname_np(pthread_self(), "uploads");
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->first && !worker->stopping)
            pthread_cond_wait(&worker->wake, &worker->lock);
        struct worker_task *task = worker->first;
        if (!task)
            break;
        worker->first = task->next;
        if (!worker->first)
            worker->last = &worker->first;
        worker->waiting--;
        pthread_mutex_unlock(&worker->lock);
        task->run(task);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

struct product_worker *worker_new(void)
{
    struct product_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        abort();
    worker->last = &worker->first;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    if (pthread_create(&worker->thread, NULL, work_loop, worker) != 0)
        abort();
    return worker;
}

void worker_free(struct product_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

bool worker_add(struct product_worker *worker, struct worker_task *task)
{
    pthread_mutex_lock(&worker->lock);
    bool room = worker->waiting < MAX_WAITING && !worker->stopping;
    if (room) {
        task->next = NULL;
        *worker->last = task;
        worker->last = &task->next;
        worker->waiting++;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&worker->lock);
    return room;
}
