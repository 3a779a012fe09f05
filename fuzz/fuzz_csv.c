/* A CSV file: the reader comes to its end, and what it read can be written and read again. */
#include "fuzz.h"

#include "buffer.h"
#include "csv.h"

#include <string.h>

static void check_again(const struct csv_row *row)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    struct csv_row again;
    struct error error;
    /* Not at the beginning, where it could be taken for a byte order mark. */
    buffer_append_text(&text, "first\n");
    for (size_t i = 0; i < row->count; i++)
        csv_append_field(&text, row->fields[i], i == 0);
    buffer_append_text(&text, "\r\n");
    FILE *file = fmemopen(text.data, text.length, "r");
    struct csv_reader *reader = csv_reader_new(file);
    demand(csv_next(reader, &again, &error) == 1);
    demand(csv_next(reader, &again, &error) == 1 && again.count == row->count);
    for (size_t i = 0; i < row->count; i++)
        demand(strcmp(again.fields[i], row->fields[i]) == 0);
    csv_reader_free(reader);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    FILE *file = fmemopen((void *)data, size, "r");
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    int64_t line = 0;
    int rc;
    while ((rc = csv_next(reader, &row, &error)) != 0 && rc != ERROR_INTERNAL) {
        demand(row.line > line && csv_position(reader) <= (int64_t)size);
        line = row.line;
        if (rc < 0)
            continue;
        demand(row.count >= 1 && row.count <= CSV_MAX_FIELDS);
        /* One empty field, in quotes, is an empty line when it is written. */
        if (row.count > 1 || *row.fields[0])
            check_again(&row);
    }
    csv_reader_free(reader);
    fclose(file);
    return 0;
}
