/*
 * One SQLite file: many readers, one writer.
 *
 * - Writes are jobs. One thread per file takes all that wait (up to a bound), runs each under a
 *   savepoint of its own in one transaction, commits (synchronous=FULL: when `done` is called the
 *   effect is on the disk) and then calls each job's `done`. A job that fails is rolled back alone.
 * - Reads run at once on a connection of the calling thread, opened at its first read. A reader
 * sees the last commit.
 * - The writing connection alone checkpoints: SQLite before 3.51.3 can lose a WAL reset that races
 *   with another connection's write (sqlite.org/wal.html, "The WAL-Reset Bug").
 *
 * SQLite's codes become `enum error_code` here: BUSY and FULL are UNAVAILABLE, a violated
 * constraint is CONFLICT, the rest INTERNAL.
 */
#ifndef SQLITE_SQLITE_DB_H
#define SQLITE_SQLITE_DB_H

#include "error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite_db;
struct sqlite_conn; /* a connection and its prepared statements; never leaves its thread */

/* Once per process, before the first connection: memory statistics off, multi-thread mode. Without
 * these a second reading thread adds nothing. */
void sqlite_global_init(void);

struct sqlite_options {
    const char *name; /* of the writer thread, for logs and `top`; at most 15 bytes */
    const char *const
        *migrations; /* SQL scripts, NULL-terminated; PRAGMA user_version counts them */
    bool background; /* the writer yields to threads that serve (thread_background) */
    int gather_us;   /* for files nobody waits for: while commits follow each other, each waits this
                        long for more jobs, so that the disk is asked for fewer syncs; 0: 200 where
                        several jobs come at a time */
    bool relaxed;    /* synchronous=NORMAL: for data that can be rebuilt (never for what is
                        acknowledged) */
    bool overwrite;  /* secure_delete: what is deleted is overwritten with zeros */
};

/* Opens or creates the file and applies missing migrations, each in a transaction.
 * ERROR_UNAVAILABLE when it is locked or unwritable, ERROR_INVALID when a newer program wrote it.
 */
int sqlite_db_open(struct sqlite_db **out, const char *path, const struct sqlite_options *options,
    struct error *error);

/* Finishes the jobs that wait, stops the writer, checkpoints and closes. No reader may be running.
 */
void sqlite_db_close(struct sqlite_db *db);

struct sqlite_job {
    /* Runs on the writer thread inside a savepoint. 0 keeps the effect; a negative code undoes it
     * (fill `job->error`). May run SQL through `conn` only; must not wait for anything. */
    int (*run)(struct sqlite_conn *conn, struct sqlite_job *job);

    /* Runs once, on the writer thread after the commit (or after the failure): `job->rc` tells.
     * Must be short and must not wait; the job is the callee's to free. */
    void (*done)(struct sqlite_job *job);

    /* Empties the write-ahead log after the commit and before `done`, so that no older version of a
     * page is left in it. With `overwrite` what the job deleted is then gone from the files. Put
     * off to a later commit while a reader is in the way. */
    bool scrub;

    int rc;
    struct error error;
    struct sqlite_job *next; /* the queue's */
};

/* Enqueues; any thread. Over the bound of waiting jobs (16,384) `done` is called at once, on the
 * calling thread, with ERROR_UNAVAILABLE. */
void sqlite_db_write(struct sqlite_db *db, struct sqlite_job *job);

/* Enqueues and waits; for the command line and tests, never on a thread that serves. `done` is not
 * called. */
int sqlite_db_write_wait(struct sqlite_db *db, struct sqlite_job *job, struct error *error);

/* Called on the writer thread after each commit that wrote something; set before the first write.
 */
void sqlite_db_on_commit(struct sqlite_db *db, void (*fn)(void *ctx), void *ctx);

/* The calling thread's reading connection; NULL with `error` filled when it cannot be opened. */
struct sqlite_conn *sqlite_db_reader(struct sqlite_db *db, struct error *error);

/* Jobs waiting now, commits and jobs so far (for metrics). */
struct sqlite_db_stats {
    int64_t waiting, commits, jobs;
};
void sqlite_db_stats(struct sqlite_db *db, struct sqlite_db_stats *stats);

/* Between freeze and thaw no file of this process commits: read transactions begun meanwhile on
 * several files see one instant. Freeze waits for the commits that run; keep it to milliseconds. */
void sqlite_freeze(void);
void sqlite_thaw(void);

/* A consistent copy of the whole file beside running readers and writers, at `path` (which must not
 * exist), through the writer. Blocks until done: not for threads that serve. */
int sqlite_db_backup(struct sqlite_db *db, const char *path, struct error *error);

/* ---- statements ---- */

/* The prepared statement for `sql`, made at its first use on this connection and kept, reset with
 * bindings cleared. `sql` must be a string literal: the cache goes by its address. NULL with
 * `error` filled if it does not compile. Finish with sqlite_done. */
sqlite3_stmt *sqlite_prepare(struct sqlite_conn *conn, const char *sql, struct error *error);

/* Steps once: 1 with a row, 0 when done, or a negative code. */
int sqlite_step(struct sqlite_conn *conn, sqlite3_stmt *statement, struct error *error);

/* Resets, so that the read lock is let go. NULL is fine. */
void sqlite_done(sqlite3_stmt *statement);

/* Prepares, binds by `format`, steps to the end and resets; for writes. One character an argument:
 * i int64_t, d double, t text (NULL binds NULL), b blob (const void *, size_t), n binds NULL and
 * takes no argument. Returns 0 or a negative code. Text and blobs are not copied. */
int sqlite_exec(
    struct sqlite_conn *conn, struct error *error, const char *sql, const char *format, ...);

/* Binds like sqlite_exec and returns the statement ready to step; NULL on failure. */
sqlite3_stmt *sqlite_query(
    struct sqlite_conn *conn, struct error *error, const char *sql, const char *format, ...);

/* Rows changed by the last write. */
int sqlite_changes(struct sqlite_conn *conn);
int64_t sqlite_last_rowid(struct sqlite_conn *conn);

/* Column as text; NULL for SQL NULL; valid until the next step or reset. */
const char *sqlite_text(sqlite3_stmt *statement, int column);

#define CLEANUP_STATEMENT __attribute__((cleanup(sqlite_cleanup_statement)))
static inline void sqlite_cleanup_statement(sqlite3_stmt **statement)
{
    sqlite_done(*statement);
}

#endif
