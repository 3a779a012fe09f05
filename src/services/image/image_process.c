#include "image_process.h"

#include "clock.h"
#include "image_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MAX (IMAGE_SIZES * (IMAGE_MAX_OUTPUT + 12) + 8)
#define LOG_MAX 2048
#define CHUNK 65536

struct child {
    pid_t pid;
    int fd;           /* readable once it has ended */
    int in, out, log; /* our ends, -1 when closed */
};

void image_result_release(struct image_result *result)
{
    buffer_release(&result->out);
    buffer_release(&result->log);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(const char *path, int in, int out, int log, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char *const args[] = {"winestore-image", NULL}, *const environment[] = {NULL};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, log, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(pid, path, &files, &attributes, args, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Pipes whose ends are above 2, so that none is overwritten before it is duplicated. */
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (ends[i] > 2)
            continue;
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        if (moved < 0) {
            close_end(&ends[0]);
            close_end(&ends[1]);
            return -1;
        }
        close(ends[i]);
        ends[i] = moved;
    }
    return 0;
}

static int start(const char *path, struct child *child)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, log[2] = {-1, -1};
    int why = 0;
    if (make_pipe(in) != 0 || make_pipe(out) != 0 || make_pipe(log) != 0)
        why = errno;
    else
        why = spawn(path, in[0], out[1], log[1], &child->pid);
    close_end(&in[0]);
    close_end(&out[1]);
    close_end(&log[1]);
    child->fd = why == 0 ? pidfd_open(child->pid, 0) : -1;
    if (why == 0 && child->fd < 0) {
        why = errno;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    if (why != 0) {
        close_end(&in[1]);
        close_end(&out[0]);
        close_end(&log[0]);
        errno = why;
        return -1;
    }
    child->in = in[1];
    child->out = out[0];
    child->log = log[0];
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    fcntl(child->log, F_SETFL, O_NONBLOCK);
    return 0;
}

/* Feeds what the pipe takes; closes it at the end, or when the child reads no more. */
static void feed(struct child *child, const char **data, size_t *left)
{
    ssize_t written = *left ? write(child->in, *data, *left) : 0;
    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (written > 0) {
        *data += written;
        *left -= (size_t)written;
    }
    if (written < 0 || *left == 0)
        close_end(&child->in);
}

/* Takes what is there, at most `max` in all; the rest is read and dropped, so that a chatty child
 * does not hang. */
static void drain(int *fd, struct buffer *buffer, size_t max)
{
    char chunk[CHUNK];
    for (;;) {
        ssize_t got = read(*fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close_end(fd);
            return;
        }
        size_t room = max - buffer->length;
        buffer_append(buffer, chunk, (size_t)got < room ? (size_t)got : room);
    }
}

enum ending { ENDED, LATE, CANCELLED };

static enum ending converse(const struct image_process *process, struct child *child,
    const char *data, size_t length, struct image_result *result)
{
    int64_t deadline = clock_monotonic_ms() + process->deadline_ms;
    for (;;) {
        struct pollfd fds[] = {
            {.fd = child->fd, .events = POLLIN},
            {.fd = process->cancel_fd, .events = POLLIN},
            {.fd = child->in, .events = POLLOUT},
            {.fd = child->out, .events = POLLIN},
            {.fd = child->log, .events = POLLIN},
        };
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return LATE;
        if (poll(fds, sizeof(fds) / sizeof(*fds), (int)left) < 0)
            continue;
        if (fds[1].revents)
            return CANCELLED;
        if (fds[2].revents)
            feed(child, &data, &length);
        if (fds[3].revents)
            drain(&child->out, &result->out, OUT_MAX + 1);
        if (fds[4].revents)
            drain(&child->log, &result->log, LOG_MAX);
        if (fds[0].revents)
            return ENDED;
    }
}

int image_process_run(const struct image_process *process, const void *data, size_t length,
    struct image_result *result, struct error *error)
{
    struct child child;
    if (start(process->path, &child) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "image_worker", NULL, "cannot start %s: %s",
            process->path, strerror(errno));
    *result = (struct image_result){.exit_code = -1};
    enum ending ending = converse(process, &child, data, length, result);
    if (ending != ENDED)
        kill(child.pid, SIGKILL);
    int status = 0;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (child.out >= 0)
        drain(&child.out, &result->out, OUT_MAX + 1);
    if (child.log >= 0)
        drain(&child.log, &result->log, LOG_MAX);
    close_end(&child.in);
    close_end(&child.out);
    close_end(&child.log);
    close_end(&child.fd);
    if (ending == CANCELLED) {
        image_result_release(result);
        return error_set(
            error, ERROR_TIMEOUT, "cancelled", NULL, "the work on a picture was given up");
    }
    result->late = ending == LATE;
    if (ending == ENDED && WIFEXITED(status))
        result->exit_code = WEXITSTATUS(status);
    return 0;
}
