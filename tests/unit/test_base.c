#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "config.h"
#include "csv.h"
#include "id.h"
#include "json.h"
#include "money.h"
#include "secure.h"
#include "text.h"
#include "timer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void test_arena_survives_growth_and_clear(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int round = 0; round < 3; round++) {
        char *texts[200];
        for (int i = 0; i < 200; i++)
            texts[i] = arena_printf(arena, "%0*d", i * 7 + 1, i);
        for (int i = 0; i < 200; i++)
            assert_int_equal(atoi(texts[i]), i);
        char *large = arena_alloc(arena, 3000000);
        memset(large, 1, 3000000);
        assert_int_equal((uintptr_t)arena_alloc(arena, 1) % 16, 0);
        arena_clear(arena);
    }
    arena_free(arena);
}

static void test_buffer_writes_json_and_html(void **state)
{
    (void)state;
    CLEANUP_BUFFER struct buffer buffer = BUFFER_INIT;
    buffer_append_json(&buffer, "a\"b\\c\n\x01<é");
    assert_string_equal(buffer.data, "\"a\\\"b\\\\c\\n\\u0001\\u003cé\"");
    buffer_reset(&buffer);
    buffer_append_html(&buffer, "<a href='x'>&\"</a>");
    assert_string_equal(buffer.data, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
    buffer_reset(&buffer);
    buffer_append_int(&buffer, INT64_MIN);
    buffer_append_int(&buffer, 0);
    assert_string_equal(buffer.data, "-92233720368547758080");
}

static void test_clock_reads_and_writes_times(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    int64_t ms;
    assert_int_equal(clock_parse("2026-02-28T23:59:59.5+02:00", &ms), 0);
    assert_string_equal(clock_format(ms, text), "2026-02-28T21:59:59.500Z");
    assert_int_equal(clock_parse("2026-02-29T00:00:00Z", &ms), -1);
    assert_int_equal(clock_parse("2026-02-28 00:00:00Z", &ms), -1);
    assert_int_equal(clock_parse("2026-02-28T00:00:00", &ms), -1);
    assert_int_equal(clock_parse("9999-12-31T23:59:59.999Z", &ms), 0);
    assert_int_equal(clock_parse("9999-12-31T23:59:59-00:01", &ms), -1); /* of the year 10000 */
    assert_int_equal(clock_parse("0001-01-01T00:00:00+00:01", &ms), -1);
    assert_int_equal(clock_parse_date("2000-02-29", NULL, NULL, NULL), 0);
    assert_int_equal(clock_parse_date("1900-02-29", NULL, NULL, NULL), -1);
    assert_int_equal(clock_parse_date("2001-2-03", NULL, NULL, NULL), -1);
}

static void test_clock_writes_every_day(void **state)
{
    (void)state;
    /* Each day, and a time of it, from 1899 to 2101, as the C library has it. */
    for (int64_t day = -25932; day < 47847; day++) {
        int64_t ms = day * 86400000 + (day * 7919 % 86400000 + 86400000) % 86400000;
        char text[CLOCK_TEXT_SIZE], wanted[64];
        time_t seconds = (time_t)((ms - ((ms % 1000 + 1000) % 1000)) / 1000);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        size_t length = strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(
            wanted + length, sizeof(wanted) - length, ".%03dZ", (int)((ms % 1000 + 1000) % 1000));
        assert_string_equal(clock_format(ms, text), wanted);
    }
}

static void test_age_turns_on_the_birthday(void **state)
{
    (void)state;
    int64_t day;
    clock_parse("2026-03-01T00:00:00Z", &day);
    assert_int_equal(clock_age_years("2005-03-01", day), 21);
    assert_int_equal(clock_age_years("2005-03-02", day), 20);
    assert_int_equal(clock_age_years("2999-01-01", day), -1);
    assert_int_equal(clock_age_years("2008-02-29", day), 18);
    assert_int_equal(clock_age_years("2008-02-29", day - 86400000), 17);
    assert_int_equal(clock_age_years("2027-01-01", day), -1);
}

static void test_ids_are_unique_and_sorted(void **state)
{
    (void)state;
    char last[ID_SIZE] = "", next[ID_SIZE];
    for (int i = 0; i < 10000; i++) {
        id_new(next);
        assert_true(id_valid(next));
        assert_true(strcmp(last, next) < 0);
        memcpy(last, next, ID_SIZE);
    }
    assert_int_equal(id_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV"), INT64_C(1469922850259));
    assert_int_equal(id_time_ms("no id"), 0);
    assert_false(id_valid("01ARZ3NDEKTSV4RRFFQ69G5FA"));
    assert_false(id_valid("81ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_false(id_valid("01ARZ3NDEKTSV4RRFFQ69G5FAU "));
}

static void test_money_rounds_half_up(void **state)
{
    (void)state;
    int64_t amount;
    assert_int_equal(money_parse("18.5", &amount), 0);
    assert_int_equal(amount, 1850);
    assert_int_equal(money_parse("18.505", &amount), -1);
    assert_int_equal(money_parse("-1", &amount), -1);
    assert_int_equal(money_parse("18.", &amount), -1);
    assert_int_equal(money_percent(1000, 1900), 190);
    assert_int_equal(money_percent(50, 725), 4);
    assert_int_equal(money_percent_contained(11900, 1900), 1900);
}

static void test_utf8_is_checked_strictly(void **state)
{
    (void)state;
    assert_true(utf8_valid("Rosé 🍷", strlen("Rosé 🍷")));
    assert_false(utf8_valid("\xc0\xaf", 2));         /* overlong */
    assert_false(utf8_valid("\xed\xa0\x80", 3));     /* surrogate */
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
    assert_false(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xe2\x82", 2));
}

static void test_urls_are_decoded_strictly(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(url_decode(arena, "a%20b+c", 7, true), "a b c");
    assert_string_equal(url_decode(arena, "a+c", 3, false), "a+c");
    assert_null(url_decode(arena, "%2", 2, false));
    assert_null(url_decode(arena, "%zz", 3, false));
    assert_null(url_decode(arena, "a%00b", 5, false));
    assert_null(url_decode(arena, "%ff", 3, false));
    assert_string_equal(url_encode(arena, "é &"), "%C3%A9%20%26");
    arena_free(arena);
}

static void test_numbers_are_whole_texts(void **state)
{
    (void)state;
    int64_t number = 7;
    double real;
    assert_int_equal(text_to_int("12", 0, 100, &number), 0);
    assert_int_equal(number, 12);
    assert_int_equal(text_to_int("12x", 0, 100, &number), -1);
    assert_int_equal(text_to_int(" 12", 0, 100, &number), -1);
    assert_int_equal(text_to_int("101", 0, 100, &number), -1);
    assert_int_equal(text_to_int("99999999999999999999", 0, INT64_MAX, &number), -1);
    assert_int_equal(number, 12);
    assert_int_equal(text_to_double("12.5", 0, 100, &real), 0);
    assert_int_equal(text_to_double("nan", 0, 100, &real), -1);
    assert_int_equal(text_to_double("1e3", 0, 10000, &real), -1);
}

static void test_json_refuses_what_is_ambiguous(void **state)
{
    (void)state;
    json_t *value = NULL;
    struct error error = {0};
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "{} x",
        "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", "nul", "[1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(json_read_object(bad[i], strlen(bad[i]), &value, &error), ERROR_INVALID);
        assert_string_equal(error.reason, "malformed_json");
        assert_null(value);
    }
    static const char behind_number[] = "{\"a\":2\0}";
    assert_int_equal(
        json_read_object(behind_number, sizeof(behind_number) - 1, &value, &error), ERROR_INVALID);
    char deep[200001];
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    assert_int_equal(json_read(deep, 200000, &value, &error), ERROR_INVALID);
}

static void test_json_getters_name_the_field(void **state)
{
    (void)state;
    CLEANUP_JSON json_t *object =
        json_pack("{s:i, s:f, s:s, s:s}", "n", 5, "f", 1.5, "t", "two", "c", "a\x01");
    int64_t number = 0;
    const char *text = NULL;
    struct error error = {0};
    assert_int_equal(json_get_int(object, "n", 1, 10, &number, &error), 0);
    assert_int_equal(number, 5);
    assert_int_equal(json_get_int(object, "f", 1, 10, &number, &error), ERROR_INVALID);
    assert_string_equal(error.field, "f");
    assert_int_equal(json_get_int(object, "t", 1, 10, &number, &error), ERROR_INVALID);
    assert_int_equal(json_get_int(object, "absent", 1, 10, &number, &error), ERROR_INVALID);
    assert_int_equal(json_find_int(object, "absent", 1, 10, &number, &error), 0);
    assert_int_equal(number, 5);
    assert_int_equal(json_get_text(object, "t", 1, 2, &text, &error), ERROR_INVALID);
    assert_int_equal(json_get_text(object, "c", 1, 5, &text, &error), ERROR_INVALID);
    assert_null(text);
}

static FILE *file_of(const char *text, size_t length)
{
    FILE *file = tmpfile();
    fwrite(text, 1, length, file);
    rewind(file);
    return file;
}

static void test_csv_reads_quotes_and_line_ends(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "a,\"b \"\"x\"\"\",c\r\n\n1,\"two\nlines\",\n";
    FILE *file = file_of(text, sizeof(text) - 1);
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error = {0};
    assert_int_equal(csv_next(reader, &row, &error), 1);
    assert_int_equal(row.count, 3);
    assert_string_equal(row.fields[0], "a");
    assert_string_equal(row.fields[1], "b \"x\"");
    assert_int_equal(csv_next(reader, &row, &error), 1);
    assert_int_equal(row.line, 3);
    assert_string_equal(row.fields[1], "two\nlines");
    assert_string_equal(row.fields[2], "");
    assert_int_equal(csv_next(reader, &row, &error), 0);
    assert_int_equal(csv_position(reader), sizeof(text) - 1);
    csv_reader_free(reader);
    fclose(file);
}

static void test_csv_counts_lines_that_end_in_cr(void **state)
{
    (void)state;
    static const char text[] = "a,b\r1,2\r\r\n3,4\n5,6";
    static const int lines[] = {1, 2, 4, 5};
    FILE *file = file_of(text, sizeof(text) - 1);
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(csv_next(reader, &row, &error), 1);
        assert_int_equal(row.line, lines[i]);
        assert_int_equal(row.count, 2);
    }
    assert_int_equal(csv_next(reader, &row, &error), 0);
    csv_reader_free(reader);
    fclose(file);
}

static void test_csv_names_bad_rows_and_goes_on(void **state)
{
    (void)state;
    static const char text[] = "a\"b,c\nd\0e,f\n\xff,g\n\"h\"i,j\ngood,row\n\"never closed\n";
    FILE *file = file_of(text, sizeof(text) - 1);
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error = {0};
    for (int line = 1; line <= 4; line++) {
        assert_int_equal(csv_next(reader, &row, &error), ERROR_INVALID);
        assert_int_equal(row.line, line);
        assert_true(error.message[0]);
    }
    assert_int_equal(csv_next(reader, &row, &error), 1);
    assert_string_equal(row.fields[1], "row");
    assert_int_equal(csv_next(reader, &row, &error), ERROR_INVALID);
    assert_int_equal(csv_next(reader, &row, &error), 0);
    csv_reader_free(reader);
    fclose(file);
}

static const struct config_key keys[] = {
    {"http.port", CONFIG_INT, "8080", "TEST_PORT", 0, 65535, "port"},
    {"limits", CONFIG_BOOL, "on", NULL, 0, 0, "limits"},
    {"name", CONFIG_TEXT, "shop", NULL, 0, 0, "name"},
    {NULL, CONFIG_TEXT, "", NULL, 0, 0, NULL},
};

static int load_text(const char *text, struct config *config, struct error *error)
{
    char path[] = "/tmp/winestore-config-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = config_load(config, path, error);
    unlink(path);
    return rc;
}

static void test_config_names_file_line_and_remedy(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"# fine\nhttp.port = 80x\n", ":2: http.port must be a whole number"},
        {"name\n", ":1: write `key = value`"},
        {"nmae = x\n", ":1: there is no setting \"nmae\""},
        {"name = a\nname = b\n", ":2: name is set on line 1 already"},
        {"limits = perhaps\n", ":1: limits must be on or off"},
        {"name = \xff\n", ":1: is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config *config = config_new(keys);
        struct error error = {0};
        assert_int_equal(load_text(bad[i][0], config, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, bad[i][1]));
        config_free(config);
    }
}

static void test_config_takes_file_and_environment(void **state)
{
    (void)state;
    struct config *config = config_new(keys);
    struct error error = {0};
    assert_int_equal(load_text("\n# c\n http.port = 9000\nlimits = off", config, &error), 0);
    assert_int_equal(config_int(config, "http.port"), 9000);
    assert_false(config_bool(config, "limits"));
    assert_string_equal(config_text(config, "name"), "shop");
    setenv("TEST_PORT", "9100", 1);
    assert_int_equal(config_environment(config, &error), 0);
    assert_int_equal(config_int(config, "http.port"), 9100);
    setenv("TEST_PORT", "many", 1);
    assert_int_equal(config_environment(config, &error), ERROR_INVALID);
    assert_string_equal(error.field, "TEST_PORT");
    config_free(config);
}

struct ticks {
    pthread_mutex_t lock;
    char order[16];
    int count;
};

struct tick {
    struct ticks *ticks;
    char name;
};

static void tick(void *ctx)
{
    struct tick *one = ctx;
    pthread_mutex_lock(&one->ticks->lock);
    one->ticks->order[one->ticks->count++] = one->name;
    pthread_mutex_unlock(&one->ticks->lock);
}

static void test_timers_run_in_order_and_can_be_cancelled(void **state)
{
    (void)state;
    struct ticks ticks = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct tick a = {&ticks, 'a'}, b = {&ticks, 'b'}, c = {&ticks, 'c'}, d = {&ticks, 'd'};
    struct timers *timers = timers_new();
    timers_after(timers, 60, tick, &c);
    struct timer *cancelled = timers_after(timers, 40, tick, &d);
    timers_after(timers, 20, tick, &b);
    timers_after(timers, 0, tick, &a);
    assert_true(timers_cancel(timers, cancelled));
    for (int i = 0; i < 200; i++) {
        usleep(5000);
        pthread_mutex_lock(&ticks.lock);
        int count = ticks.count;
        pthread_mutex_unlock(&ticks.lock);
        if (count == 3)
            break;
    }
    timers_after(timers, 100000, tick, &d);
    timers_free(timers);
    assert_int_equal(ticks.count, 3);
    assert_memory_equal(ticks.order, "abc", 3);
}

static void test_hashes_and_tokens(void **state)
{
    (void)state;
    char hex[SECURE_SHA256_HEX_SIZE], token[SECURE_TOKEN_SIZE];
    /* FIPS 180-4, "abc";.
     */
    assert_string_equal(secure_sha256_hex("abc", 3, hex),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(strlen(secure_token(token)), SECURE_TOKEN_SIZE - 1);
    struct arena *arena = arena_new();
    size_t length;
    char *text = secure_base64(arena, "\xff\xfe?", 3);
    assert_memory_equal(secure_base64_decode(arena, text, &length), "\xff\xfe?", 3);
    assert_null(secure_base64_decode(arena, "a+b/", &length));
    assert_true(secure_equal("same", "same"));
    assert_false(secure_equal("same", "sama"));
    assert_false(secure_equal("same", "sam"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_survives_growth_and_clear),
        cmocka_unit_test(test_buffer_writes_json_and_html),
        cmocka_unit_test(test_clock_reads_and_writes_times),
        cmocka_unit_test(test_clock_writes_every_day),
        cmocka_unit_test(test_age_turns_on_the_birthday),
        cmocka_unit_test(test_ids_are_unique_and_sorted),
        cmocka_unit_test(test_money_rounds_half_up),
        cmocka_unit_test(test_utf8_is_checked_strictly),
        cmocka_unit_test(test_urls_are_decoded_strictly),
        cmocka_unit_test(test_numbers_are_whole_texts),
        cmocka_unit_test(test_json_refuses_what_is_ambiguous),
        cmocka_unit_test(test_json_getters_name_the_field),
        cmocka_unit_test(test_csv_reads_quotes_and_line_ends),
        cmocka_unit_test(test_csv_counts_lines_that_end_in_cr),
        cmocka_unit_test(test_csv_names_bad_rows_and_goes_on),
        cmocka_unit_test(test_config_names_file_line_and_remedy),
        cmocka_unit_test(test_config_takes_file_and_environment),
        cmocka_unit_test(test_timers_run_in_order_and_can_be_cancelled),
        cmocka_unit_test(test_hashes_and_tokens),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
