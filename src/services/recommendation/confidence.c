#include "confidence.h"

#include <math.h>

/* The binomial's tail from its largest term down: each term is the one before times a ratio, so
 * that one logarithm is enough, and terms that no longer add anything end the sum. */
static double lower_tail(int64_t highest, int64_t trials)
{
    int sign = 0;
    double n = (double)trials, k = (double)highest;
    double log_term =
        lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) - n * log(2.0);
    double term = 1, sum = 1;
    for (; k > 0 && term > sum * 1e-17; k--) {
        term *= k / (n - k + 1);
        sum += term;
    }
    return exp(log_term) * sum;
}

double confidence_sign_test(int64_t wins, int64_t trials)
{
    int64_t losses = trials - wins, fewer = wins < losses ? wins : losses;
    if (trials <= 0 || wins == losses)
        return 1;
    return fmin(1, 2 * lower_tail(fewer, trials));
}

struct confidence_interval confidence_wilson(int64_t wins, int64_t trials, double z)
{
    if (trials <= 0)
        return (struct confidence_interval){0, 1};
    double n = (double)trials, share = (double)wins / n, z2 = z * z;
    double centre = share + z2 / (2 * n);
    double half = z * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
    double below = wins == 0 ? 0 : (centre - half) / (1 + z2 / n);
    double above = wins == trials ? 1 : (centre + half) / (1 + z2 / n);
    return (struct confidence_interval){below, above};
}
