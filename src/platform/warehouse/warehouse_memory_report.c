/* The report of the memory engine: passes over all facts. */
#include "arena.h"
#include "warehouse_memory_internal.h"

#include <stdio.h>
#include <string.h>

struct view {
    struct warehouse_memory *warehouse;
    const struct warehouse_report_query *query;
    struct arena *arena;
    struct warehouse_report *report;
    int64_t since;
};

static void fill_currency(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    struct text_index *currencies = text_index_new();
    TABLE(size_t) counts = {0};
    for (size_t i = 0; i < warehouse->orders.count; i++) {
        const struct memory_purchase *order = &warehouse->orders.rows[i];
        if (order->at_ms < view->since || !memory_sold(order))
            continue;
        uint32_t number = text_index_add(currencies, order->currency);
        if (number == counts.count)
            (void)table_add(&counts);
        counts.rows[number]++;
    }
    size_t best = 0;
    char *main = view->report->currency;
    for (uint32_t i = 0; i < counts.count; i++) {
        const char *currency = text_index_text(currencies, i);
        if (counts.rows[i] > best || (counts.rows[i] == best && strcmp(currency, main) < 0)) {
            best = counts.rows[i];
            snprintf(main, sizeof(view->report->currency), "%s", currency);
        }
    }
    free(counts.rows);
    text_index_free(currencies);
}

static bool counts(const struct view *view, const struct memory_purchase *order)
{
    return order->at_ms >= view->since && memory_sold(order) &&
           strcmp(order->currency, view->report->currency) == 0;
}

static void fill_revenue(struct view *view)
{
    warehouse_report_days(view->query, view->arena, view->report);
    int64_t first = warehouse_first_day(view->query);
    for (size_t i = 0; i < view->warehouse->orders.count; i++) {
        const struct memory_purchase *order = &view->warehouse->orders.rows[i];
        int64_t day = warehouse_day(order->at_ms) - first;
        if (!counts(view, order) || day >= (int64_t)view->report->revenue_count)
            continue;
        view->report->revenue[day].orders++;
        view->report->revenue[day].amount += order->total;
    }
}

/* The days just before, for comparison. */
static void fill_previous(struct view *view)
{
    int64_t from = warehouse_since_previous(view->query);
    for (size_t i = 0; i < view->warehouse->orders.count; i++) {
        const struct memory_purchase *order = &view->warehouse->orders.rows[i];
        if (order->at_ms < from || order->at_ms >= view->since || !memory_sold(order) ||
            strcmp(order->currency, view->report->currency) != 0)
            continue;
        view->report->previous_orders++;
        view->report->previous_amount += order->total;
    }
}

static void count_once(bool *seen, uint32_t who, int64_t *count)
{
    if (!seen[who]) {
        seen[who] = true;
        ++*count;
    }
}

static void fill_funnel(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    size_t shoppers = warehouse->shoppers.count;
    bool *seen = calloc(shoppers * 3, sizeof(*seen));
    if (!seen)
        abort();
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        if (row->at_ms < view->since)
            continue;
        uint32_t who = memory_who(warehouse, row->shopper);
        view->report->impressions += row->kind == WAREHOUSE_IMPRESSION;
        view->report->clicks += row->kind == WAREHOUSE_CLICK;
        if (row->kind == WAREHOUSE_VIEW && !who)
            view->report->viewers++;
        else if (row->kind == WAREHOUSE_VIEW)
            count_once(seen, who, &view->report->viewers);
        else if (row->kind == WAREHOUSE_CART && row->value > 0)
            count_once(seen + shoppers, who, &view->report->carts);
    }
    for (size_t i = 0; i < warehouse->orders.count; i++) {
        const struct memory_purchase *order = &warehouse->orders.rows[i];
        if (order->at_ms >= view->since)
            count_once(
                seen + 2 * shoppers, memory_who(warehouse, order->shopper), &view->report->buyers);
    }
    free(seen);
}

/* ---- sales: best sellers and what runs out ---- */

struct sale {
    const struct memory_wine *wine;
    int64_t bottles, amount; /* of orders in the report's currency */
    int64_t all_bottles;
};

static int compare_sales(const void *a, const void *b)
{
    const struct sale *x = a, *y = b;
    if (x->bottles != y->bottles)
        return x->bottles > y->bottles ? -1 : 1;
    if (x->amount != y->amount)
        return x->amount > y->amount ? -1 : 1;
    return strcmp(x->wine->id, y->wine->id);
}

static int compare_low(const void *a, const void *b)
{
    const struct sale *x = a, *y = b;
    if (!x->all_bottles != !y->all_bottles)
        return x->all_bottles ? -1 : 1;
    if (x->all_bottles) {
        double left = (double)x->wine->available / (double)x->all_bottles;
        double right = (double)y->wine->available / (double)y->all_bottles;
        if (left != right)
            return left < right ? -1 : 1;
    }
    if (x->wine->available != y->wine->available)
        return x->wine->available < y->wine->available ? -1 : 1;
    return strcmp(x->wine->id, y->wine->id);
}

static void fill_sellers(struct view *view, struct sale *sales, size_t count)
{
    size_t limit = (size_t)view->query->limit;
    qsort(sales, count, sizeof(*sales), compare_sales);
    view->report->sellers = arena_new_array(view->arena, limit + 1, struct warehouse_seller);
    for (size_t i = 0; i < count && i < limit && sales[i].bottles; i++)
        view->report->sellers[view->report->seller_count++] = (struct warehouse_seller){
            .wine_id = arena_strdup(view->arena, sales[i].wine->id),
            .name = arena_strdup(view->arena, sales[i].wine->name),
            .bottles = sales[i].bottles,
            .amount = sales[i].amount,
        };
}

static bool is_low(const struct view *view, const struct sale *sale)
{
    int64_t available = sale->wine->available;
    return !sale->wine->withdrawn && available >= 0 &&
           (available <= view->query->low_stock ||
               available * view->query->days <= sale->all_bottles * view->query->horizon_days);
}

static void fill_low(struct view *view, struct sale *sales, size_t count)
{
    size_t limit = (size_t)view->query->limit;
    qsort(sales, count, sizeof(*sales), compare_low);
    view->report->low = arena_new_array(view->arena, limit + 1, struct warehouse_low_stock);
    for (size_t i = 0; i < count && view->report->low_count < limit; i++) {
        if (is_low(view, &sales[i]))
            view->report->low[view->report->low_count++] = (struct warehouse_low_stock){
                .wine_id = arena_strdup(view->arena, sales[i].wine->id),
                .name = arena_strdup(view->arena, sales[i].wine->name),
                .available = sales[i].wine->available,
                .sold = sales[i].all_bottles,
            };
    }
}

static void fill_sales(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    size_t count = warehouse->wines.count;
    struct sale *sales = calloc(count + 1, sizeof(*sales));
    if (!sales)
        abort();
    for (size_t i = 0; i < count; i++)
        sales[i].wine = &warehouse->wines.rows[i];
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        if (row->kind != WAREHOUSE_ORDER || row->at_ms < view->since)
            continue;
        const struct memory_purchase *order = &warehouse->orders.rows[row->order];
        if (memory_sold(order))
            sales[row->wine].all_bottles += (int64_t)row->value;
        if (counts(view, order)) {
            sales[row->wine].bottles += (int64_t)row->value;
            sales[row->wine].amount += row->amount;
        }
    }
    fill_sellers(view, sales, count);
    fill_low(view, sales, count);
    free(sales);
}

/* ---- demand ---- */

struct demand {
    const struct memory_wine *wine;
    int64_t bottles;
    int32_t days[WAREHOUSE_DEMAND_DAYS];
};

static int compare_demand(const void *a, const void *b)
{
    const struct demand *x = a, *y = b;
    if (x->bottles != y->bottles)
        return x->bottles > y->bottles ? -1 : 1;
    return strcmp(x->wine->id, y->wine->id);
}

static bool is_in_low(const struct view *view, const struct demand *demand)
{
    for (size_t i = 0; i < view->report->low_count; i++) {
        if (strcmp(view->report->low[i].wine_id, demand->wine->id) == 0)
            return true;
    }
    return false;
}

static void fill_demand(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    size_t count = warehouse->wines.count, limit = (size_t)view->query->limit;
    int64_t first = warehouse_day(view->query->now_ms) - WAREHOUSE_DEMAND_DAYS;
    struct demand *demand = calloc(count + 1, sizeof(*demand));
    if (!demand)
        abort();
    for (size_t i = 0; i < count; i++)
        demand[i].wine = &warehouse->wines.rows[i];
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        int64_t day = warehouse_day(row->at_ms) - first;
        if (row->kind != WAREHOUSE_ORDER || day < 0 || day >= WAREHOUSE_DEMAND_DAYS ||
            !memory_sold(&warehouse->orders.rows[row->order]))
            continue;
        demand[row->wine].bottles += (int64_t)row->value;
        demand[row->wine].days[day] += (int32_t)row->value;
    }
    qsort(demand, count, sizeof(*demand), compare_demand);
    view->report->demand = arena_new_array(view->arena, 2 * limit + 1, struct warehouse_demand);
    for (size_t i = 0; i < count; i++) {
        if ((i >= limit || !demand[i].bottles) && !is_in_low(view, &demand[i]))
            continue;
        view->report->demand[view->report->demand_count++] =
            (struct warehouse_demand){.wine_id = arena_strdup(view->arena, demand[i].wine->id),
                .name = arena_strdup(view->arena, demand[i].wine->name),
                .available = demand[i].wine->available,
                .bottles = arena_memdup(view->arena, demand[i].days, sizeof(demand[i].days))};
    }
    free(demand);
}

/* ---- searches and stuck orders ---- */

static int compare_searches(const void *a, const void *b)
{
    const struct warehouse_query_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->query, y->query);
}

static char *lower(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return copy;
}

static void fill_searches(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    struct text_index *queries = text_index_new();
    TABLE(struct warehouse_query_count) found = {0};
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        if (row->kind != WAREHOUSE_SEARCH || row->at_ms < view->since || row->value != 0)
            continue;
        const char *query = lower(view->arena, row->text);
        uint32_t number = text_index_add(queries, query);
        if (number == found.count)
            table_add(&found)->query = query;
        found.rows[number].count++;
    }
    if (found.count)
        qsort(found.rows, found.count, sizeof(*found.rows), compare_searches);
    size_t limit = (size_t)view->query->limit;
    view->report->search_count = found.count < limit ? found.count : limit;
    view->report->searches = arena_memdup(view->arena, found.rows ? (void *)found.rows : "",
        view->report->search_count * sizeof(*found.rows));
    free(found.rows);
    text_index_free(queries);
}

static int compare_clicked(const void *a, const void *b)
{
    const struct warehouse_clicked_search *x = a, *y = b;
    if (x->searches != y->searches)
        return x->searches > y->searches ? -1 : 1;
    if (x->clicks != y->clicks)
        return x->clicks > y->clicks ? -1 : 1;
    return strcmp(x->query, y->query);
}

static void fill_clicked(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    struct text_index *queries = text_index_new();
    TABLE(struct warehouse_clicked_search) found = {0};
    for (size_t i = 0; i < warehouse->facts.count; i++) {
        const struct memory_row *row = &warehouse->facts.rows[i];
        bool search = row->kind == WAREHOUSE_SEARCH && row->value != 0;
        bool click = row->kind == WAREHOUSE_CLICK && *row->text;
        if (row->at_ms < view->since || (!search && !click))
            continue;
        const char *query = lower(view->arena, row->text);
        uint32_t number = text_index_add(queries, query);
        if (number == found.count)
            table_add(&found)->query = query;
        found.rows[number].searches += search;
        found.rows[number].clicks += click;
    }
    if (found.count)
        qsort(found.rows, found.count, sizeof(*found.rows), compare_clicked);
    size_t limit = (size_t)view->query->limit;
    view->report->clicked_search_count = found.count < limit ? found.count : limit;
    view->report->clicked_searches = arena_memdup(view->arena, found.rows ? (void *)found.rows : "",
        view->report->clicked_search_count * sizeof(*found.rows));
    free(found.rows);
    text_index_free(queries);
}

static int compare_stuck(const void *a, const void *b)
{
    const struct warehouse_stuck_order *x = a, *y = b;
    if (x->since_ms != y->since_ms)
        return x->since_ms < y->since_ms ? -1 : 1;
    return strcmp(x->order_id, y->order_id);
}

static void fill_stuck(struct view *view)
{
    struct warehouse_memory *warehouse = view->warehouse;
    struct warehouse_report *report = view->report;
    report->stuck =
        arena_new_array(view->arena, warehouse->orders.count + 1, struct warehouse_stuck_order);
    for (size_t i = 0; i < warehouse->orders.count; i++) {
        const struct memory_purchase *order = &warehouse->orders.rows[i];
        if (order->at_ms >= view->since &&
            order->at_ms < view->query->now_ms - view->query->stuck_ms &&
            strcmp(order->status, "pending") == 0)
            report->stuck[report->stuck_count++] = (struct warehouse_stuck_order){
                .order_id = arena_strdup(view->arena, order->id), .since_ms = order->at_ms};
    }
    qsort(report->stuck, report->stuck_count, sizeof(*report->stuck), compare_stuck);
    if (report->stuck_count > (size_t)view->query->limit)
        report->stuck_count = (size_t)view->query->limit;
}

void warehouse_memory_fill(struct warehouse_memory *warehouse,
    const struct warehouse_report_query *query, struct arena *arena,
    struct warehouse_report *report)
{
    struct view view = {.warehouse = warehouse,
        .query = query,
        .arena = arena,
        .report = report,
        .since = warehouse_first_day(query) * WAREHOUSE_DAY_MS};
    fill_currency(&view);
    fill_revenue(&view);
    fill_previous(&view);
    fill_funnel(&view);
    fill_sales(&view);
    fill_demand(&view);
    fill_searches(&view);
    fill_clicked(&view);
    fill_stuck(&view);
}
