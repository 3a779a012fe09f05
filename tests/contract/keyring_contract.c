/* What every keyring keeps, run against each engine. */
#include "arena.h"
#include "engines.h"
#include "keyring.h"
#include "secure.h"

#include <string.h>

struct fixture {
    struct arena *arena;
    struct keyring *keyring;
    char directory[64];
};

static struct keyring *open_memory(const char *directory)
{
    (void)directory;
    return keyring_memory_new();
}

static struct keyring *open_file(const char *directory)
{
    char path[128];
    struct error error;
    struct keyring *keyring = NULL;
    snprintf(path, sizeof(path), "%s/keys", directory);
    assert_int_equal(keyring_file_open(&keyring, path, /* create= */ true, &error), 0);
    return keyring;
}

static const struct engine {
    const char *name;
    struct keyring *(*open)(const char *directory);
} engines[] = {{"keyring, memory", open_memory}, {"keyring, file", open_file}};
static const struct engine *engine;

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->arena = arena_new();
    f->keyring = engine->open(f->directory);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    keyring_close(f->keyring);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

static char *generate(struct fixture *f, const char *context, struct data_key *key)
{
    struct error error;
    char *wrapped = NULL;
    assert_int_equal(keyring_generate(f->keyring, context, f->arena, key, &wrapped, &error), 0);
    return wrapped;
}

static void unwraps_what_it_generated(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key key, again;
    char *wrapped = generate(f, "user:1", &key);
    assert_null(strchr(wrapped, '='));
    assert_int_equal(keyring_unwrap(f->keyring, "user:1", wrapped, &again, &error), 0);
    assert_memory_equal(&key, &again, sizeof(key));
}

static void keys_differ(void **state)
{
    struct data_key a, b;
    char *wrapped_a = generate(*state, "user:1", &a), *wrapped_b = generate(*state, "user:1", &b);
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_string_not_equal(wrapped_a, wrapped_b);
}

static void another_context_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key key, other;
    memset(&other, 7, sizeof(other));
    struct data_key before = other;
    char *wrapped = generate(f, "user:1", &key);
    assert_int_equal(keyring_unwrap(f->keyring, "user:2", wrapped, &other, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "wrapped_key_invalid");
    assert_memory_equal(&other, &before, sizeof(other));
}

static void every_altered_character_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key key, other;
    char *wrapped = generate(f, "user:1", &key);
    for (size_t i = 0; wrapped[i]; i++) {
        char kept = wrapped[i];
        wrapped[i] = kept == 'A' ? 'B' : 'A';
        int rc = keyring_unwrap(f->keyring, "user:1", wrapped, &other, &error);
        /* The bytes of the master key's id lead to another key, or to none. */
        assert_true(rc == ERROR_INVALID || rc == ERROR_NOT_FOUND);
        wrapped[i] = kept;
    }
}

static void nonsense_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", "A", "====", "not base64!", "AQ", "\xff\xfe"};
    struct error error;
    struct data_key key;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_int_equal(
            keyring_unwrap(f->keyring, "user:1", texts[i], &key, &error), ERROR_INVALID);
    char *wrapped = generate(f, "user:1", &key);
    char *longer = arena_printf(f->arena, "%sAAAA", wrapped);
    assert_int_equal(keyring_unwrap(f->keyring, "user:1", longer, &key, &error), ERROR_INVALID);
    wrapped[strlen(wrapped) - 4] = '\0';
    assert_int_equal(keyring_unwrap(f->keyring, "user:1", wrapped, &key, &error), ERROR_INVALID);
}

static void a_context_has_bounds(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key key;
    char *wrapped;
    char context[KEYRING_CONTEXT_MAX + 2];
    memset(context, 'x', sizeof(context));
    context[KEYRING_CONTEXT_MAX + 1] = '\0';
    assert_int_equal(
        keyring_generate(f->keyring, context, f->arena, &key, &wrapped, &error), ERROR_INVALID);
    assert_int_equal(
        keyring_generate(f->keyring, "", f->arena, &key, &wrapped, &error), ERROR_INVALID);
    assert_string_equal(error.field, "context");
    context[KEYRING_CONTEXT_MAX] = '\0';
    generate(f, context, &key);
}

static void another_keyring_cannot_unwrap(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key key;
    char *wrapped = generate(f, "user:1", &key);
    struct keyring *other = keyring_memory_new();
    assert_int_equal(keyring_unwrap(other, "user:1", wrapped, &key, &error), ERROR_NOT_FOUND);
    assert_string_equal(error.reason, "master_key_missing");
    keyring_close(other);
}

static void old_keys_unwrap_after_rotations(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key keys[3], again;
    char *wrapped[3], before[KEYRING_MAC_SIZE], after[KEYRING_MAC_SIZE];
    assert_int_equal(keyring_mac(f->keyring, "email", "a@b.c", 5, before, &error), 0);
    for (int i = 0; i < 3; i++) {
        wrapped[i] = generate(f, "user:1", &keys[i]);
        assert_int_equal(keyring_rotate(f->keyring, &error), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(keyring_unwrap(f->keyring, "user:1", wrapped[i], &again, &error), 0);
        assert_memory_equal(&keys[i], &again, sizeof(again));
    }
    assert_int_equal(keyring_mac(f->keyring, "email", "a@b.c", 5, after, &error), 0);
    assert_string_equal(before, after);
}

static void a_mac_depends_on_purpose_and_data(void **state)
{
    struct fixture *f = *state;
    struct error error;
    char a[KEYRING_MAC_SIZE], b[KEYRING_MAC_SIZE], c[KEYRING_MAC_SIZE], d[KEYRING_MAC_SIZE];
    assert_int_equal(keyring_mac(f->keyring, "email", "x@y.z", 5, a, &error), 0);
    assert_int_equal(keyring_mac(f->keyring, "email", "x@y.z", 5, b, &error), 0);
    assert_int_equal(keyring_mac(f->keyring, "email", "x@y.y", 5, c, &error), 0);
    assert_int_equal(keyring_mac(f->keyring, "identity", "x@y.z", 5, d, &error), 0);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strspn(a, "0123456789abcdef"), 64);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_not_equal(a, d);
    assert_int_equal(keyring_mac(f->keyring, "", "x", 1, a, &error), ERROR_INVALID);
    assert_int_equal(keyring_mac(f->keyring, "email", "", 0, a, &error), 0);
}

static void *use_while_rotating(void *ctx)
{
    struct keyring *keyring = ctx;
    struct arena *arena = arena_new();
    struct error error;
    intptr_t failures = 0;
    for (int i = 0; i < 300; i++) {
        struct data_key key, again;
        char *wrapped;
        failures += keyring_generate(keyring, "user:1", arena, &key, &wrapped, &error) != 0;
        failures += keyring_unwrap(keyring, "user:1", wrapped, &again, &error) != 0;
        failures += memcmp(&key, &again, sizeof(key)) != 0;
    }
    arena_free(arena);
    return (void *)failures;
}

static void threads_share_it(void **state)
{
    struct fixture *f = *state;
    struct error error;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, use_while_rotating, f->keyring);
    for (int i = 0; i < 5; i++)
        assert_int_equal(keyring_rotate(f->keyring, &error), 0);
    for (int i = 0; i < 3; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unwraps_what_it_generated, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(another_context_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_altered_character_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_context_has_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(another_keyring_cannot_unwrap, setup, teardown),
        cmocka_unit_test_setup_teardown(old_keys_unwrap_after_rotations, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mac_depends_on_purpose_and_data, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
    };
    int failures = 0;
    secure_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
