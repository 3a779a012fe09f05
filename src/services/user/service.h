/* What the files of the user service share. */
#ifndef SERVICES_USER_SERVICE_H
#define SERVICES_USER_SERVICE_H

#include "buffer.h"
#include "cloudevent.h"
#include "exchange.h"
#include "limiter.h"
#include "profile.h"
#include "tokens.h"
#include "user.h"

#include <pthread.h>

#define SESSION_LIFETIME_MS ((int64_t)30 * 24 * 3600 * 1000)
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define MAX_ATTEMPTS 4 /* of a read-change-write that others get in between of */

struct user_service {
    struct user_store *store;
    struct keyring *keyring;
    struct password_pool *passwords;
    struct limiter *sign_ins; /* by account and client address */
    struct limiter *mails;    /* by account and template */
    struct router *router;
    bool unlimited;

    struct counter *registered, *signed_in, *refused, *erased; /* NULL without metrics */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t idle;
    int background; /* writes that no exchange waits for */
    int64_t swept_ms;
};

void user_count(struct counter *counter);

/* ---- flows: a handler's state between its steps, in the exchange's arena ---- */

struct flow {
    struct user_service *service;
    struct exchange *exchange;
    struct user_row row;
    struct profile profile;
    struct user_effects effects;
    struct outbox_item items[2];
    struct password_job password_job;
    struct error error;
    int attempts;
};

/* `size` bytes, zeroed, that begin with a struct flow. */
void *user_flow_new(struct user_service *service, struct exchange *exchange, size_t size);

/* Reads the body; on failure the reply is made. */
int user_flow_body(struct flow *flow, json_t **body);

/* Hands the password to the pool; `next` runs on its thread with the flow. Replies when full. */
void user_flow_password(struct flow *flow, enum password_work work, char *password,
    const char *hash, void (*next)(struct flow *flow));

/* Whether somebody is signed in (an admin is); if not, 401 (403) is replied. */
bool user_signed_in(struct exchange *exchange);
bool user_signed_in_admin(struct exchange *exchange);

void user_reply_unauthenticated(struct exchange *exchange);

/* The public user of the flow's row and profile. */
void user_reply_profile(struct flow *flow, int status);

/* 503: others got in between each time. */
void user_reply_contended(struct exchange *exchange);

/* 429 with Retry-After. */
void user_reply_limited(struct exchange *exchange, int64_t wait_ms);

/* Whether the account may be sent another mail of this kind now. */
bool user_mail_allowed(struct user_service *service, const char *account, const char *template);

/* ---- effects ---- */

/* Adds an event on the account; `changed` is a JSON array, or NULL. `sequence` is the version the
 * row will have. */
void user_effects_event(struct flow *flow, const char *type, const char *changed, int64_t sequence);

/* Adds a mail message with a nonce. */
void user_effects_mail(struct arena *arena, struct user_effects *effects, struct outbox_item *items,
    const char *template, const char *user_id);

/* Forgets expired sessions when that was not done for a day. */
void user_sweep_sessions(struct user_service *service);

/* Begins and ends a write that no exchange waits for. */
void user_background_begin(struct user_service *service);
void user_background_end(struct user_service *service);

/* ---- handlers: the files' entries in the router's table ---- */

void user_register(void *ctx, struct exchange *exchange);
void user_resend_verification(void *ctx, struct exchange *exchange);
void user_verify_email(void *ctx, struct exchange *exchange);
void user_request_reset(void *ctx, struct exchange *exchange);
void user_reset_password(void *ctx, struct exchange *exchange);
void user_unsubscribe(void *ctx, struct exchange *exchange);

void user_who_am_i(void *ctx, struct exchange *exchange);
void user_sign_in(void *ctx, struct exchange *exchange);
void user_sign_out(void *ctx, struct exchange *exchange);
void user_check_session(void *ctx, struct exchange *exchange);

void user_get_me(void *ctx, struct exchange *exchange);
void user_patch_me(void *ctx, struct exchange *exchange);
void user_erase_me(void *ctx, struct exchange *exchange);
void user_export(void *ctx, struct exchange *exchange);

void user_list_addresses(void *ctx, struct exchange *exchange);
void user_add_address(void *ctx, struct exchange *exchange);
void user_replace_address(void *ctx, struct exchange *exchange);
void user_delete_address(void *ctx, struct exchange *exchange);

/* Appends the addresses as a JSON array. */
int user_append_addresses(struct user_service *service, struct arena *arena,
    const struct user_row *row, const struct address_list *list, struct buffer *out,
    struct error *error);

void user_get(void *ctx, struct exchange *exchange);
void user_first_names(void *ctx, struct exchange *exchange);
void user_make_mail_token(void *ctx, struct exchange *exchange);
void user_put_guest(void *ctx, struct exchange *exchange);
void user_get_guest(void *ctx, struct exchange *exchange);
void user_list_customers(void *ctx, struct exchange *exchange);

#endif
