/* Imports: every row is checked and staged first, then all are applied in one transaction, so that
 * whatever happens between leaves all of them or none. */
#include "import_rows.h"

#include "arena.h"
#include "clock.h"
#include "csv.h"
#include "index.h"
#include "service.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REPORT_MS 100

struct import {
    struct product_import_source source; /* first: the store's handle is the import's */
    struct product_service *service;
    const struct import_options *options;
    const struct import_callbacks *callbacks;
    struct import_result *result;
    struct import_format format;
    struct csv_reader *reader;
    struct arena *row_arena; /* of the row being read */
    int64_t total_bytes, reported_ms;

    FILE *stage; /* the good rows, rendered; a file without a name */
    int64_t staged;
    char *buffer; /* the row being applied */
    size_t capacity;
    atomic_llong applied;

    struct arena *sku_arena;
    struct sku_slot {
        const char *sku;
        int64_t line;
    } * skus; /* open addressing; power of two */
    size_t sku_count, sku_capacity;

    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc;
    struct error error;
};

/* ---- telling the caller ---- */

static void reject(struct import *import, int64_t line, const struct error *error)
{
    import->result->rejected++;
    if (!import->callbacks || !import->callbacks->rejected)
        return;
    struct import_rejection rejection = {.file = import->options->file_name,
        .line = line,
        .field = error->field,
        .reason = error->message};
    import->callbacks->rejected(import->callbacks->ctx, &rejection);
}

static void report(
    struct import *import, enum import_phase phase, int64_t rows, int64_t total_rows, bool last)
{
    int64_t now = clock_monotonic_ms();
    if (!import->callbacks || !import->callbacks->progress ||
        (!last && now - import->reported_ms < REPORT_MS))
        return;
    import->reported_ms = now;
    struct import_progress progress = {.phase = phase, .rows = rows, .total_rows = total_rows};
    if (phase == IMPORT_READING) {
        progress.bytes = csv_position(import->reader);
        progress.total_bytes = import->total_bytes;
    }
    import->callbacks->progress(import->callbacks->ctx, &progress);
}

/* ---- each sku once per file ---- */

static struct sku_slot *sku_slot(struct sku_slot *slots, size_t capacity, const char *sku)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *c = sku; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t i = (hash ^ hash >> 29) & (capacity - 1);
    while (slots[i].sku && strcmp(slots[i].sku, sku) != 0)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static void grow_skus(struct import *import)
{
    size_t capacity = import->sku_capacity ? import->sku_capacity * 2 : 4096;
    struct sku_slot *slots = calloc(capacity, sizeof(*slots));
    if (!slots)
        abort();
    for (size_t i = 0; i < import->sku_capacity; i++) {
        if (import->skus[i].sku)
            *sku_slot(slots, capacity, import->skus[i].sku) = import->skus[i];
    }
    free(import->skus);
    import->skus = slots;
    import->sku_capacity = capacity;
}

static int note_sku(struct import *import, const char *sku, int64_t line, struct error *error)
{
    if (import->sku_count * 2 >= import->sku_capacity)
        grow_skus(import);
    struct sku_slot *slot = sku_slot(import->skus, import->sku_capacity, sku);
    if (slot->sku)
        return error_set(error, ERROR_INVALID, NULL, import->format.x_wines ? "WineID" : "sku",
            "%s stands in line %lld already", sku, (long long)slot->line);
    slot->sku = arena_strdup(import->sku_arena, sku);
    slot->line = line;
    import->sku_count++;
    return 0;
}

/* ---- the staging area: per row its size, its numbers, and its texts with their NULs ---- */

struct staged_row {
    uint64_t size; /* of the texts */
    int64_t price, stock;
};

static int stage_failed(struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
        "the rows cannot be kept in a temporary file: %s", strerror(errno));
}

static int stage_row(
    struct import *import, const struct product_record *record, struct error *error)
{
    const char *const texts[] = {record->sku, record->group_key, record->body, record->brief,
        record->name_key, record->words};
    struct staged_row head = {.price = record->price, .stock = record->stock};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        head.size += strlen(texts[i]) + 1;
    bool written = fwrite(&head, sizeof(head), 1, import->stage) == 1;
    for (size_t i = 0; written && i < sizeof(texts) / sizeof(texts[0]); i++)
        written = fwrite(texts[i], strlen(texts[i]) + 1, 1, import->stage) == 1;
    import->staged++;
    return written ? 0 : stage_failed(error);
}

static const char *next_text(const char **cursor)
{
    const char *text = *cursor;
    *cursor += strlen(text) + 1;
    return text;
}

/* On the store's thread. */
static int unstage_row(
    struct product_import_source *source, struct product_record *record, struct error *error)
{
    struct import *import = (struct import *)source;
    struct staged_row head;
    if (atomic_load(&import->applied) == import->staged)
        return 0;
    if (fread(&head, sizeof(head), 1, import->stage) != 1)
        return stage_failed(error);
    if (head.size > import->capacity) {
        import->capacity = head.size * 2;
        import->buffer = realloc(import->buffer, import->capacity);
        if (!import->buffer)
            abort();
    }
    if (fread(import->buffer, head.size, 1, import->stage) != 1)
        return stage_failed(error);
    const char *cursor = import->buffer;
    record->sku = next_text(&cursor);
    record->group_key = next_text(&cursor);
    record->body = next_text(&cursor);
    record->brief = next_text(&cursor);
    record->name_key = next_text(&cursor);
    record->words = next_text(&cursor);
    record->price = head.price;
    record->stock = head.stock;
    atomic_fetch_add(&import->applied, 1);
    return 1;
}

/* ---- reading ---- */

/* One row of data: checked, and staged if it is good. Fails only when the machine does. */
static int take_row(struct import *import, const struct csv_row *row, struct error *error)
{
    struct import_row read;
    struct error problem = {0};
    arena_clear(import->row_arena);
    int rc = import_row_read(&import->format, import->row_arena, row, &read, &problem);
    if (rc == 0)
        rc = note_sku(import, read.wine.sku, row->line, &problem);
    if (rc < 0) {
        reject(import, row->line, &problem);
        return 0;
    }
    struct product_record record = {.group_key = read.group, .stock = read.stock};
    wine_render(import->row_arena, &read.wine, import->service->currency, &record);
    return stage_row(import, &record, error);
}

static int read_header(
    struct import *import, const struct import_defaults *defaults, struct error *error)
{
    struct csv_row header;
    int rc = csv_next(import->reader, &header, error);
    if (rc == 0)
        return error_set(
            error, ERROR_INVALID, NULL, NULL, "the file is empty: not even a header is there");
    return rc < 0 ? rc : import_format_read(&import->format, &header, defaults, error);
}

static int read_rows(struct import *import, struct error *error)
{
    struct csv_row row;
    struct error problem = {0};
    int rc;
    while ((rc = csv_next(import->reader, &row, &problem)) != 0) {
        if (rc == ERROR_INVALID) {
            reject(import, row.line, &problem);
        } else if (rc < 0) {
            *error = problem;
            return rc;
        } else if (take_row(import, &row, error) < 0) {
            return ERROR_UNAVAILABLE;
        }
        import->result->rows++;
        if (import->result->rows % 256 == 0)
            report(import, IMPORT_READING, import->result->rows, 0, false);
    }
    report(import, IMPORT_READING, import->result->rows, 0, true);
    return 0;
}

/* ---- applying ---- */

static void applied(
    void *ctx, int rc, const struct error *error, const struct product_import_counts *counts)
{
    struct import *import = ctx;
    pthread_mutex_lock(&import->lock);
    import->rc = rc;
    import->error = *error;
    if (rc == 0) {
        import->result->added = counts->added;
        import->result->changed = counts->changed;
        import->result->unchanged = counts->unchanged;
        import->result->applied = true;
    }
    import->done = true;
    pthread_cond_signal(&import->finished);
    pthread_mutex_unlock(&import->lock);
}

static int apply(struct import *import, struct error *error)
{
    if (fflush(import->stage) != 0 || fseek(import->stage, 0, SEEK_SET) != 0)
        return stage_failed(error);
    import->source.next = unstage_row;
    product_store_import(import->service->store, &import->source, applied, import);
    pthread_mutex_lock(&import->lock);
    while (!import->done) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REPORT_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&import->finished, &import->lock, &until);
        pthread_mutex_unlock(&import->lock);
        report(import, IMPORT_STORING, atomic_load(&import->applied), import->staged, false);
        pthread_mutex_lock(&import->lock);
    }
    pthread_mutex_unlock(&import->lock);
    if (import->rc < 0) {
        *error = import->error;
        return import->rc;
    }
    report(import, IMPORT_STORING, import->staged, import->staged, true);
    index_wake(import->service->index);
    return 0;
}

static void report_indexing(void *ctx, int64_t waiting)
{
    struct import *import = ctx;
    int64_t total = import->result->added + import->result->changed;
    if (waiting > total)
        total = waiting;
    report(import, IMPORT_INDEXING, total - waiting, total, waiting == 0);
}

/* ---- all of it ---- */

static int run(struct import *import, FILE *file, struct error *error)
{
    const struct import_options *options = import->options;
    struct import_defaults defaults = {
        .currency = import->service->currency,
        .price_min = options->price_min ? options->price_min : 800,
        .price_max = options->price_max ? options->price_max : 9000,
        .stock = options->stock,
    };
    if (defaults.price_min > defaults.price_max || defaults.price_max > WINE_MAX_PRICE)
        return error_set(error, ERROR_INVALID, NULL, "price_max",
            "the highest price must not be below the lowest, nor above %d", WINE_MAX_PRICE / 100);
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode))
        import->total_bytes = status.st_size;
    int rc = read_header(import, &defaults, error);
    if (rc == 0)
        rc = read_rows(import, error);
    import->result->x_wines = import->format.x_wines;
    if (rc < 0)
        return rc;
    if (import->result->rejected && !options->keep_good)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "%lld of %lld rows are bad: nothing was loaded", (long long)import->result->rejected,
            (long long)import->result->rows);
    if (options->dry_run)
        return 0;
    rc = apply(import, error);
    if (rc == 0 && options->wait_for_search)
        index_wait(import->service->index, report_indexing, import);
    return rc;
}

int product_import(struct product_service *service, FILE *file,
    const struct import_options *options, const struct import_callbacks *callbacks,
    struct import_result *result, struct error *error)
{
    struct import import = {
        .service = service,
        .options = options,
        .callbacks = callbacks,
        .result = result,
        .reader = csv_reader_new(file),
        .row_arena = arena_new(),
        .sku_arena = arena_new(),
        .stage = tmpfile(),
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .finished = PTHREAD_COND_INITIALIZER,
    };
    memset(result, 0, sizeof(*result));
    int rc = import.stage ? run(&import, file, error) : stage_failed(error);
    if (import.stage)
        fclose(import.stage);
    csv_reader_free(import.reader);
    arena_free(import.row_arena);
    arena_free(import.sku_arena);
    free(import.skus);
    free(import.buffer);
    return rc;
}
