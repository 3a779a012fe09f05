/*
 * The driver for SQLite: a file's writer thread runs the jobs, each thread reads on a connection of
 * its own (sqlite_db.h).
 */
#include "sqlite_db.h"
#include "warehouse_sql.h"

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

/* What came with the second schema: by which list, search and experiment a wine was found, ratings
 * from elsewhere, leases, the rows of one shopper. */
static const char second_schema[] =
    "ALTER TABLE fact_impression ADD COLUMN query TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fact_impression ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE fact_impression ADD COLUMN experiment TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fact_impression ADD COLUMN arm TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX fact_impression_by_experiment ON fact_impression(experiment)"
    " WHERE experiment <> '';"
    "ALTER TABLE fact_click ADD COLUMN query TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fact_click ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE fact_click ADD COLUMN experiment TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE fact_click ADD COLUMN arm TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX fact_click_by_experiment ON fact_click(experiment) WHERE experiment <> '';"
    "ALTER TABLE fact_rating ADD COLUMN source TEXT NOT NULL DEFAULT 'shop';"
    "ALTER TABLE fact_rating ADD COLUMN vintage INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX fact_view_by_shopper ON fact_view(shopper_key);"
    "CREATE INDEX fact_click_by_shopper ON fact_click(shopper_key);"
    "CREATE INDEX fact_cart_by_shopper ON fact_cart(shopper_key);"
    "CREATE INDEX fact_order_line_by_shopper ON fact_order_line(shopper_key);"
    "CREATE INDEX fact_rating_by_shopper ON fact_rating(shopper_key);"
    "CREATE TABLE stage_rating(at_ms INTEGER NOT NULL, day_key INTEGER NOT NULL,"
    " wine_key INTEGER NOT NULL, shopper_key INTEGER NOT NULL, stars REAL NOT NULL,"
    " vintage INTEGER NOT NULL);"
    "CREATE INDEX stage_rating_by_both ON stage_rating(shopper_key, wine_key);"
    "CREATE TABLE load_owner(owner TEXT NOT NULL, until_ms INTEGER NOT NULL);"
    "CREATE TABLE load_lease(shard INTEGER NOT NULL, owner TEXT NOT NULL);"
    "CREATE TABLE load_state(forgotten INTEGER NOT NULL, wines INTEGER NOT NULL,"
    " shoppers INTEGER NOT NULL, events INTEGER NOT NULL, letters INTEGER NOT NULL);"
    "INSERT INTO load_state(forgotten, wines, shoppers, events, letters) SELECT 0,"
    " (SELECT COALESCE(MAX(wine_key), 0) FROM dim_wine),"
    " (SELECT COALESCE(MAX(shopper_key), 0) FROM dim_shopper),"
    " (SELECT COALESCE(MAX(up_to), 0) FROM load_event),"
    " (SELECT COALESCE(MAX(position), 0) FROM dead_letter);";

static const char *const migrations[] = {first_schema, second_schema, NULL};

/* A statement costs no round trip: rows one by one are as quick. */
static const int widths[] = {1};

/* Of the writer's pages, in KiB as SQLite counts them: always, and while there is much to do. */
#define CACHE "-4096"
#define LARGE_CACHE "-65536"

struct connection {
    struct sql sql; /* first: the port's address is the engine's */
    struct sqlite_conn *conn;
    sqlite3_stmt *statement; /* under way */
};

struct driver {
    struct sql_driver base; /* first: the port's address is the engine's */
    struct sqlite_db *db;
};

/* ---- a connection ---- */

static void done(struct sql *sql)
{
    struct connection *connection = (struct connection *)sql;
    sqlite_done(connection->statement);
    connection->statement = NULL;
}

static int query(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
    struct error *error)
{
    struct connection *connection = (struct connection *)sql;
    sqlite3_stmt *statement = sqlite_prepare(connection->conn, text, error);
    if (!statement)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        int place = (int)i + 1;
        if (values[i].type == 'i')
            sqlite3_bind_int64(statement, place, values[i].integer);
        else if (values[i].type == 'd')
            sqlite3_bind_double(statement, place, values[i].number);
        else
            sqlite3_bind_text(statement, place, values[i].text, -1, SQLITE_STATIC);
    }
    connection->statement = statement;
    return 0;
}

static int step(struct sql *sql, struct error *error)
{
    struct connection *connection = (struct connection *)sql;
    int rc = sqlite_step(connection->conn, connection->statement, error);
    if (rc <= 0)
        done(sql);
    return rc;
}

static int64_t integer(struct sql *sql, int column)
{
    return sqlite3_column_int64(((struct connection *)sql)->statement, column);
}

static double number(struct sql *sql, int column)
{
    return sqlite3_column_double(((struct connection *)sql)->statement, column);
}

static const char *text_of(struct sql *sql, int column)
{
    const char *text = sqlite_text(((struct connection *)sql)->statement, column);
    return text ? text : "";
}

static const struct sql_ops ops = {
    .query = query,
    .step = step,
    .integer = integer,
    .number = number,
    .text = text_of,
    .done = done,
};

/* ---- the driver ---- */

struct write {
    struct sqlite_job job; /* first: the job's address is the write's */
    struct sql_job *inner;
};

static int write_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct sql_job *inner = ((struct write *)job)->inner;
    struct connection connection = {.sql = {&ops, widths}, .conn = conn};
    /* Pages that do not fit are written again and again. */
    if (inner->large)
        sqlite_exec(conn, NULL, "PRAGMA cache_size=" LARGE_CACHE, "");
    int rc = inner->run(&connection.sql, inner);
    if (inner->large)
        sqlite_exec(conn, NULL, "PRAGMA cache_size=" CACHE, "");
    if (rc < 0)
        job->error = inner->error;
    return rc;
}

static void write_done(struct sqlite_job *job)
{
    struct sql_job *inner = ((struct write *)job)->inner;
    inner->rc = job->rc;
    inner->error = job->error;
    free(job);
    inner->done(inner);
}

static void start_write(struct sql_driver *base, struct sql_job *inner)
{
    struct write *write = calloc(1, sizeof(*write));
    if (!write)
        abort();
    write->job.run = write_run;
    write->job.done = write_done;
    write->inner = inner;
    sqlite_db_write(((struct driver *)base)->db, &write->job);
}

static struct sql *borrow(struct sql_driver *base, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(((struct driver *)base)->db, error);
    if (!conn)
        return NULL;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    *connection = (struct connection){.sql = {&ops, widths}, .conn = conn};
    return &connection->sql;
}

static void release(struct sql_driver *base, struct sql *sql)
{
    (void)base;
    free(sql);
}

static void close_driver(struct sql_driver *base)
{
    sqlite_db_close(((struct driver *)base)->db);
    free(base);
}

static const struct sql_driver_ops driver_ops = {
    .write = start_write,
    .borrow = borrow,
    .release = release,
    .close = close_driver,
};

/* This process alone has the file: whoever held a lease before is gone, and nobody need wait until
 * it runs out. */
static int release_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    int rc = sqlite_exec(conn, &job->error, "DELETE FROM load_lease", "");
    return rc < 0 ? rc : sqlite_exec(conn, &job->error, "DELETE FROM load_owner", "");
}

int warehouse_sqlite_open(struct warehouse **out, const char *path, struct error *error)
{
    struct sqlite_options options = {
        .name = "warehouse",
        .migrations = migrations,
        .background = true,
        .relaxed = true, /* facts and checkpoints go together: what a crash takes is read again */
    };
    struct sqlite_db *db = NULL;
    struct sqlite_job job = {.run = release_run};
    int rc = sqlite_db_open(&db, path, &options, error);
    if (rc == 0)
        rc = sqlite_db_write_wait(db, &job, error);
    if (rc < 0) {
        if (db)
            sqlite_db_close(db);
        return rc;
    }
    struct driver *driver = calloc(1, sizeof(*driver));
    if (!driver)
        abort();
    driver->base.ops = &driver_ops;
    driver->db = db;
    return warehouse_sql_new(out, &driver->base, error);
}
