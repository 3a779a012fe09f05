/* Times and dates as clients write them. */
#include "fuzz.h"

#include "clock.h"

#include <string.h>

#define NOW_MS ((int64_t)1790000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64], written[CLOCK_TEXT_SIZE];
    int64_t ms = 0, again = 0;
    int year = 0, month = 0, day = 0;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (clock_parse(text, &ms) == 0) {
        demand(strlen(clock_format(ms, written)) == CLOCK_TEXT_SIZE - 1);
        demand(clock_parse(written, &again) == 0 && again == ms);
    }
    int age = clock_age_years(text, NOW_MS);
    if (clock_parse_date(text, &year, &month, &day) == 0) {
        demand(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= 31);
        demand(age >= -1 && age <= 2026);
    } else {
        demand(age == -1);
    }
    return 0;
}
