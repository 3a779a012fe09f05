#include "money.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int money_parse(const char *text, int64_t *amount)
{
    int64_t units = 0;
    int decimals = 0;
    if (!isdigit((unsigned char)*text))
        return -1;
    for (; isdigit((unsigned char)*text); text++) {
        units = units * 10 + (*text - '0');
        if (units > 1000000000)
            return -1;
    }
    units *= 100;
    if (*text == '.') {
        text++;
        for (int place = 10; isdigit((unsigned char)*text); text++, place /= 10) {
            if (++decimals > 2)
                return -1;
            units += (*text - '0') * place;
        }
        if (decimals == 0)
            return -1;
    }
    if (*text != '\0')
        return -1;
    *amount = units;
    return 0;
}

char *money_format(int64_t amount, char *text)
{
    const char *sign = amount < 0 ? "-" : "";
    uint64_t value = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    snprintf(text, 24, "%s%" PRIu64 ".%02" PRIu64, sign, value / 100, value % 100);
    return text;
}

int money_currency_valid(const char *code)
{
    return code && strlen(code) == 3 && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

int64_t money_percent(int64_t amount, int64_t percent_hundredths)
{
    return (amount * percent_hundredths + 5000) / 10000;
}

int64_t money_percent_contained(int64_t gross, int64_t percent_hundredths)
{
    int64_t whole = 10000 + percent_hundredths;
    return (gross * percent_hundredths + whole / 2) / whole;
}
