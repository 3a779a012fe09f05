/*
 * A connection to PostgreSQL, or to what speaks its protocol: libpq with deadlines.
 *
 * A connection is one thread's at a time and has one statement under way, whose rows are passed as
 * they come. Calls block, but not on a server that is away: connecting takes at most
 * PG_CONNECT_MS, and while a statement takes its time the server is asked again and again, by a
 * second connection, whether it is there at all; so an absent one is known within 5 s, and a long
 * statement may be long. After that, and whenever the connection was lost, the connection is
 * broken: it is to be closed and another opened.
 *
 * Errors: what may be over in a moment (no server, a shutdown, a lock, too many connections, a
 * timeout) is ERROR_UNAVAILABLE, a violated constraint ERROR_CONFLICT, the rest ERROR_INTERNAL.
 * Messages never hold the password.
 */
#ifndef POSTGRES_PG_H
#define POSTGRES_PG_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_CONNECT_MS 4000
#define PG_PROBE_MS 2500 /* of silence, until the server is asked whether it is there */

struct pg;

/* Whether libpq understands the URL (postgresql://user:password@host:port/database?...). */
int pg_check_url(const char *url, struct error *error);

/* Connects. A statement that takes longer than `statement_ms` is given up by the server. NULL with
 * `error` filled. ERROR_INVALID when the database's texts are not UTF-8. */
struct pg *pg_open(const char *url, int statement_ms, struct error *error);
void pg_close(struct pg *pg); /* NULL is fine */

/* False once it is broken; looks for what the server said meanwhile. */
bool pg_alive(struct pg *pg);

/* Runs statements without parameters and results, separated by semicolons. */
int pg_script(struct pg *pg, const char *sql, struct error *error);

enum pg_type { PG_INT8 = 20, PG_FLOAT8 = 701, PG_VARCHAR = 1043 }; /* pg_type.dat */

/* Starts a statement with its parameters as texts. `sql` is prepared at its first use and known by
 * its address, so it stays as it is for as long as the connection. */
int pg_query(struct pg *pg, const char *sql, const char *const *values, const unsigned *types,
    size_t count, struct error *error);

/* 1 with a row, 0 at the end, or a negative code; after the last two the connection is free for the
 * next statement. */
int pg_step(struct pg *pg, struct error *error);

/* A column of the row as text, "" for NULL, until the next step. */
const char *pg_column(const struct pg *pg, int column);

/* Leaves a statement before its end. */
void pg_leave(struct pg *pg);

#endif
