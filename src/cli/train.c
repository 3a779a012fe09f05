#include "cli.h"
#include "json.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
    "usage: winestore train [--as-of TIME] [--threads N] [--data DIR] [--config FILE]\n"
    "Trains the recommendations anew from all that shoppers did (or did before TIME), keeps the\n"
    "model as a new version and serves it. Works beside a running store.";

int cli_train(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS,
        {"as-of", required_argument, NULL, 'a'}, {"threads", required_argument, NULL, 't'}, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'a')
            json_object_set_new(options, "as_of", json_string(optarg));
        else if (option == 't')
            json_object_set_new(options, "threads", json_string(optarg));
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "train does not take that");
    }
    if (optind < argc)
        return cli_misuse(usage, "train does not take \"%s\"", argv[optind]);
    struct config *config = cli_settings(&common);
    if (!config)
        return 1;
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "train", options, -1, cli_no_lines, NULL, &result, &error);
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    printf("model %lld: %lld events of %lld shoppers and %lld wines in %.2f s",
        (long long)json_int_or(result, "version", 0), (long long)json_int_or(result, "events", 0),
        (long long)json_int_or(result, "shoppers", 0), (long long)json_int_or(result, "wines", 0),
        json_number_or(result, "seconds", 0));
    if (json_number_or(result, "recall", -1) >= 0)
        printf("; on the last tenth, recall@20 %.3f (popularity %.3f), ndcg@10 %.3f (%.3f)",
            json_number_or(result, "recall", 0), json_number_or(result, "popular_recall", 0),
            json_number_or(result, "ndcg", 0), json_number_or(result, "popular_ndcg", 0));
    printf("\n");
    return 0;
}
