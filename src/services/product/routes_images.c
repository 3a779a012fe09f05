/* Pictures: an upload is kept as a blob and sent to the image service, which reports back. */
#include "blob.h"
#include "buffer.h"
#include "clock.h"
#include "index.h"
#include "json.h"
#include "picture.h"
#include "service.h"
#include "text.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLOB_PREFIX "uploads/"
#define MAX_IMAGES 8

/* ---- uploading: look at it, keep the bytes, note the upload ---- */

struct upload_flow {
    struct worker_task task; /* first: the task's address is the flow's */
    struct product_service *service;
    struct exchange *exchange;
    struct product_upload upload;
    const char *type;
    char blob[sizeof(BLOB_PREFIX) + ID_SIZE];
};

static void upload_noted(void *ctx, int rc, const struct error *error)
{
    struct upload_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    char time[CLOCK_TEXT_SIZE];
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body,
        "{\"id\":\"%s\",\"status\":\"pending\",\"reason\":null,\"created_at\":\"%s\"}",
        flow->upload.id, clock_format(flow->upload.created_ms, time));
    http_reply_json(flow->exchange, 202, &body);
}

static void keep_bytes(struct worker_task *task)
{
    struct upload_flow *flow = (struct upload_flow *)task;
    const struct http_request *request = &flow->exchange->request;
    struct error error = {0};
    if (blob_put(flow->service->blob, flow->blob, flow->type, request->body, request->body_length,
            &error) < 0) {
        http_fail(flow->exchange, &error);
        return;
    }
    product_store_add_upload(flow->service->store, &flow->upload, flow->blob, upload_noted, flow);
}

static void got_upload_wine(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct upload_flow *flow = ctx;
    (void)count;
    if (rc < 0)
        http_fail(flow->exchange, error);
    else if (!wines[0].row)
        http_problem(flow->exchange, 404, "not_found", NULL, "there is no such wine");
    else if (!worker_add(flow->service->worker, &flow->task))
        http_fail(flow->exchange, &(struct error){.code = ERROR_UNAVAILABLE,
                                      .message = "too many uploads at once; try again"});
}

static bool is_picture_type(const char *type)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/webp"};
    size_t length = strcspn(type, "; \t");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i]) == length && strncasecmp(type, types[i], length) == 0)
            return true;
    }
    return false;
}

static bool check_upload(
    struct product_service *service, struct exchange *exchange, struct picture *picture)
{
    const struct http_request *request = &exchange->request;
    struct error error = {0};
    if (!service->blob) {
        http_problem(exchange, 503, "unavailable", NULL, "pictures cannot be kept here");
        return false;
    }
    if (!is_picture_type(request->content_type)) {
        http_problem(exchange, 415, "unsupported_media_type", "Content-Type",
            "send image/jpeg, image/png or image/webp");
        return false;
    }
    if (request->body_length > PICTURE_MAX_BYTES) {
        http_problem(exchange, 413, "too_large", NULL, "a picture may have at most 10 MiB");
        return false;
    }
    if (picture_probe(request->body, request->body_length, picture, &error) < 0) {
        http_fail(exchange, &error);
        return false;
    }
    return true;
}

void route_admin_upload(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    struct picture picture;
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (!id || !check_upload(service, exchange, &picture))
        return;
    struct upload_flow *flow = arena_new_struct(exchange->arena, struct upload_flow);
    flow->task.run = keep_bytes;
    flow->service = service;
    flow->exchange = exchange;
    flow->type = picture.type;
    id_new(flow->upload.id);
    memcpy(flow->upload.wine_id, id, ID_SIZE);
    flow->upload.created_ms = clock_now_ms();
    snprintf(flow->blob, sizeof(flow->blob), "%s%s", BLOB_PREFIX, flow->upload.id);
    product_store_get(
        service->store, exchange->arena, &id, 1, PRODUCT_BRIEF, got_upload_wine, flow);
}

/* ---- what became of it ---- */

struct images_flow {
    struct product_service *service;
    struct exchange *exchange;
};

static void images_set(void *ctx, int rc, const struct error *error)
{
    struct images_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    index_wake(flow->service->index);
    http_reply_empty(flow->exchange, 204);
}

static struct images_flow *images_flow_new(
    struct product_service *service, struct exchange *exchange)
{
    struct images_flow *flow = arena_new_struct(exchange->arena, struct images_flow);
    flow->service = service;
    flow->exchange = exchange;
    return flow;
}

/* Narrowest first, as the contract has it; the image service may report in any order. */
static int append_images(struct buffer *out, const json_t *images, struct error *error)
{
    int64_t after = 0;
    size_t size = json_array_size(images), index;
    buffer_append_char(out, '[');
    for (size_t n = 0; n < size; n++) {
        const json_t *image, *next = NULL;
        int64_t width = 0, next_width = INT64_MAX;
        const char *url = NULL;
        json_array_foreach(images, index, image)
        {
            if (json_get_int(image, "width", 1, 20000, &width, error) < 0 ||
                json_get_text(image, "url", 1, 500, &url, error) < 0)
                return ERROR_INVALID;
            if (width > after && width < next_width) {
                next = image;
                next_width = width;
            }
        }
        if (!next)
            break;
        after = next_width;
        buffer_append_text(out, n ? ",{\"url\":" : "{\"url\":");
        buffer_append_json(out, json_text_or(next, "url", ""));
        buffer_printf(out, ",\"width\":%lld}", (long long)next_width);
    }
    buffer_append_char(out, ']');
    return 0;
}

static int read_report(
    const json_t *body, struct product_upload *upload, struct buffer *images, struct error *error)
{
    const char *id = NULL, *reason = NULL;
    const json_t *list = json_object_get(body, "images");
    int rc = json_get_text(body, "upload_id", ID_LENGTH, ID_LENGTH, &id, error);
    if (rc == 0)
        rc = json_find_text(body, "error", 0, 1000, &reason, error);
    if (rc == 0 && (!json_is_array(list) || json_array_size(list) > MAX_IMAGES ||
                       (json_array_size(list) == 0) != (reason != NULL)))
        rc = error_set(
            error, ERROR_INVALID, NULL, "images", "must be the pictures, or empty with an error");
    if (rc == 0)
        rc = append_images(images, list, error);
    if (rc < 0)
        return rc;
    memcpy(upload->id, id, ID_SIZE);
    upload->status = reason ? PRODUCT_UPLOAD_FAILED : PRODUCT_UPLOAD_DONE;
    upload->reason = reason;
    return 0;
}

void route_images_made(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    CLEANUP_JSON json_t *body = NULL;
    CLEANUP_BUFFER struct buffer images = BUFFER_INIT;
    struct product_upload upload = {0};
    struct error error = {0};
    const char *id = route_id(exchange);
    if (!id || http_json_body(exchange, &body) < 0)
        return;
    if (read_report(body, &upload, &images, &error) < 0) {
        http_problem(exchange, 422, "invalid_field", error.field, "%s", error.message);
        return;
    }
    memcpy(upload.wine_id, id, ID_SIZE);
    product_store_finish_upload(service->store, &upload, images.data, &exchange->request.trace,
        images_set, images_flow_new(service, exchange));
}

void route_admin_clear_images(void *ctx, struct exchange *exchange)
{
    struct product_service *service = ctx;
    if (!route_admin(exchange))
        return;
    const char *id = route_id(exchange);
    if (id)
        product_store_clear_images(service->store, id, &exchange->request.trace, images_set,
            images_flow_new(service, exchange));
}
