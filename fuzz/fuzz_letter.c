/*
 * A letter from any document: whatever stands in an order, no text of it becomes markup, and what
 * is written can be put into a mail or is refused.
 *
 * By hand: clang -g -O1 -fsanitize=fuzzer,address,undefined with this file and the notification
 * service.
 */
#include "json.h"
#include "mime.h"
#include "templates.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Our own markup holds no such tag, so one can only come from the document. */
static void check_markup(const struct letter *letter)
{
    if (strstr(letter->html.data, "<script") || strstr(letter->html.data, "<img"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"order_confirmed", "order_rejected", "order_shipped",
        "order_cancelled", "order_refunded", "verify_email", "password_reset", "restock"};
    static const struct letter_shop shop = {"Cellar & Vine", "https://shop.example"};
    static struct letter letter = {.shop = &shop};
    CLEANUP_JSON json_t *document = NULL;
    if (json_read_object((const char *)data, size, &document, NULL) < 0)
        return 0;
    struct letter_facts facts = {
        .reader = document, .order = document, .wine = document, .token = "token"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP_BUFFER struct buffer mail = BUFFER_INIT;
        letter_template_find(names[i])->write(&letter, &facts);
        check_markup(&letter);
        struct mail_message message = {.message_id = "id@shop.example",
            .from = {"Shop", "shop@shop.example"},
            .to = {json_text_or(document, "name", NULL), "ada@example.com"},
            .subject = letter.subject.data,
            .text = letter.text.data,
            .html = letter.html.data};
        mime_write(&mail, &message, NULL);
    }
    return 0;
}
