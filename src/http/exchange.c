#include "exchange.h"

#include "buffer.h"
#include "log.h"
#include "text.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const method_names[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

enum http_method http_method_parse(const char *name)
{
    for (int i = 0; i < HTTP_OTHER; i++) {
        if (strcmp(name, method_names[i]) == 0)
            return (enum http_method)i;
    }
    return HTTP_OTHER;
}

const char *http_query(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->request.query_count; i++) {
        if (strcmp(exchange->request.query[i].name, name) == 0)
            return exchange->request.query[i].value;
    }
    return NULL;
}

size_t http_query_all(
    const struct exchange *exchange, const char *name, const char **values, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < exchange->request.query_count && count < max; i++) {
        if (strcmp(exchange->request.query[i].name, name) == 0)
            values[count++] = exchange->request.query[i].value;
    }
    return count;
}

int http_query_int(const struct exchange *exchange, const char *name, int64_t low, int64_t high,
    int64_t *value, struct error *error)
{
    const char *text = http_query(exchange, name);
    int64_t number;
    if (!text)
        return 0;
    if (text_to_int(text, INT64_MIN, INT64_MAX, &number) < 0)
        return error_set(
            error, ERROR_INVALID, "malformed_parameter", name, "must be a whole number");
    if (number < low || number > high)
        return error_set(error, ERROR_INVALID, NULL, name, "must be from %lld to %lld",
            (long long)low, (long long)high);
    *value = number;
    return 0;
}

int http_query_bool(
    const struct exchange *exchange, const char *name, bool *value, struct error *error)
{
    const char *text = http_query(exchange, name);
    if (!text)
        return 0;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return error_set(
            error, ERROR_INVALID, "malformed_parameter", name, "must be true or false");
    *value = *text == 't';
    return 0;
}

int http_parse_query(
    struct http_request *request, struct arena *arena, const char *raw, struct error *error)
{
    while (*raw) {
        const char *end = strchrnul(raw, '&');
        const char *equals = memchr(raw, '=', (size_t)(end - raw));
        const char *name_end = equals ? equals : end;
        if (end > raw) {
            if (request->query_count == HTTP_MAX_QUERY)
                return error_set(error, ERROR_INVALID, "malformed_parameter", NULL,
                    "at most %d query parameters", HTTP_MAX_QUERY);
            struct http_pair *pair = &request->query[request->query_count++];
            pair->name = url_decode(arena, raw, (size_t)(name_end - raw), true);
            pair->value =
                equals ? url_decode(arena, equals + 1, (size_t)(end - equals - 1), true) : "";
            if (!pair->name || !pair->value)
                return error_set(error, ERROR_INVALID, "malformed_parameter", pair->name,
                    "the query is not percent-encoded UTF-8 text");
        }
        raw = *end ? end + 1 : end;
    }
    return 0;
}

static bool is_json(const char *content_type)
{
    size_t length = strcspn(content_type, "; \t");
    return length == strlen("application/json") &&
           strncasecmp(content_type, "application/json", length) == 0;
}

int http_json_body(struct exchange *exchange, json_t **body)
{
    const struct http_request *request = &exchange->request;
    if (!is_json(request->content_type)) {
        http_problem(exchange, 415, "unsupported_media_type", "Content-Type",
            "send the body as application/json");
        return ERROR_INVALID;
    }
    struct error error = {0};
    int rc = json_read_object(request->body, request->body_length, body, &error);
    if (rc < 0)
        http_fail(exchange, &error);
    return rc;
}

/* ---- replies ---- */

void http_set_header(struct exchange *exchange, const char *name, const char *value)
{
    struct http_response *response = &exchange->response;
    assert(response->header_count < HTTP_MAX_HEADERS);
    response->headers[response->header_count++] = (struct http_pair){name, value};
}

void http_reply(struct exchange *exchange, int status, const char *content_type, const char *body,
    size_t length)
{
    struct http_response *response = &exchange->response;
    response->status = status;
    response->content_type = content_type;
    response->body = body;
    response->body_length = length;
    exchange->ops->replied(exchange);
}

void http_reply_empty(struct exchange *exchange, int status)
{
    http_reply(exchange, status, NULL, "", 0);
}

void http_reply_json(struct exchange *exchange, int status, struct buffer *body)
{
    struct http_response *response = &exchange->response;
    size_t length = body->length;
    char *data = buffer_take(body);
    response->body_release = free;
    response->body_owner = data;
    http_reply(exchange, status, "application/json", data, length);
}

void http_reply_json_value(struct exchange *exchange, int status, json_t *value)
{
    struct buffer body = BUFFER_INIT;
    json_write(value, &body);
    json_decref(value);
    http_reply_json(exchange, status, &body);
}

static void append_title(struct buffer *body, const char *code)
{
    char title[64];
    snprintf(title, sizeof(title), "%s", code);
    for (char *c = title; *c; c++) {
        if (*c == '_')
            *c = ' ';
    }
    title[0] = (char)toupper((unsigned char)title[0]);
    buffer_append_json(body, title);
}

void http_problem_fields(struct exchange *exchange, int status, const char *code,
    const char *detail, const struct http_field_error *fields, size_t count)
{
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body, "{\"type\":\"/problems/%s\",\"title\":", code);
    append_title(&body, code);
    buffer_printf(&body, ",\"status\":%d,\"code\":\"%s\",\"detail\":", status, code);
    buffer_append_json(&body, detail);
    buffer_append_text(&body, ",\"errors\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&body, i ? ",{\"field\":" : "{\"field\":");
        buffer_append_json(&body, fields[i].field);
        buffer_append_text(&body, ",\"message\":");
        buffer_append_json(&body, fields[i].message);
        buffer_append_char(&body, '}');
    }
    buffer_printf(&body, "],\"trace_id\":\"%s\"}", exchange->request.trace.trace_id);
    struct http_response *response = &exchange->response;
    size_t length = body.length;
    char *data = buffer_take(&body);
    response->body_release = free;
    response->body_owner = data;
    http_reply(exchange, status, "application/problem+json", data, length);
}

void http_problem(struct exchange *exchange, int status, const char *code, const char *field,
    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(exchange->arena, format, args);
    va_end(args);
    struct http_field_error error = {field, message};
    bool named = field && *field;
    const char *detail = named ? arena_printf(exchange->arena, "%s: %s", field, message) : message;
    http_problem_fields(exchange, status, code, detail, &error, named ? 1 : 0);
}

static int status_of(const struct error *error)
{
    switch (error->code) {
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_CONFLICT:
        return 409;
    case ERROR_INVALID:
        return text_starts_with(error->reason, "malformed_") ? 400 : 422;
    case ERROR_UNAUTHORIZED:
        return text_equal(error->reason, "forbidden") ? 403 : 401;
    case ERROR_UNAVAILABLE:
        return 503;
    case ERROR_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

void http_fail(struct exchange *exchange, const struct error *error)
{
    int status = status_of(error);
    const char *code = error->reason[0] ? error->reason : error_code_name(error->code);
    if (status == 503) {
        http_set_header(exchange, "Retry-After", "1");
        /* An engine's reasons are for the log: the contract has one code for all but this one. */
        if (strcmp(code, "search_rebuilding") != 0) {
            log_write(LOG_WARN, "http", exchange->request.trace.trace_id, "%s %s: %s",
                http_method_name(exchange->request.method), exchange->request.path, error->message);
            code = "unavailable";
        }
    }
    if (status == 500) {
        log_write(LOG_ERROR, "http", exchange->request.trace.trace_id, "%s %s: %s",
            http_method_name(exchange->request.method), exchange->request.path, error->message);
        http_problem(exchange, 500, "internal", NULL,
            "something went wrong on our side; it has been logged");
        return;
    }
    http_problem(
        exchange, status, arena_strdup(exchange->arena, code), error->field, "%s", error->message);
}

bool http_not_modified(struct exchange *exchange, const char *etag)
{
    const char *quoted = arena_printf(exchange->arena, "\"%s\"", etag);
    http_set_header(exchange, "ETag", quoted);
    const char *known = http_header(exchange, "If-None-Match");
    if (!known || (strcmp(known, "*") != 0 && !strstr(known, quoted)))
        return false;
    http_reply_empty(exchange, 304);
    return true;
}

struct http_stream *http_stream_open(struct exchange *exchange)
{
    struct http_stream *stream = exchange->ops->stream(exchange);
    if (!stream)
        http_problem(exchange, 503, "unavailable", NULL, "event streams are not to be had here");
    return stream;
}
