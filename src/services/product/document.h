/*
 * The texts a wine is stored and served as, put together from their pieces; shared by the store's
 * engines, so that both serve the same bytes.
 *
 *     document   {"id":"...","group_id":"...",BODY,"images":[...]}
 *     brief      {"id":"...",BRIEF}
 *
 * A wine is served as its document with what changes often spliced in before the last brace. Also
 * here: the events that speak of a wine. Functions append to the buffer unless they say otherwise.
 */
#ifndef PRODUCT_DOCUMENT_H
#define PRODUCT_DOCUMENT_H

#include "buffer.h"
#include "store.h"

/* Appends the document. */
void document_append(struct buffer *buffer, const char *id, const char *group_id, const char *body,
    const char *images);
void document_append_brief(struct buffer *buffer, const char *id, const char *brief);

/* Fills wine->json from a stored text and the wine's numbers, which must be set; in the arena. */
void document_splice(struct arena *arena, struct product_wine *wine, enum product_detail detail,
    const char *stored, size_t length);

/* {"mean":4.2,"count":37}, the mean to two decimals, null without ratings. */
void document_append_rating(struct buffer *buffer, int64_t halves, int64_t ratings);
void document_append_mean(struct buffer *buffer, int64_t halves, int64_t ratings);

/* Events; each begins a buffer anew and makes the event's id. */
struct product_event {
    const char *wine_id;
    int64_t sequence;
    const struct trace *trace;
    char id[ID_SIZE]; /* result */
};

/* product.created, product.updated (data: the document) and product.withdrawn (document NULL). */
void event_product(
    struct buffer *buffer, struct product_event *event, const char *type, const char *document);

void event_stock(struct buffer *buffer, struct product_event *event, const char *cause,
    int64_t change, int64_t available, int64_t on_hand, const char *order_id);

void event_rating(struct buffer *buffer, struct product_event *event,
    const struct product_rating *rating, int64_t halves, int64_t ratings);

/* The message of the queue "images". */
void message_image(struct buffer *buffer, const struct product_upload *upload, const char *blob);

/* ---- reservations ---- */

enum reservation_status {
    RESERVATION_NONE,
    RESERVATION_RESERVED,
    RESERVATION_RELEASED,
    RESERVATION_SHIPPED,
    RESERVATION_RETURNED,
};

/* The step a settlement makes: 1 when it is to be made (`*next` is set), 0 when it was made before,
 * or a negative code. */
int reservation_step(enum reservation_status from, enum product_settlement settlement,
    enum reservation_status *next, struct error *error);

/* How a line moves the stock in that step. */
struct stock_move {
    int available, on_hand; /* times the quantity: -1, 0 or 1 */
    const char *cause;
};
struct stock_move reservation_move(enum product_settlement settlement);

/* Lines as text, "ULID quantity,...", in the order of ids, and back; at most PRODUCT_MAX_LINES. */
void reservation_lines_append(
    struct buffer *buffer, const struct product_line *lines, size_t count);
size_t reservation_lines_parse(const char *text, struct product_line *lines);

/* Sorts lines by id. */
void product_lines_sort(struct product_line *lines, size_t count);

/* ERROR_CONFLICT "out_of_stock" in words, for lines of which some are short. */
int product_lines_short(const struct product_line *lines, size_t count, struct error *error);

#endif
