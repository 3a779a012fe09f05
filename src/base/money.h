/* Money: an integer in minor units (cents) and an ISO 4217 code. Never a floating-point number. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdint.h>

#define MONEY_CURRENCY_SIZE 4

struct money {
    int64_t amount; /* minor units */
    char currency[MONEY_CURRENCY_SIZE];
};

/* Parses "18", "18.5" or "18.50" (at most two decimals, no sign, at most 1e9 units) into minor
 * units. 0 or -1. */
int money_parse(const char *text, int64_t *amount);

/* "18.50" into `text` of at least 24 bytes. Returns `text`. */
char *money_format(int64_t amount, char *text);

/* Whether `code` is three upper-case letters. */
int money_currency_valid(const char *code);

/* `percent_hundredths` hundredths of a percent of `amount` (amount >= 0), rounded half up to the
 * minor unit: money_percent(1000, 1900) is 190. */
int64_t money_percent(int64_t amount, int64_t percent_hundredths);

/* The tax contained in a gross amount at that rate, rounded half up: 19 % of 11900 gross is 1900.
 */
int64_t money_percent_contained(int64_t gross, int64_t percent_hundredths);

#endif
