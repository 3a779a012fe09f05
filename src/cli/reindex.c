#include "cli.h"
#include "json.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] = "usage: winestore reindex [--data DIR] [--config FILE]\n"
                            "Builds the search index anew from the catalogue. Works beside a "
                            "running store, which goes on serving.";

int cli_reindex(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "reindex does not take that");
    }
    if (optind < argc)
        return cli_misuse(usage, "reindex does not take \"%s\"", argv[optind]);
    struct config *config = cli_settings(&common);
    if (!config)
        return 1;
    CLEANUP_JSON json_t *options = json_object();
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "reindex", options, -1, cli_no_lines, NULL, &result, &error);
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    printf("%lld wines indexed\n", (long long)json_int_or(result, "rows", 0));
    return 0;
}
