/* One suite for every engine of the user service's store. */
#include "arena.h"
#include "engines.h"
#include "sqlite_db.h"
#include "store.h"

struct fixture {
    char directory[64];
    struct user_store *store;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc, wakes;
    struct error error;
};

static struct engine {
    const char *name;
    struct user_store *(*open)(struct fixture *f);
} const *engine;

static struct user_store *open_memory(struct fixture *f)
{
    (void)f;
    return user_store_memory_new();
}

static struct user_store *open_sqlite(struct fixture *f)
{
    struct error error = {0};
    struct user_store *store = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/user.db", f->directory);
    assert_int_equal(user_store_sqlite_open(&store, path, &error), 0);
    return store;
}

static const struct engine engines[] = {{"memory", open_memory}, {"sqlite", open_sqlite}};

static void woken(void *ctx)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->wakes++;
    pthread_mutex_unlock(&f->lock);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->store = engine->open(f);
    f->arena = arena_new();
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->finished, NULL);
    user_store_on_commit(f->store, woken, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    user_store_close(f->store);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    free(f);
    return 0;
}

static void finished(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->rc = rc;
    f->error = *error;
    f->done = true;
    pthread_cond_signal(&f->finished);
    pthread_mutex_unlock(&f->lock);
}

static int wait_for(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->done)
        pthread_cond_wait(&f->finished, &f->lock);
    f->done = false;
    pthread_mutex_unlock(&f->lock);
    return f->rc;
}

/* ---- shorthands ---- */

static struct user_row row_of(struct fixture *f, const char *mac)
{
    struct user_row row = {.data_key = "wrapped",
        .name = "sealed name",
        .email = "sealed email",
        .birth_date = "sealed date",
        .password = "$argon2id$",
        .marketing = true,
        .version = 1,
        .created_ms = 1700000000000};
    (void)f;
    id_new(row.id);
    snprintf(row.email_mac, sizeof(row.email_mac), "%s", mac);
    return row;
}

static int add(struct fixture *f, const struct user_row *row, const struct user_effects *effects)
{
    user_store_add(f->store, row, effects, finished, f);
    return wait_for(f);
}

static struct user_row added(struct fixture *f, const char *mac)
{
    struct user_row row = row_of(f, mac);
    assert_int_equal(add(f, &row, NULL), 0);
    return row;
}

static int find(struct fixture *f, const char *id, const char *mac, struct user_row *out)
{
    user_store_find(f->store, f->arena, id, mac, out, finished, f);
    return wait_for(f);
}

static int put_session(struct fixture *f, const char *user, const char *hash, int64_t expires)
{
    struct session_row session = {.created_ms = 1, .expires_ms = expires};
    snprintf(session.hash, sizeof(session.hash), "%s", hash);
    snprintf(session.user_id, sizeof(session.user_id), "%s", user);
    user_store_put_session(f->store, &session, finished, f);
    return wait_for(f);
}

static int find_session(struct fixture *f, const char *hash, struct session_row *out)
{
    user_store_find_session(f->store, hash, out, finished, f);
    return wait_for(f);
}

static int put_address(
    struct fixture *f, const char *user, const char *id, bool preferred, bool replace)
{
    struct address_row address = {.preferred = preferred, .data = "sealed", .created_ms = 1};
    snprintf(address.id, sizeof(address.id), "%s", id);
    snprintf(address.user_id, sizeof(address.user_id), "%s", user);
    user_store_put_address(f->store, &address, replace, finished, f);
    return wait_for(f);
}

static struct address_list addresses(struct fixture *f, const char *user)
{
    struct address_list list = {0};
    user_store_list_addresses(f->store, f->arena, user, &list, finished, f);
    assert_int_equal(wait_for(f), 0);
    return list;
}

static int outbox(struct fixture *f, struct outbox_item **items)
{
    struct relay_source_config source = user_store_outbox(f->store);
    return source.read(source.ctx, f->arena, 0, 100, items, &f->error);
}

static const struct outbox_item item = {
    .target = "stream", .key = "k", .id = "event-1", .body = "{}", .length = 2};

/* ---- accounts ---- */

static void an_account_is_found_by_id_and_by_address(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1"), by_id, by_mac;
    assert_int_equal(find(f, row.id, NULL, &by_id), 0);
    assert_int_equal(find(f, NULL, "mac-1", &by_mac), 0);
    assert_string_equal(by_id.id, row.id);
    assert_string_equal(by_mac.id, row.id);
    assert_string_equal(by_id.name, "sealed name");
    assert_string_equal(by_id.email, "sealed email");
    assert_string_equal(by_id.birth_date, "sealed date");
    assert_string_equal(by_id.password, "$argon2id$");
    assert_string_equal(by_id.data_key, "wrapped");
    assert_true(by_id.marketing);
    assert_false(by_id.admin);
    assert_false(by_id.email_verified);
    assert_int_equal(by_id.version, 1);
    assert_true(by_id.created_ms == 1700000000000);
    assert_int_equal(find(f, NULL, "mac-2", &by_mac), ERROR_NOT_FOUND);
    assert_int_equal(find(f, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", NULL, &by_id), ERROR_NOT_FOUND);
}

static void an_address_is_taken_once(void **state)
{
    struct fixture *f = *state;
    added(f, "mac-1");
    struct user_row second = row_of(f, "mac-1");
    struct user_effects effects = {.items = &item, .item_count = 1};
    struct outbox_item *items;
    assert_int_equal(add(f, &second, &effects), ERROR_CONFLICT);
    assert_string_equal(f->error.reason, "email_taken");
    assert_int_equal(outbox(f, &items), 0);
}

static void items_move_with_the_state(void **state)
{
    struct fixture *f = *state;
    struct user_row row = row_of(f, "mac-1");
    struct user_effects effects = {.items = &item, .item_count = 1};
    struct outbox_item *items;
    assert_int_equal(add(f, &row, &effects), 0);
    assert_true(f->wakes > 0);
    user_store_post(f->store, &effects, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(outbox(f, &items), 2);
    assert_string_equal(items[0].target, "stream");
    assert_string_equal(items[0].id, "event-1");
    assert_string_equal(items[0].body, "{}");
}

static void an_update_needs_the_version_that_was_read(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1"), after;
    struct user_effects effects = {.items = &item, .item_count = 1};
    struct outbox_item *items;
    row.name = "other name";
    row.email_verified = true;
    snprintf(row.email_mac, sizeof(row.email_mac), "mac-2");
    user_store_update(f->store, &row, &effects, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(find(f, NULL, "mac-2", &after), 0);
    assert_int_equal(find(f, NULL, "mac-1", &after), ERROR_NOT_FOUND);
    assert_int_equal(find(f, row.id, NULL, &after), 0);
    assert_string_equal(after.name, "other name");
    assert_true(after.email_verified);
    assert_int_equal(after.version, 2);
    user_store_update(f->store, &row, &effects, finished, f);
    assert_int_equal(wait_for(f), ERROR_CONFLICT);
    assert_string_equal(f->error.reason, "version_conflict");
    assert_int_equal(outbox(f, &items), 1);
}

static void an_update_cannot_take_an_address(void **state)
{
    struct fixture *f = *state;
    added(f, "mac-1");
    struct user_row row = added(f, "mac-2");
    snprintf(row.email_mac, sizeof(row.email_mac), "mac-1");
    user_store_update(f->store, &row, NULL, finished, f);
    assert_int_equal(wait_for(f), ERROR_CONFLICT);
    assert_string_equal(f->error.reason, "email_taken");
}

static void an_erased_account_is_gone(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1"), after;
    struct session_row session;
    assert_int_equal(put_session(f, row.id, "hash", 5000), 0);
    assert_int_equal(put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", false, false), 0);
    row.version = 7;
    user_store_erase(f->store, &row, NULL, finished, f);
    assert_int_equal(wait_for(f), ERROR_CONFLICT);
    row.version = 1;
    user_store_erase(f->store, &row, NULL, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(find(f, row.id, NULL, &after), ERROR_NOT_FOUND);
    assert_int_equal(find(f, NULL, "mac-1", &after), ERROR_NOT_FOUND);
    assert_int_equal(find_session(f, "hash", &session), ERROR_NOT_FOUND);
    assert_int_equal(addresses(f, row.id).count, 0);
    assert_int_equal(put_session(f, row.id, "hash", 5000), ERROR_NOT_FOUND);
    assert_int_equal(
        put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", false, false), ERROR_NOT_FOUND);
    user_store_update(f->store, &row, NULL, finished, f);
    assert_int_equal(wait_for(f), ERROR_CONFLICT);
    added(f, "mac-1"); /* the address is free again */
}

static void accounts_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct user_row rows[5];
    struct user_list list = {0};
    char mac[16];
    for (int i = 0; i < 5; i++) {
        snprintf(mac, sizeof(mac), "mac-%d", i);
        rows[i] = row_of(f, mac);
        rows[i].admin = i == 2;
        assert_int_equal(add(f, &rows[i], NULL), 0);
    }
    struct user_query query = {.limit = 2};
    user_store_list(f->store, f->arena, &query, &list, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].id, rows[4].id);
    query.before = list.rows[1].id;
    user_store_list(f->store, f->arena, &query, &list, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_string_equal(list.rows[0].id, rows[2].id);
    query = (struct user_query){.admins = true, .limit = 10};
    user_store_list(f->store, f->arena, &query, &list, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].id, rows[2].id);
    const char *ids[] = {rows[3].id, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", rows[0].id};
    query = (struct user_query){.ids = ids, .id_count = 3};
    user_store_list(f->store, f->arena, &query, &list, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].id, rows[3].id);
}

/* ---- sessions ---- */

static void a_session_belongs_to_its_account(void **state)
{
    struct fixture *f = *state;
    struct user_row row = row_of(f, "mac-1");
    struct session_row session;
    row.admin = true;
    row.email_verified = true;
    assert_int_equal(add(f, &row, NULL), 0);
    assert_int_equal(put_session(f, row.id, "hash", 5000), 0);
    assert_int_equal(find_session(f, "hash", &session), 0);
    assert_string_equal(session.user_id, row.id);
    assert_true(session.admin);
    assert_true(session.email_verified);
    assert_int_equal(session.expires_ms, 5000);
    assert_int_equal(put_session(f, row.id, "hash", 9000), 0);
    assert_int_equal(find_session(f, "hash", &session), 0);
    assert_int_equal(session.expires_ms, 9000);
    assert_int_equal(find_session(f, "other", &session), ERROR_NOT_FOUND);
}

static void sessions_end(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1"), other = added(f, "mac-2");
    struct session_row session;
    assert_int_equal(put_session(f, row.id, "a", 5000), 0);
    assert_int_equal(put_session(f, row.id, "b", 6000), 0);
    assert_int_equal(put_session(f, other.id, "c", 7000), 0);
    user_store_drop_expired(f->store, 5000, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(find_session(f, "a", &session), ERROR_NOT_FOUND);
    assert_int_equal(find_session(f, "b", &session), 0);
    struct user_effects effects = {.end_sessions = true};
    user_store_update(f->store, &row, &effects, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(find_session(f, "b", &session), ERROR_NOT_FOUND);
    assert_int_equal(find_session(f, "c", &session), 0);
    for (int i = 0; i < 2; i++) {
        user_store_drop_session(f->store, "c", finished, f);
        assert_int_equal(wait_for(f), 0);
    }
    assert_int_equal(find_session(f, "c", &session), ERROR_NOT_FOUND);
}

/* ---- addresses ---- */

static void one_address_is_preferred(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1");
    assert_int_equal(put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D41", false, false), 0);
    assert_int_equal(put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D42", false, false), 0);
    struct address_list list = addresses(f, row.id);
    assert_int_equal(list.count, 2);
    assert_true(list.rows[0].preferred);
    assert_false(list.rows[1].preferred);
    assert_int_equal(put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D42", true, true), 0);
    list = addresses(f, row.id);
    assert_string_equal(list.rows[0].id, "01J9ZQ4T8M3V5X7Y9A1B2C3D42");
    assert_true(list.rows[0].preferred);
    assert_false(list.rows[1].preferred);
    assert_int_equal(
        put_address(f, row.id, "01J9ZQ4T8M3V5X7Y9A1B2C3D43", true, true), ERROR_NOT_FOUND);
}

static void addresses_are_their_owners(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1"), other = added(f, "mac-2");
    const char *id = "01J9ZQ4T8M3V5X7Y9A1B2C3D41";
    assert_int_equal(put_address(f, row.id, id, false, false), 0);
    assert_int_equal(put_address(f, other.id, id, false, true), ERROR_NOT_FOUND);
    user_store_drop_address(f->store, other.id, id, finished, f);
    assert_int_equal(wait_for(f), ERROR_NOT_FOUND);
    user_store_drop_address(f->store, row.id, id, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_int_equal(addresses(f, row.id).count, 0);
}

static void addresses_have_a_limit(void **state)
{
    struct fixture *f = *state;
    struct user_row row = added(f, "mac-1");
    char id[ID_SIZE];
    for (int i = 0; i < USER_MAX_ADDRESSES; i++) {
        id_new(id);
        assert_int_equal(put_address(f, row.id, id, false, false), 0);
    }
    assert_int_equal(put_address(f, row.id, id, false, true), 0);
    id_new(id);
    assert_int_equal(put_address(f, row.id, id, false, false), ERROR_INVALID);
    assert_string_equal(f->error.reason, "too_many_addresses");
}

/* ---- guests ---- */

static void a_guest_keeps_the_key(void **state)
{
    struct fixture *f = *state;
    struct guest_row guest = {
        .data_key = "wrapped", .name = "n1", .email = "e1", .birth_date = "b1", .created_ms = 5};
    struct guest_row found;
    id_new(guest.id);
    snprintf(guest.email_mac, sizeof(guest.email_mac), "mac");
    user_store_put_guest(f->store, &guest, true, finished, f);
    assert_int_equal(wait_for(f), ERROR_NOT_FOUND);
    user_store_put_guest(f->store, &guest, false, finished, f);
    assert_int_equal(wait_for(f), 0);
    user_store_put_guest(f->store, &guest, false, finished, f);
    assert_int_equal(wait_for(f), ERROR_CONFLICT);
    guest.data_key = "another";
    guest.name = "n2";
    user_store_put_guest(f->store, &guest, true, finished, f);
    assert_int_equal(wait_for(f), 0);
    user_store_find_guest(f->store, f->arena, guest.id, &found, finished, f);
    assert_int_equal(wait_for(f), 0);
    assert_string_equal(found.data_key, "wrapped");
    assert_string_equal(found.name, "n2");
    assert_string_equal(found.email, "e1");
    user_store_find_guest(f->store, f->arena, "01J9ZQ4T8M3V5X7Y9A1B2C3D4E", &found, finished, f);
    assert_int_equal(wait_for(f), ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_account_is_found_by_id_and_by_address, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(items_move_with_the_state, setup, teardown),
        cmocka_unit_test_setup_teardown(an_update_needs_the_version_that_was_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_update_cannot_take_an_address, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erased_account_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(accounts_are_listed_newest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_belongs_to_its_account, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions_end, setup, teardown),
        cmocka_unit_test_setup_teardown(one_address_is_preferred, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_their_owners, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_have_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_keeps_the_key, setup, teardown),
    };
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
