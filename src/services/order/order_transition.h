/*
 * What a transition does: the rules between the three state machines, and what follows from a step
 * (events, mail, stock, the cart). Pure: both engines of the store call it inside their
 * transaction, on the order as it is there.
 */
#ifndef ORDER_TRANSITION_H
#define ORDER_TRANSITION_H

#include "order_cart.h"
#include "order_model.h"
#include "outbox.h"

#define TRANSITION_MAX_ITEMS 4

struct transition_outcome {
    bool replayed; /* the very transition that made the present version: nothing to write */
    struct order_state state;
    struct outbox_item items[TRANSITION_MAX_ITEMS];
    size_t item_count;
    bool restore_cart; /* its lines go back into the owner's cart (order_transition_lines) */
};

/*
 * - A change of payment and a change of status each count one version.
 * - Shipping captures what was authorized, so it needs an authorized or captured payment, and the
 *   parcel's machine moves along with the order's.
 * - Ending an order that is not paid (rejected, cancelled) voids the payment, unless the payment
 *   was declined.
 *
 * ERROR_CONFLICT with reason "version_conflict" or "invalid_transition"; ERROR_NOT_FOUND when it is
 * another shopper's. Texts and items are allocated from the arena.
 */
int order_transition_apply(const struct order_record *record,
    const struct order_transition *transition, struct arena *arena,
    struct transition_outcome *outcome, struct error *error);

/* The order's lines as edits that put them back; returns how many, at most CART_MAX_LINES. */
size_t order_transition_lines(
    const struct order_record *record, struct arena *arena, struct cart_edit edits[CART_MAX_LINES]);

#endif
