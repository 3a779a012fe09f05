#include "catalogue.h"

#include "id.h"
#include "taste.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_MS INT64_C(1767225600000) /* 2026-01-01: any fixed day will do */
#define DAY_MS 86400000.0

double decay_scale(int64_t at_ms, double half_life_days)
{
    return exp2((double)(at_ms - EPOCH_MS) / (half_life_days * DAY_MS));
}

void catalogue_init(struct catalogue *catalogue)
{
    memset(catalogue, 0, sizeof(*catalogue));
    pthread_rwlock_init(&catalogue->ids_lock, NULL);
    catalogue->ids = text_index_new();
    catalogue->names = text_index_new();
    catalogue->groups = text_index_new();
    catalogue->wineries = text_index_new();
    catalogue->regions = text_index_new();
    catalogue->features = text_index_new();
}

void catalogue_release(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        free(catalogue->wines[i].features);
    free(catalogue->wines);
    for (size_t i = 0; i < LIVE_CHUNKS; i++)
        free(atomic_load_explicit(&catalogue->live[i], memory_order_relaxed));
    text_index_free(catalogue->ids);
    text_index_free(catalogue->names);
    text_index_free(catalogue->groups);
    text_index_free(catalogue->wineries);
    text_index_free(catalogue->regions);
    text_index_free(catalogue->features);
    pthread_rwlock_destroy(&catalogue->ids_lock);
}

unsigned char catalogue_type(const char *text)
{
    static const char *const types[CATALOGUE_TYPES] = {
        "Red", "White", "Rosé", "Sparkling", "Dessert", "Fortified"};
    for (int i = 0; i < CATALOGUE_TYPES; i++) {
        if (strcmp(text, types[i]) == 0)
            return (unsigned char)(i + 1);
    }
    return 0;
}

uint32_t catalogue_find(struct catalogue *catalogue, const char *id)
{
    pthread_rwlock_rdlock(&catalogue->ids_lock);
    uint32_t number = text_index_find(catalogue->ids, id);
    pthread_rwlock_unlock(&catalogue->ids_lock);
    return number; /* TEXT_INDEX_NONE is NO_WINE */
}

static void add_live(struct catalogue *catalogue, size_t chunk)
{
    struct live *live = malloc(LIVE_CHUNK * sizeof(*live));
    if (!live)
        abort();
    for (size_t i = 0; i < LIVE_CHUNK; i++) {
        atomic_init(&live[i].available, -1);
        atomic_init(&live[i].popularity, 0);
    }
    atomic_store_explicit(&catalogue->live[chunk], live, memory_order_release);
}

uint32_t catalogue_add(struct catalogue *catalogue, const char *id)
{
    uint32_t number = catalogue_find(catalogue, id);
    if (number != NO_WINE)
        return number;
    if (catalogue->count == (size_t)LIVE_CHUNK * LIVE_CHUNKS)
        return NO_WINE;
    if (catalogue->count == catalogue->capacity) {
        catalogue->capacity = catalogue->capacity ? catalogue->capacity * 2 : 256;
        catalogue->wines =
            reallocarray(catalogue->wines, catalogue->capacity, sizeof(*catalogue->wines));
        if (!catalogue->wines)
            abort();
    }
    if (catalogue->count % LIVE_CHUNK == 0)
        add_live(catalogue, catalogue->count / LIVE_CHUNK);
    pthread_rwlock_wrlock(&catalogue->ids_lock);
    number = text_index_add(catalogue->ids, id);
    const char *kept = text_index_text(catalogue->ids, number);
    pthread_rwlock_unlock(&catalogue->ids_lock);
    catalogue->wines[number] = (struct wine){.id = kept, .name = "", .added_ms = id_time_ms(id)};
    catalogue->count++;
    return number;
}

static void describe(
    struct catalogue *catalogue, struct wine *wine, const struct wine_document *document)
{
    struct feature features[WINE_MAX_FEATURES];
    size_t count = taste_features(catalogue->features, document, &taste_likeness, features);
    free(wine->features);
    wine->features = malloc((count ? count : 1) * sizeof(*features));
    if (!wine->features)
        abort();
    memcpy(wine->features, features, count * sizeof(*features));
    wine->feature_count = count;
    wine->name =
        text_index_text(catalogue->names, text_index_add(catalogue->names, document->name));
    /* A wine without a group is one of its own. */
    wine->group =
        text_index_add(catalogue->groups, *document->group_id ? document->group_id : document->id);
    wine->winery = text_index_add(catalogue->wineries, document->winery);
    wine->region = text_index_add(catalogue->regions, document->region);
    wine->price = document->price;
    wine->type = catalogue_type(document->type);
    if (document->rating_count >= 0) {
        wine->rating_mean = document->rating_mean;
        wine->rating_count = document->rating_count;
    }
    wine->described = true;
    wine->withdrawn = false;
}

bool catalogue_describe(
    struct catalogue *catalogue, const struct wine_document *document, int64_t sequence)
{
    uint32_t number = catalogue_add(catalogue, document->id);
    if (number == NO_WINE)
        return false;
    struct wine *wine = &catalogue->wines[number];
    if (sequence && sequence <= wine->document_sequence)
        return false;
    if (!sequence && wine->document_sequence)
        return false; /* an event told something newer already */
    wine->document_sequence = sequence;
    describe(catalogue, wine, document);
    return true;
}
