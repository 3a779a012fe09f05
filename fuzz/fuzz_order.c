/*
 * What a stranger can send to the order service, and what it reads back of its own: the body of an
 * order, a stored cart, an order's number. What is accepted must be what the rules promise, and
 * what was written must read back the same.
 *
 * By hand: clang -g -O1 -fsanitize=fuzzer,address,undefined with this file and the order service.
 */
#include "arena.h"
#include "buffer.h"
#include "order_cart.h"
#include "order_input.h"
#include "order_model.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_line(const char *text, size_t max)
{
    demand(!text || (*text && utf8_length(text) <= max && !text[strcspn(text, "\r\n\t")]));
}

static void check_body(struct arena *arena, const char *text, size_t size, bool guest)
{
    CLEANUP_JSON json_t *body = NULL, *address = NULL;
    struct order_input input;
    struct http_field_error errors[ORDER_INPUT_MAX_ERRORS];
    if (json_read_object(text, size, &body, NULL) < 0)
        return;
    size_t count = order_input_read(body, guest, arena, &input, errors);
    demand(count <= ORDER_INPUT_MAX_ERRORS);
    for (size_t i = 0; i < count; i++)
        demand(*errors[i].field && *errors[i].message);
    if (count)
        return;
    demand(input.name && input.line1 && input.city && input.postal_code && input.token);
    demand(strlen(input.country) == 2 && (!guest || (input.email && input.birth_date)));
    check_line(input.name, 100);
    check_line(input.line1, 200);
    check_line(input.line2, 200);
    check_line(input.region, 100);
    check_line(input.token, 200);
    demand(json_read_object(input.address, strlen(input.address), &address, NULL) == 0);
    demand(text_equal(json_text_or(address, "name", ""), input.name));
}

static void check_cart(const char *text)
{
    struct cart cart = {0}, again = {0};
    CLEANUP_BUFFER struct buffer written = BUFFER_INIT;
    if (cart_read(&cart, text, NULL) < 0)
        return;
    demand(cart.count <= CART_MAX_LINES);
    buffer_append_text(&written, "");
    cart_write(&cart, &written);
    demand(cart_read(&again, written.data, NULL) == 0 && again.count == cart.count);
    demand(memcmp(again.lines, cart.lines, cart.count * sizeof(cart.lines[0])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_strndup(arena, (const char *)data, size);
    int64_t seq;
    check_body(arena, text, size, /* guest= */ false);
    check_body(arena, text, size, /* guest= */ true);
    check_cart(text);
    if (order_number_parse(text, &seq))
        demand(seq > 0);
    arena_free(arena);
    return 0;
}
