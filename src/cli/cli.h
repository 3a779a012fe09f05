/*
 * The command line: one file per subcommand. Each returns the exit code: 0, 1 when something failed
 * (one line on standard error says what and what to do), 2 for a wrong call.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "config.h"
#include "control.h"
#include "error.h"

int cli_serve(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_reindex(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_train(int argc, char **argv);
int cli_recommend(int argc, char **argv);
int cli_evaluate(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_ratings(int argc, char **argv);

/* ---- for the subcommands ---- */

/* The options every subcommand takes: --data DIR, --config FILE, --set KEY=VALUE. */
struct cli_common {
    const char *data, *config;
    const char *sets[32];
    int set_count;
};

#define CLI_COMMON_OPTIONS                                                                         \
    {"data", required_argument, NULL, 'd'}, {"config", required_argument, NULL, 'c'},              \
        {"set", required_argument, NULL, 's'},                                                     \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }

/* Takes an option of the common ones: 1 if it was one, 0 if not. 'h' prints `usage` and exits. */
int cli_take_common(struct cli_common *common, int option, const char *value, const char *usage);

/* The settings; prints the problem and returns NULL on failure. */
struct config *cli_settings(const struct cli_common *common);

/* "winestore: message", with the remedy in it; returns 1. */
int cli_fail(const struct error *error);
int cli_misuse(const char *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens a file for reading; prints the problem and returns -1 on failure. */
int cli_open(const char *path);

/* For commands that answer no lines. */
void cli_no_lines(void *ctx, const json_t *line);

/* Runs a command in the store that runs on the data directory, or else in this process. */
int cli_run(const struct config *config, const char *command, const json_t *options, int fd,
    control_emit *emit, void *emit_ctx, json_t **result, struct error *error);

#endif
