/* What every blob store keeps, run against each engine. */
#include "blob.h"
#include "engines.h"
#include "secure.h"

struct fixture {
    struct blob *blob;
    char directory[64];
};

static struct blob *open_memory(const char *directory)
{
    (void)directory;
    return blob_memory_new();
}

static struct blob *open_directory(const char *directory)
{
    struct error error;
    struct blob *blob = NULL;
    assert_int_equal(blob_directory_open(&blob, directory, &error), 0);
    return blob;
}

static const struct engine {
    const char *name;
    struct blob *(*open)(const char *directory);
} engines[] = {{"blob, memory", open_memory}, {"blob, directory", open_directory}};
static const struct engine *engine;

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    engine_directory(f->directory);
    f->blob = engine->open(f->directory);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blob_close(f->blob);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
    struct error error;
    assert_int_equal(blob_put(f->blob, name, "text/plain", text, strlen(text), &error), 0);
}

static void assert_blob(struct fixture *f, const char *name, const char *text)
{
    struct error error;
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    assert_int_equal(blob_get(f->blob, name, BLOB_MAX_BYTES, &object, &error), 0);
    assert_int_equal(object.info.length, strlen(text));
    assert_string_equal((char *)object.data, text);
}

static void assert_missing(struct fixture *f, const char *name)
{
    struct error error;
    struct blob_object object;
    struct blob_info info;
    assert_int_equal(blob_get(f->blob, name, 100, &object, &error), ERROR_NOT_FOUND);
    assert_int_equal(blob_stat(f->blob, name, &info, &error), ERROR_NOT_FOUND);
}

static void gets_what_was_put(void **state)
{
    struct fixture *f = *state;
    struct error error;
    static const unsigned char bytes[] = {0, 1, 2, 0xff, '\n', 0};
    assert_int_equal(blob_put(f->blob, "images/w1/a-300.webp", "image/webp", bytes, 6, &error), 0);
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    assert_int_equal(blob_get(f->blob, "images/w1/a-300.webp", 6, &object, &error), 0);
    assert_int_equal(object.info.length, 6);
    assert_memory_equal(object.data, bytes, 6);
    assert_int_equal(object.data[6], 0);
    assert_string_equal(object.info.type, "image/webp");
    assert_true(object.info.etag[0] && !strchr(object.info.etag, '"'));
    assert_true(object.info.modified_ms > 1600000000000);

    struct blob_info info;
    assert_int_equal(blob_stat(f->blob, "images/w1/a-300.webp", &info, &error), 0);
    assert_int_equal(info.length, 6);
    assert_string_equal(info.etag, object.info.etag);
    assert_string_equal(info.type, "image/webp");
}

static void a_put_replaces_bytes_type_and_etag(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct blob_info first, second;
    put(f, "a", "one");
    assert_int_equal(blob_stat(f->blob, "a", &first, &error), 0);
    assert_int_equal(blob_put(f->blob, "a", "image/png", "three", 5, &error), 0);
    assert_int_equal(blob_stat(f->blob, "a", &second, &error), 0);
    assert_string_not_equal(first.etag, second.etag);
    assert_string_equal(second.type, "image/png");
    assert_blob(f, "a", "three");
    put(f, "a", "one");
    assert_int_equal(blob_stat(f->blob, "a", &second, &error), 0);
    assert_string_equal(first.etag, second.etag);
}

static void an_empty_blob_is_a_blob(void **state)
{
    put(*state, "empty", "");
    assert_blob(*state, "empty", "");
}

static void the_cap_is_kept(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct blob_object object;
    put(f, "a", "12345");
    assert_int_equal(blob_get(f->blob, "a", 4, &object, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "too_large");
    assert_int_equal(
        blob_put(f->blob, "b", "text/plain", "", BLOB_MAX_BYTES + 1, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "too_large");
    assert_missing(f, "b");
}

static void deletes(void **state)
{
    struct fixture *f = *state;
    struct error error;
    put(f, "x/y/z", "1");
    put(f, "x/other", "2");
    assert_int_equal(blob_delete(f->blob, "x/y/z", &error), 0);
    assert_missing(f, "x/y/z");
    assert_int_equal(blob_delete(f->blob, "x/y/z", &error), 0);
    assert_int_equal(blob_delete(f->blob, "never/was", &error), 0);
    assert_blob(f, "x/other", "2");
    assert_int_equal(blob_delete(f->blob, "x/other", &error), 0);
    put(f, "x", "now a blob");
    assert_blob(f, "x", "now a blob");
}

static void a_folder_is_no_blob(void **state)
{
    struct fixture *f = *state;
    struct error error;
    put(f, "a/b/c", "1");
    assert_missing(f, "a");
    assert_missing(f, "a/b");
    assert_missing(f, "a/b/c/d");
    assert_int_equal(blob_delete(f->blob, "a", &error), 0);
    assert_blob(f, "a/b/c", "1");
    assert_int_equal(blob_put(f->blob, "a/b", "text/plain", "", 0, &error), ERROR_CONFLICT);
    assert_int_equal(blob_put(f->blob, "a/b/c/d", "text/plain", "", 0, &error), ERROR_CONFLICT);
    assert_blob(f, "a/b/c", "1");
}

static void bad_names_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b",
        "a/.hidden", ".incoming/0", "a b", "a\nb", "caf\xc3\xa9", "a%2fb", "a\\b", "a:b", "*"};
    struct error error;
    struct blob_object object;
    struct blob_info info;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(blob_put(f->blob, names[i], "text/plain", "", 0, &error), ERROR_INVALID);
        assert_string_equal(error.field, "name");
        assert_int_equal(blob_get(f->blob, names[i], 9, &object, &error), ERROR_INVALID);
        assert_int_equal(blob_stat(f->blob, names[i], &info, &error), ERROR_INVALID);
        assert_int_equal(blob_delete(f->blob, names[i], &error), ERROR_INVALID);
    }
    char name[BLOB_NAME_MAX + 2];
    memset(name, 'a', sizeof(name));
    for (int i = 100; i < BLOB_NAME_MAX; i += 100)
        name[i] = '/';
    name[BLOB_NAME_MAX + 1] = '\0';
    assert_false(blob_name_valid(name));
    name[BLOB_NAME_MAX] = '\0';
    put(f, name, "long");
    assert_blob(f, name, "long");
    memset(name, 'a', 201);
    name[201] = '\0';
    assert_false(blob_name_valid(name));
}

static void bad_types_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const types[] = {
        "", "image", "/png", "image/", "image/png\r\nX: y", "image/caf\xc3\xa9"};
    struct error error;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        assert_int_equal(blob_put(f->blob, "a", types[i], "", 0, &error), ERROR_INVALID);
        assert_string_equal(error.field, "type");
    }
}

struct seen {
    char text[512];
    int stop_after;
};

static int note(void *ctx, const char *name, const struct blob_info *info)
{
    struct seen *seen = ctx;
    assert_true(info->length > 0);
    strcat(seen->text, name);
    strcat(seen->text, " ");
    return --seen->stop_after == 0 ? 42 : 0;
}

static void assert_listing(struct fixture *f, const char *prefix, const char *expected)
{
    struct error error;
    struct seen seen = {0};
    assert_int_equal(blob_list(f->blob, prefix, note, &seen, &error), 0);
    assert_string_equal(seen.text, expected);
}

static void lists_by_prefix_in_byte_order(void **state)
{
    struct fixture *f = *state;
    assert_listing(f, "", "");
    static const char *const names[] = {
        "b", "a/z", "a-b", "a0", "a/b/c", "a/b/b", "a.b", "B", "ab/c"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        put(f, names[i], "1");
    assert_listing(f, "", "B a-b a.b a/b/b a/b/c a/z a0 ab/c b ");
    assert_listing(f, "a/", "a/b/b a/b/c a/z ");
    assert_listing(f, "a/b", "a/b/b a/b/c ");
    assert_listing(f, "a", "a-b a.b a/b/b a/b/c a/z a0 ab/c ");
    assert_listing(f, "c", "");
    assert_listing(f, "../", "");
    struct error error;
    struct seen seen = {.stop_after = 2};
    assert_int_equal(blob_list(f->blob, "", note, &seen, &error), 42);
    assert_string_equal(seen.text, "B a-b ");
}

static int delete_it(void *ctx, const char *name, const struct blob_info *info)
{
    (void)info;
    struct error error;
    return blob_delete(ctx, name, &error);
}

static void a_listing_may_delete(void **state)
{
    struct fixture *f = *state;
    struct error error;
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d%d/f%d", i % 3, i);
        put(f, name, "1");
    }
    assert_int_equal(blob_list(f->blob, "", delete_it, f->blob, &error), 0);
    assert_listing(f, "", "");
}

#define REPLACEMENTS 60

static void *replace(void *ctx)
{
    struct error error;
    intptr_t failures = 0;
    char bytes[8192];
    for (int i = 0; i < REPLACEMENTS; i++) {
        memset(bytes, 'a' + i % 26, sizeof(bytes));
        failures += blob_put(ctx, "hot/one", "text/plain", bytes, sizeof(bytes), &error) != 0;
        failures += blob_put(ctx, "cold/one", "text/plain", "x", 1, &error) != 0;
        failures += blob_delete(ctx, "cold/one", &error) != 0;
    }
    return (void *)failures;
}

static void readers_never_see_a_mixture(void **state)
{
    struct fixture *f = *state;
    struct error error;
    pthread_t threads[2];
    put(f, "hot/one", "first");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, replace, f->blob);
    for (int i = 0; i < 400; i++) {
        CLEANUP_BLOB_OBJECT struct blob_object object = {0};
        assert_int_equal(blob_get(f->blob, "hot/one", BLOB_MAX_BYTES, &object, &error), 0);
        for (size_t b = 0; object.info.length == 8192 && b < 8192; b += 511)
            assert_int_equal(object.data[b], object.data[0]);
    }
    for (int i = 0; i < 2; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gets_what_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_replaces_bytes_type_and_etag, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_blob_is_a_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(the_cap_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_no_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_names_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_types_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_by_prefix_in_byte_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listing_may_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_never_see_a_mixture, setup, teardown),
    };
    int failures = 0;
    secure_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
