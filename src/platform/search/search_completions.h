/*
 * What can be completed: the names of wines (one per group, with its winery), wineries, regions
 * and grapes, sorted by every word that they contain. New ones gather in a short unsorted list
 * that is merged now and then, so that putting one wine costs little in a large catalogue.
 *
 * One writer or many readers: the owner locks.
 */
#ifndef SEARCH_COMPLETIONS_H
#define SEARCH_COMPLETIONS_H

#include "search_columns.h"

struct arena;

struct search_completion {
    const char *text; /* borrowed from a dictionary, or owned (wines: name) */
    char *folded;     /* owned: text, then for wines the winery */
    enum search_suggestion_kind kind;
    uint32_t number;    /* group, or value of the facet; SEARCH_NONE: gone */
    uint32_t wine;      /* of a group, the one whose name it is: the newest */
    uint32_t next_free; /* once its words are dropped too */
};

/* A word of a completion. */
struct search_completion_word {
    uint32_t completion;
    uint32_t at; /* bytes into folded */
};

struct search_completions {
    struct search_completion *items;
    uint32_t count, capacity;
    uint32_t *of_group; /* the completion of each group, or SEARCH_NONE */
    uint32_t groups;
    uint32_t *of_value[3]; /* winery, region, grape */
    uint32_t values[3];
    struct search_completion_word *sorted;
    size_t sorted_count, sorted_capacity;
    struct search_completion_word *fresh; /* not merged yet */
    size_t fresh_count, fresh_capacity;
    uint32_t gone;       /* completions whose words are still listed */
    uint32_t first_free; /* SEARCH_NONE: none */
};

void search_completions_init(struct search_completions *completions);
void search_completions_release(struct search_completions *completions);

/* After the columns were changed: wine `wine` is new or has other values. */
void search_completions_put(
    struct search_completions *completions, const struct search_columns *columns, uint32_t wine);

/* After wine `wine` left group `group`, which may be empty now. */
void search_completions_left(struct search_completions *completions,
    const struct search_columns *columns, uint32_t wine, uint32_t group);

/* Up to `limit` completions with `folded` at the start of one of their words, best first: what
 * begins so before what contains it, kinds mixed. Ids are copied to the arena. */
size_t search_completions_find(const struct search_completions *completions,
    const struct search_columns *columns, struct arena *arena, const char *folded, size_t limit,
    struct search_suggestion *found);

/* A group as a suggestion: its wine in stock, most liked. */
struct search_suggestion search_completions_wine(
    const struct search_columns *columns, struct arena *arena, uint32_t group);

#endif
