/*
 * Signature Version 4: what AWS asks of every request ("Create a signed AWS API request", AWS
 * Identity and Access Management User Guide). Pure: request in, headers out; any thread. The keys
 * derived on the way are wiped.
 *
 * The signature covers the method, the path and query as they are sent, all headers given here and
 * the body. What is sent must be exactly what was signed.
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "credentials.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define SIGV4_MAX_HEADERS 32
#define SIGV4_MAX_PARAMETERS 64

struct sigv4_header {
    const char *name, *value;
};

struct sigv4_request {
    const char *method; /* "POST" */
    const char *path;   /* as sent: percent-encoded, starts with '/', without the query */
    const char *query;  /* as sent, without '?'; NULL is none */
    /* All of them are signed, so leave out what others may change on the way (User-Agent). Host
     * must be there; those that sigv4_sign adds must not. */
    const struct sigv4_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    const char *region, *service; /* "eu-west-1", "sagemaker" */
    int64_t at_ms;                /* now: AWS takes 5 minutes of difference */
    /* S3's rules: the path is neither tidied nor encoded a second time, and the body's hash is sent
     * as a header of its own. */
    bool path_as_is, hash_header;
};

/* The headers to send beside those that were signed: X-Amz-Date, X-Amz-Security-Token (with
 * temporary keys), X-Amz-Content-Sha256 (if asked for), Authorization. */
struct sigv4_signed {
    struct sigv4_header headers[4];
    size_t header_count;
    const char *canonical; /* what was signed, for tests; it holds the token: never log it */
};

/* Texts are in the arena. ERROR_INVALID for what cannot be sent: a path without '/', no Host, line
 * breaks in a header, too many headers or parameters. */
int sigv4_sign(const struct sigv4_request *request, const struct aws_credentials *credentials,
    struct arena *arena, struct sigv4_signed *out, struct error *error);

#endif
