#include "order_json.h"

#include "buffer.h"
#include "clock.h"

#include <string.h>

static void member_text(struct buffer *buffer, const char *member, const char *text)
{
    buffer_append_text(buffer, member);
    buffer_append_json(buffer, text);
}

static void member_int(struct buffer *buffer, const char *member, int64_t number)
{
    buffer_append_text(buffer, member);
    buffer_append_int(buffer, number);
}

static void member_time(struct buffer *buffer, const char *member, int64_t at_ms)
{
    char time[CLOCK_TEXT_SIZE];
    buffer_append_text(buffer, member);
    buffer_append_char(buffer, '"');
    buffer_append_text(buffer, clock_format(at_ms, time));
    buffer_append_char(buffer, '"');
}

void order_write(struct buffer *buffer, const struct order_record *record, const char *address,
    const char *email, enum order_audience audience)
{
    const struct order_state *state = &record->state;
    char number[ORDER_NUMBER_SIZE];
    buffer_reserve(buffer, strlen(record->doc) + strlen(state->history) + 768);
    member_text(buffer, "{\"id\":", record->id);
    member_text(buffer, ",\"number\":", order_number(record, number));
    member_text(buffer, ",\"status\":", order_status_name(state->status));
    member_text(buffer, ",\"reason\":", state->reason);
    member_int(buffer, ",\"version\":", state->version);
    buffer_append_char(buffer, ',');
    buffer_append_text(buffer, record->doc);
    buffer_append_text(buffer, ",\"shipping_address\":");
    buffer_append_text(buffer, address ? address : "null");
    member_text(buffer, ",\"email\":", email);
    member_time(buffer, ",\"placed_at\":", record->placed_at);
    member_time(buffer, ",\"updated_at\":", state->updated_at);
    member_text(buffer, ",\"payment\":{\"method\":", record->method);
    member_text(buffer, ",\"status\":", pay_status_name(state->payment));
    member_text(buffer, "},\"fulfilment\":{\"status\":", fulfil_status_name(state->fulfilment));
    buffer_append_text(buffer, "},\"history\":[");
    buffer_append_text(buffer, state->history);
    buffer_append_char(buffer, ']');
    if (audience == AUDIENCE_SHOP) {
        bool user = record->owner[0] == 'u';
        member_text(buffer, ",\"user_id\":", user ? record->owner + 1 : NULL);
        member_text(buffer, ",\"guest_id\":", user ? NULL : record->owner + 1);
    }
    buffer_append_char(buffer, '}');
}

/* What an order's and a cart's line have in common. */
static void write_line(struct buffer *buffer, const struct cart_line *line, const struct wine *wine)
{
    member_text(buffer, "{\"wine_id\":", line->wine_id);
    member_text(buffer, ",\"name\":", wine->name);
    member_text(buffer, ",\"winery\":", wine->winery);
    if (wine->vintage)
        member_int(buffer, ",\"vintage\":", wine->vintage);
    else
        buffer_append_text(buffer, ",\"vintage\":null");
    member_int(buffer, ",\"bottle_ml\":", wine->bottle_ml);
    member_int(buffer, ",\"quantity\":", line->quantity);
    member_int(buffer, ",\"unit_price\":", wine->price.amount);
    member_int(buffer, ",\"line_total\":", wine->price.amount * line->quantity);
}

void order_lines_write(struct buffer *buffer, const struct cart *cart, const struct wines *wines)
{
    buffer_append_char(buffer, '[');
    for (size_t i = 0; i < cart->count; i++) {
        if (i)
            buffer_append_char(buffer, ',');
        write_line(buffer, &cart->lines[i], wines_find(wines, cart->lines[i].wine_id));
        buffer_append_char(buffer, '}');
    }
    buffer_append_char(buffer, ']');
}

void order_totals_write(struct buffer *buffer, const struct quote *quote, const char *currency)
{
    member_int(buffer, "{\"subtotal\":", quote->subtotal);
    member_int(buffer, ",\"shipping\":", quote->shipping);
    member_int(buffer, ",\"tax\":", quote->tax);
    member_int(buffer, ",\"total\":", quote->total);
    member_text(buffer, ",\"currency\":", currency);
    buffer_append_char(buffer, '}');
}

void cart_view_write(struct buffer *buffer, const struct cart *cart, const struct wines *wines,
    const struct destination *destination, const char *currency)
{
    int64_t subtotal = 0, bottles = 0;
    buffer_reserve(buffer, 256 + cart->count * 320);
    buffer_append_text(buffer, "{\"items\":[");
    for (size_t i = 0; i < cart->count; i++) {
        const struct cart_line *line = &cart->lines[i];
        const struct wine *wine = wines_find(wines, line->wine_id);
        if (!wine)
            continue;
        if (bottles)
            buffer_append_char(buffer, ',');
        write_line(buffer, line, wine);
        member_int(buffer, ",\"available\":", wine->available);
        buffer_append_text(buffer, line->price != wine->price.amount ? ",\"price_changed\":true}"
                                                                     : ",\"price_changed\":false}");
        subtotal += wine->price.amount * line->quantity;
        bottles += line->quantity;
        currency = wine->price.currency;
    }
    buffer_append_text(buffer, "],\"totals\":");
    if (!destination) {
        member_int(buffer, "{\"subtotal\":", subtotal);
        member_int(buffer, ",\"shipping\":null,\"tax\":null,\"total\":", subtotal);
        member_text(buffer, ",\"currency\":", currency);
        buffer_append_text(buffer, "},\"charges\":[],\"destination\":null}");
        return;
    }
    struct quote quote = destination_quote(destination, subtotal, bottles);
    order_totals_write(buffer, &quote, currency);
    buffer_append_text(buffer, ",\"charges\":");
    destination_write_charges(destination, &quote, bottles, buffer);
    buffer_append_text(buffer, ",\"destination\":");
    destination_write(destination, buffer);
    buffer_append_char(buffer, '}');
}
