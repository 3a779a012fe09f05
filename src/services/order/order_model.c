#include "order_model.h"

#include "clock.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

char *order_number(const struct order_record *record, char number[ORDER_NUMBER_SIZE])
{
    char time[CLOCK_TEXT_SIZE];
    clock_format(record->placed_at, time);
    snprintf(number, ORDER_NUMBER_SIZE, "W-%.4s-%06lld", time, (long long)record->seq);
    return number;
}

bool order_number_parse(const char *text, int64_t *seq)
{
    return strlen(text) > 7 && (text[0] == 'W' || text[0] == 'w') && text[1] == '-' &&
           text[6] == '-' && text_to_int(text + 7, 1, INT64_MAX, seq) == 0;
}
