/* The header of a catalogue file, and rows of our own format. */
#include "import_rows.h"

#include "arena.h"
#include "buffer.h"
#include "money.h"
#include "text.h"

#include <ctype.h>
#include <string.h>

enum column {
    SKU,
    GROUP,
    NAME,
    WINERY,
    TYPE,
    ELABORATE,
    COUNTRY,
    REGION,
    SUBREGION,
    APPELLATION,
    GRAPES,
    PAIRINGS,
    VINTAGE,
    BOTTLE_ML,
    ABV,
    BODY,
    ACIDITY,
    SWEETNESS,
    TANNIN,
    PRICE,
    CURRENCY,
    STOCK,
    NOTES,
    DRINK_FROM,
    DRINK_UNTIL,
    ORGANIC,
    ENERGY_KJ,
    ENERGY_KCAL,
    SUGAR_G_L,
    INGREDIENTS,
    WEBSITE,
};

const char *const import_column_names[] = {"sku", "group", "name", "winery", "type", "elaborate",
    "country", "region", "subregion", "appellation", "grapes", "pairings", "vintage", "bottle_ml",
    "abv", "body", "acidity", "sweetness", "tannin", "price", "currency", "stock", "notes",
    "drink_from", "drink_until", "organic", "energy_kj", "energy_kcal", "sugar_g_l", "ingredients",
    "website", NULL};

static const enum column required[] = {SKU, NAME, WINERY, TYPE, COUNTRY, REGION, ABV, PRICE};

/* ---- the header ---- */

static int name_index(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

static int map_header(struct import_format *format, const struct csv_row *header,
    const char *const *names, struct error *error)
{
    format->count = header->count;
    for (int i = 0; i < IMPORT_MAX_COLUMNS; i++)
        format->columns[i] = -1;
    for (size_t i = 0; i < header->count; i++) {
        const char *name = header->fields[i];
        int column = name_index(names, name);
        if (column < 0)
            return error_set(error, ERROR_INVALID, NULL, name, "is no column we know");
        if (format->columns[column] >= 0)
            return error_set(error, ERROR_INVALID, NULL, name, "stands in the header twice");
        format->columns[column] = (int)i;
    }
    return 0;
}

static int check_complete(const struct import_format *format, struct error *error)
{
    for (int i = 0; format->x_wines && import_xwines_names[i]; i++) {
        if (format->columns[i] < 0)
            return error_set(error, ERROR_INVALID, NULL, import_xwines_names[i],
                "is missing in the header of this X-Wines file");
    }
    for (size_t i = 0; !format->x_wines && i < sizeof(required) / sizeof(required[0]); i++) {
        if (format->columns[required[i]] < 0)
            return error_set(error, ERROR_INVALID, NULL, import_column_names[required[i]],
                "is missing in the header");
    }
    return 0;
}

int import_format_read(struct import_format *format, const struct csv_row *header,
    const struct import_defaults *defaults, struct error *error)
{
    memset(format, 0, sizeof(*format));
    format->defaults = defaults;
    format->x_wines = header->count > 0 && strcmp(header->fields[0], "WineID") == 0;
    int rc = map_header(
        format, header, format->x_wines ? import_xwines_names : import_column_names, error);
    return rc < 0 ? rc : check_complete(format, error);
}

/* ---- fields ---- */

const char *import_field(
    const struct import_format *format, struct arena *arena, const struct csv_row *row, int column)
{
    int at = format->columns[column];
    if (at < 0)
        return NULL;
    const char *text = row->fields[at];
    size_t length = strlen(text);
    if (length == 0)
        return NULL;
    if (!isspace((unsigned char)text[0]) && !isspace((unsigned char)text[length - 1]))
        return arena_strndup(arena, text, length);
    text = text_trim(arena, text);
    return *text ? text : NULL;
}

int import_tenths(const char *text, int *tenths)
{
    size_t whole = strspn(text, "0123456789");
    if (whole == 0 || whole > 6)
        return -1;
    int number = 0;
    for (size_t i = 0; i < whole; i++)
        number = number * 10 + (text[i] - '0');
    number *= 10;
    text += whole;
    if (*text == '.') {
        if (!isdigit((unsigned char)text[1]) || text[2])
            return -1;
        number += text[1] - '0';
    } else if (*text) {
        return -1;
    }
    *tenths = number;
    return 0;
}

struct row_reader {
    const struct import_format *format;
    struct arena *arena;
    const struct csv_row *row;
    struct error *error;
    int rc; /* of the first failure: later reads do nothing */
};

static const char *text_at(struct row_reader *reader, enum column column)
{
    return import_field(reader->format, reader->arena, reader->row, (int)column);
}

static void reject(struct row_reader *reader, enum column column, const char *reason)
{
    if (reader->rc == 0)
        reader->rc = error_set(
            reader->error, ERROR_INVALID, NULL, import_column_names[column], "%s", reason);
}

static int64_t whole_at(struct row_reader *reader, enum column column, int64_t absent)
{
    const char *text = text_at(reader, column);
    int64_t number = absent;
    if (text && (!isdigit((unsigned char)*text) || text_to_int(text, 0, 1000000000, &number) < 0))
        reject(reader, column, "must be a whole number");
    return number;
}

static int tenths_at(struct row_reader *reader, enum column column, int absent)
{
    const char *text = text_at(reader, column);
    int tenths = absent;
    if (text && import_tenths(text, &tenths) < 0)
        reject(reader, column, "must be a number with at most one decimal");
    return tenths;
}

static size_t list_at(struct row_reader *reader, enum column column, const char **items, size_t max)
{
    const char *text = text_at(reader, column);
    const char *found[CSV_MAX_FIELDS];
    size_t count = text ? text_split(reader->arena, text, ';', found, CSV_MAX_FIELDS) : 0;
    if (count > max) {
        reject(reader, column, "names too many");
        return 0;
    }
    memcpy(items, found, count * sizeof(*items));
    return count;
}

/* "Merlot 60": where the share begins, or NULL. */
static char *share_in(const char *name, int *tenths)
{
    char *space = strrchr(name, ' ');
    return space && import_tenths(space + 1, tenths) == 0 ? space : NULL;
}

static void read_grapes(struct row_reader *reader, struct wine *wine)
{
    wine->grape_count = list_at(reader, GRAPES, wine->grapes, WINE_MAX_GRAPES);
    size_t with_share = 0;
    for (size_t i = 0; i < wine->grape_count; i++)
        with_share += share_in(wine->grapes[i], &wine->shares[i]) != NULL;
    if (with_share == 0)
        return;
    if (with_share < wine->grape_count)
        reject(reader, GRAPES, "gives some shares, but not all");
    wine->has_shares = true;
    for (size_t i = 0; reader->rc == 0 && i < wine->grape_count; i++) {
        char *end = share_in(wine->grapes[i], &wine->shares[i]);
        while (end > wine->grapes[i] && end[-1] == ' ')
            end--;
        *end = '\0';
    }
}

static void read_vintage(struct row_reader *reader, struct wine *wine)
{
    const char *text = text_at(reader, VINTAGE);
    if (!text || strcmp(text, "NV") == 0)
        return;
    int64_t year;
    if (text_to_int(text, 1800, 2100, &year) < 0)
        reject(reader, VINTAGE, "must be a year from 1800 to 2100, or NV");
    else
        wine->vintage = (int)year;
}

static void read_organic(struct row_reader *reader, struct wine *wine)
{
    const char *text = text_at(reader, ORGANIC);
    wine->organic = text && strcmp(text, "yes") == 0;
    if (text && !wine->organic && strcmp(text, "no") != 0)
        reject(reader, ORGANIC, "must be yes or no");
}

static void read_price(struct row_reader *reader, struct wine *wine)
{
    const char *price = text_at(reader, PRICE), *currency = text_at(reader, CURRENCY);
    if (!price)
        reject(reader, PRICE, "is required");
    else if (money_parse(price, &wine->price) < 0)
        reject(reader, PRICE, "must be a price with at most two decimals, such as 18.50");
    if (currency && strcmp(currency, reader->format->defaults->currency) != 0)
        reject(reader, CURRENCY, "is not the currency of this shop");
}

static void read_numbers(struct row_reader *reader, struct import_row *out)
{
    struct wine *wine = &out->wine;
    read_vintage(reader, wine);
    wine->bottle_ml = (int)whole_at(reader, BOTTLE_ML, 750);
    if (!text_at(reader, ABV))
        reject(reader, ABV, "is required");
    wine->abv = tenths_at(reader, ABV, 0);
    read_price(reader, wine);
    out->stock = whole_at(reader, STOCK, 0);
    if (out->stock > WINE_MAX_STOCK)
        reject(reader, STOCK, "must be from 0 to 1000000");
    wine->drink_from = (int)whole_at(reader, DRINK_FROM, 0);
    wine->drink_until = (int)whole_at(reader, DRINK_UNTIL, 0);
    read_organic(reader, wine);
    wine->energy_kj = (int)whole_at(reader, ENERGY_KJ, -1);
    wine->energy_kcal = (int)whole_at(reader, ENERGY_KCAL, -1);
    wine->sugar = tenths_at(reader, SUGAR_G_L, -1);
}

int import_columns_row(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error)
{
    struct row_reader reader = {.format = format, .arena = arena, .row = row, .error = error};
    struct wine *wine = &out->wine;
    wine->sku = text_at(&reader, SKU);
    const char *group = text_at(&reader, GROUP);
    out->group = group ? group : "";
    wine->name = text_at(&reader, NAME);
    wine->winery = text_at(&reader, WINERY);
    wine->type = text_at(&reader, TYPE);
    wine->elaborate = text_at(&reader, ELABORATE);
    wine->country = text_at(&reader, COUNTRY);
    wine->region = text_at(&reader, REGION);
    wine->subregion = text_at(&reader, SUBREGION);
    wine->appellation = text_at(&reader, APPELLATION);
    read_grapes(&reader, wine);
    wine->pairing_count = list_at(&reader, PAIRINGS, wine->pairings, WINE_MAX_PAIRINGS);
    read_numbers(&reader, out);
    wine->body = text_at(&reader, BODY);
    wine->acidity = text_at(&reader, ACIDITY);
    wine->sweetness = text_at(&reader, SWEETNESS);
    wine->tannin = text_at(&reader, TANNIN);
    wine->notes = text_at(&reader, NOTES);
    wine->ingredients = text_at(&reader, INGREDIENTS);
    wine->website = text_at(&reader, WEBSITE);
    if (reader.rc == 0)
        reader.rc = wine_check_text("group", out->group, 0, 200, error);
    return reader.rc;
}

int import_row_read(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error)
{
    if (row->count != format->count)
        return error_set(error, ERROR_INVALID, NULL, NULL, "has %zu fields, the header has %zu",
            row->count, format->count);
    memset(out, 0, sizeof(*out));
    wine_init(&out->wine);
    int rc = format->x_wines ? import_xwines_row(format, arena, row, out, error)
                             : import_columns_row(format, arena, row, out, error);
    return rc < 0 ? rc : wine_check(&out->wine, error);
}
