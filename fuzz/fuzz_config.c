/* A configuration file: what is taken keeps to the rules of its keys. */
#include "fuzz.h"

#include "config.h"

#include <string.h>

static const struct config_key keys[] = {
    {"http.port", CONFIG_INT, "8080", NULL, 0, 65535, "where to listen"},
    {"rate_limits", CONFIG_BOOL, "true", NULL, 0, 0, "whether to limit"},
    {"shop.name", CONFIG_TEXT, "Shop", NULL, 0, 0, "what it is called"},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct error error = {0};
    struct config *config = config_new(keys);
    int fd = fuzz_file(data, size, path);
    if (config_load(config, path, &error) < 0)
        demand(*error.message);
    demand(config_int(config, "http.port") >= 0 && config_int(config, "http.port") <= 65535);
    demand(config_bool(config, "rate_limits") || !config_bool(config, "rate_limits"));
    demand(config_text(config, "shop.name"));
    close(fd);
    config_free(config);
    return 0;
}
