/* The place in a list that a client sends back. The input is taken for a cursor, and for a place
 * that is written as one. */
#include "fuzz.h"

#include "arena.h"
#include "search_cursor.h"

#include <string.h>

static void check_read(struct arena *arena, const char *cursor, enum search_sort sort, bool text)
{
    struct search_place place, again;
    struct error error = {0};
    if (search_cursor_read(cursor, sort, text, &place, &error) < 0) {
        demand(error.code == ERROR_INVALID && strcmp(error.field, "cursor") == 0);
        return;
    }
    demand(memchr(place.name_key, '\0', sizeof(place.name_key)) != NULL);
    demand(memchr(place.id, '\0', sizeof(place.id)) != NULL);
    const char *written = search_cursor_write(arena, sort, text, &place);
    demand(search_cursor_read(written, sort, text, &again, &error) == 0);
    demand(again.primary == place.primary && strcmp(again.id, place.id) == 0 &&
           strcmp(again.name_key, place.name_key) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct search_place place = {0};
    const char *cursor = arena_strndup(arena, (const char *)data, size);
    for (int sort = 0; sort < 8; sort++)
        check_read(arena, cursor, (enum search_sort)(sort % 6), sort % 2);
    for (size_t i = 0; i < 8 && i < size; i++)
        place.primary = (int64_t)((uint64_t)place.primary << 8 | data[i]);
    snprintf(place.name_key, sizeof(place.name_key), "%s", cursor);
    snprintf(place.id, sizeof(place.id), "%s", cursor + strlen(cursor) / 2);
    if (*place.id)
        check_read(arena, search_cursor_write(arena, 0, true, &place), 0, true);
    arena_free(arena);
    return 0;
}
