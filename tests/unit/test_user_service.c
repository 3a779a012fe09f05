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

#include <dirent.h>

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

/* ---- the profile ---- */

static void a_profile_changes_by_field(void **state)
{
    (void)state;
    register_ada();
    mail_token("verify", "verify_email");
    assert_int_equal(call(HTTP_PUT, "/api/v1/email-verification",
                         token_body(mail_token("verify", "verify_email"))),
        204);
    assert_int_equal(
        call(HTTP_PATCH, "/api/v1/me", "{\"name\":\"Ada M.\",\"marketing\":true}"), 200);
    assert_string_equal(text("name"), "Ada M.");
    assert_string_equal(text("email"), "ada@example.com");
    CLEANUP_JSON json_t *event = last_item("stream");
    assert_string_equal(json_text_or(event, "type", ""), "user.updated");
    CLEANUP_JSON json_t *changed = json_pack("[s,s]", "name", "marketing");
    assert_true(json_equal(json_object_get(json_object_get(event, "data"), "changed"), changed));
    assert_int_equal(json_int_or(event, "sequence", 0), 3);
    /* Another spelling is the same address; another address must be proved again. */
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"email\":\"Ada@example.com\"}"), 200);
    assert_true(json_is_true(json_object_get(fixture.answer, "email_verified")));
    int mails = count_items("queue:mail");
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"email\":\"ada@example.org\"}"), 200);
    assert_true(json_is_false(json_object_get(fixture.answer, "email_verified")));
    assert_int_equal(count_items("queue:mail"), mails + 1);
    int events = count_items("stream");
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"email\":\"ada@example.org\"}"), 200);
    assert_int_equal(count_items("stream"), events);
    assert_int_equal(call(HTTP_POST, "/api/v1/users", ADA), 201);
    expect_problem(call(HTTP_PATCH, "/api/v1/me", "{\"email\":\"ADA@EXAMPLE.COM\"}"), 409,
        "email_taken", "email");
    expect_problem(call(HTTP_PATCH, "/api/v1/me", "{}"), 422, "invalid_field", NULL);
    expect_problem(call(HTTP_PATCH, "/api/v1/me", "{\"marketing\":\"yes\"}"), 422, "invalid_field",
        "marketing");
    expect_problem(call(HTTP_PATCH, "/api/v1/me", "{\"birth_date\":\"2099-01-01\"}"), 422,
        "invalid_field", "birth_date");
}

static void an_old_verification_does_not_prove_a_new_address(void **state)
{
    (void)state;
    register_ada();
    const char *token = mail_token("verify", "verify_email");
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"email\":\"ada@example.org\"}"), 200);
    expect_problem(call(HTTP_PUT, "/api/v1/email-verification", token_body(token)), 422,
        "token_invalid", "token");
}

static void unsubscribing_is_one_click(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"marketing\":true}"), 200);
    char nonce[ID_SIZE];
    const char *path =
        arena_printf(fixture.arena, "/internal/users/%s/mail-token?kind=unsubscribe&nonce=%s",
            fixture.identity.user, id_new(nonce));
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    const char *token = arena_strdup(fixture.arena, text("token"));
    assert_int_equal(call(HTTP_POST, "/api/v1/unsubscribe", token_body(token)), 204);
    assert_int_equal(call(HTTP_POST, "/api/v1/unsubscribe", token_body(token)), 204);
    assert_int_equal(call(HTTP_GET, "/api/v1/me", NULL), 200);
    assert_true(json_is_false(json_object_get(fixture.answer, "marketing")));
    expect_problem(call(HTTP_POST, "/api/v1/unsubscribe", token_body("nonsense")), 422,
        "token_invalid", "token");
}

#define ADDRESS                                                                                    \
    "{\"name\":\"Ada Moreau\",\"line1\":\"12 Valencia Street\",\"line2\":null,"                    \
    "\"city\":\"San Francisco\",\"region\":\"CA\",\"postal_code\":\"94103\",\"country\":\"US\"}"

static void addresses_are_kept(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_POST, "/api/v1/me/addresses", ADDRESS), 201);
    assert_string_equal(text("line1"), "12 Valencia Street");
    assert_true(json_is_true(json_object_get(fixture.answer, "default")));
    assert_true(json_is_null(json_object_get(fixture.answer, "line2")));
    const char *path = arena_printf(fixture.arena, "/api/v1/me/addresses/%s", text("id"));
    assert_int_equal(call(HTTP_PUT, path,
                         "{\"name\":\"A\",\"line1\":\"1 Rue\",\"city\":\"Nantes\","
                         "\"postal_code\":\"44000\",\"country\":\"FR\",\"default\":true}"),
        200);
    assert_int_equal(call(HTTP_GET, "/api/v1/me/addresses", NULL), 200);
    json_t *items = json_object_get(fixture.answer, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_text_or(json_array_get(items, 0), "city", ""), "Nantes");
    assert_int_equal(call(HTTP_GET, "/internal/export", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(fixture.answer, "addresses")), 1);
    assert_string_equal(
        json_text_or(json_object_get(fixture.answer, "user"), "email", ""), "ada@example.com");
    assert_int_equal(call(HTTP_DELETE, path, NULL), 204);
    assert_int_equal(call(HTTP_DELETE, path, NULL), 404);
    assert_int_equal(call(HTTP_PUT, path, ADDRESS), 404);
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(HTTP_POST, "/api/v1/me/addresses", ADDRESS), 201);
    expect_problem(
        call(HTTP_POST, "/api/v1/me/addresses", ADDRESS), 422, "too_many_addresses", NULL);
}

static void bad_addresses_name_their_field(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
    } bad[] = {{"name", "\"\""}, {"name", "\"a\\r\\nBcc: x\""}, {"line1", "null"}, {"line1", "7"},
        {"line2", "[]"}, {"city", "\"  \""}, {"postal_code", "\"123456789012345678901\""},
        {"country", "\"us\""}, {"country", "\"USA\""}, {"country", "\"\u00c4\u00d6\""}};
    register_ada();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP_JSON json_t *address = NULL, *value = NULL;
        assert_int_equal(json_read(ADDRESS, strlen(ADDRESS), &address, NULL), 0);
        assert_int_equal(json_read(bad[i].value, strlen(bad[i].value), &value, NULL), 0);
        json_object_set(address, bad[i].field, value);
        expect_problem(call(HTTP_POST, "/api/v1/me/addresses", json_text(fixture.arena, address)),
            422, "invalid_field", bad[i].field);
    }
}

/* ---- bad input: registration ---- */

static const char *registration(const char *field, json_t *value)
{
    CLEANUP_JSON json_t *body = NULL;
    assert_int_equal(json_read(ADA, strlen(ADA), &body, NULL), 0);
    json_object_set_new(body, field, value);
    return json_text(fixture.arena, body);
}

static void refuses(const char *field, const char *value)
{
    const char *body = registration(field, json_string(value));
    expect_problem(call(HTTP_POST, "/api/v1/users", body), 422, "invalid_field", field);
}

static const char *repeated(const char *piece, int times)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    for (int i = 0; i < times; i++)
        buffer_append_text(&text, piece);
    return arena_strdup(fixture.arena, text.data);
}

static void bad_registrations_name_their_field(void **state)
{
    (void)state;
    static const char *const addresses[] = {"", " ", "ada", "ada@", "@example.com", "ada@localhost",
        "ada @example.com", "ada@exa mple.com", "ada@example..com", "a..da@example.com",
        "ada@-example.com", "ada@example.com\r\nBcc: eve@example.com", "ada@example.com\n",
        "ada,eve@example.com", "<ada@example.com>", "\"ada\"@example.com", "ada@[127.0.0.1]",
        "ada@example.com;eve@example.com", "ad\u00e4@example.com"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        refuses("email", addresses[i]);
    refuses("email", repeated("a", 10000));
    refuses("password", repeated("x", 7));
    refuses("password", repeated("x", 129));
    refuses("password", repeated("\u00fc", 7));
    refuses("name", "");
    refuses("name", "   ");
    refuses("name", "Ada\r\nBcc: eve@example.com");
    refuses("name", "Ada\x01");
    refuses("name", repeated("x", 101));
    refuses("name", repeated("x", 10000));
    static const char *const dates[] = {"", "2001-02-29", "1988-13-01", "1988-4-12", "12.04.1988",
        "1899-12-31", "2999-01-01", "1988-04-12T00:00:00Z", "0000-00-00", "1988-04-31"};
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        refuses("birth_date", dates[i]);
    static const char *const fields[] = {"email", "password", "name", "birth_date"};
    for (int i = 0; i < 4; i++) {
        expect_problem(call(HTTP_POST, "/api/v1/users", registration(fields[i], json_null())), 422,
            "invalid_field", fields[i]);
        expect_problem(call(HTTP_POST, "/api/v1/users", registration(fields[i], json_integer(7))),
            422, "invalid_field", fields[i]);
    }
    expect_problem(call(HTTP_POST, "/api/v1/users", registration("marketing", json_string("x"))),
        422, "invalid_field", "marketing");
    assert_int_equal(count_items("queue:mail"), 0);
}

static void minors_are_refused(void **state)
{
    (void)state;
    char date[CLOCK_TEXT_SIZE];
    int64_t year = (int64_t)(365.25 * 24 * 3600 * 1000), day = (int64_t)24 * 3600 * 1000;
    clock_format(clock_now_ms() - 18 * year + 3 * day, date);
    date[10] = '\0';
    refuses("birth_date", date);
    clock_format(clock_now_ms() - 18 * year - 3 * day, date);
    date[10] = '\0';
    assert_int_equal(
        call(HTTP_POST, "/api/v1/users", registration("birth_date", json_string(date))), 201);
}

static void unreadable_bodies_are_400(void **state)
{
    (void)state;
    expect_problem(call(HTTP_POST, "/api/v1/users", "{\"email\":"), 400, "malformed_json", NULL);
    expect_problem(call(HTTP_POST, "/api/v1/users", "[]"), 400, "malformed_json", NULL);
    expect_problem(call(HTTP_POST, "/api/v1/users", "{\"email\":\"a\",\"email\":\"b\"}"), 400,
        "malformed_json", NULL);
    expect_problem(call(HTTP_POST, "/api/v1/users",
                       "{\"email\":\"ada\\u0000@example.com\",\"password\":\"correct horse\"}"),
        400, "malformed_json", NULL);
    expect_problem(
        call(HTTP_POST, "/api/v1/users", "{\"email\":\"\xff\"}"), 400, "malformed_json", NULL);
    expect_problem(
        call(HTTP_POST, "/api/v1/users", repeated("[", 100000)), 400, "malformed_json", NULL);
    expect_problem(call(HTTP_POST, "/api/v1/users", NULL), 415, "unsupported_media_type", NULL);
}

static void an_address_has_one_account(void **state)
{
    (void)state;
    register_ada();
    expect_problem(call(HTTP_POST, "/api/v1/users", ADA), 409, "email_taken", "email");
    expect_problem(
        call(HTTP_POST, "/api/v1/users", registration("email", json_string(" ADA@Example.COM "))),
        409, "email_taken", "email");
}

static void names_are_unicode(void **state)
{
    (void)state;
    static const char *const names[] = {"J\u00fcrgen M\u00fc\u00dfig", "\u738b\u5c0f\u660e",
        "Zo\u00eb \U0001f377 O'Brien-\"Smith\"", "x"};
    char email[40];
    for (int i = 0; i < 4; i++) {
        snprintf(email, sizeof(email), "n%d@example.com", i);
        CLEANUP_JSON json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "email", email, "password",
            "correct horse", "name", names[i], "birth_date", "1988-04-12");
        assert_int_equal(call(HTTP_POST, "/api/v1/users", json_text(fixture.arena, body)), 201);
        assert_string_equal(text("name"), names[i]);
    }
}

/* ---- authority ---- */

static void what_is_mine_needs_a_session(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
    } mine[] = {{HTTP_GET, "/api/v1/me"}, {HTTP_PATCH, "/api/v1/me"}, {HTTP_DELETE, "/api/v1/me"},
        {HTTP_GET, "/api/v1/me/addresses"}, {HTTP_POST, "/api/v1/me/addresses"},
        {HTTP_PUT, "/api/v1/me/addresses/01J9ZQ4T8M3V5X7Y9A1B2C3D4E"},
        {HTTP_DELETE, "/api/v1/me/addresses/01J9ZQ4T8M3V5X7Y9A1B2C3D4E"},
        {HTTP_POST, "/api/v1/email-verification"}, {HTTP_GET, "/internal/export"},
        {HTTP_GET, "/api/v1/admin/customers"}};
    for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
        expect_problem(call(mine[i].method, mine[i].path, "{}"), 401, "unauthenticated", NULL);
    register_ada();
    expect_problem(call(HTTP_GET, "/api/v1/admin/customers", NULL), 403, "forbidden", NULL);
}

static void the_office_sees_its_customers(void **state)
{
    (void)state;
    char body[200];
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof(body),
            "{\"email\":\"n%d@example.com\",\"password\":\"correct horse\",\"name\":\"N%d\","
            "\"birth_date\":\"1988-04-12\"}",
            i, i);
        assert_int_equal(call(HTTP_POST, "/api/v1/users", body), 201);
    }
    strcpy(fixture.identity.user, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E");
    fixture.identity.role = ROLE_ADMIN;
    assert_int_equal(call(HTTP_GET, "/api/v1/admin/customers?limit=3", NULL), 200);
    json_t *items = json_object_get(fixture.answer, "items");
    assert_int_equal(json_array_size(items), 3);
    const char *path = arena_printf(
        fixture.arena, "/api/v1/admin/customers?limit=3&cursor=%s", text("next_cursor"));
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    items = json_object_get(fixture.answer, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_true(json_is_null(json_object_get(fixture.answer, "next_cursor")));
    assert_int_equal(call(HTTP_GET, "/api/v1/admin/customers?q=N3@example.com", NULL), 200);
    items = json_object_get(fixture.answer, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_text_or(json_array_get(items, 0), "name", ""), "N3");
    path = arena_printf(fixture.arena, "/api/v1/admin/customers?q=%s",
        json_text_or(json_array_get(items, 0), "id", ""));
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    assert_int_equal(json_array_size(json_object_get(fixture.answer, "items")), 1);
    assert_int_equal(call(HTTP_GET, "/api/v1/admin/customers?q=nobody", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(fixture.answer, "items")), 0);
    assert_int_equal(call(HTTP_GET, "/api/v1/admin/customers?cursor=x", NULL), 400);
    assert_int_equal(call(HTTP_GET, "/api/v1/admin/customers?limit=101", NULL), 422);
    path = arena_printf(fixture.arena, "/api/v1/admin/customers?q=%s", repeated("x", 300));
    assert_int_equal(call(HTTP_GET, path, NULL), 422);
}

/* ---- guests ---- */

#define GUEST "/internal/guests/01J9ZQ4T8M3V5X7Y9A1B2C3D4E"

static void a_guest_keeps_the_key(void **state)
{
    (void)state;
    assert_int_equal(call(HTTP_GET, GUEST, NULL), 404);
    assert_int_equal(
        call(HTTP_PUT, GUEST,
            "{\"email\":\"g@example.com\",\"name\":\"G One\",\"birth_date\":\"1990-01-01\"}"),
        200);
    assert_string_equal(text("role"), "guest");
    const char *key = arena_strdup(fixture.arena, text("data_key"));
    assert_int_equal(
        call(HTTP_PUT, GUEST,
            "{\"email\":\"g@example.com\",\"name\":\"G Two\",\"birth_date\":\"1990-01-01\"}"),
        200);
    assert_string_equal(text("data_key"), key);
    assert_int_equal(call(HTTP_GET, GUEST, NULL), 200);
    assert_string_equal(text("name"), "G Two");
    assert_string_equal(text("data_key"), key);
    struct data_key data_key;
    struct error error = {0};
    assert_int_equal(
        keyring_unwrap(fixture.keyring, "guest:01J9ZQ4T8M3V5X7Y9A1B2C3D4E", key, &data_key, &error),
        0);
    expect_problem(
        call(HTTP_PUT, GUEST,
            "{\"email\":\"g@example.com\",\"name\":\"G\",\"birth_date\":\"2020-01-01\"}"),
        422, "invalid_field", "birth_date");
    expect_problem(call(HTTP_PUT, "/internal/guests/x", "{}"), 422, "invalid_field", "guest_id");
}

/* ---- secrets at rest ---- */

/* Whether the bytes are in one of the files of the fixture's directory. */
static bool on_disk(const char *wanted)
{
    char path[512];
    bool found = false;
    DIR *directory = opendir(fixture.directory);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        snprintf(path, sizeof(path), "%s/%s", fixture.directory, entry->d_name);
        FILE *file = fopen(path, "rb");
        static char bytes[8 * 1024 * 1024];
        size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
        found |= memmem(bytes, length, wanted, strlen(wanted)) != NULL;
        if (file)
            fclose(file);
    }
    closedir(directory);
    return found;
}

static void nothing_personal_is_on_the_disk(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_POST, "/api/v1/me/addresses", ADDRESS), 201);
    assert_int_equal(call(HTTP_PUT, GUEST,
                         "{\"email\":\"guest@example.net\",\"name\":\"Guest "
                         "Person\",\"birth_date\":\"1990-01-01\"}"),
        200);
    assert_int_equal(call(HTTP_POST, "/api/v1/session", ADA_SIGNS_IN), 201);
    const char *token = arena_strdup(fixture.arena, text("token"));
    assert_true(on_disk(fixture.identity.user)); /* the search does find things */
    static const char *const secrets[] = {"Moreau", "ada@", "Ada", "example.com", "1988-04-12",
        "correct horse", "Valencia", "San Francisco", "94103", "Guest Person", "guest@example.net",
        "1990-01-01"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (on_disk(secrets[i]))
            fail_msg("\"%s\" is on the disk", secrets[i]);
    }
    assert_false(on_disk(token));
}

static void erasing_destroys_the_key(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_POST, "/api/v1/me/addresses", ADDRESS), 201);
    const char *path = arena_printf(fixture.arena, "/internal/users/%s", fixture.identity.user);
    assert_int_equal(call(HTTP_GET, path, NULL), 200);
    const char *key = arena_strdup(fixture.arena, text("data_key"));
    bool sqlite = on_disk(key);
    expect_problem(call(HTTP_DELETE, "/api/v1/me", "{\"password\":\"wrong\"}"), 403,
        "wrong_password", "password");
    expect_problem(call(HTTP_DELETE, "/api/v1/me", "{}"), 422, "invalid_field", "password");
    assert_int_equal(
        call(HTTP_DELETE, "/api/v1/me", "{\"password\":\"correct horse battery\"}"), 204);
    assert_false(on_disk(key));
    assert_true(!sqlite || on_disk(fixture.identity.user));
    assert_int_equal(call(HTTP_GET, path, NULL), 404);
    assert_int_equal(call(HTTP_GET, "/api/v1/me", NULL), 401);
    assert_int_equal(call(HTTP_POST, "/api/v1/session", ADA_SIGNS_IN), 401);
    assert_int_equal(call(HTTP_GET, "/api/v1/session", NULL), 200);
    assert_true(json_is_null(json_object_get(fixture.answer, "user")));
    CLEANUP_JSON json_t *event = last_item("stream");
    assert_string_equal(json_text_or(event, "type", ""), "user.erased");
    assert_int_equal(json_object_size(json_object_get(event, "data")), 0);
    assert_int_equal(call(HTTP_POST, "/api/v1/users", ADA), 201);
}

static void queues_and_events_carry_pseudonyms(void **state)
{
    (void)state;
    register_ada();
    assert_int_equal(call(HTTP_PATCH, "/api/v1/me", "{\"name\":\"Ada Lovelace\"}"), 200);
    struct relay_source_config source = user_store_outbox(fixture.store);
    struct outbox_item *items = NULL;
    struct error error = {0};
    int count = source.read(source.ctx, fixture.arena, 0, 1000, &items, &error);
    assert_int_equal(count, 3);
    for (int i = 0; i < count; i++) {
        assert_null(strstr(items[i].body, "Ada"));
        assert_null(strstr(items[i].body, "example.com"));
        assert_null(strstr(items[i].body, "1988"));
    }
}

/* ---- limits, and the first admin ---- */

static void guessing_is_slowed_down(void **state)
{
    (void)state;
    register_ada();
    const char *wrong = "{\"email\":\"ada@example.com\",\"password\":\"wrong\"}";
    int status = 401;
    for (int i = 0; i < 20 && status == 401; i++)
        status = call(HTTP_POST, "/api/v1/session", wrong);
    expect_problem(status, 429, "rate_limited", NULL);
    /* Other accounts go on. */
    assert_int_equal(call(HTTP_POST, "/api/v1/session",
                         "{\"email\":\"bea@example.com\",\"password\":\"wrong\"}"),
        401);
}

static void the_first_admin_is_made_once(void **state)
{
    (void)state;
    struct error error = {0};
    char password[USER_PASSWORD_TEXT_SIZE], again[USER_PASSWORD_TEXT_SIZE];
    assert_int_equal(user_service_ensure_admin(fixture.service, "nobody", NULL, password, &error),
        ERROR_INVALID);
    assert_int_equal(
        user_service_ensure_admin(fixture.service, "a@example.com", "short", password, &error),
        ERROR_INVALID);
    assert_int_equal(
        user_service_ensure_admin(fixture.service, "office@example.com", NULL, password, &error),
        1);
    assert_int_equal(strlen(password), USER_PASSWORD_TEXT_SIZE - 1);
    assert_int_equal(
        user_service_ensure_admin(fixture.service, "office@example.com", NULL, again, &error), 0);
    assert_string_equal(again, "");
    const char *body = arena_printf(
        fixture.arena, "{\"email\":\"office@example.com\",\"password\":\"%s\"}", password);
    assert_int_equal(call(HTTP_POST, "/api/v1/session", body), 201);
    json_t *user = json_object_get(fixture.answer, "user");
    assert_string_equal(json_text_or(user, "role", ""), "admin");
    assert_true(json_is_null(json_object_get(user, "birth_date")));
}

/* ---- many at once ---- */

static void *register_many(void *number)
{
    struct arena *arena = arena_new();
    for (int i = 0; i < 20; i++) {
        char body[200];
        const char *answer = NULL;
        snprintf(body, sizeof(body),
            "{\"email\":\"n%d@example.com\",\"password\":\"correct horse\",\"name\":\"N\","
            "\"birth_date\":\"1988-04-12\"}",
            i);
        int status = upstream_call_wait(fixture.upstream,
            &(struct upstream_call){.method = HTTP_POST,
                .path = "/api/v1/users",
                .body = body,
                .body_length = strlen(body)},
            arena, &answer);
        if (status == 201)
            ++*(int *)number;
        else if (status != 409)
            *(int *)number = -1000;
    }
    arena_free(arena);
    return NULL;
}

static void an_address_is_taken_once_under_load(void **state)
{
    (void)state;
    pthread_t threads[4];
    int made[4] = {0};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, register_many, &made[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(made[0] + made[1] + made[2] + made[3], 20);
    assert_int_equal(count_items("queue:mail"), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registering_signing_in_and_out, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(registering_signing_in_and_out, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(wrong_credentials_answer_the_same, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(internal_user_has_what_others_need, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_verified_by_its_mail, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_verified_by_its_mail, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(a_password_is_reset_once, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(a_password_is_reset_once, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(a_profile_changes_by_field, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(
            an_old_verification_does_not_prove_a_new_address, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(unsubscribing_is_one_click, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_kept, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_kept, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(bad_addresses_name_their_field, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(bad_registrations_name_their_field, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(minors_are_refused, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(unreadable_bodies_are_400, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(an_address_has_one_account, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(names_are_unicode, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(what_is_mine_needs_a_session, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(the_office_sees_its_customers, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(a_guest_keeps_the_key, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(queues_and_events_carry_pseudonyms, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(erasing_destroys_the_key, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(erasing_destroys_the_key, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(the_first_admin_is_made_once, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(
            an_address_is_taken_once_under_load, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(nothing_personal_is_on_the_disk, setup_sqlite, teardown),
        cmocka_unit_test_setup_teardown(guessing_is_slowed_down, setup_limited, teardown),
    };
    secure_init();
    sqlite_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
