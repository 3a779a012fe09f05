/* The back office's view of the stream's dead letters: events that could not be read. */
#include "buffer.h"
#include "clock.h"
#include "service.h"

#define LIMIT 20
#define LIMIT_MAX 100

struct asking {
    struct exchange *exchange;
    struct warehouse_letters letters;
};

static void append_letter(struct buffer *body, const struct warehouse_dead_letter *letter)
{
    char at[CLOCK_TEXT_SIZE];
    buffer_append_text(body, "{\"event_id\":");
    if (*letter->event_id)
        buffer_append_json(body, letter->event_id);
    else
        buffer_append_text(body, "null");
    buffer_append_text(body, ",\"reason\":");
    buffer_append_json(body, letter->reason);
    buffer_append_text(body, ",\"body\":");
    buffer_append_json(body, letter->body);
    buffer_printf(body, ",\"shard\":%d,\"sequence\":%lld,\"at\":\"%s\"}", letter->shard,
        (long long)letter->sequence, clock_format(letter->at_ms, at));
}

static void answer(void *ctx, int rc, const struct error *error)
{
    struct asking *asking = ctx;
    if (rc < 0) {
        http_fail(asking->exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < asking->letters.count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_letter(&body, &asking->letters.letters[i]);
    }
    buffer_append_text(&body, "],\"next_cursor\":null}");
    http_reply_json(asking->exchange, 200, &body);
}

void route_letters(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    int64_t limit = LIMIT;
    struct error error = {0};
    if (exchange->request.identity.role != ROLE_ADMIN) {
        bool known = *exchange->request.identity.user != '\0';
        http_problem(exchange, known ? 403 : 401, known ? "forbidden" : "unauthenticated", NULL,
            known ? "this is for the back office" : "sign in first");
        return;
    }
    if (http_query_int(exchange, "limit", 1, LIMIT_MAX, &limit, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    struct asking *asking = arena_new_struct(exchange->arena, struct asking);
    asking->exchange = exchange;
    warehouse_letters(
        service->options.warehouse, (int)limit, exchange->arena, &asking->letters, answer, asking);
}
