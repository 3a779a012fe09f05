/*
 * Configuration: `key = value` lines, '#' starts a comment line, keys are dotted lower-case words
 * ("http.port", "queue"). The set of keys is closed: an unknown key, a doubled one or a value that
 * its rule refuses is an error that names the file, the line and the remedy. The environment
 * overrides the file, and both override the defaults of the table.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

enum config_type { CONFIG_TEXT, CONFIG_INT, CONFIG_BOOL };

struct config_key {
    const char *name;
    enum config_type type;
    const char *fallback;    /* the default, as text; never NULL */
    const char *environment; /* a variable that overrides it, or NULL */
    int64_t low, high;       /* for CONFIG_INT */
    const char *help;
};

struct config;

/* `keys` ends with a NULL name and outlives the config. Never NULL. */
struct config *config_new(const struct config_key *keys);
void config_free(struct config *config);

/* Reads a file; ERROR_NOT_FOUND if there is none, ERROR_INVALID naming file, line and remedy. */
int config_load(struct config *config, const char *path, struct error *error);

/* Takes the overrides from the environment. ERROR_INVALID names the variable. */
int config_environment(struct config *config, struct error *error);

/* Sets one key, as the command line does. ERROR_INVALID names the key. */
int config_set(struct config *config, const char *name, const char *value, struct error *error);

/* The value; asking for a key that is not in the table is a programmer's error. */
const char *config_text(const struct config *config, const char *name);
int64_t config_int(const struct config *config, const char *name);
bool config_bool(const struct config *config, const char *name);

#endif
