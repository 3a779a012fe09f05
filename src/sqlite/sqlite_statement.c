#include "sqlite_internal.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_conn *sqlite_conn_open(const char *path, int flags, struct error *error)
{
    struct sqlite_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        abort();
    int rc = sqlite3_open_v2(path, &conn->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "%s: %s", path,
            conn->handle ? sqlite3_errmsg(conn->handle) : "out of memory");
        sqlite_conn_close(conn);
        return NULL;
    }
    sqlite3_extended_result_codes(conn->handle, 1);
    sqlite3_busy_timeout(conn->handle, 5000);
    return conn;
}

void sqlite_conn_close(struct sqlite_conn *conn)
{
    for (size_t i = 0; i < conn->capacity; i++)
        sqlite3_finalize(conn->cache[i].statement);
    free(conn->cache);
    sqlite3_close(conn->handle);
    free(conn);
}

int sqlite_fail(struct sqlite_conn *conn, int rc, struct error *error)
{
    const char *text = sqlite3_errmsg(conn->handle);
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return error_set(error, ERROR_CONFLICT, NULL, NULL, "%s", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return error_set(
            error, ERROR_UNAVAILABLE, NULL, NULL, "the database cannot write: %s", text);
    default:
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "SQLite (%d): %s", rc, text);
    }
}

int sqlite_script(struct sqlite_conn *conn, const char *sql, struct error *error)
{
    int rc = sqlite3_exec(conn->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_fail(conn, rc, error);
}

static struct cached *slot_of(struct cached *cache, size_t capacity, const char *sql)
{
    size_t i = ((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 40 & (capacity - 1);
    while (cache[i].sql && cache[i].sql != sql)
        i = (i + 1) & (capacity - 1);
    return &cache[i];
}

static void grow(struct sqlite_conn *conn)
{
    size_t capacity = conn->capacity ? conn->capacity * 2 : 32;
    struct cached *cache = calloc(capacity, sizeof(*cache));
    if (!cache)
        abort();
    for (size_t i = 0; i < conn->capacity; i++) {
        if (conn->cache[i].sql)
            *slot_of(cache, capacity, conn->cache[i].sql) = conn->cache[i];
    }
    free(conn->cache);
    conn->cache = cache;
    conn->capacity = capacity;
}

sqlite3_stmt *sqlite_prepare(struct sqlite_conn *conn, const char *sql, struct error *error)
{
    if ((conn->cached + 1) * 2 > conn->capacity)
        grow(conn);
    struct cached *slot = slot_of(conn->cache, conn->capacity, sql);
    if (slot->sql)
        return slot->statement;
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v3(conn->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK) {
        sqlite_fail(conn, rc, error);
        return NULL;
    }
    slot->sql = sql;
    slot->statement = statement;
    conn->cached++;
    return statement;
}

int sqlite_step(struct sqlite_conn *conn, sqlite3_stmt *statement, struct error *error)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : sqlite_fail(conn, rc, error);
}

void sqlite_done(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

static void bind(sqlite3_stmt *statement, const char *format, va_list args)
{
    for (int i = 1; *format; format++, i++) {
        switch (*format) {
        case 'i':
            sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
            break;
        case 'd':
            sqlite3_bind_double(statement, i, va_arg(args, double));
            break;
        case 't':
            sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        case 'b': {
            const void *data = va_arg(args, const void *);
            size_t length = va_arg(args, size_t);
            sqlite3_bind_blob64(statement, i, data, length, SQLITE_STATIC);
            break;
        }
        case 'n':
            sqlite3_bind_null(statement, i);
            break;
        default:
            abort();
        }
    }
}

sqlite3_stmt *sqlite_query(
    struct sqlite_conn *conn, struct error *error, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = sqlite_prepare(conn, sql, error);
    if (!statement)
        return NULL;
    va_list args;
    va_start(args, format);
    bind(statement, format, args);
    va_end(args);
    return statement;
}

int sqlite_exec(
    struct sqlite_conn *conn, struct error *error, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = sqlite_prepare(conn, sql, error);
    if (!statement)
        return ERROR_INTERNAL;
    va_list args;
    va_start(args, format);
    bind(statement, format, args);
    va_end(args);
    int rc;
    do
        rc = sqlite_step(conn, statement, error);
    while (rc > 0);
    sqlite_done(statement);
    return rc;
}

int sqlite_changes(struct sqlite_conn *conn)
{
    return sqlite3_changes(conn->handle);
}

int64_t sqlite_last_rowid(struct sqlite_conn *conn)
{
    return sqlite3_last_insert_rowid(conn->handle);
}

const char *sqlite_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}
