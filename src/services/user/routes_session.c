/* Signing in and out, and the gateway's question whose session this is. */
#include "service.h"

#include "arena.h"
#include "secure.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SESSION_COOKIE "winestore_session="

struct sign_in_flow {
    struct flow flow; /* first */
    const char *email;
    char *password;
    char mac[KEYRING_MAC_SIZE];
    char limit_key[KEYRING_MAC_SIZE + 64];
    char token[SECURE_TOKEN_SIZE];
    struct session_row session;
};

/* 1: read the credentials and look the account up. */

static int read_credentials(struct sign_in_flow *sign)
{
    struct flow *flow = &sign->flow;
    struct arena *arena = flow->exchange->arena;
    CLEANUP_JSON json_t *body = NULL;
    if (user_flow_body(flow, &body) < 0)
        return ERROR_INVALID;
    int rc = profile_get_email(arena, body, &sign->email, &flow->error);
    if (rc == 0)
        rc = profile_get_password(arena, body, /* min= */ 1, &sign->password, &flow->error);
    if (rc == 0)
        rc = profile_email_mac(flow->service->keyring, sign->email, sign->mac, &flow->error);
    if (rc < 0)
        http_fail(flow->exchange, &flow->error);
    return rc;
}

static void credentials_checked(struct flow *flow);

/* 2: compare the password. An unknown address costs the same time. */
static void account_found(void *ctx, int rc, const struct error *error)
{
    struct sign_in_flow *sign = ctx;
    struct flow *flow = &sign->flow;
    if (rc < 0 && rc != ERROR_NOT_FOUND) {
        http_fail(flow->exchange, error);
        return;
    }
    user_flow_password(flow, PASSWORD_VERIFY, sign->password, rc == 0 ? flow->row.password : NULL,
        credentials_checked);
}

void user_sign_in(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct sign_in_flow *sign = user_flow_new(service, exchange, sizeof(*sign));
    if (read_credentials(sign) < 0)
        return;
    snprintf(sign->limit_key, sizeof(sign->limit_key), "%s@%s", sign->mac,
        exchange->request.client_address);
    int64_t wait = service->unlimited
                       ? 0
                       : limiter_take(service->sign_ins, sign->limit_key, clock_monotonic_ms());
    if (wait > 0) {
        user_count(service->refused);
        user_reply_limited(exchange, wait);
        return;
    }
    user_store_find(
        service->store, exchange->arena, NULL, sign->mac, &sign->flow.row, account_found, sign);
}

/* 4: the session is durable. */
static void session_kept(void *ctx, int rc, const struct error *error)
{
    struct sign_in_flow *sign = ctx;
    struct flow *flow = &sign->flow;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    user_count(flow->service->signed_in);
    user_sweep_sessions(flow->service);
    char expires[CLOCK_TEXT_SIZE];
    struct buffer body = BUFFER_INIT;
    buffer_printf(&body, "{\"token\":\"%s\",\"expires_at\":\"%s\",\"user\":", sign->token,
        clock_format(sign->session.expires_ms, expires));
    profile_append_user(&body, &flow->row, &flow->profile);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 201, &body);
}

/* 3: make the session. */
static void credentials_checked(struct flow *flow)
{
    struct sign_in_flow *sign = (struct sign_in_flow *)flow;
    struct user_service *service = flow->service;
    if (!flow->password_job.matches) {
        user_count(service->refused);
        http_problem(
            flow->exchange, 401, "wrong_credentials", NULL, "the address or the password is wrong");
        return;
    }
    limiter_forget(service->sign_ins, sign->limit_key);
    int rc = profile_open_user(
        service->keyring, flow->exchange->arena, &flow->row, &flow->profile, &flow->error);
    if (rc < 0) {
        http_fail(flow->exchange, &flow->error);
        return;
    }
    struct session_row *session = &sign->session;
    secure_token(sign->token);
    secure_sha256_hex(sign->token, strlen(sign->token), session->hash);
    snprintf(session->user_id, sizeof(session->user_id), "%s", flow->row.id);
    session->created_ms = clock_now_ms();
    session->expires_ms = session->created_ms + SESSION_LIFETIME_MS;
    user_store_put_session(service->store, session, session_kept, sign);
}

/* ---- who am I ---- */

static void reply_who(struct flow *flow, bool known)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"user\":");
    if (known)
        profile_append_user(&body, &flow->row, &flow->profile);
    else
        buffer_append_text(&body, "null");
    buffer_append_text(&body, ",\"guest\":");
    buffer_append_text(&body, flow->exchange->request.identity.guest[0] ? "true}" : "false}");
    http_reply_json(flow->exchange, 200, &body);
}

static void who_found(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    if (rc == ERROR_NOT_FOUND) {
        reply_who(flow, false);
        return;
    }
    if (rc == 0) {
        error = &flow->error;
        rc = profile_open_user(flow->service->keyring, flow->exchange->arena, &flow->row,
            &flow->profile, &flow->error);
    }
    if (rc < 0)
        http_fail(flow->exchange, error);
    else
        reply_who(flow, true);
}

void user_who_am_i(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct flow *flow = user_flow_new(service, exchange, sizeof(*flow));
    const char *id = exchange->request.identity.user;
    if (!*id)
        reply_who(flow, false);
    else
        user_store_find(service->store, exchange->arena, id, NULL, &flow->row, who_found, flow);
}

/* ---- signing out ---- */

/* The session's token as the client sent it, in the arena; NULL if there is none. */
static const char *token_of(struct exchange *exchange)
{
    const char *header = http_header(exchange, "Authorization");
    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        return text_trim(exchange->arena, header + 7);
    header = http_header(exchange, "Cookie");
    const char *pieces[32];
    size_t count = header ? text_split(exchange->arena, header, ';', pieces, 32) : 0;
    for (size_t i = 0; i < count; i++) {
        if (text_starts_with(pieces[i], SESSION_COOKIE))
            return pieces[i] + strlen(SESSION_COOKIE);
    }
    return NULL;
}

static void signed_out(void *ctx, int rc, const struct error *error)
{
    if (rc < 0)
        http_fail(ctx, error);
    else
        http_reply_empty(ctx, 204);
}

void user_sign_out(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    const char *token = token_of(exchange);
    if (!token) {
        http_reply_empty(exchange, 204);
        return;
    }
    char *hash = arena_alloc(exchange->arena, SESSION_HASH_SIZE);
    secure_sha256_hex(token, strlen(token), hash);
    user_store_drop_session(service->store, hash, signed_out, exchange);
}

/* ---- the gateway's question ---- */

struct check_flow {
    struct user_service *service;
    struct exchange *exchange;
    struct session_row session;
};

struct extension {
    struct user_service *service;
    struct session_row session;
};

static void extended(void *ctx, int rc, const struct error *error)
{
    (void)rc;
    (void)error;
    struct extension *extension = ctx;
    user_background_end(extension->service);
    free(extension);
}

/* Used sessions live on: pushed out by a day at a time, so that a check seldom writes. If the write
 * fails, the next check makes up for it. */
static void extend(struct user_service *service, const struct session_row *session, int64_t now)
{
    if (session->expires_ms - now > SESSION_LIFETIME_MS - DAY_MS)
        return;
    struct extension *extension = malloc(sizeof(*extension));
    if (!extension)
        abort();
    *extension = (struct extension){service, *session};
    extension->session.expires_ms = now + SESSION_LIFETIME_MS;
    user_background_begin(service);
    user_store_put_session(service->store, &extension->session, extended, extension);
}

static void session_found(void *ctx, int rc, const struct error *error)
{
    struct check_flow *flow = ctx;
    const struct session_row *session = &flow->session;
    int64_t now = clock_now_ms();
    if (rc == ERROR_NOT_FOUND || (rc == 0 && session->expires_ms <= now)) {
        http_problem(flow->exchange, 404, "not_found", NULL, "no such session");
        return;
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    char expires[CLOCK_TEXT_SIZE];
    char *body = arena_alloc(flow->exchange->arena, 192);
    int length = snprintf(body, 192,
        "{\"user_id\":\"%s\",\"role\":\"%s\",\"expires_at\":\"%s\",\"email_verified\":%s}",
        session->user_id, session->admin ? "admin" : "shopper",
        clock_format(session->expires_ms, expires), session->email_verified ? "true" : "false");
    extend(flow->service, session, now);
    http_reply(flow->exchange, 200, "application/json", body, (size_t)length);
}

void user_check_session(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct check_flow *flow = arena_new_struct(exchange->arena, struct check_flow);
    flow->service = service;
    flow->exchange = exchange;
    const char *hash = exchange->request.params[0];
    if (strlen(hash) != SESSION_HASH_SIZE - 1)
        http_problem(exchange, 404, "not_found", NULL, "no such session");
    else
        user_store_find_session(service->store, hash, &flow->session, session_found, flow);
}
