/*
 * The user service: accounts, sessions, e-mail verification, password reset, profiles, addresses,
 * guests, erasure and its part of the export. It serves its paths of api/openapi.yaml and
 * docs/internal-api.md.
 *
 * Personal data is sealed under a data key per account, wrapped by the keyring; accounts are found
 * by a keyed hash of the address; sessions are kept as hashes. Erasing an account destroys its key.
 * Events go to the stream, and `mail` messages to the queue, through the store's outbox.
 */
#ifndef SERVICES_USER_USER_H
#define SERVICES_USER_USER_H

#include "error.h"
#include "keyring.h"
#include "metrics.h"
#include "password.h"
#include "router.h"
#include "store.h"

#include <stdbool.h>

struct user_service;

struct user_service_options {
    struct user_store *store; /* these outlive the service */
    struct keyring *keyring;
    struct metrics *metrics; /* may be NULL */
    int password_threads;    /* 0: 1 */
    int password_queue;      /* 0: 64 hashes may wait; beyond, 503 */
    bool unlimited;          /* lifts the limits of sign-in attempts and of mails asked for */
};

int user_service_new(
    struct user_service **out, const struct user_service_options *options, struct error *error);

/* The service's until it is freed. */
struct router *user_service_router(struct user_service *service);

/* Makes the back office's first account if there is no admin yet. With a NULL `password` one is
 * made and put into `generated` ("" if none was made, or there was an admin). Returns 1 if the
 * account was made, 0 if there is an admin; ERROR_CONFLICT when the address is a shopper's. Blocks:
 * for the start-up. */
#define USER_PASSWORD_TEXT_SIZE 24
int user_service_ensure_admin(struct user_service *service, const char *email, const char *password,
    char generated[USER_PASSWORD_TEXT_SIZE], struct error *error);

/* Once no request can arrive any more; finishes what is under way. NULL is fine. */
void user_service_free(struct user_service *service);

#endif
