#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer)BUFFER_INIT;
}

void buffer_reset(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void buffer_reserve(struct buffer *buffer, size_t extra)
{
    if (extra > SIZE_MAX / 4)
        abort();
    size_t needed = buffer->length + extra + 1;
    if (needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = realloc(buffer->data, capacity);
    if (!buffer->data)
        abort();
    buffer->capacity = capacity;
}

void buffer_append_grow(struct buffer *buffer, const void *data, size_t length)
{
    buffer_reserve(buffer, length);
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_append_int(struct buffer *buffer, int64_t number)
{
    char digits[24];
    char *cursor = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--cursor = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0)
        *--cursor = '-';
    buffer_append(buffer, cursor, (size_t)(digits + sizeof(digits) - cursor));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        abort();
    buffer_reserve(buffer, (size_t)length);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    va_end(again);
    buffer->length += (size_t)length;
}

static const char *json_escape(unsigned char c, char scratch[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        snprintf(scratch, 8, "\\u%04x", c);
        return scratch;
    }
}

void buffer_append_json_n(struct buffer *buffer, const char *text, size_t length)
{
    buffer_reserve(buffer, length + 2);
    buffer_append_char(buffer, '"');
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        /* '<' is escaped too, so that JSON can stand inside an HTML script element. */
        if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f)
            continue;
        char scratch[8];
        buffer_append(buffer, text + start, i - start);
        buffer_append_text(buffer, json_escape(c, scratch));
        start = i + 1;
    }
    buffer_append(buffer, text + start, length - start);
    buffer_append_char(buffer, '"');
}

void buffer_append_json(struct buffer *buffer, const char *text)
{
    if (text)
        buffer_append_json_n(buffer, text, strlen(text));
    else
        buffer_append_text(buffer, "null");
}

void buffer_append_html(struct buffer *buffer, const char *text)
{
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&':
            buffer_append_text(buffer, "&amp;");
            break;
        case '<':
            buffer_append_text(buffer, "&lt;");
            break;
        case '>':
            buffer_append_text(buffer, "&gt;");
            break;
        case '"':
            buffer_append_text(buffer, "&quot;");
            break;
        case '\'':
            buffer_append_text(buffer, "&#39;");
            break;
        default:
            buffer_append_char(buffer, *c);
        }
    }
}

char *buffer_take(struct buffer *buffer)
{
    buffer_reserve(buffer, 0);
    buffer->data[buffer->length] = '\0';
    char *data = buffer->data;
    *buffer = (struct buffer)BUFFER_INIT;
    return data;
}
