#include "studio.h"

#include "buffer.h"
#include "clock.h"
#include "lessons.h"
#include "log.h"
#include "ratings_file.h"
#include "service.h"
#include "thread.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMPONENT "recommendation"
#define MEASURE_SHARE 0.1
#define MEASURE_LEAST 1000   /* events: fewer measure nothing */
#define MEASURE_MOST 5000000 /* and more take long */
#define NEW_WINES 100
#define NEW_DRAWS 5
#define NEW_MOST_WINES 3000 /* five more trainings are worth it up to here */
#define TOP_MOST 100
#define NICE 10 /* of work that somebody waits for */

struct models *studio_models(struct recommendation_service *service)
{
    return service->models;
}

int studio_use(struct recommendation_service *service, int64_t version, struct error *error)
{
    int rc = models_use(service->models, version, error);
    if (rc == 0)
        service_changed(service);
    return rc;
}

/* ---- one at a time, and out of shoppers' way ---- */

bool studio_is_busy(struct recommendation_service *service)
{
    return atomic_load(&service->training);
}

void recommendation_service_give_up(struct recommendation_service *service)
{
    atomic_store(&service->training_given_up, true);
}

static int begin(struct recommendation_service *service, struct error *error)
{
    if (atomic_load(&service->training_given_up))
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the store is being stopped");
    if (atomic_exchange(&service->training, true))
        return error_set(error, ERROR_CONFLICT, "training", NULL,
            "a training is running already: wait until it is done");
    return 0;
}

static void end(struct recommendation_service *service)
{
    atomic_store(&service->training, false);
    malloc_trim(0);
}

struct errand {
    int (*run)(struct errand *errand);
    struct recommendation_service *service;
    int64_t as_of_ms;
    int threads;
    size_t least_events;
    bool background;
    struct trained_info info;
    struct error *error;
    int rc;
};

static void *run_errand(void *argument)
{
    struct errand *errand = argument;
    pthread_setname_np(pthread_self(), "training");
    if (errand->background)
        thread_background();
    else
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    errand->rc = errand->run(errand);
    return NULL;
}

/* On a thread of its own; waits for it. What somebody waits for yields to shoppers, and what nobody
 * waits for runs when there is nothing else to do: on a busy machine that may be never. */
static int send_out(struct errand *errand)
{
    pthread_t thread;
    int rc = begin(errand->service, errand->error);
    if (rc < 0)
        return rc;
    if (pthread_create(&thread, NULL, run_errand, errand) != 0) {
        end(errand->service);
        return error_set(errand->error, ERROR_INTERNAL, NULL, NULL, "no thread for the training");
    }
    pthread_join(thread, NULL);
    end(errand->service);
    return errand->rc;
}

/* ---- training ---- */

static void measure(const struct lessons *lessons, const struct training_options *options,
    struct trained_record *record)
{
    const struct events *events = lessons->events;
    struct error error;
    if (events->count < MEASURE_LEAST || events->count > MEASURE_MOST ||
        events->wines > TRAIN_LINEAR_WINES)
        return;
    int64_t split = events_quantile(events, 1 - MEASURE_SHARE);
    struct events *history = events_select(events, INT64_MIN, split, NULL);
    struct events *truth = events_select(events, split, INT64_MAX, NULL);
    struct trained *trained = NULL;
    const char *const *ids = shelf_ids(lessons->shelf);
    if (train(&trained, ids, history, shelf_content(lessons->shelf), options, &error) == 0) {
        struct evaluation result;
        struct evaluate_trained *lister = evaluate_trained_new(trained, history, ids);
        evaluate(history, truth, evaluate_trained_list, lister, &result);
        record->recall = result.recall;
        record->ndcg = result.ndcg;
        evaluate_trained_free(lister);
        struct evaluate_baseline_lister *popular = evaluate_baseline_new(EVALUATE_POPULAR, history);
        evaluate(history, truth, evaluate_baseline_list, popular, &result);
        record->popular_recall = result.recall;
        record->popular_ndcg = result.ndcg;
        evaluate_baseline_free(popular);
    }
    trained_release(trained);
    events_free(history);
    events_free(truth);
}

static struct training_options options_of(const struct errand *errand)
{
    struct training_options options = training_defaults(errand->threads);
    options.given_up = &errand->service->training_given_up;
    return options;
}

static int train_lessons(const struct errand *errand, const struct lessons *lessons,
    const struct training_options *options, struct trained **out, struct error *error)
{
    size_t least = errand->least_events ? errand->least_events : 1;
    if (lessons->events->count < least)
        return error_set(error, ERROR_CONFLICT, "nothing_to_learn", NULL,
            "there is nothing to learn from yet: shoppers have viewed, bought or rated %zu wines, "
            "%zu are needed; `winestore ratings import` brings in history",
            lessons->events->count, least);
    return train(out, shelf_ids(lessons->shelf), lessons->events, shelf_content(lessons->shelf),
        options, error);
}

static int run_training(struct errand *errand)
{
    struct recommendation_service *service = errand->service;
    struct training_options options = options_of(errand);
    struct lessons lessons;
    struct trained *trained = NULL;
    int rc = lessons_read(&lessons, service->options.product, service->options.warehouse,
        errand->as_of_ms, errand->error);
    if (rc < 0)
        return rc;
    rc = train_lessons(errand, &lessons, &options, &trained, errand->error);
    if (rc == 0) {
        struct trained_record record = trained_info(trained)->record;
        measure(&lessons, &options, &record);
        trained_set_record(trained, &record);
        rc = models_keep(service->models, trained, errand->error);
    }
    lessons_release(&lessons);
    if (rc == 0) {
        errand->info = *trained_info(trained);
        log_write(LOG_INFO, COMPONENT, NULL,
            "model %lld: trained on %zu events of %zu shoppers and %zu wines in %.2f s",
            (long long)errand->info.record.version, errand->info.events, errand->info.shoppers,
            errand->info.wines, errand->info.record.seconds);
        service_changed(service);
    }
    trained_release(trained);
    return rc;
}

int studio_train(struct recommendation_service *service, const struct studio_training *training,
    struct trained_info *info, struct error *error)
{
    struct errand errand = {.run = run_training,
        .service = service,
        .as_of_ms = training->as_of_ms,
        .threads = training->threads,
        .least_events = training->least_events,
        .background = training->background,
        .error = error};
    int rc = send_out(&errand);
    if (rc == 0 && info)
        *info = errand.info;
    return rc;
}

/* ---- lists for a file of shoppers ---- */

struct listing {
    struct errand errand; /* first: the errand's address is the listing's */
    FILE *shoppers;
    int top;
    studio_line *line;
    void *ctx;
    struct studio_lists *result;
};

struct lister {
    const struct lessons *lessons;
    const struct trained *trained;
    uint32_t *wine; /* the model's number -> the shelf's, or NO_WINE */
    bool *known;    /* by the shelf's numbers: in the history of the shopper at hand */
};

static struct lister lister_new(const struct lessons *lessons, const struct trained *trained)
{
    size_t places = trained_info(trained)->wines, wines = shelf_count(lessons->shelf);
    struct lister lister = {.lessons = lessons, .trained = trained};
    lister.wine = calloc(places + 1, sizeof(*lister.wine));
    lister.known = calloc(wines + 1, sizeof(*lister.known));
    if (!lister.wine || !lister.known)
        abort();
    for (uint32_t i = 0; i < places; i++)
        lister.wine[i] = shelf_find(lessons->shelf, trained_wine_id(trained, i));
    return lister;
}

static void lister_release(struct lister *lister)
{
    free(lister->wine);
    free(lister->known);
}

static bool may_list(void *ctx, uint32_t place)
{
    const struct lister *lister = ctx;
    return lister->wine[place] != NO_WINE && !lister->known[lister->wine[place]];
}

/* The shopper's wines as the model's numbers, oldest first; marks them as known. */
static size_t find_preferences(
    struct lister *lister, uint32_t shopper, struct preference preferences[TRAINED_MAX_ACTS])
{
    const struct events *events = lister->lessons->events;
    uint32_t wines[EVENTS_PER_SHOPPER];
    float strengths[EVENTS_PER_SHOPPER];
    size_t count = 0;
    for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++) {
        uint32_t place =
            trained_find(lister->trained, shelf_ids(lister->lessons->shelf)[events->wine[i]]);
        lister->known[events->wine[i]] = true;
        if (place == NO_WINE)
            continue;
        wines[count] = place;
        strengths[count++] = events->strength[i];
    }
    return count ? trained_weigh(lister->trained, wines, strengths, count, preferences) : 0;
}

static void forget_known(struct lister *lister, uint32_t shopper)
{
    const struct events *events = lister->lessons->events;
    for (size_t i = events->first[shopper]; i < events->first[shopper + 1]; i++)
        lister->known[events->wine[i]] = false;
}

static void write_list(
    struct listing *listing, struct lister *lister, const char *shopper, struct buffer *text)
{
    struct preference preferences[TRAINED_MAX_ACTS];
    struct scored best[TOP_MOST];
    uint32_t number = lessons_shopper(lister->lessons, shopper);
    size_t known = number == NO_WINE ? 0 : find_preferences(lister, number, preferences);
    size_t count = trained_rank(
        lister->trained, preferences, known, may_list, lister, best, (size_t)listing->top);
    if (number != NO_WINE)
        forget_known(lister, number);
    buffer_reset(text);
    buffer_append_text(text, shopper);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(text, i ? ',' : '\t');
        buffer_append_text(text, shelf_key(lister->lessons->shelf, lister->wine[best[i].wine]));
    }
    listing->result->shoppers++;
    listing->result->unknown += known == 0;
    listing->line(listing->ctx, text->data);
}

static int write_lists(struct listing *listing, struct lister *lister)
{
    char line[256];
    int64_t number = 0;
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    while (!atomic_load(&listing->errand.service->training_given_up) &&
           fgets(line, sizeof(line), listing->shoppers)) {
        size_t length = strcspn(line, "\r\n");
        number++;
        if ((!line[length] && !feof(listing->shoppers)) || length >= ID_SIZE ||
            strcspn(line, "\t ,") < length)
            return error_set(listing->errand.error, ERROR_INVALID, NULL, "users",
                "line %lld is no shopper's id: one a line, at most %d characters",
                (long long)number, ID_SIZE - 1);
        line[length] = '\0';
        if (length)
            write_list(listing, lister, line, &text);
    }
    if (atomic_load(&listing->errand.service->training_given_up))
        return error_set(
            listing->errand.error, ERROR_UNAVAILABLE, NULL, NULL, "the store is being stopped");
    return 0;
}

/* The current model, unless it knows what happened after the moment asked for. */
static int choose_model(struct errand *errand, const struct lessons *lessons, struct trained **out)
{
    int rc = models_load(errand->service->models, errand->error);
    if (rc < 0)
        return rc;
    *out = models_current(errand->service->models);
    if (*out && (!errand->as_of_ms || trained_info(*out)->until_ms < errand->as_of_ms))
        return 0;
    if (!*out && !errand->as_of_ms)
        return error_set(errand->error, ERROR_NOT_FOUND, NULL, NULL,
            "no model is trained yet: run `winestore train` first");
    trained_release(*out);
    struct training_options options = options_of(errand);
    return train_lessons(errand, lessons, &options, out, errand->error);
}

static int run_listing(struct errand *errand)
{
    struct listing *listing = (struct listing *)errand;
    struct lessons lessons;
    struct trained *trained = NULL;
    int rc = lessons_read(&lessons, errand->service->options.product,
        errand->service->options.warehouse, errand->as_of_ms, errand->error);
    if (rc < 0)
        return rc;
    rc = choose_model(errand, &lessons, &trained);
    if (rc == 0) {
        struct lister lister = lister_new(&lessons, trained);
        listing->result->version = trained_info(trained)->record.version;
        rc = write_lists(listing, &lister);
        lister_release(&lister);
        trained_release(trained);
    }
    lessons_release(&lessons);
    return rc;
}

int studio_recommend(struct recommendation_service *service, FILE *shoppers, int top,
    int64_t as_of_ms, int threads, studio_line *line, void *ctx, struct studio_lists *result,
    struct error *error)
{
    if (top < 1 || top > TOP_MOST)
        return error_set(
            error, ERROR_INVALID, NULL, "top", "must be a whole number from 1 to %d", TOP_MOST);
    *result = (struct studio_lists){0};
    struct listing listing = {.errand = {.run = run_listing,
                                  .service = service,
                                  .as_of_ms = as_of_ms,
                                  .threads = threads,
                                  .error = error},
        .shoppers = shoppers,
        .top = top,
        .line = line,
        .ctx = ctx,
        .result = result};
    return send_out(&listing.errand);
}

/* ---- evaluation ---- */

struct trial {
    struct errand errand; /* first: the errand's address is the trial's */
    FILE *truth;
    double share;
    struct studio_evaluation *result;
};

/* The file's rows as events numbered like the lessons'; shoppers who are not in them count for
 * nothing. */
static int read_truth(struct trial *trial, const struct lessons *lessons, struct events **out)
{
    struct ratings_file *file = NULL;
    struct ratings_row row;
    struct error *error = trial->errand.error;
    int rc = ratings_file_open(&file, trial->truth, lessons->shelf, error);
    if (rc < 0)
        return rc;
    struct event_collector *collector = event_collector_new(shelf_count(lessons->shelf));
    int64_t oldest = INT64_MAX;
    while ((rc = ratings_file_next(file, &row, error)) > 0) {
        uint32_t shopper = lessons_shopper(lessons, row.shopper);
        oldest = row.at_ms < oldest ? row.at_ms : oldest;
        if (shopper != NO_WINE)
            event_collector_add_numbered(
                collector, shopper, row.wine, TRAINED_RATING, (float)row.stars, row.at_ms);
    }
    ratings_file_close(file);
    if (rc < 0) {
        struct error problem = *error;
        rc = error_set(error, ERROR_INVALID, NULL, "truth", "line %lld: %s: %s",
            (long long)row.line, problem.field, problem.message);
    }
    trial->result->split_ms = oldest;
    *out = event_collector_finish(collector);
    event_collector_free(collector);
    if (rc < 0)
        events_free(*out);
    return rc;
}

static void rate_baseline(enum evaluate_baseline baseline, const struct events *history,
    const struct events *truth, struct evaluation *result)
{
    struct evaluate_baseline_lister *lister = evaluate_baseline_new(baseline, history);
    evaluate(history, truth, evaluate_baseline_list, lister, result);
    evaluate_baseline_free(lister);
}

static int rate(struct trial *trial, const struct lessons *lessons, const struct events *history,
    const struct events *truth)
{
    const char *const *ids = shelf_ids(lessons->shelf);
    const struct content *content = shelf_content(lessons->shelf);
    struct studio_evaluation *result = trial->result;
    struct training_options options = options_of(&trial->errand);
    struct trained *trained = NULL;
    int rc = train(&trained, ids, history, content, &options, trial->errand.error);
    if (rc < 0)
        return rc;
    struct evaluate_trained *lister = evaluate_trained_new(trained, history, ids);
    result->model = *trained_info(trained);
    evaluate(history, truth, evaluate_trained_list, lister, &result->trained);
    evaluate_trained_limit(lister, NULL, 1);
    evaluate(history, truth, evaluate_trained_list, lister, &result->one_event);
    evaluate_trained_free(lister);
    trained_release(trained);
    rate_baseline(EVALUATE_POPULAR, history, truth, &result->popular);
    if (history->wines <= TRAIN_LINEAR_WINES)
        rate_baseline(EVALUATE_KNN, history, truth, &result->knn);
    result->new_wines = -1;
    if (history->wines <= NEW_MOST_WINES && history->wines > 2 * NEW_WINES) {
        result->hidden = NEW_WINES;
        result->draws = NEW_DRAWS;
        rc = evaluate_new_wines(ids, history, truth, content, &options, NEW_WINES, NEW_DRAWS,
            &result->new_wines, trial->errand.error);
    }
    return rc;
}

static int run_trial(struct errand *errand)
{
    struct trial *trial = (struct trial *)errand;
    struct lessons lessons;
    struct events *truth = NULL;
    int rc = lessons_read(&lessons, errand->service->options.product,
        errand->service->options.warehouse, 0, errand->error);
    if (rc < 0)
        return rc;
    if (trial->truth) {
        rc = read_truth(trial, &lessons, &truth);
    } else {
        trial->result->split_ms = events_quantile(lessons.events, 1 - trial->share);
        truth = events_select(lessons.events, trial->result->split_ms, INT64_MAX, NULL);
    }
    if (rc == 0) {
        struct events *history =
            events_select(lessons.events, INT64_MIN, trial->result->split_ms, NULL);
        if (history->count == 0)
            rc = error_set(errand->error, ERROR_CONFLICT, "nothing_to_learn", NULL,
                "nothing happened before the truth: import the ratings of the time before it");
        else
            rc = rate(trial, &lessons, history, truth);
        events_free(history);
        events_free(truth);
    }
    lessons_release(&lessons);
    return rc;
}

int studio_evaluate(struct recommendation_service *service, FILE *truth, double share, int threads,
    struct studio_evaluation *result, struct error *error)
{
    if (!truth && !(share > 0 && share < 1))
        return error_set(
            error, ERROR_INVALID, NULL, "holdout", "must lie between 0 and 1, such as 0.1");
    *result = (struct studio_evaluation){0};
    struct trial trial = {
        .errand = {.run = run_trial, .service = service, .threads = threads, .error = error},
        .truth = truth,
        .share = share,
        .result = result};
    return send_out(&trial.errand);
}
