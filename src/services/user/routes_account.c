/* Opening an account, proving its address, resetting its password, unsubscribing. */
#include "service.h"

#include "arena.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening an account ---- */

struct register_flow {
    struct flow flow; /* first */
    char *password;
};

/* 4: the account is durable. */
static void account_kept(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    user_count(flow->service->registered);
    user_reply_profile(flow, 201);
}

/* 3: seal and keep it, with the event and the mail. */
static void password_ready(struct flow *flow)
{
    struct user_service *service = flow->service;
    struct arena *arena = flow->exchange->arena;
    struct user_row *row = &flow->row;
    row->password = flow->password_job.hashed;
    int rc = profile_seal_user(service->keyring, arena, &flow->profile, row, &flow->error);
    if (rc < 0) {
        http_fail(flow->exchange, &flow->error);
        return;
    }
    user_effects_event(flow, "user.registered", NULL, row->version);
    user_effects_mail(arena, &flow->effects, flow->items, "verify_email", row->id);
    user_store_add(service->store, row, &flow->effects, account_kept, flow);
}

/* 2: a taken address is told before any hashing. */
static void address_looked_up(void *ctx, int rc, const struct error *error)
{
    struct register_flow *reg = ctx;
    struct flow *flow = &reg->flow;
    if (rc == 0) {
        http_problem(
            flow->exchange, 409, "email_taken", "email", "another account has this address");
        return;
    }
    if (rc != ERROR_NOT_FOUND) {
        http_fail(flow->exchange, error);
        return;
    }
    id_new(flow->row.id);
    flow->row.version = 1;
    flow->row.created_ms = clock_now_ms();
    user_flow_password(flow, PASSWORD_HASH, reg->password, NULL, password_ready);
}

/* 1: read and check. */
static int read_registration(struct register_flow *reg, const json_t *body)
{
    struct flow *flow = &reg->flow;
    struct arena *arena = flow->exchange->arena;
    struct profile *profile = &flow->profile;
    struct error *error = &flow->error;
    int rc = profile_get_email(arena, body, &profile->email, error);
    if (rc == 0)
        rc = profile_get_password(arena, body, PASSWORD_MIN, &reg->password, error);
    if (rc == 0)
        rc = profile_get_line(arena, body, "name", 100, &profile->name, error);
    if (rc == 0)
        rc = profile_get_birth_date(arena, body, clock_now_ms(), &profile->birth_date, error);
    if (rc == 0)
        rc = json_find_bool(body, "marketing", &flow->row.marketing, error);
    if (rc == 0)
        rc = profile_email_mac(flow->service->keyring, profile->email, flow->row.email_mac, error);
    return rc;
}

void user_register(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct register_flow *reg = user_flow_new(service, exchange, sizeof(*reg));
    CLEANUP_JSON json_t *body = NULL;
    if (user_flow_body(&reg->flow, &body) < 0)
        return;
    if (read_registration(reg, body) < 0) {
        http_fail(exchange, &reg->flow.error);
        return;
    }
    struct user_row *existing = arena_new_struct(exchange->arena, struct user_row);
    user_store_find(service->store, exchange->arena, NULL, reg->flow.row.email_mac, existing,
        address_looked_up, reg);
}

/* ---- the verification message again ---- */

static void resend_kept(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    if (rc < 0)
        http_fail(flow->exchange, error);
    else
        http_reply_empty(flow->exchange, 202);
}

static void resend_found(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    struct user_service *service = flow->service;
    if (rc == ERROR_NOT_FOUND) {
        user_reply_unauthenticated(flow->exchange);
    } else if (rc < 0) {
        http_fail(flow->exchange, error);
    } else if (flow->row.email_verified) {
        http_reply_empty(flow->exchange, 202);
    } else if (!user_mail_allowed(service, flow->row.id, "verify_email")) {
        user_reply_limited(flow->exchange, 10 * 60 * 1000);
    } else {
        user_effects_mail(
            flow->exchange->arena, &flow->effects, flow->items, "verify_email", flow->row.id);
        user_store_post(service->store, &flow->effects, resend_kept, flow);
    }
}

void user_resend_verification(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    if (exchange->request.body_length > 0) {
        CLEANUP_JSON json_t *body = NULL;
        if (http_json_body(exchange, &body) < 0)
            return;
    }
    struct flow *flow = user_flow_new(service, exchange, sizeof(*flow));
    user_store_find(service->store, exchange->arena, exchange->request.identity.user, NULL,
        &flow->row, resend_found, flow);
}

/* ---- asking for a reset ---- */

/* Outlives its exchange: whether there is an account must not show, so nobody waits for the write.
 */
struct reset_request {
    struct user_service *service;
    struct arena *arena;
    struct user_row row;
    struct user_effects effects;
    struct outbox_item item;
    char mac[KEYRING_MAC_SIZE];
};

static void reset_request_done(struct reset_request *request)
{
    struct user_service *service = request->service;
    arena_free(request->arena);
    user_background_end(service);
}

static void reset_request_kept(void *ctx, int rc, const struct error *error)
{
    if (rc < 0)
        log_write(LOG_WARN, "user", NULL, "a password reset was not sent: %s", error->message);
    reset_request_done(ctx);
}

static void reset_request_found(void *ctx, int rc, const struct error *error)
{
    struct reset_request *request = ctx;
    struct user_service *service = request->service;
    if (rc < 0 && rc != ERROR_NOT_FOUND)
        log_write(LOG_WARN, "user", NULL, "a password reset was not sent: %s", error->message);
    if (rc < 0 || !user_mail_allowed(service, request->row.id, "password_reset")) {
        reset_request_done(request);
        return;
    }
    request->effects.items = &request->item;
    user_effects_mail(
        request->arena, &request->effects, &request->item, "password_reset", request->row.id);
    user_store_post(service->store, &request->effects, reset_request_kept, request);
}

void user_request_reset(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct error error = {0};
    const char *email = NULL;
    char mac[KEYRING_MAC_SIZE];
    CLEANUP_JSON json_t *body = NULL;
    if (http_json_body(exchange, &body) < 0)
        return;
    int rc = profile_get_email(exchange->arena, body, &email, &error);
    if (rc == 0)
        rc = profile_email_mac(service->keyring, email, mac, &error);
    if (rc < 0) {
        http_fail(exchange, &error);
        return;
    }
    struct arena *arena = arena_new();
    struct reset_request *request = arena_new_struct(arena, struct reset_request);
    request->service = service;
    request->arena = arena;
    memcpy(request->mac, mac, sizeof(mac));
    user_background_begin(service);
    http_reply_empty(exchange, 202);
    user_store_find(
        service->store, arena, NULL, request->mac, &request->row, reset_request_found, request);
}

/* ---- using a mail's token: look up, check, change; again when the account moved on ---- */

struct token_flow {
    struct flow flow; /* first */
    enum mail_token_kind kind;
    const char *token;
    char *password; /* with MAIL_TOKEN_RESET */
    bool hashed;
    char id[ID_SIZE];
};

static void token_look_up(struct token_flow *use);

static void token_fail(struct token_flow *use, const struct error *error)
{
    struct exchange *exchange = use->flow.exchange;
    if (strcmp(error->reason, "token_expired") == 0)
        http_problem(exchange, 410, "token_expired", "token", "%s", error->message);
    else
        http_fail(exchange, error);
}

static void token_used(void *ctx, int rc, const struct error *error)
{
    struct token_flow *use = ctx;
    if (rc == 0)
        http_reply_empty(use->flow.exchange, 204);
    else if (rc == ERROR_CONFLICT && ++use->flow.attempts < MAX_ATTEMPTS)
        token_look_up(use);
    else if (rc == ERROR_CONFLICT)
        user_reply_contended(use->flow.exchange);
    else
        http_fail(use->flow.exchange, error);
}

/* The change that the token is good for; false if it is in effect already. */
static bool token_change(struct token_flow *use, const char **changed)
{
    struct user_row *row = &use->flow.row;
    switch (use->kind) {
    case MAIL_TOKEN_VERIFY:
        *changed = "[\"email_verified\"]";
        if (row->email_verified)
            return false;
        row->email_verified = true;
        return true;
    case MAIL_TOKEN_UNSUBSCRIBE:
        *changed = "[\"marketing\"]";
        if (!row->marketing)
            return false;
        row->marketing = false;
        return true;
    default:
        /* Who read the mail has proved the address, too. */
        *changed = row->email_verified ? "[\"password\"]" : "[\"password\",\"email_verified\"]";
        row->email_verified = true;
        row->password = use->flow.password_job.hashed;
        use->flow.effects.end_sessions = true;
        return true;
    }
}

static void token_apply(struct flow *flow)
{
    struct token_flow *use = (struct token_flow *)flow;
    const char *changed = NULL;
    use->hashed = true;
    if (!token_change(use, &changed)) {
        http_reply_empty(flow->exchange, 204);
        return;
    }
    flow->effects.item_count = 0;
    user_effects_event(flow, "user.updated", changed, flow->row.version + 1);
    user_store_update(flow->service->store, &flow->row, &flow->effects, token_used, use);
}

static void token_account_found(void *ctx, int rc, const struct error *error)
{
    struct token_flow *use = ctx;
    struct flow *flow = &use->flow;
    if (rc == ERROR_NOT_FOUND) {
        rc = error_set(&flow->error, ERROR_INVALID, "token_invalid", "token",
            "this link is not valid, or was used already");
        error = &flow->error;
    } else if (rc == 0) {
        rc = mail_token_check(flow->service->keyring, use->kind, &flow->row, use->token,
            clock_now_ms(), &flow->error);
        error = &flow->error;
    }
    if (rc < 0)
        token_fail(use, error);
    else if (use->kind == MAIL_TOKEN_RESET && !use->hashed)
        user_flow_password(flow, PASSWORD_HASH, use->password, NULL, token_apply);
    else
        token_apply(flow);
}

static void token_look_up(struct token_flow *use)
{
    struct flow *flow = &use->flow;
    user_store_find(flow->service->store, flow->exchange->arena, use->id, NULL, &flow->row,
        token_account_found, use);
}

static void use_token(
    struct user_service *service, struct exchange *exchange, enum mail_token_kind kind)
{
    struct token_flow *use = user_flow_new(service, exchange, sizeof(*use));
    struct error *error = &use->flow.error;
    const char *token = NULL;
    CLEANUP_JSON json_t *body = NULL;
    use->kind = kind;
    if (user_flow_body(&use->flow, &body) < 0)
        return;
    int rc = profile_get_line(exchange->arena, body, "token", 512, &token, error);
    if (rc == 0 && kind == MAIL_TOKEN_RESET)
        rc = profile_get_password(exchange->arena, body, PASSWORD_MIN, &use->password, error);
    if (rc == 0)
        rc = mail_token_account(token, kind, use->id, error);
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    use->token = token;
    token_look_up(use);
}

void user_verify_email(void *ctx, struct exchange *exchange)
{
    use_token(ctx, exchange, MAIL_TOKEN_VERIFY);
}

void user_reset_password(void *ctx, struct exchange *exchange)
{
    use_token(ctx, exchange, MAIL_TOKEN_RESET);
}

void user_unsubscribe(void *ctx, struct exchange *exchange)
{
    use_token(ctx, exchange, MAIL_TOKEN_UNSUBSCRIBE);
}
