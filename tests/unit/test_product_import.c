#include "product_fixture.h"

#include "buffer.h"
#include "csv.h"
#include "x_wines.h"

#define HEADER "sku,group,name,winery,type,country,region,grapes,vintage,abv,price,stock\n"
#define ROW(sku, group, price, stock)                                                              \
    sku "," group                                                                                  \
        ",Les Grives,Domaine Hautecaille,White,France,Burgundy,Chardonnay,2023,13.0," price        \
        "," stock "\n"

struct rejected {
    int64_t lines[16];
    char fields[16][64], reasons[16][320];
    size_t count;
};

static void note_rejection(void *ctx, const struct import_rejection *rejection)
{
    struct rejected *rejected = ctx;
    if (rejected->count == 16)
        return;
    rejected->lines[rejected->count] = rejection->line;
    snprintf(rejected->fields[rejected->count], 64, "%s", rejection->field);
    snprintf(rejected->reasons[rejected->count++], 320, "%s", rejection->reason);
}

static int import_file(struct product_fixture *fixture, FILE *file, struct import_options options,
    struct rejected *rejected, struct import_result *result, struct error *error)
{
    struct import_callbacks callbacks = {.rejected = note_rejection, .ctx = rejected};
    options.file_name = "test.csv";
    options.wait_for_search = true;
    int rc = product_import(
        fixture->service, file, &options, rejected ? &callbacks : NULL, result, error);
    fclose(file);
    return rc;
}

static int import_text(struct product_fixture *fixture, const char *text,
    struct import_options options, struct rejected *rejected, struct import_result *result)
{
    struct error error = {0};
    FILE *file = fmemopen((char *)text, strlen(text), "r");
    return import_file(fixture, file, options, rejected, result, &error);
}

static char *export_text(struct product_fixture *fixture, size_t *length)
{
    char *text = NULL;
    int64_t wines;
    struct error error = {0};
    FILE *file = open_memstream(&text, length);
    assert_int_equal(product_export(fixture->service, file, &wines, &error), 0);
    fclose(file);
    return text;
}

/* Imports the file, then the export of it: which must change nothing, and export the same. */
static void check_round_trip(
    struct product_fixture *fixture, const char *path, int64_t wines, bool x_wines)
{
    struct import_options options = {.stock = 24};
    struct import_result result;
    struct error error = {0};
    struct rejected rejected = {.count = 0};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    if (import_file(fixture, file, options, &rejected, &result, &error) < 0)
        fail_msg("%s; line %d, %s: %s", error.message, (int)rejected.lines[0], rejected.fields[0],
            rejected.reasons[0]);
    assert_int_equal(result.added, wines);
    assert_int_equal(result.x_wines, x_wines);
    await_search(fixture, (size_t)wines);
    assert_int_equal(
        import_file(fixture, fopen(path, "r"), options, &rejected, &result, &error), 0);
    assert_int_equal(result.unchanged, wines);

    size_t length, again_length;
    char *text = export_text(fixture, &length);
    assert_int_equal(import_text(fixture, text, (struct import_options){0}, &rejected, &result), 0);
    assert_int_equal(result.unchanged, wines);
    assert_int_equal(result.rejected, 0);
    char *again = export_text(fixture, &again_length);
    assert_string_equal(text, again);
    free(text);
    free(again);
}

static void test_demo_catalogue_comes_back_as_it_was(void **state)
{
    check_round_trip(*state, SOURCE_ROOT "/demo/catalogue.csv", 225, false);
}

static void test_x_wines_comes_back_as_it_was(void **state)
{
    char path[X_WINES_PATH];
    check_round_trip(*state, x_wines_find(path, "wines.csv"), X_WINES, true);
}

static void test_the_like_of_x_wines_comes_back_as_it_was(void **state)
{
    char path[X_WINES_PATH];
    check_round_trip(*state, x_wines_generated(path, "wines.csv"), X_WINES, true);
}

/* Every column, with texts that need quotes, in several lines and alphabets. */
static void test_awkward_texts_come_back_as_they_were(void **state)
{
    struct product_fixture *fixture = *state;
    static const char *const names[] = {"plain", "with, comma", "with \"quotes\"", "two\nlines",
        "crlf\r\nline", "Château d'Élan", "日本酒", "semi; colon", "</script>", "=1+1", "\"", ","};
    static const char *const grapes[] = {"Merlot 60;Malbec 40", "Merlot 33.3;Malbec 66.7", "Merlot",
        "Nero d'Avola;Touriga, Nacional", "", "Muscat/Moscato 100"};
    struct buffer text = BUFFER_INIT;
    buffer_append_text(&text,
        "sku,group,name,winery,type,country,region,subregion,appellation,elaborate,grapes,pairings,"
        "vintage,bottle_ml,abv,body,acidity,sweetness,tannin,price,currency,stock,notes,drink_from,"
        "drink_until,organic,energy_kj,energy_kcal,sugar_g_l,ingredients,website\n");
    for (int i = 0; i < 600; i++) {
        const char *name = names[i % 12];
        const char *fields[] = {arena_printf(fixture->arena, "g-%d", i), i % 3 ? name : "", name,
            names[(i + 5) % 12], "Rosé", names[(i + 1) % 12], names[(i + 2) % 12],
            i % 2 ? name : "", i % 4 ? name : "", name, grapes[i % 6],
            i % 2 ? "Pasta;Pizza, hot" : "", i % 5 ? "2019" : "NV", i % 2 ? "750" : "1500",
            i % 2 ? "12.5" : "60", i % 2 ? "light" : "", "high", "off-dry", "none", "18.5",
            i % 2 ? "EUR" : "", "7", names[(i + 3) % 12], i % 2 ? "2025" : "", i % 2 ? "2030" : "",
            i % 2 ? "yes" : "", i % 2 ? "340" : "", "82", i % 2 ? "0.5" : "", name,
            i % 2 ? "https://example.com/?a=1,2" : ""};
        for (size_t field = 0; field < sizeof(fields) / sizeof(fields[0]); field++)
            csv_append_field(&text, fields[field], field == 0);
        buffer_append_text(&text, "\r\n");
    }
    const char *path = arena_printf(fixture->arena, "%s/awkward.csv", fixture->directory);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(text.data, 1, text.length, file), text.length);
    fclose(file);
    buffer_release(&text);
    check_round_trip(fixture, path, 600, false);
}

static const char x_wines[] =
    "WineID,WineName,Type,Elaborate,Grapes,Harmonize,ABV,Body,Acidity,Code,Country,RegionID,"
    "RegionName,WineryID,WineryName,Website,Vintages\n"
    "7,Tawny,Dessert/Port,Assemblage/Blend,\"['Touriga Nacional', \"\"Nero d'Avola\"\"]\","
    "\"['Cheese']\",19.5,Very full-bodied,Low,PT,Portugal,1,Douro,2,Quinta,,"
    "\"[2001, 2010, 'N.V.']\"\n"
    "8,Brut,Sparkling,Varietal/100%,['Glera'],['Fish'],11,Light-bodied,High,IT,Italy,1,Veneto,2,"
    "Casa,http://example.com,\"['N.V.']\"\n"
    "9,Bad,Red,Varietal/100%,['Glera,['Fish'],11,Light-bodied,High,IT,Italy,1,Veneto,2,Casa,,[]\n";

static void test_x_wines_is_translated(void **state)
{
    struct product_fixture *fixture = *state;
    struct import_options options = {
        .keep_good = true, .price_min = 1000, .price_max = 2000, .stock = 6};
    struct import_result result;
    struct rejected rejected = {.count = 0};
    assert_int_equal(import_text(fixture, x_wines, options, &rejected, &result), 0);
    assert_int_equal(result.added, 2);
    assert_int_equal(rejected.count, 1);
    assert_int_equal(rejected.lines[0], 4);
    json_t *all = expect(fixture, 200, HTTP_GET, "/internal/wines/all", NULL);
    json_t *port = json_array_get(json_object_get(all, "items"), 0);
    assert_string_equal(json_text_or(port, "sku", ""), "xw-7");
    assert_string_equal(json_text_or(port, "type", ""), "Fortified");
    assert_string_equal(json_text_or(port, "body", ""), "very full");
    assert_string_equal(json_text_or(port, "acidity", ""), "low");
    assert_int_equal(json_int_or(port, "vintage", 0), 2010);
    assert_int_equal(json_int_or(port, "available", 0), 6);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(port, "grapes"), 1)), "Nero d'Avola");
    int64_t price = json_int_or(json_object_get(port, "price"), "amount", 0);
    assert_in_range(price, 1000, 2000);
    json_t *brut = json_array_get(json_object_get(all, "items"), 1);
    assert_string_equal(json_text_or(brut, "vintage_label", ""), "NV");
    json_decref(all);
}

static void test_bad_rows_keep_the_file_out(void **state)
{
    struct product_fixture *fixture = *state;
    static const struct {
        const char *row, *field;
    } cases[] = {
        {ROW("a 1", "", "9.00", "1"), "sku"},
        {ROW("", "", "9.00", "1"), "sku"},
        {ROW("a", "", "9.001", "1"), "price"},
        {ROW("a", "", "-9", "1"), "price"},
        {ROW("a", "", "0", "1"), "price"},
        {ROW("a", "", "", "1"), "price"},
        {ROW("a", "", "9", "1.5"), "stock"},
        {ROW("a", "", "9", "1000001"), "stock"},
        {"a,,N,W,Orange,France,R,G,2020,13,9,1\n", "type"},
        {"a,,,W,Red,France,R,G,2020,13,9,1\n", "name"},
        {"a,,N,W,Red,France,R,G,20x0,13,9,1\n", "vintage"},
        {"a,,N,W,Red,France,R,G,2020,61,9,1\n", "abv"},
        {"a,,N,W,Red,France,R,G,2020,13.55,9,1\n", "abv"},
        {"a,,N,W,Red,France,R,G 60;H 30,2020,13,9,1\n", "grapes"},
        {"a,,N,W,Red,France,R,G 60;H,2020,13,9,1\n", "grapes"},
        {"a,,N,W,Red,France,R,G,2020,13,9\n", ""},
        {"a,,\"N\"x,W,Red,France,R,G,2020,13,9,1\n", ""},
        {"a,,N\x01,W,Red,France,R,G,2020,13,9,1\n", "name"},
        {"a,,N\xff,W,Red,France,R,G,2020,13,9,1\n", ""},
        {"a,,\"N,W,Red,France,R,G,2020,13,9,1\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rejected rejected = {.count = 0};
        struct import_result result;
        const char *text = arena_printf(
            fixture->arena, "%s%s%s", HEADER, ROW("good", "", "8.00", "3"), cases[i].row);
        int rc = import_text(fixture, text, (struct import_options){0}, &rejected, &result);
        if (rc != ERROR_INVALID || rejected.count != 1 ||
            strcmp(rejected.fields[0], cases[i].field) != 0)
            fail_msg("row %zu: rc %d, %zu rejected, field %s: %s", i, rc, rejected.count,
                rejected.fields[0], rejected.reasons[0]);
        assert_int_equal(rejected.lines[0], 3);
        assert_false(result.applied);
    }
    assert_int_equal(search_count(fixture->search), 0);
}

static void test_a_nul_byte_is_refused(void **state)
{
    struct product_fixture *fixture = *state;
    static const char text[] = HEADER "a,,N\0,W,Red,France,R,G,2020,13,9,1\n";
    struct rejected rejected = {.count = 0};
    struct import_result result;
    struct error error = {0};
    FILE *file = fmemopen((char *)text, sizeof(text) - 1, "r");
    assert_int_equal(
        import_file(fixture, file, (struct import_options){0}, &rejected, &result, &error),
        ERROR_INVALID);
    assert_int_equal(rejected.count, 1);
}

static void test_good_rows_can_be_kept(void **state)
{
    struct product_fixture *fixture = *state;
    struct rejected rejected = {.count = 0};
    struct import_result result;
    const char *text = HEADER ROW("a", "", "8.00", "3") ROW("b", "", "x", "3")
        ROW("a", "", "9.00", "3") ROW("c", "", "8.00", "3");
    assert_int_equal(
        import_text(fixture, text, (struct import_options){.keep_good = true}, &rejected, &result),
        0);
    assert_int_equal(result.rows, 4);
    assert_int_equal(result.added, 2);
    assert_int_equal(result.rejected, 2);
    assert_string_equal(rejected.fields[1], "sku");
    assert_non_null(strstr(rejected.reasons[1], "line 2"));
}

static void test_headers_are_checked(void **state)
{
    struct product_fixture *fixture = *state;
    static const char *const headers[] = {
        "",
        "sku\n",
        "sku,name,colour\n",
        "sku,sku,name,winery,type,country,region,abv,price\n",
        "WineID,WineName\n",
        "\"sku\n",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct import_result result;
        struct error error = {0};
        const char *path = arena_printf(fixture->arena, "%s/header.csv", fixture->directory);
        FILE *file = fopen(path, "w+");
        fputs(headers[i], file);
        rewind(file);
        assert_int_equal(
            import_file(fixture, file, (struct import_options){0}, NULL, &result, &error),
            ERROR_INVALID);
        assert_true(error.message[0]);
    }
}

static void test_a_second_import_changes_text_and_keeps_the_rest(void **state)
{
    struct product_fixture *fixture = *state;
    struct import_result result;
    import_text(fixture,
        HEADER ROW("a", "grives", "8.00", "5") ROW("b", "grives", "8.00", "5")
            ROW("c", "", "8.00", "5"),
        (struct import_options){0}, NULL, &result);
    json_t *before = expect(fixture, 200, HTTP_GET, "/internal/wines/all", NULL);
    import_text(fixture,
        HEADER ROW("a", "grives", "9.00", "99") ROW("b", "grives", "8.00", "5")
            ROW("c", "", "8.00", "5"),
        (struct import_options){0}, NULL, &result);
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.unchanged, 2);
    json_t *after = expect(fixture, 200, HTTP_GET, "/internal/wines/all", NULL);
    json_t *a = json_array_get(json_object_get(before, "items"), 0);
    json_t *b = json_array_get(json_object_get(before, "items"), 1);
    json_t *c = json_array_get(json_object_get(before, "items"), 2);
    json_t *now = json_array_get(json_object_get(after, "items"), 0);
    assert_string_equal(json_text_or(a, "group_id", "a"), json_text_or(b, "group_id", "b"));
    assert_string_equal(json_text_or(c, "group_id", "a"), json_text_or(c, "id", "b"));
    assert_string_equal(json_text_or(a, "id", ""), json_text_or(now, "id", "x"));
    assert_int_equal(json_int_or(json_object_get(now, "price"), "amount", 0), 900);
    assert_int_equal(json_int_or(now, "available", 0), 5);
    json_decref(before);
    json_decref(after);
    json_t *page = expect(fixture, 200, HTTP_GET, "/api/v1/wines", NULL);
    assert_int_equal(json_int_or(page, "total", 0), 2);
    json_decref(page);
}

static int setup(void **state)
{
    *state = fixture_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_demo_catalogue_comes_back_as_it_was),
        TEST(test_x_wines_comes_back_as_it_was),
        TEST(test_the_like_of_x_wines_comes_back_as_it_was),
        TEST(test_awkward_texts_come_back_as_they_were),
        TEST(test_x_wines_is_translated),
        TEST(test_bad_rows_keep_the_file_out),
        TEST(test_a_nul_byte_is_refused),
        TEST(test_good_rows_can_be_kept),
        TEST(test_headers_are_checked),
        TEST(test_a_second_import_changes_text_and_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
