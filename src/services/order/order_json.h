/* Carts and orders as the public contract shows them, written straight into a buffer. */
#ifndef ORDER_JSON_H
#define ORDER_JSON_H

#include "destinations.h"
#include "order_cart.h"
#include "order_model.h"
#include "order_wines.h"

struct buffer;

enum order_audience {
    AUDIENCE_SHOPPER,
    AUDIENCE_SHOP /* also whose it is: user_id and guest_id */
};

/* `address` is JSON, or NULL when nobody can read it any more; so is `email`, a text. */
void order_write(struct buffer *buffer, const struct order_record *record, const char *address,
    const char *email, enum order_audience audience);

/* The three members that an order keeps as they are served. Each line at the wine's price. */
void order_lines_write(struct buffer *buffer, const struct cart *cart, const struct wines *wines);
void order_totals_write(struct buffer *buffer, const struct quote *quote, const char *currency);

/* Lines of wines that are no longer sold are left out. `destination` may be NULL: shipping and tax
 * are then not known. */
void cart_view_write(struct buffer *buffer, const struct cart *cart, const struct wines *wines,
    const struct destination *destination, const char *currency);

#endif
