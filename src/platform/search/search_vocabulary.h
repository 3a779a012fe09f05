/*
 * The words that occur in the index, numbered from 0, with how many documents have each: found
 * exactly, by stem, by prefix, or nearest in spelling. A word whose documents are all gone stays
 * (its number may come back) but is not found.
 *
 * One writer or many readers; the owner locks.
 */
#ifndef SEARCH_VOCABULARY_H
#define SEARCH_VOCABULARY_H

#include "search_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sb_stemmer;

struct search_term {
    const char *text;
    uint32_t stem;         /* number of the stem */
    uint32_t next_of_stem; /* another word of the same stem, or SEARCH_NONE */
    uint32_t documents;
};

struct search_vocabulary {
    struct search_term *terms;
    /* Beside the terms, for the scan by spelling: which letters a word has, and how many. */
    uint32_t *letters;
    uint8_t *lengths;
    size_t count, capacity;
    uint32_t *sorted; /* numbers by text */
    const char **stems;
    uint32_t *first_of_stem;
    size_t stem_count, stem_capacity;
    struct search_map by_text, by_stem;
    struct arena *arena;
    struct sb_stemmer *stemmer; /* the writer's */
};

void search_vocabulary_init(struct search_vocabulary *vocabulary);
void search_vocabulary_release(struct search_vocabulary *vocabulary);

/* The number of a folded word, which is added if it is new. */
uint32_t search_vocabulary_add(struct search_vocabulary *vocabulary, const char *word);

/* SEARCH_NONE if the word, or every document that had it, is not there. */
uint32_t search_vocabulary_find(const struct search_vocabulary *vocabulary, const char *word);

/* The words with this stem, as many as fit. Returns how many. */
size_t search_vocabulary_by_stem(
    const struct search_vocabulary *vocabulary, const char *stem, uint32_t *terms, size_t max);

/* The words that begin with `prefix`; when there are more than `max`, those of most documents. */
size_t search_vocabulary_by_prefix(
    const struct search_vocabulary *vocabulary, const char *prefix, uint32_t *terms, size_t max);

/* The words nearest in spelling and sound, two swapped letters being one error: at most
 * one error in words of 4 and 5 letters, two in longer ones. With `prefix`, words that begin
 * nearly so, with the same letter: one error in 5 to 7 letters, two from 8 on. Only the nearest,
 * those of most documents first. `*errors` is their distance. */
size_t search_vocabulary_nearest(const struct search_vocabulary *vocabulary, const char *word,
    bool prefix, uint32_t *terms, size_t max, unsigned *errors);

#endif
