/* The rules of carts, destinations and transitions, without HTTP and without a store. */
#include "engines.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "destinations.h"
#include "order_input.h"
#include "order_json.h"
#include "order_transition.h"
#include "secure.h"

/* ---- carts ---- */

static struct cart_edit edit(enum cart_edit_kind kind, int wine, int quantity, int64_t price)
{
    struct cart_edit edit = {.kind = kind, .quantity = quantity, .price = price};
    snprintf(edit.wine_id, ID_SIZE, "01J9ZQ4T8M3V5X7Y9A1B2C%04d", wine);
    return edit;
}

static int apply(struct cart *cart, struct cart_edit one, struct error *error)
{
    return cart_apply(cart, &one, 1, /* now_ms= */ 1000, error);
}

static void test_cart_edits(void **state)
{
    (void)state;
    struct cart cart = {0};
    struct error error = {0};
    assert_int_equal(apply(&cart, edit(CART_SET, 1, 2, 1850), &error), 1);
    assert_int_equal(cart.version, 1000);
    assert_int_equal(apply(&cart, edit(CART_SET, 1, 2, 1850), &error), 0);
    assert_int_equal(cart.version, 1000);
    assert_int_equal(apply(&cart, edit(CART_ADD, 1, 3, 9999), &error), 1);
    assert_int_equal(cart.lines[0].quantity, 5);
    assert_int_equal(cart.lines[0].price, 1850); /* the price seen stays */
    assert_int_equal(cart.version, 1001);
    assert_int_equal(apply(&cart, edit(CART_REPRICE, 1, 0, 1900), &error), 1);
    assert_int_equal(cart.lines[0].quantity, 5);
    assert_int_equal(apply(&cart, edit(CART_ADD, 1, 5000, 1), &error), 1);
    assert_int_equal(cart.lines[0].quantity, CART_MAX_QUANTITY);
    assert_int_equal(apply(&cart, edit(CART_SET, 2, 0, 1), &error), 0);
    assert_int_equal(apply(&cart, edit(CART_SET, 1, 0, 1), &error), 1);
    assert_int_equal(cart.count, 0);
}

static void test_cart_full(void **state)
{
    (void)state;
    struct cart cart = {0};
    struct error error = {0};
    for (int i = 0; i < CART_MAX_LINES; i++)
        assert_int_equal(apply(&cart, edit(CART_SET, i, 1, 100), &error), 1);
    int64_t version = cart.version;
    assert_int_equal(apply(&cart, edit(CART_SET, 99, 1, 100), &error), ERROR_INVALID);
    assert_string_equal(error.reason, "cart_full");
    assert_int_equal(cart.version, version);
    assert_int_equal(apply(&cart, edit(CART_ADD, 99, 1, 100), &error), 0);
    assert_int_equal(apply(&cart, edit(CART_SET, 7, 9, 100), &error), 1);
    assert_int_equal(cart_bottles(&cart), CART_MAX_LINES + 8);
}

static void test_cart_text(void **state)
{
    (void)state;
    struct cart cart = {0}, again = {0};
    struct error error = {0};
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    apply(&cart, edit(CART_SET, 1, 2, 1850), &error);
    apply(&cart, edit(CART_SET, 2, 999, 100000000), &error);
    cart_write(&cart, &text);
    assert_int_equal(cart_read(&again, text.data, &error), 0);
    again.version = cart.version;
    assert_memory_equal(&again.lines, &cart.lines, 2 * sizeof(cart.lines[0]));
    static const char *const damaged[] = {"x", "01J9ZQ4T8M3V5X7Y9A1B2C0001 0 1\n",
        "01J9ZQ4T8M3V5X7Y9A1B2C0001 2 1", "01J9ZQ4T8M3V5X7Y9A1B2C0001"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(cart_read(&again, damaged[i], &error), ERROR_INTERNAL);
}

/* ---- destinations ---- */

#define HEAD                                                                                       \
    "country,region,name,min_age,currency,tax_percent,tax_label,tax_included,shipping_base,"       \
    "shipping_per_bottle,free_from,max_bottles_per_order,valid_from,valid_until,source,note\n"

static int load(struct destinations **out, const char *text, struct error *error)
{
    char path[] = "/tmp/winestore-destinations-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = destinations_load(out, path, error);
    unlink(path);
    return rc;
}

static int64_t day(const char *date)
{
    char text[32];
    int64_t at;
    snprintf(text, sizeof(text), "%sT12:00:00Z", date);
    assert_int_equal(clock_parse(text, &at), 0);
    return at;
}

static void test_destinations(void **state)
{
    (void)state;
    struct destinations *table;
    struct error error = {0};
    const struct destination *found;
    assert_int_equal(
        load(&table,
            HEAD "DE,,Germany,18,EUR,19,VAT,yes,5.90,0.30,99.00,90,2026-01-01,"
                 "2026-06-30,law,\n"
                 "DE,,Germany,18,EUR,20.5,VAT,yes,5.90,0.30,99.00,90,2026-07-01,,law,\n"
                 "US,CA,California,21,EUR,7.25,Sales tax,no,24.00,3.00,,24,2026-01-01"
                 ",,law,signed\n",
            &error),
        0);
    assert_int_equal(destinations_find(table, "DE", NULL, day("2026-06-30"), &found, &error), 0);
    assert_int_equal(found->tax_hundredths, 1900);
    struct quote quote = destination_quote(found, 3700, 2);
    assert_int_equal(quote.total, 4350);
    assert_int_equal(quote.tax, 695);
    assert_int_equal(destination_quote(found, 9900, 5).shipping, 0);
    assert_int_equal(destinations_find(table, "DE", "BY", day("2026-07-01"), &found, &error), 0);
    assert_int_equal(found->tax_hundredths, 2050);
    assert_int_equal(destinations_find(table, "US", "ca", day("2026-07-01"), &found, &error), 0);
    quote = destination_quote(found, 3700, 2);
    assert_int_equal(quote.shipping, 3000);
    assert_int_equal(quote.tax, 486);
    assert_int_equal(quote.total, 7186);
    assert_int_equal(
        destinations_find(table, "US", "NY", day("2026-07-01"), &found, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "destination_not_served");
    assert_string_equal(error.field, "region");
    assert_int_equal(
        destinations_find(table, "US", "", day("2026-07-01"), &found, &error), ERROR_INVALID);
    assert_int_equal(
        destinations_find(table, "SE", NULL, day("2026-07-01"), &found, &error), ERROR_INVALID);
    assert_string_equal(error.field, "country");
    assert_int_equal(
        destinations_find(table, "DE", NULL, day("2025-12-31"), &found, &error), ERROR_INVALID);
    destinations_free(table);
}

static void test_bad_destinations(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"country,region\n", "column \"name\""},
        {HEAD, "no destination"},
        {HEAD "D,,x,18,EUR,1,VAT,yes,1,1,,9,2026-01-01,,s,\n", "line 2, country"},
        {HEAD "DE,,x,15,EUR,1,VAT,yes,1,1,,9,2026-01-01,,s,\n", "line 2, min_age"},
        {HEAD "DE,,x,18,eur,1,VAT,yes,1,1,,9,2026-01-01,,s,\n", "line 2, currency"},
        {HEAD "DE,,x,18,EUR,101,VAT,yes,1,1,,9,2026-01-01,,s,\n", "line 2, tax_percent"},
        {HEAD "DE,,x,18,EUR,1,VAT,maybe,1,1,,9,2026-01-01,,s,\n", "line 2, tax_included"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,-1,1,,9,2026-01-01,,s,\n", "line 2, shipping_base"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,1,1,x,9,2026-01-01,,s,\n", "line 2, free_from"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,1,1,,0,2026-01-01,,s,\n", "line 2, max_bottles"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,1,1,,9,2026-02-30,,s,\n", "line 2, valid_from"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,1,1,,9,2026-01-02,2026-01-01,s,\n", "line 2, valid_until"},
        {HEAD "DE,,x,18,EUR,1,VAT,yes,1,1,,9,2026-01-01,,s,\n"
              "DE,,y,18,EUR,1,VAT,yes,1,1,,9,2027-01-01,,s,\n",
            "line 3, valid_from: another row"},
        {HEAD "DE,,x,18\n", "line 2"},
        {HEAD "DE,\"x,18\n", "line 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct destinations *table;
        struct error error = {0};
        assert_int_equal(load(&table, cases[i].text, &error), ERROR_INVALID);
        if (!strstr(error.message, cases[i].says))
            fail_msg("case %zu: %s", i, error.message);
    }
    struct destinations *table;
    struct error error = {0};
    assert_int_equal(destinations_load(&table, "/nonexistent/x.csv", &error), ERROR_NOT_FOUND);
}

/* ---- the body of an order ---- */

static size_t read_input(const char *text, bool guest, struct order_input *input,
    struct http_field_error *errors, struct arena *arena)
{
    CLEANUP_JSON json_t *body = NULL;
    assert_int_equal(json_read_object(text, strlen(text), &body, NULL), 0);
    return order_input_read(body, guest, arena, input, errors);
}

static void test_input(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct order_input input;
    struct http_field_error errors[ORDER_INPUT_MAX_ERRORS];
    const char *good = "{\"shipping_address\":{\"name\":\"Zoë <b>\",\"line1\":\"1\",\"city\":\"B\","
                       "\"postal_code\":\"5\",\"country\":\"DE\",\"region\":null},"
                       "\"payment\":{\"method\":\"test\",\"token\":\"ok\"}}";
    assert_int_equal(read_input(good, false, &input, errors, arena), 0);
    assert_string_equal(input.address,
        "{\"name\":\"Zoë \\u003cb>\",\"line1\":\"1\",\"line2\":null,\"city\":\"B\",\"region\":null,"
        "\"postal_code\":\"5\",\"country\":\"DE\"}");
    assert_int_equal(read_input(good, true, &input, errors, arena), 2);
    assert_string_equal(errors[0].field, "email");
    assert_string_equal(errors[1].field, "birth_date");
    assert_int_equal(
        read_input("{\"shipping_address\":{\"name\":\"A\\nBcc: x\",\"line1\":\"1\",\"city\":\"B\","
                   "\"postal_code\":\"5\",\"country\":\"DE\"},"
                   "\"payment\":{\"method\":\"test\",\"token\":\"ok\"}}",
            false, &input, errors, arena),
        1);
    assert_string_equal(errors[0].field, "shipping_address.name");
    assert_int_equal(read_input("{}", false, &input, errors, arena), 2);
    assert_string_equal(errors[0].field, "shipping_address");
    assert_string_equal(errors[1].field, "payment");
    assert_int_equal(read_input("{\"shipping_address\":{\"name\":\"  \",\"line1\":7,\"city\":\"B\","
                                "\"postal_code\":\"5\",\"country\":\"de\"},"
                                "\"payment\":{\"method\":\"card\",\"token\":\"\"},"
                                "\"email\":\"no\",\"birth_date\":\"2999-01-01\"}",
                         false, &input, errors, arena),
        7);
    static const char *const fields[] = {"shipping_address.name", "shipping_address.line1",
        "payment.token", "email", "birth_date", "shipping_address.country", "payment.method"};
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(errors[i].field, fields[i]);
    arena_free(arena);
}

/* ---- the state machines ---- */

static void test_tables(void **state)
{
    (void)state;
    static const char *const allowed =
        "pending>confirmed pending>rejected pending>cancelled confirmed>shipped "
        "confirmed>cancelled shipped>delivered shipped>returned delivered>returned ";
    int count = 0;
    for (int from = 0; from < ORDER_STATUSES; from++) {
        for (int to = 0; to < ORDER_STATUSES; to++) {
            char step[64];
            snprintf(step, sizeof(step), "%s>%s ", order_status_name((enum order_status)from),
                order_status_name((enum order_status)to));
            bool may = order_may((enum order_status)from, (enum order_status)to);
            assert_int_equal(may, strstr(allowed, step) != NULL);
            count += may;
        }
        assert_int_equal(order_status_parse(order_status_name((enum order_status)from)), from);
    }
    assert_int_equal(count, 8);
    assert_true(pay_may(PAY_PENDING, PAY_AUTHORIZED) && pay_may(PAY_AUTHORIZED, PAY_CAPTURED));
    assert_true(pay_may(PAY_CAPTURED, PAY_REFUNDED) && !pay_may(PAY_CAPTURED, PAY_VOIDED));
    assert_true(!pay_may(PAY_DECLINED, PAY_AUTHORIZED) && !pay_may(PAY_VOIDED, PAY_AUTHORIZED));
    assert_true(fulfil_may(FULFIL_SHIPPED, FULFIL_RETURNED));
    assert_true(!fulfil_may(FULFIL_UNFULFILLED, FULFIL_DELIVERED));
    assert_true(order_final(ORDER_REJECTED) && order_final(ORDER_CANCELLED));
    assert_true(!order_final(ORDER_DELIVERED) && order_settled(ORDER_DELIVERED));
    assert_int_equal(order_status_parse("lost"), -1);
}

static struct order_record record(enum order_status status, enum pay_status payment)
{
    struct order_record made = {
        .seq = 7,
        .id = "01JB0000000000000000000001",
        .owner = "u01J8AAAAAAAAAAAAAAAAAAAAAA",
        .sealer = "u01J8AAAAAAAAAAAAAAAAAAAAAA",
        .state = {.status = status,
            .payment = payment,
            .version = 3,
            .changed_from = 1,
            .reference = payment == PAY_PENDING ? NULL : "test-1",
            .history = "{\"status\":\"pending\"}"},
        .total = {4350, "EUR"},
        .method = "test",
        .destination = "DE",
        .doc = "\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C0001\",\"quantity\":2,"
               "\"unit_price\":1850}],\"totals\":{},\"charges\":[]",
    };
    return made;
}

static const char *targets(const struct transition_outcome *outcome, char text[512])
{
    *text = '\0';
    for (size_t i = 0; i < outcome->item_count; i++) {
        const struct outbox_item *item = &outcome->items[i];
        const char *type = strstr(item->body, "\"type\":\"");
        const char *kind = type ? type + 8 : strstr(item->body, "\"template\":\"");
        if (!type)
            kind = kind ? kind + 12 : strstr(item->body, "\"action\":\"") + 10;
        size_t length = strlen(text);
        snprintf(text + length, 512 - length, "%.*s ", (int)strcspn(kind, "\""), kind);
    }
    return text;
}

static void step(enum order_status from, enum pay_status payment, struct order_transition step,
    int wanted, const char *reason_or_items)
{
    struct arena *arena = arena_new();
    struct order_record before = record(from, payment);
    struct transition_outcome outcome;
    struct error error = {0};
    char text[512];
    step.order_id = before.id;
    step.now_ms = 1000;
    int rc = order_transition_apply(&before, &step, arena, &outcome, &error);
    assert_int_equal(rc, wanted);
    assert_string_equal(rc < 0 ? error.reason : targets(&outcome, text), reason_or_items);
    arena_free(arena);
}

static void test_transitions(void **state)
{
    (void)state;
    step(ORDER_PENDING, PAY_PENDING,
        (struct order_transition){.from_version = 3,
            .to = ORDER_CONFIRMED,
            .payment = PAY_AUTHORIZED,
            .reference = "test-1"},
        0, "order.payment_changed order.confirmed order_confirmed ");
}

static void test_transition_rules(void **state)
{
    (void)state;
    struct order_transition to = {.from_version = 3, .payment = -1};
#define TO(status_, payment_) (to.to = (status_), to.payment = (payment_), to)
    step(ORDER_PENDING, PAY_PENDING, TO(ORDER_CONFIRMED, -1), ERROR_CONFLICT, "invalid_transition");
    step(ORDER_PENDING, PAY_PENDING, TO(ORDER_SHIPPED, -1), ERROR_CONFLICT, "invalid_transition");
    step(ORDER_PENDING, PAY_PENDING, TO(ORDER_REJECTED, PAY_DECLINED), 0,
        "order.payment_changed order.rejected order_rejected ");
    step(ORDER_PENDING, PAY_PENDING, TO(ORDER_REJECTED, -1), 0,
        "order.payment_changed order.rejected order_rejected ");
    step(ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_CANCELLED, -1), 0,
        "order.payment_changed order.cancelled order_cancelled release ");
    step(ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_SHIPPED, -1), 0,
        "order.payment_changed order.shipped order_shipped shipped ");
    step(ORDER_SHIPPED, PAY_CAPTURED, TO(ORDER_DELIVERED, -1), 0, "order.delivered ");
    step(ORDER_DELIVERED, PAY_CAPTURED, TO(ORDER_RETURNED, -1), 0, "order.returned returned ");
    step(ORDER_DELIVERED, PAY_CAPTURED, TO(-1, PAY_REFUNDED), 0,
        "order.payment_changed order_refunded ");
    step(ORDER_DELIVERED, PAY_REFUNDED, TO(-1, PAY_REFUNDED), ERROR_CONFLICT, "invalid_transition");
    step(
        ORDER_SHIPPED, PAY_CAPTURED, TO(ORDER_CANCELLED, -1), ERROR_CONFLICT, "invalid_transition");
    to.from_version = 2;
    step(
        ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_SHIPPED, -1), ERROR_CONFLICT, "version_conflict");
    /* The very transition that made this version, again. */
    to.from_version = 1;
    step(ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_CONFIRMED, PAY_AUTHORIZED), 0, "");
    to.reason = "other";
    step(ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_CONFIRMED, PAY_AUTHORIZED), ERROR_CONFLICT,
        "version_conflict");
    to = (struct order_transition){.owner = "u01J8BBBBBBBBBBBBBBBBBBBBBB"};
    step(ORDER_CONFIRMED, PAY_AUTHORIZED, TO(ORDER_CANCELLED, -1), ERROR_NOT_FOUND, "");
    to.owner = "u01J8AAAAAAAAAAAAAAAAAAAAAA";
    step(ORDER_CANCELLED, PAY_VOIDED, TO(ORDER_CANCELLED, -1), 0, "");
    step(ORDER_REJECTED, PAY_VOIDED, TO(ORDER_CANCELLED, -1), ERROR_CONFLICT, "invalid_transition");
#undef TO
}

static void test_transition_effects(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct order_record before = record(ORDER_PENDING, PAY_PENDING);
    struct transition_outcome outcome;
    struct order_transition to = {.order_id = before.id,
        .from_version = 3,
        .to = ORDER_REJECTED,
        .payment = -1,
        .reason = "out_of_stock",
        .now_ms = 1000};
    assert_int_equal(order_transition_apply(&before, &to, arena, &outcome, NULL), 0);
    assert_true(outcome.restore_cart);
    assert_int_equal(outcome.state.version, 5);
    assert_int_equal(outcome.state.payment, PAY_VOIDED);
    assert_string_equal(outcome.state.history,
        "{\"status\":\"pending\"},{\"status\":\"rejected\",\"at\":\"1970-01-01T00:00:01.000Z\","
        "\"reason\":\"out_of_stock\"}");
    struct cart_edit edits[CART_MAX_LINES];
    assert_int_equal(order_transition_lines(&before, arena, edits), 1);
    assert_int_equal(edits[0].quantity, 2);
    assert_int_equal(edits[0].price, 1850);
    char number[ORDER_NUMBER_SIZE];
    int64_t seq;
    assert_string_equal(order_number(&before, number), "W-1970-000007");
    assert_true(order_number_parse(number, &seq) && seq == 7);
    assert_false(order_number_parse("W-1970-", &seq));
    arena_free(arena);
}

int main(void)
{
    secure_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cart_edits),
        cmocka_unit_test(test_cart_full),
        cmocka_unit_test(test_cart_text),
        cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_bad_destinations),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_transition_rules),
        cmocka_unit_test(test_transition_effects),
    };
    return cmocka_run_group_tests_name("order_rules", tests, NULL, NULL);
}
