#include "backup.h"

#include "cli.h"
#include "json.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char backup_usage[] =
    "usage: winestore backup DIRECTORY [--data DIR] [--config FILE]\n"
    "Copies the store as of one instant into a new directory. Works beside a running store.\n"
    "The keys are in it: keep it as secret as the data directory.";

static const char restore_usage[] =
    "usage: winestore restore DIRECTORY [--data DIR] [--config FILE]\n"
    "Makes a new data directory of a backup, after checking it.";

/* One directory and the common options. */
static struct config *read_call(
    int argc, char **argv, const char *usage, const char **directory, int *misuse)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS, {0}};
    int option;
    *misuse = 1;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (!cli_take_common(&common, option, optarg, usage)) {
            *misuse = cli_misuse(usage, "an option is not known here");
            return NULL;
        }
    }
    if (optind + 1 != argc) {
        *misuse = cli_misuse(usage, "name one directory");
        return NULL;
    }
    *directory = argv[optind];
    return cli_settings(&common);
}

int cli_backup(int argc, char **argv)
{
    const char *directory;
    int code;
    struct config *config = read_call(argc, argv, backup_usage, &directory, &code);
    if (!config)
        return code;
    char here[PATH_MAX] = "", target[PATH_MAX * 2];
    if (directory[0] != '/' && !getcwd(here, sizeof(here))) {
        fprintf(stderr, "winestore: %s\n", strerror(errno));
        config_free(config);
        return 1;
    }
    snprintf(target, sizeof(target), "%s%s%s", here, *here ? "/" : "", directory);
    CLEANUP_JSON json_t *options = json_pack("{s:s}", "target", target);
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "backup", options, -1, cli_no_lines, NULL, &result, &error);
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    printf("%s: %lld files, %.1f MB\n", directory, (long long)json_int_or(result, "files", 0),
        (double)json_int_or(result, "bytes", 0) / 1e6);
    return 0;
}

int cli_restore(int argc, char **argv)
{
    const char *directory;
    int code;
    struct config *config = read_call(argc, argv, restore_usage, &directory, &code);
    if (!config)
        return code;
    struct backup_result result;
    struct error error = {0};
    int rc = backup_restore(directory, config_text(config, "data"), &result, &error);
    if (rc == 0)
        printf("%s: %lld files, %.1f MB, each as it was backed up\n", config_text(config, "data"),
            (long long)result.files, (double)result.bytes / 1e6);
    config_free(config);
    return rc < 0 ? cli_fail(&error) : 0;
}
