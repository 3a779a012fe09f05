#include "rogue.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 512

struct visitor {
    struct rogue *rogue;
    pthread_t thread;
    int fd;
};

struct rogue {
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_bool stopping;
    atomic_int connections, requests;
    struct visitor visitors[MAX_CONNECTIONS];
};

static bool say(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* False once the other side is gone. */
static bool read_head(int fd, char *head, size_t size)
{
    size_t length = 0;
    head[0] = '\0';
    while (!strstr(head, "\r\n\r\n")) {
        ssize_t got = recv(fd, head + length, size - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        head[length] = '\0';
    }
    return true;
}

static void repeat(struct visitor *visitor, const char *text, useconds_t pause_us)
{
    while (!atomic_load(&visitor->rogue->stopping) && say(visitor->fd, text))
        usleep(pause_us);
}

static void wait_for_the_end(struct visitor *visitor)
{
    char byte;
    while (recv(visitor->fd, &byte, 1, 0) > 0)
        ;
}

/* Whether the connection is kept. */
static bool answer(struct visitor *visitor, const char *path)
{
    static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                "Content-Length: 5\r\n\r\nhello";
    static const char open_end[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    int fd = visitor->fd;
    if (strcmp(path, "/hello") == 0)
        return say(fd, hello);
    if (strcmp(path, "/last") == 0) {
        say(fd, hello);
    } else if (strcmp(path, "/hidden") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n\r\nhello");
    } else if (strcmp(path, "/cut") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbut");
    } else if (strcmp(path, "/garbage") == 0) {
        say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    } else if (strcmp(path, "/silent") == 0) {
        wait_for_the_end(visitor);
    } else if (strcmp(path, "/slow") == 0) {
        say(fd, open_end);
        repeat(visitor, "a", 20000);
    } else if (strcmp(path, "/headers") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n");
        repeat(visitor, "X-Filler: and so on\r\n", 1000);
    } else if (strcmp(path, "/large") == 0) {
        say(fd, open_end);
        wait_for_the_end(visitor);
    } else if (strcmp(path, "/endless") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        repeat(visitor, "8\r\nand more\r\n", 100);
    } else if (strcmp(path, "/away") == 0) {
        return say(fd, "HTTP/1.1 302 Found\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n");
    }
    return false;
}

static void *visit(void *ctx)
{
    struct visitor *visitor = ctx;
    char head[16384], path[64];
    while (read_head(visitor->fd, head, sizeof(head))) {
        atomic_fetch_add(&visitor->rogue->requests, 1);
        if (sscanf(head, "%*s %63s", path) != 1 || !answer(visitor, path))
            break;
    }
    shutdown(visitor->fd, SHUT_RDWR);
    return NULL;
}

static void *welcome(void *ctx)
{
    struct rogue *rogue = ctx;
    for (;;) {
        int fd = accept(rogue->listener, NULL, NULL);
        int number = atomic_load(&rogue->connections);
        if (fd < 0)
            return NULL;
        if (atomic_load(&rogue->stopping) || number == MAX_CONNECTIONS) {
            close(fd);
            return NULL;
        }
        struct visitor *visitor = &rogue->visitors[number];
        visitor->rogue = rogue;
        visitor->fd = fd;
        atomic_store(&rogue->connections, number + 1);
        if (pthread_create(&visitor->thread, NULL, visit, visitor) != 0)
            abort();
    }
}

struct rogue *rogue_new(void)
{
    struct rogue *rogue = calloc(1, sizeof(*rogue));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    if (!rogue)
        abort();
    rogue->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(rogue->listener, (struct sockaddr *)&address, size) < 0 ||
        listen(rogue->listener, 256) < 0 ||
        getsockname(rogue->listener, (struct sockaddr *)&address, &size) < 0 ||
        pthread_create(&rogue->thread, NULL, welcome, rogue) != 0)
        abort();
    rogue->port = ntohs(address.sin_port);
    return rogue;
}

void rogue_free(struct rogue *rogue)
{
    atomic_store(&rogue->stopping, true);
    shutdown(rogue->listener, SHUT_RDWR);
    pthread_join(rogue->thread, NULL);
    for (int i = 0; i < atomic_load(&rogue->connections); i++) {
        shutdown(rogue->visitors[i].fd, SHUT_RDWR);
        pthread_join(rogue->visitors[i].thread, NULL);
        close(rogue->visitors[i].fd);
    }
    close(rogue->listener);
    free(rogue);
}

uint16_t rogue_port(const struct rogue *rogue)
{
    return rogue->port;
}

int rogue_connections(struct rogue *rogue)
{
    return atomic_load(&rogue->connections);
}

int rogue_requests(struct rogue *rogue)
{
    return atomic_load(&rogue->requests);
}
