/* Cart, checkout, processing and what follows, over the handlers: both engines of the store. */
#include "order_fixture.h"

#define ADA "01J8AAAAAAAAAAAAAAAAAAAAAA"
#define BOB "01J8BBBBBBBBBBBBBBBBBBBBBB"
#define GUEST "01J8GGGGGGGGGGGGGGGGGGGGGG"
#define GERMANY                                                                                    \
    "\"shipping_address\":{\"name\":\"Ada\",\"line1\":\"Weg 1\",\"city\":\"Bonn\","                \
    "\"postal_code\":\"53111\",\"country\":\"DE\"}"
#define PAID(token) "\"payment\":{\"method\":\"test\",\"token\":\"" token "\"}"
#define ORDER "{" GERMANY "," PAID("ok") "}"

static struct order_fixture f;
static struct answer a;

static int open_memory(void **state)
{
    (void)state;
    fixture_open(&f, false);
    return 0;
}

static int open_sqlite(void **state)
{
    (void)state;
    fixture_open(&f, true);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    answer_release(&a);
    fixture_close(&f);
    return 0;
}

static int ask(const struct ask *question)
{
    answer_release(&a);
    a = fixture_ask(&f, question);
    return a.status;
}

static const char *path_of(const char *format, const char *id)
{
    static char path[160];
    size_t at = (size_t)(strchrnul(format, '@') - format);
    snprintf(
        path, sizeof(path), "%.*s%s%s", (int)at, format, id, format[at] ? format + at + 1 : "");
    return path;
}

static int put(const char *user, int wine, const char *quantity)
{
    char body[64];
    snprintf(body, sizeof(body), "{\"quantity\":%s}", quantity);
    return ask(&(struct ask){.method = HTTP_PUT,
        .path = path_of("/api/v1/cart/items/@", f.wines[wine].id),
        .body = body,
        .user = user});
}

static int place(const char *user, const char *key, const char *body)
{
    return ask(&(struct ask){
        .method = HTTP_POST, .path = "/api/v1/orders", .body = body, .user = user, .key = key});
}

static int get(const char *user, const char *path)
{
    return ask(&(struct ask){.method = HTTP_GET, .path = path, .user = user});
}

static int admin(enum http_method method, const char *path, const char *body)
{
    return ask(
        &(struct ask){.method = method, .path = path, .body = body, .user = BOB, .admin = true});
}

static void expect(int status, int wanted, const char *code, const char *field)
{
    if (status != wanted)
        print_error("%d %s\n", status, a.body);
    assert_int_equal(status, wanted);
    if (code)
        assert_string_equal(answer_text(&a, "code"), code);
    if (field)
        assert_string_equal(answer_text(&a, "errors.0.field"), field);
}

static void test_buy(void **state)
{
    (void)state;
    char id[ID_SIZE];
    fixture_process(&f);
    expect(put(ADA, 0, "2"), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "items.0.unit_price"), 1850);
    assert_int_equal(answer_int(&a, "totals.total"), 3700);
    expect(place(ADA, "key-1", ORDER), 201, NULL, NULL);
    assert_string_equal(answer_text(&a, "status"), "pending");
    assert_int_equal(answer_int(&a, "totals.total"), 4350);
    assert_int_equal(answer_int(&a, "totals.tax"), 695);
    assert_int_equal(answer_int(&a, "charges.1.amount"), 695);
    assert_string_equal(answer_text(&a, "email"), "ada@example.com");
    snprintf(id, sizeof(id), "%s", answer_text(&a, "id"));
    expect(get(ADA, path_of("/api/v1/orders/@?wait=5", id)), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "status"), "confirmed");
    assert_string_equal(answer_text(&a, "payment.status"), "authorized");
    assert_string_equal(answer_text(&a, "shipping_address.city"), "Bonn");
    assert_int_equal(answer_int(&a, "version"), 3);
    assert_int_equal(f.wines[0].available, 48);
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
}

/* ---- bad input ---- */

static void test_quantities(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "-1", "1000000000", "1.5", "\"two\"", "null", "1000",
        "99999999999999999", "true", "[1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(put(ADA, 0, bad[i]), 422, "invalid_field", "quantity");
    struct ask question = {
        .method = HTTP_PUT, .path = path_of("/api/v1/cart/items/@", f.wines[0].id), .user = ADA};
    static const char *const malformed[] = {"{\"quantity\":1", "[]",
        "{\"quantity\":1,\"quantity\":2}", "{\"quantity\":1}x", "\"x\"", ""};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        question.body = malformed[i];
        expect(ask(&question), 400, "malformed_json", NULL);
    }
    question.body = "{}";
    expect(ask(&question), 422, "invalid_field", "quantity");
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
}

static void test_unknown_wines(void **state)
{
    (void)state;
    struct ask question = {.method = HTTP_PUT, .body = "{\"quantity\":1}", .user = ADA};
    question.path = "/api/v1/cart/items/01J9ZQ4T8M3V5X7Y9A1B2C9999";
    expect(ask(&question), 404, "not_found", NULL);
    question.path = "/api/v1/cart/items/nonsense";
    expect(ask(&question), 404, "not_found", NULL);
    f.wines[3].withdrawn = true;
    expect(put(ADA, 3, "1"), 410, "withdrawn", NULL);
    expect(put(ADA, 0, "51"), 409, "out_of_stock", "quantity");
    assert_int_equal(answer_int(&a, "errors.0.available"), 50);
    assert_non_null(strstr(answer_text(&a, "detail"), "50 bottles"));
    for (int i = 4; i < 44; i++)
        expect(put(ADA, i, "1"), 200, NULL, NULL);
    expect(put(ADA, 0, "1"), 422, "cart_full", NULL);
    f.product_down = 1;
    expect(put(ADA, 4, "2"), 503, "unavailable", NULL);
}

static void test_bad_orders(void **state)
{
    (void)state;
    expect(place(ADA, "k", ORDER), 409, "cart_empty", NULL);
    put(ADA, 0, "2");
    expect(place(ADA, NULL, ORDER), 400, "malformed_header", "Idempotency-Key");
    expect(place(ADA, "with space", ORDER), 400, "malformed_header", "Idempotency-Key");
    expect(place(ADA, "k", "{"), 400, "malformed_json", NULL);
    expect(place(ADA, "k", "{}"), 422, "invalid_field", "shipping_address");
    expect(place(ADA, "k",
               "{\"shipping_address\":{\"name\":\"A\",\"line1\":\"1\",\"city\":\"B\","
               "\"postal_code\":\"5\",\"country\":\"SE\"}," PAID("ok") "}"),
        422, "destination_not_served", "shipping_address.country");
    expect(place(ADA, "k",
               "{\"shipping_address\":{\"name\":\"A\",\"line1\":\"1\",\"city\":\"B\","
               "\"postal_code\":\"5\",\"country\":\"US\",\"region\":\"NY\"}," PAID("ok") "}"),
        422, "destination_not_served", "shipping_address.region");
    put(ADA, 0, "25");
    expect(place(ADA, "k",
               "{\"shipping_address\":{\"name\":\"A\",\"line1\":\"1\",\"city\":\"B\","
               "\"postal_code\":\"5\",\"country\":\"US\",\"region\":\"CA\"}," PAID("ok") "}"),
        422, "invalid_field", "quantity");
    expect(place(NULL, "k", ORDER), 401, "unauthenticated", NULL);
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "items.0.quantity"), 25);
}

static void test_minor(void **state)
{
    (void)state;
    const char *california =
        "{\"shipping_address\":{\"name\":\"A\",\"line1\":\"1\",\"city\":\"B\","
        "\"postal_code\":\"5\",\"country\":\"US\",\"region\":\"CA\"}," PAID("ok") "}";
    f.birth_date = "\"2006-06-01\""; /* 20: old enough for Germany alone, for some years */
    put(ADA, 0, "1");
    expect(place(ADA, "k", california), 422, "underage", "birth_date");
    f.birth_date = "null";
    put(BOB, 0, "1");
    expect(place(BOB, "k", ORDER), 422, "invalid_field", "birth_date");
    expect(place(BOB, "k", "{" GERMANY "," PAID("ok") ",\"birth_date\":\"2025-01-01\"}"), 422,
        "underage", "birth_date");
    expect(place(BOB, "k", "{" GERMANY "," PAID("ok") ",\"birth_date\":\"1990-01-01\"}"), 201, NULL,
        NULL);
}

static void test_price_changed(void **state)
{
    (void)state;
    put(ADA, 0, "2");
    put(ADA, 1, "1");
    f.wines[0].price = 2000;
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_true(answer_int(&a, "items.0.price_changed"));
    assert_int_equal(answer_int(&a, "items.0.unit_price"), 2000);
    assert_false(answer_int(&a, "items.1.price_changed"));
    expect(place(ADA, "k", ORDER), 409, "price_changed", f.wines[0].id);
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_false(answer_int(&a, "items.0.price_changed"));
    expect(place(ADA, "k", ORDER), 201, NULL, NULL);
    assert_int_equal(answer_int(&a, "totals.subtotal"), 2 * 2000 + 1950);
}

static void test_clearly_short(void **state)
{
    (void)state;
    put(ADA, 0, "5");
    put(ADA, 1, "1");
    f.wines[0].available = 4;
    f.wines[1].withdrawn = true;
    expect(place(ADA, "k", ORDER), 409, "out_of_stock", f.wines[0].id);
    assert_int_equal(answer_int(&a, "errors.0.available"), 4);
    assert_int_equal(answer_int(&a, "errors.1.available"), 0);
    put(ADA, 0, "4");
    expect(place(ADA, "k", ORDER), 201, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "lines")), 1);
}

/* ---- keys ---- */

static void test_idempotency(void **state)
{
    (void)state;
    char id[ID_SIZE];
    put(ADA, 0, "2");
    expect(place(ADA, "k", ORDER), 201, NULL, NULL);
    snprintf(id, sizeof(id), "%s", answer_text(&a, "id"));
    assert_string_equal(a.location, path_of("/api/v1/orders/@", id));
    assert_false(a.replayed);
    expect(place(ADA, "k", ORDER), 201, NULL, NULL);
    assert_string_equal(answer_text(&a, "id"), id);
    assert_true(a.replayed);
    expect(place(ADA, "k", ORDER " "), 422, "idempotency_mismatch", "Idempotency-Key");
    expect(place(BOB, "k", ORDER), 409, "cart_empty", NULL);
}

#define RACERS 8

static void *race(void *argument)
{
    int *status = argument;
    struct answer answer = fixture_ask(&f, &(struct ask){.method = HTTP_POST,
                                               .path = "/api/v1/orders",
                                               .body = ORDER,
                                               .user = ADA,
                                               .key = "same"});
    *status = answer.status;
    answer_release(&answer);
    return NULL;
}

/* However many send the same request at once, there is one order, and each is told so. */
static void test_same_key_at_once(void **state)
{
    (void)state;
    pthread_t threads[RACERS];
    int statuses[RACERS];
    put(ADA, 0, "2");
    for (int i = 0; i < RACERS; i++)
        pthread_create(&threads[i], NULL, race, &statuses[i]);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], 201);
    expect(get(ADA, "/api/v1/orders"), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
}

/* ---- what becomes of an order ---- */

static const char *order_of(const char *user, int wine, const char *quantity, const char *body)
{
    static char id[ID_SIZE];
    char key[ID_SIZE];
    put(user, wine, quantity);
    expect(place(user, id_new(key), body), 201, NULL, NULL);
    snprintf(id, sizeof(id), "%s", answer_text(&a, "id"));
    return id;
}

static const char *settled(const char *user, const char *id)
{
    /* More than once: a busy machine may need longer. */
    for (int i = 0; i < 6; i++) {
        expect(get(user, path_of("/api/v1/orders/@?wait=10", id)), 200, NULL, NULL);
        if (strcmp(answer_text(&a, "status"), "pending") != 0)
            break;
    }
    return answer_text(&a, "status");
}

/* Waits until the processor has seen to everything. */
static void quiet(void)
{
    struct queue_stats stats;
    struct relay_stats relayed;
    int still = 0;
    for (int i = 0; i < 2000 && still < 5; i++) {
        usleep(2000);
        queue_stats(f.orders, &stats);
        relay_stats(f.relay, &relayed, 1);
        still = stats.waiting + stats.in_flight + relayed.pending == 0 ? still + 1 : 0;
    }
}

static void test_declined(void **state)
{
    (void)state;
    char id[ID_SIZE];
    fixture_process(&f);
    strcpy(id, order_of(ADA, 0, "2", "{" GERMANY "," PAID("declined") "}"));
    assert_string_equal(settled(ADA, id), "rejected");
    assert_string_equal(answer_text(&a, "reason"), "payment_declined");
    assert_string_equal(answer_text(&a, "payment.status"), "declined");
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "items.0.quantity"), 2);
    quiet();
    assert_int_equal(f.wines[0].available, 50);
}

static void test_out_of_stock(void **state)
{
    (void)state;
    char first[ID_SIZE], second[ID_SIZE];
    f.wines[0].available = f.wines[0].on_hand = 3;
    strcpy(first, order_of(ADA, 0, "2", ORDER));
    strcpy(second, order_of(BOB, 0, "2", ORDER));
    fixture_process(&f);
    const char *one = settled(ADA, first);
    bool confirmed = strcmp(one, "confirmed") == 0;
    const char *two = settled(BOB, second);
    assert_true(confirmed != (strcmp(two, "confirmed") == 0));
    assert_string_equal(answer_text(&a, "reason"), confirmed ? "out_of_stock" : "");
    quiet();
    assert_int_equal(f.wines[0].available, 1);
}

static void test_unavailable(void **state)
{
    (void)state;
    char id[ID_SIZE];
    fixture_process(&f);
    strcpy(id, order_of(ADA, 0, "2", "{" GERMANY "," PAID("unavailable") "}"));
    assert_string_equal(settled(ADA, id), "confirmed");
    struct order_processor_stats stats;
    order_processor_stats(f.processor, &stats);
    assert_int_equal(stats.retried, PAYMENT_TEST_FAILURES);
    assert_int_equal(f.wines[0].available, 48);
}

static int cancel(const char *user, const char *id)
{
    return ask(&(struct ask){
        .method = HTTP_POST, .path = path_of("/api/v1/orders/@/cancel", id), .user = user});
}

static void test_cancel(void **state)
{
    (void)state;
    char id[ID_SIZE];
    fixture_process(&f);
    strcpy(id, order_of(ADA, 0, "2", ORDER));
    assert_string_equal(settled(ADA, id), "confirmed");
    expect(cancel(BOB, id), 404, "not_found", NULL);
    expect(cancel(ADA, id), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "status"), "cancelled");
    assert_string_equal(answer_text(&a, "reason"), "cancelled_by_shopper");
    assert_string_equal(answer_text(&a, "payment.status"), "voided");
    expect(cancel(ADA, id), 200, NULL, NULL);
    quiet();
    assert_int_equal(f.wines[0].available, 50);
}

/* Cancelled while the processor has it in hand: neither stock nor money is kept. */
static void test_cancel_in_flight(void **state)
{
    (void)state;
    char ids[30][ID_SIZE];
    for (int i = 0; i < 30; i++)
        strcpy(ids[i], order_of(ADA, i, "2", ORDER));
    fixture_process(&f);
    int cancelled = 0;
    for (int i = 29; i >= 0; i--) {
        expect(cancel(ADA, ids[i]), 200, NULL, NULL);
        cancelled += strcmp(answer_text(&a, "status"), "cancelled") == 0;
    }
    assert_int_equal(cancelled, 30);
    quiet();
    for (int i = 0; i < 30; i++)
        assert_int_equal(f.wines[i].available, 50);
    struct queue_stats stats;
    queue_stats(f.orders, &stats);
    assert_int_equal(stats.dead, 0);
}

static int change(const char *id, const char *status, int64_t version)
{
    char body[80];
    snprintf(
        body, sizeof(body), "{\"status\":\"%s\",\"version\":%lld}", status, (long long)version);
    return admin(HTTP_POST, path_of("/api/v1/admin/orders/@/status", id), body);
}

static void test_fulfilment(void **state)
{
    (void)state;
    char id[ID_SIZE], body[40];
    fixture_process(&f);
    strcpy(id, order_of(ADA, 0, "2", ORDER));
    assert_string_equal(settled(ADA, id), "confirmed");
    int64_t version = answer_int(&a, "version");
    expect(change(id, "delivered", version), 409, "invalid_transition", NULL);
    expect(change(id, "shipped", version + 1), 409, "version_conflict", NULL);
    expect(change(id, "pending", version), 422, "invalid_field", "status");
    expect(change(id, "shipped", version), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "payment.status"), "captured");
    assert_string_equal(answer_text(&a, "fulfilment.status"), "shipped");
    assert_string_equal(answer_text(&a, "user_id"), ADA);
    version = answer_int(&a, "version");
    expect(cancel(ADA, id), 409, "not_cancellable", NULL);
    quiet();
    assert_int_equal(f.wines[0].on_hand, 48);
    expect(change(id, "delivered", version), 200, NULL, NULL);
    expect(change(id, "returned", answer_int(&a, "version")), 200, NULL, NULL);
    quiet();
    assert_int_equal(f.wines[0].available, 50);
    assert_int_equal(f.wines[0].on_hand, 50);
    snprintf(body, sizeof(body), "{\"version\":%lld}", (long long)answer_int(&a, "version"));
    expect(admin(HTTP_POST, path_of("/api/v1/admin/orders/@/refund", id), body), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "payment.status"), "refunded");
    snprintf(body, sizeof(body), "{\"version\":%lld}", (long long)answer_int(&a, "version"));
    expect(admin(HTTP_POST, path_of("/api/v1/admin/orders/@/refund", id), body), 409,
        "not_refundable", NULL);
    assert_int_equal(json_array_size(answer_at(&a, "errors")), 0);
}

static void test_retry_product(void **state)
{
    (void)state;
    char id[ID_SIZE];
    strcpy(id, order_of(ADA, 0, "2", ORDER));
    f.product_down = 2;
    fixture_process(&f);
    assert_string_equal(settled(ADA, id), "confirmed");
    assert_int_equal(f.wines[0].available, 48);
}

/* ---- whose ---- */

static void test_owners(void **state)
{
    (void)state;
    char id[ID_SIZE];
    strcpy(id, order_of(ADA, 0, "2", ORDER));
    expect(get(ADA, path_of("/api/v1/orders/@", id)), 200, NULL, NULL);
    expect(get(BOB, path_of("/api/v1/orders/@", id)), 404, "not_found", NULL);
    expect(get(BOB, path_of("/api/v1/orders/@?wait=1", id)), 404, "not_found", NULL);
    expect(get(BOB, path_of("/api/v1/orders/@/events", id)), 404, "not_found", NULL);
    expect(get(NULL, path_of("/api/v1/orders/@", id)), 401, "unauthenticated", NULL);
    expect(get(ADA, "/api/v1/orders/nonsense"), 404, "not_found", NULL);
    expect(get(ADA, path_of("/api/v1/orders/@?wait=26", id)), 422, "invalid_field", "wait");
    expect(get(ADA, path_of("/api/v1/orders/@?wait=x", id)), 400, "malformed_parameter", "wait");
    expect(get(ADA, "/api/v1/admin/orders"), 403, "forbidden", NULL);
    expect(get(NULL, "/api/v1/admin/orders"), 401, "unauthenticated", NULL);
    expect(get(BOB, "/api/v1/orders"), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
    f.erased = true;
    expect(admin(HTTP_GET, path_of("/api/v1/admin/orders/@", id), NULL), 200, NULL, NULL);
}

static int as_guest(enum http_method method, const char *path, const char *body)
{
    return ask(&(struct ask){
        .method = method, .path = path, .body = body, .guest = GUEST, .key = "guest-key"});
}

static void test_guest(void **state)
{
    (void)state;
    char id[ID_SIZE];
    expect(as_guest(HTTP_PUT, path_of("/api/v1/cart/items/@", f.wines[0].id), "{\"quantity\":2}"),
        200, NULL, NULL);
    expect(as_guest(HTTP_POST, "/api/v1/orders", ORDER), 422, "invalid_field", "email");
    expect(as_guest(HTTP_POST, "/api/v1/orders",
               "{" GERMANY "," PAID("ok") ",\"email\":\"g@example.com\","
                                          "\"birth_date\":\"2024-01-01\"}"),
        422, "underage", "birth_date");
    expect(as_guest(HTTP_POST, "/api/v1/orders",
               "{" GERMANY "," PAID("ok") ",\"email\":\"g@example.com\","
                                          "\"birth_date\":\"1988-04-12\"}"),
        201, NULL, NULL);
    assert_string_equal(answer_text(&a, "email"), "g@example.com");
    snprintf(id, sizeof(id), "%s", answer_text(&a, "id"));
    expect(as_guest(HTTP_PUT, path_of("/api/v1/cart/items/@", f.wines[1].id), "{\"quantity\":3}"),
        200, NULL, NULL);
    put(ADA, 1, "1");
    expect(ask(&(struct ask){.method = HTTP_POST,
               .path = "/internal/carts/merge",
               .body = "{\"guest_id\":\"" GUEST "\",\"user_id\":\"" ADA "\"}"}),
        200, NULL, NULL);
    assert_int_equal(answer_int(&a, "lines"), 1);
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "items.0.quantity"), 4);
    expect(get(ADA, path_of("/api/v1/orders/@", id)), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "shipping_address.city"), "Bonn");
    expect(as_guest(HTTP_GET, path_of("/api/v1/orders/@", id), NULL), 404, "not_found", NULL);
}

static void test_cart_totals(void **state)
{
    (void)state;
    expect(get(NULL, "/api/v1/cart"), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "totals.currency"), "EUR");
    put(ADA, 0, "2");
    assert_true(json_is_null(answer_at(&a, "totals.shipping")));
    expect(get(ADA, "/api/v1/cart?country=US&region=CA"), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "totals.total"), 7186);
    assert_string_equal(answer_text(&a, "charges.1.label"), "Sales tax 7.25 %");
    assert_string_equal(answer_text(&a, "destination.name"), "California");
    expect(get(ADA, "/api/v1/cart?country=US"), 422, "destination_not_served", "region");
    expect(get(ADA, "/api/v1/cart?country=germany"), 422, "invalid_field", "country");
    f.wines[0].withdrawn = true;
    expect(get(ADA, "/api/v1/cart"), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
    f.wines[0].withdrawn = false;
    struct ask remove = {
        .method = HTTP_DELETE, .path = path_of("/api/v1/cart/items/@", f.wines[0].id), .user = ADA};
    expect(ask(&remove), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
    expect(ask(&remove), 200, NULL, NULL);
    expect(get(NULL, "/api/v1/destinations"), 200, NULL, NULL);
    assert_string_equal(answer_text(&a, "items.1.note"), "An adult signs.");
}

static void test_admin_lists(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        order_of(i == 1 ? BOB : ADA, i, "1", ORDER);
    expect(admin(HTTP_GET, "/api/v1/admin/orders?limit=2", NULL), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "total"), 3);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 2);
    assert_string_equal(answer_text(&a, "items.1.user_id"), BOB);
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/admin/orders?limit=2&cursor=%s",
        answer_text(&a, "next_cursor"));
    expect(admin(HTTP_GET, path, NULL), 200, NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    assert_true(json_is_null(answer_at(&a, "next_cursor")));
    expect(
        admin(HTTP_GET, "/api/v1/admin/orders?status=lost", NULL), 422, "invalid_field", "status");
    expect(admin(HTTP_GET, "/api/v1/admin/orders?limit=0", NULL), 422, "invalid_field", "limit");
    expect(admin(HTTP_GET, "/api/v1/admin/orders?cursor=x", NULL), 400, "malformed_parameter",
        "cursor");
    expect(admin(HTTP_GET, "/api/v1/admin/orders?status=confirmed", NULL), 200, NULL, NULL);
    assert_int_equal(answer_int(&a, "total"), 0);
    expect(admin(HTTP_GET, "/api/v1/admin/orders?format=csv", NULL), 200, NULL, NULL);
    assert_string_equal(a.content_type, "text/csv; charset=utf-8");
    assert_non_null(strstr(a.body, ",Clos 0002,2019,1,20.50,20.50,EUR,26.70\r\n"));
    expect(ask(&(struct ask){.method = HTTP_GET, .path = "/internal/export", .user = ADA}), 200,
        NULL, NULL);
    assert_int_equal(json_array_size(answer_at(&a, "orders")), 2);
    assert_string_equal(answer_text(&a, "orders.0.shipping_address.city"), "Bonn");
}

/* ---- nothing personal leaves, nothing personal lies open ---- */

static void test_secrets(void **state)
{
    (void)state;
    order_of(ADA, 0, "2", ORDER);
    struct relay_source_config source;
    struct outbox_item *items;
    struct arena *arena = arena_new();
    order_store_source(f.store, &source);
    int count = source.read(source.ctx, arena, 0, 100, &items, NULL);
    assert_int_equal(count, 3);
    for (int i = 0; i < count; i++) {
        assert_null(strstr(items[i].body, "Bonn"));
        assert_null(strstr(items[i].body, "example.com"));
    }
    arena_free(arena);
    char path[160], text[1 << 16];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/order.db%s", f.directory, i ? "-wal" : "");
        FILE *file = fopen(path, "rb");
        if (!file)
            continue; /* the memory engine */
        size_t length;
        while ((length = fread(text, 1, sizeof(text), file)) > 0) {
            assert_null(memmem(text, length, "Bonn", 4));
            assert_null(memmem(text, length, "ada@example", 11));
        }
        fclose(file);
    }
}

/* ---- many at once ---- */

struct buyer {
    pthread_t thread;
    char user[ID_SIZE];
    char status[16], reason[24];
};

static void *buy(void *argument)
{
    struct buyer *buyer = argument;
    char path[160];
    snprintf(path, sizeof(path), "/api/v1/cart/items/%s", f.wines[0].id);
    struct answer answer = fixture_ask(
        &f, &(struct ask){
                .method = HTTP_PUT, .path = path, .body = "{\"quantity\":1}", .user = buyer->user});
    /* Sold out by now is an honest answer, too. */
    if (answer.status == 200) {
        answer_release(&answer);
        answer = fixture_ask(&f, &(struct ask){.method = HTTP_POST,
                                     .path = "/api/v1/orders",
                                     .body = ORDER,
                                     .user = buyer->user,
                                     .key = "once"});
    }
    if (answer.status == 201) {
        snprintf(path, sizeof(path), "/api/v1/orders/%s?wait=20", answer_text(&answer, "id"));
        answer_release(&answer);
        answer =
            fixture_ask(&f, &(struct ask){.method = HTTP_GET, .path = path, .user = buyer->user});
        snprintf(buyer->status, sizeof(buyer->status), "%s", answer_text(&answer, "status"));
        snprintf(buyer->reason, sizeof(buyer->reason), "%s", answer_text(&answer, "reason"));
    } else {
        snprintf(buyer->status, sizeof(buyer->status), "%d", answer.status);
        snprintf(buyer->reason, sizeof(buyer->reason), "%s", answer_text(&answer, "code"));
    }
    answer_release(&answer);
    return NULL;
}

#define BUYERS 120

static void test_rush(void **state)
{
    (void)state;
    static struct buyer buyers[BUYERS];
    int confirmed = 0;
    fixture_process(&f);
    for (int i = 0; i < BUYERS; i++) {
        snprintf(buyers[i].user, ID_SIZE, "01J8AAAAAAAAAAAAAAAAAA%04d", i);
        pthread_create(&buyers[i].thread, NULL, buy, &buyers[i]);
    }
    for (int i = 0; i < BUYERS; i++) {
        pthread_join(buyers[i].thread, NULL);
        bool bought = strcmp(buyers[i].status, "confirmed") == 0;
        confirmed += bought;
        if (!bought)
            assert_string_equal(buyers[i].reason, "out_of_stock");
    }
    assert_int_equal(confirmed, 50);
    assert_int_equal(f.wines[0].available, 0);
}

int main(void)
{
#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, open_memory, close_all),                                 \
        cmocka_unit_test_setup_teardown(test, open_sqlite, close_all)
    const struct CMUnitTest tests[] = {
        BOTH(test_buy),
        BOTH(test_quantities),
        BOTH(test_unknown_wines),
        BOTH(test_bad_orders),
        BOTH(test_minor),
        BOTH(test_price_changed),
        BOTH(test_clearly_short),
        BOTH(test_idempotency),
        BOTH(test_same_key_at_once),
        BOTH(test_declined),
        BOTH(test_out_of_stock),
        BOTH(test_unavailable),
        BOTH(test_cancel),
        BOTH(test_cancel_in_flight),
        BOTH(test_fulfilment),
        BOTH(test_retry_product),
        BOTH(test_owners),
        BOTH(test_guest),
        BOTH(test_cart_totals),
        BOTH(test_admin_lists),
        BOTH(test_secrets),
        BOTH(test_rush),
    };
    return cmocka_run_group_tests_name("order_service", tests, NULL, NULL);
}
