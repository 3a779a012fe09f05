/* Event streams: text waits in a bounded buffer; the content reader suspends the connection when it
 * is empty and the sender resumes it. */
#include "server_internal.h"

#include "clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAITING (64 * 1024)
#define HEARTBEAT_MS 15000

struct http_stream {
    pthread_mutex_t lock;
    struct http_server *server;
    struct MHD_Connection *mhd; /* NULL until queued and after MHD let go */
    int fd;
    struct buffer waiting;
    bool suspended, closed, gone;
    bool owner_done, carrier_done; /* freed when both are */
    int64_t last_ms;
    struct http_stream *next, **link; /* the server's list, under its lock */
};

struct http_stream *stream_new(struct request *request)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        abort();
    struct http_server *server = request->server;
    pthread_mutex_init(&stream->lock, NULL);
    stream->server = server;
    stream->fd = request->connection->fd;
    stream->last_ms = clock_monotonic_ms();
    /* A first comment makes proxies pass the head on, and the browser's `open` event fire. */
    buffer_append_text(&stream->waiting, ":ok\n\n");
    pthread_mutex_lock(&server->lock);
    stream->next = server->streams;
    if (stream->next)
        stream->next->link = &stream->next;
    stream->link = &server->streams;
    server->streams = stream;
    stream->closed = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return stream;
}

static void stream_free(struct http_stream *stream)
{
    buffer_release(&stream->waiting);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* With the lock held; wakes the content reader. */
static void stream_wake(struct http_stream *stream)
{
    if (stream->suspended && stream->mhd) {
        stream->suspended = false;
        MHD_resume_connection(stream->mhd);
    }
}

static ssize_t read_stream(void *ctx, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct http_stream *stream = ctx;
    ssize_t result = 0;
    pthread_mutex_lock(&stream->lock);
    size_t length = stream->waiting.length;
    if (length) {
        size_t part = length < max ? length : max;
        memcpy(out, stream->waiting.data, part);
        memmove(stream->waiting.data, stream->waiting.data + part, length - part);
        stream->waiting.length -= part;
        result = (ssize_t)part;
    } else if (stream->closed || stream->gone) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(stream->mhd);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void release_stream(void *ctx)
{
    struct http_stream *stream = ctx;
    pthread_mutex_lock(&stream->server->lock);
    *stream->link = stream->next;
    if (stream->next)
        stream->next->link = stream->link;
    pthread_mutex_unlock(&stream->server->lock);
    pthread_mutex_lock(&stream->lock);
    stream->mhd = NULL;
    stream->gone = stream->carrier_done = true;
    bool last = stream->owner_done;
    pthread_mutex_unlock(&stream->lock);
    if (last)
        stream_free(stream);
}

enum MHD_Result stream_queue(
    struct http_stream *stream, struct MHD_Connection *mhd, const struct http_response *response)
{
    pthread_mutex_lock(&stream->lock);
    stream->mhd = mhd;
    pthread_mutex_unlock(&stream->lock);
    struct MHD_Response *answer = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 4096, read_stream, stream, release_stream);
    response_headers(answer, response);
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(answer, "X-Accel-Buffering", "no");
    enum MHD_Result result = MHD_queue_response(mhd, 200, answer);
    MHD_destroy_response(answer);
    return result;
}

/* With the lock held. */
static int append(struct http_stream *stream, const char *data, size_t length)
{
    if (stream->gone || stream->closed || stream->waiting.length + length > MAX_WAITING)
        return -1;
    buffer_append(&stream->waiting, data, length);
    stream->last_ms = clock_monotonic_ms();
    stream_wake(stream);
    return 0;
}

int http_stream_send(
    struct http_stream *stream, const char *event, const char *id, const char *data)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    if (id)
        buffer_printf(&text, "id: %s\n", id);
    if (event)
        buffer_printf(&text, "event: %s\n", event);
    while (*data) {
        size_t line = strcspn(data, "\n");
        buffer_append_text(&text, "data: ");
        buffer_append(&text, data, line);
        buffer_append_char(&text, '\n');
        data += line + (data[line] == '\n');
    }
    buffer_append_char(&text, '\n');
    pthread_mutex_lock(&stream->lock);
    int rc = append(stream, text.data, text.length);
    pthread_mutex_unlock(&stream->lock);
    return rc;
}

void http_stream_close(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->closed = stream->owner_done = true;
    stream_wake(stream);
    bool last = stream->carrier_done;
    pthread_mutex_unlock(&stream->lock);
    if (last)
        stream_free(stream);
}

bool http_stream_gone(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool gone = stream->gone;
    pthread_mutex_unlock(&stream->lock);
    return gone;
}

/* With the server's lock held, which keeps the streams of its list alive. */
void streams_sweep(struct http_server *server, int64_t now_ms)
{
    for (struct http_stream *stream = server->streams; stream; stream = stream->next) {
        struct pollfd poller = {.fd = stream->fd, .events = POLLRDHUP};
        bool left = poll(&poller, 1, 0) > 0 && (poller.revents & (POLLRDHUP | POLLHUP | POLLERR));
        pthread_mutex_lock(&stream->lock);
        if (left && !stream->gone) {
            stream->gone = true;
            stream_wake(stream);
        } else if (now_ms - stream->last_ms >= HEARTBEAT_MS) {
            append(stream, ":\n\n", 3);
        }
        pthread_mutex_unlock(&stream->lock);
    }
}

void streams_close_all(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct http_stream *stream = server->streams; stream; stream = stream->next) {
        pthread_mutex_lock(&stream->lock);
        stream->closed = true;
        stream_wake(stream);
        pthread_mutex_unlock(&stream->lock);
    }
    pthread_mutex_unlock(&server->lock);
}
