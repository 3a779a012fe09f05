#include "shipping.h"

#include "arena.h"
#include "clock.h"
#include "json_view.h"
#include "upstream.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEEP_MS 60000

struct place {
    char country[3];
    char region[9]; /* "": the whole country */
};

struct shipping {
    struct upstream *order;
    pthread_mutex_t lock; /* guards what follows */
    struct place *places;
    size_t count;
    int64_t until_ms; /* 0: nothing known */
};

struct shipping *shipping_new(struct upstream *order)
{
    struct shipping *shipping = calloc(1, sizeof(*shipping));
    if (!shipping)
        abort();
    shipping->order = order;
    pthread_mutex_init(&shipping->lock, NULL);
    return shipping;
}

void shipping_free(struct shipping *shipping)
{
    if (!shipping)
        return;
    free(shipping->places);
    pthread_mutex_destroy(&shipping->lock);
    free(shipping);
}

/* ---- the list ---- */

static void keep(struct shipping *shipping, struct place *places, size_t count)
{
    pthread_mutex_lock(&shipping->lock);
    struct place *old = shipping->places;
    shipping->places = places;
    shipping->count = count;
    shipping->until_ms = clock_monotonic_ms() + KEEP_MS;
    pthread_mutex_unlock(&shipping->lock);
    free(old);
}

static void read_list(struct shipping *shipping, const char *body, size_t length)
{
    struct arena *arena = arena_new();
    struct json_view list;
    struct error error = {0};
    if (json_view_read(body, length, arena, &list, &error) == 0) {
        struct json_view items = json_view_get(list, "items");
        struct place *places = calloc(json_view_count(items) + 1, sizeof(*places));
        size_t count = 0;
        if (!places)
            abort();
        for (struct json_view item = json_view_first(items); json_view_kind(item) != JSON_MISSING;
             item = json_view_next(item), count++) {
            snprintf(places[count].country, sizeof(places[count].country), "%s",
                json_view_text(json_view_get(item, "country"), arena, ""));
            snprintf(places[count].region, sizeof(places[count].region), "%s",
                json_view_text(json_view_get(item, "region"), arena, ""));
        }
        keep(shipping, places, count);
    }
    arena_free(arena);
}

/* False when the list is too old, or when there is none; `any_age` takes an old one. */
static bool look_up(struct shipping *shipping, const char *country, const char *region,
    bool any_age, enum shipping_answer *answer)
{
    pthread_mutex_lock(&shipping->lock);
    bool known = shipping->until_ms && (any_age || clock_monotonic_ms() < shipping->until_ms);
    *answer = known ? SHIPPING_NOT_SERVED : SHIPPING_UNKNOWN;
    for (size_t i = 0; known && *answer != SHIPPING_SERVED && i < shipping->count; i++) {
        const struct place *place = &shipping->places[i];
        if (strcmp(place->country, country) != 0)
            continue;
        if (!*place->region || strcasecmp(place->region, region) == 0)
            *answer = SHIPPING_SERVED;
        else
            *answer = *region ? SHIPPING_NOT_THERE : SHIPPING_REGION_NEEDED;
    }
    pthread_mutex_unlock(&shipping->lock);
    return known;
}

/* ---- asking ---- */

struct asking {
    struct shipping *shipping;
    const char *country, *region;
    shipping_done_fn *done;
    void *ctx;
};

static void got_list(void *ctx, int status, const char *body, size_t length)
{
    struct asking asking = *(struct asking *)ctx;
    enum shipping_answer answer;
    free(ctx);
    if (status == 200)
        read_list(asking.shipping, body, length);
    /* A list of a while ago is better than none: it changes by the day at most. */
    look_up(asking.shipping, asking.country, asking.region, /* any_age= */ true, &answer);
    asking.done(asking.ctx, answer);
}

void shipping_check(struct shipping *shipping, const char *country, const char *region,
    shipping_done_fn *done, void *ctx)
{
    enum shipping_answer answer;
    if (look_up(shipping, country, region, /* any_age= */ false, &answer) || !shipping->order) {
        done(ctx, answer);
        return;
    }
    struct asking *asking = malloc(sizeof(*asking));
    if (!asking)
        abort();
    *asking = (struct asking){shipping, country, region, done, ctx};
    upstream_call(shipping->order,
        &(struct upstream_call){
            .method = HTTP_GET, .path = "/api/v1/destinations", .done = got_list, .ctx = asking});
}
