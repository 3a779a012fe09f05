#include "control.h"

#include "json.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_LINE 65536
#define MAX_RUNNING 4

struct control {
    int listener;
    char path[4096];
    control_run *run;
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    int running;
    bool stopping;
};

struct session {
    struct control *control;
    int socket, fd;
};

/* sun_path is short; a path through the directory's descriptor always fits. */
static int make_address(const char *data_path, struct sockaddr_un *address, int *directory)
{
    *directory = open(data_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0)
        return -1;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    snprintf(
        address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/control.sock", *directory);
    return 0;
}

static int send_all(int socket, const char *data, size_t length)
{
    while (length) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static void send_line(int socket, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    if (text && send_all(socket, text, strlen(text)) == 0)
        send_all(socket, "\n", 1);
    free(text);
}

/* ---- the store's side ---- */

static void session_emit(void *ctx, const json_t *line)
{
    const struct session *session = ctx;
    send_line(session->socket, line);
}

/* Reads the request line and the descriptor that may come with its first byte. */
static int receive_request(struct session *session, char *line, size_t size)
{
    size_t length = 0;
    while (length + 1 < size && !memchr(line, '\n', length)) {
        struct iovec part = {line + length, size - 1 - length};
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } ancillary;
        struct msghdr message = {.msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = ancillary.bytes,
            .msg_controllen = sizeof(ancillary.bytes)};
        ssize_t got = recvmsg(session->socket, &message, MSG_CMSG_CLOEXEC);
        if (got <= 0)
            return -1;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_type == SCM_RIGHTS && session->fd < 0)
            memcpy(&session->fd, CMSG_DATA(header), sizeof(int));
        length += (size_t)got;
    }
    line[length] = '\0';
    return strchr(line, '\n') ? 0 : -1;
}

static json_t *error_json(const struct error *error)
{
    return json_pack("{s:{s:i, s:s, s:s, s:s}}", "error", "code", error->code, "reason",
        error->reason, "field", error->field, "message", error->message);
}

static void answer(struct session *session)
{
    static const size_t size = MAX_LINE;
    char *line = malloc(size);
    if (!line)
        abort();
    struct error error = {0};
    CLEANUP_JSON json_t *request = NULL;
    CLEANUP_JSON json_t *reply = NULL;
    json_t *result = NULL;
    if (receive_request(session, line, size) == 0 &&
        json_read_object(line, strlen(line), &request, &error) == 0) {
        struct control *control = session->control;
        int rc = control->run(control->ctx, json_text_or(request, "command", ""), request,
            session->fd, session_emit, session, &result, &error);
        reply = rc < 0 ? error_json(&error)
                       : json_pack("{s:o}", "done", result ? result : json_object());
        send_line(session->socket, reply);
    }
    free(line);
}

static void *session_run(void *argument)
{
    struct session *session = argument;
    struct control *control = session->control;
    pthread_setname_np(pthread_self(), "control");
    answer(session);
    close(session->socket);
    if (session->fd >= 0)
        close(session->fd);
    free(session);
    pthread_mutex_lock(&control->lock);
    control->running--;
    pthread_cond_broadcast(&control->idle);
    pthread_mutex_unlock(&control->lock);
    return NULL;
}

static void start_session(struct control *control, int socket)
{
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        abort();
    *session = (struct session){control, socket, -1};
    pthread_mutex_lock(&control->lock);
    while (control->running >= MAX_RUNNING && !control->stopping)
        pthread_cond_wait(&control->idle, &control->lock);
    control->running++;
    pthread_mutex_unlock(&control->lock);
    pthread_t thread;
    if (pthread_create(&thread, NULL, session_run, session) == 0)
        pthread_detach(thread);
    else
        session_run(session);
}

static void *accept_loop(void *argument)
{
    struct control *control = argument;
    pthread_setname_np(pthread_self(), "control");
    for (;;) {
        int socket = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket >= 0) {
            start_session(control, socket);
            continue;
        }
        if (errno != EINTR && errno != ECONNABORTED && errno != EMFILE)
            return NULL;
    }
}

int control_start(
    struct control **out, const char *data_path, control_run *run, void *ctx, struct error *error)
{
    struct control *control = calloc(1, sizeof(*control));
    struct sockaddr_un address;
    int directory;
    if (!control)
        abort();
    control->run = run;
    control->ctx = ctx;
    snprintf(control->path, sizeof(control->path), "%s/control.sock", data_path);
    unlink(control->path);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    int rc = make_address(data_path, &address, &directory);
    if (rc == 0) {
        rc = bind(control->listener, (struct sockaddr *)&address, sizeof(address));
        close(directory);
    }
    umask(mask);
    if (rc < 0 || listen(control->listener, 8) < 0) {
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "cannot open %s: %s", control->path,
            strerror(errno));
        close(control->listener);
        free(control);
        return rc;
    }
    pthread_mutex_init(&control->lock, NULL);
    pthread_cond_init(&control->idle, NULL);
    if (pthread_create(&control->thread, NULL, accept_loop, control) != 0)
        abort();
    *out = control;
    return 0;
}

void control_stop(struct control *control)
{
    if (!control)
        return;
    pthread_mutex_lock(&control->lock);
    control->stopping = true;
    pthread_cond_broadcast(&control->idle);
    pthread_mutex_unlock(&control->lock);
    shutdown(control->listener, SHUT_RDWR);
    pthread_join(control->thread, NULL);
    close(control->listener);
    unlink(control->path);
    pthread_mutex_lock(&control->lock);
    while (control->running)
        pthread_cond_wait(&control->idle, &control->lock);
    pthread_mutex_unlock(&control->lock);
    pthread_cond_destroy(&control->idle);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

/* ---- the client's side ---- */

static int send_request(int socket, const char *line, int fd)
{
    struct iovec part = {(void *)(uintptr_t)line, strlen(line)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {{0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = sizeof(ancillary.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0)
        return -1;
    return send_all(socket, line + sent, strlen(line) - (size_t)sent);
}

/* 1 when `line` was the last. */
static int take_line(const char *text, control_emit *emit, void *emit_ctx, json_t **result, int *rc,
    struct error *error)
{
    CLEANUP_JSON json_t *line = NULL;
    if (json_read_object(text, strlen(text), &line, NULL) < 0)
        return 0;
    json_t *done = json_object_get(line, "done");
    json_t *problem = json_object_get(line, "error");
    if (done) {
        *result = json_incref(done);
        *rc = 0;
        return 1;
    }
    if (problem) {
        int64_t code = json_int_or(problem, "code", ERROR_INTERNAL);
        *rc = error_set(error, (enum error_code)code, json_text_or(problem, "reason", ""),
            json_text_or(problem, "field", ""), "%s", json_text_or(problem, "message", ""));
        return 1;
    }
    emit(emit_ctx, line);
    return 0;
}

static int read_answers(
    int socket, control_emit *emit, void *emit_ctx, json_t **result, struct error *error)
{
    FILE *stream = fdopen(socket, "r");
    char *line = NULL;
    size_t size = 0;
    int last = 0;
    int rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
        "the running store ended before it had answered; look at its log");
    while (!last && getline(&line, &size, stream) > 0)
        last = take_line(line, emit, emit_ctx, result, &rc, error);
    free(line);
    fclose(stream);
    return rc;
}

int control_call(const char *data_path, const char *command, const json_t *options, int fd,
    control_emit *emit, void *emit_ctx, json_t **result, struct error *error)
{
    struct sockaddr_un address;
    int directory;
    if (make_address(data_path, &address, &directory) < 0)
        return error_set(error, ERROR_NOT_FOUND, CONTROL_NO_STORE, "data",
            "there is no data directory %s", data_path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(client, (struct sockaddr *)&address, sizeof(address));
    close(directory);
    if (rc < 0) {
        close(client);
        return error_set(
            error, ERROR_NOT_FOUND, CONTROL_NO_STORE, NULL, "no store runs in %s", data_path);
    }
    CLEANUP_JSON json_t *request = json_deep_copy(options);
    json_object_set_new(request, "command", json_string(command));
    char *text = json_dumps(request, JSON_COMPACT);
    char *line = malloc(strlen(text) + 2);
    if (!line)
        abort();
    sprintf(line, "%s\n", text);
    rc = send_request(client, line, fd);
    free(line);
    free(text);
    if (rc < 0) {
        close(client);
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the running store does not listen");
    }
    return read_answers(client, emit, emit_ctx, result, error);
}
