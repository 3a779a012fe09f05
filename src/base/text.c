#include "text.h"

#include "arena.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t sequence_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return s[0] ? 1 : 0;
    size_t length = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                    : (s[0] & 0xf0) == 0xe0        ? 3
                    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                   : 0;
    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *cursor = (const unsigned char *)text;
    while (length) {
        size_t step = sequence_length(cursor, length);
        if (!step)
            return false;
        cursor += step;
        length -= step;
    }
    return true;
}

size_t utf8_length(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static char *trim_n(struct arena *arena, const char *text, size_t length)
{
    while (length && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return arena_strndup(arena, text, length);
}

char *text_trim(struct arena *arena, const char *text)
{
    return trim_n(arena, text, strlen(text));
}

char *text_lower(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    }
    return copy;
}

int text_to_int(const char *text, int64_t low, int64_t high, int64_t *value)
{
    if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
        return -1;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end || number < low || number > high)
        return -1;
    *value = number;
    return 0;
}

int text_to_double(const char *text, double low, double high, double *value)
{
    size_t length = strspn(text, "0123456789.-");
    if (length == 0 || text[length] != '\0' || length > 40)
        return -1;
    char *end;
    double number = strtod(text, &end);
    if (*end || !isfinite(number) || number < low || number > high)
        return -1;
    *value = number;
    return 0;
}

size_t text_split(
    struct arena *arena, const char *text, char separator, const char **pieces, size_t max)
{
    size_t count = 0;
    while (count < max) {
        const char *end = strchrnul(text, separator);
        char *piece = trim_n(arena, text, (size_t)(end - text));
        if (*piece)
            pieces[count++] = piece;
        if (!*end)
            break;
        text = end + 1;
    }
    return count;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *url_decode(struct arena *arena, const char *text, size_t length, bool plus)
{
    char *decoded = arena_alloc(arena, length + 1);
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%') {
            if (length - i < 3)
                return NULL;
            int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (high < 0 || low < 0)
                return NULL;
            decoded[out++] = (char)(high * 16 + low);
            i += 2;
        } else {
            decoded[out++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    decoded[out] = '\0';
    return utf8_valid(decoded, out) ? decoded : NULL;
}

char *url_encode(struct arena *arena, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
    char *out = encoded;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c)) {
            *out++ = (char)*c;
        } else {
            *out++ = '%';
            *out++ = hex[*c >> 4];
            *out++ = hex[*c & 15];
        }
    }
    *out = '\0';
    return encoded;
}
