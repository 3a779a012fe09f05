#include "search_embedded.h"

#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct search_embedded *embedded_of(struct search *search)
{
    return (struct search_embedded *)search;
}

/* Scratches are pooled, not thread-local: as many as there were readers at once, and none left
 * behind by a thread that ended. Taken and given back under the read lock, so that under the write
 * lock all are idle. */
static struct search_scratch *take_scratch(struct search_embedded *embedded)
{
    pthread_mutex_lock(&embedded->scratch_lock);
    struct search_scratch *scratch = embedded->scratches;
    if (scratch)
        embedded->scratches = scratch->next;
    pthread_mutex_unlock(&embedded->scratch_lock);
    if (!scratch) {
        scratch = search_scratch_new();
        if (embedded->postings->open_reader)
            scratch->engine = embedded->postings->open_reader(embedded);
    }
    return scratch;
}

static void give_scratch(struct search_embedded *embedded, struct search_scratch *scratch)
{
    pthread_mutex_lock(&embedded->scratch_lock);
    scratch->next = embedded->scratches;
    embedded->scratches = scratch;
    pthread_mutex_unlock(&embedded->scratch_lock);
}

static void drop_scratches(struct search_embedded *embedded)
{
    while (embedded->scratches) {
        struct search_scratch *scratch = embedded->scratches;
        embedded->scratches = scratch->next;
        if (embedded->postings->close_reader)
            embedded->postings->close_reader(embedded, scratch->engine);
        search_scratch_free(scratch);
    }
}

static int rebuilding(struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "search_rebuilding", NULL,
        "The search index is being rebuilt. Try again in a few seconds.");
}

static bool is_blank(const char *q)
{
    return !q || q[strspn(q, " \t\r\n")] == '\0';
}

static int query_embedded(struct search *search, struct arena *arena,
    const struct search_query *query, struct search_result *result, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    struct search_text text;
    struct search_result found;
    const char *corrected = NULL;
    bool with_text = !is_blank(query->q);
    if (with_text) {
        int code = search_text_read(query->q, query->whole_words, &text, error);
        if (code)
            return code;
    }
    pthread_rwlock_rdlock(&embedded->lock);
    struct search_scratch *scratch = take_scratch(embedded);
    int code;
    if (embedded->status < (with_text ? SEARCH_ANSWERS : SEARCH_LISTS)) {
        code = rebuilding(error);
    } else {
        if (with_text)
            search_match_text(embedded, scratch, arena, &text, &corrected);
        code = search_list(&embedded->columns, scratch, arena, query, with_text, &found, error);
    }
    give_scratch(embedded, scratch);
    pthread_rwlock_unlock(&embedded->lock);
    if (code)
        return code;
    *result = found;
    result->corrected = corrected;
    return 0;
}

/* Completions of what was typed with its misspelt words set right, each by the first replacement
 * that a completion has. */
static size_t complete_corrected(struct search_embedded *embedded, struct arena *arena,
    const struct search_text *text, size_t limit, struct search_suggestion *items)
{
    enum {
        CANDIDATES = 4,
    };
    char phrase[SEARCH_MAX_WORDS * SEARCH_WORD_SIZE + 1];
    uint32_t terms[CANDIDATES];
    size_t at = 0;
    for (size_t i = 0; i + 1 < text->count; i++) {
        const char *word = text->words[i];
        unsigned errors;
        if (search_vocabulary_find(&embedded->vocabulary, word) == SEARCH_NONE &&
            search_vocabulary_nearest(
                &embedded->vocabulary, word, /* prefix= */ false, terms, CANDIDATES, &errors))
            word = embedded->vocabulary.terms[terms[0]].text;
        at += (size_t)sprintf(phrase + at, "%s ", word);
    }
    const char *last = text->words[text->count - 1];
    unsigned errors;
    strcpy(phrase + at, last);
    size_t count = text->count > 1 ? search_completions_find(&embedded->completions,
                                         &embedded->columns, arena, phrase, limit, items)
                                   : 0;
    for (int prefix = 0; prefix < 2 && !count; prefix++) {
        size_t near = search_vocabulary_nearest(
            &embedded->vocabulary, last, prefix == 1, terms, CANDIDATES, &errors);
        for (size_t i = 0; i < near && !count; i++) {
            strcpy(phrase + at, embedded->vocabulary.terms[terms[i]].text);
            count = search_completions_find(
                &embedded->completions, &embedded->columns, arena, phrase, limit, items);
        }
    }
    return count;
}

/* Wines that have all the words, wherever: "shiraz antares". */
static size_t complete_by_words(struct search_embedded *embedded, struct search_scratch *scratch,
    struct arena *arena, const struct search_text *text, size_t limit,
    struct search_suggestion *items)
{
    struct search_query query = SEARCH_QUERY_INIT;
    struct search_result found;
    const char *corrected;
    query.limit = limit;
    query.no_facets = true;
    if (!search_match_text(embedded, scratch, arena, text, &corrected) ||
        search_list(&embedded->columns, scratch, arena, &query, /* text= */ true, &found, NULL))
        return 0;
    for (size_t i = 0; i < found.count; i++) {
        uint32_t wine = search_columns_find(&embedded->columns, found.hits[i].id);
        items[i] =
            search_completions_wine(&embedded->columns, arena, embedded->columns.wines[wine].group);
    }
    return found.count;
}

static int suggest_embedded(struct search *search, struct arena *arena, const char *typed,
    size_t limit, struct search_suggestions *result, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    struct search_text text;
    char folded[SEARCH_MAX_Q_LENGTH * 8 + 1];
    int code = search_text_read(typed, /* whole_words= */ false, &text, error);
    if (code)
        return code;
    search_fold(typed, strlen(typed), folded, sizeof(folded));
    struct search_suggestion *items = arena_new_array(arena, limit, struct search_suggestion);
    size_t count = 0;
    pthread_rwlock_rdlock(&embedded->lock);
    struct search_scratch *scratch = take_scratch(embedded);
    if (embedded->status < SEARCH_ANSWERS) {
        code = rebuilding(error);
    } else if (text.count) {
        count = search_completions_find(
            &embedded->completions, &embedded->columns, arena, folded, limit, items);
        if (!count)
            count = complete_corrected(embedded, arena, &text, limit, items);
        if (!count)
            count = complete_by_words(embedded, scratch, arena, &text, limit, items);
    }
    give_scratch(embedded, scratch);
    pthread_rwlock_unlock(&embedded->lock);
    if (code)
        return code;
    *result = (struct search_suggestions){items, count};
    return 0;
}

/* Columns and completions of a document; both locks held. */
static uint32_t put_columns(
    struct search_embedded *embedded, const struct search_document *document, uint32_t known)
{
    struct search_columns *columns = &embedded->columns;
    bool keep_counts = false;
    uint32_t group = SEARCH_NONE;
    if (known != SEARCH_NONE) {
        keep_counts = document->version && columns->texts[known].version == document->version;
        group = columns->wines[known].group;
    }
    uint32_t wine = search_columns_put(columns, document, keep_counts);
    if (group != SEARCH_NONE && columns->wines[wine].group != group)
        search_completions_left(&embedded->completions, columns, wine, group);
    search_completions_put(&embedded->completions, columns, wine);
    return wine;
}

uint32_t search_embedded_load(
    struct search_embedded *embedded, const struct search_document *document)
{
    return put_columns(embedded, document, SEARCH_NONE);
}

static int put_one(struct search_embedded *embedded, const struct search_document *document,
    bool texts, struct error *error)
{
    /* Only the holder of `writer` changes the columns, so it may read them without the lock. */
    uint32_t known = search_columns_find(&embedded->columns, document->id);
    if (known != SEARCH_NONE && document->version < embedded->columns.texts[known].version)
        return 0;
    if (texts) {
        search_words_of(&embedded->words, document);
        int code = embedded->postings->store(embedded, document, known, &embedded->words, error);
        if (code)
            return code;
    }
    pthread_rwlock_wrlock(&embedded->lock);
    uint32_t wine = put_columns(embedded, document, known);
    if (texts)
        embedded->postings->bind(embedded, wine, &embedded->words);
    pthread_rwlock_unlock(&embedded->lock);
    return 0;
}

static int put_embedded(struct search *search, const struct search_document *documents,
    size_t count, bool texts, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    int code = 0;
    pthread_mutex_lock(&embedded->writer);
    for (size_t i = 0; i < count && !code; i++)
        code = put_one(embedded, &documents[i], texts, error);
    pthread_mutex_unlock(&embedded->writer);
    return code;
}

static int remove_embedded(
    struct search *search, const char *const *ids, size_t count, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    int code = 0;
    pthread_mutex_lock(&embedded->writer);
    for (size_t i = 0; i < count && !code; i++) {
        uint32_t wine = search_columns_find(&embedded->columns, ids[i]);
        if (wine == SEARCH_NONE)
            continue;
        pthread_rwlock_wrlock(&embedded->lock);
        embedded->postings->unbind(embedded, wine);
        uint32_t group = embedded->columns.wines[wine].group;
        search_columns_remove(&embedded->columns, wine);
        search_completions_left(&embedded->completions, &embedded->columns, wine, group);
        pthread_rwlock_unlock(&embedded->lock);
        code = embedded->postings->erase(embedded, ids[i], error);
    }
    pthread_mutex_unlock(&embedded->writer);
    return code;
}

static int no_document(struct error *error)
{
    return error_set(
        error, ERROR_NOT_FOUND, NULL, "id", "There is no such document in the search index.");
}

static int set_stock_embedded(
    struct search *search, const char *id, int available, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    pthread_rwlock_rdlock(&embedded->lock);
    uint32_t wine = search_columns_find(&embedded->columns, id);
    if (wine != SEARCH_NONE)
        search_columns_set_stock(&embedded->columns, wine, available);
    pthread_rwlock_unlock(&embedded->lock);
    return wine == SEARCH_NONE ? no_document(error) : 0;
}

static int set_rating_embedded(
    struct search *search, const char *id, double sum, int count, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    pthread_rwlock_rdlock(&embedded->lock);
    uint32_t wine = search_columns_find(&embedded->columns, id);
    if (wine != SEARCH_NONE)
        search_columns_set_rating(&embedded->columns, wine, sum, count);
    pthread_rwlock_unlock(&embedded->lock);
    return wine == SEARCH_NONE ? no_document(error) : 0;
}

static int version_embedded(
    struct search *search, const char *id, uint64_t *version, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    pthread_rwlock_rdlock(&embedded->lock);
    uint32_t wine = search_columns_find(&embedded->columns, id);
    if (wine != SEARCH_NONE)
        *version = embedded->columns.texts[wine].version;
    pthread_rwlock_unlock(&embedded->lock);
    return wine == SEARCH_NONE ? no_document(error) : 0;
}

static int empty_embedded(struct search_embedded *embedded, struct error *error)
{
    pthread_rwlock_wrlock(&embedded->lock);
    drop_scratches(embedded);
    int code = embedded->postings->begin(embedded, error);
    if (!code) {
        search_columns_clear(&embedded->columns);
        search_completions_release(&embedded->completions);
        search_completions_init(&embedded->completions);
        search_vocabulary_release(&embedded->vocabulary);
        search_vocabulary_init(&embedded->vocabulary);
        embedded->status = SEARCH_EMPTY;
        embedded->position = 0;
    }
    pthread_rwlock_unlock(&embedded->lock);
    return code;
}

static int advance_embedded(struct search *search, enum search_status status, struct error *error)
{
    struct search_embedded *embedded = embedded_of(search);
    int code = 0;
    pthread_mutex_lock(&embedded->writer);
    if (status == SEARCH_EMPTY) {
        code = empty_embedded(embedded, error);
    } else if (status > embedded->status) {
        if (status == SEARCH_ANSWERS)
            code = embedded->postings->finish(embedded, error);
        pthread_rwlock_wrlock(&embedded->lock);
        if (!code)
            embedded->status = status;
        pthread_rwlock_unlock(&embedded->lock);
    }
    pthread_mutex_unlock(&embedded->writer);
    return code;
}

static void look_embedded(
    struct search *search, enum search_status *status, size_t *count, uint64_t *position)
{
    struct search_embedded *embedded = embedded_of(search);
    pthread_rwlock_rdlock(&embedded->lock);
    *status = embedded->status;
    *count = embedded->columns.live;
    *position = embedded->position;
    pthread_rwlock_unlock(&embedded->lock);
}

static void close_embedded(struct search *search, bool clean, uint64_t position)
{
    struct search_embedded *embedded = embedded_of(search);
    embedded->postings->close(embedded, clean, position);
}

static const struct search_ops embedded_ops = {
    .query = query_embedded,
    .suggest = suggest_embedded,
    .put = put_embedded,
    .remove = remove_embedded,
    .set_stock = set_stock_embedded,
    .set_rating = set_rating_embedded,
    .version = version_embedded,
    .advance = advance_embedded,
    .look = look_embedded,
    .close = close_embedded,
};

void search_embedded_init(struct search_embedded *embedded, const struct search_postings *postings)
{
    embedded->base.ops = &embedded_ops;
    embedded->postings = postings;
    embedded->status = SEARCH_ANSWERS;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&embedded->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&embedded->writer, NULL);
    pthread_mutex_init(&embedded->scratch_lock, NULL);
    search_columns_init(&embedded->columns);
    search_vocabulary_init(&embedded->vocabulary);
    search_completions_init(&embedded->completions);
    search_words_init(&embedded->words);
}

void search_embedded_release(struct search_embedded *embedded)
{
    drop_scratches(embedded);
    search_completions_release(&embedded->completions);
    search_columns_release(&embedded->columns);
    search_vocabulary_release(&embedded->vocabulary);
    search_words_release(&embedded->words);
    pthread_rwlock_destroy(&embedded->lock);
    pthread_mutex_destroy(&embedded->writer);
    pthread_mutex_destroy(&embedded->scratch_lock);
}
