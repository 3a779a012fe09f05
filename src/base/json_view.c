#include "json_view.h"

#include "arena.h"
#include "json.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct json_token {
    uint32_t start, length; /* of the value in the text; a text's without its quotes */
    uint32_t skip;          /* tokens of the value, itself included */
    uint32_t count;         /* elements or members */
    uint8_t kind;
    bool escaped; /* a text with escapes */
};

struct reader {
    const char *text;
    size_t length, at;
    struct json_token *tokens;
    size_t count, capacity;
    int depth;
    const char *wrong; /* what, once something is */
};

static int read_value(struct reader *reader);

static int refuse(struct reader *reader, const char *wrong)
{
    if (!reader->wrong)
        reader->wrong = wrong;
    return -1;
}

static char peek(const struct reader *reader)
{
    return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->length) {
        char c = reader->text[reader->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return;
        reader->at++;
    }
}

static size_t add_token(struct reader *reader, enum json_kind kind)
{
    if (reader->count == reader->capacity) {
        reader->capacity *= 2;
        reader->tokens = reallocarray(reader->tokens, reader->capacity, sizeof(*reader->tokens));
        if (!reader->tokens)
            abort();
    }
    reader->tokens[reader->count] =
        (struct json_token){.start = (uint32_t)reader->at, .skip = 1, .kind = (uint8_t)kind};
    return reader->count++;
}

/* ---- texts ---- */

static int hex_of(const char *digits)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* At the backslash: checks the escape and returns its length, 0 if it is none. */
static size_t escape_length(const char *at, size_t left)
{
    if (left < 2)
        return 0;
    if (at[1] != 'u')
        return strchr("\"\\/bfnrt", at[1]) && at[1] ? 2 : 0;
    int unit = left < 6 ? -1 : hex_of(at + 2);
    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    int low = left < 12 || at[6] != '\\' || at[7] != 'u' ? -1 : hex_of(at + 8);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static int read_text(struct reader *reader)
{
    reader->at++;
    size_t token = add_token(reader, JSON_KIND_TEXT);
    while (reader->at < reader->length) {
        unsigned char c = (unsigned char)reader->text[reader->at];
        if (c == '"') {
            reader->tokens[token].length = (uint32_t)reader->at - reader->tokens[token].start;
            reader->at++;
            return 0;
        }
        if (c < 0x20)
            return refuse(reader, "a control character in a text");
        size_t step = 1;
        if (c == '\\') {
            step = escape_length(reader->text + reader->at, reader->length - reader->at);
            if (!step)
                return refuse(reader, "a broken escape");
            reader->tokens[token].escaped = true;
        }
        reader->at += step;
    }
    return refuse(reader, "a text without an end");
}

static char *append_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
        return to;
    }
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    *to++ = (char)(lead[more] | point >> (6 * more));
    for (int shift = 6 * (more - 1); shift >= 0; shift -= 6)
        *to++ = (char)(0x80 | (point >> shift & 0x3f));
    return to;
}

/* The escapes were checked when the text was read. */
static const char *unescape(struct arena *arena, const char *from, size_t length)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char *made = arena_alloc(arena, length + 1), *to = made;
    for (const char *end = from + length; from < end;) {
        if (*from != '\\') {
            *to++ = *from++;
        } else if (from[1] != 'u') {
            *to++ = meant[strchr(plain, from[1]) - plain];
            from += 2;
        } else {
            uint32_t point = (uint32_t)hex_of(from + 2);
            from += 6;
            if (point >= 0xd800 && point <= 0xdbff) {
                point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)hex_of(from + 2) - 0xdc00);
                from += 6;
            }
            to = append_utf8(to, point);
        }
    }
    *to = '\0';
    return made;
}

/* ---- the other values ---- */

static size_t skip_digits(struct reader *reader)
{
    size_t before = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at - before;
}

static int read_number(struct reader *reader)
{
    size_t token = add_token(reader, JSON_KIND_NUMBER);
    if (peek(reader) == '-')
        reader->at++;
    bool zero = peek(reader) == '0';
    size_t digits = skip_digits(reader);
    if (!digits || (zero && digits > 1))
        return refuse(reader, "no value");
    if (peek(reader) == '.') {
        reader->at++;
        if (!skip_digits(reader))
            return refuse(reader, "a broken number");
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at++;
        if (peek(reader) == '+' || peek(reader) == '-')
            reader->at++;
        if (!skip_digits(reader))
            return refuse(reader, "a broken number");
    }
    reader->tokens[token].length = (uint32_t)reader->at - reader->tokens[token].start;
    return 0;
}

static int read_word(struct reader *reader, const char *word, enum json_kind kind)
{
    size_t length = strlen(word);
    if (reader->length - reader->at < length ||
        memcmp(reader->text + reader->at, word, length) != 0)
        return refuse(reader, "no value");
    size_t token = add_token(reader, kind);
    reader->tokens[token].length = (uint32_t)length;
    reader->at += length;
    return 0;
}

static int read_name(struct reader *reader)
{
    if (peek(reader) != '"')
        return refuse(reader, "a member without a name");
    if (read_text(reader) < 0)
        return -1;
    skip_space(reader);
    if (peek(reader) != ':')
        return refuse(reader, "a name without a colon");
    reader->at++;
    skip_space(reader);
    return 0;
}

/* An array or an object: members are pairs of a name and a value. */
static int read_list(struct reader *reader, enum json_kind kind)
{
    char close = kind == JSON_KIND_OBJECT ? '}' : ']';
    size_t token = add_token(reader, kind);
    if (++reader->depth > JSON_MAX_DEPTH)
        return refuse(reader, "nested too deep");
    reader->at++;
    skip_space(reader);
    bool empty = peek(reader) == close;
    while (!empty) {
        if ((kind == JSON_KIND_OBJECT && read_name(reader) < 0) || read_value(reader) < 0)
            return -1;
        reader->tokens[token].count++;
        skip_space(reader);
        if (peek(reader) == close)
            break;
        if (peek(reader) != ',')
            return refuse(reader, "neither a comma nor the end");
        reader->at++;
        skip_space(reader);
    }
    reader->at++;
    reader->depth--;
    reader->tokens[token].length = (uint32_t)reader->at - reader->tokens[token].start;
    reader->tokens[token].skip = (uint32_t)(reader->count - token);
    return 0;
}

static int read_value(struct reader *reader)
{
    switch (peek(reader)) {
    case '{':
        return read_list(reader, JSON_KIND_OBJECT);
    case '[':
        return read_list(reader, JSON_KIND_ARRAY);
    case '"':
        return read_text(reader);
    case 'n':
        return read_word(reader, "null", JSON_KIND_NULL);
    case 't':
        return read_word(reader, "true", JSON_KIND_TRUE);
    case 'f':
        return read_word(reader, "false", JSON_KIND_FALSE);
    default:
        return read_number(reader);
    }
}

int json_view_read(const char *text, size_t length, struct arena *arena, struct json_view *view,
    struct error *error)
{
    if (length >= UINT32_MAX || !utf8_valid(text, length))
        return error_set(error, ERROR_INVALID, "malformed_json", NULL, "not UTF-8");
    struct reader reader = {.text = text, .length = length, .capacity = length / 16 + 16};
    reader.tokens = malloc(reader.capacity * sizeof(*reader.tokens));
    if (!reader.tokens)
        abort();
    skip_space(&reader);
    if (peek(&reader) != '{')
        refuse(&reader, "not an object");
    else if (read_value(&reader) == 0) {
        skip_space(&reader);
        if (reader.at != length)
            refuse(&reader, "text behind the end");
    }
    if (reader.wrong) {
        free(reader.tokens);
        return error_set(error, ERROR_INVALID, "malformed_json", NULL, "%s at byte %zu",
            reader.wrong, reader.at);
    }
    struct json_token *tokens =
        arena_memdup(arena, reader.tokens, reader.count * sizeof(*reader.tokens));
    free(reader.tokens);
    *view = (struct json_view){.text = text, .token = tokens, .end = tokens + 1};
    return 0;
}

/* ---- views ---- */

enum json_kind json_view_kind(struct json_view view)
{
    return view.token ? (enum json_kind)view.token->kind : JSON_MISSING;
}

static struct json_view missing(void)
{
    return (struct json_view){0};
}

struct json_view json_view_get(struct json_view object, const char *name)
{
    if (json_view_kind(object) != JSON_KIND_OBJECT)
        return missing();
    size_t length = strlen(name);
    const struct json_token *end = object.token + object.token->skip;
    for (const struct json_token *key = object.token + 1; key < end; key += 1 + key[1].skip) {
        if (key->length == length && memcmp(object.text + key->start, name, length) == 0)
            return (struct json_view){.text = object.text, .token = key + 1, .end = end};
    }
    return missing();
}

size_t json_view_count(struct json_view array)
{
    return array.token ? array.token->count : 0;
}

struct json_view json_view_first(struct json_view array)
{
    if (json_view_kind(array) != JSON_KIND_ARRAY || !array.token->count)
        return missing();
    return (struct json_view){
        .text = array.text, .token = array.token + 1, .end = array.token + array.token->skip};
}

struct json_view json_view_next(struct json_view element)
{
    if (!element.token || element.token + element.token->skip >= element.end)
        return missing();
    element.token += element.token->skip;
    return element;
}

const char *json_view_text(struct json_view view, struct arena *arena, const char *fallback)
{
    if (json_view_kind(view) != JSON_KIND_TEXT)
        return fallback;
    const char *start = view.text + view.token->start;
    return view.token->escaped ? unescape(arena, start, view.token->length)
                               : arena_strndup(arena, start, view.token->length);
}

bool json_view_is(struct json_view view, const char *text)
{
    return json_view_kind(view) == JSON_KIND_TEXT && !view.token->escaped &&
           view.token->length == strlen(text) &&
           memcmp(view.text + view.token->start, text, view.token->length) == 0;
}

int64_t json_view_int(struct json_view view, int64_t fallback)
{
    if (json_view_kind(view) != JSON_KIND_NUMBER)
        return fallback;
    const char *at = view.text + view.token->start, *end = at + view.token->length;
    bool negative = *at == '-';
    int64_t value = 0;
    for (at += negative; at < end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *at - '0', &value))
            return fallback;
    }
    /* Counted downwards, since the lowest has no positive twin. */
    return negative ? value : value == INT64_MIN ? fallback : -value;
}

double json_view_number(struct json_view view, double fallback)
{
    if (json_view_kind(view) != JSON_KIND_NUMBER)
        return fallback;
    /* The brace of the outermost object ends the last number of the text. */
    double value = strtod(view.text + view.token->start, NULL);
    return isfinite(value) ? value : fallback;
}

const char *json_view_raw(struct json_view view, size_t *length)
{
    if (!view.token) {
        *length = 0;
        return "";
    }
    bool quoted = view.token->kind == JSON_KIND_TEXT;
    *length = view.token->length + 2 * (size_t)quoted;
    return view.text + view.token->start - quoted;
}
