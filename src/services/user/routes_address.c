/* The shopper's addresses: each a sealed JSON document, served with its id spliced in. */
#include "service.h"

#include "arena.h"
#include "sealed.h"

#include <stdio.h>
#include <string.h>

/* The stored document, sealed: the Address of the contract. */
static const char *address_context(struct arena *arena, const char *id)
{
    return field_context(arena, OWNER_USER, "address", id);
}

static void append_address(struct buffer *out, const char *id, bool preferred, const char *document)
{
    buffer_printf(out, "{\"id\":\"%s\",\"default\":%s,", id, preferred ? "true" : "false");
    buffer_append_text(out, document + 1);
}

int user_append_addresses(struct user_service *service, struct arena *arena,
    const struct user_row *row, const struct address_list *list, struct buffer *out,
    struct error *error)
{
    CLEANUP_DATA_KEY struct data_key key;
    int rc = owner_unwrap(service->keyring, arena, OWNER_USER, row->id, row->data_key, &key, error);
    buffer_append_char(out, '[');
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        const struct address_row *address = &list->rows[i];
        char *document = NULL;
        rc = sealed_open_text(
            arena, &key, address_context(arena, address->id), address->data, &document, error);
        if (rc < 0)
            return error_set(
                error, ERROR_INTERNAL, NULL, NULL, "address %s cannot be read", address->id);
        if (i)
            buffer_append_char(out, ',');
        append_address(out, address->id, address->preferred, document);
    }
    buffer_append_char(out, ']');
    return rc;
}

/* ---- listing ---- */

struct address_flow {
    struct flow flow; /* first */
    struct address_list list;
    struct address_row row;
    const char *document;
    bool replace;
};

static void reply_list(void *ctx, int rc, const struct error *error)
{
    struct address_flow *address = ctx;
    struct flow *flow = &address->flow;
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":");
    if (rc == 0) {
        error = &flow->error;
        rc = user_append_addresses(
            flow->service, flow->exchange->arena, &flow->row, &address->list, &body, &flow->error);
    }
    if (rc < 0) {
        http_fail(flow->exchange, error);
        return;
    }
    buffer_append_char(&body, '}');
    http_reply_json(flow->exchange, 200, &body);
}

/* Looks the account up for its key; a session that outlived it is refused. */
static bool owner_found(struct flow *flow, int rc, const struct error *error)
{
    if (rc == ERROR_NOT_FOUND)
        user_reply_unauthenticated(flow->exchange);
    else if (rc < 0)
        http_fail(flow->exchange, error);
    return rc == 0;
}

static void list_owner_found(void *ctx, int rc, const struct error *error)
{
    struct address_flow *address = ctx;
    struct flow *flow = &address->flow;
    if (owner_found(flow, rc, error))
        user_store_list_addresses(flow->service->store, flow->exchange->arena, flow->row.id,
            &address->list, reply_list, address);
}

void user_list_addresses(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (!user_signed_in(exchange))
        return;
    struct address_flow *address = user_flow_new(service, exchange, sizeof(*address));
    user_store_find(service->store, exchange->arena, exchange->request.identity.user, NULL,
        &address->flow.row, list_owner_found, address);
}

/* ---- adding and replacing ---- */

static void append_member(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, "%s\"%s\":", out->length > 1 ? "," : "", name);
    buffer_append_json(out, value);
}

static int get_country(
    struct arena *arena, const json_t *body, const char **value, struct error *error)
{
    const char *country = NULL;
    int rc = profile_get_line(arena, body, "country", 100, &country, error);
    if (rc < 0)
        return rc;
    bool upper = strlen(country) == 2;
    for (int i = 0; upper && i < 2; i++)
        upper = country[i] >= 'A' && country[i] <= 'Z';
    if (!upper)
        return error_set(error, ERROR_INVALID, NULL, "country",
            "must be the two capital letters of a country, such as US");
    *value = country;
    return 0;
}

/* Checks the address and writes its document. */
static int read_address(struct address_flow *address, const json_t *body)
{
    struct arena *arena = address->flow.exchange->arena;
    struct error *error = &address->flow.error;
    const char *name = NULL, *line1 = NULL, *line2 = NULL, *city = NULL, *region = NULL;
    const char *postal_code = NULL, *country = NULL;
    int rc = profile_get_line(arena, body, "name", 100, &name, error);
    if (rc == 0)
        rc = profile_get_line(arena, body, "line1", 200, &line1, error);
    if (rc == 0)
        rc = profile_find_line(arena, body, "line2", 200, &line2, error);
    if (rc == 0)
        rc = profile_get_line(arena, body, "city", 100, &city, error);
    if (rc == 0)
        rc = profile_find_line(arena, body, "region", 100, &region, error);
    if (rc == 0)
        rc = profile_get_line(arena, body, "postal_code", 20, &postal_code, error);
    if (rc == 0)
        rc = get_country(arena, body, &country, error);
    if (rc == 0)
        rc = json_find_bool(body, "default", &address->row.preferred, error);
    if (rc < 0)
        return rc;
    CLEANUP_BUFFER struct buffer document = BUFFER_INIT;
    buffer_append_char(&document, '{');
    append_member(&document, "name", name);
    append_member(&document, "line1", line1);
    append_member(&document, "line2", line2);
    append_member(&document, "city", city);
    append_member(&document, "region", region);
    append_member(&document, "postal_code", postal_code);
    append_member(&document, "country", country);
    buffer_append_char(&document, '}');
    address->document = arena_strndup(arena, document.data, document.length);
    return 0;
}

/* Answers what the store made of it: the first address is preferred unasked. */
static void put_listed(void *ctx, int rc, const struct error *error)
{
    struct address_flow *address = ctx;
    struct exchange *exchange = address->flow.exchange;
    if (rc < 0) {
        http_fail(exchange, error);
        return;
    }
    bool preferred = address->row.preferred;
    for (size_t i = 0; i < address->list.count; i++) {
        if (strcmp(address->list.rows[i].id, address->row.id) == 0)
            preferred = address->list.rows[i].preferred;
    }
    if (!address->replace)
        http_set_header(exchange, "Location",
            arena_printf(exchange->arena, "/api/v1/me/addresses/%s", address->row.id));
    struct buffer body = BUFFER_INIT;
    append_address(&body, address->row.id, preferred, address->document);
    http_reply_json(exchange, address->replace ? 200 : 201, &body);
}

static void address_kept(void *ctx, int rc, const struct error *error)
{
    struct address_flow *address = ctx;
    struct flow *flow = &address->flow;
    if (rc < 0)
        http_fail(flow->exchange, error);
    else
        user_store_list_addresses(flow->service->store, flow->exchange->arena, flow->row.id,
            &address->list, put_listed, address);
}

static void put_owner_found(void *ctx, int rc, const struct error *error)
{
    struct address_flow *address = ctx;
    struct flow *flow = &address->flow;
    struct arena *arena = flow->exchange->arena;
    struct address_row *row = &address->row;
    CLEANUP_DATA_KEY struct data_key key;
    if (!owner_found(flow, rc, error))
        return;
    if (owner_unwrap(flow->service->keyring, arena, OWNER_USER, flow->row.id, flow->row.data_key,
            &key, &flow->error) < 0) {
        http_fail(flow->exchange, &flow->error);
        return;
    }
    snprintf(row->user_id, sizeof(row->user_id), "%s", flow->row.id);
    row->data = sealed_seal_text(arena, &key, address_context(arena, row->id), address->document);
    row->created_ms = clock_now_ms();
    user_store_put_address(flow->service->store, row, address->replace, address_kept, address);
}

static void put_address(struct user_service *service, struct exchange *exchange, bool replace)
{
    if (!user_signed_in(exchange))
        return;
    struct address_flow *address = user_flow_new(service, exchange, sizeof(*address));
    CLEANUP_JSON json_t *body = NULL;
    address->replace = replace;
    if (user_flow_body(&address->flow, &body) < 0)
        return;
    if (read_address(address, body) < 0) {
        http_fail(exchange, &address->flow.error);
        return;
    }
    if (replace)
        snprintf(address->row.id, ID_SIZE, "%s", exchange->request.params[0]);
    else
        id_new(address->row.id);
    user_store_find(service->store, exchange->arena, exchange->request.identity.user, NULL,
        &address->flow.row, put_owner_found, address);
}

void user_add_address(void *ctx, struct exchange *exchange)
{
    put_address(ctx, exchange, /* replace= */ false);
}

void user_replace_address(void *ctx, struct exchange *exchange)
{
    put_address(ctx, exchange, /* replace= */ true);
}

/* ---- deleting ---- */

static void address_dropped(void *ctx, int rc, const struct error *error)
{
    if (rc < 0)
        http_fail(ctx, error);
    else
        http_reply_empty(ctx, 204);
}

void user_delete_address(void *ctx, struct exchange *exchange)
{
    struct user_service *service = ctx;
    if (user_signed_in(exchange))
        user_store_drop_address(service->store, exchange->request.identity.user,
            exchange->request.params[0], address_dropped, exchange);
}
