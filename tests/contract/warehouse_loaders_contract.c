/* What every warehouse keeps for those who load it, run against each engine: leases, batches told
 * twice, and an engine that goes away. */
#include "clock.h"
#include "postgres_server.h"
#include "warehouse_fixture.h"

#define LEASE_MS 10000
#define PATIENCE_MS 15000 /* 5 s are promised, where the machine has nothing else to do */

/* ---- leases ---- */

struct call {
    const char *owner;
    int shards;
    int64_t now_ms;
    bool release;
};

/* The shards held, as a text: "0,2,". */
static const char *lease(struct fixture *f, struct call call)
{
    bool held[WAREHOUSE_MAX_SHARDS];
    struct error error = {0};
    struct warehouse_lease_query query = {.owner = call.owner,
        .shards = call.shards ? call.shards : 4,
        .now_ms = call.now_ms ? call.now_ms : NOW,
        .lease_ms = LEASE_MS,
        .release = call.release};
    char *text = arena_strdup(f->arena, "");
    if (warehouse_lease(f->warehouse, &query, held, &error) != 0)
        fail_msg("%s", error.message);
    for (int i = 0; i < WAREHOUSE_MAX_SHARDS; i++)
        text = held[i] ? arena_printf(f->arena, "%s%d,", text, i) : text;
    return text;
}

static void two_loaders_share_the_shards(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(lease(f, (struct call){.owner = "one"}), "0,1,2,3,");
    assert_string_equal(
        lease(f, (struct call){.owner = "two"}), ""); /* until one gives its share back */
    assert_string_equal(lease(f, (struct call){.owner = "one"}), "0,1,");
    assert_string_equal(lease(f, (struct call){.owner = "two"}), "2,3,");
    assert_string_equal(lease(f, (struct call){.owner = "one"}), "0,1,");
    assert_string_equal(lease(f, (struct call){.owner = "three"}), "");
    assert_string_equal(lease(f, (struct call){.owner = "two", .release = true}), "");
    assert_string_equal(lease(f, (struct call){.owner = "one"}), "0,1,");
    assert_string_equal(lease(f, (struct call){.owner = "three"}), "2,3,");
}

static void a_share_is_rounded_up(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(lease(f, (struct call){.owner = "one", .shards = 3}), "0,1,2,");
    lease(f, (struct call){.owner = "two", .shards = 3});
    assert_string_equal(lease(f, (struct call){.owner = "one", .shards = 3}), "0,1,");
    assert_string_equal(lease(f, (struct call){.owner = "two", .shards = 3}), "2,");
    for (int i = 0; i < 4; i++)
        lease(f, (struct call){.owner = (const char *[]){"a", "b", "c", "d"}[i], .shards = 3});
    assert_string_equal(lease(f, (struct call){.owner = "one", .shards = 3}), "0,");
    assert_string_equal(lease(f, (struct call){.owner = "d", .shards = 3}), "1,");
}

static void a_lease_that_is_not_renewed_ends(void **state)
{
    struct fixture *f = *state;
    lease(f, (struct call){.owner = "one"});
    lease(f, (struct call){.owner = "two"});
    int64_t late = NOW + LEASE_MS;
    assert_string_equal(lease(f, (struct call){.owner = "one", .now_ms = late - 1}), "0,1,");
    assert_string_equal(lease(f, (struct call){.owner = "one", .now_ms = late}), "0,1,2,3,");
    assert_string_equal(
        lease(f, (struct call){.owner = "three", .now_ms = late + LEASE_MS}), "0,1,2,3,");
    assert_string_equal(lease(f, (struct call){.owner = "one", .now_ms = late + LEASE_MS}), "");
}

static int load_as(struct fixture *f, const char *owner, int shard, int64_t sequence)
{
    const char *ids[] = {"e1"};
    struct warehouse_fact view = {.kind = WAREHOUSE_VIEW,
        .event_id = "",
        .at_ms = NOW,
        .shopper = "s1",
        .wine_id = "w1",
        .shown = {.list = "", .query = "", .experiment = "", .arm = ""}};
    struct warehouse_checkpoint places[] = {{.shard = shard, .sequence = sequence}};
    struct warehouse_batch batch = {.facts = &view,
        .fact_count = 1,
        .event_ids = ids,
        .event_count = 1,
        .checkpoints = places,
        .checkpoint_count = 1,
        .owner = owner};
    warehouse_load(f->warehouse, &batch, finished, f);
    return outcome(f);
}

static void a_stranger_may_not_load(void **state)
{
    struct fixture *f = *state;
    int64_t places[WAREHOUSE_MAX_SHARDS];
    struct error error;
    assert_int_equal(load_as(f, "one", 0, 5), ERROR_CONFLICT); /* nobody's yet */
    lease(f, (struct call){.owner = "one"});
    assert_int_equal(load_as(f, "one", 0, 5), 0);
    assert_int_equal(load_as(f, "two", 1, 5), ERROR_CONFLICT);
    lease(f, (struct call){.owner = "two"});
    lease(f, (struct call){.owner = "one"});
    lease(f, (struct call){.owner = "two"});
    assert_int_equal(load_as(f, "one", 3, 5), ERROR_CONFLICT);
    assert_non_null(strstr(f->error.message, "shard 3"));
    assert_int_equal(load_as(f, "two", 3, 5), 0);
    assert_int_equal(load_as(f, NULL, 2, 5), 0); /* where nobody leases nobody is asked */
    assert_int_equal(ask_interactions(f, 0, 0).count, 3);
    assert_int_equal(warehouse_checkpoints(f->warehouse, places, &error), 0);
    assert_int_equal(places[0], 5);
    assert_int_equal(places[1], 0);
    assert_int_equal(places[3], 5);
}

/* But not one that had the engine to itself: there nobody is left who could hold one. */
static void leases_outlive_the_program(void **state)
{
    struct fixture *f = *state;
    lease(f, (struct call){.owner = "one"});
    if (f->engine->durable)
        reopen(f);
    bool alone = f->engine->durable && !f->engine->server;
    assert_string_equal(lease(f, (struct call){.owner = "two"}), alone ? "0,1,2,3," : "");
    assert_int_equal(load_as(f, "one", 2, 1), alone ? ERROR_CONFLICT : 0);
}

/* ---- batches told twice ---- */

static void a_batch_that_was_loaded_is_not_loaded_again(void **state)
{
    struct fixture *f = *state;
    struct warehouse_fact view = {.kind = WAREHOUSE_VIEW,
        .event_id = "",
        .at_ms = NOW,
        .shopper = "s1",
        .wine_id = "w1",
        .shown = {.list = "", .query = "", .experiment = "", .arm = ""}};
    struct warehouse_checkpoint places[] = {
        {.shard = 0, .sequence = 10}, {.shard = 1, .sequence = 4}};
    struct warehouse_batch batch = {
        .facts = &view, .fact_count = 1, .checkpoints = places, .checkpoint_count = 2};
    load_batch(f, &batch);
    load_batch(f, &batch); /* its answer was lost, say */
    assert_int_equal(ask_interactions(f, 0, 0).count, 1);
    places[0].sequence = 12; /* shard 1 was read by another meanwhile */
    warehouse_load(f->warehouse, &batch, finished, f);
    assert_int_equal(outcome(f), ERROR_CONFLICT);
    places[1].sequence = 5;
    load_batch(f, &batch);
    assert_int_equal(ask_interactions(f, 0, 0).count, 2);
}

static void many_event_ids_are_remembered(void **state)
{
    enum { IDS = 700 };
    struct fixture *f = *state;
    char(*ids)[128] = calloc(IDS, sizeof(*ids));
    const char **list = calloc(IDS, sizeof(*list));
    for (int i = 0; i < IDS; i++) {
        memset(ids[i], 'x', sizeof(ids[i]) - 1); /* 90 KB: more than a column takes */
        snprintf(ids[i] + 100, 20, "%d", i);
        list[i] = ids[i];
    }
    load_batch(f, &(struct warehouse_batch){.event_ids = list, .event_count = IDS});
    const char **found;
    struct error error;
    assert_int_equal(warehouse_recent(f->warehouse, f->arena, &found, &error), IDS);
    assert_string_equal(found[0], ids[0]);
    assert_string_equal(found[IDS - 1], ids[IDS - 1]);
    free(list);
    free(ids);
}

/* ---- several programs ---- */

static void programs_load_beside_each_other(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->server)
        return; /* a file, or memory, is one program's */
    struct fixture other = {.engine = f->engine};
    memcpy(other.url, f->url, sizeof(other.url));
    pthread_mutex_init(&other.lock, NULL);
    pthread_cond_init(&other.changed, NULL);
    other.arena = arena_new();
    other.warehouse = f->engine->open(&other);
    assert_string_equal(lease(f, (struct call){.owner = "one", .shards = 2}), "0,1,");
    lease(&other, (struct call){.owner = "two", .shards = 2});
    lease(f, (struct call){.owner = "one", .shards = 2});
    assert_string_equal(lease(&other, (struct call){.owner = "two", .shards = 2}), "1,");
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(load_as(f, "one", 0, i), 0);
        assert_int_equal(load_as(&other, "two", 1, i), 0);
    }
    struct seen seen = ask_query(&other, (struct warehouse_interaction_query){.shopper = "s1"});
    assert_int_equal(seen.count, 20); /* one key, whoever made it */
    warehouse_forget(f->warehouse, "s1", finished, f);
    await(f);
    assert_int_equal(load_as(&other, "two", 1, 11), 0); /* must not go to the forgotten key */
    seen = ask_query(f, (struct warehouse_interaction_query){.shopper = "s1"});
    assert_int_equal(seen.count, 1);
    warehouse_close(other.warehouse);
    arena_free(other.arena);
    pthread_cond_destroy(&other.changed);
    pthread_mutex_destroy(&other.lock);
}

#define CROWD 40

/* Views of one wine by CROWD shoppers, of whom no other round knows. */
struct crowd {
    struct warehouse_fact views[CROWD];
    char names[CROWD][16];
    struct warehouse_checkpoint place;
    struct warehouse_batch batch;
};

static void make_crowd(struct crowd *crowd, int shard, int round)
{
    for (int i = 0; i < CROWD; i++) {
        snprintf(crowd->names[i], sizeof(crowd->names[i]), "s%d", round * CROWD + i);
        crowd->views[i] = (struct warehouse_fact){.kind = WAREHOUSE_VIEW,
            .event_id = "",
            .at_ms = NOW,
            .shopper = crowd->names[i],
            .wine_id = "w1",
            .shown = {.list = "", .query = "", .experiment = "", .arm = ""}};
    }
    crowd->place = (struct warehouse_checkpoint){.shard = shard, .sequence = round + 1};
    crowd->batch = (struct warehouse_batch){.facts = crowd->views,
        .fact_count = CROWD,
        .checkpoints = &crowd->place,
        .checkpoint_count = 1};
}

static int count_views(struct fixture *f)
{
    return (int)ask_report(f, 1).viewers;
}

static void programs_make_each_shopper_once(void **state)
{
    enum { ROUNDS = 15 };
    struct fixture *f = *state;
    if (!f->engine->server)
        return;
    struct fixture other = {.engine = f->engine};
    memcpy(other.url, f->url, sizeof(other.url));
    pthread_mutex_init(&other.lock, NULL);
    pthread_cond_init(&other.changed, NULL);
    other.warehouse = f->engine->open(&other);
    struct crowd *crowds = calloc(2, sizeof(*crowds));
    for (int round = 0; round < ROUNDS; round++) {
        make_crowd(&crowds[0], 0, round);
        make_crowd(&crowds[1], 1, round);
        warehouse_load(f->warehouse, &crowds[0].batch, finished, f);
        warehouse_load(other.warehouse, &crowds[1].batch, finished, &other);
        await(f);
        await(&other);
    }
    assert_int_equal(count_views(f), ROUNDS * CROWD);
    struct seen seen = ask_query(f, (struct warehouse_interaction_query){.shopper = "s7"});
    assert_int_equal(seen.count, 2);
    free(crowds);
    warehouse_close(other.warehouse);
    pthread_cond_destroy(&other.changed);
    pthread_mutex_destroy(&other.lock);
}

/* ---- away ---- */

static void a_load_cut_off_anywhere_counts_once(void **state)
{
    enum { ROUNDS = 12 };
    struct fixture *f = *state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    if (!f->engine->server) {
        free(crowd);
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        make_crowd(crowd, 0, round);
        warehouse_load(f->warehouse, &crowd->batch, finished, f);
        if (round % 2) {
            usleep((useconds_t)round * 300); /* a load takes some milliseconds */
            postgres_server_stop(fixture_server());
        }
        int rc = outcome(f);
        if (round % 2)
            postgres_server_again(fixture_server());
        assert_true(rc == 0 || rc == ERROR_UNAVAILABLE);
        load_batch(f, &crowd->batch);
        load_batch(f, &crowd->batch);
    }
    assert_int_equal(count_views(f), ROUNDS * CROWD);
    struct seen seen = ask_query(f, (struct warehouse_interaction_query){.shopper = "s7"});
    assert_int_equal(seen.count, 1);
    free(crowd);
}

static void expect_away(struct fixture *f)
{
    int64_t places[WAREHOUSE_MAX_SHARDS], began = clock_monotonic_ms();
    bool held[WAREHOUSE_MAX_SHARDS];
    struct warehouse_report report;
    struct warehouse_report_query query = {.days = 1, .now_ms = NOW, .limit = 1};
    struct warehouse_lease_query leasing = {
        .owner = "one", .shards = 4, .now_ms = NOW, .lease_ms = LEASE_MS};
    struct error error = {0};
    assert_int_equal(load_as(f, NULL, 0, 2), ERROR_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - began, 0, PATIENCE_MS);
    began = clock_monotonic_ms();
    assert_int_equal(warehouse_lease(f->warehouse, &leasing, held, &error), ERROR_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - began, 0, PATIENCE_MS);
    began = clock_monotonic_ms();
    assert_int_equal(warehouse_checkpoints(f->warehouse, places, &error), ERROR_UNAVAILABLE);
    assert_true(*error.message);
    assert_in_range(clock_monotonic_ms() - began, 0, PATIENCE_MS);
    began = clock_monotonic_ms();
    warehouse_report(f->warehouse, &query, f->arena, &report, finished, f);
    assert_int_equal(outcome(f), ERROR_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - began, 0, PATIENCE_MS);
}

static void a_server_that_went_away_is_found_again(void **state)
{
    struct fixture *f = *state;
    int64_t places[WAREHOUSE_MAX_SHARDS];
    struct error error;
    if (!f->engine->server)
        return;
    assert_int_equal(load_as(f, NULL, 0, 1), 0);
    assert_int_equal(warehouse_checkpoints(f->warehouse, places, &error), 0);
    postgres_server_stop(fixture_server());
    expect_away(f);
    assert_int_equal(warehouse_stats(f->warehouse).unavailable, 4);
    postgres_server_again(fixture_server());
    assert_int_equal(load_as(f, NULL, 0, 2), 0);
    assert_int_equal(load_as(f, NULL, 0, 2), 0);
    assert_int_equal(ask_interactions(f, 0, 0).count, 2);
    assert_int_equal(warehouse_checkpoints(f->warehouse, places, &error), 0);
    assert_int_equal(places[0], 2);
}

static void a_server_that_hangs_is_away(void **state)
{
    struct fixture *f = *state;
    if (strcmp(f->engine->name, "postgresql") != 0)
        return; /* once: each call takes its five seconds */
    assert_int_equal(load_as(f, NULL, 0, 1), 0);
    postgres_server_freeze(fixture_server(), true);
    expect_away(f);
    postgres_server_freeze(fixture_server(), false);
    /* The load may have been done by the server after we had gone. */
    assert_int_equal(load_as(f, NULL, 0, 2), 0);
    assert_int_equal(ask_interactions(f, 0, 0).count, 2);
}

static void a_server_that_was_never_there_is_away(void **state)
{
    struct fixture *f = *state;
    struct error error = {0};
    if (!f->engine->server)
        return;
    warehouse_close(f->warehouse);
    snprintf(f->url, sizeof(f->url), "%s://someone:secret@127.0.0.1:1/nothing", f->engine->name);
    f->warehouse = f->engine->open(f);
    int64_t places[WAREHOUSE_MAX_SHARDS];
    assert_int_equal(load_as(f, NULL, 0, 1), ERROR_UNAVAILABLE);
    assert_null(strstr(f->error.message, "secret"));
    assert_int_equal(warehouse_checkpoints(f->warehouse, places, &error), ERROR_UNAVAILABLE);
    struct warehouse *none = NULL;
    assert_int_equal(
        warehouse_postgres_open(&none, "postgres://%zz@nothing", &error), ERROR_INVALID);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAREHOUSE_TEST(two_loaders_share_the_shards),
        WAREHOUSE_TEST(a_share_is_rounded_up),
        WAREHOUSE_TEST(a_lease_that_is_not_renewed_ends),
        WAREHOUSE_TEST(a_stranger_may_not_load),
        WAREHOUSE_TEST(leases_outlive_the_program),
        WAREHOUSE_TEST(a_batch_that_was_loaded_is_not_loaded_again),
        WAREHOUSE_TEST(many_event_ids_are_remembered),
        WAREHOUSE_TEST(programs_load_beside_each_other),
        WAREHOUSE_TEST(programs_make_each_shopper_once),
        WAREHOUSE_TEST(a_load_cut_off_anywhere_counts_once),
        WAREHOUSE_TEST(a_server_that_went_away_is_found_again),
        WAREHOUSE_TEST(a_server_that_hangs_is_away),
        WAREHOUSE_TEST(a_server_that_was_never_there_is_away),
    };
    return run_engines(tests);
}
