/*
 * What counts as a word, for documents and queries alike, so that the engines agree: case and
 * accents folded ("Rosé" is "rose"), everything but letters and digits separates, English stems
 * (Snowball) join "berries" to "berry". Words of more than SEARCH_WORD_SIZE - 1 bytes are cut.
 *
 * A stemmer belongs to one thread at a time.
 */
#ifndef SEARCH_WORDS_H
#define SEARCH_WORDS_H

#include "search.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEARCH_WORD_SIZE 48
#define SEARCH_DOCUMENT_WORDS 512 /* different words of one document; later ones are left out */

struct sb_stemmer;

/* Folds `length` bytes of well-formed UTF-8 into `out`: words with one space between, none at the
 * ends, NUL-terminated and cut at a character when `size` is short (2 * length + 1 always
 * suffices). Returns the length written. */
size_t search_fold(const char *text, size_t length, char *out, size_t size);

struct sb_stemmer *search_stemmer_new(void);
void search_stemmer_free(struct sb_stemmer *stemmer);

/* The stem of a folded word into `out`; words that are not English letters are their own. */
void search_stem(struct sb_stemmer *stemmer, const char *word, char out[SEARCH_WORD_SIZE]);

/* "the", "of", "wine": words that a query can do without. */
bool search_is_stop_word(const char *word);

/* A document's words, each with what it counts: the field's weight, added up over fields. */
struct search_word {
    char text[SEARCH_WORD_SIZE];
    uint32_t hash;
    uint32_t weight; /* 1 to SEARCH_MAX_WEIGHT */
};
#define SEARCH_MAX_WEIGHT 400

struct search_words {
    struct search_word *items; /* room for SEARCH_DOCUMENT_WORDS */
    size_t count;
};

void search_words_init(struct search_words *words);
void search_words_release(struct search_words *words);

/* Replaces the contents by the words of `document`, weighted name > winery > grapes and places >
 * pairings > notes, with what people also call its country and type ("Spanish", "bubbly"). */
void search_words_of(struct search_words *words, const struct search_document *document);

#endif
