#include "engines.h"

#include "log.h"
#include "notification/notification.h"
#include "notification/notification_store.h"
#include "order_processor/order_processor.h"
#include "search_engines.h"
#include "sqlite_db.h"
#include "stream_consumer/stream_consumer.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define VISIBILITY_MS 60000

struct opening {
    struct engines *engines;
    const struct config *config;
    const char *data;
    bool fresh;
    struct error *error;
    char path[3200];
};

static const char *in_data(struct opening *opening, const char *name)
{
    snprintf(opening->path, sizeof(opening->path), "%s/%s", opening->data, name);
    return opening->path;
}

/* 0 and which of the two engines is meant, or an error that names those there are. */
static int choose(const struct opening *opening, const char *key, const char *first,
    const char *second, bool *is_second)
{
    const char *url = config_text(opening->config, key);
    *is_second = second && text_equal(url, second);
    if (*is_second || text_equal(url, first))
        return 0;
    return error_set(opening->error, ERROR_INVALID, NULL, key,
        "%s = %.100s: there is no such engine; choose %s%s%s", key, url, first,
        second ? " or " : "", second ? second : "");
}

static int open_keyring(struct opening *opening)
{
    bool memory;
    int rc = choose(opening, "keyring", "file:", "memory:", &memory);
    if (rc < 0)
        return rc;
    if (memory) {
        opening->engines->keyring = keyring_memory_new();
        return 0;
    }
    return keyring_file_open(
        &opening->engines->keyring, in_data(opening, "keys"), opening->fresh, opening->error);
}

static int open_blob(struct opening *opening)
{
    bool memory;
    int rc = choose(opening, "blob", "directory:", "memory:", &memory);
    if (rc < 0)
        return rc;
    if (memory) {
        opening->engines->blob = blob_memory_new();
        return 0;
    }
    return blob_directory_open(&opening->engines->blob, in_data(opening, "blobs"), opening->error);
}

static int open_smtp(struct opening *opening, const char *url)
{
    static const char *const names[] = {"none", "try", "require"};
    const char *tls = config_text(opening->config, "mail.tls");
    const char *user = config_text(opening->config, "mail.user");
    struct mail_smtp_options options = {.url = url};
    int choice = 0;
    while (choice < 3 && !text_equal(tls, names[choice]))
        choice++;
    if (choice == 3)
        return error_set(opening->error, ERROR_INVALID, NULL, "mail.tls",
            "mail.tls = %.40s: choose none, try or require", tls);
    options.tls = (enum mail_tls)choice;
    if (*user) {
        options.user = user;
        options.password = config_text(opening->config, "mail.password");
    }
    return mail_smtp_open(&opening->engines->mail, &options, opening->error);
}

static int open_mail(struct opening *opening)
{
    const char *url = config_text(opening->config, "mail");
    if (text_starts_with(url, "smtp://") || text_starts_with(url, "smtps://"))
        return open_smtp(opening, url);
    if (!text_equal(url, "file:"))
        return error_set(opening->error, ERROR_INVALID, NULL, "mail",
            "mail = %.100s: choose file:, or smtp://host:port", url);
    return mail_file_open(
        &opening->engines->mail, in_data(opening, "mail"), /* sync= */ false, opening->error);
}

static int open_payment(struct opening *opening)
{
    bool unused;
    int rc = choose(opening, "payment", "test:", NULL, &unused);
    if (rc == 0)
        opening->engines->payment = payment_test_new(opening->engines->timers, 0);
    return rc;
}

static int open_queue(struct opening *opening, const char *name, struct queue **queue)
{
    struct engines *engines = opening->engines;
    /* A picture may take its worker twenty seconds. */
    struct queue_options options = {.timers = engines->timers, .visibility_ms = VISIBILITY_MS};
    if (strcmp(name, "orders") == 0)
        options.max_receives = ORDER_PROCESSOR_RECEIVES;
    if (strcmp(name, "erasures") == 0)
        options.max_receives = STREAM_CONSUMER_ERASURE_RECEIVES;
    if (strcmp(name, "mail") == 0) {
        options.visibility_ms = NOTIFICATION_VISIBILITY_MS;
        options.max_receives = (int)config_int(opening->config, "mail.attempts");
    }
    if (engines->queue_file)
        return queue_sqlite_open(queue, engines->queue_file, name, &options, opening->error);
    *queue = queue_memory_new(name, &options);
    return 0;
}

static int open_queues(struct opening *opening)
{
    struct engines *engines = opening->engines;
    bool memory;
    int rc = choose(opening, "queue", "sqlite:", "memory:", &memory);
    if (rc == 0 && !memory)
        rc = queue_sqlite_file_open(
            &engines->queue_file, in_data(opening, "queue.db"), engines->timers, opening->error);
    if (rc == 0)
        rc = open_queue(opening, "orders", &engines->orders);
    if (rc == 0)
        rc = open_queue(opening, "stock", &engines->stock);
    if (rc == 0)
        rc = open_queue(opening, "mail", &engines->mails);
    if (rc == 0)
        rc = open_queue(opening, "images", &engines->images);
    if (rc == 0)
        rc = open_queue(opening, "erasures", &engines->erasures);
    engines->queues[0] = engines->orders;
    engines->queues[1] = engines->stock;
    engines->queues[2] = engines->mails;
    engines->queues[3] = engines->images;
    engines->queues[4] = engines->erasures;
    return rc;
}

static int open_stream(struct opening *opening)
{
    bool memory;
    int rc = choose(opening, "stream", "sqlite:", "memory:", &memory);
    if (rc < 0)
        return rc;
    if (memory) {
        opening->engines->stream = stream_memory_new(NULL);
        return 0;
    }
    return stream_sqlite_open(
        &opening->engines->stream, in_data(opening, "stream.db"), NULL, opening->error);
}

static int open_search(struct opening *opening)
{
    bool memory;
    int rc = choose(opening, "search", "groonga:", "memory:", &memory);
    if (rc < 0)
        return rc;
    if (memory)
        return search_memory_open(&opening->engines->search, opening->error);
    return search_groonga_open(
        in_data(opening, "search"), &opening->engines->search, opening->error);
}

/* A URL may hold a password, so none is repeated. */
static int open_warehouse(struct opening *opening)
{
    struct warehouse **warehouse = &opening->engines->warehouse;
    const char *url = config_text(opening->config, "warehouse");
    if (text_equal(url, "sqlite:"))
        return warehouse_sqlite_open(warehouse, in_data(opening, "warehouse.db"), opening->error);
    if (text_starts_with(url, "postgres://") || text_starts_with(url, "postgresql://") ||
        text_starts_with(url, "redshift://")) {
        struct error cause = {0};
        int rc = warehouse_postgres_open(warehouse, url, &cause);
        return rc < 0 ? error_set(opening->error, (enum error_code)rc, NULL, "warehouse",
                            "warehouse: %s", cause.message)
                      : 0;
    }
    if (!text_equal(url, "memory:"))
        return error_set(opening->error, ERROR_INVALID, NULL, "warehouse",
            "warehouse: there is no such engine; choose sqlite:, memory:, or"
            " postgres://user:password@host:port/database");
    *warehouse = warehouse_memory_new();
    return 0;
}

static int open_stores(struct opening *opening)
{
    struct engines *engines = opening->engines;
    bool memory;
    int rc = choose(opening, "product.store", "sqlite:", "memory:", &memory);
    if (rc == 0 && memory)
        engines->product = product_store_memory_new();
    else if (rc == 0)
        rc = product_store_sqlite_open(
            &engines->product, in_data(opening, "product.db"), opening->error);
    if (rc == 0)
        rc = choose(opening, "user.store", "sqlite:", "memory:", &memory);
    if (rc == 0 && memory)
        engines->user = user_store_memory_new();
    else if (rc == 0)
        rc = user_store_sqlite_open(&engines->user, in_data(opening, "user.db"), opening->error);
    if (rc == 0)
        rc = choose(opening, "order.store", "sqlite:", "memory:", &memory);
    if (rc == 0 && memory)
        engines->order = order_store_memory_new();
    else if (rc == 0)
        rc = order_store_sqlite_open(&engines->order, in_data(opening, "order.db"), opening->error);
    if (rc == 0)
        rc = choose(opening, "notification.store", "sqlite:", "memory:", &memory);
    if (rc == 0 && memory)
        engines->notification = notification_store_memory_new();
    else if (rc == 0)
        rc = notification_store_sqlite_open(
            &engines->notification, in_data(opening, "notification.db"), opening->error);
    return rc;
}

static void refused(void *ctx, const struct outbox_item *item, const struct error *error)
{
    (void)ctx;
    log_write(LOG_ERROR, "relay", NULL, "%s does not take message %s: %s", item->target, item->id,
        error->message);
}

static void make_relay(struct engines *engines)
{
    engines->relay = relay_new();
    for (struct queue **queue = engines->queues; *queue; queue++)
        relay_add_queue(engines->relay, *queue);
    relay_set_stream(engines->relay, engines->stream);
    relay_on_refused(engines->relay, refused, NULL);
}

int engines_open(struct engines *engines, const struct config *config, const char *data, bool fresh,
    struct error *error)
{
    static int (*const steps[])(struct opening *) = {open_keyring, open_blob, open_mail,
        open_payment, open_queues, open_stream, open_search, open_warehouse, open_stores};
    struct opening opening = {engines, config, data, fresh, error, ""};
    memset(engines, 0, sizeof(*engines));
    engines->timers = timers_new();
    engines->metrics = metrics_new();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        rc = steps[i](&opening);
    if (rc < 0) {
        search_close(engines->search, /* clean= */ false, 0);
        engines_close(engines);
        return rc;
    }
    make_relay(engines);
    return 0;
}

void engines_close(struct engines *engines)
{
    relay_free(engines->relay);
    notification_store_close(engines->notification);
    order_store_close(engines->order);
    user_store_close(engines->user);
    product_store_close(engines->product);
    warehouse_close(engines->warehouse);
    for (struct queue **queue = engines->queues; *queue; queue++)
        queue_close(*queue);
    queue_sqlite_file_close(engines->queue_file);
    stream_close(engines->stream);
    timers_free(engines->timers);
    payment_close(engines->payment);
    mail_close(engines->mail);
    blob_close(engines->blob);
    keyring_close(engines->keyring);
    metrics_free(engines->metrics);
}
