/* What GET /recommendations asks for, read from its parameters. */
#ifndef RECOMMENDATION_LIST_QUERY_H
#define RECOMMENDATION_LIST_QUERY_H

#include "model.h"

struct exchange;

struct list_query {
    struct model_query model; /* of the shopper who asks; without an experiment */
    const char *country;      /* two capital letters, or NULL: to anywhere */
    const char *region;       /* "" when not told */
};

/* Replies 400 or 422, naming the parameter, and returns false when one is wrong. The texts are the
 * exchange's. */
bool list_query_read(struct exchange *exchange, int64_t now_ms, struct list_query *query);

#define LIST_QUERY_LISTS 3

/* The list's name in the contract. */
const char *list_query_name(enum model_list list);

#endif
