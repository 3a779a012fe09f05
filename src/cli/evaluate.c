#include "cli.h"
#include "clock.h"
#include "json.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: winestore evaluate [--truth FILE.csv | --holdout 0.1] [--threads N] [--data DIR]\n"
    "                          [--config FILE]\n"
    "Trains on what happened before the truth (a file of ratings, else the last tenth of what\n"
    "happened) and prints how well lists of 20 foretell it, beside the popular list and item-kNN.\n"
    "Nothing is kept.";

static void show(const json_t *result)
{
    char split[CLOCK_TEXT_SIZE];
    const json_t *model = json_object_get(result, "model"), *row;
    size_t i;
    printf("history before %s: %lld events of %lld shoppers and %lld wines, trained in %.2f s\n",
        clock_format(json_int_or(result, "split_ms", 0), split),
        (long long)json_int_or(model, "events", 0), (long long)json_int_or(model, "shoppers", 0),
        (long long)json_int_or(model, "wines", 0), json_number_or(model, "seconds", 0));
    printf("%-20s %10s %8s %8s %8s %9s %9s\n", "", "recall@20", "+-", "ndcg@10", "+-", "coverage",
        "shoppers");
    json_array_foreach(json_object_get(result, "rows"), i, row)
        printf("%-20s %10.4f %8.4f %8.4f %8.4f %9.3f %9lld\n", json_text_or(row, "name", ""),
            json_number_or(row, "recall", 0), json_number_or(row, "recall_error", 0),
            json_number_or(row, "ndcg", 0), json_number_or(row, "ndcg_error", 0),
            json_number_or(row, "coverage", 0), (long long)json_int_or(row, "shoppers", 0));
    if (json_number_or(result, "new_wines", -1) >= 0)
        printf("%-20s %10.4f          among %lld wines hidden in training, mean of %lld draws\n",
            "new wines", json_number_or(result, "new_wines", 0),
            (long long)json_int_or(result, "hidden", 0),
            (long long)json_int_or(result, "draws", 0));
}

int cli_evaluate(int argc, char **argv)
{
    struct cli_common common = {0};
    const char *truth = NULL;
    static const struct option long_options[] = {CLI_COMMON_OPTIONS,
        {"truth", required_argument, NULL, 'u'}, {"holdout", required_argument, NULL, 'o'},
        {"threads", required_argument, NULL, 't'}, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (option == 'u')
            truth = optarg;
        else if (option == 'o')
            json_object_set_new(options, "holdout", json_string(optarg));
        else if (option == 't')
            json_object_set_new(options, "threads", json_string(optarg));
        else if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "evaluate does not take that");
    }
    if (optind < argc)
        return cli_misuse(usage, "evaluate does not take \"%s\"", argv[optind]);
    int fd = truth ? cli_open(truth) : -1;
    struct config *config = truth && fd < 0 ? NULL : cli_settings(&common);
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc =
        config ? cli_run(config, "evaluate", options, fd, cli_no_lines, NULL, &result, &error) : -1;
    if (fd >= 0)
        close(fd);
    if (!config)
        return 1;
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    show(result);
    return 0;
}
