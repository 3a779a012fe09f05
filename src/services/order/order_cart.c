#include "order_cart.h"

#include "buffer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct cart_line *cart_find(struct cart *cart, const char *wine_id)
{
    for (size_t i = 0; i < cart->count; i++) {
        if (strcmp(cart->lines[i].wine_id, wine_id) == 0)
            return &cart->lines[i];
    }
    return NULL;
}

static void take_out(struct cart *cart, struct cart_line *line)
{
    size_t after = (size_t)(cart->lines + cart->count - (line + 1));
    memmove(line, line + 1, after * sizeof(*line));
    cart->count--;
}

static struct cart_line *put_in(struct cart *cart, const struct cart_edit *edit)
{
    if (cart->count == CART_MAX_LINES)
        return NULL;
    struct cart_line *line = &cart->lines[cart->count++];
    memcpy(line->wine_id, edit->wine_id, ID_SIZE);
    line->quantity = 0;
    line->price = edit->price;
    return line;
}

/* Whether the cart changed, or ERROR_INVALID. */
static int apply_one(struct cart *cart, struct cart_edit *edit, struct error *error)
{
    struct cart_line *line = cart_find(cart, edit->wine_id);
    edit->previous = edit->now = line ? line->quantity : 0;
    int quantity = edit->kind == CART_ADD ? edit->previous + edit->quantity : edit->quantity;
    if (quantity > CART_MAX_QUANTITY)
        quantity = CART_MAX_QUANTITY;
    if (edit->kind == CART_REPRICE) {
        bool changed = line && line->price != edit->price;
        if (changed)
            line->price = edit->price;
        return changed;
    }
    if (quantity <= 0) {
        if (line)
            take_out(cart, line);
        edit->now = 0;
        return line != NULL;
    }
    if (!line && !(line = put_in(cart, edit))) {
        if (edit->kind == CART_ADD)
            return 0;
        return error_set(error, ERROR_INVALID, "cart_full", "wine_id",
            "a cart holds at most %d different wines", CART_MAX_LINES);
    }
    /* What is added to a line that is there keeps the price the shopper saw there. */
    int64_t price = edit->kind == CART_SET ? edit->price : line->price;
    bool changed = line->quantity != quantity || line->price != price;
    line->quantity = edit->now = quantity;
    line->price = price;
    return changed;
}

int cart_apply(
    struct cart *cart, struct cart_edit *edits, size_t count, int64_t now_ms, struct error *error)
{
    struct cart before = *cart;
    int changes = 0;
    for (size_t i = 0; i < count; i++) {
        int rc = apply_one(cart, &edits[i], error);
        if (rc < 0) {
            *cart = before;
            return rc;
        }
        changes += rc;
    }
    if (changes)
        cart->version = now_ms > cart->version ? now_ms : cart->version + 1;
    return changes;
}

void cart_write(const struct cart *cart, struct buffer *buffer)
{
    buffer_reserve(buffer, cart->count * 48);
    for (size_t i = 0; i < cart->count; i++) {
        const struct cart_line *line = &cart->lines[i];
        buffer_append(buffer, line->wine_id, ID_LENGTH);
        buffer_append_char(buffer, ' ');
        buffer_append_int(buffer, line->quantity);
        buffer_append_char(buffer, ' ');
        buffer_append_int(buffer, line->price);
        buffer_append_char(buffer, '\n');
    }
}

int cart_read(struct cart *cart, const char *text, struct error *error)
{
    size_t count = 0;
    while (*text) {
        if (count == CART_MAX_LINES || strnlen(text, ID_LENGTH + 1) <= ID_LENGTH)
            return error_set(error, ERROR_INTERNAL, NULL, NULL, "a stored cart is damaged");
        struct cart_line *line = &cart->lines[count++];
        memcpy(line->wine_id, text, ID_LENGTH);
        line->wine_id[ID_LENGTH] = '\0';
        char *end;
        line->quantity = (int)strtol(text + ID_LENGTH, &end, 10);
        line->price = strtoll(end, &end, 10);
        if (*end != '\n' || line->quantity < 1 || line->quantity > CART_MAX_QUANTITY)
            return error_set(error, ERROR_INTERNAL, NULL, NULL, "a stored cart is damaged");
        text = end + 1;
    }
    cart->count = count;
    return 0;
}

int64_t cart_bottles(const struct cart *cart)
{
    int64_t bottles = 0;
    for (size_t i = 0; i < cart->count; i++)
        bottles += cart->lines[i].quantity;
    return bottles;
}
