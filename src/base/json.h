/*
 * Strict JSON in (RFC 8259, over jansson) and checked access to its members. Parsing refuses
 * doubled keys, trailing text, NUL characters and invalid UTF-8; nesting is capped by jansson at
 * 2,048 and here, before jansson sees it, at 64. JSON out: buffer.h for hot paths.
 *
 * The getters report what is wrong by field name, so that a handler can read a body top to bottom
 * and fail with one line.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;

#define JSON_MAX_DEPTH 64

/* A new reference (json_decref) in `*out`, or ERROR_INVALID with reason "malformed_json". */
int json_read(const char *text, size_t length, json_t **out, struct error *error);

/* As json_read, but the outermost value must be an object. */
int json_read_object(const char *text, size_t length, json_t **out, struct error *error);

static inline void json_cleanup(json_t **value)
{
    json_decref(*value);
}
#define CLEANUP_JSON __attribute__((cleanup(json_cleanup)))

/* Required members. ERROR_INVALID naming `field` when missing, of another type or out of bounds.
 * Strings: trimmed of nothing, length counted in characters; control characters other than line
 * feed and tab are refused. The text is borrowed from `object`. */
int json_get_text(const json_t *object, const char *field, size_t min, size_t max,
    const char **value, struct error *error);
int json_get_int(const json_t *object, const char *field, int64_t low, int64_t high, int64_t *value,
    struct error *error);
int json_get_number(const json_t *object, const char *field, double low, double high, double *value,
    struct error *error);
int json_get_object(const json_t *object, const char *field, json_t **value, struct error *error);

/* Optional members: absent or null leaves `*value` alone and returns 0. */
int json_find_text(const json_t *object, const char *field, size_t min, size_t max,
    const char **value, struct error *error);
int json_find_int(const json_t *object, const char *field, int64_t low, int64_t high,
    int64_t *value, struct error *error);
int json_find_number(const json_t *object, const char *field, double low, double high,
    double *value, struct error *error);
int json_find_bool(const json_t *object, const char *field, bool *value, struct error *error);

/* Lenient reads of documents we wrote ourselves: the fallback when absent or of another type. */
const char *json_text_or(const json_t *object, const char *field, const char *fallback);
int64_t json_int_or(const json_t *object, const char *field, int64_t fallback);
double json_number_or(const json_t *object, const char *field, double fallback);

/* Appends the compact text of `value`. */
void json_write(const json_t *value, struct buffer *buffer);

/* The compact text of `value` in the arena. */
char *json_text(struct arena *arena, const json_t *value);

#endif
