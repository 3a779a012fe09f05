/* The SQLite engine: schema, reads, and what the writes share. */
#include "store_sqlite.h"

#include "relay.h"
#include "sqlite_outbox.h"

#include <stdlib.h>
#include <string.h>

/* `state` holds what changes with every sale, apart from the texts, so that a sale rewrites a small
 * row. `listing` is what the back office sorts and searches by, narrow enough to scan. */
static const char *const migrations[] = {
    SQLITE_OUTBOX_SCHEMA
    "CREATE TABLE wine("
    " row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, withdrawn INTEGER NOT NULL DEFAULT 0, sku TEXT NOT NULL UNIQUE,"
    " group_id TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    " images TEXT NOT NULL DEFAULT '[]', image_upload TEXT NOT NULL DEFAULT '',"
    " brief TEXT NOT NULL, doc TEXT NOT NULL) STRICT;"
    "CREATE TABLE state("
    " wine INTEGER PRIMARY KEY REFERENCES wine, on_hand INTEGER NOT NULL CHECK(on_hand >= 0),"
    " available INTEGER NOT NULL CHECK(available >= 0), stock_version INTEGER NOT NULL DEFAULT 0,"
    " halves INTEGER NOT NULL DEFAULT 0, ratings INTEGER NOT NULL DEFAULT 0,"
    " rating_version INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE listing(wine INTEGER PRIMARY KEY REFERENCES wine, name_key TEXT NOT NULL,"
    " words TEXT NOT NULL, price INTEGER NOT NULL) STRICT;"
    "CREATE TABLE wine_group(key TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE reservation(order_id TEXT PRIMARY KEY, status INTEGER NOT NULL,"
    " lines TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE applied(id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE rating(id TEXT PRIMARY KEY, wine INTEGER NOT NULL REFERENCES wine,"
    " user_id TEXT NOT NULL, halves INTEGER NOT NULL, note TEXT, created_ms INTEGER NOT NULL,"
    " UNIQUE(wine, user_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX rating_of_wine ON rating(wine, id);"
    "CREATE INDEX rating_of_user ON rating(user_id, id);"
    "CREATE TABLE upload(id TEXT PRIMARY KEY, wine INTEGER NOT NULL REFERENCES wine,"
    " status INTEGER NOT NULL, reason TEXT, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX upload_of_wine ON upload(wine, id);"
    "CREATE TABLE search_pending(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " wine INTEGER NOT NULL REFERENCES wine) STRICT;",
    /* Users whose ratings are not taken any more. */
    "CREATE TABLE forgotten(user_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
    NULL,
};

/* ---- jobs ---- */

void *store_job_new(struct product_store *store, size_t size, const struct trace *trace)
{
    struct arena *arena = arena_new();
    struct store_job *job = arena_zalloc(arena, size);
    job->arena = arena;
    job->cache = store_of(store)->cache;
    if (trace)
        job->trace = *trace;
    return job;
}

void store_job_free(struct store_job *job)
{
    arena_free(job->arena);
}

void store_job_done(struct sqlite_job *job)
{
    struct store_job *self = (struct store_job *)job;
    self->done(self->ctx, job->rc, &job->error);
    store_job_free(self);
}

int store_put_event(struct sqlite_conn *conn, struct wine_cache *cache,
    const struct product_event *event, const struct buffer *body, struct error *error)
{
    struct outbox_item item = {.target = "stream",
        .key = event->wine_id,
        .id = event->id,
        .body = body->data,
        .length = body->length};
    wine_cache_touch(cache, event->wine_id);
    return sqlite_outbox_put(conn, &item, error);
}

int store_put_pending(struct sqlite_conn *conn, int64_t row, struct error *error)
{
    return sqlite_exec(conn, error, "INSERT INTO search_pending(wine) VALUES(?)", "i", row);
}

/* ---- reads ---- */

#define NUMBERS                                                                                    \
    "w.row, w.id, w.version, w.revision, w.withdrawn, s.on_hand, s.available, s.stock_version,"    \
    " s.halves, s.ratings, s.rating_version"
#define FULLER NUMBERS ", w.doc, w.created_ms, w.updated_ms, coalesce(g.key, '')"
#define FULLER_FROM                                                                                \
    " FROM wine w JOIN state s ON s.wine = w.row LEFT JOIN wine_group g ON g.id = w.group_id "

static void read_numbers(sqlite3_stmt *row, struct product_wine *wine)
{
    wine->row = sqlite3_column_int64(row, 0);
    memcpy(wine->id, sqlite_text(row, 1), ID_SIZE);
    wine->version = sqlite3_column_int64(row, 2);
    wine->revision = sqlite3_column_int64(row, 3);
    wine->withdrawn = sqlite3_column_int(row, 4);
    wine->on_hand = sqlite3_column_int64(row, 5);
    wine->available = sqlite3_column_int64(row, 6);
    wine->stock_version = sqlite3_column_int64(row, 7);
    wine->halves = sqlite3_column_int64(row, 8);
    wine->ratings = sqlite3_column_int64(row, 9);
    wine->rating_version = sqlite3_column_int64(row, 10);
    wine->group_key = "";
}

static void read_json(struct arena *arena, sqlite3_stmt *row, int column,
    enum product_detail detail, struct product_wine *wine)
{
    const char *stored = sqlite_text(row, column);
    document_splice(arena, wine, detail, stored, (size_t)sqlite3_column_bytes(row, column));
}

static void read_full(struct arena *arena, sqlite3_stmt *row, struct product_wine *wine)
{
    read_numbers(row, wine);
    read_json(arena, row, 11, PRODUCT_PUBLIC, wine);
    wine->created_ms = sqlite3_column_int64(row, 12);
    wine->updated_ms = sqlite3_column_int64(row, 13);
    wine->group_key = arena_strdup(arena, sqlite_text(row, 14));
}

int store_find(
    struct sqlite_conn *conn, const char *id, struct product_wine *wine, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "SELECT " NUMBERS " FROM wine w JOIN state s ON s.wine = w.row WHERE w.id = ?", "t", id);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "there is no such wine");
    memset(wine, 0, sizeof(*wine));
    read_numbers(row, wine);
    return 0;
}

/* Reads one wine into the cache and for the caller. Needs `row` reset before and after. */
static int get_one(struct sqlite_conn *conn, sqlite3_stmt *row, struct wine_cache *cache,
    struct arena *arena, const char *id, enum product_detail detail, struct product_wine *wine,
    struct error *error)
{
    uint64_t begun = wine_cache_begin(cache);
    sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
    int rc = sqlite_step(conn, row, error);
    if (rc <= 0)
        return rc;
    read_numbers(row, wine);
    wine->created_ms = sqlite3_column_int64(row, 12);
    wine->updated_ms = sqlite3_column_int64(row, 13);
    struct wine_stored stored = {
        .doc = sqlite_text(row, 11),
        .doc_length = (size_t)sqlite3_column_bytes(row, 11),
        .brief = sqlite_text(row, 14),
        .brief_length = (size_t)sqlite3_column_bytes(row, 14),
    };
    wine_cache_keep(cache, begun, wine, &stored);
    if (detail == PRODUCT_BRIEF)
        document_splice(arena, wine, detail, stored.brief, stored.brief_length);
    else
        document_splice(arena, wine, detail, stored.doc, stored.doc_length);
    return 0;
}

static int get_missing(struct store_sqlite *store, struct arena *arena, const char *const *ids,
    size_t count, enum product_detail detail, struct product_wine *wines, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(store->db, error);
    if (!conn)
        return error->code;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_prepare(conn,
        "SELECT " NUMBERS ", w.doc, w.created_ms, w.updated_ms, w.brief FROM wine w"
        " JOIN state s ON s.wine = w.row WHERE w.id = ?",
        error);
    if (!row)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (wines[i].row)
            continue;
        int rc = get_one(conn, row, store->cache, arena, ids[i], detail, &wines[i], error);
        sqlite3_reset(row);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void sqlite_get(struct product_store *base, struct arena *arena, const char *const *ids,
    size_t count, enum product_detail detail, product_wines_fn *done, void *ctx)
{
    struct store_sqlite *store = store_of(base);
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, count ? count : 1, struct product_wine);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += wine_cache_get(store->cache, arena, ids[i], detail, &wines[i]);
    int rc = 0;
    if (found < count)
        rc = get_missing(store, arena, ids, count, detail, wines, &error);
    done(ctx, rc, &error, wines, rc < 0 ? 0 : count);
}

static int group_some(struct sqlite_conn *conn, struct arena *arena, const char *id,
    struct product_wine *wines, size_t *count, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT " FULLER FULLER_FROM "WHERE w.group_id = (SELECT group_id FROM wine WHERE id = ?)"
        " AND w.withdrawn = 0 ORDER BY w.row LIMIT ?",
        "ti", id, (int64_t)PRODUCT_MAX_VINTAGES);
    if (!rows)
        return ERROR_INTERNAL;
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0)
        read_full(arena, rows, &wines[(*count)++]);
    return rc;
}

static void sqlite_vintages(struct product_store *store, struct arena *arena, const char *id,
    product_wines_fn *done, void *ctx)
{
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, PRODUCT_MAX_VINTAGES, struct product_wine);
    size_t count = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    int rc = conn ? group_some(conn, arena, id, wines, &count, &error) : error.code;
    done(ctx, rc, &error, wines, rc < 0 ? 0 : count);
}

static int scan_some(struct sqlite_conn *conn, struct arena *arena, const char *after, size_t max,
    struct product_wine *wines, size_t *count, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT " FULLER FULLER_FROM "WHERE w.id > ? AND w.withdrawn = 0 ORDER BY w.id LIMIT ?",
        "ti", after, (int64_t)max);
    if (!rows)
        return ERROR_INTERNAL;
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0)
        read_full(arena, rows, &wines[(*count)++]);
    return rc;
}

static void sqlite_scan(struct product_store *store, struct arena *arena, const char *after,
    size_t max, product_wines_fn *done, void *ctx)
{
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, max, struct product_wine);
    size_t count = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    int rc = conn ? scan_some(conn, arena, after, max, wines, &count, &error) : error.code;
    done(ctx, rc, &error, wines, rc < 0 ? 0 : count);
}

static int sqlite_totals(
    struct product_store *store, struct product_totals *totals, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    /* Every change leaves an event, and the outbox never numbers two alike. */
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "SELECT (SELECT count(*) FROM state),"
        " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),"
        " coalesce((SELECT max(seq) FROM search_pending), 0)",
        "");
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc < 0)
        return rc;
    totals->wines = sqlite3_column_int64(row, 0);
    totals->position = sqlite3_column_int64(row, 1);
    totals->pending = sqlite3_column_int64(row, 2);
    return 0;
}

/* ---- the back office's list ---- */

#define MATCHING                                                                                   \
    " WHERE instr(l.words, ?1) AND instr(l.words, ?2) AND instr(l.words, ?3)"                      \
    " AND instr(l.words, ?4) AND instr(l.words, ?5) AND instr(l.words, ?6)"                        \
    " AND instr(l.words, ?7) AND instr(l.words, ?8)"

/* One statement per order: the cache of statements goes by the address of the text. */
#define LIST_PAGE(key, above, order)                                                               \
    "SELECT l.wine FROM listing l JOIN state s ON s.wine = l.wine" MATCHING                        \
    " AND (?9 IS NULL OR (" key ", l.wine) " above " (SELECT " key                                 \
    ", l.wine FROM listing l JOIN state s ON s.wine = l.wine WHERE l.wine = ?9))"                  \
    " ORDER BY " key " " order ", l.wine " order " LIMIT ?10"

static const char *list_statement(const struct product_list_query *query)
{
    switch (query->sort) {
    case PRODUCT_BY_PRICE:
        return query->descending ? LIST_PAGE("l.price", "<", "DESC")
                                 : LIST_PAGE("l.price", ">", "ASC");
    case PRODUCT_BY_AVAILABLE:
        return query->descending ? LIST_PAGE("s.available", "<", "DESC")
                                 : LIST_PAGE("s.available", ">", "ASC");
    case PRODUCT_BY_AGE:
        return query->descending ? LIST_PAGE("l.wine", "<", "DESC")
                                 : LIST_PAGE("l.wine", ">", "ASC");
    default:
        return query->descending ? LIST_PAGE("l.name_key", "<", "DESC")
                                 : LIST_PAGE("l.name_key", ">", "ASC");
    }
}

/* An empty word is in every text: instr gives 1. */
static void bind_words(sqlite3_stmt *statement, const struct product_list_query *query)
{
    for (int i = 0; i < PRODUCT_MAX_WORDS; i++)
        sqlite3_bind_text(statement, i + 1, (size_t)i < query->word_count ? query->words[i] : "",
            -1, SQLITE_STATIC);
}

static int count_matching(struct sqlite_conn *conn, const struct product_list_query *query,
    int64_t *total, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_prepare(conn, "SELECT count(*) FROM listing l" MATCHING, error);
    if (!row)
        return ERROR_INTERNAL;
    bind_words(row, query);
    int rc = sqlite_step(conn, row, error);
    if (rc > 0)
        *total = sqlite3_column_int64(row, 0);
    return rc < 0 ? rc : 0;
}

static int list_rows(struct sqlite_conn *conn, const struct product_list_query *query,
    int64_t *found, size_t *count, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_prepare(conn, list_statement(query), error);
    if (!rows)
        return ERROR_INTERNAL;
    bind_words(rows, query);
    if (query->after) {
        struct product_wine last;
        if (store_find(conn, query->after, &last, error) < 0)
            return error_set(error, ERROR_INVALID, "malformed_parameter", "cursor",
                "is not one that this list gave");
        sqlite3_bind_int64(rows, 9, last.row);
    }
    sqlite3_bind_int64(rows, 10, (int64_t)query->limit + 1);
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0)
        found[(*count)++] = sqlite3_column_int64(rows, 0);
    return rc;
}

static int read_rows(struct sqlite_conn *conn, struct arena *arena, const int64_t *found,
    size_t count, struct product_wine *wines, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
            conn, error, "SELECT " FULLER FULLER_FROM "WHERE w.row = ?", "i", found[i]);
        if (!row)
            return ERROR_INTERNAL;
        int rc = sqlite_step(conn, row, error);
        if (rc < 0)
            return rc;
        read_full(arena, row, &wines[i]);
    }
    return 0;
}

static void sqlite_list(struct product_store *store, struct arena *arena,
    const struct product_list_query *query, product_list_fn *done, void *ctx)
{
    struct error error = {0};
    int64_t *found = arena_new_array(arena, query->limit + 1, int64_t);
    struct product_wine *wines = arena_new_array(arena, query->limit + 1, struct product_wine);
    size_t count = 0;
    int64_t total = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    int rc = conn ? list_rows(conn, query, found, &count, &error) : error.code;
    bool more = count > query->limit;
    count -= more;
    if (rc >= 0)
        rc = read_rows(conn, arena, found, count, wines, &error);
    if (rc >= 0)
        rc = count_matching(conn, query, &total, &error);
    done(ctx, rc, &error, wines, rc < 0 ? 0 : count, total, more);
}

/* ---- what the search has yet to hear ---- */

static void sqlite_pending(
    struct product_store *store, int64_t after, size_t max, product_pending_fn *done, void *ctx)
{
    struct error error = {0};
    struct product_pending *pending = calloc(max, sizeof(*pending));
    if (!pending)
        abort();
    size_t count = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    sqlite3_stmt *rows =
        conn ? sqlite_query(conn, &error,
                   "SELECT p.seq, w.id FROM search_pending p"
                   " JOIN wine w ON w.row = p.wine WHERE p.seq > ? ORDER BY p.seq LIMIT ?",
                   "ii", after, (int64_t)max)
             : NULL;
    int rc = rows ? 0 : error.code;
    while (rows && (rc = sqlite_step(conn, rows, &error)) > 0) {
        pending[count].seq = sqlite3_column_int64(rows, 0);
        memcpy(pending[count++].id, sqlite_text(rows, 1), ID_SIZE);
    }
    sqlite_done(rows);
    done(ctx, rc, &error, pending, rc < 0 ? 0 : count);
    free(pending);
}

struct trim_job {
    struct store_job base;
    int64_t upto;
};

static int trim_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct trim_job *trim = (struct trim_job *)job;
    return sqlite_exec(
        conn, &job->error, "DELETE FROM search_pending WHERE seq <= ?", "i", trim->upto);
}

static void sqlite_pending_done(
    struct product_store *store, int64_t upto, product_done_fn *done, void *ctx)
{
    struct trim_job *trim = store_job_new(store, sizeof(*trim), NULL);
    trim->base.job.run = trim_run;
    trim->base.job.done = store_job_done;
    trim->base.done = done;
    trim->base.ctx = ctx;
    trim->upto = upto;
    sqlite_db_write(store_of(store)->db, &trim->base.job);
}

/* ---- life ---- */

/* The cache first: who is told by the relay must not read what was there before. */
static void committed(void *ctx)
{
    struct store_sqlite *store = ctx;
    wine_cache_committed(store->cache);
    if (store->source)
        relay_wake(store->source);
}

static void sqlite_attach_relay(struct product_store *base, struct relay *relay)
{
    struct store_sqlite *store = store_of(base);
    store->source = relay_add_sqlite_source(relay, "product", store->db);
}

static void sqlite_store_close(struct product_store *store)
{
    sqlite_db_close(store_of(store)->db);
    wine_cache_free(store_of(store)->cache);
    free(store_of(store));
}

static const struct product_store_ops sqlite_ops = {
    .get = sqlite_get,
    .vintages = sqlite_vintages,
    .scan = sqlite_scan,
    .list = sqlite_list,
    .totals = sqlite_totals,
    .put = sqlite_put_wine,
    .withdraw = sqlite_withdraw,
    .reserve = sqlite_reserve,
    .settle = sqlite_settle,
    .change_stock = sqlite_change_stock,
    .rate = sqlite_rate,
    .ratings = sqlite_ratings,
    .forget = sqlite_forget,
    .add_upload = sqlite_add_upload,
    .finish_upload = sqlite_finish_upload,
    .clear_images = sqlite_clear_images,
    .uploads = sqlite_uploads,
    .import = sqlite_import,
    .pending = sqlite_pending,
    .pending_done = sqlite_pending_done,
    .attach_relay = sqlite_attach_relay,
    .close = sqlite_store_close,
};

int product_store_sqlite_open(struct product_store **out, const char *path, struct error *error)
{
    struct sqlite_options options = {
        .name = "product", .migrations = migrations, .overwrite = true};
    struct sqlite_db *db;
    int rc = sqlite_db_open(&db, path, &options, error);
    if (rc < 0)
        return rc;
    struct store_sqlite *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &sqlite_ops;
    store->db = db;
    store->cache = wine_cache_new();
    sqlite_db_on_commit(db, committed, store);
    *out = &store->base;
    return 0;
}
