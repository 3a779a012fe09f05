/*
 * What the files of the server share. Life of a request: MHD holds one reference until its
 * completion, the handler one from dispatch to reply. `state` decides who queues the answer:
 *
 *   RUNNING   -> REPLIED    the handler answered before the epoll thread suspended the connection
 *   RUNNING   -> SUSPENDED  the epoll thread suspended it (first) and published that (second)
 *   SUSPENDED -> REPLIED    the answer came from another thread, which then resumes, once
 *   SUSPENDED -> ABORTED    the server stops: it resumes, and answers 503 without the exchange
 */
#ifndef HTTP_SERVER_INTERNAL_H
#define HTTP_SERVER_INTERNAL_H

#include "buffer.h"
#include "server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum request_state {
    REQUEST_READING,
    REQUEST_RUNNING,
    REQUEST_SUSPENDED,
    REQUEST_REPLIED,
    REQUEST_ABORTED,
    REQUEST_QUEUED
};

struct connection {
    struct connection *next, **link; /* the server's list */
    int fd;
    _Atomic int64_t deadline_ms; /* monotonic; 0 while a request is being answered */
    char address[48];
};

struct http_request_state; /* forward */

struct request {
    struct exchange exchange; /* first: the exchange's address is the request's */
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct connection *connection;
    const char *raw_uri;
    struct buffer body;
    size_t body_limit;
    size_t drained;
    bool started, too_large, close;
    int64_t began_ns;
    atomic_int state;
    atomic_int references;
    struct http_stream *stream;   /* when the reply is an event stream */
    struct request *next, **link; /* the server's list of suspended requests */
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    struct timers *timers;
    struct timer *sweep;
    char *certificate, *key;
    pthread_mutex_t lock; /* guards all below */
    bool stopping;
    struct connection *connections;
    int64_t connection_count;
    struct request *suspended;
    int64_t suspended_count;
    struct http_stream *streams;
};

struct request *request_new(struct http_server *server, const char *raw_uri);
void request_unref(struct request *request);

/* MHD's access handler. */
enum MHD_Result request_handle(struct request *request, struct MHD_Connection *mhd,
    const char *method, const char *version, const char *data, size_t *size);

/* Ends all suspended requests with 503 (at stop). */
void requests_abort(struct http_server *server);

/* Streams: see server_stream.c. */
struct http_stream *stream_new(struct request *request);
enum MHD_Result stream_queue(
    struct http_stream *stream, struct MHD_Connection *mhd, const struct http_response *response);
void streams_sweep(struct http_server *server, int64_t now_ms);
void streams_close_all(struct http_server *server);

/* Adds content type and headers of the exchange's response. */
void response_headers(struct MHD_Response *mhd, const struct http_response *response);

#endif
