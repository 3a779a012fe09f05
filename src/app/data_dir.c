#include "data_dir.h"

#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Databases are what needs the keys; a start that failed before it made one leaves a fresh place.
 */
static bool holds_database(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return true;
    struct dirent *entry;
    bool found = false;
    while (!found && (entry = readdir(directory)))
        found = text_ends_with(entry->d_name, ".db");
    closedir(directory);
    return found;
}

static int make_directory(const char *path, bool create, struct error *error)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (!S_ISDIR(info.st_mode))
            return error_set(error, ERROR_UNAVAILABLE, NULL, "data",
                "%s is a file; choose another data directory with DATA=", path);
        return 0;
    }
    if (!create)
        return error_set(error, ERROR_NOT_FOUND, NULL, "data",
            "there is no data directory %s; `winestore serve` makes it", path);
    if (mkdir(path, 0700) < 0)
        return error_set(error, ERROR_UNAVAILABLE, NULL, "data",
            "cannot make the data directory %s: %s; choose another with DATA=", path,
            strerror(errno));
    return 0;
}

static int take_lock(struct data_dir *dir, struct error *error)
{
    char name[PATH_MAX];
    snprintf(name, sizeof(name), "%s/lock", dir->path);
    dir->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dir->lock < 0)
        return error_set(error, ERROR_UNAVAILABLE, NULL, "data",
            "cannot write in the data directory %s: %s; check its owner, or choose another with "
            "DATA=",
            dir->path, strerror(errno));
    char text[64] = {0};
    if (flock(dir->lock, LOCK_EX | LOCK_NB) < 0) {
        if (read(dir->lock, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        close(dir->lock);
        return error_set(error, ERROR_CONFLICT, "locked", "data",
            "the data directory %s is in use by process %ld; stop it, or choose another with DATA=",
            dir->path, atol(text));
    }
    /* "PID serving" left behind means that nobody came to write "PID closed". */
    if (read(dir->lock, text, sizeof(text) - 1) > 0)
        dir->unclean = strstr(text, "closed") == NULL;
    if (ftruncate(dir->lock, 0) < 0 || lseek(dir->lock, 0, SEEK_SET) < 0 ||
        dprintf(dir->lock, "%ld serving\n", (long)getpid()) < 0)
        return error_set(error, ERROR_UNAVAILABLE, NULL, "data",
            "cannot write in the data directory %s: %s", dir->path, strerror(errno));
    return 0;
}

int data_dir_open(struct data_dir *dir, const char *path, bool create, struct error *error)
{
    memset(dir, 0, sizeof(*dir));
    int rc = make_directory(path, create, error);
    if (rc < 0)
        return rc;
    char resolved[PATH_MAX];
    if (!realpath(path, resolved) || strlen(resolved) >= sizeof(dir->path))
        return error_set(error, ERROR_UNAVAILABLE, NULL, "data", "%s: %s", path, strerror(errno));
    strcpy(dir->path, resolved);
    dir->fresh = !holds_database(dir->path);
    return take_lock(dir, error);
}

void data_dir_close(struct data_dir *dir, bool clean)
{
    if (clean && ftruncate(dir->lock, 0) == 0 && lseek(dir->lock, 0, SEEK_SET) == 0)
        dprintf(dir->lock, "%ld closed\n", (long)getpid());
    close(dir->lock);
}
