/*
 * A catalogue file, as somebody sends it to `winestore import`: its header, and every row as a wine
 * that is checked and rendered.
 *
 * By hand: clang -g -O1 -fsanitize=fuzzer,address,undefined with this file and the product service.
 */
#include "arena.h"
#include "import_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must be JSON that reads back as the same wine. */
static void check_rendered(struct arena *arena, const struct product_record *record)
{
    char *text = arena_printf(arena, "{%s}", record->body);
    json_error_t problem;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    struct wine again;
    struct product_record rendered = {0};
    if (!json || wine_from_json(arena, json, "EUR", NULL, &again, NULL) < 0)
        abort();
    wine_render(arena, &again, "EUR", &rendered);
    if (strcmp(rendered.body, record->body) != 0)
        abort();
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct import_defaults defaults = {
        .currency = "EUR", .price_min = 800, .price_max = 9000, .stock = 6};
    if (size == 0)
        return 0;
    FILE *file = fmemopen((void *)data, size, "r");
    struct csv_reader *reader = csv_reader_new(file);
    struct arena *arena = arena_new();
    struct import_format format;
    struct csv_row row;
    struct error error;
    if (csv_next(reader, &row, &error) == 1 &&
        import_format_read(&format, &row, &defaults, &error) == 0) {
        int rc;
        while ((rc = csv_next(reader, &row, &error)) != 0 && rc != ERROR_INTERNAL) {
            struct import_row read;
            struct product_record record = {0};
            arena_clear(arena);
            if (rc < 0 || import_row_read(&format, arena, &row, &read, &error) < 0)
                continue;
            wine_render(arena, &read.wine, "EUR", &record);
            check_rendered(arena, &record);
        }
    }
    arena_free(arena);
    csv_reader_free(reader);
    fclose(file);
    return 0;
}
