/*
 * Training: how long, how much memory and how good.
 *
 *   bench_train [--threads N] [x-wines | WINES SHOPPERS EVENTS] [name=value ...]
 *
 * The names are those of struct training_options: lambda, dropout, content, half_life, dims, ...;
 * and from=0.88 until=1 takes that share of the training period as the truth instead of the last
 * one.
 */
#include "evaluate.h"
#include "ratings.h"
#include "x_wines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static void set(struct training_options *options, const char *name, double value)
{
    const struct {
        const char *name;
        double *value;
    } numbers[] = {
        {"lambda", &options->linear.lambda},
        {"dropout", &options->linear.dropout},
        {"content", &options->linear.content},
        {"half_life", &options->linear.half_life},
        {"alpha0", &options->als.alpha0},
        {"als_lambda", &options->als.lambda},
        {"nu", &options->als.nu},
        {"linear", &options->linear_weight},
        {"filter", &options->filter_weight},
        {"factors", &options->factors_weight},
        {"cutoff", &options->filter.cutoff},
        {"shopper_power", &options->filter.shopper_power},
        {"wine_power", &options->filter.wine_power},
        {"filter_half_life", &options->filter.half_life_days},
        {"floor", &options->floor},
        {"shift", &options->shift},
        {"trend", &options->trend},
        {"common", &options->common},
        {"common_events", &options->common_events},
        {"transfer_power", &options->transfer_power},
        {"smoothing", &options->trend_smoothing},
        {"profile_half_life", &options->profile_half_life},
        {"fold_power", &options->fold_power},
        {"trend_half_life", &options->trend_half_life_days},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0)
            *numbers[i].value = value;
    }
    if (strcmp(name, "new_events") == 0)
        options->new_events = (size_t)value;
    if (strcmp(name, "order") == 0)
        options->filter.order = (int)value;
    if (strcmp(name, "dims") == 0)
        options->als.dims = (int)value;
    if (strcmp(name, "iterations") == 0)
        options->als.iterations = (int)value;
    if (strcmp(name, "linear_wines") == 0)
        options->linear_wines = (size_t)value;
    if (strcmp(name, "transfer") == 0)
        options->transfer = (size_t)value;
}

static void show(const char *name, const struct evaluation *result)
{
    printf("%-24s recall@20 %.4f (%.4f)  ndcg@10 %.4f (%.4f)  coverage %.3f  %zu shoppers\n", name,
        result->recall, result->recall_error, result->ndcg, result->ndcg_error, result->coverage,
        result->shoppers);
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#define SOME_LISTS 2000

/* Of a catalogue so large that holding every shopper's list against the truth takes minutes. */
static void time_lists(const struct ratings *ratings, struct evaluate_trained *lister)
{
    uint32_t list[EVALUATE_LENGTH];
    uint32_t count = 0;
    int64_t began = cpu_ns();
    for (uint32_t i = 0; i < ratings->train->shoppers && count < SOME_LISTS; i += 97, count++)
        evaluate_trained_list(lister, i, list);
    printf("%-24s %.0f us of CPU a list\n", "",
        (double)(cpu_ns() - began) / 1000 / (count ? count : 1));
}

static void rate(const struct ratings *ratings, const struct trained *trained,
    const struct training_options *options)
{
    struct evaluation result;
    struct evaluate_trained *lister = evaluate_trained_new(trained, ratings->train, ratings->ids);
    if (ratings->wines > 20000) {
        time_lists(ratings, lister);
        evaluate_trained_free(lister);
        return;
    }
    int64_t began = cpu_ns();
    evaluate(ratings->train, ratings->valid, evaluate_trained_list, lister, &result);
    double spent = (double)(cpu_ns() - began) / 1000;
    show("trained", &result);
    printf("%-24s %.0f us of CPU a list\n", "",
        spent / (double)(result.shoppers ? result.shoppers : 1));
    evaluate_trained_limit(lister, NULL, 1);
    evaluate(ratings->train, ratings->valid, evaluate_trained_list, lister, &result);
    show("trained, one event", &result);
    evaluate_trained_free(lister);
    for (int i = 0; i < 2; i++) {
        struct evaluate_baseline_lister *baseline =
            evaluate_baseline_new(i ? EVALUATE_KNN : EVALUATE_POPULAR, ratings->train);
        evaluate(ratings->train, ratings->valid, evaluate_baseline_list, baseline, &result);
        show(i ? "item-kNN" : "popularity", &result);
        evaluate_baseline_free(baseline);
    }
    struct error error;
    double recall = 0;
    if (ratings->wines <= 2000 && evaluate_new_wines(ratings->ids, ratings->train, ratings->valid,
                                      ratings->content, options, 100, 5, &recall, &error) == 0)
        printf("%-24s recall@20 %.4f among 100 hidden, five draws\n", "new wines", recall);
}

/* Takes the share of the training period from `from` to `until` as the truth instead. */
static void split(struct ratings *ratings, double from, double until)
{
    int64_t begin = events_quantile(ratings->train, from);
    int64_t end = until < 1 ? events_quantile(ratings->train, until) : INT64_MAX;
    struct events *train = events_select(ratings->train, INT64_MIN, begin, NULL);
    struct events *valid = events_select(ratings->train, begin, end, NULL);
    events_free(ratings->train);
    events_free(ratings->valid);
    ratings->train = train;
    ratings->valid = valid;
}

int main(int argc, char **argv)
{
    int threads = 1, next = 1;
    if (next + 1 < argc && strcmp(argv[next], "--threads") == 0) {
        threads = atoi(argv[next + 1]);
        next += 2;
    }
    struct training_options options = training_defaults(threads);
    struct ratings *ratings;
    if (next + 2 < argc && atoi(argv[next]) > 0) {
        ratings = ratings_generate((size_t)atoll(argv[next]), (size_t)atoll(argv[next + 1]),
            (size_t)atoll(argv[next + 2]));
        next += 3;
    } else {
        ratings = ratings_read(x_wines_find);
        next += next < argc && strcmp(argv[next], "x-wines") == 0;
    }
    double from = 0, until = 0;
    for (; next < argc; next++) {
        char *equals = strchr(argv[next], '=');
        if (equals) {
            *equals = '\0';
            set(&options, argv[next], atof(equals + 1));
            if (strcmp(argv[next], "from") == 0)
                from = atof(equals + 1);
            if (strcmp(argv[next], "until") == 0)
                until = atof(equals + 1);
        }
    }
    if (until > 0)
        split(ratings, from, until);
    struct trained *trained;
    struct error error;
    if (train(&trained, ratings->ids, ratings->train, ratings->content, &options, &error) < 0) {
        fprintf(stderr, "bench_train: %s\n", error.message);
        return 1;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const struct trained_info *info = trained_info(trained);
    printf(
        "%zu events, %zu shoppers, %zu wines, %d threads: %.2f s (linear %.3f s), %ld MB at most\n",
        info->events, info->shoppers, info->wines, threads, info->record.seconds,
        info->record.linear_seconds, usage.ru_maxrss / 1024);
    rate(ratings, trained, &options);
    trained_release(trained);
    ratings_free(ratings);
    return 0;
}
