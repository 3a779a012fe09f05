#include "order_transition.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "json.h"
#include "order_messages.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* The parcel's state that goes with an order's, or -1. */
static int fulfilment_of(enum order_status status)
{
    switch (status) {
    case ORDER_SHIPPED:
        return FULFIL_SHIPPED;
    case ORDER_DELIVERED:
        return FULFIL_DELIVERED;
    case ORDER_RETURNED:
        return FULFIL_RETURNED;
    default:
        return -1;
    }
}

/* The payment that a step leads to, whether the caller says so or it follows. */
static int payment_of(const struct order_state *before, const struct order_transition *transition)
{
    if (transition->payment >= 0)
        return transition->payment;
    bool ends = transition->to == ORDER_REJECTED || transition->to == ORDER_CANCELLED;
    if (ends && pay_may(before->payment, PAY_VOIDED))
        return PAY_VOIDED;
    if (transition->to == ORDER_SHIPPED && before->payment == PAY_AUTHORIZED)
        return PAY_CAPTURED;
    return (int)before->payment;
}

static bool is_replay(const struct order_state *now, const struct order_transition *transition)
{
    if (transition->to >= 0 && (int)now->status != transition->to)
        return false;
    if (transition->payment >= 0 && (int)now->payment != transition->payment)
        return false;
    /* Asked for without a version (a shopper's cancellation): being there is enough. */
    if (!transition->from_version)
        return transition->to >= 0;
    return transition->from_version == now->changed_from &&
           text_equal(transition->reason, now->reason);
}

static int check(const struct order_state *before, const struct order_transition *transition,
    int payment, struct error *error)
{
    if (transition->from_version && transition->from_version != before->version)
        return error_set(error, ERROR_CONFLICT, "version_conflict", NULL,
            "the order was changed meanwhile: it is %s at version %lld",
            order_status_name(before->status), (long long)before->version);
    if (transition->to >= 0 && !order_may(before->status, (enum order_status)transition->to))
        return error_set(error, ERROR_CONFLICT, "invalid_transition", NULL,
            "an order that is %s cannot become %s", order_status_name(before->status),
            order_status_name((enum order_status)transition->to));
    bool moved = payment != (int)before->payment;
    if (moved && !pay_may(before->payment, (enum pay_status)payment))
        return error_set(error, ERROR_CONFLICT, "invalid_transition", NULL,
            "a payment that is %s cannot become %s", pay_status_name(before->payment),
            pay_status_name((enum pay_status)payment));
    if (transition->to == ORDER_CONFIRMED && payment != PAY_AUTHORIZED && payment != PAY_CAPTURED)
        return error_set(error, ERROR_CONFLICT, "invalid_transition", NULL,
            "an order is confirmed once its payment is authorized");
    if (transition->to == ORDER_SHIPPED && payment != PAY_CAPTURED)
        return error_set(
            error, ERROR_CONFLICT, "invalid_transition", NULL, "the order is not paid for");
    if (transition->to < 0 && !moved)
        return error_set(error, ERROR_CONFLICT, "invalid_transition", NULL,
            "the payment is %s already", pay_status_name(before->payment));
    return 0;
}

static const char *extend_history(
    struct arena *arena, const struct order_state *before, const struct order_state *after)
{
    CLEANUP_BUFFER struct buffer history = BUFFER_INIT;
    char time[CLOCK_TEXT_SIZE];
    buffer_reserve(&history, strlen(before->history) + 100);
    buffer_append_text(&history, before->history);
    buffer_append_text(&history, ",{\"status\":\"");
    buffer_append_text(&history, order_status_name(after->status));
    buffer_append_text(&history, "\",\"at\":\"");
    buffer_append_text(&history, clock_format(after->updated_at, time));
    buffer_append_text(&history, "\",\"reason\":");
    buffer_append_json(&history, after->reason);
    buffer_append_char(&history, '}');
    return arena_strndup(arena, history.data, history.length);
}

static const char *mail_of(enum order_status status)
{
    switch (status) {
    case ORDER_CONFIRMED:
        return "order_confirmed";
    case ORDER_REJECTED:
        return "order_rejected";
    case ORDER_SHIPPED:
        return "order_shipped";
    case ORDER_CANCELLED:
        return "order_cancelled";
    default:
        return NULL;
    }
}

/* What the processor sees through. A rejected order's stock was never kept, or is released by the
 * processor, which asks for the rejection. */
static const char *follow_of(enum order_status status)
{
    switch (status) {
    case ORDER_SHIPPED:
        return "shipped";
    case ORDER_CANCELLED:
        return "release";
    case ORDER_RETURNED:
        return "returned";
    default:
        return NULL;
    }
}

static void add(struct transition_outcome *outcome, struct outbox_item item)
{
    outcome->items[outcome->item_count++] = item;
}

static void change_payment(const struct order_record *record,
    const struct order_transition *transition, int payment, struct arena *arena,
    struct transition_outcome *outcome)
{
    struct order_state *after = &outcome->state;
    after->payment = (enum pay_status)payment;
    after->version++;
    if (transition->reference)
        after->reference = transition->reference;
    add(outcome, message_payment(arena, record, after, after->version, &transition->trace));
    if (payment == PAY_REFUNDED)
        add(outcome, message_mail(arena, record, "order_refunded"));
}

static void change_status(const struct order_record *record,
    const struct order_transition *transition, struct arena *arena,
    struct transition_outcome *outcome)
{
    struct order_state *after = &outcome->state;
    after->status = (enum order_status)transition->to;
    after->version++;
    after->reason = transition->reason;
    int fulfilment = fulfilment_of(after->status);
    if (fulfilment >= 0)
        after->fulfilment = (enum fulfil_status)fulfilment;
    after->history = extend_history(arena, &record->state, after);
    add(outcome, message_status(arena, record, after, after->version, &transition->trace));
    const char *mail = mail_of(after->status), *follow = follow_of(after->status);
    if (mail)
        add(outcome, message_mail(arena, record, mail));
    if (follow)
        add(outcome, message_follow(arena, record, follow, record->state.reference));
    outcome->restore_cart = after->status == ORDER_REJECTED;
}

int order_transition_apply(const struct order_record *record,
    const struct order_transition *transition, struct arena *arena,
    struct transition_outcome *outcome, struct error *error)
{
    const struct order_state *before = &record->state;
    if (transition->owner && strcmp(transition->owner, record->owner) != 0)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such order");
    *outcome = (struct transition_outcome){.state = *before};
    if (is_replay(before, transition)) {
        outcome->replayed = true;
        return 0;
    }
    int payment = payment_of(before, transition);
    int rc = check(before, transition, payment, error);
    if (rc < 0)
        return rc;
    outcome->state.changed_from = before->version;
    outcome->state.updated_at = transition->now_ms;
    if (payment != (int)before->payment)
        change_payment(record, transition, payment, arena, outcome);
    if (transition->to >= 0)
        change_status(record, transition, arena, outcome);
    return 0;
}

size_t order_transition_lines(
    const struct order_record *record, struct arena *arena, struct cart_edit edits[CART_MAX_LINES])
{
    const char *text = arena_printf(arena, "{%s}", record->doc);
    CLEANUP_JSON json_t *doc = NULL;
    if (json_read_object(text, strlen(text), &doc, NULL) < 0)
        return 0;
    const json_t *line;
    size_t index, count = 0;
    json_array_foreach(json_object_get(doc, "lines"), index, line)
    {
        const char *wine_id = json_text_or(line, "wine_id", "");
        if (count == CART_MAX_LINES || !id_valid(wine_id))
            continue;
        struct cart_edit *edit = &edits[count++];
        *edit = (struct cart_edit){
            .kind = CART_ADD,
            .quantity = (int)json_int_or(line, "quantity", 0),
            .price = json_int_or(line, "unit_price", 0),
        };
        memcpy(edit->wine_id, wine_id, ID_SIZE);
    }
    return count;
}
