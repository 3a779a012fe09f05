/* Small helpers on text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Whether the bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool utf8_valid(const char *text, size_t length);

/* Code points in well-formed UTF-8. */
size_t utf8_length(const char *text);

bool text_equal(const char *a, const char *b); /* two NULLs are equal */
bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);

/* A copy without leading and trailing ASCII white space. */
char *text_trim(struct arena *arena, const char *text);

/* ASCII letters in lower case. */
char *text_lower(struct arena *arena, const char *text);

/* Decimal integer, the whole text, within [low, high]. 0 or -1; `*value` untouched on failure. */
int text_to_int(const char *text, int64_t low, int64_t high, int64_t *value);

/* Decimal number, the whole text, finite, within [low, high]. 0 or -1. Locale-independent. */
int text_to_double(const char *text, double low, double high, double *value);

/* Splits at each `separator`; pieces are trimmed copies, empty ones are left out. Returns the
 * number of pieces, at most `max`; the rest is ignored. */
size_t text_split(
    struct arena *arena, const char *text, char separator, const char **pieces, size_t max);

/* Percent-decoding (RFC 3986); `plus` also turns '+' into a space, as forms do. NULL when an
 * escape is broken, decodes to NUL, or the result is not UTF-8. */
char *url_decode(struct arena *arena, const char *text, size_t length, bool plus);

/* Percent-encodes all but unreserved characters. */
char *url_encode(struct arena *arena, const char *text);

#endif
