/*
 * What the search engines cost, per kind of query, on one thread: bench_search [wines] [engine].
 * At least 1,000 different queries of each kind, made from the catalogue itself; nothing is cached
 * by the engines. Prints microseconds at p50 and p99, sizes and times.
 */
#include "arena.h"
#include "clock.h"
#include "search_engines.h"
#include "wines.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    QUERIES = 1500,
};

static struct wines wines;
static uint64_t state = 7;

static uint32_t pick(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static const struct search_document *any_wine(void)
{
    return &wines.documents[pick((uint32_t)wines.count)];
}

/* A word of at least four letters from a text, or the text. */
static const char *any_word(struct arena *arena, const char *text)
{
    const char *words[16];
    size_t count = 0;
    for (const char *c = text; *c && count < 16;) {
        const char *end = strchrnul(c, ' ');
        if (end - c >= 4)
            words[count++] = arena_strndup(arena, c, (size_t)(end - c));
        c = *end ? end + 1 : end;
    }
    return count ? words[pick((uint32_t)count)] : text;
}

static const char *any_text(struct arena *arena)
{
    const struct search_document *wine = any_wine();
    switch (pick(6)) {
    case 0:
        return wine->grape_count ? wine->grapes[pick((uint32_t)wine->grape_count)] : wine->name;
    case 1:
        return wine->region;
    case 2:
        return any_word(arena, wine->winery);
    case 3:
        return any_word(arena, wine->notes);
    default:
        return any_word(arena, wine->name);
    }
}

enum kind { LIST, LIST_FILTERED, ONE_WORD, TWO_WORDS, PREFIX, MISSPELT, TEXT_NO_FACETS, KINDS };
static const char *const kind_names[KINDS] = {"list, all facets", "list, filtered, all facets",
    "one word + facets", "two words + facets", "prefix + facets", "misspelt + facets",
    "one word, no facets"};

struct made {
    struct search_query query;
    const char *value;
};

static void make_query(struct made *made, enum kind kind, struct arena *arena)
{
    *made = (struct made){.query = SEARCH_QUERY_INIT};
    struct search_query *query = &made->query;
    query->sort = (enum search_sort)(kind <= LIST_FILTERED ? pick(6) : 0);
    if (kind == LIST_FILTERED) {
        made->value = any_wine()->country;
        query->filters[SEARCH_COUNTRY] = (struct search_filter){&made->value, 1};
        query->in_stock = pick(2);
        query->min_price = 1000;
    } else if (kind == TWO_WORDS) {
        const struct search_document *wine = any_wine();
        query->q = arena_printf(
            arena, "%s %s", any_word(arena, wine->name), any_word(arena, wine->winery));
        query->whole_words = true;
    } else if (kind == PREFIX) {
        const char *text = any_text(arena);
        size_t length = strlen(text);
        query->q = arena_strndup(arena, text, length > 3 ? 2 + pick(2) : length);
    } else if (kind == MISSPELT) {
        char *text = arena_strdup(arena, any_word(arena, any_wine()->region));
        text[1 + pick((uint32_t)strlen(text) - 1)] = 'q';
        query->q = text;
    } else if (kind >= ONE_WORD) {
        query->q = any_text(arena);
        query->no_facets = kind == TEXT_NO_FACETS;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, int64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), compare);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += times[i];
    printf("  %-28s p50 %8.1f us   p99 %8.1f us   mean %8.1f us\n", what,
        (double)times[count / 2] / 1e3, (double)times[count * 99 / 100] / 1e3,
        (double)sum / (double)count / 1e3);
}

static void run_queries(struct search *search)
{
    static int64_t times[QUERIES];
    struct arena *made = arena_new(), *arena = arena_new();
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (size_t round = 0; round < 2; round++) {
            state = 7;
            for (size_t i = 0; i < QUERIES; i++) {
                struct made query;
                struct search_result result;
                struct error error;
                make_query(&query, kind, made);
                int64_t start = clock_monotonic_ns();
                int code = search_query(search, arena, &query.query, &result, &error);
                times[i] = clock_monotonic_ns() - start;
                if (code && error.code != ERROR_INVALID)
                    printf("%s\n", error.message);
                arena_clear(arena);
                arena_clear(made);
            }
        }
        report(kind_names[kind], times, QUERIES);
    }
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < QUERIES; i++) {
            struct search_suggestions result;
            struct error error;
            const char *text = any_text(made);
            char typed[16];
            snprintf(typed, 2 + pick(6), "%s", text);
            typed[strnlen(typed, 15)] = '\0';
            int64_t start = clock_monotonic_ns();
            search_suggest(search, arena, typed, 8, &result, &error);
            times[i] = clock_monotonic_ns() - start;
            arena_clear(arena);
            arena_clear(made);
        }
    }
    report("suggest", times, QUERIES);
    for (size_t i = 0; i < QUERIES; i++) {
        int64_t start = clock_monotonic_ns();
        search_set_stock(search, any_wine()->id, (int)i, NULL);
        times[i] = clock_monotonic_ns() - start;
    }
    report("set stock", times, QUERIES);
    for (size_t i = 0; i < QUERIES; i++) {
        struct search_document wine = *any_wine();
        wine.version++;
        int64_t start = clock_monotonic_ns();
        search_put(search, &wine, 1, NULL);
        times[i] = clock_monotonic_ns() - start;
    }
    report("put one again", times, QUERIES);
    arena_free(made);
    arena_free(arena);
}

static double resident_mb(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Megabytes that the files of a directory take on disk; with `empty` it is removed. */
static double directory_mb(const char *path, bool empty)
{
    double total = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char child[PATH_MAX];
        struct stat status;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        if (lstat(child, &status) != 0)
            continue;
        total += S_ISDIR(status.st_mode) ? directory_mb(child, empty)
                                         : (double)status.st_blocks * 512 / 1e6;
        if (empty && !S_ISDIR(status.st_mode))
            unlink(child);
    }
    if (dir)
        closedir(dir);
    if (empty)
        rmdir(path);
    return total;
}

static int bench(const char *engine)
{
    char directory[] = "/tmp/winestore-bench-XXXXXX";
    struct search *search;
    struct error error;
    bool groonga = strcmp(engine, "groonga") == 0;
    if (!mkdtemp(directory))
        return 1;
    printf("%s, %zu wines\n", engine, wines.count);
    double before = resident_mb();
    int code = groonga ? search_groonga_open(directory, &search, &error)
                       : search_memory_open(&search, &error);
    int64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < wines.count && !code; i += 500)
        code = search_put(
            search, wines.documents + i, wines.count - i < 500 ? wines.count - i : 500, &error);
    if (code) {
        printf("%s\n", error.message);
        return 1;
    }
    printf("  build %.0f ms, memory %.1f MB\n", (double)(clock_monotonic_ns() - start) / 1e6,
        resident_mb() - before);
    run_queries(search);
    printf("  memory after the queries %.1f MB\n", resident_mb() - before);
    start = clock_monotonic_ns();
    search_close(search, /* clean= */ true, 1);
    printf("  close %.0f ms\n", (double)(clock_monotonic_ns() - start) / 1e6);
    if (groonga) {
        start = clock_monotonic_ns();
        search_groonga_open(directory, &search, &error);
        printf("  open %.1f ms (%zu wines, ready %d), on disk %.1f MB\n",
            (double)(clock_monotonic_ns() - start) / 1e6, search_count(search),
            search_ready(search), directory_mb(directory, false));
        search_close(search, /* clean= */ true, 1);
    }
    directory_mb(directory, /* empty= */ true);
    return 0;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (count < 0 || count > 10000000) {
        fprintf(stderr, "bench_search [wines] [memory|groonga]\n");
        return 2;
    }
    wines_make(&wines, (size_t)count);
    int failed = 0;
    if (argc < 3 || strcmp(argv[2], "groonga") == 0)
        failed |= bench("groonga");
    if (argc < 3 || strcmp(argv[2], "memory") == 0)
        failed |= bench("memory");
    wines_free(&wines);
    return failed;
}
