#include "forecast.h"

#include <math.h>
#include <string.h>

/* How much a week counts against all before it. Of 0.1, 0.2 and 0.3 it errs least on a likeness of
 * a shop's sales. */
#define SMOOTHING 0.2
#define FIRST_WEEKS 3 /* whose mean is what the smoothing begins with */

static int32_t sum(const int32_t *bottles, size_t days)
{
    int32_t total = 0;
    for (size_t i = 0; i < days; i++)
        total += bottles[i];
    return total;
}

/* Weeks end with the last day; days that are no whole week at the beginning are left out. */
static void gather_weeks(
    struct forecast *forecast, const int32_t *bottles, size_t days, size_t known_days)
{
    size_t first = 0;
    while (first < days && bottles[first] == 0)
        first++;
    size_t sold_days = days - first, used = known_days < days ? known_days : days;
    if (sold_days > used)
        used = sold_days;
    size_t weeks = used / 7;
    if (weeks > FORECAST_WEEKS)
        weeks = FORECAST_WEEKS;
    forecast->weeks = (int)weeks;
    for (size_t i = 0; i < weeks; i++)
        forecast->weekly[i] = sum(bottles + days - 7 * (weeks - i), 7);
}

/* Smooths through the weeks, measuring each forecast against the week it was of. */
static void smooth(struct forecast *forecast)
{
    const int32_t *weekly = forecast->weekly;
    double level = (double)sum(weekly, FIRST_WEEKS) / FIRST_WEEKS;
    for (int i = FIRST_WEEKS; i < forecast->weeks; i++) {
        if (i >= forecast->weeks - FORECAST_TEST_WEEKS) {
            forecast->error += fabs(weekly[i] - level);
            forecast->naive_error += fabs((double)weekly[i] - weekly[i - 1]);
            forecast->tested++;
        }
        level += SMOOTHING * (weekly[i] - level);
    }
    forecast->error /= forecast->tested;
    forecast->naive_error /= forecast->tested;
    forecast->next_7 = level;
}

void forecast_make(
    struct forecast *forecast, const int32_t *bottles, size_t days, size_t known_days)
{
    memset(forecast, 0, sizeof(*forecast));
    gather_weeks(forecast, bottles, days, known_days);
    if (forecast->weeks < FORECAST_MIN_WEEKS) {
        forecast->state = FORECAST_TOO_SHORT;
        return;
    }
    if (sum(forecast->weekly, (size_t)forecast->weeks) == 0) {
        forecast->state = FORECAST_NONE_SOLD;
        return;
    }
    smooth(forecast);
    forecast->per_day = forecast->next_7 / 7;
    forecast->next_28 = 4 * forecast->next_7;
    forecast->low_7 = fmax(0, forecast->next_7 - forecast->error);
    forecast->high_7 = forecast->next_7 + forecast->error;
    forecast->low_28 = fmax(0, forecast->next_28 - 2 * forecast->error);
    forecast->high_28 = forecast->next_28 + 2 * forecast->error;
}

double forecast_days_left(const struct forecast *forecast, int64_t available)
{
    if (forecast->per_day <= 0)
        return -1;
    return (double)available / forecast->per_day;
}
