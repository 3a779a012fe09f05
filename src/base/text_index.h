/*
 * Numbers for texts: each different text gets the next number, 0, 1, 2 ..., and keeps it. Texts are
 * copied and never forgotten, so whoever adds what a client sends caps it first. Not thread-safe.
 */
#ifndef BASE_TEXT_INDEX_H
#define BASE_TEXT_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_INDEX_NONE UINT32_MAX

struct text_index;

struct text_index *text_index_new(void);
void text_index_free(struct text_index *index);

/* The text's number, given now if it has none. */
uint32_t text_index_add(struct text_index *index, const char *text);

/* The text's number, or TEXT_INDEX_NONE. */
uint32_t text_index_find(const struct text_index *index, const char *text);

/* The text of a number below the count; lives as long as the index. */
const char *text_index_text(const struct text_index *index, uint32_t number);

size_t text_index_count(const struct text_index *index);

#endif
