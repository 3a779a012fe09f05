/*
 * One HTTP request and its answer, whoever carries it: a socket (server.h) or a call between
 * services (upstream.h). Handlers see nothing else.
 *
 * A handler returns having replied, or having arranged that somebody will: exactly one reply per
 * exchange, on any thread (rule: a handler returns or goes pending; nothing waits in a thread).
 * After the reply the exchange belongs to its carrier: do not touch it again.
 *
 * `exchange->arena` lives as long as the exchange; request texts and the reply's body live there
 * unless said otherwise. Before the reply the exchange has one owner at a time.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "arena.h"
#include "error.h"
#include "id.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method {
    HTTP_GET,
    HTTP_HEAD, /* handlers see GET; the carrier drops the body */
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER,
};

enum role { ROLE_NONE, ROLE_GUEST, ROLE_CUSTOMER, ROLE_ADMIN };

/* Who asks, as the gateway found out. Services trust it: only the gateway and other services reach
 * them. Empty strings where nobody is. */
struct identity {
    enum role role;
    char user[ID_SIZE];  /* signed-in customer or admin */
    char guest[ID_SIZE]; /* the browser's guest id; also set for a signed-in user who had one */
    bool email_verified;
};

/* W3C Trace Context: lower-case hex and a NUL. */
struct trace {
    char trace_id[33];
    char span_id[17];
};

#define HTTP_MAX_PARAMS 4
#define HTTP_MAX_HEADERS 16
#define HTTP_MAX_QUERY 64

struct http_pair {
    const char *name, *value;
};

struct http_request {
    enum http_method method;
    const char *path;                       /* decoded, starts with '/'; the query is cut off */
    const char *params[HTTP_MAX_PARAMS];    /* what the route's {names} matched, in order */
    struct http_pair query[HTTP_MAX_QUERY]; /* decoded, in order; repeated names stay repeated */
    size_t query_count;
    const char *body; /* NUL-terminated; "" when there is none */
    size_t body_length;
    const char *content_type;   /* "" when there is none */
    const char *client_address; /* numeric; "" for calls between services */
    struct identity identity;
    struct trace trace;
};

struct http_response {
    int status;
    struct http_pair headers[HTTP_MAX_HEADERS];
    size_t header_count;
    const char *content_type;
    const char *body; /* lives in the arena, or is static, or `body_owner` frees it */
    size_t body_length;
    void (*body_release)(void *body_owner); /* NULL: nothing to free */
    void *body_owner;
};

struct exchange;
struct http_stream;

/* What carries an exchange. */
struct carrier_ops {
    /* The response is complete. */
    void (*replied)(struct exchange *exchange);
    /* A request header by name (case-insensitive), or NULL. Before the reply only. */
    const char *(*header)(struct exchange *exchange, const char *name);
    /* Turns the exchange into an event stream (text/event-stream); NULL when the carrier cannot. */
    struct http_stream *(*stream)(struct exchange *exchange);
};

struct exchange {
    const struct carrier_ops *ops;
    struct arena *arena;
    struct http_request request;
    struct http_response response;
    bool trusted; /* comes from a service, not from outside: /internal/ is allowed */
    void *carrier;
    void *scratch; /* the handler's, between its steps */
};

/* ---- reading the request ---- */

static inline const char *http_header(struct exchange *exchange, const char *name)
{
    return exchange->ops->header(exchange, name);
}

/* First query parameter of that name, or NULL. */
const char *http_query(const struct exchange *exchange, const char *name);

/* All values of a repeated parameter, at most `max`; returns how many there are. */
size_t http_query_all(
    const struct exchange *exchange, const char *name, const char **values, size_t max);

/* Optional integer and boolean ("true"/"false") parameters: absent leaves `*value` alone.
 * ERROR_INVALID names the parameter; the reason is "malformed_parameter" (400) when it cannot be
 * read, and none (422) when it is out of bounds. */
int http_query_int(const struct exchange *exchange, const char *name, int64_t low, int64_t high,
    int64_t *value, struct error *error);
int http_query_bool(
    const struct exchange *exchange, const char *name, bool *value, struct error *error);

/* The body as a JSON object, freed with json_decref. On failure replies 400 (415 for another
 * content type) itself and returns a negative code: the handler just returns. */
int http_json_body(struct exchange *exchange, json_t **body);

/* Splits and decodes a raw query string into the request. ERROR_INVALID for broken escapes, invalid
 * UTF-8 or more than HTTP_MAX_QUERY parameters. */
int http_parse_query(
    struct http_request *request, struct arena *arena, const char *raw, struct error *error);

/* "GET"; and back (HTTP_OTHER if unknown). */
const char *http_method_name(enum http_method method);
enum http_method http_method_parse(const char *name);

/* ---- replying (each ends the exchange, but for http_set_header) ---- */

/* Adds a response header; both texts must live as long as the arena (or be static). */
void http_set_header(struct exchange *exchange, const char *name, const char *value);

/* No body. */
void http_reply_empty(struct exchange *exchange, int status);

/* `body` lives in the arena or is static. */
void http_reply(struct exchange *exchange, int status, const char *content_type, const char *body,
    size_t length);

/* Takes the buffer's memory over; application/json. */
struct buffer;
void http_reply_json(struct exchange *exchange, int status, struct buffer *body);

/* Serialises `value` and drops the caller's reference. */
void http_reply_json_value(struct exchange *exchange, int status, json_t *value);

/* RFC 9457 application/problem+json. `code` is snake_case and becomes type, code and (in words)
 * title; `field` may be NULL. */
void http_problem(struct exchange *exchange, int status, const char *code, const char *field,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A problem with several fields. */
struct http_field_error {
    const char *field, *message;
};
void http_problem_fields(struct exchange *exchange, int status, const char *code,
    const char *detail, const struct http_field_error *fields, size_t count);

/* The problem that fits an error: NOT_FOUND 404, CONFLICT 409, INVALID 422 (400 for reason
 * "malformed_..."), UNAUTHORIZED 401 (403 for reason "forbidden"), UNAVAILABLE 503 with
 * Retry-After, TIMEOUT 504, INTERNAL 500 (its message goes to the log, not to the client). */
void http_fail(struct exchange *exchange, const struct error *error);

/* ETag handling: sets the header (a strong tag; quotes are added) and, when If-None-Match holds it,
 * replies 304 and returns true. */
bool http_not_modified(struct exchange *exchange, const char *etag);

/* ---- event streams (Server-Sent Events, HTML Living Standard 9.2) ---- */

/* Begins the stream with status 200; the exchange's reply has then been made. NULL (and a 503
 * reply) if the carrier cannot stream. The stream is the caller's until http_stream_close. */
struct http_stream *http_stream_open(struct exchange *exchange);

/* Queues one event; `event` and `id` may be NULL. Any thread. Returns -1 once the client is gone or
 * reads too slowly (64 KiB waiting): close it then. Heartbeats are the carrier's. */
int http_stream_send(
    struct http_stream *stream, const char *event, const char *id, const char *data);

/* Ends the stream; the handle is dead afterwards. Once per stream, any thread. */
void http_stream_close(struct http_stream *stream);

/* Whether the client has left (checked each second). */
bool http_stream_gone(struct http_stream *stream);

#endif
