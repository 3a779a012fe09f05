/* The SQLite engine: reservations and changes of stock. The hot write of the store: a reservation
 * of one line is three statements. */
#include "store_sqlite.h"

#include "clock.h"

#include <string.h>

struct lines_job {
    struct store_job base; /* base.id is the order's */
    enum product_settlement settlement;
    const char *message_id, *cause;
    size_t count;
    struct product_line lines[PRODUCT_MAX_LINES];
};

static void lines_done(struct sqlite_job *job)
{
    struct lines_job *self = (struct lines_job *)job;
    self->base.lines_done(self->base.ctx, job->rc, &job->error, self->lines, self->count);
    store_job_free(&self->base);
}

static struct lines_job *lines_job_new(struct product_store *store,
    const struct product_line *lines, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx)
{
    struct lines_job *job = store_job_new(store, sizeof(*job), trace);
    job->base.job.done = lines_done;
    job->base.lines_done = done;
    job->base.ctx = ctx;
    job->count = count;
    for (size_t i = 0; i < count; i++) {
        memcpy(job->lines[i].id, lines[i].id, ID_SIZE);
        job->lines[i].quantity = lines[i].quantity;
    }
    product_lines_sort(job->lines, count);
    return job;
}

static int put_stock_event(struct sqlite_conn *conn, struct lines_job *job,
    const struct product_line *line, int64_t version, int64_t change, const char *cause,
    const char *order_id, struct buffer *buffer)
{
    struct product_event event = {
        .wine_id = line->id, .sequence = version, .trace = &job->base.trace};
    event_stock(buffer, &event, cause, change, line->available, line->on_hand, order_id);
    return store_put_event(conn, job->base.cache, &event, buffer, &job->base.job.error);
}

/* Moves one line's stock. 1 done, 0 when it cannot be had (line->available says what is left). */
static int move_line(struct sqlite_conn *conn, struct product_line *line, int64_t available,
    int64_t on_hand, bool sold_only, int64_t *version, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "UPDATE state SET available = available + ?2, on_hand = on_hand + ?3,"
        " stock_version = stock_version + 1"
        " WHERE wine = (SELECT row FROM wine WHERE id = ?1 AND withdrawn <= ?4)"
        " AND available + ?2 >= 0 AND on_hand + ?3 >= 0"
        " RETURNING available, on_hand, stock_version",
        "tiii", line->id, available, on_hand, (int64_t)!sold_only);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc <= 0)
        return rc;
    line->available = sqlite3_column_int64(row, 0);
    line->on_hand = sqlite3_column_int64(row, 1);
    *version = sqlite3_column_int64(row, 2);
    return 1;
}

static int mark_short(struct sqlite_conn *conn, struct product_line *line, struct error *error)
{
    struct product_wine wine;
    int rc = store_find(conn, line->id, &wine, error);
    if (rc < 0 && rc != ERROR_NOT_FOUND)
        return rc;
    line->short_of = true;
    line->available = rc == 0 && !wine.withdrawn ? wine.available : 0;
    line->on_hand = rc == 0 ? wine.on_hand : 0;
    return 0;
}

/* ---- reserving ---- */

/* 1: new, and noted as reserved; 0: the same reservation is there. */
static int note_reservation(struct sqlite_conn *conn, const char *order_id, const char *lines,
    enum reservation_status status, struct error *error)
{
    int rc = sqlite_exec(conn, error,
        "INSERT INTO reservation(order_id, status, lines) VALUES(?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        "tit", order_id, (int64_t)status, lines);
    if (rc < 0 || sqlite_changes(conn))
        return rc < 0 ? rc : 1;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
        conn, error, "SELECT status, lines FROM reservation WHERE order_id = ?", "t", order_id);
    if (!row)
        return ERROR_INTERNAL;
    rc = sqlite_step(conn, row, error);
    if (rc < 0)
        return rc;
    if (sqlite3_column_int(row, 0) == (int)status && strcmp(sqlite_text(row, 1), lines) == 0)
        return 0;
    return error_set(error, ERROR_CONFLICT, "version_conflict", NULL,
        "this order was reserved with other lines, or has been settled");
}

static int reserve_lines(struct sqlite_conn *conn, struct lines_job *job, struct buffer *buffer)
{
    struct error *error = &job->base.job.error;
    bool any_short = false;
    for (size_t i = 0; i < job->count; i++) {
        struct product_line *line = &job->lines[i];
        int64_t version = 0;
        int rc = move_line(conn, line, -line->quantity, 0, true, &version, error);
        if (rc == 0) {
            any_short = true;
            rc = mark_short(conn, line, error);
        } else if (rc > 0 && !any_short) {
            rc = put_stock_event(
                conn, job, line, version, -line->quantity, "reserved", job->base.id, buffer);
        }
        if (rc < 0)
            return rc;
    }
    return any_short ? product_lines_short(job->lines, job->count, error) : 0;
}

static int reserve_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct lines_job *job = (struct lines_job *)base;
    CLEANUP_BUFFER struct buffer buffer = BUFFER_INIT;
    reservation_lines_append(&buffer, job->lines, job->count);
    int rc = note_reservation(conn, job->base.id, buffer.data, RESERVATION_RESERVED, &base->error);
    if (rc > 0)
        return reserve_lines(conn, job, &buffer);
    if (rc == 0)
        job->count = 0; /* nothing moved: no stock to tell of */
    return rc;
}

void sqlite_reserve(struct product_store *store, const char *order_id,
    const struct product_line *lines, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx)
{
    struct lines_job *job = lines_job_new(store, lines, count, trace, done, ctx);
    job->base.job.run = reserve_run;
    memcpy(job->base.id, order_id, ID_SIZE);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* ---- settling ---- */

static int read_reservation(struct sqlite_conn *conn, struct lines_job *job,
    enum reservation_status *status, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(
        conn, error, "SELECT status, lines FROM reservation WHERE order_id = ?", "t", job->base.id);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    if (rc <= 0)
        return rc;
    *status = (enum reservation_status)sqlite3_column_int(row, 0);
    job->count = reservation_lines_parse(sqlite_text(row, 1), job->lines);
    return 0;
}

static int settle_lines(struct sqlite_conn *conn, struct lines_job *job)
{
    CLEANUP_BUFFER struct buffer buffer = BUFFER_INIT;
    struct error *error = &job->base.job.error;
    struct stock_move move = reservation_move(job->settlement);
    for (size_t i = 0; i < job->count; i++) {
        struct product_line *line = &job->lines[i];
        int64_t version = 0;
        int rc = move_line(conn, line, move.available * line->quantity,
            move.on_hand * line->quantity, false, &version, error);
        if (rc == 0)
            rc = error_set(error, ERROR_INTERNAL, NULL, NULL,
                "wine %s has fewer bottles than are reserved", line->id);
        if (rc > 0)
            rc = put_stock_event(conn, job, line, version, move.available * line->quantity,
                move.cause, job->base.id, &buffer);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int settle_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct lines_job *job = (struct lines_job *)base;
    enum reservation_status status = RESERVATION_NONE, next;
    int rc = read_reservation(conn, job, &status, &base->error);
    if (rc == 0)
        rc = reservation_step(status, job->settlement, &next, &base->error);
    if (rc <= 0) {
        job->count = 0;
        return rc;
    }
    rc = sqlite_exec(conn, &base->error,
        "INSERT INTO reservation(order_id, status, lines) VALUES(?1, ?2, '')"
        " ON CONFLICT DO UPDATE SET status = ?2",
        "ti", job->base.id, (int64_t)next);
    return rc < 0 ? rc : settle_lines(conn, job);
}

void sqlite_settle(struct product_store *store, const char *order_id,
    enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
    void *ctx)
{
    struct lines_job *job = lines_job_new(store, NULL, 0, trace, done, ctx);
    job->base.job.run = settle_run;
    job->settlement = settlement;
    memcpy(job->base.id, order_id, ID_SIZE);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* ---- restocking and corrections ---- */

/* 1 when the message is new (or has no id). */
static int note_message(struct sqlite_conn *conn, const char *id, struct error *error)
{
    if (!id)
        return 1;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO applied(id, at_ms) VALUES(?, ?) ON CONFLICT DO NOTHING", "ti", id,
        clock_now_ms());
    return rc < 0 ? rc : sqlite_changes(conn) > 0;
}

static int change_line(struct sqlite_conn *conn, struct lines_job *job, struct product_line *line,
    struct buffer *buffer, bool *any_short)
{
    struct error *error = &job->base.job.error;
    struct product_wine wine;
    int rc = store_find(conn, line->id, &wine, error);
    if (rc < 0)
        return rc;
    if (wine.on_hand + line->quantity > PRODUCT_MAX_STOCK)
        return error_set(error, ERROR_INVALID, NULL, "change",
            "no more than %d bottles of a wine can be kept", PRODUCT_MAX_STOCK);
    int64_t version = 0;
    rc = move_line(conn, line, line->quantity, line->quantity, false, &version, error);
    if (rc == 0) {
        *any_short = line->short_of = true;
        line->available = wine.available;
        line->on_hand = wine.on_hand;
        return 0;
    }
    return rc < 0 ? rc
                  : put_stock_event(conn, job, line, version, line->quantity,
                        job->cause           ? job->cause
                        : line->quantity > 0 ? "restock"
                                             : "correction",
                        NULL, buffer);
}

static int change_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct lines_job *job = (struct lines_job *)base;
    CLEANUP_BUFFER struct buffer buffer = BUFFER_INIT;
    bool any_short = false;
    int rc = note_message(conn, job->message_id, &base->error);
    if (rc == 0)
        job->count = 0;
    for (size_t i = 0; rc >= 0 && i < job->count; i++)
        rc = change_line(conn, job, &job->lines[i], &buffer, &any_short);
    if (rc >= 0 && any_short)
        rc = product_lines_short(job->lines, job->count, &base->error);
    return rc < 0 ? rc : 0;
}

void sqlite_change_stock(struct product_store *store, const struct product_line *lines,
    size_t count, const struct product_change *change, product_lines_fn *done, void *ctx)
{
    struct lines_job *job = lines_job_new(store, lines, count, &change->trace, done, ctx);
    job->base.job.run = change_run;
    job->message_id = arena_strdup(job->base.arena, change->message_id);
    job->cause = arena_strdup(job->base.arena, change->cause);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}
