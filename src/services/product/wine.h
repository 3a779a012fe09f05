/*
 * What is written about a wine: its fields, the rules they keep, and the texts the store keeps of
 * them. Imports, the back office and the export all pass through here, so that a wine is the same
 * whichever way it came.
 *
 * Texts are borrowed from whoever filled the struct (usually an arena). Numbers with one decimal
 * are kept as whole tenths.
 */
#ifndef PRODUCT_WINE_H
#define PRODUCT_WINE_H

#include "error.h"
#include "store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define WINE_MAX_GRAPES 20
#define WINE_MAX_PAIRINGS 30
#define WINE_MAX_PRICE 100000000 /* minor units */
#define WINE_MAX_STOCK 1000000   /* bottles of a new wine, or of one change */

struct wine {
    const char *sku, *name, *winery, *type;
    const char *elaborate; /* NULL when not known, as all that follow but country and region */
    const char *country, *region, *subregion, *appellation;
    const char *grapes[WINE_MAX_GRAPES]; /* largest share first */
    size_t grape_count;
    int shares[WINE_MAX_GRAPES]; /* tenths of a percent, if has_shares */
    bool has_shares;
    const char *pairings[WINE_MAX_PAIRINGS];
    size_t pairing_count;
    int vintage; /* 0: NV */
    int bottle_ml;
    int abv; /* tenths of a percent by volume */
    const char *body, *acidity, *sweetness, *tannin;
    const char *notes, *ingredients, *website;
    int drink_from, drink_until; /* 0: not known */
    bool organic;
    int energy_kj, energy_kcal; /* -1: not known */
    int sugar;                  /* tenths of grams per litre; -1: not known */
    int64_t price;              /* minor units */
};

/* Nothing known yet. */
void wine_init(struct wine *wine);

/* Checks every rule; ERROR_INVALID naming the field. */
int wine_check(const struct wine *wine, struct error *error);

/* The rule for one text: at least `min` characters, at most `max`, valid UTF-8 without control
 * characters other than line breaks. NULL counts as empty. */
int wine_check_text(
    const char *field, const char *text, size_t min, size_t max, struct error *error);

/* Reads the members of a JSON object: what the back office sends, and the documents we keep. Texts
 * are trimmed copies in the arena. Types and `currency` are checked, then wine_check. The sku may
 * be missing: `fallback_sku` is taken. */
int wine_from_json(struct arena *arena, const json_t *object, const char *currency,
    const char *fallback_sku, struct wine *wine, struct error *error);

/* What the store keeps, in the arena; group_key and stock are left alone. */
void wine_render(struct arena *arena, const struct wine *wine, const char *currency,
    struct product_record *record);

/* Folds what is typed to find a wine in the back office into words. */
size_t wine_fold_words(struct arena *arena, const char *typed, const char **words, size_t max);

#endif
