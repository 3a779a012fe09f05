#include "cli.h"
#include "clock.h"
#include "json.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: winestore models [list | use VERSION | rollback] [--data DIR] [--config FILE]\n"
    "The versions of the trained model: which there are, and which one serves. `rollback` goes\n"
    "back to the one before it. Works beside a running store.";

static void print_model(void *ctx, const json_t *line)
{
    (void)ctx;
    const json_t *model = json_object_get(line, "model");
    char trained[CLOCK_TEXT_SIZE];
    if (!model)
        return;
    printf("%c %6lld  %s  %lld events, %lld shoppers, %lld wines",
        json_is_true(json_object_get(model, "current")) ? '*' : ' ',
        (long long)json_int_or(model, "version", 0),
        clock_format(json_int_or(model, "trained_ms", 0), trained),
        (long long)json_int_or(model, "events", 0), (long long)json_int_or(model, "shoppers", 0),
        (long long)json_int_or(model, "wines", 0));
    if (json_number_or(model, "recall", -1) >= 0)
        printf("  recall@20 %.3f (popularity %.3f)", json_number_or(model, "recall", 0),
            json_number_or(model, "popular_recall", 0));
    printf("\n");
}

int cli_models(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS, {0}};
    CLEANUP_JSON json_t *options = json_object();
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "models does not take that");
    }
    const char *action = optind < argc ? argv[optind] : "list";
    bool use = strcmp(action, "use") == 0;
    if (!use && strcmp(action, "list") != 0 && strcmp(action, "rollback") != 0)
        return cli_misuse(usage, "models does not know \"%s\"", action);
    if (use && optind + 2 != argc)
        return cli_misuse(usage, "name the version to use");
    if (!use && optind + 1 < argc)
        return cli_misuse(usage, "models %s takes no more", action);
    json_object_set_new(options, "action", json_string(action));
    if (use)
        json_object_set_new(options, "version", json_string(argv[optind + 1]));
    struct config *config = cli_settings(&common);
    if (!config)
        return 1;
    CLEANUP_JSON json_t *result = NULL;
    struct error error = {0};
    int rc = cli_run(config, "models", options, -1, print_model, NULL, &result, &error);
    config_free(config);
    if (rc < 0)
        return cli_fail(&error);
    if (!json_int_or(result, "models", 0))
        printf("no model is trained yet\n");
    return 0;
}
