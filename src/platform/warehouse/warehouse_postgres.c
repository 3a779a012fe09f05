/*
 * The driver for PostgreSQL, and for Redshift, which speaks its protocol and understands the same
 * statements, but knows no index. One thread writes, on a connection of its own; whoever reads
 * borrows one of a few others. A connection that was lost is opened again at the next call.
 */
#include "buffer.h"
#include "pg.h"
#include "text.h"
#include "warehouse_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WRITES 64
#define MAX_READERS 8
#define MAX_IDLE 2
#define WRITE_MS 120000
#define READ_MS 900000 /* all that ever happened, read for training */
#define NUMBER_SIZE 32
#define FIRST_ANALYSIS 20000 /* parameters: a few thousand rows */

/* Measured: wider ones cost more to plan than round trips they save. */
static const int widths[] = {128, 32, 8, 1};

struct connection {
    struct sql sql; /* first: the port's address is the engine's */
    struct pg *pg;
    struct buffer numbers; /* of the statement's parameters, as texts */
    const char **values;
    unsigned *types;
    size_t capacity;
    int64_t sent;            /* parameters */
    struct connection *next; /* the driver's idle ones */
};

struct driver {
    struct sql_driver base; /* first: the port's address is the engine's */
    char *url;
    bool indexes;
    struct connection *writer; /* the thread's; NULL: none at present */
    int64_t analysed;          /* parameters sent when tables were analysed last */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct sql_job *first, **last;
    int waiting;
    bool stopping;
    bool has_tables;
    struct connection *idle;
    int readers, idle_count;
};

/* ---- tables ---- */

#define CHARS(width) "VARCHAR(" WIDTH_OF(width) ")"
#define ID CHARS(WAREHOUSE_ID_MAX) " NOT NULL"
#define TEXT CHARS(WIDTH_TEXT) " NOT NULL"
#define CODE CHARS(WIDTH_CODE) " NOT NULL"
#define BODY CHARS(WIDTH_BODY) " NOT NULL"
#define EVENTS CHARS(WIDTH_EVENTS) " NOT NULL"
#define NUMBER "BIGINT NOT NULL"
#define FACT "at_ms " NUMBER ", day_key " NUMBER ", wine_key " NUMBER ", shopper_key " NUMBER
#define SHOWN ", list " CODE ", query " TEXT ", position " NUMBER ", experiment " ID ", arm " CODE
#define STARS ", stars DOUBLE PRECISION NOT NULL, vintage " NUMBER

/* What Redshift takes: no key, no constraint, no index, no type but these; lengths in bytes. */
/* clang-format off */
static const char tables[] =
    "CREATE TABLE dim_day(day_key " NUMBER ", day " CODE ", year " NUMBER ", month " NUMBER
    ", day_of_month " NUMBER ", weekday " NUMBER ");"
    "CREATE TABLE dim_wine(wine_key " NUMBER ", wine_id " ID ", name " TEXT ", winery " TEXT
    ", type " CODE ", country " CODE ", region " TEXT ", vintage " NUMBER ", bottle_ml " NUMBER
    ", price " NUMBER ", currency " CODE ", withdrawn " NUMBER ", available BIGINT"
    ", wine_sequence " NUMBER ", stock_sequence " NUMBER ");"
    "CREATE TABLE dim_shopper(shopper_key " NUMBER ", pseudonym " CHARS(WAREHOUSE_ID_MAX)
    ", merged_into BIGINT);"
    "CREATE TABLE fact_view(" FACT ", list " CODE ");"
    "CREATE TABLE fact_impression(" FACT SHOWN ");"
    "CREATE TABLE fact_click(" FACT SHOWN ");"
    "CREATE TABLE fact_search(at_ms " NUMBER ", day_key " NUMBER ", shopper_key " NUMBER
    ", query " TEXT ", results " NUMBER ");"
    "CREATE TABLE fact_cart(" FACT ", quantity " NUMBER ", previous " NUMBER ");"
    "CREATE TABLE fact_rating(" FACT STARS ", source " CODE ");"
    "CREATE TABLE fact_order(order_id " ID ", at_ms " NUMBER ", day_key " NUMBER
    ", shopper_key " NUMBER ", status " CODE ", sequence " NUMBER ", country " CODE
    ", region " CODE ", currency " CODE ", subtotal " NUMBER ", shipping " NUMBER ", tax " NUMBER
    ", total " NUMBER ");"
    "CREATE TABLE fact_order_line(order_id " ID ", " FACT ", quantity " NUMBER
    ", unit_price " NUMBER ", line_total " NUMBER ");"
    "CREATE TABLE stage_rating(" FACT STARS ");"
    "CREATE TABLE dead_letter(position " NUMBER ", event_id " ID ", shard " NUMBER
    ", sequence " NUMBER ", at_ms " NUMBER ", reason " TEXT ", body " BODY ");"
    "CREATE TABLE load_checkpoint(shard " NUMBER ", sequence " NUMBER ");"
    "CREATE TABLE load_event(up_to " NUMBER ", event_ids " EVENTS ");"
    "CREATE TABLE load_owner(owner " ID ", until_ms " NUMBER ");"
    "CREATE TABLE load_lease(shard " NUMBER ", owner " ID ");"
    "CREATE TABLE load_state(forgotten " NUMBER ", wines " NUMBER ", shoppers " NUMBER
    ", events " NUMBER ", letters " NUMBER ");"
    "CREATE TABLE load_schema(version " NUMBER ");"
    "INSERT INTO dim_shopper(shopper_key) VALUES (0);"
    "INSERT INTO load_state VALUES (0, 0, 0, 0, 0);"
    "INSERT INTO load_schema VALUES (1);";
/* clang-format on */

/* PostgreSQL finds by these what Redshift finds by its blocks' lowest and highest values. */
static const char indexes[] =
    "CREATE INDEX dim_day_by_key ON dim_day(day_key);"
    "CREATE INDEX dim_wine_by_key ON dim_wine(wine_key);"
    "CREATE INDEX dim_wine_by_id ON dim_wine(wine_id);"
    "CREATE INDEX dim_shopper_by_key ON dim_shopper(shopper_key);"
    "CREATE INDEX dim_shopper_by_pseudonym ON dim_shopper(pseudonym);"
    "CREATE INDEX dim_shopper_by_merged ON dim_shopper(merged_into)"
    " WHERE merged_into IS NOT NULL;"
    "CREATE INDEX fact_view_by_time ON fact_view(at_ms);"
    "CREATE INDEX fact_view_by_shopper ON fact_view(shopper_key);"
    "CREATE INDEX fact_impression_by_time ON fact_impression(at_ms);"
    "CREATE INDEX fact_impression_by_experiment ON fact_impression(experiment)"
    " WHERE experiment <> '';"
    "CREATE INDEX fact_click_by_time ON fact_click(at_ms);"
    "CREATE INDEX fact_click_by_shopper ON fact_click(shopper_key);"
    "CREATE INDEX fact_click_by_experiment ON fact_click(experiment) WHERE experiment <> '';"
    "CREATE INDEX fact_search_by_time ON fact_search(at_ms);"
    "CREATE INDEX fact_cart_by_time ON fact_cart(at_ms);"
    "CREATE INDEX fact_cart_by_shopper ON fact_cart(shopper_key);"
    "CREATE INDEX fact_rating_by_time ON fact_rating(at_ms);"
    "CREATE INDEX fact_rating_by_shopper ON fact_rating(shopper_key);"
    "CREATE INDEX fact_order_by_id ON fact_order(order_id);"
    "CREATE INDEX fact_order_by_time ON fact_order(at_ms);"
    "CREATE INDEX fact_order_line_by_time ON fact_order_line(at_ms);"
    "CREATE INDEX fact_order_line_by_shopper ON fact_order_line(shopper_key);";

/* ---- a connection ---- */

static void make_room(struct connection *connection, size_t count)
{
    if (count > connection->capacity) {
        connection->capacity = count * 2;
        connection->values =
            reallocarray(connection->values, connection->capacity, sizeof(*connection->values));
        connection->types =
            reallocarray(connection->types, connection->capacity, sizeof(*connection->types));
        if (!connection->values || !connection->types)
            abort();
    }
    buffer_reset(&connection->numbers);
    buffer_reserve(&connection->numbers, count * NUMBER_SIZE);
}

static int query(struct sql *sql, const char *text, const struct sql_value *values, size_t count,
    struct error *error)
{
    struct connection *connection = (struct connection *)sql;
    make_room(connection, count);
    connection->sent += (int64_t)count;
    char *number = connection->numbers.data; /* of which each has its own */
    for (size_t i = 0; i < count; i++, number += NUMBER_SIZE) {
        connection->values[i] = number;
        if (values[i].type == 'i') {
            connection->types[i] = PG_INT8;
            snprintf(number, NUMBER_SIZE, "%" PRId64, values[i].integer);
        } else if (values[i].type == 'd') {
            connection->types[i] = PG_FLOAT8;
            snprintf(number, NUMBER_SIZE, "%.17g", values[i].number);
        } else {
            connection->types[i] = PG_VARCHAR;
            connection->values[i] = values[i].text;
        }
    }
    return pg_query(connection->pg, text, connection->values, connection->types, count, error);
}

static int step(struct sql *sql, struct error *error)
{
    return pg_step(((struct connection *)sql)->pg, error);
}

/* Sums of integers come as numeric: digits, too. */
static int64_t integer(struct sql *sql, int column)
{
    return strtoll(pg_column(((struct connection *)sql)->pg, column), NULL, 10);
}

static double number(struct sql *sql, int column)
{
    return strtod(pg_column(((struct connection *)sql)->pg, column), NULL);
}

static const char *text_of(struct sql *sql, int column)
{
    return pg_column(((struct connection *)sql)->pg, column);
}

static void done(struct sql *sql)
{
    pg_leave(((struct connection *)sql)->pg);
}

static const struct sql_ops ops = {
    .query = query,
    .step = step,
    .integer = integer,
    .number = number,
    .text = text_of,
    .done = done,
};

static void disconnect(struct connection *connection)
{
    if (!connection)
        return;
    pg_close(connection->pg);
    buffer_release(&connection->numbers);
    free(connection->values);
    free(connection->types);
    free(connection);
}

/* The version of the tables there are; 0: none. */
static int read_version(struct sql *sql, int64_t *version, struct error *error)
{
    int rc = sql_one(sql, error, version,
        "SELECT COUNT(*) FROM information_schema.tables"
        " WHERE table_schema = current_schema() AND table_name = 'load_schema'",
        "");
    if (rc > 0 && *version)
        rc = sql_one(sql, error, version, "SELECT version FROM load_schema", "");
    return rc < 0 ? rc : 0;
}

static int make_tables(struct driver *driver, struct pg *pg, struct error *error)
{
    int rc = pg_script(pg, "BEGIN", error);
    if (rc == 0)
        rc = pg_script(pg, tables, error);
    if (rc == 0 && driver->indexes)
        rc = pg_script(pg, indexes, error);
    if (rc == 0)
        rc = pg_script(pg, "COMMIT", error);
    if (rc < 0)
        pg_script(pg, "ROLLBACK", NULL);
    return rc;
}

/* Another program may make them at the same time: then ours are refused, and its are there. */
static int ensure_tables(struct driver *driver, struct connection *connection, struct error *error)
{
    int64_t version = 0;
    int rc = read_version(&connection->sql, &version, error);
    if (rc == 0 && version == 0) {
        rc = make_tables(driver, connection->pg, error);
        int again = pg_alive(connection->pg) ? read_version(&connection->sql, &version, NULL) : rc;
        rc = again == 0 && version ? 0 : rc;
    }
    if (rc == 0 && version != 1)
        rc = error_set(error, ERROR_INVALID, NULL, NULL,
            "the warehouse's tables were made by a newer winestore (version %lld): use that one",
            (long long)version);
    return rc;
}

static struct connection *connect_to(struct driver *driver, int statement_ms, struct error *error)
{
    struct pg *pg = pg_open(driver->url, statement_ms, error);
    if (!pg)
        return NULL;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    *connection = (struct connection){.sql = {&ops, widths}, .pg = pg};
    pthread_mutex_lock(&driver->lock);
    bool has_tables = driver->has_tables;
    pthread_mutex_unlock(&driver->lock);
    if (!has_tables && ensure_tables(driver, connection, error) < 0) {
        disconnect(connection);
        return NULL;
    }
    pthread_mutex_lock(&driver->lock);
    driver->has_tables = true;
    pthread_mutex_unlock(&driver->lock);
    atomic_fetch_add_explicit(&driver->base.warehouse->connects, 1, memory_order_relaxed);
    return connection;
}

/* ---- writing ---- */

/* The lock keeps all other loaders out until the end, so that keys are counted by one. */
static int run_job(struct driver *driver, struct sql_job *job)
{
    struct pg *pg = driver->writer->pg;
    int rc = pg_script(pg, "BEGIN; LOCK TABLE load_state", &job->error);
    if (rc == 0)
        rc = job->run(&driver->writer->sql, job);
    if (rc == 0)
        rc = pg_script(pg, "COMMIT", &job->error);
    else if (pg_alive(pg))
        pg_script(pg, "ROLLBACK", NULL);
    return rc;
}

/* Tables that fill up in seconds are to the planner what they were when it last looked, which the
 * server does once a minute: by then a question may be joined row by row, and take hours. So it is
 * told, each time that twice as much was written. */
static void analyse(struct driver *driver)
{
    static const char *const statements[] = {"ANALYZE dim_wine", "ANALYZE dim_shopper",
        "ANALYZE fact_view", "ANALYZE fact_impression", "ANALYZE fact_click", "ANALYZE fact_search",
        "ANALYZE fact_cart", "ANALYZE fact_rating", "ANALYZE fact_order",
        "ANALYZE fact_order_line"};
    struct connection *writer = driver->writer;
    if (!writer || writer->sent < FIRST_ANALYSIS || writer->sent < driver->analysed * 2)
        return;
    driver->analysed = writer->sent;
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements) && pg_alive(writer->pg); i++)
        pg_script(writer->pg, statements[i], NULL);
}

static struct sql_job *take_all(struct driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    struct sql_job *jobs = driver->first;
    driver->first = NULL;
    driver->last = &driver->first;
    driver->waiting = 0;
    pthread_mutex_unlock(&driver->lock);
    return jobs;
}

/* Whoever waited for the server meanwhile has waited long enough. */
static void fail_all(struct driver *driver, int rc, const struct error *error)
{
    struct sql_job *jobs = take_all(driver);
    while (jobs) {
        struct sql_job *job = jobs;
        jobs = job->next;
        job->rc = rc;
        job->error = *error;
        job->done(job);
    }
}

static void drop_writer(struct driver *driver)
{
    disconnect(driver->writer);
    driver->writer = NULL;
    driver->analysed = 0;
}

static void write_one(struct driver *driver, struct sql_job *job)
{
    struct error error = {0};
    if (driver->writer && !pg_alive(driver->writer->pg))
        drop_writer(driver);
    if (!driver->writer)
        driver->writer = connect_to(driver, WRITE_MS, &job->error);
    job->rc = driver->writer ? run_job(driver, job) : job->error.code;
    bool away = !driver->writer || !pg_alive(driver->writer->pg);
    if (away)
        drop_writer(driver);
    int rc = job->rc;
    error = job->error;
    job->done(job);
    if (away && rc < 0)
        fail_all(driver, rc, &error);
    else if (rc == 0)
        analyse(driver);
}

static void *write_loop(void *argument)
{
    struct driver *driver = argument;
    pthread_setname_np(pthread_self(), "warehouse");
    pthread_mutex_lock(&driver->lock);
    for (;;) {
        while (!driver->first && !driver->stopping)
            pthread_cond_wait(&driver->wake, &driver->lock);
        struct sql_job *job = driver->first;
        if (!job)
            break;
        driver->first = job->next;
        if (!driver->first)
            driver->last = &driver->first;
        driver->waiting--;
        pthread_mutex_unlock(&driver->lock);
        write_one(driver, job);
        pthread_mutex_lock(&driver->lock);
    }
    pthread_mutex_unlock(&driver->lock);
    return NULL;
}

static void start_write(struct sql_driver *base, struct sql_job *job)
{
    struct driver *driver = (struct driver *)base;
    job->next = NULL;
    pthread_mutex_lock(&driver->lock);
    bool full = driver->waiting >= MAX_WRITES || driver->stopping;
    if (!full) {
        *driver->last = job;
        driver->last = &job->next;
        driver->waiting++;
        pthread_cond_signal(&driver->wake);
    }
    pthread_mutex_unlock(&driver->lock);
    if (full) {
        job->rc = error_set(&job->error, ERROR_UNAVAILABLE, NULL, NULL,
            "too many writes are waiting; try again in a moment");
        job->done(job);
    }
}

/* ---- reading ---- */

static bool may_borrow(struct driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    bool allowed = driver->readers < MAX_READERS;
    driver->readers += allowed;
    pthread_mutex_unlock(&driver->lock);
    return allowed;
}

/* An idle connection that the server has not closed meanwhile, or NULL. */
static struct connection *take_idle(struct driver *driver)
{
    struct connection *connection;
    for (;;) {
        pthread_mutex_lock(&driver->lock);
        connection = driver->idle;
        if (connection) {
            driver->idle = connection->next;
            driver->idle_count--;
        }
        pthread_mutex_unlock(&driver->lock);
        if (!connection || pg_alive(connection->pg))
            return connection;
        disconnect(connection);
    }
}

static struct sql *borrow(struct sql_driver *base, struct error *error)
{
    struct driver *driver = (struct driver *)base;
    if (!may_borrow(driver)) {
        error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "too many questions at a time");
        return NULL;
    }
    struct connection *connection = take_idle(driver);
    if (!connection)
        connection = connect_to(driver, READ_MS, error);
    if (connection)
        return &connection->sql;
    pthread_mutex_lock(&driver->lock);
    driver->readers--;
    pthread_mutex_unlock(&driver->lock);
    return NULL;
}

static void release(struct sql_driver *base, struct sql *sql)
{
    struct driver *driver = (struct driver *)base;
    struct connection *connection = (struct connection *)sql;
    bool alive = pg_alive(connection->pg);
    pthread_mutex_lock(&driver->lock);
    driver->readers--;
    bool keep = alive && driver->idle_count < MAX_IDLE;
    if (keep) {
        connection->next = driver->idle;
        driver->idle = connection;
        driver->idle_count++;
    }
    pthread_mutex_unlock(&driver->lock);
    if (!keep)
        disconnect(connection);
}

/* ---- life ---- */

static void free_driver(struct driver *driver)
{
    pthread_cond_destroy(&driver->wake);
    pthread_mutex_destroy(&driver->lock);
    explicit_bzero(driver->url, strlen(driver->url));
    free(driver->url);
    free(driver);
}

static void close_driver(struct sql_driver *base)
{
    struct driver *driver = (struct driver *)base;
    pthread_mutex_lock(&driver->lock);
    driver->stopping = true;
    pthread_cond_signal(&driver->wake);
    pthread_mutex_unlock(&driver->lock);
    pthread_join(driver->thread, NULL);
    disconnect(driver->writer);
    while (driver->idle) {
        struct connection *next = driver->idle->next;
        disconnect(driver->idle);
        driver->idle = next;
    }
    free_driver(driver);
}

static const struct sql_driver_ops driver_ops = {
    .write = start_write,
    .borrow = borrow,
    .release = release,
    .close = close_driver,
};

#define REDSHIFT "redshift://"

int warehouse_postgres_open(struct warehouse **out, const char *url, struct error *error)
{
    struct driver *driver = calloc(1, sizeof(*driver));
    struct buffer plain = BUFFER_INIT;
    if (!driver)
        abort();
    bool redshift = text_starts_with(url, REDSHIFT);
    buffer_append_text(&plain, redshift ? "postgresql://" : "");
    buffer_append_text(&plain, url + (redshift ? strlen(REDSHIFT) : 0));
    driver->base.ops = &driver_ops;
    driver->base.remote = true;
    driver->url = buffer_take(&plain);
    driver->indexes = !redshift;
    driver->last = &driver->first;
    pthread_mutex_init(&driver->lock, NULL);
    pthread_cond_init(&driver->wake, NULL);
    int rc = pg_check_url(driver->url, error);
    if (rc == 0 && pthread_create(&driver->thread, NULL, write_loop, driver) != 0)
        rc = error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread to write with");
    if (rc < 0) {
        free_driver(driver);
        return rc;
    }
    return warehouse_sql_new(out, &driver->base, error);
}
