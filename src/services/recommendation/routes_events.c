/* POST /events: from the page to the stream. And what the stream consumer tells in return. */
#include "activity.h"
#include "buffer.h"
#include "clock.h"
#include "cloudevent.h"
#include "learn.h"
#include "service.h"

#include <string.h>

/* ---- from the page ---- */

struct posting {
    struct exchange *exchange;
    int accepted;
};

static void reply_accepted(struct exchange *exchange, int status, int accepted)
{
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body, "{\"accepted\":%d}", accepted);
    http_reply_json(exchange, status, &body);
}

static void published(void *ctx, int rc, const struct error *error)
{
    struct posting *posting = ctx;
    if (rc < 0)
        http_fail(posting->exchange, error);
    else
        reply_accepted(posting->exchange, 202, posting->accepted);
}

/* An empty search tells nothing; a wine nobody has heard of is a page's mistake. */
static bool is_worth_it(struct recommendation_service *service, const struct activity *activity)
{
    if (!activity->wine_id)
        return *activity->query != '\0';
    return !recommendation_service_ready(service) || model_knows(service->model, activity->wine_id);
}

static void make_record(struct exchange *exchange, const struct activity *activity,
    struct buffer *data, struct stream_record *record)
{
    const struct identity *who = &exchange->request.identity;
    struct arena *arena = exchange->arena;
    char *id = id_new(arena_alloc(arena, ID_SIZE));
    buffer_reset(data);
    activity_append_data(data, activity, who->user, who->guest);
    struct buffer text = BUFFER_INIT;
    cloudevent_append(&text, &(struct cloudevent){.id = id,
                                 .source = "/services/recommendation",
                                 .type = activity->type,
                                 .subject = activity->wine_id,
                                 .time_ms = activity->at_ms,
                                 .trace_id = exchange->request.trace.trace_id,
                                 .span_id = exchange->request.trace.span_id,
                                 .data = data->data});
    /* One shopper's doings are read in their order; those of nobody need none. */
    *record = (struct stream_record){.key = *who->user    ? who->user
                                            : *who->guest ? who->guest
                                                          : id,
        .id = id,
        .data = arena_memdup(arena, text.data, text.length),
        .length = text.length};
    buffer_release(&text);
}

void route_events(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    CLEANUP_JSON json_t *body = NULL;
    struct activity *activities;
    struct error error = {0};
    if (http_json_body(exchange, &body) < 0)
        return;
    int count = activity_read(body, clock_now_ms(), exchange->arena, &activities, &error);
    if (count < 0) {
        http_fail(exchange, &error);
        return;
    }
    struct stream_record *records = arena_new_array(exchange->arena, count, struct stream_record);
    struct posting *posting = arena_new_struct(exchange->arena, struct posting);
    struct buffer data = BUFFER_INIT;
    posting->exchange = exchange;
    for (int i = 0; i < count; i++) {
        if (is_worth_it(service, &activities[i]))
            make_record(exchange, &activities[i], &data, &records[posting->accepted++]);
    }
    buffer_release(&data);
    if (!posting->accepted)
        reply_accepted(exchange, 202, 0);
    else
        stream_put(service->options.stream, records, (size_t)posting->accepted, published, posting);
}

/* ---- from the stream consumer ---- */

/* How far the lesson's shard was taught before; NULL where it names none. Two consumers may tell
 * the same, after one took the shard over from the other. */
static int64_t *place_of(struct recommendation_service *service, struct json_view lesson)
{
    int64_t shard = json_view_int(json_view_get(lesson, "shard"), -1);
    return shard >= 0 && shard < WAREHOUSE_MAX_SHARDS ? &service->taught[shard] : NULL;
}

/* Whether the event is new, by its place in the stream and by its id. */
static bool is_new(
    struct recommendation_service *service, int64_t *place, int64_t sequence, const char *id)
{
    pthread_mutex_lock(&service->lock);
    bool first = !place || sequence < 0 || sequence > *place;
    if (place && sequence > *place)
        *place = sequence;
    first = recent_add(service->recent, id) && first;
    pthread_mutex_unlock(&service->lock);
    return first;
}

static void learn_all(struct recommendation_service *service, struct exchange *exchange,
    struct json_view lesson, struct json_view events)
{
    int64_t *place = place_of(service, lesson);
    struct json_view sequence = json_view_first(json_view_get(lesson, "sequences"));
    for (struct json_view event = json_view_first(events); json_view_kind(event) != JSON_MISSING;
         event = json_view_next(event), sequence = json_view_next(sequence)) {
        const char *id = json_view_text(json_view_get(event, "id"), exchange->arena, "");
        if (is_new(service, place, json_view_int(sequence, -1), id))
            learn_event(service->model, event, exchange->arena);
    }
}

void route_told(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    struct json_view body;
    struct error error = {0};
    /* Until the past is read from the warehouse, what is told may be in it already. */
    if (!recommendation_service_ready(service)) {
        http_problem(exchange, 503, "unavailable", NULL, "the past is being learnt");
        return;
    }
    if (json_view_read(exchange->request.body, exchange->request.body_length, exchange->arena,
            &body, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    struct json_view events = json_view_get(body, "events");
    size_t count = json_view_count(events);
    if (json_view_kind(events) != JSON_KIND_ARRAY || count > MAX_TOLD) {
        http_problem(exchange, 422, "invalid_field", "events",
            "must be a list of at most %d events", MAX_TOLD);
        return;
    }
    learn_all(service, exchange, body, events);
    atomic_fetch_add_explicit(&service->taken, (int_fast64_t)count, memory_order_relaxed);
    if (count)
        service_changed(service);
    reply_accepted(exchange, 202, (int)count);
}

void recommendation_route_ready(void *ctx, struct exchange *exchange)
{
    struct buffer body = BUFFER_INIT;
    bool ready = recommendation_service_ready(ctx);
    buffer_printf(&body, "{\"checks\":[{\"name\":\"recommendations\",\"ready\":%s,\"detail\":%s}]}",
        ready ? "true" : "false", ready ? "null" : "\"learning the catalogue and the past\"");
    http_reply_json(exchange, 200, &body);
}
