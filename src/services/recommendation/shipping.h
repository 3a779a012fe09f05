/*
 * Whether the shop ships to a place: the order service's list of destinations, asked for at most
 * once a minute and kept meanwhile.
 */
#ifndef RECOMMENDATION_SHIPPING_H
#define RECOMMENDATION_SHIPPING_H

struct shipping;
struct upstream;

enum shipping_answer {
    SHIPPING_SERVED,
    SHIPPING_NOT_SERVED,
    SHIPPING_REGION_NEEDED, /* parts of the country only, and no region was given */
    SHIPPING_NOT_THERE,     /* to parts of the country, but not to this one */
    SHIPPING_UNKNOWN,       /* the order service does not answer */
};

/* `order` outlives it; NULL: the answer is always SHIPPING_UNKNOWN. */
struct shipping *shipping_new(struct upstream *order);
void shipping_free(struct shipping *shipping); /* NULL is fine */

typedef void shipping_done_fn(void *ctx, enum shipping_answer answer);

/* `region` may be "". Both texts live until `done` is called: once, perhaps before the return, on
 * any thread. Any thread. */
void shipping_check(struct shipping *shipping, const char *country, const char *region,
    shipping_done_fn *done, void *ctx);

#endif
