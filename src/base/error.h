/*
 * Errors. A function that can fail returns 0 or a negative `enum error_code` and fills the
 * caller-owned `struct error` that is its last parameter. Codes of foreign libraries are
 * translated where they appear; only the gateway maps them to HTTP.
 *
 * The struct holds its texts by value: nothing to free, safe to copy, never shared.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error_code {
    ERROR_NOT_FOUND = -1,
    ERROR_CONFLICT = -2,     /* version or uniqueness: the state is not what the caller assumed */
    ERROR_INVALID = -3,      /* the input breaks a rule; `field` names it */
    ERROR_UNAUTHORIZED = -4, /* who are you, or not yours */
    ERROR_UNAVAILABLE = -5,  /* try later: overload, engine away, still starting */
    ERROR_TIMEOUT = -6,
    ERROR_INTERNAL = -7, /* a bug or a broken machine */
};

struct error {
    int code;          /* enum error_code, 0 while there is no error */
    char reason[40];   /* machine-readable, snake_case: "price_changed"; "" takes the code's name */
    char field[64];    /* the input's field, "" if none */
    char message[320]; /* for a person: what is wrong and what to do */
};

/* Fills `error` (may be NULL) and returns `code`, so that `return error_set(...)` reads well.
 * `reason` and `field` may be NULL. Texts that do not fit are cut. */
int error_set(struct error *error, enum error_code code, const char *reason, const char *field,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The snake_case name of a code: "not_found". Never NULL. */
const char *error_code_name(int code);

#endif
