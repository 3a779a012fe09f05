/* What the files of the service share; not for others. */
#ifndef RECOMMENDATION_SERVICE_H
#define RECOMMENDATION_SERVICE_H

#include "exchange.h"
#include "experiments.h"
#include "list_query.h"
#include "model.h"
#include "models.h"
#include "money.h"
#include "recent.h"
#include "recommendation.h"
#include "stream.h"
#include "upstream.h"
#include "warehouse.h"
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>

#define RECENT_EVENTS 65536 /* what the stream consumer may tell again */
#define MAX_TOLD 500        /* events in one call of the consumer */

/* By what a list was made: a trained model, the first days' scorers, what is popular; or nothing
 * was there to list. */
enum list_source { LIST_BY_MODEL, LIST_BY_FIRST_DAYS, LIST_POPULAR, LIST_EMPTY, LIST_SOURCES };

struct recommendation_service {
    struct recommendation_options options;
    char currency[MONEY_CURRENCY_SIZE];
    struct router *router;
    struct model *model;
    struct experiments *experiments;
    struct counter *lists[LIST_QUERY_LISTS][LIST_SOURCES]; /* NULL without metrics */
    struct models *models;
    struct trainer *trainer;
    struct recall *recall;
    struct shipping *shipping;
    struct worker *worker; /* for what waits for the blob store */
    atomic_bool ready;
    atomic_bool training, training_given_up; /* studio.h: one at a time */
    atomic_int_fast64_t taken;               /* events learnt from */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct recent *recent;
    char armed[ID_SIZE]; /* the experiment whose two models the model uses; or "" */
    int64_t taught[WAREHOUSE_MAX_SHARDS]; /* how far in each shard of the stream */
    bool changed, stopping;

    pthread_t thread;
    bool started;
};

/* The wine's documents from the product service, in the order of ids: "/internal/wines?ids=...". */
const char *service_documents_path(struct arena *arena, const char *const *ids, size_t count);

/* Asks the product service; `done` gets what it says. */
void service_call_product(struct recommendation_service *service, struct exchange *exchange,
    const char *path, void (*done)(void *ctx, int status, const char *body, size_t length),
    void *ctx);

/* Replies with what the product service said, or 503 if that was an error of its own. */
void service_reply_upstream(struct exchange *exchange, int status, const char *body, size_t length);

/* The experiment that runs, if the model is ready to answer for both its arms. */
bool service_experiment(struct recommendation_service *service, struct experiment *copy);

void route_events(void *service, struct exchange *exchange);
void route_similar(void *service, struct exchange *exchange);
void route_recommendations(void *service, struct exchange *exchange);
void route_dashboard(void *service, struct exchange *exchange);
void route_letters(void *service, struct exchange *exchange);
void route_told(void *service, struct exchange *exchange);
void recommendation_route_ready(void *service, struct exchange *exchange);

void route_train_model(void *service, struct exchange *exchange);
void route_list_models(void *service, struct exchange *exchange);
void route_use_model(void *service, struct exchange *exchange);
void route_list_experiments(void *service, struct exchange *exchange);
void route_start_experiment(void *service, struct exchange *exchange);
void route_get_experiment(void *service, struct exchange *exchange);
void route_stop_experiment(void *service, struct exchange *exchange);

/* Whether an admin asks; replies 401 or 403 if not. */
bool service_admits_office(struct exchange *exchange);

/* Whether the body is none or an object; replies 400 or 415 if not. */
bool service_takes_nothing(struct exchange *exchange);

/* Learns that something came; any thread. */
void service_changed(struct recommendation_service *service);

/* What the learning thread knows of the experiment whose models it has given to the model. */
struct arming {
    char id[ID_SIZE]; /* "": none runs */
    bool armed;
    int64_t retry_ms; /* monotonic */
};

/* Gives the model the trained models that it is to answer from; may wait for the blob store. After
 * the rebuild that follows, service_armed lets the experiment begin. */
void service_arm(struct recommendation_service *service, struct arming *arming);
void service_armed(struct recommendation_service *service, const struct arming *arming);

/* The body of the thread: loads, then rebuilds whenever something changed. */
void *service_learn(void *service);

#endif
