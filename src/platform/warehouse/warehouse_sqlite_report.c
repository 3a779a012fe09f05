/* The questions asked of the SQLite engine. */
#include "arena.h"
#include "warehouse_sqlite_internal.h"

#include <stdio.h>

/* A started list of rows: `limit` of `type` at most. */
#define NEW_ROWS(arena, limit, type) arena_new_array(arena, (limit) > 0 ? (limit) : 1, type)

static int fill_revenue(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *report, struct error *error)
{
    int64_t first = warehouse_first_day(query), since = first * WAREHOUSE_DAY_MS;
    warehouse_report_days(query, arena, report);
    CLEANUP_STATEMENT sqlite3_stmt *main = sqlite_query(conn, error,
        "SELECT currency FROM fact_order"
        " WHERE at_ms >= $1 AND status IN ('confirmed', 'shipped', 'delivered')"
        " GROUP BY currency ORDER BY COUNT(*) DESC, currency LIMIT 1",
        "i", since);
    int rc = main ? sqlite_step(conn, main, error) : ERROR_INTERNAL;
    if (rc <= 0)
        return rc;
    snprintf(report->currency, sizeof(report->currency), "%s", sqlite_text(main, 0));
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT day_key, COUNT(*), SUM(total) FROM fact_order"
        " WHERE at_ms >= $1 AND currency = $2 AND status IN ('confirmed', 'shipped', 'delivered')"
        " GROUP BY day_key",
        "it", since, report->currency);
    if (!rows)
        return ERROR_INTERNAL;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        int64_t day = sqlite3_column_int64(rows, 0) - first;
        if (day < 0 || day >= (int64_t)report->revenue_count)
            continue;
        report->revenue[day].orders = sqlite3_column_int64(rows, 1);
        report->revenue[day].amount = sqlite3_column_int64(rows, 2);
    }
    return rc;
}

static int count_one(
    struct sqlite_conn *conn, sqlite3_stmt *row, int64_t *count, struct error *error)
{
    int rc = row ? sqlite_step(conn, row, error) : ERROR_INTERNAL;
    if (rc > 0)
        *count = sqlite3_column_int64(row, 0);
    sqlite_done(row);
    return rc < 0 ? rc : 0;
}

static int fill_funnel(
    struct sqlite_conn *conn, int64_t since, struct warehouse_report *report, struct error *error)
{
    int rc = count_one(conn,
        sqlite_query(conn, error,
            "SELECT COUNT(DISTINCT CASE WHEN f.shopper_key <> 0"
            " THEN COALESCE(s.merged_into, f.shopper_key) END)"
            " + COUNT(CASE WHEN f.shopper_key = 0 THEN 1 END)"
            " FROM fact_view f JOIN dim_shopper s ON s.shopper_key = f.shopper_key"
            " WHERE f.at_ms >= $1",
            "i", since),
        &report->viewers, error);
    if (rc == 0)
        rc = count_one(conn,
            sqlite_query(conn, error,
                "SELECT COUNT(DISTINCT COALESCE(s.merged_into, f.shopper_key)) FROM fact_cart f"
                " JOIN dim_shopper s ON s.shopper_key = f.shopper_key"
                " WHERE f.at_ms >= $1 AND f.quantity > 0",
                "i", since),
            &report->carts, error);
    if (rc == 0)
        rc = count_one(conn,
            sqlite_query(conn, error,
                "SELECT COUNT(DISTINCT COALESCE(s.merged_into, f.shopper_key)) FROM fact_order f"
                " JOIN dim_shopper s ON s.shopper_key = f.shopper_key WHERE f.at_ms >= $1",
                "i", since),
            &report->buyers, error);
    return rc;
}

static int fill_sellers(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    int64_t since, struct arena *arena, struct warehouse_report *report, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT w.wine_id, MAX(w.name), SUM(l.quantity), SUM(l.line_total)"
        " FROM fact_order_line l JOIN fact_order o ON o.order_id = l.order_id"
        " JOIN dim_wine w ON w.wine_key = l.wine_key"
        " WHERE l.at_ms >= $1 AND o.currency = $2"
        " AND o.status IN ('confirmed', 'shipped', 'delivered')"
        " GROUP BY w.wine_id ORDER BY SUM(l.quantity) DESC, SUM(l.line_total) DESC, w.wine_id"
        " LIMIT $3",
        "iti", since, report->currency, (int64_t)query->limit);
    if (!rows)
        return ERROR_INTERNAL;
    report->sellers = NEW_ROWS(arena, query->limit, struct warehouse_seller);
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        report->sellers[report->seller_count++] = (struct warehouse_seller){
            .wine_id = arena_strdup(arena, sqlite_text(rows, 0)),
            .name = arena_strdup(arena, sqlite_text(rows, 1)),
            .bottles = sqlite3_column_int64(rows, 2),
            .amount = sqlite3_column_int64(rows, 3),
        };
    }
    return rc;
}

static int fill_searches(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    int64_t since, struct arena *arena, struct warehouse_report *report, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT LOWER(query), COUNT(*) FROM fact_search WHERE at_ms >= $1 AND results = 0"
        " GROUP BY LOWER(query) ORDER BY COUNT(*) DESC, LOWER(query) LIMIT $2",
        "ii", since, (int64_t)query->limit);
    if (!rows)
        return ERROR_INTERNAL;
    report->searches = NEW_ROWS(arena, query->limit, struct warehouse_query_count);
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        report->searches[report->search_count++] = (struct warehouse_query_count){
            .query = arena_strdup(arena, sqlite_text(rows, 0)),
            .count = sqlite3_column_int64(rows, 1),
        };
    }
    return rc;
}

static int fill_low(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    int64_t since, struct arena *arena, struct warehouse_report *report, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT w.wine_id, w.name, w.available, COALESCE(s.bottles, 0) FROM dim_wine w"
        " LEFT JOIN (SELECT l.wine_key AS wine_key, SUM(l.quantity) AS bottles"
        "  FROM fact_order_line l JOIN fact_order o ON o.order_id = l.order_id"
        "  WHERE l.at_ms >= $1 AND o.status IN ('confirmed', 'shipped', 'delivered')"
        "  GROUP BY l.wine_key) s ON s.wine_key = w.wine_key"
        " WHERE w.withdrawn = 0 AND w.available IS NOT NULL AND (w.available <= $2"
        " OR w.available * $3 <= COALESCE(s.bottles, 0) * $4)"
        " ORDER BY CASE WHEN COALESCE(s.bottles, 0) = 0 THEN 1 ELSE 0 END,"
        " w.available * 1.0 / NULLIF(s.bottles, 0), w.available, w.wine_id LIMIT $5",
        "iiiii", since, (int64_t)query->low_stock, (int64_t)query->days,
        (int64_t)query->horizon_days, (int64_t)query->limit);
    if (!rows)
        return ERROR_INTERNAL;
    report->low = NEW_ROWS(arena, query->limit, struct warehouse_low_stock);
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        report->low[report->low_count++] = (struct warehouse_low_stock){
            .wine_id = arena_strdup(arena, sqlite_text(rows, 0)),
            .name = arena_strdup(arena, sqlite_text(rows, 1)),
            .available = sqlite3_column_int64(rows, 2),
            .sold = sqlite3_column_int64(rows, 3),
        };
    }
    return rc;
}

static int fill_stuck(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    int64_t since, struct arena *arena, struct warehouse_report *report, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT order_id, at_ms FROM fact_order"
        " WHERE at_ms >= $1 AND at_ms < $2 AND status = 'pending' ORDER BY at_ms, order_id"
        " LIMIT $3",
        "iii", since, query->now_ms - query->stuck_ms, (int64_t)query->limit);
    if (!rows)
        return ERROR_INTERNAL;
    report->stuck = NEW_ROWS(arena, query->limit, struct warehouse_stuck_order);
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        report->stuck[report->stuck_count++] = (struct warehouse_stuck_order){
            .order_id = arena_strdup(arena, sqlite_text(rows, 0)),
            .since_ms = sqlite3_column_int64(rows, 1),
        };
    }
    return rc;
}

int warehouse_sqlite_fill(struct sqlite_conn *conn, const struct warehouse_report_query *query,
    struct arena *arena, struct warehouse_report *report, struct error *error)
{
    int64_t since = warehouse_first_day(query) * WAREHOUSE_DAY_MS;
    int rc = fill_revenue(conn, query, arena, report, error);
    if (rc == 0)
        rc = fill_funnel(conn, since, report, error);
    if (rc == 0)
        rc = fill_sellers(conn, query, since, arena, report, error);
    if (rc == 0)
        rc = fill_searches(conn, query, since, arena, report, error);
    if (rc == 0)
        rc = fill_low(conn, query, since, arena, report, error);
    if (rc == 0)
        rc = fill_stuck(conn, query, since, arena, report, error);
    return rc;
}

/* ---- interactions ---- */

/* One branch of the union: the newest rows of a fact table as (at, kind, wine, shopper, order,
 * value). */
#define INTERACTIONS_OF(kind, table, order, value)                                                 \
    " SELECT * FROM (SELECT f.at_ms AS at_ms, " kind " AS kind, f.wine_key AS wine_key,"           \
    " f.shopper_key AS shopper_key, " order " AS order_id, " value " * 1.0 AS value FROM " table   \
    " f WHERE f.at_ms >= $1 ORDER BY f.at_ms DESC LIMIT $2) "

int warehouse_sqlite_interactions(struct sqlite_conn *conn, int64_t since_ms, int limit,
    warehouse_interaction_fn *fn, void *ctx, struct error *error)
{
    static const enum warehouse_fact_kind kinds[] = {
        WAREHOUSE_VIEW, WAREHOUSE_CLICK, WAREHOUSE_CART, WAREHOUSE_ORDER, WAREHOUSE_RATING};
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT u.at_ms, u.kind, w.wine_id, COALESCE(m.pseudonym, s.pseudonym, ''), u.order_id,"
        " u.value FROM (" INTERACTIONS_OF(
            "0", "fact_view", "''", "1") " UNION ALL " INTERACTIONS_OF("1", "fact_click", "''",
            "1") " UNION ALL " INTERACTIONS_OF("2", "fact_cart", "''",
            "f.quantity") " UNION ALL " INTERACTIONS_OF("3", "fact_order_line", "f.order_id",
            "f.quantity") " UNION ALL " INTERACTIONS_OF("4", "fact_rating", "''",
            "f.stars") ") u JOIN dim_wine w ON w.wine_key = u.wine_key"
                       " JOIN dim_shopper s ON s.shopper_key = u.shopper_key"
                       " LEFT JOIN dim_shopper m ON m.shopper_key = s.merged_into"
                       " ORDER BY u.at_ms, u.order_id",
        "ii", since_ms, (int64_t)limit);
    if (!rows)
        return ERROR_INTERNAL;
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct warehouse_interaction interaction = {
            .kind = kinds[sqlite3_column_int(rows, 1)],
            .at_ms = sqlite3_column_int64(rows, 0),
            .wine_id = sqlite_text(rows, 2),
            .shopper = sqlite_text(rows, 3),
            .order_id = sqlite_text(rows, 4),
            .value = sqlite3_column_double(rows, 5),
        };
        if (fn(ctx, &interaction) != 0)
            return 0;
    }
    return rc;
}
