/* The commands that work beside a running store. */
#include "commands.h"
#include "backup.h"
#include "json.h"
#include "money.h"
#include "text.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIM_AFTER_MS 2000

void emit_line(const struct emitter *emitter, const char *kind, json_t *value)
{
    CLEANUP_JSON json_t *line = json_pack("{s:o}", kind, value);
    emitter->emit(emitter->ctx, line);
}

static void emit_rejection(void *ctx, const struct import_rejection *rejection)
{
    emit_line(ctx, "rejected",
        json_pack("{s:I, s:s, s:s}", "line", (json_int_t)rejection->line, "field", rejection->field,
            "reason", rejection->reason));
}

static void emit_progress(void *ctx, const struct import_progress *progress)
{
    static const char *const phases[] = {"reading", "storing", "indexing"};
    bool reading = progress->phase == IMPORT_READING;
    emit_line(ctx, "progress",
        json_pack("{s:s, s:I, s:I, s:I}", "phase", phases[progress->phase], "rows",
            (json_int_t)progress->rows, "bytes",
            (json_int_t)(reading ? progress->bytes : progress->rows), "total",
            (json_int_t)(reading ? progress->total_bytes : progress->total_rows)));
}

FILE *open_stream(int fd, const char *mode, struct error *error)
{
    int copy = fd < 0 ? -1 : dup(fd);
    FILE *file = copy < 0 ? NULL : fdopen(copy, mode);
    if (!file)
        error_set(error, ERROR_INVALID, NULL, "file", "the file cannot be opened: %s",
            fd < 0 ? "none was given" : strerror(errno));
    return file;
}

static int read_price(const json_t *options, const char *name, int64_t *amount, struct error *error)
{
    const char *text = json_text_or(options, name, NULL);
    if (text && money_parse(text, amount) < 0)
        return error_set(
            error, ERROR_INVALID, NULL, name, "\"%.40s\" is no price: write it like 6.50", text);
    return 0;
}

static int read_import_options(
    const json_t *options, struct import_options *import, struct error *error)
{
    const char *stock = json_text_or(options, "stock", NULL);
    int rc = json_find_bool(options, "keep_good", &import->keep_good, error);
    if (rc == 0)
        rc = read_price(options, "price_min", &import->price_min, error);
    if (rc == 0)
        rc = read_price(options, "price_max", &import->price_max, error);
    if (rc == 0 && stock && text_to_int(stock, 0, 100000000, &import->stock) < 0)
        rc = error_set(error, ERROR_INVALID, NULL, "stock",
            "\"%.40s\" is no stock: a whole number from 0 to 100000000", stock);
    return rc;
}

static int command_import(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    struct import_options import = {.file_name = "", .wait_for_search = true};
    const struct import_callbacks callbacks = {emit_rejection, emit_progress, emitter};
    struct import_result counts = {0};
    int rc = read_import_options(options, &import, error);
    if (rc < 0)
        return rc;
    FILE *file = open_stream(fd, "r", error);
    if (!file)
        return ERROR_INVALID;
    rc = product_import(app->product, file, &import, &callbacks, &counts, error);
    fclose(file);
    if (rc == 0)
        *result = json_pack("{s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)counts.rows,
            "rejected", (json_int_t)counts.rejected, "added", (json_int_t)counts.added, "changed",
            (json_int_t)counts.changed, "unchanged", (json_int_t)counts.unchanged);
    return rc;
}

static int command_export(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)options;
    (void)emitter;
    int64_t wines = 0;
    FILE *file = open_stream(fd, "w", error);
    if (!file)
        return ERROR_INVALID;
    int rc = product_export(app->product, file, &wines, error);
    if (fclose(file) != 0 && rc == 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, "file", "the file cannot be written: %s",
            strerror(errno));
    if (rc == 0)
        *result = json_pack("{s:I}", "rows", (json_int_t)wines);
    return rc;
}

static int command_backup(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)fd;
    (void)emitter;
    struct backup_result done;
    const char *target = json_text_or(options, "target", "");
    if (*target != '/')
        return error_set(error, ERROR_INVALID, NULL, "target", "the backup needs an absolute path");
    int rc = backup_write(app->data.path, target, &done, error);
    if (rc == 0)
        *result = json_pack(
            "{s:I, s:I}", "files", (json_int_t)done.files, "bytes", (json_int_t)done.bytes);
    return rc;
}

static int command_reindex(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error)
{
    (void)options;
    (void)fd;
    (void)emitter;
    int rc = product_service_reindex(app->product, /* wait= */ true, NULL, NULL, error);
    if (rc == 0)
        *result = json_pack("{s:I}", "rows", (json_int_t)search_count(app->engines.search));
    return rc;
}

static void trim_memory(void *ctx)
{
    (void)ctx;
    malloc_trim(0);
}

int app_command(void *ctx, const char *command, const json_t *options, int fd, control_emit *emit,
    void *emit_ctx, json_t **result, struct error *error)
{
    static const struct {
        const char *name;
        command_fn *run;
    } commands[] = {
        {"import", command_import},
        {"export", command_export},
        {"backup", command_backup},
        {"reindex", command_reindex},
        {"train", command_train},
        {"recommend", command_recommend},
        {"evaluate", command_evaluate},
        {"models", command_models},
        {"import_ratings", command_import_ratings},
    };
    struct emitter emitter = {emit, emit_ctx};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (text_equal(commands[i].name, command)) {
            int rc = commands[i].run(ctx, options, fd, &emitter, result, error);
            /* A whole catalogue may have gone through many hands; by then they are empty. */
            struct app *app = ctx;
            timers_after(app->engines.timers, TRIM_AFTER_MS, trim_memory, NULL);
            return rc;
        }
    }
    return error_set(error, ERROR_INVALID, NULL, "command",
        "the running store does not know the command \"%.40s\"; is it an older version?", command);
}
