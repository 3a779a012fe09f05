#include "search_cursor.h"

#include "arena.h"
#include "text.h"

#include <sodium.h>
#include <string.h>

/* version, order, primary (8, big-endian), name length, name, id length, id, check (4) */
enum {
    VERSION = 1,
    FIXED = 12,
    CHECK = 4,
    MAX_BYTES = FIXED + SEARCH_NAME_KEY + ID_SIZE + CHECK,
    MAX_TEXT = (MAX_BYTES * 4 + 2) / 3 + 1,
};

static uint32_t check_of(const unsigned char *bytes, size_t length)
{
    return search_hash((const char *)bytes, length) ^ 0x77696e65u;
}

const char *search_cursor_write(
    struct arena *arena, enum search_sort sort, bool text, const struct search_place *place)
{
    unsigned char bytes[MAX_BYTES];
    size_t at = 0, name = strlen(place->name_key), id = strlen(place->id);
    bytes[at++] = VERSION;
    bytes[at++] = (unsigned char)(sort << 1 | text);
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes[at++] = (unsigned char)((uint64_t)place->primary >> shift);
    bytes[at++] = (unsigned char)name;
    memcpy(bytes + at, place->name_key, name);
    at += name;
    bytes[at++] = (unsigned char)id;
    memcpy(bytes + at, place->id, id);
    at += id;
    uint32_t check = check_of(bytes, at);
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes[at++] = (unsigned char)(check >> shift);
    char *cursor = arena_alloc(arena, MAX_TEXT);
    return sodium_bin2base64(cursor, MAX_TEXT, bytes, at, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int broken(struct error *error)
{
    return error_set(error, ERROR_INVALID, "invalid_field", "cursor",
        "This cursor is broken. Take next_cursor of the page before, or leave it out.");
}

/* Takes a counted text of at most `max` bytes. */
static bool take_text(const unsigned char *bytes, size_t length, size_t *at, char *text, size_t max)
{
    if (*at >= length)
        return false;
    size_t size = bytes[(*at)++];
    if (size > max || size > length - *at || memchr(bytes + *at, '\0', size))
        return false;
    memset(text, 0, max + 1);
    memcpy(text, bytes + *at, size);
    *at += size;
    return true;
}

int search_cursor_read(const char *cursor, enum search_sort sort, bool text,
    struct search_place *place, struct error *error)
{
    unsigned char bytes[MAX_BYTES];
    size_t length;
    size_t text_length = strnlen(cursor, MAX_TEXT);
    if (text_length == MAX_TEXT ||
        sodium_base642bin(bytes, sizeof(bytes), cursor, text_length, NULL, &length, NULL,
            sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length < FIXED + CHECK || bytes[0] != VERSION)
        return broken(error);
    length -= CHECK;
    uint32_t check = 0;
    for (size_t i = 0; i < CHECK; i++)
        check = check << 8 | bytes[length + i];
    if (check != check_of(bytes, length))
        return broken(error);
    uint64_t primary = 0;
    for (size_t i = 0; i < 8; i++)
        primary = primary << 8 | bytes[2 + i];
    struct search_place found = {.primary = (int64_t)primary};
    size_t at = 10;
    if (!take_text(bytes, length, &at, found.name_key, SEARCH_NAME_KEY) ||
        !take_text(bytes, length, &at, found.id, ID_LENGTH) || at != length)
        return broken(error);
    if (bytes[1] != (unsigned char)(sort << 1 | text))
        return error_set(error, ERROR_INVALID, "invalid_field", "cursor",
            "This cursor belongs to another order. Begin again at the first page.");
    *place = found;
    return 0;
}
