#include "cli.h"
#include "clock.h"
#include "json.h"
#include "view.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore ratings import FILE.csv [--keep-good] [--data DIR] [--config FILE]\n"
    "  --keep-good            load the good lines when some are bad (else: all or nothing)\n"
    "Loads ratings from elsewhere (UserID,WineID,Rating,Vintage,Date) for the recommendations to\n"
    "learn from. Works beside a running store. docs/import-format.md describes the file.";

int cli_ratings(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {
        CLI_COMMON_OPTIONS, {"keep-good", no_argument, NULL, 'k'}, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'k')
            json_object_set_new(options, "keep_good", json_true());
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "ratings does not take that");
    }
    if (optind + 2 != argc || strcmp(argv[optind], "import") != 0)
        return cli_misuse(usage, "ratings import takes one file");
    struct view view = view_new(argv[optind + 1]);
    int fd = cli_open(view.file);
    struct config *config = fd < 0 ? NULL : cli_settings(&common);
    if (!config) {
        if (fd >= 0)
            close(fd);
        return 1;
    }
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "import_ratings", options, fd, view_line, &view, &result, &error);
    close(fd);
    config_free(config);
    view_clear(&view);
    if (rc < 0)
        return cli_fail(&error);
    double seconds = (double)(clock_monotonic_ms() - view.began_ms) / 1000;
    int64_t rows = json_int_or(result, "rows", 0), rejected = json_int_or(result, "rejected", 0);
    printf("%s: %lld ratings in %.2f s (%.0f rows/s)", view.file, (long long)rows, seconds,
        seconds > 0 ? (double)rows / seconds : 0);
    if (rejected)
        printf(", %lld rejected", (long long)rejected);
    printf("; `winestore train` learns from them\n");
    return rejected ? 1 : 0;
}
