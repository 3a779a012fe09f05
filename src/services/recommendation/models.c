#include "models.h"

#include "blob.h"
#include "buffer.h"
#include "experiments.h"
#include "json.h"
#include "log.h"
#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT "recommendation"
#define PART_BYTES ((size_t)32 * 1024 * 1024)
#define MAX_PARTS 256
#define CURRENT "models/current.json"
#define MAX_RECORD 4096
#define MAX_VERSIONS 512

struct models {
    struct blob *blob;
    struct experiments *experiments;
    atomic_int_fast64_t refused;

    pthread_mutex_t changing; /* one who writes or reads blobs at a time */

    pthread_mutex_t lock; /* guards what follows; held for moments */
    bool loaded;
    struct trained_info versions[MAX_VERSIONS]; /* by version, oldest first */
    size_t count;
    struct trained *current, *other; /* `other`: the last one that was asked for besides */
};

static double count_refused(void *ctx)
{
    struct models *models = ctx;
    return (double)atomic_load_explicit(&models->refused, memory_order_relaxed);
}

static double current_version(void *ctx)
{
    struct models *models = ctx;
    pthread_mutex_lock(&models->lock);
    int64_t version = models->current ? trained_info(models->current)->record.version : 0;
    pthread_mutex_unlock(&models->lock);
    return (double)version;
}

struct models *models_new(
    struct blob *blob, struct experiments *experiments, struct metrics *metrics)
{
    struct models *models = calloc(1, sizeof(*models));
    if (!models)
        abort();
    models->blob = blob;
    models->experiments = experiments;
    pthread_mutex_init(&models->changing, NULL);
    pthread_mutex_init(&models->lock, NULL);
    if (metrics) {
        metrics_counter_callback(metrics, "recommendation_models_refused_total",
            "Model files that could not be used.", NULL, count_refused, models);
        metrics_gauge_callback(metrics, "recommendation_model_version",
            "The trained model that serves; 0: none.", NULL, current_version, models);
    }
    return models;
}

void models_free(struct models *models)
{
    if (!models)
        return;
    trained_release(models->current);
    trained_release(models->other);
    pthread_mutex_destroy(&models->changing);
    pthread_mutex_destroy(&models->lock);
    free(models);
}

/* ---- records ---- */

static void name_of(char name[BLOB_NAME_MAX], int64_t version, const char *file)
{
    snprintf(name, BLOB_NAME_MAX, "models/%08lld/%s", (long long)version, file);
}

static void part_of(char name[BLOB_NAME_MAX], int64_t version, size_t part)
{
    char file[32];
    snprintf(file, sizeof(file), "part-%03zu", part);
    name_of(name, version, file);
}

static json_t *record_json(const struct trained_info *info, size_t parts)
{
    const struct trained_record *record = &info->record;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:I}",
        "version", (json_int_t)record->version, "trained_ms", (json_int_t)record->trained_ms,
        "until_ms", (json_int_t)info->until_ms, "wines", (json_int_t)info->wines, "shoppers",
        (json_int_t)info->shoppers, "events", (json_int_t)info->events, "linear", info->linear,
        "seconds", record->seconds, "linear_seconds", record->linear_seconds, "recall",
        record->recall, "ndcg", record->ndcg, "popular_recall", record->popular_recall,
        "popular_ndcg", record->popular_ndcg, "parts", (json_int_t)parts);
}

/* The record of a version: 0 with the number of parts, or an error. */
static int read_record(struct models *models, int64_t version, struct trained_info *info,
    size_t *parts, struct error *error)
{
    char name[BLOB_NAME_MAX];
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    name_of(name, version, "record.json");
    int rc = blob_get(models->blob, name, MAX_RECORD, &object, error);
    if (rc < 0)
        return rc;
    CLEANUP_JSON json_t *json = json_loadb((const char *)object.data, object.info.length, 0, NULL);
    struct trained_record *record = &info->record;
    int linear = 0;
    json_int_t numbers[7];
    if (!json ||
        json_unpack(json, "{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:F, s:F, s:F, s:F, s:F, s:F, s:I}",
            "version", &numbers[0], "trained_ms", &numbers[1], "until_ms", &numbers[2], "wines",
            &numbers[3], "shoppers", &numbers[4], "events", &numbers[5], "linear", &linear,
            "seconds", &record->seconds, "linear_seconds", &record->linear_seconds, "recall",
            &record->recall, "ndcg", &record->ndcg, "popular_recall", &record->popular_recall,
            "popular_ndcg", &record->popular_ndcg, "parts", &numbers[6]) != 0 ||
        numbers[0] != version || numbers[6] < 1 || numbers[6] > MAX_PARTS)
        return error_set(error, ERROR_INVALID, "model_refused", NULL,
            "the record of model %lld cannot be read", (long long)version);
    record->version = numbers[0];
    record->trained_ms = numbers[1];
    info->until_ms = numbers[2];
    info->wines = (size_t)numbers[3];
    info->shoppers = (size_t)numbers[4];
    info->events = (size_t)numbers[5];
    info->linear = linear != 0;
    *parts = (size_t)numbers[6];
    return 0;
}

/* ---- reading a version ---- */

static int read_bytes(
    struct models *models, int64_t version, size_t parts, struct buffer *bytes, struct error *error)
{
    for (size_t part = 0; part < parts; part++) {
        char name[BLOB_NAME_MAX];
        CLEANUP_BLOB_OBJECT struct blob_object object = {0};
        part_of(name, version, part);
        int rc = blob_get(models->blob, name, PART_BYTES, &object, error);
        if (rc == ERROR_NOT_FOUND)
            return error_set(error, ERROR_INVALID, "model_refused", NULL,
                "a part of model %lld is missing", (long long)version);
        if (rc < 0)
            return rc;
        buffer_append(bytes, object.data, object.info.length);
    }
    return 0;
}

static int read_version(
    struct models *models, int64_t version, struct trained **out, struct error *error)
{
    struct trained_info info = {0};
    size_t parts = 0;
    CLEANUP_BUFFER struct buffer bytes = BUFFER_INIT;
    int rc = read_record(models, version, &info, &parts, error);
    if (rc == 0)
        rc = read_bytes(models, version, parts, &bytes, error);
    if (rc == 0)
        rc = trained_read(out, bytes.data, bytes.length, error);
    if (rc == 0)
        trained_set_record(*out, &info.record);
    /* The blob store says ERROR_INTERNAL of a blob that was cut or altered. */
    if (rc == ERROR_INVALID || rc == ERROR_INTERNAL) {
        rc = ERROR_INVALID;
        error->code = rc;
        atomic_fetch_add_explicit(&models->refused, 1, memory_order_relaxed);
        log_write(LOG_ERROR, COMPONENT, NULL, "model %lld is refused: %s", (long long)version,
            error->message);
    }
    return rc;
}

/* ---- the list of versions; under `changing` ---- */

static int compare_versions(const void *a, const void *b)
{
    const struct trained_info *x = a, *y = b;
    return x->record.version < y->record.version ? -1 : x->record.version > y->record.version;
}

struct found {
    struct models *models;
    struct trained_info versions[MAX_VERSIONS];
    size_t count;
};

static int find_version(void *ctx, const char *name, const struct blob_info *blob_info)
{
    (void)blob_info;
    struct found *found = ctx;
    long long version;
    int end = 0;
    struct trained_info info = {0};
    size_t parts;
    struct error error;
    if (sscanf(name, "models/%8lld/record.json%n", &version, &end) == 1 && end && !name[end] &&
        found->count < MAX_VERSIONS &&
        read_record(found->models, version, &info, &parts, &error) == 0)
        found->versions[found->count++] = info;
    return 0;
}

static int64_t chosen_version(struct models *models)
{
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    struct error error;
    json_int_t version = 0;
    if (blob_get(models->blob, CURRENT, MAX_RECORD, &object, &error) < 0)
        return 0;
    CLEANUP_JSON json_t *json = json_loadb((const char *)object.data, object.info.length, 0, NULL);
    return json && json_unpack(json, "{s:I}", "version", &version) == 0 ? version : 0;
}

/* The chosen one, or the newest good one before it; where none is chosen, the newest. NULL when
 * there is none. ERROR_UNAVAILABLE while the blob store cannot be read. */
static int read_current(struct found *found, struct trained **out, struct error *error)
{
    int64_t chosen = chosen_version(found->models);
    *out = NULL;
    for (size_t i = found->count; i-- > 0;) {
        int64_t version = found->versions[i].record.version;
        int rc = chosen && version > chosen ? ERROR_INVALID
                                            : read_version(found->models, version, out, error);
        if (rc != ERROR_INVALID && rc != ERROR_NOT_FOUND)
            return rc;
    }
    return 0;
}

static int load(struct models *models, struct error *error)
{
    struct found *found = calloc(1, sizeof(*found));
    if (!found)
        abort();
    struct trained *current = NULL;
    found->models = models;
    int rc = blob_list(models->blob, "models/", find_version, found, error);
    if (rc == 0) {
        qsort(found->versions, found->count, sizeof(*found->versions), compare_versions);
        rc = read_current(found, &current, error);
    }
    if (rc == 0) {
        pthread_mutex_lock(&models->lock);
        memcpy(models->versions, found->versions, sizeof(found->versions));
        models->count = found->count;
        models->current = current;
        models->loaded = true;
        pthread_mutex_unlock(&models->lock);
    }
    free(found);
    return rc;
}

int models_load(struct models *models, struct error *error)
{
    int rc = 0;
    pthread_mutex_lock(&models->changing);
    if (!models->loaded)
        rc = load(models, error);
    pthread_mutex_unlock(&models->changing);
    return rc;
}

/* ---- asking ---- */

struct trained *models_current(struct models *models)
{
    pthread_mutex_lock(&models->lock);
    struct trained *current = models->current ? trained_retain(models->current) : NULL;
    pthread_mutex_unlock(&models->lock);
    return current;
}

struct trained *models_peek(struct models *models, int64_t version)
{
    struct trained *found = NULL;
    pthread_mutex_lock(&models->lock);
    if (models->current && trained_info(models->current)->record.version == version)
        found = trained_retain(models->current);
    else if (models->other && trained_info(models->other)->record.version == version)
        found = trained_retain(models->other);
    pthread_mutex_unlock(&models->lock);
    return found;
}

static bool is_kept(struct models *models, int64_t version)
{
    bool found = false;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count; i++)
        found = found || models->versions[i].record.version == version;
    pthread_mutex_unlock(&models->lock);
    return found;
}

int models_get(struct models *models, int64_t version, struct trained **out, struct error *error)
{
    int rc = models_load(models, error);
    if (rc < 0)
        return rc;
    *out = models_peek(models, version);
    if (*out)
        return 0;
    if (!is_kept(models, version))
        return error_set(
            error, ERROR_NOT_FOUND, NULL, "version", "there is no model %lld", (long long)version);
    pthread_mutex_lock(&models->changing);
    rc = read_version(models, version, out, error);
    if (rc == 0) {
        pthread_mutex_lock(&models->lock);
        struct trained *before = models->other;
        models->other = trained_retain(*out);
        pthread_mutex_unlock(&models->lock);
        trained_release(before);
    }
    pthread_mutex_unlock(&models->changing);
    return rc;
}

size_t models_list(struct models *models, struct models_version *list, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&models->lock);
    int64_t current = models->current ? trained_info(models->current)->record.version : 0;
    for (size_t i = models->count; i-- > 0 && count < max;)
        list[count++] = (struct models_version){
            .info = models->versions[i], .current = models->versions[i].record.version == current};
    pthread_mutex_unlock(&models->lock);
    return count;
}

/* ---- changing; under `changing` ---- */

static int choose(struct models *models, int64_t version, struct error *error)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "{\"version\":%lld}\n", (long long)version);
    return blob_put(models->blob, CURRENT, "application/json", text, (size_t)length, error);
}

static void serve(struct models *models, struct trained *trained)
{
    pthread_mutex_lock(&models->lock);
    struct trained *before = models->current;
    models->current = trained_retain(trained);
    pthread_mutex_unlock(&models->lock);
    trained_release(before);
}

static int remove_blob(void *ctx, const char *name, const struct blob_info *info)
{
    (void)info;
    struct error error;
    struct models *models = ctx;
    blob_delete(models->blob, name, &error);
    return 0;
}

/* The record first: without it the rest is nothing. */
static void remove_version(struct models *models, int64_t version)
{
    char name[BLOB_NAME_MAX];
    struct error error;
    name_of(name, version, "record.json");
    if (blob_delete(models->blob, name, &error) < 0)
        return;
    name_of(name, version, "");
    blob_list(models->blob, name, remove_blob, models, &error);
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count; i++) {
        if (models->versions[i].record.version == version) {
            memmove(&models->versions[i], &models->versions[i + 1],
                (models->count - i - 1) * sizeof(*models->versions));
            models->count--;
            break;
        }
    }
    pthread_mutex_unlock(&models->lock);
}

static void remove_old(struct models *models, int64_t current)
{
    struct models_version list[MAX_VERSIONS];
    size_t count = models_list(models, list, MAX_VERSIONS);
    for (size_t i = MODELS_KEPT; i < count; i++) {
        int64_t version = list[i].info.record.version;
        if (version != current && !experiments_use(models->experiments, version))
            remove_version(models, version);
    }
}

static int write_version(struct models *models, struct trained *trained, struct error *error)
{
    const struct trained_info *info = trained_info(trained);
    int64_t version = info->record.version;
    CLEANUP_BUFFER struct buffer bytes = BUFFER_INIT;
    trained_write(trained, &bytes);
    size_t parts = (bytes.length + PART_BYTES - 1) / PART_BYTES;
    if (parts > MAX_PARTS)
        return error_set(error, ERROR_INVALID, NULL, NULL, "the model is too large to be kept");
    for (size_t part = 0; part < parts; part++) {
        char name[BLOB_NAME_MAX];
        size_t from = part * PART_BYTES, left = bytes.length - from;
        part_of(name, version, part);
        int rc = blob_put(models->blob, name, "application/octet-stream", bytes.data + from,
            left < PART_BYTES ? left : PART_BYTES, error);
        if (rc < 0)
            return rc;
    }
    char name[BLOB_NAME_MAX];
    CLEANUP_JSON json_t *json = record_json(info, parts);
    char *text = json_dumps(json, JSON_INDENT(2));
    name_of(name, version, "record.json");
    int rc = text ? blob_put(models->blob, name, "application/json", text, strlen(text), error)
                  : error_set(error, ERROR_INTERNAL, NULL, NULL, "the record cannot be written");
    free(text);
    return rc;
}

int models_keep(struct models *models, struct trained *trained, struct error *error)
{
    int rc = models_load(models, error);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&models->changing);
    struct trained_record record = trained_info(trained)->record;
    record.version = models->count ? models->versions[models->count - 1].record.version + 1 : 1;
    trained_set_record(trained, &record);
    if (models->count == MAX_VERSIONS)
        rc = error_set(error, ERROR_CONFLICT, NULL, NULL, "there are too many model versions");
    if (rc == 0)
        rc = write_version(models, trained, error);
    if (rc == 0) {
        pthread_mutex_lock(&models->lock);
        models->versions[models->count++] = *trained_info(trained);
        pthread_mutex_unlock(&models->lock);
        rc = choose(models, record.version, error);
    }
    if (rc == 0) {
        serve(models, trained);
        remove_old(models, record.version);
    }
    pthread_mutex_unlock(&models->changing);
    return rc;
}

int models_use(struct models *models, int64_t version, struct error *error)
{
    struct trained *trained = NULL;
    int rc = models_get(models, version, &trained, error);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&models->changing);
    rc = choose(models, version, error);
    if (rc == 0)
        serve(models, trained);
    pthread_mutex_unlock(&models->changing);
    trained_release(trained);
    return rc;
}
