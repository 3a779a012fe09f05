#include "shelf.h"

#include "arena.h"
#include "id.h"
#include "learn.h"
#include "taste.h"
#include "text.h"
#include "upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500 /* wines asked for at once: their JSON is the peak of memory */
#define X_WINES "xw-"

struct shelf {
    struct text_index *ids, *skus, *features;
    const char **id_list;
    struct feature **feature_lists; /* while it is read */
    size_t *feature_counts;
    size_t count, capacity;
    struct content *content;
};

static void *grown(void *memory, size_t count, size_t size)
{
    memory = reallocarray(memory, count, size);
    if (!memory)
        abort();
    return memory;
}

static void put(struct shelf *shelf, struct json_view wine, struct arena *arena)
{
    struct feature features[WINE_MAX_FEATURES];
    struct wine_document document = learn_read_wine(wine, arena);
    const char *sku = json_view_text(json_view_get(wine, "sku"), arena, "");
    if (!*document.id || strlen(document.id) >= ID_SIZE || !*sku)
        return;
    if (shelf->count == shelf->capacity) {
        shelf->capacity = shelf->capacity ? shelf->capacity * 2 : 1024;
        shelf->feature_lists =
            grown(shelf->feature_lists, shelf->capacity, sizeof(*shelf->feature_lists));
        shelf->feature_counts =
            grown(shelf->feature_counts, shelf->capacity, sizeof(*shelf->feature_counts));
    }
    uint32_t number = text_index_add(shelf->ids, document.id);
    if (number != shelf->count || text_index_add(shelf->skus, sku) != number)
        return; /* the page changed while it was read: the first one stands */
    size_t count = taste_features(shelf->features, &document, &taste_demand, features);
    struct feature *copy = grown(NULL, count + 1, sizeof(*copy));
    memcpy(copy, features, count * sizeof(*copy));
    shelf->feature_lists[shelf->count] = copy;
    shelf->feature_counts[shelf->count++] = count;
}

/* One page; `after` becomes the next page's, "" at the end. */
static int read_page(
    struct shelf *shelf, struct upstream *product, char after[ID_SIZE], struct error *error)
{
    struct arena *arena = arena_new();
    const char *body = NULL;
    struct upstream_call call = {.method = HTTP_GET,
        .path = arena_printf(arena, "/internal/wines/all?after=%s&limit=%d", after, PAGE)};
    int status = upstream_call_wait(product, &call, arena, &body);
    struct json_view page;
    int rc = status == 200 ? json_view_read(body, strlen(body), arena, &page, error)
                           : error_set(error, ERROR_UNAVAILABLE, NULL, NULL,
                                 "the product service answered %d", status);
    if (rc == 0) {
        for (struct json_view wine = json_view_first(json_view_get(page, "items"));
             json_view_kind(wine) != JSON_MISSING; wine = json_view_next(wine))
            put(shelf, wine, arena);
        const char *next = json_view_text(json_view_get(page, "next"), arena, "");
        snprintf(after, ID_SIZE, "%s", id_valid(next) ? next : "");
    }
    arena_free(arena);
    return rc;
}

static void finish(struct shelf *shelf)
{
    shelf->content = content_new(shelf->count, text_index_count(shelf->features),
        (const struct feature *const *)shelf->feature_lists, shelf->feature_counts);
    shelf->id_list = grown(NULL, shelf->count + 1, sizeof(*shelf->id_list));
    for (uint32_t i = 0; i < shelf->count; i++)
        shelf->id_list[i] = text_index_text(shelf->ids, i);
    for (size_t i = 0; i < shelf->count; i++)
        free(shelf->feature_lists[i]);
    free(shelf->feature_lists);
    shelf->feature_lists = NULL;
}

int shelf_read(struct shelf **out, struct upstream *product, struct error *error)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    if (!shelf)
        abort();
    shelf->ids = text_index_new();
    shelf->skus = text_index_new();
    shelf->features = text_index_new();
    char after[ID_SIZE] = "";
    int rc;
    do {
        rc = read_page(shelf, product, after, error);
    } while (rc == 0 && *after);
    finish(shelf);
    if (rc < 0) {
        shelf_free(shelf);
        return rc;
    }
    *out = shelf;
    return 0;
}

void shelf_free(struct shelf *shelf)
{
    if (!shelf)
        return;
    text_index_free(shelf->ids);
    text_index_free(shelf->skus);
    text_index_free(shelf->features);
    content_free(shelf->content);
    free(shelf->id_list);
    free(shelf->feature_counts);
    free(shelf);
}

size_t shelf_count(const struct shelf *shelf)
{
    return shelf->count;
}

const char *const *shelf_ids(const struct shelf *shelf)
{
    return shelf->id_list;
}

const struct content *shelf_content(const struct shelf *shelf)
{
    return shelf->content;
}

uint32_t shelf_find(const struct shelf *shelf, const char *id)
{
    return text_index_find(shelf->ids, id);
}

uint32_t shelf_find_key(const struct shelf *shelf, const char *key)
{
    char prefixed[128];
    uint32_t found = text_index_find(shelf->skus, key);
    if (found == NO_WINE) {
        snprintf(prefixed, sizeof(prefixed), X_WINES "%s", key);
        found = text_index_find(shelf->skus, prefixed);
    }
    return found == NO_WINE ? text_index_find(shelf->ids, key) : found;
}

const char *shelf_key(const struct shelf *shelf, uint32_t wine)
{
    const char *sku = text_index_text(shelf->skus, wine);
    return text_starts_with(sku, X_WINES) ? sku + strlen(X_WINES) : sku;
}
