/*
 * For the warehouse's suites: each engine in turn, a new warehouse for each test, and short ways to
 * load facts and ask for what came of them. With PostgreSQL each test has a schema of its own in a
 * server that lives as long as the program; "redshift" is the same without indexes.
 */
#ifndef TESTS_WAREHOUSE_FIXTURE_H
#define TESTS_WAREHOUSE_FIXTURE_H

#include "arena.h"
#include "engines.h"
#include "warehouse.h"

#define DAY WAREHOUSE_DAY_MS
#define NOW (INT64_C(20000) * DAY + 12 * 3600 * 1000) /* 2024-10-04 at noon */

struct fixture;

struct engine {
    const char *name;
    bool durable; /* what was loaded is there after an opening */
    bool server;  /* and several may have it open */
    struct warehouse *(*open)(const struct fixture *f);
};

struct fixture {
    const struct engine *engine;
    char directory[64];
    char url[256]; /* of a server's engine */
    struct warehouse *warehouse;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int rc;
    struct error error;
};

#define WAREHOUSE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The group with each engine; the number of failures. */
#define run_engines(tests) run_each_engine(tests, sizeof(tests) / sizeof(*(tests)))
int run_each_engine(const struct CMUnitTest *tests, size_t count);

/* The server of the engines that have one. */
struct postgres_server;
struct postgres_server *fixture_server(void);

/* Closes and opens the warehouse. */
void reopen(struct fixture *f);

/* For calls with `done`; the second waits and returns the code, the third expects 0. */
void finished(void *ctx, int rc, const struct error *error);
int outcome(struct fixture *f);
void await(struct fixture *f);

void load_batch(struct fixture *f, const struct warehouse_batch *batch);
/* Missing texts are "", a missing time is NOW. */
void load_fact(struct fixture *f, struct warehouse_fact fact);
void load_view(struct fixture *f, const char *shopper, const char *wine, int64_t at_ms);
void load_cart(struct fixture *f, const char *shopper, const char *wine, int64_t quantity);
void load_order(struct fixture *f, const char *id, const char *shopper, int64_t at_ms,
    const char *wine, int64_t quantity);
void load_status(struct fixture *f, const char *id, const char *to, int64_t sequence);
void load_wine(struct fixture *f, const char *id, const char *name, int64_t sequence);
void load_stock(struct fixture *f, const char *id, int64_t available, int64_t sequence);

struct warehouse_report ask_report(struct fixture *f, int days);

/* Interactions, with texts in the fixture's arena. */
struct seen {
    struct fixture *f;
    int count, stop_after;
    struct warehouse_interaction items[32];
};
int see(void *ctx, const struct warehouse_interaction *interaction);
struct seen ask_interactions(struct fixture *f, int64_t since_ms, int limit);
struct seen ask_query(struct fixture *f, struct warehouse_interaction_query query);

#endif
