/* The server over real sockets: replies at once, from another thread, never; event streams; stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "secure.h"
#include "server.h"
#include "text.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct site {
    struct timers *timers;
    struct http_server *server;
    struct exchange *held; /* of /never */
    struct http_stream *stream;
    pthread_mutex_t lock;
};

static void reply_ok(void *ctx)
{
    struct exchange *exchange = ctx;
    http_reply(exchange, 200, "text/plain", "later", 5);
}

static void handle(void *ctx, struct exchange *exchange)
{
    struct site *site = ctx;
    const char *path = exchange->request.path;
    if (text_equal(path, "/later")) {
        timers_after(site->timers, 5, reply_ok, exchange);
    } else if (text_equal(path, "/race")) {
        timers_after(site->timers, 0, reply_ok, exchange);
    } else if (text_equal(path, "/never")) {
        pthread_mutex_lock(&site->lock);
        site->held = exchange;
        pthread_mutex_unlock(&site->lock);
    } else if (text_equal(path, "/events")) {
        struct http_stream *stream = http_stream_open(exchange);
        pthread_mutex_lock(&site->lock);
        site->stream = stream;
        pthread_mutex_unlock(&site->lock);
    } else {
        const char *text = arena_printf(exchange->arena, "%s %zu %s", path,
            exchange->request.body_length, exchange->request.body);
        http_reply(exchange, 200, "text/plain", text, strlen(text));
    }
}

static void open_site(struct site *site)
{
    struct error error = {0};
    memset(site, 0, sizeof(*site));
    pthread_mutex_init(&site->lock, NULL);
    site->timers = timers_new();
    int listener;
    assert_int_equal(http_listener_open("127.0.0.1", 0, &listener, &error), 0);
    const struct http_server_options options = {.listener = listener,
        .threads = 2,
        .max_connections = 500,
        .request_deadline_ms = 1500,
        .idle_timeout_s = 10,
        .max_body = 1000,
        .handler = handle,
        .ctx = site};
    assert_int_equal(http_server_start(&site->server, &options, site->timers, &error), 0);
}

static void close_site(struct site *site)
{
    http_server_stop(site->server, 100);
    timers_free(site->timers);
    http_server_free(site->server);
    pthread_mutex_destroy(&site->lock);
}

static int dial(const struct site *site)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(http_server_port(site->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void request(int fd, const char *head)
{
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), (ssize_t)strlen(head));
}

/* Reads until `mark` has come, or the end. */
static void read_until(int fd, const char *mark, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    while (length + 1 < size && !(mark && strstr(text, mark))) {
        ssize_t got = recv(fd, text + length, size - 1 - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        text[length] = '\0';
    }
}

static void test_replies_at_once_and_from_another_thread(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    open_site(&site);
    int fd = dial(&site);
    request(fd, "POST /now%20here HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    read_until(fd, "/now here 4 body", text, sizeof(text));
    assert_non_null(strstr(text, "200 OK"));
    for (int i = 0; i < 50; i++) {
        request(fd, i % 2 ? "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                          : "GET /race HTTP/1.1\r\nHost: x\r\n\r\n");
        read_until(fd, "later", text, sizeof(text));
        assert_non_null(strstr(text, "200 OK"));
    }
    close(fd);
    close_site(&site);
}

static void test_many_wait_at_once(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    int fds[100];
    open_site(&site);
    for (int i = 0; i < 100; i++)
        fds[i] = dial(&site);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++)
            request(fds[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 100; i++) {
            read_until(fds[i], "later", text, sizeof(text));
            assert_non_null(strstr(text, "200 OK"));
        }
    }
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    close_site(&site);
}

static void test_a_large_body_is_drained_and_refused(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    open_site(&site);
    int fd = dial(&site);
    request(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        char chunk[300];
        snprintf(chunk, sizeof(chunk), "100\r\n%0256d\r\n", i);
        request(fd, chunk);
    }
    request(fd, "0\r\n\r\n");
    read_until(fd, NULL, text, sizeof(text));
    assert_non_null(strstr(text, " 413 "));
    assert_non_null(strstr(text, "\"too_large\""));
    close(fd);
    close_site(&site);
}

static void test_stop_answers_what_is_pending(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    open_site(&site);
    int fd = dial(&site);
    request(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    struct exchange *held = NULL;
    for (int i = 0; i < 500 && !held; i++) {
        usleep(2000);
        pthread_mutex_lock(&site.lock);
        held = site.held;
        pthread_mutex_unlock(&site.lock);
    }
    assert_non_null(held);
    http_server_stop(site.server, 50);
    read_until(fd, NULL, text, sizeof(text));
    assert_non_null(strstr(text, " 503 "));
    /* The late reply goes nowhere, and harms nothing. */
    http_reply(held, 200, "text/plain", "late", 4);
    close(fd);
    timers_free(site.timers);
    http_server_free(site.server);
    pthread_mutex_destroy(&site.lock);
}

static struct http_stream *wait_for_stream(struct site *site)
{
    struct http_stream *stream = NULL;
    for (int i = 0; i < 500 && !stream; i++) {
        usleep(2000);
        pthread_mutex_lock(&site->lock);
        stream = site->stream;
        pthread_mutex_unlock(&site->lock);
    }
    return stream;
}

static void test_event_streams(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    open_site(&site);
    int fd = dial(&site);
    request(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = wait_for_stream(&site);
    assert_non_null(stream);
    read_until(fd, ":ok", text, sizeof(text));
    assert_non_null(strstr(text, "text/event-stream"));
    assert_int_equal(http_stream_send(stream, "status", "7", "{\"a\":1}\n{\"b\":2}"), 0);
    read_until(fd, "b\":2}\n\n", text, sizeof(text));
    assert_non_null(strstr(text, "id: 7\nevent: status\ndata: {\"a\":1}\ndata: {\"b\":2}\n\n"));
    http_stream_close(stream);
    read_until(fd, "0\r\n\r\n", text, sizeof(text));
    close(fd);
    close_site(&site);
}

static void test_a_stream_whose_client_left_says_so(void **state)
{
    (void)state;
    struct site site;
    open_site(&site);
    int fd = dial(&site);
    request(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = wait_for_stream(&site);
    assert_non_null(stream);
    close(fd);
    for (int i = 0; i < 100 && !http_stream_gone(stream); i++)
        usleep(50000);
    assert_true(http_stream_gone(stream));
    assert_int_equal(http_stream_send(stream, NULL, NULL, "x"), -1);
    http_stream_close(stream);
    close_site(&site);
}

static void test_streams_end_with_the_server(void **state)
{
    (void)state;
    struct site site;
    char text[4096];
    open_site(&site);
    int fd = dial(&site);
    request(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = wait_for_stream(&site);
    assert_non_null(stream);
    http_server_stop(site.server, 1000);
    read_until(fd, NULL, text, sizeof(text));
    http_stream_close(stream);
    close(fd);
    timers_free(site.timers);
    http_server_free(site.server);
    pthread_mutex_destroy(&site.lock);
}

static void test_a_taken_port_is_named(void **state)
{
    (void)state;
    struct site site;
    struct error error = {0};
    int second;
    open_site(&site);
    assert_int_equal(
        http_listener_open("127.0.0.1", http_server_port(site.server), &second, &error),
        ERROR_CONFLICT);
    assert_non_null(strstr(error.message, "is taken"));
    assert_int_equal(http_listener_open("localhost", 0, &second, &error), ERROR_INVALID);
    close_site(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_at_once_and_from_another_thread),
        cmocka_unit_test(test_many_wait_at_once),
        cmocka_unit_test(test_a_large_body_is_drained_and_refused),
        cmocka_unit_test(test_stop_answers_what_is_pending),
        cmocka_unit_test(test_event_streams),
        cmocka_unit_test(test_a_stream_whose_client_left_says_so),
        cmocka_unit_test(test_streams_end_with_the_server),
        cmocka_unit_test(test_a_taken_port_is_named),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
