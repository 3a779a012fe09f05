/* The parts that search stands on: words, vocabulary, maps, stored documents. */
#include "arena.h"
#include "buffer.h"
#include "engines.h"
#include "search_map.h"
#include "search_stored.h"
#include "search_vocabulary.h"
#include "search_words.h"

static void assert_folds(const char *text, const char *folded)
{
    char out[256];
    size_t length = search_fold(text, strlen(text), out, sizeof(out));
    assert_string_equal(out, folded);
    assert_int_equal(length, strlen(folded));
}

static void folding(void **state)
{
    (void)state;
    assert_folds("", "");
    assert_folds("  --  ", "");
    assert_folds("Château d'Yquem", "chateau d yquem");
    assert_folds("SAINT-ÉMILION  Grand Cru", "saint emilion grand cru");
    assert_folds("Große Lage, Æther & Œil", "grosse lage aether oeil");
    assert_folds("Øl Łódź Đà Þing", "ol lodz da thing");
    assert_folds("Viña Ñ ñ ç Ç ü Ü", "vina n n c c u u");
    assert_folds("e\xcc\x81t\xc3\xa9", "ete"); /* combining accent */
    assert_folds("Ξινόμαυρο", "ξινομαυρο");
    assert_folds("Анапа Й", "анапа и");
    assert_folds("日本酒", "日本酒");
    assert_folds("🍷wine🍷", "wine");
    assert_folds("“quoted” – dashed… ½", "quoted dashed");
    assert_folds("a\xff"
                 "b\xc3",
        "a b"); /* broken bytes separate */
    assert_folds("İstanbul ı", "istanbul i");
}

static void folding_is_cut_at_a_character(void **state)
{
    char out[8];
    (void)state;
    assert_int_equal(search_fold("日本酒", strlen("日本酒"), out, sizeof(out)), 6);
    assert_string_equal(out, "日本");
    assert_int_equal(search_fold("abcdefghij", 10, out, sizeof(out)), 7);
    assert_string_equal(out, "abcdefg");
    assert_int_equal(search_fold("abc", 3, out, 1), 0);
    assert_string_equal(out, "");
}

static void stemming(void **state)
{
    static const char *const same[][2] = {{"cherry", "cherries"}, {"wine", "wines"},
        {"oaked", "oaking"}, {"berry", "berries"}, {"smoke", "smoked"}};
    char one[SEARCH_WORD_SIZE], other[SEARCH_WORD_SIZE];
    struct sb_stemmer *stemmer = search_stemmer_new();
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        search_stem(stemmer, same[i][0], one);
        search_stem(stemmer, same[i][1], other);
        assert_string_equal(one, other);
    }
    search_stem(stemmer, "2019", one);
    assert_string_equal(one, "2019");
    search_stem(stemmer, "ξινομαυρο", one);
    assert_string_equal(one, "ξινομαυρο");
    search_stemmer_free(stemmer);
}

static uint32_t weight_of(const struct search_words *words, const char *text)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->items[i].text, text) == 0)
            return words->items[i].weight;
    }
    return 0;
}

static void documents_have_weighted_words(void **state)
{
    const char *grapes[] = {"Pinot Gris"};
    struct search_document document = {.id = "x",
        .name = "Réserve",
        .winery = "Trimbach",
        .country = "France",
        .region = "Alsace",
        .grapes = grapes,
        .grape_count = 1,
        .vintage = 2018,
        .notes = "honey honey pear"};
    struct search_words words;
    (void)state;
    search_words_init(&words);
    search_words_of(&words, &document);
    assert_true(weight_of(&words, "reserve") > weight_of(&words, "trimbach"));
    assert_true(weight_of(&words, "trimbach") > weight_of(&words, "pinot"));
    assert_true(weight_of(&words, "pinot") > weight_of(&words, "honey"));
    assert_true(weight_of(&words, "honey") > weight_of(&words, "pear"));
    assert_true(weight_of(&words, "grigio") > 0);
    assert_true(weight_of(&words, "french") > 0);
    assert_true(weight_of(&words, "2018") > 0);

    /* more words than are kept, and one that is longer than a word may be */
    struct buffer CLEANUP_BUFFER many = BUFFER_INIT;
    for (int i = 0; i < 2000; i++)
        buffer_printf(&many, "word%d ", i);
    char longest[600];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    document.name = longest;
    document.notes = many.data;
    search_words_of(&words, &document);
    assert_int_equal(words.count, SEARCH_DOCUMENT_WORDS);
    assert_int_equal(strlen(words.items[0].text), SEARCH_WORD_SIZE - 1);
    search_words_release(&words);
}

static void add(struct search_vocabulary *vocabulary, const char *word, uint32_t documents)
{
    uint32_t term = search_vocabulary_add(vocabulary, word);
    vocabulary->terms[term].documents += documents;
}

static const char *nearest(struct search_vocabulary *vocabulary, const char *word, bool prefix)
{
    uint32_t terms[4];
    unsigned errors;
    size_t count = search_vocabulary_nearest(vocabulary, word, prefix, terms, 4, &errors);
    return count ? vocabulary->terms[terms[0]].text : "";
}

static void the_nearest_word(void **state)
{
    struct search_vocabulary v;
    (void)state;
    search_vocabulary_init(&v);
    add(&v, "chardonnay", 100);
    add(&v, "chateau", 200);
    add(&v, "rioja", 20);
    add(&v, "rosa", 2);
    add(&v, "rose", 30);
    add(&v, "sauvignon", 50);
    add(&v, "tempranillo", 10);
    add(&v, "forgotten", 0);
    assert_string_equal(nearest(&v, "chatonay", false), "chardonnay");
    assert_string_equal(nearest(&v, "chardonney", false), "chardonnay");
    assert_string_equal(nearest(&v, "shardonay", false), "chardonnay");
    assert_string_equal(nearest(&v, "ryoja", false), "rioja");
    assert_string_equal(nearest(&v, "roija", false), "rioja");
    assert_string_equal(nearest(&v, "savinyon", false), "sauvignon");
    assert_string_equal(nearest(&v, "rosx", false), "rose"); /* the more frequent of two */
    assert_string_equal(nearest(&v, "tampra", true), "tempranillo");
    assert_string_equal(nearest(&v, "tampra", false), "");
    assert_string_equal(nearest(&v, "forgoten", false), "");
    assert_string_equal(nearest(&v, "ro", false), "");
    assert_string_equal(nearest(&v, "2019", false), "");
    assert_string_equal(nearest(&v, "hhhhh", false), "");
    assert_string_equal(nearest(&v, "xqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqxqx", true), "");
    search_vocabulary_release(&v);
}

static void words_by_prefix_and_stem(void **state)
{
    struct search_vocabulary v;
    uint32_t terms[3];
    (void)state;
    search_vocabulary_init(&v);
    static const char *const words[] = {
        "pinot", "pinotage", "pint", "pino", "berries", "berry", "pine", "p", "q"};
    for (uint32_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        add(&v, words[i], i + 1);
    assert_int_equal(search_vocabulary_by_prefix(&v, "pin", terms, 3), 3);
    assert_string_equal(v.terms[terms[0]].text, "pine"); /* most documents first */
    assert_string_equal(v.terms[terms[1]].text, "pino");
    assert_int_equal(search_vocabulary_by_prefix(&v, "pinott", terms, 3), 0);
    assert_int_equal(search_vocabulary_by_prefix(&v, "zz", terms, 3), 0);
    assert_int_equal(search_vocabulary_by_stem(&v, "berri", terms, 3), 2);
    assert_int_equal(search_vocabulary_find(&v, "nothing"), SEARCH_NONE);
    search_vocabulary_release(&v);
}

static char keys[4000][8];

static const char *key_of(const void *owner, uint32_t value)
{
    (void)owner;
    return keys[value];
}

static void maps_find_what_is_in_them(void **state)
{
    struct search_map map;
    (void)state;
    search_map_init(&map, key_of, NULL);
    assert_int_equal(search_map_find(&map, "1", 1), SEARCH_NONE);
    search_map_remove(&map, "1", 1);
    for (uint32_t i = 0; i < 4000; i++) {
        sprintf(keys[i], "k%u", i);
        search_map_add(&map, keys[i], strlen(keys[i]), i);
    }
    for (uint32_t i = 0; i < 4000; i += 3)
        search_map_remove(&map, keys[i], strlen(keys[i]));
    for (uint32_t i = 0; i < 4000; i++)
        assert_int_equal(search_map_find(&map, keys[i], strlen(keys[i])), i % 3 ? i : SEARCH_NONE);
    for (uint32_t i = 0; i < 4000; i += 3)
        search_map_add(&map, keys[i], strlen(keys[i]), i);
    for (uint32_t i = 0; i < 4000; i++)
        assert_int_equal(search_map_find(&map, keys[i], strlen(keys[i])), i);
    assert_int_equal(search_map_find(&map, "k12x", 3), 12); /* by length, not by NUL */
    search_map_release(&map);
}

static void stored_documents_come_back(void **state)
{
    const char *grapes[] = {"A", "B"}, *pairings[] = {"C"};
    struct search_document document = {.id = "id",
        .group_id = "group",
        .name = "Näme",
        .type = "Red",
        .grapes = grapes,
        .grape_count = 2,
        .pairings = pairings,
        .pairing_count = 1,
        .vintage = 1999,
        .price = 1LL << 40,
        .created_seq = -3,
        .version = UINT64_MAX};
    struct search_document read;
    struct search_stored_lists lists;
    struct buffer CLEANUP_BUFFER bytes = BUFFER_INIT;
    (void)state;
    search_stored_write(&bytes, &document);
    assert_true(search_stored_read(bytes.data, bytes.length, &lists, &read));
    assert_string_equal(read.id, "id");
    assert_string_equal(read.group_id, "group");
    assert_string_equal(read.name, "Näme");
    assert_string_equal(read.winery, "");
    assert_int_equal(read.grape_count, 2);
    assert_string_equal(read.grapes[1], "B");
    assert_string_equal(read.pairings[0], "C");
    assert_int_equal(read.vintage, 1999);
    assert_true(read.price == document.price && read.version == UINT64_MAX);
    /* cut anywhere, or with more behind, it is not taken */
    for (size_t i = 0; i < bytes.length; i++) {
        char *cut = malloc(i + 1);
        memcpy(cut, bytes.data, i);
        assert_false(search_stored_read(cut, i, &lists, &read));
        free(cut);
    }
    buffer_append_char(&bytes, 'x');
    assert_false(search_stored_read(bytes.data, bytes.length, &lists, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding),
        cmocka_unit_test(folding_is_cut_at_a_character),
        cmocka_unit_test(stemming),
        cmocka_unit_test(documents_have_weighted_words),
        cmocka_unit_test(the_nearest_word),
        cmocka_unit_test(words_by_prefix_and_stem),
        cmocka_unit_test(maps_find_what_is_in_them),
        cmocka_unit_test(stored_documents_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
