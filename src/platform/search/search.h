/*
 * The search port: finds wines by text, filters, facets and sorting, and completes what is typed.
 *
 * Two parts. Texts are matched by the engine (memory, or Groonga's inverted index on disk);
 * filters, facet counts, sorting and paging run on columns in memory that all engines share, so
 * that a wine sold is found sold at once. The index holds nothing that the owner (the product
 * service) cannot give again: it is disposable.
 *
 * Life of an index, from the owner's side:
 *
 *     open -> ready, position == the owner's      nothing to do
 *          -> ready, an older position            put what changed since
 *          -> not ready, or a position that the   search_rebuild, search_load all, search_loaded,
 *             owner cannot continue from          search_put all, search_rebuilt
 *     close(clean, position)
 *
 * The position is a number of the owner's (the sequence of its last change). After an unclean stop
 * the engine distrusts its files and opens empty. Between search_loaded and search_rebuilt lists
 * and facets are answered, texts are not (ERROR_UNAVAILABLE, reason "search_rebuilding"); before
 * search_loaded neither is. A fresh directory and the memory engine open empty, ready, at
 * position 0.
 *
 * Threads: everything but open and close, from any thread. Readers run side by side; stock and
 * ratings change without stopping them; a put holds them up for some microseconds a document.
 * Writers queue up behind one another.
 *
 * Ownership: documents are copied. Results lie in the caller's arena, except facet values, which
 * are borrowed from the search and live until search_close.
 *
 * Errors: ERROR_INVALID names the field as the public API does ("q", "cursor", "limit",
 * "max_price", ...; reason "invalid_field"); ERROR_UNAVAILABLE, reason "search_rebuilding";
 * ERROR_INTERNAL when the engine's files fail.
 */
#ifndef PLATFORM_SEARCH_H
#define PLATFORM_SEARCH_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct search;

#define SEARCH_MAX_Q_LENGTH 256     /* characters */
#define SEARCH_MAX_WORDS 12         /* of a query */
#define SEARCH_MAX_FILTER_VALUES 20 /* of one filter */
#define SEARCH_DEFAULT_LIMIT 20
#define SEARCH_MAX_LIMIT 100
#define SEARCH_MAX_FACET_VALUES 50
#define SEARCH_MAX_WINERY_VALUES 20
#define SEARCH_MAX_SUGGESTIONS 20

/* The mean of a wine with few ratings is drawn towards this prior: sorting by rating uses
 * (sum + 3.5 * 10) / (count + 10). */
#define SEARCH_RATING_PRIOR_MEAN 3.5
#define SEARCH_RATING_PRIOR_COUNT 10

enum search_facet {
    SEARCH_TYPE,
    SEARCH_COUNTRY,
    SEARCH_REGION,
    SEARCH_GRAPE,
    SEARCH_PAIRING,
    SEARCH_WINERY,
    SEARCH_VINTAGE, /* "2019" or "NV" */
    SEARCH_FACETS
};

enum search_sort {
    SEARCH_BY_RELEVANCE, /* without text: as SEARCH_BY_RATING */
    SEARCH_BY_PRICE,
    SEARCH_BY_PRICE_DOWN,
    SEARCH_BY_RATING,
    SEARCH_BY_NEWEST, /* created_seq, highest first */
    SEARCH_BY_NAME,   /* accents and case folded */
};

/* What can be searched about one thing that is sold. Texts are UTF-8; NULL is as good as "".
 * Only `id` must be there. */
struct search_document {
    const char *id;       /* at most 26 characters */
    const char *group_id; /* at most 26; NULL: a group of its own */
    const char *name;
    const char *winery;
    const char *type;
    const char *country;
    const char *region;
    const char *appellation;
    const char *const *grapes; /* at most 32 are kept; of pairings too */
    size_t grape_count;
    const char *const *pairings;
    size_t pairing_count;
    const char *notes;
    const char *sku;   /* found when it is the whole query, case ignored */
    int vintage;       /* 0: no vintage, "NV" */
    int64_t price;     /* minor units, one currency per catalogue */
    int available;     /* bottles */
    double rating_sum; /* stars, in halves */
    int rating_count;
    int64_t created_seq;
    uint64_t version; /* rises with each change of the document; 0: not known */
};

struct search_filter {
    const char *const *values; /* any of these; accents and case may differ */
    size_t count;              /* 0: no filter */
};

struct search_query {
    const char *q;    /* what the user typed, well-formed UTF-8; NULL or blank: no text */
    bool whole_words; /* the last word is complete: do not take it as a prefix */
    struct search_filter filters[SEARCH_FACETS];
    int64_t min_price, max_price; /* inclusive */
    bool in_stock;
    enum search_sort sort;
    size_t limit;       /* 1 to SEARCH_MAX_LIMIT; 0: SEARCH_DEFAULT_LIMIT */
    const char *cursor; /* next_cursor of the page before; NULL: the first page */
    bool no_facets;     /* leave the facets empty: cheaper */
};
#define SEARCH_QUERY_INIT                                                                          \
    {                                                                                              \
        .max_price = INT64_MAX                                                                     \
    }

struct search_hit {
    const char *id;    /* the group's first in the order asked for, in stock before sold out */
    uint32_t matching; /* wines of the group that match, this one included */
    uint32_t vintages; /* wines of the group at all, this one included */
};

struct search_value {
    const char *value;
    uint32_t count; /* groups; a group counts once per value */
};

struct search_result {
    struct search_hit *hits;
    size_t count;
    uint32_t total; /* groups that match, on all pages */
    /* Most frequent first, then by alphabet. Each ignores its own filter. */
    struct search_value *facets[SEARCH_FACETS];
    size_t facet_counts[SEARCH_FACETS];
    bool has_price;               /* false when nothing matches */
    int64_t min_price, max_price; /* of the matches, ignoring min_price and max_price */
    const char *next_cursor;      /* NULL on the last page */
    const char *corrected;        /* the words searched for instead of q, NULL if as typed */
};

enum search_suggestion_kind {
    SEARCH_SUGGEST_WINE,
    SEARCH_SUGGEST_WINERY,
    SEARCH_SUGGEST_REGION,
    SEARCH_SUGGEST_GRAPE,
};

struct search_suggestion {
    enum search_suggestion_kind kind;
    const char *text;   /* as it is written: "Château Margaux" */
    const char *detail; /* of a wine, its winery; else NULL */
    const char *id;     /* of a wine, one that can be opened (in stock first); else NULL */
};

struct search_suggestions {
    struct search_suggestion *items; /* best first */
    size_t count;
};

/* A page of wines. Words of `q` are all required; a word that nothing has is replaced by the
 * nearest that exist; if no wine has them all, wines that have some are given, most words first.
 * A query of stop words or signs alone matches nothing. Paging by cursor neither repeats nor skips
 * a wine when stock or other wines change; a wine whose own key changes moves. */
int search_query(struct search *search, struct arena *arena, const struct search_query *query,
    struct search_result *result, struct error *error);

/* Completions of what has been typed, accents folded and typing errors forgiven. Blank: none. */
int search_suggest(struct search *search, struct arena *arena, const char *typed, size_t limit,
    struct search_suggestions *result, struct error *error);

/* Adds or replaces documents. All are checked before the first is put. Found by queries when this
 * returns; on disk at the latest after a clean close. A document older than the one in the index is
 * passed over; one of the same version (other than 0) leaves stock and rating as they are, because
 * they may have been set since it was read. */
int search_put(struct search *search, const struct search_document *documents, size_t count,
    struct error *error);

/* Removes documents; ids that are not there are fine. */
int search_remove(struct search *search, const char *const *ids, size_t count, struct error *error);

/* Columns only: cheap, visible at once. ERROR_NOT_FOUND if there is no such document. */
int search_set_stock(struct search *search, const char *id, int available, struct error *error);
int search_set_rating(struct search *search, const char *id, double rating_sum, int rating_count,
    struct error *error);

/* The version of a document. ERROR_NOT_FOUND if it is not there. */
int search_version(struct search *search, const char *id, uint64_t *version, struct error *error);

/* Empties the index, to build it anew in fresh files; not ready until search_rebuilt. */
int search_rebuild(struct search *search, struct error *error);

/* During a rebuild: the columns alone, which takes a fraction of the time of search_put. */
int search_load(struct search *search, const struct search_document *documents, size_t count,
    struct error *error);

/* All columns were loaded: lists may be answered. */
void search_loaded(struct search *search);

/* All documents were put: the new index takes the old one's place, and is ready. */
int search_rebuilt(struct search *search, struct error *error);

/* Whether texts are answered. */
bool search_ready(struct search *search);

/* Whether lists without text are answered; true whenever search_ready is. */
bool search_lists_ready(struct search *search);

/* What the last clean close was given; 0 after any other. */
uint64_t search_position(struct search *search);

/* Documents in the index. */
size_t search_count(struct search *search);

/* Frees the search. Clean: everything is on disk as of `position` of the owner's, and the next
 * open is ready at once. Not clean: the next open starts empty. NULL is fine. No other call may
 * be running. */
void search_close(struct search *search, bool clean, uint64_t position);

#endif
