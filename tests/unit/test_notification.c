/* Letters from the message to the mailbox, with services that answer from here. */
#include "arena.h"
#include "engines.h"
#include "notification.h"
#include "secure.h"
#include "sqlite_db.h"
#include "timer.h"

#include "json.h"

#include <stdatomic.h>

#define ADA "01J8ZQ4T8M3V5X7Y9A1B2C3D4A"
#define GUEST "01J8ZQ4T8M3V5X7Y9A1B2C3D4G"
#define ERASED "01J8ZQ4T8M3V5X7Y9A1B2C3D4X"
#define ORDER "01JB0000000000000000000001"

struct fixture {
    struct timers *timers;
    struct queue *queue;
    struct mail *mail;
    struct notification_store *store;
    struct notification_service *service;
    struct router *router; /* of the services asked */
    struct upstream *services, *upstream;
    struct arena *arena;
    atomic_int failures; /* answers of 503 still to give */
    atomic_int asked;
};

static struct fixture fixture;

/* ---- what the services answer ---- */

static const char order_json[] =
    "{\"id\":\"" ORDER "\",\"number\":\"W-2026-000123\",\"status\":\"confirmed\",\"reason\":null,"
    "\"lines\":[{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4E\",\"name\":\"Clos <b>&</b> Fils\","
    "\"winery\":\"Domaine Vaucher-Lenoir\",\"vintage\":2019,\"bottle_ml\":750,\"quantity\":2,"
    "\"unit_price\":6450,\"line_total\":12900},{\"wine_id\":\"01J9ZQ4T8M3V5X7Y9A1B2C3D4F\","
    "\"name\":\"Cr\u00e9mant\",\"winery\":\"Maison Ode\",\"vintage\":null,\"bottle_ml\":1500,"
    "\"quantity\":1,\"unit_price\":120000,\"line_total\":120000}],"
    "\"totals\":{\"subtotal\":132900,\"shipping\":1500,\"tax\":935,\"total\":135335,"
    "\"currency\":\"USD\"},\"charges\":[{\"kind\":\"shipping\",\"label\":\"2 bottles to "
    "California\",\"amount\":1500},{\"kind\":\"tax\",\"label\":\"Sales tax 7.25 %\","
    "\"amount\":935},{\"kind\":\"excise\",\"label\":\"Deposit\",\"amount\":50,\"included\":true}],"
    "\"shipping_address\":{\"name\":\"Ada Moreau\",\"line1\":\"12 Valencia "
    "Street\",\"line2\":null,\"city\":\"San Francisco\",\"region\":\"CA\",\"postal_code\":"
    "\"94103\",\"country\":\"US\"},\"user_id\":\"" ADA "\",\"guest_id\":null}";

static bool refused(struct exchange *exchange)
{
    atomic_fetch_add(&fixture.asked, 1);
    if (atomic_load(&fixture.failures) <= 0)
        return false;
    atomic_fetch_sub(&fixture.failures, 1);
    http_problem(exchange, 503, "unavailable", NULL, "not now");
    return true;
}

static void reply_text(struct exchange *exchange, const char *text)
{
    http_reply(exchange, 200, "application/json", text, strlen(text));
}

static void get_person(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    if (refused(exchange))
        return;
    if (strcmp(exchange->request.params[0], ERASED) == 0)
        http_problem(exchange, 404, "not_found", NULL, "erased");
    else
        reply_text(exchange, "{\"id\":\"" ADA "\",\"name\":\"Ada Moreau\",\"email\":"
                             "\"ada@example.com\",\"birth_date\":\"1988-04-12\"}");
}

static void get_token(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    if (strcmp(http_query(exchange, "nonce"), "old") == 0)
        http_problem(exchange, 410, "token_expired", NULL, "too old");
    else
        reply_text(exchange, arena_printf(exchange->arena, "{\"token\":\"%s-token\"}",
                                 http_query(exchange, "kind")));
}

static void get_order(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    reply_text(exchange, order_json);
}

static const struct route routes[] = {
    {HTTP_GET, "/internal/users/{id}", get_person},
    {HTTP_GET, "/internal/guests/{id}", get_person},
    {HTTP_GET, "/internal/users/{id}/mail-token", get_token},
    {HTTP_GET, "/internal/orders/{id}", get_order},
    {HTTP_GET, NULL, NULL},
};

/* ---- the fixture ---- */

static int setup(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    struct error error = {0};
    memset(f, 0, sizeof(*f));
    f->timers = timers_new();
    f->queue = queue_memory_new("mail", &(struct queue_options){.timers = f->timers});
    f->mail = mail_memory_new();
    f->store = notification_store_memory_new();
    f->router = router_new(routes, NULL);
    f->services = upstream_local("services");
    f->upstream = upstream_local("notification");
    f->arena = arena_new();
    upstream_set_router(f->services, f->router);
    assert_int_equal(notification_service_new(&f->service,
                         &(struct notification_options){.store = f->store,
                             .queue = f->queue,
                             .mail = f->mail,
                             .user = f->services,
                             .order = f->services,
                             .product = f->services,
                             .public_url = "https://shop.example/",
                             .shop_name = "Cellar & Vine",
                             .from_address = "shop@shop.example",
                             .max_attempts = 3},
                         &error),
        0);
    upstream_set_router(f->upstream, notification_service_router(f->service));
    assert_int_equal(notification_service_start(f->service, &error), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    notification_service_stop(f->service, 1000);
    notification_service_free(f->service);
    queue_close(f->queue);
    timers_free(f->timers);
    mail_close(f->mail);
    notification_store_close(f->store);
    upstream_free(f->services);
    upstream_free(f->upstream);
    router_free(f->router);
    arena_free(f->arena);
    return 0;
}

static void post(const char *id, const char *body)
{
    queue_send(fixture.queue,
        &(struct queue_message){.id = id, .key = "", .body = body, .length = strlen(body)}, 1, NULL,
        NULL);
}

/* Waits until nothing is waiting or in flight. */
static void drain(void)
{
    struct queue_stats stats;
    for (int i = 0; i < 1000; i++) {
        queue_stats(fixture.queue, &stats);
        if (stats.waiting == 0 && stats.in_flight == 0)
            return;
        usleep(10 * 1000);
    }
    fail_msg("the queue does not drain");
}

static json_t *call(const char *path, enum role role, int status)
{
    struct identity identity = {.role = role};
    const char *body = NULL;
    json_t *answer = NULL;
    if (role != ROLE_NONE)
        strcpy(identity.user, ADA);
    assert_int_equal(
        upstream_call_wait(fixture.upstream,
            &(struct upstream_call){.method = HTTP_GET, .path = path, .identity = &identity},
            fixture.arena, &body),
        status);
    assert_int_equal(json_read_object(body, strlen(body), &answer, NULL), 0);
    return answer;
}

#define MAIL_ID "01JB000000000000000000000A"
#define CONFIRMED                                                                                  \
    "{\"id\":\"" MAIL_ID "\",\"template\":\"order_confirmed\",\"user_id\":\"" ADA                  \
    "\",\"order_id\":\"" ORDER "\"}"

static void assert_holds(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
}

/* ---- tests ---- */

static void a_confirmation_says_what_was_bought(void **state)
{
    (void)state;
    post(MAIL_ID, CONFIRMED);
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 1);
    const char *mail = mail_memory_get(fixture.mail, 0);
    assert_holds(mail, "Message-ID: <" MAIL_ID "@shop.example>");
    assert_holds(mail, "ada@example.com");
    assert_holds(mail, "Subject: Your order W-2026-000123 is confirmed");
    assert_holds(mail, "Dear Ada,");
    assert_holds(mail, "$1,353.35");
    assert_holds(mail, "Sales tax 7.25 %");
    assert_holds(mail, "In the total: Deposit, $0.50.");
    assert_holds(mail, "12 Valencia Street");
    assert_holds(mail, "San Francisco, CA 94103");
    assert_holds(mail, "https://shop.example/orders/" ORDER);
    assert_holds(mail, "Clos &lt;b&gt;&amp;&lt;/b&gt; Fils");
    assert_holds(mail, "Clos <b>&</b> Fils"); /* the plain text */
}

static void a_letter_is_sent_once(void **state)
{
    (void)state;
    post(MAIL_ID, CONFIRMED);
    drain();
    post(MAIL_ID, CONFIRMED); /* acknowledged and gone: the queue takes it anew */
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 1);
}

static void nothing_is_written_to_the_erased(void **state)
{
    (void)state;
    post(MAIL_ID, "{\"id\":\"" MAIL_ID "\",\"template\":\"order_confirmed\",\"user_id\":\"" ERASED
                  "\",\"order_id\":\"" ORDER "\"}");
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 0);
    CLEANUP_JSON json_t *all = call("/api/v1/admin/notifications", ROLE_ADMIN, 200);
    assert_int_equal(json_array_size(json_object_get(all, "items")), 0);
}

static void a_service_that_is_away_is_asked_again(void **state)
{
    (void)state;
    atomic_store(&fixture.failures, 1);
    post(MAIL_ID, CONFIRMED);
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 1);
    assert_true(atomic_load(&fixture.asked) >= 2);
}

static void what_cannot_be_sent_becomes_a_dead_letter(void **state)
{
    (void)state;
    struct queue_stats stats;
    post("a", "no JSON");
    post("b", "{\"id\":\"" MAIL_ID "\",\"template\":\"no_such\",\"user_id\":\"" ADA "\"}");
    post("c", "{\"id\":\"" MAIL_ID "\",\"template\":\"order_confirmed\",\"user_id\":\"" ADA "\"}");
    post("d", "{\"id\":\"" MAIL_ID "\",\"template\":\"verify_email\",\"token_ref\":\"x\"}");
    drain();
    queue_stats(fixture.queue, &stats);
    assert_int_equal(stats.dead, 4);
    assert_int_equal(mail_memory_count(fixture.mail), 0);
}

static void links_hold_the_token(void **state)
{
    (void)state;
    post("a", "{\"id\":\"01JB000000000000000000000A\",\"template\":\"verify_email\",\"user_id\":"
              "\"" ADA "\",\"token_ref\":\"01JB00000000000000000000AA\"}");
    post("b", "{\"id\":\"01JB000000000000000000000B\",\"template\":\"password_reset\",\"user_id\":"
              "\"" ADA "\",\"token_ref\":\"01JB00000000000000000000AB\"}");
    post("c", "{\"id\":\"01JB000000000000000000000C\",\"template\":\"password_reset\",\"user_id\":"
              "\"" ADA "\",\"token_ref\":\"old\"}");
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 2);
    assert_holds(mail_memory_get(fixture.mail, 0), "https://shop.example/verify-email?token");
    assert_holds(mail_memory_get(fixture.mail, 1), "https://shop.example/reset-password?token");
    CLEANUP_JSON json_t *failed =
        call("/api/v1/admin/notifications?status=failed", ROLE_ADMIN, 200);
    json_t *items = json_object_get(failed, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(
        json_text_or(json_array_get(items, 0), "error", ""), "its link has expired");
}

static void every_order_template_writes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "order_confirmed", "order_rejected", "order_shipped", "order_cancelled", "order_refunded"};
    for (int i = 0; i < 5; i++) {
        char id[ID_SIZE];
        id_new(id);
        post(id, arena_printf(fixture.arena,
                     "{\"id\":\"%s\",\"template\":\"%s\",\"guest_id\":\"" GUEST
                     "\",\"order_id\":\"" ORDER "\"}",
                     id, names[i]));
    }
    drain();
    assert_int_equal(mail_memory_count(fixture.mail), 5);
}

static void lists_page_and_belong_to_their_reader(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char id[ID_SIZE];
        id_new(id);
        post(id, arena_printf(fixture.arena,
                     "{\"id\":\"%s\",\"template\":\"order_shipped\",\"%s\":\"%s\","
                     "\"order_id\":\"" ORDER "\"}",
                     id, i == 4 ? "guest_id" : "user_id", i == 4 ? GUEST : ADA));
    }
    drain();
    CLEANUP_JSON json_t *first = call("/api/v1/me/notifications?limit=3", ROLE_CUSTOMER, 200);
    assert_int_equal(json_array_size(json_object_get(first, "items")), 3);
    const json_t *item = json_array_get(json_object_get(first, "items"), 0);
    assert_string_equal(
        json_text_or(item, "subject", ""), "Your order W-2026-000123 is on its way");
    assert_string_equal(json_text_or(item, "status", ""), "sent");
    CLEANUP_JSON json_t *second =
        call(arena_printf(fixture.arena, "/api/v1/me/notifications?limit=3&cursor=%s",
                 json_text_or(first, "next_cursor", "")),
            ROLE_CUSTOMER, 200);
    assert_int_equal(json_array_size(json_object_get(second, "items")), 1);
    assert_true(json_is_null(json_object_get(second, "next_cursor")));
    CLEANUP_JSON json_t *all = call("/api/v1/admin/notifications", ROLE_ADMIN, 200);
    assert_int_equal(json_array_size(json_object_get(all, "items")), 5);
    CLEANUP_JSON json_t *export = call("/internal/export", ROLE_CUSTOMER, 200);
    assert_int_equal(json_array_size(json_object_get(export, "notifications")), 4);
}

static void lists_refuse_what_they_must(void **state)
{
    (void)state;
    json_decref(call("/api/v1/me/notifications", ROLE_NONE, 401));
    json_decref(call("/api/v1/admin/notifications", ROLE_NONE, 401));
    json_decref(call("/api/v1/admin/notifications", ROLE_CUSTOMER, 403));
    json_decref(call("/api/v1/me/notifications?limit=0", ROLE_CUSTOMER, 422));
    json_decref(call("/api/v1/me/notifications?limit=x", ROLE_CUSTOMER, 400));
    json_decref(call("/api/v1/me/notifications?cursor=x", ROLE_CUSTOMER, 400));
    json_decref(call("/api/v1/admin/notifications?status=x", ROLE_ADMIN, 422));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_confirmation_says_what_was_bought, setup, teardown),
        cmocka_unit_test_setup_teardown(a_letter_is_sent_once, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_written_to_the_erased, setup, teardown),
        cmocka_unit_test_setup_teardown(a_service_that_is_away_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_sent_becomes_a_dead_letter, setup, teardown),
        cmocka_unit_test_setup_teardown(links_hold_the_token, setup, teardown),
        cmocka_unit_test_setup_teardown(every_order_template_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_page_and_belong_to_their_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_refuse_what_they_must, setup, teardown),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
