/*
 * Rows of a catalogue file as wines: ours and X-Wines' (docs/import-format.md). The header decides
 * which; a row is read by the names of its columns.
 */
#ifndef PRODUCT_IMPORT_ROWS_H
#define PRODUCT_IMPORT_ROWS_H

#include "csv.h"
#include "wine.h"

/* What a file does not say. */
struct import_defaults {
    const char *currency;
    int64_t price_min, price_max; /* minor units */
    int64_t stock;
};

struct import_row {
    struct wine wine;
    const char *group; /* "" stands alone */
    int64_t stock;
};

#define IMPORT_MAX_COLUMNS 40

struct import_format {
    const struct import_defaults *defaults;
    bool x_wines;
    size_t count;                    /* of the header's fields */
    int columns[IMPORT_MAX_COLUMNS]; /* where each known column stands; -1: not there */
};

/* Reads the header. ERROR_INVALID naming the column that is unknown, doubled or missing. */
int import_format_read(struct import_format *format, const struct csv_row *header,
    const struct import_defaults *defaults, struct error *error);

/* Reads a row and checks every rule; texts lie in the arena. ERROR_INVALID naming the field. */
int import_row_read(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error);

/* ---- the two formats ---- */

int import_columns_row(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error);
int import_xwines_row(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error);

/* Our columns in the order in which an export writes them, NULL-terminated; X-Wines' columns. */
extern const char *const import_column_names[];
extern const char *const import_xwines_names[];

/* The trimmed field of a known column, NULL when it is empty or not there. */
const char *import_field(
    const struct import_format *format, struct arena *arena, const struct csv_row *row, int column);

/* "13.5" as 135: digits, at most one decimal. 0 or -1. */
int import_tenths(const char *text, int *tenths);

#endif
