/*
 * What wines are like, by their documents: sparse vectors of length 1, rare features weighing more.
 */
#ifndef TRAINING_CONTENT_H
#define TRAINING_CONTENT_H

#include "scored.h"

#include <stdbool.h>

struct content {
    size_t wines, numbers;    /* feature numbers are below the latter */
    uint32_t *first;          /* wines + 1: where a wine's features begin */
    struct feature *features; /* by number within a wine */
    uint32_t *posting_first;  /* numbers + 1 */
    uint32_t *postings;       /* the wines that have a feature, ascending */
};

/* Copies; `features[i]` are `counts[i]` features by number, as the documents say them. Then they
 * are weighed by rarity and brought to length 1. */
struct content *content_new(
    size_t wines, size_t numbers, const struct feature *const *features, const size_t *counts);
void content_free(struct content *content);

/* The cosine of two wines' vectors, 0 to 1. */
float content_cosine(const struct content *content, uint32_t a, uint32_t b);

/* Adds factor * FF' to the upper or lower triangle's mirror as well: all of `matrix`, wines x
 * wines. */
void content_add_gram(const struct content *content, float factor, float *matrix);

/* Memory for searches, one thread's at a time. */
struct content_workspace;
struct content_workspace *content_workspace_new(const struct content *content);
void content_workspace_free(struct content_workspace *space);

/* The wines most like this one among those for which `admitted` is true; at most `max`, best first.
 * In a large catalogue, among the 1,500 that share its rarest features. */
size_t content_nearest(const struct content *content, struct content_workspace *space,
    uint32_t wine, const bool *admitted, struct scored *list, size_t max);

#endif
