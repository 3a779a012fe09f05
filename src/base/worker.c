#include "worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker_task *first, **last;
    int waiting, max_waiting;
    char name[16];
    bool stopping;
};

static void *work_loop(void *argument)
{
    struct worker *worker = argument;
    pthread_setname_np(pthread_self(), worker->name);
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

struct worker *worker_new(const char *name, int max_waiting)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        abort();
    worker->last = &worker->first;
    worker->max_waiting = max_waiting;
    snprintf(worker->name, sizeof(worker->name), "%s", name);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    if (pthread_create(&worker->thread, NULL, work_loop, worker) != 0)
        abort();
    return worker;
}

void worker_free(struct worker *worker)
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

bool worker_add(struct worker *worker, struct worker_task *task)
{
    pthread_mutex_lock(&worker->lock);
    bool room = worker->waiting < worker->max_waiting && !worker->stopping;
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
