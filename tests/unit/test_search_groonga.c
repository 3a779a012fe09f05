/* What only the engine on disk has: what is left after it is closed, and after it is not. And that
 * it finds what the engine in memory finds. */
#include "arena.h"
#include "engines.h"
#include "search_engines.h"
#include "wines.h"

#include <fcntl.h>
#include <sys/wait.h>

struct fixture {
    char directory[64];
    struct wines wines;
    struct arena *arena;
    struct error error;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    engine_directory(f->directory);
    wines_make(&f->wines, 300);
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    wines_free(&f->wines);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    free(f);
    return 0;
}

static struct search *open_it(struct fixture *f)
{
    struct search *search;
    if (search_groonga_open(f->directory, &search, &f->error) != 0)
        fail_msg("%s", f->error.message);
    return search;
}

static void fill(struct fixture *f, struct search *search)
{
    assert_int_equal(search_put(search, f->wines.documents, f->wines.count, &f->error), 0);
}

/* Everything that a query answers, as text. */
static const char *answer(
    struct fixture *f, struct search *search, const struct search_query *query)
{
    struct search_result result;
    if (search_query(search, f->arena, query, &result, &f->error) != 0)
        return arena_printf(f->arena, "%s %s", f->error.reason, f->error.field);
    char *text = arena_printf(f->arena, "%u %s %ld %ld |", result.total,
        result.corrected ? result.corrected : "-", (long)result.min_price, (long)result.max_price);
    for (size_t i = 0; i < result.count; i++)
        text = arena_printf(f->arena, "%s %s/%u/%u", text, result.hits[i].id,
            result.hits[i].matching, result.hits[i].vintages);
    for (size_t facet = 0; facet < SEARCH_FACETS; facet++) {
        for (size_t i = 0; i < result.facet_counts[facet]; i++)
            text = arena_printf(f->arena, "%s %s=%u", text, result.facets[facet][i].value,
                result.facets[facet][i].count);
    }
    return result.next_cursor ? arena_printf(f->arena, "%s %s", text, result.next_cursor) : text;
}

static const char *answer_suggestions(struct fixture *f, struct search *search, const char *typed)
{
    struct search_suggestions result;
    assert_int_equal(search_suggest(search, f->arena, typed, 10, &result, &f->error), 0);
    char *text = arena_strdup(f->arena, "");
    for (size_t i = 0; i < result.count; i++)
        text = arena_printf(f->arena, "%s [%d %s %s]", text, result.items[i].kind,
            result.items[i].text, result.items[i].id ? result.items[i].id : "");
    return text;
}

static void assert_same(struct fixture *f, struct search *one, struct search *other)
{
    static const char *const more[] = {"red", "chatonay", "ryoja", "pinot n", "spanish red", "c",
        "xqzwv", "old vine", "beef cherry", "made-7", "xw-100001", "rose of", "de la"};
    for (size_t i = 0; i < f->wines.count; i++) {
        const struct search_document *wine = &f->wines.documents[i];
        struct search_query query = SEARCH_QUERY_INIT;
        const char *texts[] = {wine->name, wine->winery, wine->region, wine->country,
            more[i % (sizeof(more) / sizeof(*more))], NULL};
        char *cut = arena_strndup(f->arena, wine->name, 5);
        while (*cut && (cut[strlen(cut) - 1] & 0x80))
            cut[strlen(cut) - 1] = '\0';
        query.q = i % 7 == 6 ? cut : texts[i % 6];
        query.sort = (enum search_sort)(i % 5 ? 0 : i % 6);
        query.in_stock = i % 4 == 0;
        query.filters[SEARCH_TYPE] = (struct search_filter){&wine->type, i % 3 == 0};
        assert_string_equal(answer(f, one, &query), answer(f, other, &query));
        const char *typed = query.q ? query.q : "ch";
        assert_string_equal(answer_suggestions(f, one, typed), answer_suggestions(f, other, typed));
        if (i % 16 == 0)
            arena_clear(f->arena);
    }
}

static void both_engines_answer_alike(void **state)
{
    struct fixture *f = *state;
    struct search *memory, *groonga = open_it(f);
    assert_int_equal(search_memory_open(&memory, &f->error), 0);
    fill(f, groonga);
    fill(f, memory);
    assert_same(f, memory, groonga);
    for (size_t i = 0; i < f->wines.count; i += 3) {
        struct search_document changed = f->wines.documents[i];
        changed.name = f->wines.documents[(i + 7) % f->wines.count].name;
        changed.version++;
        assert_int_equal(search_put(memory, &changed, 1, &f->error), 0);
        assert_int_equal(search_put(groonga, &changed, 1, &f->error), 0);
        const char *id = f->wines.documents[i + 1].id;
        assert_int_equal(search_remove(memory, &id, 1, &f->error), 0);
        assert_int_equal(search_remove(groonga, &id, 1, &f->error), 0);
    }
    assert_same(f, memory, groonga);
    search_close(memory, false, 0);
    search_close(groonga, false, 0);
}

static void a_clean_stop_keeps_everything(void **state)
{
    struct fixture *f = *state;
    struct search *memory, *search = open_it(f);
    assert_int_equal(search_memory_open(&memory, &f->error), 0);
    fill(f, search);
    fill(f, memory);
    const char *gone = f->wines.documents[5].id;
    for (int round = 0; round < 3; round++) {
        struct search *both[] = {memory, search};
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(search_remove(both[i], &gone, 1, &f->error), 0);
            assert_int_equal(
                search_set_stock(both[i], f->wines.documents[9].id, 7 + round, &f->error), 0);
            assert_int_equal(
                search_set_rating(both[i], f->wines.documents[9].id, 45.5, 10, &f->error), 0);
        }
        search_close(search, /* clean= */ true, 1234 + (uint64_t)round);
        search = open_it(f);
        assert_true(search_ready(search));
        assert_int_equal(search_position(search), 1234 + round);
        assert_int_equal(search_count(search), f->wines.count - 1);
        uint64_t version;
        assert_int_equal(search_version(search, f->wines.documents[9].id, &version, &f->error), 0);
        assert_int_equal(version, f->wines.documents[9].version);
        assert_same(f, memory, search);
        /* and it can be written again */
        struct search_document changed = f->wines.documents[20];
        changed.version += (uint64_t)round + 1;
        changed.name = "Weiter geändert";
        assert_int_equal(search_put(search, &changed, 1, &f->error), 0);
        assert_int_equal(search_put(memory, &changed, 1, &f->error), 0);
        assert_same(f, memory, search);
    }
    search_close(memory, false, 0);
    search_close(search, true, 1);
}

static void assert_distrusted(struct fixture *f, struct search *search)
{
    assert_false(search_ready(search));
    assert_false(search_lists_ready(search));
    assert_int_equal(search_count(search), 0);
    assert_int_equal(search_position(search), 0);
    assert_int_equal(search_load(search, f->wines.documents, f->wines.count, &f->error), 0);
    search_loaded(search);
    assert_true(search_lists_ready(search));
    fill(f, search);
    assert_int_equal(search_rebuilt(search, &f->error), 0);
    assert_true(search_ready(search));
    assert_int_equal(search_count(search), f->wines.count);
}

static void an_unclean_stop_starts_empty(void **state)
{
    struct fixture *f = *state;
    struct search *search = open_it(f);
    fill(f, search);
    search_close(search, /* clean= */ true, 9);
    search = open_it(f);
    assert_true(search_ready(search));
    search_close(search, /* clean= */ false, 10);
    search = open_it(f);
    assert_distrusted(f, search);
    search_close(search, /* clean= */ true, 11);
    search = open_it(f);
    assert_true(search_ready(search));
    assert_int_equal(search_position(search), 11);
    search_close(search, /* clean= */ true, 12);
}

static void a_stop_during_a_rebuild_is_unclean(void **state)
{
    struct fixture *f = *state;
    struct search *search = open_it(f);
    fill(f, search);
    assert_int_equal(search_rebuild(search, &f->error), 0);
    assert_int_equal(search_put(search, f->wines.documents, 10, &f->error), 0);
    search_close(search, /* clean= */ true, 10);
    search = open_it(f);
    assert_distrusted(f, search);
    search_close(search, /* clean= */ true, 11);
}

static void a_killed_writer_is_noticed(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct search *search;
        if (search_groonga_open(f->directory, &search, &f->error) != 0)
            _exit(1);
        search_put(search, f->wines.documents, 100, &f->error);
        _exit(0); /* nothing is closed */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct search *search = open_it(f);
    assert_distrusted(f, search);
    search_close(search, /* clean= */ true, 1);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void files_that_are_not_ours_are_not_trusted(void **state)
{
    static const char *const states[] = {"", "x", "winestore-search-1 1 clean", "%s%n 1 clean 3",
        "winestore-search-0 1 clean 7\n", "winestore-search-1 99 clean 7\n",
        "winestore-search-1 -5 clean 7\n", "winestore-search-1 1 open 7\n"};
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/state", f->directory);
    struct search *search = open_it(f);
    fill(f, search);
    search_close(search, /* clean= */ true, 7);
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
        write_file(path, states[i]);
        search = open_it(f);
        assert_false(search_ready(search));
        assert_int_equal(search_count(search), 0);
        search_close(search, /* clean= */ true, 8);
    }
    snprintf(path, sizeof(path), "%s/state/x", f->directory);
    struct search *none = NULL;
    assert_int_not_equal(search_groonga_open(path, &none, &f->error), 0);
    assert_null(none);
}

static void two_indexes_live_side_by_side(void **state)
{
    struct fixture *f = *state;
    char path[2][128];
    struct search *search[2];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/%zu", f->directory, i);
        assert_int_equal(search_groonga_open(path[i], &search[i], &f->error), 0);
        assert_int_equal(search_put(search[i], &f->wines.documents[i], 1, &f->error), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        struct search_query query = SEARCH_QUERY_INIT;
        struct search_result result;
        query.q = f->wines.documents[i].name;
        assert_int_equal(search_query(search[i], f->arena, &query, &result, &f->error), 0);
        assert_int_equal(result.total, 1);
        assert_string_equal(result.hits[0].id, f->wines.documents[i].id);
        search_close(search[i], true, 1);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(both_engines_answer_alike),
        EACH(a_clean_stop_keeps_everything),
        EACH(an_unclean_stop_starts_empty),
        EACH(a_stop_during_a_rebuild_is_unclean),
        EACH(a_killed_writer_is_noticed),
        EACH(files_that_are_not_ours_are_not_trusted),
        EACH(two_indexes_live_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
