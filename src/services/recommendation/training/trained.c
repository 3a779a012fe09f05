#include "trained_internal.h"

#include "events.h"
#include "numeric.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUGH_BLOCK 256
#define ROUGH_MIN 512  /* the rough pass hands on at least so many wines, */
#define ROUGH_FACTOR 4 /* and so many times those asked for: only the last bits are rough */

struct trained *trained_retain(struct trained *trained)
{
    atomic_fetch_add_explicit(&trained->references, 1, memory_order_relaxed);
    return trained;
}

void trained_release(struct trained *trained)
{
    if (!trained || atomic_fetch_sub_explicit(&trained->references, 1, memory_order_acq_rel) != 1)
        return;
    text_index_free(trained->ids);
    free(trained->fresh);
    free(trained->boost);
    free(trained->popularity);
    free(trained->common);
    free(trained->linear.weights);
    free(trained->linear.columns);
    free(trained->filter.weights);
    free(trained->filter.columns);
    free(trained->factors);
    free(trained->gram);
    free(trained->mean);
    free(trained->covariance);
    free(trained->codes);
    free(trained->scales);
    free(trained->shrinks);
    free(trained);
}

const struct trained_info *trained_info(const struct trained *trained)
{
    return &trained->info;
}

void trained_set_record(struct trained *trained, const struct trained_record *record)
{
    trained->info.record = *record;
}

const char *trained_wine_id(const struct trained *trained, uint32_t wine)
{
    return text_index_text(trained->ids, wine);
}

uint32_t trained_find(const struct trained *trained, const char *wine_id)
{
    return text_index_find(trained->ids, wine_id);
}

bool trained_is_new(const struct trained *trained, uint32_t wine)
{
    return trained->fresh[wine];
}

float trained_popularity(const struct trained *trained, uint32_t wine)
{
    return trained->popularity[wine];
}

/* ---- what follows from the vectors ---- */

static float dot(const float *a, const float *b, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void find_moments(struct trained *trained)
{
    size_t dims = (size_t)trained->als.dims, wines = trained->info.wines;
    double *mean = numeric_new(dims, sizeof(*mean));
    double *square = numeric_new(dims * dims, sizeof(*square));
    for (size_t wine = 0; wine < wines; wine++) {
        const float *vector = trained->factors + wine * dims;
        for (size_t i = 0; i < dims; i++) {
            mean[i] += (double)vector[i];
            for (size_t j = 0; j <= i; j++)
                square[i * dims + j] += (double)vector[i] * (double)vector[j];
        }
    }
    for (size_t i = 0; i < dims; i++) {
        trained->mean[i] = (float)(mean[i] / (double)wines);
        for (size_t j = 0; j <= i; j++) {
            double covariance = square[i * dims + j] / (double)wines -
                                mean[i] / (double)wines * (mean[j] / (double)wines);
            trained->covariance[i * dims + j] = trained->covariance[j * dims + i] =
                (float)covariance;
        }
    }
    free(mean);
    free(square);
}

static void find_codes(struct trained *trained)
{
    size_t dims = (size_t)trained->als.dims, wines = trained->info.wines;
    size_t stride = trained_code_stride(trained);
    trained->codes = numeric_new(wines * stride, sizeof(*trained->codes));
    trained->scales = numeric_new(wines, sizeof(*trained->scales));
    trained->shrinks = numeric_new(wines, sizeof(*trained->shrinks));
    for (size_t wine = 0; wine < wines; wine++) {
        const float *vector = trained->factors + wine * dims;
        float largest = 0;
        for (size_t i = 0; i < dims; i++)
            largest = fmaxf(largest, fabsf(vector[i]));
        float scale = largest / 127;
        float length = sqrtf(dot(vector, vector, dims));
        trained->scales[wine] = scale;
        trained->shrinks[wine] = length > 0 ? 1 / length : 0;
        for (size_t i = 0; scale > 0 && i < dims; i++)
            trained->codes[wine * stride + i] = (int8_t)lrintf(vector[i] / scale);
    }
}

void trained_prepare(struct trained *trained)
{
    size_t dims = (size_t)trained->als.dims;
    trained->gram = numeric_new(dims * dims, sizeof(float));
    trained->mean = numeric_new(dims, sizeof(float));
    trained->covariance = numeric_new(dims * dims, sizeof(float));
    numeric_blas_threads(1);
    als_gram(trained->factors, trained->info.wines, &trained->als, trained->gram);
    find_moments(trained);
    if (trained->info.wines > TRAINED_EXACT_WINES)
        find_codes(trained);
    atomic_init(&trained->references, 1);
}

/* ---- a shopper ---- */

size_t trained_weigh(const struct trained *trained, const uint32_t *wines, const float *strengths,
    size_t count, struct preference *out)
{
    size_t passed = count > TRAINED_MAX_ACTS ? count - TRAINED_MAX_ACTS : 0;
    for (size_t i = passed; i < count; i++) {
        float back = (float)(count - 1 - i);
        out[i - passed] = (struct preference){.wine = wines[i],
            .weight = strengths[i] * exp2f(-back / trained->blend.profile_half_life)};
    }
    return count - passed;
}

size_t trained_preferences(const struct trained *trained, const struct trained_act *acts,
    size_t count, struct preference *out)
{
    uint32_t wines[TRAINED_MAX_ACTS];
    float strengths[TRAINED_MAX_ACTS];
    if (count > TRAINED_MAX_ACTS) {
        acts += count - TRAINED_MAX_ACTS;
        count = TRAINED_MAX_ACTS;
    }
    for (size_t i = 0; i < count; i++) {
        wines[i] = acts[i].wine;
        strengths[i] = act_strength(acts[i].kind, acts[i].stars);
    }
    return trained_weigh(trained, wines, strengths, count, out);
}

/* The shopper's vector; false when nothing they did counts for it. */
static bool fold_in(const struct trained *trained, const struct preference *preferences,
    size_t count, float *vector)
{
    uint32_t wines[TRAINED_MAX_ACTS];
    float weights[TRAINED_MAX_ACTS];
    size_t known = 0;
    for (size_t i = 0; i < count && known < TRAINED_MAX_ACTS; i++) {
        if (preferences[i].wine >= trained->info.wines || preferences[i].weight <= 0)
            continue;
        wines[known] = preferences[i].wine;
        weights[known++] = powf(preferences[i].weight, trained->blend.fold_power);
    }
    if (known)
        als_fold_in(trained->factors, trained->info.wines, trained->gram, &trained->als, wines,
            weights, known, vector);
    return known > 0;
}

/* ---- exact scores ---- */

/* scores += weight * (values - mean) / deviation */
static void add_standardised(float *scores, const float *values, size_t count, float weight)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    double deviation = sqrt(squares / (double)count);
    if (deviation <= 0)
        return;
    float scale = (float)((double)weight / deviation), shift = (float)mean;
    for (size_t i = 0; i < count; i++)
        scores[i] += scale * (values[i] - shift);
}

static void add_row(const struct trained_matrix *matrix, uint32_t wine, float weight, float *values)
{
    const float *row = matrix->weights + (size_t)wine * matrix->row_length;
    if (!matrix->columns) {
        for (size_t i = 0; i < matrix->row_length; i++)
            values[i] += weight * row[i];
        return;
    }
    const uint16_t *columns = matrix->columns + (size_t)wine * matrix->row_length;
    for (size_t i = 0; i < matrix->row_length; i++)
        values[columns[i]] += weight * row[i];
}

static void add_matrix(const struct trained *trained, const struct trained_matrix *matrix,
    float weight, const struct preference *preferences, size_t count, float *values, float *scores)
{
    size_t wines = trained->info.wines;
    if (!matrix->weights)
        return;
    memset(values, 0, wines * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        if (preferences[i].wine < wines)
            add_row(matrix, preferences[i].wine, preferences[i].weight, values);
    }
    add_standardised(scores, values, wines, weight);
}

/* From the mean of standardised scores to what is ranked by: the trend multiplies. */
static float boosted(const struct trained *trained, float mean, uint32_t wine)
{
    return (trained->blend.floor + fmaxf(0, mean + trained->blend.shift)) * trained->boost[wine];
}

/* The power of a wine's events that a shopper with so many is served with. */
static float common_power(const struct trained *trained, size_t count)
{
    return -trained->blend.common * log2f((float)count / trained->blend.common_events);
}

static void score_all(const struct trained *trained, const struct preference *preferences,
    size_t count, float *scores)
{
    const struct trained_blend *blend = &trained->blend;
    size_t wines = trained->info.wines, dims = (size_t)trained->als.dims;
    float *values = numeric_new(wines, sizeof(*values)), vector[ALS_MAX_DIMS];
    memset(scores, 0, wines * sizeof(*scores));
    add_matrix(trained, &trained->linear, blend->linear, preferences, count, values, scores);
    add_matrix(trained, &trained->filter, blend->filter, preferences, count, values, scores);
    if (blend->factors > 0 && fold_in(trained, preferences, count, vector)) {
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)wines, (int)dims, 1, trained->factors,
            (int)dims, vector, 1, 0, values, 1);
        add_standardised(scores, values, wines, blend->factors);
    }
    float power = common_power(trained, count);
    for (uint32_t i = 0; i < wines; i++)
        scores[i] = boosted(trained, scores[i], i) * exp2f(power * trained->common[i]);
    free(values);
}

/* The filter is asked last, and only for what would be among the best: it may be dear. */
static size_t best_of(const float *scores, size_t wines, trained_filter *admits, void *ctx,
    struct scored *list, size_t max)
{
    struct scored_best best = {.list = list, .max = max};
    for (uint32_t i = 0; i < wines; i++) {
        if (scored_best_wants(&best, scores[i]) && (!admits || admits(ctx, i)))
            scored_best_add(&best, i, scores[i]);
    }
    return scored_best_sort(&best);
}

/* ---- the rough pass ---- */

struct rough {
    float vector[ALS_MAX_DIMS];
    int16_t codes[ALS_MAX_DIMS];
    float unit;         /* of the codes */
    float scale, shift; /* from a product to a standardised score */
    float power;        /* common_power() */
};

/* Products of codes: by sixteen, and of bytes with words, which compilers make one instruction of
 * (2.7 times as fast as the plain loop over bytes). */
static void multiply_codes(
    const int8_t *codes, const int16_t *with, size_t stride, size_t count, int32_t *products)
{
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 0;
        for (size_t k = 0; k < stride; k += 16) {
            for (size_t j = 0; j < 16; j++)
                sum += (int16_t)codes[i * stride + k + j] * with[k + j];
        }
        products[i] = sum;
    }
}

/* How products with the shopper's vector become standardised scores, and its codes. */
static void rough_prepare(const struct trained *trained, struct rough *rough)
{
    size_t dims = (size_t)trained->als.dims;
    double variance = 0;
    float largest = 0;
    for (size_t i = 0; i < dims; i++) {
        variance += (double)rough->vector[i] *
                    (double)dot(trained->covariance + i * dims, rough->vector, dims);
        largest = fmaxf(largest, fabsf(rough->vector[i]));
    }
    rough->scale = variance > 0 ? 1 / (float)sqrt(variance) : 0;
    rough->shift = dot(trained->mean, rough->vector, dims);
    rough->unit = largest / 127;
    for (size_t i = 0; i < dims; i++)
        rough->codes[i] =
            rough->unit > 0 ? (int16_t)lrintf(rough->vector[i] / rough->unit) : (int16_t)0;
}

static float exact_score(const struct trained *trained, const struct rough *rough, uint32_t wine)
{
    size_t dims = (size_t)trained->als.dims;
    float product = dot(trained->factors + (size_t)wine * dims, rough->vector, dims);
    return boosted(trained, rough->scale * (product - rough->shift), wine) *
           exp2f(rough->power * trained->common[wine]);
}

/* Of a block of wines; plain loops, so that they are done several at a time. */
static void rough_scores(const struct trained *trained, const struct rough *rough, size_t first,
    size_t count, float *scores)
{
    const struct trained_blend *blend = &trained->blend;
    const float *scales = trained->scales + first, *boost = trained->boost + first;
    size_t stride = trained_code_stride(trained);
    int32_t products[ROUGH_BLOCK];
    multiply_codes(trained->codes + first * stride, rough->codes, stride, count, products);
    float scale = rough->scale * rough->unit, shift = blend->shift - rough->scale * rough->shift;
    for (size_t i = 0; i < count; i++) {
        float mean = (float)products[i] * scales[i] * scale + shift;
        scores[i] = (blend->floor + (mean > 0 ? mean : 0)) * boost[i];
    }
}

static size_t rank_rough(const struct trained *trained, const struct preference *preferences,
    size_t count, trained_filter *admits, void *ctx, struct scored *list, size_t few)
{
    size_t wines = trained->info.wines;
    struct scored_best best = {.list = list, .max = few};
    struct rough rough = {0};
    fold_in(trained, preferences, count, rough.vector);
    rough_prepare(trained, &rough);
    rough.power = common_power(trained, count);
    for (size_t first = 0; first < wines; first += ROUGH_BLOCK) {
        float scores[ROUGH_BLOCK];
        size_t length = wines - first < ROUGH_BLOCK ? wines - first : ROUGH_BLOCK;
        rough_scores(trained, &rough, first, length, scores);
        for (size_t i = 0; i < length; i++) {
            uint32_t wine = (uint32_t)(first + i);
            if (scored_best_wants(&best, scores[i]) && (!admits || admits(ctx, wine)))
                scored_best_add(&best, wine, scores[i]);
        }
    }
    for (size_t i = 0; i < best.count; i++)
        list[i].score = exact_score(trained, &rough, list[i].wine);
    return best.count;
}

size_t trained_rank(const struct trained *trained, const struct preference *preferences,
    size_t count, trained_filter *admits, void *ctx, struct scored *best, size_t max)
{
    size_t wines = trained->info.wines, found;
    if (max == 0)
        return 0;
    if (count == 0)
        return best_of(trained->popularity, wines, admits, ctx, best, max);
    if (!trained->codes) {
        float *scores = numeric_new(wines, sizeof(*scores));
        score_all(trained, preferences, count, scores);
        found = best_of(scores, wines, admits, ctx, best, max);
        free(scores);
        return found;
    }
    size_t few = max * ROUGH_FACTOR > ROUGH_MIN ? max * ROUGH_FACTOR : ROUGH_MIN;
    struct scored *list = malloc(few * sizeof(*list));
    if (!list)
        abort();
    found = rank_rough(trained, preferences, count, admits, ctx, list, few);
    found = scored_select(list, found, max);
    memcpy(best, list, found * sizeof(*best));
    free(list);
    return found;
}

void trained_score(const struct trained *trained, const struct preference *preferences,
    size_t count, struct scored *list, size_t length)
{
    if (!trained->codes || count == 0) {
        float *scores = numeric_new(trained->info.wines, sizeof(*scores));
        score_all(trained, preferences, count, scores);
        for (size_t i = 0; i < length; i++)
            list[i].score = count ? scores[list[i].wine] : trained->popularity[list[i].wine];
        free(scores);
        return;
    }
    struct rough rough = {0};
    fold_in(trained, preferences, count, rough.vector);
    rough_prepare(trained, &rough);
    for (size_t i = 0; i < length; i++)
        list[i].score = exact_score(trained, &rough, list[i].wine);
}

/* ---- reasons and neighbours ---- */

static float weight_between(const struct trained_matrix *matrix, uint32_t from, uint32_t to)
{
    const float *row = matrix->weights + (size_t)from * matrix->row_length;
    if (!matrix->columns)
        return row[to];
    const uint16_t *columns = matrix->columns + (size_t)from * matrix->row_length;
    for (size_t i = 0; i < matrix->row_length; i++) {
        if (columns[i] == to)
            return row[i];
    }
    return 0;
}

float trained_likeness(const struct trained *trained, uint32_t a, uint32_t b)
{
    if (a >= trained->info.wines || b >= trained->info.wines)
        return 0;
    size_t dims = (size_t)trained->als.dims;
    const float *x = trained->factors + (size_t)a * dims, *y = trained->factors + (size_t)b * dims;
    float length = sqrtf(dot(x, x, dims) * dot(y, y, dims));
    return length > 0 ? dot(x, y, dims) / length : 0;
}

float trained_part(
    const struct trained *trained, const struct preference *preference, uint32_t wine)
{
    if (preference->wine >= trained->info.wines || wine >= trained->info.wines)
        return 0;
    const struct trained_matrix *matrix =
        trained->filter.weights ? &trained->filter : &trained->linear;
    return preference->weight * (matrix->weights
                                        ? weight_between(matrix, preference->wine, wine)
                                        : trained_likeness(trained, preference->wine, wine));
}

/* By the vectors' codes: roughly the cosine of each, and exactly that of the best. */
static size_t similar_rough(
    const struct trained *trained, uint32_t wine, struct scored *list, size_t max)
{
    size_t wines = trained->info.wines, stride = trained_code_stride(trained);
    size_t few = max * ROUGH_FACTOR;
    struct scored_best best = {.list = numeric_new(few, sizeof(*best.list)), .max = few};
    int16_t codes[ALS_MAX_DIMS + 16];
    for (size_t i = 0; i < stride; i++)
        codes[i] = trained->codes[wine * stride + i];
    for (size_t first = 0; first < wines; first += ROUGH_BLOCK) {
        int32_t products[ROUGH_BLOCK];
        size_t length = wines - first < ROUGH_BLOCK ? wines - first : ROUGH_BLOCK;
        multiply_codes(trained->codes + first * stride, codes, stride, length, products);
        for (size_t i = 0; i < length; i++) {
            float score =
                (float)products[i] * trained->scales[first + i] * trained->shrinks[first + i];
            if (first + i != wine && scored_best_wants(&best, score))
                scored_best_add(&best, (uint32_t)(first + i), score);
        }
    }
    for (size_t i = 0; i < best.count; i++)
        best.list[i].score = fmaxf(0, trained_likeness(trained, wine, best.list[i].wine));
    size_t count = scored_select(best.list, best.count, max);
    memcpy(list, best.list, count * sizeof(*list));
    free(best.list);
    return count;
}

/* The linear model's weights favour what sells and the vectors' cosine does not: half of each, the
 * former as a share of the row's largest. */
size_t trained_similar(
    const struct trained *trained, uint32_t wine, struct scored *list, size_t max)
{
    size_t wines = trained->info.wines;
    if (wine >= wines || max == 0)
        return 0;
    if (trained->codes)
        return similar_rough(trained, wine, list, max);
    float *values = numeric_new(wines, sizeof(*values)), largest = 0;
    struct scored *found = malloc((wines + 1) * sizeof(*found));
    if (!found)
        abort();
    if (trained->linear.weights)
        add_row(&trained->linear, wine, 1, values);
    for (size_t i = 0; i < wines; i++)
        largest = fmaxf(largest, values[i]);
    size_t count = 0;
    for (uint32_t other = 0; other < wines; other++) {
        if (other == wine)
            continue;
        float cosine = fmaxf(0, trained_likeness(trained, wine, other));
        float score = largest > 0 ? (cosine + fmaxf(0, values[other]) / largest) / 2 : cosine;
        found[count++] = (struct scored){.wine = other, .score = score};
    }
    count = scored_select(found, count, max);
    memcpy(list, found, count * sizeof(*list));
    free(found);
    free(values);
    return count;
}
