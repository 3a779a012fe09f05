/* The SQLite engine: adding, changing, importing and withdrawing wines. */
#include "store_sqlite.h"

#include "clock.h"

#include <string.h>

struct stored_wine {
    struct product_wine wine;
    char group_id[ID_SIZE];
    struct buffer doc, images; /* as stored */
};

static void stored_release(struct stored_wine *stored)
{
    buffer_release(&stored->doc);
    buffer_release(&stored->images);
}
#define CLEANUP_STORED __attribute__((cleanup(stored_release)))

/* One text of one row of `wine`, copied; 1 if there is one. */
static int read_stored(
    struct sqlite_conn *conn, sqlite3_stmt *row, struct stored_wine *stored, struct error *error)
{
    int rc = sqlite_step(conn, row, error);
    if (rc <= 0)
        return rc;
    stored->wine.row = sqlite3_column_int64(row, 0);
    memcpy(stored->wine.id, sqlite_text(row, 1), ID_SIZE);
    stored->wine.version = sqlite3_column_int64(row, 2);
    stored->wine.revision = sqlite3_column_int64(row, 3);
    stored->wine.withdrawn = sqlite3_column_int(row, 4);
    memcpy(stored->group_id, sqlite_text(row, 5), ID_SIZE);
    buffer_reset(&stored->images);
    buffer_append_text(&stored->images, sqlite_text(row, 6));
    buffer_reset(&stored->doc);
    buffer_append_text(&stored->doc, sqlite_text(row, 7));
    return 1;
}

#define STORED "SELECT row, id, version, revision, withdrawn, group_id, images, doc FROM wine "

static int find_by_id(
    struct sqlite_conn *conn, const char *id, struct stored_wine *stored, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error, STORED "WHERE id = ?", "t", id);
    return row ? read_stored(conn, row, stored, error) : ERROR_INTERNAL;
}

static int find_by_sku(
    struct sqlite_conn *conn, const char *sku, struct stored_wine *stored, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, error, STORED "WHERE sku = ?", "t", sku);
    return row ? read_stored(conn, row, stored, error) : ERROR_INTERNAL;
}

/* ---- groups ---- */

/* The first column of a one-row answer as an id. 1 if there is one. */
static int read_id(
    struct sqlite_conn *conn, sqlite3_stmt *row, char id[ID_SIZE], struct error *error)
{
    int rc = row ? sqlite_step(conn, row, error) : ERROR_INTERNAL;
    if (rc > 0)
        memcpy(id, sqlite_text(row, 0), ID_SIZE);
    sqlite_done(row);
    return rc;
}

static int add_group(struct sqlite_conn *conn, const char *key, const char *id, struct error *error)
{
    return sqlite_exec(conn, error, "INSERT INTO wine_group(key, id) VALUES(?, ?)", "tt", key, id);
}

/* A wine that stands alone is its own group: the group's id is the wine's and its key the sku. Only
 * groups that somebody named have a row. */
static int group_by_key(struct sqlite_conn *conn, const char *key, const char *sku, const char *id,
    char group_id[ID_SIZE], struct error *error)
{
    bool alone = !key || !*key || strcmp(key, sku) == 0;
    int rc = read_id(conn,
        sqlite_query(
            conn, error, "SELECT id FROM wine_group WHERE key = ?", "t", alone ? sku : key),
        group_id, error);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (alone) {
        memcpy(group_id, id, ID_SIZE);
        return 0;
    }
    rc = read_id(conn,
        sqlite_query(conn, error, "SELECT id FROM wine WHERE sku = ? AND group_id = id", "t", key),
        group_id, error);
    if (rc == 0)
        id_new(group_id);
    return rc < 0 ? rc : add_group(conn, key, group_id, error);
}

static int group_by_id(struct sqlite_conn *conn, const char *wanted, const char *id,
    char group_id[ID_SIZE], struct error *error)
{
    memcpy(group_id, wanted, ID_SIZE);
    char found[ID_SIZE];
    int rc = read_id(conn,
        sqlite_query(conn, error, "SELECT id FROM wine_group WHERE id = ?", "t", wanted), found,
        error);
    if (rc != 0 || strcmp(wanted, id) == 0)
        return rc < 0 ? rc : 0;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
        conn, error, "SELECT sku FROM wine WHERE id = ? AND group_id = id", "t", wanted);
    rc = row ? sqlite_step(conn, row, error) : ERROR_INTERNAL;
    if (rc > 0)
        return add_group(conn, sqlite_text(row, 0), wanted, error);
    return rc < 0 ? rc
                  : error_set(error, ERROR_INVALID, NULL, "group_id", "there is no such group");
}

/* ---- writing ---- */

struct wine_texts {
    struct buffer doc, brief, event;
    struct wine_cache *cache;
};

static void texts_release(struct wine_texts *texts)
{
    buffer_release(&texts->doc);
    buffer_release(&texts->brief);
    buffer_release(&texts->event);
}
#define CLEANUP_TEXTS __attribute__((cleanup(texts_release)))

static void compose(struct wine_texts *texts, const struct product_record *record, const char *id,
    const char *group_id, const char *images)
{
    buffer_reset(&texts->doc);
    document_append(&texts->doc, id, group_id, record->body, images);
    buffer_reset(&texts->brief);
    document_append_brief(&texts->brief, id, record->brief);
}

static int tell(struct sqlite_conn *conn, struct wine_texts *texts, const char *id, int64_t row,
    int64_t revision, const char *type, const struct trace *trace, struct error *error)
{
    struct product_event event = {.wine_id = id, .sequence = revision, .trace = trace};
    event_product(&texts->event, &event, type, texts->doc.data);
    int rc = store_put_event(conn, texts->cache, &event, &texts->event, error);
    return rc < 0 ? rc : store_put_pending(conn, row, error);
}

static int insert_wine(struct sqlite_conn *conn, struct wine_texts *texts,
    const struct product_record *record, const char *id, const char *group_id,
    const struct trace *trace, struct error *error)
{
    compose(texts, record, id, group_id, "[]");
    int64_t now = clock_now_ms();
    int rc = sqlite_exec(conn, error,
        "INSERT INTO wine(id, version, revision, sku, group_id, created_ms, updated_ms, brief, doc)"
        " VALUES(?1, 1, 1, ?2, ?3, ?4, ?4, ?5, ?6)",
        "tttitt", id, record->sku, group_id, now, texts->brief.data, texts->doc.data);
    if (rc < 0)
        return rc;
    int64_t row = sqlite_last_rowid(conn);
    rc = sqlite_exec(conn, error,
        "INSERT INTO state(wine, on_hand, available, stock_version) VALUES(?1, ?2, ?2, ?3)", "iii",
        row, record->stock, (int64_t)(record->stock > 0));
    if (rc == 0)
        rc = sqlite_exec(conn, error,
            "INSERT INTO listing(wine, name_key, words, price) VALUES(?, ?, ?, ?)", "itti", row,
            record->name_key, record->words, record->price);
    if (rc == 0)
        rc = tell(conn, texts, id, row, 1, "product.created", trace, error);
    if (rc == 0 && record->stock > 0) {
        struct product_event event = {.wine_id = id, .sequence = 1, .trace = trace};
        event_stock(&texts->event, &event, trace ? "restock" : "import", record->stock,
            record->stock, record->stock, NULL);
        rc = store_put_event(conn, texts->cache, &event, &texts->event, error);
    }
    return rc;
}

static int update_wine(struct sqlite_conn *conn, struct wine_texts *texts,
    const struct product_record *record, const struct stored_wine *old, const char *group_id,
    const struct trace *trace, struct error *error)
{
    int rc = sqlite_exec(conn, error,
        "UPDATE wine SET version = version + 1, revision = revision + 1, sku = ?2, group_id = ?3,"
        " updated_ms = ?4, brief = ?5, doc = ?6 WHERE row = ?1",
        "ittitt", old->wine.row, record->sku, group_id, clock_now_ms(), texts->brief.data,
        texts->doc.data);
    if (rc == 0)
        rc = sqlite_exec(conn, error,
            "UPDATE listing SET name_key = ?2, words = ?3, price = ?4 WHERE wine = ?1", "itti",
            old->wine.row, record->name_key, record->words, record->price);
    if (rc == 0)
        rc = tell(conn, texts, old->wine.id, old->wine.row, old->wine.revision + 1,
            "product.updated", trace, error);
    return rc;
}

/* ---- one wine, from the back office ---- */

struct put_job {
    struct store_job base; /* base.id is the wine's */
    struct product_put put;
};

static int sku_free(struct sqlite_conn *conn, const char *sku, const char *id, struct error *error)
{
    char owner[ID_SIZE];
    int rc = read_id(conn, sqlite_query(conn, error, "SELECT id FROM wine WHERE sku = ?", "t", sku),
        owner, error);
    if (rc > 0 && strcmp(owner, id) != 0)
        return error_set(
            error, ERROR_CONFLICT, "sku_taken", "sku", "another wine has the sku %s", sku);
    return rc < 0 ? rc : 0;
}

static int check_version(const struct stored_wine *old, int64_t version, struct error *error)
{
    if (old->wine.version == version)
        return 0;
    return error_set(error, ERROR_CONFLICT, "version_conflict", "If-Match",
        "the wine was changed meanwhile: it is now at version %lld", (long long)old->wine.version);
}

static int put_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct put_job *job = (struct put_job *)base;
    struct product_put *put = &job->put;
    const struct product_record *record = &put->record;
    struct error *error = &base->error;
    CLEANUP_STORED struct stored_wine old = {0};
    CLEANUP_TEXTS struct wine_texts texts = {.cache = job->base.cache};
    int rc = put->version ? find_by_id(conn, put->id, &old, error) : 0;
    if (rc == 0 && put->version)
        rc = error_set(error, ERROR_NOT_FOUND, NULL, NULL, "there is no such wine");
    if (rc > 0)
        rc = check_version(&old, put->version, error);
    if (rc == 0)
        rc = sku_free(conn, record->sku, put->id, error);
    if (rc < 0)
        return rc;
    char group_id[ID_SIZE];
    if (put->keep_group)
        memcpy(group_id, old.group_id, ID_SIZE);
    else if (put->group_id)
        rc = group_by_id(conn, put->group_id, put->id, group_id, error);
    else
        rc = group_by_key(conn, record->group_key, record->sku, put->id, group_id, error);
    if (rc < 0)
        return rc;
    if (!put->version)
        return insert_wine(conn, &texts, record, put->id, group_id, &put->trace, error);
    compose(&texts, record, put->id, group_id, old.images.data);
    return update_wine(conn, &texts, record, &old, group_id, &put->trace, error);
}

void sqlite_put_wine(
    struct product_store *store, const struct product_put *put, product_done_fn *done, void *ctx)
{
    struct put_job *job = store_job_new(store, sizeof(*job), &put->trace);
    struct arena *arena = job->base.arena;
    job->base.job.run = put_run;
    job->base.job.done = store_job_done;
    job->base.done = done;
    job->base.ctx = ctx;
    job->put = *put;
    job->put.group_id = arena_strdup(arena, put->group_id);
    struct product_record *record = &job->put.record;
    record->sku = arena_strdup(arena, record->sku);
    record->group_key = arena_strdup(arena, record->group_key);
    record->body = arena_strdup(arena, record->body);
    record->brief = arena_strdup(arena, record->brief);
    record->name_key = arena_strdup(arena, record->name_key);
    record->words = arena_strdup(arena, record->words);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* ---- withdrawing ---- */

struct withdraw_job {
    struct store_job base;
    int64_t version;
};

static int withdraw_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct withdraw_job *job = (struct withdraw_job *)base;
    struct error *error = &base->error;
    CLEANUP_STORED struct stored_wine old = {0};
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    int rc = find_by_id(conn, job->base.id, &old, error);
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "there is no such wine");
    if (rc < 0 || old.wine.withdrawn)
        return rc < 0 ? rc : 0;
    rc = check_version(&old, job->version, error);
    if (rc == 0)
        rc = sqlite_exec(conn, error,
            "UPDATE wine SET withdrawn = 1, version = version + 1, revision = revision + 1,"
            " updated_ms = ?2 WHERE row = ?1",
            "ii", old.wine.row, clock_now_ms());
    struct product_event event = {
        .wine_id = job->base.id, .sequence = old.wine.revision + 1, .trace = &job->base.trace};
    event_product(&body, &event, "product.withdrawn", NULL);
    if (rc == 0)
        rc = store_put_event(conn, job->base.cache, &event, &body, error);
    return rc < 0 ? rc : store_put_pending(conn, old.wine.row, error);
}

void sqlite_withdraw(struct product_store *store, const char *id, int64_t version,
    const struct trace *trace, product_done_fn *done, void *ctx)
{
    struct withdraw_job *job = store_job_new(store, sizeof(*job), trace);
    job->base.job.run = withdraw_run;
    job->base.job.done = store_job_done;
    job->base.done = done;
    job->base.ctx = ctx;
    job->version = version;
    memcpy(job->base.id, id, ID_SIZE);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* ---- pictures in the document ---- */

int store_set_images(struct sqlite_conn *conn, struct wine_cache *cache,
    const struct product_wine *wine, const char *upload, const char *images,
    const struct trace *trace, struct error *error)
{
    CLEANUP_STORED struct stored_wine old = {0};
    CLEANUP_TEXTS struct wine_texts texts = {.cache = cache};
    int rc = find_by_id(conn, wine->id, &old, error);
    if (rc < 0)
        return rc;
    /* The pictures stand last in the document. */
    size_t kept = old.doc.length - old.images.length - strlen("}");
    buffer_append(&texts.doc, old.doc.data, kept);
    buffer_append_text(&texts.doc, images);
    buffer_append_char(&texts.doc, '}');
    rc = sqlite_exec(conn, error,
        "UPDATE wine SET revision = revision + 1, updated_ms = ?2, images = ?3,"
        " image_upload = ?4, doc = ?5 WHERE row = ?1",
        "iittt", old.wine.row, clock_now_ms(), images, upload, texts.doc.data);
    return rc < 0 ? rc
                  : tell(conn, &texts, wine->id, old.wine.row, old.wine.revision + 1,
                        "product.updated", trace, error);
}

/* ---- imports ---- */

struct import_job {
    struct store_job base;
    struct product_import_source *source;
    struct product_import_counts counts;
};

static int import_row(struct sqlite_conn *conn, struct import_job *job,
    const struct product_record *record, struct stored_wine *old, struct wine_texts *texts)
{
    struct error *error = &job->base.job.error;
    char group_id[ID_SIZE];
    int found = find_by_sku(conn, record->sku, old, error);
    if (found == 0)
        id_new(old->wine.id);
    int rc = found < 0 ? found
                       : group_by_key(
                             conn, record->group_key, record->sku, old->wine.id, group_id, error);
    if (rc < 0)
        return rc;
    if (found == 0) {
        job->counts.added++;
        return insert_wine(conn, texts, record, old->wine.id, group_id, NULL, error);
    }
    compose(texts, record, old->wine.id, group_id, old->images.data);
    if (strcmp(texts->doc.data, old->doc.data) == 0) {
        job->counts.unchanged++;
        return 0;
    }
    job->counts.changed++;
    return update_wine(conn, texts, record, old, group_id, NULL, error);
}

static int import_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct import_job *job = (struct import_job *)base;
    CLEANUP_STORED struct stored_wine old = {0};
    CLEANUP_TEXTS struct wine_texts texts = {.cache = job->base.cache};
    struct product_record record;
    int rc;
    while ((rc = job->source->next(job->source, &record, &base->error)) > 0) {
        rc = import_row(conn, job, &record, &old, &texts);
        if (rc < 0)
            break;
    }
    return rc;
}

static void import_done(struct sqlite_job *base)
{
    struct import_job *job = (struct import_job *)base;
    job->base.import_done(job->base.ctx, base->rc, &base->error, &job->counts);
    store_job_free(&job->base);
}

void sqlite_import(struct product_store *store, struct product_import_source *source,
    product_import_fn *done, void *ctx)
{
    struct import_job *job = store_job_new(store, sizeof(*job), NULL);
    job->base.job.run = import_run;
    job->base.job.done = import_done;
    job->base.import_done = done;
    job->base.ctx = ctx;
    job->source = source;
    sqlite_db_write(store_of(store)->db, &job->base.job);
}
