/*
 * The file of a trained model, little-endian:
 *
 *   "WINEMODL", u32 format, u32 0, u64 length of all
 *   struct on_disk: counts, figures and parameters
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
    uint32_t format, reserved;
    uint64_t length;
    int64_t until_ms;
    uint64_t wines, shoppers, events, ids_bytes, row_length;
    uint32_t whole_rows, dims;
    double alpha0, lambda, nu;
    float factors, trend, profile_half_life, fold_power, popular_half_life_days, reserved_weight;
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
        .until_ms = info->until_ms,
        .wines = info->wines,
        .shoppers = info->shoppers,
        .events = info->events,
        .ids_bytes = ids_bytes,
        .row_length = trained->weights ? trained->row_length : 0,
        .whole_rows = trained->weights && !trained->columns,
        .dims = (uint32_t)trained->als.dims,
        .alpha0 = trained->als.alpha0,
        .lambda = trained->als.lambda,
        .nu = trained->als.nu,
        .factors = trained->blend.factors,
        .trend = trained->blend.trend,
        .profile_half_life = trained->blend.profile_half_life,
        .fold_power = trained->blend.fold_power,
        .popular_half_life_days = trained->blend.popular_half_life_days};
    memcpy(header.magic, MAGIC, sizeof(header.magic));
    return header;
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
    append_array(out, trained->trend, wines * sizeof(float));
    append_array(out, trained->popularity, wines * sizeof(float));
    append_array(out, trained->factors, wines * (size_t)trained->als.dims * sizeof(float));
    if (trained->weights)
        append_array(out, trained->weights, wines * trained->row_length * sizeof(float));
    if (trained->columns)
        append_array(out, trained->columns, wines * trained->row_length * sizeof(uint16_t));
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

/* A copy of the next array, or NULL when the file has no more so many bytes. */
static void *take_array(struct reading *reading, size_t count, size_t size)
{
    size_t bytes = padded(count * size);
    if (count > SIZE_MAX / 16 / size || bytes > (size_t)(reading->end - reading->next))
        return NULL;
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

static bool read_arrays(
    struct trained *trained, const struct on_disk *header, struct reading *reading)
{
    size_t wines = trained->info.wines, dims = (size_t)trained->als.dims;
    if (!read_ids(trained, reading, header->ids_bytes))
        return false;
    trained->fresh = take_array(reading, wines, 1);
    trained->trend = take_array(reading, wines, sizeof(float));
    trained->popularity = take_array(reading, wines, sizeof(float));
    trained->factors = take_array(reading, wines * dims, sizeof(float));
    if (!trained->fresh || !trained->trend || !trained->popularity || !trained->factors)
        return false;
    if (header->row_length) {
        trained->row_length = header->row_length;
        trained->weights = take_array(reading, wines * trained->row_length, sizeof(float));
        if (!trained->weights)
            return false;
        if (!header->whole_rows)
            trained->columns = take_array(reading, wines * trained->row_length, sizeof(uint16_t));
        if (!header->whole_rows && !trained->columns)
            return false;
        for (size_t i = 0; trained->columns && i < wines * trained->row_length; i++) {
            if (trained->columns[i] >= wines)
                return false;
        }
    }
    return reading->next == reading->end && are_finite(trained->trend, wines) &&
           are_finite(trained->popularity, wines) && are_finite(trained->factors, wines * dims) &&
           (!trained->weights || are_finite(trained->weights, wines * trained->row_length));
}

static bool is_sound(const struct on_disk *header)
{
    return header->wines > 0 && header->wines <= MAX_WINES && header->dims > 0 &&
           header->dims <= ALS_MAX_DIMS && header->row_length <= header->wines &&
           (!header->whole_rows || header->row_length == header->wines) &&
           header->profile_half_life > 0 && isfinite(header->factors) && isfinite(header->trend) &&
           isfinite(header->fold_power) && header->alpha0 >= 0 && header->lambda > 0 &&
           isfinite(header->nu);
}

static void take_header(struct trained *trained, const struct on_disk *header)
{
    trained->info = (struct trained_info){.until_ms = header->until_ms,
        .wines = header->wines,
        .shoppers = header->shoppers,
        .events = header->events,
        .linear = header->row_length > 0,
        .record = TRAINED_UNMEASURED};
    trained->als = (struct als_options){.dims = (int)header->dims,
        .alpha0 = header->alpha0,
        .lambda = header->lambda,
        .nu = header->nu};
    trained->blend = (struct trained_blend){.factors = header->factors,
        .trend = header->trend,
        .profile_half_life = header->profile_half_life,
        .fold_power = header->fold_power,
        .popular_half_life_days = header->popular_half_life_days};
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
