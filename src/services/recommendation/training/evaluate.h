/*
 * How good lists are, by what shoppers did afterwards: for each shopper with a history and with
 * wines in the truth, a list of 20 that leaves out the wines of the history is held against the
 * truth.
 *
 *   Recall@20 = hits / min(20, wines in the truth), NDCG@10 with binary gain (Jarvelin, Kekalainen
 *   2002), coverage = wines shown to anybody / wines there are.
 */
#ifndef TRAINING_EVALUATE_H
#define TRAINING_EVALUATE_H

#include "events.h"
#include "train.h"

#define EVALUATE_LENGTH 20

struct evaluation {
    size_t shoppers;
    double recall, recall_error; /* mean and its standard error */
    double ndcg, ndcg_error;
    double coverage;
};

/* Fills `list` with at most EVALUATE_LENGTH wines (the events' numbers), best first; returns how
 * many. */
typedef size_t evaluate_list(void *ctx, uint32_t shopper, uint32_t *list);

/* `truth` and `history` number shoppers and wines alike. */
void evaluate(const struct events *history, const struct events *truth, evaluate_list *list,
    void *ctx, struct evaluation *out);

/* ---- those who make lists ---- */

/* A trained model's. Wines of the events are found in it by their ids. */
struct evaluate_trained;
struct evaluate_trained *evaluate_trained_new(
    const struct trained *trained, const struct events *history, const char *const *ids);
void evaluate_trained_free(struct evaluate_trained *lister);
evaluate_list evaluate_trained_list;

/* Only wines with a true flag are listed; NULL is all. Only the last `acts` acts are known. */
void evaluate_trained_limit(struct evaluate_trained *lister, const bool *listed, size_t acts);

/* The wines with most events; and item-kNN: the cosine of wines' shoppers, shrunk by 20, the 400
 * nearest of each (Sarwar et al. 2001). */
enum evaluate_baseline { EVALUATE_POPULAR, EVALUATE_KNN };
struct evaluate_baseline_lister;
struct evaluate_baseline_lister *evaluate_baseline_new(
    enum evaluate_baseline baseline, const struct events *history);
void evaluate_baseline_free(struct evaluate_baseline_lister *lister);
evaluate_list evaluate_baseline_list;

/* Mean recall@20 among `count` wines that training never saw, over `draws` seeded draws. */
int evaluate_new_wines(const char *const *ids, const struct events *history,
    const struct events *truth, const struct content *content,
    const struct training_options *options, size_t count, int draws, double *recall,
    struct error *error);

#endif
