/*
 * The gateway: the one door. It finds out who asks (session cookie or bearer token, guest cookie),
 * limits, refuses what other sites' pages send, hands the request to the service that owns the
 * path, and dresses the answer (cookies, security headers). It also serves the pages, the pictures,
 * the contract, health and metrics. It keeps no state but caches.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "blob.h"
#include "exchange.h"
#include "keyring.h"
#include "metrics.h"
#include "queue.h"
#include "timer.h"
#include "upstream.h"

struct gateway;

struct gateway_options {
    struct upstream *product, *user, *order, *recommendation, *notification;
    struct blob *blob;       /* what /media/ shows */
    struct keyring *keyring; /* signs guest cookies */
    struct metrics *metrics;
    struct queue **queues;  /* NULL-terminated: /admin/queues */
    const char *public_url; /* "https://shop.example", without a slash at the end */
    const char *shop_name;
    const char *web_root;        /* the built web bundle */
    const char *openapi;         /* the contract as JSON text */
    const char *trusted_proxies; /* addresses separated by commas whose X-Forwarded-For counts */
    const char *metrics_token;   /* "": /metrics answers loopback alone */
    bool rate_limits;
    bool log_requests;
};

/* Reads the web bundle. ERROR_NOT_FOUND naming the remedy when it is not built. The options'
 * objects outlive the gateway; texts are copied. */
int gateway_new(struct gateway **out, const struct gateway_options *options, struct error *error);
void gateway_free(struct gateway *gateway);

/* http_server_options: handler, body_limit, finished; `ctx` is the gateway. */
void gateway_handle(void *gateway, struct exchange *exchange);
size_t gateway_body_limit(void *gateway, enum http_method method, const char *path);
void gateway_finished(void *gateway, const struct exchange *exchange, int64_t duration_ns);

#endif
