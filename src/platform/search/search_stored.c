#include "search_stored.h"

#include "buffer.h"

#include <string.h>

struct head {
    uint64_t version;
    int64_t price;
    int64_t created_seq;
    int32_t vintage;
    uint8_t grapes, pairings;
    uint8_t unused[2];
};

enum {
    TEXTS = 8,
};

static void write_text(struct buffer *buffer, const char *text)
{
    if (!text)
        text = "";
    buffer_append(buffer, text, strlen(text) + 1);
}

static uint8_t capped(size_t count)
{
    return (uint8_t)(count < SEARCH_MAX_LIST_VALUES ? count : SEARCH_MAX_LIST_VALUES);
}

void search_stored_write(struct buffer *buffer, const struct search_document *document)
{
    struct head head = {
        .version = document->version,
        .price = document->price,
        .created_seq = document->created_seq,
        .vintage = document->vintage,
        .grapes = capped(document->grape_count),
        .pairings = capped(document->pairing_count),
    };
    buffer_append(buffer, &head, sizeof(head));
    const char *texts[TEXTS] = {document->id, document->group_id, document->name, document->winery,
        document->type, document->country, document->region, document->sku};
    for (size_t i = 0; i < TEXTS; i++)
        write_text(buffer, texts[i]);
    for (size_t i = 0; i < head.grapes; i++)
        write_text(buffer, document->grapes[i]);
    for (size_t i = 0; i < head.pairings; i++)
        write_text(buffer, document->pairings[i]);
}

static bool read_text(const char **bytes, size_t *left, const char **text)
{
    const char *end = *left ? memchr(*bytes, '\0', *left) : NULL;
    if (!end)
        return false;
    *text = *bytes;
    *left -= (size_t)(end + 1 - *bytes);
    *bytes = end + 1;
    return true;
}

bool search_stored_read(const char *bytes, size_t length, struct search_stored_lists *lists,
    struct search_document *document)
{
    struct head head;
    if (length < sizeof(head))
        return false;
    memcpy(&head, bytes, sizeof(head));
    if (head.grapes > SEARCH_MAX_LIST_VALUES || head.pairings > SEARCH_MAX_LIST_VALUES)
        return false;
    bytes += sizeof(head);
    length -= sizeof(head);
    *document = (struct search_document){
        .grapes = lists->grapes,
        .grape_count = head.grapes,
        .pairings = lists->pairings,
        .pairing_count = head.pairings,
        .vintage = head.vintage,
        .price = head.price,
        .created_seq = head.created_seq,
        .version = head.version,
    };
    const char **texts[TEXTS] = {&document->id, &document->group_id, &document->name,
        &document->winery, &document->type, &document->country, &document->region, &document->sku};
    bool whole = true;
    for (size_t i = 0; i < TEXTS && whole; i++)
        whole = read_text(&bytes, &length, texts[i]);
    for (size_t i = 0; i < head.grapes && whole; i++)
        whole = read_text(&bytes, &length, &lists->grapes[i]);
    for (size_t i = 0; i < head.pairings && whole; i++)
        whole = read_text(&bytes, &length, &lists->pairings[i]);
    return whole && length == 0 && *document->id && strlen(document->id) <= ID_LENGTH &&
           strlen(document->group_id) <= ID_LENGTH;
}
