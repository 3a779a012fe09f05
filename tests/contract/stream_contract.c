/* What every stream keeps, run against each engine. */
#include "arena.h"
#include "clock.h"
#include "engines.h"
#include "sqlite_db.h"
#include "stream.h"

#include <stdatomic.h>

struct engine {
    const char *name;
    bool durable;
    struct stream *(*open)(const char *directory, const struct stream_options *options);
};
static const struct engine *engine;

static struct stream *open_memory(const char *directory, const struct stream_options *options)
{
    (void)directory;
    return stream_memory_new(options);
}

static struct stream *open_sqlite(const char *directory, const struct stream_options *options)
{
    struct error error;
    struct stream *stream = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/stream.db", directory);
    assert_int_equal(stream_sqlite_open(&stream, path, options, &error), 0);
    return stream;
}

static const struct engine engines[] = {
    {"stream, memory", false, open_memory}, {"stream, sqlite", true, open_sqlite}};

struct fixture {
    char directory[64];
    struct stream_options options;
    struct stream *stream;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done, rc;
    atomic_int wakes;
};

static void restart(struct fixture *f)
{
    stream_close(f->stream);
    f->stream = engine->open(f->directory, &f->options);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    engine_directory(f->directory);
    f->arena = arena_new();
    f->stream = engine->open(f->directory, &f->options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stream_close(f->stream);
    arena_free(f->arena);
    engine_directory_remove(f->directory);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    test_free(f);
    return 0;
}

static void on_done(void *ctx, int rc, const struct error *error)
{
    struct fixture *f = ctx;
    assert_int_equal(rc, error->code);
    pthread_mutex_lock(&f->lock);
    f->done++;
    f->rc = rc;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void await_done(struct fixture *f, int count)
{
    pthread_mutex_lock(&f->lock);
    while (f->done < count)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static int put_all(struct fixture *f, const struct stream_record *records, size_t count)
{
    f->done = 0;
    stream_put(f->stream, records, count, on_done, f);
    await_done(f, 1);
    return f->rc;
}

static void put(struct fixture *f, const char *key, const char *id)
{
    struct stream_record record = {.key = key, .id = id, .data = id, .length = strlen(id)};
    assert_int_equal(put_all(f, &record, 1), 0);
}

static int read_shard(
    struct fixture *f, int shard, int64_t after, int max, struct stream_record **records)
{
    struct error error;
    return stream_read(f->stream, shard, after, max, f->arena, records, &error);
}

static int count_all(struct fixture *f)
{
    int count = 0;
    struct stream_record *records;
    for (int i = 0; i < stream_shards(f->stream); i++)
        count += read_shard(f, i, 0, 100000, &records);
    return count;
}

/* ---- tests ---- */

static void reads_what_was_put(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_now_ms();
    struct stream_record record = {.key = "user-1", .id = "e1", .data = "{}\0x..", .length = 4};
    assert_int_equal(put_all(f, &record, 1), 0);
    struct stream_record *found;
    int shard = stream_shard_of(f->stream, "user-1");
    assert_int_equal(read_shard(f, shard, 0, 10, &found), 1);
    assert_string_equal(found->key, "user-1");
    assert_string_equal(found->id, "e1");
    assert_int_equal(found->length, 4);
    assert_memory_equal(found->data, "{}\0x\0", 5);
    assert_true(found->sequence > 0);
    assert_true(found->at_ms >= before && found->at_ms <= clock_now_ms());
    assert_int_equal(read_shard(f, shard, found->sequence, 10, &found), 0);
    assert_int_equal(count_all(f), 1);
    struct stream_stats stats;
    stream_stats(f->stream, &stats);
    assert_int_equal(stats.put, 1);
    assert_int_equal(stats.bytes, 4);
}

static void four_shards_unless_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(stream_shards(f->stream), 4);
    int hits[4] = {0};
    for (int i = 0; i < 400; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%d", i);
        hits[stream_shard_of(f->stream, key)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(hits[i], 60, 140);
}

static void put_numbered(struct fixture *f, int count)
{
    struct stream_record records[50];
    char keys[50][16], ids[50][16];
    f->done = 0;
    for (int done = 0; done < count; done += 50) {
        for (int i = 0; i < 50; i++) {
            snprintf(keys[i], sizeof(keys[i]), "k%d", (done + i) % 13);
            snprintf(ids[i], sizeof(ids[i]), "%d", done + i);
            records[i] = (struct stream_record){
                .key = keys[i], .id = ids[i], .data = ids[i], .length = strlen(ids[i])};
        }
        stream_put(f->stream, records, 50, on_done, f);
    }
    await_done(f, count / 50);
    assert_int_equal(f->rc, 0);
}

/* Reads all in small steps; asserts the order within each key. */
static int read_in_order(struct fixture *f, int step)
{
    int total = 0, last[13];
    memset(last, -1, sizeof(last));
    for (int shard = 0; shard < stream_shards(f->stream); shard++) {
        struct stream_record *records;
        int64_t after = 0;
        int count;
        while ((count = read_shard(f, shard, after, step, &records)) > 0) {
            for (int i = 0; i < count; i++) {
                int number = atoi(records[i].id), key = atoi(records[i].key + 1);
                assert_int_equal(number % 13, key);
                assert_int_equal(stream_shard_of(f->stream, records[i].key), shard);
                assert_true(records[i].sequence > after);
                assert_true(number > last[key]);
                last[key] = number;
                after = records[i].sequence;
            }
            total += count;
            arena_clear(f->arena);
        }
        assert_int_equal(count, 0);
    }
    return total;
}

static void a_key_keeps_its_order(void **state)
{
    struct fixture *f = *state;
    put_numbered(f, 1000);
    assert_int_equal(read_in_order(f, 7), 1000);
}

static void latest_skips_what_was(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(stream_latest(f->stream, 0), 0);
    put(f, "a", "old");
    int shard = stream_shard_of(f->stream, "a");
    int64_t latest = stream_latest(f->stream, shard);
    struct stream_record *found;
    assert_int_equal(read_shard(f, shard, latest, 10, &found), 0);
    put(f, "a", "new");
    assert_int_equal(read_shard(f, shard, latest, 10, &found), 1);
    assert_string_equal(found->id, "new");
}

static void broken_records_are_refused_with_the_rest(void **state)
{
    struct fixture *f = *state;
    static char large[STREAM_MAX_DATA + 1];
    char text[STREAM_MAX_TEXT + 2];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct stream_record broken[] = {
        {.key = NULL, .id = "i"},
        {.key = "", .id = "i"},
        {.key = text, .id = "i"},
        {.key = "k", .id = NULL},
        {.key = "k", .id = text},
        {.key = "k", .id = "i", .data = large, .length = sizeof(large)},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        struct stream_record records[] = {{.key = "good", .id = "good"}, broken[i]};
        assert_int_equal(put_all(f, records, 2), ERROR_INVALID);
    }
    assert_int_equal(count_all(f), 0);
    struct stream_record largest = {
        .key = "k", .id = "i", .data = large, .length = STREAM_MAX_DATA};
    assert_int_equal(put_all(f, &largest, 1), 0);
    assert_int_equal(count_all(f), 1);
    assert_int_equal(put_all(f, NULL, 0), 0);
}

static void wake(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void subscribers_are_woken(void **state)
{
    struct fixture *f = *state;
    struct error error;
    assert_int_equal(stream_subscribe(f->stream, wake, &f->wakes, &error), 0);
    put(f, "k", "1");
    assert_int_equal(atomic_load(&f->wakes), 1);
    stream_unsubscribe(f->stream, wake, &f->wakes);
    put(f, "k", "2");
    assert_int_equal(atomic_load(&f->wakes), 1);
    for (int i = 0; i < STREAM_MAX_SUBSCRIBERS; i++)
        assert_int_equal(stream_subscribe(f->stream, wake, &f->wakes, &error), 0);
    assert_int_equal(stream_subscribe(f->stream, wake, &f->wakes, &error), ERROR_CONFLICT);
}

static void trimming_keeps_the_young_and_the_last(void **state)
{
    struct fixture *f = *state;
    f->options.retention_ms = 50;
    restart(f);
    put_numbered(f, 5000);
    stream_trim(f->stream);
    usleep(80000);
    put(f, "k1", "young");
    stream_trim(f->stream);
    for (int i = 0; count_all(f) > 1 && i < 400; i++) {
        arena_clear(f->arena);
        usleep(10000);
    }
    assert_in_range(count_all(f), 1, 1);
    int64_t latest = stream_latest(f->stream, 0);
    usleep(80000);
    stream_trim(f->stream);
    usleep(20000);
    assert_int_equal(count_all(f), 1);
    restart(f);
    put(f, "k1", "next");
    if (engine->durable)
        assert_true(stream_latest(f->stream, 0) > latest);
}

static void the_size_is_bounded(void **state)
{
    struct fixture *f = *state;
    f->options.max_bytes = 1024 * 1024;
    restart(f);
    static char data[8192];
    for (int i = 0; i < 40; i++) {
        struct stream_record records[50];
        for (int j = 0; j < 50; j++)
            records[j] =
                (struct stream_record){.key = "k", .id = "i", .data = data, .length = sizeof(data)};
        assert_int_equal(put_all(f, records, 50), 0);
    }
    stream_trim(f->stream);
    if (engine->durable) {
        /* Memory serves the newest; a reader from the start sees the file. */
        usleep(300000);
        restart(f);
    }
    assert_in_range(count_all(f), 1, 128);
}

struct putter {
    struct fixture *f;
    char key[8];
    pthread_t thread;
};

static void *put_many(void *ctx)
{
    struct putter *putter = ctx;
    for (int i = 0; i < 500; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        struct stream_record record = {.key = putter->key, .id = id};
        stream_put(putter->f->stream, &record, 1, on_done, putter->f);
    }
    return NULL;
}

static void readers_see_all_beside_putters(void **state)
{
    struct fixture *f = *state;
    struct putter putters[4];
    int next[4] = {0}, total = 0;
    int64_t after[4] = {0};
    for (int i = 0; i < 4; i++) {
        putters[i].f = f;
        snprintf(putters[i].key, sizeof(putters[i].key), "p%d", i);
        pthread_create(&putters[i].thread, NULL, put_many, &putters[i]);
    }
    while (total < 2000) {
        for (int shard = 0; shard < 4; shard++) {
            struct stream_record *records;
            int count = read_shard(f, shard, after[shard], 64, &records);
            for (int i = 0; i < count; i++) {
                assert_int_equal(atoi(records[i].id), next[records[i].key[1] - '0']++);
                after[shard] = records[i].sequence;
            }
            total += count;
        }
        arena_clear(f->arena);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(putters[i].thread, NULL);
    await_done(f, 2000);
}

static void a_restart_forgets_nothing(void **state)
{
    struct fixture *f = *state;
    if (!engine->durable)
        skip();
    put_numbered(f, 1000);
    int64_t latest = stream_latest(f->stream, 0);
    f->options.shards = 9; /* the file's number stays */
    restart(f);
    assert_int_equal(stream_shards(f->stream), 4);
    assert_int_equal(stream_latest(f->stream, 0), latest);
    assert_int_equal(read_in_order(f, 64), 1000);
    struct stream_stats stats;
    stream_stats(f->stream, &stats);
    assert_int_equal(stats.read_file, 1000);
    put(f, "k1", "1001");
    struct stream_record *found;
    assert_int_equal(read_shard(f, stream_shard_of(f->stream, "k1"), latest, 10, &found), 1);
    assert_true(found->sequence > latest);
    stream_stats(f->stream, &stats);
    assert_int_equal(stats.read_file, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(four_shards_unless_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_keeps_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(latest_skips_what_was, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_records_are_refused_with_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(subscribers_are_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(trimming_keeps_the_young_and_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(the_size_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_see_all_beside_putters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_forgets_nothing, setup, teardown),
    };
    int failures = 0;
    sqlite_global_init();
    for (engine = engines; engine < engines + sizeof(engines) / sizeof(*engines); engine++)
        failures += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    return failures;
}
