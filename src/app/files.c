#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path, strerror(errno));
}

static int copy_bytes(int in, int out)
{
    char chunk[65536];
    ssize_t got;
    while ((got = read(in, chunk, sizeof(chunk))) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(out, chunk + done, (size_t)(got - done));
            if (put < 0)
                return -1;
            done += put;
        }
    }
    return got < 0 || fsync(out) < 0 ? -1 : 0;
}

int file_copy(const char *from, const char *to, struct error *error)
{
    struct stat info;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 || fstat(in, &info) < 0) {
        int rc = fail(from, error);
        if (in >= 0)
            close(in);
        return rc;
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, info.st_mode & 0777);
    int rc = out < 0 || copy_bytes(in, out) < 0 ? fail(to, error) : 0;
    if (out >= 0)
        close(out);
    close(in);
    return rc;
}

int file_hash(
    const char *path, char hex[SECURE_SHA256_HEX_SIZE], int64_t *bytes, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(path, error);
    crypto_hash_sha256_state state;
    unsigned char chunk[65536], hash[crypto_hash_sha256_BYTES];
    size_t got;
    *bytes = 0;
    crypto_hash_sha256_init(&state);
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        crypto_hash_sha256_update(&state, chunk, got);
        *bytes += (int64_t)got;
    }
    int rc = ferror(file) ? fail(path, error) : 0;
    fclose(file);
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(hex, SECURE_SHA256_HEX_SIZE, hash, sizeof(hash));
    return rc;
}

int directory_make(const char *path, struct error *error)
{
    char partial[PATH_MAX];
    snprintf(partial, sizeof(partial), "%s", path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0700) < 0 && errno != EEXIST)
            return fail(partial, error);
        *slash = '/';
    }
    return mkdir(partial, 0700) < 0 && errno != EEXIST ? fail(partial, error) : 0;
}

int directory_sync(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? fail(path, error) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int directory_remove(const char *path, struct error *error)
{
    int rc = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return rc < 0 && errno != ENOENT ? fail(path, error) : 0;
}

static int walk(const char *root, const char *below,
    int (*fn)(void *ctx, const char *path, struct error *error), void *ctx, struct error *error)
{
    char full[PATH_MAX], path[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s%s", root, *below ? "/" : "", below);
    DIR *directory = opendir(full);
    if (!directory)
        return fail(full, error);
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof(path), "%s%s%s", below, *below ? "/" : "", entry->d_name) >=
            (int)sizeof(path))
            rc = error_set(error, ERROR_INVALID, NULL, NULL, "%s: a path is too long", full);
        else if (entry->d_type == DT_DIR)
            rc = walk(root, path, fn, ctx, error);
        else if (entry->d_type == DT_REG)
            rc = fn(ctx, path, error);
    }
    closedir(directory);
    return rc;
}

int directory_walk(const char *root, int (*fn)(void *ctx, const char *path, struct error *error),
    void *ctx, struct error *error)
{
    return walk(root, "", fn, ctx, error);
}

bool directory_is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOENT;
    struct dirent *entry;
    bool empty = true;
    while (empty && (entry = readdir(directory)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(directory);
    return empty;
}
