/* The back office's view of the queues: how they stand, what died, and trying it again. */
#include "clock.h"
#include "internal.h"
#include "text.h"

#include <string.h>

static bool is_admin(struct exchange *exchange)
{
    const struct identity *identity = &exchange->request.identity;
    if (identity->role == ROLE_ADMIN)
        return true;
    if (identity->user[0])
        http_problem(exchange, 403, "forbidden", NULL, "this is the back office's");
    else
        http_problem(exchange, 401, "unauthenticated", NULL, "sign in first");
    return false;
}

static void list_queues(void *ctx, struct exchange *exchange)
{
    const struct gateway *gateway = ctx;
    json_t *items = json_array();
    for (struct queue **queue = gateway->options.queues; *queue; queue++) {
        struct queue_stats stats;
        queue_stats(*queue, &stats);
        json_array_append_new(items,
            json_pack("{s:s, s:I, s:I, s:I, s:o}", "name", (*queue)->name, "ready",
                (json_int_t)stats.waiting, "in_flight", (json_int_t)stats.in_flight, "dead",
                (json_int_t)stats.dead, "oldest_seconds",
                stats.waiting ? json_real((double)stats.oldest_age_ms / 1000) : json_null()));
    }
    http_reply_json_value(exchange, 200, json_pack("{s:o}", "items", items));
}

static struct queue *queue_of(const struct gateway *gateway, struct exchange *exchange)
{
    for (struct queue **queue = gateway->options.queues; *queue; queue++) {
        if (text_equal((*queue)->name, exchange->request.params[0]))
            return *queue;
    }
    http_problem(exchange, 404, "not_found", NULL, "there is no such queue");
    return NULL;
}

static json_t *letter_json(const struct queue_dead_letter *letter)
{
    char sent[CLOCK_TEXT_SIZE], died[CLOCK_TEXT_SIZE];
    json_t *body = NULL;
    if (json_read_object(letter->body, letter->length, &body, NULL) < 0)
        body = json_object();
    return json_pack("{s:s, s:o, s:i, s:s?, s:s, s:s}", "id", letter->id, "body", body, "attempts",
        letter->receive_count, "error", *letter->reason ? letter->reason : NULL, "enqueued_at",
        clock_format(letter->sent_at_ms, sent), "failed_at",
        clock_format(letter->died_at_ms, died));
}

static void list_dead_letters(void *ctx, struct exchange *exchange)
{
    struct queue *queue = queue_of(ctx, exchange);
    if (!queue)
        return;
    struct error error = {0};
    struct queue_dead_letter *letters;
    int64_t limit = 20;
    int count = http_query_int(exchange, "limit", 1, 100, &limit, &error);
    if (count == 0)
        count = queue_dead_letters(queue, exchange->arena, (int)limit, &letters, &error);
    if (count < 0) {
        http_fail(exchange, &error);
        return;
    }
    json_t *items = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(items, letter_json(&letters[i]));
    http_reply_json_value(exchange, 200, json_pack("{s:o, s:n}", "items", items, "next_cursor"));
}

struct redrive {
    struct exchange *exchange;
    struct queue *queue;
    const char *ids[100]; /* in the exchange's arena */
    size_t count, next;
    int64_t moved;
};

static void redrive_step(struct redrive *redrive);

static void redriven(void *ctx, int rc, const struct error *error)
{
    struct redrive *redrive = ctx;
    if (rc < 0 && rc != ERROR_NOT_FOUND)
        http_fail(redrive->exchange, error);
    else {
        /* Of all at once the queue does not say how many there were; see below. */
        redrive->moved += rc == 0 && redrive->ids[0];
        redrive_step(redrive);
    }
}

static void redrive_step(struct redrive *redrive)
{
    if (redrive->next < redrive->count) {
        queue_redrive(redrive->queue, redrive->ids[redrive->next++], redriven, redrive);
        return;
    }
    http_reply_json_value(
        redrive->exchange, 202, json_pack("{s:I}", "moved", (json_int_t)redrive->moved));
}

static int read_ids(struct redrive *redrive, const json_t *body, struct error *error)
{
    const json_t *ids = json_object_get(body, "ids");
    size_t i;
    json_t *id;
    if (!ids)
        return 0;
    if (!json_is_array(ids) || json_array_size(ids) < 1 || json_array_size(ids) > 100)
        return error_set(error, ERROR_INVALID, NULL, "ids", "must be a list of 1 to 100 ids");
    json_array_foreach(ids, i, id)
    {
        if (!json_is_string(id))
            return error_set(error, ERROR_INVALID, NULL, "ids", "must hold texts only");
        redrive->ids[redrive->count++] =
            arena_strdup(redrive->exchange->arena, json_string_value(id));
    }
    return 0;
}

static void redrive_queue(void *ctx, struct exchange *exchange)
{
    struct queue *queue = queue_of(ctx, exchange);
    if (!queue)
        return;
    struct redrive *redrive = arena_new_struct(exchange->arena, struct redrive);
    struct error error = {0};
    redrive->exchange = exchange;
    redrive->queue = queue;
    if (exchange->request.body_length) {
        CLEANUP_JSON json_t *body = NULL;
        if (http_json_body(exchange, &body) < 0)
            return;
        if (read_ids(redrive, body, &error) < 0) {
            http_fail(exchange, &error);
            return;
        }
    }
    /* No ids: one call with NULL moves all. */
    if (redrive->count == 0) {
        struct queue_stats stats;
        queue_stats(queue, &stats);
        redrive->moved = stats.dead;
        redrive->count = 1;
    }
    redrive_step(redrive);
}

static const struct route routes[] = {
    {HTTP_GET, "/api/v1/admin/queues", list_queues},
    {HTTP_GET, "/api/v1/admin/queues/{name}/dead-letters", list_dead_letters},
    {HTTP_POST, "/api/v1/admin/queues/{name}/redrive", redrive_queue},
    {HTTP_GET, NULL, NULL},
};

void queues_route(struct gateway *gateway, struct exchange *exchange)
{
    if (!is_admin(exchange))
        return;
    struct router *router = router_new(routes, gateway);
    router_dispatch(router, exchange);
    router_free(router);
}
