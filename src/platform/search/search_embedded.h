/*
 * What the engines inside this process share: columns, vocabulary, completions, the reading of a
 * query, ranking. An engine adds where the words of documents are kept (`struct search_postings`).
 *
 * Locks: `lock` guards everything that queries read (many readers or one writer, writers first);
 * `writer` is held by whoever changes the index, from the first change of a call to the last.
 */
#ifndef SEARCH_EMBEDDED_H
#define SEARCH_EMBEDDED_H

#include "search_completions.h"
#include "search_list.h"
#include "search_port.h"
#include "search_vocabulary.h"
#include "search_words.h"

#include <pthread.h>

struct search_embedded;

struct search_postings {
    /* Keeps the words of a document, in place of what it had. Under `writer` alone: the slow part.
     * Words of a wine are not found before `bind`. `wine` is SEARCH_NONE for a new one. */
    int (*store)(struct search_embedded *embedded, const struct search_document *document,
        uint32_t wine, const struct search_words *words, struct error *error);
    /* Under both locks: what was stored last belongs to wine `wine`; keeps the vocabulary's counts
     * of documents. Cannot fail. */
    void (*bind)(struct search_embedded *embedded, uint32_t wine, const struct search_words *words);
    /* Under both locks: wine `wine` is no longer found. */
    void (*unbind)(struct search_embedded *embedded, uint32_t wine);
    /* Under `writer` alone, after unbind: forgets the document on disk. */
    int (*erase)(struct search_embedded *embedded, const char *id, struct error *error);
    /* Under the read lock: tells the scratch of every wine with the term. A posting of weight w
     * counts w * quality / 256. */
    void (*scan)(struct search_embedded *embedded, struct search_scratch *scratch, uint32_t term,
        uint32_t word, uint32_t quality);
    /* The engine's part of a scratch; may be NULL. */
    void *(*open_reader)(struct search_embedded *embedded);
    void (*close_reader)(struct search_embedded *embedded, void *reader);
    /* Under both locks, all readers closed: begins an empty index. */
    int (*begin)(struct search_embedded *embedded, struct error *error);
    /* Under `writer`: the index is complete. */
    int (*finish)(struct search_embedded *embedded, struct error *error);
    /* Frees all, with search_embedded_release on the way. */
    void (*close)(struct search_embedded *embedded, bool clean, uint64_t position);
};

struct search_embedded {
    struct search base;
    const struct search_postings *postings;
    pthread_rwlock_t lock;
    pthread_mutex_t writer;
    struct search_columns columns;
    struct search_vocabulary vocabulary;
    struct search_completions completions;
    struct search_words words; /* the writer's */
    enum search_status status;
    uint64_t position;
    pthread_mutex_t scratch_lock;
    struct search_scratch *scratches; /* idle */
};

void search_embedded_init(struct search_embedded *embedded, const struct search_postings *postings);
void search_embedded_release(struct search_embedded *embedded);

/* For an engine that opens with documents: adds one to columns and completions. */
uint32_t search_embedded_load(
    struct search_embedded *embedded, const struct search_document *document);

/* What was typed, as words. */
struct search_text {
    char words[SEARCH_MAX_WORDS][SEARCH_WORD_SIZE];
    size_t count;
    bool prefix; /* the last word may be the beginning of one */
    const char *typed;
};

/* Reads what was typed. ERROR_INVALID, field "q", when there are too many words. */
int search_text_read(
    const char *q, bool whole_words, struct search_text *text, struct error *error);

/* Matches the words against the index into the scratch. Under the read lock. Returns whether some
 * wine has them all. `*corrected` is set to the words that were looked for when they differ from
 * what was typed, else to NULL. */
bool search_match_text(struct search_embedded *embedded, struct search_scratch *scratch,
    struct arena *arena, const struct search_text *text, const char **corrected);

#endif
