#include "pg.h"

#include "clock.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LEFT 1000 /* rows that are read to their end when a statement is left */
#define PROBE_TIMEOUT "2"

struct pg {
    PGconn *conn;
    char *url;
    int statement_ms;
    PGresult *row; /* the one at hand */
    bool broken;
    struct prepared {
        const char *sql;
        unsigned number;
    } * prepared; /* open addressing by the address of the SQL; a power of two */
    size_t count, capacity;
};

/* ---- errors ---- */

/* The first line, without libpq's "could not ...:" of every address it tried. */
static int fail(struct error *error, enum error_code code, const char *message)
{
    return error_set(error, code, NULL, NULL, "PostgreSQL: %.*s", (int)strcspn(message, "\n"),
        *message ? message : "the connection was lost");
}

static int away(struct pg *pg, struct error *error)
{
    pg->broken = true;
    return fail(error, ERROR_UNAVAILABLE, PQerrorMessage(pg->conn));
}

/* https://www.postgresql.org/docs/15/errcodes-appendix.html */
static int fail_result(struct pg *pg, const PGresult *result, struct error *error)
{
    static const char *const passing[] = {"08", "25", "40", "53", "55", "57", "58"};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    enum error_code code = ERROR_INTERNAL;
    if (!state || PQstatus(pg->conn) == CONNECTION_BAD)
        pg->broken = true;
    if (!state)
        return fail(error, ERROR_UNAVAILABLE, PQresultErrorMessage(result));
    if (strncmp(state, "23", 2) == 0)
        code = ERROR_CONFLICT;
    for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
        if (strncmp(state, passing[i], 2) == 0)
            code = ERROR_UNAVAILABLE;
    }
    return fail(error, code, message ? message : state);
}

/* ---- waiting ---- */

/* True if a server is there, though it may be too busy to let one in. */
static bool probe(const char *url)
{
    const char *const names[] = {"dbname", "connect_timeout", NULL};
    const char *const values[] = {url, PROBE_TIMEOUT, NULL};
    PGPing answer = PQpingParams(names, values, /* expand_dbname= */ 1);
    return answer == PQPING_OK || answer == PQPING_REJECT;
}

/* Until the socket can be read, or written too; 0 or ERROR_UNAVAILABLE. */
static int await_socket(struct pg *pg, bool writing, struct error *error)
{
    int64_t until = clock_monotonic_ms() + pg->statement_ms + PG_PROBE_MS;
    for (;;) {
        struct pollfd socket = {
            .fd = PQsocket(pg->conn), .events = (short)(POLLIN | (writing ? POLLOUT : 0))};
        int ready = poll(&socket, 1, PG_PROBE_MS);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0 || clock_monotonic_ms() >= until || !probe(pg->url)) {
            pg->broken = true;
            return fail(error, ERROR_UNAVAILABLE, "the server does not answer");
        }
    }
}

/* Sends what waits to be sent, reading meanwhile, since the server may wait for that. */
static int flush(struct pg *pg, struct error *error)
{
    int left;
    while ((left = PQflush(pg->conn)) > 0) {
        int rc = await_socket(pg, /* writing= */ true, error);
        if (rc < 0)
            return rc;
        if (!PQconsumeInput(pg->conn))
            return away(pg, error);
    }
    return left < 0 ? away(pg, error) : 0;
}

/* The next result, NULL at the statement's end. */
static int next_result(struct pg *pg, PGresult **result, struct error *error)
{
    while (PQisBusy(pg->conn)) {
        int rc = await_socket(pg, /* writing= */ false, error);
        if (rc < 0)
            return rc;
        if (!PQconsumeInput(pg->conn))
            return away(pg, error);
    }
    *result = PQgetResult(pg->conn);
    return 0;
}

/* ---- life ---- */

int pg_check_url(const char *url, struct error *error)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    /* What libpq says of it may repeat the password. */
    if (!options)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "not a URL of a database: it is postgres://user:password@host:port/database, with %%40"
            " for @ in a password");
    PQconninfoFree(options);
    return 0;
}

static int connect_within(struct pg *pg, int ms, struct error *error)
{
    int64_t until = clock_monotonic_ms() + ms;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        int64_t left = until - clock_monotonic_ms();
        struct pollfd socket = {
            .fd = PQsocket(pg->conn), .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int ready = left > 0 ? poll(&socket, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return fail(error, ERROR_UNAVAILABLE, "the server does not answer");
        state = PQconnectPoll(pg->conn);
        if (state == PGRES_POLLING_FAILED)
            return away(pg, error);
    }
    return 0;
}

static int start_connection(struct pg *pg, struct error *error)
{
    /* What stands before the URL is a default, what stands after it is not. */
    const char *const names[] = {
        "tcp_user_timeout", "application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"5000", "winestore", pg->url, "UTF8", NULL};
    pg->conn = PQconnectStartParams(names, values, /* expand_dbname= */ 1);
    if (!pg->conn)
        abort();
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return away(pg, error);
    int rc = connect_within(pg, PG_CONNECT_MS, error);
    if (rc < 0)
        return rc;
    PQsetnonblocking(pg->conn, 1);
    const char *encoding = PQparameterStatus(pg->conn, "server_encoding");
    if (encoding && strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "UNICODE") != 0)
        return error_set(error, ERROR_INVALID, NULL, NULL,
            "the database keeps texts as %.40s: make one with ENCODING 'UTF8'", encoding);
    char sql[64];
    snprintf(sql, sizeof(sql), "SET statement_timeout TO %d", pg->statement_ms);
    rc = pg_script(pg, sql, error);
    /* A plan made when a table was empty would be kept as it grows; and what is compiled for one
     * takes seconds where its tables are large by guess only. Redshift knows neither. */
    const char *planning = "SET plan_cache_mode TO force_custom_plan; SET jit TO off";
    if (rc == 0 && pg_script(pg, planning, NULL) < 0)
        rc = pg->broken ? away(pg, error) : 0;
    return rc;
}

static void ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx, (void)result;
}

struct pg *pg_open(const char *url, int statement_ms, struct error *error)
{
    struct pg *pg = calloc(1, sizeof(*pg));
    if (!pg || !(pg->url = strdup(url)))
        abort();
    pg->statement_ms = statement_ms;
    if (start_connection(pg, error) < 0) {
        pg_close(pg);
        return NULL;
    }
    PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    return pg;
}

void pg_close(struct pg *pg)
{
    if (!pg)
        return;
    PQclear(pg->row);
    PQfinish(pg->conn);
    free(pg->prepared);
    /* It may hold a password. */
    explicit_bzero(pg->url, strlen(pg->url));
    free(pg->url);
    free(pg);
}

bool pg_alive(struct pg *pg)
{
    struct pollfd socket = {.fd = PQsocket(pg->conn), .events = POLLIN};
    /* Before it goes a server may say so: the end is behind that. */
    while (!pg->broken && poll(&socket, 1, 0) > 0)
        pg->broken = !PQconsumeInput(pg->conn) || PQstatus(pg->conn) == CONNECTION_BAD;
    return !pg->broken;
}

/* ---- statements ---- */

int pg_step(struct pg *pg, struct error *error)
{
    int failed = 0;
    PQclear(pg->row);
    pg->row = NULL;
    for (;;) {
        PGresult *result = NULL;
        int rc = next_result(pg, &result, error);
        if (rc < 0)
            return rc;
        if (!result)
            return failed;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE) {
            pg->row = result;
            return 1;
        }
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !failed)
            failed = fail_result(pg, result, error);
        PQclear(result);
        if (pg->broken)
            return failed;
    }
}

static int run_to_end(struct pg *pg, struct error *error)
{
    int rc;
    do
        rc = pg_step(pg, error);
    while (rc > 0);
    return rc;
}

int pg_script(struct pg *pg, const char *sql, struct error *error)
{
    if (!PQsendQuery(pg->conn, sql))
        return away(pg, error);
    int rc = flush(pg, error);
    return rc < 0 ? rc : run_to_end(pg, error);
}

static struct prepared *slot_of(struct prepared *prepared, size_t capacity, const char *sql)
{
    size_t i = ((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 40 & (capacity - 1);
    while (prepared[i].sql && prepared[i].sql != sql)
        i = (i + 1) & (capacity - 1);
    return &prepared[i];
}

static void grow(struct pg *pg)
{
    size_t capacity = pg->capacity ? pg->capacity * 2 : 64;
    struct prepared *prepared = calloc(capacity, sizeof(*prepared));
    if (!prepared)
        abort();
    for (size_t i = 0; i < pg->capacity; i++) {
        if (pg->prepared[i].sql)
            *slot_of(prepared, capacity, pg->prepared[i].sql) = pg->prepared[i];
    }
    free(pg->prepared);
    pg->prepared = prepared;
    pg->capacity = capacity;
}

static int prepare(struct pg *pg, const char *sql, const unsigned *types, size_t count,
    char name[16], struct error *error)
{
    if ((pg->count + 1) * 2 > pg->capacity)
        grow(pg);
    struct prepared *slot = slot_of(pg->prepared, pg->capacity, sql);
    if (slot->sql) {
        snprintf(name, 16, "s%u", slot->number);
        return 0;
    }
    snprintf(name, 16, "s%u", (unsigned)pg->count);
    if (!PQsendPrepare(pg->conn, name, sql, (int)count, types))
        return away(pg, error);
    int rc = flush(pg, error);
    if (rc == 0)
        rc = run_to_end(pg, error);
    if (rc == 0)
        *slot = (struct prepared){sql, (unsigned)pg->count++};
    return rc;
}

int pg_query(struct pg *pg, const char *sql, const char *const *values, const unsigned *types,
    size_t count, struct error *error)
{
    char name[16];
    int rc = prepare(pg, sql, types, count, name, error);
    if (rc < 0)
        return rc;
    if (!PQsendQueryPrepared(pg->conn, name, (int)count, values, NULL, NULL, /* format= */ 0))
        return away(pg, error);
    PQsetSingleRowMode(pg->conn);
    return flush(pg, error);
}

const char *pg_column(const struct pg *pg, int column)
{
    return PQgetvalue(pg->row, 0, column);
}

void pg_leave(struct pg *pg)
{
    for (int i = 0; i < MOST_LEFT && !pg->broken; i++) {
        if (pg_step(pg, NULL) <= 0)
            return;
    }
    pg->broken = true;
}
