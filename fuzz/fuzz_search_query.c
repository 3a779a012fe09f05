/*
 * What a shopper can send to search: a text, a cursor, filter values, numbers. The input is one
 * line each: flags, q, cursor, type, region; missing lines are empty.
 *
 * By hand: clang -g -O1 -fsanitize=fuzzer,address,undefined with this file and the search library.
 */
#include "arena.h"
#include "search_engines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct search *cellar(void)
{
    static struct search *search;
    static const char *const grapes[] = {"Chardonnay", "Pinot Noir"};
    static const struct search_document wines[] = {
        {.id = "a1",
            .group_id = "a",
            .name = "Château Élise",
            .winery = "Élise",
            .type = "Red",
            .country = "France",
            .region = "Rioja Alta",
            .price = 1000,
            .grapes = grapes,
            .grape_count = 2,
            .sku = "a-1",
            .notes = "cherries and oak"},
        {.id = "a2",
            .group_id = "a",
            .name = "Château Élise",
            .winery = "Élise",
            .type = "Red",
            .country = "France",
            .region = "Rioja Alta",
            .price = 900,
            .available = 3,
            .vintage = 2019},
        {.id = "b",
            .name = "Chardonnay",
            .type = "White",
            .country = "Spain",
            .region = "Rueda",
            .price = 2000,
            .available = 1,
            .grapes = grapes,
            .grape_count = 1},
        {.id = "c",
            .name = "日本 Ξινόμαυρο",
            .type = "Rosé",
            .price = 3000,
            .rating_sum = 9.5,
            .rating_count = 2},
    };
    if (!search && (search_memory_open(&search, NULL) != 0 ||
                       search_put(search, wines, sizeof(wines) / sizeof(*wines), NULL) != 0))
        abort();
    return search;
}

/* Pages on from what was answered; the cursors that we gave must be taken. */
static void page_on(struct search *search, struct arena *arena, struct search_query *query)
{
    struct search_result result;
    struct error error;
    for (size_t pages = 0; pages < 10; pages++) {
        if (search_query(search, arena, query, &result, &error) != 0) {
            if (pages || error.code != ERROR_INVALID)
                abort();
            return;
        }
        if (result.count > query->limit || result.total > 3)
            abort();
        if (!result.next_cursor)
            return;
        query->cursor = result.next_cursor;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search *search = cellar();
    struct arena *arena = arena_new();
    const char *lines[5] = {"", "", "", "", ""};
    char *text = arena_strndup(arena, (const char *)data, size);
    for (size_t i = 0; i < 5 && text; i++) {
        lines[i] = text;
        text = strchr(text, '\n');
        if (text)
            *text++ = '\0';
    }
    const unsigned char *flags = (const unsigned char *)lines[0];
    size_t flag_count = strlen(lines[0]);
    struct search_query query = SEARCH_QUERY_INIT;
    query.q = lines[1];
    query.cursor = *lines[2] ? lines[2] : NULL;
    query.filters[SEARCH_TYPE] = (struct search_filter){&lines[3], *lines[3] != '\0'};
    query.filters[SEARCH_REGION] = (struct search_filter){&lines[4], *lines[4] != '\0'};
    query.sort = (enum search_sort)(flag_count > 0 ? flags[0] % 8 : 0);
    query.limit = flag_count > 1 ? 1 + flags[1] % 110 : 1;
    query.in_stock = flag_count > 2 && flags[2] % 2;
    query.whole_words = flag_count > 3 && flags[3] % 2;
    page_on(search, arena, &query);

    struct search_suggestions suggestions;
    search_suggest(search, arena, lines[1], 1 + flag_count % 20, &suggestions, NULL);
    arena_free(arena);
    return 0;
}
