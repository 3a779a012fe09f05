/*
 * The HTTP server: libmicrohttpd with epoll threads, and what it leaves to us: a deadline per
 * request, a cap on bodies, refusal of ambiguous framing (RFC 9112: two lengths, length with
 * transfer coding, no Host), suspending and resuming, event streams, and an orderly stop.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "exchange.h"
#include "timer.h"

struct http_server;

struct http_server_options {
    int listener;     /* of http_listener_open; the server's once it has started */
    unsigned threads; /* epoll threads, 1 to 64 */
    unsigned max_connections;
    int request_deadline_ms;                 /* from the first byte to the end of the body */
    int idle_timeout_s;                      /* a connection without traffic */
    size_t max_body;                         /* bytes, for routes without a limit of their own */
    const char *certificate_file, *key_file; /* both or NULL */

    /* A larger (or smaller) cap for one request, by path, before its body is read; NULL: max_body.
     */
    size_t (*body_limit)(void *ctx, enum http_method method, const char *path);

    /* Answers each request. Called on an epoll thread: must not wait. */
    void (*handler)(void *ctx, struct exchange *exchange);

    /* After each answer: for metrics and the access log. May be NULL. */
    void (*finished)(void *ctx, const struct exchange *exchange, int64_t duration_ns);
    void *ctx;
};

/* Takes the address, early: connections are refused until the server starts. `address` is numeric,
 * port 0 lets the kernel choose. ERROR_CONFLICT when the port is taken or needs privileges,
 * ERROR_INVALID for a bad address. */
int http_listener_open(const char *address, uint16_t port, int *listener, struct error *error);
uint16_t http_listener_port(int listener);

/* ERROR_INVALID for a bad certificate. */
int http_server_start(struct http_server **out, const struct http_server_options *options,
    struct timers *timers, struct error *error);

uint16_t http_server_port(const struct http_server *server);

/* Connections and suspended requests now. */
void http_server_stats(struct http_server *server, int64_t *connections, int64_t *pending);

/* Stops accepting, gives pending requests up to `grace_ms` to be answered, answers the rest with
 * 503, closes the event streams, joins the threads. Handlers that still hold an exchange may reply
 * to it until http_server_free: the reply is dropped. */
void http_server_stop(struct http_server *server, int grace_ms);
void http_server_free(struct http_server *server);

#endif
