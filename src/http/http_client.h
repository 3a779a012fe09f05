/*
 * Calls to the outside over HTTP/1.1: one thread runs them all on a curl multi handle, so a handler
 * that needs one goes pending and is completed from there. Connections are kept and used again,
 * certificates are checked, redirects are not followed, the environment's proxies are not used.
 *
 * A call that went out on a kept connection which the server had just closed is sent once more on a
 * new one: the other side must bear a repetition, as every HTTP server has to (RFC 9110, 9.2.2).
 * What a failure means, and how many calls one upstream may have, is the caller's: breaker.h.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "exchange.h"

struct http_client;

struct http_client_options {
    size_t max_in_flight; /* calls at the same time, and connections kept; more are refused */
    const char *ca_file;  /* PEM, instead of the system's; NULL is the system's */
};

/* Starts the thread. */
int http_client_new(
    struct http_client **out, const struct http_client_options *options, struct error *error);

struct http_answer {
    int status;
    const char *content_type; /* "" when there is none */
    const char *body;         /* NUL-terminated */
    size_t length;
};

struct http_client_call {
    enum http_method method;
    const char *url;
    const struct http_pair *headers; /* Host too, if it is not the URL's */
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_length;
    int64_t deadline_ms; /* for all of it, from now to the answer's last byte */
    size_t max_body;     /* of the answer */

    /* Called once, on the client's thread or, for what is refused at once, before http_client_call
     * returns; must be short, and must not stop the client. With rc 0 the answer, whatever its
     * status, until it returns. Else `error` says why there is none:
     *   ERROR_TIMEOUT                        the deadline
     *   ERROR_UNAVAILABLE  unreachable       no such name, no connection
     *                      certificate       TLS: not who they should be
     *                      cut               it broke off, or was no HTTP
     *                      too_many_calls    max_in_flight
     *                      stopping          http_client_stop
     *   ERROR_INVALID      answer_too_large  max_body
     *                      (other)           the call itself: URL or headers */
    void (*done)(void *ctx, int rc, const struct http_answer *answer, const struct error *error);
    void *ctx;
};

/* Any thread. All that is pointed to is copied. */
void http_client_call(struct http_client *client, const struct http_client_call *call);

/* Calls that have not been answered yet. */
size_t http_client_in_flight(struct http_client *client);

/* Ends the calls in flight with `stopping` and the thread; further calls are refused. Once, or
 * again without effect. */
void http_client_stop(struct http_client *client);

/* Stops, if that was not done, and frees. NULL is fine. */
void http_client_free(struct http_client *client);

#endif
