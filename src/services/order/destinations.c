#include "destinations.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "csv.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct destinations {
    struct arena *arena; /* of the texts */
    struct destination *rows;
    size_t count;
};

enum column {
    COUNTRY,
    REGION,
    NAME,
    MIN_AGE,
    CURRENCY,
    TAX_PERCENT,
    TAX_LABEL,
    TAX_INCLUDED,
    SHIPPING_BASE,
    SHIPPING_PER_BOTTLE,
    FREE_FROM,
    MAX_BOTTLES,
    VALID_FROM,
    VALID_UNTIL,
    NOTE,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    [COUNTRY] = "country",
    [REGION] = "region",
    [NAME] = "name",
    [MIN_AGE] = "min_age",
    [CURRENCY] = "currency",
    [TAX_PERCENT] = "tax_percent",
    [TAX_LABEL] = "tax_label",
    [TAX_INCLUDED] = "tax_included",
    [SHIPPING_BASE] = "shipping_base",
    [SHIPPING_PER_BOTTLE] = "shipping_per_bottle",
    [FREE_FROM] = "free_from",
    [MAX_BOTTLES] = "max_bottles_per_order",
    [VALID_FROM] = "valid_from",
    [VALID_UNTIL] = "valid_until",
    [NOTE] = "note",
};

struct reading {
    const char *path;
    struct destinations *table;
    int positions[COLUMNS]; /* of each column in the file's rows */
    const struct csv_row *row;
};

static int refuse(
    const struct reading *reading, enum column column, const char *rule, struct error *error)
{
    return error_set(error, ERROR_INVALID, NULL, column_names[column], "%s, line %lld, %s: %s",
        reading->path, (long long)reading->row->line, column_names[column], rule);
}

static const char *field(const struct reading *reading, enum column column)
{
    return reading->row->fields[reading->positions[column]];
}

static int read_header(struct reading *reading, struct error *error)
{
    const struct csv_row *row = reading->row;
    for (int column = 0; column < COLUMNS; column++) {
        reading->positions[column] = -1;
        for (size_t i = 0; i < row->count; i++) {
            if (strcmp(row->fields[i], column_names[column]) == 0)
                reading->positions[column] = (int)i;
        }
        if (reading->positions[column] < 0)
            return error_set(error, ERROR_INVALID, NULL, column_names[column],
                "%s: the header has no column \"%s\" (see docs/destinations.md)", reading->path,
                column_names[column]);
    }
    return 0;
}

static bool upper_letters(const char *text, size_t count)
{
    if (strlen(text) != count)
        return false;
    for (; *text; text++) {
        if (*text < 'A' || *text > 'Z')
            return false;
    }
    return true;
}

static bool region_code(const char *text)
{
    if (strlen(text) > 8)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text) && (*text < 'A' || *text > 'Z'))
            return false;
    }
    return true;
}

static int read_place(
    const struct reading *reading, struct destination *destination, struct error *error)
{
    if (!upper_letters(field(reading, COUNTRY), 2))
        return refuse(reading, COUNTRY, "must be two capital letters, such as DE", error);
    if (!region_code(field(reading, REGION)))
        return refuse(reading, REGION, "must be empty or a code such as CA", error);
    if (!*field(reading, NAME))
        return refuse(reading, NAME, "is needed", error);
    int64_t age;
    if (text_to_int(field(reading, MIN_AGE), 16, 25, &age) < 0)
        return refuse(reading, MIN_AGE, "must be a whole number from 16 to 25", error);
    strcpy(destination->country, field(reading, COUNTRY));
    strcpy(destination->region, field(reading, REGION));
    destination->name = arena_strdup(reading->table->arena, field(reading, NAME));
    destination->min_age = (int)age;
    const char *note = field(reading, NOTE);
    destination->note = *note ? arena_strdup(reading->table->arena, note) : NULL;
    return 0;
}

static int read_cost(
    const struct reading *reading, struct destination *destination, struct error *error)
{
    const char *money_rule = "must be an amount such as 5.90";
    if (!upper_letters(field(reading, CURRENCY), 3))
        return refuse(reading, CURRENCY, "must be three capital letters, such as EUR", error);
    strcpy(destination->currency, field(reading, CURRENCY));
    /* A percentage with two decimals is parsed like an amount: in hundredths. */
    if (money_parse(field(reading, TAX_PERCENT), &destination->tax_hundredths) < 0 ||
        destination->tax_hundredths > 10000)
        return refuse(reading, TAX_PERCENT, "must be from 0 to 100, such as 7.25", error);
    if (!*field(reading, TAX_LABEL))
        return refuse(reading, TAX_LABEL, "is needed, such as VAT", error);
    destination->tax_label = arena_strdup(reading->table->arena, field(reading, TAX_LABEL));
    destination->tax_included = strcmp(field(reading, TAX_INCLUDED), "yes") == 0;
    if (!destination->tax_included && strcmp(field(reading, TAX_INCLUDED), "no") != 0)
        return refuse(reading, TAX_INCLUDED, "must be yes or no", error);
    if (money_parse(field(reading, SHIPPING_BASE), &destination->shipping_base) < 0)
        return refuse(reading, SHIPPING_BASE, money_rule, error);
    if (money_parse(field(reading, SHIPPING_PER_BOTTLE), &destination->shipping_per_bottle) < 0)
        return refuse(reading, SHIPPING_PER_BOTTLE, money_rule, error);
    destination->free_from = -1;
    const char *free_from = field(reading, FREE_FROM);
    if (*free_from && money_parse(free_from, &destination->free_from) < 0)
        return refuse(reading, FREE_FROM, "must be empty or an amount such as 120.00", error);
    if (text_to_int(field(reading, MAX_BOTTLES), 1, 39960, &destination->max_bottles) < 0)
        return refuse(reading, MAX_BOTTLES, "must be a whole number from 1", error);
    return 0;
}

static int read_dates(
    const struct reading *reading, struct destination *destination, struct error *error)
{
    const char *from = field(reading, VALID_FROM), *until = field(reading, VALID_UNTIL);
    if (strlen(from) != 10 || clock_parse_date(from, NULL, NULL, NULL) < 0)
        return refuse(reading, VALID_FROM, "must be a date such as 2026-01-31", error);
    if (*until && (strlen(until) != 10 || clock_parse_date(until, NULL, NULL, NULL) < 0))
        return refuse(reading, VALID_UNTIL, "must be empty or a date such as 2026-01-31", error);
    if (*until && strcmp(until, from) < 0)
        return refuse(reading, VALID_UNTIL, "lies before valid_from", error);
    strcpy(destination->valid_from, from);
    strcpy(destination->valid_until, until);
    return 0;
}

static bool same_place(const struct destination *a, const struct destination *b)
{
    return strcmp(a->country, b->country) == 0 && strcmp(a->region, b->region) == 0;
}

static bool overlap(const struct destination *a, const struct destination *b)
{
    bool a_ends_first = *a->valid_until && strcmp(a->valid_until, b->valid_from) < 0;
    bool b_ends_first = *b->valid_until && strcmp(b->valid_until, a->valid_from) < 0;
    return !a_ends_first && !b_ends_first;
}

static int add_row(const struct reading *reading, struct error *error)
{
    struct destination row = {0};
    int rc = read_place(reading, &row, error);
    if (rc == 0)
        rc = read_cost(reading, &row, error);
    if (rc == 0)
        rc = read_dates(reading, &row, error);
    if (rc < 0)
        return rc;
    struct destinations *table = reading->table;
    for (size_t i = 0; i < table->count; i++) {
        if (same_place(&table->rows[i], &row) && overlap(&table->rows[i], &row))
            return refuse(
                reading, VALID_FROM, "another row of the same place holds at that time", error);
    }
    table->rows = realloc(table->rows, (table->count + 1) * sizeof(row));
    if (!table->rows)
        abort();
    table->rows[table->count++] = row;
    return 0;
}

static int read_rows(struct reading *reading, FILE *file, struct error *error)
{
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row = {0};
    reading->row = &row;
    bool header = true;
    size_t width = 0;
    int rc;
    while ((rc = csv_next(reader, &row, error)) > 0) {
        if (header) {
            rc = read_header(reading, error);
            width = row.count;
        } else if (row.count != width) {
            rc = error_set(error, ERROR_INVALID, NULL, NULL,
                "%s, line %lld: %zu fields, but the header has %zu", reading->path,
                (long long)row.line, row.count, width);
        } else {
            rc = add_row(reading, error);
        }
        header = false;
        if (rc < 0)
            break;
    }
    if (rc == ERROR_INVALID && !strstr(error->message, reading->path)) {
        struct error broken = *error;
        error_set(error, ERROR_INVALID, NULL, NULL, "%s, line %lld: %.200s", reading->path,
            (long long)row.line, broken.message);
    }
    csv_reader_free(reader);
    if (rc == 0 && reading->table->count == 0)
        rc = error_set(error, ERROR_INVALID, NULL, NULL, "%s holds no destination", reading->path);
    return rc;
}

int destinations_load(struct destinations **out, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL,
            "%s: the table of destinations cannot be read: %s", path, strerror(errno));
    struct destinations *table = calloc(1, sizeof(*table));
    if (!table)
        abort();
    table->arena = arena_new();
    struct reading reading = {.path = path, .table = table};
    int rc = read_rows(&reading, file, error);
    fclose(file);
    if (rc < 0) {
        destinations_free(table);
        return rc;
    }
    *out = table;
    return 0;
}

void destinations_free(struct destinations *destinations)
{
    if (!destinations)
        return;
    arena_free(destinations->arena);
    free(destinations->rows);
    free(destinations);
}

/* ---- looking up ---- */

static void day_of(int64_t now_ms, char day[11])
{
    char text[CLOCK_TEXT_SIZE];
    memcpy(day, clock_format(now_ms, text), 10);
    day[10] = '\0';
}

static bool holds(const struct destination *row, const char *day)
{
    return strcmp(row->valid_from, day) <= 0 &&
           (!*row->valid_until || strcmp(day, row->valid_until) <= 0);
}

int destinations_find(const struct destinations *destinations, const char *country,
    const char *region, int64_t now_ms, const struct destination **out, struct error *error)
{
    char day[11];
    day_of(now_ms, day);
    const struct destination *whole = NULL;
    bool by_region = false;
    for (size_t i = 0; i < destinations->count; i++) {
        const struct destination *row = &destinations->rows[i];
        if (strcmp(row->country, country) != 0 || !holds(row, day))
            continue;
        if (!*row->region) {
            whole = row;
        } else if (region && strcasecmp(row->region, region) == 0) {
            *out = row;
            return 0;
        } else {
            by_region = true;
        }
    }
    if (whole) {
        *out = whole;
        return 0;
    }
    if (by_region && (!region || !*region))
        return error_set(error, ERROR_INVALID, "destination_not_served", "region",
            "we ship to parts of this country only: say which state or region");
    if (by_region)
        return error_set(error, ERROR_INVALID, "destination_not_served", "region",
            "we do not ship to this part of the country; see the list of destinations");
    return error_set(error, ERROR_INVALID, "destination_not_served", "country",
        "we do not ship to this country; see the list of destinations");
}

const char *destinations_currency(const struct destinations *destinations)
{
    return destinations->rows[0].currency;
}

/* ---- what it costs ---- */

struct quote destination_quote(
    const struct destination *destination, int64_t subtotal, int64_t bottles)
{
    struct quote quote = {.subtotal = subtotal};
    bool free = destination->free_from >= 0 && subtotal >= destination->free_from;
    if (!free && bottles > 0)
        quote.shipping = destination->shipping_base + bottles * destination->shipping_per_bottle;
    int64_t base = subtotal + quote.shipping;
    quote.tax = destination->tax_included
                    ? money_percent_contained(base, destination->tax_hundredths)
                    : money_percent(base, destination->tax_hundredths);
    quote.total = destination->tax_included ? base : base + quote.tax;
    return quote;
}

/* "7.25", "19", "6.5" */
static void append_percent(struct buffer *buffer, int64_t hundredths)
{
    buffer_append_int(buffer, hundredths / 100);
    int rest = (int)(hundredths % 100);
    if (rest) {
        buffer_append_char(buffer, '.');
        buffer_append_char(buffer, (char)('0' + rest / 10));
        if (rest % 10)
            buffer_append_char(buffer, (char)('0' + rest % 10));
    }
}

void destination_write_charges(const struct destination *destination, const struct quote *quote,
    int64_t bottles, struct buffer *buffer)
{
    CLEANUP_BUFFER struct buffer label = BUFFER_INIT;
    buffer_append_int(&label, bottles);
    buffer_append_text(&label, bottles == 1 ? " bottle to " : " bottles to ");
    buffer_append_text(&label, destination->name);
    buffer_append_text(buffer, "[{\"kind\":\"shipping\",\"label\":");
    buffer_append_json(buffer, label.data);
    buffer_append_text(buffer, ",\"amount\":");
    buffer_append_int(buffer, quote->shipping);
    buffer_append_text(buffer, ",\"included\":false}");
    if (destination->tax_hundredths) {
        buffer_reset(&label);
        buffer_append_text(&label, destination->tax_label);
        buffer_append_char(&label, ' ');
        append_percent(&label, destination->tax_hundredths);
        buffer_append_text(&label, " %");
        buffer_append_text(buffer, ",{\"kind\":\"tax\",\"label\":");
        buffer_append_json(buffer, label.data);
        buffer_append_text(buffer, ",\"amount\":");
        buffer_append_int(buffer, quote->tax);
        buffer_append_text(
            buffer, destination->tax_included ? ",\"included\":true}" : ",\"included\":false}");
    }
    buffer_append_char(buffer, ']');
}

void destination_write(const struct destination *destination, struct buffer *buffer)
{
    buffer_append_text(buffer, "{\"country\":");
    buffer_append_json(buffer, destination->country);
    buffer_append_text(buffer, ",\"region\":");
    buffer_append_json(buffer, *destination->region ? destination->region : NULL);
    buffer_append_text(buffer, ",\"name\":");
    buffer_append_json(buffer, destination->name);
    buffer_append_text(buffer, ",\"min_age\":");
    buffer_append_int(buffer, destination->min_age);
    buffer_append_text(buffer, ",\"tax_percent\":");
    append_percent(buffer, destination->tax_hundredths);
    buffer_append_text(buffer, ",\"tax_label\":");
    buffer_append_json(buffer, destination->tax_label);
    buffer_append_text(
        buffer, destination->tax_included ? ",\"tax_included\":true" : ",\"tax_included\":false");
    buffer_append_text(buffer, ",\"shipping_flat\":");
    buffer_append_int(buffer, destination->shipping_base);
    buffer_append_text(buffer, ",\"shipping_per_bottle\":");
    buffer_append_int(buffer, destination->shipping_per_bottle);
    buffer_append_text(buffer, ",\"free_shipping_from\":");
    if (destination->free_from >= 0)
        buffer_append_int(buffer, destination->free_from);
    else
        buffer_append_text(buffer, "null");
    buffer_append_text(buffer, ",\"max_bottles_per_order\":");
    buffer_append_int(buffer, destination->max_bottles);
    buffer_append_text(buffer, ",\"currency\":");
    buffer_append_json(buffer, destination->currency);
    buffer_append_text(buffer, ",\"note\":");
    buffer_append_json(buffer, destination->note);
    buffer_append_text(buffer, ",\"valid_from\":");
    buffer_append_json(buffer, destination->valid_from);
    buffer_append_char(buffer, '}');
}

void destinations_write(
    const struct destinations *destinations, int64_t now_ms, struct buffer *buffer)
{
    char day[11];
    day_of(now_ms, day);
    buffer_append_text(buffer, "{\"items\":[");
    bool first = true;
    for (size_t i = 0; i < destinations->count; i++) {
        if (!holds(&destinations->rows[i], day))
            continue;
        if (!first)
            buffer_append_char(buffer, ',');
        first = false;
        destination_write(&destinations->rows[i], buffer);
    }
    buffer_append_text(buffer, "]}");
}
