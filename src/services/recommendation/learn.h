/* From JSON to the model: events of the stream, and wines as the product service serves them. */
#ifndef RECOMMENDATION_LEARN_H
#define RECOMMENDATION_LEARN_H

#include "json_view.h"
#include "model.h"
#include "warehouse.h"

/* One CloudEvent; what the model has no use for, or cannot be read, is passed over. The arena is
 * for texts, here and below. */
void learn_event(struct model *model, struct json_view event, struct arena *arena);

/* What the model reads of a wine as served; texts live as long as the arena. */
struct wine_document learn_read_wine(struct json_view wine, struct arena *arena);

/* One wine as served, `available` and `rating` included. */
void learn_wine(struct model *model, struct json_view wine, struct arena *arena);

/* What the warehouse remembers, in the order of time. The lines of an order come one by one: they
 * are gathered here until another interaction comes; learn_past_end takes the last. */
struct past {
    struct model *model;
    char order_id[ID_SIZE], shopper[ID_SIZE];
    char wines[PROFILE_ORDER][ID_SIZE];
    size_t count;
    int64_t at_ms;
    bool undone; /* the order was rejected or cancelled */
};
void learn_past(struct past *past, const struct warehouse_interaction *interaction);
void learn_past_end(struct past *past);

#endif
