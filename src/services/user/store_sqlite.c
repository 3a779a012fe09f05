#include "store_sqlite.h"

#include "arena.h"
#include "sqlite_outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An erased account keeps its row, empty but for the id and the version, so that a late write to it
 * finds nothing to change and its pseudonym is never given twice. */
static const char *const migrations[] = {
    SQLITE_OUTBOX_SCHEMA
    "CREATE TABLE user(id TEXT PRIMARY KEY, email_mac TEXT UNIQUE, data_key TEXT, name TEXT,"
    " email TEXT, birth_date TEXT, password TEXT, admin INTEGER NOT NULL,"
    " email_verified INTEGER NOT NULL, marketing INTEGER NOT NULL, version INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, erased_ms INTEGER);"
    "CREATE INDEX user_admin ON user(id) WHERE admin = 1;"
    "CREATE TABLE session(hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES user(id),"
    " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX session_user ON session(user_id);"
    "CREATE INDEX session_expires ON session(expires_ms);"
    "CREATE TABLE address(user_id TEXT NOT NULL REFERENCES user(id), id TEXT NOT NULL,"
    " preferred INTEGER NOT NULL, data TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " PRIMARY KEY(user_id, id)) WITHOUT ROWID;"
    "CREATE TABLE guest(id TEXT PRIMARY KEY, email_mac TEXT NOT NULL, data_key TEXT NOT NULL,"
    " name TEXT NOT NULL, email TEXT NOT NULL, birth_date TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL);",
    NULL,
};

#define USER_COLUMNS                                                                               \
    "id, email_mac, data_key, name, email, birth_date, password, admin, email_verified,"           \
    " marketing, version, created_ms"

struct sqlite_db *user_store_db(struct user_store *store)
{
    return ((struct user_store_sqlite *)store)->db;
}

static void job_done(struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    job->done(job->ctx, base->rc < 0 ? base->rc : 0, &base->error);
    free(job);
}

void user_job_start(struct user_store *store, user_job_run *run, const struct user_job *start)
{
    struct user_job *job = malloc(sizeof(*job));
    if (!job)
        abort();
    *job = *start;
    job->job.run = run;
    job->job.done = job_done;
    sqlite_db_write(user_store_db(store), &job->job);
}

static int put_items(
    struct sqlite_conn *conn, const struct user_effects *effects, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; effects && rc == 0 && i < effects->item_count; i++)
        rc = sqlite_outbox_put(conn, &effects->items[i], error);
    return rc;
}

int user_job_effects(struct sqlite_conn *conn, struct user_job *job)
{
    struct error *error = &job->job.error;
    int rc = put_items(conn, job->effects, error);
    if (rc == 0 && job->effects && job->effects->end_sessions)
        rc = sqlite_exec(conn, error, "DELETE FROM session WHERE user_id = ?", "t", job->row->id);
    return rc;
}

/* ---- accounts: writing ---- */

static int email_taken(int rc, struct error *error)
{
    if (rc != ERROR_CONFLICT)
        return rc;
    return error_set(
        error, ERROR_CONFLICT, "email_taken", "email", "another account has this address");
}

static int run_add(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    const struct user_row *row = job->row;
    int rc = sqlite_exec(conn, &base->error,
        "INSERT INTO user(" USER_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", "tttttttiiiii",
        row->id, row->email_mac, row->data_key, row->name, row->email, row->birth_date,
        row->password, (int64_t)row->admin, (int64_t)row->email_verified, (int64_t)row->marketing,
        row->version, row->created_ms);
    rc = email_taken(rc, &base->error);
    return rc < 0 ? rc : user_job_effects(conn, job);
}

/* Why a version-checked write changed no row. */
static int moved_on(struct error *error)
{
    return error_set(
        error, ERROR_CONFLICT, "version_conflict", NULL, "the account was changed meanwhile");
}

static int run_update(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    const struct user_row *row = job->row;
    int rc = sqlite_exec(conn, &base->error,
        "UPDATE user SET email_mac = ?, data_key = ?, name = ?, email = ?, birth_date = ?,"
        " password = ?, admin = ?, email_verified = ?, marketing = ?, version = version + 1"
        " WHERE id = ? AND version = ? AND erased_ms IS NULL",
        "ttttttiiiti", row->email_mac, row->data_key, row->name, row->email, row->birth_date,
        row->password, (int64_t)row->admin, (int64_t)row->email_verified, (int64_t)row->marketing,
        row->id, row->version);
    rc = email_taken(rc, &base->error);
    if (rc == 0 && sqlite_changes(conn) == 0)
        rc = moved_on(&base->error);
    return rc < 0 ? rc : user_job_effects(conn, job);
}

static int run_erase(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    struct error *error = &base->error;
    int rc = sqlite_exec(conn, error,
        "UPDATE user SET email_mac = NULL, data_key = NULL, name = NULL, email = NULL,"
        " birth_date = NULL, password = NULL, admin = 0, email_verified = 0, marketing = 0,"
        " version = version + 1, erased_ms = unixepoch() * 1000"
        " WHERE id = ? AND version = ? AND erased_ms IS NULL",
        "ti", job->row->id, job->row->version);
    if (rc == 0 && sqlite_changes(conn) == 0)
        rc = moved_on(error);
    if (rc == 0)
        rc = sqlite_exec(conn, error, "DELETE FROM session WHERE user_id = ?", "t", job->row->id);
    if (rc == 0)
        rc = sqlite_exec(conn, error, "DELETE FROM address WHERE user_id = ?", "t", job->row->id);
    return rc < 0 ? rc : put_items(conn, job->effects, error);
}

static int run_post(struct sqlite_conn *conn, struct sqlite_job *base)
{
    return put_items(conn, ((struct user_job *)base)->effects, &base->error);
}

static void add(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    user_job_start(store, run_add,
        &(struct user_job){.done = done, .ctx = ctx, .row = row, .effects = effects});
}

static void update(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    user_job_start(store, run_update,
        &(struct user_job){.done = done, .ctx = ctx, .row = row, .effects = effects});
}

static void erase(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    user_job_start(store, run_erase,
        &(struct user_job){
            .job = {.scrub = true}, .done = done, .ctx = ctx, .row = row, .effects = effects});
}

static void post(
    struct user_store *store, const struct user_effects *effects, user_store_done *done, void *ctx)
{
    user_job_start(
        store, run_post, &(struct user_job){.done = done, .ctx = ctx, .effects = effects});
}

/* ---- accounts: reading ---- */

static void take_row(struct arena *arena, sqlite3_stmt *statement, struct user_row *out)
{
    snprintf(out->id, sizeof(out->id), "%s", sqlite_text(statement, 0));
    snprintf(out->email_mac, sizeof(out->email_mac), "%s", sqlite_text(statement, 1));
    out->data_key = arena_strdup(arena, sqlite_text(statement, 2));
    out->name = arena_strdup(arena, sqlite_text(statement, 3));
    out->email = arena_strdup(arena, sqlite_text(statement, 4));
    out->birth_date = arena_strdup(arena, sqlite_text(statement, 5));
    out->password = arena_strdup(arena, sqlite_text(statement, 6));
    out->admin = sqlite3_column_int(statement, 7) != 0;
    out->email_verified = sqlite3_column_int(statement, 8) != 0;
    out->marketing = sqlite3_column_int(statement, 9) != 0;
    out->version = sqlite3_column_int64(statement, 10);
    out->created_ms = sqlite3_column_int64(statement, 11);
}

static int find_row(struct user_store *store, struct arena *arena, const char *id,
    const char *email_mac, struct user_row *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement =
        id ? sqlite_query(conn, error,
                 "SELECT " USER_COLUMNS " FROM user WHERE id = ? AND erased_ms IS NULL", "t", id)
           : sqlite_query(conn, error,
                 "SELECT " USER_COLUMNS " FROM user WHERE email_mac = ? AND erased_ms IS NULL", "t",
                 email_mac);
    if (!statement)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, statement, error);
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such account");
    if (rc < 0)
        return rc;
    take_row(arena, statement, out);
    return 0;
}

static void find(struct user_store *store, struct arena *arena, const char *id,
    const char *email_mac, struct user_row *out, user_store_done *done, void *ctx)
{
    struct error error = {0};
    int rc = find_row(store, arena, id, email_mac, out, &error);
    done(ctx, rc, &error);
}

static int list_ids(struct user_store *store, struct arena *arena, const struct user_query *query,
    struct user_list *out, struct error *error)
{
    struct user_row *rows = arena_new_array(arena, query->id_count + 1, struct user_row);
    size_t count = 0;
    for (size_t i = 0; i < query->id_count; i++) {
        int rc = find_row(store, arena, query->ids[i], NULL, &rows[count], error);
        if (rc == 0)
            count++;
        else if (rc != ERROR_NOT_FOUND)
            return rc;
    }
    *out = (struct user_list){rows, count};
    return 0;
}

static int list_page(struct user_store *store, struct arena *arena, const struct user_query *query,
    struct user_list *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    const char *before = query->before ? query->before : "~"; /* above every id */
    CLEANUP_STATEMENT sqlite3_stmt *statement =
        query->admins ? sqlite_query(conn, error,
                            "SELECT " USER_COLUMNS
                            " FROM user WHERE admin = 1 AND id < ? AND erased_ms IS NULL"
                            " ORDER BY id DESC LIMIT ?",
                            "ti", before, (int64_t)query->limit)
                      : sqlite_query(conn, error,
                            "SELECT " USER_COLUMNS " FROM user WHERE id < ? AND erased_ms IS NULL"
                            " ORDER BY id DESC LIMIT ?",
                            "ti", before, (int64_t)query->limit);
    if (!statement)
        return ERROR_INTERNAL;
    struct user_row *rows = arena_new_array(arena, (size_t)query->limit + 1, struct user_row);
    size_t count = 0;
    int rc;
    while ((rc = sqlite_step(conn, statement, error)) > 0)
        take_row(arena, statement, &rows[count++]);
    if (rc == 0)
        *out = (struct user_list){rows, count};
    return rc;
}

static void list(struct user_store *store, struct arena *arena, const struct user_query *query,
    struct user_list *out, user_store_done *done, void *ctx)
{
    struct error error = {0};
    int rc = query->ids ? list_ids(store, arena, query, out, &error)
                        : list_page(store, arena, query, out, &error);
    done(ctx, rc, &error);
}

/* ---- the outbox, for the relay ---- */

static int outbox_read(void *ctx, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(ctx), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    return sqlite_outbox_read(conn, arena, after, max, items, error);
}

struct trim_job {
    struct sqlite_job job; /* first */
    int64_t upto;
    relay_trimmed_fn *trimmed;
    void *ctx;
};

static int run_trim(struct sqlite_conn *conn, struct sqlite_job *job)
{
    return sqlite_outbox_trim(conn, ((struct trim_job *)job)->upto, &job->error);
}

static void trim_done(struct sqlite_job *base)
{
    struct trim_job *job = (struct trim_job *)base;
    job->trimmed(job->ctx, base->rc);
    free(job);
}

static void outbox_trim(void *ctx, int64_t upto, relay_trimmed_fn *trimmed, void *trimmed_ctx)
{
    struct trim_job *job = malloc(sizeof(*job));
    if (!job)
        abort();
    *job =
        (struct trim_job){.job = {.run = run_trim, .done = trim_done}, upto, trimmed, trimmed_ctx};
    sqlite_db_write(user_store_db(ctx), &job->job);
}

static struct relay_source_config outbox(struct user_store *store)
{
    return (struct relay_source_config){
        .name = "user", .ctx = store, .read = outbox_read, .trim = outbox_trim};
}

static void on_commit(struct user_store *store, void (*wake)(void *), void *ctx)
{
    sqlite_db_on_commit(user_store_db(store), wake, ctx);
}

static int backup(struct user_store *store, const char *path, struct error *error)
{
    return sqlite_db_backup(user_store_db(store), path, error);
}

static void store_close(struct user_store *store)
{
    sqlite_db_close(user_store_db(store));
    free(store);
}

static const struct user_store_ops sqlite_ops = {
    .add = add,
    .find = find,
    .list = list,
    .update = update,
    .erase = erase,
    .post = post,
    .put_session = user_sqlite_put_session,
    .find_session = user_sqlite_find_session,
    .drop_session = user_sqlite_drop_session,
    .drop_expired = user_sqlite_drop_expired,
    .put_address = user_sqlite_put_address,
    .list_addresses = user_sqlite_list_addresses,
    .drop_address = user_sqlite_drop_address,
    .put_guest = user_sqlite_put_guest,
    .find_guest = user_sqlite_find_guest,
    .outbox = outbox,
    .on_commit = on_commit,
    .backup = backup,
    .close = store_close,
};

int user_store_sqlite_open(struct user_store **out, const char *path, struct error *error)
{
    struct user_store_sqlite *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &sqlite_ops;
    int rc = sqlite_db_open(&store->db, path,
        &(struct sqlite_options){.name = "user", .migrations = migrations, .overwrite = true},
        error);
    if (rc < 0) {
        free(store);
        return rc;
    }
    *out = &store->base;
    return 0;
}
