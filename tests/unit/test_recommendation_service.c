#include "engines.h"

#include "activity.h"
#include "arena.h"
#include "blob.h"
#include "buffer.h"
#include "clock.h"
#include "cloudevent.h"
#include "json.h"
#include "recommendation.h"
#include "sqlite_db.h"
#include "stream.h"
#include "upstream.h"
#include "warehouse.h"

#include <stdatomic.h>

#define WINES 40

/* ---- a product service of forty wines: even ones red, odd ones white ---- */

struct product {
    struct router *router;
    struct upstream *upstream;
    char ids[WINES][ID_SIZE];
    atomic_bool away;
};

static void append_wine(struct buffer *body, struct product *product, int i)
{
    buffer_printf(body,
        "{\"sku\":\"s-%d\",\"id\":\"%s\",\"group_id\":\"%s\",\"name\":\"Wine \\\"%d\\\"\","
        "\"winery\":\"Winery %d\",\"type\":\"%s\",\"country\":\"France\",\"region\":\"Region %d\","
        "\"grapes\":[\"%s\"],\"pairings\":[\"Food ]} %d\"],\"body\":\"full\","
        "\"price\":{\"amount\":%d,\"currency\":\"USD\"},\"available\":%d,"
        "\"rating\":{\"mean\":null,\"count\":0}}",
        i, product->ids[i], product->ids[i], i, i / 2, i % 2 ? "White" : "Red", i % 8,
        i % 2 ? "Riesling" : "Syrah", i % 4, 1000 + i * 50, i == 4 ? 0 : 10);
}

static int wine_number(struct product *product, const char *id)
{
    for (int i = 0; i < WINES; i++) {
        if (strncmp(product->ids[i], id, ID_LENGTH) == 0)
            return i;
    }
    return -1;
}

static void serve_ids(void *ctx, struct exchange *exchange)
{
    struct product *product = ctx;
    struct buffer body = BUFFER_INIT;
    const char *ids = http_query(exchange, "ids");
    assert_string_equal(http_query(exchange, "full"), "true");
    if (product->away) {
        http_problem(exchange, 503, "unavailable", NULL, "away");
        return;
    }
    buffer_append_text(&body, "{\"items\":[");
    for (const char *id = ids; *id;) {
        int i = wine_number(product, id);
        if (i >= 0) {
            if (body.data[body.length - 1] != '[')
                buffer_append_char(&body, ',');
            append_wine(&body, product, i);
        }
        id += strcspn(id, ",");
        id += *id == ',';
    }
    buffer_append_text(&body, "]}");
    http_reply_json(exchange, 200, &body);
}

static void serve_all(void *ctx, struct exchange *exchange)
{
    struct product *product = ctx;
    struct buffer body = BUFFER_INIT;
    const char *after = http_query(exchange, "after");
    int first = *after ? wine_number(product, after) + 1 : 0, page = 25;
    int end = first + page < WINES ? first + page : WINES;
    if (product->away) {
        http_problem(exchange, 503, "unavailable", NULL, "away");
        return;
    }
    buffer_append_text(&body, "{\"items\":[");
    for (int i = first; i < end; i++) {
        if (i > first)
            buffer_append_char(&body, ',');
        append_wine(&body, product, i);
    }
    buffer_append_text(&body, "],\"next\":");
    if (end < WINES)
        buffer_append_json(&body, product->ids[end - 1]);
    else
        buffer_append_text(&body, "null");
    buffer_append_char(&body, '}');
    http_reply_json(exchange, 200, &body);
}

static void serve_one(void *ctx, struct exchange *exchange)
{
    struct product *product = ctx;
    if (wine_number(product, exchange->request.params[0]) >= 0)
        http_problem(exchange, 410, "withdrawn", NULL, "no longer sold");
    else
        http_problem(exchange, 404, "not_found", NULL, "no such wine");
}

static const struct route routes[] = {{HTTP_GET, "/internal/wines", serve_ids},
    {HTTP_GET, "/internal/wines/all", serve_all}, {HTTP_GET, "/api/v1/wines/{id}", serve_one}, {0}};

/* ---- the fixture ---- */

struct fixture {
    struct product product;
    struct stream *stream;
    struct warehouse *warehouse;
    struct blob *blob;
    struct recommendation_service *service;
    struct upstream *upstream;
    struct arena *arena;
    struct identity identity;
    int events, place;
};

static void await_ready(struct fixture *f)
{
    for (int i = 0; i < 5000 && !recommendation_service_ready(f->service); i++)
        usleep(1000);
    assert_true(recommendation_service_ready(f->service));
}

static void start(struct fixture *f)
{
    struct error error = {0};
    struct recommendation_options options = {.stream = f->stream,
        .warehouse = f->warehouse,
        .product = f->product.upstream,
        .blob = f->blob,
        .currency = "USD"};
    assert_int_equal(recommendation_service_new(&f->service, &options, &error), 0);
    assert_int_equal(recommendation_service_start(f->service, &error), 0);
    upstream_set_router(f->upstream, recommendation_service_router(f->service));
}

static void stop(struct fixture *f)
{
    recommendation_service_stop(f->service);
    recommendation_service_free(f->service);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    for (int i = 0; i < WINES; i++)
        id_new(f->product.ids[i]);
    f->product.router = router_new(routes, &f->product);
    f->product.upstream = upstream_local("product");
    upstream_set_router(f->product.upstream, f->product.router);
    f->upstream = upstream_local("recommendation");
    f->stream = stream_memory_new(NULL);
    f->warehouse = warehouse_memory_new();
    f->blob = blob_memory_new();
    f->arena = arena_new();
    start(f);
    await_ready(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop(f);
    warehouse_close(f->warehouse);
    blob_close(f->blob);
    stream_close(f->stream);
    upstream_free(f->upstream);
    upstream_free(f->product.upstream);
    router_free(f->product.router);
    arena_free(f->arena);
    test_free(f);
    return 0;
}

static int call(
    struct fixture *f, enum http_method method, const char *path, const char *text, json_t **answer)
{
    const char *body = NULL;
    struct upstream_call request = {.method = method,
        .path = path,
        .body = text,
        .body_length = text ? strlen(text) : 0,
        .identity = &f->identity};
    int status = upstream_call_wait(f->upstream, &request, f->arena, &body);
    if (answer)
        assert_int_equal(json_read_object(body, strlen(body), answer, NULL), 0);
    return status;
}

static void tell(
    struct fixture *f, const char *type, const char *subject, int64_t sequence, const char *data)
{
    struct buffer text = BUFFER_INIT;
    char id[16];
    snprintf(id, sizeof(id), "T%d", f->events++);
    buffer_append_text(&text, "{\"events\":[");
    cloudevent_append(&text, &(struct cloudevent){.id = id,
                                 .source = "/services/test",
                                 .type = type,
                                 .subject = subject,
                                 .sequence = sequence,
                                 .data = data});
    buffer_append_char(&text, ']');
    if (f->place) /* in the stream */
        buffer_printf(&text, ",\"shard\":3,\"sequences\":[%d]", f->place);
    buffer_append_char(&text, '}');
    assert_int_equal(call(f, HTTP_POST, "/internal/recommendation/events", text.data, NULL), 202);
    buffer_release(&text);
}

static const char *wine_data(struct fixture *f, int wine, const char *rest)
{
    return arena_printf(f->arena, "{\"wine_id\":\"%s\"%s}", f->product.ids[wine], rest);
}

static json_t *similar_to(struct fixture *f, int wine)
{
    json_t *answer;
    const char *path =
        arena_printf(f->arena, "/api/v1/wines/%s/similar?limit=10", f->product.ids[wine]);
    assert_int_equal(call(f, HTTP_GET, path, NULL, &answer), 200);
    return answer;
}

static json_t *recommended(struct fixture *f)
{
    json_t *answer;
    assert_int_equal(call(f, HTTP_GET, "/api/v1/recommendations", NULL, &answer), 200);
    return answer;
}

static json_t *all_recommended(struct fixture *f)
{
    json_t *answer;
    assert_int_equal(call(f, HTTP_GET, "/api/v1/recommendations?limit=50", NULL, &answer), 200);
    return answer;
}

static const char *item_id(const json_t *list, size_t i)
{
    return json_text_or(json_array_get(json_object_get(list, "items"), i), "id", "");
}

static size_t items(const json_t *list)
{
    return json_array_size(json_object_get(list, "items"));
}

/* Where the wine is among the recommendations, or -1. */
static int place_of(struct fixture *f, const json_t *list, int wine, const char **kind)
{
    for (size_t i = 0; i < items(list); i++) {
        const json_t *item = json_array_get(json_object_get(list, "items"), i);
        const json_t *document = json_object_get(item, "wine");
        if (strcmp(json_text_or(document, "id", ""), f->product.ids[wine]) != 0)
            continue;
        if (kind)
            *kind =
                arena_strdup(f->arena, json_text_or(json_object_get(item, "reason"), "kind", ""));
        return (int)i;
    }
    return -1;
}

/* ---- similar ---- */

static void similar_wines_taste_alike_and_can_be_bought(void **state)
{
    struct fixture *f = *state;
    CLEANUP_JSON json_t *list = similar_to(f, 0);
    assert_int_equal(items(list), 10);
    for (size_t i = 0; i < 10; i++) {
        int wine = wine_number(&f->product, item_id(list, i));
        assert_true(wine > 0 && wine % 2 == 0);
        assert_true(wine != 4); /* sold out, and there are enough others */
    }
    tell(f, "stock.changed", f->product.ids[8], 1, "{\"available\":0}");
    CLEANUP_JSON json_t *later = similar_to(f, 0);
    for (size_t i = 0; i < items(later); i++)
        assert_string_not_equal(item_id(later, i), f->product.ids[8]);
}

static void unknown_wines_are_the_product_services_to_explain(void **state)
{
    struct fixture *f = *state;
    char path[80], id[ID_SIZE];
    json_t *problem;
    snprintf(path, sizeof(path), "/api/v1/wines/%s/similar", id_new(id));
    assert_int_equal(call(f, HTTP_GET, path, NULL, &problem), 404);
    assert_string_equal(json_text_or(problem, "code", ""), "not_found");
    json_decref(problem);
    assert_int_equal(call(f, HTTP_GET, "/api/v1/wines/x/similar", NULL, NULL), 404);
    tell(f, "product.withdrawn", f->product.ids[3], 9, "{}");
    snprintf(path, sizeof(path), "/api/v1/wines/%s/similar", f->product.ids[3]);
    int status = 0;
    for (int i = 0; i < 3000 && status != 410; i++) {
        usleep(1000);
        status = call(f, HTTP_GET, path, NULL, NULL);
    }
    assert_int_equal(status, 410);
    snprintf(path, sizeof(path), "/api/v1/wines/%s/similar?limit=0", f->product.ids[0]);
    assert_int_equal(call(f, HTTP_GET, path, NULL, NULL), 422);
    f->product.away = true;
    snprintf(path, sizeof(path), "/api/v1/wines/%s/similar", f->product.ids[0]);
    assert_int_equal(call(f, HTTP_GET, path, NULL, NULL), 503);
}

/* ---- recommendations ---- */

static void strangers_get_what_is_popular(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        tell(f, "activity.viewed", f->product.ids[7], 0, wine_data(f, 7, ""));
    const char *kind = "";
    int place = -1;
    for (int i = 0; i < 3000 && place != 0; i++) {
        usleep(1000);
        CLEANUP_JSON json_t *list = recommended(f);
        assert_true(json_is_false(json_object_get(list, "personal")));
        place = place_of(f, list, 7, &kind);
        assert_int_equal(items(list), 12);
    }
    assert_int_equal(place, 0);
    assert_string_equal(kind, "popular");
}

static void shoppers_get_what_is_like_what_they_liked(void **state)
{
    struct fixture *f = *state;
    const char *shopper = arena_strdup(f->arena, id_new(f->identity.user));
    f->identity.role = ROLE_CUSTOMER;
    tell(f, "rating.given", f->product.ids[1], 1,
        arena_printf(f->arena, "{\"user_id\":\"%s\",\"stars\":5,\"mean\":5,\"count\":1}", shopper));
    tell(f, "rating.given", f->product.ids[9], 1,
        arena_printf(f->arena, "{\"user_id\":\"%s\",\"stars\":1,\"mean\":1,\"count\":1}", shopper));
    CLEANUP_JSON json_t *list = recommended(f);
    assert_true(json_is_true(json_object_get(list, "personal")));
    const json_t *first = json_array_get(json_object_get(list, "items"), 0);
    const json_t *reason = json_object_get(first, "reason");
    assert_int_equal(
        wine_number(&f->product, json_text_or(json_object_get(first, "wine"), "id", "")) % 2, 1);
    assert_string_equal(json_text_or(reason, "kind", ""), "similar_to");
    assert_string_equal(json_text_or(reason, "text", ""), "Because you liked Wine \"1\"");
    assert_string_equal(json_text_or(reason, "wine_id", ""), f->product.ids[1]);
    assert_int_equal(place_of(f, list, 9, NULL), -1); /* rated badly */
    assert_int_equal(place_of(f, list, 4, NULL), -1); /* sold out */

    tell(f, "user.erased", shopper, 2, "{}");
    CLEANUP_JSON json_t *after = recommended(f);
    assert_true(json_is_false(json_object_get(after, "personal")));
}

static void place_order(struct fixture *f, const char *order, const char *shopper, int a, int b)
{
    tell(f, "order.placed", order, 1,
        arena_printf(f->arena,
            "{\"user_id\":\"%s\",\"lines\":[{\"wine_id\":\"%s\",\"quantity\":1},"
            "{\"wine_id\":\"%s\",\"quantity\":1}]}",
            shopper, f->product.ids[a], f->product.ids[b]));
}

static void the_basket_brings_what_goes_with_it(void **state)
{
    struct fixture *f = *state;
    char order[ID_SIZE], shopper[ID_SIZE];
    for (int i = 0; i < 6; i++)
        place_order(f, id_new(order), id_new(shopper), 2, 15);
    id_new(f->identity.guest);
    f->identity.role = ROLE_GUEST;
    tell(f, "cart.changed", f->identity.guest, 1,
        wine_data(f, 2,
            arena_printf(f->arena, ",\"guest_id\":\"%s\",\"quantity\":1,\"previous\":0",
                f->identity.guest)));
    const char *kind = "";
    for (int i = 0; i < 3000 && strcmp(kind, "bought_together") != 0; i++) {
        usleep(1000);
        CLEANUP_JSON json_t *list = recommended(f);
        assert_int_equal(place_of(f, list, 2, NULL), -1); /* in the cart */
        place_of(f, list, 15, &kind);
    }
    assert_string_equal(kind, "bought_together");
    place_order(f, id_new(order), shopper, 2, 15); /* somebody else: nothing changes here */
    CLEANUP_JSON json_t *still = recommended(f);
    assert_true(place_of(f, still, 15, NULL) >= 0);
}

static void the_last_order_is_not_offered_again(void **state)
{
    struct fixture *f = *state;
    char order[ID_SIZE];
    id_new(f->identity.user);
    f->identity.role = ROLE_CUSTOMER;
    place_order(f, id_new(order), f->identity.user, 2, 6);
    CLEANUP_JSON json_t *list = all_recommended(f);
    assert_int_equal(place_of(f, list, 2, NULL), -1);
    assert_int_equal(place_of(f, list, 6, NULL), -1);
    tell(f, "order.cancelled", order, 3,
        arena_printf(f->arena, "{\"user_id\":\"%s\",\"from\":\"confirmed\",\"to\":\"cancelled\"}",
            f->identity.user));
    CLEANUP_JSON json_t *after = all_recommended(f);
    assert_true(place_of(f, after, 6, NULL) >= 0 || place_of(f, after, 2, NULL) >= 0);
}

static void guests_take_their_taste_to_the_account(void **state)
{
    struct fixture *f = *state;
    id_new(f->identity.guest);
    f->identity.role = ROLE_GUEST;
    tell(f, "activity.viewed", f->product.ids[1], 0,
        wine_data(f, 1, arena_printf(f->arena, ",\"guest_id\":\"%s\"", f->identity.guest)));
    CLEANUP_JSON json_t *as_guest = recommended(f);
    assert_true(json_is_true(json_object_get(as_guest, "personal")));
    id_new(f->identity.user);
    tell(f, "cart.merged", f->identity.user, 1,
        arena_printf(f->arena, "{\"user_id\":\"%s\",\"guest_id\":\"%s\"}", f->identity.user,
            f->identity.guest));
    CLEANUP_JSON json_t *as_user = recommended(f);
    assert_true(json_is_true(json_object_get(as_user, "personal")));
}

static void first_page_has_variety(void **state)
{
    struct fixture *f = *state;
    CLEANUP_JSON json_t *list = recommended(f);
    for (size_t i = 0; i < 10; i++) {
        int winery = 0, region = 0;
        const json_t *array = json_object_get(list, "items");
        const json_t *wine = json_object_get(json_array_get(array, i), "wine");
        for (size_t j = 0; j < 10; j++) {
            const json_t *other = json_object_get(json_array_get(array, j), "wine");
            winery +=
                strcmp(json_text_or(wine, "winery", ""), json_text_or(other, "winery", "")) == 0;
            region +=
                strcmp(json_text_or(wine, "region", ""), json_text_or(other, "region", "")) == 0;
        }
        assert_in_range(winery, 1, 2);
        assert_in_range(region, 1, 3);
    }
}

/* ---- activity ---- */

static int post(struct fixture *f, const char *text, json_t **answer)
{
    return call(f, HTTP_POST, "/api/v1/events", text, answer);
}

static void assert_refused(struct fixture *f, const char *text, const char *field)
{
    json_t *problem;
    assert_int_equal(post(f, text, &problem), 422);
    assert_string_equal(json_text_or(problem, "code", ""), "invalid_field");
    const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
    assert_string_equal(json_text_or(first, "field", ""), field);
    json_decref(problem);
}

static void activity_reaches_the_stream_without_names(void **state)
{
    struct fixture *f = *state;
    char unknown[ID_SIZE];
    json_t *answer;
    id_new(f->identity.guest);
    f->identity.role = ROLE_GUEST;
    const char *text = arena_printf(f->arena,
        "{\"events\":[{\"type\":\"activity.viewed\",\"wine_id\":\"%s\",\"list\":\"search\"},"
        "{\"type\":\"activity.searched\",\"query\":\" ada@example.com \",\"results\":0},"
        "{\"type\":\"activity.searched\",\"query\":\"  \"},"
        "{\"type\":\"activity.clicked\",\"wine_id\":\"%s\"},"
        "{\"type\":\"activity.clicked\",\"wine_id\":\"%s\",\"query\":\"ada@example.com\","
        "\"position\":3,\"experiment\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"arm\":\"b\"}]}",
        f->product.ids[1], id_new(unknown), f->product.ids[2]);
    assert_int_equal(post(f, text, &answer), 202);
    assert_int_equal(json_int_or(answer, "accepted", -1), 3);
    json_decref(answer);
    struct stream_record *records;
    struct error error;
    int found = 0, arms = 0;
    for (int shard = 0; shard < stream_shards(f->stream); shard++) {
        int count = stream_read(f->stream, shard, 0, 10, f->arena, &records, &error);
        for (int i = 0; i < count; i++, found++) {
            assert_null(strstr(records[i].data, "ada"));
            CLEANUP_JSON json_t *event = NULL;
            assert_int_equal(json_read_object(records[i].data, records[i].length, &event, NULL), 0);
            const json_t *data = json_object_get(event, "data");
            assert_string_equal(json_text_or(data, "guest_id", ""), f->identity.guest);
            assert_string_equal(json_text_or(event, "id", ""), records[i].id);
            if (json_object_get(data, "query"))
                assert_string_equal(json_text_or(data, "query", ""), "***");
            if (json_object_get(data, "arm")) {
                assert_string_equal(json_text_or(data, "arm", ""), "b");
                assert_string_equal(
                    json_text_or(data, "experiment", ""), "01J9ZQ4T8M3V5X7Y9A1B2C3D4E");
                assert_int_equal(json_int_or(data, "position", 0), 3);
                arms++;
            }
        }
    }
    assert_int_equal(found, 3);
    assert_int_equal(arms, 1);
}

static void bad_activity_is_refused_by_field(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{}", "events");
    assert_refused(f, "{\"events\":[]}", "events");
    assert_refused(f, "{\"events\":7}", "events");
    assert_refused(f, "{\"events\":[7]}", "events[0]");
    assert_refused(f, "{\"events\":[{\"type\":\"order.placed\"}]}", "events[0].type");
    assert_refused(f, "{\"events\":[{\"type\":\"activity.viewed\"}]}", "events[0].wine_id");
    assert_refused(f, "{\"events\":[{\"type\":\"activity.viewed\",\"wine_id\":\"../x\"}]}",
        "events[0].wine_id");
    assert_refused(f, "{\"events\":[{\"type\":\"activity.searched\"}]}", "events[0].query");
    assert_refused(f,
        "{\"events\":[{\"type\":\"activity.searched\",\"query\":\"a\",\"results\":-1}]}",
        "events[0].results");
    assert_refused(f,
        "{\"events\":[{\"type\":\"activity.searched\",\"query\":\"a\",\"at\":\"now\"}]}",
        "events[0].at");
    static const struct {
        const char *members, *field;
    } shown[] = {
        {"\"position\":0", "events[0].position"},
        {"\"position\":10001", "events[0].position"},
        {"\"position\":\"first\"", "events[0].position"},
        {"\"query\":7", "events[0].query"},
        {"\"experiment\":\"x\",\"arm\":\"a\"", "events[0].experiment"},
        {"\"arm\":\"a\"", "events[0].experiment"},
        {"\"experiment\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\"", "events[0].arm"},
        {"\"experiment\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"arm\":\"c\"", "events[0].arm"},
    };
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
        assert_refused(f,
            arena_printf(f->arena,
                "{\"events\":[{\"type\":\"activity.clicked\",\"wine_id\":\"%s\",%s}]}",
                f->product.ids[1], shown[i].members),
            shown[i].field);
    struct buffer many = BUFFER_INIT;
    buffer_append_text(&many, "{\"events\":[");
    for (int i = 0; i <= ACTIVITY_MAX; i++)
        buffer_append_text(&many, i ? ",{\"type\":\"activity.searched\",\"query\":\"a\"}"
                                    : "{\"type\":\"activity.searched\",\"query\":\"a\"}");
    buffer_append_text(&many, "]}");
    assert_refused(f, many.data, "events");
    buffer_release(&many);
    assert_int_equal(post(f, "{\"events\":", NULL), 400);
    assert_int_equal(post(f, "[]", NULL), 400);
}

static void queries_are_scrubbed(void **state)
{
    struct fixture *f = *state;
    static const char *const hidden[] = {"ada@example.com", "mail to ada@x.y please", "5551234567",
        "+1 (415) 555-0132", "4111 1111 1111 1111", "030-12345678"};
    static const char *const shown[] = {"pinot noir 2019", "2015 2016 2017", "@home", "750 ml",
        "riesling under 20", "chateau 1982 1990 2000 2005"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
        assert_string_equal(activity_scrub(f->arena, hidden[i]), "***");
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
        assert_string_equal(activity_scrub(f->arena, shown[i]), shown[i]);
}

/* ---- what was, and the dashboard ---- */

static void loaded(void *ctx, int rc, const struct error *error)
{
    (void)error;
    assert_int_equal(rc, 0);
    *(bool *)ctx = true;
}

static void load_order_at(struct fixture *f, const char *shopper, int wine, int64_t at_ms)
{
    bool done = false;
    char order[ID_SIZE];
    id_new(order);
    struct warehouse_line line = {
        .wine_id = f->product.ids[wine], .quantity = 3, .unit_price = 1000, .line_total = 3000};
    struct warehouse_fact facts[] = {{.kind = WAREHOUSE_ORDER,
                                         .event_id = "",
                                         .at_ms = at_ms,
                                         .sequence = 1,
                                         .shopper = shopper,
                                         .wine_id = "",
                                         .order = {.order_id = order,
                                             .country = "US",
                                             .region = "CA",
                                             .currency = "USD",
                                             .total = 3500,
                                             .lines = &line,
                                             .line_count = 1}},
        {.kind = WAREHOUSE_ORDER_STATUS,
            .event_id = "",
            .at_ms = clock_now_ms(),
            .sequence = 2,
            .shopper = "",
            .wine_id = "",
            .status = {.order_id = order, .status = "confirmed"}},
        {.kind = WAREHOUSE_STOCK,
            .event_id = "",
            .at_ms = clock_now_ms(),
            .sequence = 1,
            .shopper = "",
            .wine_id = f->product.ids[wine],
            .available = 6}};
    struct warehouse_batch batch = {.facts = facts, .fact_count = 3};
    warehouse_load(f->warehouse, &batch, loaded, &done);
    assert_true(done);
}

static void load_order(struct fixture *f, const char *shopper, int wine)
{
    load_order_at(f, shopper, wine, clock_now_ms() - 1000);
}

static void a_restart_learns_from_the_warehouse(void **state)
{
    struct fixture *f = *state;
    id_new(f->identity.user);
    f->identity.role = ROLE_CUSTOMER;
    load_order(f, f->identity.user, 6);
    stop(f);
    start(f);
    await_ready(f);
    CLEANUP_JSON json_t *list = recommended(f);
    assert_true(json_is_true(json_object_get(list, "personal")));
    assert_int_equal(place_of(f, list, 6, NULL), -1);
}

static void a_start_waits_for_the_product_service(void **state)
{
    struct fixture *f = *state;
    stop(f);
    f->product.away = true;
    start(f);
    usleep(20000);
    assert_false(recommendation_service_ready(f->service));
    assert_int_equal(
        call(f, HTTP_POST, "/internal/recommendation/events", "{\"events\":[]}", NULL), 503);
    CLEANUP_JSON json_t *ready = NULL;
    assert_int_equal(call(f, HTTP_GET, "/internal/ready", NULL, &ready), 200);
    const json_t *check = json_array_get(json_object_get(ready, "checks"), 0);
    assert_true(json_is_false(json_object_get(check, "ready")));
    f->product.away = false;
    await_ready(f);
}

static void the_same_event_teaches_once(void **state)
{
    struct fixture *f = *state;
    char order[ID_SIZE];
    id_new(f->identity.user);
    f->identity.role = ROLE_CUSTOMER;
    const char *cancelled = arena_printf(f->arena,
        "{\"user_id\":\"%s\",\"from\":\"confirmed\",\"to\":\"cancelled\"}", f->identity.user);
    int first = f->events;
    place_order(f, id_new(order), f->identity.user, 2, 6);
    tell(f, "order.cancelled", order, 3, cancelled);
    int after = f->events;
    f->events = first; /* the same id again */
    place_order(f, order, f->identity.user, 2, 6);
    f->events = after;
    CLEANUP_JSON json_t *list = all_recommended(f);
    assert_true(place_of(f, list, 6, NULL) >= 0 || place_of(f, list, 2, NULL) >= 0);
}

/* Another consumer took the shard over and tells what it cannot know to be told. */
static void what_was_told_of_a_shard_teaches_once(void **state)
{
    struct fixture *f = *state;
    char order[ID_SIZE];
    id_new(f->identity.user);
    f->identity.role = ROLE_CUSTOMER;
    const char *cancelled = arena_printf(f->arena,
        "{\"user_id\":\"%s\",\"from\":\"confirmed\",\"to\":\"cancelled\"}", f->identity.user);
    f->place = 7;
    place_order(f, id_new(order), f->identity.user, 2, 6);
    f->place = 9;
    tell(f, "order.cancelled", order, 3, cancelled);
    f->place = 7;
    place_order(f, order, f->identity.user, 2, 6);
    CLEANUP_JSON json_t *list = all_recommended(f);
    assert_true(place_of(f, list, 6, NULL) >= 0 || place_of(f, list, 2, NULL) >= 0);
    f->place = 10;
    place_order(f, order, f->identity.user, 2, 6);
    CLEANUP_JSON json_t *after = all_recommended(f);
    assert_true(place_of(f, after, 6, NULL) < 0 && place_of(f, after, 2, NULL) < 0);
}

static void the_dashboard_is_for_the_back_office(void **state)
{
    struct fixture *f = *state;
    const char *path = "/api/v1/admin/analytics/dashboard?days=3";
    assert_int_equal(call(f, HTTP_GET, path, NULL, NULL), 401);
    id_new(f->identity.user);
    f->identity.role = ROLE_CUSTOMER;
    assert_int_equal(call(f, HTTP_GET, path, NULL, NULL), 403);
    f->identity.role = ROLE_ADMIN;
    load_order(f, f->identity.user, 6);
    CLEANUP_JSON json_t *dashboard = NULL;
    assert_int_equal(call(f, HTTP_GET, path, NULL, &dashboard), 200);
    const json_t *revenue = json_object_get(dashboard, "revenue");
    assert_int_equal(json_array_size(revenue), 3);
    const json_t *today = json_array_get(revenue, 2);
    assert_int_equal(json_int_or(today, "amount", 0), 3500);
    assert_string_equal(json_text_or(today, "currency", ""), "USD");
    const json_t *low = json_array_get(json_object_get(dashboard, "low_stock"), 0);
    assert_int_equal(json_int_or(low, "available", 0), 6);
    assert_true(json_number_or(low, "days_left", 0) == 6.0); /* three sold in three days */
    const json_t *seller = json_array_get(json_object_get(dashboard, "best_sellers"), 0);
    assert_int_equal(json_int_or(seller, "bottles", 0), 3);
    assert_int_equal(
        call(f, HTTP_GET, "/api/v1/admin/analytics/dashboard?days=0", NULL, NULL), 422);
    assert_int_equal(
        call(f, HTTP_GET, "/api/v1/admin/analytics/dashboard?days=x", NULL, NULL), 400);
}

static void the_dashboard_forecasts_demand(void **state)
{
    struct fixture *f = *state;
    id_new(f->identity.user);
    f->identity.role = ROLE_ADMIN;
    for (int64_t week = 0; week < 13; week++) /* three bottles in each */
        load_order_at(f, f->identity.user, 6, clock_now_ms() - (3 + 7 * week) * WAREHOUSE_DAY_MS);
    CLEANUP_JSON json_t *dashboard = NULL;
    const char *path = "/api/v1/admin/analytics/dashboard?days=7";
    assert_int_equal(call(f, HTTP_GET, path, NULL, &dashboard), 200);
    const json_t *previous = json_object_get(dashboard, "previous");
    assert_int_equal(json_int_or(previous, "orders", 0), 1);
    assert_int_equal(json_int_or(previous, "amount", 0), 3500);
    const json_t *forecast = json_array_get(json_object_get(dashboard, "forecast"), 0);
    assert_string_equal(json_text_or(forecast, "wine_id", ""), f->product.ids[6]);
    assert_string_equal(json_text_or(forecast, "state", ""), "made");
    assert_int_equal(json_array_size(json_object_get(forecast, "weeks")), 12); /* whole ones */
    const json_t *week = json_object_get(forecast, "next_7_days");
    assert_true(json_number_or(week, "bottles", 0) == 3);
    assert_true(json_number_or(week, "low", 0) == 3);
    assert_true(json_number_or(json_object_get(forecast, "next_28_days"), "bottles", 0) == 12);
    assert_true(json_number_or(forecast, "error", -1) == 0);
    assert_int_equal(json_int_or(forecast, "tested_weeks", 0), 8);
    assert_true(json_number_or(forecast, "days_left", 0) == 14); /* six bottles */
    char day[CLOCK_TEXT_SIZE];
    clock_format(clock_now_ms() + 14 * WAREHOUSE_DAY_MS, day);
    assert_memory_equal(json_text_or(forecast, "runs_out", ""), day, 10);
    const json_t *low = json_array_get(json_object_get(dashboard, "low_stock"), 0);
    assert_true(json_number_or(low, "days_left", 0) == 14);
    assert_string_equal(json_text_or(low, "days_left_by", ""), "forecast");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            similar_wines_taste_alike_and_can_be_bought, setup, teardown),
        cmocka_unit_test_setup_teardown(
            unknown_wines_are_the_product_services_to_explain, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_get_what_is_popular, setup, teardown),
        cmocka_unit_test_setup_teardown(shoppers_get_what_is_like_what_they_liked, setup, teardown),
        cmocka_unit_test_setup_teardown(the_basket_brings_what_goes_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_order_is_not_offered_again, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_take_their_taste_to_the_account, setup, teardown),
        cmocka_unit_test_setup_teardown(first_page_has_variety, setup, teardown),
        cmocka_unit_test_setup_teardown(activity_reaches_the_stream_without_names, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_activity_is_refused_by_field, setup, teardown),
        cmocka_unit_test_setup_teardown(queries_are_scrubbed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_learns_from_the_warehouse, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_waits_for_the_product_service, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_event_teaches_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_of_a_shard_teaches_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_dashboard_is_for_the_back_office, setup, teardown),
        cmocka_unit_test_setup_teardown(the_dashboard_forecasts_demand, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
