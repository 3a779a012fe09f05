/*
 * A CSV reader (RFC 4180): quoted fields may hold commas, doubled quotes and line breaks; lines end
 * in LF, CRLF or CR; a UTF-8 byte order mark is skipped. Broken quotes, NUL bytes, invalid UTF-8, a
 * field over CSV_MAX_FIELD bytes or a row over CSV_MAX_FIELDS fields make the row bad: the reader
 * says why and, where the row's end can be found, goes on with the next one.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CSV_MAX_FIELD (64 * 1024)
#define CSV_MAX_FIELDS 256

struct csv_reader;

struct csv_row {
    int64_t line; /* where the row begins, from 1 */
    size_t count;
    const char **fields; /* valid until the next csv_next */
};

/* Reads from `file`, which stays the caller's. Never NULL. */
struct csv_reader *csv_reader_new(FILE *file);
void csv_reader_free(struct csv_reader *reader);

/* 1 with a row, 0 at the end, ERROR_INVALID for a bad row (`row->line` is set; call again to go
 * on), ERROR_INTERNAL when the file cannot be read. An empty line is skipped. */
int csv_next(struct csv_reader *reader, struct csv_row *row, struct error *error);

/* Bytes consumed so far, for progress. */
int64_t csv_position(const struct csv_reader *reader);

struct buffer;
/* Appends one field, quoted when it needs to be; the first field of a row has `first` set. */
void csv_append_field(struct buffer *buffer, const char *text, int first);

#endif
