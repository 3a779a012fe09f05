#include "cli.h"
#include "clock.h"
#include "json.h"
#include "view.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore import FILE.csv [--keep-good] [--data DIR] [--config FILE]\n"
    "  --keep-good            load the good lines when some are bad (else: all or nothing)\n"
    "  for catalogues without prices and stock (X-Wines):\n"
    "  --price-min 6.50       lowest price       --price-max 95   highest price\n"
    "  --stock 60             bottles of each new wine\n"
    "Works beside a running store. docs/import-format.md describes the file.";

static void show_result(const struct view *view, const json_t *result)
{
    double seconds = (double)(clock_monotonic_ms() - view->began_ms) / 1000;
    int64_t rows = json_int_or(result, "rows", 0);
    printf("%s: %lld rows in %.2f s (%.0f rows/s): %lld new, %lld changed, %lld as before",
        view->file, (long long)rows, seconds, seconds > 0 ? (double)rows / seconds : 0,
        (long long)json_int_or(result, "added", 0), (long long)json_int_or(result, "changed", 0),
        (long long)json_int_or(result, "unchanged", 0));
    if (json_int_or(result, "rejected", 0))
        printf(", %lld rejected", (long long)json_int_or(result, "rejected", 0));
    printf("\n");
}

int cli_import(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS,
        {"keep-good", no_argument, NULL, 'k'}, {"price-min", required_argument, NULL, 'l'},
        {"price-max", required_argument, NULL, 'u'}, {"stock", required_argument, NULL, 'n'}, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'k')
            json_object_set_new(options, "keep_good", json_true());
        else if (option == 'l')
            json_object_set_new(options, "price_min", json_string(optarg));
        else if (option == 'u')
            json_object_set_new(options, "price_max", json_string(optarg));
        else if (option == 'n')
            json_object_set_new(options, "stock", json_string(optarg));
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "import does not take that");
    }
    if (optind + 1 != argc)
        return cli_misuse(usage, "name one file");
    struct view view = view_new(argv[optind]);
    int fd = cli_open(view.file);
    if (fd < 0)
        return 1;
    struct config *config = cli_settings(&common);
    if (!config) {
        close(fd);
        return 1;
    }
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "import", options, fd, view_line, &view, &result, &error);
    close(fd);
    config_free(config);
    view_clear(&view);
    if (rc < 0)
        return cli_fail(&error);
    show_result(&view, result);
    return json_int_or(result, "rejected", 0) ? 1 : 0;
}
