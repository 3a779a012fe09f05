#include "search_words.h"

#include "search_fold_table.h"
#include "search_map.h"

#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What people also call what a field says: countries by their adjectives and short names, regions
 * by their English names, grapes by their other names, types by what one asks a shop for. All
 * folded; the key may be some of the field's words. */
static const struct {
    const char *key, *words;
} also_called[] = {
    {"albarino", "alvarinho"},
    {"alvarinho", "albarino"},
    {"andalucia", "andalusia"},
    {"aragonez", "tempranillo"},
    {"argentina", "argentinian argentine"},
    {"australia", "australian aussie"},
    {"austria", "austrian"},
    {"bourgogne", "burgundy"},
    {"brazil", "brazilian"},
    {"bulgaria", "bulgarian"},
    {"burgundy", "bourgogne"},
    {"canada", "canadian"},
    {"cannonau", "grenache garnacha"},
    {"carignan", "carinena mazuelo"},
    {"carinena", "carignan"},
    {"castilla", "castile"},
    {"cataluna", "catalonia"},
    {"catalunya", "catalonia"},
    {"chile", "chilean"},
    {"china", "chinese"},
    {"corse", "corsica"},
    {"croatia", "croatian"},
    {"cyprus", "cypriot"},
    {"czech republic", "czechia"},
    {"dessert", "sweet"},
    {"england", "english british uk"},
    {"fortified", "port sherry"},
    {"france", "french"},
    {"garnacha", "grenache"},
    {"georgia", "georgian"},
    {"germany", "german"},
    {"glera", "prosecco"},
    {"grauburgunder", "pinot gris grigio"},
    {"greece", "greek"},
    {"grenache", "garnacha cannonau"},
    {"hungary", "hungarian"},
    {"israel", "israeli"},
    {"italy", "italian"},
    {"japan", "japanese"},
    {"jerez", "sherry"},
    {"lebanon", "lebanese"},
    {"lombardia", "lombardy"},
    {"luxembourg", "luxembourgish"},
    {"macabeo", "viura"},
    {"malbec", "cot"},
    {"malta", "maltese"},
    {"mexico", "mexican"},
    {"moldova", "moldovan"},
    {"monastrell", "mourvedre mataro"},
    {"morocco", "moroccan"},
    {"moscatel", "muscat moscato"},
    {"moscato", "muscat"},
    {"mourvedre", "monastrell mataro"},
    {"muscat", "moscato moscatel"},
    {"new zealand", "nz kiwi"},
    {"orange", "amber"},
    {"pfalz", "palatinate"},
    {"piedmont", "piemonte"},
    {"piemonte", "piedmont"},
    {"pinot blanc", "bianco"},
    {"pinot grigio", "gris"},
    {"pinot gris", "grigio"},
    {"porto", "port"},
    {"portugal", "portuguese"},
    {"primitivo", "zinfandel"},
    {"puglia", "apulia"},
    {"rheinhessen", "rhine hesse"},
    {"rolle", "vermentino"},
    {"romania", "romanian"},
    {"rose", "pink rosado rosato blush"},
    {"russia", "russian"},
    {"sardegna", "sardinia"},
    {"serbia", "serbian"},
    {"shiraz", "syrah"},
    {"sicilia", "sicily"},
    {"sicily", "sicilia"},
    {"slovakia", "slovak slovakian"},
    {"slovenia", "slovenian slovene"},
    {"south africa", "south african"},
    {"spain", "spanish"},
    {"sparkling", "bubbly fizz bubbles"},
    {"spatburgunder", "pinot noir"},
    {"switzerland", "swiss"},
    {"syrah", "shiraz"},
    {"tempranillo", "tinta roriz aragonez"},
    {"tinta roriz", "tempranillo"},
    {"toscana", "tuscany"},
    {"trebbiano", "ugni blanc"},
    {"turkey", "turkish"},
    {"tuscany", "toscana"},
    {"ugni blanc", "trebbiano"},
    {"ukraine", "ukrainian"},
    {"united kingdom", "british english england uk"},
    {"united states", "american america usa us"},
    {"uruguay", "uruguayan"},
    {"vermentino", "rolle"},
    {"viura", "macabeo"},
    {"weissburgunder", "pinot blanc bianco"},
    {"zinfandel", "primitivo"},
};

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

static void add_text(struct search_words *words, const char *folded, uint32_t weight)
{
    while (*folded) {
        const char *end = strchrnul(folded, ' ');
        add_word(words, folded, (size_t)(end - folded), weight);
        folded = *end ? end + 1 : end;
    }
}

/* Whether the folded text has the words of the key at this place, whole. */
static bool has_key_at(const char *place, const char *key)
{
    size_t length = strlen(key);
    return strncmp(place, key, length) == 0 && (place[length] == ' ' || place[length] == '\0');
}

static void add_other_names(struct search_words *words, const char *folded, uint32_t weight)
{
    for (const char *place = folded; *place;) {
        for (size_t i = 0; i < sizeof(also_called) / sizeof(*also_called); i++) {
            if (also_called[i].key[0] == *place && has_key_at(place, also_called[i].key))
                add_text(words, also_called[i].words, weight);
        }
        const char *end = strchrnul(place, ' ');
        place = *end ? end + 1 : end;
    }
}

struct field {
    uint32_t weight; /* of each word */
    uint32_t share;  /* divided among the words: in a short field each says more */
    bool other_names;
};

static void add_field(struct search_words *words, const char *text, struct field field)
{
    if (!text || !*text)
        return;
    size_t length = strlen(text);
    char small[512];
    char *folded = length * 2 < sizeof(small) ? small : malloc(length * 2 + 1);
    if (!folded)
        abort();
    search_fold(text, length, folded, length * 2 + 1);
    uint32_t count = 1;
    for (const char *c = folded; *c; c++)
        count += *c == ' ';
    add_text(words, folded, field.weight + field.share / count);
    if (field.other_names)
        add_other_names(words, folded, field.weight);
    if (folded != small)
        free(folded);
}

void search_words_of(struct search_words *words, const struct search_document *document)
{
    static const struct field name = {100, 60, false}, winery = {80, 40, false},
                              grape = {60, 20, true}, place = {60, 20, true}, broad = {50, 0, true},
                              pairing = {25, 0, false}, notes = {12, 0, false};
    words->count = 0;
    add_field(words, document->name, name);
    add_field(words, document->winery, winery);
    for (size_t i = 0; i < document->grape_count; i++)
        add_field(words, document->grapes[i], grape);
    add_field(words, document->region, place);
    add_field(words, document->appellation, place);
    add_field(words, document->country, broad);
    add_field(words, document->type, broad);
    if (document->vintage) {
        char year[16];
        snprintf(year, sizeof(year), "%d", document->vintage);
        add_field(words, year, broad);
    }
    for (size_t i = 0; i < document->pairing_count; i++)
        add_field(words, document->pairings[i], pairing);
    add_field(words, document->notes, notes);
}
