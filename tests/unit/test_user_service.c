/* The user service over its handlers: real rules, keyring and sealing; both stores. */
#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "engines.h"
#include "secure.h"
#include "sqlite_db.h"
#include "text.h"
#include "upstream.h"
#include "user.h"

struct fixture {
    char directory[64];
    struct user_store *store;
    struct keyring *keyring;
    struct user_service *service;
    struct upstream *upstream;
    struct arena *arena;
    struct identity identity;
    json_t *answer; /* of the last call */
    const char *body;
};

static struct fixture fixture;

static void open_fixture(bool sqlite, bool unlimited)
{
    struct fixture *f = &fixture;
    struct error error = {0};
    memset(f, 0, sizeof(*f));
    engine_directory(f->directory);
    if (sqlite) {
        char path[128];
        snprintf(path, sizeof(path), "%s/user.db", f->directory);
        assert_int_equal(user_store_sqlite_open(&f->store, path, &error), 0);
    } else {
        f->store = user_store_memory_new();
    }
    f->keyring = keyring_memory_new();
    f->arena = arena_new();
    assert_int_equal(user_service_new(&f->service,
                         &(struct user_service_options){
                             .store = f->store, .keyring = f->keyring, .unlimited = unlimited},
                         &error),
        0);
    f->upstream = upstream_local("user");
    upstream_set_router(f->upstream, user_service_router(f->service));
}

static int setup_memory(void **state)
{
    (void)state;
    open_fixture(false, true);
    return 0;
}

static int setup_sqlite(void **state)
{
    (void)state;
    open_fixture(true, true);
    return 0;
}

static int setup_limited(void **state) __attribute__((unused));
static int setup_limited(void **state)
{
    (void)state;
    open_fixture(false, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    json_decref(f->answer);
    user_service_free(f->service);
    upstream_free(f->upstream);
    user_store_close(f->store);
    keyring_close(f->keyring);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    return 0;
}

/* Calls with the fixture's identity and returns the status. */
static int call(enum http_method method, const char *path, const char *body)
{
    struct fixture *f = &fixture;
    json_decref(f->answer);
    f->answer = NULL;
    struct upstream_call request = {.method = method,
        .path = path,
        .body = body,
        .body_length = body ? strlen(body) : 0,
        .identity = &f->identity};
    int status = upstream_call_wait(f->upstream, &request, f->arena, &f->body);
    if (*f->body)
        assert_int_equal(json_read(f->body, strlen(f->body), &f->answer, NULL), 0);
    return status;
}

static const char *text(const char *field)
{
    return json_text_or(fixture.answer, field, "");
}

static void expect_problem(int status, int wanted, const char *code, const char *field)
{
    if (status != wanted)
        print_error("%s\n", fixture.body);
    assert_int_equal(status, wanted);
    assert_string_equal(text("code"), code);
    if (field)
        assert_string_equal(
            json_text_or(json_array_get(json_object_get(fixture.answer, "errors"), 0), "field", ""),
            field);
}

#define ADA                                                                                        \
    "{\"email\":\"ada@example.com\",\"password\":\"correct horse battery\","                       \
    "\"name\":\"Ada Moreau\",\"birth_date\":\"1988-04-12\"}"
#define ADA_SIGNS_IN "{\"email\":\"ada@example.com\",\"password\":\"correct horse battery\"}"

/* Registers Ada and makes her the identity. */
static void register_ada(void)
{
    assert_int_equal(call(HTTP_POST, "/api/v1/users", ADA), 201);
    snprintf(fixture.identity.user, ID_SIZE, "%s", text("id"));
    fixture.identity.role = ROLE_CUSTOMER;
}

/* The items of the outbox: the newest with that target, as JSON the caller frees. */
static json_t *last_item(const char *target)
{
    struct relay_source_config source = user_store_outbox(fixture.store);
    struct outbox_item *items = NULL;
    struct error error = {0};
    json_t *found = NULL;
    int count = source.read(source.ctx, fixture.arena, 0, 1000, &items, &error);
    for (int i = 0; i < count; i++) {
        if (strcmp(items[i].target, target) == 0) {
            json_decref(found);
            assert_int_equal(json_read(items[i].body, items[i].length, &found, NULL), 0);
        }
    }
    return found;
}

static int count_items(const char *target)
{
    struct relay_source_config source = user_store_outbox(fixture.store);
    struct outbox_item *items = NULL;
    struct error error = {0};
    int count = source.read(source.ctx, fixture.arena, 0, 1000, &items, &error), found = 0;
    for (int i = 0; i < count; i++)
        found += strcmp(items[i].target, target) == 0;
    return found;
}

/* The token of the newest mail, as the notification service would ask for it. */
static const char *mail_token(const char *kind, const char *template)
{
    CLEANUP_JSON json_t *mail = last_item("queue:mail");
    assert_non_null(mail);
    assert_string_equal(json_text_or(mail, "template", ""), template);
    const char *path = arena_printf(fixture.arena, "/internal/users/%s/mail-token?kind=%s&nonce=%s",
        json_text_or(mail, "user_id", ""), kind, json_text_or(mail, "token_ref", ""));
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    return arena_strdup(fixture.arena, text("token"));
}

static const char *token_body(const char *token)
{
    return arena_printf(fixture.arena, "{\"token\":\"%s\"}", token);
}

/* ---- the whole way ---- */

static void registering_signing_in_and_out(void **state)
{
    (void)state;
    register_ada();
    assert_string_equal(text("email"), "ada@example.com");
    assert_string_equal(text("name"), "Ada Moreau");
    assert_string_equal(text("birth_date"), "1988-04-12");
    assert_string_equal(text("role"), "shopper");
    assert_true(json_is_false(json_object_get(fixture.answer, "email_verified")));
    assert_null(json_object_get(fixture.answer, "password"));

    CLEANUP_JSON json_t *event = last_item("stream");
    assert_string_equal(json_text_or(event, "type", ""), "user.registered");
    assert_string_equal(json_text_or(event, "subject", ""), fixture.identity.user);
    assert_int_equal(json_int_or(event, "sequence", 0), 1);

    assert_int_equal(call(HTTP_POST, "/api/v1/session",
                         "{\"email\":\"ADA@Example.com\",\"password\":\"correct horse battery\"}"),
        201);
    char hash[SECURE_SHA256_HEX_SIZE];
    const char *token = text("token");
    assert_int_equal(strlen(token), SECURE_TOKEN_SIZE - 1);
    secure_sha256_hex(token, strlen(token), hash);
    const char *path = arena_printf(fixture.arena, "/internal/sessions/%s", hash);
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    assert_string_equal(text("user_id"), fixture.identity.user);
    assert_string_equal(text("role"), "shopper");
    int64_t expires = 0;
    assert_int_equal(clock_parse(text("expires_at"), &expires), 0);
    assert_true(expires > clock_now_ms() + (int64_t)29 * 24 * 3600 * 1000);
    assert_int_equal(call(HTTP_GET, "/internal/sessions/00", NULL), 404);

    assert_int_equal(call(HTTP_GET, "/api/v1/session", NULL), 200);
    assert_string_equal(
        json_text_or(json_object_get(fixture.answer, "user"), "name", ""), "Ada Moreau");
    assert_int_equal(call(HTTP_DELETE, "/api/v1/session", NULL), 204);
}

static void wrong_credentials_answer_the_same(void **state)
{
    (void)state;
    register_ada();
    expect_problem(call(HTTP_POST, "/api/v1/session",
                       "{\"email\":\"ada@example.com\",\"password\":\"wrong\"}"),
        401, "wrong_credentials", NULL);
    const char *wrong = arena_strdup(fixture.arena, text("detail"));
    expect_problem(call(HTTP_POST, "/api/v1/session",
                       "{\"email\":\"nobody@example.com\",\"password\":\"wrong\"}"),
        401, "wrong_credentials", NULL);
    assert_string_equal(text("detail"), wrong);
}

static void internal_user_has_what_others_need(void **state)
{
    (void)state;
    register_ada();
    const char *path = arena_printf(fixture.arena, "/internal/users/%s", fixture.identity.user);
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    assert_string_equal(text("name"), "Ada Moreau");
    assert_string_equal(text("email"), "ada@example.com");
    struct data_key key;
    struct error error = {0};
    const char *context = arena_printf(fixture.arena, "user:%s", fixture.identity.user);
    assert_int_equal(keyring_unwrap(fixture.keyring, context, text("data_key"), &key, &error), 0);
    assert_int_equal(call(HTTP_GET, "/internal/users/01J9ZQ4T8M3V5X7Y9A1B2C3D4E", NULL), 404);
    path = arena_printf(fixture.arena,
        "/internal/users/first-names?ids=%s,01J9ZQ4T8M3V5X7Y9A1B2C3D4E", fixture.identity.user);
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    json_t *items = json_object_get(fixture.answer, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_text_or(json_array_get(items, 0), "first_name", ""), "Ada");
}

/* ---- mails and their tokens ---- */

static void an_address_is_verified_by_its_mail(void **state)
{
    (void)state;
    register_ada();
    const char *token = mail_token("verify", "verify_email");
    assert_string_equal(token, mail_token("verify", "verify_email"));
    char *forged = arena_strdup(fixture.arena, token);
    char *last = &forged[strlen(forged) - 1];
    *last = *last == '0' ? '1' : '0';
    expect_problem(call(HTTP_PUT, "/api/v1/email-verification", token_body(forged)), 422,
        "token_invalid", "token");
    assert_int_equal(call(HTTP_PUT, "/api/v1/email-verification", token_body(token)), 204);
    assert_int_equal(call(HTTP_PUT, "/api/v1/email-verification", token_body(token)), 204);
    assert_int_equal(call(HTTP_GET, "/api/v1/me", NULL), 200);
    assert_true(json_is_true(json_object_get(fixture.answer, "email_verified")));
    int mails = count_items("queue:mail");
    assert_int_equal(call(HTTP_POST, "/api/v1/email-verification", NULL), 202);
    assert_int_equal(count_items("queue:mail"), mails);
}

static void a_password_is_reset_once(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_POST, "/api/v1/session", ADA_SIGNS_IN), 201);
    char hash[SECURE_SHA256_HEX_SIZE];
    secure_sha256_hex(text("token"), strlen(text("token")), hash);
    assert_int_equal(
        call(HTTP_POST, "/api/v1/password-reset", "{\"email\":\"nobody@example.com\"}"), 202);
    assert_int_equal(count_items("queue:mail"), 1);
    assert_int_equal(
        call(HTTP_POST, "/api/v1/password-reset", "{\"email\":\"Ada@example.com\"}"), 202);
    for (int i = 0; i < 200 && count_items("queue:mail") < 2; i++)
        usleep(10 * 1000);
    const char *token = mail_token("reset", "password_reset");
    const char *body =
        arena_printf(fixture.arena, "{\"token\":\"%s\",\"password\":\"another long one\"}", token);
    expect_problem(call(HTTP_PUT, "/api/v1/email-verification", token_body(token)), 422,
        "token_invalid", "token");
    assert_int_equal(call(HTTP_PUT, "/api/v1/password-reset", body), 204);
    expect_problem(call(HTTP_PUT, "/api/v1/password-reset", body), 422, "token_invalid", "token");
    const char *path = arena_printf(fixture.arena, "/internal/sessions/%s", hash);
    assert_int_equal(call(HTTP_GET, path, NULL), 404);
    expect_problem(
        call(HTTP_POST, "/api/v1/session", ADA_SIGNS_IN), 401, "wrong_credentials", NULL);
    assert_int_equal(call(HTTP_POST, "/api/v1/session",
                         "{\"email\":\"ada@example.com\",\"password\":\"another long one\"}"),
        201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registering_signing_in_and_out, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(registering_signing_in_and_out, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(wrong_credentials_answer_the_same, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(internal_user_has_what_others_need, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_verified_by_its_mail, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_verified_by_its_mail, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(a_password_is_reset_once, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(a_password_is_reset_once, setup_memory, teardown),
    };
    secure_init();
    sqlite_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
