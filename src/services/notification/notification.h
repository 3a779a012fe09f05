/*
 * The notification service: takes messages off the `mail` queue, asks their owners for what a
 * letter says, writes it in HTML and text, hands it to the mail engine, and records that it did.
 *
 * One thread of its own (mail engines block) that yields to shoppers, and works in batches: the
 * records of a batch are one transaction, after which its messages are acknowledged. A message
 * recorded as sent is never sent again. When the process dies between the sending and the record,
 * the letter is sent once more, with the same Message-ID: that window cannot be closed.
 *
 * Of a letter only its id, template, subject, state and the pseudonym of its reader are kept:
 * nothing personal.
 */
#ifndef SERVICES_NOTIFICATION_NOTIFICATION_H
#define SERVICES_NOTIFICATION_NOTIFICATION_H

#include "error.h"
#include "mail.h"
#include "metrics.h"
#include "notification_store.h"
#include "queue.h"
#include "router.h"
#include "upstream.h"

struct notification_service;

/* What the `mail` queue is best opened with: some 25 minutes of attempts, and time to send what
 * is out through a slow server. */
#define NOTIFICATION_ATTEMPTS 12
#define NOTIFICATION_VISIBILITY_MS ((int64_t)60 * 1000)

struct notification_options {
    struct notification_store *store; /* these outlive the service */
    struct queue *queue;              /* "mail" */
    struct mail *mail;
    struct upstream *user, *order, *product;
    struct metrics *metrics;  /* may be NULL */
    const char *public_url;   /* "https://shop.example", for links; copied, as the rest */
    const char *shop_name;    /* "Cellar & Vine" */
    const char *from_address; /* its domain is that of the Message-IDs */
    int max_attempts;         /* 0: NOTIFICATION_ATTEMPTS; then the message is a dead letter */
};

/* ERROR_INVALID when the sender's address is none. */
int notification_service_new(struct notification_service **out,
    const struct notification_options *options, struct error *error);

/* The service's until it is freed. */
struct router *notification_service_router(struct notification_service *service);

/* Starts the thread and subscribes. The routers of the upstreams are set by then. */
int notification_service_start(struct notification_service *service, struct error *error);

/* Takes no more messages, finishes those at hand (at most `timeout_ms`), stops the thread. What is
 * not finished is delivered again. Safe to call when not started. */
void notification_service_stop(struct notification_service *service, int64_t timeout_ms);

void notification_service_free(struct notification_service *service);

#endif
