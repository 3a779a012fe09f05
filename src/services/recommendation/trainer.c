#include "trainer.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "service.h"
#include "studio.h"

#include <stdlib.h>
#include <string.h>

#define COMPONENT "recommendation"
#define FIRST_MS 60000 /* after a start other things come first */
#define LOOK_MS 30000

struct trainer {
    struct recommendation_service *service;
    struct trainer_options options;
    atomic_int_fast64_t trained, failed;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool asked, running, stopping;
    struct error last_error; /* of the last training that was asked for */

    /* The thread's own. */
    int64_t last_attempt_ms; /* wall clock; 0: none yet */
    int64_t taken_then;      /* events the service had learnt from */
    pthread_t thread;
    bool started;
};

static double count_trained(void *ctx)
{
    return (double)atomic_load_explicit(&((struct trainer *)ctx)->trained, memory_order_relaxed);
}

static double count_failed(void *ctx)
{
    return (double)atomic_load_explicit(&((struct trainer *)ctx)->failed, memory_order_relaxed);
}

struct trainer *trainer_new(
    struct recommendation_service *service, const struct trainer_options *options)
{
    struct trainer *trainer = calloc(1, sizeof(*trainer));
    if (!trainer)
        abort();
    trainer->service = service;
    trainer->options = *options;
    pthread_mutex_init(&trainer->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&trainer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (service->options.metrics) {
        metrics_counter_callback(service->options.metrics, "recommendation_trainings_total",
            "Trainings, by what became of them.", (const char *const[]){"result", "done", NULL},
            count_trained, trainer);
        metrics_counter_callback(service->options.metrics, "recommendation_trainings_total",
            "Trainings, by what became of them.", (const char *const[]){"result", "failed", NULL},
            count_failed, trainer);
    }
    return trainer;
}

void trainer_free(struct trainer *trainer)
{
    if (!trainer)
        return;
    pthread_cond_destroy(&trainer->wake);
    pthread_mutex_destroy(&trainer->lock);
    free(trainer);
}

/* Until asked, stopped, or so long; true when stopped. */
static bool wait_for(struct trainer *trainer, int64_t ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ms / 1000;
    pthread_mutex_lock(&trainer->lock);
    while (!trainer->stopping && !trainer->asked &&
           pthread_cond_timedwait(&trainer->wake, &trainer->lock, &deadline) == 0)
        ;
    bool stopping = trainer->stopping;
    pthread_mutex_unlock(&trainer->lock);
    return stopping;
}

static bool take_asked(struct trainer *trainer)
{
    pthread_mutex_lock(&trainer->lock);
    bool asked = trainer->asked;
    trainer->asked = false;
    trainer->running = asked;
    pthread_mutex_unlock(&trainer->lock);
    return asked;
}

static void set_running(struct trainer *trainer, bool running, const struct error *failed)
{
    pthread_mutex_lock(&trainer->lock);
    trainer->running = running;
    if (failed)
        trainer->last_error = *failed;
    pthread_mutex_unlock(&trainer->lock);
}

static int64_t events_taken(struct trainer *trainer)
{
    return (int64_t)atomic_load_explicit(&trainer->service->taken, memory_order_relaxed);
}

/* When the model that serves was trained; 0 when none serves. */
static int64_t trained_at(struct trainer *trainer)
{
    struct trained *current = models_current(trainer->service->models);
    int64_t at_ms = current ? trained_info(current)->record.trained_ms : 0;
    trained_release(current);
    return at_ms;
}

static bool is_due(struct trainer *trainer, int64_t now_ms)
{
    const struct trainer_options *options = &trainer->options;
    int64_t trained_ms = trained_at(trainer);
    int64_t last = trained_ms > trainer->last_attempt_ms ? trained_ms : trainer->last_attempt_ms;
    bool scheduled = options->every_ms || options->after_events;
    if (last && now_ms - last < TRAINER_PAUSE_MS)
        return false;
    return (scheduled && !last) || (options->every_ms && now_ms - last >= options->every_ms) ||
           (options->after_events &&
               events_taken(trainer) - trainer->taken_then >= options->after_events);
}

static void run(struct trainer *trainer, bool asked)
{
    struct error error = {0};
    trainer->last_attempt_ms = clock_now_ms();
    trainer->taken_then = events_taken(trainer);
    set_running(trainer, true, NULL);
    int rc = studio_train(trainer->service,
        &(struct studio_training){.threads = trainer->options.threads,
            .least_events = asked ? 1 : TRAINER_LEAST_EVENTS,
            .background = !asked},
        NULL, &error);
    if (rc == 0)
        atomic_fetch_add_explicit(&trainer->trained, 1, memory_order_relaxed);
    else if (asked || strcmp(error.reason, "nothing_to_learn") != 0) {
        atomic_fetch_add_explicit(&trainer->failed, 1, memory_order_relaxed);
        log_write(LOG_WARN, COMPONENT, NULL, "no training: %s", error.message);
    }
    set_running(trainer, false, !asked ? NULL : rc < 0 ? &error : &(struct error){0});
}

static void *train_loop(void *argument)
{
    struct trainer *trainer = argument;
    pthread_setname_np(pthread_self(), "trainer");
    bool stopped = wait_for(trainer, FIRST_MS);
    while (!stopped) {
        bool asked = take_asked(trainer);
        if (asked ||
            (recommendation_service_ready(trainer->service) && is_due(trainer, clock_now_ms())))
            run(trainer, asked);
        stopped = wait_for(trainer, LOOK_MS);
    }
    return NULL;
}

int trainer_start(struct trainer *trainer, struct error *error)
{
    if (pthread_create(&trainer->thread, NULL, train_loop, trainer) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the trainer");
    trainer->started = true;
    return 0;
}

void trainer_stop(struct trainer *trainer)
{
    if (!trainer->started)
        return;
    pthread_mutex_lock(&trainer->lock);
    trainer->stopping = true;
    pthread_cond_broadcast(&trainer->wake);
    pthread_mutex_unlock(&trainer->lock);
    recommendation_service_give_up(trainer->service);
    pthread_join(trainer->thread, NULL);
    trainer->started = false;
}

void trainer_ask(struct trainer *trainer)
{
    pthread_mutex_lock(&trainer->lock);
    trainer->asked = true;
    pthread_cond_broadcast(&trainer->wake);
    pthread_mutex_unlock(&trainer->lock);
}

bool trainer_busy(struct trainer *trainer, struct error *failed)
{
    pthread_mutex_lock(&trainer->lock);
    bool busy = trainer->asked || trainer->running;
    *failed = trainer->last_error;
    pthread_mutex_unlock(&trainer->lock);
    return busy;
}
