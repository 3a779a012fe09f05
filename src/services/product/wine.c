#include "wine.h"

#include "buffer.h"
#include "search_words.h"
#include "text.h"

#include <string.h>

void wine_init(struct wine *wine)
{
    memset(wine, 0, sizeof(*wine));
    wine->bottle_ml = 750;
    wine->energy_kj = wine->energy_kcal = wine->sugar = -1;
}

/* ---- rules ---- */

int wine_check_text(
    const char *field, const char *text, size_t min, size_t max, struct error *error)
{
    if (!text)
        text = "";
    if (!utf8_valid(text, strlen(text)))
        return error_set(error, ERROR_INVALID, NULL, field, "is not valid UTF-8");
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if ((*c < 0x20 && *c != '\n' && *c != '\r') || *c == 0x7f)
            return error_set(error, ERROR_INVALID, NULL, field, "holds a control character");
    }
    size_t length = utf8_length(text);
    if (length < min)
        return error_set(error, ERROR_INVALID, NULL, field, "is required");
    if (length > max)
        return error_set(
            error, ERROR_INVALID, NULL, field, "must have at most %zu characters", max);
    return 0;
}

static int check_word(
    const char *field, const char *value, const char *const *words, struct error *error)
{
    if (!value)
        return 0;
    CLEANUP_BUFFER struct buffer known = BUFFER_INIT;
    for (; *words; words++) {
        if (strcmp(value, *words) == 0)
            return 0;
        buffer_printf(&known, "%s%s", known.length ? ", " : "", *words);
    }
    return error_set(error, ERROR_INVALID, NULL, field, "must be one of: %s", known.data);
}

static int check_number(
    const char *field, int64_t value, int64_t low, int64_t high, int64_t scale, struct error *error)
{
    if (value >= low && value <= high)
        return 0;
    return error_set(error, ERROR_INVALID, NULL, field, "must be from %lld to %lld",
        (long long)(low / scale), (long long)(high / scale));
}

/* Lists are joined by semicolons in the catalogue file, so no name may hold one. */
static int check_names(
    const char *field, const char *const *names, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        int rc = wine_check_text(field, names[i], 1, 100, error);
        if (rc < 0)
            return rc;
        if (strchr(names[i], ';'))
            return error_set(error, ERROR_INVALID, NULL, field, "a name must not hold a semicolon");
        for (size_t j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0)
                return error_set(error, ERROR_INVALID, NULL, field, "%s is named twice", names[i]);
        }
    }
    return 0;
}

/* "Merlot 60" is how the catalogue file writes a share, so no name may end like one. */
static bool ends_in_number(const char *name)
{
    const char *space = strrchr(name, ' ');
    return space && space[1] && space[1 + strspn(space + 1, "0123456789.")] == '\0';
}

static int check_shares(const struct wine *wine, struct error *error)
{
    for (size_t i = 0; i < wine->grape_count; i++) {
        if (ends_in_number(wine->grapes[i]))
            return error_set(
                error, ERROR_INVALID, NULL, "grapes", "a name must not end in a number");
    }
    int sum = 0;
    for (size_t i = 0; i < wine->grape_count; i++)
        sum += wine->shares[i];
    if (wine->has_shares && sum != 1000)
        return error_set(error, ERROR_INVALID, NULL, "grapes",
            "the shares must sum to 100, not to %d.%d", sum / 10, sum % 10);
    return 0;
}

static int check_sku(const char *sku, struct error *error)
{
    int rc = wine_check_text("sku", sku, 1, 64, error);
    if (rc == 0 && sku[strspn(sku, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-")])
        return error_set(error, ERROR_INVALID, NULL, "sku",
            "may hold letters, digits, points, underscores and hyphens");
    return rc;
}

static int check_texts(const struct wine *wine, struct error *error)
{
    const struct {
        const char *field, *text;
        size_t min, max;
    } rules[] = {
        {"name", wine->name, 1, 200},
        {"winery", wine->winery, 1, 200},
        {"type", wine->type, 1, 20},
        {"elaborate", wine->elaborate, 0, 100},
        {"country", wine->country, 1, 100},
        {"region", wine->region, 1, 100},
        {"subregion", wine->subregion, 0, 100},
        {"appellation", wine->appellation, 0, 100},
        {"notes", wine->notes, 0, 2000},
        {"ingredients", wine->ingredients, 0, 1000},
        {"website", wine->website, 0, 500},
    };
    int rc = check_sku(wine->sku, error);
    for (size_t i = 0; rc == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
        rc = wine_check_text(rules[i].field, rules[i].text, rules[i].min, rules[i].max, error);
    if (rc == 0 && wine->website && !text_starts_with(wine->website, "http://") &&
        !text_starts_with(wine->website, "https://"))
        rc =
            error_set(error, ERROR_INVALID, NULL, "website", "must begin with http:// or https://");
    return rc;
}

static int check_words(const struct wine *wine, struct error *error)
{
    static const char *const types[] = {
        "Red", "White", "Rosé", "Sparkling", "Dessert", "Fortified", NULL};
    static const char *const bodies[] = {
        "very light", "light", "medium", "full", "very full", NULL};
    static const char *const acidities[] = {"low", "medium", "high", NULL};
    static const char *const sweetnesses[] = {
        "bone dry", "dry", "off-dry", "medium", "sweet", NULL};
    static const char *const tannins[] = {"none", "low", "medium", "high", NULL};
    int rc = check_word("type", wine->type, types, error);
    if (rc == 0)
        rc = check_word("body", wine->body, bodies, error);
    if (rc == 0)
        rc = check_word("acidity", wine->acidity, acidities, error);
    if (rc == 0)
        rc = check_word("sweetness", wine->sweetness, sweetnesses, error);
    return rc < 0 ? rc : check_word("tannin", wine->tannin, tannins, error);
}

static int check_numbers(const struct wine *wine, struct error *error)
{
    int rc = wine->vintage ? check_number("vintage", wine->vintage, 1800, 2100, 1, error) : 0;
    if (rc == 0)
        rc = check_number("bottle_ml", wine->bottle_ml, 50, 30000, 1, error);
    if (rc == 0)
        rc = check_number("abv", wine->abv, 0, 600, 10, error);
    if (rc == 0 && wine->drink_from)
        rc = check_number("drink_from", wine->drink_from, 1800, 2200, 1, error);
    if (rc == 0 && wine->drink_until)
        rc = check_number("drink_until", wine->drink_until, 1800, 2200, 1, error);
    if (rc == 0 && wine->drink_until && wine->drink_until < wine->drink_from)
        rc = error_set(error, ERROR_INVALID, NULL, "drink_until", "must not be before drink_from");
    if (rc == 0 && wine->energy_kj >= 0)
        rc = check_number("energy_kj", wine->energy_kj, 0, 100000, 1, error);
    if (rc == 0 && wine->energy_kcal >= 0)
        rc = check_number("energy_kcal", wine->energy_kcal, 0, 100000, 1, error);
    if (rc == 0 && wine->sugar >= 0)
        rc = check_number("sugar_g_l", wine->sugar, 0, 10000, 10, error);
    if (rc == 0 && (wine->price < 1 || wine->price > WINE_MAX_PRICE))
        rc = error_set(
            error, ERROR_INVALID, NULL, "price", "must be from 0.01 to %d", WINE_MAX_PRICE / 100);
    return rc;
}

int wine_check(const struct wine *wine, struct error *error)
{
    int rc = check_texts(wine, error);
    if (rc == 0)
        rc = check_words(wine, error);
    if (rc == 0)
        rc = check_names("grapes", wine->grapes, wine->grape_count, error);
    if (rc == 0)
        rc = check_names("pairings", wine->pairings, wine->pairing_count, error);
    if (rc == 0)
        rc = check_shares(wine, error);
    return rc < 0 ? rc : check_numbers(wine, error);
}

/* ---- rendering ---- */

static void put_name(struct buffer *out, const char *name)
{
    if (out->length)
        buffer_append_char(out, ',');
    buffer_append_char(out, '"');
    buffer_append_text(out, name);
    buffer_append_text(out, "\":");
}

static void put_text(struct buffer *out, const char *name, const char *text)
{
    put_name(out, name);
    buffer_append_json(out, text);
}

/* A number of which `absent` means null. */
static void put_number(struct buffer *out, const char *name, int64_t number, int64_t absent)
{
    put_name(out, name);
    if (number == absent)
        buffer_append_text(out, "null");
    else
        buffer_append_int(out, number);
}

static void append_tenths(struct buffer *out, int tenths)
{
    buffer_append_int(out, tenths / 10);
    if (tenths % 10) {
        buffer_append_char(out, '.');
        buffer_append_int(out, tenths % 10);
    }
}

static void put_tenths(struct buffer *out, const char *name, int tenths)
{
    put_name(out, name);
    if (tenths < 0)
        buffer_append_text(out, "null");
    else
        append_tenths(out, tenths);
}

static void put_list(struct buffer *out, const char *name, const char *const *items, size_t count)
{
    put_name(out, name);
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(out, ',');
        buffer_append_json(out, items[i]);
    }
    buffer_append_char(out, ']');
}

static void put_shares(struct buffer *out, const struct wine *wine)
{
    put_name(out, "grape_shares");
    buffer_append_char(out, '[');
    for (size_t i = 0; wine->has_shares && i < wine->grape_count; i++) {
        buffer_append_text(out, i ? ",{\"name\":" : "{\"name\":");
        buffer_append_json(out, wine->grapes[i]);
        buffer_append_text(out, ",\"percent\":");
        append_tenths(out, wine->shares[i]);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

static void put_vintage_label(struct buffer *out, int vintage)
{
    put_name(out, "vintage_label");
    if (vintage)
        buffer_printf(out, "\"%d\"", vintage);
    else
        buffer_append_text(out, "\"NV\"");
}

static void put_price(struct buffer *out, int64_t amount, const char *currency)
{
    put_name(out, "price");
    buffer_append_text(out, "{\"amount\":");
    buffer_append_int(out, amount);
    buffer_append_text(out, ",\"currency\":\"");
    buffer_append_text(out, currency);
    buffer_append_text(out, "\"}");
}

static void render_body(struct buffer *out, const struct wine *wine, const char *currency)
{
    put_text(out, "sku", wine->sku);
    put_text(out, "name", wine->name);
    put_text(out, "winery", wine->winery);
    put_text(out, "type", wine->type);
    put_text(out, "country", wine->country);
    put_text(out, "region", wine->region);
    put_text(out, "subregion", wine->subregion);
    put_text(out, "appellation", wine->appellation);
    put_text(out, "elaborate", wine->elaborate);
    put_list(out, "grapes", wine->grapes, wine->grape_count);
    put_shares(out, wine);
    put_list(out, "pairings", wine->pairings, wine->pairing_count);
    put_number(out, "vintage", wine->vintage, 0);
    put_vintage_label(out, wine->vintage);
    put_number(out, "bottle_ml", wine->bottle_ml, -1);
    put_tenths(out, "abv", wine->abv);
    put_text(out, "body", wine->body);
    put_text(out, "acidity", wine->acidity);
    put_text(out, "sweetness", wine->sweetness);
    put_text(out, "tannin", wine->tannin);
    put_text(out, "notes", wine->notes);
    put_number(out, "drink_from", wine->drink_from, 0);
    put_number(out, "drink_until", wine->drink_until, 0);
    put_name(out, "organic");
    buffer_append_text(out, wine->organic ? "true" : "false");
    put_text(out, "ingredients", wine->ingredients);
    put_number(out, "energy_kj", wine->energy_kj, -1);
    put_number(out, "energy_kcal", wine->energy_kcal, -1);
    put_tenths(out, "sugar_g_l", wine->sugar);
    put_text(out, "website", wine->website);
    put_price(out, wine->price, currency);
}

static void render_brief(struct buffer *out, const struct wine *wine, const char *currency)
{
    put_text(out, "name", wine->name);
    put_text(out, "winery", wine->winery);
    put_number(out, "vintage", wine->vintage, 0);
    put_number(out, "bottle_ml", wine->bottle_ml, -1);
    put_text(out, "type", wine->type);
    put_tenths(out, "abv", wine->abv);
    put_price(out, wine->price, currency);
}

static char *fold(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    char *out = arena_alloc(arena, 2 * length + 1);
    search_fold(text, length, out, 2 * length + 1);
    return out;
}

static void render_keys(struct arena *arena, const struct wine *wine, struct product_record *record)
{
    CLEANUP_BUFFER struct buffer words = BUFFER_INIT;
    buffer_printf(&words, "%s %s %s", wine->name, wine->winery, wine->sku);
    if (wine->vintage)
        buffer_printf(&words, " %d", wine->vintage);
    buffer_printf(&words, " %s %s %s", wine->region, wine->country, wine->type);
    if (wine->appellation)
        buffer_printf(&words, " %s", wine->appellation);
    record->words = fold(arena, words.data);
    buffer_reset(&words);
    buffer_printf(&words, "%s %s %d", wine->name, wine->winery, wine->vintage);
    record->name_key = fold(arena, words.data);
}

void wine_render(struct arena *arena, const struct wine *wine, const char *currency,
    struct product_record *record)
{
    CLEANUP_BUFFER struct buffer out = BUFFER_INIT;
    buffer_reserve(&out, 1500);
    render_body(&out, wine, currency);
    record->body = arena_strndup(arena, out.data, out.length);
    buffer_reset(&out);
    render_brief(&out, wine, currency);
    record->brief = arena_strndup(arena, out.data, out.length);
    record->sku = wine->sku;
    record->price = wine->price;
    render_keys(arena, wine, record);
}

size_t wine_fold_words(struct arena *arena, const char *typed, const char **words, size_t max)
{
    return text_split(arena, fold(arena, typed), ' ', words, max);
}
