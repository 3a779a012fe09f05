/* GET /admin/analytics/dashboard: the warehouse's report as JSON, and what is forecast from it. */
#include "buffer.h"
#include "clock.h"
#include "forecast.h"
#include "service.h"

#define LIST_LIMIT 20
#define LOW_STOCK 5       /* bottles: few, however slowly they sell */
#define HORIZON_DAYS 14   /* what runs out within, at the pace of the days asked for */
#define FARTHEST_DAYS 366 /* a day later than that is no news */
#define STUCK_MS 60000    /* an order is decided in well under a second */

struct dashboard {
    struct recommendation_service *service;
    struct exchange *exchange;
    struct warehouse_report_query query;
    struct warehouse_report report;
    struct forecast *forecasts; /* of report.demand, in its order */
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

static const char *currency_of(const struct dashboard *dashboard)
{
    const char *currency = dashboard->report.currency;
    return *currency ? currency : dashboard->service->currency;
}

static void append_revenue(struct buffer *body, const struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    const char *currency = currency_of(dashboard);
    int64_t orders = 0, amount = 0;
    buffer_append_text(body, "{\"revenue\":[");
    for (size_t i = 0; i < report->revenue_count; i++) {
        separate(body, i);
        buffer_printf(body, "{\"day\":\"%s\",\"orders\":%lld,\"amount\":%lld,\"currency\":\"%s\"}",
            report->revenue[i].day, (long long)report->revenue[i].orders,
            (long long)report->revenue[i].amount, currency);
        orders += report->revenue[i].orders;
        amount += report->revenue[i].amount;
    }
    buffer_printf(body,
        "],\"totals\":{\"orders\":%lld,\"amount\":%lld,\"currency\":\"%s\"},"
        "\"previous\":{\"orders\":%lld,\"amount\":%lld,\"currency\":\"%s\"}",
        (long long)orders, (long long)amount, currency, (long long)report->previous_orders,
        (long long)report->previous_amount, currency);
}

/* A share to a hundredth of a percent; null where there is nothing to have a share of. */
static void append_rate(struct buffer *body, const char *name, int64_t part, int64_t whole)
{
    if (whole > 0)
        buffer_printf(body, ",\"%s\":%.4f", name, (double)part / (double)whole);
    else
        buffer_printf(body, ",\"%s\":null", name);
}

static void append_funnel(struct buffer *body, const struct warehouse_report *report)
{
    buffer_printf(body,
        ",\"funnel\":{\"impressions\":%lld,\"clicks\":%lld,\"views\":%lld,\"carts\":%lld,"
        "\"orders\":%lld",
        (long long)report->impressions, (long long)report->clicks, (long long)report->viewers,
        (long long)report->carts, (long long)report->buyers);
    append_rate(body, "click_rate", report->clicks, report->impressions);
    append_rate(body, "cart_rate", report->carts, report->viewers);
    append_rate(body, "order_rate", report->buyers, report->carts);
    append_rate(body, "conversion", report->buyers, report->viewers);
    buffer_append_char(body, '}');
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

static void append_searches(struct buffer *body, const struct warehouse_report *report)
{
    buffer_append_text(body, "],\"searches\":[");
    for (size_t i = 0; i < report->clicked_search_count; i++) {
        const struct warehouse_clicked_search *search = &report->clicked_searches[i];
        separate(body, i);
        buffer_append_text(body, "{\"query\":");
        buffer_append_json(body, search->query);
        buffer_printf(body, ",\"searches\":%lld,\"clicks\":%lld", (long long)search->searches,
            (long long)search->clicks);
        append_rate(body, "click_rate", search->clicks, search->searches);
        buffer_append_char(body, '}');
    }
}

/* ---- what is to come ---- */

static void make_forecasts(struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    int64_t today = warehouse_day(dashboard->query.now_ms);
    dashboard->forecasts =
        arena_new_array(dashboard->exchange->arena, report->demand_count + 1, struct forecast);
    for (size_t i = 0; i < report->demand_count; i++) {
        const struct warehouse_demand *demand = &report->demand[i];
        /* A wine is sold from the day that its id was made, in part; the next day is whole. */
        int64_t made_ms = id_time_ms(demand->wine_id), known = WAREHOUSE_DEMAND_DAYS;
        if (made_ms)
            known = today - warehouse_day(made_ms) - 1;
        forecast_make(&dashboard->forecasts[i], demand->bottles, WAREHOUSE_DEMAND_DAYS,
            known > 0 ? (size_t)known : 0);
    }
}

/* NULL where none was asked for. */
static const struct forecast *forecast_of(const struct dashboard *dashboard, const char *wine_id)
{
    for (size_t i = 0; i < dashboard->report.demand_count; i++) {
        if (strcmp(dashboard->report.demand[i].wine_id, wine_id) == 0)
            return &dashboard->forecasts[i];
    }
    return NULL;
}

static void append_expected(
    struct buffer *body, const char *name, bool made, double bottles, double low, double high)
{
    buffer_printf(body, ",\"%s\":", name);
    if (made)
        buffer_printf(body, "{\"bottles\":%.2f,\"low\":%.2f,\"high\":%.2f}", bottles, low, high);
    else
        buffer_append_text(body, "null");
}

/* A number that is null when `known` is false. */
static void append_number(struct buffer *body, const char *name, bool known, double value)
{
    if (known)
        buffer_printf(body, ",\"%s\":%.2f", name, value);
    else
        buffer_printf(body, ",\"%s\":null", name);
}

static void append_runs_out(struct buffer *body, const struct dashboard *dashboard, double days)
{
    char text[CLOCK_TEXT_SIZE];
    if (days < 0 || days > FARTHEST_DAYS) {
        buffer_append_text(body, ",\"runs_out\":null");
        return;
    }
    clock_format(dashboard->query.now_ms + (int64_t)(days * WAREHOUSE_DAY_MS), text);
    buffer_printf(body, ",\"runs_out\":\"%.10s\"", text);
}

static void append_forecast(struct buffer *body, const struct dashboard *dashboard,
    const struct forecast *forecast, int64_t available)
{
    static const char *const states[] = {[FORECAST_MADE] = "made",
        [FORECAST_TOO_SHORT] = "too_short",
        [FORECAST_NONE_SOLD] = "none_sold"};
    bool made = forecast->state == FORECAST_MADE, some = forecast->state != FORECAST_TOO_SHORT;
    double days = available >= 0 ? forecast_days_left(forecast, available) : -1;
    buffer_printf(body, ",\"available\":");
    if (available >= 0)
        buffer_append_int(body, available);
    else
        buffer_append_text(body, "null");
    buffer_printf(body, ",\"state\":\"%s\",\"weeks\":[", states[forecast->state]);
    for (int i = 0; i < forecast->weeks; i++) {
        separate(body, (size_t)i);
        buffer_append_int(body, forecast->weekly[i]);
    }
    buffer_append_char(body, ']');
    append_expected(body, "next_7_days", some, forecast->next_7, forecast->low_7, forecast->high_7);
    append_expected(
        body, "next_28_days", some, forecast->next_28, forecast->low_28, forecast->high_28);
    append_number(body, "error", made, forecast->error);
    append_number(body, "naive_error", made, forecast->naive_error);
    append_number(body, "error_ratio", made && forecast->naive_error > 0,
        made && forecast->naive_error > 0 ? forecast->error / forecast->naive_error : 0);
    buffer_printf(body, ",\"tested_weeks\":%d", forecast->tested);
    append_number(body, "days_left", days >= 0, days);
    append_runs_out(body, dashboard, days);
}

static void append_forecasts(struct buffer *body, const struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    buffer_append_text(body, "],\"forecast\":[");
    for (size_t i = 0; i < report->demand_count; i++) {
        separate(body, i);
        append_wine(body, report->demand[i].wine_id, report->demand[i].name);
        append_forecast(body, dashboard, &dashboard->forecasts[i], report->demand[i].available);
        buffer_append_char(body, '}');
    }
}

/* By the forecast; while a wine is too new for one, at the mean of the days asked for. */
static void append_low_stock(struct buffer *body, const struct dashboard *dashboard)
{
    const struct warehouse_report *report = &dashboard->report;
    buffer_append_text(body, "],\"low_stock\":[");
    for (size_t i = 0; i < report->low_count; i++) {
        const struct warehouse_low_stock *low = &report->low[i];
        const struct forecast *forecast = forecast_of(dashboard, low->wine_id);
        double days = forecast ? forecast_days_left(forecast, low->available) : -1;
        bool by_forecast = days >= 0;
        if (!by_forecast && low->sold > 0)
            days = (double)low->available * dashboard->query.days / (double)low->sold;
        separate(body, i);
        append_wine(body, low->wine_id, low->name);
        buffer_printf(body, ",\"available\":%lld,\"days_left\":", (long long)low->available);
        if (days >= 0)
            buffer_printf(
                body, "%.1f,\"days_left_by\":\"%s\"}", days, by_forecast ? "forecast" : "pace");
        else
            buffer_append_text(body, "null,\"days_left_by\":null}");
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
    make_forecasts(dashboard);
    append_revenue(&body, dashboard);
    append_funnel(&body, &dashboard->report);
    append_sellers(&body, &dashboard->report);
    append_searches(&body, &dashboard->report);
    append_low_stock(&body, dashboard);
    append_forecasts(&body, dashboard);
    append_stuck(&body, &dashboard->report);
    http_reply_json(dashboard->exchange, 200, &body);
}

void route_dashboard(void *ctx, struct exchange *exchange)
{
    struct recommendation_service *service = ctx;
    int64_t days = 30;
    struct error error = {0};
    if (!service_admits_office(exchange))
        return;
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
