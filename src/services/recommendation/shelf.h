/*
 * The shelf: the wines of the catalogue as training wants them (ids, SKUs, contents), read from the
 * product service at one moment. Immutable once read.
 */
#ifndef RECOMMENDATION_SHELF_H
#define RECOMMENDATION_SHELF_H

#include "content.h"
#include "error.h"

struct shelf;
struct upstream;

/* Waits for the product service; ERROR_UNAVAILABLE when it does not answer. Wines that are
 * withdrawn are not on it. */
int shelf_read(struct shelf **out, struct upstream *product, struct error *error);
void shelf_free(struct shelf *shelf);

size_t shelf_count(const struct shelf *shelf);
const char *const *shelf_ids(const struct shelf *shelf);
const struct content *shelf_content(const struct shelf *shelf);

/* The wine's number, or NO_WINE. */
uint32_t shelf_find(const struct shelf *shelf, const char *id);

/* By the number that a file of ratings has: the SKU, the SKU after "xw-" (as X-Wines is imported),
 * or our id. */
uint32_t shelf_find_key(const struct shelf *shelf, const char *key);

/* The key that lists are printed with: the SKU, without "xw-". */
const char *shelf_key(const struct shelf *shelf, uint32_t wine);

#endif
