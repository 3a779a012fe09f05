/* What the files of the memory engine share: tables as growing arrays, rows never taken out. It is
 * the tests' double, and an engine for shops that keep nothing. */
#ifndef WAREHOUSE_MEMORY_INTERNAL_H
#define WAREHOUSE_MEMORY_INTERNAL_H

#include "text_index.h"
#include "warehouse.h"

#include <pthread.h>
#include <stdlib.h>

struct memory_wine {
    const char *id, *name;
    bool withdrawn;
    int64_t available; /* -1: not known */
    int64_t wine_sequence, stock_sequence;
};

struct memory_shopper {
    const char *pseudonym; /* NULL: forgotten, or nobody */
    uint32_t merged_into;  /* 0: nobody */
};

struct memory_row {
    enum warehouse_fact_kind kind;
    int64_t at_ms;
    uint32_t wine, shopper;
    uint32_t order;   /* of ORDER: the order's row */
    double value;     /* quantity, stars or results */
    int64_t amount;   /* of ORDER: the line's total */
    int64_t vintage;  /* of RATING */
    const char *text; /* the query of SEARCH, IMPRESSION and CLICK */
    const char *experiment;
    char arm;      /* 'a', 'b' or NUL */
    bool imported; /* of RATING */
    bool replaced; /* by a later import: no longer there */
};

struct memory_owner {
    char name[WAREHOUSE_ID_MAX + 1]; /* "": nobody */
    int64_t until_ms;
};

struct memory_purchase {
    const char *id, *currency;
    char status[16];
    int64_t at_ms, sequence, total;
    uint32_t shopper;
};

#define TABLE(type)                                                                                \
    struct {                                                                                       \
        type *rows;                                                                                \
        size_t count, capacity;                                                                    \
    }

struct warehouse_memory {
    struct warehouse base; /* first: the port's address is the engine's */
    pthread_mutex_t lock;
    struct arena *arena; /* texts */
    struct text_index *wine_index, *shopper_index, *order_index;
    TABLE(struct memory_wine) wines;
    TABLE(struct memory_shopper) shoppers; /* row 0 is nobody */
    TABLE(struct memory_purchase) orders;
    TABLE(struct memory_row) facts;
    TABLE(const char *) events;
    TABLE(struct warehouse_dead_letter) letters;
    int64_t checkpoints[WAREHOUSE_MAX_SHARDS];
    struct memory_owner owners[WAREHOUSE_MAX_OWNERS];
    int holders[WAREHOUSE_MAX_SHARDS]; /* of each shard: its owner's place and 1; 0: nobody */
};

/* A new zeroed row at the table's end. */
#define table_add(table)                                                                           \
    (table_grow(                                                                                   \
         (void **)&(table)->rows, &(table)->capacity, (table)->count, sizeof(*(table)->rows)),     \
        &(table)->rows[(table)->count++])

void table_grow(void **rows, size_t *capacity, size_t count, size_t size);

/* Confirmed, and neither cancelled nor returned. */
bool memory_sold(const struct memory_purchase *order);

/* The shopper, or the account a guest became. */
uint32_t memory_who(const struct warehouse_memory *warehouse, uint32_t shopper);

/* The wine's row, made when there is none. */
uint32_t warehouse_memory_wine(struct warehouse_memory *warehouse, const char *id);

/* 0: nobody. */
uint32_t warehouse_memory_shopper(struct warehouse_memory *warehouse, const char *pseudonym);

/* With the lock held, as all here. */
void warehouse_memory_import(
    struct warehouse_memory *warehouse, const struct warehouse_rating_row *rows, size_t count);
int warehouse_memory_lease(struct warehouse_memory *warehouse,
    const struct warehouse_lease_query *query, bool held[WAREHOUSE_MAX_SHARDS],
    struct error *error);
int warehouse_memory_check_owner(const struct warehouse_memory *warehouse,
    const struct warehouse_batch *batch, struct error *error);
struct warehouse_experiment_result warehouse_memory_experiment(
    const struct warehouse_memory *warehouse, const char *experiment);

void warehouse_memory_fill(struct warehouse_memory *warehouse,
    const struct warehouse_report_query *query, struct arena *arena,
    struct warehouse_report *report);

#endif
