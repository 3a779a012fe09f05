#include "warehouse_sql.h"

#include "arena.h"
#include "thread.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_QUESTIONS 64
#define MAX_VALUES 32

/* ---- statements ---- */

static size_t gather(struct sql_value *values, const char *format, va_list args)
{
    size_t count = 0;
    for (; *format; format++) {
        assert(count < MAX_VALUES);
        values[count].type = *format;
        if (*format == 'i')
            values[count++].integer = va_arg(args, int64_t);
        else if (*format == 'd')
            values[count++].number = va_arg(args, double);
        else
            values[count++].text = va_arg(args, const char *);
    }
    return count;
}

int sql_query(struct sql *sql, struct error *error, const char *text, const char *format, ...)
{
    struct sql_value values[MAX_VALUES];
    va_list args;
    va_start(args, format);
    size_t count = gather(values, format, args);
    va_end(args);
    return sql_query_values(sql, error, text, values, count);
}

static int run_to_end(struct sql *sql, int rc, struct error *error)
{
    if (rc < 0)
        return rc;
    do
        rc = sql_step(sql, error);
    while (rc > 0);
    return rc;
}

int sql_run_values(struct sql *sql, struct error *error, const char *text,
    const struct sql_value *values, size_t count)
{
    return run_to_end(sql, sql_query_values(sql, error, text, values, count), error);
}

int sql_run(struct sql *sql, struct error *error, const char *text, const char *format, ...)
{
    struct sql_value values[MAX_VALUES];
    va_list args;
    va_start(args, format);
    size_t count = gather(values, format, args);
    va_end(args);
    return sql_run_values(sql, error, text, values, count);
}

int sql_one(
    struct sql *sql, struct error *error, int64_t *out, const char *text, const char *format, ...)
{
    struct sql_value values[MAX_VALUES];
    va_list args;
    va_start(args, format);
    size_t count = gather(values, format, args);
    va_end(args);
    int rc = sql_query_values(sql, error, text, values, count);
    if (rc == 0)
        rc = sql_step(sql, error);
    if (rc > 0) {
        *out = sql_integer(sql, 0);
        sql_done(sql);
    }
    return rc;
}

/* ---- the engine ---- */

/* A question waits for the thread that asks: one over a year of facts must not hold up a thread
 * that serves shoppers. */
struct question {
    int (*ask)(struct question *question, struct sql *sql, struct error *error);
    union {
        struct warehouse_report_query query;
        char experiment[WAREHOUSE_ID_MAX + 1];
        int max;
    };
    struct arena *arena;
    void *answer;
    warehouse_done_fn *done;
    void *ctx;
    struct question *next;
};

struct warehouse_sql {
    struct warehouse base; /* first: the port's address is the engine's */
    struct sql_driver *driver;
    struct loader *loader; /* the driver's writing thread's */
    pthread_t asker;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct question *first, **last;
    int waiting;
    bool stopping;
};

static int counted(struct warehouse *base, int rc)
{
    if (rc == ERROR_UNAVAILABLE)
        atomic_fetch_add_explicit(&base->unavailable, 1, memory_order_relaxed);
    return rc;
}

/* ---- writing ---- */

struct write {
    struct sql_job job; /* first: the job's address is the write's */
    struct warehouse_sql *warehouse;
    const struct warehouse_batch *batch;
    const struct warehouse_rating_row *rows;
    size_t count;
    warehouse_done_fn *done;
    void *ctx;
    bool ran;
};

static int write_run(struct sql *sql, struct sql_job *job)
{
    struct write *write = (struct write *)job;
    struct loader *loader = write->warehouse->loader;
    write->ran = true;
    int rc = write->batch ? loader_apply(loader, sql, write->batch, &job->error)
                          : loader_import(loader, sql, write->rows, write->count, &job->error);
    if (rc < 0)
        loader_reset(loader);
    return rc;
}

static void write_done(struct sql_job *job)
{
    struct write *write = (struct write *)job;
    if (job->rc < 0 && write->ran)
        loader_reset(write->warehouse->loader);
    write->done(write->ctx, counted(&write->warehouse->base, job->rc), &job->error);
    free(write);
}

static void start_write(struct warehouse *base, struct write write)
{
    struct write *kept = malloc(sizeof(*kept));
    if (!kept)
        abort();
    *kept = write;
    kept->job.run = write_run;
    kept->job.done = write_done;
    kept->job.large = write.rows != NULL;
    kept->warehouse = (struct warehouse_sql *)base;
    kept->warehouse->driver->ops->write(kept->warehouse->driver, &kept->job);
}

static void load(
    struct warehouse *base, const struct warehouse_batch *batch, warehouse_done_fn *done, void *ctx)
{
    start_write(base, (struct write){.batch = batch, .done = done, .ctx = ctx});
}

static void import(struct warehouse *base, const struct warehouse_rating_row *rows, size_t count,
    warehouse_done_fn *done, void *ctx)
{
    start_write(base, (struct write){.rows = rows, .count = count, .done = done, .ctx = ctx});
}

struct leasing {
    struct sql_job job; /* first: the job's address is the leasing's */
    const struct warehouse_lease_query *query;
    bool held[WAREHOUSE_MAX_SHARDS];
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
};

static int lease_run(struct sql *sql, struct sql_job *job)
{
    struct leasing *leasing = (struct leasing *)job;
    return loader_lease(sql, leasing->query, leasing->held, &job->error);
}

static void lease_done(struct sql_job *job)
{
    struct leasing *leasing = (struct leasing *)job;
    pthread_mutex_lock(&leasing->lock);
    leasing->done = true;
    pthread_cond_signal(&leasing->finished);
    pthread_mutex_unlock(&leasing->lock);
}

static int lease(struct warehouse *base, const struct warehouse_lease_query *query,
    bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    struct warehouse_sql *warehouse = (struct warehouse_sql *)base;
    struct leasing leasing = {.job = {.run = lease_run, .done = lease_done}, .query = query};
    pthread_mutex_init(&leasing.lock, NULL);
    pthread_cond_init(&leasing.finished, NULL);
    warehouse->driver->ops->write(warehouse->driver, &leasing.job);
    pthread_mutex_lock(&leasing.lock);
    while (!leasing.done)
        pthread_cond_wait(&leasing.finished, &leasing.lock);
    pthread_mutex_unlock(&leasing.lock);
    pthread_cond_destroy(&leasing.finished);
    pthread_mutex_destroy(&leasing.lock);
    if (leasing.job.rc == 0)
        memcpy(held, leasing.held, sizeof(leasing.held));
    else if (error)
        *error = leasing.job.error;
    return counted(base, leasing.job.rc);
}

/* ---- asking ---- */

static void answer(struct warehouse_sql *warehouse, struct question *question)
{
    struct error error = {0};
    struct sql *sql = warehouse->driver->ops->borrow(warehouse->driver, &error);
    int rc = sql ? question->ask(question, sql, &error) : error.code;
    if (sql)
        warehouse->driver->ops->release(warehouse->driver, sql);
    question->done(question->ctx, counted(&warehouse->base, rc), &error);
    free(question);
}

static void *ask_loop(void *argument)
{
    struct warehouse_sql *warehouse = argument;
    pthread_setname_np(pthread_self(), "reports");
    /* Each round trip of a background thread may wait long for a processor: seconds, in the sum. */
    if (!warehouse->driver->remote)
        thread_background();
    pthread_mutex_lock(&warehouse->lock);
    for (;;) {
        while (!warehouse->first && !warehouse->stopping)
            pthread_cond_wait(&warehouse->wake, &warehouse->lock);
        struct question *question = warehouse->first;
        if (!question)
            break;
        warehouse->first = question->next;
        if (!warehouse->first)
            warehouse->last = &warehouse->first;
        warehouse->waiting--;
        pthread_mutex_unlock(&warehouse->lock);
        answer(warehouse, question);
        pthread_mutex_lock(&warehouse->lock);
    }
    pthread_mutex_unlock(&warehouse->lock);
    return NULL;
}

static void ask(struct warehouse *base, struct question question)
{
    struct warehouse_sql *warehouse = (struct warehouse_sql *)base;
    struct question *kept = malloc(sizeof(*kept));
    if (!kept)
        abort();
    *kept = question;
    pthread_mutex_lock(&warehouse->lock);
    bool full = warehouse->waiting >= MAX_QUESTIONS || warehouse->stopping;
    if (!full) {
        *warehouse->last = kept;
        warehouse->last = &kept->next;
        warehouse->waiting++;
        pthread_cond_signal(&warehouse->wake);
    }
    pthread_mutex_unlock(&warehouse->lock);
    if (full) {
        struct error error = {0};
        int rc = error_set(&error, ERROR_UNAVAILABLE, NULL, NULL,
            "too many reports are being made; try again in a moment");
        question.done(question.ctx, counted(base, rc), &error);
        free(kept);
    }
}

static int ask_report(struct question *question, struct sql *sql, struct error *error)
{
    struct warehouse_report report = {0};
    int rc = warehouse_sql_report(sql, &question->query, question->arena, &report, error);
    if (rc == 0)
        *(struct warehouse_report *)question->answer = report;
    return rc;
}

static int ask_experiment(struct question *question, struct sql *sql, struct error *error)
{
    struct warehouse_experiment_result result = {0};
    int rc = warehouse_sql_experiment(sql, question->experiment, &result, error);
    if (rc == 0)
        *(struct warehouse_experiment_result *)question->answer = result;
    return rc;
}

static int ask_letters(struct question *question, struct sql *sql, struct error *error)
{
    return warehouse_sql_letters(sql, question->max, question->arena, question->answer, error);
}

static void report(struct warehouse *base, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *out, warehouse_done_fn *done, void *ctx)
{
    ask(base, (struct question){.ask = ask_report,
                  .query = *query,
                  .arena = arena,
                  .answer = out,
                  .done = done,
                  .ctx = ctx});
}

static void experiment(struct warehouse *base, const char *id,
    struct warehouse_experiment_result *result, warehouse_done_fn *done, void *ctx)
{
    struct question question = {.ask = ask_experiment, .answer = result, .done = done, .ctx = ctx};
    snprintf(question.experiment, sizeof(question.experiment), "%s", id);
    ask(base, question);
}

static void letters(struct warehouse *base, int max, struct arena *arena,
    struct warehouse_letters *out, warehouse_done_fn *done, void *ctx)
{
    ask(base, (struct question){.ask = ask_letters,
                  .max = max,
                  .arena = arena,
                  .answer = out,
                  .done = done,
                  .ctx = ctx});
}

/* ---- reading, on the caller's thread ---- */

static int interactions(struct warehouse *base, const struct warehouse_interaction_query *query,
    warehouse_interaction_fn *fn, void *ctx, struct error *error)
{
    struct sql_driver *driver = ((struct warehouse_sql *)base)->driver;
    struct sql *sql = driver->ops->borrow(driver, error);
    if (!sql)
        return counted(base, ERROR_UNAVAILABLE);
    int rc = warehouse_sql_interactions(sql, query, fn, ctx, error);
    driver->ops->release(driver, sql);
    return counted(base, rc);
}

static int checkpoints(struct warehouse *base, int64_t *sequences, struct error *error)
{
    struct sql_driver *driver = ((struct warehouse_sql *)base)->driver;
    struct sql *sql = driver->ops->borrow(driver, error);
    int64_t found[WAREHOUSE_MAX_SHARDS];
    if (!sql)
        return counted(base, ERROR_UNAVAILABLE);
    int rc = warehouse_sql_checkpoints(sql, found, error);
    if (rc == 0)
        memcpy(sequences, found, sizeof(found));
    driver->ops->release(driver, sql);
    return counted(base, rc);
}

static int recent(
    struct warehouse *base, struct arena *arena, const char ***ids, struct error *error)
{
    struct sql_driver *driver = ((struct warehouse_sql *)base)->driver;
    struct sql *sql = driver->ops->borrow(driver, error);
    if (!sql)
        return counted(base, ERROR_UNAVAILABLE);
    int rc = warehouse_sql_recent(sql, arena, ids, error);
    driver->ops->release(driver, sql);
    return counted(base, rc);
}

/* ---- life ---- */

static void close_warehouse(struct warehouse *base)
{
    struct warehouse_sql *warehouse = (struct warehouse_sql *)base;
    pthread_mutex_lock(&warehouse->lock);
    warehouse->stopping = true;
    pthread_cond_signal(&warehouse->wake);
    pthread_mutex_unlock(&warehouse->lock);
    pthread_join(warehouse->asker, NULL);
    warehouse->driver->ops->close(warehouse->driver);
    loader_free(warehouse->loader);
    pthread_cond_destroy(&warehouse->wake);
    pthread_mutex_destroy(&warehouse->lock);
    free(warehouse);
}

static const struct warehouse_ops ops = {
    .load = load,
    .import = import,
    .lease = lease,
    .report = report,
    .experiment = experiment,
    .letters = letters,
    .interactions = interactions,
    .checkpoints = checkpoints,
    .recent = recent,
    .close = close_warehouse,
};

int warehouse_sql_new(struct warehouse **out, struct sql_driver *driver, struct error *error)
{
    struct warehouse_sql *warehouse = calloc(1, sizeof(*warehouse));
    if (!warehouse)
        abort();
    warehouse->base.ops = &ops;
    warehouse->driver = driver;
    warehouse->last = &warehouse->first;
    driver->warehouse = &warehouse->base;
    pthread_mutex_init(&warehouse->lock, NULL);
    pthread_cond_init(&warehouse->wake, NULL);
    if (pthread_create(&warehouse->asker, NULL, ask_loop, warehouse) != 0) {
        driver->ops->close(driver);
        free(warehouse);
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for reports");
    }
    warehouse->loader = loader_new();
    *out = &warehouse->base;
    return 0;
}
