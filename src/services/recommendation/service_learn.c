/* The thread that learns: at the start the catalogue and the past, then what changed. */
#include "clock.h"
#include "learn.h"
#include "log.h"
#include "service.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMPONENT "recommendation"
#define NICE 5
#define PAGE 200 /* wines asked for at once: their JSON is the peak of memory */
#define PAST_MS (INT64_C(90) * 86400000)
#define PAST_LIMIT 200000
#define FIRST_RETRY_MS 100
#define LONGEST_RETRY_MS 5000
#define PAUSE_WINES_MS 100   /* between two rebuilds: a new wine is to be seen soon, */
#define PAUSE_COUNTS_MS 1000 /* what is popular does not change by the second; */
#define PAUSE_FACTOR 20      /* and at least so many times what a rebuild takes */

static bool is_stopping(struct recommendation_service *service)
{
    pthread_mutex_lock(&service->lock);
    bool stopping = service->stopping;
    pthread_mutex_unlock(&service->lock);
    return stopping;
}

/* True when stopped meanwhile. */
static bool pause_for(struct recommendation_service *service, int64_t ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ms / 1000;
    deadline.tv_nsec += ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&service->lock);
    while (!service->stopping &&
           pthread_cond_timedwait(&service->wake, &service->lock, &deadline) == 0)
        ;
    bool stopping = service->stopping;
    pthread_mutex_unlock(&service->lock);
    return stopping;
}

static bool await_change(struct recommendation_service *service)
{
    pthread_mutex_lock(&service->lock);
    while (!service->stopping && !service->changed)
        pthread_cond_wait(&service->wake, &service->lock);
    service->changed = false;
    bool stopping = service->stopping;
    pthread_mutex_unlock(&service->lock);
    return !stopping;
}

/* One page; `after` becomes the next page's, "" at the end. */
static int load_page(
    struct recommendation_service *service, char after[ID_SIZE], struct error *error)
{
    struct arena *arena = arena_new();
    const char *body = NULL;
    struct upstream_call call = {.method = HTTP_GET,
        .path = arena_printf(arena, "/internal/wines/all?after=%s&limit=%d", after, PAGE)};
    int status = upstream_call_wait(service->options.product, &call, arena, &body);
    struct json_view page;
    int rc = status == 200 ? json_view_read(body, strlen(body), arena, &page, error)
                           : error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
                                 "the product service answered %d", status);
    if (rc == 0) {
        for (struct json_view wine = json_view_first(json_view_get(page, "items"));
             json_view_kind(wine) != JSON_MISSING; wine = json_view_next(wine))
            learn_wine(service->model, wine, arena);
        const char *next = json_view_text(json_view_get(page, "next"), arena, "");
        snprintf(after, ID_SIZE, "%s", id_valid(next) ? next : "");
    }
    arena_free(arena);
    return rc;
}

static void load_catalogue(struct recommendation_service *service)
{
    char after[ID_SIZE] = "";
    int64_t wait = FIRST_RETRY_MS;
    for (bool more = true; more && !is_stopping(service);) {
        struct error error = {0};
        if (load_page(service, after, &error) == 0) {
            more = *after;
            continue;
        }
        log_write(LOG_WARN, COMPONENT, NULL, "cannot read the catalogue: %s", error.message);
        pause_for(service, wait);
        wait = wait * 2 < LONGEST_RETRY_MS ? wait * 2 : LONGEST_RETRY_MS;
    }
}

static int remember(void *ctx, const struct warehouse_interaction *interaction)
{
    learn_past(ctx, interaction);
    return 0;
}

/* What the warehouse has is in the past that is read next: it is not to be learnt once more. */
static void note_places(struct recommendation_service *service)
{
    int64_t places[WAREHOUSE_MAX_SHARDS];
    if (warehouse_checkpoints(service->options.warehouse, places, NULL) < 0)
        return;
    pthread_mutex_lock(&service->lock);
    memcpy(service->taught, places, sizeof(places));
    pthread_mutex_unlock(&service->lock);
}

static void load_past(struct recommendation_service *service)
{
    struct error error = {0};
    struct past past = {.model = service->model};
    struct warehouse_interaction_query query = {
        .since_ms = clock_now_ms() - PAST_MS, .limit = PAST_LIMIT};
    if (warehouse_interactions(service->options.warehouse, &query, remember, &past, &error) < 0)
        log_write(LOG_WARN, COMPONENT, NULL, "cannot read the past: %s", error.message);
    learn_past_end(&past);
}

/* What the blob store keeps. Tried again until it worked; a no-op then. Said once. */
static void load_kept(struct recommendation_service *service, bool first)
{
    struct error error = {0};
    int rc = experiments_load(service->experiments, &error);
    if (rc == 0)
        rc = models_load(service->models, &error);
    if (rc < 0 && first)
        log_write(LOG_WARN, COMPONENT, NULL, "%s", error.message);
}

void *service_learn(void *argument)
{
    struct recommendation_service *service = argument;
    pthread_setname_np(pthread_self(), "recommendation");
    load_catalogue(service);
    if (!is_stopping(service)) {
        note_places(service);
        load_past(service);
    }
    load_kept(service, /* first= */ true);
    struct arming arming = {0};
    service_arm(service, &arming);
    model_rebuild(service->model, clock_now_ms());
    service_armed(service, &arming);
    malloc_trim(0); /* the JSON of the whole catalogue has gone through this thread's heap */
    atomic_store_explicit(&service->ready, true, memory_order_release);
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while (await_change(service)) {
        int64_t began = clock_monotonic_ms();
        load_kept(service, /* first= */ false);
        service_arm(service, &arming);
        bool wines = model_rebuild(service->model, clock_now_ms()) == MODEL_WINES;
        service_armed(service, &arming);
        int64_t least = wines ? PAUSE_WINES_MS : PAUSE_COUNTS_MS;
        int64_t pause = (clock_monotonic_ms() - began) * PAUSE_FACTOR;
        if (pause_for(service, pause > least ? pause : least))
            break;
    }
    return NULL;
}
