#include "search_vocabulary.h"

#include "arena.h"
#include "search_words.h"

#include <stdlib.h>
#include <string.h>

static const char *term_key(const void *owner, uint32_t value)
{
    return ((const struct search_vocabulary *)owner)->terms[value].text;
}

static const char *stem_key(const void *owner, uint32_t value)
{
    return ((const struct search_vocabulary *)owner)->stems[value];
}

void search_vocabulary_init(struct search_vocabulary *vocabulary)
{
    *vocabulary = (struct search_vocabulary){
        .arena = arena_new(),
        .stemmer = search_stemmer_new(),
    };
    search_map_init(&vocabulary->by_text, term_key, vocabulary);
    search_map_init(&vocabulary->by_stem, stem_key, vocabulary);
}

void search_vocabulary_release(struct search_vocabulary *vocabulary)
{
    free(vocabulary->terms);
    free(vocabulary->letters);
    free(vocabulary->lengths);
    free(vocabulary->sorted);
    free(vocabulary->stems);
    free(vocabulary->first_of_stem);
    search_map_release(&vocabulary->by_text);
    search_map_release(&vocabulary->by_stem);
    arena_free(vocabulary->arena);
    search_stemmer_free(vocabulary->stemmer);
}

/* What spelling is compared by: as it sounds, roughly, in the languages of wine. Doubled letters
 * once, no h, "gn", "ny" and "nh" are n, "ph" is f, and letters that are taken for one another are
 * one letter. "Chardonnay" is "cardonai", "savinyon" differs from "Sauvignon" by one letter. */
static size_t spell(const char *word, char out[SEARCH_WORD_SIZE])
{
    size_t length = 0;
    for (; *word && length < SEARCH_WORD_SIZE - 1; word++) {
        char c = *word, next = word[1];
        if (c == 'h' || (c == 'g' && next == 'n'))
            continue;
        if (c == 'p' && next == 'h') {
            c = 'f';
        } else if (c == 'n' && next == 'y' && strchr("aeiou", word[2]) && word[2]) {
            word++;
        } else {
            static const char from[] = "ykqzw", to[] = "iccsv";
            const char *same = strchr(from, c);
            c = same ? to[same - from] : c;
        }
        if (length == 0 || out[length - 1] != c)
            out[length++] = c;
    }
    out[length] = '\0';
    return length;
}

/* A bit per letter; digits and other bytes share the rest. */
static uint32_t letters_of(const char *word)
{
    uint32_t letters = 0;
    for (; *word; word++) {
        unsigned char c = (unsigned char)*word;
        letters |= 1u << (c >= 'a' && c <= 'z' ? c - 'a' : 26 + c % 6);
    }
    return letters;
}

static void *grown(void *array, size_t count, size_t size)
{
    void *larger = reallocarray(array, count, size);
    if (!larger)
        abort();
    return larger;
}

static uint32_t add_stem(struct search_vocabulary *vocabulary, const char *word)
{
    char stem[SEARCH_WORD_SIZE];
    search_stem(vocabulary->stemmer, word, stem);
    size_t length = strlen(stem);
    uint32_t number = search_map_find(&vocabulary->by_stem, stem, length);
    if (number != SEARCH_NONE)
        return number;
    if (vocabulary->stem_count == vocabulary->stem_capacity) {
        size_t capacity = vocabulary->stem_capacity ? vocabulary->stem_capacity * 2 : 256;
        vocabulary->stems = grown(vocabulary->stems, capacity, sizeof(*vocabulary->stems));
        vocabulary->first_of_stem =
            grown(vocabulary->first_of_stem, capacity, sizeof(*vocabulary->first_of_stem));
        vocabulary->stem_capacity = capacity;
    }
    number = (uint32_t)vocabulary->stem_count++;
    vocabulary->stems[number] = arena_strndup(vocabulary->arena, stem, length);
    vocabulary->first_of_stem[number] = SEARCH_NONE;
    search_map_add(&vocabulary->by_stem, stem, length, number);
    return number;
}

/* Where `word` is, or would be, among the sorted. */
static size_t lower_bound(const struct search_vocabulary *vocabulary, const char *word)
{
    size_t low = 0, high = vocabulary->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(vocabulary->terms[vocabulary->sorted[middle]].text, word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(struct search_vocabulary *vocabulary)
{
    if (vocabulary->count < vocabulary->capacity)
        return;
    size_t capacity = vocabulary->capacity ? vocabulary->capacity * 2 : 256;
    vocabulary->terms = grown(vocabulary->terms, capacity, sizeof(*vocabulary->terms));
    vocabulary->letters = grown(vocabulary->letters, capacity, sizeof(*vocabulary->letters));
    vocabulary->lengths = grown(vocabulary->lengths, capacity, sizeof(*vocabulary->lengths));
    vocabulary->sorted = grown(vocabulary->sorted, capacity, sizeof(*vocabulary->sorted));
    vocabulary->capacity = capacity;
}

uint32_t search_vocabulary_add(struct search_vocabulary *vocabulary, const char *word)
{
    size_t length = strlen(word);
    uint32_t found = search_map_find(&vocabulary->by_text, word, length);
    if (found != SEARCH_NONE)
        return found;
    make_room(vocabulary);
    uint32_t number = (uint32_t)vocabulary->count;
    size_t at = lower_bound(vocabulary, word);
    uint32_t stem = add_stem(vocabulary, word);
    char spelling[SEARCH_WORD_SIZE];
    vocabulary->lengths[number] = (uint8_t)spell(word, spelling);
    vocabulary->letters[number] = letters_of(spelling);
    vocabulary->terms[number] = (struct search_term){
        .text = arena_strndup(vocabulary->arena, word, length),
        .stem = stem,
        .next_of_stem = vocabulary->first_of_stem[stem],
    };
    vocabulary->first_of_stem[stem] = number;
    memmove(vocabulary->sorted + at + 1, vocabulary->sorted + at,
        (vocabulary->count - at) * sizeof(*vocabulary->sorted));
    vocabulary->sorted[at] = number;
    vocabulary->count++;
    search_map_add(&vocabulary->by_text, word, length, number);
    return number;
}

uint32_t search_vocabulary_find(const struct search_vocabulary *vocabulary, const char *word)
{
    uint32_t found = search_map_find(&vocabulary->by_text, word, strlen(word));
    return found != SEARCH_NONE && vocabulary->terms[found].documents ? found : SEARCH_NONE;
}

size_t search_vocabulary_by_stem(
    const struct search_vocabulary *vocabulary, const char *stem, uint32_t *terms, size_t max)
{
    uint32_t number = search_map_find(&vocabulary->by_stem, stem, strlen(stem));
    if (number == SEARCH_NONE)
        return 0;
    size_t count = 0;
    for (uint32_t term = vocabulary->first_of_stem[number]; term != SEARCH_NONE && count < max;
         term = vocabulary->terms[term].next_of_stem) {
        if (vocabulary->terms[term].documents)
            terms[count++] = term;
    }
    return count;
}

/* Whether `a` comes before `b`: more documents, then by alphabet, so that the order does not hang
 * on the numbers. */
static bool more_frequent(const struct search_term *a, const struct search_term *b)
{
    return a->documents != b->documents ? a->documents > b->documents
                                        : strcmp(a->text, b->text) < 0;
}

/* Keeps the `max` terms of most documents, most first. */
static size_t keep_frequent(const struct search_vocabulary *vocabulary, uint32_t *kept,
    size_t count, size_t max, uint32_t term)
{
    const struct search_term *terms = vocabulary->terms;
    if (count == max && !more_frequent(&terms[term], &terms[kept[max - 1]]))
        return count;
    size_t at = count < max ? count++ : max - 1;
    for (; at > 0 && more_frequent(&terms[term], &terms[kept[at - 1]]); at--)
        kept[at] = kept[at - 1];
    kept[at] = term;
    return count;
}

size_t search_vocabulary_by_prefix(
    const struct search_vocabulary *vocabulary, const char *prefix, uint32_t *terms, size_t max)
{
    size_t length = strlen(prefix), count = 0;
    for (size_t at = lower_bound(vocabulary, prefix); at < vocabulary->count; at++) {
        uint32_t term = vocabulary->sorted[at];
        if (strncmp(vocabulary->terms[term].text, prefix, length) != 0)
            break;
        if (vocabulary->terms[term].documents)
            count = keep_frequent(vocabulary, terms, count, max, term);
    }
    return count;
}

/* Optimal string alignment distance, at most `limit`, else limit + 1. With `prefix` the least
 * distance of `word` to any beginning of `other`. */
static unsigned distance(const char *word, size_t length, const char *other, size_t other_length,
    bool prefix, unsigned limit)
{
    uint8_t rows[3][SEARCH_WORD_SIZE + 1];
    uint8_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t i = 0; i <= length; i++)
        last[i] = (uint8_t)i;
    unsigned best = prefix ? (unsigned)length : limit + 1;
    for (size_t j = 1; j <= other_length; j++) {
        unsigned least = row[0] = (uint8_t)j;
        for (size_t i = 1; i <= length; i++) {
            unsigned cell = last[i - 1] + (word[i - 1] != other[j - 1]);
            if (last[i] + 1u < cell)
                cell = last[i] + 1u;
            if (row[i - 1] + 1u < cell)
                cell = row[i - 1] + 1u;
            if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1] &&
                before[i - 2] + 1u < cell)
                cell = before[i - 2] + 1u;
            row[i] = (uint8_t)cell;
            if (cell < least)
                least = cell;
        }
        if (prefix && row[length] < best)
            best = row[length];
        if (least > limit && last[length] > limit)
            break;
        uint8_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    if (!prefix)
        best = last[length];
    return best > limit ? limit + 1 : best;
}

size_t search_vocabulary_nearest(const struct search_vocabulary *vocabulary, const char *word,
    bool prefix, uint32_t *terms, size_t max, unsigned *errors)
{
    char spelling[SEARCH_WORD_SIZE], other[SEARCH_WORD_SIZE];
    size_t length = spell(word, spelling);
    if (strlen(word) < (prefix ? 5 : 4) || length < 3 || strpbrk(word, "0123456789"))
        return 0;
    unsigned limit = strlen(word) < (prefix ? 8 : 6) ? 1 : 2;
    uint32_t letters = letters_of(spelling);
    size_t count = 0;
    for (uint32_t term = 0; term < vocabulary->count; term++) {
        /* A letter that the other has not costs an error: this leaves few to compare in full. */
        if ((unsigned)__builtin_popcount(letters & ~vocabulary->letters[term]) > limit ||
            vocabulary->lengths[term] + limit < length || !vocabulary->terms[term].documents)
            continue;
        if (prefix && vocabulary->terms[term].text[0] != word[0])
            continue;
        if (!prefix &&
            (vocabulary->lengths[term] > length + limit ||
                (unsigned)__builtin_popcount(vocabulary->letters[term] & ~letters) > limit))
            continue;
        size_t other_length = spell(vocabulary->terms[term].text, other);
        unsigned errors_here = distance(spelling, length, other, other_length, prefix, limit);
        if (errors_here > limit)
            continue;
        if (errors_here < limit)
            count = 0; /* those before were farther */
        limit = errors_here;
        count = keep_frequent(vocabulary, terms, count, max, term);
    }
    *errors = limit;
    return count;
}
