/* A JSON body: what the strict reader takes the reader in place takes too, and both find the same
 * in it. */
#include "fuzz.h"

#include "arena.h"
#include "json.h"
#include "json_view.h"

#include <string.h>

static void check_same(struct arena *arena, const json_t *value, struct json_view view);

static void check_object(struct arena *arena, const json_t *object, struct json_view view)
{
    const char *name;
    json_t *member;
    demand(json_view_kind(view) == JSON_KIND_OBJECT);
    demand(json_view_count(view) == json_object_size(object));
    json_object_foreach((json_t *)object, name, member)
    {
        struct json_view found = json_view_get(view, name);
        /* The view compares names as they are written: an escaped one is not found. */
        if (json_view_kind(found) != JSON_MISSING)
            check_same(arena, member, found);
    }
}

static void check_array(struct arena *arena, const json_t *array, struct json_view view)
{
    size_t index;
    json_t *element;
    struct json_view at = json_view_first(view);
    demand(json_view_kind(view) == JSON_KIND_ARRAY);
    demand(json_view_count(view) == json_array_size(array));
    json_array_foreach(array, index, element)
    {
        check_same(arena, element, at);
        at = json_view_next(at);
    }
    demand(json_view_kind(at) == JSON_MISSING);
}

static void check_same(struct arena *arena, const json_t *value, struct json_view view)
{
    size_t length;
    demand(json_view_raw(view, &length) && length > 0);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        check_object(arena, value, view);
        break;
    case JSON_ARRAY:
        check_array(arena, value, view);
        break;
    case JSON_STRING:
        demand(strcmp(json_view_text(view, arena, "?"), json_string_value(value)) == 0);
        break;
    case JSON_INTEGER:
        demand(json_view_int(view, ~json_integer_value(value)) == json_integer_value(value));
        break;
    case JSON_REAL:
        demand(json_view_number(view, -1) == json_real_value(value));
        break;
    case JSON_TRUE:
        demand(json_view_kind(view) == JSON_KIND_TRUE);
        break;
    case JSON_FALSE:
        demand(json_view_kind(view) == JSON_KIND_FALSE);
        break;
    case JSON_NULL:
        demand(json_view_kind(view) == JSON_KIND_NULL);
        break;
    }
}

/* What is read and written reads as the same. */
static void check_written(struct arena *arena, const json_t *value)
{
    const char *text = json_text(arena, value);
    CLEANUP_JSON json_t *again = NULL;
    demand(json_read(text, strlen(text), &again, NULL) == 0);
    demand(json_equal((json_t *)value, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct arena *arena = arena_new();
    struct error error = {0};
    struct json_view view;
    CLEANUP_JSON json_t *value = NULL;
    int rc = json_view_read(text, size, arena, &view, &error);
    demand(rc == 0 || strcmp(error.reason, "malformed_json") == 0);
    if (json_read_object(text, size, &value, &error) == 0) {
        demand(rc == 0);
        check_same(arena, value, view);
        check_written(arena, value);
    } else {
        demand(strcmp(error.reason, "malformed_json") == 0);
    }
    arena_free(arena);
    return 0;
}
