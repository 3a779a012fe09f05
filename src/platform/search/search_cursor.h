/*
 * The opaque place in a list: the order, the sort key and the id of the last wine of a page, so
 * that the next page begins behind it whatever was put in or taken out since.
 */
#ifndef SEARCH_CURSOR_H
#define SEARCH_CURSOR_H

#include "search_columns.h"

struct arena;

struct search_place {
    int64_t primary; /* ascending, whatever the order */
    char name_key[SEARCH_NAME_KEY + 1];
    char id[ID_SIZE];
};

/* Relevance with text and without are two orders. */
const char *search_cursor_write(
    struct arena *arena, enum search_sort sort, bool text, const struct search_place *place);

/* ERROR_INVALID, field "cursor", when it is none of ours or of another order. */
int search_cursor_read(const char *cursor, enum search_sort sort, bool text,
    struct search_place *place, struct error *error);

#endif
