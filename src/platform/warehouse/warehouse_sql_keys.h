/*
 * The keys of the dimensions wine and shopper: those met lately are remembered, since their rows
 * are never taken out; the others are looked up many at a time, and made where there is none.
 */
#ifndef WAREHOUSE_SQL_KEYS_H
#define WAREHOUSE_SQL_KEYS_H

#include "warehouse_bulk.h"

struct text_index;

struct keys {
    struct text_index *index; /* ids */
    int64_t *keys;            /* by the id's number; 0: not known yet */
    size_t capacity;
    uint32_t *missing; /* numbers of those */
    size_t missing_count, missing_capacity;
    struct bulk find, add;
    void (*fill)(struct sql_value *columns);
};

/* `find` gives key and id; `add` takes them, and what `fill` (may be NULL) says of a new row. */
void keys_init(
    struct keys *keys, struct bulk find, struct bulk add, void (*fill)(struct sql_value *columns));
void keys_release(struct keys *keys);

/* Remembers nothing any more. */
void keys_forget(struct keys *keys);

/* Keeps memory bounded; between two rounds of want, resolve and of. */
void keys_trim(struct keys *keys);

/* Says that the key of this id is going to be asked for. */
void keys_want(struct keys *keys, const char *id);

/* Finds or makes the keys of all that are wanted; `*last` is the highest key given so far. */
int keys_resolve(struct keys *keys, struct sql *sql, int64_t *last, struct error *error);

/* The key of an id that was wanted and resolved. */
int64_t keys_of(const struct keys *keys, const char *id);

/* The same for days, whose key is the day. */
#define DAYS_KNOWN 4096

struct days {
    int64_t known[DAYS_KNOWN]; /* by the day's lowest bits; -1: none */
    struct bulk find, add;
};

void days_init(struct days *days);
void days_release(struct days *days);
void days_forget(struct days *days);
void days_want(struct days *days, int64_t day);
int days_resolve(struct days *days, struct sql *sql, struct error *error);

#endif
