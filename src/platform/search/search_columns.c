#include "search_columns.h"

#include "arena.h"
#include "search_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *array, size_t count, size_t size)
{
    void *larger = reallocarray(array, count, size);
    if (!larger)
        abort();
    return larger;
}

static const char *value_key(const void *owner, uint32_t value)
{
    return ((const struct search_dictionary *)owner)->entries[value].text;
}

static const char *folded_key(const void *owner, uint32_t value)
{
    return ((const struct search_dictionary *)owner)->entries[value].folded;
}

static const char *id_key(const void *owner, uint32_t value)
{
    return ((const struct search_columns *)owner)->texts[value].id;
}

static const char *sku_key(const void *owner, uint32_t value)
{
    return ((const struct search_columns *)owner)->texts[value].sku;
}

static const char *group_key(const void *owner, uint32_t value)
{
    return ((const struct search_columns *)owner)->groups[value].id;
}

void search_columns_init(struct search_columns *columns)
{
    *columns = (struct search_columns){.values = arena_new()};
    search_map_init(&columns->by_id, id_key, columns);
    search_map_init(&columns->by_sku, sku_key, columns);
    search_map_init(&columns->by_group, group_key, columns);
    for (size_t i = 0; i < SEARCH_FACETS; i++) {
        struct search_dictionary *dictionary = &columns->dictionaries[i];
        search_map_init(&dictionary->by_text, value_key, dictionary);
        search_map_init(&dictionary->by_folded, folded_key, dictionary);
        dictionary->count = 1;
    }
}

void search_columns_clear(struct search_columns *columns)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->wines[i].live)
            search_columns_remove(columns, i);
    }
    columns->count = columns->free_wine_count = 0;
    columns->group_count = columns->free_group_count = 0;
    columns->pool_count = columns->pool_waste = 0;
}

void search_columns_release(struct search_columns *columns)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        free(columns->texts[i].name);
        free(columns->texts[i].sku);
    }
    free(columns->wines);
    free(columns->texts);
    free(columns->free_wines);
    free(columns->groups);
    free(columns->free_groups);
    free(columns->pool);
    search_map_release(&columns->by_id);
    search_map_release(&columns->by_sku);
    search_map_release(&columns->by_group);
    for (size_t i = 0; i < SEARCH_FACETS; i++) {
        struct search_dictionary *dictionary = &columns->dictionaries[i];
        free(dictionary->entries);
        free(dictionary->sorted);
        search_map_release(&dictionary->by_text);
        search_map_release(&dictionary->by_folded);
    }
    arena_free(columns->values);
}

void search_vintage_label(int vintage, char label[SEARCH_VINTAGE_SIZE])
{
    if (vintage)
        snprintf(label, SEARCH_VINTAGE_SIZE, "%d", vintage);
    else
        strcpy(label, "NV");
}

static int compare_values(const struct search_value_entry *a, const struct search_value_entry *b)
{
    int order = strcmp(a->folded, b->folded);
    return order ? order : strcmp(a->text, b->text);
}

static void sort_in(struct search_dictionary *dictionary, uint32_t number)
{
    size_t low = 0, high = number - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_values(
                &dictionary->entries[dictionary->sorted[middle]], &dictionary->entries[number]) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(dictionary->sorted + low + 1, dictionary->sorted + low,
        (number - 1 - low) * sizeof(*dictionary->sorted));
    dictionary->sorted[low] = number;
}

static uint32_t intern(struct search_columns *columns, enum search_facet facet, const char *text)
{
    if (!text || !*text)
        return 0;
    struct search_dictionary *dictionary = &columns->dictionaries[facet];
    size_t length = strlen(text);
    uint32_t found = search_map_find(&dictionary->by_text, text, length);
    if (found != SEARCH_NONE)
        return found;
    if (dictionary->count >= dictionary->capacity) {
        dictionary->capacity = dictionary->capacity ? dictionary->capacity * 2 : 32;
        dictionary->entries =
            grown(dictionary->entries, dictionary->capacity, sizeof(*dictionary->entries));
        dictionary->sorted =
            grown(dictionary->sorted, dictionary->capacity, sizeof(*dictionary->sorted));
    }
    uint32_t number = dictionary->count++;
    char *folded = arena_alloc(columns->values, length * 2 + 1);
    size_t folded_length = search_fold(text, length, folded, length * 2 + 1);
    dictionary->entries[number] = (struct search_value_entry){
        .text = arena_strndup(columns->values, text, length),
        .folded = folded,
    };
    search_map_add(&dictionary->by_text, text, length, number);
    if (search_map_find(&dictionary->by_folded, folded, folded_length) == SEARCH_NONE)
        search_map_add(&dictionary->by_folded, folded, folded_length, number);
    sort_in(dictionary, number);
    return number;
}

uint32_t search_dictionary_find(const struct search_dictionary *dictionary, const char *value)
{
    char folded[1024];
    size_t length = strlen(value);
    uint32_t found = search_map_find(&dictionary->by_text, value, length);
    if (found == SEARCH_NONE) {
        length = search_fold(value, length, folded, sizeof(folded));
        found = length ? search_map_find(&dictionary->by_folded, folded, length) : SEARCH_NONE;
    }
    return found == SEARCH_NONE ? 0 : found;
}

uint32_t search_columns_find(const struct search_columns *columns, const char *id)
{
    return search_map_find(&columns->by_id, id, strlen(id));
}

static uint32_t new_wine(struct search_columns *columns)
{
    if (columns->free_wine_count)
        return columns->free_wines[--columns->free_wine_count];
    if (columns->count == columns->capacity) {
        uint32_t capacity = columns->capacity ? columns->capacity * 2 : 256;
        columns->wines = grown(columns->wines, capacity, sizeof(*columns->wines));
        columns->texts = grown(columns->texts, capacity, sizeof(*columns->texts));
        columns->free_wines = grown(columns->free_wines, capacity, sizeof(*columns->free_wines));
        columns->capacity = capacity;
    }
    return columns->count++;
}

static uint32_t find_or_add_group(struct search_columns *columns, const char *id)
{
    size_t length = strlen(id);
    uint32_t group = search_map_find(&columns->by_group, id, length);
    if (group != SEARCH_NONE)
        return group;
    if (columns->free_group_count) {
        group = columns->free_groups[--columns->free_group_count];
    } else {
        if (columns->group_count == columns->group_capacity) {
            uint32_t capacity = columns->group_capacity ? columns->group_capacity * 2 : 256;
            columns->groups = grown(columns->groups, capacity, sizeof(*columns->groups));
            columns->free_groups =
                grown(columns->free_groups, capacity, sizeof(*columns->free_groups));
            columns->group_capacity = capacity;
        }
        group = columns->group_count++;
    }
    columns->groups[group] = (struct search_group){.first = SEARCH_NONE};
    memcpy(columns->groups[group].id, id, length + 1);
    search_map_add(&columns->by_group, id, length, group);
    columns->live_groups++;
    return group;
}

static void leave_group(struct search_columns *columns, uint32_t wine)
{
    uint32_t number = columns->wines[wine].group;
    struct search_group *group = &columns->groups[number];
    uint32_t *link = &group->first;
    while (*link != wine)
        link = &columns->wines[*link].next;
    *link = columns->wines[wine].next;
    if (--group->count)
        return;
    search_map_remove(&columns->by_group, group->id, strlen(group->id));
    columns->free_groups[columns->free_group_count++] = number;
    columns->live_groups--;
}

static void join_group(struct search_columns *columns, uint32_t wine, const char *id)
{
    uint32_t number = find_or_add_group(columns, id);
    struct search_group *group = &columns->groups[number];
    columns->wines[wine].group = number;
    columns->wines[wine].next = group->first;
    group->first = wine;
    group->count++;
}

/* Counts the wine in or out of each of its values. */
static void count_values(struct search_columns *columns, uint32_t wine, uint32_t change)
{
    static const enum search_facet single[SEARCH_SINGLE_FACETS] = {
        SEARCH_TYPE, SEARCH_COUNTRY, SEARCH_REGION, SEARCH_WINERY, SEARCH_VINTAGE};
    const struct search_wine *w = &columns->wines[wine];
    for (size_t i = 0; i < SEARCH_SINGLE_FACETS; i++) {
        if (w->single[i])
            columns->dictionaries[single[i]].entries[w->single[i]].wines += change;
    }
    const uint32_t *values = columns->pool + w->values;
    for (size_t i = 0; i < w->grapes; i++)
        columns->dictionaries[SEARCH_GRAPE].entries[*values++].wines += change;
    for (size_t i = 0; i < w->pairings; i++)
        columns->dictionaries[SEARCH_PAIRING].entries[*values++].wines += change;
}

/* Writes the pool anew without what removed wines left behind. */
static void compact_pool(struct search_columns *columns)
{
    uint32_t *pool = grown(NULL, columns->pool_capacity, sizeof(*pool));
    size_t count = 0;
    for (uint32_t i = 0; i < columns->count; i++) {
        struct search_wine *wine = &columns->wines[i];
        if (!wine->live)
            continue;
        size_t length = (size_t)wine->grapes + wine->pairings;
        if (length)
            memcpy(pool + count, columns->pool + wine->values, length * sizeof(*pool));
        wine->values = (uint32_t)count;
        count += length;
    }
    free(columns->pool);
    columns->pool = pool;
    columns->pool_count = count;
    columns->pool_waste = 0;
}

/* Appends the different, nonempty values of a list to the pool. Returns how many. */
static uint8_t add_list(
    struct search_columns *columns, enum search_facet facet, const char *const *texts, size_t count)
{
    uint32_t *values = columns->pool + columns->pool_count;
    uint8_t kept = 0;
    for (size_t i = 0; i < count && kept < SEARCH_MAX_LIST_VALUES; i++) {
        uint32_t value = intern(columns, facet, texts[i]);
        bool known = value == 0;
        for (size_t j = 0; j < kept && !known; j++)
            known = values[j] == value;
        if (!known)
            values[kept++] = value;
    }
    columns->pool_count += kept;
    return kept;
}

static void set_values(
    struct search_columns *columns, uint32_t number, const struct search_document *document)
{
    if (columns->pool_waste > 4096 && columns->pool_waste * 2 > columns->pool_count)
        compact_pool(columns);
    if (columns->pool_count + 2 * SEARCH_MAX_LIST_VALUES > columns->pool_capacity) {
        columns->pool_capacity = columns->pool_capacity * 2 + 1024;
        columns->pool = grown(columns->pool, columns->pool_capacity, sizeof(*columns->pool));
    }
    char vintage[SEARCH_VINTAGE_SIZE];
    search_vintage_label(document->vintage, vintage);
    struct search_wine *wine = &columns->wines[number];
    wine->single[0] = intern(columns, SEARCH_TYPE, document->type);
    wine->single[1] = intern(columns, SEARCH_COUNTRY, document->country);
    wine->single[2] = intern(columns, SEARCH_REGION, document->region);
    wine->single[3] = intern(columns, SEARCH_WINERY, document->winery);
    wine->single[4] = intern(columns, SEARCH_VINTAGE, vintage);
    wine->values = (uint32_t)columns->pool_count;
    wine->grapes = add_list(columns, SEARCH_GRAPE, document->grapes, document->grape_count);
    wine->pairings = add_list(columns, SEARCH_PAIRING, document->pairings, document->pairing_count);
    count_values(columns, number, 1);
}

static void forget_values(struct search_columns *columns, uint32_t wine)
{
    count_values(columns, wine, (uint32_t)-1);
    columns->pool_waste += (size_t)columns->wines[wine].grapes + columns->wines[wine].pairings;
    columns->wines[wine].grapes = columns->wines[wine].pairings = 0;
}

static void set_sku(struct search_columns *columns, uint32_t wine, const char *sku)
{
    struct search_wine_text *text = &columns->texts[wine];
    if (text->sku && search_map_find(&columns->by_sku, text->sku, strlen(text->sku)) == wine)
        search_map_remove(&columns->by_sku, text->sku, strlen(text->sku));
    free(text->sku);
    text->sku = NULL;
    if (!sku || !*sku)
        return;
    text->sku = strdup(sku);
    if (!text->sku)
        abort();
    for (char *c = text->sku; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    }
    if (search_map_find(&columns->by_sku, text->sku, strlen(text->sku)) == SEARCH_NONE)
        search_map_add(&columns->by_sku, text->sku, strlen(text->sku), wine);
}

static void set_name(struct search_columns *columns, uint32_t wine, const char *name)
{
    struct search_wine_text *text = &columns->texts[wine];
    if (!name)
        name = "";
    if (text->name && strcmp(text->name, name) == 0)
        return;
    free(text->name);
    text->name = strdup(name);
    size_t length = strlen(name);
    char *folded = malloc(length * 2 + 1);
    if (!text->name || !folded)
        abort();
    length = search_fold(name, length, folded, length * 2 + 1);
    text->name_hash = search_hash(folded, length);
    memset(text->name_key, 0, sizeof(text->name_key));
    memcpy(text->name_key, folded, length < SEARCH_NAME_KEY ? length : SEARCH_NAME_KEY);
    free(folded);
    uint64_t start = 0;
    for (size_t i = 0; i < 8; i++)
        start = start << 8 | (unsigned char)text->name_key[i];
    columns->wines[wine].name_start = start;
}

uint32_t search_columns_put(
    struct search_columns *columns, const struct search_document *document, bool keep_counts)
{
    uint32_t number = search_columns_find(columns, document->id);
    bool known = number != SEARCH_NONE;
    const char *group =
        document->group_id && *document->group_id ? document->group_id : document->id;
    if (!known) {
        number = new_wine(columns);
        columns->wines[number] = (struct search_wine){.live = true};
        columns->texts[number] = (struct search_wine_text){0};
        strcpy(columns->texts[number].id, document->id);
        search_map_add(&columns->by_id, document->id, strlen(document->id), number);
        join_group(columns, number, group);
        columns->live++;
    } else {
        forget_values(columns, number);
        if (strcmp(columns->groups[columns->wines[number].group].id, group) != 0) {
            leave_group(columns, number);
            join_group(columns, number, group);
        }
    }
    set_values(columns, number, document);
    set_name(columns, number, document->name);
    set_sku(columns, number, document->sku);
    columns->wines[number].price = document->price;
    columns->texts[number].created_seq = document->created_seq;
    columns->texts[number].version = document->version;
    if (!known || !keep_counts) {
        search_columns_set_stock(columns, number, document->available);
        search_columns_set_rating(columns, number, document->rating_sum, document->rating_count);
    }
    return number;
}

void search_columns_remove(struct search_columns *columns, uint32_t wine)
{
    struct search_wine_text *text = &columns->texts[wine];
    forget_values(columns, wine);
    leave_group(columns, wine);
    set_sku(columns, wine, NULL);
    search_map_remove(&columns->by_id, text->id, strlen(text->id));
    free(text->name);
    text->name = NULL;
    columns->wines[wine].live = false;
    columns->free_wines[columns->free_wine_count++] = wine;
    columns->live--;
}

void search_columns_set_stock(struct search_columns *columns, uint32_t wine, int available)
{
    atomic_store_explicit(&columns->wines[wine].available, available, memory_order_relaxed);
}

void search_columns_set_rating(struct search_columns *columns, uint32_t wine, double sum, int count)
{
    uint64_t halves = (uint64_t)(sum * 2 + 0.5);
    atomic_store_explicit(
        &columns->wines[wine].rating, halves << 32 | (uint32_t)count, memory_order_relaxed);
}
