#include "wines.h"

#include "arena.h"
#include "csv.h"
#include "x_wines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const flavours[] = {"cherry", "plum", "blackberry", "leather", "tobacco",
    "vanilla", "oak", "smoke", "citrus", "lemon", "apple", "pear", "peach", "honey", "almond",
    "butter", "brioche", "mineral", "chalk", "pepper", "spice", "violet", "rose", "mint", "herbs",
    "graphite", "cedar", "chocolate", "coffee", "earth", "mushroom", "truffle", "grapefruit",
    "melon", "apricot", "ginger", "saline", "tannins", "finish", "acidity", "fresh", "ripe",
    "elegant", "berries", "dried", "wild", "red", "black", "long", "silky"};

static uint64_t state;

static uint32_t pick(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

/* Python's "['Pinot Noir', \"Xarel-lo\"]" into an array. */
static const char *const *read_list(struct arena *arena, const char *text, size_t *count)
{
    const char **items = arena_new_array(arena, 32, const char *);
    *count = 0;
    while (*count < 32 && (text = strpbrk(text, "'\""))) {
        char quote = *text++;
        const char *end = strchr(text, quote);
        if (!end)
            break;
        items[(*count)++] = arena_strndup(arena, text, (size_t)(end - text));
        text = end + 1;
    }
    return items;
}

static const char *notes_of(struct arena *arena)
{
    char notes[256];
    size_t at = 0;
    for (size_t i = 0; i < 10; i++)
        at += (size_t)sprintf(
            notes + at, "%s ", flavours[pick(sizeof(flavours) / sizeof(*flavours))]);
    return arena_strndup(arena, notes, at - 1);
}

static void fill_numbers(struct wines *wines, size_t number)
{
    struct search_document *d = &wines->documents[number];
    d->id = arena_printf(wines->arena, "01WINE%020zu", number);
    if (!d->group_id)
        d->group_id = d->id;
    d->price = 600 + pick(8000);
    d->available = pick(8) ? (int)pick(60) : 0;
    d->rating_count = pick(3) ? (int)pick(80) : 0;
    d->rating_sum = d->rating_count * (5 + (double)pick(6)) / 2;
    d->created_seq = (int64_t)number + 1;
    d->version = 1;
    d->notes = notes_of(wines->arena);
}

static size_t read_xwines(struct wines *wines, FILE *file, size_t max)
{
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    size_t count = 0;
    csv_next(reader, &row, &error);
    while (count < max && csv_next(reader, &row, &error) == 1) {
        struct search_document *d = &wines->documents[count];
        d->sku = arena_printf(wines->arena, "xw-%s", row.fields[0]);
        d->name = arena_strdup(wines->arena, row.fields[1]);
        d->type = arena_strdup(wines->arena, row.fields[2]);
        d->grapes = read_list(wines->arena, row.fields[4], &d->grape_count);
        d->pairings = read_list(wines->arena, row.fields[5], &d->pairing_count);
        d->country = arena_strdup(wines->arena, row.fields[10]);
        d->region = arena_strdup(wines->arena, row.fields[12]);
        d->winery = arena_strdup(wines->arena, row.fields[14]);
        const char *year = strpbrk(row.fields[16], "12");
        d->vintage = year ? atoi(year) : 0;
        fill_numbers(wines, count++);
    }
    csv_reader_free(reader);
    return count;
}

static const char *winery_of(struct arena *arena, uint32_t number)
{
    static const char *const kinds[] = {"Château", "Domaine", "Bodegas", "Weingut", "Tenuta",
        "Quinta", "Viña", "Estate", "Cellars", "Cantina"};
    static const char *const syllables[] = {"mar", "bel", "ro", "san", "vi", "lo", "ter", "dor",
        "cas", "mon", "gra", "ne", "al", "tou", "ber", "chi", "pe", "lan"};
    char name[40];
    size_t at = 0;
    uint32_t seed = number * 2654435761u;
    for (size_t i = 0; i < 3; i++, seed /= 18)
        at += (size_t)sprintf(name + at, "%s", syllables[seed % 18]);
    name[0] = (char)(name[0] - 32);
    return arena_printf(arena, "%s %s", kinds[number % 10], name);
}

/* A wine of parts of the first `base` ones; one in three is another vintage of the one before. */
static void make_one(struct wines *wines, size_t number, size_t base)
{
    struct search_document *d = &wines->documents[number];
    if (pick(3) == 0) {
        *d = wines->documents[number - 1];
        d->vintage = d->vintage ? d->vintage - 1 : 2015;
        d->sku = arena_printf(wines->arena, "made-%zu", number);
        fill_numbers(wines, number);
        return;
    }
    const struct search_document *one = &wines->documents[pick((uint32_t)base)];
    const struct search_document *two = &wines->documents[pick((uint32_t)base)];
    *d = *one;
    d->group_id = NULL;
    const char *word = strchr(two->name, ' ');
    d->name = arena_printf(wines->arena, "%s %s", one->name, word ? word + 1 : two->name);
    d->winery = winery_of(wines->arena, pick(12000));
    d->pairings = two->pairings;
    d->pairing_count = two->pairing_count;
    d->vintage = pick(20) ? 1990 + (int)pick(34) : 0;
    d->sku = arena_printf(wines->arena, "made-%zu", number);
    fill_numbers(wines, number);
}

void wines_make(struct wines *wines, size_t count)
{
    char path[X_WINES_PATH];
    if (!count)
        count = X_WINES;
    state = 42;
    *wines = (struct wines){.arena = arena_new(), .count = count};
    wines->documents = arena_new_array(wines->arena, count, struct search_document);
    FILE *file = fopen(x_wines_find(path, "wines.csv"), "r");
    if (!file)
        abort();
    size_t base = read_xwines(wines, file, count);
    fclose(file);
    for (size_t i = base; i < count; i++)
        make_one(wines, i, base);
}

void wines_free(struct wines *wines)
{
    arena_free(wines->arena);
}
