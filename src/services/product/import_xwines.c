/* Rows of the X-Wines data set (github.com/rogerioxavier/X-Wines): its lists are in Python's
 * notation, and it has neither prices nor stock. */
#include "import_rows.h"

#include "arena.h"
#include "text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum column {
    WINE_ID,
    WINE_NAME,
    TYPE,
    ELABORATE,
    GRAPES,
    HARMONIZE,
    ABV,
    BODY,
    ACIDITY,
    CODE,
    COUNTRY,
    REGION_ID,
    REGION_NAME,
    WINERY_ID,
    WINERY_NAME,
    WEBSITE,
    VINTAGES,
};

const char *const import_xwines_names[] = {"WineID", "WineName", "Type", "Elaborate", "Grapes",
    "Harmonize", "ABV", "Body", "Acidity", "Code", "Country", "RegionID", "RegionName", "WineryID",
    "WineryName", "Website", "Vintages", NULL};

/* ---- Python's lists ---- */

/* Calls `item` for each element, quoted or bare. 0, or -1 when it is no list. */
static int each_item(struct arena *arena, const char *text,
    int (*item)(void *ctx, const char *text, bool quoted), void *ctx)
{
    if (*text++ != '[')
        return -1;
    for (;;) {
        text += strspn(text, " ");
        if (*text == ']')
            return text[1] ? -1 : 0;
        char quote = *text == '\'' || *text == '"' ? *text++ : '\0';
        char *out = arena_alloc(arena, strlen(text) + 1);
        size_t length = 0;
        while (*text && (quote ? *text != quote : *text != ',' && *text != ']')) {
            if (quote && *text == '\\' && text[1])
                text++;
            out[length++] = *text++;
        }
        if (!*text || (quote && *text++ != quote))
            return -1;
        out[length] = '\0';
        if (item(ctx, text_trim(arena, out), quote) < 0)
            return -1;
        text += strspn(text, " ");
        if (*text == ',')
            text++;
        else if (*text != ']')
            return -1;
    }
}

struct names {
    const char **items;
    size_t count, max;
};

static int add_name(void *ctx, const char *text, bool quoted)
{
    struct names *names = ctx;
    if (!quoted)
        return -1;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], text) == 0)
            return 0;
    }
    if (names->count == names->max)
        return -1;
    if (*text)
        names->items[names->count++] = text;
    return 0;
}

static int newest(void *ctx, const char *text, bool quoted)
{
    int *vintage = ctx;
    int64_t year;
    if (quoted) /* 'N.V.' */
        return 0;
    if (text_to_int(text, 1800, 2100, &year) < 0)
        return -1;
    if (year > *vintage)
        *vintage = (int)year;
    return 0;
}

/* ---- a row ---- */

struct word_pair {
    const char *theirs, *ours;
};

static const char *translate(const struct word_pair *pairs, const char *word)
{
    for (; word && pairs->theirs; pairs++) {
        if (strcmp(pairs->theirs, word) == 0)
            return pairs->ours;
    }
    return word;
}

static const struct word_pair types[] = {{"Dessert/Port", "Fortified"}, {NULL, NULL}};
static const struct word_pair bodies[] = {
    {"Very light-bodied", "very light"},
    {"Light-bodied", "light"},
    {"Medium-bodied", "medium"},
    {"Full-bodied", "full"},
    {"Very full-bodied", "very full"},
    {NULL, NULL},
};
static const struct word_pair acidities[] = {
    {"Low", "low"}, {"Medium", "medium"}, {"High", "high"}, {NULL, NULL}};

/* A price that the same sku always gets, cheap ones oftener than dear ones, to ten minor units. */
static int64_t price_of(const char *sku, const struct import_defaults *defaults)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *sku; sku++)
        hash = (hash ^ (unsigned char)*sku) * 0x100000001b3u;
    hash ^= hash >> 32;
    int64_t chance = (int64_t)(hash & 0x3ff);
    int64_t span = defaults->price_max - defaults->price_min;
    int64_t price = defaults->price_min + span * chance / 1023 * chance / 1023;
    int64_t rounded = price / 10 * 10;
    return rounded < defaults->price_min ? price : rounded;
}

/* Some are written without a scheme, some in capitals. */
static const char *website_of(struct arena *arena, const char *text)
{
    if (!text || text_starts_with(text, "http://") || text_starts_with(text, "https://"))
        return text;
    if (strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0) {
        char *copy = arena_strdup(arena, text);
        for (char *c = copy; *c != ':'; c++)
            *c = (char)tolower((unsigned char)*c);
        return copy;
    }
    return strchr(text, '.') && !strpbrk(text, " :@") ? arena_printf(arena, "http://%s", text)
                                                      : NULL;
}

static int read_lists(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct wine *wine, struct error *error)
{
    struct names grapes = {.items = wine->grapes, .max = WINE_MAX_GRAPES};
    struct names pairings = {.items = wine->pairings, .max = WINE_MAX_PAIRINGS};
    const char *text = import_field(format, arena, row, GRAPES);
    if (text && each_item(arena, text, add_name, &grapes) < 0)
        return error_set(error, ERROR_INVALID, NULL, "Grapes",
            "must be a list of at most %d quoted names", WINE_MAX_GRAPES);
    text = import_field(format, arena, row, HARMONIZE);
    if (text && each_item(arena, text, add_name, &pairings) < 0)
        return error_set(error, ERROR_INVALID, NULL, "Harmonize",
            "must be a list of at most %d quoted names", WINE_MAX_PAIRINGS);
    text = import_field(format, arena, row, VINTAGES);
    if (text && each_item(arena, text, newest, &wine->vintage) < 0)
        return error_set(error, ERROR_INVALID, NULL, "Vintages", "must be a list of years");
    wine->grape_count = grapes.count;
    wine->pairing_count = pairings.count;
    return 0;
}

int import_xwines_row(const struct import_format *format, struct arena *arena,
    const struct csv_row *row, struct import_row *out, struct error *error)
{
    struct wine *wine = &out->wine;
    const char *id = import_field(format, arena, row, WINE_ID);
    if (!id || id[strspn(id, "0123456789")] || strlen(id) > 20)
        return error_set(error, ERROR_INVALID, NULL, "WineID", "must be a number");
    wine->sku = arena_printf(arena, "xw-%s", id);
    out->group = "";
    wine->name = import_field(format, arena, row, WINE_NAME);
    wine->winery = import_field(format, arena, row, WINERY_NAME);
    wine->type = translate(types, import_field(format, arena, row, TYPE));
    wine->elaborate = import_field(format, arena, row, ELABORATE);
    wine->country = import_field(format, arena, row, COUNTRY);
    wine->region = import_field(format, arena, row, REGION_NAME);
    wine->body = translate(bodies, import_field(format, arena, row, BODY));
    wine->acidity = translate(acidities, import_field(format, arena, row, ACIDITY));
    wine->website = website_of(arena, import_field(format, arena, row, WEBSITE));
    const char *abv = import_field(format, arena, row, ABV);
    if (!abv || import_tenths(abv, &wine->abv) < 0)
        return error_set(
            error, ERROR_INVALID, NULL, "ABV", "must be a number with at most one decimal");
    wine->price = price_of(wine->sku, format->defaults);
    out->stock = format->defaults->stock;
    return read_lists(format, arena, row, wine, error);
}
