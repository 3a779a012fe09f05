#include "service.h"

#include <stdlib.h>
#include <string.h>

static void ready(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    static const char body[] =
        "{\"checks\":[{\"name\":\"notification\",\"ready\":true,\"detail\":\"\"}]}";
    http_reply(exchange, 200, "application/json", body, sizeof(body) - 1);
}

static const struct route routes[] = {
    {HTTP_GET, "/api/v1/me/notifications", notification_list_mine},
    {HTTP_GET, "/api/v1/admin/notifications", notification_list_all},
    {HTTP_GET, "/internal/export", notification_export_mine},
    {HTTP_GET, "/internal/ready", ready},
    {HTTP_GET, NULL, NULL},
};

static void add_metrics(struct notification_service *service, struct metrics *metrics)
{
    service->sent =
        metrics_counter(metrics, "winestore_mails_sent_total", "Letters handed over.", NULL);
    service->failed =
        metrics_counter(metrics, "winestore_mails_failed_total", "Letters given up.", NULL);
    service->retried = metrics_counter(
        metrics, "winestore_mails_retried_total", "Attempts that will be made again.", NULL);
}

static char *copy(const char *text)
{
    char *result = strdup(text);
    if (!result)
        abort();
    return result;
}

int notification_service_new(struct notification_service **out,
    const struct notification_options *options, struct error *error)
{
    if (!mail_address_valid(options->from_address))
        return error_set(error, ERROR_INVALID, NULL, "mail.from", "\"%s\" is not an e-mail address",
            options->from_address);
    struct notification_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    service->store = options->store;
    service->queue = options->queue;
    service->mail = options->mail;
    service->user = options->user;
    service->order = options->order;
    service->product = options->product;
    service->max_attempts = options->max_attempts ? options->max_attempts : NOTIFICATION_ATTEMPTS;
    service->from_address = copy(options->from_address);
    service->domain = strchr(service->from_address, '@') + 1;
    char *url = copy(options->public_url);
    for (size_t length = strlen(url); length > 0 && url[length - 1] == '/'; length--)
        url[length - 1] = '\0';
    service->shop = (struct letter_shop){copy(options->shop_name), url};
    service->letter.shop = &service->shop;
    service->router = router_new(routes, service);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    if (options->metrics)
        add_metrics(service, options->metrics);
    *out = service;
    return 0;
}

struct router *notification_service_router(struct notification_service *service)
{
    return service->router;
}

int notification_service_start(struct notification_service *service, struct error *error)
{
    if (pthread_create(&service->thread, NULL, notification_run, service) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread to write mail on");
    service->started = true;
    int rc = queue_subscribe(service->queue, notification_receive, service, MAX_IN_FLIGHT, error);
    if (rc < 0)
        notification_service_stop(service, 0);
    return rc;
}

void notification_service_stop(struct notification_service *service, int64_t timeout_ms)
{
    if (!service || !service->started)
        return;
    /* A timeout is no failure: what is left is given back below. */
    queue_unsubscribe(service->queue, timeout_ms, NULL);
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->thread, NULL);
    service->started = false;
    pthread_mutex_lock(&service->lock);
    while (service->batches > 0)
        pthread_cond_wait(&service->changed, &service->lock);
    while (service->count > 0) {
        struct queue_delivery *delivery = service->waiting[service->first];
        service->first = (service->first + 1) % MAX_WAITING;
        service->count--;
        queue_nack(service->queue, delivery, 0, "the store stopped");
    }
    service->stopping = false;
    pthread_mutex_unlock(&service->lock);
}

void notification_service_free(struct notification_service *service)
{
    if (!service)
        return;
    notification_service_stop(service, 0);
    router_free(service->router);
    letter_release(&service->letter);
    free((char *)service->shop.name);
    free((char *)service->shop.url);
    free(service->from_address);
    pthread_cond_destroy(&service->changed);
    pthread_mutex_destroy(&service->lock);
    free(service);
}
