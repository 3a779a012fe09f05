/* Which trained models lists are made of: the current one, and the two of an experiment. */
#include "clock.h"
#include "log.h"
#include "models.h"
#include "service.h"

#include <string.h>

#define COMPONENT "recommendation"
#define RETRY_MS 60000 /* a version that cannot be read is seldom there a moment later */

static void set_armed(struct recommendation_service *service, const char *id)
{
    pthread_mutex_lock(&service->lock);
    strcpy(service->armed, id);
    pthread_mutex_unlock(&service->lock);
}

/* Both arms or none. */
static bool load_arms(struct recommendation_service *service, const struct experiment *experiment)
{
    struct trained *arms[2] = {NULL, NULL};
    struct error error = {0};
    int rc = models_get(service->models, experiment->version_a, &arms[0], &error);
    if (rc == 0)
        rc = models_get(service->models, experiment->version_b, &arms[1], &error);
    if (rc < 0)
        log_write(LOG_WARN, COMPONENT, NULL, "the experiment %s waits for its models: %s",
            experiment->id, error.message);
    for (int i = 0; i < 2; i++) {
        model_use(service->model, MODEL_ARM_A + i, rc == 0 ? arms[i] : NULL);
        trained_release(arms[i]);
    }
    return rc == 0;
}

void service_arm(struct recommendation_service *service, struct arming *arming)
{
    struct trained *current = models_current(service->models);
    model_use(service->model, MODEL_CURRENT, current);
    trained_release(current);

    struct experiment experiment;
    if (!experiments_running(service->experiments, &experiment))
        *experiment.id = '\0';
    int64_t now_ms = clock_monotonic_ms();
    if (strcmp(arming->id, experiment.id) == 0 && (arming->armed || now_ms < arming->retry_ms))
        return;
    set_armed(service, ""); /* until the model has both */
    strcpy(arming->id, experiment.id);
    arming->retry_ms = now_ms + RETRY_MS;
    if (*experiment.id) {
        arming->armed = load_arms(service, &experiment);
        return;
    }
    arming->armed = true; /* with nothing */
    model_use(service->model, MODEL_ARM_A, NULL);
    model_use(service->model, MODEL_ARM_B, NULL);
}

void service_armed(struct recommendation_service *service, const struct arming *arming)
{
    if (arming->armed)
        set_armed(service, arming->id);
}
