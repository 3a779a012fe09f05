#include "server.h"

#include "clock.h"
#include "server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_MS 1000
#define BACKLOG 1024
#define CONNECTION_MEMORY (16 * 1024)

static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
    (void)mhd;
    return request_new(ctx, uri);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **state)
{
    (void)ctx;
    (void)url;
    return request_handle(*state, mhd, method, version, data, size);
}

static void on_completed(
    void *ctx, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    struct http_server *server = ctx;
    struct request *request = *state;
    if (!request)
        return;
    *state = NULL;
    if (request->connection)
        request->connection->deadline_ms =
            clock_monotonic_ms() + server->options.request_deadline_ms;
    request_unref(request);
}

static void format_address(const struct sockaddr *address, char *text, socklen_t size)
{
    text[0] = '\0';
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, size);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, size);
}

static void connection_open(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    format_address(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
        connection->address, sizeof(connection->address));
    connection->deadline_ms = clock_monotonic_ms() + server->options.request_deadline_ms;
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    connection->link = &server->connections;
    server->connections = connection;
    server->connection_count++;
    pthread_mutex_unlock(&server->lock);
    *context = connection;
}

static void connection_closed(struct http_server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    server->connection_count--;
    pthread_mutex_unlock(&server->lock);
    free(connection);
}

static void on_connection(
    void *ctx, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_open(server, mhd, context);
    } else if (*context) {
        connection_closed(server, *context);
        *context = NULL;
    }
}

/* We decode ourselves, knowing where the query starts. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *mhd, char *text)
{
    (void)ctx;
    (void)mhd;
    return strlen(text);
}

/* MHD's timeout is for inactivity only; a byte a second would hold a connection for ever. */
static void sweep(void *ctx)
{
    struct http_server *server = ctx;
    int64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&server->lock);
    for (struct connection *one = server->connections; one; one = one->next) {
        int64_t deadline = one->deadline_ms;
        if (deadline && now > deadline)
            shutdown(one->fd, SHUT_RDWR);
    }
    streams_sweep(server, now);
    if (!server->stopping)
        server->sweep = timers_after(server->timers, SWEEP_MS, sweep, server);
    pthread_mutex_unlock(&server->lock);
}

static void on_mhd_log(void *ctx, const char *format, va_list args)
{
    (void)ctx;
    (void)format;
    (void)args;
}

static int parse_address(
    const char *text, uint16_t port, struct sockaddr_storage *address, struct error *error)
{
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return 0;
    }
    return error_set(error, ERROR_INVALID, NULL, "http.address",
        "\"%.60s\" is no numeric address; 127.0.0.1 is this machine, 0.0.0.0 all networks", text);
}

static int read_file(const char *path, char **text, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, ERROR_INVALID, NULL, NULL, "%s: %s", path, strerror(errno));
    struct buffer contents = BUFFER_INIT;
    char chunk[4096];
    size_t got;
    while (contents.length < 256 * 1024 && (got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buffer_append(&contents, chunk, got);
    fclose(file);
    *text = buffer_take(&contents);
    return 0;
}

/* A socket of our own, so that "in use" can be told from other refusals. */
static int bind_listener(
    const struct sockaddr_storage *address, uint16_t port, int *listener, struct error *error)
{
    socklen_t size =
        address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)address, size) == 0) {
        *listener = fd;
        return 0;
    }
    int problem = errno;
    if (fd >= 0)
        close(fd);
    if (problem == EADDRINUSE)
        return error_set(error, ERROR_CONFLICT, NULL, "http.port",
            "port %u is taken by another program; stop it, or choose another with PORT=8081", port);
    if (problem == EACCES)
        return error_set(error, ERROR_CONFLICT, NULL, "http.port",
            "port %u needs privileges (ports below 1024 do); choose another with PORT=8080", port);
    return error_set(
        error, ERROR_CONFLICT, NULL, "http.address", "cannot listen: %s", strerror(problem));
}

int http_listener_open(const char *address, uint16_t port, int *listener, struct error *error)
{
    struct sockaddr_storage parsed;
    int rc = parse_address(address, port, &parsed, error);
    return rc < 0 ? rc : bind_listener(&parsed, port, listener, error);
}

uint16_t http_listener_port(int listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static unsigned daemon_flags(const struct http_server *server)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (server->certificate)
        flags |= MHD_USE_TLS;
    return flags;
}

static int start_daemon(struct http_server *server, struct error *error)
{
    const struct http_server_options *options = &server->options;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(daemon_flags(server), 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, options->listener,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT,
        0, MHD_OPTION_ARRAY, options->threads > 1 ? pool : none, MHD_OPTION_ARRAY,
        server->certificate ? tls : none, MHD_OPTION_END);
    if (!server->daemon)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "the HTTP server does not start%s; lower http.connections if the limit of open files "
            "is low",
            server->certificate ? ": check http.certificate and http.key" : "");
    return 0;
}

int http_server_start(struct http_server **out, const struct http_server_options *options,
    struct timers *timers, struct error *error)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    server->options = *options;
    server->timers = timers;
    pthread_mutex_init(&server->lock, NULL);
    int rc = 0;
    if (options->certificate_file)
        rc = read_file(options->certificate_file, &server->certificate, error);
    if (rc == 0 && options->certificate_file)
        rc = read_file(options->key_file, &server->key, error);
    if (rc == 0 && listen(options->listener, BACKLOG) < 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "cannot listen: %s", strerror(errno));
    if (rc == 0)
        rc = start_daemon(server, error);
    if (rc < 0) {
        http_server_free(server);
        return rc;
    }
    pthread_mutex_lock(&server->lock);
    server->sweep = timers_after(timers, SWEEP_MS, sweep, server);
    pthread_mutex_unlock(&server->lock);
    *out = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return http_listener_port(server->options.listener);
}

void http_server_stats(struct http_server *server, int64_t *connections, int64_t *pending)
{
    pthread_mutex_lock(&server->lock);
    *connections = server->connection_count;
    *pending = server->suspended_count;
    pthread_mutex_unlock(&server->lock);
}

static void wait_for_pending(struct http_server *server, int grace_ms)
{
    int64_t until = clock_monotonic_ms() + grace_ms;
    for (;;) {
        int64_t connections, pending;
        http_server_stats(server, &connections, &pending);
        if (pending == 0 || clock_monotonic_ms() >= until)
            return;
        usleep(5000);
    }
}

void http_server_stop(struct http_server *server, int grace_ms)
{
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
    streams_close_all(server);
    wait_for_pending(server, grace_ms);
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    struct timer *pending = server->sweep;
    server->sweep = NULL;
    if (pending)
        timers_cancel(server->timers, pending);
    pthread_mutex_unlock(&server->lock);
    requests_abort(server);
    streams_close_all(server);
    wait_for_pending(server, 1000);
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    free(server->certificate);
    free(server->key);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
