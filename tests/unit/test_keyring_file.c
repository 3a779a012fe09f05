/* What the file engine has of its own: the file. */
#include "arena.h"
#include "engines.h"
#include "keyring.h"
#include "secure.h"

#include <sys/stat.h>

struct fixture {
    struct arena *arena;
    char directory[64];
    char path[96];
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    snprintf(f->path, sizeof(f->path), "%s/keys", f->directory);
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

static struct keyring *must_open(struct fixture *f, bool create)
{
    struct error error = {0};
    struct keyring *keyring = NULL;
    assert_int_equal(keyring_file_open(&keyring, f->path, create, &error), 0);
    return keyring;
}

static void must_fail(struct fixture *f, bool create, int code, const char *reason)
{
    struct error error;
    struct keyring *keyring = NULL;
    assert_int_equal(keyring_file_open(&keyring, f->path, create, &error), code);
    assert_string_equal(error.reason, reason);
    assert_non_null(strstr(error.message, f->path));
    assert_null(keyring);
}

static size_t read_keys(struct fixture *f, char text[4096])
{
    FILE *file = fopen(f->path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, 4095, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

static void write_keys(struct fixture *f, const char *text, size_t length)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fwrite(text, 1, length, file);
    fclose(file);
}

static void keys_survive_a_restart_and_rotations(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct data_key keys[3], again;
    char *wrapped[3], mac[KEYRING_MAC_SIZE], first_mac[KEYRING_MAC_SIZE];
    for (int i = 0; i < 3; i++) {
        struct keyring *keyring = must_open(f, /* create= */ i == 0);
        assert_int_equal(
            keyring_generate(keyring, "user:1", f->arena, &keys[i], &wrapped[i], &error), 0);
        for (int k = 0; k <= i; k++) {
            assert_int_equal(keyring_unwrap(keyring, "user:1", wrapped[k], &again, &error), 0);
            assert_memory_equal(&again, &keys[k], sizeof(again));
        }
        assert_int_equal(keyring_mac(keyring, "email", "x", 1, mac, &error), 0);
        if (i == 0)
            strcpy(first_mac, mac);
        assert_string_equal(mac, first_mac);
        assert_int_equal(keyring_rotate(keyring, &error), 0);
        keyring_close(keyring);
    }
}

static void the_file_is_private_and_alone(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    char beside[128];
    keyring_close(must_open(f, true));
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_nlink, 1);
    snprintf(beside, sizeof(beside), "%s.new", f->path);
    assert_int_not_equal(stat(beside, &status), 0);
}

static void a_missing_file_is_only_made_on_request(void **state)
{
    must_fail(*state, /* create= */ false, ERROR_NOT_FOUND, "keys_missing");
    keyring_close(must_open(*state, true));
    keyring_close(must_open(*state, true));
    keyring_close(must_open(*state, false));
}

static void an_open_file_is_refused(void **state)
{
    struct fixture *f = *state;
    keyring_close(must_open(f, true));
    static const mode_t modes[] = {0644, 0640, 0604, 0660, 0610};
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        assert_int_equal(chmod(f->path, modes[i]), 0);
        must_fail(f, true, ERROR_UNAUTHORIZED, "keys_too_open");
    }
    assert_int_equal(chmod(f->path, 0400), 0);
    keyring_close(must_open(f, true));
}

static void damage_is_noticed(void **state)
{
    struct fixture *f = *state;
    char text[4096], changed[4096];
    keyring_close(must_open(f, true));
    size_t length = read_keys(f, text);
    for (size_t i = 0; i < length; i++) {
        memcpy(changed, text, length);
        changed[i] ^= 1;
        write_keys(f, changed, length);
        must_fail(f, true, ERROR_INVALID, "keys_damaged");
    }
    for (size_t cut = 0; cut < length; cut += 7) {
        write_keys(f, text, cut);
        must_fail(f, true, ERROR_INVALID, "keys_damaged");
    }
    write_keys(f, text, length);
    keyring_close(must_open(f, true));
}

static void lines_are_checked_beyond_the_checksum(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "winestore-keys 1\n",
        "winestore-keys 2\nmac 00\n",
        "winestore-keys 1\nmac 00\n",
        "winestore-keys 1\nmac "
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        "winestore-keys 1\nkey 0000000000000000 2026-01-01T00:00:00.000Z "
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        "winestore-keys 1\nmac "
        "0000000000000000000000000000000000000000000000000000000000000000\n"
        "key 0000000000000000 someday "
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        "winestore-keys 1\nhello\n",
        "\n\n\n",
    };
    keyring_close(must_open(f, true));
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char text[1024], check[SECURE_SHA256_HEX_SIZE];
        secure_sha256_hex(texts[i], strlen(texts[i]), check);
        snprintf(text, sizeof(text), "%scheck %s\n", texts[i], check);
        write_keys(f, text, strlen(text));
        must_fail(f, true, ERROR_INVALID, "keys_damaged");
    }
}

static void a_directory_in_its_place_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->path, 0700), 0);
    must_fail(f, true, ERROR_INVALID, "keys_damaged");
}

static void a_missing_folder_is_told(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof(f->path), "%s/none/keys", f->directory);
    must_fail(f, true, ERROR_UNAVAILABLE, "keys_not_written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_survive_a_restart_and_rotations, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_private_and_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_only_made_on_request, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_are_checked_beyond_the_checksum, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_in_its_place_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_told, setup, teardown),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
