/*
 * How long the model takes for a list of recommendations, without sockets and documents.
 *
 *   bench_recommend [WINES [EVENTS [RATE [SECONDS]]]]      1007, 150000, 500 and 10 by default
 *
 * Shoppers with 1 to 128 wines ask in an open loop: RATE a second, time counts from when each was
 * due. The model is trained on generated events with a long tail.
 */
#include "arena.h"
#include "clock.h"
#include "model.h"
#include "train.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHOPPERS 2000
#define TYPES 6
#define REGIONS 150

static struct arena *arena;
static const char **ids;
static size_t wines, events_wanted;
static unsigned dice = 5;

static double chance(void)
{
    return rand_r(&dice) / (RAND_MAX + 1.0);
}

/* Wine 0 is wanted most, as in Zipf's law; those near in number mod 64 are alike. */
static uint32_t popular_wine(unsigned taste)
{
    uint32_t wine = (uint32_t)(pow((double)wines, chance()) - 1);
    return chance() < 0.6 ? (wine / 64 * 64 + taste % 64) % (uint32_t)wines : wine;
}

static void describe(struct model *model)
{
    static const char *const types[TYPES] = {
        "Red", "White", "Rosé", "Sparkling", "Dessert", "Fortified"};
    for (size_t i = 0; i < wines; i++) {
        struct arena *texts = arena_new();
        struct wine_document made = {.id = ids[i],
            .group_id = "",
            .name = arena_printf(texts, "Wine %zu", i),
            .winery = arena_printf(texts, "Winery %zu", i / 4),
            .type = types[i % 64 % TYPES],
            .country = arena_printf(texts, "Country %zu", i % 12),
            .region = arena_printf(texts, "Region %zu", i % REGIONS),
            .appellation = "",
            .elaborate = "",
            .body = i % 3 ? "full" : "light",
            .acidity = i % 2 ? "high" : "medium",
            .sweetness = "dry",
            .tannin = "",
            .price = 600 + (int64_t)(i * 37 % 9000),
            .rating_count = -1};
        made.grapes[0].name = arena_printf(texts, "Grape %zu", i % 64);
        made.grapes[0].share = 1;
        made.grape_count = 1;
        model_describe(model, &made, 0, i % 20 ? 50 : 0);
        arena_free(texts);
    }
}

static struct trained *train_model(int64_t now_ms)
{
    const struct feature **features = calloc(wines, sizeof(*features));
    struct feature *own = calloc(wines, sizeof(*own));
    size_t *counts = calloc(wines, sizeof(*counts));
    struct trained *trained = NULL;
    struct error error = {0};
    for (size_t i = 0; i < wines; i++) {
        own[i] = (struct feature){.number = (uint32_t)(i % 64), .weight = 1};
        features[i] = &own[i];
        counts[i] = 1;
    }
    struct event_collector *collector = event_collector_new(wines);
    uint32_t people = (uint32_t)(events_wanted / 15 + 1);
    for (size_t i = 0; i < events_wanted; i++)
        event_collector_add_numbered(collector, (uint32_t)(i % people),
            popular_wine((unsigned)(i % people)), TRAINED_RATING, (float)(1 + (int)(chance() * 5)),
            now_ms - (int64_t)(chance() * 400) * 86400000);
    struct events *events = event_collector_finish(collector);
    struct content *content = content_new(wines, 64, features, counts);
    struct training_options options = training_defaults(2);
    int64_t began = clock_monotonic_ms();
    if (train(&trained, ids, events, content, &options, &error) < 0) {
        fprintf(stderr, "bench_recommend: %s\n", error.message);
        exit(1);
    }
    printf("%zu wines, %zu events: trained in %.1f s\n", wines, events->count,
        (double)(clock_monotonic_ms() - began) / 1000);
    content_free(content);
    events_free(events);
    event_collector_free(collector);
    free(features);
    free(own);
    free(counts);
    return trained;
}

static void let_shoppers_act(struct model *model, int64_t now_ms)
{
    char shopper[16];
    for (unsigned i = 0; i < SHOPPERS; i++) {
        snprintf(shopper, sizeof(shopper), "S%u", i);
        int acts = 1 + (int)(i * 128 / SHOPPERS);
        for (int j = 0; j < acts; j++) {
            int64_t at_ms = now_ms - (acts - j) * 1000;
            const char *wine = ids[popular_wine(i)];
            if (j % 5 == 0)
                model_rate(model, shopper, wine, 1 + (int)(chance() * 5), at_ms);
            else if (j % 7 == 0)
                model_order(model, shopper, "O", &wine, 1, at_ms);
            else
                model_view(model, shopper, wine, at_ms);
        }
        model_cart(model, shopper, ids[popular_wine(i)], true, now_ms);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void ask(struct model *model, enum model_list list, size_t i, int64_t now_ms)
{
    char shopper[16];
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_answer answer;
    snprintf(shopper, sizeof(shopper), "S%zu", i * 7919 % SHOPPERS);
    model_recommend(model,
        &(struct model_query){.list = list,
            .shopper = shopper,
            .limit = 20,
            .now_ms = now_ms,
            .max_price = i % 3 ? INT64_MAX : 4000},
        picks, &answer);
}

static double busy_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* As many as the store has for requests. */
#define THREADS 2

struct run {
    struct model *model;
    enum model_list list;
    double rate;
    size_t count;
    atomic_size_t next;
    int64_t start, now_ms, *times;
    double busy[THREADS];
};

struct asker {
    struct run *run;
    int thread;
};

static void *ask_in_turn(void *argument)
{
    struct asker *asker = argument;
    struct run *run = asker->run;
    for (size_t i; (i = atomic_fetch_add(&run->next, 1)) < run->count;) {
        int64_t due = run->start + (int64_t)((double)i * 1e9 / run->rate), now;
        while ((now = clock_monotonic_ns()) < due)
            usleep((unsigned)((due - now) / 2000));
        double before = busy_ms();
        ask(run->model, run->list, i, run->now_ms);
        run->times[i] = clock_monotonic_ns() - due;
        run->busy[asker->thread] += busy_ms() - before;
    }
    return NULL;
}

static void measure(
    struct model *model, const char *name, enum model_list list, double rate, double seconds)
{
    struct run run = {.model = model,
        .list = list,
        .rate = rate,
        .count = (size_t)(rate * seconds),
        .start = clock_monotonic_ns(),
        .now_ms = clock_now_ms()};
    struct asker askers[THREADS];
    pthread_t threads[THREADS];
    double busy = 0;
    run.times = malloc(run.count * sizeof(*run.times));
    for (int i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){&run, i};
        pthread_create(&threads[i], NULL, ask_in_turn, &askers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        busy += run.busy[i];
    }
    qsort(run.times, run.count, sizeof(*run.times), compare);
    printf("%-10s %.0f/s  CPU %.3f  p50 %.3f  p99 %.3f  max %.3f ms\n", name, rate,
        busy / (double)run.count, (double)run.times[run.count / 2] / 1e6,
        (double)run.times[run.count * 99 / 100] / 1e6, (double)run.times[run.count - 1] / 1e6);
    free(run.times);
}

int main(int argc, char **argv)
{
    wines = argc > 1 ? (size_t)atol(argv[1]) : 1007;
    events_wanted = argc > 2 ? (size_t)atol(argv[2]) : 150000;
    double rate = argc > 3 ? atof(argv[3]) : 500, seconds = argc > 4 ? atof(argv[4]) : 10;
    int64_t now_ms = clock_now_ms();
    arena = arena_new();
    ids = calloc(wines, sizeof(*ids));
    for (size_t i = 0; i < wines; i++)
        ids[i] = arena_printf(arena, "01KF0000000000000%09zu", i);
    struct model *model = model_new(SHOPPERS);
    describe(model);
    struct trained *trained = train_model(now_ms);
    model_use(model, MODEL_CURRENT, trained);
    trained_release(trained);
    let_shoppers_act(model, now_ms);
    model_rebuild(model, now_ms);
    measure(model, "personal", MODEL_PERSONAL, rate, seconds);
    measure(model, "basket", MODEL_BASKET_OF, rate, seconds / 2);
    measure(model, "buy again", MODEL_BUY_AGAIN, rate, seconds / 4);
    model_free(model);
    free(ids);
    arena_free(arena);
    return 0;
}
