/* Trainings that somebody asks for, one after the other on a thread of their own. */
#include "service.h"
#include "studio.h"

#include <stddef.h>
#include <string.h>

#define THREADS 1 /* a model is then the same again, and shoppers keep the other processors */

static void run_training(struct worker_task *task)
{
    struct recommendation_service *service =
        (struct recommendation_service *)((char *)task -
                                          offsetof(struct recommendation_service, train_task));
    struct error error = {0};
    int rc = studio_train(service, /* as_of_ms= */ 0, THREADS, NULL, &error);
    pthread_mutex_lock(&service->lock);
    service->train_error = rc < 0 ? error : (struct error){0};
    service->train_asked = false;
    pthread_mutex_unlock(&service->lock);
}

void service_train(struct recommendation_service *service)
{
    pthread_mutex_lock(&service->lock);
    bool ask = !service->train_asked && service->trainer && !service->stopping;
    if (ask)
        service->train_asked = true;
    pthread_mutex_unlock(&service->lock);
    if (!ask)
        return;
    service->train_task.run = run_training;
    worker_add(service->trainer, &service->train_task);
}

bool service_training(struct recommendation_service *service, struct error *last)
{
    pthread_mutex_lock(&service->lock);
    bool asked = service->train_asked;
    *last = service->train_error;
    pthread_mutex_unlock(&service->lock);
    return asked || atomic_load(&service->training);
}
