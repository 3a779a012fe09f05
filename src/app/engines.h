/*
 * The engines that the settings choose, by URL. Here alone an engine is named; services get the
 * ports.
 */
#ifndef APP_ENGINES_H
#define APP_ENGINES_H

#include "blob.h"
#include "config.h"
#include "keyring.h"
#include "mail.h"
#include "metrics.h"
#include "order/order_store.h"
#include "payment.h"
#include "product/store.h"
#include "queue.h"
#include "relay.h"
#include "search.h"
#include "stream.h"
#include "timer.h"
#include "user/store.h"
#include "warehouse.h"

struct notification_store;

struct engines {
    struct timers *timers;
    struct metrics *metrics;
    struct keyring *keyring;
    struct blob *blob;
    struct mail *mail;
    struct payment *payment;
    struct queue_sqlite_file *queue_file; /* NULL: queues in memory */
    struct queue *orders, *stock, *mails, *images, *erasures;
    struct queue *queues[6]; /* the five, and NULL */
    struct stream *stream;
    struct search *search;
    struct warehouse *warehouse;
    struct product_store *product;
    struct user_store *user;
    struct order_store *order;
    struct notification_store *notification;
    struct relay *relay;
};

/* Opens what `config` names in the data directory. `fresh`: keys may be made. On failure what was
 * opened is closed. */
int engines_open(struct engines *engines, const struct config *config, const char *data, bool fresh,
    struct error *error);

/* Closes all but the search, which closes with a position of the product service's (search_close).
 */
void engines_close(struct engines *engines);

#endif
