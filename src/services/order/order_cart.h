/*
 * A cart: at most CART_MAX_LINES wines, each once, in the order they were put in, with the price
 * the shopper has seen. Rules without HTTP and without a store; values only, nothing to free.
 *
 * The version grows with every change and never repeats for one shopper, even after the cart was
 * ordered away: it is at least the time of the change in milliseconds.
 */
#ifndef ORDER_CART_H
#define ORDER_CART_H

#include "error.h"
#include "id.h"

#include <stddef.h>
#include <stdint.h>

struct buffer;

#define CART_MAX_LINES 40
#define CART_MAX_QUANTITY 999

struct cart_line {
    char wine_id[ID_SIZE];
    int quantity;
    int64_t price; /* of one bottle, as the shopper saw it last; minor units */
};

struct cart {
    int64_t version; /* 0: never changed */
    size_t count;
    struct cart_line lines[CART_MAX_LINES];
};

enum cart_edit_kind {
    CART_SET,    /* quantity and price; a quantity of 0 takes the line out */
    CART_ADD,    /* as much more, capped; for what comes back or is merged */
    CART_REPRICE /* the price alone, of a line that is there */
};

struct cart_edit {
    enum cart_edit_kind kind;
    char wine_id[ID_SIZE];
    int quantity;
    int64_t price;
    int previous; /* filled by cart_apply: the quantity before */
    int now;      /* filled by cart_apply: the quantity after */
};

struct cart_line *cart_find(struct cart *cart, const char *wine_id);

/* Applies the edits in order. ERROR_INVALID with reason "cart_full" when a CART_SET would make line
 * 41 (the cart is then as it was); a CART_ADD that finds no room is left out. Returns the number of
 * edits that changed something. */
int cart_apply(
    struct cart *cart, struct cart_edit *edits, size_t count, int64_t now_ms, struct error *error);

/* The lines as stored: "<wine_id> <quantity> <price>\n" each. */
void cart_write(const struct cart *cart, struct buffer *buffer);

/* Reads what cart_write wrote; ERROR_INTERNAL if it did not. */
int cart_read(struct cart *cart, const char *text, struct error *error);

/* Bottles, and the sum at the prices seen. */
int64_t cart_bottles(const struct cart *cart);

#endif
