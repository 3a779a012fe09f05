/*
 * A page of a list: filters, counts, one wine per group, order, place. Works on columns alone;
 * which wines a text matched, and how well, comes in as a table of matches.
 *
 * A scratch is the memory that a query needs and nobody sees, kept from query to query: one
 * thread at a time.
 */
#ifndef SEARCH_LIST_H
#define SEARCH_LIST_H

#include "search_columns.h"

/* How a wine fared in a text query. Valid when `epoch` is the scratch's. */
struct search_match {
    uint32_t epoch;
    uint16_t words;     /* how many words of the query it has */
    uint16_t last_word; /* the latest of them, from 1 */
    uint32_t best;      /* what that word counted */
    uint32_t total;
};

struct search_count {
    uint32_t count;
    uint32_t group; /* the last group counted, plus 1 */
};

struct search_scratch {
    struct search_match *matches; /* by wine */
    uint32_t *matched;            /* wines matched, each once */
    uint32_t matched_count;
    uint32_t epoch;
    uint32_t words;        /* how many words of the query a wine must have to be listed */
    uint32_t wines;        /* capacity of the two */
    uint32_t *group_marks; /* the epoch in which a group was looked at */
    uint32_t groups;
    struct search_count *counts;
    size_t counts_capacity;
    uint8_t *wanted; /* filter flags by value, all facets in a row */
    size_t wanted_capacity;
    struct sb_stemmer *stemmer;
    struct search_scratch *next;
    void *engine; /* the engine's own, NULL for most */
};

struct search_scratch *search_scratch_new(void);
void search_scratch_free(struct search_scratch *scratch);

/* Begins a text query: forgets the matches of the one before. */
void search_scratch_begin(struct search_scratch *scratch, const struct search_columns *columns);

/* Wine `wine` has word `word` (from 1, ascending) of the query, worth `score`. */
static inline void search_scratch_match(
    struct search_scratch *scratch, uint32_t wine, uint32_t word, uint32_t score)
{
    struct search_match *match = &scratch->matches[wine];
    if (match->epoch != scratch->epoch) {
        *match = (struct search_match){scratch->epoch, 1, (uint16_t)word, score, score};
        scratch->matched[scratch->matched_count++] = wine;
    } else if (match->last_word != word) {
        match->words++;
        match->last_word = (uint16_t)word;
        match->best = score;
        match->total += score;
    } else if (match->best < score) {
        match->total += score - match->best;
        match->best = score;
    }
}

/* Fills `result` but for `corrected`. `text`: list only what the scratch's matches allow.
 * The query's limits were checked. */
int search_list(const struct search_columns *columns, struct search_scratch *scratch,
    struct arena *arena, const struct search_query *query, bool text, struct search_result *result,
    struct error *error);

#endif
