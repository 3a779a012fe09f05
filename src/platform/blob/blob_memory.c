/* A sorted array under one lock: made for tests, which hold few blobs. */
#include "blob.h"
#include "blob_check.h"
#include "clock.h"
#include "secure.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name;
    unsigned char *data;
    struct blob_info info;
};

struct blob_memory {
    struct blob base;
    pthread_mutex_t lock;
    struct entry *entries; /* by name */
    size_t count, capacity;
};

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static unsigned char *copy_bytes(const void *data, size_t length)
{
    unsigned char *copy = checked(malloc(length + 1));
    if (length)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

/* The first entry not before `name`. */
static size_t position(const struct blob_memory *memory, const char *name)
{
    size_t low = 0, high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(memory->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(const struct blob_memory *memory, const char *name)
{
    size_t at = position(memory, name);
    if (at < memory->count && strcmp(memory->entries[at].name, name) == 0)
        return &memory->entries[at];
    return NULL;
}

static bool is_folder_of(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    return strncmp(folder, name, length) == 0 && name[length] == '/';
}

static bool clashes(const struct blob_memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->count; i++)
        if (is_folder_of(name, memory->entries[i].name) ||
            is_folder_of(memory->entries[i].name, name))
            return true;
    return false;
}

static struct entry *insert(struct blob_memory *memory, const char *name)
{
    if (memory->count == memory->capacity) {
        memory->capacity = memory->capacity ? memory->capacity * 2 : 16;
        memory->entries =
            checked(realloc(memory->entries, memory->capacity * sizeof(*memory->entries)));
    }
    size_t at = position(memory, name);
    struct entry *entry = &memory->entries[at];
    memmove(entry + 1, entry, (memory->count - at) * sizeof(*entry));
    memory->count++;
    *entry = (struct entry){.name = checked(strdup(name))};
    return entry;
}

static int memory_put(struct blob *blob, const char *name, const char *type, const void *data,
    size_t length, struct error *error)
{
    struct blob_memory *memory = (struct blob_memory *)blob;
    int rc = blob_check_put(name, type, length, error);
    if (rc != 0)
        return rc;
    struct blob_info info = {.length = length, .modified_ms = clock_now_ms()};
    strcpy(info.type, type);
    secure_sha256_hex(data, length, info.etag);

    pthread_mutex_lock(&memory->lock);
    struct entry *entry = find(memory, name);
    if (!entry && clashes(memory, name)) {
        rc = error_set(error, ERROR_CONFLICT, "blob_folder", "name",
            "%s is the folder of another blob, or lies in one", name);
    } else {
        if (!entry)
            entry = insert(memory, name);
        free(entry->data);
        entry->data = copy_bytes(data, length);
        entry->info = info;
    }
    pthread_mutex_unlock(&memory->lock);
    return rc;
}

static int memory_get(
    struct blob *blob, const char *name, size_t cap, struct blob_object *out, struct error *error)
{
    struct blob_memory *memory = (struct blob_memory *)blob;
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&memory->lock);
    const struct entry *entry = find(memory, name);
    if (!entry) {
        rc = blob_missing(name, error);
    } else if (entry->info.length > cap) {
        rc = blob_too_large(name, entry->info.length, cap, error);
    } else {
        out->info = entry->info;
        out->data = copy_bytes(entry->data, entry->info.length);
    }
    pthread_mutex_unlock(&memory->lock);
    return rc;
}

static int memory_stat(
    struct blob *blob, const char *name, struct blob_info *out, struct error *error)
{
    struct blob_memory *memory = (struct blob_memory *)blob;
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&memory->lock);
    const struct entry *entry = find(memory, name);
    if (entry)
        *out = entry->info;
    pthread_mutex_unlock(&memory->lock);
    return entry ? 0 : blob_missing(name, error);
}

static int memory_remove(struct blob *blob, const char *name, struct error *error)
{
    struct blob_memory *memory = (struct blob_memory *)blob;
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&memory->lock);
    struct entry *entry = find(memory, name);
    if (entry) {
        free(entry->name);
        free(entry->data);
        size_t after = memory->count - (size_t)(entry - memory->entries) - 1;
        memmove(entry, entry + 1, after * sizeof(*entry));
        memory->count--;
    }
    pthread_mutex_unlock(&memory->lock);
    return 0;
}

/* Copies the next entry after `last`, so that `fn` runs without the lock. */
static bool next_after(struct blob_memory *memory, const char *last, bool inclusive,
    const char *prefix, char *name, struct blob_info *info)
{
    pthread_mutex_lock(&memory->lock);
    size_t at = position(memory, last);
    if (!inclusive && at < memory->count && strcmp(memory->entries[at].name, last) == 0)
        at++;
    bool found =
        at < memory->count && strncmp(memory->entries[at].name, prefix, strlen(prefix)) == 0;
    if (found) {
        strcpy(name, memory->entries[at].name);
        *info = memory->entries[at].info;
    }
    pthread_mutex_unlock(&memory->lock);
    return found;
}

static int memory_list(
    struct blob *blob, const char *prefix, blob_list_fn fn, void *ctx, struct error *error)
{
    (void)error;
    struct blob_memory *memory = (struct blob_memory *)blob;
    char name[BLOB_NAME_MAX + 1];
    struct blob_info info;
    bool more = next_after(memory, prefix, /* inclusive= */ true, prefix, name, &info);
    while (more) {
        int rc = fn(ctx, name, &info);
        if (rc != 0)
            return rc;
        char last[BLOB_NAME_MAX + 1];
        strcpy(last, name);
        more = next_after(memory, last, /* inclusive= */ false, prefix, name, &info);
    }
    return 0;
}

static void memory_close(struct blob *blob)
{
    struct blob_memory *memory = (struct blob_memory *)blob;
    for (size_t i = 0; i < memory->count; i++) {
        free(memory->entries[i].name);
        free(memory->entries[i].data);
    }
    free(memory->entries);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static const struct blob_ops memory_ops = {
    .put = memory_put,
    .get = memory_get,
    .stat = memory_stat,
    .remove = memory_remove,
    .list = memory_list,
    .close = memory_close,
};

struct blob *blob_memory_new(void)
{
    struct blob_memory *memory = checked(calloc(1, sizeof(*memory)));
    memory->base.ops = &memory_ops;
    pthread_mutex_init(&memory->lock, NULL);
    return &memory->base;
}
