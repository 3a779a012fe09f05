#include "app.h"
#include "cli.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_take_common(struct cli_common *common, int option, const char *value, const char *usage)
{
    switch (option) {
    case 'd':
        common->data = value;
        return 1;
    case 'c':
        common->config = value;
        return 1;
    case 's':
        if (common->set_count == (int)(sizeof(common->sets) / sizeof(common->sets[0])))
            exit(cli_misuse(usage, "at most 32 --set options; put them into a file"));
        common->sets[common->set_count++] = value;
        return 1;
    case 'h':
        printf("%s\n", usage);
        exit(0);
    default:
        return 0;
    }
}

struct config *cli_settings(const struct cli_common *common)
{
    struct config *config = NULL;
    struct error error = {0};
    int rc = settings_read(&config, common->config, common->data, &error);
    for (int i = 0; rc == 0 && i < common->set_count; i++) {
        char key[64];
        const char *equals = strchr(common->sets[i], '=');
        size_t length = equals ? (size_t)(equals - common->sets[i]) : 0;
        if (!equals || length == 0 || length >= sizeof(key)) {
            rc = error_set(&error, ERROR_INVALID, NULL, NULL,
                "--set takes KEY=VALUE, not \"%.60s\"", common->sets[i]);
        } else {
            snprintf(key, sizeof(key), "%.*s", (int)length, common->sets[i]);
            rc = config_set(config, key, equals + 1, &error);
        }
    }
    if (rc < 0) {
        cli_fail(&error);
        config_free(config);
        return NULL;
    }
    return config;
}

int cli_fail(const struct error *error)
{
    fprintf(stderr, "winestore: %s\n", error->message);
    return 1;
}

int cli_misuse(const char *usage, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("winestore: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n%s\n", usage);
    return 2;
}

int cli_open(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool directory = fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    if (fd >= 0 && !directory)
        return fd;
    fprintf(stderr, "winestore: %s: %s\n", path, strerror(directory ? EISDIR : errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

void cli_no_lines(void *ctx, const json_t *line)
{
    (void)ctx;
    (void)line;
}

int cli_run(const struct config *config, const char *command, const json_t *options, int fd,
    control_emit *emit, void *emit_ctx, json_t **result, struct error *error)
{
    struct error absent = {0};
    int rc = control_call(
        config_text(config, "data"), command, options, fd, emit, emit_ctx, result, &absent);
    if (rc != ERROR_NOT_FOUND || strcmp(absent.reason, CONTROL_NO_STORE) != 0) {
        *error = absent;
        return rc;
    }
    struct app *app;
    rc = app_open(&app, config, &(struct app_options){0}, error);
    if (rc < 0)
        return rc;
    rc = app_command(app, command, options, fd, emit, emit_ctx, result, error);
    app_close(app);
    return rc;
}
