/* GET /admin/analytics/dashboard: the warehouse's report as JSON. */
#include "buffer.h"
#include "clock.h"
#include "service.h"

#define LIST_LIMIT 20
#define LOW_STOCK 5     /* bottles: few, however slowly they sell */
#define HORIZON_DAYS 14 /* what runs out within, at the pace of the days asked for */
#define STUCK_MS 60000  /* an order is decided in well under a second */

struct dashboard {
    struct recommendation_service *service;
    struct exchange *exchange;
    struct warehouse_report_query query;
    struct warehouse_report report;
};

static void separate(struct buffer *body, size_t index)
{
    if (index)
        buffer_append_char(body, ',');
}

/* A wine that was sold before its description came is called by its id. */
static void append_wine(struct buffer *body, const char *wine_id, const char *name)
{
    buffer_append_text(body, "{\"wine_id\":");
    buffer_append_json(body, wine_id);
    buffer_append_text(body, ",\"name\":");
    buffer_append_json(body, *name ? name : wine_id);
}

static void append_revenue(struct buffer *body, const struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    const char *currency = *report->currency ? report->currency : dashboard->service->currency;
    buffer_append_text(body, "{\"revenue\":[");
    for (size_t i = 0; i < report->revenue_count; i++) {
        separate(body, i);
        buffer_printf(body, "{\"day\":\"%s\",\"orders\":%lld,\"amount\":%lld,\"currency\":\"%s\"}",
            report->revenue[i].day, (long long)report->revenue[i].orders,
            (long long)report->revenue[i].amount, currency);
    }
    buffer_printf(body, "],\"funnel\":{\"views\":%lld,\"carts\":%lld,\"orders\":%lld}",
        (long long)report->viewers, (long long)report->carts, (long long)report->buyers);
}

static void append_sellers(struct buffer *body, const struct warehouse_report *report)
{
    buffer_append_text(body, ",\"best_sellers\":[");
    for (size_t i = 0; i < report->seller_count; i++) {
        separate(body, i);
        append_wine(body, report->sellers[i].wine_id, report->sellers[i].name);
        buffer_printf(body, ",\"bottles\":%lld,\"amount\":%lld}",
            (long long)report->sellers[i].bottles, (long long)report->sellers[i].amount);
    }
    buffer_append_text(body, "],\"searches_without_result\":[");
    for (size_t i = 0; i < report->search_count; i++) {
        separate(body, i);
        buffer_append_text(body, "{\"query\":");
        buffer_append_json(body, report->searches[i].query);
        buffer_printf(body, ",\"count\":%lld}", (long long)report->searches[i].count);
    }
}

/* The forecast: sales go on at the mean of the days asked for. */
static void append_low_stock(struct buffer *body, const struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    buffer_append_text(body, "],\"low_stock\":[");
    for (size_t i = 0; i < report->low_count; i++) {
        const struct warehouse_low_stock *low = &report->low[i];
        separate(body, i);
        append_wine(body, low->wine_id, low->name);
        buffer_printf(body, ",\"available\":%lld,\"days_left\":", (long long)low->available);
        if (low->sold > 0)
            buffer_printf(
                body, "%.1f}", (double)low->available * dashboard->query.days / (double)low->sold);
        else
            buffer_append_text(body, "null}");
    }
}

static void append_stuck(struct buffer *body, const struct warehouse_report *report)
{
    char since[CLOCK_TEXT_SIZE];
    buffer_append_text(body, "],\"stuck\":[");
    for (size_t i = 0; i < report->stuck_count; i++) {
        separate(body, i);
        buffer_append_text(body, "{\"kind\":\"order\",\"id\":");
        buffer_append_json(body, report->stuck[i].order_id);
        buffer_printf(body, ",\"since\":\"%s\",\"detail\":\"placed and not yet decided\"}",
            clock_format(report->stuck[i].since_ms, since));
    }
    buffer_append_text(body, "]}");
}

static void reported(void *ctx, int rc, const struct error *error)
{
    struct dashboard *dashboard = ctx;
    struct buffer body = BUFFER_INIT;
    if (rc < 0) {
        http_fail(dashboard->exchange, error);
        return;
    }
    append_revenue(&body, dashboard);
    append_sellers(&body, &dashboard->report);
    append_low_stock(&body, dashboard);
    append_stuck(&body, &dashboard->report);
    http_reply_json(dashboard->exchange, 200, &body);
}

void route_dashboard(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    int64_t days = 30;
    struct error error = {0};
    if (exchange->request.identity.role != ROLE_ADMIN) {
        bool known = *exchange->request.identity.user != '\0';
        http_problem(exchange, known ? 403 : 401, known ? "forbidden" : "unauthenticated", NULL,
            known ? "this is for the back office" : "sign in first");
        return;
    }
    if (http_query_int(exchange, "days", 1, WAREHOUSE_MAX_DAYS, &days, &error) < 0) {
        http_fail(exchange, &error);
        return;
    }
    struct dashboard *dashboard = arena_new_struct(exchange->arena, struct dashboard);
    dashboard->service = service;
    dashboard->exchange = exchange;
    dashboard->query = (struct warehouse_report_query){.days = (int)days,
        .now_ms = clock_now_ms(),
        .limit = LIST_LIMIT,
        .low_stock = LOW_STOCK,
        .horizon_days = HORIZON_DAYS,
        .stuck_ms = STUCK_MS};
    warehouse_report(service->options.warehouse, &dashboard->query, exchange->arena,
        &dashboard->report, reported, dashboard);
}
