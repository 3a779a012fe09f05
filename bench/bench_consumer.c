/*
 * Events a second from the stream into warehouse and model, of the kinds that a checkout makes (a
 * cart's change, an order of two lines, its confirmation and payment, the stock's change), and the
 * CPU time each takes, all threads together. The warehouse is a file in a new directory under the
 * one given (the current one otherwise), or the empty database of a server.
 *
 *   bench_consumer [DIRECTORY [ORDERS [postgres://...]]]
 */
#include "arena.h"
#include "blob.h"
#include "buffer.h"
#include "clock.h"
#include "cloudevent.h"
#include "id.h"
#include "recommendation.h"
#include "router.h"
#include "sqlite_db.h"
#include "stream.h"
#include "stream_consumer.h"
#include "upstream.h"
#include "warehouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINES 1007
#define EVENTS_PER_ORDER 5

static char wines[WINES][ID_SIZE];

/* The model needs no more of a wine than that it is there. */
static void serve_wines(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    for (int i = 0; i < WINES; i++)
        buffer_printf(
            &body, "%s{\"id\":\"%s\",\"type\":\"Red\",\"available\":100}", i ? "," : "", wines[i]);
    buffer_append_text(&body, "],\"next\":null}");
    http_reply_json(exchange, 200, &body);
}

static void put_done(void *ctx, int rc, const struct error *error)
{
    (void)ctx;
    if (rc < 0) {
        fprintf(stderr, "bench_consumer: %s\n", error->message);
        exit(1);
    }
}

static void put(struct stream *stream, const char *type, const char *subject, int64_t sequence,
    const char *data)
{
    char id[ID_SIZE];
    struct buffer text = BUFFER_INIT;
    cloudevent_append(&text, &(struct cloudevent){.id = id_new(id),
                                 .source = "/services/order",
                                 .type = type,
                                 .subject = subject,
                                 .sequence = sequence,
                                 .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                 .span_id = "00f067aa0ba902b7",
                                 .data = data});
    struct stream_record record = {
        .key = subject, .id = id, .data = text.data, .length = text.length};
    stream_put(stream, &record, 1, put_done, NULL);
    buffer_release(&text);
}

static void put_checkout(struct stream *stream, struct arena *arena, int number)
{
    char user[ID_SIZE], order[ID_SIZE];
    const char *a = wines[rand() % WINES], *b = wines[rand() % WINES];
    id_new(user);
    id_new(order);
    put(stream, "cart.changed", user, 1,
        arena_printf(arena, "{\"user_id\":\"%s\",\"wine_id\":\"%s\",\"quantity\":2,\"previous\":0}",
            user, a));
    put(stream, "order.placed", order, 1,
        arena_printf(arena,
            "{\"user_id\":\"%s\",\"lines\":[{\"wine_id\":\"%s\",\"name\":\"Clos des Alouettes\","
            "\"winery\":\"Domaine Vaucher-Lenoir\",\"vintage\":2019,\"bottle_ml\":750,"
            "\"quantity\":2,\"unit_price\":6450,\"line_total\":12900},{\"wine_id\":\"%s\","
            "\"name\":\"Les Genets\",\"winery\":\"Maison Tournebise\",\"vintage\":2021,"
            "\"bottle_ml\":750,\"quantity\":1,\"unit_price\":1800,\"line_total\":1800}],"
            "\"totals\":{\"subtotal\":14700,\"shipping\":1500,\"tax\":935,\"total\":17135,"
            "\"currency\":\"USD\"},\"destination\":{\"country\":\"US\",\"region\":\"CA\"}}",
            user, a, b));
    put(stream, "stock.changed", a, number + 1,
        arena_printf(arena,
            "{\"available\":%d,\"on_hand\":100,\"change\":-2,\"cause\":\"reserved\","
            "\"order_id\":\"%s\"}",
            100 - number % 90, order));
    put(stream, "order.payment_changed", order, 2,
        arena_printf(arena,
            "{\"user_id\":\"%s\",\"from\":\"pending\",\"to\":\"authorized\",\"amount\":17135,"
            "\"currency\":\"USD\"}",
            user));
    put(stream, "order.confirmed", order, 2,
        arena_printf(arena,
            "{\"user_id\":\"%s\",\"from\":\"pending\",\"to\":\"confirmed\",\"reason\":null}",
            user));
    arena_clear(arena);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const struct error *error)
{
    fprintf(stderr, "bench_consumer: %s\n", error->message);
    exit(1);
}

int main(int argc, char **argv)
{
    int orders = argc > 2 ? atoi(argv[2]) : 20000;
    char directory[256], path[300];
    struct error error = {0};
    static const struct route routes[] = {{HTTP_GET, "/internal/wines/all", serve_wines}, {0}};
    snprintf(directory, sizeof(directory), "%s/bench-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof(path), "%s/warehouse.db", directory);
    sqlite_global_init();
    for (int i = 0; i < WINES; i++)
        id_new(wines[i]);
    struct upstream *product = upstream_local("product"), *model = upstream_local("model");
    struct router *router = router_new(routes, NULL);
    upstream_set_router(product, router);
    struct warehouse *warehouse = NULL;
    struct stream *stream =
        stream_memory_new(&(struct stream_options){.max_bytes = INT64_C(8) << 30});
    struct blob *blob = blob_memory_new();
    struct recommendation_service *service = NULL;
    struct stream_consumer *consumer = NULL;
    int opened = argc > 3 ? warehouse_postgres_open(&warehouse, argv[3], &error)
                          : warehouse_sqlite_open(&warehouse, path, &error);
    if (opened < 0 ||
        recommendation_service_new(&service,
            &(struct recommendation_options){.stream = stream,
                .warehouse = warehouse,
                .product = product,
                .blob = blob,
                .currency = "USD"},
            &error) < 0 ||
        recommendation_service_start(service, &error) < 0)
        fail(&error);
    upstream_set_router(model, recommendation_service_router(service));
    struct arena *arena = arena_new();
    for (int i = 0; i < orders; i++)
        put_checkout(stream, arena, i);
    arena_free(arena);
    while (!recommendation_service_ready(service))
        usleep(1000);

    int64_t began = clock_monotonic_ns();
    double cpu = cpu_seconds();
    struct stream_consumer_stats stats = {0};
    if (stream_consumer_new(&consumer,
            &(struct stream_consumer_options){
                .stream = stream, .warehouse = warehouse, .recommendation = model},
            &error) < 0 ||
        stream_consumer_start(consumer, &error) < 0)
        fail(&error);
    while (stats.loaded < (int64_t)orders * (EVENTS_PER_ORDER - 1)) {
        usleep(1000);
        stream_consumer_stats(consumer, &stats);
    }
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9, events = orders * 5.0;
    printf("%.0f events/s, %.1f us of CPU each, %.0f us a checkout\n", events / seconds,
        (cpu_seconds() - cpu) * 1e6 / events, (cpu_seconds() - cpu) * 1e6 / orders);
    stream_consumer_stop(consumer);
    recommendation_service_stop(service);
    stream_consumer_free(consumer);
    recommendation_service_free(service);
    warehouse_close(warehouse);
    stream_close(stream);
    blob_close(blob);
    upstream_free(product);
    upstream_free(model);
    router_free(router);
    unlink(path);
    return rmdir(directory);
}
