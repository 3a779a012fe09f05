/* Which path is whose. The services match the rest of the path and the method themselves. */
#include "internal.h"
#include "text.h"

#include <string.h>

enum owner {
    OWNER_PRODUCT,
    OWNER_USER,
    OWNER_ORDER,
    OWNER_RECOMMENDATION,
    OWNER_NOTIFICATION,
    OWNER_HERE
};

struct path_rule {
    const char *path; /* matches itself and everything below it */
    enum owner owner;
    bool identity; /* also for GET; other methods always need one */
    bool cart;
    enum traffic write; /* the traffic of unsafe methods */
    void (*handler)(struct gateway *, struct exchange *);
    bool welcoming; /* an outdated token counts as none: here one gets a new one */
};

/* The first match counts: longer paths stand before their prefixes. */
static const struct path_rule api_rules[] = {
    {"/wines", OWNER_PRODUCT, false, false, TRAFFIC_WRITE, NULL, false},
    {"/cart", OWNER_ORDER, true, true, TRAFFIC_WRITE, NULL, false},
    {"/orders", OWNER_ORDER, true, true, TRAFFIC_WRITE, NULL, false},
    {"/recommendations", OWNER_RECOMMENDATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/events", OWNER_RECOMMENDATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/destinations", OWNER_ORDER, false, false, TRAFFIC_WRITE, NULL, false},
    {"/session", OWNER_USER, true, false, TRAFFIC_SIGN_IN, NULL, true},
    {"/users", OWNER_USER, true, false, TRAFFIC_SIGN_IN, NULL, true},
    {"/email-verification", OWNER_USER, true, false, TRAFFIC_SIGN_IN, NULL, true},
    {"/password-reset", OWNER_USER, true, false, TRAFFIC_SIGN_IN, NULL, true},
    {"/unsubscribe", OWNER_USER, true, false, TRAFFIC_WRITE, NULL, true},
    {"/me/notifications", OWNER_NOTIFICATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/me/export", OWNER_HERE, true, false, TRAFFIC_WRITE, export_me, false},
    {"/me", OWNER_USER, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/wines", OWNER_PRODUCT, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/orders", OWNER_ORDER, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/customers", OWNER_USER, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/notifications", OWNER_NOTIFICATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/analytics", OWNER_RECOMMENDATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/recommendations", OWNER_RECOMMENDATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/stream", OWNER_RECOMMENDATION, true, false, TRAFFIC_WRITE, NULL, false},
    {"/admin/queues", OWNER_HERE, true, false, TRAFFIC_WRITE, queues_route, false},
};

struct page_rule {
    const char *path;
    bool below; /* also everything below it */
    enum traffic traffic;
    void (*handler)(struct gateway *, struct exchange *);
};

static const struct page_rule page_rules[] = {
    {"/assets", true, TRAFFIC_PAGE, page_asset},
    {"/media", true, TRAFFIC_PAGE, page_media},
    {"/", false, TRAFFIC_PAGE, page_home},
    {"/wines", false, TRAFFIC_PAGE, page_list},
    {"/wines", true, TRAFFIC_PAGE, page_wine},
    {"/cart", false, TRAFFIC_PAGE, page_shell},
    {"/checkout", false, TRAFFIC_PAGE, page_shell},
    {"/orders", true, TRAFFIC_PAGE, page_shell},
    {"/account", true, TRAFFIC_PAGE, page_shell},
    {"/sign-in", false, TRAFFIC_PAGE, page_shell},
    {"/register", false, TRAFFIC_PAGE, page_shell},
    {"/verify-email", false, TRAFFIC_PAGE, page_shell},
    {"/reset-password", false, TRAFFIC_PAGE, page_shell},
    {"/unsubscribe", false, TRAFFIC_PAGE, page_shell},
    {"/about", true, TRAFFIC_PAGE, page_shell},
    {"/office", true, TRAFFIC_PAGE, page_office},
    {"/robots.txt", false, TRAFFIC_PAGE, page_robots},
    {"/sitemap.xml", false, TRAFFIC_PAGE, page_sitemap},
    {"/healthz", false, TRAFFIC_OPERATE, operate_health},
    {"/readyz", false, TRAFFIC_OPERATE, operate_ready},
    {"/metrics", false, TRAFFIC_OPERATE, operate_metrics},
    {"/openapi.json", false, TRAFFIC_OPERATE, operate_openapi},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool covers(const char *rule, const char *path, bool below)
{
    size_t length = strlen(rule);
    if (strncmp(path, rule, length) != 0)
        return false;
    return path[length] == '\0' || (below && path[length] == '/');
}

static struct upstream *upstream_of(const struct gateway_options *options, enum owner owner)
{
    switch (owner) {
    case OWNER_PRODUCT:
        return options->product;
    case OWNER_USER:
        return options->user;
    case OWNER_ORDER:
        return options->order;
    case OWNER_RECOMMENDATION:
        return options->recommendation;
    case OWNER_NOTIFICATION:
        return options->notification;
    default:
        return NULL;
    }
}

static void no_such_path(struct gateway *gateway, struct exchange *exchange)
{
    (void)gateway;
    http_problem(exchange, 404, "not_found", NULL, "there is nothing at this address");
}

static void route_api(
    struct gateway *gateway, struct exchange *exchange, const char *path, struct target *target)
{
    bool get = exchange->request.method == HTTP_GET;
    for (size_t i = 0; i < COUNT(api_rules); i++) {
        const struct path_rule *rule = &api_rules[i];
        if (!covers(rule->path, path, true))
            continue;
        target->identity = rule->identity || !get;
        target->cart = rule->cart;
        target->traffic = get ? TRAFFIC_READ : rule->write;
        target->handler = rule->handler;
        target->welcoming = rule->welcoming;
        target->upstream = upstream_of(&gateway->options, rule->owner);
        /* Neighbours are the model's knowledge. */
        if (i == 0 && text_ends_with(path, "/similar"))
            target->upstream = gateway->options.recommendation;
        return;
    }
    target->traffic = TRAFFIC_READ;
    target->handler = no_such_path;
}

void route(struct gateway *gateway, struct exchange *exchange, struct target *target)
{
    static const char api[] = "/api/v1";
    const char *path = exchange->request.path;
    if (text_starts_with(path, "/api/v1/")) {
        route_api(gateway, exchange, path + sizeof(api) - 1, target);
        return;
    }
    target->traffic = TRAFFIC_PAGE;
    target->handler = text_starts_with(path, "/api") ? no_such_path : page_missing;
    for (size_t i = 0; i < COUNT(page_rules); i++) {
        if (covers(page_rules[i].path, path, page_rules[i].below)) {
            target->traffic = page_rules[i].traffic;
            target->handler = page_rules[i].handler;
            return;
        }
    }
}

static void watch_session(struct exchange *exchange, const char *path)
{
    struct flow *flow = flow_of(exchange);
    enum http_method method = exchange->request.method;
    if (strcmp(path, "/api/v1/session") == 0 && method == HTTP_POST)
        flow->before_reply = session_before_reply;
    else if (method == HTTP_DELETE &&
             (strcmp(path, "/api/v1/session") == 0 || strcmp(path, "/api/v1/me") == 0))
        flow->before_reply = session_end_before_reply;
}

void proceed(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    if (flow->target.upstream) {
        watch_session(exchange, exchange->request.path);
        upstream_forward(flow->target.upstream, exchange);
    } else if (exchange->request.method != HTTP_GET && !flow->target.identity) {
        http_set_header(exchange, "Allow", "GET, HEAD");
        http_problem(exchange, 405, "method_not_allowed", NULL, "this resource answers GET");
    } else {
        flow->target.handler(flow->gateway, exchange);
    }
}
