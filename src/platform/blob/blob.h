/*
 * Blobs: named byte strings with a content type, such as bottle pictures. Small ones: they are
 * written and read whole, up to BLOB_MAX_BYTES.
 *
 * - A put replaces; readers see the old blob or the new one, never a mixture. When put or delete
 *   returns, the effect is on the disk.
 * - A name is segments of [A-Za-z0-9._-] joined by '/', each of 1 to 200 bytes and none beginning
 *   with '.', BLOB_NAME_MAX bytes in all. Other names are ERROR_INVALID, field "name". A name that
 *   is the folder of another ("a" beside "a/b") is ERROR_CONFLICT.
 * - The etag is opaque and changes with the bytes.
 *
 * Any thread. Calls may block: get, stat and list for the disk's cache, put and delete for a sync
 * (milliseconds). So put and delete belong on a thread that may wait, not on the server's.
 */
#ifndef PLATFORM_BLOB_H
#define PLATFORM_BLOB_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

#define BLOB_NAME_MAX 512
#define BLOB_TYPE_SIZE 80 /* bytes of a content type, with its NUL */
#define BLOB_ETAG_SIZE 65 /* bytes of an etag, with its NUL; no quotes */
#define BLOB_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct blob_info {
    size_t length;
    int64_t modified_ms;
    char type[BLOB_TYPE_SIZE];
    char etag[BLOB_ETAG_SIZE];
};

struct blob_object {
    struct blob_info info;
    unsigned char *data; /* malloc'ed, info.length bytes and a NUL; blob_object_release frees it */
};

void blob_object_release(struct blob_object *object);
#define CLEANUP_BLOB_OBJECT __attribute__((cleanup(blob_object_release)))

/* Called per blob, in byte order of the names. Not 0 stops the listing. */
typedef int (*blob_list_fn)(void *ctx, const char *name, const struct blob_info *info);

struct blob_ops {
    int (*put)(struct blob *blob, const char *name, const char *type, const void *data,
        size_t length, struct error *error);
    int (*get)(struct blob *blob, const char *name, size_t cap, struct blob_object *out,
        struct error *error);
    int (*stat)(struct blob *blob, const char *name, struct blob_info *out, struct error *error);
    int (*remove)(struct blob *blob, const char *name, struct error *error);
    int (*list)(
        struct blob *blob, const char *prefix, blob_list_fn fn, void *ctx, struct error *error);
    void (*close)(struct blob *blob);
};

struct blob {
    const struct blob_ops *ops;
};

/* Whether `name` follows the rule above. */
bool blob_name_valid(const char *name);

/* Stores the bytes under the name. `type` is a media type ("image/webp"). ERROR_INVALID for a bad
 * name, a bad type (field "type") or too many bytes (reason "too_large"). */
static inline int blob_put(struct blob *blob, const char *name, const char *type, const void *data,
    size_t length, struct error *error)
{
    return blob->ops->put(blob, name, type, data, length, error);
}

/* Reads the whole blob into memory that the caller releases. ERROR_NOT_FOUND; ERROR_INVALID with
 * reason "too_large" when it has more than `cap` bytes. */
static inline int blob_get(
    struct blob *blob, const char *name, size_t cap, struct blob_object *out, struct error *error)
{
    return blob->ops->get(blob, name, cap, out, error);
}

static inline int blob_stat(
    struct blob *blob, const char *name, struct blob_info *out, struct error *error)
{
    return blob->ops->stat(blob, name, out, error);
}

/* Removes the blob; one that is not there is success. */
static inline int blob_delete(struct blob *blob, const char *name, struct error *error)
{
    return blob->ops->remove(blob, name, error);
}

/* Calls `fn` for each blob whose name begins with `prefix` ("" lists all). Returns 0, what `fn`
 * returned to stop, or an error. `fn` may put and delete; whether it then meets the new names is
 * open. */
static inline int blob_list(
    struct blob *blob, const char *prefix, blob_list_fn fn, void *ctx, struct error *error)
{
    return blob->ops->list(blob, prefix, fn, ctx, error);
}

static inline void blob_close(struct blob *blob)
{
    if (blob)
        blob->ops->close(blob);
}

/* Blobs in memory: for tests. */
struct blob *blob_memory_new(void);

/* One file per blob under `path`, which is made if missing. The files open in any viewer: type and
 * etag stand behind the bytes. One process at a time. ERROR_UNAVAILABLE when the directory cannot
 * be used. */
int blob_directory_open(struct blob **out, const char *path, struct error *error);

#endif
