/*
 * The stream consumer over its ports, with services that keep the contract of docs/internal-api.md
 * in a few lines: a model that checks what it is taught, a product service that is told of
 * erasures; both fail as often as they are told. Any engine of stream and warehouse.
 */
#ifndef TESTS_CONSUMER_FIXTURE_H
#define TESTS_CONSUMER_FIXTURE_H

#include "engines.h"

#include "arena.h"
#include "id.h"
#include "queue.h"
#include "router.h"
#include "stream.h"
#include "stream_consumer.h"
#include "timer.h"
#include "upstream.h"
#include "warehouse.h"

#include <stdatomic.h>

#define KEYS 40
#define NUMBERS 20000 /* the highest number of an event of a key, plus 1 */

struct model {
    atomic_int events; /* taught, without those that came again */
    atomic_int again, disordered, calls, failures;
    pthread_mutex_t lock;
    int64_t places[WAREHOUSE_MAX_SHARDS];
    int last[KEYS]; /* of put_numbered() */
    struct recent *recent;
    char erased[ID_SIZE]; /* under the lock */
    struct router *router;
    struct upstream *upstream;
};

struct product {
    atomic_int told, failures;
    char user[ID_SIZE];
    struct router *router;
    struct upstream *upstream;
};

/* A way to the warehouse that can be cut, and can keep a load under way. */
struct line {
    struct warehouse base; /* first */
    struct warehouse *warehouse;
    atomic_bool cut, slow;
    _Atomic(struct line_load *) under_way; /* put there while it is slow */
    atomic_int refused;                    /* loads, with ERROR_CONFLICT */
};

/* Lets go of the load under way. */
void line_hasten(struct line *line);

struct consumer_fixture {
    char directory[64];
    struct timers *timers;
    struct stream *stream;
    struct warehouse *warehouse, *second; /* as another process has it; may be the same */
    struct queue *erasures;
    struct model model;
    struct product product;
    struct line lines[2];
    struct stream_consumer *consumer, *other; /* stopped at the end, where not before */
    struct arena *arena;
    int put; /* events, by put_numbered() */
};

int fixture_memory(void **state);
int fixture_sqlite(void **state);
int fixture_postgres(void **state); /* the stream in a file */
int fixture_end(void **state);

/* The server of the last; NULL: not started. Stops at the end of the program, or by this. */
struct postgres_server *fixture_server(void);
int fixture_server_end(void **state);

struct stream_consumer_options fixture_options(struct consumer_fixture *f);
struct stream_consumer *fixture_start(const struct stream_consumer_options *options);
void fixture_stop(struct stream_consumer **consumer);

/* Starts and stops `consumer`, with the usual options. */
void start(struct consumer_fixture *f);
void stop(struct consumer_fixture *f);

/* Counts in an atomic_int that something is done. */
void put_done(void *ctx, int rc, const struct error *error);

void put_text(struct consumer_fixture *f, const char *key, const char *id, const char *text);
void put(struct consumer_fixture *f, const char *id, const char *type, const char *subject,
    int64_t sequence, const char *data);

/* Views by a shopper of one wine each, `count` in one call. */
void put_views(struct consumer_fixture *f, const char *shopper, int first, int count);

/* For each key the next number, `rounds` times: a change of that key's cart. */
void put_numbered(struct consumer_fixture *f, int rounds);

/* Waits until so many events are done with. */
struct stream_consumer_stats await(struct consumer_fixture *f, int64_t events);

/* Waits until the numbered events are in the warehouse: each once, in the order of their key, and
 * taught so. */
void await_numbered(struct consumer_fixture *f);

/* Whether the model was told to forget that shopper last. */
bool model_forgot(struct model *model, const char *shopper);

/* The numbered events in the warehouse; fails if one is there twice. */
int count_numbered(struct consumer_fixture *f);

struct warehouse_report report(struct consumer_fixture *f);

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        for (int tries_ = 0; tries_ < 20000 && !(condition); tries_++)                             \
            usleep(1000);                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

#endif
