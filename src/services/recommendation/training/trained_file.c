/*
 * The file of a trained model, little-endian:
 *
 *   struct on_disk: "WINEMODL", format, length of all, counts and parameters
 *   ids (each ends with a NUL), then the arrays, each aligned to 8 bytes
 *   32 bytes: BLAKE2b of everything before
 */
#include "buffer.h"
#include "numeric.h"
#include "trained_internal.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "WINEMODL"
#define FORMAT 1u
#define HASH_BYTES 32
#define MAX_WINES ((size_t)4000000)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's byte order is the machine's");

struct on_disk {
    char magic[8];
    uint32_t format, dims;
    uint64_t length;
    int64_t until_ms;
    uint64_t wines, shoppers, events, ids_bytes;
    uint64_t linear_row, filter_row; /* entries of a row; 0: there is no such matrix */
    double alpha0, lambda, nu;
    struct trained_blend blend;
    uint32_t reserved;
};

static size_t padded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

/* ---- writing ---- */

static void append_array(struct buffer *out, const void *data, size_t bytes)
{
    static const char zeros[8];
    buffer_append(out, data, bytes);
    buffer_append(out, zeros, padded(bytes) - bytes);
}

static struct on_disk header_of(const struct trained *trained, size_t ids_bytes)
{
    const struct trained_info *info = &trained->info;
    struct on_disk header = {.format = FORMAT,
        .dims = (uint32_t)trained->als.dims,
        .until_ms = info->until_ms,
        .wines = info->wines,
        .shoppers = info->shoppers,
        .events = info->events,
        .ids_bytes = ids_bytes,
        .linear_row = trained->linear.row_length,
        .filter_row = trained->filter.row_length,
        .alpha0 = trained->als.alpha0,
        .lambda = trained->als.lambda,
        .nu = trained->als.nu,
        .blend = trained->blend};
    memcpy(header.magic, MAGIC, sizeof(header.magic));
    return header;
}

static void append_matrix(struct buffer *out, const struct trained_matrix *matrix, size_t wines)
{
    if (matrix->weights)
        append_array(out, matrix->weights, wines * matrix->row_length * sizeof(float));
    if (matrix->columns)
        append_array(out, matrix->columns, wines * matrix->row_length * sizeof(uint16_t));
}

void trained_write(const struct trained *trained, struct buffer *out)
{
    size_t wines = trained->info.wines, start = out->length;
    CLEANUP_BUFFER struct buffer ids = BUFFER_INIT;
    for (uint32_t i = 0; i < wines; i++) {
        const char *id = trained_wine_id(trained, i);
        buffer_append(&ids, id, strlen(id) + 1);
    }
    struct on_disk header = header_of(trained, ids.length);
    buffer_append(out, &header, sizeof(header));
    append_array(out, ids.data, ids.length);
    append_array(out, trained->fresh, wines);
    append_array(out, trained->boost, wines * sizeof(float));
    append_array(out, trained->popularity, wines * sizeof(float));
    append_array(out, trained->common, wines * sizeof(float));
    append_array(out, trained->factors, wines * (size_t)trained->als.dims * sizeof(float));
    append_matrix(out, &trained->linear, wines);
    append_matrix(out, &trained->filter, wines);
    uint64_t length = out->length - start + HASH_BYTES;
    memcpy(out->data + start + offsetof(struct on_disk, length), &length, sizeof(length));
    unsigned char hash[HASH_BYTES];
    crypto_generichash(
        hash, sizeof(hash), (const unsigned char *)out->data + start, out->length - start, NULL, 0);
    buffer_append(out, hash, sizeof(hash));
}

/* ---- reading ---- */

struct reading {
    const unsigned char *next, *end;
};

/* A copy of the next array, or NULL when the file has no more so many bytes, or is not filled up
 * with zeros. */
static void *take_array(struct reading *reading, size_t count, size_t size)
{
    size_t bytes = padded(count * size);
    if (count > SIZE_MAX / 16 / size || bytes > (size_t)(reading->end - reading->next))
        return NULL;
    for (size_t i = count * size; i < bytes; i++) {
        if (reading->next[i])
            return NULL;
    }
    void *copy = numeric_new(count, size);
    memcpy(copy, reading->next, count * size);
    reading->next += bytes;
    return copy;
}

static bool are_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return false;
    }
    return true;
}

static bool read_ids(struct trained *trained, struct reading *reading, size_t bytes)
{
    char *ids = take_array(reading, bytes, 1);
    bool good = ids && bytes && ids[bytes - 1] == '\0';
    trained->ids = text_index_new();
    for (size_t at = 0; good && at < bytes; at += strlen(ids + at) + 1)
        good = ids[at] && text_index_add(trained->ids, ids + at) ==
                              (uint32_t)text_index_count(trained->ids) - 1;
    free(ids);
    return good && text_index_count(trained->ids) == trained->info.wines;
}

/* A row as long as there are wines is whole: its columns are not told. */
static bool read_matrix(
    struct trained_matrix *matrix, size_t row_length, size_t wines, struct reading *reading)
{
    if (!row_length)
        return true;
    matrix->row_length = row_length;
    matrix->weights = take_array(reading, wines * row_length, sizeof(float));
    if (!matrix->weights || !are_finite(matrix->weights, wines * row_length))
        return false;
    if (row_length == wines)
        return true;
    matrix->columns = take_array(reading, wines * row_length, sizeof(uint16_t));
    for (size_t i = 0; matrix->columns && i < wines * row_length; i++) {
        if (matrix->columns[i] >= wines)
            return false;
    }
    return matrix->columns;
}

static bool read_arrays(
    struct trained *trained, const struct on_disk *header, struct reading *reading)
{
    size_t wines = trained->info.wines, dims = (size_t)trained->als.dims;
    if (!read_ids(trained, reading, header->ids_bytes))
        return false;
    trained->fresh = take_array(reading, wines, 1);
    trained->boost = take_array(reading, wines, sizeof(float));
    trained->popularity = take_array(reading, wines, sizeof(float));
    trained->common = take_array(reading, wines, sizeof(float));
    trained->factors = take_array(reading, wines * dims, sizeof(float));
    return trained->fresh && trained->boost && trained->popularity && trained->common &&
           trained->factors && are_finite(trained->common, wines) &&
           are_finite(trained->boost, wines) && are_finite(trained->popularity, wines) &&
           are_finite(trained->factors, wines * dims) &&
           read_matrix(&trained->linear, header->linear_row, wines, reading) &&
           read_matrix(&trained->filter, header->filter_row, wines, reading) &&
           reading->next == reading->end;
}

static bool is_sound(const struct on_disk *header)
{
    const struct trained_blend *blend = &header->blend;
    return !header->reserved && header->wines > 0 && header->wines <= MAX_WINES &&
           header->dims > 0 && header->dims <= ALS_MAX_DIMS &&
           header->linear_row <= header->wines && header->filter_row <= header->wines &&
           blend->profile_half_life > 0 && isfinite(blend->linear) && isfinite(blend->filter) &&
           isfinite(blend->factors) && isfinite(blend->floor) && isfinite(blend->shift) &&
           isfinite(blend->common) && blend->common_events > 0 && isfinite(blend->fold_power) &&
           header->alpha0 >= 0 && header->lambda > 0 && isfinite(header->nu);
}

static void take_header(struct trained *trained, const struct on_disk *header)
{
    trained->info = (struct trained_info){.until_ms = header->until_ms,
        .wines = header->wines,
        .shoppers = header->shoppers,
        .events = header->events,
        .linear = header->linear_row > 0,
        .record = TRAINED_UNMEASURED};
    trained->als = (struct als_options){.dims = (int)header->dims,
        .alpha0 = header->alpha0,
        .lambda = header->lambda,
        .nu = header->nu};
    trained->blend = header->blend;
}

static int refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, "model_refused", NULL, "the model file %s", why);
}

int trained_read(struct trained **out, const void *data, size_t length, struct error *error)
{
    struct on_disk header;
    unsigned char hash[HASH_BYTES];
    const unsigned char *bytes = data;
    if (length < sizeof(header.magic) || memcmp(bytes, MAGIC, sizeof(header.magic)) != 0)
        return refuse(error, "is not a model of this store");
    if (length < sizeof(header) + HASH_BYTES)
        return refuse(error, "is cut short");
    memcpy(&header, bytes, sizeof(header));
    if (header.format != FORMAT)
        return refuse(error, "is of another version of the store");
    if (header.length != length)
        return refuse(error, header.length > length ? "is cut short" : "is longer than it says");
    crypto_generichash(hash, sizeof(hash), bytes, length - HASH_BYTES, NULL, 0);
    if (sodium_memcmp(hash, bytes + length - HASH_BYTES, HASH_BYTES) != 0)
        return refuse(error, "was altered: its hash is not that of its content");
    struct reading reading = {bytes + sizeof(header), bytes + length - HASH_BYTES};
    struct trained *trained = numeric_new(1, sizeof(*trained));
    atomic_init(&trained->references, 1);
    if (is_sound(&header)) {
        take_header(trained, &header);
        if (read_arrays(trained, &header, &reading)) {
            trained_prepare(trained);
            *out = trained;
            return 0;
        }
    }
    if (!trained->ids)
        trained->ids = text_index_new();
    trained_release(trained);
    return refuse(error, "does not hold together");
}
