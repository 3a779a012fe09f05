#include "consumer_fixture.h"

#include "clock.h"
#include "cloudevent.h"
#include "json.h"
#include "postgres_server.h"
#include "recent.h"

/* ---- the services ---- */

static bool fails(atomic_int *failures)
{
    int left = atomic_load(failures);
    while (left > 0 && !atomic_compare_exchange_weak(failures, &left, left - 1))
        ;
    return left > 0;
}

static void learn(struct model *model, const json_t *event)
{
    const char *subject = json_text_or(event, "subject", "");
    int key = -1, number = (int)json_int_or(event, "sequence", 0);
    model->events++;
    if (strcmp(json_text_or(event, "type", ""), "user.erased") == 0)
        snprintf(model->erased, sizeof(model->erased), "%s", subject);
    if (sscanf(subject, "key%d", &key) != 1 || key < 0 || key >= KEYS)
        return;
    if (number != model->last[key] + 1)
        model->disordered++;
    model->last[key] = number;
}

static void take_events(void *ctx, struct exchange *exchange)
{
    struct model *model = ctx;
    CLEANUP_JSON json_t *body = NULL;
    model->calls++;
    if (fails(&model->failures)) {
        http_problem(exchange, 503, "unavailable", NULL, "not now");
        return;
    }
    if (http_json_body(exchange, &body) < 0)
        return;
    const json_t *events = json_object_get(body, "events");
    const json_t *sequences = json_object_get(body, "sequences");
    int shard = (int)json_int_or(body, "shard", -1);
    size_t count = json_array_size(events);
    assert_true(count > 0 && count <= 500);
    pthread_mutex_lock(&model->lock);
    for (size_t i = 0; i < count; i++) {
        int64_t sequence = json_integer_value(json_array_get(sequences, i));
        const json_t *event = json_array_get(events, i);
        bool known = !recent_add(model->recent, json_text_or(event, "id", ""));
        if (known || (shard >= 0 && sequence <= model->places[shard])) {
            model->again++;
            continue;
        }
        if (shard >= 0)
            model->places[shard] = sequence;
        learn(model, event);
    }
    pthread_mutex_unlock(&model->lock);
    http_reply_empty(exchange, 202);
}

bool model_forgot(struct model *model, const char *shopper)
{
    pthread_mutex_lock(&model->lock);
    bool forgot = strcmp(model->erased, shopper) == 0;
    pthread_mutex_unlock(&model->lock);
    return forgot;
}

static void erase_user(void *ctx, struct exchange *exchange)
{
    struct product *product = ctx;
    if (fails(&product->failures)) {
        http_problem(exchange, 503, "unavailable", NULL, "not now");
        return;
    }
    snprintf(product->user, sizeof(product->user), "%s", exchange->request.params[0]);
    product->told++;
    http_reply_empty(exchange, 204);
}

static const struct route model_routes[] = {
    {HTTP_POST, "/internal/recommendation/events", take_events}, {0}};
static const struct route product_routes[] = {
    {HTTP_POST, "/internal/users/{id}/erased", erase_user}, {0}};

/* ---- the line that can be cut ---- */

static int refuse(struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the line is cut");
}

struct line_load {
    struct line *line;
    const struct warehouse_batch *batch;
    warehouse_done_fn *done;
    void *ctx;
};

static void line_loaded(void *ctx, int rc, const struct error *error)
{
    struct line_load *load = ctx;
    load->line->refused += rc == ERROR_CONFLICT;
    load->done(load->ctx, rc, error);
    free(load);
}

static void line_load(
    struct warehouse *base, const struct warehouse_batch *batch, warehouse_done_fn *done, void *ctx)
{
    struct line *line = (struct line *)base;
    struct error error = {0};
    if (line->cut) {
        int rc = refuse(&error);
        done(ctx, rc, &error);
        return;
    }
    struct line_load *load = calloc(1, sizeof(*load));
    *load = (struct line_load){line, batch, done, ctx};
    if (line->slow)
        line->under_way = load;
    else
        warehouse_load(line->warehouse, batch, line_loaded, load);
}

void line_hasten(struct line *line)
{
    struct line_load *load = atomic_exchange(&line->under_way, NULL);
    line->slow = false;
    assert_non_null(load);
    warehouse_load(line->warehouse, load->batch, line_loaded, load);
}

static int line_lease(struct warehouse *base, const struct warehouse_lease_query *query,
    bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    struct line *line = (struct line *)base;
    return line->cut ? refuse(error) : warehouse_lease(line->warehouse, query, held, error);
}

static int line_checkpoints(struct warehouse *base, int64_t *sequences, struct error *error)
{
    struct line *line = (struct line *)base;
    return line->cut ? refuse(error) : warehouse_checkpoints(line->warehouse, sequences, error);
}

static int line_recent(
    struct warehouse *base, struct arena *arena, const char ***ids, struct error *error)
{
    struct line *line = (struct line *)base;
    return line->cut ? refuse(error) : warehouse_recent(line->warehouse, arena, ids, error);
}

/* What a consumer needs; the tests ask the warehouse itself for the rest. */
static const struct warehouse_ops line_ops = {
    .load = line_load, .lease = line_lease, .checkpoints = line_checkpoints, .recent = line_recent};

/* ---- set-up ---- */

static struct consumer_fixture *fixture_new(void **state)
{
    struct consumer_fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->timers = timers_new();
    f->erasures =
        queue_memory_new("erasures", &(struct queue_options){.timers = f->timers,
                                         .max_receives = STREAM_CONSUMER_ERASURE_RECEIVES});
    pthread_mutex_init(&f->model.lock, NULL);
    f->model.recent = recent_new(65536);
    f->model.router = router_new(model_routes, &f->model);
    f->model.upstream = upstream_local("recommendation");
    upstream_set_router(f->model.upstream, f->model.router);
    f->product.router = router_new(product_routes, &f->product);
    f->product.upstream = upstream_local("product");
    upstream_set_router(f->product.upstream, f->product.router);
    f->arena = arena_new();
    *state = f;
    return f;
}

static int lay_lines(struct consumer_fixture *f)
{
    if (!f->second)
        f->second = f->warehouse;
    for (int i = 0; i < 2; i++) {
        f->lines[i].base.ops = &line_ops;
        f->lines[i].warehouse = i ? f->second : f->warehouse;
    }
    return 0;
}

int fixture_memory(void **state)
{
    struct consumer_fixture *f = fixture_new(state);
    f->stream = stream_memory_new(&(struct stream_options){.max_bytes = INT64_C(1) << 30});
    f->warehouse = warehouse_memory_new();
    return lay_lines(f);
}

static void open_stream(struct consumer_fixture *f)
{
    struct error error;
    char path[128];
    snprintf(path, sizeof(path), "%s/stream.db", f->directory);
    assert_int_equal(stream_sqlite_open(&f->stream, path, NULL, &error), 0);
}

int fixture_sqlite(void **state)
{
    struct consumer_fixture *f = fixture_new(state);
    struct error error;
    char path[128];
    snprintf(path, sizeof(path), "%s/warehouse.db", f->directory);
    assert_int_equal(warehouse_sqlite_open(&f->warehouse, path, &error), 0);
    open_stream(f);
    return lay_lines(f);
}

static struct postgres_server *server;

struct postgres_server *fixture_server(void)
{
    return server;
}

int fixture_server_end(void **state)
{
    (void)state;
    postgres_server_free(server);
    server = NULL;
    return 0;
}

int fixture_postgres(void **state)
{
    static int schemas;
    struct consumer_fixture *f = fixture_new(state);
    struct error error = {0};
    char schema[32], url[256];
    if (!server)
        server = postgres_server_start();
    snprintf(schema, sizeof(schema), "consumer%d", ++schemas);
    postgres_server_schema(server, schema);
    postgres_server_url(server, "postgresql", schema, url, sizeof(url));
    assert_int_equal(warehouse_postgres_open(&f->warehouse, url, &error), 0);
    assert_int_equal(warehouse_postgres_open(&f->second, url, &error), 0);
    open_stream(f);
    return lay_lines(f);
}

int fixture_end(void **state)
{
    struct consumer_fixture *f = *state;
    if (f->consumer)
        stop(f);
    if (f->other)
        fixture_stop(&f->other);
    stream_close(f->stream);
    if (f->second != f->warehouse)
        warehouse_close(f->second);
    warehouse_close(f->warehouse);
    queue_close(f->erasures);
    timers_free(f->timers);
    upstream_free(f->model.upstream);
    router_free(f->model.router);
    upstream_free(f->product.upstream);
    router_free(f->product.router);
    pthread_mutex_destroy(&f->model.lock);
    recent_free(f->model.recent);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

struct stream_consumer_options fixture_options(struct consumer_fixture *f)
{
    return (struct stream_consumer_options){.stream = f->stream,
        .warehouse = f->warehouse,
        .recommendation = f->model.upstream,
        .product = f->product.upstream,
        .erasures = f->erasures,
        .takeover_ms = 600,
        .linger_ms = -1};
}

struct stream_consumer *fixture_start(const struct stream_consumer_options *options)
{
    struct stream_consumer *consumer = NULL;
    struct error error = {0};
    assert_int_equal(stream_consumer_new(&consumer, options, &error), 0);
    assert_int_equal(stream_consumer_start(consumer, &error), 0);
    return consumer;
}

void fixture_stop(struct stream_consumer **consumer)
{
    stream_consumer_stop(*consumer);
    stream_consumer_free(*consumer);
    *consumer = NULL;
}

void start(struct consumer_fixture *f)
{
    struct stream_consumer_options options = fixture_options(f);
    f->consumer = fixture_start(&options);
}

void stop(struct consumer_fixture *f)
{
    fixture_stop(&f->consumer);
}

/* ---- putting ---- */

void put_done(void *ctx, int rc, const struct error *error)
{
    (void)error;
    assert_int_equal(rc, 0);
    ++*(atomic_int *)ctx;
}

void put_text(struct consumer_fixture *f, const char *key, const char *id, const char *text)
{
    atomic_int done = 0;
    struct stream_record record = {.key = key, .id = id, .data = text, .length = strlen(text)};
    stream_put(f->stream, &record, 1, put_done, &done);
    while (!done)
        usleep(100);
}

void put(struct consumer_fixture *f, const char *id, const char *type, const char *subject,
    int64_t sequence, const char *data)
{
    struct buffer text = BUFFER_INIT;
    struct cloudevent event = {.id = id,
        .source = "/services/test",
        .type = type,
        .subject = subject,
        .sequence = sequence,
        .data = data};
    cloudevent_append(&text, &event);
    put_text(f, subject ? subject : id, id, text.data);
    buffer_release(&text);
}

/* Events that go on the stream together. */
#define BUNDLE 1000
struct bundle {
    struct stream_record records[BUNDLE];
    struct buffer texts[BUNDLE];
    char ids[BUNDLE][32];
    size_t count;
};

static void bundle_add(struct bundle *bundle, const char *key, const struct cloudevent *event)
{
    size_t i = bundle->count++;
    snprintf(bundle->ids[i], sizeof(bundle->ids[i]), "%s", event->id);
    buffer_reset(&bundle->texts[i]);
    cloudevent_append(&bundle->texts[i], event);
    bundle->records[i] = (struct stream_record){.key = key,
        .id = bundle->ids[i],
        .data = bundle->texts[i].data,
        .length = bundle->texts[i].length};
}

static void bundle_put(struct bundle *bundle, struct consumer_fixture *f)
{
    atomic_int done = 0;
    stream_put(f->stream, bundle->records, bundle->count, put_done, &done);
    while (!done)
        usleep(50);
    bundle->count = 0;
}

static void bundle_free(struct bundle *bundle)
{
    for (int i = 0; i < BUNDLE; i++)
        buffer_release(&bundle->texts[i]);
    test_free(bundle);
}

void put_views(struct consumer_fixture *f, const char *shopper, int first, int count)
{
    struct bundle *bundle = test_calloc(1, sizeof(*bundle));
    char id[32], data[160];
    for (int i = first; i < first + count; i++) {
        snprintf(id, sizeof(id), "V%d", i);
        snprintf(data, sizeof(data),
            "{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C%04d\",\"guest_id\":\"%s\",\"list\":\"search\"}",
            i % 1007, shopper);
        bundle_add(bundle, shopper,
            &(struct cloudevent){.id = id,
                .source = "/services/recommendation",
                .type = "activity.viewed",
                .data = data});
        if (bundle->count == BUNDLE || i == first + count - 1)
            bundle_put(bundle, f);
    }
    bundle_free(bundle);
}

void put_numbered(struct consumer_fixture *f, int rounds)
{
    struct bundle *bundle = test_calloc(1, sizeof(*bundle));
    char id[32], data[512], keys[KEYS][8];
    for (int round = 0; round < rounds; round++) {
        for (int key = 0; key < KEYS; key++, f->put++) {
            int number = f->put / KEYS + 1;
            char *name = keys[key];
            snprintf(name, sizeof(keys[key]), "key%d", key % KEYS);
            snprintf(id, sizeof(id), "K%d.%d", key, number);
            snprintf(data, sizeof(data),
                "{\"user_id\":\"%s\",\"wine_id\":\"W1\",\"quantity\":%d,\"previous\":%d}", name,
                number, number - 1);
            bundle_add(bundle, name,
                &(struct cloudevent){.id = id,
                    .source = "/services/order",
                    .type = "cart.changed",
                    .subject = name,
                    .sequence = number,
                    .data = data});
        }
        bundle_put(bundle, f);
    }
    bundle_free(bundle);
}

/* ---- looking ---- */

struct stream_consumer_stats await(struct consumer_fixture *f, int64_t events)
{
    struct stream_consumer_stats stats;
    int64_t last = -1;
    for (int i = 0; i < 20000; i++) {
        stream_consumer_stats(f->consumer, &stats);
        if (stats.events >= events)
            return stats;
        if (stats.events > last)
            i = 0;
        last = stats.events;
        usleep(1000);
    }
    fail_msg("only %lld events came", (long long)stats.events);
    return stats;
}

struct counting {
    bool seen[KEYS][NUMBERS];
    int count, twice;
};

static int count_one(void *ctx, const struct warehouse_interaction *interaction)
{
    struct counting *counting = ctx;
    int key, number = (int)interaction->value;
    if (interaction->kind != WAREHOUSE_CART || sscanf(interaction->shopper, "key%d", &key) != 1)
        return 0;
    counting->twice += counting->seen[key][number];
    counting->seen[key][number] = true;
    counting->count++;
    return 0;
}

int count_numbered(struct consumer_fixture *f)
{
    struct counting *counting = test_calloc(1, sizeof(*counting));
    struct warehouse_interaction_query query = {0};
    struct error error = {0};
    int rc = ERROR_UNAVAILABLE;
    /* A server that was away is found again by the next question or so. */
    for (int i = 0; i < 200 && rc == ERROR_UNAVAILABLE; i++) {
        memset(counting, 0, sizeof(*counting));
        rc = warehouse_interactions(f->warehouse, &query, count_one, counting, &error);
        if (rc == ERROR_UNAVAILABLE)
            usleep(50000);
    }
    int found = counting->count, twice = counting->twice;
    test_free(counting);
    assert_int_equal(rc, 0);
    assert_int_equal(twice, 0);
    return found;
}

void await_numbered(struct consumer_fixture *f)
{
    for (int i = 0; i < 400 && count_numbered(f) < f->put; i++)
        usleep(50000);
    assert_int_equal(count_numbered(f), f->put);
    assert_int_equal(f->model.disordered, 0);
    assert_int_equal(f->model.events, f->put);
}

struct report_wait {
    atomic_int done;
    struct warehouse_report report;
};

struct warehouse_report report(struct consumer_fixture *f)
{
    struct report_wait wait = {0};
    struct warehouse_report_query query = {
        .days = 1, .now_ms = clock_now_ms(), .limit = 10, .horizon_days = 14, .stuck_ms = 60000};
    warehouse_report(f->warehouse, &query, f->arena, &wait.report, put_done, &wait.done);
    while (!wait.done)
        usleep(100);
    return wait.report;
}
