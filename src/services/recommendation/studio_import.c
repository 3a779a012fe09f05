/* Ratings from elsewhere: first the whole file is read and checked, then it is loaded. */
#include "arena.h"
#include "ratings_file.h"
#include "service.h"
#include "shelf.h"
#include "studio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 100000 /* loaded at once: what the warehouse takes quickest */

struct import {
    struct recommendation_service *service;
    FILE *file;
    const struct shelf *shelf;
    const struct studio_import_callbacks *callbacks;
    struct studio_import *result;
    int64_t total_bytes;
};

static void tell_progress(struct import *import, struct ratings_file *file)
{
    if (import->callbacks->progress)
        import->callbacks->progress(import->callbacks->ctx, import->result->rows,
            ratings_file_position(file), import->total_bytes);
}

/* ---- loading ---- */

struct load {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool finished;
    int rc;
    struct error error;
};

static void load_done(void *ctx, int rc, const struct error *error)
{
    struct load *load = ctx;
    pthread_mutex_lock(&load->lock);
    load->rc = rc;
    load->error = *error;
    load->finished = true;
    pthread_cond_signal(&load->done);
    pthread_mutex_unlock(&load->lock);
}

static int load_rows(struct import *import, const struct warehouse_rating_row *rows, size_t count,
    struct error *error)
{
    struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    if (!count)
        return 0;
    warehouse_import(import->service->options.warehouse, rows, count, load_done, &load);
    pthread_mutex_lock(&load.lock);
    while (!load.finished)
        pthread_cond_wait(&load.done, &load.lock);
    pthread_mutex_unlock(&load.lock);
    if (load.rc < 0)
        *error = load.error;
    return load.rc;
}

/* ---- the two passes ---- */

/* Tells of each bad row; 0 when there is none. */
static int check(struct import *import, struct error *error)
{
    struct ratings_file *file = NULL;
    struct ratings_row row;
    struct error problem = {0};
    int rc = ratings_file_open(&file, import->file, import->shelf, error);
    if (rc < 0)
        return rc;
    while ((rc = ratings_file_next(file, &row, &problem)) != 0) {
        if (rc == ERROR_INTERNAL) {
            *error = problem;
            break;
        }
        if (rc < 0) {
            import->result->rejected++;
            import->callbacks->rejected(
                import->callbacks->ctx, row.line, problem.field, problem.message);
        }
    }
    ratings_file_close(file);
    return rc;
}

static int load_file(struct import *import, struct error *error)
{
    struct ratings_file *file = NULL;
    struct ratings_row row;
    struct error problem;
    int rc = ratings_file_open(&file, import->file, import->shelf, error);
    if (rc < 0)
        return rc;
    struct warehouse_rating_row *rows = calloc(ROWS, sizeof(*rows));
    if (!rows)
        abort();
    struct arena *arena = arena_new();
    size_t count = 0;
    int got;
    while (rc == 0 && (got = ratings_file_next(file, &row, &problem)) != 0) {
        if (got < 0)
            continue; /* told in the first pass */
        rows[count++] = (struct warehouse_rating_row){.shopper = arena_strdup(arena, row.shopper),
            .wine_id = shelf_ids(import->shelf)[row.wine],
            .stars = row.stars,
            .vintage = row.vintage,
            .at_ms = row.at_ms};
        import->result->rows++;
        if (count == ROWS) {
            rc = load_rows(import, rows, count, error);
            tell_progress(import, file);
            arena_clear(arena);
            count = 0;
        }
    }
    if (rc == 0)
        rc = load_rows(import, rows, count, error);
    tell_progress(import, file);
    arena_free(arena);
    free(rows);
    ratings_file_close(file);
    return rc;
}

int studio_import_ratings(struct recommendation_service *service, FILE *file, bool keep_good,
    const struct studio_import_callbacks *callbacks, struct studio_import *result,
    struct error *error)
{
    struct shelf *shelf = NULL;
    *result = (struct studio_import){0};
    if (fseeko(file, 0, SEEK_END) != 0)
        return error_set(error, ERROR_INVALID, NULL, "file",
            "the file must be a regular one: it is read twice, first to check it");
    int64_t bytes = ftello(file);
    rewind(file);
    int rc = shelf_read(&shelf, service->options.product, error);
    if (rc < 0)
        return rc;
    struct import import = {.service = service,
        .file = file,
        .shelf = shelf,
        .callbacks = callbacks,
        .result = result,
        .total_bytes = bytes};
    rc = check(&import, error);
    if (rc == 0 && result->rejected && !keep_good)
        rc = error_set(error, ERROR_INVALID, "rejected", "file",
            "%lld lines are bad, so nothing was loaded; mend them, or load the good ones with "
            "--keep-good",
            (long long)result->rejected);
    rewind(file);
    if (rc == 0)
        rc = load_file(&import, error);
    shelf_free(shelf);
    return rc;
}
