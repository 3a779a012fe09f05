/* The commands around the trained model. */
#include "clock.h"
#include "commands.h"
#include "json.h"
#include "recommendation/studio.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define MOST_THREADS 64
#define MOST_VERSIONS 512

/* A moment: RFC 3339, or as a file of ratings has it (UTC), or a day (its beginning). */
static int read_as_of(const json_t *options, int64_t *as_of_ms, struct error *error)
{
    const char *text = json_text_or(options, "as_of", NULL);
    char moment[64];
    *as_of_ms = 0;
    if (!text)
        return 0;
    size_t length = strlen(text);
    snprintf(moment, sizeof(moment), "%.30s%s", text,
        length == 10                        ? "T00:00:00Z"
        : length == 19 && strchr(text, ' ') ? "Z"
                                            : "");
    if (length == 19 && moment[10] == ' ')
        moment[10] = 'T';
    if (clock_parse(moment, as_of_ms) < 0 || *as_of_ms <= 0)
        return error_set(error, ERROR_INVALID, NULL, "as_of",
            "--as-of \"%.40s\" is no time: write it like 2020-08-25 or 2020-08-25T02:29:49Z", text);
    return 0;
}

static int read_number(const json_t *options, const char *name, int64_t low, int64_t high,
    int64_t fallback, int64_t *value, struct error *error)
{
    const char *text = json_text_or(options, name, NULL);
    *value = fallback;
    if (text && text_to_int(text, low, high, value) < 0)
        return error_set(error, ERROR_INVALID, NULL, name,
            "--%s \"%.40s\" must be a whole number from %lld to %lld", name, text, (long long)low,
            (long long)high);
    return 0;
}

static json_t *info_json(const struct trained_info *info)
{
    const struct trained_record *record = &info->record;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f, s:f, s:f, s:f, s:f, s:f}", "version",
        (json_int_t)record->version, "trained_ms", (json_int_t)record->trained_ms, "until_ms",
        (json_int_t)info->until_ms, "wines", (json_int_t)info->wines, "shoppers",
        (json_int_t)info->shoppers, "events", (json_int_t)info->events, "linear", info->linear,
        "seconds", record->seconds, "linear_seconds", record->linear_seconds, "recall",
        record->recall, "ndcg", record->ndcg, "popular_recall", record->popular_recall,
        "popular_ndcg", record->popular_ndcg);
}

int command_train(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)fd;
    (void)emitter;
    struct trained_info info;
    int64_t as_of_ms, threads;
    int rc = read_as_of(options, &as_of_ms, error);
    if (rc == 0)
        rc = read_number(options, "threads", 1, MOST_THREADS, 1, &threads, error);
    if (rc == 0)
        rc = studio_train(app->recommendation,
            &(struct studio_training){.as_of_ms = as_of_ms, .threads = (int)threads}, &info, error);
    if (rc == 0)
        *result = info_json(&info);
    return rc;
}

static void emit_list(void *ctx, const char *line)
{
    emit_line(ctx, "list", json_string(line));
}

int command_recommend(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    struct studio_lists lists;
    int64_t as_of_ms, threads, top;
    int rc = read_as_of(options, &as_of_ms, error);
    if (rc == 0)
        rc = read_number(options, "threads", 1, MOST_THREADS, 1, &threads, error);
    if (rc == 0)
        rc = read_number(options, "top", 1, 100, 20, &top, error);
    FILE *file = rc == 0 ? open_stream(fd, "r", error) : NULL;
    if (!file)
        return ERROR_INVALID;
    rc = studio_recommend(app->recommendation, file, (int)top, as_of_ms, (int)threads, emit_list,
        emitter, &lists, error);
    fclose(file);
    if (rc == 0)
        *result = json_pack("{s:I, s:I, s:I}", "shoppers", (json_int_t)lists.shoppers, "unknown",
            (json_int_t)lists.unknown, "version", (json_int_t)lists.version);
    return rc;
}

static json_t *evaluation_json(const char *name, const struct evaluation *result)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "name", name, "recall", result->recall,
        "recall_error", result->recall_error, "ndcg", result->ndcg, "ndcg_error",
        result->ndcg_error, "coverage", result->coverage, "shoppers", (json_int_t)result->shoppers);
}

int command_evaluate(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)emitter;
    struct studio_evaluation done;
    int64_t threads;
    double share = 0.1;
    const char *holdout = json_text_or(options, "holdout", NULL);
    int rc = read_number(options, "threads", 1, MOST_THREADS, 1, &threads, error);
    if (rc == 0 && holdout && text_to_double(holdout, 0.001, 0.9, &share) < 0)
        rc = error_set(error, ERROR_INVALID, NULL, "holdout",
            "--holdout \"%.40s\" must be a share from 0.001 to 0.9", holdout);
    FILE *truth = rc == 0 && fd >= 0 ? open_stream(fd, "r", error) : NULL;
    if (rc < 0 || (fd >= 0 && !truth))
        return ERROR_INVALID;
    rc = studio_evaluate(app->recommendation, truth, share, (int)threads, &done, error);
    if (truth)
        fclose(truth);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    json_array_append_new(rows, evaluation_json("trained", &done.trained));
    json_array_append_new(rows, evaluation_json("trained, one event", &done.one_event));
    if (done.knn.shoppers)
        json_array_append_new(rows, evaluation_json("item-kNN", &done.knn));
    json_array_append_new(rows, evaluation_json("popularity", &done.popular));
    *result = json_pack("{s:o, s:f, s:I, s:I, s:I, s:o}", "rows", rows, "new_wines", done.new_wines,
        "hidden", (json_int_t)done.hidden, "draws", (json_int_t)done.draws, "split_ms",
        (json_int_t)done.split_ms, "model", info_json(&done.model));
    return 0;
}

/* "list", "use" with a version, or "rollback" to the one before the current. */
int command_models(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)fd;
    struct models *models = studio_models(app->recommendation);
    struct models_version list[MOST_VERSIONS];
    const char *action = json_text_or(options, "action", "list");
    int64_t version = 0;
    int rc = models_load(models, error);
    if (rc < 0)
        return rc;
    size_t count = models_list(models, list, MOST_VERSIONS);
    if (text_equal(action, "use"))
        rc = read_number(options, "version", 1, INT64_MAX, 0, &version, error);
    if (text_equal(action, "rollback")) {
        size_t current = 0;
        while (current < count && !list[current].current)
            current++;
        if (current + 1 >= count)
            return error_set(
                error, ERROR_NOT_FOUND, NULL, "version", "there is no earlier model to go back to");
        version = list[current + 1].info.record.version;
    }
    if (rc == 0 && version)
        rc = studio_use(app->recommendation, version, error);
    if (rc < 0)
        return rc;
    count = models_list(models, list, MOST_VERSIONS);
    for (size_t i = 0; i < count; i++) {
        json_t *line = info_json(&list[i].info);
        json_object_set_new(line, "current", json_boolean(list[i].current));
        emit_line(emitter, "model", line);
    }
    *result = json_pack("{s:I}", "models", (json_int_t)count);
    return 0;
}

/* ---- ratings ---- */

static void tell_rejected(void *ctx, int64_t line, const char *field, const char *reason)
{
    emit_line(ctx, "rejected",
        json_pack("{s:I, s:s, s:s}", "line", (json_int_t)line, "field", field, "reason", reason));
}

static void tell_progress(void *ctx, int64_t rows, int64_t bytes, int64_t total_bytes)
{
    emit_line(ctx, "progress",
        json_pack("{s:s, s:I, s:I, s:I}", "phase", "storing", "rows", (json_int_t)rows, "bytes",
            (json_int_t)bytes, "total", (json_int_t)total_bytes));
}

int command_import_ratings(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    const struct studio_import_callbacks callbacks = {tell_rejected, tell_progress, emitter};
    struct studio_import counts;
    bool keep_good = false;
    int rc = json_find_bool(options, "keep_good", &keep_good, error);
    FILE *file = rc == 0 ? open_stream(fd, "r", error) : NULL;
    if (!file)
        return ERROR_INVALID;
    rc = studio_import_ratings(app->recommendation, file, keep_good, &callbacks, &counts, error);
    fclose(file);
    if (rc == 0)
        *result = json_pack(
            "{s:I, s:I}", "rows", (json_int_t)counts.rows, "rejected", (json_int_t)counts.rejected);
    return rc;
}
