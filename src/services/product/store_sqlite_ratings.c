/* The SQLite engine: ratings. */
#include "store_sqlite.h"

#include <string.h>

struct rate_job {
    struct store_job base;
    struct product_rating rating;
    struct product_wine wine;
};

/* The stars of the rating this one replaces; 0 when it is the first. */
static int drop_previous(struct sqlite_conn *conn, struct rate_job *job, int64_t *halves)
{
    struct error *error = &job->base.job.error;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, error,
        "DELETE FROM rating WHERE wine = ? AND user_id = ? RETURNING halves", "it", job->wine.row,
        job->rating.user_id);
    if (!row)
        return ERROR_INTERNAL;
    int rc = sqlite_step(conn, row, error);
    *halves = rc > 0 ? sqlite3_column_int64(row, 0) : 0;
    return rc < 0 ? rc : 0;
}

static int put_rating(struct sqlite_conn *conn, struct rate_job *job, int64_t previous)
{
    struct error *error = &job->base.job.error;
    struct product_rating *rating = &job->rating;
    struct product_wine *wine = &job->wine;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO rating(id, wine, user_id, halves, note, created_ms) VALUES(?, ?, ?, ?, ?, ?)",
        "tititi", rating->id, wine->row, rating->user_id, rating->halves, rating->note,
        rating->created_ms);
    wine->halves += rating->halves - previous;
    wine->ratings += previous == 0;
    wine->rating_version++;
    if (rc == 0)
        rc = sqlite_exec(conn, error,
            "UPDATE state SET halves = ?2, ratings = ?3, rating_version = ?4 WHERE wine = ?1",
            "iiii", wine->row, wine->halves, wine->ratings, wine->rating_version);
    return rc;
}

/* A rating may still be on its way when its author is forgotten. */
static int check_remembered(struct sqlite_conn *conn, const char *user_id, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *row =
        sqlite_query(conn, error, "SELECT 1 FROM forgotten WHERE user_id = ?", "t", user_id);
    int rc = row ? sqlite_step(conn, row, error) : ERROR_INTERNAL;
    return rc > 0 ? error_set(error, ERROR_UNAUTHORIZED, "unauthenticated", NULL,
                        "this account was erased")
                  : rc;
}

static int rate_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    struct rate_job *job = (struct rate_job *)base;
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    int64_t previous = 0;
    int rc = store_find(conn, job->rating.wine_id, &job->wine, &base->error);
    if (rc == 0 && job->wine.withdrawn)
        return error_set(
            &base->error, ERROR_CONFLICT, "withdrawn", NULL, "this wine is no longer sold");
    if (rc == 0)
        rc = check_remembered(conn, job->rating.user_id, &base->error);
    if (rc == 0)
        rc = drop_previous(conn, job, &previous);
    if (rc == 0)
        rc = put_rating(conn, job, previous);
    if (rc < 0)
        return rc;
    struct product_event event = {
        .wine_id = job->wine.id, .sequence = job->wine.rating_version, .trace = &job->base.trace};
    event_rating(&body, &event, &job->rating, job->wine.halves, job->wine.ratings);
    return store_put_event(conn, job->base.cache, &event, &body, &base->error);
}

static void rate_done(struct sqlite_job *base)
{
    struct rate_job *job = (struct rate_job *)base;
    job->base.rated_done(job->base.ctx, base->rc, &base->error, &job->wine);
    store_job_free(&job->base);
}

void sqlite_rate(struct product_store *store, const struct product_rating *rating,
    const struct trace *trace, product_rated_fn *done, void *ctx)
{
    struct rate_job *job = store_job_new(store, sizeof(*job), trace);
    job->base.job.run = rate_run;
    job->base.job.done = rate_done;
    job->base.rated_done = done;
    job->base.ctx = ctx;
    job->rating = *rating;
    job->rating.note = arena_strdup(job->base.arena, rating->note);
    sqlite_db_write(store_of(store)->db, &job->base.job);
}

/* ---- forgetting ---- */

static int forget_run(struct sqlite_conn *conn, struct sqlite_job *base)
{
    const char *user_id = ((struct store_job *)base)->id;
    char pseudonym[ID_SIZE];
    int rc = sqlite_exec(
        conn, &base->error, "INSERT OR IGNORE INTO forgotten(user_id) VALUES(?)", "t", user_id);
    return rc < 0 ? rc
                  : sqlite_exec(conn, &base->error,
                        "UPDATE rating SET user_id = ?, note = NULL WHERE user_id = ?", "tt",
                        id_new(pseudonym), user_id);
}

void sqlite_forget(
    struct product_store *store, const char *user_id, product_done_fn *done, void *ctx)
{
    struct store_job *job = store_job_new(store, sizeof(*job), NULL);
    job->job.run = forget_run;
    job->job.done = store_job_done;
    job->job.scrub = true;
    job->done = done;
    job->ctx = ctx;
    memcpy(job->id, user_id, ID_SIZE);
    sqlite_db_write(store_of(store)->db, &job->job);
}

/* ---- reading ---- */

#define RATING                                                                                     \
    "SELECT r.id, w.id, r.user_id, r.halves, r.note, r.created_ms FROM rating r"                   \
    " JOIN wine w ON w.row = r.wine WHERE "

static sqlite3_stmt *query_ratings(struct sqlite_conn *conn, const struct product_wine *wine,
    const char *user_id, const char *before, size_t limit, struct error *error)
{
    /* "~" is above every id. */
    const char *bound = before ? before : "~";
    if (wine->row)
        return sqlite_query(conn, error,
            RATING "r.wine = ? AND r.id < ? ORDER BY r.id DESC LIMIT ?", "iti", wine->row, bound,
            (int64_t)limit + 1);
    return sqlite_query(conn, error, RATING "r.user_id = ? AND r.id < ? ORDER BY r.id DESC LIMIT ?",
        "tti", user_id, bound, (int64_t)limit + 1);
}

static int read_ratings(struct sqlite_conn *conn, struct arena *arena, sqlite3_stmt *rows,
    struct product_rating *ratings, size_t *count, struct error *error)
{
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct product_rating *rating = &ratings[(*count)++];
        memcpy(rating->id, sqlite_text(rows, 0), ID_SIZE);
        memcpy(rating->wine_id, sqlite_text(rows, 1), ID_SIZE);
        memcpy(rating->user_id, sqlite_text(rows, 2), ID_SIZE);
        rating->halves = sqlite3_column_int64(rows, 3);
        rating->note = arena_strdup(arena, sqlite_text(rows, 4));
        rating->created_ms = sqlite3_column_int64(rows, 5);
    }
    return rc;
}

void sqlite_ratings(struct product_store *store, struct arena *arena, const char *wine_id,
    const char *user_id, const char *before, size_t limit, product_ratings_fn *done, void *ctx)
{
    struct error error = {0};
    struct product_wine wine = {0};
    struct product_rating *ratings = arena_new_array(arena, limit + 1, struct product_rating);
    size_t count = 0;
    struct sqlite_conn *conn = sqlite_db_reader(store_of(store)->db, &error);
    int rc = conn ? 0 : error.code;
    if (rc == 0 && wine_id)
        rc = store_find(conn, wine_id, &wine, &error);
    if (rc == 0) {
        CLEANUP_STATEMENT sqlite3_stmt *rows =
            query_ratings(conn, &wine, user_id, before, limit, &error);
        rc = rows ? read_ratings(conn, arena, rows, ratings, &count, &error) : ERROR_INTERNAL;
    }
    bool more = count > limit;
    done(ctx, rc, &error, &wine, ratings, rc < 0 ? 0 : count - more, more);
}
