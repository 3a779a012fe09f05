/* What other services ask, and the back office's list of customers. */
#include "service.h"

#include "arena.h"
#include "text.h"

#include <string.h>

#define MAX_IDS 100

/* ---- a shopper ---- */

static void append_person(struct buffer *body, const char *id, const struct profile *profile,
    const char *role, bool verified, bool marketing, const char *data_key)
{
    buffer_reserve(body, 512);
    buffer_append_text(body, "{\"id\":\"");
    buffer_append_text(body, id);
    buffer_append_text(body, "\",\"name\":");
    buffer_append_json(body, profile->name);
    buffer_append_text(body, ",\"email\":");
    buffer_append_json(body, profile->email);
    buffer_append_text(body, ",\"birth_date\":");
    buffer_append_json(body, profile->birth_date);
    buffer_append_text(body, ",\"email_verified\":");
    buffer_append_text(body, verified ? "true" : "false");
    buffer_append_text(body, ",\"role\":\"");
    buffer_append_text(body, role);
    buffer_append_text(body, "\",\"marketing\":");
    buffer_append_text(body, marketing ? "true" : "false");
    buffer_append_text(body, ",\"data_key\":\"");
    buffer_append_text(body, data_key);
    buffer_append_text(body, "\"}");
}

static void user_found(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    if (rc == 0) {
        error = &flow->error;
        rc = profile_open_user(flow->service->keyring, flow->exchange->arena, &flow->row,
            &flow->profile, &flow->error);
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    struct buffer body = BUFFER_INIT;
    append_person(&body, flow->row.id, &flow->profile, user_role_name(&flow->row),
        flow->row.email_verified, flow->row.marketing, flow->row.data_key);
    http_reply_json(flow->exchange, 200, &body);
}

void user_get(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct flow *flow = user_flow_new(service, exchange, sizeof(*flow));
    user_store_find(service->store, exchange->arena, exchange->request.params[0], NULL, &flow->row,
        user_found, flow);
}

/* ---- first names ---- */

struct list_flow {
    struct user_service *service;
    struct exchange *exchange;
    struct user_query query;
    struct user_list list;
    struct user_row single;
    const char *ids[MAX_IDS];
    char mac[KEYRING_MAC_SIZE];
};

static void names_found(void *ctx, int rc, const struct error *error)
{
    struct list_flow *flow = ctx;
    struct arena *arena = flow->exchange->arena;
    struct error problem = {0};
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; rc == 0 && i < flow->list.count; i++) {
        struct profile profile;
        error = &problem;
        rc = profile_open_user(
            flow->service->keyring, arena, &flow->list.rows[i], &profile, &problem);
        if (rc < 0)
            break;
        buffer_printf(
            &body, "%s{\"id\":\"%s\",\"first_name\":", i ? "," : "", flow->list.rows[i].id);
        buffer_append_json(&body, profile_first_name(arena, profile.name));
        buffer_append_char(&body, '}');
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    buffer_append_text(&body, "]}");
    http_reply_json(flow->exchange, 200, &body);
}

void user_first_names(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct list_flow *flow = arena_new_struct(exchange->arena, struct list_flow);
    flow->service = service;
    flow->exchange = exchange;
    const char *ids = http_query(exchange, "ids");
    flow->query.ids = flow->ids;
    flow->query.id_count = ids ? text_split(exchange->arena, ids, ',', flow->ids, MAX_IDS) : 0;
    user_store_list(service->store, exchange->arena, &flow->query, &flow->list, names_found, flow);
}

/* ---- tokens for mails ---- */

struct mail_token_flow {
    struct flow flow; /* first */
    enum mail_token_kind kind;
    const char *nonce;
};

static void token_owner_found(void *ctx, int rc, const struct error *error)
{
    struct mail_token_flow *make = ctx;
    struct flow *flow = &make->flow;
    char token[MAIL_TOKEN_SIZE], expires[CLOCK_TEXT_SIZE];
    int64_t expires_ms = 0;
    if (rc == 0) {
        error = &flow->error;
        rc = mail_token_make(flow->service->keyring, make->kind, &flow->row, make->nonce,
            clock_now_ms(), token, &expires_ms, &flow->error);
    }
    if (rc < 0 && strcmp(error->reason, "token_expired") == 0) {
        http_problem(flow->exchange, 410, "token_expired", "nonce", "%s", error->message);
    } else if (rc < 0) {
        http_fail(flow->exchange, error);
    } else {
        struct buffer body = BUFFER_INIT;
        buffer_printf(&body, "{\"token\":\"%s\",\"expires_at\":\"%s\"}", token,
            clock_format(expires_ms, expires));
        http_reply_json(flow->exchange, 200, &body);
    }
}

void user_make_mail_token(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct mail_token_flow *make = user_flow_new(service, exchange, sizeof(*make));
    make->nonce = http_query(exchange, "nonce");
    if (!make->nonce || mail_token_kind_parse(http_query(exchange, "kind"), &make->kind) < 0) {
        http_problem(exchange, 404, "not_found", NULL, "no such kind of token");
        return;
    }
    user_store_find(service->store, exchange->arena, exchange->request.params[0], NULL,
        &make->flow.row, token_owner_found, make);
}

/* ---- guests ---- */

struct guest_flow {
    struct user_service *service;
    struct exchange *exchange;
    struct guest_row row;
    struct profile profile; /* as it is to be */
    struct error error;
    int attempts;
};

static void reply_guest(struct guest_flow *flow, const struct profile *profile)
{
    struct buffer body = BUFFER_INIT;
    append_person(&body, flow->row.id, profile, "guest", /* verified= */ false,
        /* marketing= */ false, flow->row.data_key);
    http_reply_json(flow->exchange, 200, &body);
}

static void guest_found(void *ctx, int rc, const struct error *error)
{
    struct guest_flow *flow = ctx;
    struct profile profile;
    if (rc == 0) {
        error = &flow->error;
        rc = profile_open_guest(
            flow->service->keyring, flow->exchange->arena, &flow->row, &profile, &flow->error);
    }
    if (rc < 0)
        http_fail(flow->exchange, error);
    else
        reply_guest(flow, &profile);
}

void user_get_guest(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct guest_flow *flow = arena_new_struct(exchange->arena, struct guest_flow);
    flow->service = service;
    flow->exchange = exchange;
    user_store_find_guest(service->store, exchange->arena, exchange->request.params[0], &flow->row,
        guest_found, flow);
}

static void guest_look_up(struct guest_flow *flow);

static void guest_kept(void *ctx, int rc, const struct error *error)
{
    struct guest_flow *flow = ctx;
    if (rc == 0)
        reply_guest(flow, &flow->profile);
    else if (rc == ERROR_CONFLICT && ++flow->attempts < MAX_ATTEMPTS)
        guest_look_up(flow); /* made by another request meanwhile: take over its key */
    else
        http_fail(flow->exchange, error);
}

static bool same_person(const struct profile *a, const struct profile *b)
{
    return text_equal(a->name, b->name) && text_equal(a->email, b->email) &&
           text_equal(a->birth_date, b->birth_date);
}

/* Most guests order again with what is kept already: then nothing is written. */
static void guest_looked_up(void *ctx, int rc, const struct error *error)
{
    struct guest_flow *flow = ctx;
    struct user_service *service = flow->service;
    struct arena *arena = flow->exchange->arena;
    bool known = rc == 0;
    struct profile kept = {0};
    if (rc == ERROR_NOT_FOUND) {
        rc = 0;
        memcpy(flow->row.id, flow->exchange->request.params[0], ID_SIZE);
        flow->row.created_ms = clock_now_ms();
    } else if (rc == 0) {
        error = &flow->error;
        rc = profile_open_guest(service->keyring, arena, &flow->row, &kept, &flow->error);
    }
    if (rc == 0 && known && same_person(&kept, &flow->profile)) {
        reply_guest(flow, &kept);
        return;
    }
    if (rc == 0) {
        error = &flow->error;
        rc = profile_seal_guest(service->keyring, arena, &flow->profile, &flow->row, &flow->error);
    }
    if (rc < 0)
        http_fail(flow->exchange, error);
    else
        user_store_put_guest(service->store, &flow->row, known, guest_kept, flow);
}

static void guest_look_up(struct guest_flow *flow)
{
    flow->row = (struct guest_row){0};
    user_store_find_guest(flow->service->store, flow->exchange->arena,
        flow->exchange->request.params[0], &flow->row, guest_looked_up, flow);
}

void user_put_guest(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    struct arena *arena = exchange->arena;
    struct guest_flow *flow = arena_new_struct(arena, struct guest_flow);
    struct profile *profile = &flow->profile;
    flow->service = service;
    flow->exchange = exchange;
    CLEANUP_JSON json_t *body = NULL;
    if (!id_valid(exchange->request.params[0])) {
        http_problem(exchange, 422, "invalid_field", "guest_id", "must be a ULID");
        return;
    }
    if (http_json_body(exchange, &body) < 0)
        return;
    int rc = profile_get_email(arena, body, &profile->email, &flow->error);
    if (rc == 0)
        rc = profile_get_line(arena, body, "name", 100, &profile->name, &flow->error);
    if (rc == 0)
        rc =
            profile_get_birth_date(arena, body, clock_now_ms(), &profile->birth_date, &flow->error);
    if (rc < 0)
        http_fail(exchange, &flow->error);
    else
        guest_look_up(flow);
}

/* ---- the back office's customers ---- */

static void customers_found(void *ctx, int rc, const struct error *error)
{
    struct list_flow *flow = ctx;
    struct arena *arena = flow->exchange->arena;
    struct error problem = {0};
    size_t limit = (size_t)flow->query.limit - 1, count = flow->list.count;
    size_t shown = count > limit ? limit : count;
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; rc == 0 && i < shown; i++) {
        struct profile profile;
        error = &problem;
        rc = profile_open_user(
            flow->service->keyring, arena, &flow->list.rows[i], &profile, &problem);
        if (rc < 0)
            break;
        if (i)
            buffer_append_char(&body, ',');
        profile_append_user(&body, &flow->list.rows[i], &profile);
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    buffer_append_text(&body, "],\"next_cursor\":");
    buffer_append_json(&body, count > limit ? flow->list.rows[shown - 1].id : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

static void customer_found(void *ctx, int rc, const struct error *error)
{
    struct list_flow *flow = ctx;
    if (rc == 0)
        flow->list = (struct user_list){&flow->single, 1};
    customers_found(flow, rc == ERROR_NOT_FOUND ? 0 : rc, error);
}

void user_list_customers(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in_admin(exchange))
        return;
    struct list_flow *flow = arena_new_struct(exchange->arena, struct list_flow);
    struct error error = {0};
    int64_t limit = 20;
    flow->service = service;
    flow->exchange = exchange;
    int rc = http_query_int(exchange, "limit", 1, 100, &limit, &error);
    flow->query.limit = (int)limit + 1; /* one more tells whether there is a next page */
    flow->query.before = http_query(exchange, "cursor");
    const char *q = http_query(exchange, "q");
    q = q ? text_trim(exchange->arena, q) : "";
    if (rc == 0 && flow->query.before && !id_valid(flow->query.before))
        rc = error_set(
            &error, ERROR_INVALID, "malformed_parameter", "cursor", "is not a cursor of this list");
    if (rc == 0 && !id_valid(q) && *q)
        rc = profile_email_mac(service->keyring, q, flow->mac, &error);
    if (rc < 0) {
        if (text_equal(error.field, "email"))
            error_set(
                &error, ERROR_INVALID, NULL, "q", "must have at most %d characters", EMAIL_MAX);
        http_fail(exchange, &error);
    } else if (*q) {
        user_store_find(service->store, exchange->arena, id_valid(q) ? q : NULL,
            id_valid(q) ? NULL : flow->mac, &flow->single, customer_found, flow);
    } else {
        user_store_list(
            service->store, exchange->arena, &flow->query, &flow->list, customers_found, flow);
    }
}
