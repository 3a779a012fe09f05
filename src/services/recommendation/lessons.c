#include "lessons.h"

#include "warehouse.h"

#include <string.h>

static int take(void *ctx, const struct warehouse_interaction *interaction)
{
    struct lessons *lessons = ctx;
    enum trained_act_kind kind;
    switch (interaction->kind) {
    case WAREHOUSE_VIEW:
        kind = TRAINED_VIEW;
        break;
    case WAREHOUSE_CLICK:
        kind = TRAINED_CLICK;
        break;
    case WAREHOUSE_CART:
        kind = TRAINED_CART;
        break;
    case WAREHOUSE_ORDER:
        kind = TRAINED_ORDER;
        break;
    case WAREHOUSE_RATING:
        kind = TRAINED_RATING;
        break;
    default:
        return 0;
    }
    bool countable = kind == TRAINED_CART || kind == TRAINED_ORDER;
    bool undone = countable && interaction->value <= 0; /* out of the cart; order not delivered */
    if (!undone)
        event_collector_add(lessons->collector, interaction->shopper,
            shelf_find(lessons->shelf, interaction->wine_id), kind, (float)interaction->value,
            interaction->at_ms);
    return 0;
}

int lessons_read(struct lessons *lessons, struct upstream *product, struct warehouse *warehouse,
    int64_t until_ms, struct error *error)
{
    memset(lessons, 0, sizeof(*lessons));
    int rc = shelf_read(&lessons->shelf, product, error);
    if (rc < 0)
        return rc;
    lessons->collector = event_collector_new(shelf_count(lessons->shelf));
    const struct warehouse_interaction_query query = {.until_ms = until_ms};
    rc = warehouse_interactions(warehouse, &query, take, lessons, error);
    if (rc < 0) {
        lessons_release(lessons);
        return rc;
    }
    lessons->events = event_collector_finish(lessons->collector);
    return 0;
}

void lessons_release(struct lessons *lessons)
{
    events_free(lessons->events);
    event_collector_free(lessons->collector);
    shelf_free(lessons->shelf);
}

uint32_t lessons_shopper(const struct lessons *lessons, const char *shopper)
{
    uint32_t number = event_collector_shopper(lessons->collector, shopper);
    return number < lessons->events->shoppers ? number : NO_WINE;
}
