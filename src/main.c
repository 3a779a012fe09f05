/* The subcommand table. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct subcommand subcommands[] = {
    {"serve", cli_serve, "run the store"},
    {"import", cli_import, "load wines from a CSV file"},
    {"export", cli_export, "write the wines as a CSV file"},
    {"backup", cli_backup, "copy the store into a new directory"},
    {"restore", cli_restore, "make a data directory of a backup"},
    {"reindex", cli_reindex, "build the search index anew"},
    {"ratings", cli_ratings, "load ratings from elsewhere, to learn from"},
    {"train", cli_train, "train the recommendations anew"},
    {"recommend", cli_recommend, "print lists for a file of shoppers"},
    {"evaluate", cli_evaluate, "tell how good the recommendations are"},
    {"models", cli_models, "list the trained models, use another"},
    {"config", cli_config, "list the settings"},
};

#define COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static int help(FILE *out)
{
    fprintf(
        out, "winestore %s: a shop for wine\n\nusage: winestore COMMAND [OPTIONS]\n\n", VERSION);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(out, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    fprintf(out, "\n`winestore COMMAND --help` says more.\n");
    return out == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        printf("winestore %s\n", VERSION);
        return 0;
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "winestore: there is no command \"%s\"\n", argv[1]);
    return help(stderr);
}
