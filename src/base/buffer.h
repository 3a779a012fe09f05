/*
 * A growable byte string, always NUL-terminated once something was appended. Frees its own memory
 * (`buffer_release`) or hands it over (`buffer_take`). The JSON functions write UTF-8 text escaped
 * as RFC 8259 asks; commas and braces are the caller's, which keeps hot paths without a tree.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

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

void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char character);
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
