/* Sessions, addresses and guests of the SQLite engine. */
#include "store_sqlite.h"

#include "arena.h"

#include <stdio.h>

/* ---- sessions ---- */

static int run_put_session(struct sqlite_conn *conn, struct sqlite_job *base)
{
    const struct session_row *session = ((struct user_job *)base)->session;
    int rc = sqlite_exec(conn, &base->error,
        "INSERT INTO session(hash, user_id, created_ms, expires_ms)"
        " SELECT ?, id, ?, ? FROM user WHERE id = ? AND erased_ms IS NULL"
        " ON CONFLICT(hash) DO UPDATE SET expires_ms = excluded.expires_ms",
        "tiit", session->hash, session->created_ms, session->expires_ms, session->user_id);
    if (rc == 0 && sqlite_changes(conn) == 0)
        rc = error_set(&base->error, ERROR_NOT_FOUND, NULL, NULL, "no such account");
    return rc;
}

void user_sqlite_put_session(
    struct user_store *store, const struct session_row *session, user_store_done *done, void *ctx)
{
    user_job_start(
        store, run_put_session, &(struct user_job){.done = done, .ctx = ctx, .session = session});
}

static int find_session(
    struct user_store *store, const char *hash, struct session_row *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement = sqlite_query(conn, error,
        "SELECT s.user_id, s.created_ms, s.expires_ms, u.admin, u.email_verified"
        " FROM session s JOIN user u ON u.id = s.user_id WHERE s.hash = ?",
        "t", hash);
    if (!statement)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, statement, error);
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such session");
    if (rc < 0)
        return rc;
    snprintf(out->hash, sizeof(out->hash), "%s", hash);
    snprintf(out->user_id, sizeof(out->user_id), "%s", sqlite_text(statement, 0));
    out->created_ms = sqlite3_column_int64(statement, 1);
    out->expires_ms = sqlite3_column_int64(statement, 2);
    out->admin = sqlite3_column_int(statement, 3) != 0;
    out->email_verified = sqlite3_column_int(statement, 4) != 0;
    return 0;
}

void user_sqlite_find_session(struct user_store *store, const char *hash, struct session_row *out,
    user_store_done *done, void *ctx)
{
    struct error error = {0};
    int rc = find_session(store, hash, out, &error);
    done(ctx, rc, &error);
}

static int run_drop_session(struct sqlite_conn *conn, struct sqlite_job *base)
{
    return sqlite_exec(conn, &base->error, "DELETE FROM session WHERE hash = ?", "t",
        ((struct user_job *)base)->key);
}

void user_sqlite_drop_session(
    struct user_store *store, const char *hash, user_store_done *done, void *ctx)
{
    user_job_start(
        store, run_drop_session, &(struct user_job){.done = done, .ctx = ctx, .key = hash});
}

static int run_drop_expired(struct sqlite_conn *conn, struct sqlite_job *base)
{
    return sqlite_exec(conn, &base->error, "DELETE FROM session WHERE expires_ms <= ?", "i",
        ((struct user_job *)base)->number);
}

void user_sqlite_drop_expired(
    struct user_store *store, int64_t now_ms, user_store_done *done, void *ctx)
{
    user_job_start(
        store, run_drop_expired, &(struct user_job){.done = done, .ctx = ctx, .number = now_ms});
}

/* ---- addresses ---- */

static int no_address(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such address");
}

static int count_addresses(
    struct sqlite_conn *conn, const char *user_id, int64_t *count, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *statement =
        sqlite_query(conn, error, "SELECT count(*) FROM address WHERE user_id = ?", "t", user_id);
    if (!statement)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, statement, error);
    if (rc > 0)
        *count = sqlite3_column_int64(statement, 0);
    return rc < 0 ? rc : 0;
}

static int insert_address(
    struct sqlite_conn *conn, const struct address_row *address, struct error *error)
{
    int64_t count = 0;
    int rc = count_addresses(conn, address->user_id, &count, error);
    if (rc == 0 && count >= USER_MAX_ADDRESSES)
        rc = error_set(error, ERROR_INVALID, "too_many_addresses", NULL,
            "%d addresses are kept already; delete one first", USER_MAX_ADDRESSES);
    if (rc < 0)
        return rc;
    rc = sqlite_exec(conn, error,
        "INSERT INTO address(user_id, id, preferred, data, created_ms)"
        " SELECT id, ?, ?, ?, ? FROM user WHERE id = ? AND erased_ms IS NULL",
        "titit", address->id, (int64_t)(address->preferred || count == 0), address->data,
        address->created_ms, address->user_id);
    if (rc == 0 && sqlite_changes(conn) == 0)
        rc = error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such account");
    return rc;
}

static int run_put_address(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    const struct address_row *address = job->address;
    struct error *error = &base->error;
    int rc;
    if (job->replace) {
        rc = sqlite_exec(conn, error,
            "UPDATE address SET preferred = ?, data = ? WHERE user_id = ? AND id = ?", "ittt",
            (int64_t)address->preferred, address->data, address->user_id, address->id);
        if (rc == 0 && sqlite_changes(conn) == 0)
            rc = no_address(error);
    } else {
        rc = insert_address(conn, address, error);
    }
    if (rc == 0 && address->preferred)
        rc = sqlite_exec(conn, error,
            "UPDATE address SET preferred = 0 WHERE user_id = ? AND id <> ?", "tt",
            address->user_id, address->id);
    return rc;
}

void user_sqlite_put_address(struct user_store *store, const struct address_row *address,
    bool replace, user_store_done *done, void *ctx)
{
    user_job_start(store, run_put_address,
        &(struct user_job){.done = done, .ctx = ctx, .address = address, .replace = replace});
}

static int list_addresses(struct user_store *store, struct arena *arena, const char *user_id,
    struct address_list *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement = sqlite_query(conn, error,
        "SELECT id, preferred, data, created_ms FROM address WHERE user_id = ?"
        " ORDER BY preferred DESC, id",
        "t", user_id);
    if (!statement)
        return ERROR_INTERNAL;
    struct address_row *rows = arena_new_array(arena, USER_MAX_ADDRESSES, struct address_row);
    size_t count = 0;
    int rc = 0;
    while (count < USER_MAX_ADDRESSES && (rc = sqlite_step(conn, statement, error)) > 0) {
        struct address_row *row = &rows[count++];
        snprintf(row->id, sizeof(row->id), "%s", sqlite_text(statement, 0));
        snprintf(row->user_id, sizeof(row->user_id), "%s", user_id);
        row->preferred = sqlite3_column_int(statement, 1) != 0;
        row->data = arena_strdup(arena, sqlite_text(statement, 2));
        row->created_ms = sqlite3_column_int64(statement, 3);
    }
    if (rc < 0)
        return rc;
    *out = (struct address_list){rows, count};
    return 0;
}

void user_sqlite_list_addresses(struct user_store *store, struct arena *arena, const char *user_id,
    struct address_list *out, user_store_done *done, void *ctx)
{
    struct error error = {0};
    int rc = list_addresses(store, arena, user_id, out, &error);
    done(ctx, rc, &error);
}

static int run_drop_address(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    int rc = sqlite_exec(conn, &base->error, "DELETE FROM address WHERE user_id = ? AND id = ?",
        "tt", job->owner, job->key);
    if (rc == 0 && sqlite_changes(conn) == 0)
        rc = no_address(&base->error);
    return rc;
}

void user_sqlite_drop_address(
    struct user_store *store, const char *user_id, const char *id, user_store_done *done, void *ctx)
{
    user_job_start(store, run_drop_address,
        &(struct user_job){.done = done, .ctx = ctx, .owner = user_id, .key = id});
}

/* ---- guests ---- */

static int run_put_guest(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct user_job *job = (struct user_job *)base;
    const struct guest_row *guest = job->guest;
    struct error *error = &base->error;
    int rc;
    if (job->replace) {
        rc = sqlite_exec(conn, error,
            "UPDATE guest SET email_mac = ?, name = ?, email = ?, birth_date = ? WHERE id = ?",
            "ttttt", guest->email_mac, guest->name, guest->email, guest->birth_date, guest->id);
        if (rc == 0 && sqlite_changes(conn) == 0)
            rc = error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such guest");
        return rc;
    }
    rc = sqlite_exec(conn, error,
        "INSERT INTO guest(id, email_mac, data_key, name, email, birth_date, created_ms)"
        " VALUES(?,?,?,?,?,?,?)",
        "tttttti", guest->id, guest->email_mac, guest->data_key, guest->name, guest->email,
        guest->birth_date, guest->created_ms);
    if (rc == ERROR_CONFLICT)
        rc = error_set(error, ERROR_CONFLICT, "guest_exists", NULL, "the guest is known already");
    return rc;
}

void user_sqlite_put_guest(struct user_store *store, const struct guest_row *guest, bool replace,
    user_store_done *done, void *ctx)
{
    user_job_start(store, run_put_guest,
        &(struct user_job){.done = done, .ctx = ctx, .guest = guest, .replace = replace});
}

static int find_guest(struct user_store *store, struct arena *arena, const char *id,
    struct guest_row *out, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(user_store_db(store), error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *statement = sqlite_query(conn, error,
        "SELECT id, email_mac, data_key, name, email, birth_date, created_ms FROM guest"
        " WHERE id = ?",
        "t", id);
    if (!statement)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, statement, error);
    if (rc == 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such guest");
    if (rc < 0)
        return rc;
    snprintf(out->id, sizeof(out->id), "%s", sqlite_text(statement, 0));
    snprintf(out->email_mac, sizeof(out->email_mac), "%s", sqlite_text(statement, 1));
    out->data_key = arena_strdup(arena, sqlite_text(statement, 2));
    out->name = arena_strdup(arena, sqlite_text(statement, 3));
    out->email = arena_strdup(arena, sqlite_text(statement, 4));
    out->birth_date = arena_strdup(arena, sqlite_text(statement, 5));
    out->created_ms = sqlite3_column_int64(statement, 6);
    return 0;
}

void user_sqlite_find_guest(struct user_store *store, struct arena *arena, const char *id,
    struct guest_row *out, user_store_done *done, void *ctx)
{
    struct error error = {0};
    int rc = find_guest(store, arena, id, out, &error);
    done(ctx, rc, &error);
}
