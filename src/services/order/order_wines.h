/*
 * What the order service knows of wines: the answer of the product service to
 * GET /internal/wines?ids=, read into values. Texts live in the arena that was passed.
 */
#ifndef ORDER_WINES_H
#define ORDER_WINES_H

#include "error.h"
#include "exchange.h"
#include "id.h"
#include "money.h"

struct arena;
struct upstream;

struct wine {
    char id[ID_SIZE];
    const char *name, *winery;
    int vintage; /* 0: none */
    int bottle_ml;
    struct money price;
    int64_t available;
};

struct wines {
    struct wine *items;
    size_t count;
};

typedef void wines_done_fn(void *ctx, int rc, const struct error *error, const struct wines *wines);

/* Asks for at most 41 wines (a full cart and one more); unknown and withdrawn ones are missing in
 * the answer. `done` is called once, on any thread, perhaps before the return. ERROR_UNAVAILABLE
 * when the product service does not answer. */
void wines_fetch(struct upstream *product, const char *const *ids, size_t count,
    const struct trace *trace, struct arena *arena, wines_done_fn *done, void *ctx);

/* NULL if it is not there. */
const struct wine *wines_find(const struct wines *wines, const char *id);

#endif
