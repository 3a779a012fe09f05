#include "cli.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore export [FILE.csv] [--data DIR] [--config FILE]\n"
    "Writes the catalogue as `winestore import` reads it, to the file or to standard output.\n"
    "Works beside a running store.";

int cli_export(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "export does not take that");
    }
    if (optind + 1 < argc)
        return cli_misuse(usage, "name one file at most");
    const char *file = optind < argc ? argv[optind] : NULL;
    /* A file that exists is not the store's to overwrite. */
    int fd = file ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (fd < 0) {
        fprintf(stderr, "winestore: %s: %s\n", file, strerror(errno));
        return 1;
    }
    struct config *config = cli_settings(&common);
    CLEANUP_JSON json_t *options = json_object();
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc =
        config ? cli_run(config, "export", options, fd, cli_no_lines, NULL, &result, &error) : -1;
    if (file && (close(fd) < 0 || rc < 0))
        unlink(file);
    if (config && rc < 0)
        cli_fail(&error);
    config_free(config);
    if (rc < 0)
        return 1;
    fprintf(stderr, "%lld wines exported\n", (long long)json_int_or(result, "rows", 0));
    return 0;
}
