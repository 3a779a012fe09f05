#include "order_wines.h"

#include "arena.h"
#include "json.h"
#include "upstream.h"

#include <string.h>

struct fetch {
    struct arena *arena;
    wines_done_fn *done;
    void *ctx;
};

static bool read_wine(const json_t *item, struct arena *arena, struct wine *wine)
{
    const char *id = json_text_or(item, "id", "");
    const json_t *price = json_object_get(item, "price");
    const char *currency = json_text_or(price, "currency", "");
    if (strlen(id) != ID_LENGTH || strlen(currency) != 3)
        return false;
    memcpy(wine->id, id, ID_SIZE);
    wine->name = arena_strdup(arena, json_text_or(item, "name", ""));
    wine->winery = arena_strdup(arena, json_text_or(item, "winery", ""));
    wine->vintage = (int)json_int_or(item, "vintage", 0);
    wine->bottle_ml = (int)json_int_or(item, "bottle_ml", 0);
    wine->price.amount = json_int_or(price, "amount", 0);
    memcpy(wine->price.currency, currency, 4);
    wine->available = json_int_or(item, "available", 0);
    if (wine->available < 0)
        wine->available = 0;
    return true;
}

static void fetched(void *ctx, int status, const char *body, size_t length)
{
    struct fetch *fetch = ctx;
    struct error error = {0};
    CLEANUP_JSON json_t *answer = NULL;
    if (status != 200 || json_read_object(body, length, &answer, NULL) < 0) {
        int rc = error_set(&error, ERROR_UNAVAILABLE, NULL, NULL,
            "the catalogue does not answer; try again in a moment");
        fetch->done(fetch->ctx, rc, &error, NULL);
        return;
    }
    const json_t *items = json_object_get(answer, "items"), *item;
    struct wines wines = {0};
    wines.items = arena_new_array(fetch->arena, json_array_size(items) + 1, struct wine);
    size_t index;
    json_array_foreach(items, index, item)
    {
        if (read_wine(item, fetch->arena, &wines.items[wines.count]))
            wines.count++;
    }
    fetch->done(fetch->ctx, 0, &error, &wines);
}

void wines_fetch(struct upstream *product, const char *const *ids, size_t count,
    const struct trace *trace, struct arena *arena, wines_done_fn *done, void *ctx)
{
    static const char prefix[] = "/internal/wines?ids=";
    struct fetch *fetch = arena_new_struct(arena, struct fetch);
    *fetch = (struct fetch){arena, done, ctx};
    char *path = arena_alloc(arena, sizeof(prefix) + count * (ID_LENGTH + 1));
    char *end = memcpy(path, prefix, sizeof(prefix));
    end += sizeof(prefix) - 1;
    for (size_t i = 0; i < count; i++) {
        if (i)
            *end++ = ',';
        memcpy(end, ids[i], ID_LENGTH);
        end += ID_LENGTH;
    }
    *end = '\0';
    upstream_call(product,
        &(struct upstream_call){
            .method = HTTP_GET, .path = path, .trace = trace, .done = fetched, .ctx = fetch});
}

const struct wine *wines_find(const struct wines *wines, const char *id)
{
    for (size_t i = 0; i < wines->count; i++) {
        if (strcmp(wines->items[i].id, id) == 0)
            return &wines->items[i];
    }
    return NULL;
}
