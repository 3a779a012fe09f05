#include "config.h"

#include "arena.h"
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config {
    const struct config_key *keys;
    const char **values;
    int *lines; /* where the file set it, for the doubled-key check */
    size_t count;
    struct arena *arena;
};

struct config *config_new(const struct config_key *keys)
{
    struct arena *arena = arena_new();
    struct config *config = arena_new_struct(arena, struct config);
    config->arena = arena;
    config->keys = keys;
    while (keys[config->count].name)
        config->count++;
    config->values = arena_new_array(arena, config->count, const char *);
    config->lines = arena_new_array(arena, config->count, int);
    for (size_t i = 0; i < config->count; i++)
        config->values[i] = keys[i].fallback;
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    struct arena *arena = config->arena; /* which holds the config itself */
    arena_wipe(arena);                   /* passwords and keys among it */
    arena_free(arena);
}

static size_t find(const struct config *config, const char *name)
{
    size_t i = 0;
    while (i < config->count && strcmp(config->keys[i].name, name) != 0)
        i++;
    return i;
}

static bool is_true(const char *value)
{
    return text_equal(value, "on") || text_equal(value, "true") || text_equal(value, "yes");
}

static bool is_false(const char *value)
{
    return text_equal(value, "off") || text_equal(value, "false") || text_equal(value, "no");
}

static int check(const struct config_key *key, const char *value, struct error *error)
{
    int64_t number;
    if (key->type == CONFIG_INT && text_to_int(value, key->low, key->high, &number) < 0)
        return error_set(error, ERROR_INVALID, NULL, key->name,
            "%s must be a whole number from %lld to %lld, not \"%.60s\"", key->name,
            (long long)key->low, (long long)key->high, value);
    if (key->type == CONFIG_BOOL && !is_true(value) && !is_false(value))
        return error_set(error, ERROR_INVALID, NULL, key->name,
            "%s must be on or off, not \"%.60s\"", key->name, value);
    return 0;
}

int config_set(struct config *config, const char *name, const char *value, struct error *error)
{
    size_t i = find(config, name);
    if (i == config->count)
        return error_set(error, ERROR_INVALID, NULL, name,
            "there is no setting \"%.60s\"; `winestore config` lists them", name);
    int rc = check(&config->keys[i], value, error);
    if (rc < 0)
        return rc;
    config->values[i] = arena_strdup(config->arena, value);
    return 0;
}

static int set_line(
    struct config *config, const char *path, int number, const char *line, struct error *error)
{
    const char *text = text_trim(config->arena, line);
    if (*text == '\0' || *text == '#')
        return 0;
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "%s:%d: write `key = value`, not \"%.60s\"", path, number, text);
    char *name =
        text_trim(config->arena, arena_strndup(config->arena, text, (size_t)(equals - text)));
    size_t i = find(config, name);
    if (i < config->count && config->lines[i])
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "%s:%d: %s is set on line %d already; remove one", path, number, name,
            config->lines[i]);
    struct error problem = {0};
    int rc = config_set(config, name, text_trim(config->arena, equals + 1), &problem);
    if (rc < 0)
        return error_set(error, rc, NULL, NULL, "%s:%d: %.200s", path, number, problem.message);
    config->lines[i] = number;
    return 0;
}

int config_load(struct config *config, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error,
            errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND : ERROR_INVALID, NULL, NULL,
            "%s: %s", path, strerror(errno));
    char line[2048];
    int rc = 0;
    for (int number = 1; rc == 0 && fgets(line, sizeof(line), file); number++) {
        if (!strchr(line, '\n') && !feof(file))
            rc = error_set(error, ERROR_INVALID, NULL, NULL,
                "%s:%d: a line has at most 2,046 characters", path, number);
        else if (!utf8_valid(line, strlen(line)))
            rc = error_set(
                error, ERROR_INVALID, NULL, NULL, "%s:%d: is not UTF-8 text", path, number);
        else
            rc = set_line(config, path, number, line, error);
    }
    fclose(file);
    return rc;
}

int config_environment(struct config *config, struct error *error)
{
    for (size_t i = 0; i < config->count; i++) {
        const char *variable = config->keys[i].environment;
        const char *value = variable ? getenv(variable) : NULL;
        if (!value || !*value)
            continue;
        struct error problem = {0};
        int rc = config_set(config, config->keys[i].name, value, &problem);
        if (rc < 0)
            return error_set(error, rc, NULL, variable, "environment variable %s: %.240s", variable,
                problem.message);
    }
    return 0;
}

const char *config_text(const struct config *config, const char *name)
{
    size_t i = find(config, name);
    assert(i < config->count);
    return config->values[i];
}

int64_t config_int(const struct config *config, const char *name)
{
    return strtoll(config_text(config, name), NULL, 10);
}

bool config_bool(const struct config *config, const char *name)
{
    return is_true(config_text(config, name));
}
