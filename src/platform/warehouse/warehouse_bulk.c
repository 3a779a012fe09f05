#include "warehouse_bulk.h"

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

void bulk_release(struct bulk *bulk)
{
    for (int i = 0; i < MAX_WIDTHS; i++)
        free(bulk->texts[i]);
    free(bulk->values);
}

struct sql_value *bulk_add(struct bulk *bulk)
{
    size_t columns = (size_t)bulk->column_count;
    if ((bulk->count + 1) * columns > bulk->capacity) {
        bulk->capacity = bulk->capacity ? bulk->capacity * 2 : 64 * columns;
        bulk->values = reallocarray(bulk->values, bulk->capacity, sizeof(*bulk->values));
        if (!bulk->values)
            abort();
    }
    return &bulk->values[bulk->count++ * columns];
}

static void append_parameters(struct buffer *text, int from, int count)
{
    for (int i = 0; i < count; i++)
        buffer_printf(text, i ? ", $%d" : "$%d", from + i);
}

/* The first row of a change names its columns: "SELECT $1 AS a, $2 AS b". */
static void append_named(struct buffer *text, const char *columns)
{
    buffer_append_text(text, "SELECT ");
    for (int i = 1; *columns; i++) {
        size_t length = strcspn(columns, ",");
        buffer_printf(text, "$%d AS %.*s", i, (int)length, columns);
        columns += length;
        if (*columns) {
            buffer_append_text(text, ", ");
            columns += strlen(", ");
        }
    }
}

static char *make_text(const struct bulk *bulk, int width)
{
    struct buffer text = BUFFER_INIT;
    int columns = bulk->column_count;
    if (bulk->kind == BULK_INSERT)
        buffer_printf(&text, "INSERT INTO %s(%s) VALUES ", bulk->name, bulk->columns);
    else
        buffer_printf(&text, bulk->kind == BULK_LIST ? "%s (" : "%s FROM (", bulk->name);
    for (int row = 0; row < width; row++) {
        if (bulk->kind == BULK_CHANGE && row == 0) {
            append_named(&text, bulk->columns);
            continue;
        }
        if (bulk->kind == BULK_CHANGE)
            buffer_append_text(&text, " UNION ALL SELECT ");
        else if (row)
            buffer_append_text(&text, ", ");
        if (bulk->kind == BULK_INSERT)
            buffer_append_char(&text, '(');
        append_parameters(&text, row * columns + 1, columns);
        if (bulk->kind == BULK_INSERT)
            buffer_append_char(&text, ')');
    }
    if (bulk->kind != BULK_INSERT)
        buffer_append_char(&text, ')');
    if (bulk->kind == BULK_CHANGE)
        buffer_printf(&text, " s %s", bulk->after);
    return buffer_take(&text);
}

/* What a SELECT a row costs a planner grows faster than their number. */
#define WIDEST_CHANGE 32

/* The width for `rows` rows: an insert's is never too large, others repeat their last row. */
static int choose(const struct bulk *bulk, const int *widths, size_t rows)
{
    int first = 0;
    while (bulk->kind == BULK_CHANGE && widths[first] > WIDEST_CHANGE)
        first++;
    int i = first;
    while (widths[i] > 1 && (size_t)widths[i] > rows)
        i++;
    if (bulk->kind != BULK_INSERT && i > first && (size_t)widths[i] < rows)
        i--;
    return i;
}

static int start(
    struct bulk *bulk, struct sql *sql, size_t from, size_t *taken, struct error *error)
{
    size_t columns = (size_t)bulk->column_count, rows = bulk->count - from;
    int choice = choose(bulk, sql->widths, rows);
    size_t width = (size_t)sql->widths[choice];
    if (!bulk->texts[choice])
        bulk->texts[choice] = make_text(bulk, (int)width);
    *taken = width < rows ? width : rows;
    for (; rows < width; rows++) {
        struct sql_value *last = bulk_add(bulk);
        memcpy(last, last - columns, columns * sizeof(*last));
    }
    return sql_query_values(
        sql, error, bulk->texts[choice], &bulk->values[from * columns], width * columns);
}

int bulk_run(struct bulk *bulk, struct sql *sql, struct error *error)
{
    size_t count = bulk->count, taken;
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < count; from += taken) {
        rc = start(bulk, sql, from, &taken, error);
        while (rc == 0 && (rc = sql_step(sql, error)) > 0)
            rc = 0;
    }
    bulk->count = 0;
    return rc;
}

int bulk_query(struct bulk *bulk, struct sql *sql, size_t *from, struct error *error)
{
    size_t count = bulk->count, taken = 0;
    int rc = start(bulk, sql, *from, &taken, error);
    bulk->count = count;
    *from += taken;
    return rc;
}
