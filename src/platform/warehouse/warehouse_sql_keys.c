#include "warehouse_sql_keys.h"

#include "clock.h"
#include "text_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Some 10 MB at most; shoppers come and go, so what was met longest ago is not worth more. */
#define MOST_REMEMBERED 65536

void keys_init(
    struct keys *keys, struct bulk find, struct bulk add, void (*fill)(struct sql_value *columns))
{
    *keys = (struct keys){.index = text_index_new(), .find = find, .add = add, .fill = fill};
}

void keys_release(struct keys *keys)
{
    text_index_free(keys->index);
    free(keys->keys);
    free(keys->missing);
    bulk_release(&keys->find);
    bulk_release(&keys->add);
}

void keys_forget(struct keys *keys)
{
    text_index_free(keys->index);
    keys->index = text_index_new();
    keys->missing_count = 0;
}

void keys_trim(struct keys *keys)
{
    if (text_index_count(keys->index) > MOST_REMEMBERED)
        keys_forget(keys);
}

static void *grow(void *items, size_t *capacity, size_t size)
{
    *capacity = *capacity ? *capacity * 2 : 256;
    items = reallocarray(items, *capacity, size);
    if (!items)
        abort();
    return items;
}

void keys_want(struct keys *keys, const char *id)
{
    size_t count = text_index_count(keys->index);
    uint32_t number = text_index_add(keys->index, id);
    if (number < count)
        return;
    if (number >= keys->capacity)
        keys->keys = grow(keys->keys, &keys->capacity, sizeof(*keys->keys));
    if (keys->missing_count == keys->missing_capacity)
        keys->missing = grow(keys->missing, &keys->missing_capacity, sizeof(*keys->missing));
    keys->keys[number] = 0;
    keys->missing[keys->missing_count++] = number;
}

static int find_missing(struct keys *keys, struct sql *sql, struct error *error)
{
    bulk_clear(&keys->find);
    for (size_t i = 0; i < keys->missing_count; i++)
        *bulk_add(&keys->find) = SQL_TEXT(text_index_text(keys->index, keys->missing[i]));
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < keys->find.count;) {
        rc = bulk_query(&keys->find, sql, &from, error);
        while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
            uint32_t number = text_index_find(keys->index, sql_text(sql, 1));
            if (number != TEXT_INDEX_NONE)
                keys->keys[number] = sql_integer(sql, 0);
            rc = 0;
        }
    }
    return rc;
}

int keys_resolve(struct keys *keys, struct sql *sql, int64_t *last, struct error *error)
{
    if (!keys->missing_count)
        return 0;
    int rc = find_missing(keys, sql, error);
    for (size_t i = 0; rc == 0 && i < keys->missing_count; i++) {
        uint32_t number = keys->missing[i];
        if (keys->keys[number])
            continue;
        keys->keys[number] = ++*last;
        struct sql_value *row = bulk_add(&keys->add);
        row[0] = SQL_INT(*last);
        row[1] = SQL_TEXT(text_index_text(keys->index, number));
        if (keys->fill)
            keys->fill(row + 2);
    }
    keys->missing_count = 0;
    return rc < 0 ? rc : bulk_run(&keys->add, sql, error);
}

int64_t keys_of(const struct keys *keys, const char *id)
{
    uint32_t number = text_index_find(keys->index, id);
    assert(number != TEXT_INDEX_NONE && keys->keys[number]);
    return keys->keys[number];
}

/* ---- days ---- */

static const struct bulk find_days = BULK_LIST_OF("SELECT day_key FROM dim_day WHERE day_key IN");
static const struct bulk add_days =
    BULK_INSERT_INTO("dim_day", "day_key, day, year, month, day_of_month, weekday", 6);

void days_init(struct days *days)
{
    *days = (struct days){.find = find_days, .add = add_days};
    days_forget(days);
}

void days_release(struct days *days)
{
    bulk_release(&days->find);
    bulk_release(&days->add);
}

void days_forget(struct days *days)
{
    for (int i = 0; i < DAYS_KNOWN; i++)
        days->known[i] = -1;
    bulk_clear(&days->find);
}

void days_want(struct days *days, int64_t day)
{
    int64_t *slot = &days->known[(uint64_t)day % DAYS_KNOWN];
    if (*slot == day)
        return;
    *slot = day;
    *bulk_add(&days->find) = SQL_INT(day);
}

static int compare_days(const void *a, const void *b)
{
    const struct sql_value *x = a, *y = b;
    return x->integer < y->integer ? -1 : x->integer > y->integer;
}

/* Two days of one slot may be wanted in turns. */
static void sort_days(struct bulk *find)
{
    size_t kept = 0;
    qsort(find->values, find->count, sizeof(*find->values), compare_days);
    for (size_t i = 0; i < find->count; i++) {
        if (!kept || find->values[kept - 1].integer != find->values[i].integer)
            find->values[kept++] = find->values[i];
    }
    find->count = kept;
}

static void add_day(struct days *days, int64_t day, char text[CLOCK_TEXT_SIZE])
{
    int year, month, of_month;
    clock_format(day * WAREHOUSE_DAY_MS, text)[10] = '\0';
    clock_parse_date(text, &year, &month, &of_month);
    struct sql_value *row = bulk_add(&days->add);
    row[0] = SQL_INT(day);
    row[1] = SQL_TEXT(text);
    row[2] = SQL_INT(year);
    row[3] = SQL_INT(month);
    row[4] = SQL_INT(of_month);
    row[5] = SQL_INT((day + 3) % 7 + 1); /* 1970-01-01 was a Thursday; Monday is 1 */
}

int days_resolve(struct days *days, struct sql *sql, struct error *error)
{
    size_t count = days->find.count;
    if (!count)
        return 0;
    sort_days(&days->find);
    count = days->find.count;
    bool *found = calloc(count, sizeof(*found));
    char(*texts)[CLOCK_TEXT_SIZE] = calloc(count, sizeof(*texts));
    if (!found || !texts)
        abort();
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < count;) {
        rc = bulk_query(&days->find, sql, &from, error);
        while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
            struct sql_value day = SQL_INT(sql_integer(sql, 0));
            const struct sql_value *place =
                bsearch(&day, days->find.values, count, sizeof(day), compare_days);
            if (place)
                found[place - days->find.values] = true;
            rc = 0;
        }
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (!found[i])
            add_day(days, days->find.values[i].integer, texts[i]);
    }
    bulk_clear(&days->find);
    if (rc == 0)
        rc = bulk_run(&days->add, sql, error);
    free(found);
    free(texts);
    return rc;
}
