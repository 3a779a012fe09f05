#include "search_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Part of the state: an index of another layout is not opened but made anew. */
#define LAYOUT "winestore-search-1"

static int failed(struct error *error, const char *what, const char *path)
{
    return error_set(error, ERROR_INTERNAL, "search_files", NULL, "Cannot %s %s: %s.", what, path,
        strerror(errno));
}

char *search_directory_file(const struct search_directory *directory, const char *name, char *out)
{
    snprintf(out, PATH_MAX, "%s/index-%u/%s", directory->path, directory->number, name);
    return out;
}

static void read_state(struct search_directory *directory)
{
    char path[PATH_MAX], layout[32], state[16];
    snprintf(path, sizeof(path), "%s/state", directory->path);
    FILE *file = fopen(path, "re");
    if (!file) {
        directory->fresh = errno == ENOENT;
        return;
    }
    if (fscanf(file, "%31s %u %15s %" SCNu64, layout, &directory->number, state,
            &directory->position) == 4 &&
        strcmp(layout, LAYOUT) == 0)
        directory->clean = strcmp(state, "clean") == 0;
    fclose(file);
}

int search_directory_open(struct search_directory *directory, const char *path, struct error *error)
{
    *directory = (struct search_directory){0};
    if (strlen(path) >= sizeof(directory->path))
        return error_set(
            error, ERROR_INVALID, "search_files", NULL, "The search directory's name is too long.");
    strcpy(directory->path, path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return failed(error, "make the directory", path);
    read_state(directory);
    return 0;
}

/* Flushes a directory's entries. */
static int sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

int search_directory_mark(
    struct search_directory *directory, bool clean, uint64_t position, struct error *error)
{
    char path[PATH_MAX], fresh[PATH_MAX], line[128];
    snprintf(path, sizeof(path), "%s/state", directory->path);
    snprintf(fresh, sizeof(fresh), "%s/state.new", directory->path);
    int length = snprintf(line, sizeof(line), "%s %u %s %" PRIu64 "\n", LAYOUT, directory->number,
        clean ? "clean" : "open", position);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(error, "write", fresh);
    bool written = write(fd, line, (size_t)length) == length && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written || rename(fresh, path) != 0 || sync_directory(directory->path) != 0)
        return failed(error, "write", fresh);
    directory->clean = clean;
    directory->position = position;
    return 0;
}

/* The index's files are flat. */
static void remove_subdirectory(const struct search_directory *directory, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory->path, name);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

int search_directory_renew(struct search_directory *directory, struct error *error)
{
    char path[PATH_MAX], keep[32];
    directory->number++;
    snprintf(keep, sizeof(keep), "index-%u", directory->number);
    remove_subdirectory(directory, keep);
    snprintf(path, sizeof(path), "%s/%s", directory->path, keep);
    if (mkdir(path, 0700) != 0)
        return failed(error, "make the directory", path);
    int code = search_directory_mark(directory, /* clean= */ false, 0, error);
    if (code)
        return code;
    DIR *dir = opendir(directory->path);
    if (!dir)
        return failed(error, "read the directory", directory->path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "index-", 6) == 0 && strcmp(entry->d_name, keep) != 0)
            remove_subdirectory(directory, entry->d_name);
    }
    closedir(dir);
    return 0;
}
