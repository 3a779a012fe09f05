#include "app.h"

#include "files.h"
#include "internal.h"
#include "log.h"
#include "secure.h"
#include "settings.h"
#include "sqlite_db.h"
#include "text.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STOP_GRACE_MS 5000

static void say(const struct app *app, const char *text)
{
    if (app->options.progress)
        app->options.progress(app->options.ctx, text);
}

/* ---- the way up ---- */

static int set_up_log(const struct config *config, struct error *error)
{
    enum log_level level;
    const char *name = config_text(config, "log.level");
    if (log_level_parse(name, &level) < 0)
        return error_set(error, ERROR_INVALID, NULL, "log.level",
            "log.level = %.40s: choose debug, info, warn or error", name);
    log_set_level(level);
    return 0;
}

static void set_public_url(struct app *app)
{
    const char *url = config_text(app->config, "public_url");
    const char *scheme = *config_text(app->config, "http.certificate") ? "https" : "http";
    if (*url)
        snprintf(app->public_url, sizeof(app->public_url), "%s", url);
    else
        snprintf(app->public_url, sizeof(app->public_url), "%s://localhost:%lld", scheme,
            (long long)(app->listener < 0 ? config_int(app->config, "http.port")
                                          : http_listener_port(app->listener)));
    size_t length = strlen(app->public_url);
    if (length && app->public_url[length - 1] == '/')
        app->public_url[length - 1] = '\0';
}

/* Shops edit their own table of destinations; the first start gives them one to edit. */
static int provide_destinations(struct app *app, struct error *error)
{
    char own[PATH_MAX], demo[PATH_MAX];
    if (*config_text(app->config, "destinations"))
        return 0;
    snprintf(own, sizeof(own), "%s/destinations.csv", app->data.path);
    if (access(own, F_OK) == 0)
        return 0;
    int rc = settings_share(app->config, "demo/destinations.csv", demo, sizeof(demo), error);
    return rc < 0 ? rc : file_copy(demo, own, error);
}

static int ensure_admin(struct app *app, struct error *error)
{
    const char *email = getenv("ADMIN_EMAIL"), *password = getenv("ADMIN_PASSWORD");
    if (!email || !*email)
        email = "admin@winestore.example";
    snprintf(app->admin_email, sizeof(app->admin_email), "%s", email);
    int rc = user_service_ensure_admin(
        app->user, email, password && *password ? password : NULL, app->admin_password, error);
    return rc < 0 ? rc : 0;
}

/* Each connection is a descriptor; more may be allowed than is usual. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Requests take and give memory in waves on many threads: handing it back to the system each time
 * costs more than keeping a little. */
static void calm_allocator(void)
{
    mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
    mallopt(M_TOP_PAD, 256 * 1024);
    mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

static int open_gateway(struct app *app, struct error *error)
{
    const struct config *config = app->config;
    char web_root[PATH_MAX];
    int rc = settings_share(config, "web/dist", web_root, sizeof(web_root), error);
    if (rc < 0)
        return rc;
    const struct gateway_options options = {
        .product = app->upstreams.product,
        .user = app->upstreams.user,
        .order = app->upstreams.order,
        .recommendation = app->upstreams.recommendation,
        .notification = app->upstreams.notification,
        .blob = app->engines.blob,
        .keyring = app->engines.keyring,
        .metrics = app->engines.metrics,
        .queues = app->engines.queues,
        .public_url = app->public_url,
        .shop_name = config_text(config, "shop.name"),
        .web_root = web_root,
        .openapi = openapi_document,
        .trusted_proxies = config_text(config, "http.trusted_proxies"),
        .metrics_token = config_text(config, "metrics.token"),
        .rate_limits = config_bool(config, "rate_limits"),
        .log_requests = config_bool(config, "log.requests"),
    };
    return gateway_new(&app->gateway, &options, error);
}

static int open_server(struct app *app, struct error *error)
{
    const struct config *config = app->config;
    const char *certificate = config_text(config, "http.certificate");
    const char *key = config_text(config, "http.key");
    if (!*certificate != !*key)
        return error_set(error, ERROR_INVALID, NULL, "http.key",
            "http.certificate and http.key are set together or not at all");
    const struct http_server_options options = {
        .listener = app->listener,
        .threads = (unsigned)config_int(config, "http.threads"),
        .max_connections = (unsigned)config_int(config, "http.connections"),
        .request_deadline_ms = (int)config_int(config, "http.deadline_ms"),
        .idle_timeout_s = (int)config_int(config, "http.idle_s"),
        .max_body = 64 * 1024,
        .certificate_file = *certificate ? certificate : NULL,
        .key_file = *key ? key : NULL,
        .body_limit = gateway_body_limit,
        .handler = gateway_handle,
        .finished = gateway_finished,
        .ctx = app->gateway,
    };
    int rc = http_server_start(&app->server, &options, app->engines.timers, error);
    if (rc == 0)
        app->listener = -1;
    return rc;
}

static int serve(struct app *app, struct error *error)
{
    int rc = services_start(app, error);
    if (rc == 0 && app->options.demo)
        rc = demo_fill(app, error);
    if (rc == 0)
        rc = open_gateway(app, error);
    if (rc == 0)
        rc = open_server(app, error);
    if (rc == 0)
        rc = control_start(&app->control, app->data.path, app_command, app, error);
    /* Last: a start that fails must not use up the password that is shown but once. */
    if (rc == 0)
        rc = ensure_admin(app, error);
    return rc;
}

static int open_all(struct app *app, struct error *error)
{
    int rc = provide_destinations(app, error);
    if (rc == 0)
        rc = engines_open(&app->engines, app->config, app->data.path, app->data.fresh, error);
    if (rc < 0)
        return rc;
    app->engines_open = true;
    rc = services_open(app, error);
    if (rc == 0 && app->options.serve)
        return serve(app, error);
    return rc;
}

int app_open(struct app **out, const struct config *config, const struct app_options *options,
    struct error *error)
{
    struct app *app = calloc(1, sizeof(*app));
    if (!app)
        abort();
    app->config = config;
    app->options = *options;
    app->data.lock = app->listener = -1;
    secure_init();
    sqlite_global_init();
    raise_file_limit();
    calm_allocator();
    int rc = set_up_log(config, error);
    /* Before anything is made: a taken port leaves no half-filled data directory behind. */
    if (rc == 0 && options->serve)
        rc = http_listener_open(config_text(config, "http.address"),
            (uint16_t)config_int(config, "http.port"), &app->listener, error);
    set_public_url(app);
    if (rc == 0)
        rc = data_dir_open(&app->data, config_text(config, "data"), options->serve, error);
    if (rc == 0 && app->data.unclean)
        say(app, "The last run did not end in order: the search index is rebuilt beside.");
    if (rc == 0)
        rc = open_all(app, error);
    if (rc < 0) {
        app_close(app);
        return rc;
    }
    *out = app;
    return 0;
}

uint16_t app_port(const struct app *app)
{
    return http_server_port(app->server);
}

const char *app_admin_email(const struct app *app)
{
    return app->admin_email;
}

const char *app_admin_password(const struct app *app)
{
    return app->admin_password[0] ? app->admin_password : NULL;
}

/* ---- the way down ---- */

void app_close(struct app *app)
{
    if (!app)
        return;
    if (app->recommendation)
        recommendation_service_give_up(app->recommendation); /* else a training is waited for */
    control_stop(app->control);
    if (app->order)
        order_service_stop(app->order);
    if (app->server)
        http_server_stop(app->server, STOP_GRACE_MS);
    if (app->engines_open) {
        services_stop(app);
        services_close(app);
        /* The timers end in here: the server's sweep looks at the server until then. */
        engines_close(&app->engines);
    }
    http_server_free(app->server);
    gateway_free(app->gateway);
    if (app->listener >= 0)
        close(app->listener);
    if (app->data.lock >= 0)
        data_dir_close(&app->data, /* clean= */ true);
    free(app);
}
