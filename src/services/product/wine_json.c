/* A wine from JSON: what the back office sends, and the documents we keep. */
#include "wine.h"

#include "json.h"
#include "text.h"

#include <math.h>
#include <string.h>

/* Far above every rule: wine_check says what is too long, in characters. */
#define ANY_LENGTH 100000

struct reader {
    struct arena *arena;
    const json_t *object;
    struct error *error;
    int rc; /* of the first failure: later reads do nothing */
};

static const char *read_text(struct reader *reader, const char *field)
{
    const char *text = NULL;
    if (reader->rc == 0)
        reader->rc = json_find_text(reader->object, field, 0, ANY_LENGTH, &text, reader->error);
    if (reader->rc < 0 || !text)
        return NULL;
    text = text_trim(reader->arena, text);
    return *text ? text : NULL;
}

static int read_int(struct reader *reader, const char *field, int absent)
{
    int64_t number = absent;
    if (reader->rc == 0)
        reader->rc = json_find_int(reader->object, field, 0, 1000000, &number, reader->error);
    return (int)number;
}

static int read_tenths(struct reader *reader, const char *field, int absent)
{
    double number = absent / 10.0;
    if (reader->rc == 0)
        reader->rc = json_find_number(reader->object, field, 0, 10000, &number, reader->error);
    return reader->rc < 0 ? 0 : (int)lround(number * 10);
}

static size_t read_list(struct reader *reader, const char *field, const char **items, size_t max)
{
    const json_t *list = json_object_get(reader->object, field);
    if (reader->rc < 0 || !list || json_is_null(list))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > max) {
        reader->rc = error_set(reader->error, ERROR_INVALID, NULL, field,
            "must be an array of at most %zu texts", max);
        return 0;
    }
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) {
            reader->rc =
                error_set(reader->error, ERROR_INVALID, NULL, field, "must be an array of texts");
            return 0;
        }
        items[i] = text_trim(reader->arena, text);
    }
    return count;
}

static int share_of(struct reader *reader, const json_t *share, const char **name)
{
    const char *text = NULL;
    double percent = 0;
    int rc = json_get_text(share, "name", 1, ANY_LENGTH, &text, reader->error);
    if (rc == 0)
        rc = json_get_number(share, "percent", 0, 100, &percent, reader->error);
    if (rc < 0)
        return error_set(reader->error, ERROR_INVALID, NULL, "grape_shares",
            "must be an array of {name, percent}");
    *name = text_trim(reader->arena, text);
    return (int)lround(percent * 10);
}

/* The shares name the grapes in their order; where `grapes` is left out they are the grapes. */
static void read_shares(struct reader *reader, struct wine *wine)
{
    const json_t *list = json_object_get(reader->object, "grape_shares");
    if (reader->rc < 0 || !list || json_is_null(list) ||
        (json_is_array(list) && json_array_size(list) == 0))
        return;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > WINE_MAX_GRAPES ||
        (wine->grape_count && count != wine->grape_count)) {
        reader->rc = error_set(reader->error, ERROR_INVALID, NULL, "grape_shares",
            "must be an array with one entry per grape");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        int share = share_of(reader, json_array_get(list, i), &name);
        if (share < 0) {
            reader->rc = share;
            return;
        }
        if (wine->grape_count && strcmp(name, wine->grapes[i]) != 0) {
            reader->rc = error_set(reader->error, ERROR_INVALID, NULL, "grape_shares",
                "must name the grapes in their order");
            return;
        }
        wine->grapes[i] = name;
        wine->shares[i] = share;
    }
    wine->grape_count = count;
    wine->has_shares = true;
}

static void read_price(struct reader *reader, const char *currency, struct wine *wine)
{
    json_t *price = NULL;
    const char *code = NULL;
    if (reader->rc == 0)
        reader->rc = json_get_object(reader->object, "price", &price, reader->error);
    if (reader->rc == 0 &&
        json_get_int(price, "amount", 1, WINE_MAX_PRICE, &wine->price, reader->error) < 0)
        reader->rc = error_set(reader->error, ERROR_INVALID, NULL, "price.amount",
            "must be a whole number from 1 to %d", WINE_MAX_PRICE);
    if (reader->rc == 0 && (json_get_text(price, "currency", 3, 3, &code, reader->error) < 0 ||
                               strcmp(code, currency) != 0))
        reader->rc =
            error_set(reader->error, ERROR_INVALID, NULL, "price.currency", "must be %s", currency);
}

static int require(struct reader *reader, const char *field)
{
    const json_t *value = json_object_get(reader->object, field);
    if (reader->rc == 0 && (!value || json_is_null(value)))
        reader->rc = error_set(reader->error, ERROR_INVALID, NULL, field, "is required");
    return reader->rc;
}

static void read_numbers(struct reader *reader, struct wine *wine)
{
    wine->vintage = read_int(reader, "vintage", 0);
    const json_t *vintage = json_object_get(reader->object, "vintage");
    if (reader->rc == 0 && json_is_integer(vintage) && wine->vintage == 0)
        reader->rc = error_set(
            reader->error, ERROR_INVALID, NULL, "vintage", "must be from 1800 to 2100, or null");
    require(reader, "bottle_ml");
    wine->bottle_ml = read_int(reader, "bottle_ml", 750);
    require(reader, "abv");
    wine->abv = read_tenths(reader, "abv", 0);
    wine->drink_from = read_int(reader, "drink_from", 0);
    wine->drink_until = read_int(reader, "drink_until", 0);
    wine->energy_kj = read_int(reader, "energy_kj", -1);
    wine->energy_kcal = read_int(reader, "energy_kcal", -1);
    wine->sugar = read_tenths(reader, "sugar_g_l", -10);
    if (wine->sugar < 0)
        wine->sugar = -1;
    if (reader->rc == 0)
        reader->rc = json_find_bool(reader->object, "organic", &wine->organic, reader->error);
}

int wine_from_json(struct arena *arena, const json_t *object, const char *currency,
    const char *fallback_sku, struct wine *wine, struct error *error)
{
    struct reader reader = {.arena = arena, .object = object, .error = error};
    wine_init(wine);
    wine->sku = read_text(&reader, "sku");
    if (!wine->sku)
        wine->sku = fallback_sku;
    wine->name = read_text(&reader, "name");
    wine->winery = read_text(&reader, "winery");
    wine->type = read_text(&reader, "type");
    wine->country = read_text(&reader, "country");
    wine->region = read_text(&reader, "region");
    wine->subregion = read_text(&reader, "subregion");
    wine->appellation = read_text(&reader, "appellation");
    wine->elaborate = read_text(&reader, "elaborate");
    wine->grape_count = read_list(&reader, "grapes", wine->grapes, WINE_MAX_GRAPES);
    read_shares(&reader, wine);
    wine->pairing_count = read_list(&reader, "pairings", wine->pairings, WINE_MAX_PAIRINGS);
    read_numbers(&reader, wine);
    wine->body = read_text(&reader, "body");
    wine->acidity = read_text(&reader, "acidity");
    wine->sweetness = read_text(&reader, "sweetness");
    wine->tannin = read_text(&reader, "tannin");
    wine->notes = read_text(&reader, "notes");
    wine->ingredients = read_text(&reader, "ingredients");
    wine->website = read_text(&reader, "website");
    read_price(&reader, currency, wine);
    return reader.rc < 0 ? reader.rc : wine_check(wine, error);
}
