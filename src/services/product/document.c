#include "document.h"

#include "clock.h"
#include "cloudevent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for what is spliced in: three numbers of 20 digits and their names. */
#define SPLICE_ROOM 160

void document_append(struct buffer *buffer, const char *id, const char *group_id, const char *body,
    const char *images)
{
    buffer_append_text(buffer, "{\"id\":\"");
    buffer_append_text(buffer, id);
    buffer_append_text(buffer, "\",\"group_id\":\"");
    buffer_append_text(buffer, group_id);
    buffer_append_text(buffer, "\",");
    buffer_append_text(buffer, body);
    buffer_append_text(buffer, ",\"images\":");
    buffer_append_text(buffer, images);
    buffer_append_char(buffer, '}');
}

void document_append_brief(struct buffer *buffer, const char *id, const char *brief)
{
    buffer_append_text(buffer, "{\"id\":\"");
    buffer_append_text(buffer, id);
    buffer_append_text(buffer, "\",");
    buffer_append_text(buffer, brief);
    buffer_append_char(buffer, '}');
}

static char *put_text(char *cursor, const char *text)
{
    size_t length = strlen(text);
    memcpy(cursor, text, length);
    return cursor + length;
}

static char *put_number(char *cursor, int64_t number)
{
    char digits[20];
    int count = 0;
    if (number < 0) {
        *cursor++ = '-';
        number = -number;
    }
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count)
        *cursor++ = digits[--count];
    return cursor;
}

/* sum / (2 * count), rounded to hundredths, without trailing zeros. */
static char *put_mean(char *cursor, int64_t halves, int64_t ratings)
{
    if (ratings == 0)
        return put_text(cursor, "null");
    int64_t hundredths = (halves * 100 + ratings) / (2 * ratings);
    cursor = put_number(cursor, hundredths / 100);
    if (hundredths % 100) {
        *cursor++ = '.';
        *cursor++ = (char)('0' + hundredths / 10 % 10);
        if (hundredths % 10)
            *cursor++ = (char)('0' + hundredths % 10);
    }
    return cursor;
}

void document_splice(struct arena *arena, struct product_wine *wine, enum product_detail detail,
    const char *stored, size_t length)
{
    char *json = arena_alloc(arena, length + SPLICE_ROOM);
    memcpy(json, stored, length - 1);
    char *cursor = put_text(json + length - 1, ",\"available\":");
    cursor = put_number(cursor, wine->available);
    if (detail == PRODUCT_PUBLIC) {
        cursor = put_text(cursor, ",\"rating\":{\"mean\":");
        cursor = put_mean(cursor, wine->halves, wine->ratings);
        cursor = put_text(cursor, ",\"count\":");
        cursor = put_number(cursor, wine->ratings);
        *cursor++ = '}';
    }
    *cursor++ = '}';
    *cursor = '\0';
    wine->json = json;
    wine->length = (size_t)(cursor - json);
}

void document_append_mean(struct buffer *buffer, int64_t halves, int64_t ratings)
{
    char text[48];
    char *end = put_mean(text, halves, ratings);
    buffer_append(buffer, text, (size_t)(end - text));
}

void document_append_rating(struct buffer *buffer, int64_t halves, int64_t ratings)
{
    buffer_append_text(buffer, "{\"mean\":");
    document_append_mean(buffer, halves, ratings);
    buffer_append_text(buffer, ",\"count\":");
    buffer_append_int(buffer, ratings);
    buffer_append_char(buffer, '}');
}

/* ---- events ---- */

static void append_event(
    struct buffer *buffer, struct product_event *event, const char *type, const char *data)
{
    id_new(event->id);
    struct cloudevent cloudevent = {
        .id = event->id,
        .source = "/services/product",
        .type = type,
        .subject = event->wine_id,
        .sequence = event->sequence,
        .trace_id = event->trace ? event->trace->trace_id : NULL,
        .span_id = event->trace ? event->trace->span_id : NULL,
        .data = data,
    };
    buffer_reset(buffer);
    cloudevent_append(buffer, &cloudevent);
}

void event_product(
    struct buffer *buffer, struct product_event *event, const char *type, const char *document)
{
    if (!document) {
        append_event(buffer, event, type, "{}");
        return;
    }
    /* The envelope's last brace stands behind the data: write the envelope around an empty object,
     * then the object in its place. */
    append_event(buffer, event, type, "{}");
    buffer->length -= strlen("{}}");
    buffer_append_text(buffer, "{\"wine\":");
    buffer_append_text(buffer, document);
    buffer_append_text(buffer, "}}");
}

void event_stock(struct buffer *buffer, struct product_event *event, const char *cause,
    int64_t change, int64_t available, int64_t on_hand, const char *order_id)
{
    char data[240];
    char *cursor = put_text(data, "{\"available\":");
    cursor = put_number(cursor, available);
    cursor = put_text(cursor, ",\"on_hand\":");
    cursor = put_number(cursor, on_hand);
    cursor = put_text(cursor, ",\"change\":");
    cursor = put_number(cursor, change);
    cursor = put_text(cursor, ",\"cause\":\"");
    cursor = put_text(cursor, cause);
    if (order_id) {
        cursor = put_text(cursor, "\",\"order_id\":\"");
        cursor = put_text(cursor, order_id);
    }
    cursor = put_text(cursor, "\"}");
    *cursor = '\0';
    append_event(buffer, event, "stock.changed", data);
}

void event_rating(struct buffer *buffer, struct product_event *event,
    const struct product_rating *rating, int64_t halves, int64_t ratings)
{
    char mean[48];
    *put_mean(mean, halves, ratings) = '\0';
    char data[240];
    snprintf(data, sizeof(data),
        "{\"rating_id\":\"%s\",\"user_id\":\"%s\",\"stars\":%d%s,\"mean\":%s,\"count\":%lld}",
        rating->id, rating->user_id, (int)(rating->halves / 2), rating->halves % 2 ? ".5" : "",
        mean, (long long)ratings);
    append_event(buffer, event, "rating.given", data);
}

void message_image(struct buffer *buffer, const struct product_upload *upload, const char *blob)
{
    buffer_reset(buffer);
    buffer_printf(
        buffer, "{\"upload_id\":\"%s\",\"wine_id\":\"%s\",\"blob\":", upload->id, upload->wine_id);
    buffer_append_json(buffer, blob);
    buffer_append_char(buffer, '}');
}

/* ---- reservations ---- */

int reservation_step(enum reservation_status from, enum product_settlement settlement,
    enum reservation_status *next, struct error *error)
{
    static const char *const names[] = {
        "never reserved", "reserved", "released", "shipped", "returned"};
    switch (settlement) {
    case PRODUCT_RELEASE:
        if (from == RESERVATION_RELEASED)
            return 0;
        *next = RESERVATION_RELEASED;
        if (from == RESERVATION_NONE || from == RESERVATION_RESERVED)
            return 1;
        break;
    case PRODUCT_SHIP:
        if (from == RESERVATION_SHIPPED || from == RESERVATION_RETURNED)
            return 0;
        *next = RESERVATION_SHIPPED;
        if (from == RESERVATION_RESERVED)
            return 1;
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "nothing is reserved for this order");
    case PRODUCT_RETURN:
        if (from == RESERVATION_RETURNED)
            return 0;
        *next = RESERVATION_RETURNED;
        if (from == RESERVATION_SHIPPED)
            return 1;
        break;
    }
    return error_set(error, ERROR_CONFLICT, "version_conflict", NULL,
        "the bottles of this order are %s", names[from]);
}

struct stock_move reservation_move(enum product_settlement settlement)
{
    switch (settlement) {
    case PRODUCT_SHIP:
        return (struct stock_move){0, -1, "shipped"};
    case PRODUCT_RETURN:
        return (struct stock_move){1, 1, "returned"};
    default:
        return (struct stock_move){1, 0, "released"};
    }
}

void reservation_lines_append(struct buffer *buffer, const struct product_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(buffer, ',');
        buffer_append(buffer, lines[i].id, ID_LENGTH);
        buffer_append_char(buffer, ' ');
        buffer_append_int(buffer, lines[i].quantity);
    }
}

size_t reservation_lines_parse(const char *text, struct product_line *lines)
{
    size_t count = 0;
    while (*text && count < PRODUCT_MAX_LINES && strlen(text) > ID_LENGTH) {
        struct product_line *line = &lines[count++];
        memset(line, 0, sizeof(*line));
        memcpy(line->id, text, ID_LENGTH);
        char *end;
        line->quantity = strtoll(text + ID_LENGTH, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(((const struct product_line *)a)->id, ((const struct product_line *)b)->id);
}

void product_lines_sort(struct product_line *lines, size_t count)
{
    if (count > 1)
        qsort(lines, count, sizeof(*lines), compare_lines);
}

int product_lines_short(const struct product_line *lines, size_t count, struct error *error)
{
    size_t missing = 0;
    int64_t left = 0;
    for (size_t i = 0; i < count; i++) {
        missing += lines[i].short_of;
        if (lines[i].short_of)
            left = lines[i].available;
    }
    if (missing == 1)
        return error_set(error, ERROR_CONFLICT, "out_of_stock", NULL, "%lld bottle%s left",
            (long long)left, left == 1 ? " is" : "s are");
    return error_set(error, ERROR_CONFLICT, "out_of_stock", NULL,
        "of %zu wines fewer bottles are left than asked for", missing);
}
