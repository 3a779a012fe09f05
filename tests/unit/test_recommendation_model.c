#include "engines.h"

#include "arena.h"
#include "clock.h"
#include "crowd.h"
#include "csv.h"
#include "model.h"
#include "text.h"
#include "together.h"
#include "x_wines.h"

#include <stdatomic.h>

#define DAY INT64_C(86400000)
#define NOW INT64_C(1772000000000)

static char *wine_id(struct arena *arena, int number)
{
    return arena_printf(arena, "01%024d", number);
}

struct fixture {
    struct model *model;
    struct arena *arena;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->model = model_new(100);
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    model_free(f->model);
    arena_free(f->arena);
    test_free(f);
    return 0;
}

static struct wine_document document(
    struct fixture *f, int number, const char *type, const char *grape, const char *region)
{
    struct wine_document made = {.id = wine_id(f->arena, number),
        .group_id = "",
        .name = arena_printf(f->arena, "Wine %d", number),
        .winery = arena_printf(f->arena, "Winery %d", number),
        .type = type,
        .country = "France",
        .region = region,
        .appellation = "",
        .elaborate = "",
        .body = "full",
        .acidity = "high",
        .sweetness = "dry",
        .tannin = "",
        .price = 2000,
        .rating_count = -1};
    made.grapes[0].name = grape;
    made.grapes[0].share = 1;
    made.grape_count = 1;
    return made;
}

static void add_wine(
    struct fixture *f, int number, const char *type, const char *grape, const char *region)
{
    struct wine_document made = document(f, number, type, grape, region);
    model_describe(f->model, &made, 0, 10);
}

static size_t similar(struct fixture *f, int number, const char **ids)
{
    size_t count = 0;
    assert_int_equal(
        model_similar(f->model, wine_id(f->arena, number), 10, ids, &count), MODEL_FOUND);
    return count;
}

static size_t recommend_to(struct model *model, const char *shopper, size_t limit,
    struct model_pick *picks, bool *personal)
{
    struct model_answer answer;
    model_recommend(model,
        &(struct model_query){
            .shopper = shopper, .limit = limit, .now_ms = NOW, .max_price = INT64_MAX},
        picks, &answer);
    *personal = answer.personal;
    return answer.count;
}

/* ---- taste ---- */

static void near_wines_share_what_matters(void **state)
{
    struct fixture *f = *state;
    const char *ids[10];
    add_wine(f, 1, "Red", "Syrah", "Rhone");
    add_wine(f, 2, "White", "Riesling", "Alsace");
    add_wine(f, 3, "Red", "Syrah", "Rhone");
    add_wine(f, 4, "Red", "Merlot", "Bordeaux");
    add_wine(f, 5, "Red", "Syrah", "Barossa");
    model_rebuild(f->model, NOW);
    assert_int_equal(similar(f, 1, ids), 4);
    assert_string_equal(ids[0], wine_id(f->arena, 3));
    assert_string_equal(ids[1], wine_id(f->arena, 5));
    assert_string_equal(ids[2], wine_id(f->arena, 4));
}

static void one_of_each_other_group(void **state)
{
    struct fixture *f = *state;
    const char *ids[10];
    for (int i = 1; i <= 6; i++) {
        struct wine_document made = document(f, i, "Red", "Syrah", "Rhone");
        made.group_id = i <= 3 ? "A" : "B";
        model_describe(f->model, &made, 0, i == 4 ? 0 : 10);
    }
    model_rebuild(f->model, NOW);
    assert_int_equal(similar(f, 1, ids), 1);
    assert_string_not_equal(ids[0], wine_id(f->arena, 4)); /* sold out, another size is not */
}

static void sold_out_wines_come_last(void **state)
{
    struct fixture *f = *state;
    const char *ids[10];
    for (int i = 1; i <= 4; i++)
        add_wine(f, i, "Red", "Syrah", "Rhone");
    model_rebuild(f->model, NOW);
    model_stock(f->model, wine_id(f->arena, 2), 0, 1);
    assert_int_equal(similar(f, 1, ids), 3);
    assert_string_equal(ids[2], wine_id(f->arena, 2));
    model_stock(f->model, wine_id(f->arena, 2), 5, 3);
    model_stock(f->model, wine_id(f->arena, 2), 0, 2); /* late */
    similar(f, 1, ids);
    assert_string_not_equal(ids[2], wine_id(f->arena, 2));
}

static void documents_change_and_go(void **state)
{
    struct fixture *f = *state;
    const char *ids[10];
    size_t count;
    for (int i = 1; i <= 3; i++)
        add_wine(f, i, "Red", "Syrah", "Rhone");
    struct wine_document white = document(f, 2, "White", "Riesling", "Alsace");
    model_describe(f->model, &white, 5, -1);
    struct wine_document old = document(f, 2, "Red", "Syrah", "Rhone");
    model_describe(f->model, &old, 4, -1);
    model_withdraw(f->model, wine_id(f->arena, 3), 2);
    assert_int_equal(model_rebuild(f->model, NOW), MODEL_WINES);
    assert_int_equal(model_rebuild(f->model, NOW), MODEL_SAME);
    model_view(f->model, "", wine_id(f->arena, 1), NOW);
    assert_int_equal(model_rebuild(f->model, NOW), MODEL_COUNTS);
    assert_int_equal(similar(f, 1, ids), 1); /* the white one shares the country, body ... */
    assert_int_equal(
        model_similar(f->model, wine_id(f->arena, 3), 5, ids, &count), MODEL_WITHDRAWN);
    assert_int_equal(model_similar(f->model, wine_id(f->arena, 9), 5, ids, &count), MODEL_UNKNOWN);
    add_wine(f, 9, "Red", "Syrah", "Rhone");
    assert_int_equal(/* not trained yet */
        model_similar(f->model, wine_id(f->arena, 9), 5, ids, &count), MODEL_UNKNOWN);
}

/* ---- together ---- */

static void what_is_bought_together_comes_near(void **state)
{
    struct fixture *f = *state;
    const char *ids[10];
    for (int i = 1; i <= 9; i++)
        add_wine(f, i, i == 9 ? "White" : "Red", i == 9 ? "Riesling" : "Syrah", "Rhone");
    const char *lines[] = {wine_id(f->arena, 1), wine_id(f->arena, 9)};
    for (int i = 0; i < 8; i++)
        model_order(f->model, arena_printf(f->arena, "S%d", i), "O", lines, 2, NOW);
    model_rebuild(f->model, NOW);
    similar(f, 1, ids);
    assert_string_equal(ids[0], wine_id(f->arena, 9));
}

static void pairs_forget_the_weaker_half(void **state)
{
    (void)state;
    struct pairs pairs = {0};
    for (uint32_t i = 0; i < TOGETHER_MAX_PAIRS + 10; i++)
        pairs_add(&pairs, i, i + 1, i < 100 ? 5 : 1);
    assert_true(pairs.count < TOGETHER_MAX_PAIRS / 2 + 1000);
    size_t strong = 0;
    for (size_t i = 0; i < pairs.capacity; i++)
        strong += pairs.slots[i].b && pairs.slots[i].weight > 4;
    assert_int_equal(strong, 100);
    pairs_add(&pairs, 7, 7, 1);
    pairs_release(&pairs);
}

/* ---- profiles ---- */

static void the_least_recent_shopper_is_forgotten(void **state)
{
    (void)state;
    struct profiles *profiles = profiles_new(3);
    struct profile profile;
    char shopper[8];
    for (int i = 0; i < 4; i++) {
        snprintf(shopper, sizeof(shopper), "S%d", i);
        profiles_see(profiles, shopper, 7, PROFILE_VIEWED, 1, NOW);
        profiles_see(profiles, "S0", 8, PROFILE_VIEWED, 1, NOW);
    }
    assert_int_equal(profiles_count(profiles), 3);
    assert_true(profiles_get(profiles, "S0", &profile));
    assert_false(profiles_get(profiles, "S1", &profile));
    assert_true(profiles_get(profiles, "S3", &profile));
    profiles_forget(profiles, "S3");
    assert_false(profiles_get(profiles, "S3", &profile));
    profiles_see(profiles, "", 7, PROFILE_VIEWED, 1, NOW);
    profiles_see(profiles, "a pseudonym that is much too long", 7, PROFILE_VIEWED, 1, NOW);
    assert_int_equal(profiles_count(profiles), 2);
    profiles_free(profiles);
}

static void a_profile_keeps_the_latest_wines(void **state)
{
    (void)state;
    struct profiles *profiles = profiles_new(10);
    struct profile profile;
    for (uint32_t i = 0; i < PROFILE_ITEMS + 20; i++)
        profiles_see(profiles, "S", i, PROFILE_VIEWED, 1, NOW + i);
    assert_true(profiles_get(profiles, "S", &profile));
    assert_int_equal(profile.item_count, PROFILE_ITEMS);
    for (size_t i = 0; i < profile.item_count; i++)
        assert_true(profile.items[i].wine >= 20);
    profiles_rate(profiles, "S", 30, 1, NOW + 100);
    profiles_see(profiles, "S", 30, PROFILE_VIEWED, 1, NOW + 101);
    profiles_get(profiles, "S", &profile);
    for (size_t i = 0; i < profile.item_count; i++)
        assert_true(profile.items[i].wine != 30 || profile.items[i].weight < 0);
    assert_int_equal(profile.disliked_count, 1);
    profiles_rate(profiles, "S", 30, 4, NOW + 102);
    profiles_get(profiles, "S", &profile);
    assert_int_equal(profile.disliked_count, 0);
    profiles_free(profiles);
}

static void a_merge_joins_cart_and_taste(void **state)
{
    (void)state;
    struct profiles *profiles = profiles_new(2);
    struct profile profile;
    profiles_see(profiles, "U", 1, PROFILE_ORDERED, 6, NOW);
    profiles_see(profiles, "G", 2, PROFILE_CARTED, 3, NOW);
    profiles_cart(profiles, "G", 2, true, NOW);
    profiles_merge(profiles, "U", "G");
    profiles_merge(profiles, "U", "nobody");
    profiles_merge(profiles, "U", "U");
    assert_int_equal(profiles_count(profiles), 1);
    assert_true(profiles_get(profiles, "U", &profile));
    assert_int_equal(profile.item_count, 2);
    assert_int_equal(profile.cart_count, 1);
    profiles_free(profiles);
}

/* ---- recommending ---- */

static void new_wines_are_news_only_after_the_opening(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[12];
    bool personal;
    for (int i = 1; i <= 20; i++)
        add_wine(f, i, "Red", "Syrah", arena_printf(f->arena, "Region %d", i));
    struct wine_document fresh = document(f, 21, "Red", "Syrah", "Elsewhere");
    fresh.id = "01KJ80000000000000000000AA"; /* made in February 2026 */
    model_describe(f->model, &fresh, 0, 10);
    struct wine_document opening = document(f, 22, "Red", "Syrah", "There");
    opening.id = "01KF00000000000000000000AA"; /* and this one in January */
    model_describe(f->model, &opening, 0, 10);
    model_rebuild(f->model, NOW);
    assert_int_equal(recommend_to(f->model, "", 12, picks, &personal), 12);
    assert_false(personal);
    assert_int_equal(picks[3].reason, MODEL_NEW);
    assert_string_equal(picks[3].wine_id, fresh.id);
    for (int i = 4; i < 12; i++)
        assert_int_equal(picks[i].reason, MODEL_POPULAR);
}

static void popularity_fades(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[2];
    bool personal;
    add_wine(f, 1, "Red", "Syrah", "Rhone");
    add_wine(f, 2, "Red", "Syrah", "Loire");
    for (int i = 0; i < 10; i++)
        model_view(f->model, "", wine_id(f->arena, 1), NOW - 90 * DAY);
    model_view(f->model, "", wine_id(f->arena, 2), NOW);
    model_rebuild(f->model, NOW);
    recommend_to(f->model, "", 2, picks, &personal);
    assert_string_equal(picks[0].wine_id, wine_id(f->arena, 2));
}

#define CRAZE 200000

static void one_shopper_does_not_rule_the_rest(void **state)
{
    struct fixture *f = *state;
    struct model_pick picks[3];
    struct model_stats stats;
    const char *ids[300];
    bool personal;
    for (int i = 0; i < 300; i++) {
        add_wine(f, i, "Red", "Syrah", "Rhone");
        ids[i] = wine_id(f->arena, i);
    }
    for (int i = 0; i < CRAZE; i++) {
        model_view(f->model, "mad", ids[1], NOW + i);
        model_click(f->model, "mad", ids[2 + i % 250], NOW + i);
    }
    for (int i = 0; i < 5; i++)
        model_view(f->model, wine_id(f->arena, 1000 + i), ids[290], NOW);
    model_rebuild(f->model, NOW);
    recommend_to(f->model, "", 3, picks, &personal);
    assert_string_equal(picks[0].wine_id, ids[290]);
    model_stats(f->model, &stats);
    assert_true(stats.pairs <= CROWD_SIGNS * 5);
    assert_int_equal(stats.profiles, 6);
    /* What was seen an hour before counts again. */
    for (int i = 0; i < 6; i++)
        model_view(f->model, "mad", ids[1], NOW + (i + 1) * (CROWD_PAUSE_S * 1000 + 1000));
    model_rebuild(f->model, NOW);
    recommend_to(f->model, "", 3, picks, &personal);
    assert_string_equal(picks[0].wine_id, ids[1]);
}

/* ---- threads ---- */

struct racing {
    struct model *model;
    atomic_bool stop;
    struct arena *arena;
    const char *ids[200];
};

static void *ask(void *argument)
{
    struct racing *racing = argument;
    unsigned seed = 7;
    while (!racing->stop) {
        const char *ids[10];
        struct model_pick picks[10];
        size_t count = 0;
        bool personal;
        model_similar(racing->model, racing->ids[rand_r(&seed) % 200], 10, ids, &count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(strlen(ids[i]), 26);
        recommend_to(racing->model, "S1", 10, picks, &personal);
    }
    return NULL;
}

static void *rebuild(void *argument)
{
    struct racing *racing = argument;
    while (!racing->stop)
        model_rebuild(racing->model, NOW);
    return NULL;
}

static void asking_goes_on_while_learning(void **state)
{
    struct fixture *f = *state;
    struct racing racing = {.model = f->model};
    pthread_t threads[3];
    unsigned seed = 1;
    for (int i = 0; i < 200; i++) {
        racing.ids[i] = wine_id(f->arena, i);
        if (i < 100)
            add_wine(f, i, i % 2 ? "Red" : "White", i % 3 ? "Syrah" : "Pinot", "Rhone");
    }
    pthread_create(&threads[0], NULL, ask, &racing);
    pthread_create(&threads[1], NULL, ask, &racing);
    pthread_create(&threads[2], NULL, rebuild, &racing);
    for (int i = 0; i < 2000; i++) {
        const char *wine = racing.ids[rand_r(&seed) % 200];
        const char *shopper = i % 2 ? "S1" : "S2";
        model_view(f->model, shopper, wine, NOW + i);
        model_stock(f->model, wine, i % 5, i + 1);
        model_cart(f->model, shopper, wine, i % 3 > 0, NOW + i);
        model_order(f->model, shopper, "O", &racing.ids[i % 190], 5, NOW + i);
        if (i % 20 == 0)
            add_wine(f, 100 + i / 20 % 100, "Red", "Syrah", "Rhone");
        if (i % 500 == 0)
            model_forget(f->model, shopper);
    }
    racing.stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* ---- with many ratings: X-Wines, and the like of it ---- */

typedef const char *find_fn(char path[X_WINES_PATH], const char *name);

static FILE *open_file(find_fn *find, const char *name)
{
    char path[X_WINES_PATH];
    FILE *file = fopen(find(path, name), "r");
    assert_non_null(file);
    return file;
}

static const char *python_list(
    struct arena *arena, const char *text, const char **items, size_t *count, size_t max)
{
    char *plain = arena_strdup(arena, text);
    for (char *c = plain; *c; c++)
        *c = *c == '[' || *c == ']' || *c == '\'' || *c == '"' ? ' ' : *c;
    *count = text_split(arena, plain, ',', items, max);
    return plain;
}

static void load_xwines(struct fixture *f, FILE *file)
{
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    csv_next(reader, &row, &error);
    while (csv_next(reader, &row, &error) == 1) {
        const char *grapes[WINE_MAX_GRAPES];
        size_t count;
        struct wine_document made = {.id = wine_id(f->arena, atoi(row.fields[0])),
            .group_id = "",
            .name = row.fields[1],
            .winery = row.fields[14],
            .type = row.fields[2],
            .country = row.fields[10],
            .region = row.fields[12],
            .appellation = "",
            .elaborate = row.fields[3],
            .body = row.fields[7],
            .acidity = row.fields[8],
            .sweetness = "",
            .tannin = "",
            .rating_count = -1};
        python_list(f->arena, row.fields[4], grapes, &count, WINE_MAX_GRAPES);
        for (size_t i = 0; i < count; i++) {
            made.grapes[i].name = grapes[i];
            made.grapes[i].share = 1.0 / (double)count;
        }
        made.grape_count = count;
        python_list(f->arena, row.fields[5], made.pairings, &made.pairing_count, WINE_MAX_PAIRINGS);
        model_describe(f->model, &made, 0, 10);
    }
    csv_reader_free(reader);
}

/* Per shopper: a wine liked before, and the hits among what was rated later. */
struct trial {
    const char *shopper, *liked;
};

static size_t load_ratings(struct fixture *f, FILE *file, bool teach, struct trial *trials,
    size_t max, const char *(*truth)[2], size_t *truth_count)
{
    struct csv_reader *reader = csv_reader_new(file);
    struct csv_row row;
    struct error error;
    size_t count = 0, line = 0;
    csv_next(reader, &row, &error);
    while (csv_next(reader, &row, &error) == 1) {
        const char *shopper = arena_printf(f->arena, "%s", row.fields[0]);
        const char *wine = wine_id(f->arena, atoi(row.fields[1]));
        double stars = atof(row.fields[2]);
        if (teach)
            model_rate(f->model, shopper, wine, stars, NOW - DAY);
        else if (*truth_count < max) {
            truth[*truth_count][0] = shopper;
            truth[(*truth_count)++][1] = wine;
        }
        if (teach && stars >= 4 && line++ % 20 == 0 && count < max)
            trials[count++] = (struct trial){.shopper = shopper, .liked = wine};
    }
    csv_reader_free(reader);
    return count;
}

#define MANY 15000

static void check_ranking(find_fn *find)
{
    FILE *wines = open_file(find, "wines.csv"), *train = open_file(find, "ratings_train.csv"),
         *valid = open_file(find, "ratings_valid.csv");
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->model = model_new(200000);
    f->arena = arena_new();
    struct trial *trials = test_calloc(MANY, sizeof(*trials));
    const char *(*truth)[2] = test_calloc(MANY, sizeof(*truth));
    size_t truth_count = 0;
    load_xwines(f, wines);
    size_t count = load_ratings(f, train, true, trials, MANY, NULL, NULL);
    load_ratings(f, valid, false, NULL, MANY, truth, &truth_count);
    model_rebuild(f->model, NOW);
    struct model_pick popular[20];
    bool personal;
    size_t shown = recommend_to(f->model, "", 20, popular, &personal);
    int similar_hits = 0, popular_hits = 0, personal_hits = 0, asked = 0;
    int64_t spent = 0;
    for (size_t i = 0; i < count; i++) {
        const char *near[20];
        struct model_pick mine[20];
        size_t nears = 0;
        int64_t began = clock_monotonic_ns();
        model_similar(f->model, trials[i].liked, 20, near, &nears);
        spent += clock_monotonic_ns() - began;
        size_t picks = 0;
        for (size_t j = 0; j < truth_count; j++) {
            if (strcmp(truth[j][0], trials[i].shopper) != 0)
                continue;
            if (!picks)
                picks = recommend_to(f->model, trials[i].shopper, 20, mine, &personal);
            asked++;
            for (size_t k = 0; k < nears; k++)
                similar_hits += strcmp(near[k], truth[j][1]) == 0;
            for (size_t k = 0; k < shown; k++)
                popular_hits += strcmp(popular[k].wine_id, truth[j][1]) == 0;
            for (size_t k = 0; k < picks; k++)
                personal_hits += strcmp(mine[k].wine_id, truth[j][1]) == 0;
        }
    }
    print_message("of %d later ratings: similar %d, personal %d, popular %d; %.1f us a question\n",
        asked, similar_hits, personal_hits, popular_hits, (double)spent / 1e3 / (double)count);
    assert_true(similar_hits > popular_hits);
    assert_true(personal_hits > popular_hits);
    test_free(trials);
    test_free(truth);
    model_free(f->model);
    arena_free(f->arena);
    test_free(f);
    fclose(wines);
    fclose(train);
    fclose(valid);
}

static void similar_wines_beat_popular_ones(void **state)
{
    (void)state;
    check_ranking(x_wines_find);
}

static void similar_wines_beat_popular_ones_in_the_like(void **state)
{
    (void)state;
    check_ranking(x_wines_generated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(near_wines_share_what_matters, setup, teardown),
        cmocka_unit_test_setup_teardown(one_of_each_other_group, setup, teardown),
        cmocka_unit_test_setup_teardown(sold_out_wines_come_last, setup, teardown),
        cmocka_unit_test_setup_teardown(documents_change_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_bought_together_comes_near, setup, teardown),
        cmocka_unit_test(pairs_forget_the_weaker_half),
        cmocka_unit_test(the_least_recent_shopper_is_forgotten),
        cmocka_unit_test(a_profile_keeps_the_latest_wines),
        cmocka_unit_test(a_merge_joins_cart_and_taste),
        cmocka_unit_test_setup_teardown(new_wines_are_news_only_after_the_opening, setup, teardown),
        cmocka_unit_test_setup_teardown(popularity_fades, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shopper_does_not_rule_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_goes_on_while_learning, setup, teardown),
        cmocka_unit_test(similar_wines_beat_popular_ones),
        cmocka_unit_test(similar_wines_beat_popular_ones_in_the_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
