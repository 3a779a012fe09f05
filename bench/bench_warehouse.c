/*
 * Imported ratings a second into the warehouse, first and again (when each replaces one), and how
 * fast they are read back in the order of time. Long-tailed: a shopper has some 7 ratings, of wines
 * that are met the more often the lower their number. The warehouse is a file in a new directory
 * under the one given (the current one otherwise), or the empty database of a server.
 *
 *   bench_warehouse [DIRECTORY [ROWS [postgres://...]]]
 */
#include "clock.h"
#include "sqlite_db.h"
#include "warehouse.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 100000
#define WINES 10000
#define A_SHOPPER 7
#define NAME 24

struct state {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int64_t rows, last_ms;
};

static struct warehouse_rating_row rows[CHUNK];
static char names[CHUNK][2][NAME];

static void check(int rc, const struct error *error)
{
    if (rc < 0) {
        fprintf(stderr, "bench_warehouse: %s\n", error->message);
        exit(1);
    }
}

static void imported(void *ctx, int rc, const struct error *error)
{
    struct state *state = ctx;
    check(rc, error);
    pthread_mutex_lock(&state->lock);
    state->done = true;
    pthread_cond_signal(&state->changed);
    pthread_mutex_unlock(&state->lock);
}

/* The same rows for the same place, whenever they are made. */
static void make_rows(int64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = ((uint64_t)from + i) * 0x9e3779b97f4a7c15u;
        double share = (double)(number >> 11) / (double)(UINT64_C(1) << 53);
        snprintf(names[i][0], NAME, "u%lld", (long long)(from + (int64_t)i) / A_SHOPPER);
        snprintf(names[i][1], NAME, "w%d", (int)(WINES * share * share * share));
        rows[i] = (struct warehouse_rating_row){.shopper = names[i][0],
            .wine_id = names[i][1],
            .stars = 1 + (double)(number % 9) / 2,
            .vintage = 2000 + (int64_t)(number % 20),
            .at_ms = INT64_C(1300000000000) + (int64_t)(number % INT64_C(300000000000))};
    }
}

static void import(struct warehouse *warehouse, struct state *state, int64_t count)
{
    for (int64_t from = 0; from < count; from += CHUNK) {
        size_t part = (size_t)(count - from < CHUNK ? count - from : CHUNK);
        make_rows(from, part);
        state->done = false;
        warehouse_import(warehouse, rows, part, imported, state);
        pthread_mutex_lock(&state->lock);
        while (!state->done)
            pthread_cond_wait(&state->changed, &state->lock);
        pthread_mutex_unlock(&state->lock);
    }
}

static int seen(void *ctx, const struct warehouse_interaction *interaction)
{
    struct state *state = ctx;
    if (interaction->at_ms < state->last_ms)
        abort();
    state->last_ms = interaction->at_ms;
    state->rows++;
    return 0;
}

static double tell(const char *what, int64_t count, double began)
{
    double now = (double)clock_monotonic_ns() / 1e9;
    printf("%s: %.0f rows/s, %.1f s\n", what, (double)count / (now - began), now - began);
    return (double)clock_monotonic_ns() / 1e9;
}

int main(int argc, char **argv)
{
    int64_t count = argc > 2 ? atoll(argv[2]) : 1000000;
    char directory[256], path[300];
    struct error error = {0};
    struct warehouse *warehouse = NULL;
    struct state state = {0};
    pthread_mutex_init(&state.lock, NULL);
    pthread_cond_init(&state.changed, NULL);
    snprintf(directory, sizeof(directory), "%s/bench-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof(path), "%s/warehouse.db", directory);
    sqlite_global_init();
    check(argc > 3 ? warehouse_postgres_open(&warehouse, argv[3], &error)
                   : warehouse_sqlite_open(&warehouse, path, &error),
        &error);
    double began = (double)clock_monotonic_ns() / 1e9;
    import(warehouse, &state, count);
    began = tell("import", count, began);
    import(warehouse, &state, count < 200000 ? count : 200000);
    began = tell("again", count < 200000 ? count : 200000, began);
    struct warehouse_interaction_query all = {0};
    check(warehouse_interactions(warehouse, &all, seen, &state, &error), &error);
    tell("read", state.rows, began);
    warehouse_close(warehouse);
    unlink(path);
    return rmdir(directory);
}
