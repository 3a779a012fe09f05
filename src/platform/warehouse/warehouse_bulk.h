/*
 * One statement for many rows: to a server a statement costs a round trip, however few its rows
 * are. Its text is made once for each of the connection's widths and kept.
 */
#ifndef WAREHOUSE_BULK_H
#define WAREHOUSE_BULK_H

#include "warehouse_sql.h"

#define MAX_WIDTHS 8

enum bulk_kind {
    BULK_INSERT, /* INSERT INTO `name`(`columns`) VALUES (...), (...) */
    BULK_LIST,   /* `name` ($1, $2 ...): ends with IN */
    BULK_CHANGE, /* `name` FROM (SELECT $1 AS column, ... UNION ALL SELECT ...) s `after` */
};

struct bulk {
    enum bulk_kind kind;
    const char *name;
    const char *columns; /* separated by ", " */
    const char *after;
    int column_count;

    struct sql_value *values; /* rows that wait, one after the other */
    size_t count, capacity;   /* rows; values */
    char *texts[MAX_WIDTHS];
};

#define BULK_INSERT_INTO(table, names, number)                                                     \
    {                                                                                              \
        .kind = BULK_INSERT, .name = table, .columns = names, .column_count = number               \
    }
#define BULK_LIST_OF(select)                                                                       \
    {                                                                                              \
        .kind = BULK_LIST, .name = select, .column_count = 1                                       \
    }
#define BULK_CHANGE_OF(update, names, number, where)                                               \
    {                                                                                              \
        .kind = BULK_CHANGE, .name = update, .columns = names, .after = where,                     \
        .column_count = number                                                                     \
    }

void bulk_release(struct bulk *bulk);

/* Forgets the rows that wait. */
static inline void bulk_clear(struct bulk *bulk)
{
    bulk->count = 0;
}

/* A row at the end: `column_count` values to be set. */
struct sql_value *bulk_add(struct bulk *bulk);

/* Runs the statement for all rows that wait, then none do. Not for lists. */
int bulk_run(struct bulk *bulk, struct sql *sql, struct error *error);

/* Queries a list for the values from `*from` on, as many as one statement takes: they are counted
 * on `*from`. A value may be given twice. Step afterwards. */
int bulk_query(struct bulk *bulk, struct sql *sql, size_t *from, struct error *error);

#endif
