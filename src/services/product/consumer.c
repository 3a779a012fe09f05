/* Consumes the queue of bulk corrections: {"id", "lines": [{"wine_id", "change"}], "reason"}. A
 * message that can never succeed goes to the dead letters, with the reason. */
#include "json.h"
#include "queue.h"
#include "service.h"
#include "wine.h"

#include <stdlib.h>
#include <string.h>

#define MAX_IN_FLIGHT 8
#define RETRY_MS 1000

struct correction {
    struct product_service *service;
    struct queue_delivery *delivery;
};

static void corrected(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count)
{
    struct correction *correction = ctx;
    struct queue *queue = correction->service->stock_queue;
    if (rc == 0) {
        service_stock_changed(correction->service, lines, count);
        queue_ack(queue, correction->delivery);
    } else {
        bool later = rc == ERROR_UNAVAILABLE || rc == ERROR_INTERNAL;
        queue_nack(queue, correction->delivery, later ? RETRY_MS : QUEUE_NACK_DEAD, error->message);
    }
    free(correction);
}

static int read_change(const json_t *value, struct product_line *line, struct error *error)
{
    const char *id = NULL;
    int rc = json_get_text(value, "wine_id", ID_LENGTH, ID_LENGTH, &id, error);
    if (rc == 0)
        rc = json_get_int(value, "change", -WINE_MAX_STOCK, WINE_MAX_STOCK, &line->quantity, error);
    if (rc == 0)
        memcpy(line->id, id, ID_SIZE);
    return rc;
}

static int read_message(const json_t *message, const char **id, struct product_line *lines,
    size_t *count, struct error *error)
{
    int rc = json_get_text(message, "id", 1, 64, id, error);
    const json_t *list = json_object_get(message, "lines");
    size_t size = json_array_size(list);
    if (rc == 0 && (size < 1 || size > PRODUCT_MAX_LINES))
        rc = error_set(
            error, ERROR_INVALID, NULL, "lines", "must be 1 to %d lines", PRODUCT_MAX_LINES);
    memset(lines, 0, PRODUCT_MAX_LINES * sizeof(*lines));
    for (size_t i = 0; rc == 0 && i < size; i++)
        rc = read_change(json_array_get(list, i), &lines[i], error);
    *count = size;
    return rc;
}

static void on_delivery(void *ctx, struct queue_delivery *delivery)
{
    struct product_service *service = ctx;
    CLEANUP_JSON json_t *message = NULL;
    struct product_line lines[PRODUCT_MAX_LINES];
    size_t count;
    struct product_change change = {0};
    struct error error = {0};
    if (json_read_object(delivery->body, delivery->length, &message, &error) < 0 ||
        read_message(message, &change.message_id, lines, &count, &error) < 0) {
        queue_nack(service->stock_queue, delivery, QUEUE_NACK_DEAD, error.message);
        return;
    }
    struct correction *correction = calloc(1, sizeof(*correction));
    if (!correction)
        abort();
    correction->service = service;
    correction->delivery = delivery;
    product_store_change_stock(service->store, lines, count, &change, corrected, correction);
}

int stock_consumer_start(struct product_service *service, struct error *error)
{
    if (!service->stock_queue)
        return 0;
    return queue_subscribe(service->stock_queue, on_delivery, service, MAX_IN_FLIGHT, error);
}

void stock_consumer_stop(struct product_service *service)
{
    if (service->stock_queue)
        queue_unsubscribe(service->stock_queue, /* timeout_ms= */ 5000, NULL);
}
