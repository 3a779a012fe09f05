/* The table of destinations, as somebody writes it: what it shows is JSON, what it charges is not
 * negative. */
#include "fuzz.h"

#include "buffer.h"
#include "destinations.h"
#include "json.h"

#include <string.h>

#define NOW_MS ((int64_t)1790000000000)

static void check(const struct destinations *table)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    CLEANUP_JSON json_t *shown = NULL;
    const json_t *item;
    size_t index;
    destinations_write(table, NOW_MS, &text);
    demand(json_read_object(text.data, text.length, &shown, NULL) == 0);
    json_array_foreach(json_object_get(shown, "items"), index, item)
    {
        const struct destination *found;
        demand(destinations_find(table, json_text_or(item, "country", ""),
                   json_text_or(item, "region", NULL), NOW_MS, &found, NULL) == 0);
        struct quote quote = destination_quote(found, 123456, 7);
        demand(quote.shipping >= 0 && quote.tax >= 0 && quote.total >= quote.subtotal);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct error error = {0};
    struct destinations *table;
    int fd = fuzz_file(data, size, path);
    if (destinations_load(&table, path, &error) == 0) {
        check(table);
        destinations_free(table);
    } else {
        demand(*error.message);
    }
    close(fd);
    return 0;
}
