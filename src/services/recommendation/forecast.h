/*
 * How many bottles of a wine will be asked for: simple exponential smoothing (Brown 1959) of its
 * bottles per week. Whole weeks, because the days of one week differ and most wines do not sell
 * every day; smoothing, because the recent weeks tell more, and because what no longer sells fades
 * out (Croston's method, made for such series, never fades: Teunter, Syntetos and Babai 2011).
 * docs/back-office.md has the comparison it was chosen by.
 *
 * The error is measured on the same wine: each of its last weeks is forecast from the weeks before
 * it alone, beside the naive forecast "as many as in the week before".
 *
 * Pure functions: the same days give the same figures.
 */
#ifndef RECOMMENDATION_FORECAST_H
#define RECOMMENDATION_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORECAST_WEEKS 13     /* of history, at most */
#define FORECAST_MIN_WEEKS 4  /* below that nothing is forecast */
#define FORECAST_TEST_WEEKS 8 /* the error's, at most */

enum forecast_state {
    FORECAST_MADE,
    FORECAST_TOO_SHORT, /* fewer whole weeks than FORECAST_MIN_WEEKS: nothing is forecast */
    FORECAST_NONE_SOLD, /* in weeks enough: none is expected */
};

struct forecast {
    enum forecast_state state;
    int weeks;                      /* of history that were used, or are there */
    int32_t weekly[FORECAST_WEEKS]; /* bottles in each, oldest first: `weeks` of them */

    /* All below is 0 unless a forecast was made. */
    double per_day;         /* bottles expected */
    double next_7, next_28; /* bottles expected in so many days from the last of the series */
    double error;           /* mean absolute error of one week's forecast, in bottles */
    double naive_error;     /* the same of the naive forecast */
    int tested;             /* weeks both errors are of: 1 to FORECAST_TEST_WEEKS */
    double low_7, high_7;   /* next_7, give or take the error; never below 0 */
    double low_28, high_28; /* next_28, give or take twice the error: four weeks' errors are
                               taken to be independent, so they add up as the root of four */
};

/* From bottles per day, oldest first, the last a day that is over. Of those only the last
 * `known_days` count (the wine was not sold before), or more if bottles were sold before them. */
void forecast_make(
    struct forecast *forecast, const int32_t *bottles, size_t days, size_t known_days);

/* How many days `available` bottles last, and -1 when none are expected to be sold. */
double forecast_days_left(const struct forecast *forecast, int64_t available);

#endif
