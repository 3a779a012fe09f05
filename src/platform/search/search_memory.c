/* The engine in memory: for each term the wines that have it, ascending, and for each wine its
 * terms, so that it can be taken out again. */
#include "search_embedded.h"
#include "search_engines.h"

#include <stdlib.h>
#include <string.h>

struct posting {
    uint32_t wine;
    uint32_t weight;
};

struct posting_list {
    struct posting *items;
    uint32_t count, capacity;
};

struct term_list {
    uint32_t *terms;
    uint32_t count;
};

struct memory {
    struct search_embedded embedded;
    struct posting_list *lists; /* by term */
    uint32_t list_count;
    struct term_list *wines; /* by wine */
    uint32_t wine_count;
};

static struct memory *memory_of(struct search_embedded *embedded)
{
    return (struct memory *)embedded;
}

/* Lengthens a table with zeros so that it has entry `at`. */
static void *with_entry(void *table, uint32_t *count, uint32_t at, size_t size)
{
    if (at < *count)
        return table;
    uint32_t larger = at * 2 + 64;
    table = reallocarray(table, larger, size);
    if (!table)
        abort();
    memset((char *)table + *count * size, 0, (larger - *count) * size);
    *count = larger;
    return table;
}

static uint32_t place_of(const struct posting_list *list, uint32_t wine)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (list->items[middle].wine < wine)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int store(struct search_embedded *embedded, const struct search_document *document,
    uint32_t wine, const struct search_words *words, struct error *error)
{
    (void)embedded, (void)document, (void)wine, (void)words, (void)error;
    return 0;
}

static void unbind(struct search_embedded *embedded, uint32_t wine)
{
    struct memory *memory = memory_of(embedded);
    if (wine >= memory->wine_count)
        return;
    struct term_list *terms = &memory->wines[wine];
    for (uint32_t i = 0; i < terms->count; i++) {
        struct posting_list *list = &memory->lists[terms->terms[i]];
        uint32_t at = place_of(list, wine);
        list->count--;
        memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof(*list->items));
        embedded->vocabulary.terms[terms->terms[i]].documents--;
    }
    free(terms->terms);
    *terms = (struct term_list){NULL, 0};
}

static void add_posting(struct posting_list *list, uint32_t wine, uint32_t weight)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 2;
        list->items = reallocarray(list->items, list->capacity, sizeof(*list->items));
        if (!list->items)
            abort();
    }
    uint32_t at = place_of(list, wine);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof(*list->items));
    list->items[at] = (struct posting){wine, weight};
    list->count++;
}

static void bind_words(
    struct search_embedded *embedded, uint32_t wine, const struct search_words *words)
{
    struct memory *memory = memory_of(embedded);
    memory->wines = with_entry(memory->wines, &memory->wine_count, wine, sizeof(*memory->wines));
    unbind(embedded, wine);
    struct term_list *terms = &memory->wines[wine];
    terms->terms = malloc((words->count + 1) * sizeof(*terms->terms));
    if (!terms->terms)
        abort();
    for (size_t i = 0; i < words->count; i++) {
        uint32_t term = search_vocabulary_add(&embedded->vocabulary, words->items[i].text);
        memory->lists =
            with_entry(memory->lists, &memory->list_count, term, sizeof(*memory->lists));
        add_posting(&memory->lists[term], wine, words->items[i].weight);
        embedded->vocabulary.terms[term].documents++;
        terms->terms[terms->count++] = term;
    }
}

static int erase(struct search_embedded *embedded, const char *id, struct error *error)
{
    (void)embedded, (void)id, (void)error;
    return 0;
}

static void scan(struct search_embedded *embedded, struct search_scratch *scratch, uint32_t term,
    uint32_t word, uint32_t quality)
{
    const struct posting_list *list = &memory_of(embedded)->lists[term];
    for (uint32_t i = 0; i < list->count; i++)
        search_scratch_match(
            scratch, list->items[i].wine, word, list->items[i].weight * quality / 256);
}

static void drop_postings(struct memory *memory)
{
    for (uint32_t i = 0; i < memory->list_count; i++)
        free(memory->lists[i].items);
    for (uint32_t i = 0; i < memory->wine_count; i++)
        free(memory->wines[i].terms);
    free(memory->lists);
    free(memory->wines);
    memory->lists = NULL;
    memory->wines = NULL;
    memory->list_count = memory->wine_count = 0;
}

static int begin(struct search_embedded *embedded, struct error *error)
{
    (void)error;
    drop_postings(memory_of(embedded));
    return 0;
}

static int finish(struct search_embedded *embedded, struct error *error)
{
    (void)embedded, (void)error;
    return 0;
}

static void close_memory(struct search_embedded *embedded, bool clean, uint64_t position)
{
    (void)clean, (void)position;
    drop_postings(memory_of(embedded));
    search_embedded_release(embedded);
    free(embedded);
}

static const struct search_postings memory_postings = {
    .store = store,
    .bind = bind_words,
    .unbind = unbind,
    .erase = erase,
    .scan = scan,
    .begin = begin,
    .finish = finish,
    .close = close_memory,
};

int search_memory_open(struct search **out, struct error *error)
{
    (void)error;
    struct memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        abort();
    search_embedded_init(&memory->embedded, &memory_postings);
    *out = &memory->embedded.base;
    return 0;
}
