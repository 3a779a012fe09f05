/*
 * Erasures: from the stream onto a queue, where they wait until the services have heard. A service
 * that is away holds up its erasures, and nothing else.
 */
#include "internal.h"

#include "arena.h"
#include "cloudevent.h"
#include "json_view.h"
#include "log.h"
#include "queue.h"
#include "upstream.h"

#include <stdio.h>
#include <string.h>

#define IN_FLIGHT 4
#define FIRST_NACK_MS 250
#define LONGEST_NACK_MS 60000
#define STOP_MS 5000

/* ---- onto the queue ---- */

struct putting {
    struct reader *reader;
    bool done; /* under the reader's lock */
    int rc;
};

static void put_done(void *ctx, int rc, const struct error *error)
{
    struct putting *putting = ctx;
    struct reader *reader = putting->reader;
    if (rc < 0)
        log_write(LOG_ERROR, COMPONENT, NULL, "cannot keep an erasure: %s", error->message);
    pthread_mutex_lock(&reader->lock);
    putting->rc = rc;
    putting->done = true;
    pthread_cond_broadcast(&reader->wake);
    pthread_mutex_unlock(&reader->lock);
}

static int put_once(struct reader *reader, const struct queue_message *message)
{
    struct putting putting = {.reader = reader};
    queue_send(reader->group->options.erasures, message, 1, put_done, &putting);
    pthread_mutex_lock(&reader->lock);
    while (!putting.done)
        pthread_cond_wait(&reader->wake, &reader->lock);
    int rc = putting.rc;
    pthread_mutex_unlock(&reader->lock);
    return rc;
}

bool erasures_put(struct reader *reader, const struct decoded *event)
{
    struct stream_consumer *group = reader->group;
    /* Ids that are none of ours lead to nobody. */
    if (!group->options.erasures || !id_valid(event->subject))
        return true;
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    cloudevent_append(&text, &(struct cloudevent){.id = event->subject,
                                 .source = "/services/stream_consumer",
                                 .type = event->type,
                                 .subject = event->subject,
                                 .time_ms = event->fact.at_ms,
                                 .data = "{}"});
    struct queue_message message = {
        .id = event->subject, .key = event->subject, .body = text.data, .length = text.length};
    int64_t wait = FIRST_PAUSE_MS;
    while (put_once(reader, &message) < 0) {
        if (is_stopping(group))
            return false;
        count(&group->retries, 1);
        reader_pause(reader, wait);
        wait = wait * 3 < LONGEST_PAUSE_MS ? wait * 3 : LONGEST_PAUSE_MS;
    }
    return true;
}

/* ---- from the queue to those who are told ---- */

struct telling {
    struct stream_consumer *group;
    struct queue_delivery *delivery;
    struct arena *arena; /* holds the struct */
};

static void settle(struct telling *telling, const char *reason, int64_t delay_ms)
{
    struct queue *queue = telling->group->options.erasures;
    if (!reason)
        count(&telling->group->erasures, 1);
    if (reason && delay_ms == QUEUE_NACK_DEAD)
        log_write(LOG_ERROR, COMPONENT, NULL, "an erasure was not carried out: %s", reason);
    if (reason)
        queue_nack(queue, telling->delivery, delay_ms, reason);
    else
        queue_ack(queue, telling->delivery);
    arena_free(telling->arena);
}

/* False when it is settled: to be told again, or never. */
static bool heard(struct telling *telling, const char *who, int status)
{
    if (status >= 200 && status < 300)
        return true;
    int tries = telling->delivery->receive_count < 10 ? telling->delivery->receive_count : 10;
    int64_t pause = (int64_t)FIRST_NACK_MS << (tries > 0 ? tries - 1 : 0);
    const char *reason = arena_printf(telling->arena, "the %s service answered %d", who, status);
    bool later = status >= 500 || status == 408 || status == 429;
    if (later)
        count(&telling->group->retries, 1);
    settle(telling, reason,
        !later                    ? QUEUE_NACK_DEAD
        : pause < LONGEST_NACK_MS ? pause
                                  : LONGEST_NACK_MS);
    return false;
}

static void model_heard(void *ctx, int status, const char *body, size_t length)
{
    (void)body;
    (void)length;
    struct telling *telling = ctx;
    if (heard(telling, "recommendation", status))
        settle(telling, NULL, 0);
}

/* In the stream's order it was told the same; that may have been passed by. */
static void tell_model(struct telling *telling)
{
    struct upstream *recommendation = telling->group->options.recommendation;
    if (!recommendation) {
        settle(telling, NULL, 0);
        return;
    }
    const char *body = arena_printf(telling->arena, "{\"events\":[%s]}", telling->delivery->body);
    struct upstream_call call = {.method = HTTP_POST,
        .path = "/internal/recommendation/events",
        .body = body,
        .body_length = strlen(body),
        .done = model_heard,
        .ctx = telling};
    upstream_call(recommendation, &call);
}

static void product_heard(void *ctx, int status, const char *body, size_t length)
{
    (void)body;
    (void)length;
    struct telling *telling = ctx;
    if (heard(telling, "product", status))
        tell_model(telling);
}

static void tell(void *ctx, struct queue_delivery *delivery)
{
    struct stream_consumer *group = ctx;
    struct arena *arena = arena_new();
    struct telling *telling = arena_new_struct(arena, struct telling);
    *telling = (struct telling){.group = group, .delivery = delivery, .arena = arena};
    struct json_view event;
    if (json_view_read(delivery->body, delivery->length, arena, &event, NULL) < 0 ||
        !id_valid(json_view_text(json_view_get(event, "subject"), arena, ""))) {
        settle(telling, "the message names nobody", QUEUE_NACK_DEAD);
        return;
    }
    if (!group->options.product) {
        tell_model(telling);
        return;
    }
    struct upstream_call call = {.method = HTTP_POST,
        .path = arena_printf(arena, "/internal/users/%s/erased",
            json_view_text(json_view_get(event, "subject"), arena, "")),
        .done = product_heard,
        .ctx = telling};
    upstream_call(group->options.product, &call);
}

int erasures_start(struct stream_consumer *group, struct error *error)
{
    if (!group->options.erasures)
        return 0;
    int rc = queue_subscribe(group->options.erasures, tell, group, IN_FLIGHT, error);
    group->subscribed = rc == 0;
    return rc == ERROR_CONFLICT ? 0 : rc; /* another of this process carries them out */
}

void erasures_stop(struct stream_consumer *group)
{
    struct error error = {0};
    if (group->subscribed && queue_unsubscribe(group->options.erasures, STOP_MS, &error) < 0)
        log_write(LOG_WARN, COMPONENT, NULL, "%s", error.message);
    group->subscribed = false;
}
