/*
 * The warehouse in SQL: one engine over a small driver, of which there are two (SQLite, and
 * PostgreSQL with what speaks its protocol, such as Redshift).
 *
 * The statements are the same for all. So they keep to what each of them takes: parameters $1 ...
 * in the order of their first use, no ON CONFLICT, no RETURNING, no sequence, no VALUES list but
 * that of an INSERT, no constraint that is relied upon; keys are counted by the loader under a lock
 * of all loaders. Only the tables' definitions belong to the drivers.
 *
 * A connection (`struct sql`) is one thread's at a time and has one statement under way.
 */
#ifndef WAREHOUSE_SQL_H
#define WAREHOUSE_SQL_H

#include "warehouse.h"

#include <pthread.h>

/* Bytes of the columns of text; what is longer is cut before it is kept. */
#define WIDTH_TEXT 1000
#define WIDTH_CODE 64 /* codes, states, lists' names */
#define WIDTH_BODY 8192
#define WIDTH_EVENTS 65535
#define WIDTH_OF(width) WIDTH_OF_(width)
#define WIDTH_OF_(width) #width

struct sql_value {
    char type; /* 'i' integer, 'd' number, 't' text */
    union {
        int64_t integer;
        double number;
        const char *text; /* not copied: lives until the statement is done */
    };
};

#define SQL_INT(value)                                                                             \
    (struct sql_value)                                                                             \
    {                                                                                              \
        .type = 'i', .integer = (value)                                                            \
    }
#define SQL_NUMBER(value)                                                                          \
    (struct sql_value)                                                                             \
    {                                                                                              \
        .type = 'd', .number = (value)                                                             \
    }
#define SQL_TEXT(value)                                                                            \
    (struct sql_value)                                                                             \
    {                                                                                              \
        .type = 't', .text = (value)                                                               \
    }

/* ---- a connection ---- */

struct sql;

struct sql_ops {
    int (*query)(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
        struct error *error);
    int (*step)(struct sql *sql, struct error *error);
    int64_t (*integer)(struct sql *sql, int column);
    double (*number)(struct sql *sql, int column);
    const char *(*text)(struct sql *sql, int column);
    void (*done)(struct sql *sql);
};

struct sql {
    const struct sql_ops *ops;
    const int *widths; /* how many rows one statement is best made for: falling, the last is 1 */
};

/* Starts a statement. `text` is the prepared statement's name, too: its address and contents stay
 * as long as the connection. The types of the values are always the same for one text. */
static inline int sql_query_values(struct sql *sql, struct error *error, const char *text,
    const struct sql_value *values, size_t count)
{
    return sql->ops->query(sql, text, values, count, error);
}

/* The same with values by `format`: one character (sql_value) an argument. */
int sql_query(struct sql *sql, struct error *error, const char *text, const char *format, ...);

/* 1 with a row, 0 at the end, or a negative code; then done is called already. */
static inline int sql_step(struct sql *sql, struct error *error)
{
    return sql->ops->step(sql, error);
}

/* Columns of the row, from 0. A text lives until the next step and is "" for NULL. */
static inline int64_t sql_integer(struct sql *sql, int column)
{
    return sql->ops->integer(sql, column);
}
static inline double sql_number(struct sql *sql, int column)
{
    return sql->ops->number(sql, column);
}
static inline const char *sql_text(struct sql *sql, int column)
{
    return sql->ops->text(sql, column);
}

/* Lets go of a statement that was not stepped to its end. */
static inline void sql_done(struct sql *sql)
{
    sql->ops->done(sql);
}

/* Query, steps to the end. */
int sql_run_values(struct sql *sql, struct error *error, const char *text,
    const struct sql_value *values, size_t count);
int sql_run(struct sql *sql, struct error *error, const char *text, const char *format, ...);

/* The first column of the first row into `*out`: 1, or 0 when there is no row, or a negative code.
 */
int sql_one(
    struct sql *sql, struct error *error, int64_t *out, const char *text, const char *format, ...);

/* ---- a driver ---- */

struct sql_driver;

/* A piece of writing: `run` within a transaction that no other loader's is beside, undone when it
 * returns a negative code (and fills `error`); then `done`, once. `rc` tells `done` whether the
 * effect is kept. Several may share a transaction, so what `run` left in memory is void whenever
 * `rc` is negative, its own or another's. */
struct sql_job {
    int (*run)(struct sql *sql, struct sql_job *job);
    void (*done)(struct sql_job *job);
    bool large; /* touches rows all over the tables: memory for it is well spent */
    int rc;
    struct error error;
    struct sql_job *next; /* the driver's */
};

struct sql_driver_ops {
    /* One after the other, on a thread of the driver's; any thread calls. When it is overloaded or
     * stopping `done` is called at once without `run`. */
    void (*write)(struct sql_driver *driver, struct sql_job *job);
    /* A connection for the calling thread to read with, until it is released. */
    struct sql *(*borrow)(struct sql_driver *driver, struct error *error);
    void (*release)(struct sql_driver *driver, struct sql *sql);
    /* Finishes what waits, then frees. */
    void (*close)(struct sql_driver *driver);
};

struct sql_driver {
    const struct sql_driver_ops *ops;
    bool remote;                 /* a server does the work: threads that ask it mostly wait */
    struct warehouse *warehouse; /* whose `connects` it counts; set by warehouse_sql_new */
};

/* The engine over a driver, which is its own from now on, failing or not. */
int warehouse_sql_new(struct warehouse **out, struct sql_driver *driver, struct error *error);

/* ---- what the files of the engine share ---- */

struct loader;
struct buffer;

struct loader *loader_new(void);
void loader_free(struct loader *loader);

/* Inside a job's `run`. */
int loader_apply(struct loader *loader, struct sql *sql, const struct warehouse_batch *batch,
    struct error *error);
int loader_import(struct loader *loader, struct sql *sql, const struct warehouse_rating_row *rows,
    size_t count, struct error *error);
int loader_lease(struct sql *sql, const struct warehouse_lease_query *query,
    bool held[WAREHOUSE_MAX_SHARDS], struct error *error);

/* Forgets what it remembers of the tables: after a job that was undone. */
void loader_reset(struct loader *loader);

int warehouse_sql_report(struct sql *sql, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *report, struct error *error);
int warehouse_sql_experiment(struct sql *sql, const char *experiment,
    struct warehouse_experiment_result *result, struct error *error);
int warehouse_sql_letters(struct sql *sql, int max, struct arena *arena,
    struct warehouse_letters *letters, struct error *error);
int warehouse_sql_interactions(struct sql *sql, const struct warehouse_interaction_query *query,
    warehouse_interaction_fn *fn, void *ctx, struct error *error);
int warehouse_sql_checkpoints(
    struct sql *sql, int64_t sequences[WAREHOUSE_MAX_SHARDS], struct error *error);
int warehouse_sql_recent(
    struct sql *sql, struct arena *arena, const char ***ids, struct error *error);

#endif
