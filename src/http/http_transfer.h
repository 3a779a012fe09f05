/* One call of the client on its way; what http_client.c and http_transfer.c share. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "buffer.h"
#include "http_client.h"

#include <curl/curl.h>

struct transfer {
    struct transfer *next, **link; /* a list of the client's */
    enum http_method method;
    char *url, *body;
    size_t body_length, max_body;
    struct curl_slist *headers;
    int64_t due_ms; /* monotonic */
    void (*done)(void *ctx, int rc, const struct http_answer *answer, const struct error *error);
    void *ctx;

    CURL *easy; /* once it has begun; the client's thread alone */
    struct buffer answer;
    bool too_large;
    char why[CURL_ERROR_SIZE];
};

/* A copy of the call. ERROR_INVALID for what cannot be sent. */
int transfer_new(struct transfer **out, const struct http_client_call *call, struct error *error);

/* `easy` must be out of the multi handle. */
void transfer_free(struct transfer *transfer);

/* Makes the easy handle. ERROR_TIMEOUT when it is too late already. */
int transfer_begin(
    struct transfer *transfer, CURLSH *share, const char *ca_file, struct error *error);

/* Tells the caller how it ended. */
void transfer_end(struct transfer *transfer, CURLcode code);
void transfer_fail(struct transfer *transfer, int rc, const struct error *error);

#endif
