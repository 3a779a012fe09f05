/*
 * A router: an explicit table of routes and the object their handlers get. Patterns are segments
 * with {names}; a literal segment beats a name, so "/wines/suggest" and "/wines/{id}" live
 * together.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "exchange.h"

struct route {
    enum http_method method;
    const char *pattern; /* "/wines/{id}/similar"; at most HTTP_MAX_PARAMS names */
    void (*handler)(void *ctx, struct exchange *exchange);
};

struct router;

/* `routes` ends with a NULL pattern; it and `ctx` outlive the router. Never NULL; a doubled route
 * is a programmer's error. */
struct router *router_new(const struct route *routes, void *ctx);
void router_free(struct router *router);

/* Calls the handler, or replies 404, or 405 with Allow. Paths under /internal/ are 404 unless the
 * exchange is trusted. */
void router_dispatch(struct router *router, struct exchange *exchange);

/* The route that would answer, or NULL; fills request.params. For callers with tables of their own.
 */
const struct route *router_match(
    struct router *router, struct exchange *exchange, bool *path_known);

#endif
