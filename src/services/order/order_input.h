/*
 * The body of POST /orders, read and checked: every field that breaks a rule is named at once, so
 * that a form can mark them all. Texts live in the arena.
 */
#ifndef ORDER_INPUT_H
#define ORDER_INPUT_H

#include "exchange.h"

#include <stdbool.h>

struct order_input {
    const char *name, *line1, *line2, *city, *region, *postal_code, *country; /* NULL: not given */
    const char *method, *token;
    const char *email, *birth_date; /* NULL: not given */
    const char *address;            /* the address as JSON, as it is kept */
};

#define ORDER_INPUT_MAX_ERRORS 16

/* Fills `errors` and returns how many there are; 0 means that `input` is good. A guest must give
 * email and birth date. */
size_t order_input_read(const json_t *body, bool guest, struct arena *arena,
    struct order_input *input, struct http_field_error errors[ORDER_INPUT_MAX_ERRORS]);

#endif
