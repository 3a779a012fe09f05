/* From what was typed to matches: which words of the vocabulary each typed word may stand for, and
 * how much each is worth. Nothing typed ever reaches an engine but as a term's number. */
#include "arena.h"
#include "buffer.h"
#include "search_embedded.h"
#include "text.h"

#include <string.h>

/* What a posting is worth by how the word was found, of 256. */
enum {
    EXACT = 256,
    SAME_STEM = 224,
    PREFIX_LEAST = 120,
    PREFIX_MOST = 208,
    ONE_ERROR = 128,
    TWO_ERRORS = 80,
};

enum {
    MAX_STEM_TERMS = 16,
    MAX_PREFIX_TERMS = 32,
    MAX_NEAR_TERMS = 4,
    WHOLE_NAME = 200, /* added when the words are the name of the wine */
    SKU = 4000,
};

int search_text_read(const char *q, bool whole_words, struct search_text *text, struct error *error)
{
    char folded[SEARCH_MAX_Q_LENGTH * 8 + 1];
    *text = (struct search_text){.typed = q};
    size_t length = strlen(q);
    search_fold(q, length, folded, sizeof(folded));
    for (const char *word = folded; *word;) {
        const char *end = strchrnul(word, ' ');
        if (text->count == SEARCH_MAX_WORDS)
            return error_set(error, ERROR_INVALID, "invalid_field", "q",
                "Search for at most %d words.", SEARCH_MAX_WORDS);
        size_t size = (size_t)(end - word);
        if (size >= SEARCH_WORD_SIZE) {
            size = SEARCH_WORD_SIZE - 1;
            while (((unsigned char)word[size] & 0xc0) == 0x80)
                size--;
        }
        memcpy(text->words[text->count], word, size);
        text->words[text->count++][size] = '\0';
        word = *end ? end + 1 : end;
    }
    /* A space behind the last word says that it is complete. */
    text->prefix = !whole_words && length && q[length - 1] != ' ';
    return 0;
}

struct matching {
    struct search_embedded *embedded;
    struct search_scratch *scratch;
    uint32_t word; /* from 1 */
    uint32_t found;
};

static void scan(struct matching *matching, uint32_t term, uint32_t quality)
{
    matching->found++;
    matching->embedded->postings->scan(
        matching->embedded, matching->scratch, term, matching->word, quality);
}

static void match_stem(struct matching *matching, const char *word, uint32_t exact)
{
    const struct search_vocabulary *vocabulary = &matching->embedded->vocabulary;
    char stem[SEARCH_WORD_SIZE];
    uint32_t terms[MAX_STEM_TERMS];
    search_stem(matching->scratch->stemmer, word, stem);
    size_t count = search_vocabulary_by_stem(vocabulary, stem, terms, MAX_STEM_TERMS);
    for (size_t i = 0; i < count; i++) {
        if (terms[i] != exact)
            scan(matching, terms[i], SAME_STEM);
    }
}

static void match_prefix(struct matching *matching, const char *word, uint32_t exact)
{
    const struct search_vocabulary *vocabulary = &matching->embedded->vocabulary;
    uint32_t terms[MAX_PREFIX_TERMS];
    size_t length = strlen(word);
    size_t count = search_vocabulary_by_prefix(vocabulary, word, terms, MAX_PREFIX_TERMS);
    for (size_t i = 0; i < count; i++) {
        size_t whole = strlen(vocabulary->terms[terms[i]].text);
        if (terms[i] != exact)
            scan(matching, terms[i],
                PREFIX_LEAST + (uint32_t)((PREFIX_MOST - PREFIX_LEAST) * length / whole));
    }
}

/* The best replacement of a word that nothing has, or NULL. */
static const char *match_nearest(struct matching *matching, const char *word, bool prefix)
{
    const struct search_vocabulary *vocabulary = &matching->embedded->vocabulary;
    uint32_t terms[MAX_NEAR_TERMS];
    unsigned errors = 0;
    size_t count =
        search_vocabulary_nearest(vocabulary, word, false, terms, MAX_NEAR_TERMS, &errors);
    if (!count && prefix)
        count = search_vocabulary_nearest(vocabulary, word, true, terms, MAX_NEAR_TERMS, &errors);
    for (size_t i = 0; i < count; i++)
        scan(matching, terms[i], errors < 2 ? ONE_ERROR : TWO_ERRORS);
    return count ? vocabulary->terms[terms[0]].text : NULL;
}

/* Matches one word in every way. Returns what was searched for. */
static const char *match_word(struct matching *matching, const char *word, bool prefix)
{
    uint32_t exact = search_vocabulary_find(&matching->embedded->vocabulary, word);
    if (exact != SEARCH_NONE)
        scan(matching, exact, EXACT);
    match_stem(matching, word, exact);
    if (prefix || (!matching->found && strlen(word) >= 3))
        match_prefix(matching, word, exact);
    if (matching->found)
        return word;
    const char *nearest = match_nearest(matching, word, prefix);
    return nearest ? nearest : word;
}

/* The name of the wine itself, word by word, comes before names that only contain the words. */
static void favour_whole_names(
    struct search_embedded *embedded, struct search_scratch *scratch, const struct buffer *words)
{
    uint32_t hash = search_hash(words->data, words->length);
    for (uint32_t i = 0; i < scratch->matched_count; i++) {
        if (embedded->columns.texts[scratch->matched[i]].name_hash == hash)
            scratch->matches[scratch->matched[i]].total += WHOLE_NAME;
    }
}

static void match_sku(struct search_embedded *embedded, struct search_scratch *scratch,
    struct arena *arena, const struct search_text *text)
{
    char *sku = text_lower(arena, text_trim(arena, text->typed));
    uint32_t wine = search_map_find(&embedded->columns.by_sku, sku, strlen(sku));
    if (wine == SEARCH_NONE)
        return;
    for (uint32_t word = 1; word <= scratch->words; word++)
        search_scratch_match(scratch, wine, (uint32_t)text->count + word, SKU);
}

static bool any_has_all_words(const struct search_scratch *scratch)
{
    for (uint32_t i = 0; i < scratch->matched_count; i++) {
        if (scratch->matches[scratch->matched[i]].words >= scratch->words)
            return true;
    }
    return false;
}

bool search_match_text(struct search_embedded *embedded, struct search_scratch *scratch,
    struct arena *arena, const struct search_text *text, const char **corrected)
{
    struct matching matching = {.embedded = embedded, .scratch = scratch};
    struct buffer CLEANUP_BUFFER words = BUFFER_INIT;
    bool meaning = false, changed = false;
    for (size_t i = 0; i < text->count; i++)
        meaning = meaning || !search_is_stop_word(text->words[i]);

    search_scratch_begin(scratch, &embedded->columns);
    for (size_t i = 0; i < text->count; i++) {
        const char *word = text->words[i];
        bool searched = !meaning || !search_is_stop_word(word);
        if (searched) {
            matching.word++;
            matching.found = 0;
            const char *used = match_word(&matching, word, text->prefix && i + 1 == text->count);
            changed = changed || used != word;
            word = used;
        }
        if (words.length)
            buffer_append_char(&words, ' ');
        buffer_append_text(&words, word);
    }
    scratch->words = matching.word;
    match_sku(embedded, scratch, arena, text);
    if (words.length)
        favour_whole_names(embedded, scratch, &words);
    bool all = any_has_all_words(scratch);
    if (!all)
        scratch->words = 1;
    *corrected = changed ? arena_strndup(arena, words.data, words.length) : NULL;
    return all;
}
