/* What a page reports, POST /events: whatever is taken can be read again off the stream. */
#include "fuzz.h"

#include "activity.h"
#include "arena.h"
#include "cloudevent.h"
#include "decode.h"

#include <string.h>

#define NOW_MS INT64_C(1790000000000)
#define GUEST "01J9ZQ4T8M3V5X7Y9A1B2C3D4E"

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static void check(struct arena *arena, const struct activity *activity)
{
    struct buffer data = BUFFER_INIT, text = BUFFER_INIT;
    struct decoded event;
    activity_append_data(&data, activity, "", GUEST);
    cloudevent_append(&text, &(struct cloudevent){.id = GUEST,
                                 .source = "/services/recommendation",
                                 .type = activity->type,
                                 .subject = activity->wine_id,
                                 .time_ms = activity->at_ms,
                                 .data = data.data});
    demand(event_decode(text.data, text.length, arena, &event, NULL) == 0);
    demand(event.has_fact && strcmp(event.fact.shopper, GUEST) == 0);
    demand(event.fact.at_ms == activity->at_ms && event.fact.at_ms <= NOW_MS);
    if (event.fact.kind == WAREHOUSE_SEARCH) {
        demand(strcmp(event.fact.search.query, activity->query) == 0);
        demand(event.fact.search.results == activity->results);
    } else {
        demand(strcmp(event.fact.wine_id, activity->wine_id) == 0);
        demand(strcmp(event.fact.shown.list, text_of(activity->list)) == 0);
        demand(strcmp(event.fact.shown.query, text_of(activity->query)) == 0);
        demand(strcmp(event.fact.shown.experiment, text_of(activity->experiment)) == 0);
        demand(strcmp(event.fact.shown.arm, text_of(activity->arm)) == 0);
        demand(event.fact.shown.position == activity->position);
    }
    buffer_release(&data);
    buffer_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_JSON json_t *body = NULL;
    struct activity *activities;
    if (json_read_object((const char *)data, size, &body, NULL) < 0)
        return 0;
    struct arena *arena = arena_new();
    struct error error = {0};
    int count = activity_read(body, NOW_MS, arena, &activities, &error);
    demand(count > 0 || (error.code == ERROR_INVALID && *error.field));
    for (int i = 0; i < count; i++)
        check(arena, &activities[i]);
    arena_free(arena);
    return 0;
}
