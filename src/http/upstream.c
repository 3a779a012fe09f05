#include "upstream.h"

#include "buffer.h"
#include "text.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct upstream {
    const char *name;
    struct router *router;
};

struct upstream *upstream_local(const char *name)
{
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (!upstream)
        abort();
    upstream->name = name;
    return upstream;
}

void upstream_set_router(struct upstream *upstream, struct router *router)
{
    upstream->router = router;
}

void upstream_free(struct upstream *upstream)
{
    free(upstream);
}

void upstream_forward(struct upstream *upstream, struct exchange *exchange)
{
    assert(upstream->router);
    router_dispatch(upstream->router, exchange);
}

struct local_call {
    struct exchange exchange; /* first: the exchange's address is the call's */
    void (*done)(void *ctx, int status, const char *body, size_t length);
    void *ctx;
};

static void local_replied(struct exchange *exchange)
{
    struct local_call *call = (struct local_call *)exchange;
    struct http_response *response = &exchange->response;
    call->done(
        call->ctx, response->status, response->body ? response->body : "", response->body_length);
    if (response->body_release)
        response->body_release(response->body_owner);
    arena_free(exchange->arena);
}

static const char *local_header(struct exchange *exchange, const char *name)
{
    (void)exchange;
    (void)name;
    return NULL;
}

static struct http_stream *local_stream(struct exchange *exchange)
{
    (void)exchange;
    return NULL;
}

static const struct carrier_ops local_ops = {
    .replied = local_replied,
    .header = local_header,
    .stream = local_stream,
};

void upstream_call(struct upstream *upstream, const struct upstream_call *request)
{
    assert(upstream->router);
    struct arena *arena = arena_new();
    struct local_call *call = arena_new_struct(arena, struct local_call);
    struct exchange *exchange = &call->exchange;
    call->done = request->done;
    call->ctx = request->ctx;
    exchange->ops = &local_ops;
    exchange->arena = arena;
    exchange->trusted = true;
    exchange->request.method = request->method;
    const char *query = strchrnul(request->path, '?');
    exchange->request.path = arena_strndup(arena, request->path, (size_t)(query - request->path));
    exchange->request.body =
        request->body ? arena_strndup(arena, request->body, request->body_length) : "";
    exchange->request.body_length = request->body ? request->body_length : 0;
    exchange->request.content_type = request->body ? "application/json" : "";
    exchange->request.client_address = "";
    if (request->identity)
        exchange->request.identity = *request->identity;
    if (request->trace)
        exchange->request.trace = *request->trace;
    struct error error = {0};
    if (*query && http_parse_query(&exchange->request, arena, query + 1, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    router_dispatch(upstream->router, exchange);
}

struct call_waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    struct arena *arena;
    const char *body;
    int status;
};

static void wait_done(void *ctx, int status, const char *body, size_t length)
{
    struct call_waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    waiter->body = arena_strndup(waiter->arena, body, length);
    waiter->status = status;
    pthread_cond_signal(&waiter->finished);
    pthread_mutex_unlock(&waiter->lock);
}

int upstream_call_wait(struct upstream *upstream, const struct upstream_call *request,
    struct arena *arena, const char **body)
{
    struct call_waiter waiter = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER, .arena = arena};
    struct upstream_call call = *request;
    call.done = wait_done;
    call.ctx = &waiter;
    upstream_call(upstream, &call);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.status)
        pthread_cond_wait(&waiter.finished, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (body)
        *body = waiter.body;
    return waiter.status;
}

static enum error_code code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERROR_UNAUTHORIZED;
    case 404:
    case 410:
        return ERROR_NOT_FOUND;
    case 409:
    case 412:
        return ERROR_CONFLICT;
    case 429:
    case 502:
    case 503:
        return ERROR_UNAVAILABLE;
    case 504:
        return ERROR_TIMEOUT;
    default:
        return status < 500 ? ERROR_INVALID : ERROR_INTERNAL;
    }
}

int upstream_error(int status, const char *body, size_t length, struct error *error)
{
    CLEANUP_JSON json_t *problem = NULL;
    enum error_code code = code_of(status);
    if (json_read_object(body, length, &problem, NULL) < 0)
        return error_set(error, code, NULL, NULL, "a service answered %d", status);
    json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
    return error_set(error, code, json_text_or(problem, "code", ""),
        json_text_or(first, "field", ""), "%s",
        json_text_or(first, "message", json_text_or(problem, "detail", "")));
}
