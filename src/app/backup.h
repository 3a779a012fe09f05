/*
 * Backup and restore. A backup is a directory: a copy of every SQLite file as of one instant
 * (beside a running store), the keys, the pictures and the shop's own settings, and manifest.json
 * with the SHA-256 of each. Not in it: the search index (rebuilt), mail that was written as files,
 * the lock.
 *
 * Whoever has a backup can read the personal data in it: keep it as you keep the keys.
 */
#ifndef APP_BACKUP_H
#define APP_BACKUP_H

#include "error.h"

#include <stdint.h>

struct backup_result {
    int64_t files, bytes;
};

/* Writes `target`, which must not exist; it appears whole. In the process that has the files open,
 * or while nobody has. ERROR_CONFLICT if the target exists. */
int backup_write(
    const char *data, const char *target, struct backup_result *result, struct error *error);

/* Checks the backup against its manifest and makes the data directory of it. ERROR_CONFLICT when
 * `data` exists and holds anything; ERROR_INVALID naming the file that is not as the manifest says.
 */
int backup_restore(
    const char *backup, const char *data, struct backup_result *result, struct error *error);

#endif
