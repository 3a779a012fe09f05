/*
 * A blob is a file at <root>/<name>: its bytes and then a trailer of fixed size with type and etag.
 * Behind the bytes, because picture formats end by themselves: every viewer opens the file, and one
 * rename replaces bytes and type together. Unfinished files live in <root>/.incoming, which is
 * emptied at the start.
 */
#include "blob.h"
#include "blob_check.h"
#include "secure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCOMING ".incoming"
#define PUT_ATTEMPTS 8

static const char magic[8] = "\nWSBLOB1";

struct trailer {
    char magic[8];
    char type[BLOB_TYPE_SIZE];
    char etag[64]; /* hex, without NUL */
};
_Static_assert(sizeof(struct trailer) == 152, "the trailer is a file format");

struct blob_directory {
    struct blob base;
    int root; /* descriptor of the directory: a rename of the data directory does not hurt */
    atomic_uint_fast64_t serial;
};

static int failed(const char *what, const char *name, int why, struct error *error)
{
    if (why == EISDIR || why == ENOTDIR || why == ENOTEMPTY || why == EEXIST)
        return error_set(error, ERROR_CONFLICT, "blob_folder", "name",
            "%s is the folder of another blob, or lies in one", name);
    return error_set(error, ERROR_UNAVAILABLE, "blob_storage", NULL, "cannot %s blob %s: %s", what,
        name, strerror(why));
}

static int write_whole(int fd, const void *data, size_t length)
{
    const char *cursor = data;
    while (length > 0) {
        ssize_t written = write(fd, cursor, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        cursor += written;
        length -= (size_t)written;
    }
    return 0;
}

static int read_whole(int fd, void *data, size_t length, off_t offset)
{
    char *cursor = data;
    while (length > 0) {
        ssize_t got = pread(fd, cursor, length, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        cursor += got;
        offset += got;
        length -= (size_t)got;
    }
    return 0;
}

static int sync_folder(int root, const char *path)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

/* "." for a name without '/'. */
static void folder_of(const char *name, char *folder)
{
    const char *slash = strrchr(name, '/');
    if (!slash) {
        strcpy(folder, ".");
        return;
    }
    memcpy(folder, name, (size_t)(slash - name));
    folder[slash - name] = '\0';
}

/* Makes the folders above `name`, each entry synced in the one above it. */
static int make_folders(int root, const char *name)
{
    char path[BLOB_NAME_MAX + 1], above[BLOB_NAME_MAX + 1];
    strcpy(path, name);
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(root, path, 0755) == 0) {
            folder_of(path, above);
            if (sync_folder(root, above) != 0)
                return -1;
        } else if (errno != EEXIST) {
            return -1;
        }
        *slash = '/';
    }
    return 0;
}

/* Removes folders above `name` while they are empty. */
static void remove_folders(int root, const char *name)
{
    char path[BLOB_NAME_MAX + 1];
    strcpy(path, name);
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (unlinkat(root, path, AT_REMOVEDIR) != 0)
            return;
    }
}

static int write_incoming(struct blob_directory *directory, const char *path, const void *data,
    size_t length, const struct trailer *trailer)
{
    int fd =
        openat(directory->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    bool good = write_whole(fd, data, length) == 0 &&
                write_whole(fd, trailer, sizeof(*trailer)) == 0 && fsync(fd) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return good ? 0 : -1;
}

/* Renames into place. A delete may remove the empty folder between its making and the rename, so
 * that is tried again. */
static int move_in(struct blob_directory *directory, const char *incoming, const char *name)
{
    char folder[BLOB_NAME_MAX + 1];
    folder_of(name, folder);
    for (int attempt = 0; attempt < PUT_ATTEMPTS; attempt++) {
        if (make_folders(directory->root, name) != 0 && errno != ENOENT)
            return -1;
        /* No folder after the rename: a delete has taken the new blob away with it. */
        if (renameat(directory->root, incoming, directory->root, name) == 0)
            return sync_folder(directory->root, folder) == 0 || errno == ENOENT ? 0 : -1;
        if (errno != ENOENT)
            return -1;
    }
    return -1;
}

static int directory_put(struct blob *blob, const char *name, const char *type, const void *data,
    size_t length, struct error *error)
{
    struct blob_directory *directory = (struct blob_directory *)blob;
    int rc = blob_check_put(name, type, length, error);
    if (rc != 0)
        return rc;
    struct trailer trailer = {0};
    char etag[SECURE_SHA256_HEX_SIZE];
    memcpy(trailer.magic, magic, sizeof(magic));
    memcpy(trailer.type, type, strlen(type));
    secure_sha256_hex(data, length, etag);
    memcpy(trailer.etag, etag, sizeof(trailer.etag));

    char incoming[64];
    snprintf(incoming, sizeof(incoming), INCOMING "/%llu",
        (unsigned long long)atomic_fetch_add(&directory->serial, 1));
    if (write_incoming(directory, incoming, data, length, &trailer) == 0 &&
        move_in(directory, incoming, name) == 0)
        return 0;
    int why = errno;
    unlinkat(directory->root, incoming, 0);
    return failed("write", name, why, error);
}

/* Fills `info` from an open blob. Sets errno; EBADMSG means that the file is no blob. */
static int read_info(int fd, struct blob_info *info)
{
    struct stat status;
    struct trailer trailer;
    if (fstat(fd, &status) != 0)
        return -1;
    if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(trailer)) {
        errno = S_ISDIR(status.st_mode) ? ENOENT : EBADMSG;
        return -1;
    }
    off_t length = status.st_size - (off_t)sizeof(trailer);
    if (read_whole(fd, &trailer, sizeof(trailer), length) != 0)
        return -1;
    if (memcmp(trailer.magic, magic, sizeof(magic)) != 0 || trailer.type[BLOB_TYPE_SIZE - 1]) {
        errno = EBADMSG;
        return -1;
    }
    info->length = (size_t)length;
    info->modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    memcpy(info->type, trailer.type, sizeof(info->type));
    memcpy(info->etag, trailer.etag, sizeof(trailer.etag));
    info->etag[sizeof(trailer.etag)] = '\0';
    return 0;
}

/* An open descriptor, or an error code. */
static int open_blob(
    struct blob_directory *directory, const char *name, struct blob_info *info, struct error *error)
{
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    int fd = openat(directory->root, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return blob_missing(name, error);
    if (fd < 0)
        return failed("read", name, errno, error);
    if (read_info(fd, info) == 0)
        return fd;
    int why = errno;
    close(fd);
    if (why == ENOENT)
        return blob_missing(name, error);
    if (why == EBADMSG)
        return error_set(error, ERROR_INTERNAL, "blob_damaged", NULL,
            "the file of blob %s was not written by the store, or was cut: put it again", name);
    return failed("read", name, why, error);
}

static int directory_get(
    struct blob *blob, const char *name, size_t cap, struct blob_object *out, struct error *error)
{
    struct blob_info info;
    int fd = open_blob((struct blob_directory *)blob, name, &info, error);
    if (fd < 0)
        return fd;
    int rc = 0;
    unsigned char *data = NULL;
    if (info.length > cap) {
        rc = blob_too_large(name, info.length, cap, error);
    } else {
        data = malloc(info.length + 1);
        if (!data)
            abort();
        if (read_whole(fd, data, info.length, 0) != 0)
            rc = failed("read", name, errno, error);
    }
    close(fd);
    if (rc != 0) {
        free(data);
        return rc;
    }
    data[info.length] = '\0';
    *out = (struct blob_object){.info = info, .data = data};
    return 0;
}

static int directory_stat(
    struct blob *blob, const char *name, struct blob_info *out, struct error *error)
{
    struct blob_info info;
    int fd = open_blob((struct blob_directory *)blob, name, &info, error);
    if (fd < 0)
        return fd;
    close(fd);
    *out = info;
    return 0;
}

static int directory_remove(struct blob *blob, const char *name, struct error *error)
{
    struct blob_directory *directory = (struct blob_directory *)blob;
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    if (unlinkat(directory->root, name, 0) != 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR)
            return 0; /* no blob of this name, though perhaps a folder */
        return failed("delete", name, errno, error);
    }
    char folder[BLOB_NAME_MAX + 1];
    folder_of(name, folder);
    if (sync_folder(directory->root, folder) != 0 && errno != ENOENT)
        return failed("delete", name, errno, error);
    remove_folders(directory->root, name);
    return 0;
}

struct listing {
    struct blob_directory *directory;
    const char *prefix;
    blob_list_fn fn;
    void *ctx;
    struct error *error;
};

/* The names in one folder, folders with a '/' at their end: so sorted, a walk in depth meets the
 * blobs in byte order of their full names. */
struct names {
    char **items;
    size_t count, capacity;
};

static void names_add(struct names *names, const char *name, bool folder)
{
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? names->capacity * 2 : 64;
        names->items = realloc(names->items, names->capacity * sizeof(*names->items));
        if (!names->items)
            abort();
    }
    if (asprintf(&names->items[names->count++], "%s%s", name, folder ? "/" : "") < 0)
        abort();
}

static void names_release(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int root, const char *path, struct names *names)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        bool folder = entry->d_type == DT_DIR;
        struct stat status;
        if (entry->d_type == DT_UNKNOWN)
            folder = fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                     S_ISDIR(status.st_mode);
        names_add(names, entry->d_name, folder);
    }
    closedir(dir);
    if (names->count)
        qsort(names->items, names->count, sizeof(*names->items), compare_names);
    return 0;
}

/* Whether names below or at `path` may begin with the prefix. */
static bool on_the_way(const char *path, const char *prefix)
{
    size_t path_length = strlen(path), prefix_length = strlen(prefix);
    size_t shared = path_length < prefix_length ? path_length : prefix_length;
    return strncmp(path, prefix, shared) == 0;
}

static int visit_blob(struct listing *listing, const char *name)
{
    size_t length = strlen(listing->prefix);
    if (strncmp(name, listing->prefix, length) != 0 || !blob_name_valid(name))
        return 0;
    struct blob_info info;
    struct error ignored;
    int fd = open_blob(listing->directory, name, &info, &ignored);
    if (fd == ERROR_NOT_FOUND || fd == ERROR_INTERNAL)
        return 0; /* deleted meanwhile, or a file that is not ours */
    if (fd < 0) {
        if (listing->error)
            *listing->error = ignored;
        return fd;
    }
    close(fd);
    return listing->fn(listing->ctx, name, &info);
}

/* `folder` is "" or ends with '/'. Depth is bounded by BLOB_NAME_MAX. */
static int visit_folder(struct listing *listing, const char *folder)
{
    struct names names = {0};
    if (read_names(listing->directory->root, *folder ? folder : ".", &names) != 0 &&
        errno != ENOENT)
        return failed("list", *folder ? folder : "folder", errno, listing->error);
    int rc = 0;
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        char path[BLOB_NAME_MAX + 2];
        int length = snprintf(path, sizeof(path), "%s%s", folder, names.items[i]);
        if (length > BLOB_NAME_MAX || !on_the_way(path, listing->prefix))
            continue;
        rc = path[length - 1] == '/' ? visit_folder(listing, path) : visit_blob(listing, path);
    }
    names_release(&names);
    return rc;
}

static int directory_list(
    struct blob *blob, const char *prefix, blob_list_fn fn, void *ctx, struct error *error)
{
    struct listing listing = {(struct blob_directory *)blob, prefix, fn, ctx, error};
    return visit_folder(&listing, "");
}

static void directory_close(struct blob *blob)
{
    struct blob_directory *directory = (struct blob_directory *)blob;
    close(directory->root);
    free(directory);
}

static const struct blob_ops directory_ops = {
    .put = directory_put,
    .get = directory_get,
    .stat = directory_stat,
    .remove = directory_remove,
    .list = directory_list,
    .close = directory_close,
};

static int empty_incoming(int root)
{
    if (mkdirat(root, INCOMING, 0755) != 0 && errno != EEXIST)
        return -1;
    int fd = openat(root, INCOMING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlinkat(fd, entry->d_name, 0);
    closedir(dir);
    return 0;
}

int blob_directory_open(struct blob **out, const char *path, struct error *error)
{
    bool made = mkdir(path, 0755) == 0;
    int root = -1;
    if (made || errno == EEXIST)
        root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || empty_incoming(root) != 0) {
        int why = errno;
        if (root >= 0)
            close(root);
        return error_set(error, ERROR_UNAVAILABLE, "blob_storage", NULL,
            "cannot keep blobs in %s: %s", path, strerror(why));
    }
    struct blob_directory *directory = calloc(1, sizeof(*directory));
    if (!directory)
        abort();
    directory->base.ops = &directory_ops;
    directory->root = root;
    *out = &directory->base;
    return 0;
}
