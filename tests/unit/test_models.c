/* Versions of the trained model in a blob store: kept, switched, refused, forgotten. */
#include "blob.h"
#include "engines.h"
#include "experiments.h"
#include "models.h"
#include "train.h"

#include <string.h>

struct fixture {
    char directory[64];
    struct blob *blob;
    struct experiments *experiments;
    struct models *models;
};

static void open_models(struct fixture *f)
{
    f->experiments = experiments_new(f->blob);
    f->models = models_new(f->blob, f->experiments, NULL);
    struct error error;
    assert_int_equal(experiments_load(f->experiments, &error), 0);
    assert_int_equal(models_load(f->models, &error), 0);
}

static void close_models(struct fixture *f)
{
    models_free(f->models);
    experiments_free(f->experiments);
}

static void reopen(struct fixture *f)
{
    close_models(f);
    open_models(f);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct error error;
    engine_directory(f->directory);
    assert_int_equal(blob_directory_open(&f->blob, f->directory, &error), 0);
    open_models(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_models(f);
    blob_close(f->blob);
    engine_directory_remove(f->directory);
    test_free(f);
    return 0;
}

/* A model of ten wines; `events` tells one from another. */
static struct trained *make(int events)
{
    static const char *const ids[10] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9"};
    const struct feature *none[10] = {NULL};
    size_t counts[10] = {0};
    struct event_collector *collector = event_collector_new(10);
    for (int i = 0; i < events; i++) {
        char shopper[8];
        snprintf(shopper, sizeof(shopper), "s%d", i);
        event_collector_add(collector, shopper, (uint32_t)i % 10, TRAINED_ORDER, 0, 1000 + i);
    }
    struct events *set = event_collector_finish(collector);
    struct content *content = content_new(10, 0, none, counts);
    struct training_options options = training_defaults(1);
    struct trained *trained = NULL;
    struct error error;
    options.als.dims = 4;
    assert_int_equal(train(&trained, ids, set, content, &options, &error), 0);
    content_free(content);
    events_free(set);
    event_collector_free(collector);
    return trained;
}

static void keep(struct fixture *f, int events)
{
    struct error error = {0};
    struct trained *trained = make(events);
    assert_int_equal(models_keep(f->models, trained, &error), 0);
    trained_release(trained);
}

static int64_t current(struct fixture *f, size_t *events)
{
    struct trained *trained = models_current(f->models);
    int64_t version = trained ? trained_info(trained)->record.version : 0;
    if (events)
        *events = trained ? trained_info(trained)->events : 0;
    trained_release(trained);
    return version;
}

static void serves_none_until_one_is_kept(void **state)
{
    struct fixture *f = *state;
    struct models_version list[4];
    assert_null(models_current(f->models));
    assert_int_equal(models_list(f->models, list, 4), 0);
    keep(f, 5);
    assert_int_equal(current(f, NULL), 1);
    reopen(f);
    size_t events;
    assert_int_equal(current(f, &events), 1);
    assert_int_equal(events, 5);
}

static void goes_back_and_stays_there(void **state)
{
    struct fixture *f = *state;
    struct error error;
    size_t events;
    keep(f, 5);
    keep(f, 6);
    keep(f, 7);
    assert_int_equal(models_use(f->models, 2, &error), 0);
    assert_int_equal(current(f, &events), 2);
    assert_int_equal(events, 6);
    reopen(f);
    assert_int_equal(current(f, NULL), 2);
    keep(f, 8); /* a new one is the next, and serves */
    assert_int_equal(current(f, NULL), 4);
    assert_int_equal(models_use(f->models, 9, &error), ERROR_NOT_FOUND);
    assert_string_equal(error.field, "version");
    struct models_version list[8];
    assert_int_equal(models_list(f->models, list, 8), 4);
    assert_true(list[0].current && list[0].info.record.version == 4 && !list[1].current);
    struct trained *second = NULL;
    assert_null(models_peek(f->models, 1));
    assert_int_equal(models_get(f->models, 1, &second, &error), 0);
    assert_int_equal(trained_info(second)->events, 5);
    trained_release(second);
    second = models_peek(f->models, 1);
    assert_non_null(second);
    trained_release(second);
}

/* Cuts the version's file, or flips a byte of it. */
static void damage(struct fixture *f, const char *name, bool cut)
{
    struct blob_object object = {0};
    struct error error;
    assert_int_equal(blob_get(f->blob, name, BLOB_MAX_BYTES, &object, &error), 0);
    object.data[object.info.length / 2] ^= 1;
    assert_int_equal(blob_put(f->blob, name, object.info.type, object.data,
                         cut ? object.info.length / 2 : object.info.length, &error),
        0);
    blob_object_release(&object);
}

static void refuses_a_broken_file_and_serves_the_last_good_one(void **state)
{
    struct fixture *f = *state;
    struct error error;
    keep(f, 5);
    keep(f, 6);
    keep(f, 7);
    damage(f, "models/00000003/part-000", false);
    damage(f, "models/00000002/part-000", true);
    reopen(f);
    assert_int_equal(current(f, NULL), 1);
    assert_int_equal(models_use(f->models, 2, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "model file"));
    assert_int_equal(current(f, NULL), 1);
    keep(f, 8);
    assert_int_equal(current(f, NULL), 4);
}

static void takes_no_foreign_files_for_versions(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct models_version list[4];
    keep(f, 5);
    static const char *const names[] = {"models/00000007/record.json", "models/notes.txt",
        "models/00000008/part-000", "models/x/record.json"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(blob_put(f->blob, names[i], "text/plain", "{}", 2, &error), 0);
    assert_int_equal(
        blob_put(f->blob, "models/current.json", "text/plain", "version 1", 9, &error), 0);
    reopen(f);
    assert_int_equal(models_list(f->models, list, 4), 1);
    assert_int_equal(current(f, NULL), 1);
}

static void forgets_the_oldest_but_those_in_use(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct experiment experiment;
    struct models_version list[64];
    keep(f, 3);
    keep(f, 4);
    keep(f, 5);
    assert_int_equal(experiments_start(f->experiments, "second", 2, 3, &experiment, &error), 0);
    for (int i = 0; i < MODELS_KEPT; i++)
        keep(f, 6);
    size_t count = models_list(f->models, list, 64);
    assert_int_equal(count, MODELS_KEPT + 2);
    assert_true(list[count - 1].info.record.version == 2);
    assert_int_equal(models_use(f->models, 1, &error), ERROR_NOT_FOUND);
    struct blob_info info;
    assert_int_equal(
        blob_stat(f->blob, "models/00000001/part-000", &info, &error), ERROR_NOT_FOUND);
    reopen(f);
    assert_int_equal(models_list(f->models, list, 64), MODELS_KEPT + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_none_until_one_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(goes_back_and_stays_there, setup, teardown),
        cmocka_unit_test_setup_teardown(
            refuses_a_broken_file_and_serves_the_last_good_one, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_no_foreign_files_for_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_the_oldest_but_those_in_use, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
