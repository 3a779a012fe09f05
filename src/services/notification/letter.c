#include "letter.h"

#include "money.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The shop's colours (web/src/styles/tokens.css), light in place and dark by class. */
#define PAPER "#faf7f2"
#define CARD "#ffffff"
#define INK "#1d1a17"
#define QUIET "#655c53"
#define LINE "#e6dfd5"
#define ACCENT "#7b1e3a"
#define SERIF "Alegreya,Georgia,'Times New Roman',serif"
#define SANS "'Source Sans 3','Segoe UI',Helvetica,Arial,sans-serif"

static const char head[] = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                           "<meta name=\"color-scheme\" content=\"light dark\">"
                           "<meta name=\"supported-color-schemes\" content=\"light dark\"><title>";

static const char style[] =
    "</title><style>:root{color-scheme:light dark}"
    "@media (max-width:480px){.card{padding:24px 20px!important}}"
    "@media (prefers-color-scheme:dark){.paper{background:#16130f!important}"
    ".card{background:#201b16!important;border-color:#352e26!important}"
    ".ink{color:#f2ece3!important}.quiet{color:#b0a497!important}.line{border-color:#352e26!"
    "important}"
    ".brand{color:#dd8aa2!important}.button{background:#a1325a!important}}</style></head>"
    "<body class=\"paper\" style=\"margin:0;padding:0;background:" PAPER "\">"
    "<div style=\"display:none;max-height:0;overflow:hidden;opacity:0\">";

static const char frame[] =
    "</div><table role=\"presentation\" class=\"paper\" width=\"100%\" cellpadding=\"0\""
    " cellspacing=\"0\" style=\"background:" PAPER "\"><tr><td align=\"center\""
    " style=\"padding:24px 12px\"><table role=\"presentation\" width=\"100%\" cellpadding=\"0\""
    " cellspacing=\"0\" style=\"max-width:560px\"><tr><td class=\"brand\""
    " style=\"padding:4px 8px 16px;font:600 22px/1.2 " SERIF ";color:" ACCENT "\">";

static const char card[] =
    "</td></tr><tr><td class=\"card\" style=\"background:" CARD ";border:1px solid " LINE
    ";border-radius:10px;padding:32px\"><h1 class=\"ink\" style=\"margin:0 0 16px;font:600 "
    "28px/1.2 " SERIF ";color:" INK "\">";

void letter_release(struct letter *letter)
{
    buffer_release(&letter->subject);
    buffer_release(&letter->html);
    buffer_release(&letter->text);
}

/* HTML with one text put in. */
static void element(struct letter *letter, const char *open, const char *text, const char *close)
{
    buffer_append_text(&letter->html, open);
    buffer_append_html(&letter->html, text);
    buffer_append_text(&letter->html, close);
}

static void plain(struct letter *letter, const char *text, const char *after)
{
    buffer_append_text(&letter->text, text);
    buffer_append_text(&letter->text, after);
}

static void rule(struct letter *letter, char character)
{
    for (int i = 0; i < 60; i++)
        buffer_append_char(&letter->text, character);
    buffer_append_char(&letter->text, '\n');
}

void letter_begin(struct letter *letter, const char *heading, const char *preview)
{
    buffer_reset(&letter->html);
    buffer_reset(&letter->text);
    element(letter, head, heading, style);
    element(letter, "", preview, frame);
    element(letter, "", letter->shop->name, card);
    element(letter, "", heading, "</h1>");
    plain(letter, heading, "\n\n");
}

void letter_end(struct letter *letter)
{
    struct buffer *html = &letter->html;
    buffer_append_text(html, "</td></tr><tr><td class=\"quiet\" style=\"padding:20px 8px;font:400 "
                             "14px/1.5 " SANS ";color:" QUIET "\">");
    element(
        letter, "", letter->shop->name, " &middot; <a class=\"quiet\" style=\"color:" QUIET "\"");
    element(letter, " href=\"", letter->shop->url, "\">");
    element(letter, "", letter->shop->url,
        "</a><br>Wine is for adults. Enjoy it slowly.</td></tr></table></td></tr></table></body>"
        "</html>\n");
    plain(letter, "-- ", "\n");
    plain(letter, letter->shop->name, "\n");
    plain(letter, letter->shop->url, "\nWine is for adults. Enjoy it slowly.\n");
}

void letter_subject(struct letter *letter, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buffer_reset(&letter->subject);
    buffer_append_text(&letter->subject, text);
}

void letter_paragraph(struct letter *letter, const char *text)
{
    element(letter,
        "<p class=\"ink\" style=\"margin:0 0 16px;font:400 17px/1.55 " SANS ";color:" INK "\">",
        text, "</p>");
    plain(letter, text, "\n\n");
}

void letter_note(struct letter *letter, const char *text)
{
    element(letter,
        "<p class=\"quiet\" style=\"margin:0 0 16px;font:400 15px/1.5 " SANS ";color:" QUIET "\">",
        text, "</p>");
    plain(letter, text, "\n\n");
}

void letter_title(struct letter *letter, const char *text)
{
    element(letter,
        "<h2 class=\"ink\" style=\"margin:24px 0 8px;font:600 20px/1.3 " SERIF ";color:" INK "\">",
        text, "</h2>");
    plain(letter, text, "\n");
    rule(letter, '-');
}

void letter_button(struct letter *letter, const char *label, const char *url)
{
    element(letter,
        "<p style=\"margin:24px 0\"><a class=\"button\" style=\"display:inline-block;"
        "background:" ACCENT ";color:#ffffff;text-decoration:none;border-radius:10px;"
        "padding:13px 22px;font:600 17px/1.2 " SANS "\" href=\"",
        url, "\">");
    element(letter, "", label, "</a></p>");
    plain(letter, label, ":\n");
    plain(letter, url, "\n\n");
}

/* ---- tables ---- */

#define CELL "border-bottom:1px solid " LINE ";padding:12px 0;vertical-align:top;"

void letter_table_begin(struct letter *letter)
{
    buffer_append_text(&letter->html, "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
                                      "style=\"border-collapse:collapse;margin:0 0 8px\">");
}

void letter_table_line(
    struct letter *letter, const char *title, const char *detail, const char *amount)
{
    element(letter,
        "<tr><td class=\"line ink\" style=\"" CELL "font:600 17px/1.35 " SERIF ";color:" INK "\">",
        title, "");
    element(letter,
        "<br><span class=\"quiet\" style=\"font:400 15px/1.4 " SANS ";color:" QUIET "\">", detail,
        "</span></td>");
    element(letter,
        "<td class=\"line ink\" align=\"right\" style=\"" CELL
        "padding-left:16px;white-space:nowrap;"
        "font:400 17px/1.35 " SANS ";color:" INK "\">",
        amount, "</td></tr>");
    plain(letter, title, "\n");
    buffer_printf(&letter->text, "  %s  %s\n", detail, amount);
}

static void sum(struct letter *letter, const char *weight, const char *label, const char *amount)
{
    buffer_printf(&letter->html,
        "<tr><td class=\"ink\" style=\"padding:6px 0;font:%s 17px/1.4 " SANS ";color:" INK "\">",
        weight);
    element(letter, "", label, "</td>");
    buffer_printf(&letter->html,
        "<td class=\"ink\" align=\"right\" style=\"padding:6px 0 6px "
        "16px;white-space:nowrap;font:%s "
        "17px/1.4 " SANS ";color:" INK "\">",
        weight);
    element(letter, "", amount, "</td></tr>");
    buffer_printf(&letter->text, "%s: %s\n", label, amount);
}

void letter_table_sum(struct letter *letter, const char *label, const char *amount)
{
    sum(letter, "400", label, amount);
}

void letter_table_total(struct letter *letter, const char *label, const char *amount)
{
    rule(letter, '-');
    sum(letter, "700", label, amount);
}

void letter_table_end(struct letter *letter)
{
    buffer_append_text(&letter->html, "</table>");
    plain(letter, "", "\n");
}

void letter_lines(struct letter *letter, const char *const *lines, size_t count)
{
    const char *between =
        "<p class=\"ink\" style=\"margin:0 0 16px;font:400 17px/1.5 " SANS ";color:" INK "\">";
    for (size_t i = 0; i < count; i++) {
        if (!lines[i] || !*lines[i])
            continue;
        element(letter, between, lines[i], "");
        plain(letter, lines[i], "\n");
        between = "<br>";
    }
    buffer_append_text(&letter->html, "</p>");
    plain(letter, "", "\n");
}

/* ---- money ---- */

static const struct {
    const char *code, *symbol;
} symbols[] = {{"USD", "$"}, {"EUR", "\u20ac"}, {"GBP", "\u00a3"}};

char *letter_money(int64_t amount, const char *currency, char text[LETTER_MONEY_SIZE])
{
    char digits[24], grouped[32];
    size_t out = 0;
    money_format(amount == INT64_MIN ? INT64_MAX : amount < 0 ? -amount : amount, digits);
    size_t whole = strcspn(digits, ".");
    for (size_t i = 0; digits[i]; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            grouped[out++] = ',';
        grouped[out++] = digits[i];
    }
    grouped[out] = '\0';
    const char *minus = amount < 0 ? "-" : "";
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (strcmp(symbols[i].code, currency) == 0) {
            snprintf(text, LETTER_MONEY_SIZE, "%s%s%s", minus, symbols[i].symbol, grouped);
            return text;
        }
    }
    snprintf(text, LETTER_MONEY_SIZE, "%s%s %.3s", minus, grouped, currency);
    return text;
}
