/*
 * Who orders: the user service's answer about a user or a guest, kept for SHOPPERS_TTL_MS so that
 * the requests of one checkout ask once. What is kept is personal data in memory: bounded, short,
 * never logged, and overwritten when it goes. Any thread.
 */
#ifndef ORDER_SHOPPERS_H
#define ORDER_SHOPPERS_H

#include "error.h"
#include "exchange.h"
#include "order_model.h"

struct arena;
struct keyring;
struct shoppers;
struct upstream;

#define SHOPPERS_TTL_MS 1000 /* an erased shopper is forgotten within it */

struct shopper {
    const char *email;
    const char *birth_date; /* "" if the account has none */
    const char *data_key;   /* wrapped */
};

/* `shopper` lives in the arena; ERROR_NOT_FOUND when there is none (any more). */
typedef void shopper_done_fn(
    void *ctx, int rc, const struct error *error, const struct shopper *shopper);

struct shoppers *shoppers_new(struct upstream *user, struct keyring *keyring);
void shoppers_free(struct shoppers *shoppers);

void shoppers_get(struct shoppers *shoppers, const char *owner, const struct trace *trace,
    struct arena *arena, shopper_done_fn *done, void *ctx);

/* Makes the guest, or changes it. ERROR_INVALID names the field the user service refused. */
void shoppers_put_guest(struct shoppers *shoppers, const char *owner, const char *email,
    const char *name, const char *birth_date, const struct trace *trace, struct arena *arena,
    shopper_done_fn *done, void *ctx);

/* Seals an order's address (JSON text) under the shopper's key; opens it again. */
int shopper_seal(struct shoppers *shoppers, const char *owner, const struct shopper *shopper,
    const char *order_id, const char *address, struct arena *arena, const void **sealed,
    size_t *length, struct error *error);
int shopper_open(struct shoppers *shoppers, const char *owner, const struct shopper *shopper,
    const char *order_id, const void *sealed, size_t length, struct arena *arena,
    const char **address, struct error *error);

#endif
