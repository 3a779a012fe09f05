/* A document as an engine on disk keeps it, to fill the columns at start without the owner: all
 * but notes, appellation, stock and rating. The bytes are for this machine alone. */
#ifndef SEARCH_STORED_H
#define SEARCH_STORED_H

#include "search_columns.h"

struct buffer;

/* Appends the stored form. */
void search_stored_write(struct buffer *buffer, const struct search_document *document);

/* Reads it back; texts are borrowed from `bytes`, the lists lie in `lists`. False when the bytes
 * are none of ours; `*document` is then undefined. */
struct search_stored_lists {
    const char *grapes[SEARCH_MAX_LIST_VALUES];
    const char *pairings[SEARCH_MAX_LIST_VALUES];
};
bool search_stored_read(const char *bytes, size_t length, struct search_stored_lists *lists,
    struct search_document *document);

#endif
