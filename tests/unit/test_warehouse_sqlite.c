/* A warehouse file that an earlier version made. */
#include "arena.h"
#include "engines.h"
#include "sqlite_db.h"
#include "warehouse.h"

#include <stdatomic.h>

/* As the first released version made it. */
static const char first_tables[] =
    "CREATE TABLE dim_day(day_key INTEGER PRIMARY KEY, day TEXT NOT NULL, year INTEGER NOT NULL,"
    " month INTEGER NOT NULL, day_of_month INTEGER NOT NULL, weekday INTEGER NOT NULL);"
    "CREATE TABLE dim_wine(wine_key INTEGER PRIMARY KEY, wine_id TEXT NOT NULL,"
    " name TEXT NOT NULL, winery TEXT NOT NULL, type TEXT NOT NULL, country TEXT NOT NULL,"
    " region TEXT NOT NULL, vintage INTEGER NOT NULL, bottle_ml INTEGER NOT NULL,"
    " price INTEGER NOT NULL, currency TEXT NOT NULL, withdrawn INTEGER NOT NULL,"
    " available INTEGER, wine_sequence INTEGER NOT NULL, stock_sequence INTEGER NOT NULL);"
    "CREATE INDEX dim_wine_by_id ON dim_wine(wine_id);"
    "CREATE TABLE dim_shopper(shopper_key INTEGER PRIMARY KEY, pseudonym TEXT,"
    " merged_into INTEGER);"
    "CREATE INDEX dim_shopper_by_pseudonym ON dim_shopper(pseudonym);"
    "CREATE INDEX dim_shopper_by_merged ON dim_shopper(merged_into);"
    "INSERT INTO dim_shopper(shopper_key) VALUES(0);"
    "CREATE TABLE fact_view(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, list TEXT NOT NULL);"
    "CREATE INDEX fact_view_by_time ON fact_view(at_ms);"
    "CREATE TABLE fact_impression(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, list TEXT NOT NULL);"
    "CREATE INDEX fact_impression_by_time ON fact_impression(at_ms);"
    "CREATE TABLE fact_click(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, list TEXT NOT NULL);"
    "CREATE INDEX fact_click_by_time ON fact_click(at_ms);"
    "CREATE TABLE fact_search(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " shopper_key INTEGER NOT NULL, query TEXT NOT NULL, results INTEGER NOT NULL);"
    "CREATE INDEX fact_search_by_time ON fact_search(at_ms);"
    "CREATE TABLE fact_cart(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, quantity INTEGER NOT NULL,"
    " previous INTEGER NOT NULL);"
    "CREATE INDEX fact_cart_by_time ON fact_cart(at_ms);"
    "CREATE TABLE fact_rating(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, stars REAL NOT NULL);"
    "CREATE INDEX fact_rating_by_time ON fact_rating(at_ms);"
    "CREATE TABLE fact_order(order_id TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " day_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, status TEXT NOT NULL,"
    " sequence INTEGER NOT NULL, country TEXT NOT NULL, region TEXT NOT NULL,"
    " currency TEXT NOT NULL, subtotal INTEGER NOT NULL, shipping INTEGER NOT NULL,"
    " tax INTEGER NOT NULL, total INTEGER NOT NULL);"
    "CREATE INDEX fact_order_by_id ON fact_order(order_id);"
    "CREATE INDEX fact_order_by_time ON fact_order(at_ms);"
    "CREATE TABLE fact_order_line(order_id TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " day_key INTEGER NOT NULL, wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL,"
    " quantity INTEGER NOT NULL, unit_price INTEGER NOT NULL, line_total INTEGER NOT NULL);"
    "CREATE INDEX fact_order_line_by_time ON fact_order_line(at_ms);"
    "CREATE TABLE load_checkpoint(shard INTEGER NOT NULL, sequence INTEGER NOT NULL);"
    "CREATE TABLE load_event(up_to INTEGER PRIMARY KEY, event_ids TEXT NOT NULL);"
    "CREATE TABLE dead_letter(position INTEGER PRIMARY KEY, event_id TEXT NOT NULL,"
    " shard INTEGER NOT NULL, sequence INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " reason TEXT NOT NULL, body TEXT NOT NULL);";

static const char first_rows[] =
    "INSERT INTO dim_wine VALUES(1, 'w1', 'Alouette', '', '', '', '', 0, 750, 900, 'USD', 0, 7, 3, "
    "4);"
    "INSERT INTO dim_shopper VALUES(1, 's1', NULL), (2, 'g1', 1);"
    "INSERT INTO fact_view VALUES(1000, 0, 1, 2, 'search');"
    "INSERT INTO fact_click VALUES(2000, 0, 1, 1, 'similar');"
    "INSERT INTO fact_rating VALUES(3000, 0, 1, 1, 4.5);"
    "INSERT INTO load_checkpoint VALUES(0, 41);"
    "INSERT INTO load_event VALUES(2, 'e1 e2 ');"
    "INSERT INTO dead_letter VALUES(1, 'bad', 0, 40, 5, 'no type', '{}');"
    "PRAGMA user_version=1;";

static void done(void *ctx, int rc, const struct error *error)
{
    atomic_int *finished = ctx;
    if (rc < 0)
        print_error("%s", error->message);
    *finished = rc < 0 ? rc : 1;
}

static void wait_for(atomic_int *finished)
{
    while (!*finished)
        usleep(100);
    assert_int_equal(*finished, 1);
    *finished = 0;
}

struct seen {
    int count;
    char shoppers[8][8];
};

static int see(void *ctx, const struct warehouse_interaction *interaction)
{
    struct seen *seen = ctx;
    snprintf(seen->shoppers[seen->count++], sizeof(seen->shoppers[0]), "%s", interaction->shopper);
    return 0;
}

static void make_old_file(const char *path)
{
    sqlite3 *file;
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, first_tables, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, first_rows, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
}

static void an_old_file_goes_on(void **state)
{
    (void)state;
    char directory[64], path[128];
    struct error error = {0};
    struct warehouse *warehouse = NULL;
    atomic_int finished = 0;
    engine_directory(directory);
    snprintf(path, sizeof(path), "%s/warehouse.db", directory);
    make_old_file(path);
    assert_int_equal(warehouse_sqlite_open(&warehouse, path, &error), 0);

    struct warehouse_fact rated = {.kind = WAREHOUSE_RATING,
        .event_id = "e3",
        .at_ms = 4000,
        .shopper = "s2",
        .wine_id = "w2",
        .stars = 5};
    struct warehouse_checkpoint place = {.shard = 0, .sequence = 42};
    struct warehouse_dead_letter letter = {.event_id = "", .reason = "late", .body = ""};
    struct warehouse_batch batch = {.facts = &rated,
        .fact_count = 1,
        .event_ids = (const char *[]){"e3"},
        .event_count = 1,
        .letters = &letter,
        .letter_count = 1,
        .checkpoints = &place,
        .checkpoint_count = 1};
    warehouse_load(warehouse, &batch, done, &finished);
    wait_for(&finished);
    struct warehouse_rating_row row = {.shopper = "s1", .wine_id = "w1", .stars = 3, .at_ms = 5000};
    warehouse_import(warehouse, &row, 1, done, &finished);
    wait_for(&finished);

    struct seen seen = {0};
    struct warehouse_interaction_query all = {0};
    assert_int_equal(warehouse_interactions(warehouse, &all, see, &seen, &error), 0);
    assert_int_equal(seen.count, 5);
    assert_string_equal(seen.shoppers[0], "s1"); /* the guest's */
    assert_string_equal(seen.shoppers[3], "s2");
    struct arena *arena = arena_new();
    const char **ids;
    assert_int_equal(warehouse_recent(warehouse, arena, &ids, &error), 3);
    assert_string_equal(ids[0], "e1");
    assert_string_equal(ids[2], "e3");
    struct warehouse_letters letters;
    warehouse_letters(warehouse, 10, arena, &letters, done, &finished);
    wait_for(&finished);
    assert_int_equal(letters.count, 2);
    assert_string_equal(letters.letters[0].reason, "late");
    arena_free(arena);
    warehouse_close(warehouse);
    engine_directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_file_goes_on),
    };
    sqlite_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
