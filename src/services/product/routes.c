/* The table of paths, and what their handlers share. */
#include "routes.h"

#include "service.h"
#include "text.h"

#include <string.h>

const struct route product_routes[] = {
    {HTTP_GET, "/api/v1/wines", route_list_wines},
    {HTTP_GET, "/api/v1/wines/suggest", route_suggest},
    {HTTP_GET, "/api/v1/wines/{id}", route_get_wine},
    {HTTP_GET, "/api/v1/wines/{id}/vintages", route_vintages},
    {HTTP_GET, "/api/v1/wines/{id}/ratings", route_list_ratings},
    {HTTP_POST, "/api/v1/wines/{id}/ratings", route_rate},
    {HTTP_GET, "/api/v1/admin/wines", route_admin_list},
    {HTTP_POST, "/api/v1/admin/wines", route_admin_create},
    {HTTP_GET, "/api/v1/admin/wines/{id}", route_admin_get},
    {HTTP_PUT, "/api/v1/admin/wines/{id}", route_admin_replace},
    {HTTP_DELETE, "/api/v1/admin/wines/{id}", route_admin_withdraw},
    {HTTP_POST, "/api/v1/admin/wines/{id}/stock", route_admin_stock},
    {HTTP_POST, "/api/v1/admin/wines/{id}/images", route_admin_upload},
    {HTTP_DELETE, "/api/v1/admin/wines/{id}/images", route_admin_clear_images},
    {HTTP_GET, "/internal/wines", route_internal_wines},
    {HTTP_GET, "/internal/wines/all", route_internal_all},
    {HTTP_POST, "/internal/wines/{id}/images", route_images_made},
    {HTTP_POST, "/internal/users/{id}/erased", route_user_erased},
    {HTTP_PUT, "/internal/stock/reservations/{order_id}", route_reserve},
    {HTTP_DELETE, "/internal/stock/reservations/{order_id}", route_release},
    {HTTP_POST, "/internal/stock/reservations/{order_id}/shipped", route_shipped},
    {HTTP_POST, "/internal/stock/reservations/{order_id}/returned", route_returned},
    {HTTP_GET, "/internal/export", route_export_user},
    {HTTP_GET, "/internal/ready", route_ready},
    {HTTP_GET, NULL, NULL},
};

const char *route_id(struct exchange *exchange)
{
    const char *id = exchange->request.params[0];
    if (id_valid(id))
        return id;
    http_problem(exchange, 404, "not_found", NULL, "there is no such thing");
    return NULL;
}

bool route_user(struct exchange *exchange)
{
    enum role role = exchange->request.identity.role;
    if (role == ROLE_CUSTOMER || role == ROLE_ADMIN)
        return true;
    http_problem(exchange, 401, "unauthenticated", NULL, "sign in first");
    return false;
}

bool route_admin(struct exchange *exchange)
{
    if (!route_user(exchange))
        return false;
    if (exchange->request.identity.role == ROLE_ADMIN)
        return true;
    http_problem(exchange, 403, "forbidden", NULL, "this is for the back office");
    return false;
}

bool route_number(
    struct exchange *exchange, const char *name, int64_t low, int64_t high, int64_t *value)
{
    const char *text = http_query(exchange, name);
    int64_t number;
    if (!text)
        return true;
    if (text_to_int(text, INT64_MIN, INT64_MAX, &number) < 0) {
        http_problem(exchange, 400, "malformed_parameter", name, "must be a whole number");
        return false;
    }
    if (number < low || number > high) {
        http_problem(exchange, 422, "invalid_field", name, "must be from %lld to %lld",
            (long long)low, (long long)high);
        return false;
    }
    *value = number;
    return true;
}

bool route_for_sale(struct exchange *exchange, const struct product_wine *wine)
{
    if (wine->row && !wine->withdrawn)
        return true;
    if (wine->row)
        http_problem(exchange, 410, "withdrawn", NULL, "this wine is no longer sold");
    else
        http_problem(exchange, 404, "not_found", NULL, "there is no such wine");
    return false;
}

bool route_if_match(struct exchange *exchange, int64_t *version)
{
    const char *header = http_header(exchange, "If-Match");
    size_t length = header ? strlen(header) : 0;
    if (length > 2 && header[0] == '"' && header[length - 1] == '"') {
        const char *digits = arena_strndup(exchange->arena, header + 1, length - 2);
        if (text_to_int(digits, 1, INT64_MAX, version) == 0)
            return true;
    }
    http_problem(exchange, 400, "malformed_header", "If-Match",
        "send the version you looked at, in quotes, as the ETag gave it");
    return false;
}
