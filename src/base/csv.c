#include "csv.h"

#include "buffer.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct csv_reader {
    FILE *file;
    struct buffer text; /* the fields of the row, each with its NUL */
    size_t offsets[CSV_MAX_FIELDS];
    const char *fields[CSV_MAX_FIELDS];
    int64_t line;
    int64_t position;
    bool started;
};

struct csv_reader *csv_reader_new(FILE *file)
{
    struct csv_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        abort();
    reader->file = file;
    reader->line = 1;
    return reader;
}

void csv_reader_free(struct csv_reader *reader)
{
    if (!reader)
        return;
    buffer_release(&reader->text);
    free(reader);
}

int64_t csv_position(const struct csv_reader *reader)
{
    return reader->position;
}

static int next_byte(struct csv_reader *reader)
{
    int c = getc_unlocked(reader->file);
    if (c != EOF)
        reader->position++;
    if (c == '\n')
        reader->line++;
    return c;
}

static void unread(struct csv_reader *reader, int c)
{
    if (c == EOF)
        return;
    ungetc(c, reader->file);
    reader->position--;
    if (c == '\n')
        reader->line--;
}

static void skip_byte_order_mark(struct csv_reader *reader)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf};
    reader->started = true;
    int first = getc_unlocked(reader->file);
    if (first != mark[0]) {
        if (first != EOF)
            ungetc(first, reader->file);
        return;
    }
    /* A file that starts with half a mark is not UTF-8; the row check then says so. */
    if (getc_unlocked(reader->file) == mark[1] && getc_unlocked(reader->file) == mark[2]) {
        reader->position += 3;
        return;
    }
    rewind(reader->file);
}

enum field_end { END_COMMA, END_ROW, END_FILE };

struct row_state {
    size_t count;
    const char *problem; /* the first one found */
};

static void put(struct csv_reader *reader, struct row_state *row, int c, size_t start)
{
    if (c == 0)
        row->problem = row->problem ? row->problem : "holds a NUL byte";
    if (reader->text.length - start >= CSV_MAX_FIELD)
        row->problem = row->problem ? row->problem : "a field is longer than 65,536 bytes";
    else
        buffer_append_char(&reader->text, (char)c);
}

static enum field_end end_of(struct csv_reader *reader, int c)
{
    if (c == ',')
        return END_COMMA;
    if (c == '\r') {
        int next = next_byte(reader);
        if (next != '\n') {
            unread(reader, next);
            reader->line++;
        }
        return END_ROW;
    }
    return c == EOF ? END_FILE : END_ROW;
}

static bool ends_field(int c)
{
    return c == ',' || c == '\n' || c == '\r' || c == EOF;
}

static enum field_end read_plain(struct csv_reader *reader, struct row_state *row, int c)
{
    size_t start = reader->text.length;
    for (; !ends_field(c); c = next_byte(reader)) {
        if (c == '"' && !row->problem)
            row->problem = "a quote inside an unquoted field";
        put(reader, row, c, start);
    }
    return end_of(reader, c);
}

static enum field_end read_quoted(struct csv_reader *reader, struct row_state *row)
{
    size_t start = reader->text.length;
    for (;;) {
        int c = next_byte(reader);
        if (c == EOF) {
            row->problem = "a quoted field is never closed";
            return END_FILE;
        }
        if (c == '"') {
            c = next_byte(reader);
            if (c != '"') {
                if (ends_field(c))
                    return end_of(reader, c);
                if (!row->problem)
                    row->problem = "text follows a closing quote";
                return read_plain(reader, row, c);
            }
        }
        put(reader, row, c, start);
    }
}

static enum field_end read_field(struct csv_reader *reader, struct row_state *row)
{
    if (row->count < CSV_MAX_FIELDS)
        reader->offsets[row->count++] = reader->text.length;
    else
        row->problem = row->problem ? row->problem : "has more than 256 fields";
    size_t start = reader->text.length;
    int c = next_byte(reader);
    enum field_end end = c == '"' ? read_quoted(reader, row) : read_plain(reader, row, c);
    if (!row->problem && !utf8_valid(reader->text.data ? reader->text.data + start : "",
                             reader->text.length - start))
        row->problem = "is not valid UTF-8";
    buffer_append_char(&reader->text, '\0');
    return end;
}

int csv_next(struct csv_reader *reader, struct csv_row *row, struct error *error)
{
    if (!reader->started)
        skip_byte_order_mark(reader);
    for (;;) {
        struct row_state state = {0, NULL};
        int64_t line = reader->line;
        buffer_reset(&reader->text);
        enum field_end end;
        do
            end = read_field(reader, &state);
        while (end == END_COMMA);
        if (ferror(reader->file))
            return error_set(error, ERROR_INTERNAL, NULL, NULL, "the file cannot be read");
        bool empty = state.count == 1 && reader->text.length == 1 && !state.problem;
        if (empty && end == END_FILE)
            return 0;
        if (empty)
            continue;
        row->line = line;
        row->count = state.count;
        row->fields = reader->fields;
        if (state.problem)
            return error_set(error, ERROR_INVALID, "malformed_csv", NULL, "%s", state.problem);
        for (size_t i = 0; i < state.count; i++)
            reader->fields[i] = reader->text.data + reader->offsets[i];
        return 1;
    }
}

void csv_append_field(struct buffer *buffer, const char *text, int first)
{
    if (!first)
        buffer_append_char(buffer, ',');
    if (!strpbrk(text, ",\"\r\n")) {
        buffer_append_text(buffer, text);
        return;
    }
    buffer_append_char(buffer, '"');
    for (; *text; text++) {
        if (*text == '"')
            buffer_append_char(buffer, '"');
        buffer_append_char(buffer, *text);
    }
    buffer_append_char(buffer, '"');
}
