/*
 * A growable byte string, always NUL-terminated once something was appended. Frees its own memory
 * (`buffer_release`) or hands it over (`buffer_take`). The JSON functions write UTF-8 text escaped
 * as RFC 8259 asks; commas and braces are the caller's, which keeps hot paths without a tree.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    char *data;
    size_t length;
    size_t capacity;
};

#define BUFFER_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }
#define CLEANUP_BUFFER __attribute__((cleanup(buffer_release)))

void buffer_release(struct buffer *buffer);

/* Forgets the contents, keeps the memory. */
void buffer_reset(struct buffer *buffer);

/* Makes room for `extra` more bytes. */
void buffer_reserve(struct buffer *buffer, size_t extra);

void buffer_append_grow(struct buffer *buffer, const void *data, size_t length);

/* Inline, because answers are written a few bytes at a time: a literal's length is then known to
 * the compiler, and most appends are a copy. */
static inline void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length >= buffer->capacity - buffer->length) {
        buffer_append_grow(buffer, data, length);
        return;
    }
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static inline void buffer_append_char(struct buffer *buffer, char character)
{
    buffer_append(buffer, &character, 1);
}

void buffer_append_int(struct buffer *buffer, int64_t number);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `"text"` with quotes and escapes; NULL writes `null`. */
void buffer_append_json(struct buffer *buffer, const char *text);
void buffer_append_json_n(struct buffer *buffer, const char *text, size_t length);

/* Text for HTML element content and double-quoted attribute values: & < > " ' escaped. */
void buffer_append_html(struct buffer *buffer, const char *text);

/* The contents as a malloc'ed NUL-terminated string, which the caller frees; the buffer is empty
 * afterwards. */
char *buffer_take(struct buffer *buffer);

#endif
