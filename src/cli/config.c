#include "config.h"

#include "cli.h"
#include "settings.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: winestore config [--data DIR] [--config FILE]\n"
                            "Lists the settings as a configuration file would have them.";

int cli_config(int argc, char **argv)
{
    struct cli_common common = {0};
    static const struct option long_options[] = {CLI_COMMON_OPTIONS, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:s:h", long_options, NULL)) != -1) {
        if (!cli_take_common(&common, option, optarg, usage))
            return cli_misuse(usage, "config does not take that");
    }
    struct config *config = cli_settings(&common);
    if (!config)
        return 1;
    for (const struct config_key *key = settings_keys; key->name; key++) {
        bool secret = strstr(key->name, "password") || strstr(key->name, "token") ||
                      strstr(key->name, "secret");
        const char *value = config_text(config, key->name);
        printf("# %s", key->help);
        if (key->type == CONFIG_INT)
            printf(" (%lld to %lld)", (long long)key->low, (long long)key->high);
        if (key->environment)
            printf("; environment: %s", key->environment);
        printf("\n%s = %s\n\n", key->name, secret && *value ? "(set)" : value);
    }
    config_free(config);
    return 0;
}
