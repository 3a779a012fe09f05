#include "server_internal.h"

#include "clock.h"
#include "secure.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A body over its limit is read and dropped up to here, so that the sender sees the 413 and not a
 * broken pipe. */
#define DRAIN_LIMIT (32u * 1024 * 1024)

static void request_replied(struct exchange *exchange);

static const char *request_header(struct exchange *exchange, const char *name)
{
    struct request *request = (struct request *)exchange;
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

static struct http_stream *request_stream(struct exchange *exchange)
{
    struct request *request = (struct request *)exchange;
    request->stream = stream_new(request);
    struct http_stream *stream = request->stream;
    exchange->response.status = 200;
    request_replied(exchange);
    return stream;
}

static const struct carrier_ops request_ops = {
    .replied = request_replied,
    .header = request_header,
    .stream = request_stream,
};

struct request *request_new(struct http_server *server, const char *raw_uri)
{
    struct arena *arena = arena_new();
    struct request *request = arena_new_struct(arena, struct request);
    request->exchange.arena = arena;
    request->exchange.ops = &request_ops;
    request->server = server;
    request->raw_uri = arena_strdup(arena, raw_uri);
    request->began_ns = clock_monotonic_ns();
    atomic_init(&request->state, REQUEST_READING);
    atomic_init(&request->references, 1);
    return request;
}

void request_unref(struct request *request)
{
    if (atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
        return;
    struct http_response *response = &request->exchange.response;
    if (response->body_release)
        response->body_release(response->body_owner);
    buffer_release(&request->body);
    arena_free(request->exchange.arena);
}

/* ---- the list of suspended requests ---- */

static void link_suspended(struct request *request)
{
    struct http_server *server = request->server;
    pthread_mutex_lock(&server->lock);
    request->next = server->suspended;
    if (request->next)
        request->next->link = &request->next;
    request->link = &server->suspended;
    server->suspended = request;
    server->suspended_count++;
    pthread_mutex_unlock(&server->lock);
}

static void unlink_suspended(struct request *request)
{
    struct http_server *server = request->server;
    pthread_mutex_lock(&server->lock);
    if (request->link) {
        *request->link = request->next;
        if (request->next)
            request->next->link = request->link;
        request->link = NULL;
        server->suspended_count--;
    }
    pthread_mutex_unlock(&server->lock);
}

void requests_abort(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct request *request = server->suspended; request; request = request->next) {
        int expected = REQUEST_SUSPENDED;
        if (atomic_compare_exchange_strong(&request->state, &expected, REQUEST_ABORTED))
            MHD_resume_connection(request->mhd);
    }
    pthread_mutex_unlock(&server->lock);
}

static void request_replied(struct exchange *exchange)
{
    struct request *request = (struct request *)exchange;
    int state = atomic_load(&request->state);
    for (;;) {
        if (state == REQUEST_ABORTED || state == REQUEST_QUEUED)
            break;
        if (atomic_compare_exchange_weak(&request->state, &state, REQUEST_REPLIED)) {
            if (state == REQUEST_SUSPENDED)
                MHD_resume_connection(request->mhd);
            break;
        }
    }
    request_unref(request);
}

/* ---- answering ---- */

void response_headers(struct MHD_Response *mhd, const struct http_response *response)
{
    if (response->content_type)
        MHD_add_response_header(mhd, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(mhd, response->headers[i].name, response->headers[i].value);
}

static enum MHD_Result queue_answer(struct request *request)
{
    const struct http_response *response = &request->exchange.response;
    enum MHD_Result result;
    if (request->stream) {
        result = stream_queue(request->stream, request->mhd, response);
    } else {
        struct MHD_Response *mhd = MHD_create_response_from_buffer(
            response->body_length, (void *)(uintptr_t)response->body, MHD_RESPMEM_PERSISTENT);
        response_headers(mhd, response);
        if (request->close)
            MHD_add_response_header(mhd, MHD_HTTP_HEADER_CONNECTION, "close");
        result = MHD_queue_response(request->mhd, (unsigned)response->status, mhd);
        MHD_destroy_response(mhd);
    }
    atomic_store(&request->state, REQUEST_QUEUED);
    struct http_server *server = request->server;
    if (server->options.finished)
        server->options.finished(
            server->options.ctx, &request->exchange, clock_monotonic_ns() - request->began_ns);
    return result;
}

static enum MHD_Result queue_aborted(struct request *request)
{
    static const char body[] = "{\"type\":\"/problems/unavailable\",\"title\":\"Unavailable\","
                               "\"status\":503,\"code\":\"unavailable\",\"detail\":"
                               "\"the store is stopping\",\"errors\":[],\"trace_id\":\"\"}";
    struct MHD_Response *mhd = MHD_create_response_from_buffer(
        sizeof(body) - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(mhd, MHD_HTTP_HEADER_CONTENT_TYPE, "application/problem+json");
    MHD_add_response_header(mhd, "Retry-After", "5");
    MHD_add_response_header(mhd, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(request->mhd, 503, mhd);
    MHD_destroy_response(mhd);
    return result;
}

/* Replies on the epoll thread, before any handler ran. The state is READING, so that the answer is
 * queued by our caller. */
static enum MHD_Result refuse(
    struct request *request, int status, const char *code, const char *field, const char *message)
{
    request->close = true;
    atomic_store(&request->state, REQUEST_RUNNING);
    atomic_fetch_add(&request->references, 1);
    http_problem(&request->exchange, status, code, field, "%s", message);
    return queue_answer(request);
}

/* ---- the head of the request ---- */

struct framing {
    int lengths, codings, hosts;
    bool chunked, bad_length;
};

static enum MHD_Result count_header(
    void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct framing *framing = ctx;
    switch (tolower((unsigned char)name[0])) {
    case 'c':
        if (strcasecmp(name, "content-length") == 0) {
            framing->lengths++;
            framing->bad_length |= !value || !*value || value[strspn(value, "0123456789")] != '\0';
        }
        break;
    case 't':
        if (strcasecmp(name, "transfer-encoding") == 0) {
            framing->codings++;
            framing->chunked = value && strcasecmp(value, "chunked") == 0;
        }
        break;
    case 'h':
        framing->hosts += strcasecmp(name, "host") == 0;
        break;
    }
    return MHD_YES;
}

static const char *framing_problem(
    const struct framing *framing, const char *version, const char **field)
{
    *field = "Content-Length";
    if (framing->lengths > 1)
        return "is sent more than once";
    if (framing->lengths && framing->codings)
        return "stands beside Transfer-Encoding";
    if (framing->bad_length)
        return "is no number";
    *field = "Transfer-Encoding";
    if (framing->codings > 1 || (framing->codings && !framing->chunked))
        return "only one coding, chunked, is understood";
    *field = "Host";
    if (framing->hosts > 1 || (framing->hosts == 0 && strcmp(version, "HTTP/1.1") == 0))
        return "must be sent once";
    return NULL;
}

static bool is_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return true;
}

/* xorshift64*: ids of traces need to differ, not to be secret. */
static uint64_t next_random(void)
{
    static _Thread_local uint64_t state;
    if (!state) {
        secure_random(&state, sizeof(state));
        state |= 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
}

static void hex64(uint64_t value, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, value >>= 4)
        text[i] = digits[value & 15];
}

/* Continues the caller's trace (W3C Trace Context, version 00) or begins one. */
static void begin_trace(struct request *request)
{
    struct trace *trace = &request->exchange.request.trace;
    const char *parent = request_header(&request->exchange, "traceparent");
    if (parent && strlen(parent) == 55 && memcmp(parent, "00-", 3) == 0 && parent[35] == '-' &&
        is_hex(parent + 3, 32) && strncmp(parent + 3, "00000000000000000000000000000000", 32)) {
        memcpy(trace->trace_id, parent + 3, 32);
    } else {
        hex64(next_random(), trace->trace_id);
        hex64(next_random(), trace->trace_id + 16);
    }
    hex64(next_random(), trace->span_id);
}

static int parse_target(struct request *request, struct error *error)
{
    struct http_request *target = &request->exchange.request;
    const char *uri = request->raw_uri;
    const char *query = strchrnul(uri, '?');
    target->path = uri[0] == '/'
                       ? url_decode(request->exchange.arena, uri, (size_t)(query - uri), false)
                       : NULL;
    if (!target->path) {
        target->path = "/";
        return error_set(error, ERROR_INVALID, "bad_request", "path",
            "the path is not percent-encoded UTF-8 text");
    }
    return *query ? http_parse_query(target, request->exchange.arena, query + 1, error) : 0;
}

static enum MHD_Result begin(
    struct request *request, struct MHD_Connection *mhd, const char *method, const char *version)
{
    struct http_server *server = request->server;
    struct http_request *target = &request->exchange.request;
    request->started = true;
    request->mhd = mhd;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->connection = info->socket_context;
    target->client_address = request->connection->address;
    target->body = target->content_type = "";
    enum http_method parsed = http_method_parse(method);
    target->method = parsed == HTTP_HEAD ? HTTP_GET : parsed;
    begin_trace(request);

    struct framing framing = {0};
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, count_header, &framing);
    const char *field, *problem = framing_problem(&framing, version, &field);
    struct error error = {0};
    int rc = parse_target(request, &error);
    if (problem)
        return refuse(request, 400, "malformed_header", field, problem);
    if (rc < 0)
        return refuse(request, 400, error.reason, error.field, error.message);
    const char *type = request_header(&request->exchange, "Content-Type");
    target->content_type = type ? type : "";
    request->body_limit =
        server->options.body_limit
            ? server->options.body_limit(server->options.ctx, target->method, target->path)
            : server->options.max_body;
    if (!framing.lengths)
        return MHD_YES;
    const char *length = request_header(&request->exchange, "Content-Length");
    uint64_t bytes = strlen(length) > 18 ? UINT64_MAX : strtoull(length, NULL, 10);
    request->too_large = bytes > request->body_limit;
    bool waits = request_header(&request->exchange, "Expect") != NULL;
    if (request->too_large && (waits || bytes > DRAIN_LIMIT))
        return refuse(
            request, 413, "too_large", "body", "the body is larger than this resource takes");
    return MHD_YES;
}

/* ---- the body and the handler ---- */

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size)
{
    if (request->too_large || request->body.length + *size > request->body_limit) {
        request->too_large = true;
        request->drained += *size;
        if (request->drained > DRAIN_LIMIT)
            return MHD_NO;
    } else {
        buffer_append(&request->body, data, *size);
    }
    *size = 0;
    return MHD_YES;
}

static bool server_is_stopping(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return stopping;
}

static enum MHD_Result run_handler(struct request *request)
{
    struct http_server *server = request->server;
    request->connection->deadline_ms = 0;
    if (request->too_large)
        return refuse(
            request, 413, "too_large", "body", "the body is larger than this resource takes");
    if (request->body.data) {
        request->exchange.request.body = request->body.data;
        request->exchange.request.body_length = request->body.length;
    }
    atomic_store(&request->state, REQUEST_RUNNING);
    atomic_fetch_add(&request->references, 1);
    server->options.handler(server->options.ctx, &request->exchange);
    if (atomic_load(&request->state) == REQUEST_REPLIED)
        return queue_answer(request);

    /* Suspend first, publish second: whoever answers from now on resumes. */
    link_suspended(request);
    MHD_suspend_connection(request->mhd);
    int expected = REQUEST_RUNNING;
    int next = server_is_stopping(server) ? REQUEST_ABORTED : REQUEST_SUSPENDED;
    bool published = atomic_compare_exchange_strong(&request->state, &expected, next);
    if (!published || next == REQUEST_ABORTED)
        MHD_resume_connection(request->mhd);
    return MHD_YES;
}

enum MHD_Result request_handle(struct request *request, struct MHD_Connection *mhd,
    const char *method, const char *version, const char *data, size_t *size)
{
    if (!request->started)
        return begin(request, mhd, method, version);
    switch (atomic_load(&request->state)) {
    case REQUEST_READING:
        return *size ? take_body(request, data, size) : run_handler(request);
    case REQUEST_REPLIED:
        unlink_suspended(request);
        return queue_answer(request);
    case REQUEST_ABORTED:
        unlink_suspended(request);
        return queue_aborted(request);
    default:
        *size = 0;
        return MHD_YES;
    }
}
