#include "train.h"

#include "clock.h"
#include "numeric.h"
#include "trained_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000.0
#define WHOLE_ROWS_WINES 2048 /* up to so many, B is kept whole; above, a row's strongest: */
#define KEPT_OF_ROW 256

struct training_options training_defaults(int threads)
{
    return (struct training_options){
        .linear =
            {.lambda = 200, .dropout = 0.7, .content = 10, .half_life = 20, .threads = threads},
        .als = {.dims = 64,
            .iterations = 10,
            .threads = threads,
            .alpha0 = 0.06,
            .lambda = 0.035,
            .nu = 1,
            .seed = 1},
        .filter = {.shopper_power = 0.4,
            .wine_power = 0.5,
            .order = 8,
            .cutoff = 2,
            .half_life_days = 1200,
            .threads = threads},
        .linear_wines = TRAIN_LINEAR_WINES,
        .linear_weight = 0.8,
        .filter_weight = 1,
        .factors_weight = 0.8,
        .floor = 1.5,
        .shift = 0.3,
        .profile_half_life = 14,
        .fold_power = 0,
        .trend = 0.35,
        .trend_half_life_days = 180,
        .trend_smoothing = 10,
        .common = 0.1,
        .common_events = 5,
        .common_floor = 30,
        .popular_half_life_days = 180,
        .new_events = 5,
        .transfer = 10,
        .transfer_power = 4,
    };
}

/* ---- the order of wines: the more popular first, then by id ---- */

struct place {
    uint32_t wine;
    size_t events;
    const char *id;
};

static int by_popularity(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->events != y->events)
        return x->events > y->events ? -1 : 1;
    return strcmp(x->id, y->id);
}

struct session {
    const struct training_options *options;
    const struct events *events;
    const struct content *content;
    size_t wines;
    size_t *counts;  /* events by wine */
    uint32_t *order; /* place in the model -> wine */
    float *boost, *popularity;
    struct scored *sources; /* `transfer` places per wine, of new ones */
    size_t *source_counts;  /* 0: not new, or nothing is like it */
};

static bool is_given_up(const struct training_options *options)
{
    return options->given_up && atomic_load(options->given_up);
}

static void find_order(struct session *session, const char *const *ids)
{
    struct place *places = numeric_new(session->wines, sizeof(*places));
    for (uint32_t i = 0; i < session->wines; i++)
        places[i] = (struct place){.wine = i, .events = session->counts[i], .id = ids[i]};
    qsort(places, session->wines, sizeof(*places), by_popularity);
    for (size_t i = 0; i < session->wines; i++)
        session->order[i] = places[i].wine;
    free(places);
}

/* ---- trend ---- */

static void find_trend(struct session *session)
{
    const struct events *events = session->events;
    const struct training_options *options = session->options;
    double *recent = numeric_new(session->wines, sizeof(*recent));
    double *popular = numeric_new(session->wines, sizeof(*popular));
    for (size_t i = 0; i < events->count; i++) {
        double days = (double)(events->newest_ms - events->at_ms[i]) / DAY_MS;
        session->counts[events->wine[i]]++;
        recent[events->wine[i]] += exp2(-days / options->trend_half_life_days);
        popular[events->wine[i]] += exp2(-days / options->popular_half_life_days);
    }
    double all = 0, late = 0;
    for (size_t i = 0; i < session->wines; i++) {
        all += (double)session->counts[i];
        late += recent[i];
    }
    double share = all > 0 ? late / all : 1, smoothing = options->trend_smoothing;
    for (size_t i = 0; i < session->wines; i++) {
        double ratio =
            (recent[i] + smoothing * share) / ((double)session->counts[i] + smoothing) / share;
        session->boost[i] = (float)pow(ratio, options->trend);
        session->popularity[i] = (float)popular[i];
    }
    free(recent);
    free(popular);
}

/* ---- transfer: a new wine is the mean of those most like it ---- */

/* From likeness to a share of the mean. */
static void weigh_sources(struct scored *sources, size_t count, double power)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pow((double)sources[i].score, power);
    for (size_t i = 0; i < count; i++)
        sources[i].score = (float)(pow((double)sources[i].score, power) / sum);
}

struct search {
    struct session *session;
    const bool *known;
};

static void find_sources_of(void *ctx, size_t first, size_t end, int thread)
{
    (void)thread;
    const struct search *search = ctx;
    struct session *session = search->session;
    size_t transfer = session->options->transfer;
    struct content_workspace *space = content_workspace_new(session->content);
    for (size_t i = first; i < end; i++) {
        if (!search->known[i])
            session->source_counts[i] = content_nearest(session->content, space, (uint32_t)i,
                search->known, session->sources + i * transfer, transfer);
        weigh_sources(session->sources + i * transfer, session->source_counts[i],
            session->options->transfer_power);
    }
    content_workspace_free(space);
}

static void find_sources(struct session *session)
{
    bool *known = numeric_new(session->wines, sizeof(*known));
    for (size_t i = 0; i < session->wines; i++)
        known[i] = session->counts[i] > 0;
    struct search search = {session, known};
    numeric_parallel(session->options->als.threads, session->wines, 1024, find_sources_of, &search);
    free(known);
}

/* The column of each new wine in rows of `length` floats becomes the mean of its sources'. */
static void transfer_columns(
    const struct session *session, float *rows, size_t row_count, size_t length)
{
    size_t transfer = session->options->transfer;
    for (size_t wine = 0; wine < session->wines; wine++) {
        size_t sources = session->source_counts[wine];
        for (size_t row = 0; sources && row < row_count; row++) {
            float sum = 0;
            for (size_t i = 0; i < sources; i++)
                sum += session->sources[wine * transfer + i].score *
                       rows[row * length + session->sources[wine * transfer + i].wine];
            if (row != wine)
                rows[row * length + wine] = sum;
        }
    }
}

/* In rows of `dims` floats, one per wine. */
static void transfer_rows(const struct session *session, float *vectors, size_t dims)
{
    size_t transfer = session->options->transfer;
    for (size_t wine = 0; wine < session->wines; wine++) {
        size_t sources = session->source_counts[wine];
        for (size_t k = 0; sources && k < dims; k++) {
            float sum = 0;
            for (size_t i = 0; i < sources; i++)
                sum += session->sources[wine * transfer + i].score *
                       vectors[session->sources[wine * transfer + i].wine * dims + k];
            vectors[wine * dims + k] = sum;
        }
    }
}

/* ---- into the model, in its order ---- */

static void take_wines(
    const struct session *session, const char *const *ids, struct trained *trained)
{
    trained->ids = text_index_new();
    trained->fresh = numeric_new(session->wines, sizeof(*trained->fresh));
    trained->boost = numeric_new(session->wines, sizeof(*trained->boost));
    trained->popularity = numeric_new(session->wines, sizeof(*trained->popularity));
    trained->common = numeric_new(session->wines, sizeof(*trained->common));
    for (size_t place = 0; place < session->wines; place++) {
        uint32_t wine = session->order[place];
        text_index_add(trained->ids, ids[wine]);
        trained->fresh[place] = session->counts[wine] < session->options->new_events;
        trained->boost[place] = session->boost[wine];
        trained->popularity[place] = session->popularity[wine];
        trained->common[place] =
            (float)log2((double)session->counts[wine] + session->options->common_floor);
    }
}

static void take_factors(const struct session *session, float *vectors, struct trained *trained)
{
    size_t dims = (size_t)session->options->als.dims;
    transfer_rows(session, vectors, dims);
    trained->factors = numeric_new(session->wines * dims, sizeof(float));
    for (size_t place = 0; place < session->wines; place++)
        memcpy(trained->factors + place * dims, vectors + session->order[place] * dims,
            dims * sizeof(float));
    trained->als = session->options->als;
}

static void keep_strongest(
    struct scored *row, size_t wines, uint16_t *columns, float *weights, size_t kept)
{
    /* scored_select takes the largest: by strength, whatever the sign. */
    float *signs = numeric_new(wines, sizeof(*signs));
    for (size_t i = 0; i < wines; i++) {
        signs[row[i].wine] = row[i].score;
        row[i].score = fabsf(row[i].score);
    }
    scored_select(row, wines, kept);
    for (size_t i = 0; i < kept; i++) {
        columns[i] = (uint16_t)row[i].wine;
        weights[i] = signs[row[i].wine];
    }
    free(signs);
}

/* Frees `matrix`. */
static void take_matrix(const struct session *session, float *matrix, struct trained_matrix *taken)
{
    size_t wines = session->wines;
    bool whole = wines <= WHOLE_ROWS_WINES;
    transfer_columns(session, matrix, wines, wines);
    taken->row_length = whole ? wines : KEPT_OF_ROW;
    taken->weights = numeric_new(wines * taken->row_length, sizeof(float));
    if (!whole)
        taken->columns = numeric_new(wines * taken->row_length, sizeof(uint16_t));
    struct scored *row = numeric_new(wines, sizeof(*row));
    for (size_t place = 0; place < wines; place++) {
        const float *from = matrix + (size_t)session->order[place] * wines;
        float *to = taken->weights + place * taken->row_length;
        for (size_t i = 0; i < wines; i++) {
            row[i] = (struct scored){.wine = (uint32_t)i, .score = from[session->order[i]]};
            if (whole)
                to[i] = row[i].score;
        }
        if (!whole)
            keep_strongest(
                row, wines, taken->columns + place * taken->row_length, to, taken->row_length);
    }
    free(row);
    free(matrix);
}

/* ---- all of it ---- */

static struct session session_new(const struct events *events, const struct content *content,
    const struct training_options *options)
{
    size_t wines = events->wines;
    return (struct session){.options = options,
        .events = events,
        .content = content,
        .wines = wines,
        .counts = numeric_new(wines, sizeof(size_t)),
        .order = numeric_new(wines, sizeof(uint32_t)),
        .boost = numeric_new(wines, sizeof(float)),
        .popularity = numeric_new(wines, sizeof(float)),
        .sources = numeric_new(wines * options->transfer, sizeof(struct scored)),
        .source_counts = numeric_new(wines, sizeof(size_t))};
}

static void session_release(struct session *session)
{
    free(session->counts);
    free(session->order);
    free(session->boost);
    free(session->popularity);
    free(session->sources);
    free(session->source_counts);
}

static int train_matrices(
    const struct session *session, struct trained *trained, struct error *error)
{
    const struct training_options *options = session->options;
    int64_t began = clock_monotonic_ms();
    bool small = session->wines <= options->linear_wines && session->wines <= TRAIN_LINEAR_WINES;
    float *linear = NULL, *filter = NULL;
    bool want_linear = small && options->linear_weight > 0;
    /* Without events nothing passes the filter. */
    bool want_filter =
        small && !is_given_up(options) && options->filter_weight > 0 && session->events->count > 0;
    if (want_linear)
        linear = linear_train(session->events, session->content, &options->linear);
    if (linear)
        take_matrix(session, linear, &trained->linear);
    if (want_filter)
        filter = filter_train(session->events, &options->filter);
    if (filter) {
        transfer_rows(session, filter, session->wines);
        take_matrix(session, filter, &trained->filter);
    }
    if ((want_linear && !linear) || (want_filter && !filter))
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
            "the linear model of %zu wines cannot be solved: too little memory", session->wines);
    trained->info.linear = linear || filter;
    trained->info.record.linear_seconds = (double)(clock_monotonic_ms() - began) / 1000;
    return 0;
}

static int train_factors(
    const struct session *session, struct trained *trained, struct error *error)
{
    struct als_options als = session->options->als;
    als.given_up = session->options->given_up;
    float *vectors = als_train(session->events, &als);
    take_factors(session, vectors, trained);
    free(vectors);
    if (is_given_up(session->options))
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the training was given up");
    return 0;
}

/* The shares of those that are there. */
static struct trained_blend blend_of(
    const struct trained *trained, const struct training_options *options)
{
    double linear = trained->linear.weights ? options->linear_weight : 0;
    double filter = trained->filter.weights ? options->filter_weight : 0;
    double factors = options->factors_weight;
    if (linear + filter + factors <= 0)
        factors = 1;
    double sum = linear + filter + factors;
    return (struct trained_blend){.linear = (float)(linear / sum),
        .filter = (float)(filter / sum),
        .factors = (float)(factors / sum),
        .floor = (float)options->floor,
        .shift = (float)options->shift,
        .profile_half_life = (float)options->profile_half_life,
        .fold_power = (float)options->fold_power,
        .common = (float)options->common,
        .common_events = (float)options->common_events};
}

int train(struct trained **out, const char *const *ids, const struct events *events,
    const struct content *content, const struct training_options *options, struct error *error)
{
    int64_t began = clock_monotonic_ms();
    if (events->wines == 0)
        return error_set(
            error, ERROR_INVALID, NULL, NULL, "there are no wines to train with: import some");
    struct session session = session_new(events, content, options);
    struct trained *trained = numeric_new(1, sizeof(*trained));
    atomic_init(&trained->references, 1);
    trained->info = (struct trained_info){.until_ms = events->newest_ms,
        .wines = session.wines,
        .shoppers = events->shoppers,
        .events = events->count,
        .record = TRAINED_UNMEASURED};
    trained->info.record.trained_ms = clock_now_ms();
    find_trend(&session);
    find_order(&session, ids);
    find_sources(&session);
    take_wines(&session, ids, trained);
    int rc = train_matrices(&session, trained, error);
    if (rc == 0) {
        trained->blend = blend_of(trained, options);
        rc = train_factors(&session, trained, error);
    }
    if (rc == 0) {
        trained->info.record.seconds = (double)(clock_monotonic_ms() - began) / 1000;
        trained_prepare(trained);
        *out = trained;
    } else {
        trained_release(trained);
    }
    session_release(&session);
    return rc;
}
