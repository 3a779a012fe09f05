/* The tables, and how a batch of facts gets into them. */
#include "buffer.h"
#include "clock.h"
#include "warehouse_sqlite_internal.h"

#include <stdlib.h>

static const char first_schema[] =
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

const char *const warehouse_sqlite_migrations[] = {first_schema, NULL};

/* One number, or -1 when there is no row. */
static int64_t look_up(sqlite3_stmt *row, struct sqlite_conn *conn, struct error *error)
{
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    int64_t value = rc > 0 ? sqlite3_column_int64(row, 0) : rc < 0 ? rc : ERROR_NOT_FOUND;
    sqlite_done(row);
    return value;
}

/* The keys of dimensions count from 1, so that a negative value can be an error's code. */
static int64_t wine_key(struct sqlite_conn *conn, const char *wine_id, struct error *error)
{
    static const char find[] = "SELECT wine_key FROM dim_wine WHERE wine_id = $1";
    int64_t key = look_up(sqlite_query(conn, error, find, "t", wine_id), conn, error);
    if (key != ERROR_NOT_FOUND)
        return key;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO dim_wine(wine_key, wine_id, name, winery, type, country, region, vintage,"
        " bottle_ml, price, currency, withdrawn, available, wine_sequence, stock_sequence)"
        " SELECT COALESCE(MAX(wine_key), 0) + 1, $1, '', '', '', '', '', 0, 0, 0, '', 0, NULL, 0, 0"
        " FROM dim_wine",
        "t", wine_id);
    if (rc < 0)
        return rc;
    return look_up(sqlite_query(conn, error, find, "t", wine_id), conn, error);
}

static int64_t shopper_key(struct sqlite_conn *conn, const char *shopper, struct error *error)
{
    static const char find[] = "SELECT shopper_key FROM dim_shopper WHERE pseudonym = $1";
    if (!*shopper)
        return 0;
    int64_t key = look_up(sqlite_query(conn, error, find, "t", shopper), conn, error);
    if (key != ERROR_NOT_FOUND)
        return key;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO dim_shopper(shopper_key, pseudonym)"
        " SELECT COALESCE(MAX(shopper_key), 0) + 1, $1 FROM dim_shopper",
        "t", shopper);
    if (rc < 0)
        return rc;
    return look_up(sqlite_query(conn, error, find, "t", shopper), conn, error);
}

static int ensure_day(struct sqlite_conn *conn, int64_t day, struct error *error)
{
    int64_t found = look_up(
        sqlite_query(conn, error, "SELECT day_key FROM dim_day WHERE day_key = $1", "i", day), conn,
        error);
    if (found != ERROR_NOT_FOUND)
        return found < 0 ? (int)found : 0;
    char text[CLOCK_TEXT_SIZE];
    int year, month, of_month;
    clock_format(day * WAREHOUSE_DAY_MS, text)[10] = '\0';
    clock_parse_date(text, &year, &month, &of_month);
    /* 1970-01-01 was a Thursday; Monday is 1. */
    return sqlite_exec(conn, error,
        "INSERT INTO dim_day(day_key, day, year, month, day_of_month, weekday)"
        " VALUES($1, $2, $3, $4, $5, $6)",
        "itiiii", day, text, (int64_t)year, (int64_t)month, (int64_t)of_month, (day + 3) % 7 + 1);
}

/* ---- one function per kind of fact ---- */

struct keys {
    int64_t day, wine, shopper;
};

static int keys_of(struct sqlite_conn *conn, const struct warehouse_fact *fact, struct keys *keys,
    struct error *error)
{
    keys->day = warehouse_day(fact->at_ms);
    keys->shopper = shopper_key(conn, fact->shopper, error);
    if (keys->shopper < 0)
        return (int)keys->shopper;
    keys->wine = *fact->wine_id ? wine_key(conn, fact->wine_id, error) : 0;
    return keys->wine < 0 ? (int)keys->wine : 0;
}

static int apply_activity(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    struct keys keys = {0};
    int rc = keys_of(conn, fact, &keys, error);
    if (rc < 0)
        return rc;
    const char *sql = "INSERT INTO fact_view(at_ms, day_key, wine_key, shopper_key, list)"
                      " VALUES($1, $2, $3, $4, $5)";
    if (fact->kind == WAREHOUSE_IMPRESSION)
        sql = "INSERT INTO fact_impression(at_ms, day_key, wine_key, shopper_key, list)"
              " VALUES($1, $2, $3, $4, $5)";
    else if (fact->kind == WAREHOUSE_CLICK)
        sql = "INSERT INTO fact_click(at_ms, day_key, wine_key, shopper_key, list)"
              " VALUES($1, $2, $3, $4, $5)";
    return sqlite_exec(
        conn, error, sql, "iiiit", fact->at_ms, keys.day, keys.wine, keys.shopper, fact->list);
}

static int apply_search(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    struct keys keys = {0};
    int rc = keys_of(conn, fact, &keys, error);
    if (rc < 0)
        return rc;
    return sqlite_exec(conn, error,
        "INSERT INTO fact_search(at_ms, day_key, shopper_key, query, results)"
        " VALUES($1, $2, $3, $4, $5)",
        "iiiti", fact->at_ms, keys.day, keys.shopper, fact->search.query, fact->search.results);
}

static int apply_cart(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    struct keys keys = {0};
    int rc = keys_of(conn, fact, &keys, error);
    if (rc < 0)
        return rc;
    return sqlite_exec(conn, error,
        "INSERT INTO fact_cart(at_ms, day_key, wine_key, shopper_key, quantity, previous)"
        " VALUES($1, $2, $3, $4, $5, $6)",
        "iiiiii", fact->at_ms, keys.day, keys.wine, keys.shopper, fact->cart.quantity,
        fact->cart.previous);
}

static int apply_rating(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    struct keys keys = {0};
    int rc = keys_of(conn, fact, &keys, error);
    if (rc < 0)
        return rc;
    return sqlite_exec(conn, error,
        "INSERT INTO fact_rating(at_ms, day_key, wine_key, shopper_key, stars)"
        " VALUES($1, $2, $3, $4, $5)",
        "iiiid", fact->at_ms, keys.day, keys.wine, keys.shopper, fact->stars);
}

static int apply_order(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    int64_t known =
        look_up(sqlite_query(conn, error, "SELECT sequence FROM fact_order WHERE order_id = $1",
                    "t", fact->order.order_id),
            conn, error);
    if (known != ERROR_NOT_FOUND)
        return known < 0 ? (int)known : 0;
    struct keys keys = {0};
    int rc = keys_of(conn, fact, &keys, error);
    if (rc < 0)
        return rc;
    rc = sqlite_exec(conn, error,
        "INSERT INTO fact_order(order_id, at_ms, day_key, shopper_key, status, sequence, country,"
        " region, currency, subtotal, shipping, tax, total)"
        " VALUES($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12)",
        "tiiiitttiiii", fact->order.order_id, fact->at_ms, keys.day, keys.shopper, fact->sequence,
        fact->order.country, fact->order.region, fact->order.currency, fact->order.subtotal,
        fact->order.shipping, fact->order.tax, fact->order.total);
    for (size_t i = 0; rc == 0 && i < fact->order.line_count; i++) {
        const struct warehouse_line *line = &fact->order.lines[i];
        int64_t wine = wine_key(conn, line->wine_id, error);
        if (wine < 0)
            return (int)wine;
        rc = sqlite_exec(conn, error,
            "INSERT INTO fact_order_line(order_id, at_ms, day_key, wine_key, shopper_key,"
            " quantity, unit_price, line_total) VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
            "tiiiiiii", fact->order.order_id, fact->at_ms, keys.day, wine, keys.shopper,
            line->quantity, line->unit_price, line->line_total);
    }
    return rc;
}

static int apply_status(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    return sqlite_exec(conn, error,
        "UPDATE fact_order SET status = $1, sequence = $2 WHERE order_id = $3 AND sequence < $2",
        "tit", fact->status.status, fact->sequence, fact->status.order_id);
}

static int apply_wine(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    int64_t key = wine_key(conn, fact->wine_id, error);
    if (key < 0)
        return (int)key;
    if (fact->kind == WAREHOUSE_WINE_WITHDRAWN)
        return sqlite_exec(conn, error,
            "UPDATE dim_wine SET withdrawn = 1, wine_sequence = $1"
            " WHERE wine_key = $2 AND wine_sequence < $1",
            "ii", fact->sequence, key);
    const struct warehouse_wine *wine = &fact->wine;
    return sqlite_exec(conn, error,
        "UPDATE dim_wine SET name = $1, winery = $2, type = $3, country = $4, region = $5,"
        " vintage = $6, bottle_ml = $7, price = $8, currency = $9, withdrawn = 0,"
        " wine_sequence = $10 WHERE wine_key = $11 AND wine_sequence < $10",
        "tttttiiitii", wine->name, wine->winery, wine->type, wine->country, wine->region,
        wine->vintage, wine->bottle_ml, wine->price, wine->currency, fact->sequence, key);
}

static int apply_stock(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    int64_t key = wine_key(conn, fact->wine_id, error);
    if (key < 0)
        return (int)key;
    return sqlite_exec(conn, error,
        "UPDATE dim_wine SET available = $1, stock_sequence = $2"
        " WHERE wine_key = $3 AND stock_sequence < $2",
        "iii", fact->available, fact->sequence, key);
}

static int apply_merge(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    int64_t user = shopper_key(conn, fact->shopper, error);
    if (user < 0)
        return (int)user;
    int64_t guest = shopper_key(conn, fact->merge.guest, error);
    if (guest < 0)
        return (int)guest;
    if (!user || !guest || user == guest)
        return 0;
    return sqlite_exec(conn, error,
        "UPDATE dim_shopper SET merged_into = $1 WHERE shopper_key = $2", "ii", user, guest);
}

/* The facts stay and still count; what led from them to a person goes. */
static int apply_forget(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error)
{
    int64_t key =
        look_up(sqlite_query(conn, error,
                    "SELECT shopper_key FROM dim_shopper WHERE pseudonym = $1", "t", fact->shopper),
            conn, error);
    if (key < 0)
        return key == ERROR_NOT_FOUND ? 0 : (int)key;
    int rc = sqlite_exec(
        conn, error, "UPDATE dim_shopper SET pseudonym = NULL WHERE shopper_key = $1", "i", key);
    if (rc < 0)
        return rc;
    return sqlite_exec(
        conn, error, "UPDATE dim_shopper SET pseudonym = NULL WHERE merged_into = $1", "i", key);
}

typedef int apply_fn(
    struct sqlite_conn *conn, const struct warehouse_fact *fact, struct error *error);

static apply_fn *const appliers[] = {
    [WAREHOUSE_VIEW] = apply_activity,
    [WAREHOUSE_IMPRESSION] = apply_activity,
    [WAREHOUSE_CLICK] = apply_activity,
    [WAREHOUSE_SEARCH] = apply_search,
    [WAREHOUSE_CART] = apply_cart,
    [WAREHOUSE_ORDER] = apply_order,
    [WAREHOUSE_ORDER_STATUS] = apply_status,
    [WAREHOUSE_RATING] = apply_rating,
    [WAREHOUSE_WINE] = apply_wine,
    [WAREHOUSE_WINE_WITHDRAWN] = apply_wine,
    [WAREHOUSE_STOCK] = apply_stock,
    [WAREHOUSE_MERGE] = apply_merge,
    [WAREHOUSE_FORGET] = apply_forget,
};

/* ---- the rest of a batch ---- */

static int apply_checkpoint(
    struct sqlite_conn *conn, const struct warehouse_checkpoint *checkpoint, struct error *error)
{
    int rc = sqlite_exec(conn, error, "DELETE FROM load_checkpoint WHERE shard = $1", "i",
        (int64_t)checkpoint->shard);
    if (rc < 0)
        return rc;
    return sqlite_exec(conn, error, "INSERT INTO load_checkpoint(shard, sequence) VALUES($1, $2)",
        "ii", (int64_t)checkpoint->shard, checkpoint->sequence);
}

static int apply_letters(
    struct sqlite_conn *conn, const struct warehouse_batch *batch, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < batch->letter_count; i++) {
        const struct warehouse_dead_letter *letter = &batch->letters[i];
        rc = sqlite_exec(conn, error,
            "INSERT INTO dead_letter(position, event_id, shard, sequence, at_ms, reason, body)"
            " SELECT COALESCE(MAX(position), 0) + 1, $1, $2, $3, $4, $5, $6 FROM dead_letter",
            "tiiitt", letter->event_id, (int64_t)letter->shard, letter->sequence, letter->at_ms,
            letter->reason, letter->body);
    }
    if (rc == 0 && batch->letter_count)
        rc = sqlite_exec(conn, error,
            "DELETE FROM dead_letter"
            " WHERE position <= (SELECT MAX(position) FROM dead_letter) - $1",
            "i", (int64_t)WAREHOUSE_RECENT_LETTERS);
    return rc;
}

/* One row a batch, since a row an event would be a third of the work: the ids, a blank after each,
 * and how many there were up to this row. */
static int apply_events(
    struct sqlite_conn *conn, const struct warehouse_batch *batch, struct error *error)
{
    if (!batch->event_count)
        return 0;
    int64_t up_to =
        look_up(sqlite_query(conn, error, "SELECT COALESCE(MAX(up_to), 0) FROM load_event", ""),
            conn, error);
    if (up_to < 0)
        return (int)up_to;
    CLEANUP_BUFFER struct buffer ids = BUFFER_INIT;
    for (size_t i = 0; i < batch->event_count; i++) {
        buffer_append_text(&ids, batch->event_ids[i]);
        buffer_append_char(&ids, ' ');
    }
    up_to += (int64_t)batch->event_count;
    int rc = sqlite_exec(conn, error, "INSERT INTO load_event(up_to, event_ids) VALUES($1, $2)",
        "it", up_to, ids.data);
    if (rc == 0)
        rc = sqlite_exec(conn, error, "DELETE FROM load_event WHERE up_to <= $1", "i",
            up_to - WAREHOUSE_RECENT_EVENTS);
    return rc;
}

int warehouse_sqlite_apply(
    struct sqlite_conn *conn, const struct warehouse_batch *batch, struct error *error)
{
    int rc = 0;
    int64_t day = -1;
    for (size_t i = 0; rc == 0 && i < batch->fact_count; i++) {
        const struct warehouse_fact *fact = &batch->facts[i];
        if (warehouse_day(fact->at_ms) != day) {
            day = warehouse_day(fact->at_ms);
            rc = ensure_day(conn, day, error);
        }
        if (rc == 0)
            rc = appliers[fact->kind](conn, fact, error);
    }
    if (rc == 0)
        rc = apply_events(conn, batch, error);
    if (rc == 0)
        rc = apply_letters(conn, batch, error);
    for (size_t i = 0; rc == 0 && i < batch->checkpoint_count; i++)
        rc = apply_checkpoint(conn, &batch->checkpoints[i], error);
    return rc;
}
