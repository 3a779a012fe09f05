/* What the directory engine has of its own: the files. */
#include "blob.h"
#include "engines.h"
#include "secure.h"

#include <sys/stat.h>

static struct blob *open_blobs(const char *path)
{
    struct error error;
    struct blob *blob = NULL;
    assert_int_equal(blob_directory_open(&blob, path, &error), 0);
    return blob;
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void blobs_survive_a_restart(void **state)
{
    (void)state;
    char directory[64];
    struct error error;
    engine_directory(directory);
    struct blob *blob = open_blobs(directory);
    assert_int_equal(blob_put(blob, "a/b.webp", "image/webp", "bytes", 5, &error), 0);
    blob_close(blob);
    blob = open_blobs(directory);
    CLEANUP_BLOB_OBJECT struct blob_object object = {0};
    assert_int_equal(blob_get(blob, "a/b.webp", 5, &object, &error), 0);
    assert_string_equal((char *)object.data, "bytes");
    assert_string_equal(object.info.type, "image/webp");
    blob_close(blob);
    engine_directory_remove(directory);
}

static void the_file_begins_with_the_bytes(void **state)
{
    (void)state;
    char directory[64], path[128], text[6] = "";
    struct error error;
    engine_directory(directory);
    struct blob *blob = open_blobs(directory);
    assert_int_equal(blob_put(blob, "a.txt", "text/plain", "bytes", 5, &error), 0);
    snprintf(path, sizeof(path), "%s/a.txt", directory);
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(text, 1, 5, file), 5);
    fclose(file);
    assert_string_equal(text, "bytes");
    blob_close(blob);
    engine_directory_remove(directory);
}

static void unfinished_files_go_at_the_start(void **state)
{
    (void)state;
    char directory[64], path[128];
    struct stat status;
    engine_directory(directory);
    blob_close(open_blobs(directory));
    write_file(directory, ".incoming/7", "half");
    blob_close(open_blobs(directory));
    snprintf(path, sizeof(path), "%s/.incoming/7", directory);
    assert_int_not_equal(stat(path, &status), 0);
    engine_directory_remove(directory);
}

static int count(void *ctx, const char *name, const struct blob_info *info)
{
    (void)name, (void)info;
    ++*(int *)ctx;
    return 0;
}

static void foreign_and_cut_files_are_no_blobs(void **state)
{
    (void)state;
    char directory[64], path[128];
    struct error error;
    struct blob_object object;
    int seen = 0;
    engine_directory(directory);
    struct blob *blob = open_blobs(directory);
    write_file(directory, "short", "x");
    write_file(directory, "with blank", "x");
    assert_int_equal(blob_get(blob, "short", 9, &object, &error), ERROR_INTERNAL);
    assert_string_equal(error.reason, "blob_damaged");
    assert_int_equal(blob_put(blob, "cut", "text/plain", "bytes", 5, &error), 0);
    snprintf(path, sizeof(path), "%s/cut", directory);
    assert_int_equal(truncate(path, 155), 0);
    assert_int_equal(blob_get(blob, "cut", 9, &object, &error), ERROR_INTERNAL);
    assert_int_equal(blob_list(blob, "", count, &seen, &error), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(blob_put(blob, "short", "text/plain", "good", 4, &error), 0);
    assert_int_equal(blob_list(blob, "", count, &seen, &error), 0);
    assert_int_equal(seen, 1);
    blob_close(blob);
    engine_directory_remove(directory);
}

static void an_unusable_directory_is_told(void **state)
{
    (void)state;
    char directory[64], path[128];
    struct error error;
    struct blob *blob;
    engine_directory(directory);
    write_file(directory, "file", "x");
    snprintf(path, sizeof(path), "%s/file", directory);
    assert_int_equal(blob_directory_open(&blob, path, &error), ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, path));
    snprintf(path, sizeof(path), "%s/none/blobs", directory);
    assert_int_equal(blob_directory_open(&blob, path, &error), ERROR_UNAVAILABLE);
    engine_directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_survive_a_restart),
        cmocka_unit_test(the_file_begins_with_the_bytes),
        cmocka_unit_test(unfinished_files_go_at_the_start),
        cmocka_unit_test(foreign_and_cut_files_are_no_blobs),
        cmocka_unit_test(an_unusable_directory_is_told),
    };
    secure_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
