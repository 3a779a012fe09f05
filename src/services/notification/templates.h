/*
 * What the letters say: one function per template, from the documents of the services to a
 * finished letter. Texts in the documents are whatever shoppers typed.
 */
#ifndef SERVICES_NOTIFICATION_TEMPLATES_H
#define SERVICES_NOTIFICATION_TEMPLATES_H

#include "letter.h"

#include <jansson.h>

/* `reader` is the answer of /internal/users or /internal/guests, `order` that of /internal/orders,
 * `wine` an item of /internal/wines, `token` that of /mail-token; NULL where the template has no
 * use for it. */
struct letter_facts {
    const json_t *reader, *order, *wine;
    const char *token;
};

enum letter_needs {
    NEEDS_ORDER = 1,
    NEEDS_WINE = 2,
    NEEDS_VERIFY_TOKEN = 4,
    NEEDS_RESET_TOKEN = 8,
};

struct letter_template {
    const char *name;
    unsigned needs;
    void (*write)(struct letter *letter, const struct letter_facts *facts);
};

/* NULL for a name that is none. */
const struct letter_template *letter_template_find(const char *name);

void letter_order_confirmed(struct letter *letter, const struct letter_facts *facts);
void letter_order_rejected(struct letter *letter, const struct letter_facts *facts);
void letter_order_shipped(struct letter *letter, const struct letter_facts *facts);
void letter_order_cancelled(struct letter *letter, const struct letter_facts *facts);
void letter_order_refunded(struct letter *letter, const struct letter_facts *facts);

void letter_verify_email(struct letter *letter, const struct letter_facts *facts);
void letter_password_reset(struct letter *letter, const struct letter_facts *facts);
void letter_restock(struct letter *letter, const struct letter_facts *facts);

/* "Dear Ada," from the reader's first name, into `text`. */
#define LETTER_GREETING_SIZE 200
const char *letter_greeting(const struct letter_facts *facts, char text[LETTER_GREETING_SIZE]);

/* "2019", or "NV" for a wine without a vintage. */
const char *letter_vintage(const json_t *wine, char text[16]);

#endif
