/* Imported ratings, leases and experiments in the memory engine. */
#include "warehouse_memory_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- imported ratings ---- */

/* The last row of each shopper and wine, by both as one number. */
struct latest {
    uint64_t pair;
    size_t row;
};

static int compare_latest(const void *a, const void *b)
{
    const struct latest *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int compare_pairs(const void *key, const void *item)
{
    const struct latest *x = key, *y = item;
    return x->pair < y->pair ? -1 : x->pair > y->pair;
}

static uint64_t pair_of(uint32_t shopper, uint32_t wine)
{
    return (uint64_t)shopper << 32 | wine;
}

/* Sorts by shopper and wine and keeps the last of each. */
static size_t keep_last(struct latest *rows, size_t count)
{
    size_t kept = 0;
    qsort(rows, count, sizeof(*rows), compare_latest);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || rows[i].pair != rows[i + 1].pair)
            rows[kept++] = rows[i];
    }
    return kept;
}

void warehouse_memory_import(
    struct warehouse_memory *warehouse, const struct warehouse_rating_row *rows, size_t count)
{
    struct latest *latest = calloc(count + 1, sizeof(*latest));
    if (!latest)
        abort();
    for (size_t i = 0; i < count; i++) {
        latest[i].pair = pair_of(warehouse_memory_shopper(warehouse, rows[i].shopper),
            warehouse_memory_wine(warehouse, rows[i].wine_id));
        latest[i].row = i;
    }
    size_t kept = keep_last(latest, count);
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        struct memory_row *row = &warehouse->facts.rows[i];
        struct latest key = {.pair = pair_of(row->shopper, row->wine)};
        if (row->imported && bsearch(&key, latest, kept, sizeof(*latest), compare_pairs))
            row->replaced = true;
    }
    for (size_t i = 0; i < kept; i++) {
        const struct warehouse_rating_row *row = &rows[latest[i].row];
        *table_add(&warehouse->facts) = (struct memory_row){.kind = WAREHOUSE_RATING,
            .at_ms = row->at_ms,
            .shopper = (uint32_t)(latest[i].pair >> 32),
            .wine = (uint32_t)latest[i].pair,
            .value = row->stars,
            .vintage = row->vintage,
            .imported = true};
    }
    free(latest);
}

/* ---- leases ---- */

/* Nobody holds what a loader that went away held. */
static void expire(struct warehouse_memory *warehouse, const struct warehouse_lease_query *query)
{
    for (int i = 0; i < WAREHOUSE_MAX_OWNERS; i++) {
        struct memory_owner *owner = &warehouse->owners[i];
        bool leaves = query->release && strcmp(owner->name, query->owner) == 0;
        if (!*owner->name || (owner->until_ms > query->now_ms && !leaves))
            continue;
        *owner->name = '\0';
        for (int shard = 0; shard < WAREHOUSE_MAX_SHARDS; shard++) {
            if (warehouse->holders[shard] == i + 1)
                warehouse->holders[shard] = 0;
        }
    }
}

/* The place of the owner, or of a free one for it; WAREHOUSE_MAX_OWNERS when there is none. */
static int place_of(struct warehouse_memory *warehouse, const char *name, int *alive)
{
    int place = WAREHOUSE_MAX_OWNERS;
    *alive = 0;
    for (int i = WAREHOUSE_MAX_OWNERS - 1; i >= 0; i--) {
        *alive += *warehouse->owners[i].name != '\0';
        if (!*warehouse->owners[i].name)
            place = i;
    }
    for (int i = 0; i < WAREHOUSE_MAX_OWNERS; i++) {
        if (strcmp(warehouse->owners[i].name, name) == 0)
            return i;
    }
    ++*alive;
    return place;
}

int warehouse_memory_lease(struct warehouse_memory *warehouse,
    const struct warehouse_lease_query *query, bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    bool taken[WAREHOUSE_MAX_SHARDS], mine[WAREHOUSE_MAX_SHARDS] = {false};
    int alive;
    expire(warehouse, query);
    if (!query->release) {
        int place = place_of(warehouse, query->owner, &alive);
        if (place == WAREHOUSE_MAX_OWNERS)
            return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "too many loaders at a time");
        struct memory_owner *owner = &warehouse->owners[place];
        snprintf(owner->name, sizeof(owner->name), "%s", query->owner);
        owner->until_ms = query->now_ms + query->lease_ms;
        for (int i = 0; i < WAREHOUSE_MAX_SHARDS; i++) {
            mine[i] = warehouse->holders[i] == place + 1;
            taken[i] = warehouse->holders[i] && !mine[i];
        }
        warehouse_lease_share(query, alive, taken, mine);
        for (int i = 0; i < WAREHOUSE_MAX_SHARDS; i++) {
            if (!taken[i])
                warehouse->holders[i] = mine[i] ? place + 1 : 0;
        }
    }
    memcpy(held, mine, sizeof(mine));
    return 0;
}

int warehouse_memory_check_owner(const struct warehouse_memory *warehouse,
    const struct warehouse_batch *batch, struct error *error)
{
    if (!batch->owner || !*batch->owner)
        return 0;
    for (size_t i = 0; i < batch->checkpoint_count; i++) {
        int shard = batch->checkpoints[i].shard, holder = warehouse->holders[shard];
        if (!holder || strcmp(warehouse->owners[holder - 1].name, batch->owner) != 0)
            return warehouse_not_held(batch, shard, error);
    }
    return 0;
}

/* ---- experiments ---- */

struct session {
    uint32_t who;
    int64_t day;
    int a, b;
};

static int compare_sessions(const void *x, const void *y)
{
    const struct session *a = x, *b = y;
    if (a->who != b->who)
        return a->who < b->who ? -1 : 1;
    return a->day < b->day ? -1 : a->day > b->day;
}

static void judge(struct session *clicks, size_t count, struct warehouse_experiment_result *result)
{
    qsort(clicks, count, sizeof(*clicks), compare_sessions);
    for (size_t i = 0; i < count;) {
        struct session sum = clicks[i++];
        for (; i < count && compare_sessions(&sum, &clicks[i]) == 0; i++) {
            sum.a += clicks[i].a;
            sum.b += clicks[i].b;
        }
        result->a.won += sum.a > sum.b;
        result->b.won += sum.b > sum.a;
        result->tied += sum.a == sum.b;
    }
}

struct warehouse_experiment_result warehouse_memory_experiment(
    const struct warehouse_memory *warehouse, const char *experiment)
{
    struct warehouse_experiment_result result = {0};
    TABLE(struct session) clicks = {0};
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        if (!row->experiment || !row->arm || strcmp(row->experiment, experiment) != 0)
            continue;
        int a = row->arm == 'a', b = row->arm == 'b';
        if (row->kind == WAREHOUSE_IMPRESSION) {
            result.a.impressions += a;
            result.b.impressions += b;
            continue;
        }
        result.a.clicks += a;
        result.b.clicks += b;
        uint32_t who = memory_who(warehouse, row->shopper);
        if (who)
            *table_add(&clicks) = (struct session){who, warehouse_day(row->at_ms), a, b};
    }
    if (clicks.count)
        judge(clicks.rows, clicks.count, &result);
    free(clicks.rows);
    return result;
}
