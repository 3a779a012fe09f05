#include "order_states.h"

#include <stddef.h>
#include <string.h>

#define BIT(state) (1u << (state))

static const unsigned order_next[ORDER_STATUSES] = {
    [ORDER_PENDING] = BIT(ORDER_CONFIRMED) | BIT(ORDER_REJECTED) | BIT(ORDER_CANCELLED),
    [ORDER_CONFIRMED] = BIT(ORDER_SHIPPED) | BIT(ORDER_CANCELLED),
    [ORDER_SHIPPED] = BIT(ORDER_DELIVERED) | BIT(ORDER_RETURNED),
    [ORDER_DELIVERED] = BIT(ORDER_RETURNED),
};

static const unsigned pay_next[PAY_STATUSES] = {
    [PAY_PENDING] = BIT(PAY_AUTHORIZED) | BIT(PAY_DECLINED) | BIT(PAY_VOIDED),
    [PAY_AUTHORIZED] = BIT(PAY_CAPTURED) | BIT(PAY_VOIDED),
    [PAY_CAPTURED] = BIT(PAY_REFUNDED),
};

static const unsigned fulfil_next[FULFIL_STATUSES] = {
    [FULFIL_UNFULFILLED] = BIT(FULFIL_SHIPPED),
    [FULFIL_SHIPPED] = BIT(FULFIL_DELIVERED) | BIT(FULFIL_RETURNED),
    [FULFIL_DELIVERED] = BIT(FULFIL_RETURNED),
};

static const char *const order_names[ORDER_STATUSES] = {
    [ORDER_PENDING] = "pending",
    [ORDER_CONFIRMED] = "confirmed",
    [ORDER_REJECTED] = "rejected",
    [ORDER_SHIPPED] = "shipped",
    [ORDER_DELIVERED] = "delivered",
    [ORDER_CANCELLED] = "cancelled",
    [ORDER_RETURNED] = "returned",
};

static const char *const order_events[ORDER_STATUSES] = {
    [ORDER_PENDING] = "order.placed",
    [ORDER_CONFIRMED] = "order.confirmed",
    [ORDER_REJECTED] = "order.rejected",
    [ORDER_SHIPPED] = "order.shipped",
    [ORDER_DELIVERED] = "order.delivered",
    [ORDER_CANCELLED] = "order.cancelled",
    [ORDER_RETURNED] = "order.returned",
};

static const char *const pay_names[PAY_STATUSES] = {
    [PAY_PENDING] = "pending",
    [PAY_AUTHORIZED] = "authorized",
    [PAY_CAPTURED] = "captured",
    [PAY_DECLINED] = "declined",
    [PAY_VOIDED] = "voided",
    [PAY_REFUNDED] = "refunded",
};

static const char *const fulfil_names[FULFIL_STATUSES] = {
    [FULFIL_UNFULFILLED] = "unfulfilled",
    [FULFIL_SHIPPED] = "shipped",
    [FULFIL_DELIVERED] = "delivered",
    [FULFIL_RETURNED] = "returned",
};

bool order_may(enum order_status from, enum order_status to)
{
    return order_next[from] & BIT(to);
}

bool pay_may(enum pay_status from, enum pay_status to)
{
    return pay_next[from] & BIT(to);
}

bool fulfil_may(enum fulfil_status from, enum fulfil_status to)
{
    return fulfil_next[from] & BIT(to);
}

bool order_final(enum order_status status)
{
    return order_next[status] == 0;
}

bool order_settled(enum order_status status)
{
    return order_final(status) || status == ORDER_DELIVERED;
}

const char *order_status_name(enum order_status status)
{
    return order_names[status];
}

const char *pay_status_name(enum pay_status status)
{
    return pay_names[status];
}

const char *fulfil_status_name(enum fulfil_status status)
{
    return fulfil_names[status];
}

static int parse(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

int order_status_parse(const char *name)
{
    return parse(order_names, ORDER_STATUSES, name);
}

int pay_status_parse(const char *name)
{
    return parse(pay_names, PAY_STATUSES, name);
}

const char *order_status_event(enum order_status status)
{
    return order_events[status];
}
