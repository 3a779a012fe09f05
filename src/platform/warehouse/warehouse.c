#include "warehouse.h"

#include "arena.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>

struct forgetting {
    struct warehouse_batch batch;
    struct warehouse_fact fact;
    warehouse_done_fn *done;
    void *ctx;
    char shopper[];
};

static void forgotten(void *ctx, int rc, const struct error *error)
{
    struct forgetting *forgetting = ctx;
    forgetting->done(forgetting->ctx, rc, error);
    free(forgetting);
}

void warehouse_forget(
    struct warehouse *warehouse, const char *shopper, warehouse_done_fn *done, void *ctx)
{
    size_t size = strlen(shopper) + 1;
    struct forgetting *forgetting = calloc(1, sizeof(*forgetting) + size);
    if (!forgetting)
        abort();
    memcpy(forgetting->shopper, shopper, size);
    forgetting->fact = (struct warehouse_fact){.kind = WAREHOUSE_FORGET,
        .event_id = "",
        .at_ms = clock_now_ms(),
        .shopper = forgetting->shopper,
        .wine_id = ""};
    forgetting->batch = (struct warehouse_batch){.facts = &forgetting->fact, .fact_count = 1};
    forgetting->done = done;
    forgetting->ctx = ctx;
    warehouse_load(warehouse, &forgetting->batch, forgotten, forgetting);
}

int64_t warehouse_first_day(const struct warehouse_report_query *query)
{
    return warehouse_day(query->now_ms) - query->days + 1;
}

int64_t warehouse_since(const struct warehouse_report_query *query)
{
    return warehouse_first_day(query) * WAREHOUSE_DAY_MS;
}

int64_t warehouse_since_previous(const struct warehouse_report_query *query)
{
    return warehouse_since(query) - query->days * WAREHOUSE_DAY_MS;
}

int warehouse_check_places(
    const struct warehouse_batch *batch, const int64_t *places, struct error *error)
{
    size_t reached = 0;
    for (size_t i = 0; i < batch->checkpoint_count; i++)
        reached += places[batch->checkpoints[i].shard] >= batch->checkpoints[i].sequence;
    if (reached && reached == batch->checkpoint_count)
        return 0;
    if (reached)
        return error_set(error, ERROR_CONFLICT, NULL, NULL,
            "another loader has been at some shards of this batch: read their places again");
    return 1;
}

int warehouse_not_held(const struct warehouse_batch *batch, int shard, struct error *error)
{
    return error_set(error, ERROR_CONFLICT, NULL, NULL,
        "%.100s does not hold shard %d: another loader has taken it", batch->owner, shard);
}

void warehouse_lease_share(const struct warehouse_lease_query *query, int owners, const bool *taken,
    bool held[WAREHOUSE_MAX_SHARDS])
{
    int fair = (query->shards + owners - 1) / owners, count = 0;
    for (int i = 0; i < WAREHOUSE_MAX_SHARDS; i++) {
        held[i] = held[i] && i < query->shards && count < fair;
        count += held[i];
    }
    for (int i = 0; i < query->shards && count < fair; i++) {
        if (!held[i] && !taken[i]) {
            held[i] = true;
            count++;
        }
    }
}

void warehouse_report_days(const struct warehouse_report_query *query, struct arena *arena,
    struct warehouse_report *report)
{
    size_t count = (size_t)query->days;
    report->revenue = arena_new_array(arena, count, struct warehouse_revenue);
    report->revenue_count = count;
    int64_t day = warehouse_first_day(query);
    for (size_t i = 0; i < count; i++, day++) {
        char text[CLOCK_TEXT_SIZE];
        memcpy(report->revenue[i].day, clock_format(day * WAREHOUSE_DAY_MS, text), 10);
    }
}
