#include "gateway.h"

#include "internal.h"
#include "log.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Pages and programs send small bodies; a picture is the exception. */
#define SMALL_BODY ((size_t)64 * 1024)
#define PICTURE_BODY ((size_t)10 * 1024 * 1024)

static const char *const traffic_names[TRAFFIC_KINDS] = {
    "page", "read", "write", "sign_in", "operate"};

/* ---- the carrier between us and the socket ---- */

static void add_security_headers(struct exchange *exchange)
{
    const struct flow *flow = flow_of(exchange);
    http_set_header(exchange, "X-Content-Type-Options", "nosniff");
    if (flow->page_security) {
        http_set_header(exchange, "Content-Security-Policy", flow->page_security);
        http_set_header(exchange, "Referrer-Policy", "strict-origin-when-cross-origin");
        http_set_header(exchange, "X-Frame-Options", "DENY");
    }
    if (flow->gateway->secure)
        http_set_header(exchange, "Strict-Transport-Security", "max-age=31536000");
    if (flow->target.identity)
        http_set_header(exchange, "Cache-Control", "no-store");
}

static void gateway_replied(struct exchange *exchange)
{
    struct flow *flow = flow_of(exchange);
    if (flow->before_reply) {
        bool (*look)(struct exchange *) = flow->before_reply;
        flow->before_reply = NULL;
        if (look(exchange))
            return;
    }
    add_cookies(exchange);
    add_security_headers(exchange);
    exchange->ops = flow->below;
    exchange->ops->replied(exchange);
}

static const char *gateway_header(struct exchange *exchange, const char *name)
{
    return flow_of(exchange)->below->header(exchange, name);
}

static struct http_stream *gateway_stream(struct exchange *exchange)
{
    add_security_headers(exchange);
    exchange->ops = flow_of(exchange)->below;
    return exchange->ops->stream(exchange);
}

static const struct carrier_ops gateway_ops = {
    .replied = gateway_replied,
    .header = gateway_header,
    .stream = gateway_stream,
};

/* ---- one request ---- */

static bool within_limits(struct gateway *gateway, struct exchange *exchange, enum traffic traffic)
{
    if (!gateway->options.rate_limits)
        return true;
    int wait = limits_take(gateway->limits, traffic, client_of(gateway, exchange));
    if (wait == 0)
        return true;
    http_set_header(exchange, "Retry-After", arena_printf(exchange->arena, "%d", wait));
    http_problem(exchange, 429, "rate_limited", NULL,
        "too many requests from this address; try again in %d s", wait);
    return false;
}

void gateway_handle(void *ctx, struct exchange *exchange)
{
    struct gateway *gateway = ctx;
    struct flow *flow = arena_new_struct(exchange->arena, struct flow);
    flow->gateway = gateway;
    flow->below = exchange->ops;
    exchange->carrier = flow;
    exchange->ops = &gateway_ops;
    route(gateway, exchange, &flow->target);
    if (!within_limits(gateway, exchange, flow->target.traffic))
        return;
    bool unsafe = exchange->request.method != HTTP_GET && exchange->request.method != HTTP_OPTIONS;
    if (unsafe && !same_origin(exchange))
        return;
    if (flow->target.identity)
        identify(exchange);
    else
        proceed(exchange);
}

size_t gateway_body_limit(void *ctx, enum http_method method, const char *path)
{
    (void)ctx;
    bool picture = method == HTTP_POST && text_starts_with(path, "/api/v1/admin/wines/") &&
                   text_ends_with(path, "/images");
    return picture ? PICTURE_BODY : SMALL_BODY;
}

void gateway_finished(void *ctx, const struct exchange *exchange, int64_t duration_ns)
{
    struct gateway *gateway = ctx;
    const struct flow *flow = exchange->carrier;
    int status = exchange->response.status;
    enum traffic traffic = flow ? flow->target.traffic : TRAFFIC_OPERATE;
    counter_increment(gateway->requests[traffic][status >= 100 && status < 600 ? status / 100 : 0]);
    histogram_observe_ns(gateway->durations[traffic], duration_ns);
    if (gateway->options.log_requests || status >= 500)
        log_write(status >= 500 ? LOG_ERROR : LOG_INFO, "gateway", exchange->request.trace.trace_id,
            "%s %s %d %.1f ms", http_method_name(exchange->request.method), exchange->request.path,
            status, (double)duration_ns / 1e6);
}

/* ---- life ---- */

static void register_metrics(struct gateway *gateway)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    struct metrics *metrics = gateway->options.metrics;
    for (int kind = 0; kind < TRAFFIC_KINDS; kind++) {
        for (int i = 0; i < 6; i++)
            gateway->requests[kind][i] = metrics_counter(metrics, "http_requests_total",
                "Requests answered, by kind of traffic and class of status",
                (const char *const[]){"kind", traffic_names[kind], "status", classes[i], NULL});
        gateway->durations[kind] = metrics_histogram_seconds(metrics, "http_request_seconds",
            "From the head of the request to the answer",
            (const char *const[]){"kind", traffic_names[kind], NULL});
    }
}

static void copy_options(struct gateway *gateway, const struct gateway_options *options)
{
    struct gateway_options *own = &gateway->options;
    *own = *options;
    own->public_url = arena_strdup(gateway->arena, options->public_url);
    own->shop_name = arena_strdup(gateway->arena, options->shop_name);
    own->openapi = arena_strdup(gateway->arena, options->openapi);
    own->trusted_proxies = arena_strdup(gateway->arena, options->trusted_proxies);
    own->metrics_token = arena_strdup(gateway->arena, options->metrics_token);
    gateway->secure = text_starts_with(own->public_url, "https://");
    const char *host = strstr(own->public_url, "://");
    gateway->host = host ? host + 3 : own->public_url;
}

int gateway_new(struct gateway **out, const struct gateway_options *options, struct error *error)
{
    struct assets *assets = NULL;
    int rc = assets_load(&assets, options->web_root, error);
    if (rc < 0)
        return rc;
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (!gateway)
        abort();
    gateway->arena = arena_new();
    copy_options(gateway, options);
    gateway->assets = assets;
    gateway->sessions = sessions_new();
    gateway->limits = limits_new();
    secure_sha256_hex(
        gateway->options.openapi, strlen(gateway->options.openapi), gateway->openapi_etag);
    register_metrics(gateway);
    *out = gateway;
    return 0;
}

void gateway_free(struct gateway *gateway)
{
    if (!gateway)
        return;
    assets_free(gateway->assets);
    sessions_free(gateway->sessions);
    limits_free(gateway->limits);
    arena_free(gateway->arena);
    free(gateway);
}
