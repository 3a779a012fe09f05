#include "backup.h"

#include "clock.h"
#include "files.h"
#include "json.h"
#include "sqlite_db.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DATABASES 32

struct job {
    const char *data, *target; /* of the copy */
    json_t *files;             /* the manifest's list */
    struct backup_result result;
    struct {
        char path[256];
        sqlite3 *snapshot;
    } databases[MAX_DATABASES];
    size_t count;
};

/* What is not state: the lock, the socket, logs of SQLite's own, the index, mail that went out. */
static bool is_left_out(const char *path)
{
    return strcmp(path, "lock") == 0 || strcmp(path, "control.sock") == 0 ||
           text_ends_with(path, ".db-wal") || text_ends_with(path, ".db-shm") ||
           text_starts_with(path, "search/") || text_starts_with(path, "mail/");
}

static bool is_database(const char *path)
{
    return !strchr(path, '/') && text_ends_with(path, ".db");
}

static int join(char out[PATH_MAX], const char *folder, const char *name, struct error *error)
{
    int length = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_MAX)
        return error_set(
            error, ERROR_INVALID, NULL, "target", "a path below %.200s is too long", folder);
    return 0;
}

/* ---- the manifest ---- */

static int note_file(struct job *job, const char *path, struct error *error)
{
    char full[PATH_MAX], hash[SECURE_SHA256_HEX_SIZE];
    int64_t bytes;
    int rc = join(full, job->target, path, error);
    if (rc == 0)
        rc = file_hash(full, hash, &bytes, error);
    if (rc < 0)
        return rc;
    json_array_append_new(job->files,
        json_pack("{s:s, s:I, s:s}", "path", path, "bytes", (json_int_t)bytes, "sha256", hash));
    job->result.files++;
    job->result.bytes += bytes;
    return 0;
}

static int write_manifest(struct job *job, struct error *error)
{
    char path[PATH_MAX], now[CLOCK_TEXT_SIZE];
    if (join(path, job->target, "manifest.json", error) < 0)
        return ERROR_INVALID;
    CLEANUP_JSON json_t *manifest = json_pack("{s:s, s:i, s:s, s:O}", "format", "winestore-backup",
        "version", 1, "created_at", clock_format(clock_now_ms(), now), "files", job->files);
    if (json_dump_file(manifest, path, JSON_INDENT(1)) < 0)
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path, strerror(errno));
    return directory_sync(job->target, error);
}

/* ---- copying ---- */

static int copy_one(struct job *job, const char *from_root, const char *path, struct error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (join(from, from_root, path, error) < 0 || join(to, job->target, path, error) < 0)
        return ERROR_INVALID;
    char *slash = strrchr(to, '/');
    *slash = '\0';
    int rc = directory_make(to, error);
    *slash = '/';
    return rc < 0 ? rc : file_copy(from, to, error);
}

static int visit(void *ctx, const char *path, struct error *error)
{
    struct job *job = ctx;
    if (is_left_out(path))
        return 0;
    if (!is_database(path)) {
        int rc = copy_one(job, job->data, path, error);
        return rc < 0 ? rc : note_file(job, path, error);
    }
    if (job->count == MAX_DATABASES)
        return error_set(
            error, ERROR_INTERNAL, NULL, NULL, "more than %d databases", MAX_DATABASES);
    snprintf(job->databases[job->count++].path, sizeof(job->databases[0].path), "%s", path);
    return 0;
}

/* A read transaction: from here on this connection sees this instant. */
static int open_snapshot(struct job *job, size_t i, struct error *error)
{
    char path[PATH_MAX];
    sqlite3 **handle = &job->databases[i].snapshot;
    if (join(path, job->data, job->databases[i].path, error) < 0)
        return ERROR_INVALID;
    if (sqlite3_open_v2(path, handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_db_config(*handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
        sqlite3_exec(*handle,
            "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=1; BEGIN; SELECT count(*) FROM "
            "sqlite_schema",
            NULL, NULL, NULL) != SQLITE_OK)
        return error_set(
            error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path, sqlite3_errmsg(*handle));
    return 0;
}

static int copy_database(struct job *job, size_t i, struct error *error)
{
    char path[PATH_MAX];
    if (join(path, job->target, job->databases[i].path, error) < 0)
        return ERROR_INVALID;
    sqlite3 *copy = NULL;
    int rc = 0;
    if (sqlite3_open(path, &copy) != SQLITE_OK)
        rc = -1;
    sqlite3_backup *backup =
        rc == 0 ? sqlite3_backup_init(copy, "main", job->databases[i].snapshot, "main") : NULL;
    if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE)
        rc = -1;
    sqlite3_backup_finish(backup);
    if (rc < 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path, sqlite3_errmsg(copy));
    sqlite3_close(copy);
    chmod(path, 0600);
    return rc < 0 ? rc : note_file(job, job->databases[i].path, error);
}

static int copy_databases(struct job *job, struct error *error)
{
    int rc = 0;
    sqlite_freeze();
    for (size_t i = 0; i < job->count && rc == 0; i++)
        rc = open_snapshot(job, i, error);
    sqlite_thaw();
    for (size_t i = 0; i < job->count && rc == 0; i++)
        rc = copy_database(job, i, error);
    for (size_t i = 0; i < job->count; i++)
        sqlite3_close(job->databases[i].snapshot);
    return rc;
}

/* A backup inside the data directory would go into itself, and into every later one. */
static bool is_within(const char *folder, const char *path)
{
    char above[PATH_MAX], real[PATH_MAX], real_folder[PATH_MAX];
    snprintf(above, sizeof(above), "%s", path);
    char *slash;
    while ((slash = strrchr(above, '/')) && slash != above) {
        *slash = '\0';
        if (realpath(above, real))
            break;
    }
    size_t length = realpath(folder, real_folder) ? strlen(real_folder) : 0;
    return length && slash && slash != above && strncmp(real, real_folder, length) == 0 &&
           (real[length] == '/' || real[length] == '\0');
}

int backup_write(
    const char *data, const char *target, struct backup_result *result, struct error *error)
{
    char partial[PATH_MAX];
    if (access(target, F_OK) == 0)
        return error_set(error, ERROR_CONFLICT, NULL, "target",
            "%s exists already; choose a new directory", target);
    if (is_within(data, target))
        return error_set(error, ERROR_INVALID, NULL, "target",
            "%s is inside the data directory; choose a place outside", target);
    if (snprintf(partial, sizeof(partial), "%s.partial", target) >= PATH_MAX)
        return error_set(error, ERROR_INVALID, NULL, "target", "the path is too long");
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    job->data = data;
    job->target = partial;
    job->files = json_array();
    int rc = directory_remove(partial, error);
    if (rc == 0)
        rc = directory_make(partial, error);
    /* The databases after the rest: a picture that a row speaks of is then in the copy, or was
     * there before. */
    if (rc == 0)
        rc = directory_walk(data, visit, job, error);
    if (rc == 0)
        rc = copy_databases(job, error);
    if (rc == 0)
        rc = write_manifest(job, error);
    if (rc == 0 && rename(partial, target) < 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", target, strerror(errno));
    if (rc < 0)
        directory_remove(partial, NULL);
    *result = job->result;
    json_decref(job->files);
    free(job);
    return rc;
}

/* ---- restoring ---- */

static int read_manifest(const char *backup, json_t **out, struct error *error)
{
    char path[PATH_MAX];
    json_error_t problem;
    if (join(path, backup, "manifest.json", error) < 0)
        return ERROR_INVALID;
    json_t *manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (!manifest)
        return error_set(
            error, ERROR_INVALID, NULL, "backup", "%s:%d: %s", path, problem.line, problem.text);
    if (!text_equal(json_text_or(manifest, "format", ""), "winestore-backup") ||
        json_int_or(manifest, "version", 0) != 1) {
        json_decref(manifest);
        return error_set(error, ERROR_INVALID, NULL, "backup",
            "%s: is no backup that this winestore understands", path);
    }
    *out = manifest;
    return 0;
}

static bool is_safe(const char *path)
{
    return *path && *path != '/' && !strstr(path, "..");
}

static int restore_file(struct job *job, const json_t *entry, struct error *error)
{
    const char *path = json_text_or(entry, "path", "");
    char full[PATH_MAX], hash[SECURE_SHA256_HEX_SIZE];
    int64_t bytes;
    if (!is_safe(path))
        return error_set(
            error, ERROR_INVALID, NULL, "backup", "the manifest names the path \"%s\"", path);
    int rc = copy_one(job, job->data, path, error);
    if (rc < 0)
        return rc;
    rc = join(full, job->target, path, error);
    if (rc == 0)
        rc = file_hash(full, hash, &bytes, error);
    if (rc == 0 && strcmp(hash, json_text_or(entry, "sha256", "")) != 0)
        rc = error_set(error, ERROR_INVALID, NULL, "backup",
            "%s/%s is not the file that was backed up; take another backup", job->data, path);
    job->result.files++;
    job->result.bytes += bytes;
    return rc;
}

int backup_restore(
    const char *backup, const char *data, struct backup_result *result, struct error *error)
{
    char partial[PATH_MAX];
    CLEANUP_JSON json_t *manifest = NULL;
    if (!directory_is_empty(data))
        return error_set(error, ERROR_CONFLICT, NULL, "data",
            "%s is not empty; restore into a new directory with DATA=", data);
    int rc = read_manifest(backup, &manifest, error);
    if (rc < 0)
        return rc;
    if (snprintf(partial, sizeof(partial), "%s.partial", data) >= PATH_MAX)
        return error_set(error, ERROR_INVALID, NULL, "data", "the path is too long");
    struct job job = {.data = backup, .target = partial};
    rc = directory_remove(partial, error);
    if (rc == 0)
        rc = directory_make(partial, error);
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(manifest, "files"), i, entry)
    {
        if (rc == 0)
            rc = restore_file(&job, entry, error);
    }
    if (rc == 0)
        rc = directory_sync(partial, error);
    if (rc == 0 && ((rmdir(data) < 0 && errno != ENOENT) || rename(partial, data) < 0))
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", data, strerror(errno));
    if (rc < 0)
        directory_remove(partial, NULL);
    *result = job.result;
    return rc;
}
