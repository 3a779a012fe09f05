/*
 * A letter under way: the same content written side by side as HTML and as plain text, in the
 * shop's look. Mail programs know tables and inline styles; the few rules in <style> add the dark
 * colours where they are honoured and are not needed elsewhere.
 *
 * Every text given is plain text, and is escaped for HTML here. One letter's buffers are used for
 * many: begin, add pieces, end, read `subject`, `html` and `text`.
 */
#ifndef SERVICES_NOTIFICATION_LETTER_H
#define SERVICES_NOTIFICATION_LETTER_H

#include "buffer.h"

#include <stdint.h>

struct letter_shop {
    const char *name;
    const char *url; /* without a slash at the end */
};

struct letter {
    const struct letter_shop *shop;
    struct buffer subject, html, text;
};

void letter_release(struct letter *letter);

/* `heading` stands large on top; `preview` is what lists of mail show beside the subject. */
void letter_begin(struct letter *letter, const char *heading, const char *preview);
void letter_end(struct letter *letter);

void letter_subject(struct letter *letter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void letter_paragraph(struct letter *letter, const char *text);
void letter_note(struct letter *letter, const char *text);  /* small and quiet */
void letter_title(struct letter *letter, const char *text); /* of a section */

/* A button to a URL that was put together from safe parts. */
void letter_button(struct letter *letter, const char *label, const char *url);

/* A table of bottles: title and details on the left, an amount on the right. */
void letter_table_begin(struct letter *letter);
void letter_table_line(
    struct letter *letter, const char *title, const char *detail, const char *amount);
void letter_table_sum(struct letter *letter, const char *label, const char *amount);
void letter_table_total(struct letter *letter, const char *label, const char *amount);
void letter_table_end(struct letter *letter);

/* Lines under each other, as on an envelope; empty ones are left out. */
void letter_lines(struct letter *letter, const char *const *lines, size_t count);

#define LETTER_MONEY_SIZE 40

/* "$1,234.50", "1,234.50 CHF". Returns `text`. */
char *letter_money(int64_t amount, const char *currency, char text[LETTER_MONEY_SIZE]);

#endif
