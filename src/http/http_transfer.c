#include "http_transfer.h"

#include "clock.h"
#include "http_url.h"

#include <stdlib.h>
#include <string.h>

/* ---- the call ---- */

static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~"; /* RFC 9110, 5.6.2 */
    if (!*text)
        return false;
    for (; *text; text++) {
        bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        if (!letter && !(*text >= '0' && *text <= '9') && !strchr(others, *text))
            return false;
    }
    return true;
}

static void add_line(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (!longer)
        abort();
    transfer->headers = longer;
}

/* curl's own notation: "Name;" is a header without a value, "Name:" leaves out one of its own. */
static int take_headers(
    struct transfer *transfer, const struct http_client_call *call, struct error *error)
{
    CLEANUP_BUFFER struct buffer line = BUFFER_INIT;
    bool typed = false;
    for (size_t i = 0; i < call->header_count; i++) {
        const struct http_pair *header = &call->headers[i];
        if (!is_token(header->name) || strpbrk(header->value, "\r\n"))
            return error_set(
                error, ERROR_INVALID, NULL, "headers", "header %zu cannot be sent", i + 1);
        typed = typed || strcasecmp(header->name, "Content-Type") == 0;
        buffer_reset(&line);
        buffer_append_text(&line, header->name);
        buffer_append_text(&line, *header->value ? ": " : ";");
        buffer_append_text(&line, header->value);
        add_line(transfer, line.data);
    }
    /* Waiting for "100 Continue" is a round trip that helps nobody here. */
    add_line(transfer, "Expect:");
    if (!typed)
        add_line(transfer, "Content-Type:");
    return 0;
}

static int check_url(const char *text, struct error *error)
{
    struct http_url url;
    struct arena *arena = arena_new();
    int rc = http_url_read(&url, text, "url", arena, error);
    arena_free(arena);
    return rc;
}

int transfer_new(struct transfer **out, const struct http_client_call *call, struct error *error)
{
    int rc = check_url(call->url, error);
    if (rc < 0)
        return rc;
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer || !(transfer->url = strdup(call->url)) ||
        !(transfer->body = malloc(call->body_length + 1)))
        abort();
    if (call->body_length)
        memcpy(transfer->body, call->body, call->body_length);
    transfer->body_length = call->body_length;
    transfer->method = call->method;
    transfer->max_body = call->max_body;
    transfer->due_ms = clock_monotonic_ms() + call->deadline_ms;
    transfer->done = call->done;
    transfer->ctx = call->ctx;
    rc = take_headers(transfer, call, error);
    if (rc < 0) {
        transfer_free(transfer);
        return rc;
    }
    *out = transfer;
    return 0;
}

void transfer_free(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    buffer_release(&transfer->answer);
    free(transfer->url);
    free(transfer->body);
    free(transfer);
}

/* ---- on the wire ---- */

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t length = size * count;
    if (length > transfer->max_body - transfer->answer.length) {
        transfer->too_large = true;
        return 0;
    }
    buffer_append(&transfer->answer, data, length);
    return length;
}

static void set_method(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    if (transfer->method == HTTP_HEAD) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (transfer->body_length || transfer->method == HTTP_POST || transfer->method == HTTP_PUT ||
        transfer->method == HTTP_PATCH) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http_method_name(transfer->method));
}

int transfer_begin(
    struct transfer *transfer, CURLSH *share, const char *ca_file, struct error *error)
{
    int64_t left_ms = transfer->due_ms - clock_monotonic_ms();
    if (left_ms <= 0)
        return error_set(error, ERROR_TIMEOUT, NULL, NULL, "the call waited too long to be made");
    CURL *easy = transfer->easy = curl_easy_init();
    if (!easy)
        abort();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_SHARE, share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name that takes long to resolve has a thread of curl's; without this, ending the call would
     * wait for it, and all others with it. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)transfer->max_body);
    set_method(transfer);
    return 0;
}

/* ---- the end ---- */

static int translate(const struct transfer *transfer, CURLcode code, struct error *error)
{
    const char *why = *transfer->why ? transfer->why : curl_easy_strerror(code);
    if (transfer->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return error_set(error, ERROR_INVALID, "answer_too_large", NULL,
            "the answer is larger than %zu bytes", transfer->max_body);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(error, ERROR_TIMEOUT, NULL, NULL, "no answer in time: %s", why);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return error_set(error, ERROR_UNAVAILABLE, "unreachable", NULL, "no connection: %s", why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return error_set(error, ERROR_UNAVAILABLE, "certificate", NULL, "TLS failed: %s", why);
    default:
        return error_set(error, ERROR_UNAVAILABLE, "cut", NULL, "the answer broke off: %s", why);
    }
}

void transfer_fail(struct transfer *transfer, int rc, const struct error *error)
{
    transfer->done(transfer->ctx, rc, NULL, error);
}

void transfer_end(struct transfer *transfer, CURLcode code)
{
    struct error error = {0};
    if (code != CURLE_OK) {
        transfer_fail(transfer, translate(transfer, code, &error), &error);
        return;
    }
    long status = 0;
    char *type = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    const struct http_answer answer = {
        .status = (int)status,
        .content_type = type ? type : "",
        .body = transfer->answer.data ? transfer->answer.data : "",
        .length = transfer->answer.length,
    };
    transfer->done(transfer->ctx, 0, &answer, &error);
}
