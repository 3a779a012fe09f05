/*
 * What the files of the SQLite engine share. The SQL keeps to what PostgreSQL and Redshift take,
 * too: $1 ... in the order of their first use, no ON CONFLICT, no constraint that the statements
 * rely on, keys made by the only writer there is.
 */
#ifndef WAREHOUSE_SQLITE_INTERNAL_H
#define WAREHOUSE_SQLITE_INTERNAL_H

#include "sqlite_db.h"
#include "warehouse.h"

extern const char *const warehouse_sqlite_migrations[];

/* Applies all of the batch; inside a job's `run`. */
int warehouse_sqlite_apply(
    struct sqlite_conn *conn, const struct warehouse_batch *batch, struct error *error);

int warehouse_sqlite_fill(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *report, struct error *error);

int warehouse_sqlite_interactions(struct sqlite_conn *conn, int64_t since_ms, int limit,
    warehouse_interaction_fn *fn, void *ctx, struct error *error);

#endif
