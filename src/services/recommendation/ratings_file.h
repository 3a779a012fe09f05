/*
 * A file of ratings: CSV (docs/import-format.md) with the columns UserID, WineID, Rating, Vintage
 * and Date, in any order; Vintage may be missing.
 */
#ifndef RECOMMENDATION_RATINGS_FILE_H
#define RECOMMENDATION_RATINGS_FILE_H

#include "error.h"
#include "id.h"

#include <stdint.h>
#include <stdio.h>

struct ratings_file;
struct shelf;

struct ratings_row {
    int64_t line;
    char shopper[ID_SIZE];
    uint32_t wine; /* of the shelf */
    double stars;
    int64_t vintage; /* 0: none */
    int64_t at_ms;
};

/* `file` and `shelf` outlive it. ERROR_INVALID naming the column when the header is not that of
 * ratings. */
int ratings_file_open(
    struct ratings_file **out, FILE *file, const struct shelf *shelf, struct error *error);
void ratings_file_close(struct ratings_file *ratings);

/* 1 with a row, 0 at the end, ERROR_INVALID for a bad row, whose line is set and whose field the
 * error names (call again to go on): a wine that is not for sale, stars that are not 1 to 5 in
 * halves, a date that is none or lies in the future. ERROR_INTERNAL when the file cannot be read.
 */
int ratings_file_next(struct ratings_file *ratings, struct ratings_row *row, struct error *error);

/* Bytes read so far. */
int64_t ratings_file_position(const struct ratings_file *ratings);

#endif
