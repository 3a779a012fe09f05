/* GET /me/export: everything the store keeps of a shopper, joined from the services that keep it
 * (GDPR article 20). */
#include "clock.h"
#include "internal.h"

#include <string.h>

static void export_finish(struct joined *joined)
{
    struct exchange *exchange = joined->exchange;
    json_t *all = json_object();
    char now[CLOCK_TEXT_SIZE];
    json_object_set_new(all, "exported_at", json_string(clock_format(clock_now_ms(), now)));
    for (size_t i = 0; i < joined->count; i++) {
        const struct joined_part *part = &joined->parts[i];
        CLEANUP_JSON json_t *answer = NULL;
        if (part->status != 200 ||
            json_read_object(part->body, strlen(part->body), &answer, NULL) < 0) {
            json_decref(all);
            http_set_header(exchange, "Retry-After", "1");
            http_problem(exchange, 503, "unavailable", NULL,
                "the %s service cannot be asked just now; nothing is left out on purpose, so try "
                "again",
                part->name);
            return;
        }
        json_object_update(all, answer);
    }
    http_set_header(
        exchange, "Content-Disposition", "attachment; filename=\"wine-store-export.json\"");
    http_reply_json_value(exchange, 200, all);
}

void export_me(struct gateway *gateway, struct exchange *exchange)
{
    const struct gateway_options *options = &gateway->options;
    if (exchange->request.method != HTTP_GET) {
        http_set_header(exchange, "Allow", "GET, HEAD");
        http_problem(exchange, 405, "method_not_allowed", NULL, "this resource answers GET");
        return;
    }
    if (!exchange->request.identity.user[0]) {
        http_problem(exchange, 401, "unauthenticated", NULL, "sign in first");
        return;
    }
    struct joined *joined = joined_new(exchange, export_finish);
    joined_add(joined, "user", options->user);
    joined_add(joined, "product", options->product);
    joined_add(joined, "order", options->order);
    joined_add(joined, "notification", options->notification);
    joined_ask(joined, "/internal/export");
}
