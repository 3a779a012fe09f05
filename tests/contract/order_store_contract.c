/* The order service's store: one suite, run against each engine. */
#include "engines.h"

#include "arena.h"
#include "order_messages.h"
#include "order_store.h"
#include "secure.h"

#define ADA "u01J8AAAAAAAAAAAAAAAAAAAAAA"
#define BOB "u01J8BBBBBBBBBBBBBBBBBBBBBB"
#define GUEST "g01J8GGGGGGGGGGGGGGGGGGGGGG"
#define NOW ((int64_t)1790000000000)

static struct {
    char directory[64];
    struct order_store *store;
    struct arena *arena;
    int64_t outbox_after;
    int wakes;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    int rc;
    struct error error;
    struct cart *cart;
    struct checkout_state state;
    enum place_outcome outcome;
    struct order_record *record;
    struct order_page page;
} t;

static void woken(void *ctx)
{
    (void)ctx;
    __atomic_add_fetch(&t.wakes, 1, __ATOMIC_SEQ_CST);
}

static int open_store(bool sqlite)
{
    memset(&t, 0, sizeof(t));
    struct error error = {0};
    engine_directory(t.directory);
    if (sqlite) {
        char path[128];
        snprintf(path, sizeof(path), "%s/order.db", t.directory);
        assert_int_equal(order_store_sqlite_open(&t.store, path, &error), 0);
    } else {
        t.store = order_store_memory_new();
    }
    order_store_on_commit(t.store, woken, NULL);
    t.arena = arena_new();
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.answered, NULL);
    return 0;
}

static int open_memory(void **state)
{
    (void)state;
    return open_store(false);
}

static int open_sqlite(void **state)
{
    (void)state;
    return open_store(true);
}

static int close_store(void **state)
{
    (void)state;
    order_store_close(t.store);
    arena_free(t.arena);
    engine_directory_remove(t.directory);
    return 0;
}

/* ---- calls that wait ---- */

static void answer(int rc, const struct error *error)
{
    pthread_mutex_lock(&t.lock);
    t.rc = rc;
    if (error)
        t.error = *error;
    t.done = true;
    pthread_cond_signal(&t.answered);
    pthread_mutex_unlock(&t.lock);
}

static int wait_answer(void)
{
    pthread_mutex_lock(&t.lock);
    while (!t.done)
        pthread_cond_wait(&t.answered, &t.lock);
    t.done = false;
    pthread_mutex_unlock(&t.lock);
    return t.rc;
}

static void got_cart(void *ctx, int rc, const struct error *error, struct cart *cart)
{
    (void)ctx;
    t.cart = cart;
    answer(rc, error);
}

static void got_state(
    void *ctx, int rc, const struct error *error, const struct checkout_state *state)
{
    (void)ctx;
    t.state = *state;
    answer(rc, error);
}

static void got_place(void *ctx, int rc, const struct error *error, enum place_outcome outcome)
{
    (void)ctx;
    t.outcome = outcome;
    answer(rc, error);
}

static void got_record(void *ctx, int rc, const struct error *error, struct order_record *record)
{
    (void)ctx;
    t.record = record;
    answer(rc, error);
}

static void got_page(void *ctx, int rc, const struct error *error, const struct order_page *page)
{
    (void)ctx;
    if (page)
        t.page = *page;
    answer(rc, error);
}

static const char *wine(int number)
{
    static char ids[4][ID_SIZE];
    char *id = ids[number % 4];
    snprintf(id, ID_SIZE, "01J9ZQ4T8M3V5X7Y9A1B2C%04d", number);
    return id;
}

static int edit(const char *owner, enum cart_edit_kind kind, int number, int quantity)
{
    struct cart_edit one = {.kind = kind, .quantity = quantity, .price = 1850};
    strcpy(one.wine_id, wine(number));
    struct cart_change change = {.owner = owner, .edits = &one, .count = 1, .now_ms = NOW};
    order_store_cart_edit(t.store, &change, t.arena, got_cart, NULL);
    return wait_answer();
}

static struct cart *cart_of(const char *owner)
{
    order_store_cart(t.store, owner, t.arena, got_cart, NULL);
    assert_int_equal(wait_answer(), 0);
    return t.cart;
}

static struct order_placement placement(const char *owner, int number, const char *key)
{
    struct order_placement made = {
        .record =
            {
                .state = {.version = 1, .updated_at = NOW, .history = "{\"status\":\"pending\"}"},
                .placed_at = NOW + number,
                .total = {4350, "EUR"},
                .method = "test",
                .destination = "DE",
                .doc = "\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C0001\",\"name\":\"Clos "
                       "100%\",\"quantity\":2,\"unit_price\":1850}],\"totals\":{},\"charges\":[]",
                .sealed = "secret\0!",
                .sealed_length = 8,
            },
        .key = key,
        .request_hash = "hash-1",
    };
    strcpy(made.record.owner, owner);
    strcpy(made.record.sealer, owner);
    snprintf(made.record.id, ID_SIZE, "01JB0000000000000000%06d", number);
    return made;
}

static enum place_outcome place(const char *owner, int number, const char *key)
{
    assert_int_equal(edit(owner, CART_SET, 1, 2), 0);
    struct order_placement made = placement(owner, number, key);
    made.cart_version = t.cart->version;
    struct outbox_item item = {.target = "queue:orders",
        .key = made.record.id,
        .id = made.record.id,
        .body = "{}",
        .length = 2};
    made.items = &item;
    made.item_count = 1;
    order_store_place(t.store, &made, t.arena, got_place, NULL);
    assert_int_equal(wait_answer(), 0);
    return t.outcome;
}

static int move(int number, int64_t from, int to, int payment, const char *reason)
{
    char id[ID_SIZE];
    snprintf(id, ID_SIZE, "01JB0000000000000000%06d", number);
    struct order_transition step = {.order_id = id,
        .from_version = from,
        .to = to,
        .payment = payment,
        .reason = reason,
        .reference = payment == PAY_AUTHORIZED ? "test-1" : NULL,
        .now_ms = NOW + 1000};
    order_store_transition(t.store, &step, t.arena, got_record, NULL);
    return wait_answer();
}

/* How many new items of the outbox hold the text. */
static int new_items(const char *text)
{
    struct relay_source_config source;
    struct outbox_item *items;
    struct error error = {0};
    order_store_source(t.store, &source);
    int count = source.read(source.ctx, t.arena, t.outbox_after, 100, &items, &error), found = 0;
    for (int i = 0; i < count; i++) {
        t.outbox_after = items[i].seq;
        found += strstr(items[i].body, text) || strstr(items[i].target, text);
    }
    return found;
}

/* ---- the suite ---- */

static void test_cart(void **state)
{
    (void)state;
    assert_int_equal(cart_of(ADA)->count, 0);
    assert_int_equal(edit(ADA, CART_SET, 1, 2), 0);
    assert_int_equal(edit(ADA, CART_SET, 2, 3), 0);
    assert_int_equal(t.cart->count, 2);
    assert_int_equal(new_items("cart.changed"), 2);
    assert_int_equal(edit(ADA, CART_SET, 2, 3), 0);
    assert_int_equal(new_items("cart.changed"), 0);
    assert_int_equal(edit(ADA, CART_SET, 1, 0), 0);
    assert_int_equal(new_items("\"quantity\":0,\"previous\":2"), 1);
    const struct cart *cart = cart_of(ADA);
    assert_int_equal(cart->count, 1);
    assert_string_equal(cart->lines[0].wine_id, wine(2));
    assert_int_equal(cart->lines[0].price, 1850);
    assert_int_equal(cart_of(BOB)->count, 0);
    assert_true(__atomic_load_n(&t.wakes, __ATOMIC_SEQ_CST) >= 3);
    for (int i = 3; i < CART_MAX_LINES + 2; i++)
        assert_int_equal(edit(ADA, CART_SET, i, 1), 0);
    new_items("");
    assert_int_equal(edit(ADA, CART_SET, 99, 1), ERROR_INVALID);
    assert_string_equal(t.error.reason, "cart_full");
    assert_int_equal(cart_of(ADA)->count, CART_MAX_LINES);
    assert_int_equal(new_items(""), 0);
}

static void test_place(void **state)
{
    (void)state;
    assert_int_equal(place(ADA, 1, "key-1"), PLACE_DONE);
    assert_int_equal(cart_of(ADA)->count, 0);
    assert_int_equal(new_items("queue:orders"), 1);
    order_store_get(t.store, "01JB0000000000000000000001", t.arena, got_record, NULL);
    assert_int_equal(wait_answer(), 0);
    const struct order_record *record = t.record;
    assert_int_equal(record->seq, 1);
    assert_string_equal(record->owner, ADA);
    assert_int_equal(record->state.version, 1);
    assert_int_equal(record->total.amount, 4350);
    assert_string_equal(record->total.currency, "EUR");
    assert_memory_equal(record->sealed, "secret\0!", 8);
    assert_int_equal(record->sealed_length, 8);
    assert_null(record->state.reason);
    assert_null(record->state.reference);
    order_store_get(t.store, "01JB0000000000000000000099", t.arena, got_record, NULL);
    assert_int_equal(wait_answer(), ERROR_NOT_FOUND);
    assert_null(t.record);
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_equal(place(ADA, 1, "key-1"), PLACE_DONE);
    assert_int_equal(place(ADA, 2, "key-1"), PLACE_KEY_USED);
    assert_int_equal(cart_of(ADA)->count, 1); /* nothing was taken */
    assert_int_equal(place(BOB, 3, "key-1"), PLACE_DONE);
    order_store_checkout(t.store, ADA, "key-1", NOW, t.arena, got_state, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_true(t.state.key_used);
    assert_string_equal(t.state.order_id, "01JB0000000000000000000001");
    assert_string_equal(t.state.request_hash, "hash-1");
    assert_int_equal(t.state.cart->count, 1);
    order_store_checkout(t.store, ADA, "key-2", NOW, t.arena, got_state, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_false(t.state.key_used);
    /* A day later the key may be used again. */
    int64_t later = NOW + ORDER_KEY_TTL_MS + 1000;
    order_store_checkout(t.store, ADA, "key-1", later, t.arena, got_state, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_false(t.state.key_used);
    struct order_placement again = placement(ADA, 4, "key-1");
    again.record.placed_at = later;
    again.cart_version = cart_of(ADA)->version;
    order_store_place(t.store, &again, t.arena, got_place, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_int_equal(t.outcome, PLACE_DONE);
    order_store_checkout(t.store, ADA, "key-1", later, t.arena, got_state, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_true(t.state.key_used);
}

static void test_overtaken_cart(void **state)
{
    (void)state;
    assert_int_equal(edit(ADA, CART_SET, 1, 2), 0);
    struct order_placement made = placement(ADA, 1, "key-1");
    made.cart_version = t.cart->version;
    assert_int_equal(edit(ADA, CART_SET, 2, 1), 0);
    order_store_place(t.store, &made, t.arena, got_place, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_int_equal(t.outcome, PLACE_CART_CHANGED);
    assert_int_equal(cart_of(ADA)->count, 2);
    order_store_checkout(t.store, ADA, "key-1", NOW, t.arena, got_state, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_false(t.state.key_used);
}

static void test_transition(void **state)
{
    (void)state;
    place(ADA, 1, "key-1");
    new_items("");
    assert_int_equal(move(1, 1, ORDER_CONFIRMED, PAY_AUTHORIZED, NULL), 0);
    assert_int_equal(t.record->state.version, 3);
    assert_string_equal(t.record->state.reference, "test-1");
    assert_int_equal(new_items(""), 3);
    assert_int_equal(move(1, 1, ORDER_CONFIRMED, PAY_AUTHORIZED, NULL), 0);
    assert_int_equal(t.record->state.version, 3);
    assert_int_equal(new_items(""), 0);
    assert_int_equal(move(1, 1, ORDER_REJECTED, -1, "out_of_stock"), ERROR_CONFLICT);
    assert_string_equal(t.error.reason, "version_conflict");
    assert_int_equal(t.record->state.status, ORDER_CONFIRMED);
    assert_int_equal(move(1, 3, ORDER_DELIVERED, -1, NULL), ERROR_CONFLICT);
    assert_string_equal(t.error.reason, "invalid_transition");
    assert_int_equal(new_items(""), 0);
    assert_int_equal(move(1, 3, ORDER_SHIPPED, -1, "sent by Müller"), 0);
    order_store_get(t.store, "01JB0000000000000000000001", t.arena, got_record, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_int_equal(t.record->state.status, ORDER_SHIPPED);
    assert_int_equal(t.record->state.payment, PAY_CAPTURED);
    assert_int_equal(t.record->state.fulfilment, FULFIL_SHIPPED);
    assert_int_equal(t.record->state.version, 5);
    assert_string_equal(t.record->state.reason, "sent by Müller");
    assert_int_equal(move(9, 1, ORDER_SHIPPED, -1, NULL), ERROR_NOT_FOUND);
    assert_null(t.record);
}

static void test_rejected(void **state)
{
    (void)state;
    place(ADA, 1, "key-1");
    assert_int_equal(edit(ADA, CART_SET, 1, 5), 0);
    assert_int_equal(edit(ADA, CART_SET, 2, 1), 0);
    new_items("");
    assert_int_equal(move(1, 1, ORDER_REJECTED, PAY_DECLINED, "payment_declined"), 0);
    assert_int_equal(new_items("cart.changed"), 1);
    const struct cart *cart = cart_of(ADA);
    assert_int_equal(cart->count, 2);
    assert_int_equal(cart->lines[0].quantity, 7);
    assert_int_equal(move(1, 1, ORDER_REJECTED, PAY_DECLINED, "payment_declined"), 0);
    assert_int_equal(cart_of(ADA)->lines[0].quantity, 7);
}

static void list(struct order_query query)
{
    order_store_list(t.store, &query, t.arena, got_page, NULL);
    assert_int_equal(wait_answer(), 0);
}

static void test_lists(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%d", i);
        place(i == 3 ? BOB : ADA, i, key);
    }
    move(2, 1, ORDER_CONFIRMED, PAY_AUTHORIZED, NULL);
    list((struct order_query){.owner = ADA, .limit = 3});
    assert_int_equal(t.page.count, 3);
    assert_int_equal(t.page.records[0].seq, 5);
    assert_int_equal(t.page.records[2].seq, 2);
    list((struct order_query){.owner = ADA, .limit = 3, .before = t.page.next});
    assert_int_equal(t.page.count, 1);
    assert_int_equal(t.page.next, 0);
    list((struct order_query){.limit = 5, .count = true});
    assert_int_equal(t.page.count, 5);
    assert_int_equal(t.page.total, 5);
    assert_int_equal(t.page.next, 0);
    list((struct order_query){.limit = 2, .count = true, .statuses = 1u << ORDER_PENDING});
    assert_int_equal(t.page.total, 4);
    assert_int_equal(t.page.next, 4);
    list((struct order_query){.limit = 2, .count = true, .text = "W-2026-000003"});
    assert_int_equal(t.page.total, 1);
    assert_int_equal(t.page.records[0].seq, 3);
    list((struct order_query){.limit = 2, .count = true, .text = "01JB0000000000000000000004"});
    assert_int_equal(t.page.total, 1);
    list((struct order_query){.limit = 2, .count = true, .text = "01JB0000000000000000000099"});
    assert_int_equal(t.page.total, 0);
    list((struct order_query){.limit = 2, .count = true, .text = "clos 100%"});
    assert_int_equal(t.page.total, 5);
    list((struct order_query){.limit = 2, .count = true, .text = "clos_100%"});
    assert_int_equal(t.page.total, 0);
}

static void merge(const struct resealed *orders, size_t count)
{
    struct cart_merge merge = {
        .guest = GUEST, .user = ADA, .orders = orders, .order_count = count, .now_ms = NOW};
    order_store_merge(t.store, &merge, t.arena, got_cart, NULL);
    assert_int_equal(wait_answer(), 0);
}

static void test_merge(void **state)
{
    (void)state;
    place(GUEST, 1, "key-1");
    place(BOB, 2, "key-2");
    edit(GUEST, CART_SET, 1, 600);
    edit(GUEST, CART_SET, 2, 1);
    edit(ADA, CART_SET, 1, 600);
    new_items("");
    struct resealed orders[] = {{"01JB0000000000000000000001", "anew", 4},
        {"01JB0000000000000000000002", "not the guest's", 15}};
    merge(orders, 2);
    assert_int_equal(t.cart->count, 2);
    assert_int_equal(t.cart->lines[0].quantity, CART_MAX_QUANTITY);
    assert_int_equal(new_items("cart.merged"), 1);
    assert_int_equal(cart_of(GUEST)->count, 0);
    assert_int_equal(cart_of(ADA)->count, 2);
    order_store_get(t.store, "01JB0000000000000000000001", t.arena, got_record, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_string_equal(t.record->owner, ADA);
    assert_string_equal(t.record->sealer, ADA);
    assert_int_equal(t.record->sealed_length, 4);
    order_store_get(t.store, "01JB0000000000000000000002", t.arena, got_record, NULL);
    assert_int_equal(wait_answer(), 0);
    assert_string_equal(t.record->owner, BOB);
    merge(NULL, 0);
    assert_int_equal(t.cart->lines[0].quantity, CART_MAX_QUANTITY);
    assert_int_equal(new_items(""), 0);
}

static void on_trimmed(void *ctx, int rc)
{
    (void)ctx;
    answer(rc, NULL);
}

static void test_outbox(void **state)
{
    (void)state;
    struct relay_source_config source;
    edit(ADA, CART_SET, 1, 2);
    edit(ADA, CART_SET, 2, 2);
    assert_int_equal(new_items("cart.changed"), 2);
    order_store_source(t.store, &source);
    source.trim(source.ctx, t.outbox_after - 1, on_trimmed, NULL);
    assert_int_equal(wait_answer(), 0);
    t.outbox_after = 0;
    assert_int_equal(new_items("cart.changed"), 1);
}

int main(void)
{
    secure_init();
#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, open_memory, close_store),                               \
        cmocka_unit_test_setup_teardown(test, open_sqlite, close_store)
    const struct CMUnitTest tests[] = {
        BOTH(test_cart),
        BOTH(test_place),
        BOTH(test_keys),
        BOTH(test_overtaken_cart),
        BOTH(test_transition),
        BOTH(test_rejected),
        BOTH(test_lists),
        BOTH(test_merge),
        BOTH(test_outbox),
    };
    return cmocka_run_group_tests_name("order_store", tests, NULL, NULL);
}
