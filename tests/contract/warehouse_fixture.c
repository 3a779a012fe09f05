#include "warehouse_fixture.h"

#include "postgres_server.h"
#include "sqlite_db.h"

static const struct engine *engine;
static struct postgres_server *server;

static struct warehouse *open_memory(const struct fixture *f)
{
    (void)f;
    return warehouse_memory_new();
}

static struct warehouse *open_sqlite(const struct fixture *f)
{
    struct error error;
    struct warehouse *warehouse = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/warehouse.db", f->directory);
    assert_int_equal(warehouse_sqlite_open(&warehouse, path, &error), 0);
    return warehouse;
}

static struct warehouse *open_postgres(const struct fixture *f)
{
    struct error error;
    struct warehouse *warehouse = NULL;
    assert_int_equal(warehouse_postgres_open(&warehouse, f->url, &error), 0);
    return warehouse;
}

static const struct engine engines[] = {
    {"memory", .open = open_memory},
    {"sqlite", .durable = true, .open = open_sqlite},
    {"postgresql", .durable = true, .server = true, .open = open_postgres},
    {"redshift", .durable = true, .server = true, .open = open_postgres},
};

struct postgres_server *fixture_server(void)
{
    if (!server)
        server = postgres_server_start();
    return server;
}

int fixture_setup(void **state)
{
    static int schemas;
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->engine = engine;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    engine_directory(f->directory);
    f->arena = arena_new();
    if (engine->server) {
        char schema[32];
        snprintf(schema, sizeof(schema), "test%d", ++schemas);
        postgres_server_schema(fixture_server(), schema);
        postgres_server_url(fixture_server(), engine->name, schema, f->url, sizeof(f->url));
    }
    f->warehouse = engine->open(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    if (engine->server)
        postgres_server_mend(fixture_server()); /* what a failed test left */
    warehouse_close(f->warehouse);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    test_free(f);
    return 0;
}

int run_each_engine(const struct CMUnitTest *tests, size_t count)
{
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += _cmocka_run_group_tests(engine->name, tests, count, NULL, NULL);
    postgres_server_free(server);
    return failures;
}

void reopen(struct fixture *f)
{
    warehouse_close(f->warehouse);
    f->warehouse = f->engine->open(f);
}

void finished(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->rc = rc;
    f->error = *error;
    f->done = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

int outcome(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->done)
        pthread_cond_wait(&f->changed, &f->lock);
    f->done = false;
    pthread_mutex_unlock(&f->lock);
    return f->rc;
}

void await(struct fixture *f)
{
    if (outcome(f) < 0)
        fail_msg("%d: %s", f->rc, f->error.message);
}
void load_batch(struct fixture *f, const struct warehouse_batch *batch)
{
    warehouse_load(f->warehouse, batch, finished, f);
    await(f);
}

void load_fact(struct fixture *f, struct warehouse_fact fact)
{
    if (!fact.event_id)
        fact.event_id = "";
    if (!fact.shopper)
        fact.shopper = "";
    if (!fact.wine_id)
        fact.wine_id = "";
    if (fact.kind <= WAREHOUSE_CLICK) {
        const char **texts[] = {
            &fact.shown.list, &fact.shown.query, &fact.shown.experiment, &fact.shown.arm};
        for (size_t i = 0; i < 4; i++)
            *texts[i] = *texts[i] ? *texts[i] : "";
    }
    if (!fact.at_ms)
        fact.at_ms = NOW;
    load_batch(f, &(struct warehouse_batch){.facts = &fact, .fact_count = 1});
}

void load_view(struct fixture *f, const char *shopper, const char *wine, int64_t at_ms)
{
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_VIEW,
                     .shopper = shopper,
                     .wine_id = wine,
                     .at_ms = at_ms,
                     .shown = {.list = "search"}});
}

void load_cart(struct fixture *f, const char *shopper, const char *wine, int64_t quantity)
{
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_CART,
                     .shopper = shopper,
                     .wine_id = wine,
                     .cart = {.quantity = quantity, .previous = 0}});
}

void load_order(struct fixture *f, const char *id, const char *shopper, int64_t at_ms,
    const char *wine, int64_t quantity)
{
    struct warehouse_line line = {
        .wine_id = wine, .quantity = quantity, .unit_price = 1000, .line_total = quantity * 1000};
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER,
                     .shopper = shopper,
                     .at_ms = at_ms,
                     .sequence = 1,
                     .order = {.order_id = id,
                         .country = "US",
                         .region = "CA",
                         .currency = "USD",
                         .subtotal = quantity * 1000,
                         .shipping = 500,
                         .total = quantity * 1000 + 500,
                         .lines = &line,
                         .line_count = 1}});
}

void load_status(struct fixture *f, const char *id, const char *to, int64_t sequence)
{
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_ORDER_STATUS,
                     .sequence = sequence,
                     .status = {.order_id = id, .status = to}});
}

void load_wine(struct fixture *f, const char *id, const char *name, int64_t sequence)
{
    load_fact(f, (struct warehouse_fact){.kind = WAREHOUSE_WINE,
                     .wine_id = id,
                     .sequence = sequence,
                     .wine = {.name = name,
                         .winery = "Winery",
                         .type = "Red",
                         .country = "France",
                         .region = "Rhône",
                         .bottle_ml = 750,
                         .price = 1000,
                         .currency = "USD"}});
}

void load_stock(struct fixture *f, const char *id, int64_t available, int64_t sequence)
{
    load_fact(f,
        (struct warehouse_fact){
            .kind = WAREHOUSE_STOCK, .wine_id = id, .sequence = sequence, .available = available});
}

struct warehouse_report ask_report(struct fixture *f, int days)
{
    struct warehouse_report result = {0};
    struct warehouse_report_query query = {.days = days,
        .now_ms = NOW,
        .limit = 10,
        .low_stock = 5,
        .horizon_days = 14,
        .stuck_ms = 60000};
    warehouse_report(f->warehouse, &query, f->arena, &result, finished, f);
    await(f);
    return result;
}

int see(void *ctx, const struct warehouse_interaction *interaction)
{
    struct seen *seen = ctx;
    struct warehouse_interaction *item = &seen->items[seen->count++];
    *item = *interaction;
    item->shopper = arena_strdup(seen->f->arena, interaction->shopper);
    item->wine_id = arena_strdup(seen->f->arena, interaction->wine_id);
    item->order_id = arena_strdup(seen->f->arena, interaction->order_id);
    return seen->count == seen->stop_after;
}

struct seen ask_query(struct fixture *f, struct warehouse_interaction_query query)
{
    struct seen seen = {.f = f};
    struct error error = {0};
    if (warehouse_interactions(f->warehouse, &query, see, &seen, &error) != 0)
        fail_msg("%s", error.message);
    return seen;
}

struct seen ask_interactions(struct fixture *f, int64_t since_ms, int limit)
{
    return ask_query(f, (struct warehouse_interaction_query){.since_ms = since_ms, .limit = limit});
}
