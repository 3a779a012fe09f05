/*
 * JSON read in place (RFC 8259), for what services tell each other in large numbers: one pass makes
 * a flat list of tokens in an arena, and views point into it; no tree, no allocation per value. As
 * strict as json.h (UTF-8 without NUL, nesting at most JSON_MAX_DEPTH, no trailing text) but for
 * doubled keys: the first one counts.
 *
 * A view is a small value to copy. Getters take a view of any kind, missing ones too, so that a
 * path can be followed without a check at each step. Views live as long as text and arena.
 */
#ifndef BASE_JSON_VIEW_H
#define BASE_JSON_VIEW_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum json_kind {
    JSON_MISSING,
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_NUMBER,
    JSON_KIND_TEXT,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

struct json_token;

struct json_view {
    const char *text;
    const struct json_token *token; /* NULL: missing */
    const struct json_token *end;   /* of the array or object it was found in */
};

/* The outermost value must be an object; under 4 GiB. ERROR_INVALID with reason "malformed_json"
 * and where it is. */
int json_view_read(const char *text, size_t length, struct arena *arena, struct json_view *view,
    struct error *error);

enum json_kind json_view_kind(struct json_view view);

/* An object's member; missing if there is none or it is no object. */
struct json_view json_view_get(struct json_view object, const char *name);

/* How many elements or members; 0 for other kinds. */
size_t json_view_count(struct json_view array);

/* The array's first element, and the one after an element; missing at the end. */
struct json_view json_view_first(struct json_view array);
struct json_view json_view_next(struct json_view element);

/* The text in the arena, escapes resolved, NUL-terminated; `fallback` for other kinds. */
const char *json_view_text(struct json_view view, struct arena *arena, const char *fallback);

/* Whether it is a text of exactly these characters; false if it holds escapes. */
bool json_view_is(struct json_view view, const char *text);

/* An integer within int64_t, written without fraction and exponent; `fallback` for all else. */
int64_t json_view_int(struct json_view view, int64_t fallback);

/* Any finite number. */
double json_view_number(struct json_view view, double fallback);

/* The value as it stands in the text, quotes and brackets included. */
const char *json_view_raw(struct json_view view, size_t *length);

#endif
