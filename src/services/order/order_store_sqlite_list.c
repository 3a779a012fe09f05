/* Lists of orders in SQLite. A shopper's own are read at once by their index; the back office's
 * scan, so they go to the reporting thread. */
#include "order_store_sqlite.h"

#include "arena.h"
#include "buffer.h"
#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct report {
    const struct order_query *query;
    struct arena *arena;
    order_page_fn *done;
    void *ctx;
    struct report *next;
};

/* What the query's text stands for. */
struct filter {
    int64_t low, high; /* of seq, both included */
    const char *like;  /* pattern over the order's lines, or NULL */
};

static int seq_of_id(
    struct sqlite_conn *conn, const char *id, struct filter *filter, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, error, "SELECT seq FROM orders WHERE id = ?", "t", id);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    filter->low = rc > 0 ? sqlite3_column_int64(row, 0) : 1;
    filter->high = rc > 0 ? filter->low : 0;
    return rc < 0 ? rc : 0;
}

static const char *like_pattern(struct arena *arena, const char *text)
{
    CLEANUP_BUFFER struct buffer pattern = BUFFER_INIT;
    buffer_append_char(&pattern, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text))
            buffer_append_char(&pattern, '\\');
        buffer_append_char(&pattern, *text);
    }
    buffer_append_char(&pattern, '%');
    return arena_strndup(arena, pattern.data, pattern.length);
}

static int make_filter(struct sqlite_conn *conn, const struct order_query *query,
    struct arena *arena, struct filter *filter, struct error *error)
{
    *filter = (struct filter){.low = 1, .high = INT64_MAX};
    int64_t seq;
    if (!query->text || !*query->text)
        return 0;
    if (id_valid(query->text))
        return seq_of_id(conn, query->text, filter, error);
    if (order_number_parse(query->text, &seq))
        filter->low = filter->high = seq;
    else
        filter->like = like_pattern(arena, query->text);
    return 0;
}

static int count_all(struct sqlite_conn *conn, const struct order_query *query,
    const struct filter *filter, int64_t *total, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "SELECT count(*) FROM orders WHERE seq BETWEEN ?1 AND ?2 AND (?3 = 0 OR (1 << status) & ?3)"
        " AND (?4 IS NULL OR doc LIKE ?4 ESCAPE '\\')",
        "iiit", filter->low, filter->high, (int64_t)query->statuses, filter->like);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc > 0)
        *total = sqlite3_column_int64(row, 0);
    return rc < 0 ? rc : 0;
}

static sqlite3_stmt *select_page(struct sqlite_conn *conn, const struct order_query *query,
    const struct filter *filter, struct error *error)
{
    int64_t before = query->before ? query->before - 1 : INT64_MAX, one_more = query->limit + 1;
    if (query->owner)
        return sqlite_query(conn, error,
            "SELECT " ORDER_COLUMNS " FROM orders WHERE seq IN"
            " (SELECT seq FROM orders WHERE owner = ? AND seq <= ? ORDER BY seq DESC LIMIT ?)"
            " ORDER BY seq DESC",
            "tii", query->owner, before, one_more);
    if (before > filter->high)
        before = filter->high;
    return sqlite_query(conn, error,
        "SELECT " ORDER_COLUMNS " FROM orders WHERE seq BETWEEN ?1 AND ?2"
        " AND (?3 = 0 OR (1 << status) & ?3) AND (?4 IS NULL OR doc LIKE ?4 ESCAPE '\\')"
        " ORDER BY seq DESC LIMIT ?5",
        "iiiti", filter->low, before, (int64_t)query->statuses, filter->like, one_more);
}

static int read_page(struct sqlite_conn *conn, const struct order_query *query, struct arena *arena,
    struct order_page *page, struct error *error)
{
    struct filter filter;
    int rc = make_filter(conn, query, arena, &filter, error);
    if (rc == 0 && query->count)
        rc = count_all(conn, query, &filter, &page->total, error);
    if (rc < 0)
        return rc;
    CLEANUP_STATEMENT sqlite3_stmt *rows = select_page(conn, query, &filter, error);
    if (!rows)
        return ERROR_INTERNAL;
    page->records = arena_new_array(arena, query->limit, struct order_record);
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        if (page->count == query->limit) {
            page->next = page->records[page->count - 1].seq;
            break;
        }
        order_row_read(rows, arena, &page->records[page->count++]);
    }
    return rc < 0 ? rc : 0;
}

static void answer(struct order_store_sqlite *store, const struct order_query *query,
    struct arena *arena, order_page_fn *done, void *ctx)
{
    struct error error = {0};
    struct order_page page = {0};
    struct sqlite_conn *conn = sqlite_db_reader(store->db, &error);
    int rc = conn ? read_page(conn, query, arena, &page, &error) : ERROR_UNAVAILABLE;
    done(ctx, rc, &error, rc < 0 ? NULL : &page);
}

static void *report_loop(void *argument)
{
    struct order_store_sqlite *store = argument;
    pthread_setname_np(pthread_self(), "order-report");
    pthread_mutex_lock(&store->lock);
    for (;;) {
        while (!store->first && !store->stopping)
            pthread_cond_wait(&store->wake, &store->lock);
        struct report *report = store->first;
        if (!report)
            break;
        store->first = report->next;
        if (!store->first)
            store->last = &store->first;
        pthread_mutex_unlock(&store->lock);
        answer(store, report->query, report->arena, report->done, report->ctx);
        pthread_mutex_lock(&store->lock);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

int order_reporter_start(struct order_store_sqlite *store, struct error *error)
{
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->wake, NULL);
    store->last = &store->first;
    if (pthread_create(&store->reporter, NULL, report_loop, store) == 0)
        return 0;
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the reports on orders");
}

void order_reporter_stop(struct order_store_sqlite *store)
{
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->reporter, NULL);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
}

void order_sqlite_list(struct order_store *store, const struct order_query *query,
    struct arena *arena, order_page_fn *done, void *ctx)
{
    struct order_store_sqlite *this = (struct order_store_sqlite *)store;
    if (query->owner) {
        answer(this, query, arena, done, ctx);
        return;
    }
    struct report *report = arena_new_struct(arena, struct report);
    *report = (struct report){.query = query, .arena = arena, .done = done, .ctx = ctx};
    pthread_mutex_lock(&this->lock);
    *this->last = report;
    this->last = &report->next;
    pthread_cond_signal(&this->wake);
    pthread_mutex_unlock(&this->lock);
}
