#include "json.h"

#include "arena.h"
#include "buffer.h"
#include "text.h"

#include <string.h>

/* jansson recurses; a depth check over the raw text keeps hostile nesting off its stack. */
static bool too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_MAX_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

int json_read(const char *text, size_t length, json_t **out, struct error *error)
{
    if (length == 0)
        return error_set(error, ERROR_INVALID, "malformed_json", "", "a JSON body is needed");
    /* jansson passes over a NUL that ends a number. */
    if (memchr(text, '\0', length))
        return error_set(error, ERROR_INVALID, "malformed_json", "", "holds a NUL byte");
    if (too_deep(text, length))
        return error_set(error, ERROR_INVALID, "malformed_json", "", "nested deeper than %d levels",
            JSON_MAX_DEPTH);
    json_error_t problem;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (!value)
        return error_set(error, ERROR_INVALID, "malformed_json", "", "line %d, column %d: %s",
            problem.line, problem.column, problem.text);
    *out = value;
    return 0;
}

int json_read_object(const char *text, size_t length, json_t **out, struct error *error)
{
    json_t *value = NULL;
    int rc = json_read(text, length, &value, error);
    if (rc < 0)
        return rc;
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(error, ERROR_INVALID, "malformed_json", "", "a JSON object is needed");
    }
    *out = value;
    return 0;
}

static int missing(const char *field, struct error *error)
{
    return error_set(error, ERROR_INVALID, NULL, field, "is required");
}

static bool absent(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    return !value || json_is_null(value);
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f)
            return true;
    }
    return false;
}

int json_find_text(const json_t *object, const char *field, size_t min, size_t max,
    const char **value, struct error *error)
{
    if (absent(object, field))
        return 0;
    const json_t *member = json_object_get(object, field);
    const char *text = json_string_value(member);
    if (!text)
        return error_set(error, ERROR_INVALID, NULL, field, "must be a string");
    size_t length = utf8_length(text);
    if (length < min)
        return error_set(error, ERROR_INVALID, NULL, field,
            min == 1 ? "must not be empty" : "must have at least %zu characters", min);
    if (length > max)
        return error_set(
            error, ERROR_INVALID, NULL, field, "must have at most %zu characters", max);
    if (has_control(text))
        return error_set(error, ERROR_INVALID, NULL, field, "must not hold control characters");
    *value = text;
    return 0;
}

int json_get_text(const json_t *object, const char *field, size_t min, size_t max,
    const char **value, struct error *error)
{
    if (absent(object, field))
        return missing(field, error);
    return json_find_text(object, field, min, max, value, error);
}

int json_find_int(const json_t *object, const char *field, int64_t low, int64_t high,
    int64_t *value, struct error *error)
{
    if (absent(object, field))
        return 0;
    const json_t *member = json_object_get(object, field);
    if (!json_is_integer(member))
        return error_set(error, ERROR_INVALID, NULL, field, "must be a whole number");
    int64_t number = json_integer_value(member);
    if (number < low || number > high)
        return error_set(error, ERROR_INVALID, NULL, field, "must be from %lld to %lld",
            (long long)low, (long long)high);
    *value = number;
    return 0;
}

int json_get_int(const json_t *object, const char *field, int64_t low, int64_t high, int64_t *value,
    struct error *error)
{
    if (absent(object, field))
        return missing(field, error);
    return json_find_int(object, field, low, high, value, error);
}

int json_find_number(const json_t *object, const char *field, double low, double high,
    double *value, struct error *error)
{
    if (absent(object, field))
        return 0;
    const json_t *member = json_object_get(object, field);
    if (!json_is_number(member))
        return error_set(error, ERROR_INVALID, NULL, field, "must be a number");
    double number = json_number_value(member);
    if (!(number >= low && number <= high))
        return error_set(error, ERROR_INVALID, NULL, field, "must be from %g to %g", low, high);
    *value = number;
    return 0;
}

int json_get_number(const json_t *object, const char *field, double low, double high, double *value,
    struct error *error)
{
    if (absent(object, field))
        return missing(field, error);
    return json_find_number(object, field, low, high, value, error);
}

int json_find_bool(const json_t *object, const char *field, bool *value, struct error *error)
{
    if (absent(object, field))
        return 0;
    const json_t *member = json_object_get(object, field);
    if (!json_is_boolean(member))
        return error_set(error, ERROR_INVALID, NULL, field, "must be true or false");
    *value = json_is_true(member);
    return 0;
}

int json_get_object(const json_t *object, const char *field, json_t **value, struct error *error)
{
    if (absent(object, field))
        return missing(field, error);
    json_t *member = json_object_get(object, field);
    if (!json_is_object(member))
        return error_set(error, ERROR_INVALID, NULL, field, "must be an object");
    *value = member;
    return 0;
}

const char *json_text_or(const json_t *object, const char *field, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : fallback;
}

int64_t json_int_or(const json_t *object, const char *field, int64_t fallback)
{
    const json_t *value = json_object_get(object, field);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double json_number_or(const json_t *object, const char *field, double fallback)
{
    const json_t *value = json_object_get(object, field);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

static int append_chunk(const char *text, size_t length, void *buffer)
{
    buffer_append(buffer, text, length);
    return 0;
}

void json_write(const json_t *value, struct buffer *buffer)
{
    json_dump_callback(value, append_chunk, buffer, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *json_text(struct arena *arena, const json_t *value)
{
    CLEANUP_BUFFER struct buffer buffer = BUFFER_INIT;
    json_write(value, &buffer);
    return arena_strndup(arena, buffer.data, buffer.length);
}
