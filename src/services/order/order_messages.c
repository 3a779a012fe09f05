#include "order_messages.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "cloudevent.h"

#include <string.h>

#define SOURCE "/services/order"
#define TO_STREAM "stream"
#define TO_ORDERS "queue:orders"
#define TO_MAIL "queue:mail"

/* The body moves into the arena: items are copied once more by the outbox, so they stay small. */
static struct outbox_item item_of(
    struct arena *arena, const char *target, const char *key, const char *id, struct buffer *body)
{
    struct outbox_item item = {
        .target = target,
        .key = arena_strdup(arena, key),
        .id = arena_strdup(arena, id),
        .body = arena_strndup(arena, body->data, body->length),
        .length = body->length,
    };
    buffer_release(body);
    return item;
}

static struct outbox_item event(struct arena *arena, const char *type, const char *subject,
    int64_t sequence, int64_t time_ms, const struct trace *trace, struct buffer *data)
{
    char id[ID_SIZE];
    struct buffer body = BUFFER_INIT;
    buffer_reserve(&body, 384 + data->length);
    cloudevent_append(&body, &(struct cloudevent){
                                 .id = id_new(id),
                                 .source = SOURCE,
                                 .type = type,
                                 .subject = subject,
                                 .sequence = sequence,
                                 .time_ms = time_ms,
                                 .trace_id = trace->trace_id,
                                 .span_id = trace->span_id,
                                 .data = data->data,
                             });
    buffer_release(data);
    return item_of(arena, TO_STREAM, subject, id, &body);
}

/* `"name":"value"` for texts of our own, which need no escapes. */
static void append_member(struct buffer *buffer, const char *name, const char *value)
{
    buffer_append_char(buffer, '"');
    buffer_append_text(buffer, name);
    buffer_append_text(buffer, "\":\"");
    buffer_append_text(buffer, value);
    buffer_append_char(buffer, '"');
}

static void append_owner(struct buffer *buffer, const char *owner)
{
    append_member(buffer, owner_member(owner), owner + 1);
}

static void append_number(struct buffer *buffer, const char *member, int64_t number)
{
    buffer_append_text(buffer, member);
    buffer_append_int(buffer, number);
}

struct outbox_item message_placed(struct arena *arena, const struct order_record *record,
    const char *lines, const char *totals, const struct trace *trace)
{
    struct buffer data = BUFFER_INIT;
    buffer_reserve(&data, strlen(lines) + strlen(totals) + 160);
    buffer_append_char(&data, '{');
    append_owner(&data, record->owner);
    buffer_append_text(&data, ",\"lines\":");
    buffer_append_text(&data, lines);
    buffer_append_text(&data, ",\"totals\":");
    buffer_append_text(&data, totals);
    buffer_append_text(&data, ",\"destination\":{\"country\":\"");
    buffer_append(&data, record->destination, 2);
    buffer_append_text(&data, "\",\"region\":");
    buffer_append_json(&data, record->destination[2] ? record->destination + 3 : NULL);
    buffer_append_text(&data, "}}");
    return event(arena, order_status_event(ORDER_PENDING), record->id, record->state.version,
        record->placed_at, trace, &data);
}

struct outbox_item message_process(struct arena *arena, const struct order_record *record,
    const struct cart *cart, const char *token, const struct trace *trace)
{
    struct buffer body = BUFFER_INIT;
    buffer_reserve(&body, 384 + cart->count * 64);
    buffer_append_text(&body, "{\"action\":\"process\",");
    append_member(&body, "order_id", record->id);
    append_number(&body, ",\"version\":", record->state.version);
    buffer_append_text(&body, ",\"lines\":[");
    for (size_t i = 0; i < cart->count; i++) {
        buffer_append_text(&body, i ? ",{" : "{");
        append_member(&body, "wine_id", cart->lines[i].wine_id);
        append_number(&body, ",\"quantity\":", cart->lines[i].quantity);
        buffer_append_char(&body, '}');
    }
    append_number(&body, "],\"total\":", record->total.amount);
    buffer_append_char(&body, ',');
    append_member(&body, "currency", record->total.currency);
    buffer_append_text(&body, ",\"payment\":{");
    append_member(&body, "method", record->method);
    buffer_append_text(&body, ",\"token\":");
    buffer_append_json(&body, token);
    buffer_append_text(&body, "},");
    append_owner(&body, record->owner);
    if (*trace->trace_id) {
        buffer_append_text(&body, ",\"trace\":[\"");
        buffer_append_text(&body, trace->trace_id);
        buffer_append_text(&body, "\",\"");
        buffer_append_text(&body, trace->span_id);
        buffer_append_text(&body, "\"]");
    }
    buffer_append_char(&body, '}');
    /* The order's id is the message's: an order is on the queue once. */
    return item_of(arena, TO_ORDERS, record->id, record->id, &body);
}

static void append_step(struct buffer *data, const char *owner, const char *from, const char *to)
{
    buffer_append_char(data, '{');
    append_owner(data, owner);
    buffer_append_char(data, ',');
    append_member(data, "from", from);
    buffer_append_char(data, ',');
    append_member(data, "to", to);
}

struct outbox_item message_status(struct arena *arena, const struct order_record *record,
    const struct order_state *after, int64_t version, const struct trace *trace)
{
    struct buffer data = BUFFER_INIT;
    append_step(&data, record->owner, order_status_name(record->state.status),
        order_status_name(after->status));
    buffer_append_text(&data, ",\"reason\":");
    buffer_append_json(&data, after->reason);
    buffer_append_char(&data, '}');
    return event(arena, order_status_event(after->status), record->id, version, after->updated_at,
        trace, &data);
}

struct outbox_item message_payment(struct arena *arena, const struct order_record *record,
    const struct order_state *after, int64_t version, const struct trace *trace)
{
    struct buffer data = BUFFER_INIT;
    append_step(&data, record->owner, pay_status_name(record->state.payment),
        pay_status_name(after->payment));
    append_number(&data, ",\"amount\":", record->total.amount);
    buffer_append_char(&data, ',');
    append_member(&data, "currency", record->total.currency);
    buffer_append_char(&data, '}');
    return event(
        arena, "order.payment_changed", record->id, version, after->updated_at, trace, &data);
}

struct outbox_item message_mail(
    struct arena *arena, const struct order_record *record, const char *template)
{
    char id[ID_SIZE];
    struct buffer body = BUFFER_INIT;
    buffer_append_char(&body, '{');
    append_member(&body, "id", id_new(id));
    buffer_append_char(&body, ',');
    append_member(&body, "template", template);
    buffer_append_char(&body, ',');
    append_owner(&body, record->owner);
    buffer_append_char(&body, ',');
    append_member(&body, "order_id", record->id);
    buffer_append_char(&body, '}');
    return item_of(arena, TO_MAIL, record->id, id, &body);
}

struct outbox_item message_follow(struct arena *arena, const struct order_record *record,
    const char *action, const char *reference)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_char(&body, '{');
    append_member(&body, "action", action);
    buffer_append_char(&body, ',');
    append_member(&body, "order_id", record->id);
    buffer_append_text(&body, ",\"reference\":");
    buffer_append_json(&body, reference);
    buffer_append_char(&body, '}');
    const char *id = arena_printf(arena, "%s.%s", record->id, action);
    return item_of(arena, TO_ORDERS, record->id, id, &body);
}

struct outbox_item message_cart(struct arena *arena, const char *owner,
    const struct cart_edit *edit, int64_t version, const struct trace *trace)
{
    struct buffer data = BUFFER_INIT;
    buffer_append_char(&data, '{');
    append_owner(&data, owner);
    buffer_append_char(&data, ',');
    append_member(&data, "wine_id", edit->wine_id);
    append_number(&data, ",\"quantity\":", edit->now);
    append_number(&data, ",\"previous\":", edit->previous);
    buffer_append_char(&data, '}');
    return event(arena, "cart.changed", owner + 1, version, 0, trace, &data);
}

struct outbox_item message_merged(struct arena *arena, const char *guest, const char *user,
    int64_t version, const struct trace *trace)
{
    struct buffer data = BUFFER_INIT;
    buffer_append_char(&data, '{');
    append_member(&data, "user_id", user + 1);
    buffer_append_char(&data, ',');
    append_member(&data, "guest_id", guest + 1);
    buffer_append_char(&data, '}');
    return event(arena, "cart.merged", user + 1, version, 0, trace, &data);
}
