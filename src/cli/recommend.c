#include "cli.h"
#include "json.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore recommend --users FILE [--top 20] [--as-of TIME] [--threads N]\n"
    "                           [--data DIR] [--config FILE]\n"
    "Prints \"user<TAB>wine,wine,...\" for each shopper of the file (one a line), best first; "
    "wines\n"
    "are named by their SKU (X-Wines' by their number). With --as-of as it would have been then.";

static void print_list(void *ctx, const json_t *line)
{
    (void)ctx;
    const char *text = json_text_or(line, "list", NULL);
    if (text)
        puts(text);
}

int cli_recommend(int argc, char **argv)
{
    struct cli_common common = {0};
    const char *users = NULL;
    static const struct option long_options[] = {CLI_COMMON_OPTIONS,
        {"users", required_argument, NULL, 'u'}, {"top", required_argument, NULL, 'n'},
        {"as-of", required_argument, NULL, 'a'}, {"threads", required_argument, NULL, 't'}, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'u')
            users = optarg;
        else if (option == 'n')
            json_object_set_new(options, "top", json_string(optarg));
        else if (option == 'a')
            json_object_set_new(options, "as_of", json_string(optarg));
        else if (option == 't')
            json_object_set_new(options, "threads", json_string(optarg));
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "recommend does not take that");
    }
    if (optind < argc || !users)
        return cli_misuse(
            usage, users ? "recommend takes no more than that" : "name a --users FILE");
    int fd = cli_open(users);
    struct config *config = fd < 0 ? NULL : cli_settings(&common);
    if (!config) {
        if (fd >= 0)
            close(fd);
        return 1;
    }
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "recommend", options, fd, print_list, NULL, &result, &error);
    close(fd);
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    long long unknown = (long long)json_int_or(result, "unknown", 0);
    if (unknown)
        fprintf(stderr, "%lld of %lld shoppers are unknown: they got what is popular\n", unknown,
            (long long)json_int_or(result, "shoppers", 0));
    return fflush(stdout) == 0 ? 0 : 1;
}
