/* What the files of this folder share. */
#ifndef SQLITE_SQLITE_INTERNAL_H
#define SQLITE_SQLITE_INTERNAL_H

#include "sqlite_db.h"

struct sqlite_conn {
    sqlite3 *handle;
    struct cached {
        const char *sql;
        sqlite3_stmt *statement;
    } * cache; /* open addressing by the address of the SQL, power of two */
    size_t cached, capacity;
    struct sqlite_conn *next; /* the database's list of readers */
};

struct sqlite_conn *sqlite_conn_open(const char *path, int flags, struct error *error);
void sqlite_conn_close(struct sqlite_conn *conn);

/* Translates the connection's last error; `rc` is SQLite's. */
int sqlite_fail(struct sqlite_conn *conn, int rc, struct error *error);

/* Runs SQL text without results (pragmas, scripts). */
int sqlite_script(struct sqlite_conn *conn, const char *sql, struct error *error);

#endif
