/*
 * A file of ratings, as somebody sends it to `winestore ratings import`, for a catalogue of three
 * wines: each row is taken with values in range, or refused with a field and a reason.
 */
#include "fuzz.h"
#include "ratings_file.h"
#include "router.h"
#include "shelf.h"
#include "upstream.h"

#include <math.h>
#include <string.h>

static void serve_wines(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    static const char body[] =
        "{\"items\":[{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FA1\",\"sku\":\"xw-100001\"},"
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FA2\",\"sku\":\"demo-0042\"},"
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FA3\",\"sku\":\"xw-2\"}],\"next\":null}";
    http_reply(exchange, 200, "application/json", body, sizeof(body) - 1);
}

static const struct shelf *shelf_of_three(void)
{
    static const struct route routes[] = {{HTTP_GET, "/internal/wines/all", serve_wines}, {0}};
    static struct shelf *shelf;
    if (!shelf) {
        struct error error;
        struct upstream *product = upstream_local("product");
        struct router *router = router_new(routes, NULL);
        upstream_set_router(product, router);
        demand(shelf_read(&shelf, product, &error) == 0 && shelf_count(shelf) == 3);
        upstream_free(product);
        router_free(router);
    }
    return shelf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ratings_file *ratings = NULL;
    struct ratings_row row;
    struct error error = {0};
    if (size == 0)
        return 0;
    FILE *file = fmemopen((void *)data, size, "r");
    demand(file);
    if (ratings_file_open(&ratings, file, shelf_of_three(), &error) < 0) {
        demand(*error.message);
        fclose(file);
        return 0;
    }
    int rc;
    while ((rc = ratings_file_next(ratings, &row, &error)) != 0 && rc != ERROR_INTERNAL) {
        if (rc < 0) {
            demand(rc == ERROR_INVALID && *error.message && row.line > 0);
            continue;
        }
        demand(row.wine < 3 && *row.shopper && strlen(row.shopper) < ID_SIZE);
        demand(row.stars >= 1 && row.stars <= 5 && fmod(row.stars * 2, 1) == 0);
        demand(row.at_ms > 0 && row.vintage >= 0 && row.vintage <= 2100);
    }
    ratings_file_close(ratings);
    fclose(file);
    return 0;
}
