#include "arena.h"
#include "warehouse_memory_internal.h"

#include <stdio.h>
#include <string.h>

void table_grow(void **rows, size_t *capacity, size_t count, size_t size)
{
    if (count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        *rows = reallocarray(*rows, *capacity, size);
        if (!*rows)
            abort();
    }
    memset((char *)*rows + count * size, 0, size);
}

bool memory_sold(const struct memory_purchase *order)
{
    return strcmp(order->status, "confirmed") == 0 || strcmp(order->status, "shipped") == 0 ||
           strcmp(order->status, "delivered") == 0;
}

uint32_t memory_who(const struct warehouse_memory *warehouse, uint32_t shopper)
{
    uint32_t merged = warehouse->shoppers.rows[shopper].merged_into;
    return merged ? merged : shopper;
}

/* ---- loading ---- */

uint32_t warehouse_memory_wine(struct warehouse_memory *warehouse, const char *id)
{
    uint32_t number = text_index_add(warehouse->wine_index, id);
    if (number == warehouse->wines.count) {
        struct memory_wine *wine = table_add(&warehouse->wines);
        wine->id = text_index_text(warehouse->wine_index, number);
        wine->name = "";
        wine->available = -1;
    }
    return number;
}

uint32_t warehouse_memory_shopper(struct warehouse_memory *warehouse, const char *pseudonym)
{
    if (!*pseudonym)
        return 0;
    uint32_t number = text_index_add(warehouse->shopper_index, pseudonym);
    if (number == warehouse->shoppers.count) {
        struct memory_shopper *shopper = table_add(&warehouse->shoppers);
        shopper->pseudonym = arena_strdup(warehouse->arena, pseudonym);
    }
    return number;
}

static struct memory_row *add_row(
    struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    uint32_t shopper = warehouse_memory_shopper(warehouse, fact->shopper);
    uint32_t wine = *fact->wine_id ? warehouse_memory_wine(warehouse, fact->wine_id) : 0;
    struct memory_row *row = table_add(&warehouse->facts);
    row->kind = fact->kind;
    row->at_ms = fact->at_ms;
    row->shopper = shopper;
    row->wine = wine;
    return row;
}

static void add_order(struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    if (text_index_find(warehouse->order_index, fact->order.order_id) != TEXT_INDEX_NONE)
        return;
    uint32_t number = text_index_add(warehouse->order_index, fact->order.order_id);
    uint32_t shopper = warehouse_memory_shopper(warehouse, fact->shopper);
    struct memory_purchase *order = table_add(&warehouse->orders);
    order->id = text_index_text(warehouse->order_index, number);
    order->currency = arena_strdup(warehouse->arena, fact->order.currency);
    order->at_ms = fact->at_ms;
    order->sequence = fact->sequence;
    order->total = fact->order.total;
    order->shopper = shopper;
    snprintf(order->status, sizeof(order->status), "pending");
    for (size_t i = 0; i < fact->order.line_count; i++) {
        const struct warehouse_line *line = &fact->order.lines[i];
        uint32_t wine = warehouse_memory_wine(warehouse, line->wine_id);
        struct memory_row *row = table_add(&warehouse->facts);
        *row = (struct memory_row){.kind = WAREHOUSE_ORDER,
            .at_ms = fact->at_ms,
            .wine = wine,
            .shopper = shopper,
            .order = number,
            .value = (double)line->quantity,
            .amount = line->line_total};
    }
}

static void set_status(struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    uint32_t number = text_index_find(warehouse->order_index, fact->status.order_id);
    if (number == TEXT_INDEX_NONE || warehouse->orders.rows[number].sequence >= fact->sequence)
        return;
    struct memory_purchase *order = &warehouse->orders.rows[number];
    order->sequence = fact->sequence;
    snprintf(order->status, sizeof(order->status), "%s", fact->status.status);
}

static void set_wine(struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    uint32_t number = warehouse_memory_wine(warehouse, fact->wine_id);
    struct memory_wine *wine = &warehouse->wines.rows[number];
    int64_t *sequence =
        fact->kind == WAREHOUSE_STOCK ? &wine->stock_sequence : &wine->wine_sequence;
    if (fact->sequence <= *sequence)
        return;
    *sequence = fact->sequence;
    if (fact->kind == WAREHOUSE_STOCK)
        wine->available = fact->available;
    else
        wine->withdrawn = fact->kind == WAREHOUSE_WINE_WITHDRAWN;
    if (fact->kind == WAREHOUSE_WINE)
        wine->name = arena_strdup(warehouse->arena, fact->wine.name);
}

static void merge(struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    uint32_t user = warehouse_memory_shopper(warehouse, fact->shopper);
    uint32_t guest = warehouse_memory_shopper(warehouse, fact->merge.guest);
    if (user && guest && user != guest)
        warehouse->shoppers.rows[guest].merged_into = user;
}

static void wipe(struct memory_shopper *shopper)
{
    if (shopper->pseudonym)
        memset((char *)(uintptr_t)shopper->pseudonym, 0, strlen(shopper->pseudonym));
    shopper->pseudonym = NULL;
}

/* The index never forgets a text, so forgetting makes it anew. */
static void rebuild_shopper_index(struct warehouse_memory *warehouse)
{
    text_index_free(warehouse->shopper_index);
    warehouse->shopper_index = text_index_new();
    for (size_t i = 0; i < warehouse->shoppers.count; i++) {
        /* No pseudonym is a number, so these stand for the forgotten. */
        char number[24];
        snprintf(number, sizeof(number), "%zu", i);
        const char *pseudonym = warehouse->shoppers.rows[i].pseudonym;
        text_index_add(warehouse->shopper_index, pseudonym ? pseudonym : number);
    }
}

static void forget(struct warehouse_memory *warehouse, const char *pseudonym)
{
    uint32_t shopper = text_index_find(warehouse->shopper_index, pseudonym);
    if (shopper == TEXT_INDEX_NONE || !warehouse->shoppers.rows[shopper].pseudonym)
        return;
    for (size_t i = 1; i < warehouse->shoppers.count; i++) {
        if (i == shopper || warehouse->shoppers.rows[i].merged_into == shopper)
            wipe(&warehouse->shoppers.rows[i]);
    }
    rebuild_shopper_index(warehouse);
}

static void apply(struct warehouse_memory *warehouse, const struct warehouse_fact *fact)
{
    switch (fact->kind) {
    case WAREHOUSE_VIEW:
        add_row(warehouse, fact)->value = 1;
        break;
    case WAREHOUSE_IMPRESSION:
    case WAREHOUSE_CLICK: {
        struct memory_row *row = add_row(warehouse, fact);
        row->value = 1;
        row->text = arena_strdup(warehouse->arena, fact->shown.query);
        row->experiment = arena_strdup(warehouse->arena, fact->shown.experiment);
        row->arm = *fact->shown.arm;
        break;
    }
    case WAREHOUSE_SEARCH: {
        struct memory_row *row = add_row(warehouse, fact);
        row->value = (double)fact->search.results;
        row->text = arena_strdup(warehouse->arena, fact->search.query);
        break;
    }
    case WAREHOUSE_CART:
        add_row(warehouse, fact)->value = (double)fact->cart.quantity;
        break;
    case WAREHOUSE_RATING:
        add_row(warehouse, fact)->value = fact->stars;
        break;
    case WAREHOUSE_ORDER:
        add_order(warehouse, fact);
        break;
    case WAREHOUSE_ORDER_STATUS:
        set_status(warehouse, fact);
        break;
    case WAREHOUSE_WINE:
    case WAREHOUSE_WINE_WITHDRAWN:
    case WAREHOUSE_STOCK:
        set_wine(warehouse, fact);
        break;
    case WAREHOUSE_MERGE:
        merge(warehouse, fact);
        break;
    case WAREHOUSE_FORGET:
        forget(warehouse, fact->shopper);
        break;
    }
}

static void add_letter(
    struct warehouse_memory *warehouse, const struct warehouse_dead_letter *letter)
{
    struct warehouse_dead_letter *kept = table_add(&warehouse->letters);
    *kept = *letter;
    kept->event_id = arena_strdup(warehouse->arena, letter->event_id);
    kept->reason = arena_strdup(warehouse->arena, letter->reason);
    kept->body = arena_strdup(warehouse->arena, letter->body);
}

static void load(
    struct warehouse *base, const struct warehouse_batch *batch, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    struct error error = {0};
    pthread_mutex_lock(&warehouse->lock);
    int rc = warehouse_memory_check_owner(warehouse, batch, &error);
    if (rc == 0)
        rc = warehouse_check_places(batch, warehouse->checkpoints, &error);
    if (rc > 0) {
        for (size_t i = 0; i < batch->fact_count; i++)
            apply(warehouse, &batch->facts[i]);
        for (size_t i = 0; i < batch->event_count; i++)
            *table_add(&warehouse->events) = arena_strdup(warehouse->arena, batch->event_ids[i]);
        for (size_t i = 0; i < batch->letter_count; i++)
            add_letter(warehouse, &batch->letters[i]);
        for (size_t i = 0; i < batch->checkpoint_count; i++)
            warehouse->checkpoints[batch->checkpoints[i].shard] = batch->checkpoints[i].sequence;
    }
    pthread_mutex_unlock(&warehouse->lock);
    done(ctx, rc < 0 ? rc : 0, &error);
}

static void import(struct warehouse *base, const struct warehouse_rating_row *rows, size_t count,
    warehouse_done_fn *done, void *ctx)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    struct error none = {0};
    pthread_mutex_lock(&warehouse->lock);
    warehouse_memory_import(warehouse, rows, count);
    pthread_mutex_unlock(&warehouse->lock);
    done(ctx, 0, &none);
}

static int lease(struct warehouse *base, const struct warehouse_lease_query *query,
    bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    pthread_mutex_lock(&warehouse->lock);
    int rc = warehouse_memory_lease(warehouse, query, held, error);
    pthread_mutex_unlock(&warehouse->lock);
    return rc;
}

/* ---- reading ---- */

static void report(struct warehouse *base, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *out, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    struct error none = {0};
    struct warehouse_report filled = {0};
    pthread_mutex_lock(&warehouse->lock);
    warehouse_memory_fill(warehouse, query, arena, &filled);
    pthread_mutex_unlock(&warehouse->lock);
    *out = filled;
    done(ctx, 0, &none);
}

static void experiment(struct warehouse *base, const char *id,
    struct warehouse_experiment_result *result, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    struct error none = {0};
    pthread_mutex_lock(&warehouse->lock);
    *result = warehouse_memory_experiment(warehouse, id);
    pthread_mutex_unlock(&warehouse->lock);
    done(ctx, 0, &none);
}

/* `who`: 0 for all. */
static bool is_asked_for(const struct warehouse_memory *warehouse, const struct memory_row *row,
    const struct warehouse_interaction_query *query, uint32_t who)
{
    bool kind = row->kind == WAREHOUSE_VIEW || row->kind == WAREHOUSE_CLICK ||
                row->kind == WAREHOUSE_CART || row->kind == WAREHOUSE_ORDER ||
                row->kind == WAREHOUSE_RATING;
    return kind && !row->replaced && row->at_ms >= query->since_ms &&
           (!query->until_ms || row->at_ms < query->until_ms) &&
           (!who || row->shopper == who || memory_who(warehouse, row->shopper) == who);
}

static int compare_rows(const void *a, const void *b)
{
    const struct memory_row *x = *(const struct memory_row *const *)a;
    const struct memory_row *y = *(const struct memory_row *const *)b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool is_undone(const struct memory_purchase *order)
{
    return strcmp(order->status, "rejected") == 0 || strcmp(order->status, "cancelled") == 0;
}

static void pass(const struct warehouse_memory *warehouse, const struct memory_row *row,
    struct warehouse_interaction *interaction)
{
    const char *pseudonym = warehouse->shoppers.rows[memory_who(warehouse, row->shopper)].pseudonym;
    *interaction = (struct warehouse_interaction){
        .kind = row->kind,
        .at_ms = row->at_ms,
        .wine_id = warehouse->wines.rows[row->wine].id,
        .shopper = pseudonym ? pseudonym : "",
        .order_id = row->kind == WAREHOUSE_ORDER ? warehouse->orders.rows[row->order].id : "",
        .value = row->value,
    };
    if (row->kind == WAREHOUSE_ORDER && is_undone(&warehouse->orders.rows[row->order]))
        interaction->value = 0;
}

static int interactions(struct warehouse *base, const struct warehouse_interaction_query *query,
    warehouse_interaction_fn *fn, void *ctx, struct error *error)
{
    (void)error;
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    pthread_mutex_lock(&warehouse->lock);
    size_t count = 0;
    const struct memory_row **rows = calloc(warehouse->facts.count + 1, sizeof(*rows));
    if (!rows)
        abort();
    uint32_t who = query->shopper ? text_index_find(warehouse->shopper_index, query->shopper) : 0;
    for (size_t i = 0; who != TEXT_INDEX_NONE && i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        if (is_asked_for(warehouse, row, query, who))
            rows[count++] = row;
    }
    qsort(rows, count, sizeof(*rows), compare_rows);
    int64_t skip[WAREHOUSE_FORGET + 1] = {0};
    for (size_t i = 0; query->limit && i < count; i++)
        skip[rows[i]->kind]++;
    for (int kind = 0; kind <= WAREHOUSE_FORGET; kind++)
        skip[kind] -= query->limit;
    for (size_t i = 0; i < count; i++) {
        if (skip[rows[i]->kind]-- > 0)
            continue;
        struct warehouse_interaction interaction;
        pass(warehouse, rows[i], &interaction);
        if (fn(ctx, &interaction) != 0)
            break;
    }
    free(rows);
    pthread_mutex_unlock(&warehouse->lock);
    return 0;
}

static int checkpoints(struct warehouse *base, int64_t *sequences, struct error *error)
{
    (void)error;
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    pthread_mutex_lock(&warehouse->lock);
    memcpy(sequences, warehouse->checkpoints, sizeof(warehouse->checkpoints));
    pthread_mutex_unlock(&warehouse->lock);
    return 0;
}

static int recent(
    struct warehouse *base, struct arena *arena, const char ***ids, struct error *error)
{
    (void)error;
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    pthread_mutex_lock(&warehouse->lock);
    size_t all = warehouse->events.count;
    size_t count = all < WAREHOUSE_RECENT_EVENTS ? all : WAREHOUSE_RECENT_EVENTS;
    *ids = arena_new_array(arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++)
        (*ids)[i] = arena_strdup(arena, warehouse->events.rows[all - count + i]);
    pthread_mutex_unlock(&warehouse->lock);
    return (int)count;
}

static void letters(struct warehouse *base, int max, struct arena *arena,
    struct warehouse_letters *out, warehouse_done_fn *done, void *ctx)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    struct error none = {0};
    pthread_mutex_lock(&warehouse->lock);
    size_t all = warehouse->letters.count, count = all;
    if (count > WAREHOUSE_RECENT_LETTERS)
        count = WAREHOUSE_RECENT_LETTERS;
    if (count > (size_t)max)
        count = (size_t)max;
    out->count = count;
    out->letters = arena_new_array(arena, count + 1, struct warehouse_dead_letter);
    for (size_t i = 0; i < count; i++) {
        const struct warehouse_dead_letter *letter = &warehouse->letters.rows[all - 1 - i];
        out->letters[i] = *letter;
        out->letters[i].event_id = arena_strdup(arena, letter->event_id);
        out->letters[i].reason = arena_strdup(arena, letter->reason);
        out->letters[i].body = arena_strdup(arena, letter->body);
    }
    pthread_mutex_unlock(&warehouse->lock);
    done(ctx, 0, &none);
}

/* ---- life ---- */

static void close_warehouse(struct warehouse *base)
{
    struct warehouse_memory *warehouse = (struct warehouse_memory *)base;
    text_index_free(warehouse->wine_index);
    text_index_free(warehouse->shopper_index);
    text_index_free(warehouse->order_index);
    free(warehouse->wines.rows);
    free(warehouse->shoppers.rows);
    free(warehouse->orders.rows);
    free(warehouse->facts.rows);
    free(warehouse->events.rows);
    free(warehouse->letters.rows);
    arena_free(warehouse->arena);
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

struct warehouse *warehouse_memory_new(void)
{
    struct warehouse_memory *warehouse = calloc(1, sizeof(*warehouse));
    if (!warehouse)
        abort();
    warehouse->base.ops = &ops;
    warehouse->arena = arena_new();
    warehouse->wine_index = text_index_new();
    warehouse->shopper_index = text_index_new();
    warehouse->order_index = text_index_new();
    pthread_mutex_init(&warehouse->lock, NULL);
    (void)table_add(&warehouse->shoppers);
    rebuild_shopper_index(warehouse);
    return &warehouse->base;
}
