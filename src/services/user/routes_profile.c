/* The shopper's own profile: reading, changing, erasing, exporting it. */
#include "service.h"

#include "arena.h"
#include "text.h"

#include <string.h>

/* ---- reading ---- */

/* Opens the profile of the row just found; on failure the reply is made. The session's cached
 * identity may outlive the account by seconds: then nobody is signed in. */
static bool opened(struct flow *flow, int rc, const struct error *error)
{
    if (rc == ERROR_NOT_FOUND) {
        user_reply_unauthenticated(flow->exchange);
        return false;
    }
    if (rc == 0) {
        error = &flow->error;
        rc = profile_open_user(flow->service->keyring, flow->exchange->arena, &flow->row,
            &flow->profile, &flow->error);
    }
    if (rc < 0)
        http_fail(flow->exchange, error);
    return rc == 0;
}

static void me_found(void *ctx, int rc, const struct error *error)
{
    struct flow *flow = ctx;
    if (opened(flow, rc, error))
        user_reply_profile(flow, 200);
}

void user_get_me(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    struct flow *flow = user_flow_new(service, exchange, sizeof(*flow));
    user_store_find(service->store, exchange->arena, exchange->request.identity.user, NULL,
        &flow->row, me_found, flow);
}

/* ---- changing ---- */

struct patch_flow {
    struct flow flow;      /* first */
    struct profile wanted; /* NULL where nothing is to change */
    bool has_marketing, marketing;
};

static void patch_look_up(struct patch_flow *patch);

static void patch_kept(void *ctx, int rc, const struct error *error)
{
    struct patch_flow *patch = ctx;
    struct flow *flow = &patch->flow;
    if (rc == 0)
        user_reply_profile(flow, 200);
    else if (rc != ERROR_CONFLICT || strcmp(error->reason, "email_taken") == 0)
        http_fail(flow->exchange, error);
    else if (++flow->attempts < MAX_ATTEMPTS)
        patch_look_up(patch);
    else
        user_reply_contended(flow->exchange);
}

/* Puts the wanted fields over the present ones; the JSON array of those that change. */
static const char *patch_apply(struct patch_flow *patch, bool *new_address)
{
    struct flow *flow = &patch->flow;
    struct profile *profile = &flow->profile;
    const struct profile *wanted = &patch->wanted;
    CLEANUP_BUFFER struct buffer changed = BUFFER_INIT;
    char mac[KEYRING_MAC_SIZE];
    buffer_append_char(&changed, '[');
    if (wanted->name && !text_equal(wanted->name, profile->name)) {
        profile->name = wanted->name;
        buffer_append_text(&changed, ",\"name\"");
    }
    if (wanted->birth_date && !text_equal(wanted->birth_date, profile->birth_date)) {
        profile->birth_date = wanted->birth_date;
        buffer_append_text(&changed, ",\"birth_date\"");
    }
    if (wanted->email && !text_equal(wanted->email, profile->email)) {
        profile->email = wanted->email;
        buffer_append_text(&changed, ",\"email\"");
        /* Another spelling of the same address stays proved. */
        *new_address =
            profile_email_mac(flow->service->keyring, wanted->email, mac, &flow->error) < 0 ||
            strcmp(mac, flow->row.email_mac) != 0;
    }
    if (patch->has_marketing && patch->marketing != flow->row.marketing) {
        flow->row.marketing = patch->marketing;
        buffer_append_text(&changed, ",\"marketing\"");
    }
    if (changed.length == 1)
        return NULL;
    if (*new_address && flow->row.email_verified) {
        flow->row.email_verified = false;
        buffer_append_text(&changed, ",\"email_verified\"");
    }
    buffer_append_char(&changed, ']');
    /* "[,"x"]": the first comma is one too many. */
    changed.data[1] = '[';
    return arena_strdup(flow->exchange->arena, changed.data + 1);
}

static void patch_found(void *ctx, int rc, const struct error *error)
{
    struct patch_flow *patch = ctx;
    struct flow *flow = &patch->flow;
    struct user_service *service = flow->service;
    struct arena *arena = flow->exchange->arena;
    bool new_address = false;
    if (!opened(flow, rc, error))
        return;
    const char *changed = patch_apply(patch, &new_address);
    if (!changed) {
        user_reply_profile(flow, 200);
        return;
    }
    if (profile_seal_user(service->keyring, arena, &flow->profile, &flow->row, &flow->error) < 0) {
        http_fail(flow->exchange, &flow->error);
        return;
    }
    flow->effects.item_count = 0;
    user_effects_event(flow, "user.updated", changed, flow->row.version + 1);
    if (new_address)
        user_effects_mail(arena, &flow->effects, flow->items, "verify_email", flow->row.id);
    user_store_update(service->store, &flow->row, &flow->effects, patch_kept, patch);
}

static void patch_look_up(struct patch_flow *patch)
{
    struct exchange *exchange = patch->flow.exchange;
    user_store_find(patch->flow.service->store, exchange->arena, exchange->request.identity.user,
        NULL, &patch->flow.row, patch_found, patch);
}

static bool given(const json_t *body, const char *field)
{
    const json_t *value = json_object_get(body, field);
    return value && !json_is_null(value);
}

static int read_patch(struct patch_flow *patch, const json_t *body)
{
    struct arena *arena = patch->flow.exchange->arena;
    struct profile *wanted = &patch->wanted;
    struct error *error = &patch->flow.error;
    int rc = 0;
    if (given(body, "name"))
        rc = profile_get_line(arena, body, "name", 100, &wanted->name, error);
    if (rc == 0 && given(body, "birth_date"))
        rc = profile_get_birth_date(arena, body, clock_now_ms(), &wanted->birth_date, error);
    if (rc == 0 && given(body, "email"))
        rc = profile_get_email(arena, body, &wanted->email, error);
    if (rc == 0 && given(body, "marketing")) {
        patch->has_marketing = true;
        rc = json_find_bool(body, "marketing", &patch->marketing, error);
    }
    if (rc == 0 && !wanted->name && !wanted->birth_date && !wanted->email && !patch->has_marketing)
        rc = error_set(error, ERROR_INVALID, NULL, NULL,
            "nothing to change: give name, birth_date, email or marketing");
    return rc;
}

void user_patch_me(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    struct patch_flow *patch = user_flow_new(service, exchange, sizeof(*patch));
    CLEANUP_JSON json_t *body = NULL;
    if (user_flow_body(&patch->flow, &body) < 0)
        return;
    if (read_patch(patch, body) < 0)
        http_fail(exchange, &patch->flow.error);
    else
        patch_look_up(patch);
}

/* ---- erasing: look up, check the password, erase ---- */

struct erase_flow {
    struct flow flow; /* first */
    char *password;
    bool confirmed;
};

static void erase_look_up(struct erase_flow *erase);

static void erased(void *ctx, int rc, const struct error *error)
{
    struct erase_flow *erase = ctx;
    struct flow *flow = &erase->flow;
    if (rc == 0) {
        user_count(flow->service->erased);
        http_reply_empty(flow->exchange, 204);
    } else if (rc == ERROR_CONFLICT && ++flow->attempts < MAX_ATTEMPTS) {
        erase_look_up(erase);
    } else if (rc == ERROR_CONFLICT) {
        user_reply_contended(flow->exchange);
    } else {
        http_fail(flow->exchange, error);
    }
}

static void erase_now(struct flow *flow)
{
    flow->effects.item_count = 0;
    user_effects_event(flow, "user.erased", NULL, flow->row.version + 1);
    user_store_erase(flow->service->store, &flow->row, &flow->effects, erased, flow);
}

static void erase_checked(struct flow *flow)
{
    struct erase_flow *erase = (struct erase_flow *)flow;
    if (!flow->password_job.matches) {
        http_problem(flow->exchange, 403, "wrong_password", "password", "is wrong");
        return;
    }
    limiter_forget(flow->service->sign_ins, flow->row.id);
    erase->confirmed = true;
    erase_now(flow);
}

static void erase_found(void *ctx, int rc, const struct error *error)
{
    struct erase_flow *erase = ctx;
    struct flow *flow = &erase->flow;
    if (rc == ERROR_NOT_FOUND)
        user_reply_unauthenticated(flow->exchange);
    else if (rc < 0)
        http_fail(flow->exchange, error);
    else if (erase->confirmed)
        erase_now(flow);
    else
        user_flow_password(
            flow, PASSWORD_VERIFY, erase->password, flow->row.password, erase_checked);
}

static void erase_look_up(struct erase_flow *erase)
{
    struct exchange *exchange = erase->flow.exchange;
    user_store_find(erase->flow.service->store, exchange->arena, exchange->request.identity.user,
        NULL, &erase->flow.row, erase_found, erase);
}

void user_erase_me(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    struct erase_flow *erase = user_flow_new(service, exchange, sizeof(*erase));
    CLEANUP_JSON json_t *body = NULL;
    if (user_flow_body(&erase->flow, &body) < 0)
        return;
    if (profile_get_password(
            exchange->arena, body, /* min= */ 1, &erase->password, &erase->flow.error) < 0) {
        http_fail(exchange, &erase->flow.error);
        return;
    }
    int64_t wait = service->unlimited ? 0
                                      : limiter_take(service->sign_ins,
                                            exchange->request.identity.user, clock_monotonic_ms());
    if (wait > 0)
        user_reply_limited(exchange, wait);
    else
        erase_look_up(erase);
}

/* ---- this service's part of the export ---- */

struct export_flow {
    struct flow flow; /* first */
    struct address_list list;
};

static void export_addresses(void *ctx, int rc, const struct error *error)
{
    struct export_flow *export = ctx;
    struct flow *flow = &export->flow;
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"user\":");
    profile_append_user(&body, &flow->row, &flow->profile);
    buffer_append_text(&body, ",\"addresses\":");
    if (rc == 0) {
        error = &flow->error;
        rc = user_append_addresses(
            flow->service, flow->exchange->arena, &flow->row, &export->list, &body, &flow->error);
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

static void export_found(void *ctx, int rc, const struct error *error)
{
    struct export_flow *export = ctx;
    struct flow *flow = &export->flow;
    if (opened(flow, rc, error))
        user_store_list_addresses(flow->service->store, flow->exchange->arena, flow->row.id,
            &export->list, export_addresses, export);
}

void user_export(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    struct export_flow *export = user_flow_new(service, exchange, sizeof(*export));
    user_store_find(service->store, exchange->arena, exchange->request.identity.user, NULL,
        &export->flow.row, export_found, export);
}
