/*
 * The settings: one table of keys with their defaults, what overrides them and what they mean.
 * `winestore config` prints it. Order of strength: command line, environment, file, default.
 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "config.h"

/* The table; ends with a NULL name. */
extern const struct config_key settings_keys[];

/* Reads `file` (NULL: winestore.conf in the data directory, if there is one) and the environment.
 * `data` (NULL: DATA in the environment, else "data") becomes the setting "data". Never NULL on
 * success; the caller frees with config_free. */
int settings_read(struct config **out, const char *file, const char *data, struct error *error);

/* Where the program's own files are (web bundle, demo data, contract): the setting "share", or
 * PREFIX/share/winestore beside the program, or the source tree it was built in. In `path` of
 * `size`.
 */
int settings_share(const struct config *config, const char *below, char *path, unsigned long size,
    struct error *error);

#endif
