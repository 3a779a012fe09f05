/*
 * SMTP over libcurl's easy interface: one handle, whose connection curl keeps between messages and
 * opens anew when the server has closed it.
 */
#include "buffer.h"
#include "mail.h"
#include "mime.h"
#include "text.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000

struct mail_smtp {
    struct mail base;
    pthread_mutex_t lock; /* a handle serves one transfer at a time */
    CURL *curl;
    char why[CURL_ERROR_SIZE];
};

struct upload {
    const char *data;
    size_t left;
};

static size_t read_upload(char *to, size_t size, size_t count, void *ctx)
{
    struct upload *upload = ctx;
    size_t length = size * count < upload->left ? size * count : upload->left;
    memcpy(to, upload->data, length);
    upload->data += length;
    upload->left -= length;
    return length;
}

/* The last reply tells a refusal for good (5xx) from one for now (RFC 5321, 4.2.1). */
static int translate(struct mail_smtp *smtp, CURLcode code, struct error *error)
{
    long reply = 0;
    curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &reply);
    const char *why = *smtp->why ? smtp->why : curl_easy_strerror(code);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(error, ERROR_TIMEOUT, NULL, NULL, "the mail server is too slow: %s", why);
    if (code == CURLE_LOGIN_DENIED)
        return error_set(error, ERROR_UNAVAILABLE, "mail_login", NULL,
            "the mail server refuses our user or password: check mail.user and mail.password");
    bool about_message = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
                         code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UPLOAD_FAILED;
    if (about_message && reply >= 500 && reply < 600)
        return error_set(error, ERROR_NOT_FOUND, "refused", NULL,
            "the mail server refused the message with %ld", reply);
    return error_set(
        error, ERROR_UNAVAILABLE, "mail_server", NULL, "the mail server cannot be used: %s", why);
}

static int smtp_send(struct mail *mail, const struct mail_message *message, struct error *error)
{
    struct mail_smtp *smtp = (struct mail_smtp *)mail;
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    int rc = mime_write(&text, message, error);
    if (rc != 0)
        return rc;

    struct upload upload = {text.data, text.length};
    pthread_mutex_lock(&smtp->lock);
    struct curl_slist *recipients = curl_slist_append(NULL, message->to.address);
    smtp->why[0] = '\0';
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, message->from.address);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(smtp->curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(smtp->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)text.length);
    CURLcode code = curl_easy_perform(smtp->curl);
    if (code != CURLE_OK)
        rc = translate(smtp, code, error);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(recipients);
    pthread_mutex_unlock(&smtp->lock);
    return rc;
}

static void smtp_close(struct mail *mail)
{
    struct mail_smtp *smtp = (struct mail_smtp *)mail;
    curl_easy_cleanup(smtp->curl);
    pthread_mutex_destroy(&smtp->lock);
    free(smtp);
}

static const struct mail_ops smtp_ops = {.send = smtp_send, .close = smtp_close};

/* curl takes the name to greet with from the URL's path. */
static int make_url(const struct mail_smtp_options *options, char **out, struct error *error)
{
    CURLU *url = curl_url();
    char *text = NULL;
    bool good =
        url && options->url &&
        (text_starts_with(options->url, "smtp://") || text_starts_with(options->url, "smtps://")) &&
        curl_url_set(url, CURLUPART_URL, options->url, 0) == CURLUE_OK;
    if (good && options->hello)
        good = curl_url_set(url, CURLUPART_PATH, options->hello, CURLU_URLENCODE) == CURLUE_OK;
    good = good && curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK;
    curl_url_cleanup(url);
    if (!good)
        return error_set(error, ERROR_INVALID, NULL, "mail",
            "%s is no mail server: write smtp://host:port or smtps://host:port",
            options->url ? options->url : "(nothing)");
    *out = text;
    return 0;
}

int mail_smtp_open(struct mail **out, const struct mail_smtp_options *options, struct error *error)
{
    static const long levels[] = {
        [MAIL_TLS_NONE] = CURLUSESSL_NONE,
        [MAIL_TLS_TRY] = CURLUSESSL_TRY,
        [MAIL_TLS_REQUIRE] = CURLUSESSL_ALL,
    };
    char *url = NULL;
    int rc = make_url(options, &url, error);
    if (rc != 0)
        return rc;
    struct mail_smtp *smtp = calloc(1, sizeof(*smtp));
    if (!smtp || !(smtp->curl = curl_easy_init()))
        abort();
    smtp->base.ops = &smtp_ops;
    pthread_mutex_init(&smtp->lock, NULL);
    curl_easy_setopt(smtp->curl, CURLOPT_URL, url);
    curl_easy_setopt(smtp->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(smtp->curl, CURLOPT_PROXY, ""); /* the environment's is for HTTP */
    curl_easy_setopt(smtp->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(smtp->curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(smtp->curl, CURLOPT_ERRORBUFFER, smtp->why);
    curl_easy_setopt(smtp->curl, CURLOPT_USE_SSL, levels[options->tls]);
    curl_easy_setopt(smtp->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(smtp->curl, CURLOPT_TIMEOUT_MS,
        options->timeout_ms > 0 ? (long)options->timeout_ms : (long)TIMEOUT_MS);
    if (options->user) {
        curl_easy_setopt(smtp->curl, CURLOPT_USERNAME, options->user);
        curl_easy_setopt(smtp->curl, CURLOPT_PASSWORD, options->password ? options->password : "");
    }
    curl_free(url);
    *out = &smtp->base;
    return 0;
}
