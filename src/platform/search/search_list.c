#include "search_list.h"

#include "arena.h"
#include "search_cursor.h"
#include "search_words.h"

#include <stdlib.h>
#include <string.h>

/* Why a wine is not listed: a bit per filter. One bit alone means that the wine still counts in
 * the facet of that filter. */
enum {
    FAILS_PRICE = 1u << SEARCH_FACETS,
    FAILS_STOCK = 1u << (SEARCH_FACETS + 1),
};

struct candidate {
    int64_t primary;
    uint64_t name_start;
    uint32_t wine;
    uint32_t matching;
};

struct run {
    const struct search_columns *columns;
    struct search_scratch *scratch;
    const struct search_query *query;
    bool text, facets, any_filter;
    struct search_count *counts[SEARCH_FACETS];
    const uint8_t *wanted[SEARCH_FACETS]; /* NULL: no filter */
    const struct search_place *after;     /* NULL: from the start */
    struct search_place place;
    struct candidate *heap; /* the worst first */
    size_t heap_count, limit;
    uint32_t total, behind; /* groups; of them, those after the place */
    bool has_price;
    int64_t min_price, max_price;
};

static const enum search_facet single_facets[SEARCH_SINGLE_FACETS] = {
    SEARCH_TYPE, SEARCH_COUNTRY, SEARCH_REGION, SEARCH_WINERY, SEARCH_VINTAGE};

static void *sized(void *array, size_t count, size_t size)
{
    free(array);
    void *fresh = calloc(count, size);
    if (!fresh)
        abort();
    return fresh;
}

struct search_scratch *search_scratch_new(void)
{
    struct search_scratch *scratch = calloc(1, sizeof(*scratch));
    if (!scratch)
        abort();
    scratch->stemmer = search_stemmer_new();
    return scratch;
}

void search_scratch_free(struct search_scratch *scratch)
{
    if (!scratch)
        return;
    search_stemmer_free(scratch->stemmer);
    free(scratch->matches);
    free(scratch->matched);
    free(scratch->group_marks);
    free(scratch->counts);
    free(scratch->wanted);
    free(scratch);
}

void search_scratch_begin(struct search_scratch *scratch, const struct search_columns *columns)
{
    scratch->matched_count = 0;
    if (scratch->wines < columns->count || scratch->groups < columns->group_count ||
        scratch->epoch == UINT32_MAX) {
        scratch->wines = columns->capacity;
        scratch->groups = columns->group_capacity;
        scratch->matches = sized(scratch->matches, scratch->wines, sizeof(*scratch->matches));
        scratch->matched = sized(scratch->matched, scratch->wines, sizeof(*scratch->matched));
        scratch->group_marks =
            sized(scratch->group_marks, scratch->groups, sizeof(*scratch->group_marks));
        scratch->epoch = 0;
    }
    scratch->epoch++;
}

static bool text_allows(const struct run *run, uint32_t wine)
{
    const struct search_match *match = &run->scratch->matches[wine];
    return match->epoch == run->scratch->epoch && match->words >= run->scratch->words;
}

static unsigned failing(const struct run *run, const struct search_wine *wine)
{
    unsigned fails = 0;
    if (!run->any_filter)
        return 0;
    for (size_t i = 0; i < SEARCH_SINGLE_FACETS; i++) {
        const uint8_t *wanted = run->wanted[single_facets[i]];
        if (wanted && !wanted[wine->single[i]])
            fails |= 1u << single_facets[i];
    }
    const uint32_t *values = run->columns->pool + wine->values;
    const uint8_t *wanted = run->wanted[SEARCH_GRAPE];
    if (wanted) {
        fails |= 1u << SEARCH_GRAPE;
        for (size_t i = 0; i < wine->grapes; i++)
            fails &= ~((unsigned)wanted[values[i]] << SEARCH_GRAPE);
    }
    values += wine->grapes;
    wanted = run->wanted[SEARCH_PAIRING];
    if (wanted) {
        fails |= 1u << SEARCH_PAIRING;
        for (size_t i = 0; i < wine->pairings; i++)
            fails &= ~((unsigned)wanted[values[i]] << SEARCH_PAIRING);
    }
    if (wine->price < run->query->min_price || wine->price > run->query->max_price)
        fails |= FAILS_PRICE;
    if (run->query->in_stock && atomic_load_explicit(&wine->available, memory_order_relaxed) <= 0)
        fails |= FAILS_STOCK;
    return fails;
}

static int64_t primary_key(const struct run *run, uint32_t number, const struct search_wine *wine)
{
    switch (run->query->sort) {
    case SEARCH_BY_PRICE:
        return wine->price;
    case SEARCH_BY_PRICE_DOWN:
        return -wine->price;
    case SEARCH_BY_NEWEST:
        return -run->columns->texts[number].created_seq;
    case SEARCH_BY_NAME:
        return 0;
    case SEARCH_BY_RELEVANCE:
    case SEARCH_BY_RATING:
        break;
    }
    int64_t rating =
        search_rating_micros(atomic_load_explicit(&wine->rating, memory_order_relaxed));
    if (run->query->sort == SEARCH_BY_RATING || !run->text)
        return -rating;
    /* Words first, then how well they match, then how well the wine is liked (0 to 1,023). */
    const struct search_match *match = &run->scratch->matches[number];
    int64_t score = (int64_t)match->words << 16 | (match->total & 0xffff);
    return -(score << 10 | (rating / 4900));
}

/* The order of the list: negative when `a` comes first. */
static int compare(const struct run *run, const struct candidate *a, const struct candidate *b)
{
    if (a->primary != b->primary)
        return a->primary < b->primary ? -1 : 1;
    if (a->name_start != b->name_start)
        return a->name_start < b->name_start ? -1 : 1;
    const struct search_wine_text *x = &run->columns->texts[a->wine];
    const struct search_wine_text *y = &run->columns->texts[b->wine];
    int order = strcmp(x->name_key, y->name_key);
    return order ? order : strcmp(x->id, y->id);
}

static bool is_behind(const struct run *run, const struct candidate *candidate)
{
    if (!run->after)
        return true;
    if (candidate->primary != run->after->primary)
        return candidate->primary > run->after->primary;
    const struct search_wine_text *text = &run->columns->texts[candidate->wine];
    int order = strcmp(text->name_key, run->after->name_key);
    return order ? order > 0 : strcmp(text->id, run->after->id) > 0;
}

static void sift_down(struct run *run, size_t at, struct candidate candidate)
{
    struct candidate *heap = run->heap;
    for (size_t child; (child = 2 * at + 1) < run->heap_count; at = child) {
        if (child + 1 < run->heap_count && compare(run, &heap[child + 1], &heap[child]) > 0)
            child++;
        if (compare(run, &candidate, &heap[child]) >= 0)
            break;
        heap[at] = heap[child];
    }
    heap[at] = candidate;
}

static void offer(struct run *run, struct candidate candidate)
{
    run->behind++;
    struct candidate *heap = run->heap;
    if (run->heap_count == run->limit) {
        if (compare(run, &candidate, &heap[0]) < 0)
            sift_down(run, 0, candidate);
        return;
    }
    size_t at = run->heap_count++;
    for (; at > 0 && compare(run, &candidate, &heap[(at - 1) / 2]) > 0; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = candidate;
}

static inline void count_value(
    struct run *run, enum search_facet facet, uint32_t value, uint32_t mark)
{
    struct search_count *count = &run->counts[facet][value];
    count->count += count->group != mark;
    count->group = mark;
}

/* Counts a wine in the facets of `which`. */
static void count_wine(
    struct run *run, const struct search_wine *wine, uint32_t mark, unsigned which)
{
    for (size_t i = 0; i < SEARCH_SINGLE_FACETS; i++) {
        if (which >> single_facets[i] & 1)
            count_value(run, single_facets[i], wine->single[i], mark);
    }
    const uint32_t *values = run->columns->pool + wine->values;
    if (which >> SEARCH_GRAPE & 1) {
        for (size_t i = 0; i < wine->grapes; i++)
            count_value(run, SEARCH_GRAPE, values[i], mark);
    }
    values += wine->grapes;
    if (which >> SEARCH_PAIRING & 1) {
        for (size_t i = 0; i < wine->pairings; i++)
            count_value(run, SEARCH_PAIRING, values[i], mark);
    }
    if (which & FAILS_PRICE) {
        if (!run->has_price || wine->price < run->min_price)
            run->min_price = wine->price;
        if (!run->has_price || wine->price > run->max_price)
            run->max_price = wine->price;
        run->has_price = true;
    }
}

static void visit_group(struct run *run, uint32_t group)
{
    const struct search_columns *columns = run->columns;
    struct candidate best = {0};
    bool best_in_stock = false;
    uint32_t matching = 0;
    for (uint32_t number = columns->groups[group].first; number != SEARCH_NONE;
         number = columns->wines[number].next) {
        const struct search_wine *wine = &columns->wines[number];
        if (run->text && !text_allows(run, number))
            continue;
        unsigned fails = failing(run, wine);
        if (run->facets && (fails & (fails - 1)) == 0)
            count_wine(run, wine, group + 1, fails ? fails : ~0u);
        if (fails)
            continue;
        struct candidate candidate = {primary_key(run, number, wine), wine->name_start, number, 0};
        bool in_stock = atomic_load_explicit(&wine->available, memory_order_relaxed) > 0;
        if (matching++ == 0 || in_stock > best_in_stock ||
            (in_stock == best_in_stock && compare(run, &candidate, &best) < 0)) {
            best = candidate;
            best_in_stock = in_stock;
        }
    }
    if (!matching)
        return;
    best.matching = matching;
    run->total++;
    if (is_behind(run, &best))
        offer(run, best);
}

static void visit_all(struct run *run)
{
    const struct search_columns *columns = run->columns;
    if (!run->text) {
        for (uint32_t group = 0; group < columns->group_count; group++) {
            if (columns->groups[group].first != SEARCH_NONE)
                visit_group(run, group);
        }
        return;
    }
    struct search_scratch *scratch = run->scratch;
    for (uint32_t i = 0; i < scratch->matched_count; i++) {
        uint32_t group = columns->wines[scratch->matched[i]].group;
        if (scratch->group_marks[group] == scratch->epoch || !text_allows(run, scratch->matched[i]))
            continue;
        scratch->group_marks[group] = scratch->epoch;
        visit_group(run, group);
    }
}

/* Lays out counters and filter flags, all facets in a row, in the scratch. */
static void prepare(struct run *run)
{
    struct search_scratch *scratch = run->scratch;
    size_t values = 0;
    for (size_t facet = 0; facet < SEARCH_FACETS; facet++)
        values += run->columns->dictionaries[facet].count;
    if (scratch->counts_capacity < values) {
        scratch->counts_capacity = values * 2;
        scratch->counts = sized(scratch->counts, values * 2, sizeof(*scratch->counts));
        scratch->wanted = sized(scratch->wanted, values * 2, sizeof(*scratch->wanted));
    } else if (run->facets) {
        memset(scratch->counts, 0, values * sizeof(*scratch->counts));
    }
    const struct search_query *query = run->query;
    run->any_filter = query->in_stock || query->min_price > 0 || query->max_price < INT64_MAX;
    size_t at = 0;
    for (size_t facet = 0; facet < SEARCH_FACETS; facet++) {
        const struct search_dictionary *dictionary = &run->columns->dictionaries[facet];
        run->counts[facet] = scratch->counts + at;
        const struct search_filter *filter = &query->filters[facet];
        if (filter->count) {
            uint8_t *wanted = scratch->wanted + at;
            memset(wanted, 0, dictionary->count);
            for (size_t i = 0; i < filter->count; i++)
                wanted[search_dictionary_find(dictionary, filter->values[i])] = 1;
            wanted[0] = 0;
            run->wanted[facet] = wanted;
            run->any_filter = true;
        }
        at += dictionary->count;
    }
}

/* The most frequent values, ties by alphabet. Walking the values by alphabet, a key of the count
 * and the walk's step orders them with one comparison. */
static void fill_facet(
    struct run *run, struct arena *arena, enum search_facet facet, struct search_result *result)
{
    const struct search_dictionary *dictionary = &run->columns->dictionaries[facet];
    size_t max = facet == SEARCH_WINERY ? SEARCH_MAX_WINERY_VALUES : SEARCH_MAX_FACET_VALUES;
    uint64_t top[SEARCH_MAX_FACET_VALUES];
    size_t count = 0;
    for (uint32_t step = 0; step + 1 < dictionary->count; step++) {
        uint64_t key = run->counts[facet][dictionary->sorted[step]].count;
        if (!key)
            continue;
        key = key << 32 | (UINT32_MAX - step);
        if (count == max && top[max - 1] >= key)
            continue;
        size_t at = count < max ? count++ : max - 1;
        for (; at > 0 && top[at - 1] < key; at--)
            top[at] = top[at - 1];
        top[at] = key;
    }
    struct search_value *values = arena_alloc(arena, (count + 1) * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        uint32_t value = dictionary->sorted[UINT32_MAX - (uint32_t)top[i]];
        values[i] =
            (struct search_value){dictionary->entries[value].text, (uint32_t)(top[i] >> 32)};
    }
    result->facets[facet] = values;
    result->facet_counts[facet] = count;
}

/* Empties the heap, worst first, into the page from its end. */
static void fill_hits(struct run *run, struct arena *arena, struct search_result *result)
{
    const struct search_columns *columns = run->columns;
    size_t count = run->heap_count;
    struct search_hit *hits = arena_alloc(arena, (count + 1) * sizeof(*hits));
    struct candidate last = {0};
    for (size_t at = count; at-- > 0;) {
        struct candidate worst = run->heap[0];
        if (at + 1 == count)
            last = worst;
        struct candidate moved = run->heap[--run->heap_count];
        if (run->heap_count)
            sift_down(run, 0, moved);
        hits[at] = (struct search_hit){
            .id = arena_strdup(arena, columns->texts[worst.wine].id),
            .matching = worst.matching,
            .vintages = columns->groups[columns->wines[worst.wine].group].count,
        };
    }
    result->hits = hits;
    result->count = count;
    if (run->behind <= count)
        return;
    struct search_place place = {.primary = last.primary};
    memcpy(place.name_key, columns->texts[last.wine].name_key, sizeof(place.name_key));
    memcpy(place.id, columns->texts[last.wine].id, sizeof(place.id));
    result->next_cursor = search_cursor_write(arena, run->query->sort, run->text, &place);
}

int search_list(const struct search_columns *columns, struct search_scratch *scratch,
    struct arena *arena, const struct search_query *query, bool text, struct search_result *result,
    struct error *error)
{
    struct run run = {
        .columns = columns,
        .scratch = scratch,
        .query = query,
        .text = text,
        .facets = !query->no_facets,
        .limit = query->limit ? query->limit : SEARCH_DEFAULT_LIMIT,
    };
    if (query->cursor) {
        int code = search_cursor_read(query->cursor, query->sort, text, &run.place, error);
        if (code)
            return code;
        run.after = &run.place;
    }
    struct candidate heap[SEARCH_MAX_LIMIT];
    run.heap = heap;
    prepare(&run);
    visit_all(&run);
    *result = (struct search_result){.total = run.total};
    fill_hits(&run, arena, result);
    if (run.facets) {
        for (size_t facet = 0; facet < SEARCH_FACETS; facet++)
            fill_facet(&run, arena, (enum search_facet)facet, result);
        result->has_price = run.has_price;
        result->min_price = run.min_price;
        result->max_price = run.max_price;
    }
    return 0;
}
