#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of the years that can be written, 1 to 9999. */
#define FIRST_MS INT64_C(-62135596800000)
#define LAST_MS INT64_C(253402300799999)

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_now_ms(void)
{
    return read_clock(CLOCK_REALTIME) / 1000000;
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

static char *put_digits(char *out, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

/* By hand: gmtime_r takes a lock that all threads share, and every answer and event has times. The
 * calendar is Howard Hinnant's civil_from_days (howardhinnant.github.io/date_algorithms.html). */
char *clock_format(int64_t unix_ms, char *text)
{
    int64_t days = unix_ms / 86400000;
    int rest = (int)(unix_ms % 86400000);
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int day = (int)(days - era * 146097);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int day_of_year = day - (365 * year + year / 4 - year / 100);
    int month = (5 * day_of_year + 2) / 153;
    int day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    char *out = put_digits(text, (int)(year + era * 400) + (month <= 2), 4);
    *out++ = '-';
    out = put_digits(out, month, 2);
    *out++ = '-';
    out = put_digits(out, day_of_month, 2);
    *out++ = 'T';
    out = put_digits(out, rest / 3600000, 2);
    *out++ = ':';
    out = put_digits(out, rest / 60000 % 60, 2);
    *out++ = ':';
    out = put_digits(out, rest / 1000 % 60, 2);
    *out++ = '.';
    out = put_digits(out, rest % 1000, 3);
    *out++ = 'Z';
    *out = '\0';
    return text;
}

static int digits(const char **cursor, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*cursor)++) {
        if (!isdigit((unsigned char)**cursor))
            return -1;
        value = value * 10 + (**cursor - '0');
    }
    return value;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static int parse_date(const char **cursor, int *year, int *month, int *day)
{
    *year = digits(cursor, 4);
    if (*year < 1 || *(*cursor)++ != '-')
        return -1;
    *month = digits(cursor, 2);
    if (*month < 1 || *month > 12 || *(*cursor)++ != '-')
        return -1;
    *day = digits(cursor, 2);
    return *day < 1 || *day > days_in_month(*year, *month) ? -1 : 0;
}

int clock_parse_date(const char *text, int *year, int *month, int *day)
{
    int y, m, d;
    if (parse_date(&text, &y, &m, &d) < 0 || *text != '\0')
        return -1;
    if (year)
        *year = y;
    if (month)
        *month = m;
    if (day)
        *day = d;
    return 0;
}

static int parse_offset(const char **cursor, int *minutes)
{
    char sign = *(*cursor)++;
    if (sign == 'Z' || sign == 'z') {
        *minutes = 0;
        return 0;
    }
    if (sign != '+' && sign != '-')
        return -1;
    int hours = digits(cursor, 2);
    if (hours < 0 || hours > 23 || *(*cursor)++ != ':')
        return -1;
    int rest = digits(cursor, 2);
    if (rest < 0 || rest > 59)
        return -1;
    *minutes = (hours * 60 + rest) * (sign == '-' ? -1 : 1);
    return 0;
}

int clock_parse(const char *text, int64_t *unix_ms)
{
    struct tm parts = {0};
    int year, month, day, offset, millis = 0;
    if (parse_date(&text, &year, &month, &day) < 0 || (*text != 'T' && *text != 't'))
        return -1;
    text++;
    parts.tm_hour = digits(&text, 2);
    if (parts.tm_hour < 0 || parts.tm_hour > 23 || *text++ != ':')
        return -1;
    parts.tm_min = digits(&text, 2);
    if (parts.tm_min < 0 || parts.tm_min > 59 || *text++ != ':')
        return -1;
    parts.tm_sec = digits(&text, 2);
    if (parts.tm_sec < 0 || parts.tm_sec > 60)
        return -1;
    if (*text == '.') {
        text++;
        int place = 100;
        if (!isdigit((unsigned char)*text))
            return -1;
        for (; isdigit((unsigned char)*text); text++, place /= 10)
            millis += (*text - '0') * place;
    }
    if (parse_offset(&text, &offset) < 0 || *text != '\0')
        return -1;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    int64_t ms = ((int64_t)timegm(&parts) - offset * 60) * 1000 + millis;
    if (ms < FIRST_MS || ms > LAST_MS)
        return -1;
    *unix_ms = ms;
    return 0;
}

int clock_age_years(const char *birth_date, int64_t unix_ms)
{
    int year, month, day;
    if (clock_parse_date(birth_date, &year, &month, &day) < 0)
        return -1;
    char today[CLOCK_TEXT_SIZE];
    const char *cursor = clock_format(unix_ms, today);
    int this_year, this_month, this_day;
    if (parse_date(&cursor, &this_year, &this_month, &this_day) < 0)
        return -1;
    int age = this_year - year;
    if (this_month < month || (this_month == month && this_day < day))
        age--;
    return age < 0 ? -1 : age;
}
