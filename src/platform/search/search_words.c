#include "search_words.h"

#include "search_fold_table.h"
#include "search_map.h"

#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Decodes one character of well-formed UTF-8; broken bytes count as separators. */
static uint32_t decode(const unsigned char *text, size_t left, size_t *step)
{
    unsigned char lead = text[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *step = 1;
    if (length == 1)
        return lead;
    if (length > left)
        return ' ';
    uint32_t code = lead & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return ' ';
        code = code << 6 | (text[i] & 0x3f);
    }
    *step = length;
    return code;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Outside the blocks of the table: letters of other scripts stay as they are, combining marks
 * vanish, punctuation, symbols and pictures separate. */
static bool is_mark(uint32_t code)
{
    return (code >= 0x300 && code < 0x370) || (code >= 0xfe00 && code < 0xfe10) || code == 0xad ||
           code == 0x200d;
}

static bool is_sign(uint32_t code)
{
    return code < 0xc0 || (code >= 0x2000 && code < 0x2c00) || (code >= 0x3000 && code < 0x3005) ||
           (code >= 0x3008 && code < 0x3021) || (code >= 0xe000 && code < 0xf900) ||
           (code >= 0xff00 && code < 0xff10) || code == 0xfeff || code == 0xfffd ||
           (code >= 0x1f000 && code < 0x20000) || code >= 0xe0000;
}

/* The folded bytes of a character; 0 for a separator, -1 for nothing at all. */
static int fold_one(uint32_t code, char out[8])
{
    for (size_t i = 0; i < sizeof(fold_ranges) / sizeof(*fold_ranges); i++) {
        const struct fold_range *range = &fold_ranges[i];
        if (code < range->first || code >= range->end)
            continue;
        const uint16_t *letters = range->letters[code - range->first];
        if (!letters[0])
            return 0;
        size_t length = encode(letters[0], out);
        return (int)(letters[1] ? length + encode(letters[1], out + length) : length);
    }
    if (is_mark(code))
        return -1;
    return is_sign(code) ? 0 : (int)encode(code, out);
}

static int fold_ascii(unsigned char c, char out[8])
{
    if (c >= 'A' && c <= 'Z')
        c = (unsigned char)(c + 32);
    out[0] = (char)c;
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

size_t search_fold(const char *text, size_t length, char *out, size_t size)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t at = 0, step;
    bool space = false;
    char piece[8];
    for (size_t i = 0; i < length; i += step) {
        step = 1;
        int bytes = in[i] < 0x80 ? fold_ascii(in[i], piece)
                                 : fold_one(decode(in + i, length - i, &step), piece);
        if (bytes < 0)
            continue;
        if (bytes == 0) {
            space = at > 0;
            continue;
        }
        if (at + space + (size_t)bytes >= size)
            break;
        if (space)
            out[at++] = ' ';
        space = false;
        memcpy(out + at, piece, (size_t)bytes);
        at += (size_t)bytes;
    }
    out[at] = '\0';
    return at;
}

struct sb_stemmer *search_stemmer_new(void)
{
    struct sb_stemmer *stemmer = sb_stemmer_new("english", "UTF_8");
    if (!stemmer)
        abort();
    return stemmer;
}

void search_stemmer_free(struct sb_stemmer *stemmer)
{
    if (stemmer)
        sb_stemmer_delete(stemmer);
}

void search_stem(struct sb_stemmer *stemmer, const char *word, char out[SEARCH_WORD_SIZE])
{
    size_t length = strlen(word);
    if (length < 4 || strspn(word, "abcdefghijklmnopqrstuvwxyz") != length) {
        memcpy(out, word, length + 1);
        return;
    }
    const sb_symbol *stem = sb_stemmer_stem(stemmer, (const sb_symbol *)word, (int)length);
    size_t stem_length = (size_t)sb_stemmer_length(stemmer);
    if (!stem || stem_length >= SEARCH_WORD_SIZE) {
        memcpy(out, word, length + 1);
        return;
    }
    memcpy(out, stem, stem_length);
    out[stem_length] = '\0';
}

bool search_is_stop_word(const char *word)
{
    static const char *const stop_words[] = {"a", "an", "and", "by", "for", "from", "in", "of",
        "or", "some", "the", "to", "wine", "wines", "with"};
    for (size_t i = 0; i < sizeof(stop_words) / sizeof(*stop_words); i++) {
        if (strcmp(word, stop_words[i]) == 0)
            return true;
    }
    return false;
}

/* What a field says in other words. Countries by their adjectives and short names, types by what
 * people ask a shop for. */
static const struct {
    const char *value, *words;
} also_called[] = {
    {"Argentina", "Argentinian Argentine"},
    {"Australia", "Australian Aussie"},
    {"Austria", "Austrian"},
    {"Brazil", "Brazilian"},
    {"Bulgaria", "Bulgarian"},
    {"Canada", "Canadian"},
    {"Chile", "Chilean"},
    {"China", "Chinese"},
    {"Croatia", "Croatian"},
    {"Cyprus", "Cypriot"},
    {"Czech Republic", "Czechia"},
    {"England", "English British UK"},
    {"France", "French"},
    {"Georgia", "Georgian"},
    {"Germany", "German"},
    {"Greece", "Greek"},
    {"Hungary", "Hungarian"},
    {"Israel", "Israeli"},
    {"Italy", "Italian"},
    {"Japan", "Japanese"},
    {"Lebanon", "Lebanese"},
    {"Luxembourg", "Luxembourgish"},
    {"Malta", "Maltese"},
    {"Mexico", "Mexican"},
    {"Moldova", "Moldovan"},
    {"Morocco", "Moroccan"},
    {"New Zealand", "NZ Kiwi"},
    {"Portugal", "Portuguese"},
    {"Romania", "Romanian"},
    {"Russia", "Russian"},
    {"Serbia", "Serbian"},
    {"Slovakia", "Slovak Slovakian"},
    {"Slovenia", "Slovenian Slovene"},
    {"South Africa", "South African"},
    {"Spain", "Spanish"},
    {"Switzerland", "Swiss"},
    {"Turkey", "Turkish"},
    {"Ukraine", "Ukrainian"},
    {"United Kingdom", "British English England UK"},
    {"United States", "American America USA US"},
    {"Uruguay", "Uruguayan"},
    {"Rosé", "pink rosado rosato blush"},
    {"Sparkling", "bubbly fizz bubbles"},
    {"Dessert", "sweet"},
    {"Dessert/Port", "sweet fortified"},
    {"Fortified", "port sherry"},
    {"Orange", "amber skin-contact"},
};

static const char *other_words(const char *value)
{
    for (size_t i = 0; i < sizeof(also_called) / sizeof(*also_called); i++) {
        if (strcasecmp(also_called[i].value, value) == 0)
            return also_called[i].words;
    }
    return NULL;
}

void search_words_init(struct search_words *words)
{
    words->items = malloc(SEARCH_DOCUMENT_WORDS * sizeof(*words->items));
    words->count = 0;
    if (!words->items)
        abort();
}

void search_words_release(struct search_words *words)
{
    free(words->items);
    words->items = NULL;
}

static void add_word(struct search_words *words, const char *text, size_t length, uint32_t weight)
{
    if (length >= SEARCH_WORD_SIZE) {
        length = SEARCH_WORD_SIZE - 1;
        while (((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    uint32_t hash = search_hash(text, length);
    for (size_t i = 0; i < words->count; i++) {
        struct search_word *word = &words->items[i];
        if (word->hash != hash || strncmp(word->text, text, length) != 0 || word->text[length])
            continue;
        word->weight += weight;
        if (word->weight > SEARCH_MAX_WEIGHT)
            word->weight = SEARCH_MAX_WEIGHT;
        return;
    }
    if (words->count == SEARCH_DOCUMENT_WORDS)
        return;
    struct search_word *word = &words->items[words->count++];
    memcpy(word->text, text, length);
    word->text[length] = '\0';
    word->hash = hash;
    word->weight = weight;
}

/* In a short field each word says more: `share` is divided among the words. */
static void add_field(struct search_words *words, const char *text, uint32_t weight, uint32_t share)
{
    if (!text || !*text)
        return;
    size_t length = strlen(text);
    char small[512];
    char *folded = length * 2 < sizeof(small) ? small : malloc(length * 2 + 1);
    if (!folded)
        abort();
    search_fold(text, length, folded, length * 2 + 1);
    uint32_t count = *folded != '\0';
    for (const char *c = folded; share && *c; c++)
        count += *c == ' ';
    if (share)
        weight += share / (count ? count : 1);
    for (const char *word = folded; *word;) {
        const char *end = strchrnul(word, ' ');
        add_word(words, word, (size_t)(end - word), weight);
        word = *end ? end + 1 : end;
    }
    if (folded != small)
        free(folded);
}

void search_words_of(struct search_words *words, const struct search_document *document)
{
    words->count = 0;
    add_field(words, document->name, 100, 60);
    add_field(words, document->winery, 80, 40);
    for (size_t i = 0; i < document->grape_count; i++)
        add_field(words, document->grapes[i], 60, i == 0 ? 20 : 0);
    add_field(words, document->region, 60, 20);
    add_field(words, document->appellation, 60, 20);
    add_field(words, document->country, 50, 0);
    add_field(words, document->type, 50, 0);
    if (document->country)
        add_field(words, other_words(document->country), 50, 0);
    if (document->type)
        add_field(words, other_words(document->type), 50, 0);
    if (document->vintage) {
        char year[16];
        snprintf(year, sizeof(year), "%d", document->vintage);
        add_field(words, year, 50, 0);
    }
    for (size_t i = 0; i < document->pairing_count; i++)
        add_field(words, document->pairings[i], 25, 0);
    add_field(words, document->notes, 12, 0);
}
