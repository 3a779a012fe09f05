/*
 * What the order service tells others: outbox items for the stream and for the queues, as
 * docs/internal-api.md has them. Bodies and ids are allocated from the arena. No personal data.
 */
#ifndef ORDER_MESSAGES_H
#define ORDER_MESSAGES_H

#include "order_cart.h"
#include "order_model.h"
#include "outbox.h"

struct arena;

/* `order.placed`; `totals` is the JSON object of the public order. */
struct outbox_item message_placed(struct arena *arena, const struct order_record *record,
    const char *lines, const char *totals, const struct trace *trace);

/* The order for the processor. */
struct outbox_item message_process(struct arena *arena, const struct order_record *record,
    const struct cart *cart, const char *token, const struct trace *trace);

/* `order.confirmed` and its like. */
struct outbox_item message_status(struct arena *arena, const struct order_record *record,
    const struct order_state *after, int64_t version, const struct trace *trace);

/* `order.payment_changed`. */
struct outbox_item message_payment(struct arena *arena, const struct order_record *record,
    const struct order_state *after, int64_t version, const struct trace *trace);

/* Mail about the order. */
struct outbox_item message_mail(
    struct arena *arena, const struct order_record *record, const char *template);

/* What the processor has to see through after a transition: "release" (stock, and the payment if
 * `reference` is not NULL), "shipped" or "returned" (stock). */
struct outbox_item message_follow(struct arena *arena, const struct order_record *record,
    const char *action, const char *reference);

/* `cart.changed`, of one edit. */
struct outbox_item message_cart(struct arena *arena, const char *owner,
    const struct cart_edit *edit, int64_t version, const struct trace *trace);

/* `cart.merged`. */
struct outbox_item message_merged(struct arena *arena, const char *guest, const char *user,
    int64_t version, const struct trace *trace);

#endif
