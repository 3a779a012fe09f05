/* Letters about an order. */
#include "templates.h"

#include "clock.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static const char *number_of(const struct letter_facts *facts)
{
    return json_text_or(facts->order, "number", "");
}

static const char *currency_of(const struct letter_facts *facts)
{
    return json_text_or(json_object_get(facts->order, "totals"), "currency", "USD");
}

static void order_button(struct letter *letter, const struct letter_facts *facts)
{
    char url[1024];
    snprintf(
        url, sizeof(url), "%s/orders/%s", letter->shop->url, json_text_or(facts->order, "id", ""));
    letter_button(letter, "See your order", url);
}

/* "Domaine X, 2019, 75 cl": as it stands on the bottle. */
static void describe(const json_t *line, char *text, size_t size)
{
    char vintage[16], volume[24];
    int64_t ml = json_int_or(line, "bottle_ml", 750);
    if (ml >= 1000)
        snprintf(volume, sizeof(volume), "%g l", (double)ml / 1000);
    else
        snprintf(volume, sizeof(volume), "%g cl", (double)ml / 10);
    snprintf(text, size, "%s, %s, %s", json_text_or(line, "winery", ""),
        letter_vintage(line, vintage), volume);
}

static void append_bottles(struct letter *letter, const struct letter_facts *facts)
{
    const json_t *lines = json_object_get(facts->order, "lines");
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        char title[1200], detail[1200], amount[LETTER_MONEY_SIZE], price[LETTER_MONEY_SIZE];
        describe(line, detail, sizeof(detail));
        size_t used = strlen(detail);
        snprintf(detail + used, sizeof(detail) - used, " \u00b7 %s\u00a0each",
            letter_money(json_int_or(line, "unit_price", 0), currency_of(facts), price));
        snprintf(title, sizeof(title), "%d \u00d7 %s", (int)json_int_or(line, "quantity", 1),
            json_text_or(line, "name", ""));
        letter_money(json_int_or(line, "line_total", 0), currency_of(facts), amount);
        letter_table_line(letter, title, detail, amount);
    }
}

/* The total, explained: what the bottles cost, then each charge in the order's own words. */
static void append_totals(struct letter *letter, const struct letter_facts *facts)
{
    const json_t *totals = json_object_get(facts->order, "totals");
    const json_t *charges = json_object_get(facts->order, "charges");
    const char *currency = currency_of(facts);
    char amount[LETTER_MONEY_SIZE];
    letter_table_sum(
        letter, "Bottles", letter_money(json_int_or(totals, "subtotal", 0), currency, amount));
    for (size_t i = 0; i < json_array_size(charges); i++) {
        const json_t *charge = json_array_get(charges, i);
        if (!json_is_true(json_object_get(charge, "included")))
            letter_table_sum(letter, json_text_or(charge, "label", "Charge"),
                letter_money(json_int_or(charge, "amount", 0), currency, amount));
    }
    if (json_array_size(charges) == 0) {
        letter_table_sum(
            letter, "Shipping", letter_money(json_int_or(totals, "shipping", 0), currency, amount));
        letter_table_sum(
            letter, "Tax", letter_money(json_int_or(totals, "tax", 0), currency, amount));
    }
    letter_table_total(
        letter, "Total", letter_money(json_int_or(totals, "total", 0), currency, amount));
}

/* A tax that the prices hold already is told, not added. */
static void append_included(struct letter *letter, const struct letter_facts *facts)
{
    const json_t *charges = json_object_get(facts->order, "charges");
    for (size_t i = 0; i < json_array_size(charges); i++) {
        const json_t *charge = json_array_get(charges, i);
        char amount[LETTER_MONEY_SIZE], text[600];
        if (!json_is_true(json_object_get(charge, "included")))
            continue;
        letter_money(json_int_or(charge, "amount", 0), currency_of(facts), amount);
        snprintf(text, sizeof(text), "In the total: %s, %s.", json_text_or(charge, "label", "Tax"),
            amount);
        letter_note(letter, text);
    }
}

static void append_order(struct letter *letter, const struct letter_facts *facts)
{
    letter_title(letter, "What you ordered");
    letter_table_begin(letter);
    append_bottles(letter, facts);
    append_totals(letter, facts);
    letter_table_end(letter);
    append_included(letter, facts);
}

/* Nothing once the shopper is erased. */
static void append_address(struct letter *letter, const struct letter_facts *facts)
{
    const json_t *address = json_object_get(facts->order, "shipping_address");
    char city[1200];
    if (!json_is_object(address))
        return;
    const char *region = json_text_or(address, "region", "");
    snprintf(city, sizeof(city), "%s%s%s %s", json_text_or(address, "city", ""),
        *region ? ", " : "", region, json_text_or(address, "postal_code", ""));
    const char *const lines[] = {json_text_or(address, "name", ""),
        json_text_or(address, "line1", ""), json_text_or(address, "line2", ""), city,
        json_text_or(address, "country", "")};
    letter_title(letter, "Where it goes");
    letter_lines(letter, lines, sizeof(lines) / sizeof(lines[0]));
}

static void begin(struct letter *letter, const struct letter_facts *facts, const char *heading,
    const char *preview)
{
    char greeting[LETTER_GREETING_SIZE];
    letter_begin(letter, heading, preview);
    letter_paragraph(letter, letter_greeting(facts, greeting));
}

void letter_order_confirmed(struct letter *letter, const struct letter_facts *facts)
{
    char text[300], preview[160], total[LETTER_MONEY_SIZE];
    const json_t *totals = json_object_get(facts->order, "totals");
    snprintf(preview, sizeof(preview), "Order %.40s, %s. We are packing it.", number_of(facts),
        letter_money(json_int_or(totals, "total", 0), currency_of(facts), total));
    snprintf(text, sizeof(text),
        "Thank you. Your order %.40s is confirmed, and the bottles are yours: we are packing them "
        "now and write again when they leave.",
        number_of(facts));
    letter_subject(letter, "Your order %.40s is confirmed", number_of(facts));
    begin(letter, facts, "Your order is confirmed", preview);
    letter_paragraph(letter, text);
    append_order(letter, facts);
    append_address(letter, facts);
    order_button(letter, facts);
    letter_note(letter, "An adult has to take the parcel. Until it leaves you can cancel on the "
                        "order's page.");
    letter_end(letter);
}

static const char *why_rejected(const char *reason)
{
    if (strcmp(reason, "out_of_stock") == 0)
        return "Somebody else took the last bottles a moment before you. Nothing was charged, and "
               "your basket is as it was: it shows what is left.";
    if (strcmp(reason, "payment_declined") == 0)
        return "The payment was declined. Nothing was charged, and your basket is as it was: you "
               "can try again, or with another card.";
    return "Nothing was charged, and your basket is as it was.";
}

void letter_order_rejected(struct letter *letter, const struct letter_facts *facts)
{
    letter_subject(letter, "Your order %.40s could not be taken", number_of(facts));
    begin(letter, facts, "We could not take your order", "Nothing was charged.");
    letter_paragraph(letter, why_rejected(json_text_or(facts->order, "reason", "")));
    append_order(letter, facts);
    order_button(letter, facts);
    letter_end(letter);
}

void letter_order_shipped(struct letter *letter, const struct letter_facts *facts)
{
    char text[200];
    snprintf(text, sizeof(text), "Your order %.40s has left the cellar.", number_of(facts));
    letter_subject(letter, "Your order %.40s is on its way", number_of(facts));
    begin(letter, facts, "On its way to you", text);
    letter_paragraph(letter, text);
    letter_paragraph(letter, "Let the bottles rest for a day or two after the journey. An adult "
                             "has to take the parcel.");
    append_address(letter, facts);
    append_order(letter, facts);
    order_button(letter, facts);
    letter_end(letter);
}

void letter_order_cancelled(struct letter *letter, const struct letter_facts *facts)
{
    const char *reason = json_text_or(facts->order, "reason", "");
    char text[300];
    snprintf(text, sizeof(text), "Your order %.40s is cancelled%s. Nothing will be charged.",
        number_of(facts), strcmp(reason, "cancelled_by_shopper") == 0 ? ", as you asked" : "");
    letter_subject(letter, "Your order %.40s is cancelled", number_of(facts));
    begin(letter, facts, "Your order is cancelled", text);
    letter_paragraph(letter, text);
    append_order(letter, facts);
    order_button(letter, facts);
    letter_end(letter);
}

void letter_order_refunded(struct letter *letter, const struct letter_facts *facts)
{
    const json_t *totals = json_object_get(facts->order, "totals");
    char text[300], total[LETTER_MONEY_SIZE];
    snprintf(text, sizeof(text),
        "We have paid back %s for your order %.40s. It can take your bank a few days to show it.",
        letter_money(json_int_or(totals, "total", 0), currency_of(facts), total), number_of(facts));
    letter_subject(letter, "Your refund for order %.40s", number_of(facts));
    begin(letter, facts, "Your refund is on its way", text);
    letter_paragraph(letter, text);
    order_button(letter, facts);
    letter_end(letter);
}
