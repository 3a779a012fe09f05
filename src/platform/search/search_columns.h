/*
 * What is known of each wine apart from its texts, in memory, a cache line per wine: the values of
 * its facets as small numbers, price, stock, rating, and which wines form a group. Lists, counts
 * and orders are computed here for every engine (search_list.h).
 *
 * Wines are numbered; a number is given again after a removal. Values are never forgotten, so
 * their texts can be lent. One writer or many readers: the owner locks. Stock and rating alone may
 * be written by anyone while others read.
 */
#ifndef SEARCH_COLUMNS_H
#define SEARCH_COLUMNS_H

#include "id.h"
#include "search.h"
#include "search_map.h"

#include <stdatomic.h>

#define SEARCH_MAX_LIST_VALUES 32 /* grapes, or pairings, of one wine */
#define SEARCH_NAME_KEY 48        /* bytes of the folded name that order wines */
#define SEARCH_SINGLE_FACETS 5

/* A facet's values, numbered from 1; 0 is "none". */
struct search_value_entry {
    const char *text;
    const char *folded;
    uint32_t wines; /* that have it now */
};

struct search_dictionary {
    struct search_value_entry *entries; /* [0] is unused */
    uint32_t *sorted;                   /* numbers by alphabet */
    uint32_t count, capacity;           /* count includes [0] */
    struct search_map by_text, by_folded;
};

struct search_wine {
    uint32_t single[SEARCH_SINGLE_FACETS]; /* type, country, region, winery, vintage */
    uint32_t group;
    uint32_t next;   /* of the same group, or SEARCH_NONE */
    uint32_t values; /* where its grapes, then its pairings begin in the pool */
    uint8_t grapes, pairings;
    bool live;
    _Atomic int32_t available;
    int64_t price;
    _Atomic uint64_t rating; /* half stars << 32 | ratings */
    uint64_t name_start;     /* the name key's first bytes, so that most comparisons end here */
};

/* What lists seldom look at. */
struct search_wine_text {
    char id[ID_SIZE];
    char name_key[SEARCH_NAME_KEY + 1];
    uint32_t name_hash; /* of the whole folded name */
    char *name;
    char *sku; /* lower case, NULL if none */
    int64_t created_seq;
    uint64_t version;
};

struct search_group {
    char id[ID_SIZE];
    uint32_t first; /* SEARCH_NONE: the number is free */
    uint32_t count;
};

struct search_columns {
    struct search_wine *wines;
    struct search_wine_text *texts;
    uint32_t count, capacity; /* numbers in use end before count */
    uint32_t live;
    uint32_t *free_wines;
    uint32_t free_wine_count;
    struct search_group *groups;
    uint32_t group_count, group_capacity, live_groups;
    uint32_t *free_groups;
    uint32_t free_group_count;
    uint32_t *pool;
    size_t pool_count, pool_capacity, pool_waste;
    struct search_dictionary dictionaries[SEARCH_FACETS];
    struct search_map by_id, by_group, by_sku;
    struct arena *values; /* texts of the dictionaries */
};

void search_columns_init(struct search_columns *columns);
void search_columns_release(struct search_columns *columns);

/* Forgets all wines; values stay. */
void search_columns_clear(struct search_columns *columns);

/* SEARCH_NONE if there is no such wine. */
uint32_t search_columns_find(const struct search_columns *columns, const char *id);

/* Adds or replaces; returns the wine's number. With `keep_counts` a wine that is there keeps its
 * stock and rating. */
uint32_t search_columns_put(
    struct search_columns *columns, const struct search_document *document, bool keep_counts);

void search_columns_remove(struct search_columns *columns, uint32_t wine);

void search_columns_set_stock(struct search_columns *columns, uint32_t wine, int available);
void search_columns_set_rating(
    struct search_columns *columns, uint32_t wine, double sum, int count);

/* The number of a filter's value, as it is written or with other case and accents; 0 if no wine
 * ever had it. */
uint32_t search_dictionary_find(const struct search_dictionary *dictionary, const char *value);

/* What a document's vintage is called: "NV" or the year. */
#define SEARCH_VINTAGE_SIZE 16
void search_vintage_label(int vintage, char label[SEARCH_VINTAGE_SIZE]);

/* The mean drawn to the prior, in millionths of a star. */
static inline int64_t search_rating_micros(uint64_t rating)
{
    uint64_t halves = rating >> 32, count = rating & UINT32_MAX;
    return (int64_t)((halves * 500000 +
                         (uint64_t)(SEARCH_RATING_PRIOR_MEAN * 1e6) * SEARCH_RATING_PRIOR_COUNT) /
                     (count + SEARCH_RATING_PRIOR_COUNT));
}

#endif
