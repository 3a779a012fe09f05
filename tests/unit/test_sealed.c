#include "arena.h"
#include "engines.h"
#include "sealed.h"
#include "secure.h"

static const struct data_key key = {{1, 2, 3}};
static const char context[] = "user.address:01J:line1";

static void opens_what_it_sealed(void **state)
{
    (void)state;
    struct error error;
    unsigned char plain[300], sealed[300 + SEALED_OVERHEAD], again[300];
    for (size_t length = 0; length <= sizeof(plain); length += 25) {
        secure_random(plain, sizeof(plain));
        sealed_seal(&key, context, plain, length, sealed);
        assert_int_equal(
            sealed_open(&key, context, sealed, length + SEALED_OVERHEAD, again, &error), 0);
        assert_memory_equal(plain, again, length);
    }
}

static void the_same_text_seals_differently(void **state)
{
    (void)state;
    unsigned char a[3 + SEALED_OVERHEAD], b[3 + SEALED_OVERHEAD];
    sealed_seal(&key, context, "abc", 3, a);
    sealed_seal(&key, context, "abc", 3, b);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void every_altered_bit_is_refused(void **state)
{
    (void)state;
    struct error error;
    unsigned char sealed[3 + SEALED_OVERHEAD], plain[3];
    sealed_seal(&key, context, "abc", 3, sealed);
    for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        memset(plain, 'x', sizeof(plain));
        assert_int_equal(
            sealed_open(&key, context, sealed, sizeof(sealed), plain, &error), ERROR_INVALID);
        assert_string_equal(error.reason, "sealed_invalid");
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t length = 0; length < sizeof(sealed); length++)
        assert_int_equal(sealed_open(&key, context, sealed, length, plain, &error), ERROR_INVALID);
}

static void another_context_or_key_is_refused(void **state)
{
    (void)state;
    struct error error;
    struct data_key other = key;
    other.bytes[31] ^= 1;
    unsigned char sealed[3 + SEALED_OVERHEAD], plain[3];
    sealed_seal(&key, context, "abc", 3, sealed);
    assert_int_equal(
        sealed_open(&key, "user.address:01J:line2", sealed, sizeof(sealed), plain, &error),
        ERROR_INVALID);
    assert_int_equal(
        sealed_open(&other, context, sealed, sizeof(sealed), plain, &error), ERROR_INVALID);
}

static void texts_go_through_base64(void **state)
{
    (void)state;
    struct error error;
    struct arena *arena = arena_new();
    static const char *const texts[] = {"", "Zo\xc3\xab", "12 Rue de la R\xc3\xa9publique"};
    char *again;
    for (int i = 0; i < 3; i++) {
        char *sealed = sealed_seal_text(arena, &key, context, texts[i]);
        assert_int_equal(strspn(sealed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
            strlen(sealed));
        assert_int_equal(sealed_open_text(arena, &key, context, sealed, &again, &error), 0);
        assert_string_equal(again, texts[i]);
    }
    assert_null(sealed_seal_text(arena, &key, context, NULL));
    assert_int_equal(sealed_open_text(arena, &key, context, NULL, &again, &error), 0);
    assert_null(again);
    static const char *const nonsense[] = {"", "AQ", "?", "AQ==", "caf\xc3\xa9"};
    for (int i = 0; i < 5; i++)
        assert_int_equal(
            sealed_open_text(arena, &key, context, nonsense[i], &again, &error), ERROR_INVALID);
    arena_free(arena);
}

static void a_released_key_is_zero(void **state)
{
    (void)state;
    struct data_key used = key;
    static const struct data_key zero;
    data_key_release(&used);
    assert_memory_equal(&used, &zero, sizeof(used));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(the_same_text_seals_differently),
        cmocka_unit_test(every_altered_bit_is_refused),
        cmocka_unit_test(another_context_or_key_is_refused),
        cmocka_unit_test(texts_go_through_base64),
        cmocka_unit_test(a_released_key_is_zero),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
