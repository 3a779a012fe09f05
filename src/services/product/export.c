/* Exports: the catalogue as the file that imports to the same. */
#include "import_rows.h"

#include "arena.h"
#include "buffer.h"
#include "json.h"
#include "money.h"
#include "service.h"

#include <errno.h>
#include <string.h>

#define BATCH 256

struct export
{
    struct product_service *service;
    struct buffer out;
    struct arena *arena;
    char after[ID_SIZE];
    size_t count; /* of the last batch */
    int64_t wines;
    int rc;
    struct error *error;
};

static void put(struct export *export, const char *text)
{
    csv_append_field(&export->out, text ? text : "", /* first= */ 0);
}

static void put_number(struct export *export, int64_t number, int64_t absent)
{
    put(export, number == absent ? "" : arena_printf(export->arena, "%lld", (long long)number));
}

static void put_tenths(struct export *export, int tenths)
{
    put(export, tenths < 0 ? "" : arena_printf(export->arena, "%d.%d", tenths / 10, tenths % 10));
}

static void put_grapes(struct export *export, const struct wine *wine)
{
    CLEANUP_BUFFER struct buffer list = BUFFER_INIT;
    buffer_append_text(&list, "");
    for (size_t i = 0; i < wine->grape_count; i++) {
        buffer_printf(&list, "%s%s", i ? ";" : "", wine->grapes[i]);
        if (wine->has_shares)
            buffer_printf(&list, " %d", wine->shares[i] / 10);
        if (wine->has_shares && wine->shares[i] % 10)
            buffer_printf(&list, ".%d", wine->shares[i] % 10);
    }
    put(export, list.data);
}

static void put_pairings(struct export *export, const struct wine *wine)
{
    CLEANUP_BUFFER struct buffer list = BUFFER_INIT;
    buffer_append_text(&list, "");
    for (size_t i = 0; i < wine->pairing_count; i++)
        buffer_printf(&list, "%s%s", i ? ";" : "", wine->pairings[i]);
    put(export, list.data);
}

/* In the order of import_column_names. */
static void put_wine(
    struct export *export, const struct wine *wine, const char *group, int64_t on_hand)
{
    char price[24];
    csv_append_field(&export->out, wine->sku, /* first= */ 1);
    put(export, strcmp(group, wine->sku) == 0 ? "" : group);
    put(export, wine->name);
    put(export, wine->winery);
    put(export, wine->type);
    put(export, wine->elaborate);
    put(export, wine->country);
    put(export, wine->region);
    put(export, wine->subregion);
    put(export, wine->appellation);
    put_grapes(export, wine);
    put_pairings(export, wine);
    put(export, wine->vintage ? arena_printf(export->arena, "%d", wine->vintage) : "NV");
    put_number(export, wine->bottle_ml, -1);
    put_tenths(export, wine->abv);
    put(export, wine->body);
    put(export, wine->acidity);
    put(export, wine->sweetness);
    put(export, wine->tannin);
    put(export, money_format(wine->price, price));
    put(export, export->service->currency);
    put_number(export, on_hand, -1);
    put(export, wine->notes);
    put_number(export, wine->drink_from, 0);
    put_number(export, wine->drink_until, 0);
    put(export, wine->organic ? "yes" : "no");
    put_number(export, wine->energy_kj, -1);
    put_number(export, wine->energy_kcal, -1);
    put_tenths(export, wine->sugar);
    put(export, wine->ingredients);
    put(export, wine->website);
    buffer_append_char(&export->out, '\n');
}

static void take_batch(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct export *export = ctx;
    export->rc = rc;
    export->count = count;
    if (rc < 0)
        *export->error = *error;
    for (size_t i = 0; i < count && export->rc == 0; i++) {
        CLEANUP_JSON json_t *document = NULL;
        struct wine wine;
        export->rc = json_read_object(wines[i].json, wines[i].length, &document, export->error);
        if (export->rc == 0)
            export->rc = wine_from_json(export->arena, document, export->service->currency,
                /* fallback_sku= */ NULL, &wine, export->error);
        if (export->rc == 0)
            put_wine(export, &wine, wines[i].group_key, wines[i].on_hand);
    }
    if (count)
        memcpy(export->after, wines[count - 1].id, ID_SIZE);
    export->wines += (int64_t)count;
}

static int write_out(struct export *export, FILE *file)
{
    bool written = fwrite(export->out.data, 1, export->out.length, file) == export->out.length;
    buffer_reset(&export->out);
    return written ? 0
                   : error_set(export->error, ERROR_UNAVAILABLE, NULL, NULL,
                         "the file cannot be written: %s", strerror(errno));
}

int product_export(struct product_service *service, FILE *file, int64_t *wines, struct error *error)
{
    struct export export = {.service = service, .arena = arena_new(), .error = error, .count = 1};
    for (int i = 0; import_column_names[i]; i++)
        csv_append_field(&export.out, import_column_names[i], i == 0);
    buffer_append_char(&export.out, '\n');
    int rc = 0;
    while (rc == 0 && export.count) {
        arena_clear(export.arena);
        product_store_scan(service->store, export.arena, export.after, BATCH, take_batch, &export);
        rc = export.rc < 0 ? export.rc : write_out(&export, file);
    }
    if (rc == 0 && fflush(file) != 0)
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the file cannot be written: %s",
            strerror(errno));
    buffer_release(&export.out);
    arena_free(export.arena);
    *wines = export.wines;
    return rc;
}
