/*
 * Where the shop ships to: the table of docs/destinations.md, read once at the start and not
 * changed afterwards, so any thread may look up. Also what an order to a destination costs.
 *
 * The table owns its rows; they live as long as it does.
 */
#ifndef ORDER_DESTINATIONS_H
#define ORDER_DESTINATIONS_H

#include "error.h"
#include "money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct destinations;

struct destination {
    char country[3];
    char region[9]; /* "" is the whole country */
    char *name;
    int min_age;
    char currency[MONEY_CURRENCY_SIZE];
    int64_t tax_hundredths; /* of a percent: 725 is 7.25 % */
    char *tax_label;
    bool tax_included;
    int64_t shipping_base, shipping_per_bottle;
    int64_t free_from; /* -1: never */
    int64_t max_bottles;
    char valid_from[11], valid_until[11]; /* "" is open */
    char *note;                           /* NULL if there is none */
};

/* Reads the file. ERROR_INVALID names file, line and column of the first mistake; ERROR_NOT_FOUND
 * when there is no such file. */
int destinations_load(struct destinations **out, const char *path, struct error *error);
void destinations_free(struct destinations *destinations);

/* The row that holds at `now_ms`; region may be NULL or "". ERROR_INVALID with reason
 * "destination_not_served" and field "country" or "region" when there is none. */
int destinations_find(const struct destinations *destinations, const char *country,
    const char *region, int64_t now_ms, const struct destination **out, struct error *error);

/* The shop's currency: that of the first row. */
const char *destinations_currency(const struct destinations *destinations);

/* Appends a destination as the public contract shows it, and all that hold at `now_ms` as
 * {"items": [...]}. */
void destination_write(const struct destination *destination, struct buffer *buffer);
void destinations_write(
    const struct destinations *destinations, int64_t now_ms, struct buffer *buffer);

/* What goods of `subtotal` cost when sent there. A tax that the prices hold already is part of
 * subtotal and shipping; any other is added to the total. */
struct quote {
    int64_t subtotal, shipping, tax, total;
};
struct quote destination_quote(
    const struct destination *destination, int64_t subtotal, int64_t bottles);

/* Appends the `charges` of the public contract: [{kind, label, amount, included}, ...]. */
void destination_write_charges(const struct destination *destination, const struct quote *quote,
    int64_t bottles, struct buffer *buffer);

#endif
