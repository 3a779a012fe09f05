#include "service.h"

#include "index.h"
#include "metrics.h"
#include "routes.h"
#include "search.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#define MAX_UPLOADS_WAITING 8 /* of 10 MiB */

static void count_in(struct product_service *service, struct metrics *metrics)
{
    static const char help[] = "Reservations of stock by their outcome";
    static const char name[] = "winestore_reservations_total";
    if (!metrics)
        return;
    service->counters.reserved =
        metrics_counter(metrics, name, help, (const char *const[]){"outcome", "reserved", NULL});
    service->counters.short_of = metrics_counter(
        metrics, name, help, (const char *const[]){"outcome", "out_of_stock", NULL});
}

int product_service_new(
    struct product_service **out, const struct product_options *options, struct error *error)
{
    if (!options->currency || !money_currency_valid(options->currency))
        return error_set(error, ERROR_INVALID, NULL, "currency",
            "must be three upper-case letters, as ISO 4217 has them");
    struct product_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    service->store = options->store;
    service->search = options->search;
    service->blob = options->blob;
    service->user = options->user;
    service->stock_queue = options->stock;
    memcpy(service->currency, options->currency, MONEY_CURRENCY_SIZE);
    count_in(service, options->metrics);
    service->router = router_new(product_routes, service);
    service->index = index_new(service->store, service->search);
    service->worker = worker_new("uploads", MAX_UPLOADS_WAITING);
    *out = service;
    return 0;
}

struct router *product_service_router(struct product_service *service)
{
    return service->router;
}

void product_service_attach_relay(struct product_service *service, struct relay *relay)
{
    product_store_attach_relay(service->store, relay);
}

int product_service_start(struct product_service *service, struct error *error)
{
    int rc = index_start(service->index, error);
    return rc < 0 ? rc : stock_consumer_start(service, error);
}

uint64_t product_service_stop(struct product_service *service, bool *clean)
{
    struct product_totals totals = {0};
    struct error error;
    stock_consumer_stop(service);
    worker_free(service->worker);
    service->worker = NULL;
    *clean =
        index_stop(service->index) && product_store_totals(service->store, &totals, &error) == 0;
    return (uint64_t)totals.position;
}

void product_service_free(struct product_service *service)
{
    if (!service)
        return;
    worker_free(service->worker);
    index_free(service->index);
    router_free(service->router);
    free(service);
}

int product_service_reindex(struct product_service *service, bool wait,
    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct error *error)
{
    return index_rebuild(service->index, wait, progress, ctx, error);
}

void service_stock_changed(
    struct product_service *service, const struct product_line *lines, size_t count)
{
    /* Not in the index (yet): whoever puts it there reads the stock anew. */
    for (size_t i = 0; i < count; i++)
        search_set_stock(service->search, lines[i].id, (int)lines[i].available, NULL);
}
