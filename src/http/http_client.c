#include "http_client.h"

#include "http_transfer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS 60000 /* between two looks of a loop that nothing wakes */

struct http_client {
    size_t max_in_flight;
    char *ca_file;
    CURLM *multi;
    CURLSH *share; /* TLS sessions, for the thread alone */
    pthread_t thread;
    struct transfer *active; /* the thread's own */

    pthread_mutex_t lock; /* guards what follows */
    struct transfer *waiting, **waiting_end;
    size_t in_flight;
    bool stopping, joined;
};

/* ---- the thread ---- */

/* The slot is free before the caller hears of it: it may call again at once. */
static void release_slot(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->in_flight--;
    pthread_mutex_unlock(&client->lock);
}

static void activate(struct http_client *client, struct transfer *transfer)
{
    transfer->next = client->active;
    transfer->link = &client->active;
    if (transfer->next)
        transfer->next->link = &transfer->next;
    client->active = transfer;
}

static void begin(struct http_client *client, struct transfer *transfer)
{
    struct error error = {0};
    int rc = transfer_begin(transfer, client->share, client->ca_file, &error);
    if (rc == 0 && curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK)
        rc = error_set(&error, ERROR_INTERNAL, NULL, NULL, "the call cannot be made");
    if (rc == 0) {
        activate(client, transfer);
        return;
    }
    release_slot(client);
    transfer_fail(transfer, rc, &error);
    transfer_free(transfer);
}

static void deactivate(struct http_client *client, struct transfer *transfer)
{
    *transfer->link = transfer->next;
    if (transfer->next)
        transfer->next->link = transfer->link;
    curl_multi_remove_handle(client->multi, transfer->easy);
    release_slot(client);
}

static void finish_ended(struct http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        deactivate(client, transfer);
        transfer_end(transfer, code);
        transfer_free(transfer);
    }
}

static struct transfer *take_waiting(struct http_client *client, bool *stopping)
{
    pthread_mutex_lock(&client->lock);
    struct transfer *list = client->waiting;
    client->waiting = NULL;
    client->waiting_end = &client->waiting;
    *stopping = client->stopping;
    pthread_mutex_unlock(&client->lock);
    return list;
}

static void end_stopped(struct transfer *transfer)
{
    struct error error = {0};
    error_set(&error, ERROR_UNAVAILABLE, "stopping", NULL, "the store stops");
    transfer_fail(transfer, ERROR_UNAVAILABLE, &error);
    transfer_free(transfer);
}

static void end_all(struct http_client *client, struct transfer *waiting)
{
    while (client->active) {
        struct transfer *transfer = client->active;
        deactivate(client, transfer);
        end_stopped(transfer);
    }
    while (waiting) {
        struct transfer *next = waiting->next;
        release_slot(client);
        end_stopped(waiting);
        waiting = next;
    }
}

static void *run(void *argument)
{
    struct http_client *client = argument;
    sigset_t broken_pipe;
    pthread_setname_np(pthread_self(), "http-client");
    /* OpenSSL writes to sockets that may be closed by now. */
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
    for (;;) {
        bool stopping;
        int running;
        struct transfer *waiting = take_waiting(client, &stopping);
        if (stopping) {
            end_all(client, waiting);
            return NULL;
        }
        while (waiting) {
            struct transfer *next = waiting->next;
            begin(client, waiting);
            waiting = next;
        }
        curl_multi_perform(client->multi, &running);
        finish_ended(client);
        curl_multi_poll(client->multi, NULL, 0, IDLE_MS, NULL);
    }
}

/* ---- everybody ---- */

int http_client_new(
    struct http_client **out, const struct http_client_options *options, struct error *error)
{
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(client->multi = curl_multi_init()) || !(client->share = curl_share_init()))
        abort();
    client->max_in_flight = options->max_in_flight;
    client->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
    client->waiting_end = &client->waiting;
    curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->max_in_flight);
    pthread_mutex_init(&client->lock, NULL);
    if (pthread_create(&client->thread, NULL, run, client) != 0) {
        client->joined = true;
        http_client_free(client);
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for calls to the outside");
    }
    *out = client;
    return 0;
}

/* Puts it before the thread, or says why not. */
static int enqueue(struct http_client *client, struct transfer *transfer, struct error *error)
{
    int rc = 0;
    pthread_mutex_lock(&client->lock);
    bool first = !client->waiting;
    if (client->stopping) {
        rc = error_set(error, ERROR_UNAVAILABLE, "stopping", NULL, "the store stops");
    } else if (client->in_flight >= client->max_in_flight) {
        rc = error_set(error, ERROR_UNAVAILABLE, "too_many_calls", NULL,
            "%zu calls to the outside are under way", client->in_flight);
    } else {
        transfer->next = NULL;
        *client->waiting_end = transfer;
        client->waiting_end = &transfer->next;
        client->in_flight++;
    }
    pthread_mutex_unlock(&client->lock);
    if (rc == 0 && first)
        curl_multi_wakeup(client->multi);
    return rc;
}

void http_client_call(struct http_client *client, const struct http_client_call *call)
{
    struct transfer *transfer = NULL;
    struct error error = {0};
    int rc = transfer_new(&transfer, call, &error);
    if (rc == 0)
        rc = enqueue(client, transfer, &error);
    if (rc == 0)
        return;
    if (transfer)
        transfer_free(transfer);
    call->done(call->ctx, rc, NULL, &error);
}

size_t http_client_in_flight(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    size_t count = client->in_flight;
    pthread_mutex_unlock(&client->lock);
    return count;
}

void http_client_stop(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool first = !client->joined;
    client->stopping = client->joined = true;
    pthread_mutex_unlock(&client->lock);
    if (!first)
        return;
    curl_multi_wakeup(client->multi);
    pthread_join(client->thread, NULL);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    http_client_stop(client);
    curl_multi_cleanup(client->multi);
    curl_share_cleanup(client->share);
    pthread_mutex_destroy(&client->lock);
    free(client->ca_file);
    free(client);
}
