/*
 * The parts of an http or https address, read by the library that also connects (libcurl), so that
 * what is checked and what is called cannot differ.
 */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "error.h"

#include <stdbool.h>

struct arena;

struct http_url {
    bool tls;
    bool loopback;         /* 127.0.0.0/8, ::1, or localhost, which is never looked up */
    const char *authority; /* as the Host header has it: without the scheme's own port */
    const char *path;      /* as sent: "/" at least */
    const char *query;     /* as sent; "" when there is none */
};

/* ERROR_INVALID with what is wrong; user names and fragments are refused. `field` names the setting
 * in the error. Texts are in the arena. */
int http_url_read(struct http_url *out, const char *text, const char *field, struct arena *arena,
    struct error *error);

#endif
