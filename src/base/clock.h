/* Time. Wall-clock times are milliseconds since the Unix epoch, UTC; texts are RFC 3339. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* "2026-01-31T23:59:59.123Z" and its NUL. */
#define CLOCK_TEXT_SIZE 25

int64_t clock_now_ms(void);

/* Never goes back; for deadlines and durations only. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/* Writes RFC 3339 UTC with milliseconds; `text` has CLOCK_TEXT_SIZE bytes. Returns `text`. */
char *clock_format(int64_t unix_ms, char *text);

/* Parses "2026-01-31T23:59:59Z" (fraction and numeric offset allowed). 0, or -1 if it is no time
 * or, in UTC, not of the years 1 to 9999. */
int clock_parse(const char *text, int64_t *unix_ms);

/* A calendar date "2001-02-29": checked against the calendar (proleptic Gregorian, years 1 to
 * 9999). 0, or -1 if it is no date. Outputs may be NULL. */
int clock_parse_date(const char *text, int *year, int *month, int *day);

/* Whole years from the date of birth to the UTC day of `unix_ms`; born on 29 February counts from
 * 1 March in other years. -1 if `birth_date` is no date or lies in the future. */
int clock_age_years(const char *birth_date, int64_t unix_ms);

#endif
