#include "recall.h"

#include "clock.h"
#include "log.h"
#include "model_internal.h"
#include "warehouse.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#define COMPONENT "recommendation"
#define MAX_WANTED 64
#define MAX_OF_A_KIND 1000 /* what a shopper did before says little */
#define PAUSE_MS 5000      /* after the warehouse was away */

struct wanted {
    struct worker_task task; /* first: the task's address is the wanted one's */
    struct recall *recall;
    char shopper[ID_SIZE];
    bool waiting;
};

struct recall {
    struct model *model;
    struct warehouse *warehouse;
    struct worker *worker;
    pthread_mutex_t lock; /* guards what follows */
    struct wanted wanted[MAX_WANTED];
    int64_t not_before_ms;
    bool stopping;
};

struct recall *recall_new(struct model *model, struct warehouse *warehouse)
{
    struct recall *recall = calloc(1, sizeof(*recall));
    if (!recall)
        abort();
    recall->model = model;
    recall->warehouse = warehouse;
    recall->worker = worker_new("recall", MAX_WANTED);
    pthread_mutex_init(&recall->lock, NULL);
    return recall;
}

void recall_free(struct recall *recall)
{
    if (!recall)
        return;
    pthread_mutex_lock(&recall->lock);
    recall->stopping = true;
    pthread_mutex_unlock(&recall->lock);
    worker_free(recall->worker);
    pthread_mutex_destroy(&recall->lock);
    free(recall);
}

/* ---- on the worker's thread ---- */

struct reading {
    struct catalogue *catalogue;
    struct profiles *past;
    const char *shopper;
    char order_id[ID_SIZE];
    uint32_t lines[PROFILE_ORDER];
    size_t line_count;
    int64_t ordered_ms;
    bool undone;
};

static void end_order(struct reading *reading)
{
    if (!reading->line_count)
        return;
    for (size_t i = 0; i < reading->line_count; i++)
        profiles_see(reading->past, reading->shopper, reading->lines[i], PROFILE_ORDERED,
            WEIGHT_ORDER, reading->ordered_ms);
    profiles_order(reading->past, reading->shopper, reading->order_id, reading->lines,
        reading->line_count, reading->ordered_ms);
    if (reading->undone)
        profiles_order_undone(reading->past, reading->shopper, reading->order_id);
    reading->line_count = 0;
}

static void add_line(
    struct reading *reading, const struct warehouse_interaction *interaction, uint32_t wine)
{
    if (strcmp(reading->order_id, interaction->order_id) != 0)
        end_order(reading);
    if (reading->line_count == PROFILE_ORDER || strlen(interaction->order_id) >= ID_SIZE)
        return;
    strcpy(reading->order_id, interaction->order_id);
    reading->lines[reading->line_count++] = wine;
    reading->ordered_ms = interaction->at_ms;
    reading->undone = interaction->value <= 0;
}

static int remember(void *ctx, const struct warehouse_interaction *interaction)
{
    struct reading *reading = ctx;
    uint32_t wine = catalogue_find(reading->catalogue, interaction->wine_id);
    if (wine == NO_WINE)
        return 0;
    if (interaction->kind == WAREHOUSE_ORDER) {
        add_line(reading, interaction, wine);
        return 0;
    }
    end_order(reading);
    switch (interaction->kind) {
    case WAREHOUSE_VIEW:
    case WAREHOUSE_CLICK:
        profiles_see(reading->past, reading->shopper, wine, PROFILE_VIEWED,
            interaction->kind == WAREHOUSE_VIEW ? WEIGHT_VIEW : WEIGHT_CLICK, interaction->at_ms);
        break;
    case WAREHOUSE_CART:
        profiles_cart(
            reading->past, reading->shopper, wine, interaction->value > 0, interaction->at_ms);
        if (interaction->value > 0)
            profiles_see(reading->past, reading->shopper, wine, PROFILE_CARTED, WEIGHT_CART,
                interaction->at_ms);
        break;
    case WAREHOUSE_RATING:
        profiles_rate(
            reading->past, reading->shopper, wine, interaction->value, interaction->at_ms);
        break;
    default:
        break;
    }
    return 0;
}

/* Tried again when somebody was forgotten meanwhile: rare, and then not again and again. */
static int read_past(struct recall *recall, const char *shopper, struct error *error)
{
    int rc = 0;
    bool adopted = false;
    for (int round = 0; round < 3 && rc == 0 && !adopted; round++) {
        uint64_t forgotten = profiles_forgotten(recall->model->profiles);
        struct reading reading = {
            .catalogue = &recall->model->catalogue, .past = profiles_new(1), .shopper = shopper};
        struct warehouse_interaction_query query = {.limit = MAX_OF_A_KIND, .shopper = shopper};
        rc = warehouse_interactions(recall->warehouse, &query, remember, &reading, error);
        end_order(&reading);
        if (rc == 0)
            adopted = profiles_adopt(recall->model->profiles, shopper, reading.past, forgotten);
        profiles_free(reading.past);
    }
    return rc;
}

static void run(struct worker_task *task)
{
    struct wanted *wanted = (struct wanted *)task;
    struct recall *recall = wanted->recall;
    struct error error = {0};
    pthread_mutex_lock(&recall->lock);
    bool skip = recall->stopping || clock_monotonic_ms() < recall->not_before_ms;
    pthread_mutex_unlock(&recall->lock);
    int rc = skip ? 0 : read_past(recall, wanted->shopper, &error);
    if (rc < 0)
        log_write(LOG_WARN, COMPONENT, NULL, "cannot read a shopper's past: %s", error.message);
    pthread_mutex_lock(&recall->lock);
    if (rc < 0)
        recall->not_before_ms = clock_monotonic_ms() + PAUSE_MS;
    wanted->waiting = false;
    pthread_mutex_unlock(&recall->lock);
}

void recall_want(struct recall *recall, const char *shopper)
{
    struct wanted *free_one = NULL;
    if (!*shopper || strlen(shopper) >= ID_SIZE)
        return;
    pthread_mutex_lock(&recall->lock);
    bool known = recall->stopping || clock_monotonic_ms() < recall->not_before_ms;
    for (int i = 0; i < MAX_WANTED && !known; i++) {
        struct wanted *wanted = &recall->wanted[i];
        if (wanted->waiting)
            known = strcmp(wanted->shopper, shopper) == 0;
        else
            free_one = wanted;
    }
    if (!known && free_one) {
        *free_one = (struct wanted){.task.run = run, .recall = recall, .waiting = true};
        strcpy(free_one->shopper, shopper);
        free_one->waiting = worker_add(recall->worker, &free_one->task);
    }
    pthread_mutex_unlock(&recall->lock);
}
