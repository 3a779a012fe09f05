#include "image_service.h"

#include "arena.h"
#include "blob.h"
#include "clock.h"
#include "id.h"
#include "image_frame.h"
#include "image_process.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "queue.h"
#include "upstream.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DEADLINE_MS 20000
#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
#define STOP_MS 5000

enum outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_FAILED, OUTCOME_RETRIED, OUTCOMES };

struct image_service {
    struct image_service_options options;
    struct image_process process;
    char worker[PATH_MAX];
    struct counter *outcomes[OUTCOMES]; /* NULL without metrics */
    struct histogram *seconds;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct queue_delivery *delivery; /* to be handled */
    bool stopping;
};

/* One message and what becomes of it. */
struct job {
    struct image_service *service;
    struct queue_delivery *delivery;
    struct arena *arena;
    const char *upload_id, *wine_id, *blob;
};

static void count(struct image_service *service, enum outcome outcome)
{
    if (service->outcomes[outcome])
        counter_increment(service->outcomes[outcome]);
}

static void retry(struct job *job, const struct error *error)
{
    struct image_service *service = job->service;
    int64_t delay = service->options.retry_ms;
    for (int i = 1; i < job->delivery->receive_count && delay < RETRY_MAX_MS; i++)
        delay *= 2;
    count(service, OUTCOME_RETRIED);
    log_write(
        LOG_WARN, "image", NULL, "upload %s is tried again: %s", job->upload_id, error->message);
    queue_nack(service->options.queue, job->delivery, delay < RETRY_MAX_MS ? delay : RETRY_MAX_MS,
        error->message);
}

static int read_message(struct job *job, json_t **json, struct error *error)
{
    const struct queue_delivery *delivery = job->delivery;
    int rc = json_read_object(delivery->body, delivery->length, json, error);
    if (rc == 0)
        rc = json_get_text(*json, "upload_id", 1, ID_LENGTH, &job->upload_id, error);
    if (rc == 0)
        rc = json_get_text(*json, "wine_id", 1, ID_LENGTH, &job->wine_id, error);
    if (rc == 0)
        rc = json_get_text(*json, "blob", 1, BLOB_NAME_MAX, &job->blob, error);
    if (rc == 0 && (!id_valid(job->upload_id) || !id_valid(job->wine_id)))
        rc = error_set(error, ERROR_INVALID, NULL, "upload_id", "the message's ids are no ids");
    return rc;
}

/* Tells the product service; the body is taken over. Settles the delivery. */
static void report(struct job *job, struct buffer *body, enum outcome outcome)
{
    struct image_service *service = job->service;
    struct error error = {0};
    const char *answer = "";
    struct upstream_call call = {
        .method = HTTP_POST,
        .path = arena_printf(job->arena, "/internal/wines/%s/images", job->wine_id),
        .body = body->data,
        .body_length = body->length,
    };
    int status = upstream_call_wait(service->options.product, &call, job->arena, &answer);
    buffer_release(body);
    if (status >= 200 && status < 300) {
        count(service, outcome);
        queue_ack(service->options.queue, job->delivery);
    } else if (status == 404) {
        /* The wine or the upload is gone: nobody waits for the picture. */
        log_write(LOG_INFO, "image", NULL, "upload %s is not wanted any more", job->upload_id);
        queue_ack(service->options.queue, job->delivery);
    } else {
        upstream_error(status, answer, strlen(answer), &error);
        if (error.code == ERROR_UNAVAILABLE || error.code == ERROR_TIMEOUT ||
            error.code == ERROR_INTERNAL)
            retry(job, &error);
        else
            queue_nack(service->options.queue, job->delivery, QUEUE_NACK_DEAD, error.message);
    }
}

static void report_failed(struct job *job, enum outcome outcome, const char *why)
{
    struct buffer body = BUFFER_INIT;
    log_write(LOG_INFO, "image", NULL, "upload %s failed: %s", job->upload_id, why);
    buffer_append_text(&body, "{\"upload_id\":");
    buffer_append_json(&body, job->upload_id);
    buffer_append_text(&body, ",\"images\":[],\"error\":");
    buffer_append_json(&body, why);
    buffer_append_char(&body, '}');
    report(job, &body, outcome);
}

/* Stores the sizes and appends them, narrowest first, as {"url", "width"}. */
static int store_sizes(struct job *job, const struct image_size *sizes, size_t count_of,
    struct buffer *list, struct error *error)
{
    for (size_t i = count_of; i > 0; i--) {
        const struct image_size *size = &sizes[i - 1];
        const char *name = arena_printf(
            job->arena, "images/%s/%s-%u.webp", job->wine_id, job->upload_id, size->width);
        int rc = blob_put(
            job->service->options.blob, name, "image/webp", size->data, size->length, error);
        if (rc != 0)
            return rc;
        buffer_printf(list, "%s{\"url\":\"/media/%s\",\"width\":%u}", list->length ? "," : "", name,
            size->width);
    }
    return 0;
}

static void finish(struct job *job, const struct image_result *result)
{
    struct image_size sizes[IMAGE_SIZES];
    size_t sizes_count = 0;
    struct error error = {0};
    CLEANUP_BUFFER struct buffer list = BUFFER_INIT;
    int rc = image_frame_read(
        (const unsigned char *)result->out.data, result->out.length, sizes, &sizes_count, &error);
    if (rc == 0)
        rc = store_sizes(job, sizes, sizes_count, &list, &error);
    if (rc != 0) {
        retry(job, &error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    buffer_printf(
        &body, "{\"upload_id\":\"%s\",\"images\":[%s],\"error\":null}", job->upload_id, list.data);
    report(job, &body, OUTCOME_DONE);
}

/* The worker's own words go to the log alone: it has seen a stranger's file. */
static void conclude(struct job *job, const struct image_result *result)
{
    if (result->exit_code != IMAGE_DONE)
        log_write(LOG_INFO, "image", NULL, "upload %s, worker%s: %.*s", job->upload_id,
            result->late ? " was stopped at the deadline" : "", (int)result->log.length,
            result->log.data ? result->log.data : "");
    switch (result->exit_code) {
    case IMAGE_DONE:
        finish(job, result);
        break;
    case IMAGE_NOT_A_PICTURE:
        report_failed(
            job, OUTCOME_REFUSED, "The file is no JPEG, PNG or WebP picture, or it is damaged.");
        break;
    case IMAGE_TOO_LARGE:
        report_failed(job, OUTCOME_REFUSED,
            "The picture is too large: at most 20 MiB and 50 million pixels are taken.");
        break;
    default:
        if (job->delivery->receive_count >= IMAGE_SERVICE_MAX_TRIES) {
            report_failed(job, OUTCOME_FAILED, "The picture could not be unpacked.");
        } else {
            struct error error = {0};
            error_set(&error, ERROR_INTERNAL, NULL, NULL, "the image worker failed (%d)",
                result->exit_code);
            retry(job, &error);
        }
    }
}

static void work(struct job *job)
{
    struct image_service *service = job->service;
    struct error error = {0};
    CLEANUP_BLOB_OBJECT struct blob_object upload = {0};
    int rc = blob_get(service->options.blob, job->blob, IMAGE_MAX_INPUT, &upload, &error);
    if (rc == ERROR_NOT_FOUND) {
        report_failed(job, OUTCOME_FAILED, "The uploaded file is gone.");
        return;
    }
    if (rc == ERROR_INVALID) {
        report_failed(job, OUTCOME_REFUSED, "The file is too large: at most 20 MiB are taken.");
        return;
    }
    struct image_result result = {0};
    if (rc == 0)
        rc = image_process_run(&service->process, upload.data, upload.info.length, &result, &error);
    if (rc == ERROR_TIMEOUT)
        queue_nack(service->options.queue, job->delivery, service->options.retry_ms, error.message);
    else if (rc != 0)
        retry(job, &error);
    else
        conclude(job, &result);
    image_result_release(&result);
}

static void handle(struct image_service *service, struct queue_delivery *delivery)
{
    int64_t started = clock_monotonic_ns();
    struct job job = {.service = service, .delivery = delivery, .arena = arena_new()};
    struct error error = {0};
    CLEANUP_JSON json_t *json = NULL;
    if (read_message(&job, &json, &error) == 0) {
        work(&job);
    } else {
        log_write(LOG_ERROR, "image", NULL, "a message is not understood: %s", error.message);
        queue_nack(service->options.queue, delivery, QUEUE_NACK_DEAD, error.message);
    }
    arena_free(job.arena);
    if (service->seconds)
        histogram_observe_ns(service->seconds, clock_monotonic_ns() - started);
}

/* Called by the queue, one delivery at a time (max_in_flight is 1). */
static void receive(void *ctx, struct queue_delivery *delivery)
{
    struct image_service *service = ctx;
    pthread_mutex_lock(&service->lock);
    service->delivery = delivery;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static struct queue_delivery *take(struct image_service *service)
{
    pthread_mutex_lock(&service->lock);
    while (!service->delivery && !service->stopping)
        pthread_cond_wait(&service->changed, &service->lock);
    struct queue_delivery *delivery = service->delivery;
    service->delivery = NULL;
    pthread_mutex_unlock(&service->lock);
    return delivery;
}

static void *run(void *ctx)
{
    struct image_service *service = ctx;
    struct queue_delivery *delivery;
    /* A worker that stops reading must not end the store. */
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
    while ((delivery = take(service)))
        handle(service, delivery);
    return NULL;
}

int image_service_worker(char *path, size_t size, struct error *error)
{
    static const char *const places[] = {"winestore-image", "services/image/worker/winestore-image",
        "src/services/image/worker/winestore-image"};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        int written = snprintf(path, size, "%s/%s", self, places[i]);
        if (written > 0 && (size_t)written < size && access(path, X_OK) == 0)
            return 0;
    }
    return error_set(error, ERROR_NOT_FOUND, "image_worker", NULL,
        "winestore-image, which makes pictures smaller, is not in %s", self);
}

static void register_metrics(struct image_service *service, struct metrics *metrics)
{
    static const char *const names[OUTCOMES] = {"done", "refused", "failed", "retried"};
    if (!metrics)
        return;
    for (int i = 0; i < OUTCOMES; i++)
        service->outcomes[i] = metrics_counter(metrics, "image_uploads_total",
            "Uploaded pictures handled.", (const char *const[]){"outcome", names[i], NULL});
    service->seconds = metrics_histogram(
        metrics, "image_seconds", "Time to handle one picture.", NULL, 0.02, 2, 11);
}

int image_service_new(
    struct image_service **out, const struct image_service_options *options, struct error *error)
{
    struct image_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    int rc = 0;
    if (options->worker && *options->worker)
        snprintf(service->worker, sizeof(service->worker), "%s", options->worker);
    else
        rc = image_service_worker(service->worker, sizeof(service->worker), error);
    if (rc == 0 && access(service->worker, X_OK) != 0)
        rc = error_set(error, ERROR_NOT_FOUND, "image_worker", NULL,
            "the image worker %s cannot be run", service->worker);
    int cancel_fd = rc == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (rc == 0 && cancel_fd < 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "no file descriptors are left");
    if (rc != 0) {
        free(service);
        return rc;
    }
    service->options = *options;
    if (service->options.retry_ms <= 0)
        service->options.retry_ms = RETRY_MS;
    service->process = (struct image_process){.path = service->worker,
        .deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS,
        .cancel_fd = cancel_fd};
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    register_metrics(service, options->metrics);
    *out = service;
    return 0;
}

int image_service_start(struct image_service *service, struct error *error)
{
    if (pthread_create(&service->thread, NULL, run, service) != 0)
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "no thread is left for pictures");
    pthread_setname_np(service->thread, "images");
    service->started = true;
    int rc =
        queue_subscribe(service->options.queue, receive, service, /* max_in_flight= */ 1, error);
    if (rc != 0)
        image_service_stop(service);
    return rc;
}

void image_service_stop(struct image_service *service)
{
    if (!service->started)
        return;
    uint64_t one = 1;
    struct error error;
    if (write(service->process.cancel_fd, &one, sizeof(one)) < 0) {
        /* An eventfd takes this write. */
    }
    queue_unsubscribe(service->options.queue, STOP_MS, &error);
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    service->started = false;
}

void image_service_free(struct image_service *service)
{
    if (!service)
        return;
    close(service->process.cancel_fd);
    pthread_cond_destroy(&service->changed);
    pthread_mutex_destroy(&service->lock);
    free(service);
}
