#include "engines.h"

#include "arena.h"
#include "json.h"
#include "queue.h"
#include "relay.h"
#include "sqlite_db.h"
#include "store.h"
#include "stream.h"
#include "timer.h"

#include <sys/stat.h>

struct world {
    char directory[64];
    struct product_store *store;
    struct arena *arena;
    struct relay *relay;
    struct stream *stream;
    struct timers *timers;
    struct queue *images;
};

/* ---- waiting for an operation ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc;
    struct error error;
    struct product_wine *wines;
    struct product_wine wine;
    struct product_line lines[PRODUCT_MAX_LINES];
    struct product_rating *ratings;
    struct product_upload uploads[10];
    struct product_pending pending[100];
    struct product_import_counts counts;
    size_t count;
    int64_t total;
    bool more;
};

#define WAITER                                                                                     \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER                    \
    }

static int await(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->done)
        pthread_cond_wait(&waiter->finished, &waiter->lock);
    waiter->done = false;
    pthread_mutex_unlock(&waiter->lock);
    return waiter->rc;
}

static void finish(struct waiter *waiter, int rc, const struct error *error)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->rc = rc;
    waiter->error = *error;
    waiter->done = true;
    pthread_cond_signal(&waiter->finished);
    pthread_mutex_unlock(&waiter->lock);
}

static void on_done(void *ctx, int rc, const struct error *error)
{
    finish(ctx, rc, error);
}

static void on_wines(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct waiter *waiter = ctx;
    waiter->wines = wines;
    waiter->count = count;
    finish(waiter, rc, error);
}

static void on_list(void *ctx, int rc, const struct error *error, struct product_wine *wines,
    size_t count, int64_t total, bool more)
{
    struct waiter *waiter = ctx;
    waiter->total = total;
    waiter->more = more;
    on_wines(ctx, rc, error, wines, count);
}

static void on_lines(
    void *ctx, int rc, const struct error *error, const struct product_line *lines, size_t count)
{
    struct waiter *waiter = ctx;
    memcpy(waiter->lines, lines, count * sizeof(*lines));
    waiter->count = count;
    finish(waiter, rc, error);
}

static void on_rated(void *ctx, int rc, const struct error *error, const struct product_wine *wine)
{
    struct waiter *waiter = ctx;
    waiter->wine = *wine;
    finish(waiter, rc, error);
}

static void on_ratings(void *ctx, int rc, const struct error *error,
    const struct product_wine *wine, struct product_rating *ratings, size_t count, bool more)
{
    struct waiter *waiter = ctx;
    waiter->wine = *wine;
    waiter->ratings = ratings;
    waiter->count = count;
    waiter->more = more;
    finish(waiter, rc, error);
}

static void on_uploads(void *ctx, int rc, const struct error *error,
    const struct product_upload *uploads, size_t count)
{
    struct waiter *waiter = ctx;
    memcpy(waiter->uploads, uploads, count * sizeof(*uploads));
    waiter->count = count;
    finish(waiter, rc, error);
}

static void on_pending(void *ctx, int rc, const struct error *error,
    const struct product_pending *pending, size_t count)
{
    struct waiter *waiter = ctx;
    memcpy(waiter->pending, pending, count * sizeof(*pending));
    waiter->count = count;
    finish(waiter, rc, error);
}

static void on_imported(
    void *ctx, int rc, const struct error *error, const struct product_import_counts *counts)
{
    struct waiter *waiter = ctx;
    waiter->counts = *counts;
    finish(waiter, rc, error);
}

/* ---- short forms ---- */

static const struct trace trace = {
    .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736", .span_id = "00f067aa0ba902b7"};

static struct product_record record_of(
    struct world *world, const char *sku, const char *name, int64_t price, int64_t stock)
{
    struct product_record record = {
        .sku = sku,
        .group_key = "",
        .body = arena_printf(world->arena, "\"sku\":\"%s\",\"name\":\"%s\"", sku, name),
        .brief = arena_printf(world->arena, "\"name\":\"%s\"", name),
        .name_key = name,
        .words = arena_printf(world->arena, "%s %s", name, sku),
        .price = price,
        .stock = stock,
    };
    return record;
}

static int put(struct world *world, struct product_put *wanted, struct error *error)
{
    struct waiter waiter = WAITER;
    wanted->trace = trace;
    product_store_put(world->store, wanted, on_done, &waiter);
    int rc = await(&waiter);
    if (error)
        *error = waiter.error;
    return rc;
}

static const char *add(
    struct world *world, const char *sku, const char *name, int64_t price, int64_t stock)
{
    struct product_put wanted = {.record = record_of(world, sku, name, price, stock)};
    id_new(wanted.id);
    assert_int_equal(put(world, &wanted, NULL), 0);
    return arena_strdup(world->arena, wanted.id);
}

static struct product_wine *get(struct world *world, const char *id, enum product_detail detail)
{
    struct waiter waiter = WAITER;
    product_store_get(world->store, world->arena, &id, 1, detail, on_wines, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 1);
    return &waiter.wines[0];
}

static int reserve(struct world *world, const char *order_id, const char *id, int64_t quantity,
    struct waiter *waiter)
{
    struct product_line line = {.quantity = quantity};
    memcpy(line.id, id, ID_SIZE);
    product_store_reserve(world->store, order_id, &line, 1, &trace, on_lines, waiter);
    return await(waiter);
}

static int settle(struct world *world, const char *order_id, enum product_settlement settlement)
{
    struct waiter waiter = WAITER;
    product_store_settle(world->store, order_id, settlement, &trace, on_lines, &waiter);
    return await(&waiter);
}

static int change_stock(struct world *world, const char *id, int64_t quantity,
    const char *message_id, struct waiter *waiter)
{
    struct product_line line = {.quantity = quantity};
    memcpy(line.id, id, ID_SIZE);
    struct product_change change = {.message_id = message_id, .trace = trace};
    product_store_change_stock(world->store, &line, 1, &change, on_lines, waiter);
    return await(waiter);
}

#define ORDER "01JB0000000000000000000001"
#define OTHER "01JB0000000000000000000002"
#define NOBODY "01J00000000000000000000000"
#define ADA "01J8000000000000000000000A"
#define BOB "01J8000000000000000000000B"

/* ---- wines ---- */

static void test_a_wine_is_spliced_with_its_numbers(void **state)
{
    struct world *world = *state;
    const char *id = add(world, "a", "alpha", 900, 7);
    struct product_wine *wine = get(world, id, PRODUCT_PUBLIC);
    char *expected = arena_printf(world->arena,
        "{\"id\":\"%s\",\"group_id\":\"%s\",\"sku\":\"a\",\"name\":\"alpha\",\"images\":[],"
        "\"available\":7,\"rating\":{\"mean\":null,\"count\":0}}",
        id, id);
    assert_string_equal(wine->json, expected);
    assert_int_equal(wine->length, strlen(expected));
    assert_int_equal(wine->version, 1);
    assert_int_equal(wine->on_hand, 7);
    assert_true(wine->created_ms > 0);
    wine = get(world, id, PRODUCT_BRIEF);
    assert_string_equal(wine->json,
        arena_printf(world->arena, "{\"id\":\"%s\",\"name\":\"alpha\",\"available\":7}", id));
    assert_int_equal(get(world, NOBODY, PRODUCT_PUBLIC)->row, 0);
}

static void test_changes_go_by_version(void **state)
{
    struct world *world = *state;
    const char *id = add(world, "a", "alpha", 900, 7);
    struct product_put change = {.record = record_of(world, "a", "beta", 950, 99), .version = 1};
    struct error error;
    memcpy(change.id, id, ID_SIZE);
    change.keep_group = true;
    assert_int_equal(put(world, &change, NULL), 0);
    struct product_wine *wine = get(world, id, PRODUCT_PUBLIC);
    assert_int_equal(wine->version, 2);
    assert_int_equal(wine->available, 7);
    assert_non_null(strstr(wine->json, "beta"));
    assert_int_equal(put(world, &change, &error), ERROR_CONFLICT);
    assert_string_equal(error.reason, "version_conflict");
    memcpy(change.id, NOBODY, ID_SIZE);
    assert_int_equal(put(world, &change, &error), ERROR_NOT_FOUND);
}

static void test_skus_are_unique(void **state)
{
    struct world *world = *state;
    add(world, "a", "alpha", 900, 0);
    struct product_put second = {.record = record_of(world, "a", "beta", 900, 0)};
    struct error error;
    id_new(second.id);
    assert_int_equal(put(world, &second, &error), ERROR_CONFLICT);
    assert_string_equal(error.reason, "sku_taken");
    assert_int_equal(get(world, second.id, PRODUCT_PUBLIC)->row, 0);
}

static const char *group_of(struct world *world, const char *id)
{
    struct product_wine *wine = get(world, id, PRODUCT_PUBLIC);
    const char *at = strstr(wine->json, "\"group_id\":\"") + strlen("\"group_id\":\"");
    return arena_strndup(world->arena, at, ID_LENGTH);
}

static void test_groups_are_joined_by_id(void **state)
{
    struct world *world = *state;
    const char *a = add(world, "a", "alpha", 900, 0);
    struct product_put joined = {.record = record_of(world, "b", "beta", 900, 0), .group_id = a};
    struct error error;
    id_new(joined.id);
    assert_int_equal(put(world, &joined, NULL), 0);
    assert_string_equal(group_of(world, joined.id), group_of(world, a));
    struct product_put lost = {
        .record = record_of(world, "c", "gamma", 900, 0), .group_id = NOBODY};
    id_new(lost.id);
    assert_int_equal(put(world, &lost, &error), ERROR_INVALID);
    assert_string_equal(error.field, "group_id");
}

static int withdraw(struct world *world, const char *id, int64_t version)
{
    struct waiter waiter = WAITER;
    product_store_withdraw(world->store, id, version, &trace, on_done, &waiter);
    return await(&waiter);
}

static void test_withdrawn_wines_stay_but_are_not_sold(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *id = add(world, "a", "alpha", 900, 7);
    assert_int_equal(withdraw(world, id, 9), ERROR_CONFLICT);
    assert_int_equal(withdraw(world, id, 1), 0);
    assert_int_equal(withdraw(world, id, 1), 0);
    assert_int_equal(withdraw(world, NOBODY, 1), ERROR_NOT_FOUND);
    assert_true(get(world, id, PRODUCT_PUBLIC)->withdrawn);
    assert_int_equal(reserve(world, ORDER, id, 1, &waiter), ERROR_CONFLICT);
    assert_int_equal(waiter.lines[0].available, 0);
    product_store_scan(world->store, world->arena, "", 10, on_wines, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 0);
}

static void test_vintages_are_those_of_the_group_for_sale(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 3);
    struct product_put joined = {.record = record_of(world, "b", "beta", 900, 0), .group_id = a};
    id_new(joined.id);
    assert_int_equal(put(world, &joined, NULL), 0);
    add(world, "c", "gamma", 900, 0);
    product_store_vintages(world->store, world->arena, joined.id, on_wines, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 2);
    assert_string_equal(waiter.wines[0].id, a);
    assert_string_equal(waiter.wines[1].id, joined.id);
    assert_int_equal(withdraw(world, a, 1), 0);
    product_store_vintages(world->store, world->arena, a, on_wines, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 1);
    product_store_vintages(world->store, world->arena, NOBODY, on_wines, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 0);
}

static void test_the_list_sorts_finds_and_pages(void **state)
{
    struct world *world = *state;
    add(world, "a", "gamma", 100, 3);
    const char *b = add(world, "b", "alpha", 300, 1);
    const char *c = add(world, "c", "alpha", 200, 2);
    struct waiter waiter = WAITER;
    struct product_list_query query = {.sort = PRODUCT_BY_NAME, .limit = 2};
    product_store_list(world->store, world->arena, &query, on_list, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.total, 3);
    assert_true(waiter.more);
    assert_string_equal(waiter.wines[0].id, b);
    assert_string_equal(waiter.wines[1].id, c);
    query.after = c;
    product_store_list(world->store, world->arena, &query, on_list, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);
    assert_false(waiter.more);
    query = (struct product_list_query){.sort = PRODUCT_BY_PRICE,
        .descending = true,
        .limit = 5,
        .words = {"alp"},
        .word_count = 1};
    product_store_list(world->store, world->arena, &query, on_list, &waiter);
    await(&waiter);
    assert_int_equal(waiter.total, 2);
    assert_string_equal(waiter.wines[0].id, b);
    query.sort = PRODUCT_BY_AVAILABLE;
    product_store_list(world->store, world->arena, &query, on_list, &waiter);
    await(&waiter);
    assert_string_equal(waiter.wines[0].id, c);
    query.after = NOBODY;
    product_store_list(world->store, world->arena, &query, on_list, &waiter);
    assert_int_equal(await(&waiter), ERROR_INVALID);
}

static void test_what_changed_is_pending(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 7);
    const char *b = add(world, "b", "beta", 900, 7);
    product_store_pending(world->store, 0, 10, on_pending, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 2);
    assert_string_equal(waiter.pending[0].id, a);
    int64_t first = waiter.pending[0].seq;
    product_store_pending(world->store, first, 10, on_pending, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);
    product_store_pending_done(world->store, first, on_done, &waiter);
    assert_int_equal(await(&waiter), 0);
    product_store_pending(world->store, 0, 10, on_pending, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);
    assert_string_equal(waiter.pending[0].id, b);
    struct product_totals before, after;
    struct error error;
    product_store_totals(world->store, &before, &error);
    reserve(world, ORDER, a, 1, &waiter);
    product_store_totals(world->store, &after, &error);
    assert_true(after.position > before.position);
}

/* ---- stock ---- */

static void test_a_reservation_is_made_once(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    assert_int_equal(reserve(world, ORDER, a, 2, &waiter), 0);
    assert_int_equal(waiter.lines[0].available, 3);
    assert_int_equal(reserve(world, ORDER, a, 2, &waiter), 0);
    assert_int_equal(waiter.count, 0);
    assert_int_equal(reserve(world, ORDER, a, 1, &waiter), ERROR_CONFLICT);
    assert_string_equal(waiter.error.reason, "version_conflict");
    struct product_wine *wine = get(world, a, PRODUCT_PUBLIC);
    assert_int_equal(wine->available, 3);
    assert_int_equal(wine->on_hand, 5);
    assert_int_equal(wine->stock_version, 2);
}

static void test_a_reservation_is_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    const char *b = add(world, "b", "beta", 900, 1);
    struct product_line lines[3] = {{.quantity = 2}, {.quantity = 2}, {.quantity = 1}};
    memcpy(lines[0].id, a, ID_SIZE);
    memcpy(lines[1].id, b, ID_SIZE);
    memcpy(lines[2].id, NOBODY, ID_SIZE);
    product_store_reserve(world->store, ORDER, lines, 3, &trace, on_lines, &waiter);
    assert_int_equal(await(&waiter), ERROR_CONFLICT);
    assert_string_equal(waiter.error.reason, "out_of_stock");
    assert_int_equal(waiter.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(waiter.lines[i].short_of, strcmp(waiter.lines[i].id, a) != 0);
        if (strcmp(waiter.lines[i].id, b) == 0)
            assert_int_equal(waiter.lines[i].available, 1);
    }
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 5);
    /* Nothing is kept of it: the order may be tried again. */
    assert_int_equal(reserve(world, ORDER, b, 1, &waiter), 0);
}

static void test_settlements_follow_each_other(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    reserve(world, ORDER, a, 2, &waiter);
    assert_int_equal(settle(world, ORDER, PRODUCT_RETURN), ERROR_CONFLICT);
    assert_int_equal(settle(world, ORDER, PRODUCT_SHIP), 0);
    assert_int_equal(settle(world, ORDER, PRODUCT_SHIP), 0);
    struct product_wine *wine = get(world, a, PRODUCT_PUBLIC);
    assert_int_equal(wine->available, 3);
    assert_int_equal(wine->on_hand, 3);
    assert_int_equal(settle(world, ORDER, PRODUCT_RELEASE), ERROR_CONFLICT);
    assert_int_equal(settle(world, ORDER, PRODUCT_RETURN), 0);
    assert_int_equal(settle(world, ORDER, PRODUCT_RETURN), 0);
    wine = get(world, a, PRODUCT_PUBLIC);
    assert_int_equal(wine->available, 5);
    assert_int_equal(wine->on_hand, 5);
}

static void test_a_release_is_remembered(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    reserve(world, ORDER, a, 2, &waiter);
    assert_int_equal(settle(world, ORDER, PRODUCT_RELEASE), 0);
    assert_int_equal(settle(world, ORDER, PRODUCT_RELEASE), 0);
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 5);
    assert_int_equal(reserve(world, ORDER, a, 2, &waiter), ERROR_CONFLICT);
    assert_int_equal(settle(world, OTHER, PRODUCT_SHIP), ERROR_NOT_FOUND);
    assert_int_equal(settle(world, OTHER, PRODUCT_RELEASE), 0);
    assert_int_equal(reserve(world, OTHER, a, 2, &waiter), ERROR_CONFLICT);
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 5);
}

static void test_stock_changes_once_per_message(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    for (int i = 0; i < 2; i++)
        assert_int_equal(change_stock(world, a, -5, "message-1", &waiter), 0);
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 0);
    assert_int_equal(change_stock(world, a, 24, NULL, &waiter), 0);
    assert_int_equal(waiter.lines[0].on_hand, 24);
    reserve(world, ORDER, a, 20, &waiter);
    assert_int_equal(change_stock(world, a, -5, NULL, &waiter), ERROR_CONFLICT);
    assert_string_equal(waiter.error.reason, "out_of_stock");
    assert_int_equal(waiter.lines[0].available, 4);
    assert_int_equal(change_stock(world, NOBODY, 1, NULL, &waiter), ERROR_NOT_FOUND);
    assert_int_equal(change_stock(world, a, PRODUCT_MAX_STOCK, NULL, &waiter), ERROR_INVALID);
}

struct buyer {
    struct world *world;
    const char *wine;
    int number, bought; /* or, when looking: how often too much was seen */
};

static void *buy(void *argument)
{
    struct buyer *buyer = argument;
    for (int i = 0; i < 25; i++) {
        struct waiter waiter = WAITER;
        char order[ID_SIZE];
        snprintf(order, sizeof(order), "01JB%022d", buyer->number * 100 + i);
        buyer->bought += reserve(buyer->world, order, buyer->wine, 1, &waiter) == 0;
    }
    return NULL;
}

static void test_stock_is_never_sold_twice(void **state)
{
    struct world *world = *state;
    const char *a = add(world, "a", "alpha", 900, 50);
    struct buyer buyers[8];
    pthread_t threads[8];
    int bought = 0;
    for (int i = 0; i < 8; i++) {
        buyers[i] = (struct buyer){.world = world, .wine = a, .number = i};
        pthread_create(&threads[i], NULL, buy, &buyers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        bought += buyers[i].bought;
    }
    assert_int_equal(bought, 50);
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 0);
}

static void *buy_and_look(void *argument)
{
    struct buyer *buyer = argument;
    struct arena *arena = arena_new();
    for (int i = 0; i < 100; i++) {
        struct waiter waiter = WAITER;
        char order[ID_SIZE];
        snprintf(order, sizeof(order), "01JB%022d", buyer->number * 1000 + i);
        reserve(buyer->world, order, buyer->wine, 1, &waiter);
        int64_t left = waiter.lines[0].available;
        for (int look = 0; look < 4; look++) {
            enum product_detail detail = look % 2 ? PRODUCT_BRIEF : PRODUCT_PUBLIC;
            product_store_get(
                buyer->world->store, arena, &buyer->wine, 1, detail, on_wines, &waiter);
            await(&waiter);
            buyer->bought += waiter.wines[0].available > left;
        }
        arena_clear(arena);
    }
    arena_free(arena);
    return NULL;
}

/* Whoever was told of a change reads it, whatever is kept in memory. */
static void test_what_was_acknowledged_is_read(void **state)
{
    struct world *world = *state;
    const char *a = add(world, "a", "alpha", 900, 1000);
    struct buyer buyers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        buyers[i] = (struct buyer){.world = world, .wine = a, .number = i};
        pthread_create(&threads[i], NULL, buy_and_look, &buyers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(buyers[i].bought, 0);
    }
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 600);
}

/* ---- ratings ---- */

static int rate(struct world *world, const char *wine, const char *user, int64_t halves,
    const char *note, struct waiter *waiter)
{
    struct product_rating rating = {.halves = halves, .note = note, .created_ms = 1};
    id_new(rating.id);
    memcpy(rating.wine_id, wine, ID_SIZE);
    memcpy(rating.user_id, user, ID_SIZE);
    product_store_rate(world->store, &rating, &trace, on_rated, waiter);
    return await(waiter);
}

static void test_a_shopper_has_one_rating_of_a_wine(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    assert_int_equal(rate(world, a, ADA, 4, "thin", &waiter), 0);
    assert_int_equal(rate(world, a, BOB, 9, NULL, &waiter), 0);
    assert_int_equal(rate(world, a, ADA, 10, "better", &waiter), 0);
    assert_int_equal(waiter.wine.halves, 19);
    assert_int_equal(waiter.wine.ratings, 2);
    assert_int_equal(rate(world, NOBODY, ADA, 4, NULL, &waiter), ERROR_NOT_FOUND);
    assert_non_null(
        strstr(get(world, a, PRODUCT_PUBLIC)->json, "\"rating\":{\"mean\":4.75,\"count\":2}"));

    product_store_ratings(world->store, world->arena, a, NULL, NULL, 1, on_ratings, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 1);
    assert_true(waiter.more);
    assert_int_equal(waiter.wine.ratings, 2);
    assert_string_equal(waiter.ratings[0].note, "better");
    product_store_ratings(
        world->store, world->arena, a, NULL, waiter.ratings[0].id, 5, on_ratings, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);
    assert_string_equal(waiter.ratings[0].user_id, BOB);
    assert_null(waiter.ratings[0].note);
    product_store_ratings(world->store, world->arena, NULL, BOB, NULL, 5, on_ratings, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);
    assert_string_equal(waiter.ratings[0].wine_id, a);
    product_store_ratings(world->store, world->arena, NOBODY, NULL, NULL, 5, on_ratings, &waiter);
    assert_int_equal(await(&waiter), ERROR_NOT_FOUND);
}

static const struct product_rating *only_rating(struct world *world, const char *wine)
{
    struct waiter waiter = WAITER;
    product_store_ratings(world->store, world->arena, wine, NULL, NULL, 5, on_ratings, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_int_equal(waiter.count, 1);
    return &waiter.ratings[0];
}

static bool files_hold(struct world *world, const char *text)
{
    static const char *const names[] = {"product.db", "product.db-wal"};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        const char *path = arena_printf(world->arena, "%s/%s", world->directory, names[i]);
        FILE *file = fopen(path, "rb");
        if (!file)
            continue;
        struct stat status;
        assert_int_equal(fstat(fileno(file), &status), 0);
        size_t size = (size_t)status.st_size;
        char *bytes = arena_alloc(world->arena, size + 1);
        assert_int_equal(fread(bytes, 1, size, file), size);
        found = found || memmem(bytes, size, text, strlen(text));
        fclose(file);
    }
    return found;
}

static int forget(struct world *world, const char *user)
{
    struct waiter waiter = WAITER;
    product_store_forget(world->store, user, on_done, &waiter);
    return await(&waiter);
}

static void test_of_a_forgotten_user_the_stars_stay(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    const char *b = add(world, "b", "beta", 900, 5);
    /* Long enough for pages of their own. */
    char *note = arena_printf(world->arena, "%01999d", 7);
    memcpy(note, "cellarbird", 10);
    memcpy(note + 1900, "cellarbird", 10);
    rate(world, a, ADA, 4, note, &waiter);
    rate(world, a, ADA, 6, "cellarbird, now shorter", &waiter);
    rate(world, b, BOB, 8, "from Bob", &waiter);
    assert_int_equal(forget(world, ADA), 0);
    assert_int_equal(forget(world, ADA), 0);
    assert_int_equal(forget(world, NOBODY), 0);
    assert_false(files_hold(world, "cellarbird"));

    const struct product_rating *left = only_rating(world, a);
    assert_null(left->note);
    assert_int_equal(left->halves, 6);
    assert_string_not_equal(left->user_id, ADA);
    assert_true(id_valid(left->user_id));
    assert_string_equal(only_rating(world, b)->note, "from Bob");
    product_store_ratings(world->store, world->arena, NULL, ADA, NULL, 5, on_ratings, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 0);
    assert_non_null(
        strstr(get(world, a, PRODUCT_PUBLIC)->json, "\"rating\":{\"mean\":3,\"count\":1}"));

    assert_int_equal(rate(world, b, ADA, 2, "cellarbird", &waiter), ERROR_UNAUTHORIZED);
    assert_int_equal(rate(world, b, BOB, 9, NULL, &waiter), 0);
    assert_false(files_hold(world, "cellarbird"));
}

/* ---- pictures ---- */

static int finish_upload(struct world *world, const char *wine, const char *id,
    enum product_upload_status status, const char *images)
{
    struct waiter waiter = WAITER;
    struct product_upload upload = {
        .status = status, .reason = status == PRODUCT_UPLOAD_FAILED ? "no picture" : NULL};
    memcpy(upload.id, id, ID_SIZE);
    memcpy(upload.wine_id, wine, ID_SIZE);
    product_store_finish_upload(world->store, &upload, images, &trace, on_done, &waiter);
    return await(&waiter);
}

static void add_upload(struct world *world, const char *wine, char id[ID_SIZE])
{
    struct waiter waiter = WAITER;
    struct product_upload upload = {.created_ms = 5};
    memcpy(upload.id, id_new(id), ID_SIZE);
    memcpy(upload.wine_id, wine, ID_SIZE);
    product_store_add_upload(world->store, &upload, "uploads/x", on_done, &waiter);
    assert_int_equal(await(&waiter), 0);
}

#define IMAGE(n) "[{\"url\":\"/media/" #n ".webp\",\"width\":320}]"

static void test_the_latest_pictures_are_shown(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    const char *b = add(world, "b", "beta", 900, 5);
    char first[ID_SIZE], second[ID_SIZE], third[ID_SIZE];
    add_upload(world, a, first);
    add_upload(world, a, second);
    assert_int_equal(finish_upload(world, a, second, PRODUCT_UPLOAD_DONE, IMAGE(2)), 0);
    assert_int_equal(finish_upload(world, a, first, PRODUCT_UPLOAD_DONE, IMAGE(1)), 0);
    assert_int_equal(
        finish_upload(world, b, first, PRODUCT_UPLOAD_DONE, IMAGE(1)), ERROR_NOT_FOUND);
    struct product_wine *wine = get(world, a, PRODUCT_PUBLIC);
    assert_non_null(strstr(wine->json, "\"images\":" IMAGE(2) ",\"available\""));
    assert_int_equal(wine->version, 1);
    assert_int_equal(wine->revision, 2);
    add_upload(world, a, third);
    assert_int_equal(finish_upload(world, a, third, PRODUCT_UPLOAD_FAILED, "[]"), 0);
    product_store_uploads(world->store, a, on_uploads, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 3);
    assert_string_equal(waiter.uploads[0].id, third);
    assert_int_equal(waiter.uploads[0].status, PRODUCT_UPLOAD_FAILED);
    assert_int_equal(waiter.uploads[1].status, PRODUCT_UPLOAD_DONE);

    product_store_clear_images(world->store, a, &trace, on_done, &waiter);
    assert_int_equal(await(&waiter), 0);
    assert_non_null(strstr(get(world, a, PRODUCT_PUBLIC)->json, "\"images\":[]"));
    assert_int_equal(finish_upload(world, a, third, PRODUCT_UPLOAD_DONE, IMAGE(3)), 0);
    assert_non_null(strstr(get(world, a, PRODUCT_PUBLIC)->json, "\"images\":[]"));

    /* What comes after is shown, even within the same millisecond. */
    for (int i = 0; i < 20; i++) {
        product_store_clear_images(world->store, a, &trace, on_done, &waiter);
        assert_int_equal(await(&waiter), 0);
        add_upload(world, a, third);
        finish_upload(world, a, third, PRODUCT_UPLOAD_DONE, IMAGE(5));
        assert_non_null(strstr(get(world, a, PRODUCT_PUBLIC)->json, IMAGE(5)));
    }

    /* A change of the text keeps the pictures. */
    add_upload(world, a, third);
    finish_upload(world, a, third, PRODUCT_UPLOAD_DONE, IMAGE(4));
    struct product_put change = {
        .record = record_of(world, "a", "new", 900, 0), .version = 1, .keep_group = true};
    memcpy(change.id, a, ID_SIZE);
    assert_int_equal(put(world, &change, NULL), 0);
    assert_non_null(strstr(get(world, a, PRODUCT_PUBLIC)->json, IMAGE(4)));
}

/* ---- imports ---- */

struct rows {
    struct product_import_source source;
    const struct product_record *records;
    size_t count, at;
    bool broken; /* fails after the last row */
};

static int next_row(
    struct product_import_source *source, struct product_record *record, struct error *error)
{
    struct rows *rows = (struct rows *)source;
    if (rows->at == rows->count)
        return rows->broken ? error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "broken") : 0;
    *record = rows->records[rows->at++];
    return 1;
}

static int import(struct world *world, const struct product_record *records, size_t count,
    bool broken, struct waiter *waiter)
{
    struct rows rows = {
        .source.next = next_row, .records = records, .count = count, .broken = broken};
    product_store_import(world->store, &rows.source, on_imported, waiter);
    return await(waiter);
}

static void test_imports_go_by_sku(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    const char *a = add(world, "a", "alpha", 900, 5);
    struct product_record records[] = {
        record_of(world, "a", "alpha", 900, 99),
        record_of(world, "b", "beta", 900, 6),
        record_of(world, "c", "gamma", 900, 0),
    };
    records[1].group_key = records[2].group_key = "greek";
    assert_int_equal(import(world, records, 3, true, &waiter), ERROR_UNAVAILABLE);
    product_store_scan(world->store, world->arena, "", 10, on_wines, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 1);

    assert_int_equal(import(world, records, 3, false, &waiter), 0);
    assert_int_equal(waiter.counts.added, 2);
    assert_int_equal(waiter.counts.unchanged, 1);
    assert_int_equal(get(world, a, PRODUCT_PUBLIC)->available, 5);
    records[0] = record_of(world, "a", "alpha two", 900, 99);
    assert_int_equal(import(world, records, 3, false, &waiter), 0);
    assert_int_equal(waiter.counts.changed, 1);
    assert_int_equal(waiter.counts.unchanged, 2);

    product_store_scan(world->store, world->arena, a, 10, on_wines, &waiter);
    await(&waiter);
    assert_int_equal(waiter.count, 2);
    assert_string_equal(waiter.wines[0].group_key, "greek");
    assert_int_equal(waiter.wines[0].on_hand, 6);
    assert_string_equal(group_of(world, waiter.wines[0].id), group_of(world, waiter.wines[1].id));
}

/* ---- events ---- */

static size_t count_events(struct world *world, const char *type)
{
    size_t found = 0;
    for (int shard = 0; shard < stream_shards(world->stream); shard++) {
        struct stream_record *records;
        struct error error;
        int count = stream_read(world->stream, shard, 0, 100, world->arena, &records, &error);
        for (int i = 0; i < count; i++) {
            json_t *event = NULL;
            assert_int_equal(
                json_read_object(records[i].data, records[i].length, &event, &error), 0);
            if (strcmp(json_text_or(event, "type", ""), type) == 0) {
                found++;
                assert_string_equal(json_text_or(event, "subject", ""), records[i].key);
                assert_string_equal(json_text_or(event, "id", ""), records[i].id);
                assert_true(json_int_or(event, "sequence", 0) > 0);
                assert_non_null(json_object_get(event, "data"));
            }
            json_decref(event);
        }
    }
    return found;
}

static void test_every_change_is_told(void **state)
{
    struct world *world = *state;
    struct waiter waiter = WAITER;
    char upload[ID_SIZE];
    struct error error = {0};
    const char *a = add(world, "a", "alpha", 900, 5);
    reserve(world, ORDER, a, 2, &waiter);
    reserve(world, OTHER, a, 9, &waiter); /* refused: says nothing */
    settle(world, ORDER, PRODUCT_RELEASE);
    rate(world, a, ADA, 8, "not for others", &waiter);
    add_upload(world, a, upload);
    finish_upload(world, a, upload, PRODUCT_UPLOAD_DONE, IMAGE(1));
    withdraw(world, a, 1);
    assert_int_equal(relay_stop(world->relay, 5000, &error), 0);
    assert_int_equal(count_events(world, "product.created"), 1);
    assert_int_equal(count_events(world, "stock.changed"), 3);
    assert_int_equal(count_events(world, "rating.given"), 1);
    assert_int_equal(count_events(world, "product.updated"), 1);
    assert_int_equal(count_events(world, "product.withdrawn"), 1);
    struct queue_stats stats;
    queue_stats(world->images, &stats);
    assert_int_equal(stats.sent, 1);
}

/* ---- engines ---- */

static int open_world(void **state, bool sqlite)
{
    struct world *world = calloc(1, sizeof(*world));
    struct error error = {0};
    engine_directory(world->directory);
    world->arena = arena_new();
    if (sqlite) {
        char path[96];
        snprintf(path, sizeof(path), "%s/product.db", world->directory);
        assert_int_equal(product_store_sqlite_open(&world->store, path, &error), 0);
    } else {
        world->store = product_store_memory_new();
    }
    world->timers = timers_new();
    world->stream = stream_memory_new(NULL);
    world->images = queue_memory_new("images", &(struct queue_options){.timers = world->timers});
    world->relay = relay_new();
    relay_set_stream(world->relay, world->stream);
    relay_add_queue(world->relay, world->images);
    product_store_attach_relay(world->store, world->relay);
    assert_int_equal(relay_start(world->relay, &error), 0);
    *state = world;
    return 0;
}

static int open_memory(void **state)
{
    return open_world(state, false);
}

static int open_sqlite(void **state)
{
    sqlite_global_init();
    return open_world(state, true);
}

static int close_world(void **state)
{
    struct world *world = *state;
    struct error error;
    relay_stop(world->relay, 5000, &error);
    relay_free(world->relay);
    product_store_close(world->store);
    queue_close(world->images);
    stream_close(world->stream);
    timers_free(world->timers);
    arena_free(world->arena);
    engine_directory_remove(world->directory);
    free(world);
    return 0;
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, open_memory, close_world),                               \
        cmocka_unit_test_setup_teardown(name, open_sqlite, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wine_is_spliced_with_its_numbers),
        TEST(test_changes_go_by_version),
        TEST(test_skus_are_unique),
        TEST(test_groups_are_joined_by_id),
        TEST(test_withdrawn_wines_stay_but_are_not_sold),
        TEST(test_vintages_are_those_of_the_group_for_sale),
        TEST(test_the_list_sorts_finds_and_pages),
        TEST(test_what_changed_is_pending),
        TEST(test_a_reservation_is_made_once),
        TEST(test_a_reservation_is_whole_or_not_at_all),
        TEST(test_settlements_follow_each_other),
        TEST(test_a_release_is_remembered),
        TEST(test_stock_changes_once_per_message),
        TEST(test_stock_is_never_sold_twice),
        TEST(test_what_was_acknowledged_is_read),
        TEST(test_a_shopper_has_one_rating_of_a_wine),
        TEST(test_of_a_forgotten_user_the_stars_stay),
        TEST(test_the_latest_pictures_are_shown),
        TEST(test_imports_go_by_sku),
        TEST(test_every_change_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
