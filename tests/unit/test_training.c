/* The trained model: what it is made of, how it ranks, its file, and how good it is on ratings. */
#include "buffer.h"
#include "engines.h"
#include "evaluate.h"
#include "ratings.h"
#include "x_wines.h"

#include <math.h>
#include <string.h>

#define DAY INT64_C(86400000)
#define NOW (20000 * DAY)

/* ---- events ---- */

static void collects_one_event_per_shopper_and_wine(void **state)
{
    (void)state;
    struct event_collector *collector = event_collector_new(10);
    event_collector_add(collector, "anna", 3, TRAINED_VIEW, 0, NOW + 5);
    event_collector_add(collector, "anna", 1, TRAINED_VIEW, 0, NOW + 1);
    event_collector_add(collector, "ben", 3, TRAINED_RATING, 5, NOW + 2);
    event_collector_add(collector, "anna", 3, TRAINED_ORDER, 0, NOW + 3);
    event_collector_add(collector, "", 3, TRAINED_ORDER, 0, NOW + 9);
    event_collector_add(collector, "anna", 10, TRAINED_ORDER, 0, NOW + 9); /* no such wine */
    uint32_t anna = event_collector_shopper(collector, "anna");
    assert_int_equal(event_collector_shopper(collector, "carl"), NO_WINE);
    struct events *events = event_collector_finish(collector);
    assert_int_equal(events->shoppers, 2);
    assert_int_equal(events->count, 3);
    assert_int_equal(events->newest_ms, NOW + 5);
    size_t first = events->first[anna];
    assert_int_equal(events->first[anna + 1] - first, 2);
    assert_int_equal(events->wine[first], 1);
    assert_int_equal(events->wine[first + 1], 3); /* the newest of them, as strong as the order */
    assert_true(events->at_ms[first + 1] == NOW + 5);
    assert_true(events->strength[first + 1] == act_strength(TRAINED_ORDER, 0));
    events_free(events);
    event_collector_free(collector);
}

static void bounds_one_shoppers_events(void **state)
{
    (void)state;
    size_t wines = EVENTS_PER_SHOPPER + 500;
    struct event_collector *collector = event_collector_new(wines);
    for (int round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < wines; i++)
            event_collector_add(collector, "robot", i, TRAINED_VIEW, 0, NOW + round * 10000 + i);
    }
    struct events *events = event_collector_finish(collector);
    assert_int_equal(events->count, EVENTS_PER_SHOPPER);
    assert_int_equal(events->wine[events->count - 1], wines - 1); /* the newest are kept */
    events_free(events);
    event_collector_free(collector);
}

static void selects_by_time_and_wine(void **state)
{
    (void)state;
    struct event_collector *collector = event_collector_new(4);
    for (uint32_t i = 0; i < 4; i++)
        event_collector_add(collector, "anna", i, TRAINED_VIEW, 0, NOW + i);
    struct events *events = event_collector_finish(collector);
    bool hidden[4] = {false, true, false, false};
    struct events *selected = events_select(events, NOW, NOW + 3, hidden);
    assert_int_equal(selected->count, 2);
    assert_int_equal(selected->wine[1], 2);
    assert_true(events_quantile(events, 0.5) == NOW + 2);
    events_free(selected);
    events_free(events);
    event_collector_free(collector);
}

/* ---- a small world: two tastes, wines 0-9 and 10-19; wine 20 is new, like wine 0 ---- */

struct world {
    char ids[21][24];
    const char *id_list[21];
    struct content *content;
    struct events *events;
    struct trained *trained;
};

static struct content *make_content(void)
{
    static struct feature features[21][2];
    const struct feature *lists[21];
    size_t counts[21];
    for (uint32_t i = 0; i < 21; i++) {
        features[i][0] = (struct feature){i == 20 ? 0 : i / 10, 1};
        features[i][1] = (struct feature){2 + (i == 20 ? 0 : i % 10), 1};
        lists[i] = features[i];
        counts[i] = 2;
    }
    return content_new(21, 12, lists, counts);
}

static struct world world_new(int shoppers)
{
    struct world world = {.content = make_content()};
    struct event_collector *collector = event_collector_new(21);
    unsigned int seed = 7;
    for (int i = 0; i < 21; i++) {
        snprintf(world.ids[i], sizeof(world.ids[i]), "wine-%02d", i);
        world.id_list[i] = world.ids[i];
    }
    for (int shopper = 0; shopper < shoppers; shopper++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", shopper);
        for (int i = 0; i < 5; i++)
            event_collector_add(collector, name, (uint32_t)(shopper % 2 * 10 + rand_r(&seed) % 10),
                TRAINED_RATING, 4, NOW - 100 * DAY + (int64_t)(rand_r(&seed) % 100) * DAY);
    }
    world.events = event_collector_finish(collector);
    event_collector_free(collector);
    struct training_options options = training_defaults(1);
    struct error error;
    assert_int_equal(
        train(&world.trained, world.id_list, world.events, world.content, &options, &error), 0);
    return world;
}

/* The copies of the ids are the world's, wherever it lies. */
static void world_release(struct world *world)
{
    trained_release(world->trained);
    events_free(world->events);
    content_free(world->content);
}

static bool not_known(void *ctx, uint32_t wine)
{
    return wine != *(uint32_t *)ctx;
}

static int taste_of(const struct trained *trained, uint32_t wine)
{
    int number = atoi(trained_wine_id(trained, wine) + strlen("wine-"));
    return number == 20 ? 0 : number / 10;
}

static void ranks_by_what_shoppers_share(void **state)
{
    (void)state;
    struct world world = world_new(400);
    for (int taste = 0; taste < 2; taste++) {
        uint32_t known = trained_find(world.trained, taste ? "wine-13" : "wine-03");
        struct trained_act act = {.wine = known, .kind = TRAINED_ORDER, .at_ms = NOW};
        struct preference preference;
        struct scored best[8];
        assert_int_equal(trained_preferences(world.trained, &act, 1, &preference), 1);
        size_t count = trained_rank(world.trained, &preference, 1, not_known, &known, best, 8);
        assert_int_equal(count, 8);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(taste_of(world.trained, best[i].wine), taste);
            assert_int_not_equal(best[i].wine, known);
            assert_true(i == 0 || best[i].score <= best[i - 1].score);
        }
        assert_true(trained_part(world.trained, &preference, best[0].wine) > 0);
        struct scored near[3];
        assert_int_equal(trained_similar(world.trained, known, near, 3), 3);
        assert_int_equal(taste_of(world.trained, near[0].wine), taste);
        assert_true(near[0].score <= 1 && near[0].score >= near[2].score);
    }
    world_release(&world);
}

static void lists_what_is_asked_for_to_the_unknown(void **state)
{
    (void)state;
    struct world world = world_new(400);
    struct scored best[21];
    assert_int_equal(trained_rank(world.trained, NULL, 0, NULL, NULL, best, 21), 21);
    for (size_t i = 1; i < 21; i++)
        assert_true(trained_popularity(world.trained, best[i - 1].wine) >=
                    trained_popularity(world.trained, best[i].wine));
    world_release(&world);
}

static void gives_a_new_wine_what_its_likes_have(void **state)
{
    (void)state;
    struct world world = world_new(400);
    uint32_t fresh = trained_find(world.trained, "wine-20");
    assert_true(trained_is_new(world.trained, fresh));
    assert_false(trained_is_new(world.trained, trained_find(world.trained, "wine-03")));
    for (int taste = 0; taste < 2; taste++) {
        uint32_t known = trained_find(world.trained, taste ? "wine-13" : "wine-03");
        struct preference preference = {.wine = known, .weight = 1};
        struct scored all[21];
        size_t place = 0;
        trained_rank(world.trained, &preference, 1, NULL, NULL, all, 21);
        while (all[place].wine != fresh)
            place++;
        if (taste == 0)
            assert_in_range(place, 0, 10);
        else
            assert_in_range(place, 10, 20);
    }
    world_release(&world);
}

static void learns_from_content_where_nothing_happened(void **state)
{
    (void)state;
    struct world world = world_new(0);
    struct preference preference = {.wine = trained_find(world.trained, "wine-13"), .weight = 1};
    struct scored best[5];
    assert_int_equal(
        trained_rank(world.trained, &preference, 1, not_known, &preference.wine, best, 5), 5);
    /* First the one of the other taste that shares its rare feature, then its own taste. */
    assert_string_equal(trained_wine_id(world.trained, best[0].wine), "wine-03");
    for (int i = 1; i < 5; i++)
        assert_int_equal(taste_of(world.trained, best[i].wine), 1);
    world_release(&world);
}

static void takes_no_model_of_nothing(void **state)
{
    (void)state;
    struct event_collector *collector = event_collector_new(0);
    struct events *events = event_collector_finish(collector);
    struct content *content = content_new(0, 0, NULL, NULL);
    struct training_options options = training_defaults(1);
    struct trained *trained = NULL;
    struct error error;
    assert_int_equal(train(&trained, NULL, events, content, &options, &error), ERROR_INVALID);
    content_free(content);
    events_free(events);
    event_collector_free(collector);
}

static void gives_up_when_told(void **state)
{
    (void)state;
    struct world world = world_new(20);
    struct training_options options = training_defaults(1);
    atomic_bool given_up = true;
    struct trained *trained = NULL;
    struct error error;
    options.given_up = &given_up;
    assert_int_equal(train(&trained, world.id_list, world.events, world.content, &options, &error),
        ERROR_UNAVAILABLE);
    assert_null(trained);
    world_release(&world);
}

/* ---- the file ---- */

static struct buffer written(const struct trained *trained)
{
    struct buffer bytes = BUFFER_INIT;
    trained_write(trained, &bytes);
    return bytes;
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    struct world world = world_new(200);
    CLEANUP_BUFFER struct buffer bytes = written(world.trained);
    struct trained *read = NULL;
    struct error error;
    assert_int_equal(trained_read(&read, bytes.data, bytes.length, &error), 0);
    struct preference preference = {.wine = 4, .weight = 1};
    struct scored before[10], after[10];
    trained_rank(world.trained, &preference, 1, NULL, NULL, before, 10);
    trained_rank(read, &preference, 1, NULL, NULL, after, 10);
    assert_memory_equal(before, after, sizeof(before));
    assert_string_equal(trained_wine_id(read, 7), trained_wine_id(world.trained, 7));
    assert_int_equal(trained_info(read)->events, trained_info(world.trained)->events);
    CLEANUP_BUFFER struct buffer again = written(read);
    assert_int_equal(again.length, bytes.length);
    assert_memory_equal(again.data, bytes.data, bytes.length);
    trained_release(read);
    world_release(&world);
}

static void refuses_a_file_that_is_not_whole(void **state)
{
    (void)state;
    struct world world = world_new(50);
    CLEANUP_BUFFER struct buffer bytes = written(world.trained);
    struct trained *read = NULL;
    struct error error;
    for (size_t length = 0; length < bytes.length; length += 1 + bytes.length / 97)
        assert_int_equal(trained_read(&read, bytes.data, length, &error), ERROR_INVALID);
    for (size_t at = 0; at < bytes.length; at += 1 + bytes.length / 211) {
        bytes.data[at] ^= 1;
        assert_int_equal(trained_read(&read, bytes.data, bytes.length, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, "the model file"));
        bytes.data[at] ^= 1;
    }
    assert_int_equal(trained_read(&read, "PK\3\4 something else", 20, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "not a model of this store"));
    assert_null(read);
    world_release(&world);
}

static void trains_to_the_same_bits(void **state)
{
    (void)state;
    struct world first = world_new(300), second = world_new(300);
    CLEANUP_BUFFER struct buffer a = written(first.trained), b = written(second.trained);
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    struct als_options options = training_defaults(1).als;
    float *one = als_train(first.events, &options);
    options.threads = 3;
    float *three = als_train(first.events, &options);
    assert_memory_equal(one, three, 21 * (size_t)options.dims * sizeof(float));
    free(one);
    free(three);
    world_release(&first);
    world_release(&second);
}

/* ---- the closed forms, against their definitions ---- */

/* P A = I for A of linear.h, on a world small enough to do by hand: B[i][j] = -P[i][j] / P[j][j].
 */
static void solves_the_linear_model(void **state)
{
    (void)state;
    struct event_collector *collector = event_collector_new(2);
    event_collector_add(collector, "anna", 0, TRAINED_ORDER, 0, NOW);
    event_collector_add(collector, "anna", 1, TRAINED_ORDER, 0, NOW + 1);
    struct events *events = event_collector_finish(collector);
    size_t counts[2] = {0, 0};
    const struct feature *none[2] = {NULL, NULL};
    struct content *content = content_new(2, 0, none, counts);
    struct linear_options options = {.lambda = 3, .dropout = 0.5, .half_life = 1, .threads = 1};
    float *b = linear_train(events, content, &options);
    /* X = (1/2, 1): X'X = (1/4, 1/2; 1/2, 1); doubled diagonal (p / (1-p) = 1) and 3 added. */
    double a00 = 0.5 + 3, a11 = 2 + 3, a01 = 0.5, determinant = a00 * a11 - a01 * a01;
    double p00 = a11 / determinant, p11 = a00 / determinant, p01 = -a01 / determinant;
    assert_true(fabs((double)b[1] + p01 / p11) < 1e-6);
    assert_true(fabs((double)b[2] + p01 / p00) < 1e-6);
    assert_true(b[0] == 0 && b[3] == 0);
    free(b);
    content_free(content);
    events_free(events);
    event_collector_free(collector);
}

/* The vector of a shopper solves its normal equations. */
static void solves_a_shoppers_vector(void **state)
{
    (void)state;
    struct world world = world_new(100);
    struct als_options options = training_defaults(1).als;
    options.dims = 8;
    float *vectors = als_train(world.events, &options), gram[64], x[8];
    uint32_t wines[3] = {1, 5, 7};
    float weights[3] = {1, 0.5f, 2};
    als_gram(vectors, 21, &options, gram);
    als_fold_in(vectors, 21, gram, &options, wines, weights, 3, x);
    double regularisation = options.lambda * pow(3 + options.alpha0 * 21, options.nu);
    for (int k = 0; k < 8; k++) {
        double left = regularisation * (double)x[k], right = 0;
        for (int l = 0; l < 8; l++)
            left += (double)(k >= l ? gram[k * 8 + l] : gram[l * 8 + k]) * (double)x[l];
        for (int i = 0; i < 3; i++) {
            const float *v = vectors + (size_t)wines[i] * 8;
            double product = 0;
            for (int l = 0; l < 8; l++)
                product += (double)v[l] * (double)x[l];
            left += (double)weights[i] * product * (double)v[k];
            right += (double)weights[i] * (double)v[k];
        }
        assert_true(fabs(left - right) < 1e-4);
    }
    free(vectors);
    world_release(&world);
}

/* ---- many wines: the rough pass finds what the exact one does ---- */

static void finds_the_best_of_many_wines(void **state)
{
    (void)state;
    struct ratings *ratings = ratings_generate(14000, 3000, 60000);
    struct training_options options = training_defaults(2);
    options.als.iterations = 3;
    options.als.dims = 16;
    struct trained *trained = NULL;
    struct error error;
    assert_int_equal(
        train(&trained, ratings->ids, ratings->train, ratings->content, &options, &error), 0);
    assert_false(trained_info(trained)->linear);
    struct scored best[20], *all = test_calloc(14000, sizeof(*all));
    size_t found = 0;
    for (uint32_t i = 0; i < 50; i++) {
        struct preference preferences[3] = {{i, 1}, {i + 64, 0.7f}, {i + 128, 0.5f}};
        assert_int_equal(trained_rank(trained, preferences, 3, NULL, NULL, best, 20), 20);
        trained_rank(trained, preferences, 3, NULL, NULL, all, 14000); /* all are exact */
        for (int a = 0; a < 20; a++) {
            for (int b = 0; b < 20; b++)
                found += best[a].wine == all[b].wine;
        }
    }
    assert_true(found >= 50 * 20 * 98 / 100);
    found = 0;
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(trained_similar(trained, i, best, 20), 20);
        trained_similar(trained, i, all, 13999); /* all but itself: exact */
        for (int a = 0; a < 20; a++) {
            assert_int_not_equal(best[a].wine, i);
            for (int b = 0; b < 20; b++)
                found += best[a].wine == all[b].wine;
        }
    }
    assert_true(found >= 50 * 20 * 95 / 100);
    test_free(all);
    trained_release(trained);
    ratings_free(ratings);
}

/* ---- how good, on ratings ---- */

static void check_quality(ratings_path *find)
{
    struct ratings *ratings = ratings_read(find);
    struct training_options options = training_defaults(2);
    struct trained *trained = NULL;
    struct error error;
    struct evaluation model, popular, one;
    assert_int_equal(
        train(&trained, ratings->ids, ratings->train, ratings->content, &options, &error), 0);
    struct evaluate_trained *lister = evaluate_trained_new(trained, ratings->train, ratings->ids);
    evaluate(ratings->train, ratings->valid, evaluate_trained_list, lister, &model);
    evaluate_trained_limit(lister, NULL, 1);
    evaluate(ratings->train, ratings->valid, evaluate_trained_list, lister, &one);
    evaluate_trained_free(lister);
    struct evaluate_baseline_lister *baseline =
        evaluate_baseline_new(EVALUATE_POPULAR, ratings->train);
    evaluate(ratings->train, ratings->valid, evaluate_baseline_list, baseline, &popular);
    evaluate_baseline_free(baseline);
    double fresh = 0;
    assert_int_equal(evaluate_new_wines(ratings->ids, ratings->train, ratings->valid,
                         ratings->content, &options, 100, 5, &fresh, &error),
        0);
    print_message(
        "recall@20 %.4f, ndcg@10 %.4f, coverage %.3f; popular %.4f, %.4f; after one event "
        "%.4f; new wines %.4f\n",
        model.recall, model.ndcg, model.coverage, popular.recall, popular.ndcg, one.recall, fresh);
    assert_true(model.recall > popular.recall && model.ndcg > popular.ndcg);
    assert_true(one.recall > popular.recall);
    assert_true(model.coverage >= 0.4);
    if (find == x_wines_find) {
        char path[X_WINES_PATH];
        if (x_wines_real(path, "wines.csv")) {
            assert_int_equal(model.shoppers, 5925);
            assert_true(model.recall >= 0.320 && model.ndcg >= 0.124);
            assert_true(fresh >= 0.50);
        }
    }
    trained_release(trained);
    ratings_free(ratings);
}

static void foretells_ratings(void **state)
{
    (void)state;
    check_quality(x_wines_find);
}

static void foretells_generated_ratings(void **state)
{
    (void)state;
    check_quality(x_wines_generated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collects_one_event_per_shopper_and_wine),
        cmocka_unit_test(bounds_one_shoppers_events),
        cmocka_unit_test(selects_by_time_and_wine),
        cmocka_unit_test(ranks_by_what_shoppers_share),
        cmocka_unit_test(lists_what_is_asked_for_to_the_unknown),
        cmocka_unit_test(gives_a_new_wine_what_its_likes_have),
        cmocka_unit_test(learns_from_content_where_nothing_happened),
        cmocka_unit_test(takes_no_model_of_nothing),
        cmocka_unit_test(gives_up_when_told),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(refuses_a_file_that_is_not_whole),
        cmocka_unit_test(trains_to_the_same_bits),
        cmocka_unit_test(solves_the_linear_model),
        cmocka_unit_test(solves_a_shoppers_vector),
        cmocka_unit_test(finds_the_best_of_many_wines),
        cmocka_unit_test(foretells_ratings),
        cmocka_unit_test(foretells_generated_ratings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
