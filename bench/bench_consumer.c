/*
 * Events a second from the stream into warehouse and model, and the CPU time each takes, all
 * threads together:
 *
 *   checkout   what a checkout makes: a cart's change, an order of two lines, its confirmation and
 *              payment, the stock's change
 *   views      views of wines by many shoppers, as POST /events publishes them
 *   one        views of all wines by one shopper, put while they are read: nothing may pile up
 *
 *   bench_consumer [-k KIND] [-n EVENTS] [-c CONSUMERS] [-s] [-p postgres://...] [DIRECTORY]
 *
 * The warehouse is a file in a new directory under the one given (the current one otherwise), or
 * the empty database of a server. The stream is in memory, or with -s (and for `one`) in a file.
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

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

/* Events go on the stream in parts, one part ahead of what is durable. */
#define PART 1000

static struct {
    struct stream *stream;
    struct stream_record records[PART];
    struct buffer texts[PART];
    char ids[PART][ID_SIZE], keys[PART][ID_SIZE];
    size_t count;
    atomic_int under_way;
} part;

static void part_done(void *ctx, int rc, const struct error *error)
{
    put_done(ctx, rc, error);
    part.under_way--;
}

static void flush(void)
{
    while (part.under_way > 1)
        usleep(50);
    part.under_way++;
    stream_put(part.stream, part.records, part.count, part_done, NULL);
    part.count = 0;
}

static void put(const char *source, const char *type, const char *subject, int64_t sequence,
    const char *key, const char *data)
{
    size_t i = part.count++;
    buffer_reset(&part.texts[i]);
    snprintf(part.keys[i], ID_SIZE, "%s", key);
    cloudevent_append(&part.texts[i], &(struct cloudevent){.id = id_new(part.ids[i]),
                                          .source = source,
                                          .type = type,
                                          .subject = subject,
                                          .sequence = sequence,
                                          .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                          .span_id = "00f067aa0ba902b7",
                                          .data = data});
    part.records[i] = (struct stream_record){.key = part.keys[i],
        .id = part.ids[i],
        .data = part.texts[i].data,
        .length = part.texts[i].length};
    if (part.count == PART)
        flush();
}

static void put_view(struct arena *arena, int number, const char *shopper)
{
    const char *wine = wines[number % WINES];
    put("/services/recommendation", "activity.viewed", wine, 0, shopper,
        arena_printf(
            arena, "{\"guest_id\":\"%s\",\"wine_id\":\"%s\",\"list\":\"search\"}", shopper, wine));
    arena_clear(arena);
}

static void put_checkout(struct arena *arena, int number)
{
    char user[ID_SIZE], order[ID_SIZE];
    const char *a = wines[rand() % WINES], *b = wines[rand() % WINES];
    id_new(user);
    id_new(order);
    put("/services/order", "cart.changed", user, 1, user,
        arena_printf(arena, "{\"user_id\":\"%s\",\"wine_id\":\"%s\",\"quantity\":2,\"previous\":0}",
            user, a));
    put("/services/order", "order.placed", order, 1, order,
        arena_printf(arena,
            "{\"user_id\":\"%s\",\"lines\":[{\"wine_id\":\"%s\",\"name\":\"Clos des Alouettes\","
            "\"winery\":\"Domaine Vaucher-Lenoir\",\"vintage\":2019,\"bottle_ml\":750,"
            "\"quantity\":2,\"unit_price\":6450,\"line_total\":12900},{\"wine_id\":\"%s\","
            "\"name\":\"Les Genets\",\"winery\":\"Maison Tournebise\",\"vintage\":2021,"
            "\"bottle_ml\":750,\"quantity\":1,\"unit_price\":1800,\"line_total\":1800}],"
            "\"totals\":{\"subtotal\":14700,\"shipping\":1500,\"tax\":935,\"total\":17135,"
            "\"currency\":\"USD\"},\"destination\":{\"country\":\"US\",\"region\":\"CA\"}}",
            user, a, b));
    put("/services/order", "stock.changed", a, number + 1, a,
        arena_printf(arena,
            "{\"available\":%d,\"on_hand\":100,\"change\":-2,\"cause\":\"reserved\","
            "\"order_id\":\"%s\"}",
            100 - number % 90, order));
    put("/services/order", "order.payment_changed", order, 2, order,
        arena_printf(arena,
            "{\"user_id\":\"%s\",\"from\":\"pending\",\"to\":\"authorized\",\"amount\":17135,"
            "\"currency\":\"USD\"}",
            user));
    put("/services/order", "order.confirmed", order, 2, order,
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

struct options {
    const char *kind, *postgres, *directory;
    int64_t events;
    int consumers;
    bool file;
};

struct bench {
    struct options options;
    char directory[256], path[300], stream_path[300];
    struct upstream *product, *model;
    struct router *router;
    struct warehouse *warehouse;
    struct stream *stream;
    struct blob *blob;
    struct recommendation_service *service;
    struct stream_consumer *consumer;
};

static void open_all(struct bench *bench)
{
    static const struct route routes[] = {{HTTP_GET, "/internal/wines/all", serve_wines}, {0}};
    const struct options *options = &bench->options;
    struct error error = {0};
    bench->product = upstream_local("product");
    bench->model = upstream_local("model");
    bench->router = router_new(routes, NULL);
    upstream_set_router(bench->product, bench->router);
    bench->blob = blob_memory_new();
    struct stream_options large = {.max_bytes = INT64_C(8) << 30};
    int rc = 0;
    if (options->file)
        rc = stream_sqlite_open(&bench->stream, bench->stream_path, &large, &error);
    else
        bench->stream = stream_memory_new(&large);
    if (rc == 0)
        rc = options->postgres
                 ? warehouse_postgres_open(&bench->warehouse, options->postgres, &error)
                 : warehouse_sqlite_open(&bench->warehouse, bench->path, &error);
    if (rc == 0)
        rc = recommendation_service_new(&bench->service,
            &(struct recommendation_options){.stream = bench->stream,
                .warehouse = bench->warehouse,
                .product = bench->product,
                .blob = bench->blob,
                .currency = "USD"},
            &error);
    if (rc == 0)
        rc = recommendation_service_start(bench->service, &error);
    if (rc < 0)
        fail(&error);
    upstream_set_router(bench->model, recommendation_service_router(bench->service));
    while (!recommendation_service_ready(bench->service))
        usleep(1000);
}

static void start_consumer(struct bench *bench)
{
    struct error error = {0};
    if (stream_consumer_new(&bench->consumer,
            &(struct stream_consumer_options){.stream = bench->stream,
                .warehouse = bench->warehouse,
                .recommendation = bench->model,
                .consumers = bench->options.consumers},
            &error) < 0 ||
        stream_consumer_start(bench->consumer, &error) < 0)
        fail(&error);
}

static void close_all(struct bench *bench)
{
    stream_consumer_stop(bench->consumer);
    recommendation_service_stop(bench->service);
    stream_consumer_free(bench->consumer);
    recommendation_service_free(bench->service);
    warehouse_close(bench->warehouse);
    stream_close(bench->stream);
    blob_close(bench->blob);
    upstream_free(bench->product);
    upstream_free(bench->model);
    router_free(bench->router);
    for (int i = 0; i < PART; i++)
        buffer_release(&part.texts[i]);
    unlink(bench->path);
    unlink(bench->stream_path);
    rmdir(bench->directory);
}

static void put_all(struct bench *bench)
{
    char shopper[ID_SIZE];
    struct arena *arena = arena_new();
    bool one = strcmp(bench->options.kind, "one") == 0;
    bool checkout = strcmp(bench->options.kind, "checkout") == 0;
    part.stream = bench->stream;
    id_new(shopper);
    for (int64_t i = 0; i < bench->options.events; i++) {
        if (checkout && i % EVENTS_PER_ORDER == 0)
            put_checkout(arena, (int)(i / EVENTS_PER_ORDER));
        if (checkout)
            continue;
        if (!one && i % 10 == 0)
            id_new(shopper);
        put_view(arena, (int)i, shopper);
    }
    if (part.count)
        flush();
    while (part.under_way)
        usleep(50);
    arena_free(arena);
}

static struct options read_options(int argc, char **argv)
{
    struct options options = {.kind = "checkout", .events = 100000, .consumers = 1};
    int option;
    while ((option = getopt(argc, argv, "k:n:c:sp:")) != -1) {
        if (option == 'k')
            options.kind = optarg;
        else if (option == 'n')
            options.events = atoll(optarg);
        else if (option == 'c')
            options.consumers = atoi(optarg);
        else if (option == 's')
            options.file = true;
        else if (option == 'p')
            options.postgres = optarg;
        else
            exit(2);
    }
    options.directory = optind < argc ? argv[optind] : ".";
    options.file = options.file || strcmp(options.kind, "one") == 0;
    options.events -= options.events % EVENTS_PER_ORDER;
    return options;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct options *options = &bench.options;
    *options = read_options(argc, argv);
    snprintf(bench.directory, sizeof(bench.directory), "%s/bench-XXXXXX", options->directory);
    if (!mkdtemp(bench.directory))
        return 1;
    snprintf(bench.path, sizeof(bench.path), "%s/warehouse.db", bench.directory);
    snprintf(bench.stream_path, sizeof(bench.stream_path), "%s/stream.db", bench.directory);
    sqlite_global_init();
    for (int i = 0; i < WINES; i++)
        id_new(wines[i]);
    open_all(&bench);
    bool together = strcmp(options->kind, "one") == 0;
    if (!together)
        put_all(&bench);
    struct stream_consumer_stats stats = {0};
    int64_t began = clock_monotonic_ns();
    double cpu = cpu_seconds();
    start_consumer(&bench);
    if (together)
        put_all(&bench);
    double put_seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    while (stats.events < options->events) {
        usleep(1000);
        stream_consumer_stats(bench.consumer, &stats);
    }
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    double events = (double)options->events;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s, %d consumer%s: %.0f events/s, %.1f us of CPU each", options->kind,
        options->consumers, options->consumers == 1 ? "" : "s", events / seconds,
        (cpu_seconds() - cpu) * 1e6 / events);
    if (together)
        printf(" with their putting; last read %.1f s after it was put", seconds - put_seconds);
    printf("; %ld MiB at most\n", usage.ru_maxrss / 1024);
    close_all(&bench);
    return 0;
}
