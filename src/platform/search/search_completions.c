#include "search_completions.h"

#include "arena.h"
#include "search_words.h"

#include <stdlib.h>
#include <string.h>

static const enum search_facet value_facets[3] = {SEARCH_WINERY, SEARCH_REGION, SEARCH_GRAPE};
static const enum search_suggestion_kind value_kinds[3] = {
    SEARCH_SUGGEST_WINERY, SEARCH_SUGGEST_REGION, SEARCH_SUGGEST_GRAPE};

static void *grown(void *array, size_t count, size_t size)
{
    void *larger = reallocarray(array, count, size);
    if (!larger)
        abort();
    return larger;
}

void search_completions_init(struct search_completions *completions)
{
    *completions = (struct search_completions){.first_free = SEARCH_NONE};
}

static void free_item(struct search_completion *item)
{
    if (item->kind == SEARCH_SUGGEST_WINE)
        free((char *)item->text);
    free(item->folded);
    item->text = NULL;
    item->folded = NULL;
}

void search_completions_release(struct search_completions *completions)
{
    for (uint32_t i = 0; i < completions->count; i++)
        free_item(&completions->items[i]);
    free(completions->items);
    free(completions->of_group);
    for (size_t i = 0; i < 3; i++)
        free(completions->of_value[i]);
    free(completions->sorted);
    free(completions->fresh);
    search_completions_init(completions);
}

static const char *word_text(
    const struct search_completions *completions, struct search_completion_word word)
{
    return completions->items[word.completion].folded + word.at;
}

static int compare_words(const void *a, const void *b, void *completions)
{
    const struct search_completion_word *x = a, *y = b;
    int order = strcmp(word_text(completions, *x), word_text(completions, *y));
    return order ? order : (x->completion > y->completion) - (x->completion < y->completion);
}

static bool is_gone(
    const struct search_completions *completions, struct search_completion_word word)
{
    return completions->items[word.completion].number == SEARCH_NONE;
}

/* Nothing lists the words of those that are gone any more: their numbers may be used again. */
static void reclaim(struct search_completions *completions)
{
    for (uint32_t i = 0; completions->gone && i < completions->count; i++) {
        struct search_completion *item = &completions->items[i];
        if (item->number != SEARCH_NONE || !item->folded)
            continue;
        free_item(item);
        item->next_free = completions->first_free;
        completions->first_free = i;
        completions->gone--;
    }
}

/* Sorts the fresh words in, and drops those of completions that are gone. */
static void merge(struct search_completions *completions)
{
    qsort_r(completions->fresh, completions->fresh_count, sizeof(*completions->fresh),
        compare_words, completions);
    size_t room = completions->sorted_count + completions->fresh_count;
    struct search_completion_word *merged = grown(NULL, room + 1, sizeof(*merged));
    size_t count = 0, i = 0, j = 0;
    while (i < completions->sorted_count || j < completions->fresh_count) {
        bool from_fresh =
            i == completions->sorted_count ||
            (j < completions->fresh_count &&
                compare_words(&completions->fresh[j], &completions->sorted[i], completions) < 0);
        struct search_completion_word word =
            from_fresh ? completions->fresh[j++] : completions->sorted[i++];
        if (!is_gone(completions, word))
            merged[count++] = word;
    }
    free(completions->sorted);
    completions->sorted = merged;
    completions->sorted_count = count;
    completions->fresh_count = 0;
    reclaim(completions);
}

/* Fresh words are looked through one by one, so there may be few; the more words there are, the
 * more a merge costs and the more may wait. */
static void merge_when_due(struct search_completions *completions)
{
    if (completions->fresh_count > 256 + completions->sorted_count / 64 ||
        completions->gone > 256 + completions->count / 4)
        merge(completions);
}

static void add_words(struct search_completions *completions, uint32_t number)
{
    const char *folded = completions->items[number].folded;
    for (const char *word = folded; *word;) {
        if (completions->fresh_count == completions->fresh_capacity) {
            completions->fresh_capacity = completions->fresh_capacity * 2 + 64;
            completions->fresh =
                grown(completions->fresh, completions->fresh_capacity, sizeof(*completions->fresh));
        }
        completions->fresh[completions->fresh_count++] =
            (struct search_completion_word){number, (uint32_t)(word - folded)};
        const char *end = strchrnul(word, ' ');
        word = *end ? end + 1 : end;
    }
}

static uint32_t add_item(struct search_completions *completions, struct search_completion item)
{
    uint32_t number = completions->first_free;
    if (number != SEARCH_NONE) {
        completions->first_free = completions->items[number].next_free;
        completions->items[number] = item;
        add_words(completions, number);
        return number;
    }
    if (completions->count == completions->capacity) {
        completions->capacity = completions->capacity ? completions->capacity * 2 : 256;
        completions->items =
            grown(completions->items, completions->capacity, sizeof(*completions->items));
    }
    number = completions->count++;
    completions->items[number] = item;
    add_words(completions, number);
    return number;
}

/* A growing table of numbers, SEARCH_NONE where nothing was written. */
static uint32_t *cell(uint32_t **table, uint32_t *size, uint32_t at)
{
    if (at >= *size) {
        uint32_t larger = at * 2 + 64;
        *table = grown(*table, larger, sizeof(**table));
        for (uint32_t i = *size; i < larger; i++)
            (*table)[i] = SEARCH_NONE;
        *size = larger;
    }
    return &(*table)[at];
}

static void put_value(struct search_completions *completions, const struct search_columns *columns,
    size_t which, uint32_t value)
{
    if (!value)
        return;
    uint32_t *known = cell(&completions->of_value[which], &completions->values[which], value);
    if (*known != SEARCH_NONE)
        return;
    const struct search_value_entry *entry =
        &columns->dictionaries[value_facets[which]].entries[value];
    char *folded = strdup(entry->folded);
    if (!folded)
        abort();
    *known = add_item(completions,
        (struct search_completion){
            .text = entry->text, .folded = folded, .kind = value_kinds[which], .number = value});
}

/* "name winery", folded; the caller frees. */
static char *wine_folded(const struct search_columns *columns, uint32_t wine)
{
    const char *name = columns->texts[wine].name;
    const char *winery =
        columns->wines[wine].single[3]
            ? columns->dictionaries[SEARCH_WINERY].entries[columns->wines[wine].single[3]].folded
            : "";
    size_t length = strlen(name), winery_length = strlen(winery);
    char *folded = grown(NULL, length * 2 + winery_length + 2, 1);
    size_t at = search_fold(name, length, folded, length * 2 + 1);
    if (at && winery_length)
        folded[at++] = ' ';
    memcpy(folded + at, winery, winery_length + 1);
    return folded;
}

static void forget(struct search_completions *completions, uint32_t *number)
{
    if (*number == SEARCH_NONE)
        return;
    completions->items[*number].number = SEARCH_NONE;
    completions->gone++;
    *number = SEARCH_NONE;
}

/* Whether wine `a` names a group rather than `b`: the newest, then by id. */
static bool names_rather(const struct search_columns *columns, uint32_t a, uint32_t b)
{
    const struct search_wine_text *x = &columns->texts[a], *y = &columns->texts[b];
    return x->created_seq != y->created_seq ? x->created_seq > y->created_seq
                                            : strcmp(x->id, y->id) < 0;
}

static uint32_t naming_wine(const struct search_columns *columns, uint32_t group)
{
    uint32_t best = columns->groups[group].first;
    for (uint32_t wine = best; wine != SEARCH_NONE; wine = columns->wines[wine].next) {
        if (names_rather(columns, wine, best))
            best = wine;
    }
    return best;
}

/* Group `group` is called as wine `wine` is. */
static void name_group(struct search_completions *completions, const struct search_columns *columns,
    uint32_t group, uint32_t wine)
{
    uint32_t *known = cell(&completions->of_group, &completions->groups, group);
    char *folded = wine_folded(columns, wine);
    if (*known != SEARCH_NONE && strcmp(completions->items[*known].folded, folded) == 0) {
        completions->items[*known].wine = wine;
        free(folded);
        return;
    }
    forget(completions, known);
    char *text = strdup(columns->texts[wine].name);
    if (!text)
        abort();
    *known = add_item(completions, (struct search_completion){.text = text,
                                       .folded = folded,
                                       .kind = SEARCH_SUGGEST_WINE,
                                       .number = group,
                                       .wine = wine});
    merge_when_due(completions);
}

void search_completions_put(
    struct search_completions *completions, const struct search_columns *columns, uint32_t number)
{
    const struct search_wine *wine = &columns->wines[number];
    put_value(completions, columns, 0, wine->single[3]);
    put_value(completions, columns, 1, wine->single[2]);
    for (size_t i = 0; i < wine->grapes; i++)
        put_value(completions, columns, 2, columns->pool[wine->values + i]);

    uint32_t known = *cell(&completions->of_group, &completions->groups, wine->group);
    uint32_t naming = known == SEARCH_NONE ? number : completions->items[known].wine;
    if (naming == number)
        name_group(completions, columns, wine->group, naming_wine(columns, wine->group));
    else if (names_rather(columns, number, naming))
        name_group(completions, columns, wine->group, number);
}

void search_completions_left(struct search_completions *completions,
    const struct search_columns *columns, uint32_t wine, uint32_t group)
{
    uint32_t *known = cell(&completions->of_group, &completions->groups, group);
    if (columns->groups[group].first == SEARCH_NONE)
        forget(completions, known);
    else if (*known != SEARCH_NONE && completions->items[*known].wine == wine)
        name_group(completions, columns, group, naming_wine(columns, group));
    merge_when_due(completions);
}

/* The wine of a group to show: in stock first, then most liked, then by id. */
static uint32_t best_of_group(
    const struct search_columns *columns, uint32_t group, uint32_t *rating_percent)
{
    uint32_t best = columns->groups[group].first;
    int64_t best_value = -1, best_rating = 0;
    for (uint32_t wine = best; wine != SEARCH_NONE; wine = columns->wines[wine].next) {
        const struct search_wine *w = &columns->wines[wine];
        int64_t rating =
            search_rating_micros(atomic_load_explicit(&w->rating, memory_order_relaxed));
        bool in_stock = atomic_load_explicit(&w->available, memory_order_relaxed) > 0;
        int64_t value = rating + (in_stock ? 10000000 : 0);
        if (value > best_value ||
            (value == best_value && strcmp(columns->texts[wine].id, columns->texts[best].id) < 0)) {
            best = wine;
            best_value = value;
        }
        best_rating = rating > best_rating ? rating : best_rating;
    }
    *rating_percent = (uint32_t)(best_rating / 10000);
    return best;
}

/* How good a completion is: what begins with the text first, then what is in many wines, or
 * liked. 0: nothing has it now. */
static uint32_t rank(
    const struct search_columns *columns, const struct search_completion *item, bool at_start)
{
    uint32_t bonus = at_start ? 1000 : 0;
    if (item->kind == SEARCH_SUGGEST_WINE) {
        uint32_t rating;
        best_of_group(columns, item->number, &rating);
        return bonus + 1 + rating;
    }
    enum search_facet facet = item->kind == SEARCH_SUGGEST_WINERY   ? SEARCH_WINERY
                              : item->kind == SEARCH_SUGGEST_REGION ? SEARCH_REGION
                                                                    : SEARCH_GRAPE;
    uint32_t wines = columns->dictionaries[facet].entries[item->number].wines;
    return wines ? bonus + 1 + (wines < 900 ? wines : 900) : 0;
}

struct best {
    uint32_t completion, rank;
};

struct finding {
    const struct search_completions *completions;
    const struct search_columns *columns;
    struct best best[4][SEARCH_MAX_SUGGESTIONS]; /* by kind */
    size_t count[4];
    size_t limit;
};

/* Whether `a` is the better one; ties by text, then by group, so that the order does not hang on
 * the numbers. */
static bool better(const struct finding *finding, struct best a, struct best b)
{
    const struct search_completion *x = &finding->completions->items[a.completion];
    const struct search_completion *y = &finding->completions->items[b.completion];
    if (a.rank != b.rank)
        return a.rank > b.rank;
    int order = strcmp(x->folded, y->folded);
    if (order || x->kind != SEARCH_SUGGEST_WINE)
        return order < 0;
    const struct search_group *groups = finding->columns->groups;
    return strcmp(groups[x->number].id, groups[y->number].id) < 0;
}

static void consider(struct finding *finding, struct search_completion_word word)
{
    const struct search_completion *item = &finding->completions->items[word.completion];
    if (item->number == SEARCH_NONE)
        return;
    struct best found = {
        word.completion, rank(finding->columns, item, /* at_start= */ word.at == 0)};
    struct best *best = finding->best[item->kind];
    size_t count = finding->count[item->kind];
    if (!found.rank || (count == finding->limit && !better(finding, found, best[count - 1])))
        return;
    size_t at = 0;
    for (; at < count && best[at].completion != word.completion; at++)
        ;
    if (at < count) { /* by another of its words */
        if (best[at].rank >= found.rank)
            return;
    } else {
        at = count < finding->limit ? finding->count[item->kind]++ : count - 1;
    }
    for (; at > 0 && better(finding, found, best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = found;
}

static size_t lower_bound(const struct search_completions *completions, const char *folded)
{
    size_t low = 0, high = completions->sorted_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(word_text(completions, completions->sorted[middle]), folded) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct search_suggestion search_completions_wine(
    const struct search_columns *columns, struct arena *arena, uint32_t group)
{
    uint32_t rating;
    uint32_t best = best_of_group(columns, group, &rating);
    uint32_t winery = columns->wines[best].single[3];
    return (struct search_suggestion){
        .kind = SEARCH_SUGGEST_WINE,
        .text = arena_strdup(arena, columns->texts[best].name),
        .detail = winery ? columns->dictionaries[SEARCH_WINERY].entries[winery].text : NULL,
        .id = arena_strdup(arena, columns->texts[best].id),
    };
}

static struct search_suggestion suggestion_of(
    const struct finding *finding, struct arena *arena, uint32_t completion)
{
    const struct search_completion *item = &finding->completions->items[completion];
    if (item->kind == SEARCH_SUGGEST_WINE)
        return search_completions_wine(finding->columns, arena, item->number);
    return (struct search_suggestion){.kind = item->kind, .text = item->text};
}

size_t search_completions_find(const struct search_completions *completions,
    const struct search_columns *columns, struct arena *arena, const char *folded, size_t limit,
    struct search_suggestion *found)
{
    struct finding finding = {
        .completions = completions, .columns = columns, .limit = limit, .count = {0}};
    size_t length = strlen(folded);
    for (size_t at = lower_bound(completions, folded); at < completions->sorted_count; at++) {
        if (strncmp(word_text(completions, completions->sorted[at]), folded, length) != 0)
            break;
        consider(&finding, completions->sorted[at]);
    }
    for (size_t i = 0; i < completions->fresh_count; i++) {
        if (strncmp(word_text(completions, completions->fresh[i]), folded, length) == 0)
            consider(&finding, completions->fresh[i]);
    }

    /* A few of each kind, then wines, then whatever there is more of. */
    static const enum search_suggestion_kind order[4] = {
        SEARCH_SUGGEST_GRAPE, SEARCH_SUGGEST_REGION, SEARCH_SUGGEST_WINERY, SEARCH_SUGGEST_WINE};
    size_t taken[4] = {0}, count = 0;
    size_t share = limit / 5 ? limit / 5 : 1;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 4; i++) {
            enum search_suggestion_kind kind = order[i];
            size_t most = round == 0 && kind != SEARCH_SUGGEST_WINE ? share : limit;
            for (; taken[kind] < finding.count[kind] && taken[kind] < most && count < limit;
                 taken[kind]++)
                found[count++] =
                    suggestion_of(&finding, arena, finding.best[kind][taken[kind]].completion);
        }
    }
    return count;
}
