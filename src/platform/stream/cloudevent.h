/*
 * CloudEvents 1.0 in structured JSON, as docs/internal-api.md describes them: what the services put
 * on the stream.
 */
#ifndef PLATFORM_STREAM_CLOUDEVENT_H
#define PLATFORM_STREAM_CLOUDEVENT_H

#include "buffer.h"
#include "clock.h"

#include <stdint.h>

struct cloudevent {
    const char *id;       /* a new ULID; the outbox item's id, too */
    const char *source;   /* "/services/order" */
    const char *type;     /* "order.confirmed" */
    const char *subject;  /* the aggregate's id; NULL leaves it out */
    int64_t sequence;     /* the aggregate's version; 0 leaves it out */
    int64_t time_ms;      /* wall clock; 0 takes now */
    const char *trace_id; /* 32 hex digits, or NULL or "" to leave out `traceparent` */
    const char *span_id;  /* 16 hex digits, with trace_id */
    const char *data;     /* a JSON object */
};

/* Appends the event. Ids, source and type are texts of our own and written as they are. */
static inline void cloudevent_append(struct buffer *buffer, const struct cloudevent *event)
{
    char time[CLOCK_TEXT_SIZE];
    buffer_append_text(buffer, "{\"specversion\":\"1.0\",\"id\":\"");
    buffer_append_text(buffer, event->id);
    buffer_append_text(buffer, "\",\"source\":\"");
    buffer_append_text(buffer, event->source);
    buffer_append_text(buffer, "\",\"type\":\"");
    buffer_append_text(buffer, event->type);
    if (event->subject) {
        buffer_append_text(buffer, "\",\"subject\":\"");
        buffer_append_text(buffer, event->subject);
    }
    buffer_append_text(buffer, "\",\"time\":\"");
    buffer_append_text(
        buffer, clock_format(event->time_ms ? event->time_ms : clock_now_ms(), time));
    buffer_append_text(buffer, "\",\"datacontenttype\":\"application/json\"");
    if (event->sequence) {
        buffer_append_text(buffer, ",\"sequence\":");
        buffer_append_int(buffer, event->sequence);
    }
    if (event->trace_id && *event->trace_id) {
        buffer_append_text(buffer, ",\"traceparent\":\"00-");
        buffer_append_text(buffer, event->trace_id);
        buffer_append_char(buffer, '-');
        buffer_append_text(buffer, event->span_id);
        buffer_append_text(buffer, "-01\"");
    }
    buffer_append_text(buffer, ",\"data\":");
    buffer_append_text(buffer, event->data);
    buffer_append_char(buffer, '}');
}

#endif
