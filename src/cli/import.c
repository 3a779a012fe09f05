#include "cli.h"
#include "clock.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore import FILE.csv [--keep-good] [--data DIR] [--config FILE]\n"
    "  --keep-good            load the good lines when some are bad (else: all or nothing)\n"
    "  for catalogues without prices and stock (X-Wines):\n"
    "  --price-min 6.50       lowest price       --price-max 95   highest price\n"
    "  --stock 60             bottles of each new wine\n"
    "Works beside a running store. docs/import-format.md describes the file.";

struct view {
    const char *file;
    int64_t began_ms, shown_ms;
    int64_t rejected;
    bool terminal;
};

static void show_bar(struct view *view, const json_t *progress)
{
    int64_t now = clock_monotonic_ms();
    int64_t rows = json_int_or(progress, "rows", 0);
    int64_t bytes = json_int_or(progress, "bytes", 0), total = json_int_or(progress, "total", 0);
    if (!view->terminal || now - view->shown_ms < 100)
        return;
    view->shown_ms = now;
    int percent = total > 0 ? (int)(bytes * 100 / total) : 0;
    double seconds = (double)(now - view->began_ms) / 1000;
    char bar[31];
    memset(bar, '.', 30);
    memset(bar, '#', (size_t)(percent > 100 ? 100 : percent) * 30 / 100);
    bar[30] = '\0';
    fprintf(stderr, "\r%-9s [%s] %3d %%  %lld rows  %.0f rows/s ",
        json_text_or(progress, "phase", "reading"), bar, percent, (long long)rows,
        seconds > 0 ? (double)rows / seconds : 0);
}

static void show_line(void *ctx, const json_t *line)
{
    struct view *view = ctx;
    const json_t *progress = json_object_get(line, "progress");
    const json_t *reject = json_object_get(line, "rejected");
    if (progress)
        show_bar(view, progress);
    if (!reject)
        return;
    view->rejected++;
    const char *field = json_text_or(reject, "field", "");
    fprintf(stderr, "%s%s:%lld: %s%s%s\n", view->terminal ? "\r\033[K" : "", view->file,
        (long long)json_int_or(reject, "line", 0), field, *field ? ": " : "",
        json_text_or(reject, "reason", ""));
}

static void show_result(const struct view *view, const json_t *result)
{
    double seconds = (double)(clock_monotonic_ms() - view->began_ms) / 1000;
    int64_t rows = json_int_or(result, "rows", 0);
    printf("%s%s: %lld rows in %.2f s (%.0f rows/s): %lld new, %lld changed, %lld as before",
        view->terminal ? "\r\033[K" : "", view->file, (long long)rows, seconds,
        seconds > 0 ? (double)rows / seconds : 0, (long long)json_int_or(result, "added", 0),
        (long long)json_int_or(result, "changed", 0),
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
    struct view view = {.file = argv[optind], .terminal = isatty(STDERR_FILENO)};
    int fd = open(view.file, O_RDONLY | O_CLOEXEC);
    struct stat info;
    bool directory = fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    if (fd < 0 || directory) {
        fprintf(stderr, "winestore: %s: %s\n", view.file, strerror(directory ? EISDIR : errno));
        if (fd >= 0)
            close(fd);
        return 1;
    }
    struct config *config = cli_settings(&common);
    if (!config) {
        close(fd);
        return 1;
    }
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    view.began_ms = clock_monotonic_ms();
    int rc = cli_run(config, "import", options, fd, show_line, &view, &result, &error);
    close(fd);
    config_free(config);
    if (rc < 0) {
        if (view.terminal)
            fputs("\r\033[K", stderr);
        return cli_fail(&error);
    }
    show_result(&view, result);
    return json_int_or(result, "rejected", 0) ? 1 : 0;
}
