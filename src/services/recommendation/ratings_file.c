#include "ratings_file.h"

#include "clock.h"
#include "csv.h"
#include "shelf.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column { USER, WINE, RATING, VINTAGE, DATE, COLUMNS };
static const char *const names[COLUMNS] = {"UserID", "WineID", "Rating", "Vintage", "Date"};

struct ratings_file {
    struct csv_reader *reader;
    const struct shelf *shelf;
    int64_t now_ms;
    int places[COLUMNS]; /* -1: not there */
    size_t fields;
};

static int read_header(struct ratings_file *ratings, struct error *error)
{
    struct csv_row row;
    int rc = csv_next(ratings->reader, &row, error);
    if (rc == 0)
        return error_set(error, ERROR_INVALID, NULL, "header", "the file is empty");
    if (rc < 0)
        return rc;
    for (int column = 0; column < COLUMNS; column++) {
        ratings->places[column] = -1;
        for (size_t i = 0; i < row.count; i++) {
            if (strcmp(row.fields[i], names[column]) == 0)
                ratings->places[column] = (int)i;
        }
        if (ratings->places[column] < 0 && column != VINTAGE)
            return error_set(error, ERROR_INVALID, NULL, names[column],
                "the column is missing: the header must be UserID,WineID,Rating,Vintage,Date");
    }
    ratings->fields = row.count;
    return 0;
}

int ratings_file_open(
    struct ratings_file **out, FILE *file, const struct shelf *shelf, struct error *error)
{
    struct ratings_file *ratings = calloc(1, sizeof(*ratings));
    if (!ratings)
        abort();
    ratings->reader = csv_reader_new(file);
    ratings->shelf = shelf;
    ratings->now_ms = clock_now_ms();
    int rc = read_header(ratings, error);
    if (rc < 0) {
        ratings_file_close(ratings);
        return rc;
    }
    *out = ratings;
    return 0;
}

void ratings_file_close(struct ratings_file *ratings)
{
    if (!ratings)
        return;
    csv_reader_free(ratings->reader);
    free(ratings);
}

int64_t ratings_file_position(const struct ratings_file *ratings)
{
    return csv_position(ratings->reader);
}

/* ---- one row ---- */

static int refuse(struct error *error, enum column column, const char *value, const char *rule)
{
    return error_set(error, ERROR_INVALID, NULL, names[column], "\"%.40s\" %s", value, rule);
}

static int read_shopper(const char *text, char shopper[ID_SIZE], struct error *error)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(text);
    if (!length || length >= ID_SIZE || strspn(text, letters) != length)
        return refuse(error, USER, text, "must be 1 to 26 letters, digits, '.', '_' or '-'");
    memcpy(shopper, text, length + 1);
    return 0;
}

static int read_stars(const char *text, double *stars, struct error *error)
{
    if (text_to_double(text, 1, 5, stars) < 0 || fmod(*stars * 2, 1) != 0)
        return refuse(error, RATING, text, "must be 1 to 5, in halves");
    return 0;
}

static int read_vintage(const char *text, int64_t *vintage, struct error *error)
{
    *vintage = 0;
    if (!*text || strcmp(text, "0") == 0 || strcmp(text, "N.V.") == 0 || strcmp(text, "NV") == 0)
        return 0;
    if (text_to_int(text, 1800, 2100, vintage) < 0)
        return refuse(
            error, VINTAGE, text, "must be a year from 1800 to 2100, or 0 or N.V. for none");
    return 0;
}

/* RFC 3339, or X-Wines' "2012-04-19 20:46:00" (UTC), or a day. */
static int read_date(
    const struct ratings_file *ratings, const char *text, int64_t *at_ms, struct error *error)
{
    char rfc[40] = "";
    size_t length = strlen(text);
    if (length == 19 && text[10] == ' ')
        snprintf(rfc, sizeof(rfc), "%.10sT%.8sZ", text, text + 11);
    else if (length == 10)
        snprintf(rfc, sizeof(rfc), "%.10sT00:00:00Z", text);
    else if (length < sizeof(rfc))
        memcpy(rfc, text, length + 1);
    if (clock_parse(rfc, at_ms) < 0 || *at_ms <= 0)
        return refuse(error, DATE, text, "must be a date and time such as 2020-08-25 02:29:49");
    if (*at_ms > ratings->now_ms)
        return refuse(error, DATE, text, "lies in the future");
    return 0;
}

static int read_wine(
    const struct ratings_file *ratings, const char *text, uint32_t *wine, struct error *error)
{
    *wine = strlen(text) > 64 ? NO_WINE : shelf_find_key(ratings->shelf, text);
    return *wine == NO_WINE ? refuse(error, WINE, text, "is no wine of the catalogue") : 0;
}

int ratings_file_next(struct ratings_file *ratings, struct ratings_row *row, struct error *error)
{
    struct csv_row csv;
    int rc = csv_next(ratings->reader, &csv, error);
    row->line = csv.line;
    if (rc <= 0)
        return rc;
    if (csv.count != ratings->fields)
        return error_set(error, ERROR_INVALID, NULL, "row", "has %zu fields, the header %zu",
            csv.count, ratings->fields);
    const int *places = ratings->places;
    rc = read_shopper(csv.fields[places[USER]], row->shopper, error);
    if (rc == 0)
        rc = read_wine(ratings, csv.fields[places[WINE]], &row->wine, error);
    if (rc == 0)
        rc = read_stars(csv.fields[places[RATING]], &row->stars, error);
    if (rc == 0)
        rc = read_vintage(
            places[VINTAGE] < 0 ? "" : csv.fields[places[VINTAGE]], &row->vintage, error);
    if (rc == 0)
        rc = read_date(ratings, csv.fields[places[DATE]], &row->at_ms, error);
    return rc == 0 ? 1 : rc;
}
