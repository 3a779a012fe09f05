/* /admin/recommendations/models: the versions of the trained model, and which of them serves. */
#include "buffer.h"
#include "clock.h"
#include "service.h"
#include "text.h"

#define MAX_LISTED 64 /* more than are ever kept */

struct wish {
    struct worker_task task; /* first: the task's address is the wish's */
    struct recommendation_service *service;
    struct exchange *exchange;
    int64_t version;
};

static void append_quality(struct buffer *body, const struct trained_record *record)
{
    if (record->recall < 0 || record->popular_recall < 0) {
        buffer_append_text(body, "null");
        return;
    }
    buffer_printf(body,
        "{\"recall\":%.4f,\"ndcg\":%.4f,\"popular_recall\":%.4f,\"popular_ndcg\":%.4f}",
        record->recall, record->ndcg, record->popular_recall, record->popular_ndcg);
}

static void append_model(struct buffer *body, const struct models_version *model)
{
    const struct trained_info *info = &model->info;
    char time[CLOCK_TEXT_SIZE];
    buffer_printf(body, "{\"version\":%lld,\"current\":%s,\"trained_at\":\"%s\",\"until\":",
        (long long)info->record.version, model->current ? "true" : "false",
        clock_format(info->record.trained_ms, time));
    buffer_append_json(body, info->until_ms > 0 ? clock_format(info->until_ms, time) : NULL);
    buffer_printf(body,
        ",\"wines\":%zu,\"shoppers\":%zu,\"events\":%zu,\"linear\":%s,\"seconds\":%.3f,"
        "\"quality\":",
        info->wines, info->shoppers, info->events, info->linear ? "true" : "false",
        info->record.seconds);
    append_quality(body, &info->record);
    buffer_append_char(body, '}');
}

static void reply_models(struct wish *wish, int status)
{
    struct buffer body = BUFFER_INIT;
    struct models_version *list =
        arena_new_array(wish->exchange->arena, MAX_LISTED, struct models_version);
    struct error failed;
    bool training = trainer_busy(wish->service->trainer, &failed) ||
                    atomic_load(&wish->service->training); /* or by a command */
    size_t count = models_list(wish->service->models, list, MAX_LISTED);
    buffer_append_text(&body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&body, ',');
        append_model(&body, &list[i]);
    }
    buffer_printf(&body, "],\"training\":%s,\"error\":", training ? "true" : "false");
    buffer_append_json(&body, failed.code ? failed.message : NULL);
    buffer_append_char(&body, '}');
    http_reply_json(wish->exchange, status, &body);
}

static void list_models(struct worker_task *task)
{
    struct wish *wish = (struct wish *)task;
    struct error error = {0};
    if (models_load(wish->service->models, &error) < 0)
        http_fail(wish->exchange, &error);
    else
        reply_models(wish, 200);
}

static void train_model(struct worker_task *task)
{
    struct wish *wish = (struct wish *)task;
    struct error error = {0};
    if (models_load(wish->service->models, &error) < 0) {
        http_fail(wish->exchange, &error);
        return;
    }
    trainer_ask(wish->service->trainer);
    reply_models(wish, 202);
}

static void use_model(struct worker_task *task)
{
    struct wish *wish = (struct wish *)task;
    struct error error = {0};
    int rc = models_load(wish->service->models, &error);
    if (rc == 0)
        rc = models_use(wish->service->models, wish->version, &error);
    if (rc < 0) {
        http_fail(wish->exchange, &error);
        return;
    }
    service_changed(wish->service);
    reply_models(wish, 200);
}

static void begin(void *service, struct exchange *exchange, int64_t version,
    void (*run)(struct worker_task *task))
{
    struct wish *wish = arena_new_struct(exchange->arena, struct wish);
    *wish = (struct wish){
        .task = {.run = run}, .service = service, .exchange = exchange, .version = version};
    if (!worker_add(wish->service->worker, &wish->task))
        http_problem(exchange, 503, "unavailable", NULL, "too much is asked at once");
}

void route_list_models(void *service, struct exchange *exchange)
{
    if (service_admits_office(exchange))
        begin(service, exchange, 0, list_models);
}

void route_train_model(void *service, struct exchange *exchange)
{
    if (service_admits_office(exchange) && service_takes_nothing(exchange))
        begin(service, exchange, 0, train_model);
}

void route_use_model(void *service, struct exchange *exchange)
{
    int64_t version = 0;
    if (!service_admits_office(exchange) || !service_takes_nothing(exchange))
        return;
    if (text_to_int(exchange->request.params[0], 0, INT64_MAX, &version) < 0)
        http_problem(exchange, 404, "not_found", NULL, "there is no such version");
    else
        begin(service, exchange, version, use_model);
}
