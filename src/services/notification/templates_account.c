/* Letters about the account, and the list of all templates. */
#include "templates.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

static const struct letter_template templates[] = {
    {"order_confirmed", NEEDS_ORDER, letter_order_confirmed},
    {"order_rejected", NEEDS_ORDER, letter_order_rejected},
    {"order_shipped", NEEDS_ORDER, letter_order_shipped},
    {"order_cancelled", NEEDS_ORDER, letter_order_cancelled},
    {"order_refunded", NEEDS_ORDER, letter_order_refunded},
    {"verify_email", NEEDS_VERIFY_TOKEN, letter_verify_email},
    {"password_reset", NEEDS_RESET_TOKEN, letter_password_reset},
    {"restock", NEEDS_WINE, letter_restock},
};

const struct letter_template *letter_template_find(const char *name)
{
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        if (strcmp(templates[i].name, name) == 0)
            return &templates[i];
    }
    return NULL;
}

const char *letter_greeting(const struct letter_facts *facts, char text[LETTER_GREETING_SIZE])
{
    const char *name = json_text_or(facts->reader, "name", "");
    int first = (int)strcspn(name, " ");
    /* A name longer than the line is left out rather than cut within a character. */
    if (first == 0 || first > LETTER_GREETING_SIZE - 16)
        return "Hello,";
    snprintf(text, LETTER_GREETING_SIZE, "Dear %.*s,", first, name);
    return text;
}

const char *letter_vintage(const json_t *wine, char text[16])
{
    int64_t year = json_int_or(wine, "vintage", 0);
    if (year <= 0)
        return "NV";
    snprintf(text, 16, "%d", (int)year);
    return text;
}

static void token_button(
    struct letter *letter, const struct letter_facts *facts, const char *label, const char *page)
{
    char url[1024];
    snprintf(url, sizeof(url), "%s/%s?token=%s", letter->shop->url, page, facts->token);
    letter_button(letter, label, url);
}

void letter_verify_email(struct letter *letter, const struct letter_facts *facts)
{
    char greeting[LETTER_GREETING_SIZE];
    letter_subject(letter, "Confirm your e-mail address");
    letter_begin(letter, "Confirm your e-mail address",
        "One click, and we know that our messages reach you.");
    letter_paragraph(letter, letter_greeting(facts, greeting));
    letter_paragraph(letter, "Welcome. Please confirm that this address is yours, so that news of "
                             "your orders reaches you.");
    token_button(letter, facts, "Confirm the address", "verify-email");
    letter_note(letter, "The link works for two days. If you did not open an account with us, "
                        "somebody mistyped an address: you need do nothing.");
    letter_end(letter);
}

void letter_password_reset(struct letter *letter, const struct letter_facts *facts)
{
    char greeting[LETTER_GREETING_SIZE];
    letter_subject(letter, "Choose a new password");
    letter_begin(letter, "Choose a new password", "The link works for one hour, and once.");
    letter_paragraph(letter, letter_greeting(facts, greeting));
    letter_paragraph(letter, "You asked for a new password. Choose one here; every device that is "
                             "signed in will then be signed out.");
    token_button(letter, facts, "Choose a new password", "reset-password");
    letter_note(letter, "The link works for one hour, and once. If you did not ask for it, leave "
                        "it: your password stays as it is.");
    letter_end(letter);
}

void letter_restock(struct letter *letter, const struct letter_facts *facts)
{
    char greeting[LETTER_GREETING_SIZE], vintage[16], url[1024], text[2000];
    const char *name = json_text_or(facts->wine, "name", "A wine you asked for");
    snprintf(text, sizeof(text), "%s %s by %s is in the cellar again.", name,
        letter_vintage(facts->wine, vintage), json_text_or(facts->wine, "winery", ""));
    snprintf(
        url, sizeof(url), "%s/wines/%s", letter->shop->url, json_text_or(facts->wine, "id", ""));
    letter_subject(letter, "Back in the cellar: a wine you asked for");
    letter_begin(letter, "Back in the cellar", "A wine you asked for can be had again.");
    letter_paragraph(letter, letter_greeting(facts, greeting));
    letter_paragraph(letter, text);
    letter_button(letter, "See the wine", url);
    letter_end(letter);
}
