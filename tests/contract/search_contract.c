/* What every search keeps, run against each engine. */
#include "arena.h"
#include "engines.h"
#include "search_engines.h"
#include "search_words.h"
#include "wines.h"

struct engine {
    const char *name;
    int (*open)(struct search **search, const char *directory, struct error *error);
};
static const struct engine *engine;

static int open_memory(struct search **search, const char *directory, struct error *error)
{
    (void)directory;
    return search_memory_open(search, error);
}

static int open_groonga(struct search **search, const char *directory, struct error *error)
{
    return search_groonga_open(directory, search, error);
}

static const struct engine engines[] = {
    {"search, memory", open_memory},
    {"search, groonga", open_groonga},
};

struct fixture {
    struct search *search;
    struct arena *arena;
    struct error error;
    char directory[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->arena = arena_new();
    assert_int_equal(engine->open(&f->search, f->directory, &f->error), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    search_close(f->search, /* clean= */ true, 1);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    free(f);
    return 0;
}

static const char *const pinot[] = {"Pinot Noir"};
static const char *const chardonnay[] = {"Chardonnay"};
static const char *const rioja_grapes[] = {"Tempranillo", "Graciano"};
static const char *const shiraz[] = {"Syrah/Shiraz"};
static const char *const lamb[] = {"Lamb", "Beef"};
static const char *const fish[] = {"Rich Fish", "Shellfish"};

/* A small cellar. "m19", "m20" and "m21" are vintages of one wine. */
static const struct search_document cellar[] = {
    {.id = "m19",
        .group_id = "moulin",
        .name = "Moulin-à-Vent",
        .winery = "Château Thévenet",
        .type = "Red",
        .country = "France",
        .region = "Beaujolais",
        .vintage = 2019,
        .price = 2400,
        .available = 3,
        .grapes = pinot,
        .grape_count = 1,
        .created_seq = 1,
        .sku = "MV-19",
        .notes = "Dark cherries and violets",
        .rating_sum = 45,
        .rating_count = 10,
        .version = 5},
    {.id = "m20",
        .group_id = "moulin",
        .name = "Moulin-à-Vent",
        .winery = "Château Thévenet",
        .type = "Red",
        .country = "France",
        .region = "Beaujolais",
        .vintage = 2020,
        .price = 2200,
        .available = 0,
        .grapes = pinot,
        .grape_count = 1,
        .created_seq = 2,
        .version = 5},
    {.id = "m21",
        .group_id = "moulin",
        .name = "Moulin-à-Vent",
        .winery = "Château Thévenet",
        .type = "Red",
        .country = "France",
        .region = "Beaujolais",
        .vintage = 2021,
        .price = 2600,
        .available = 9,
        .grapes = pinot,
        .grape_count = 1,
        .created_seq = 3,
        .version = 5},
    {.id = "rio",
        .name = "Gran Reserva",
        .winery = "Bodegas Altún",
        .type = "Red",
        .country = "Spain",
        .region = "Rioja",
        .vintage = 2015,
        .price = 3900,
        .available = 12,
        .grapes = rioja_grapes,
        .grape_count = 2,
        .pairings = lamb,
        .pairing_count = 2,
        .created_seq = 4,
        .rating_sum = 100,
        .rating_count = 20,
        .version = 5},
    {.id = "cha",
        .name = "Chardonnay",
        .winery = "Ridge Point",
        .type = "White",
        .country = "United States",
        .region = "Sonoma County",
        .vintage = 2022,
        .price = 1800,
        .available = 40,
        .grapes = chardonnay,
        .grape_count = 1,
        .pairings = fish,
        .pairing_count = 2,
        .created_seq = 5,
        .version = 5,
        .notes = "Butter, ripe apple; oaky and smoked"},
    {.id = "ros",
        .name = "Rosé des Sables",
        .winery = "Domaine Élise",
        .type = "Rosé",
        .country = "France",
        .region = "Provence",
        .price = 1500,
        .available = 0,
        .grapes = pinot,
        .grape_count = 1,
        .pairings = fish,
        .pairing_count = 2,
        .created_seq = 6,
        .version = 5},
    {.id = "shi",
        .name = "Old Vine Shiraz Chardonnay Block",
        .winery = "Antares",
        .type = "Red",
        .country = "Australia",
        .region = "Barossa Valley",
        .vintage = 2019,
        .price = 3100,
        .available = 7,
        .grapes = shiraz,
        .grape_count = 1,
        .pairings = lamb,
        .pairing_count = 1,
        .created_seq = 7,
        .rating_sum = 5,
        .rating_count = 1,
        .version = 5},
};
enum {
    CELLAR = sizeof(cellar) / sizeof(*cellar),
    GROUPS = CELLAR - 2,
};

static void fill(struct fixture *f)
{
    assert_int_equal(search_put(f->search, cellar, CELLAR, &f->error), 0);
}

static struct search_result run(struct fixture *f, const struct search_query *query)
{
    struct search_result result;
    if (search_query(f->search, f->arena, query, &result, &f->error) != 0)
        fail_msg("query \"%s\": %s", query->q ? query->q : "", f->error.message);
    return result;
}

static struct search_result find(struct fixture *f, const char *q)
{
    struct search_query query = SEARCH_QUERY_INIT;
    query.q = q;
    return run(f, &query);
}

static void assert_hits(const struct search_result *result, const char *ids)
{
    char found[1024] = "";
    for (size_t i = 0; i < result->count; i++) {
        strcat(found, i ? " " : "");
        strcat(found, result->hits[i].id);
    }
    assert_string_equal(found, ids);
}

static void assert_found(struct fixture *f, const char *q, const char *ids)
{
    struct search_result result = find(f, q);
    assert_hits(&result, ids);
}

static void assert_refused(struct fixture *f, const struct search_query *query, const char *field)
{
    struct search_result result = {.total = 77};
    assert_int_equal(search_query(f->search, f->arena, query, &result, &f->error), ERROR_INVALID);
    assert_string_equal(f->error.field, field);
    assert_int_equal(result.total, 77);
}

static uint32_t count_of(
    const struct search_result *result, enum search_facet facet, const char *value)
{
    for (size_t i = 0; i < result->facet_counts[facet]; i++) {
        if (strcmp(result->facets[facet][i].value, value) == 0)
            return result->facets[facet][i].count;
    }
    return 0;
}

/* ---- lists ---- */

static void an_empty_index_answers(void **state)
{
    struct fixture *f = *state;
    assert_true(search_ready(f->search));
    assert_int_equal(search_position(f->search), 0);
    struct search_result result = find(f, NULL);
    assert_int_equal(result.total + result.count, 0);
    assert_false(result.has_price);
    assert_null(result.next_cursor);
    assert_found(f, "rioja", "");
}

static void lists_show_one_wine_per_group(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_int_equal(search_count(f->search), CELLAR);
    struct search_query query = SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_PRICE;
    struct search_result result = run(f, &query);
    assert_int_equal(result.total, GROUPS);
    /* m20 is cheaper, but sold out */
    assert_hits(&result, "ros cha m19 shi rio");
    assert_int_equal(result.hits[2].vintages, 3);
    assert_int_equal(result.hits[2].matching, 3);
    query.sort = SEARCH_BY_PRICE_DOWN;
    result = run(f, &query);
    assert_hits(&result, "rio shi m21 cha ros");
}

static void orders(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_NEWEST;
    struct search_result result = run(f, &query);
    assert_hits(&result, "shi ros cha rio m21");
    query.sort = SEARCH_BY_NAME;
    result = run(f, &query);
    assert_hits(&result, "cha rio m19 shi ros");
    query.sort = SEARCH_BY_RATING;
    result = run(f, &query);
    /* 20 ratings of 5 before 10 of 4.5; one of 5 little above none */
    assert_hits(&result, "rio m19 shi cha ros");
    query.sort = SEARCH_BY_RELEVANCE;
    result = run(f, &query);
    assert_hits(&result, "rio m19 shi cha ros");
}

static void filters_and_facets(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_PRICE;
    const char *reds[] = {"red"}, *places[] = {"Spain", "FRANCE"}, *pinots[] = {"pinot noir"};
    query.filters[SEARCH_TYPE] = (struct search_filter){reds, 1};
    query.filters[SEARCH_COUNTRY] = (struct search_filter){places, 2};
    struct search_result result = run(f, &query);
    assert_hits(&result, "m19 rio");
    /* each facet ignores its own filter */
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "Australia"), 1);
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "France"), 1); /* groups, not wines */
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "United States"), 0);
    assert_int_equal(count_of(&result, SEARCH_TYPE, "Rosé"), 1);
    assert_int_equal(count_of(&result, SEARCH_TYPE, "White"), 0);
    assert_int_equal(count_of(&result, SEARCH_GRAPE, "Pinot Noir"), 1);
    assert_int_equal(count_of(&result, SEARCH_VINTAGE, "2021"), 1);
    assert_int_equal(count_of(&result, SEARCH_VINTAGE, "NV"), 0);
    assert_int_equal(result.min_price, 2200);
    assert_int_equal(result.max_price, 3900);

    query.filters[SEARCH_GRAPE] = (struct search_filter){pinots, 1};
    result = run(f, &query);
    assert_hits(&result, "m19");
    assert_int_equal(count_of(&result, SEARCH_GRAPE, "Graciano"), 1);

    const char *unknown[] = {"Atlantis"};
    query.filters[SEARCH_REGION] = (struct search_filter){unknown, 1};
    result = run(f, &query);
    assert_int_equal(result.total, 0);
    assert_int_equal(count_of(&result, SEARCH_REGION, "Beaujolais"), 1);
}

static void vintages_prices_and_stock_filter(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_PRICE;
    const char *years[] = {"2020", "NV"};
    query.filters[SEARCH_VINTAGE] = (struct search_filter){years, 2};
    struct search_result result = run(f, &query);
    assert_hits(&result, "ros m20");
    assert_int_equal(result.hits[1].matching, 1);
    assert_int_equal(result.hits[1].vintages, 3);
    query.in_stock = true;
    assert_int_equal(run(f, &query).total, 0);

    query = (struct search_query)SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_PRICE;
    query.min_price = 2200;
    query.max_price = 2400;
    result = run(f, &query);
    assert_hits(&result, "m19");
    assert_int_equal(result.min_price, 1500); /* ignores its own filter */
    assert_int_equal(result.max_price, 3900);
    query.max_price = 2300;
    result = run(f, &query);
    assert_hits(&result, "m20");
    query.in_stock = true;
    assert_int_equal(run(f, &query).total, 0);
}

static void facets_are_ordered(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_result result = find(f, NULL);
    assert_string_equal(result.facets[SEARCH_COUNTRY][0].value, "France");
    assert_string_equal(result.facets[SEARCH_COUNTRY][1].value, "Australia");
    assert_string_equal(result.facets[SEARCH_COUNTRY][2].value, "Spain");
    struct search_query query = SEARCH_QUERY_INIT;
    query.no_facets = true;
    assert_int_equal(run(f, &query).facet_counts[SEARCH_COUNTRY], 0);
}

static void many_values_are_cut(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 120; i++) {
        struct search_document d = {.id = arena_printf(f->arena, "w%03d", i),
            .name = "Wine",
            .region = arena_printf(f->arena, "Region %03d", i / 2),
            .winery = arena_printf(f->arena, "Winery %03d", i)};
        assert_int_equal(search_put(f->search, &d, 1, &f->error), 0);
    }
    struct search_result result = find(f, NULL);
    assert_int_equal(result.facet_counts[SEARCH_REGION], SEARCH_MAX_FACET_VALUES);
    assert_int_equal(result.facet_counts[SEARCH_WINERY], SEARCH_MAX_WINERY_VALUES);
    assert_string_equal(result.facets[SEARCH_WINERY][0].value, "Winery 000");
    assert_int_equal(result.facets[SEARCH_REGION][0].count, 2);
}

static bool passes(
    const struct search_document *d, const struct search_query *query, enum search_facet without)
{
    const struct search_filter *type = &query->filters[SEARCH_TYPE];
    const struct search_filter *grape = &query->filters[SEARCH_GRAPE];
    if (type->count && without != SEARCH_TYPE && strcmp(type->values[0], d->type) != 0)
        return false;
    bool has = !grape->count || without == SEARCH_GRAPE;
    for (size_t i = 0; i < grape->count; i++) {
        for (size_t j = 0; j < d->grape_count; j++)
            has = has || strcmp(grape->values[i], d->grapes[j]) == 0;
    }
    return has && d->price >= query->min_price && d->price <= query->max_price &&
           (!query->in_stock || d->available > 0);
}

static bool has_value(const struct search_document *d, enum search_facet facet, const char *value)
{
    if (facet == SEARCH_TYPE || facet == SEARCH_COUNTRY)
        return strcmp(facet == SEARCH_TYPE ? d->type : d->country, value) == 0;
    const char *const *list = facet == SEARCH_GRAPE ? d->grapes : d->pairings;
    size_t count = facet == SEARCH_GRAPE ? d->grape_count : d->pairing_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], value) == 0)
            return true;
    }
    return false;
}

/* Groups that pass, counted one by one; wines of a group lie side by side. */
static uint32_t count_slowly(const struct wines *wines, const struct search_query *query,
    enum search_facet facet, const char *value)
{
    uint32_t count = 0;
    const char *last = "";
    for (size_t i = 0; i < wines->count; i++) {
        const struct search_document *d = &wines->documents[i];
        if (strcmp(d->group_id, last) != 0 && passes(d, query, facet) &&
            (!value || has_value(d, facet, value))) {
            count++;
            last = d->group_id;
        }
    }
    return count;
}

static void counts_are_those_of_counting(void **state)
{
    static const enum search_facet facets[] = {
        SEARCH_TYPE, SEARCH_COUNTRY, SEARCH_GRAPE, SEARCH_PAIRING};
    struct fixture *f = *state;
    struct wines wines;
    wines_make(&wines, 1500);
    assert_int_equal(search_put(f->search, wines.documents, wines.count, &f->error), 0);
    for (size_t round = 0; round < 40; round++) {
        const struct search_document *some = &wines.documents[round * 31];
        struct search_query query = SEARCH_QUERY_INIT;
        query.filters[SEARCH_TYPE] = (struct search_filter){&some->type, round % 2};
        query.filters[SEARCH_GRAPE] =
            (struct search_filter){some->grapes, round % 3 ? some->grape_count : 0};
        query.in_stock = round % 5 == 0;
        query.min_price = round % 4 ? 0 : 2000;
        query.max_price = round % 7 ? INT64_MAX : 6000;
        query.sort = (enum search_sort)(round % 6);
        struct search_result result = run(f, &query);
        assert_int_equal(result.total, count_slowly(&wines, &query, SEARCH_FACETS, NULL));
        for (size_t i = 0; i < sizeof(facets) / sizeof(*facets); i++) {
            for (size_t j = 0; j < result.facet_counts[facets[i]]; j++) {
                const struct search_value *value = &result.facets[facets[i]][j];
                assert_int_equal(
                    value->count, count_slowly(&wines, &query, facets[i], value->value));
            }
        }
    }
    wines_free(&wines);
}

/* ---- paging ---- */

static void pages_hold_every_group_once(void **state)
{
    struct fixture *f = *state;
    struct wines wines;
    wines_make(&wines, 400);
    assert_int_equal(search_put(f->search, wines.documents, wines.count, &f->error), 0);
    for (int sort = 0; sort <= SEARCH_BY_NAME; sort++) {
        for (int text = 0; text < 2; text++) {
            struct search_query query = SEARCH_QUERY_INIT;
            query.sort = (enum search_sort)sort;
            query.q = text ? "red" : NULL;
            query.limit = 7;
            struct search_result whole, page = run(f, &query);
            uint32_t total = page.total;
            query.limit = 100;
            whole = run(f, &query);
            query.limit = 7;
            size_t seen = 0;
            for (;;) {
                for (size_t i = 0; i < page.count && seen + i < whole.count; i++)
                    assert_string_equal(page.hits[i].id, whole.hits[seen + i].id);
                seen += page.count;
                assert_int_equal(page.total, total);
                if (!page.next_cursor)
                    break;
                query.cursor = page.next_cursor;
                page = run(f, &query);
                assert_true(page.count > 0);
            }
            assert_int_equal(seen, total);
        }
    }
    wines_free(&wines);
}

static void paging_is_stable_while_stock_changes(void **state)
{
    struct fixture *f = *state;
    struct wines wines;
    wines_make(&wines, 300);
    assert_int_equal(search_put(f->search, wines.documents, wines.count, &f->error), 0);
    struct search_query query = SEARCH_QUERY_INIT;
    query.sort = SEARCH_BY_NAME;
    query.limit = 10;
    struct search_result page = run(f, &query);
    uint32_t total = page.total, seen = 0;
    char last[64] = "";
    for (int step = 0;; step++) {
        seen += (uint32_t)page.count;
        for (size_t i = 0; i < page.count; i++)
            assert_string_not_equal(page.hits[i].id, last);
        strcpy(last, page.hits[page.count - 1].id);
        /* what was shown is removed, or sold out: the rest is neither skipped nor repeated */
        const char *gone = page.hits[0].id;
        if (step % 2 == 0)
            assert_int_equal(search_remove(f->search, &gone, 1, &f->error), 0);
        else
            assert_int_equal(search_set_stock(f->search, last, 0, &f->error), 0);
        if (!page.next_cursor)
            break;
        query.cursor = page.next_cursor;
        page = run(f, &query);
    }
    /* a removed wine's group may live on in another vintage, and come again further on */
    assert_in_range(seen, total, total + 20);
    wines_free(&wines);
}

static void broken_cursors_are_refused(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    query.limit = 2;
    query.sort = SEARCH_BY_PRICE;
    const char *cursor = run(f, &query).next_cursor;
    assert_non_null(cursor);
    query.sort = SEARCH_BY_NAME;
    query.cursor = cursor;
    assert_refused(f, &query, "cursor");
    query.sort = SEARCH_BY_RELEVANCE;
    query.cursor = NULL;
    cursor = run(f, &query).next_cursor;
    query.cursor = cursor;
    query.q = "red";
    assert_refused(f, &query, "cursor");
    query.q = NULL;
    static const char *const broken[] = {"", "x", "AAAA", "!!!!", "AQAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "\xff\xfe", "AQIAAAAAAAAFmAAD//////////////////////8"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        query.cursor = broken[i];
        assert_refused(f, &query, "cursor");
    }
    for (size_t i = 0; i < strlen(cursor); i++) {
        char *changed = arena_strdup(f->arena, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        query.cursor = changed;
        struct search_result result;
        int code = search_query(f->search, f->arena, &query, &result, &f->error);
        assert_int_equal(code, ERROR_INVALID);
        query.cursor = arena_strndup(f->arena, cursor, i);
        assert_refused(f, &query, "cursor");
    }
    char *endless = arena_alloc(f->arena, 100001);
    memset(endless, 'A', 100000);
    endless[100000] = '\0';
    query.cursor = endless;
    assert_refused(f, &query, "cursor");
}

static void limits_are_kept(void **state)
{
    struct fixture *f = *state;
    const char *values[SEARCH_MAX_FILTER_VALUES + 1];
    for (size_t i = 0; i <= SEARCH_MAX_FILTER_VALUES; i++)
        values[i] = "x";
    struct search_query query = SEARCH_QUERY_INIT;
    query.limit = SEARCH_MAX_LIMIT + 1;
    assert_refused(f, &query, "limit");
    query = (struct search_query)SEARCH_QUERY_INIT;
    query.filters[SEARCH_GRAPE] = (struct search_filter){values, SEARCH_MAX_FILTER_VALUES + 1};
    assert_refused(f, &query, "grape");
    query = (struct search_query)SEARCH_QUERY_INIT;
    query.min_price = 100;
    query.max_price = 99;
    assert_refused(f, &query, "max_price");
    query = (struct search_query)SEARCH_QUERY_INIT;
    query.min_price = -1;
    assert_refused(f, &query, "min_price");
    query = (struct search_query)SEARCH_QUERY_INIT;
    query.q = "a b c d e f g h i j k l m";
    assert_refused(f, &query, "q");
    query.q = "\xc3(";
    assert_refused(f, &query, "q");
    char *parentheses = arena_alloc(f->arena, 10241);
    memset(parentheses, '(', 10240);
    parentheses[10240] = '\0';
    query.q = parentheses;
    assert_refused(f, &query, "q");
    parentheses[SEARCH_MAX_Q_LENGTH] = '\0';
    assert_int_equal(run(f, &query).total, 0);
}

/* ---- texts ---- */

static void texts_are_found(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "rioja", "rio");
    assert_found(f, "RIOJA", "rio");
    assert_found(f, "gran reserva", "rio");
    assert_found(f, "reserva gran altun", "rio");
    assert_found(f, "antares barossa", "shi");
    assert_found(f, "tempranillo", "rio");
    assert_found(f, "shellfish", "cha ros");
}

static void accents_and_case_do_not_matter(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "rose", "ros");
    assert_found(f, "ROSÉ des sables", "ros");
    assert_found(f, "elise", "ros");
    assert_found(f, "rose\xcc\x81", "ros"); /* e and a combining accent */
    assert_found(f, "moulin a vent", "m19");
    assert_found(f, "chateau thevenet", "m19");
}

static void stems_join(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "cherry", "m19");
    assert_found(f, "violet", "m19");
    assert_found(f, "apples", "cha");
    assert_found(f, "smoking", "cha");
    assert_found(f, "vines antares", "shi");
}

static void synonyms_are_known(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "red spanish", "rio");
    assert_found(f, "american white wine", "cha");
    assert_found(f, "a french rosado", "ros");
    assert_found(f, "australian", "shi");
}

static void the_last_word_may_be_unfinished(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "ant", "shi");
    assert_found(f, "gran res", "rio");
    struct search_query query = SEARCH_QUERY_INIT;
    query.q = "ant";
    query.whole_words = true;
    assert_int_equal(run(f, &query).count, 1); /* nothing else is called so */
    query.q = "re";                            /* red */
    assert_int_equal(run(f, &query).total, 0);
    query.whole_words = false;
    assert_true(run(f, &query).total >= 3);
}

static void typing_errors_are_forgiven(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_result result = find(f, "chatonay");
    assert_hits(&result, "cha shi");
    assert_string_equal(result.corrected, "chardonnay");
    assert_found(f, "ryoja", "rio");
    assert_found(f, "tempranilo", "rio");
    assert_found(f, "sonmoa", "cha"); /* two letters changed places */
    result = find(f, "gran reserwa");
    assert_hits(&result, "rio");
    assert_string_equal(result.corrected, "gran reserva");
    result = find(f, "rioja");
    assert_null(result.corrected);
    assert_found(f, "xqzwv", "");
    assert_found(f, "2035", "");
}

/* What is said to have been searched for instead is something else, and is there. */
static void a_correction_differs_from_what_was_typed(void **state)
{
    struct fixture *f = *state;
    char typed[64], folded[256];
    fill(f);
    for (size_t i = 0; i < CELLAR; i++) {
        search_fold(cellar[i].name, strlen(cellar[i].name), folded, sizeof(folded));
        size_t length = strlen(folded);
        for (size_t at = 0; at < length && length < sizeof(typed); at++) {
            snprintf(typed, sizeof(typed), "%.*s%s", (int)at, folded, folded + at + 1);
            struct search_result result = find(f, typed);
            if (!result.corrected)
                continue;
            search_fold(typed, strlen(typed), folded, sizeof(folded));
            assert_string_not_equal(result.corrected, folded);
            assert_null(find(f, result.corrected).corrected);
            search_fold(cellar[i].name, strlen(cellar[i].name), folded, sizeof(folded));
        }
    }
    assert_string_equal(find(f, "chardonay").corrected, "chardonnay");
    assert_string_equal(find(f, "Chardonay ").corrected, "chardonnay");

    /* As soon as a wine is called so, it is no error; once it is gone, it is one again. */
    struct search_document misspelt = {.id = "mis", .name = "Chardonay", .version = 1};
    const char *id = misspelt.id;
    assert_int_equal(search_put(f->search, &misspelt, 1, &f->error), 0);
    assert_null(find(f, "chardonay").corrected);
    assert_int_equal(search_remove(f->search, &id, 1, &f->error), 0);
    assert_string_equal(find(f, "chardonay").corrected, "chardonnay");
}

static void some_of_the_words_are_better_than_nothing(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_result result = find(f, "rioja lamb xqzwvk");
    assert_string_equal(result.hits[0].id, "rio"); /* two words before one */
    assert_int_equal(result.total, 2);
    assert_found(f, "rioja sonoma", "rio cha");
}

static void the_better_match_comes_first(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_found(f, "chardonnay", "cha shi"); /* the name itself, and the grape */
    struct search_result result = find(f, "moulin 2020");
    assert_hits(&result, "m20"); /* the vintage that was asked for, though sold out */
    assert_int_equal(result.hits[0].matching, 1);
    assert_found(f, "mv-19", "m19");
    assert_found(f, " MV-19 ", "m19");
}

static void texts_filters_and_facets_go_together(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    const char *france[] = {"France"};
    query.q = "pinot";
    query.sort = SEARCH_BY_PRICE;
    struct search_result result = run(f, &query);
    assert_hits(&result, "ros m19");
    query.q = "red";
    query.filters[SEARCH_COUNTRY] = (struct search_filter){france, 1};
    result = run(f, &query);
    assert_hits(&result, "m19");
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "Spain"), 1);
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "United States"), 0);
    assert_int_equal(result.max_price, 2600);
}

/* What search engines take for syntax is text like any other. */
static void syntax_means_nothing(void **state)
{
    static const char *const hostile[] = {"\"", "\\", "'", "(", ")", "((((", "-", "+", "~", "<",
        ">", "*", "?", ":", "@", "!", "^", "%", "|", "||", "&&", "OR", "AND", "NOT", "name:@rioja",
        "rioja OR 1==1", "*:*", "_key:*", "rioja*", "-rioja", "~rioja", "\"rioja", "\\\"rioja\\",
        "') || ('1'='1", "all_records()", "sub_filter()", "$where", "{\"match_all\":{}}",
        "[* TO *]", "/.*/", "<script>alert(1)</script>", "%00%0a", "\x01\x02\x1f", "\t\n\r", "🍷",
        "🍷🍇🥂", "rioja🍷", "日本酒 ワイン", "ქართული ღვინო", "\xef\xbf\xbd",
        "\xf0\x9f\x91\xa8\xe2\x80\x8d"
        "\xf0\x9f\x91\xa9",
        "ı İ ß ẞ ﬁ", "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "../../etc/passwd",
        "'; DROP TABLE wines; --", "`id`", "$(id)", "%s%s%n", "\\u0000", "NaN", "1e309", "-0"};
    struct fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        struct search_suggestions suggestions;
        find(f, hostile[i]);
        assert_int_equal(
            search_suggest(f->search, f->arena, hostile[i], 8, &suggestions, &f->error), 0);
    }
    assert_found(f, "🍷", "");
    assert_found(f, "(((", "");
    assert_found(f, "-rioja", "rio");
    assert_found(f, "\"rioja\"", "rio");
    assert_found(f, "rioja🍷", "rio");
    for (int c = 1; c < 128; c++) {
        char q[] = {(char)c, 'r', 'i', 'o', 'j', 'a', (char)c, '\0'};
        struct search_result result = find(f, q);
        if (!strchr("0123456789", c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
            assert_hits(&result, "rio");
    }
    assert_int_equal(search_count(f->search), CELLAR);
}

/* ---- suggestions ---- */

static struct search_suggestions suggest(struct fixture *f, const char *typed, size_t limit)
{
    struct search_suggestions result;
    assert_int_equal(search_suggest(f->search, f->arena, typed, limit, &result, &f->error), 0);
    return result;
}

static bool suggests(
    const struct search_suggestions *result, enum search_suggestion_kind kind, const char *text)
{
    for (size_t i = 0; i < result->count; i++) {
        if (result->items[i].kind == kind && strcmp(result->items[i].text, text) == 0)
            return true;
    }
    return false;
}

static void completions(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_suggestions result = suggest(f, "char", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Chardonnay"));
    assert_true(suggests(&result, SEARCH_SUGGEST_WINE, "Chardonnay"));
    assert_int_equal(result.items[0].kind, SEARCH_SUGGEST_GRAPE);
    result = suggest(f, "cha", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_WINERY, "Château Thévenet"));
    result = suggest(f, "THÉV", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_WINERY, "Château Thévenet"));
    result = suggest(f, "pinot n", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Pinot Noir"));
    result = suggest(f, "rioj", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_REGION, "Rioja"));
    result = suggest(f, "moulin", 8);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.items[0].text, "Moulin-à-Vent");
    assert_string_equal(result.items[0].detail, "Château Thévenet");
    assert_string_equal(result.items[0].id, "m19"); /* in stock, best liked */
    assert_int_equal(suggest(f, "", 8).count, 0);
    assert_int_equal(suggest(f, " - ", 8).count, 0);
    assert_int_equal(suggest(f, "c", 2).count, 2);
    assert_int_equal(
        search_suggest(f->search, f->arena, "c", 21, &result, &f->error), ERROR_INVALID);
    assert_int_equal(
        search_suggest(f->search, f->arena, "\xff", 8, &result, &f->error), ERROR_INVALID);
}

static void completions_forgive(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_suggestions result = suggest(f, "chatonay", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Chardonnay"));
    result = suggest(f, "tempranillu", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Tempranillo"));
    result = suggest(f, "tampran", 8); /* not finished, and wrong */
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Tempranillo"));
    result = suggest(f, "sonoma chardonnay", 8); /* words from anywhere */
    assert_int_equal(result.count, 1);
    assert_string_equal(result.items[0].id, "cha");
}

static void completions_follow_the_wines(void **state)
{
    struct fixture *f = *state;
    fill(f);
    const char *ids[] = {"rio"};
    assert_int_equal(search_remove(f->search, ids, 1, &f->error), 0);
    assert_int_equal(suggest(f, "tempra", 8).count, 0);
    assert_int_equal(suggest(f, "gran", 8).count, 0);
    struct search_document changed = cellar[4];
    changed.name = "Zephyr";
    changed.version++;
    assert_int_equal(search_put(f->search, &changed, 1, &f->error), 0);
    struct search_suggestions result = suggest(f, "zeph", 8);
    assert_true(suggests(&result, SEARCH_SUGGEST_WINE, "Zephyr"));
    result = suggest(f, "chardonnay", 8);
    assert_false(suggests(&result, SEARCH_SUGGEST_WINE, "Chardonnay"));
    assert_true(suggests(&result, SEARCH_SUGGEST_GRAPE, "Chardonnay"));
}

/* ---- changes ---- */

static void stock_and_rating_show_at_once(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query query = SEARCH_QUERY_INIT;
    query.in_stock = true;
    assert_int_equal(run(f, &query).total, GROUPS - 1);
    assert_int_equal(search_set_stock(f->search, "rio", 0, &f->error), 0);
    assert_int_equal(search_set_stock(f->search, "ros", 4, &f->error), 0);
    query.sort = SEARCH_BY_PRICE;
    struct search_result result = run(f, &query);
    assert_hits(&result, "ros cha m19 shi");
    assert_int_equal(search_set_rating(f->search, "cha", 500, 100, &f->error), 0);
    query.sort = SEARCH_BY_RATING;
    result = run(f, &query);
    assert_string_equal(result.hits[0].id, "cha");
    assert_int_equal(search_set_stock(f->search, "none", 1, &f->error), ERROR_NOT_FOUND);
    assert_int_equal(search_set_rating(f->search, "none", 1, 1, &f->error), ERROR_NOT_FOUND);
    assert_int_equal(search_set_rating(f->search, "cha", -1, 1, &f->error), ERROR_INVALID);
}

static void documents_are_replaced(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_document changed = cellar[3];
    changed.name = "Tinto Joven";
    changed.country = "Portugal";
    changed.group_id = "moulin"; /* another group, too */
    changed.version = 6;
    assert_int_equal(search_put(f->search, &changed, 1, &f->error), 0);
    assert_int_equal(search_count(f->search), CELLAR);
    assert_found(f, "gran", "");
    assert_found(f, "joven", "rio");
    struct search_result result = find(f, NULL);
    assert_int_equal(result.total, GROUPS - 1);
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "Spain"), 0);
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "Portugal"), 1);
    assert_int_equal(count_of(&result, SEARCH_COUNTRY, "France"), 2);
}

static void old_versions_are_ignored(void **state)
{
    struct fixture *f = *state;
    uint64_t version;
    fill(f);
    assert_int_equal(search_version(f->search, "rio", &version, &f->error), 0);
    assert_int_equal(version, 5);
    assert_int_equal(search_version(f->search, "none", &version, &f->error), ERROR_NOT_FOUND);
    struct search_document changed = cellar[3];
    changed.name = "Old News";
    changed.version = 4;
    assert_int_equal(search_put(f->search, &changed, 1, &f->error), 0);
    assert_found(f, "gran reserva", "rio");
    /* the same version again: the stock may be newer here */
    assert_int_equal(search_set_stock(f->search, "rio", 0, &f->error), 0);
    assert_int_equal(search_put(f->search, &cellar[3], 1, &f->error), 0);
    struct search_query query = SEARCH_QUERY_INIT;
    query.q = "rioja";
    query.in_stock = true;
    assert_int_equal(run(f, &query).total, 0);
    changed = cellar[3];
    changed.version = 6;
    assert_int_equal(search_put(f->search, &changed, 1, &f->error), 0);
    assert_int_equal(run(f, &query).total, 1);
}

static void documents_are_removed(void **state)
{
    struct fixture *f = *state;
    fill(f);
    const char *ids[] = {"rio", "none", "m19", "m20", "m21"};
    assert_int_equal(search_remove(f->search, ids, 5, &f->error), 0);
    assert_int_equal(search_count(f->search), CELLAR - 4);
    assert_found(f, "rioja", "");
    assert_found(f, "moulin", "");
    assert_int_equal(find(f, NULL).total, GROUPS - 2);
    assert_int_equal(search_put(f->search, &cellar[3], 1, &f->error), 0);
    assert_found(f, "rioja", "rio");
    assert_found(f, "mv-19", "");
}

static void broken_documents_are_refused_with_the_rest(void **state)
{
    struct fixture *f = *state;
    struct search_document two[2] = {cellar[0], cellar[1]};
    two[1].id = "an-id-of-more-than-26-characters";
    assert_int_equal(search_put(f->search, two, 2, &f->error), ERROR_INVALID);
    assert_string_equal(f->error.field, "id");
    two[1].id = "";
    assert_int_equal(search_put(f->search, two, 2, &f->error), ERROR_INVALID);
    two[1].id = "b";
    two[1].name = "\xff";
    assert_int_equal(search_put(f->search, two, 2, &f->error), ERROR_INVALID);
    two[1].name = NULL;
    two[1].price = -1;
    assert_int_equal(search_put(f->search, two, 2, &f->error), ERROR_INVALID);
    assert_int_equal(search_count(f->search), 0);
    struct search_document bare = {.id = "bare"};
    assert_int_equal(search_put(f->search, &bare, 1, &f->error), 0);
    assert_found(f, NULL, "bare");
}

/* Enough churn that memory is compacted and numbers come back. */
static void churn_leaves_no_traces(void **state)
{
    struct fixture *f = *state;
    struct wines wines;
    wines_make(&wines, 600);
    fill(f);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(search_put(f->search, wines.documents, wines.count, &f->error), 0);
        for (size_t i = 0; i < wines.count; i++) {
            struct search_document *d = &wines.documents[i];
            d->version++;
            d->name = arena_printf(wines.arena, "Changed %zu", (i * 7 + (size_t)round) % 500);
        }
        for (size_t i = 0; i < wines.count; i++) {
            if (i % 3 == (size_t)round % 3)
                assert_int_equal(search_remove(f->search, &wines.documents[i].id, 1, &f->error), 0);
        }
    }
    for (size_t i = 0; i < wines.count; i++)
        assert_int_equal(search_remove(f->search, &wines.documents[i].id, 1, &f->error), 0);
    assert_int_equal(search_count(f->search), CELLAR);
    struct search_result result = find(f, NULL);
    assert_int_equal(result.total, GROUPS);
    assert_int_equal(result.facet_counts[SEARCH_COUNTRY], 4);
    assert_found(f, "changed", "");
    assert_found(f, "tempranillo", "rio");
    assert_found(f, "chardonnay", "cha shi");
    assert_int_equal(suggest(f, "changed", 8).count, 0);
    wines_free(&wines);
}

/* ---- rebuilding ---- */

static void a_rebuild_goes_through_its_states(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct search_query list = SEARCH_QUERY_INIT, text = SEARCH_QUERY_INIT;
    struct search_result result;
    struct search_suggestions suggestions;
    text.q = "rioja";
    assert_int_equal(search_rebuild(f->search, &f->error), 0);
    assert_false(search_ready(f->search));
    assert_false(search_lists_ready(f->search));
    assert_int_equal(search_count(f->search), 0);
    assert_int_equal(
        search_query(f->search, f->arena, &list, &result, &f->error), ERROR_UNAVAILABLE);
    assert_string_equal(f->error.reason, "search_rebuilding");

    assert_int_equal(search_load(f->search, cellar, CELLAR, &f->error), 0);
    search_loaded(f->search);
    assert_true(search_lists_ready(f->search));
    assert_false(search_ready(f->search));
    assert_int_equal(run(f, &list).total, GROUPS);
    assert_int_equal(
        search_query(f->search, f->arena, &text, &result, &f->error), ERROR_UNAVAILABLE);
    assert_string_equal(f->error.reason, "search_rebuilding");
    assert_int_equal(
        search_suggest(f->search, f->arena, "r", 8, &suggestions, &f->error), ERROR_UNAVAILABLE);

    /* sold meanwhile */
    assert_int_equal(search_set_stock(f->search, "rio", 0, &f->error), 0);
    assert_int_equal(search_put(f->search, cellar, CELLAR, &f->error), 0);
    assert_int_equal(search_rebuilt(f->search, &f->error), 0);
    assert_true(search_ready(f->search));
    assert_found(f, "rioja", "rio");
    text.in_stock = true;
    assert_int_equal(run(f, &text).total, 0);
    assert_int_equal(search_count(f->search), CELLAR);
}

/* ---- many at once ---- */

struct readers {
    struct fixture *fixture;
    const struct wines *wines;
    _Atomic bool stop;
    _Atomic unsigned answered;
};

static void *read_on(void *argument)
{
    static const char *const texts[] = {NULL, "red", "chardonnay", "pinot n", "rioja", "ryoja"};
    struct readers *readers = argument;
    struct arena *arena = arena_new();
    for (unsigned i = 0; !readers->stop; i++) {
        struct search_query query = SEARCH_QUERY_INIT;
        struct search_result result;
        struct search_suggestions suggestions;
        struct error error;
        query.q = texts[i % 6];
        query.sort = (enum search_sort)(i % 6);
        if (search_query(readers->fixture->search, arena, &query, &result, &error) == 0)
            readers->answered++;
        search_suggest(readers->fixture->search, arena, "cha", 8, &suggestions, &error);
        arena_clear(arena);
    }
    arena_free(arena);
    return NULL;
}

static void readers_go_on_beside_writers(void **state)
{
    struct fixture *f = *state;
    struct wines wines;
    wines_make(&wines, 300);
    struct readers readers = {.fixture = f, .wines = &wines};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, read_on, &readers);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(search_put(f->search, wines.documents, wines.count, &f->error), 0);
        for (size_t i = 0; i < wines.count; i++) {
            assert_int_equal(
                search_set_stock(f->search, wines.documents[i].id, (int)i, &f->error), 0);
            assert_int_equal(
                search_set_rating(f->search, wines.documents[i].id, 9, 2, &f->error), 0);
            wines.documents[i].version++;
        }
        for (size_t i = 0; i < wines.count; i += 5)
            assert_int_equal(search_remove(f->search, &wines.documents[i].id, 1, &f->error), 0);
        if (round == 2) {
            assert_int_equal(search_rebuild(f->search, &f->error), 0);
            assert_int_equal(search_rebuilt(f->search, &f->error), 0);
        }
    }
    while (readers.answered < 50)
        usleep(1000);
    readers.stop = true;
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(search_count(f->search), 240);
    wines_free(&wines);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(an_empty_index_answers),
        EACH(lists_show_one_wine_per_group),
        EACH(orders),
        EACH(filters_and_facets),
        EACH(vintages_prices_and_stock_filter),
        EACH(facets_are_ordered),
        EACH(many_values_are_cut),
        EACH(counts_are_those_of_counting),
        EACH(pages_hold_every_group_once),
        EACH(paging_is_stable_while_stock_changes),
        EACH(broken_cursors_are_refused),
        EACH(limits_are_kept),
        EACH(texts_are_found),
        EACH(accents_and_case_do_not_matter),
        EACH(stems_join),
        EACH(synonyms_are_known),
        EACH(the_last_word_may_be_unfinished),
        EACH(typing_errors_are_forgiven),
        EACH(a_correction_differs_from_what_was_typed),
        EACH(some_of_the_words_are_better_than_nothing),
        EACH(the_better_match_comes_first),
        EACH(texts_filters_and_facets_go_together),
        EACH(syntax_means_nothing),
        EACH(completions),
        EACH(completions_forgive),
        EACH(completions_follow_the_wines),
        EACH(stock_and_rating_show_at_once),
        EACH(documents_are_replaced),
        EACH(old_versions_are_ignored),
        EACH(documents_are_removed),
        EACH(broken_documents_are_refused_with_the_rest),
        EACH(churn_leaves_no_traces),
        EACH(a_rebuild_goes_through_its_states),
        EACH(readers_go_on_beside_writers),
    };
    int failures = 0;
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
