#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

char *clock_format(int64_t unix_ms, char *text)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    int millis = (int)(unix_ms % 1000);
    if (millis < 0) {
        millis += 1000;
        seconds--;
    }
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, CLOCK_TEXT_SIZE - length, ".%03dZ", millis);
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
    *unix_ms = ((int64_t)timegm(&parts) - offset * 60) * 1000 + millis;
    return 0;
}

int clock_age_years(const char *birth_date, int64_t unix_ms)
{
    int year, month, day;
    if (clock_parse_date(birth_date, &year, &month, &day) < 0)
        return -1;
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm today;
    gmtime_r(&seconds, &today);
    int age = today.tm_year + 1900 - year;
    if (today.tm_mon + 1 < month || (today.tm_mon + 1 == month && today.tm_mday < day))
        age--;
    return age;
}
