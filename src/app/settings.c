#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T CONFIG_TEXT
#define I CONFIG_INT
#define B CONFIG_BOOL

const struct config_key settings_keys[] = {
    {"data", T, "data", "DATA", 0, 0, "the data directory"},
    {"share", T, "", "WINESTORE_SHARE", 0, 0, "where web bundle, demo data and contract are"},
    {"public_url", T, "", "PUBLIC_URL", 0, 0,
        "how shoppers reach the store, for links in mail; default http://localhost:PORT"},
    {"shop.name", T, "Cellar & Vine", NULL, 0, 0, "the shop's name, in pages and mail"},
    {"shop.currency", T, "EUR", NULL, 0, 0, "ISO 4217 code of all prices"},
    {"http.address", T, "127.0.0.1", "ADDRESS", 0, 0, "address to listen on; 0.0.0.0 is all"},
    {"http.port", I, "8080", "PORT", 0, 65535, "port to listen on; 0 takes a free one"},
    {"http.threads", I, "2", NULL, 1, 64, "threads that answer requests"},
    {"http.connections", I, "4000", NULL, 16, 100000, "connections at the same time"},
    {"http.deadline_ms", I, "20000", NULL, 100, 600000, "for a request to arrive whole"},
    {"http.idle_s", I, "75", NULL, 1, 3600, "for a connection without traffic"},
    {"http.certificate", T, "", NULL, 0, 0, "PEM file; with http.key: serve https"},
    {"http.key", T, "", NULL, 0, 0, "PEM file of the certificate's key"},
    {"http.trusted_proxies", T, "", NULL, 0, 0,
        "addresses whose X-Forwarded-For counts, separated by commas"},
    {"rate_limits", B, "on", "RATE_LIMITS", 0, 0, "limits per client address"},
    {"metrics.token", T, "", "METRICS_TOKEN", 0, 0,
        "bearer token for /metrics; without one it answers this machine alone"},
    {"log.level", T, "info", "LOG_LEVEL", 0, 0, "debug, info, warn or error"},
    {"log.requests", B, "off", NULL, 0, 0, "a log line for each request"},
    {"product.store", T, "sqlite:", NULL, 0, 0, "engine of wines and stock: sqlite: or memory:"},
    {"user.store", T, "sqlite:", NULL, 0, 0, "engine of accounts: sqlite: or memory:"},
    {"order.store", T, "sqlite:", NULL, 0, 0, "engine of carts and orders: sqlite: or memory:"},
    {"notification.store", T, "sqlite:", NULL, 0, 0, "engine of sent mail: sqlite: or memory:"},
    {"queue", T, "sqlite:", NULL, 0, 0, "engine of the queues: sqlite: or memory:"},
    {"stream", T, "sqlite:", NULL, 0, 0, "engine of the event stream: sqlite: or memory:"},
    {"stream.consumers", I, "1", NULL, 1, 16, "consumers that share the stream's shards"},
    {"warehouse", T, "sqlite:", "WAREHOUSE", 0, 0,
        "engine of the warehouse: sqlite:, memory:, or "
        "postgres://user:password@host:port/database"},
    {"search", T, "groonga:", NULL, 0, 0, "engine of the search: groonga: or memory:"},
    {"blob", T, "directory:", NULL, 0, 0, "engine of pictures: directory: or memory:"},
    {"keyring", T, "file:", NULL, 0, 0, "engine of the keys: file: or memory:"},
    {"payment", T, "test:", NULL, 0, 0, "payment engine: test:"},
    {"mail", T, "file:", "MAIL", 0, 0,
        "file: writes to mail/ in the data directory; smtp://host:port sends"},
    {"mail.from", T, "shop@winestore.example", "MAIL_FROM", 0, 0, "sender of the shop's mail"},
    {"mail.user", T, "", "MAIL_USER", 0, 0, "for SMTP authentication"},
    {"mail.password", T, "", "MAIL_PASSWORD", 0, 0, "for SMTP authentication"},
    {"mail.tls", T, "try", NULL, 0, 0, "STARTTLS: none, try or require"},
    {"mail.attempts", I, "12", NULL, 1, 30,
        "attempts at a letter, with growing pauses, before it is a dead letter"},
    {"destinations", T, "", NULL, 0, 0,
        "CSV file of where the shop ships; default destinations.csv in the data directory"},
    {"recommendation.train_every_h", I, "24", NULL, 0, 8760,
        "hours between two trainings; 0: not by the clock"},
    {"recommendation.train_after_events", I, "20000", NULL, 0, 1000000000,
        "new events that call for a training; 0: not by their number"},
    {"recommendation.train_threads", I, "1", NULL, 1, 64, "threads of such a training"},
    {"recommendation.scorer", T, "", NULL, 0, 0,
        "who else scores wines: sagemaker://ENDPOINT-NAME?region=REGION; without, our model alone"},
    {"recommendation.scorer_url", T, "", NULL, 0, 0,
        "where that endpoint is called; default the region's own address"},
    {"recommendation.scorer_deadline_ms", I, "150", NULL, 10, 5000, "how long a list waits for it"},
    {"aws.access_key_id", T, "", "AWS_ACCESS_KEY_ID", 0, 0, "for what AWS engines are chosen"},
    {"aws.secret_access_key", T, "", "AWS_SECRET_ACCESS_KEY", 0, 0, "the key's secret"},
    {"aws.session_token", T, "", "AWS_SESSION_TOKEN", 0, 0, "of a temporary key"},
    {"image.worker", T, "", NULL, 0, 0, "the winestore-image program; default beside winestore"},
    {NULL, T, "", NULL, 0, 0, NULL},
};

int settings_read(struct config **out, const char *file, const char *data, struct error *error)
{
    struct config *config = config_new(settings_keys);
    char beside[4096];
    int rc = config_environment(config, error);
    if (rc == 0 && data)
        rc = config_set(config, "data", data, error);
    snprintf(beside, sizeof(beside), "%s/winestore.conf", config_text(config, "data"));
    if (rc == 0) {
        struct error problem = {0};
        rc = config_load(config, file ? file : beside, &problem);
        if (rc == ERROR_NOT_FOUND && !file)
            rc = 0;
        else if (rc < 0 && error)
            *error = problem;
    }
    /* Once more: what the file says must not beat the environment and the command line. */
    if (rc == 0)
        rc = config_environment(config, error);
    if (rc == 0 && data)
        rc = config_set(config, "data", data, error);
    if (rc < 0) {
        config_free(config);
        return rc;
    }
    *out = config;
    return 0;
}

static int exists(const char *path)
{
    return access(path, R_OK) == 0;
}

int settings_share(const struct config *config, const char *below, char *path, unsigned long size,
    struct error *error)
{
    const char *share = config_text(config, "share");
    if (*share) {
        snprintf(path, size, "%s/%s", share, below);
        if (exists(path))
            return 0;
        return error_set(
            error, ERROR_NOT_FOUND, NULL, "share", "%s is missing: check the setting share", path);
    }
    char program[3800];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        *slash = '\0';
        snprintf(path, size, "%s/../share/winestore/%s", program, below);
        if (exists(path))
            return 0;
    }
    snprintf(path, size, "%s/%s", SOURCE_ROOT, below);
    if (exists(path))
        return 0;
    return error_set(error, ERROR_NOT_FOUND, NULL, "share",
        "the program's file %s is missing: build it (`make build`) or set share", below);
}
