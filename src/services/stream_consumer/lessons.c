/* What the model is told: POST /internal/recommendation/events. */
#include "internal.h"

#include "arena.h"
#include "clock.h"
#include "log.h"
#include "upstream.h"

#define MODEL_BATCH 500    /* what the recommendation service takes at once */
#define MODEL_BYTES 65536  /* of one call: its JSON becomes a tree that is 20 times as large */
#define MODEL_LOOK_MS 5000 /* between two tries of a model that was passed by */

static void forget(struct reader *reader)
{
    buffer_reset(&reader->lesson);
    buffer_reset(&reader->sequences);
    reader->lessons = 0;
}

bool lesson_add(struct reader *reader, int shard, const struct stream_record *record)
{
    if (!reader->group->options.recommendation)
        return true;
    if (reader->lessons)
        buffer_append_char(&reader->lesson, ',');
    else
        buffer_printf(&reader->lesson, "{\"shard\":%d,\"events\":[", shard);
    buffer_append(&reader->lesson, record->data, record->length);
    if (reader->lessons)
        buffer_append_char(&reader->sequences, ',');
    buffer_append_int(&reader->sequences, record->sequence);
    reader->lessons++;
    if (reader->lessons < MODEL_BATCH && reader->lesson.length < MODEL_BYTES)
        return true;
    return lesson_send(reader);
}

enum manner { TRY_LONG, TRY_ONCE, PASS_BY };

/* A model that was passed by is looked after by one try in a while, whoever comes first. */
static enum manner manner_now(struct stream_consumer *group)
{
    enum manner manner = TRY_LONG;
    int64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&group->model_lock);
    if (group->model_away && now < group->model_retry_at_ms) {
        manner = PASS_BY;
    } else if (group->model_away) {
        manner = TRY_ONCE;
        group->model_retry_at_ms = now + MODEL_LOOK_MS;
    }
    pthread_mutex_unlock(&group->model_lock);
    return manner;
}

static void note_model(struct stream_consumer *group, bool away)
{
    pthread_mutex_lock(&group->model_lock);
    if (away && !group->model_away)
        log_write(LOG_WARN, COMPONENT, NULL,
            "the recommendation service does not answer: events pass it by");
    if (away != group->model_away)
        group->model_retry_at_ms = clock_monotonic_ms() + MODEL_LOOK_MS;
    group->model_away = away;
    pthread_mutex_unlock(&group->model_lock);
}

static int call_model(struct reader *reader)
{
    struct upstream_call call = {.method = HTTP_POST,
        .path = "/internal/recommendation/events",
        .body = reader->lesson.data,
        .body_length = reader->lesson.length};
    struct arena *arena = arena_new();
    int status = upstream_call_wait(reader->group->options.recommendation, &call, arena, NULL);
    arena_free(arena);
    return status;
}

/* The status, at last; 0 when stopped before. */
static int insist(struct reader *reader, enum manner manner)
{
    struct stream_consumer *group = reader->group;
    int64_t deadline = clock_monotonic_ms() + group->options.patience_ms;
    for (int64_t wait = FIRST_PAUSE_MS;; wait = wait * 3 < LONGEST_PAUSE_MS ? wait * 3 : wait) {
        int status = call_model(reader);
        if (status < 500 || manner == TRY_ONCE || clock_monotonic_ms() + wait > deadline)
            return status;
        if (is_stopping(group))
            return 0;
        count(&group->retries, 1);
        reader_pause(reader, wait);
    }
}

/* The model must not hold up the warehouse for ever: after a while it is passed by. */
bool lesson_send(struct reader *reader)
{
    struct stream_consumer *group = reader->group;
    if (!reader->lessons)
        return true;
    buffer_append_text(&reader->lesson, "],\"sequences\":[");
    buffer_append(&reader->lesson, reader->sequences.data, reader->sequences.length);
    buffer_append_text(&reader->lesson, "]}");
    enum manner manner = manner_now(group);
    int status = manner == PASS_BY ? 503 : insist(reader, manner);
    if (status >= 300)
        count(&group->passed_by, reader->lessons);
    else if (status > 0)
        count(&group->taught, reader->lessons);
    if (status >= 300 && status < 500)
        log_write(LOG_WARN, COMPONENT, NULL,
            "the recommendation service answered %d: %d events passed by", status, reader->lessons);
    if (status > 0)
        note_model(group, status >= 500);
    forget(reader);
    return status > 0;
}
