#include "ratings.h"

#include "arena.h"
#include "clock.h"
#include "csv.h"
#include "numeric.h"
#include "taste.h"
#include "text.h"
#include "text_index.h"
#include "x_wines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_file(ratings_path *find, const char *name)
{
    char path[X_WINES_PATH];
    FILE *file = fopen(find(path, name), "r");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    return file;
}

/* ---- wines ---- */

struct shelf {
    struct arena *arena;
    struct text_index *ids, *names;
    const struct feature **features;
    size_t *counts, count, capacity;
};

static void shelve(
    struct shelf *shelf, const char *id, const struct feature *features, size_t count)
{
    if (shelf->count == shelf->capacity) {
        shelf->capacity = shelf->capacity ? shelf->capacity * 2 : 1024;
        shelf->features = reallocarray(shelf->features, shelf->capacity, sizeof(*shelf->features));
        shelf->counts = reallocarray(shelf->counts, shelf->capacity, sizeof(*shelf->counts));
    }
    text_index_add(shelf->ids, id);
    shelf->features[shelf->count] = arena_memdup(shelf->arena, features, count * sizeof(*features));
    shelf->counts[shelf->count++] = count;
}

static void python_list(
    struct arena *arena, const char *text, const char **items, size_t *count, size_t max)
{
    char *plain = arena_strdup(arena, text);
    for (char *c = plain; *c; c++)
        *c = *c == '[' || *c == ']' || *c == '\'' || *c == '"' ? ' ' : *c;
    *count = text_split(arena, plain, ',', items, max);
}

static void read_wine(struct shelf *shelf, const char *const *fields)
{
    const char *grapes[WINE_MAX_GRAPES];
    size_t count;
    struct wine_document wine = {.id = fields[0],
        .group_id = "",
        .name = fields[1],
        .winery = fields[14],
        .type = fields[2],
        .country = fields[10],
        .region = fields[12],
        .appellation = "",
        .elaborate = fields[3],
        .body = fields[7],
        .acidity = fields[8],
        .sweetness = "",
        .tannin = "",
        .rating_count = -1};
    python_list(shelf->arena, fields[4], grapes, &count, WINE_MAX_GRAPES);
    for (size_t i = 0; i < count; i++) {
        wine.grapes[i].name = grapes[i];
        wine.grapes[i].share = 1.0 / (double)count;
    }
    wine.grape_count = count;
    python_list(shelf->arena, fields[5], wine.pairings, &wine.pairing_count, WINE_MAX_PAIRINGS);
    struct feature features[WINE_MAX_FEATURES];
    shelve(
        shelf, fields[0], features, taste_features(shelf->names, &wine, &taste_demand, features));
}

static struct ratings *finish(struct shelf *shelf)
{
    struct ratings *ratings = numeric_new(1, sizeof(*ratings));
    ratings->arena = shelf->arena;
    ratings->wines = shelf->count;
    ratings->content =
        content_new(shelf->count, text_index_count(shelf->names), shelf->features, shelf->counts);
    ratings->ids = numeric_new(shelf->count, sizeof(*ratings->ids));
    for (uint32_t i = 0; i < shelf->count; i++)
        ratings->ids[i] = arena_strdup(shelf->arena, text_index_text(shelf->ids, i));
    free(shelf->features);
    free(shelf->counts);
    text_index_free(shelf->names);
    return ratings;
}

/* ---- ratings ---- */

static struct events *read_events(
    FILE *file, const struct text_index *wines, struct text_index *shoppers, bool only_known)
{
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    struct event_collector *collector = event_collector_new(text_index_count(wines));
    csv_next(reader, &row, &error);
    while (csv_next(reader, &row, &error) == 1) {
        char time[32];
        int64_t at_ms = 0;
        snprintf(time, sizeof(time), "%.10sT%.8sZ", row.fields[4], row.fields[4] + 11);
        clock_parse(time, &at_ms);
        uint32_t shopper = only_known ? text_index_find(shoppers, row.fields[0])
                                      : text_index_add(shoppers, row.fields[0]);
        if (shopper != TEXT_INDEX_NONE)
            event_collector_add_numbered(collector, shopper, text_index_find(wines, row.fields[1]),
                TRAINED_RATING, (float)atof(row.fields[2]), at_ms);
    }
    csv_reader_free(reader);
    fclose(file);
    struct events *events = event_collector_finish(collector);
    event_collector_free(collector);
    return events;
}

struct ratings *ratings_read(ratings_path *find)
{
    struct shelf shelf = {.arena = arena_new(), .ids = text_index_new(), .names = text_index_new()};
    FILE *file = open_file(find, "wines.csv");
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    csv_next(reader, &row, &error);
    while (csv_next(reader, &row, &error) == 1)
        read_wine(&shelf, row.fields);
    csv_reader_free(reader);
    fclose(file);
    struct ratings *ratings = finish(&shelf);
    struct text_index *shoppers = text_index_new();
    ratings->train = read_events(open_file(find, "ratings_train.csv"), shelf.ids, shoppers, false);
    ratings->valid = read_events(open_file(find, "ratings_valid.csv"), shelf.ids, shoppers, true);
    text_index_free(shelf.ids);
    text_index_free(shoppers);
    return ratings;
}

/* ---- generated ---- */

#define TASTES 64

static double uniform(unsigned long long *state)
{
    return (double)(numeric_random(state) >> 11) / 9007199254740992.0;
}

/* A rank below n: n u^power, u uniform; the density falls with rank^(1/power - 1). */
static size_t long_tail(unsigned long long *state, size_t n, double power)
{
    size_t rank = (size_t)((double)n * pow(uniform(state), power));
    return rank < n ? rank : n - 1;
}

static void generate_wines(struct shelf *shelf, size_t wines)
{
    unsigned long long state = 1;
    for (size_t i = 0; i < wines; i++) {
        char id[24];
        struct feature features[3] = {{(uint32_t)(i % TASTES), 1}};
        snprintf(id, sizeof(id), "%zu", i + 1);
        features[1] = (struct feature){(uint32_t)(TASTES + numeric_random(&state) % 400), 1};
        features[2] = (struct feature){
            (uint32_t)(TASTES + 400 + numeric_random(&state) % (wines / 8 + 1)), 0.5f};
        shelve(shelf, id, features, 3);
    }
    for (size_t i = 0; i < TASTES + 400 + wines / 8 + 1; i++) {
        char name[24];
        snprintf(name, sizeof(name), "%zu", i);
        text_index_add(shelf->names, name);
    }
}

struct ratings *ratings_generate(size_t wines, size_t shoppers, size_t events)
{
    struct shelf shelf = {.arena = arena_new(), .ids = text_index_new(), .names = text_index_new()};
    generate_wines(&shelf, wines);
    struct ratings *ratings = finish(&shelf);
    struct event_collector *train = event_collector_new(wines), *valid = event_collector_new(wines);
    unsigned long long state = 2;
    for (size_t i = 0; i < events; i++) {
        bool late = i >= events - events / 10;
        uint32_t shopper = (uint32_t)long_tail(&state, shoppers, 1.3);
        /* Two in three of a shopper's wines are of two tastes. */
        size_t wine = long_tail(&state, wines, 2);
        size_t taste = (shopper * 7 + (numeric_random(&state) & 1) * 13) % TASTES;
        if (numeric_random(&state) % 3)
            wine = wine / TASTES * TASTES + taste;
        float stars = (float)(2 + numeric_random(&state) % 7) / 2 + 0.5f;
        if (wine < wines)
            event_collector_add_numbered(late ? valid : train, shopper, (uint32_t)wine,
                TRAINED_RATING, stars, (int64_t)(i / 100) * 1000 * 60);
    }
    event_collector_add_numbered(valid, (uint32_t)shoppers - 1, 0, TRAINED_RATING, 4, 0);
    event_collector_add_numbered(train, (uint32_t)shoppers - 1, 0, TRAINED_RATING, 4, 0);
    ratings->train = event_collector_finish(train);
    ratings->valid = event_collector_finish(valid);
    event_collector_free(train);
    event_collector_free(valid);
    text_index_free(shelf.ids);
    return ratings;
}

void ratings_free(struct ratings *ratings)
{
    content_free(ratings->content);
    events_free(ratings->train);
    events_free(ratings->valid);
    free(ratings->ids);
    arena_free(ratings->arena);
    free(ratings);
}
