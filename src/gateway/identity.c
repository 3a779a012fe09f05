/*
 * Who asks. In order: the session (token -> cache -> user service), the guest cookie, a new guest
 * where a cart is to change, and, where a signed-in shopper still carries a guest cookie, the merge
 * of the two carts. Then the request proceeds.
 *
 * A guest id opens that guest's orders, so the cookie carries its MAC: ids are made to sort, not to
 * be secret.
 */
#include "clock.h"
#include "internal.h"
#include "sessions.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define SESSION_COOKIE "winestore_session"
#define GUEST_COOKIE "winestore_guest"
#define SESSION_SECONDS (30 * 24 * 3600)
#define GUEST_SECONDS (90 * 24 * 3600)
#define GUEST_MAC_DIGITS 32

/* ---- cookies ---- */

static const char *cookie_value(struct exchange *exchange, const char *name)
{
    const char *cookies = http_header(exchange, "Cookie");
    size_t length = strlen(name);
    while (cookies && *cookies) {
        cookies += strspn(cookies, "; ");
        size_t pair = strcspn(cookies, ";");
        if (pair > length && strncmp(cookies, name, length) == 0 && cookies[length] == '=')
            return arena_strndup(exchange->arena, cookies + length + 1, pair - length - 1);
        cookies += pair;
    }
    return NULL;
}

static void set_cookie(struct exchange *exchange, const char *name, const char *value, int seconds)
{
    bool secure = flow_of(exchange)->gateway->secure;
    http_set_header(exchange, "Set-Cookie",
        arena_printf(exchange->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", name,
            value, seconds, secure ? "; Secure" : ""));
}

static void guest_mac(struct gateway *gateway, const char *id, char mac[KEYRING_MAC_SIZE])
{
    mac[0] = '\0';
    keyring_mac(gateway->options.keyring, "guest cookie", id, strlen(id), mac, NULL);
    mac[GUEST_MAC_DIGITS] = '\0';
}

/* The id of a cookie we made, or NULL. */
static const char *guest_of_cookie(struct exchange *exchange)
{
    const char *cookie = cookie_value(exchange, GUEST_COOKIE);
    if (!cookie || strlen(cookie) != ID_LENGTH + 1 + GUEST_MAC_DIGITS || cookie[ID_LENGTH] != '.')
        return NULL;
    char mac[KEYRING_MAC_SIZE];
    const char *id = arena_strndup(exchange->arena, cookie, ID_LENGTH);
    guest_mac(flow_of(exchange)->gateway, id, mac);
    return id_valid(id) && secure_equal(cookie + ID_LENGTH + 1, mac) ? id : NULL;
}

void add_cookies(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    const char *guest = exchange->request.identity.guest;
    bool accepted = exchange->response.status >= 200 && exchange->response.status < 300;
    if (flow->guest_spent) {
        set_cookie(exchange, GUEST_COOKIE, "", 0);
    } else if (flow->guest_made && accepted) {
        char mac[KEYRING_MAC_SIZE];
        guest_mac(flow->gateway, guest, mac);
        set_cookie(exchange, GUEST_COOKIE, arena_printf(exchange->arena, "%s.%s", guest, mac),
            GUEST_SECONDS);
    }
}

/* ---- other sites' pages ---- */

bool same_origin(struct exchange *exchange)
{
    const struct gateway *gateway = flow_of(exchange)->gateway;
    const char *site = http_header(exchange, "Sec-Fetch-Site");
    const char *origin = http_header(exchange, "Origin");
    bool ok = true;
    if (site) {
        ok = strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    } else if (origin) {
        const char *host = http_header(exchange, "Host");
        const char *from = strstr(origin, "://");
        ok = from && (text_equal(from + 3, host) || text_equal(from + 3, gateway->host));
    }
    if (!ok)
        http_problem(exchange, 403, "cross_origin", NULL, "another site's page sent this request");
    return ok;
}

/* ---- carts ---- */

static void merged(void *ctx, int status, const char *body, size_t length)
{
    (void)body;
    (void)length;
    struct exchange *exchange = ctx;
    flow_of(exchange)->guest_spent = status == 200;
    proceed(exchange);
}

static void merge_carts(struct exchange *exchange, const char *guest, const char *user,
    void (*done)(void *, int, const char *, size_t))
{
    const char *body =
        arena_printf(exchange->arena, "{\"guest_id\":\"%s\",\"user_id\":\"%s\"}", guest, user);
    upstream_call(
        flow_of(exchange)->gateway->options.order, &(struct upstream_call){.method = HTTP_POST,
                                                       .path = "/internal/carts/merge",
                                                       .body = body,
                                                       .body_length = strlen(body),
                                                       .trace = &exchange->request.trace,
                                                       .done = done,
                                                       .ctx = exchange});
}

/* Who orders without ever having had a cart is nobody, not a new guest. */
static bool changes_cart(const struct http_request *request)
{
    return request->method != HTTP_GET && text_starts_with(request->path, "/api/v1/cart/");
}

static void find_guest(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    struct identity *identity = &exchange->request.identity;
    const char *guest = guest_of_cookie(exchange);
    if (guest) {
        flow->guest_cookie = true;
        snprintf(identity->guest, sizeof(identity->guest), "%s", guest);
        if (identity->role == ROLE_NONE)
            identity->role = ROLE_GUEST;
    } else if (identity->role == ROLE_NONE && changes_cart(&exchange->request)) {
        flow->guest_made = true;
        identity->role = ROLE_GUEST;
        id_new(identity->guest);
    }
    if (guest && identity->user[0] && flow->target.cart)
        merge_carts(exchange, identity->guest, identity->user, merged);
    else
        proceed(exchange);
}

/* ---- sessions ---- */

static void reply_unauthenticated(struct exchange *exchange)
{
    http_set_header(exchange, "WWW-Authenticate", "Bearer");
    http_problem(exchange, 401, "unauthenticated", NULL,
        "this session is unknown or has ended; sign in again");
}

/* An unknown cookie counts as none; an unknown bearer token is refused, but where one signs in. */
static void session_unknown(struct exchange *exchange)
{
    const struct flow *flow = flow_of(exchange);
    if (flow->bearer && !flow->target.welcoming)
        reply_unauthenticated(exchange);
    else
        find_guest(exchange);
}

static int read_session(
    const char *body, size_t length, struct identity *identity, int64_t *lifetime_ms)
{
    CLEANUP_JSON json_t *session = NULL;
    int64_t expires;
    bool verified = false;
    if (json_read_object(body, length, &session, NULL) < 0)
        return ERROR_INTERNAL;
    if (clock_parse(json_text_or(session, "expires_at", ""), &expires) < 0)
        return ERROR_INTERNAL;
    json_find_bool(session, "email_verified", &verified, NULL);
    snprintf(identity->user, sizeof(identity->user), "%s", json_text_or(session, "user_id", ""));
    bool admin = text_equal(json_text_or(session, "role", ""), "admin");
    identity->role = admin ? ROLE_ADMIN : ROLE_CUSTOMER;
    identity->email_verified = verified;
    *lifetime_ms = expires - clock_now_ms();
    return id_valid(identity->user) ? 0 : ERROR_INTERNAL;
}

static void session_hash(const struct flow *flow, char hash[SECURE_SHA256_HEX_SIZE])
{
    secure_sha256_hex(flow->token, strlen(flow->token), hash);
}

static void session_answered(void *ctx, int status, const char *body, size_t length)
{
    struct exchange *exchange = ctx;
    struct flow *flow = flow_of(exchange);
    int64_t lifetime = 0;
    if (status == 404) {
        session_unknown(exchange);
    } else if (status != 200 ||
               read_session(body, length, &exchange->request.identity, &lifetime) < 0) {
        exchange->request.identity = (struct identity){0};
        http_set_header(exchange, "Retry-After", "1");
        http_problem(exchange, 503, "unavailable", NULL, "sessions cannot be checked just now");
    } else {
        char hash[SECURE_SHA256_HEX_SIZE];
        session_hash(flow, hash);
        sessions_put(flow->gateway->sessions, hash, &exchange->request.identity, lifetime);
        find_guest(exchange);
    }
}

static void find_token(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    const char *authorization = http_header(exchange, "Authorization");
    if (authorization) {
        flow->bearer = true;
        flow->token = strncasecmp(authorization, "Bearer ", 7) == 0
                          ? authorization + 7 + strspn(authorization + 7, " ")
                          : "";
    } else {
        flow->token = cookie_value(exchange, SESSION_COOKIE);
    }
}

void identify(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    find_token(exchange);
    if (!flow->token) {
        find_guest(exchange);
        return;
    }
    if (strlen(flow->token) != SECURE_TOKEN_SIZE - 1) {
        session_unknown(exchange);
        return;
    }
    char hash[SECURE_SHA256_HEX_SIZE];
    session_hash(flow, hash);
    if (sessions_get(flow->gateway->sessions, hash, &exchange->request.identity)) {
        find_guest(exchange);
        return;
    }
    char path[128];
    snprintf(path, sizeof(path), "/internal/sessions/%s", hash);
    upstream_call(flow->gateway->options.user, &(struct upstream_call){.method = HTTP_GET,
                                                   .path = path,
                                                   .trace = &exchange->request.trace,
                                                   .done = session_answered,
                                                   .ctx = exchange});
}

/* ---- when sessions begin and end ---- */

static void merged_at_sign_in(void *ctx, int status, const char *body, size_t length)
{
    (void)body;
    (void)length;
    struct exchange *exchange = ctx;
    flow_of(exchange)->guest_spent = status == 200;
    exchange->ops->replied(exchange);
}

/* The guest's cart goes to whoever signs in. If it cannot just now the cookie stays, and the next
 * request that looks at a cart tries again. */
bool session_before_reply(struct exchange *exchange)
{
    const struct http_response *response = &exchange->response;
    CLEANUP_JSON json_t *session = NULL;
    if (response->status != 201 ||
        json_read_object(response->body, response->body_length, &session, NULL) < 0)
        return false;
    const char *token = json_text_or(session, "token", "");
    set_cookie(exchange, SESSION_COOKIE, arena_strdup(exchange->arena, token), SESSION_SECONDS);
    const char *user = json_text_or(json_object_get(session, "user"), "id", "");
    if (!flow_of(exchange)->guest_cookie || !id_valid(user))
        return false;
    merge_carts(exchange, exchange->request.identity.guest, user, merged_at_sign_in);
    return true;
}

bool session_end_before_reply(struct exchange *exchange)
{
    const struct flow *flow = flow_of(exchange);
    if (exchange->response.status != 204)
        return false;
    if (flow->token) {
        char hash[SECURE_SHA256_HEX_SIZE];
        session_hash(flow, hash);
        sessions_drop(flow->gateway->sessions, hash);
    }
    set_cookie(exchange, SESSION_COOKIE, "", 0);
    return false;
}
