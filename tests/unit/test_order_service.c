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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_buy, open_memory, close_all),
        cmocka_unit_test_setup_teardown(test_buy, open_sqlite, close_all),
    };
    (void)admin;
    return cmocka_run_group_tests_name("order_service", tests, NULL, NULL);
}
