/*
 * Calls between services: HTTP + JSON contracts, whether the service lives in this process (then
 * the call goes straight to its handler, no socket) or elsewhere.
 */
#ifndef HTTP_UPSTREAM_H
#define HTTP_UPSTREAM_H

#include "exchange.h"
#include "router.h"

struct upstream;

/* A service in this process. The router may be set later (services that know each other), before
 * the first call. */
struct upstream *upstream_local(const char *name);
void upstream_set_router(struct upstream *upstream, struct router *router);
void upstream_free(struct upstream *upstream);

/* Hands a whole exchange on (the gateway). */
void upstream_forward(struct upstream *upstream, struct exchange *exchange);

struct upstream_call {
    enum http_method method;
    const char *path; /* with its query; copied */
    const char *body; /* JSON, or NULL; copied */
    size_t body_length;
    const struct identity *identity; /* NULL: nobody */
    const struct trace *trace;       /* NULL: a new one */

    /* Called once, on any thread, perhaps before upstream_call returns. `status` is the answer's,
     * and `body` (NUL-terminated) lives until the callback returns. */
    void (*done)(void *ctx, int status, const char *body, size_t length);
    void *ctx;
};

/* Any thread. The struct itself may be gone after the return. */
void upstream_call(struct upstream *upstream, const struct upstream_call *call);

/* As upstream_call, blocking: for threads of background work and the command line only, never for
 * one that serves. Returns the status; the body is in the arena. */
int upstream_call_wait(struct upstream *upstream, const struct upstream_call *call,
    struct arena *arena, const char **body);

/* Translates a problem answer (status >= 400) into an error with its code, field and detail. */
int upstream_error(int status, const char *body, size_t length, struct error *error);

#endif
