#include "experiments.h"

#include "blob.h"
#include "buffer.h"
#include "clock.h"
#include "json.h"
#include "text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DOCUMENT ((size_t)1024 * 1024)

struct experiments {
    struct blob *blob;
    atomic_bool running;     /* whether the newest runs: asked for every list that is made */
    pthread_mutex_t writing; /* held while the blob is read or written */
    pthread_mutex_t lock;    /* guards what follows, for moments; writers hold `writing` too */
    bool loaded;
    size_t count;
    struct experiment list[EXPERIMENTS_KEPT]; /* newest first: only the first can be running */
};

struct experiments *experiments_new(struct blob *blob)
{
    struct experiments *experiments = calloc(1, sizeof(*experiments));
    if (!experiments)
        abort();
    experiments->blob = blob;
    pthread_mutex_init(&experiments->writing, NULL);
    pthread_mutex_init(&experiments->lock, NULL);
    return experiments;
}

void experiments_free(struct experiments *experiments)
{
    if (!experiments)
        return;
    pthread_mutex_destroy(&experiments->lock);
    pthread_mutex_destroy(&experiments->writing);
    free(experiments);
}

/* ---- the document ---- */

static int read_one(const json_t *item, struct experiment *one, struct error *error)
{
    const char *id, *name;
    int rc = json_get_text(item, "id", ID_LENGTH, ID_LENGTH, &id, error);
    if (rc == 0)
        rc = json_get_text(item, "name", 1, EXPERIMENT_NAME_MAX, &name, error);
    if (rc == 0)
        rc = json_get_int(item, "version_a", 0, INT64_MAX, &one->version_a, error);
    if (rc == 0)
        rc = json_get_int(item, "version_b", 0, INT64_MAX, &one->version_b, error);
    if (rc == 0)
        rc = json_get_int(item, "started_ms", 0, INT64_MAX, &one->started_ms, error);
    if (rc == 0)
        rc = json_get_int(item, "ended_ms", 0, INT64_MAX, &one->ended_ms, error);
    if (rc < 0)
        return rc;
    if (!id_valid(id))
        return error_set(error, ERROR_INVALID, NULL, "id", "must be a ULID");
    snprintf(one->id, sizeof(one->id), "%s", id);
    snprintf(one->name, sizeof(one->name), "%s", name);
    return 0;
}

static int read_document(
    const char *text, size_t length, struct experiment *list, size_t *count, struct error *error)
{
    CLEANUP_JSON json_t *document = NULL;
    const json_t *item;
    size_t i, read = 0;
    if (json_read_object(text, length, &document, error) < 0)
        return ERROR_INVALID;
    const json_t *items = json_object_get(document, "experiments");
    if (!json_is_array(items) || json_array_size(items) > EXPERIMENTS_KEPT)
        return error_set(error, ERROR_INVALID, NULL, "experiments", "must be a list");
    json_array_foreach(items, i, item)
    {
        int rc = read_one(item, &list[read], error);
        if (rc < 0)
            return rc;
        if (i && list[read].ended_ms == 0)
            return error_set(error, ERROR_INVALID, NULL, "ended_ms", "only the newest can run");
        read++;
    }
    *count = read;
    return 0;
}

static void write_document(struct buffer *text, const struct experiment *list, size_t count)
{
    buffer_append_text(text, "{\"experiments\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(text, i ? ",\n{\"id\":" : "\n{\"id\":");
        buffer_append_json(text, list[i].id);
        buffer_append_text(text, ",\"name\":");
        buffer_append_json(text, list[i].name);
        buffer_printf(text,
            ",\"version_a\":%lld,\"version_b\":%lld,\"started_ms\":%lld,\"ended_ms\":%lld}",
            (long long)list[i].version_a, (long long)list[i].version_b,
            (long long)list[i].started_ms, (long long)list[i].ended_ms);
    }
    buffer_append_text(text, "\n]}\n");
}

/* Under `writing`. */
static void adopt(struct experiments *experiments, const struct experiment *list, size_t count)
{
    pthread_mutex_lock(&experiments->lock);
    if (count)
        memcpy(experiments->list, list, count * sizeof(*list));
    experiments->count = count;
    experiments->loaded = true;
    pthread_mutex_unlock(&experiments->lock);
    atomic_store_explicit(
        &experiments->running, count && list[0].ended_ms == 0, memory_order_release);
}

static int load(struct experiments *experiments, struct error *error)
{
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    struct error why = {0};
    size_t count = 0;
    if (experiments->loaded)
        return 0;
    struct experiment *list = calloc(EXPERIMENTS_KEPT, sizeof(*list));
    if (!list)
        abort();
    int rc = blob_get(experiments->blob, EXPERIMENTS_BLOB, MAX_DOCUMENT, &object, &why);
    if (rc == 0)
        rc = read_document((const char *)object.data, object.info.length, list, &count, &why);
    if (rc == 0 || rc == ERROR_NOT_FOUND) {
        adopt(experiments, list, count);
        rc = 0;
    } else {
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s cannot be read: %s",
            EXPERIMENTS_BLOB, why.message);
    }
    free(list);
    return rc;
}

int experiments_load(struct experiments *experiments, struct error *error)
{
    pthread_mutex_lock(&experiments->writing);
    int rc = load(experiments, error);
    pthread_mutex_unlock(&experiments->writing);
    return rc;
}

/* Under `writing`: the list counts once it is written. */
static int save(struct experiments *experiments, const struct experiment *list, size_t count,
    struct error *error)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    write_document(&text, list, count);
    int rc = blob_put(
        experiments->blob, EXPERIMENTS_BLOB, "application/json", text.data, text.length, error);
    if (rc == 0)
        adopt(experiments, list, count);
    return rc;
}

/* ---- changes ---- */

static int check(const char *name, int64_t version_a, int64_t version_b, struct error *error)
{
    if (name[strspn(name, " \t\n")] == '\0')
        return error_set(error, ERROR_INVALID, NULL, "name", "must not be empty");
    if (utf8_length(name) > EXPERIMENT_NAME_MAX)
        return error_set(error, ERROR_INVALID, NULL, "name", "must have at most %d characters",
            EXPERIMENT_NAME_MAX);
    if (version_a == version_b)
        return error_set(error, ERROR_INVALID, NULL, "version_b", "must differ from version_a");
    return 0;
}

static int start(struct experiments *experiments, const struct experiment *wanted,
    struct experiment *copy, struct error *error)
{
    int rc = load(experiments, error);
    if (rc < 0)
        return rc;
    if (atomic_load_explicit(&experiments->running, memory_order_acquire))
        return error_set(error, ERROR_CONFLICT, "experiment_running", NULL,
            "\"%.150s\" is running; stop it first", experiments->list[0].name);
    struct experiment *list = calloc(EXPERIMENTS_KEPT, sizeof(*list));
    if (!list)
        abort();
    size_t kept = experiments->count < EXPERIMENTS_KEPT ? experiments->count : EXPERIMENTS_KEPT - 1;
    list[0] = *wanted;
    memcpy(list + 1, experiments->list, kept * sizeof(*list));
    rc = save(experiments, list, kept + 1, error);
    if (rc == 0)
        *copy = list[0];
    free(list);
    return rc;
}

int experiments_start(struct experiments *experiments, const char *name, int64_t version_a,
    int64_t version_b, struct experiment *copy, struct error *error)
{
    int rc = check(name, version_a, version_b, error);
    if (rc < 0)
        return rc;
    struct experiment wanted = {
        .version_a = version_a, .version_b = version_b, .started_ms = clock_now_ms()};
    id_new(wanted.id);
    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    pthread_mutex_lock(&experiments->writing);
    rc = start(experiments, &wanted, copy, error);
    pthread_mutex_unlock(&experiments->writing);
    return rc;
}

/* Its place in the list, or -1. Under either lock. */
static int find(const struct experiments *experiments, const char *id)
{
    for (size_t i = 0; i < experiments->count; i++) {
        if (strcmp(experiments->list[i].id, id) == 0)
            return (int)i;
    }
    return -1;
}

static int no_such(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "there is no such experiment");
}

static int stop(
    struct experiments *experiments, const char *id, struct experiment *copy, struct error *error)
{
    int rc = load(experiments, error);
    if (rc < 0)
        return rc;
    int at = find(experiments, id);
    if (at < 0)
        return no_such(error);
    if (experiments->list[at].ended_ms == 0) {
        struct experiment *list = malloc(sizeof(experiments->list));
        if (!list)
            abort();
        memcpy(list, experiments->list, sizeof(experiments->list));
        list[at].ended_ms = clock_now_ms();
        rc = save(experiments, list, experiments->count, error);
        free(list);
    }
    if (rc == 0)
        *copy = experiments->list[at];
    return rc;
}

int experiments_stop(
    struct experiments *experiments, const char *id, struct experiment *copy, struct error *error)
{
    pthread_mutex_lock(&experiments->writing);
    int rc = stop(experiments, id, copy, error);
    pthread_mutex_unlock(&experiments->writing);
    return rc;
}

/* ---- asking ---- */

bool experiments_running(struct experiments *experiments, struct experiment *copy)
{
    if (!atomic_load_explicit(&experiments->running, memory_order_acquire))
        return false;
    pthread_mutex_lock(&experiments->lock);
    bool running = experiments->count && experiments->list[0].ended_ms == 0;
    if (running)
        *copy = experiments->list[0];
    pthread_mutex_unlock(&experiments->lock);
    return running;
}

bool experiments_use(struct experiments *experiments, int64_t version)
{
    struct experiment one;
    return experiments_running(experiments, &one) &&
           (one.version_a == version || one.version_b == version);
}

static int unread(struct error *error)
{
    return error_set(
        error, ERROR_UNAVAILABLE, NULL, NULL, "%s could not be read yet", EXPERIMENTS_BLOB);
}

int experiments_get(
    struct experiments *experiments, const char *id, struct experiment *copy, struct error *error)
{
    pthread_mutex_lock(&experiments->lock);
    bool loaded = experiments->loaded;
    int at = find(experiments, id);
    if (at >= 0)
        *copy = experiments->list[at];
    pthread_mutex_unlock(&experiments->lock);
    return at >= 0 ? 0 : loaded ? no_such(error) : unread(error);
}

int experiments_list(
    struct experiments *experiments, struct experiment *list, size_t max, struct error *error)
{
    pthread_mutex_lock(&experiments->lock);
    bool loaded = experiments->loaded;
    size_t count = experiments->count < max ? experiments->count : max;
    if (count)
        memcpy(list, experiments->list, count * sizeof(*list));
    pthread_mutex_unlock(&experiments->lock);
    return loaded ? (int)count : unread(error);
}
