/* The table of an engine of the search port, and what every engine embeds. For engines only. */
#ifndef SEARCH_PORT_H
#define SEARCH_PORT_H

#include "search.h"

enum search_status {
    SEARCH_EMPTY, /* neither lists nor texts */
    SEARCH_LISTS,
    SEARCH_ANSWERS,
};

/* Arguments were checked by the dispatchers in search.c. */
struct search_ops {
    int (*query)(struct search *search, struct arena *arena, const struct search_query *query,
        struct search_result *result, struct error *error);
    int (*suggest)(struct search *search, struct arena *arena, const char *typed, size_t limit,
        struct search_suggestions *result, struct error *error);
    /* With `texts` false, the columns alone. */
    int (*put)(struct search *search, const struct search_document *documents, size_t count,
        bool texts, struct error *error);
    int (*remove)(struct search *search, const char *const *ids, size_t count, struct error *error);
    int (*set_stock)(struct search *search, const char *id, int available, struct error *error);
    int (*set_rating)(
        struct search *search, const char *id, double sum, int count, struct error *error);
    int (*version)(struct search *search, const char *id, uint64_t *version, struct error *error);
    /* From EMPTY to LISTS to ANSWERS, or, to empty the index, back to EMPTY. */
    int (*advance)(struct search *search, enum search_status status, struct error *error);
    void (*look)(
        struct search *search, enum search_status *status, size_t *count, uint64_t *position);
    void (*close)(struct search *search, bool clean, uint64_t position);
};

struct search {
    const struct search_ops *ops;
};

#endif
