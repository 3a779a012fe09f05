/* The report. */
#include "arena.h"
#include "warehouse_bulk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A started list of rows: `limit` of `type` at most. */
#define NEW_ROWS(arena, limit, type) arena_new_array(arena, (limit) > 0 ? (limit) : 1, type)

#define SOLD "('confirmed', 'shipped', 'delivered')"

struct view {
    struct sql *sql;
    const struct warehouse_report_query *query;
    struct arena *arena;
    struct warehouse_report *report;
    int64_t since;
};

static const char *copy(struct view *view, int column)
{
    return arena_strdup(view->arena, sql_text(view->sql, column));
}

static int fill_revenue(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    struct sql *sql = view->sql;
    int64_t first = warehouse_first_day(view->query);
    warehouse_report_days(view->query, view->arena, report);
    int rc = sql_query(sql, error,
        "SELECT currency FROM fact_order WHERE at_ms >= $1 AND status IN " SOLD
        " GROUP BY currency ORDER BY COUNT(*) DESC, currency LIMIT 1",
        "i", view->since);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        snprintf(report->currency, sizeof(report->currency), "%s", sql_text(sql, 0));
        rc = 0;
    }
    if (rc < 0 || !*report->currency)
        return rc;
    rc = sql_query(sql, error,
        "SELECT day_key, COUNT(*), SUM(total) FROM fact_order"
        " WHERE at_ms >= $1 AND currency = $2 AND status IN " SOLD " GROUP BY day_key",
        "it", view->since, report->currency);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        int64_t day = sql_integer(sql, 0) - first;
        if (day >= 0 && day < (int64_t)report->revenue_count) {
            report->revenue[day].orders = sql_integer(sql, 1);
            report->revenue[day].amount = sql_integer(sql, 2);
        }
        rc = 0;
    }
    return rc;
}

static int fill_previous(struct view *view, struct error *error)
{
    struct sql *sql = view->sql;
    int rc = sql_query(sql, error,
        "SELECT COUNT(*), COALESCE(SUM(total), 0) FROM fact_order"
        " WHERE at_ms >= $1 AND at_ms < $2 AND currency = $3 AND status IN " SOLD,
        "iit", warehouse_since_previous(view->query), view->since, view->report->currency);
    if (rc == 0)
        rc = sql_step(sql, error);
    if (rc <= 0)
        return rc;
    view->report->previous_orders = sql_integer(sql, 0);
    view->report->previous_amount = sql_integer(sql, 1);
    sql_done(sql);
    return 0;
}

static int fill_funnel(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    const struct {
        const char *text;
        int64_t *count;
    } counts[] = {
        {"SELECT COUNT(DISTINCT CASE WHEN f.shopper_key <> 0"
         " THEN COALESCE(s.merged_into, f.shopper_key) END)"
         " + COUNT(CASE WHEN f.shopper_key = 0 THEN 1 END)"
         " FROM fact_view f JOIN dim_shopper s ON s.shopper_key = f.shopper_key"
         " WHERE f.at_ms >= $1",
            &report->viewers},
        {"SELECT COUNT(DISTINCT COALESCE(s.merged_into, f.shopper_key)) FROM fact_cart f"
         " JOIN dim_shopper s ON s.shopper_key = f.shopper_key"
         " WHERE f.at_ms >= $1 AND f.quantity > 0",
            &report->carts},
        {"SELECT COUNT(DISTINCT COALESCE(s.merged_into, f.shopper_key)) FROM fact_order f"
         " JOIN dim_shopper s ON s.shopper_key = f.shopper_key WHERE f.at_ms >= $1",
            &report->buyers},
        {"SELECT COUNT(*) FROM fact_impression WHERE at_ms >= $1", &report->impressions},
        {"SELECT COUNT(*) FROM fact_click WHERE at_ms >= $1", &report->clicks},
    };
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < sizeof(counts) / sizeof(*counts); i++)
        rc = sql_one(view->sql, error, counts[i].count, counts[i].text, "i", view->since);
    return rc < 0 ? rc : 0;
}

static int fill_sellers(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    struct sql *sql = view->sql;
    report->sellers = NEW_ROWS(view->arena, view->query->limit, struct warehouse_seller);
    int rc = sql_query(sql, error,
        "SELECT w.wine_id, MAX(w.name), SUM(l.quantity), SUM(l.line_total)"
        " FROM fact_order_line l JOIN fact_order o ON o.order_id = l.order_id"
        " JOIN dim_wine w ON w.wine_key = l.wine_key"
        " WHERE l.at_ms >= $1 AND o.currency = $2 AND o.status IN " SOLD
        " GROUP BY w.wine_id ORDER BY SUM(l.quantity) DESC, SUM(l.line_total) DESC, w.wine_id"
        " LIMIT $3",
        "iti", view->since, report->currency, (int64_t)view->query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        report->sellers[report->seller_count++] = (struct warehouse_seller){
            .wine_id = copy(view, 0),
            .name = copy(view, 1),
            .bottles = sql_integer(sql, 2),
            .amount = sql_integer(sql, 3),
        };
        rc = 0;
    }
    return rc;
}

static int fill_searches(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    struct sql *sql = view->sql;
    report->searches = NEW_ROWS(view->arena, view->query->limit, struct warehouse_query_count);
    int rc = sql_query(sql, error,
        "SELECT LOWER(query), COUNT(*) FROM fact_search WHERE at_ms >= $1 AND results = 0"
        " GROUP BY LOWER(query) ORDER BY COUNT(*) DESC, LOWER(query) LIMIT $2",
        "ii", view->since, (int64_t)view->query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        report->searches[report->search_count++] =
            (struct warehouse_query_count){.query = copy(view, 0), .count = sql_integer(sql, 1)};
        rc = 0;
    }
    return rc;
}

static int fill_clicked(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    struct sql *sql = view->sql;
    report->clicked_searches =
        NEW_ROWS(view->arena, view->query->limit, struct warehouse_clicked_search);
    int rc = sql_query(sql, error,
        "SELECT u.query, SUM(u.searches), SUM(u.clicks) FROM"
        " (SELECT LOWER(query) AS query, 1 AS searches, 0 AS clicks FROM fact_search"
        "  WHERE at_ms >= $1 AND results <> 0"
        "  UNION ALL SELECT LOWER(query) AS query, 0 AS searches, 1 AS clicks FROM fact_click"
        "  WHERE at_ms >= $1 AND query <> '') u"
        " GROUP BY u.query ORDER BY SUM(u.searches) DESC, SUM(u.clicks) DESC, u.query LIMIT $2",
        "ii", view->since, (int64_t)view->query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        report->clicked_searches[report->clicked_search_count++] =
            (struct warehouse_clicked_search){.query = copy(view, 0),
                .searches = sql_integer(sql, 1),
                .clicks = sql_integer(sql, 2)};
        rc = 0;
    }
    return rc;
}

/* ---- what runs out, and what is going to be asked for ---- */

/* A wine of `demand`, while it is being made. */
struct wanted {
    int64_t key, bottles;
    struct warehouse_demand demand;
};

struct wanting {
    struct wanted *wines;
    size_t count;
};

/* Makes room for a wine with no sales yet. */
static struct wanted *want(struct view *view, struct wanting *wanting, int64_t key)
{
    struct wanted *wine = &wanting->wines[wanting->count++];
    *wine = (struct wanted){.key = key,
        .demand = {.bottles = arena_new_array(view->arena, WAREHOUSE_DEMAND_DAYS, int32_t)}};
    return wine;
}

static int fill_low(struct view *view, struct wanting *wanting, struct error *error)
{
    struct warehouse_report *report = view->report;
    const struct warehouse_report_query *query = view->query;
    struct sql *sql = view->sql;
    report->low = NEW_ROWS(view->arena, query->limit, struct warehouse_low_stock);
    int rc = sql_query(sql, error,
        "SELECT w.wine_id, w.name, w.available, COALESCE(s.bottles, 0), w.wine_key FROM dim_wine w"
        " LEFT JOIN (SELECT l.wine_key AS wine_key, SUM(l.quantity) AS bottles"
        "  FROM fact_order_line l JOIN fact_order o ON o.order_id = l.order_id"
        "  WHERE l.at_ms >= $1 AND o.status IN " SOLD
        "  GROUP BY l.wine_key) s ON s.wine_key = w.wine_key"
        " WHERE w.withdrawn = 0 AND w.available IS NOT NULL AND (w.available <= $2"
        " OR w.available * $3 <= COALESCE(s.bottles, 0) * $4)"
        " ORDER BY CASE WHEN COALESCE(s.bottles, 0) = 0 THEN 1 ELSE 0 END,"
        " w.available * 1.0 / NULLIF(s.bottles, 0), w.available, w.wine_id LIMIT $5",
        "iiiii", view->since, (int64_t)query->low_stock, (int64_t)query->days,
        (int64_t)query->horizon_days, (int64_t)query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        struct warehouse_low_stock *low = &report->low[report->low_count++];
        *low = (struct warehouse_low_stock){.wine_id = copy(view, 0),
            .name = copy(view, 1),
            .available = sql_integer(sql, 2),
            .sold = sql_integer(sql, 3)};
        struct wanted *wine = want(view, wanting, sql_integer(sql, 4));
        wine->demand.wine_id = low->wine_id;
        wine->demand.name = low->name;
        wine->demand.available = low->available;
        rc = 0;
    }
    return rc;
}

static struct wanted *find_wanted(struct wanting *wanting, int64_t key)
{
    for (size_t i = 0; i < wanting->count; i++) {
        if (wanting->wines[i].key == key)
            return &wanting->wines[i];
    }
    return NULL;
}

static int want_best(struct view *view, struct wanting *wanting, int64_t first, struct error *error)
{
    struct sql *sql = view->sql;
    int rc = sql_query(sql, error,
        "SELECT w.wine_key, w.wine_id, w.name, COALESCE(w.available, -1)"
        " FROM (SELECT l.wine_key AS wine_key, SUM(l.quantity) AS bottles FROM fact_order_line l"
        "  JOIN fact_order o ON o.order_id = l.order_id"
        "  WHERE l.at_ms >= $1 AND l.at_ms < $2 AND o.status IN " SOLD " GROUP BY l.wine_key) t"
        " JOIN dim_wine w ON w.wine_key = t.wine_key ORDER BY t.bottles DESC, w.wine_id LIMIT $3",
        "iii", first * WAREHOUSE_DAY_MS, (first + WAREHOUSE_DEMAND_DAYS) * WAREHOUSE_DAY_MS,
        (int64_t)view->query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        rc = 0;
        if (find_wanted(wanting, sql_integer(sql, 0)))
            continue;
        struct wanted *wine = want(view, wanting, sql_integer(sql, 0));
        wine->demand.wine_id = copy(view, 1);
        wine->demand.name = copy(view, 2);
        wine->demand.available = sql_integer(sql, 3);
    }
    return rc;
}

static int fill_days(struct view *view, struct wanting *wanting, int64_t first, struct error *error)
{
    struct sql *sql = view->sql;
    int rc = sql_query(sql, error,
        "SELECT l.wine_key, l.day_key, SUM(l.quantity) FROM fact_order_line l"
        " JOIN fact_order o ON o.order_id = l.order_id"
        " WHERE l.at_ms >= $1 AND l.at_ms < $2 AND o.status IN " SOLD
        " GROUP BY l.wine_key, l.day_key",
        "ii", first * WAREHOUSE_DAY_MS, (first + WAREHOUSE_DEMAND_DAYS) * WAREHOUSE_DAY_MS);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        struct wanted *wine = find_wanted(wanting, sql_integer(sql, 0));
        int64_t day = sql_integer(sql, 1) - first, bottles = sql_integer(sql, 2);
        rc = 0;
        if (!wine || day < 0 || day >= WAREHOUSE_DEMAND_DAYS)
            continue;
        wine->demand.bottles[day] = bottles < INT32_MAX ? (int32_t)bottles : INT32_MAX;
        wine->bottles += bottles;
    }
    return rc;
}

static int compare_wanted(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    if (x->bottles != y->bottles)
        return x->bottles > y->bottles ? -1 : 1;
    return strcmp(x->demand.wine_id, y->demand.wine_id);
}

static int fill_demand(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    int64_t first = warehouse_day(view->query->now_ms) - WAREHOUSE_DEMAND_DAYS;
    struct wanting wanting = {
        .wines = NEW_ROWS(view->arena, 2 * view->query->limit, struct wanted)};
    int rc = fill_low(view, &wanting, error);
    if (rc == 0)
        rc = want_best(view, &wanting, first, error);
    if (rc == 0)
        rc = fill_days(view, &wanting, first, error);
    if (rc < 0)
        return rc;
    if (wanting.count)
        qsort(wanting.wines, wanting.count, sizeof(*wanting.wines), compare_wanted);
    report->demand = NEW_ROWS(view->arena, wanting.count, struct warehouse_demand);
    for (size_t i = 0; i < wanting.count; i++)
        report->demand[report->demand_count++] = wanting.wines[i].demand;
    return 0;
}

static int fill_stuck(struct view *view, struct error *error)
{
    struct warehouse_report *report = view->report;
    const struct warehouse_report_query *query = view->query;
    struct sql *sql = view->sql;
    report->stuck = NEW_ROWS(view->arena, query->limit, struct warehouse_stuck_order);
    int rc = sql_query(sql, error,
        "SELECT order_id, at_ms FROM fact_order"
        " WHERE at_ms >= $1 AND at_ms < $2 AND status = 'pending' ORDER BY at_ms, order_id"
        " LIMIT $3",
        "iii", view->since, query->now_ms - query->stuck_ms, (int64_t)query->limit);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        report->stuck[report->stuck_count++] = (struct warehouse_stuck_order){
            .order_id = copy(view, 0), .since_ms = sql_integer(sql, 1)};
        rc = 0;
    }
    return rc;
}

int warehouse_sql_report(struct sql *sql, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *report, struct error *error)
{
    static int (*const parts[])(struct view *, struct error *) = {fill_revenue, fill_previous,
        fill_funnel, fill_sellers, fill_demand, fill_searches, fill_clicked, fill_stuck};
    struct view view = {sql, query, arena, report, warehouse_since(query)};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(parts) / sizeof(*parts); i++)
        rc = parts[i](&view, error);
    return rc;
}
