/* What was sent: the shopper's own, and all of them for the back office. */
#include "service.h"

#include "arena.h"
#include "clock.h"

#include <string.h>

static const char *const status_names[] = {"queued", "sent", "failed"};

const char *notification_status_name(enum notification_status status)
{
    return status_names[status];
}

int notification_status_parse(const char *name)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, status_names[i]) == 0)
            return i;
    }
    return -1;
}

struct list_flow {
    struct exchange *exchange;
    struct notification_query query;
    struct notification_list list;
    bool office;
};

static void append_time(struct buffer *body, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    buffer_append_json(body, ms ? clock_format(ms, text) : NULL);
}

static void append_row(struct buffer *body, const struct notification_row *row, bool office)
{
    buffer_printf(body, "{\"id\":\"%s\",\"template\":\"%s\",\"subject\":", row->id, row->template);
    buffer_append_json(body, row->subject);
    buffer_printf(body, ",\"status\":\"%s\",\"order_id\":", notification_status_name(row->status));
    buffer_append_json(body, row->order_id);
    buffer_append_text(body, ",\"created_at\":");
    append_time(body, row->created_ms);
    buffer_append_text(body, ",\"sent_at\":");
    append_time(body, row->sent_ms);
    if (office) {
        buffer_append_text(body, ",\"user_id\":");
        buffer_append_json(body, row->user_id);
        buffer_append_text(body, ",\"guest_id\":");
        buffer_append_json(body, row->guest_id);
        buffer_printf(body, ",\"attempts\":%d,\"error\":", row->attempts);
        buffer_append_json(body, row->error);
    }
    buffer_append_char(body, '}');
}

static void listed(void *ctx, int rc, const struct error *error)
{
    struct list_flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    const struct notification_list *list = &flow->list;
    size_t limit = (size_t)flow->query.limit - 1;
    size_t shown = list->count > limit ? limit : list->count;
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_row(&body, &list->rows[i], flow->office);
    }
    buffer_append_text(&body, "],\"next_cursor\":");
    buffer_append_json(&body, list->count > limit ? list->rows[shown - 1].id : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

static void start_list(struct notification_service *service, struct exchange *exchange, bool office)
{
    struct list_flow *flow = arena_new_struct(exchange->arena, struct list_flow);
    struct error error = {0};
    int64_t limit = 20;
    flow->exchange = exchange;
    flow->office = office;
    flow->query.user_id = office ? NULL : exchange->request.identity.user;
    flow->query.status = -1;
    int rc = http_query_int(exchange, "limit", 1, 100, &limit, &error);
    flow->query.limit = (int)limit + 1; /* one more tells whether there is a next page */
    flow->query.before = http_query(exchange, "cursor");
    if (rc == 0 && flow->query.before && !id_valid(flow->query.before))
        rc = error_set(
            &error, ERROR_INVALID, "malformed_parameter", "cursor", "is not a cursor of this list");
    const char *status = office ? http_query(exchange, "status") : NULL;
    if (rc == 0 && status && (flow->query.status = notification_status_parse(status)) < 0)
        rc = error_set(&error, ERROR_INVALID, NULL, "status", "must be queued, sent or failed");
    if (rc < 0)
        http_fail(exchange, &error);
    else
        notification_store_list(
            service->store, exchange->arena, &flow->query, &flow->list, listed, flow);
}

static bool signed_in(struct exchange *exchange)
{
    if (exchange->request.identity.user[0])
        return true;
    http_problem(exchange, 401, "unauthenticated", NULL, "sign in first");
    return false;
}

void notification_list_mine(void *ctx, struct exchange *exchange)
{
    if (signed_in(exchange))
        start_list(ctx, exchange, /* office= */ false);
}

void notification_list_all(void *ctx, struct exchange *exchange)
{
    if (!signed_in(exchange))
        return;
    if (exchange->request.identity.role != ROLE_ADMIN)
        http_problem(exchange, 403, "forbidden", NULL, "this is for the back office");
    else
        start_list(ctx, exchange, /* office= */ true);
}

/* ---- this service's part of the export: all of them, page by page ---- */

#define EXPORT_PAGE 500

struct export_flow {
    struct notification_service *service;
    struct exchange *exchange;
    struct notification_query query;
    struct notification_list list;
    struct buffer body;
    bool some;
};

static void export_page(struct export_flow *flow);

static void export_listed(void *ctx, int rc, const struct error *error)
{
    struct export_flow *flow = ctx;
    const struct notification_list *list = &flow->list;
    if (rc < 0) {
        buffer_release(&flow->body);
        http_fail(flow->exchange, error);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (flow->some)
            buffer_append_char(&flow->body, ',');
        flow->some = true;
        append_row(&flow->body, &list->rows[i], /* office= */ false);
    }
    if (list->count == EXPORT_PAGE) {
        flow->query.before = list->rows[list->count - 1].id;
        export_page(flow);
        return;
    }
    buffer_append_text(&flow->body, "]}");
    http_reply_json(flow->exchange, 200, &flow->body);
}

static void export_page(struct export_flow *flow)
{
    notification_store_list(flow->service->store, flow->exchange->arena, &flow->query, &flow->list,
        export_listed, flow);
}

void notification_export_mine(void *ctx, struct exchange *exchange)
{
    if (!signed_in(exchange))
        return;
    struct export_flow *flow = arena_new_struct(exchange->arena, struct export_flow);
    flow->service = ctx;
    flow->exchange = exchange;
    flow->query = (struct notification_query){
        .user_id = exchange->request.identity.user, .status = -1, .limit = EXPORT_PAGE};
    buffer_append_text(&flow->body, "{\"notifications\":[");
    export_page(flow);
}
