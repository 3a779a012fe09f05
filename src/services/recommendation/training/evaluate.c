#include "evaluate.h"

#include "numeric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NDCG_LENGTH 10
#define KNN_NEIGHBOURS 400
#define KNN_SHRINK 20.0f

/* ---- the measure ---- */

struct sums {
    double recall, recall_squares, ndcg, ndcg_squares;
    size_t shoppers, shown;
};

static void measure(
    const uint32_t *list, size_t length, const bool *wanted, size_t wanted_count, struct sums *sums)
{
    double hits = 0, gain = 0, ideal = 0;
    for (size_t i = 0; i < length; i++) {
        hits += wanted[list[i]];
        if (i < NDCG_LENGTH && wanted[list[i]])
            gain += 1 / log2((double)i + 2);
    }
    for (size_t i = 0; i < NDCG_LENGTH && i < wanted_count; i++)
        ideal += 1 / log2((double)i + 2);
    double recall =
        hits / (double)(wanted_count < EVALUATE_LENGTH ? wanted_count : EVALUATE_LENGTH);
    double ndcg = gain / ideal;
    sums->recall += recall;
    sums->recall_squares += recall * recall;
    sums->ndcg += ndcg;
    sums->ndcg_squares += ndcg * ndcg;
    sums->shoppers++;
}

/* Mean, and the standard error of the mean. */
static void finish(double sum, double squares, size_t count, double *mean, double *deviation)
{
    double n = count ? (double)count : 1;
    *mean = sum / n;
    double variance = squares / n - *mean * *mean;
    *deviation = variance > 0 ? sqrt(variance / n) : 0;
}

void evaluate(const struct events *history, const struct events *truth, evaluate_list *list,
    void *ctx, struct evaluation *out)
{
    size_t wines = history->wines;
    bool *wanted = numeric_new(wines, sizeof(*wanted)), *shown = numeric_new(wines, sizeof(*shown));
    struct sums sums = {0};
    for (uint32_t shopper = 0; shopper < truth->shoppers && shopper < history->shoppers;
         shopper++) {
        size_t first = truth->first[shopper], end = truth->first[shopper + 1];
        if (first == end || history->first[shopper] == history->first[shopper + 1])
            continue;
        uint32_t places[EVALUATE_LENGTH];
        size_t length = list(ctx, shopper, places);
        for (size_t i = first; i < end; i++)
            wanted[truth->wine[i]] = true;
        measure(places, length, wanted, end - first, &sums);
        for (size_t i = first; i < end; i++)
            wanted[truth->wine[i]] = false;
        for (size_t i = 0; i < length; i++) {
            sums.shown += !shown[places[i]];
            shown[places[i]] = true;
        }
    }
    *out = (struct evaluation){
        .shoppers = sums.shoppers, .coverage = wines ? (double)sums.shown / (double)wines : 0};
    finish(sums.recall, sums.recall_squares, sums.shoppers, &out->recall, &out->recall_error);
    finish(sums.ndcg, sums.ndcg_squares, sums.shoppers, &out->ndcg, &out->ndcg_error);
    free(wanted);
    free(shown);
}

/* ---- a trained model's lists ---- */

struct evaluate_trained {
    const struct trained *trained;
    const struct events *history;
    uint32_t *place; /* the events' number -> the model's */
    uint32_t *wine;  /* and back */
    const bool *listed;
    size_t acts;
    bool *known; /* by the model's numbers: in the shopper's history */
};

struct evaluate_trained *evaluate_trained_new(
    const struct trained *trained, const struct events *history, const char *const *ids)
{
    struct evaluate_trained *lister = numeric_new(1, sizeof(*lister));
    size_t places = trained_info(trained)->wines;
    lister->trained = trained;
    lister->history = history;
    lister->acts = TRAINED_MAX_ACTS;
    lister->place = numeric_new(history->wines, sizeof(*lister->place));
    lister->wine = numeric_new(places, sizeof(*lister->wine));
    lister->known = numeric_new(places, sizeof(*lister->known));
    for (size_t i = 0; i < places; i++)
        lister->wine[i] = NO_WINE;
    for (uint32_t i = 0; i < history->wines; i++) {
        lister->place[i] = trained_find(trained, ids[i]);
        if (lister->place[i] != NO_WINE)
            lister->wine[lister->place[i]] = i;
    }
    return lister;
}

void evaluate_trained_free(struct evaluate_trained *lister)
{
    free(lister->place);
    free(lister->wine);
    free(lister->known);
    free(lister);
}

void evaluate_trained_limit(struct evaluate_trained *lister, const bool *listed, size_t acts)
{
    lister->listed = listed;
    lister->acts = acts < TRAINED_MAX_ACTS ? acts : TRAINED_MAX_ACTS;
}

static bool admit(void *ctx, uint32_t place)
{
    const struct evaluate_trained *lister = ctx;
    uint32_t wine = lister->wine[place];
    return wine != NO_WINE && !lister->known[place] && (!lister->listed || lister->listed[wine]);
}

size_t evaluate_trained_list(void *ctx, uint32_t shopper, uint32_t *list)
{
    struct evaluate_trained *lister = ctx;
    const struct events *history = lister->history;
    size_t first = history->first[shopper], end = history->first[shopper + 1], count = 0;
    struct preference preferences[TRAINED_MAX_ACTS];
    uint32_t wines[TRAINED_MAX_ACTS] = {0};
    float strengths[TRAINED_MAX_ACTS] = {0};
    for (size_t i = first; i < end; i++) {
        uint32_t place = lister->place[history->wine[i]];
        if (place == NO_WINE)
            continue;
        lister->known[place] = true;
        if (end - i <= lister->acts) {
            wines[count] = place;
            strengths[count++] = history->strength[i];
        }
    }
    trained_weigh(lister->trained, wines, strengths, count, preferences);
    struct scored best[EVALUATE_LENGTH];
    size_t length =
        trained_rank(lister->trained, preferences, count, admit, lister, best, EVALUATE_LENGTH);
    for (size_t i = 0; i < length; i++)
        list[i] = lister->wine[best[i].wine];
    for (size_t i = first; i < end; i++) {
        if (lister->place[history->wine[i]] != NO_WINE)
            lister->known[lister->place[history->wine[i]]] = false;
    }
    return length;
}

/* ---- baselines ---- */

struct evaluate_baseline_lister {
    const struct events *history;
    float *likeness;   /* of item-kNN, wines x wines; else NULL */
    float *popularity; /* wines */
    bool *known;
};

/* Rows keep their nearest alone. */
static void keep_nearest(float *row, size_t wines)
{
    if (wines <= KNN_NEIGHBOURS)
        return;
    struct scored *list = numeric_new(wines, sizeof(*list));
    for (uint32_t i = 0; i < wines; i++)
        list[i] = (struct scored){.wine = i, .score = row[i]};
    size_t kept = scored_select(list, wines, KNN_NEIGHBOURS);
    memset(row, 0, wines * sizeof(*row));
    for (size_t i = 0; i < kept; i++)
        row[list[i].wine] = list[i].score;
    free(list);
}

static void find_likeness(struct evaluate_baseline_lister *lister)
{
    const struct events *history = lister->history;
    size_t wines = history->wines;
    lister->likeness = numeric_new(wines * wines, sizeof(*lister->likeness));
    for (size_t shopper = 0; shopper < history->shoppers; shopper++) {
        for (size_t i = history->first[shopper]; i < history->first[shopper + 1]; i++) {
            for (size_t j = history->first[shopper]; j < history->first[shopper + 1]; j++)
                lister->likeness[history->wine[i] * wines + history->wine[j]] += 1;
        }
    }
    for (size_t i = 0; i < wines; i++) {
        float *row = lister->likeness + i * wines;
        for (size_t j = 0; j < wines; j++) {
            if (i != j)
                row[j] /= sqrtf(lister->popularity[i] * lister->popularity[j]) + KNN_SHRINK;
        }
        row[i] = 0;
        keep_nearest(row, wines);
    }
}

struct evaluate_baseline_lister *evaluate_baseline_new(
    enum evaluate_baseline baseline, const struct events *history)
{
    struct evaluate_baseline_lister *lister = numeric_new(1, sizeof(*lister));
    lister->history = history;
    lister->popularity = numeric_new(history->wines, sizeof(float));
    lister->known = numeric_new(history->wines, sizeof(bool));
    for (size_t i = 0; i < history->count; i++)
        lister->popularity[history->wine[i]] += 1;
    if (baseline == EVALUATE_KNN)
        find_likeness(lister);
    return lister;
}

void evaluate_baseline_free(struct evaluate_baseline_lister *lister)
{
    free(lister->likeness);
    free(lister->popularity);
    free(lister->known);
    free(lister);
}

size_t evaluate_baseline_list(void *ctx, uint32_t shopper, uint32_t *list)
{
    struct evaluate_baseline_lister *lister = ctx;
    const struct events *history = lister->history;
    size_t wines = history->wines, count = 0, first = history->first[shopper],
           end = history->first[shopper + 1];
    struct scored *found = numeric_new(wines, sizeof(*found));
    float *scores = lister->likeness ? numeric_new(wines, sizeof(*scores)) : NULL;
    for (size_t i = first; i < end; i++) {
        lister->known[history->wine[i]] = true;
        for (size_t j = 0; scores && j < wines; j++)
            scores[j] += lister->likeness[history->wine[i] * wines + j];
    }
    for (uint32_t i = 0; i < wines; i++) {
        if (!lister->known[i])
            found[count++] =
                (struct scored){.wine = i, .score = scores ? scores[i] : lister->popularity[i]};
    }
    count = scored_select(found, count, EVALUATE_LENGTH);
    for (size_t i = 0; i < count; i++)
        list[i] = found[i].wine;
    for (size_t i = first; i < end; i++)
        lister->known[history->wine[i]] = false;
    free(scores);
    free(found);
    return count;
}

/* ---- new wines ---- */

/* `count` different wines of all, by the seed (the front of a Fisher-Yates shuffle). */
static void draw(size_t wines, size_t count, unsigned long long seed, bool *hidden)
{
    uint32_t *order = numeric_new(wines, sizeof(*order));
    unsigned long long state = seed;
    for (uint32_t i = 0; i < wines; i++)
        order[i] = i;
    memset(hidden, 0, wines * sizeof(*hidden));
    for (size_t i = 0; i < count && i < wines; i++) {
        size_t j = i + (size_t)(numeric_random(&state) % (wines - i));
        uint32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
        hidden[order[i]] = true;
    }
    free(order);
}

static int evaluate_draw(const char *const *ids, const struct events *history,
    const struct events *truth, const struct content *content,
    const struct training_options *options, const bool *hidden, double *recall, struct error *error)
{
    bool *shown = numeric_new(history->wines, sizeof(*shown));
    for (size_t i = 0; i < history->wines; i++)
        shown[i] = !hidden[i];
    struct events *seen = events_select(history, INT64_MIN, INT64_MAX, hidden);
    struct events *later = events_select(truth, INT64_MIN, INT64_MAX, shown);
    struct trained *trained = NULL;
    int rc = train(&trained, ids, seen, content, options, error);
    if (rc == 0) {
        struct evaluate_trained *lister = evaluate_trained_new(trained, seen, ids);
        struct evaluation result;
        evaluate_trained_limit(lister, hidden, TRAINED_MAX_ACTS);
        evaluate(seen, later, evaluate_trained_list, lister, &result);
        *recall = result.recall;
        evaluate_trained_free(lister);
    }
    trained_release(trained);
    events_free(seen);
    events_free(later);
    free(shown);
    return rc;
}

int evaluate_new_wines(const char *const *ids, const struct events *history,
    const struct events *truth, const struct content *content,
    const struct training_options *options, size_t count, int draws, double *recall,
    struct error *error)
{
    bool *hidden = numeric_new(history->wines, sizeof(*hidden));
    double sum = 0;
    int rc = 0;
    for (int i = 0; rc == 0 && i < draws; i++) {
        double one = 0;
        draw(history->wines, count, (unsigned long long)i + 1, hidden);
        rc = evaluate_draw(ids, history, truth, content, options, hidden, &one, error);
        sum += one;
    }
    *recall = draws ? sum / draws : 0;
    free(hidden);
    return rc;
}
