/* Cuts a list of JSON documents into its members without making a tree of it. */
#ifndef RECOMMENDATION_DOCUMENTS_H
#define RECOMMENDATION_DOCUMENTS_H

#include <stddef.h>

struct document {
    const char *text, *id; /* within the body; `id` is not terminated */
    size_t length, id_length;
};

/* The members of the first array in `{"items": [{...}, ...]}`, JSON that a service wrote; returns
 * how many, at most `max`. */
size_t documents_split(const char *body, struct document *documents, size_t max);

#endif
