/*
 * The engine on Groonga: a table of wines, a table of terms, each wine's terms with their weights
 * as a weighted vector, and Groonga's inverted index over it. A query opens the index's cursor for
 * each term by its number; there is no query syntax that a shopper's text could reach.
 *
 * One grn_ctx per reader (in its scratch) and one for the writer. Groonga lets readers go on beside
 * its writer, so the words of a document are written before the lock is taken; a record counts
 * only once `bind` has told which wine it is.
 *
 * After an unclean stop Groonga's files may be broken in ways that it does not notice, so they are
 * not even opened.
 */
#include "buffer.h"
#include "search_directory.h"
#include "search_embedded.h"
#include "search_engines.h"
#include "search_stored.h"

#include <groonga.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct engine {
    struct search_embedded embedded;
    struct search_directory directory;
    grn_ctx *ctx; /* the writer's */
    grn_obj *db, *wines, *terms;
    grn_obj *wine_terms, *wine_document, *wine_available, *wine_rating;
    grn_obj *index, *term_documents;
    uint32_t *wine_of; /* wine by record; SEARCH_NONE: not bound */
    uint32_t record_count;
    grn_id *record_of; /* by wine */
    uint32_t wine_count;
    grn_id *id_of; /* Groonga's number of each term of the vocabulary */
    uint32_t term_count;
    uint32_t *term_of; /* the other way round */
    uint32_t id_count;
    /* Between store and bind: */
    grn_id stored;
    grn_id *stored_terms; /* by word of the document */
    uint32_t *lost;       /* terms of the vocabulary that the wine had before */
    size_t lost_count;
};

/* Groonga's set-up is per process, engines may be several. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned library_users;

static void library_enter(void)
{
    pthread_mutex_lock(&library_lock);
    if (library_users++ == 0) {
        grn_default_logger_set_max_level(GRN_LOG_NONE);
        grn_init();
    }
    pthread_mutex_unlock(&library_lock);
}

static void library_leave(void)
{
    pthread_mutex_lock(&library_lock);
    if (--library_users == 0)
        grn_fin();
    pthread_mutex_unlock(&library_lock);
}

static struct engine *engine_of(struct search_embedded *embedded)
{
    return (struct engine *)embedded;
}

static int failed(const struct engine *engine, struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "search_engine", NULL, "The search engine failed: %s",
        engine->ctx->errbuf);
}

/* Lengthens a table of numbers, filled with SEARCH_NONE, so that it has entry `at`. */
static uint32_t *cell(uint32_t **table, uint32_t *count, uint32_t at)
{
    if (at >= *count) {
        uint32_t larger = at * 2 + 256;
        *table = reallocarray(*table, larger, sizeof(**table));
        if (!*table)
            abort();
        for (uint32_t i = *count; i < larger; i++)
            (*table)[i] = SEARCH_NONE;
        *count = larger;
    }
    return &(*table)[at];
}

static void close_db(struct engine *engine)
{
    if (engine->db)
        grn_obj_close(engine->ctx, engine->db);
    engine->db = NULL;
    free(engine->wine_of);
    free(engine->record_of);
    free(engine->id_of);
    free(engine->term_of);
    engine->wine_of = engine->record_of = engine->id_of = engine->term_of = NULL;
    engine->record_count = engine->wine_count = engine->term_count = engine->id_count = 0;
}

static grn_obj *new_column(
    struct engine *engine, grn_obj *table, const char *name, grn_column_flags flags, grn_obj *type)
{
    return grn_column_create(
        engine->ctx, table, name, (unsigned)strlen(name), NULL, flags | GRN_OBJ_PERSISTENT, type);
}

static grn_obj *new_table(struct engine *engine, const char *name, grn_table_flags flags)
{
    return grn_table_create(engine->ctx, name, (unsigned)strlen(name), NULL,
        flags | GRN_OBJ_PERSISTENT, grn_ctx_at(engine->ctx, GRN_DB_SHORT_TEXT), NULL);
}

static int create_db(struct engine *engine, struct error *error)
{
    char path[PATH_MAX];
    grn_ctx *ctx = engine->ctx;
    engine->db = grn_db_create(ctx, search_directory_file(&engine->directory, "wines", path), NULL);
    if (!engine->db)
        return failed(engine, error);
    engine->wines = new_table(engine, "Wines", GRN_OBJ_TABLE_HASH_KEY);
    engine->terms = new_table(engine, "Terms", GRN_OBJ_TABLE_PAT_KEY);
    if (!engine->wines || !engine->terms)
        return failed(engine, error);
    grn_obj *count = grn_ctx_at(ctx, GRN_DB_UINT32);
    engine->wine_terms = new_column(
        engine, engine->wines, "terms", GRN_OBJ_COLUMN_VECTOR | GRN_OBJ_WITH_WEIGHT, engine->terms);
    engine->wine_document = new_column(
        engine, engine->wines, "document", GRN_OBJ_COLUMN_SCALAR, grn_ctx_at(ctx, GRN_DB_TEXT));
    engine->wine_available = new_column(
        engine, engine->wines, "available", GRN_OBJ_COLUMN_SCALAR, grn_ctx_at(ctx, GRN_DB_INT32));
    engine->wine_rating = new_column(
        engine, engine->wines, "rating", GRN_OBJ_COLUMN_SCALAR, grn_ctx_at(ctx, GRN_DB_UINT64));
    engine->term_documents =
        new_column(engine, engine->terms, "documents", GRN_OBJ_COLUMN_SCALAR, count);
    engine->index = new_column(
        engine, engine->terms, "wines", GRN_OBJ_COLUMN_INDEX | GRN_OBJ_WITH_WEIGHT, engine->wines);
    if (!engine->wine_terms || !engine->wine_document || !engine->wine_available ||
        !engine->wine_rating || !engine->term_documents || !engine->index)
        return failed(engine, error);
    grn_obj source;
    GRN_UINT32_INIT(&source, GRN_OBJ_VECTOR);
    GRN_UINT32_PUT(ctx, &source, grn_obj_id(ctx, engine->wine_terms));
    grn_rc rc = grn_obj_set_info(ctx, engine->index, GRN_INFO_SOURCE, &source);
    GRN_OBJ_FIN(ctx, &source);
    return rc == GRN_SUCCESS ? 0 : failed(engine, error);
}

static grn_obj *named(struct engine *engine, const char *name)
{
    return grn_ctx_get(engine->ctx, name, (int)strlen(name));
}

static bool open_db(struct engine *engine)
{
    char path[PATH_MAX];
    search_directory_file(&engine->directory, "wines", path);
    if (access(path, F_OK) != 0)
        return false; /* Groonga leaks when it is asked to open nothing */
    engine->db = grn_db_open(engine->ctx, path);
    if (!engine->db)
        return false;
    engine->wines = named(engine, "Wines");
    engine->terms = named(engine, "Terms");
    engine->wine_terms = named(engine, "Wines.terms");
    engine->wine_document = named(engine, "Wines.document");
    engine->wine_available = named(engine, "Wines.available");
    engine->wine_rating = named(engine, "Wines.rating");
    engine->term_documents = named(engine, "Terms.documents");
    engine->index = named(engine, "Terms.wines");
    return engine->wines && engine->terms && engine->wine_terms && engine->wine_document &&
           engine->wine_available && engine->wine_rating && engine->term_documents &&
           engine->index && !grn_obj_is_locked(engine->ctx, engine->db);
}

static void know_term(struct engine *engine, uint32_t term, grn_id id)
{
    *cell(&engine->id_of, &engine->term_count, term) = id;
    *cell(&engine->term_of, &engine->id_count, id) = term;
}

static void know_wine(struct engine *engine, uint32_t wine, grn_id record)
{
    *cell(&engine->wine_of, &engine->record_count, record) = wine;
    *cell(&engine->record_of, &engine->wine_count, wine) = record;
}

static bool load_terms(struct engine *engine)
{
    grn_ctx *ctx = engine->ctx;
    grn_table_cursor *cursor = grn_table_cursor_open(
        ctx, engine->terms, NULL, 0, NULL, 0, 0, -1, GRN_CURSOR_BY_KEY | GRN_CURSOR_ASCENDING);
    if (!cursor)
        return false;
    grn_obj value;
    GRN_UINT32_INIT(&value, 0);
    for (grn_id id; (id = grn_table_cursor_next(ctx, cursor)) != GRN_ID_NIL;) {
        void *key;
        char word[SEARCH_WORD_SIZE];
        int length = grn_table_cursor_get_key(ctx, cursor, &key);
        if (length <= 0 || length >= SEARCH_WORD_SIZE)
            continue;
        memcpy(word, key, (size_t)length);
        word[length] = '\0';
        uint32_t term = search_vocabulary_add(&engine->embedded.vocabulary, word);
        GRN_BULK_REWIND(&value);
        grn_obj_get_value(ctx, engine->term_documents, id, &value);
        engine->embedded.vocabulary.terms[term].documents = GRN_UINT32_VALUE(&value);
        know_term(engine, term, id);
    }
    GRN_OBJ_FIN(ctx, &value);
    grn_table_cursor_close(ctx, cursor);
    return true;
}

static bool load_wine(struct engine *engine, grn_id record, grn_obj *bytes, grn_obj *number)
{
    struct search_document document;
    struct search_stored_lists lists;
    grn_ctx *ctx = engine->ctx;
    GRN_BULK_REWIND(bytes);
    grn_obj_get_value(ctx, engine->wine_document, record, bytes);
    if (!search_stored_read(GRN_TEXT_VALUE(bytes), GRN_TEXT_LEN(bytes), &lists, &document))
        return false;
    uint32_t wine = search_embedded_load(&engine->embedded, &document);
    GRN_BULK_REWIND(number);
    grn_obj_get_value(ctx, engine->wine_available, record, number);
    if (GRN_BULK_VSIZE(number) == sizeof(int32_t))
        search_columns_set_stock(&engine->embedded.columns, wine, GRN_INT32_VALUE(number));
    GRN_BULK_REWIND(number);
    grn_obj_get_value(ctx, engine->wine_rating, record, number);
    if (GRN_BULK_VSIZE(number) == sizeof(uint64_t))
        atomic_store_explicit(&engine->embedded.columns.wines[wine].rating,
            GRN_UINT64_VALUE(number), memory_order_relaxed);
    know_wine(engine, wine, record);
    return true;
}

static bool load_wines(struct engine *engine)
{
    grn_ctx *ctx = engine->ctx;
    grn_table_cursor *cursor = grn_table_cursor_open(
        ctx, engine->wines, NULL, 0, NULL, 0, 0, -1, GRN_CURSOR_BY_ID | GRN_CURSOR_ASCENDING);
    if (!cursor)
        return false;
    grn_obj bytes, number;
    GRN_TEXT_INIT(&bytes, 0);
    GRN_VOID_INIT(&number);
    bool whole = true;
    for (grn_id record; whole && (record = grn_table_cursor_next(ctx, cursor)) != GRN_ID_NIL;)
        whole = load_wine(engine, record, &bytes, &number);
    GRN_OBJ_FIN(ctx, &bytes);
    GRN_OBJ_FIN(ctx, &number);
    grn_table_cursor_close(ctx, cursor);
    return whole;
}

/* The vocabulary's numbers of a record's terms, into engine->lost. */
static void read_terms(struct engine *engine, grn_id record)
{
    grn_obj vector;
    GRN_RECORD_INIT(&vector, GRN_OBJ_VECTOR, grn_obj_id(engine->ctx, engine->terms));
    vector.header.flags |= GRN_OBJ_WITH_WEIGHT;
    grn_obj_get_value(engine->ctx, engine->wine_terms, record, &vector);
    uint32_t count = grn_uvector_size(engine->ctx, &vector);
    engine->lost_count = 0;
    for (uint32_t i = 0; i < count && i < SEARCH_DOCUMENT_WORDS; i++) {
        grn_id id = grn_uvector_get_element(engine->ctx, &vector, i, NULL);
        if (id < engine->id_count && engine->term_of[id] != SEARCH_NONE)
            engine->lost[engine->lost_count++] = engine->term_of[id];
    }
    GRN_OBJ_FIN(engine->ctx, &vector);
}

static void lose_terms(struct engine *engine)
{
    for (size_t i = 0; i < engine->lost_count; i++)
        engine->embedded.vocabulary.terms[engine->lost[i]].documents--;
    engine->lost_count = 0;
}

static int set_terms(
    struct engine *engine, grn_id record, const struct search_words *words, struct error *error)
{
    grn_ctx *ctx = engine->ctx;
    grn_obj vector;
    GRN_RECORD_INIT(&vector, GRN_OBJ_VECTOR, grn_obj_id(ctx, engine->terms));
    vector.header.flags |= GRN_OBJ_WITH_WEIGHT;
    grn_rc rc = GRN_SUCCESS;
    for (size_t i = 0; i < words->count && rc == GRN_SUCCESS; i++) {
        const struct search_word *word = &words->items[i];
        grn_id id =
            grn_table_add(ctx, engine->terms, word->text, (unsigned)strlen(word->text), NULL);
        engine->stored_terms[i] = id;
        rc = id == GRN_ID_NIL ? ctx->rc : grn_uvector_add_element(ctx, &vector, id, word->weight);
    }
    if (rc == GRN_SUCCESS)
        rc = grn_obj_set_value(ctx, engine->wine_terms, record, &vector, GRN_OBJ_SET);
    GRN_OBJ_FIN(ctx, &vector);
    return rc == GRN_SUCCESS ? 0 : failed(engine, error);
}

static int set_document(struct engine *engine, grn_id record,
    const struct search_document *document, struct error *error)
{
    grn_ctx *ctx = engine->ctx;
    struct buffer CLEANUP_BUFFER bytes = BUFFER_INIT;
    search_stored_write(&bytes, document);
    grn_obj value;
    GRN_TEXT_INIT(&value, GRN_OBJ_DO_SHALLOW_COPY);
    GRN_TEXT_SET_REF(&value, bytes.data, bytes.length);
    grn_rc rc = grn_obj_set_value(ctx, engine->wine_document, record, &value, GRN_OBJ_SET);
    GRN_OBJ_FIN(ctx, &value);
    return rc == GRN_SUCCESS ? 0 : failed(engine, error);
}

static int store(struct search_embedded *embedded, const struct search_document *document,
    uint32_t wine, const struct search_words *words, struct error *error)
{
    struct engine *engine = engine_of(embedded);
    (void)wine;
    grn_id record = grn_table_add(
        engine->ctx, engine->wines, document->id, (unsigned)strlen(document->id), NULL);
    if (record == GRN_ID_NIL)
        return failed(engine, error);
    read_terms(engine, record);
    int code = set_terms(engine, record, words, error);
    if (!code)
        code = set_document(engine, record, document, error);
    engine->stored = record;
    return code;
}

static void bind_words(
    struct search_embedded *embedded, uint32_t wine, const struct search_words *words)
{
    struct engine *engine = engine_of(embedded);
    lose_terms(engine);
    for (size_t i = 0; i < words->count; i++) {
        uint32_t term = search_vocabulary_add(&embedded->vocabulary, words->items[i].text);
        embedded->vocabulary.terms[term].documents++;
        know_term(engine, term, engine->stored_terms[i]);
    }
    know_wine(engine, wine, engine->stored);
}

static void unbind(struct search_embedded *embedded, uint32_t wine)
{
    struct engine *engine = engine_of(embedded);
    grn_id *record = cell(&engine->record_of, &engine->wine_count, wine);
    if (*record == SEARCH_NONE)
        return;
    read_terms(engine, *record);
    lose_terms(engine);
    engine->wine_of[*record] = SEARCH_NONE;
    *record = SEARCH_NONE;
}

static int erase(struct search_embedded *embedded, const char *id, struct error *error)
{
    struct engine *engine = engine_of(embedded);
    grn_id record = grn_table_get(engine->ctx, engine->wines, id, (unsigned)strlen(id));
    if (record == GRN_ID_NIL)
        return 0;
    const struct search_words none = {.count = 0};
    int code = set_terms(engine, record, &none, error);
    if (code)
        return code;
    grn_rc rc = grn_table_delete_by_id(engine->ctx, engine->wines, record);
    return rc == GRN_SUCCESS ? 0 : failed(engine, error);
}

static void scan(struct search_embedded *embedded, struct search_scratch *scratch, uint32_t term,
    uint32_t word, uint32_t quality)
{
    struct engine *engine = engine_of(embedded);
    grn_ctx *ctx = scratch->engine;
    grn_ii *index = (grn_ii *)engine->index;
    grn_ii_cursor *cursor = grn_ii_cursor_open(ctx, index, engine->id_of[term], GRN_ID_NIL,
        GRN_ID_MAX, (int)grn_ii_get_n_elements(ctx, index), 0);
    if (!cursor)
        return; /* no document has the term any more */
    for (const grn_posting *posting; (posting = grn_ii_cursor_next(ctx, cursor));) {
        uint32_t wine =
            posting->rid < engine->record_count ? engine->wine_of[posting->rid] : SEARCH_NONE;
        if (wine != SEARCH_NONE)
            search_scratch_match(scratch, wine, word, posting->weight * quality / 256);
    }
    grn_ii_cursor_close(ctx, cursor);
}

static void *open_reader(struct search_embedded *embedded)
{
    grn_ctx *ctx = grn_ctx_open(0);
    if (!ctx)
        abort(); /* out of memory, like any other */
    grn_ctx_use(ctx, engine_of(embedded)->db);
    return ctx;
}

static void close_reader(struct search_embedded *embedded, void *reader)
{
    (void)embedded;
    grn_ctx_close(reader);
}

static int begin(struct search_embedded *embedded, struct error *error)
{
    struct engine *engine = engine_of(embedded);
    close_db(engine);
    int code = search_directory_renew(&engine->directory, error);
    return code ? code : create_db(engine, error);
}

static int finish(struct search_embedded *embedded, struct error *error)
{
    (void)embedded, (void)error;
    return 0;
}

/* What changed in memory alone: stock, ratings, how many documents have a term. */
static bool save(struct engine *engine)
{
    grn_ctx *ctx = engine->ctx;
    const struct search_columns *columns = &engine->embedded.columns;
    grn_obj available, rating, documents;
    GRN_INT32_INIT(&available, 0);
    GRN_UINT64_INIT(&rating, 0);
    GRN_UINT32_INIT(&documents, 0);
    grn_rc rc = GRN_SUCCESS;
    for (uint32_t wine = 0; wine < columns->count && rc == GRN_SUCCESS; wine++) {
        if (!columns->wines[wine].live || wine >= engine->wine_count ||
            engine->record_of[wine] == SEARCH_NONE)
            continue;
        GRN_INT32_SET(ctx, &available, atomic_load(&columns->wines[wine].available));
        GRN_UINT64_SET(ctx, &rating, atomic_load(&columns->wines[wine].rating));
        grn_id record = engine->record_of[wine];
        rc = grn_obj_set_value(ctx, engine->wine_available, record, &available, GRN_OBJ_SET);
        if (rc == GRN_SUCCESS)
            rc = grn_obj_set_value(ctx, engine->wine_rating, record, &rating, GRN_OBJ_SET);
    }
    const struct search_vocabulary *vocabulary = &engine->embedded.vocabulary;
    for (uint32_t term = 0; term < vocabulary->count && rc == GRN_SUCCESS; term++) {
        GRN_UINT32_SET(ctx, &documents, vocabulary->terms[term].documents);
        rc = grn_obj_set_value(
            ctx, engine->term_documents, engine->id_of[term], &documents, GRN_OBJ_SET);
    }
    GRN_OBJ_FIN(ctx, &available);
    GRN_OBJ_FIN(ctx, &rating);
    GRN_OBJ_FIN(ctx, &documents);
    return rc == GRN_SUCCESS && grn_obj_flush_recursive(ctx, engine->db) == GRN_SUCCESS;
}

static void free_engine(struct engine *engine)
{
    search_embedded_release(&engine->embedded);
    close_db(engine);
    if (engine->ctx)
        grn_ctx_close(engine->ctx);
    free(engine->stored_terms);
    free(engine->lost);
    free(engine);
    library_leave();
}

static void close_groonga(struct search_embedded *embedded, bool clean, uint64_t position)
{
    struct engine *engine = engine_of(embedded);
    struct search_directory directory = engine->directory;
    clean = clean && engine->db && embedded->status == SEARCH_ANSWERS && save(engine);
    free_engine(engine);
    if (clean)
        search_directory_mark(&directory, /* clean= */ true, position, NULL);
}

static const struct search_postings groonga_postings = {
    .store = store,
    .bind = bind_words,
    .unbind = unbind,
    .erase = erase,
    .scan = scan,
    .open_reader = open_reader,
    .close_reader = close_reader,
    .begin = begin,
    .finish = finish,
    .close = close_groonga,
};

/* Opens what a clean stop left. False when it cannot be used: then it is made anew. */
static bool reopen(struct engine *engine, struct error *error)
{
    struct search_directory *directory = &engine->directory;
    uint64_t position = directory->position;
    if (!directory->clean || search_directory_mark(directory, false, position, error) != 0)
        return false;
    if (open_db(engine) && load_terms(engine) && load_wines(engine)) {
        engine->embedded.position = position;
        return true;
    }
    search_columns_clear(&engine->embedded.columns);
    search_completions_release(&engine->embedded.completions);
    search_completions_init(&engine->embedded.completions);
    search_vocabulary_release(&engine->embedded.vocabulary);
    search_vocabulary_init(&engine->embedded.vocabulary);
    return false;
}

int search_groonga_open(const char *directory, struct search **out, struct error *error)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        abort();
    library_enter();
    search_embedded_init(&engine->embedded, &groonga_postings);
    engine->stored_terms = reallocarray(NULL, SEARCH_DOCUMENT_WORDS, sizeof(grn_id));
    engine->lost = reallocarray(NULL, SEARCH_DOCUMENT_WORDS, sizeof(uint32_t));
    engine->ctx = grn_ctx_open(0);
    if (!engine->ctx || !engine->stored_terms || !engine->lost)
        abort();
    int code = search_directory_open(&engine->directory, directory, error);
    if (!code && !reopen(engine, error)) {
        engine->embedded.status = engine->directory.fresh ? SEARCH_ANSWERS : SEARCH_EMPTY;
        code = begin(&engine->embedded, error);
    }
    if (code) {
        free_engine(engine);
        return code;
    }
    *out = &engine->embedded.base;
    return 0;
}
