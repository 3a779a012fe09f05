#include "relay.h"

#include "sqlite_outbox.h"

#include <stdlib.h>

static int read_outbox(void *ctx, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error)
{
    struct sqlite_conn *conn = sqlite_db_reader(ctx, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    return sqlite_outbox_read(conn, arena, after, max, items, error);
}

struct trim_job {
    struct sqlite_job job;
    int64_t upto;
    relay_trimmed_fn *trimmed;
    void *ctx;
};

static int trim_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    return sqlite_outbox_trim(conn, ((struct trim_job *)job)->upto, &job->error);
}

static void trim_done(struct sqlite_job *job)
{
    struct trim_job *trim = (struct trim_job *)job;
    trim->trimmed(trim->ctx, job->rc);
    free(trim);
}

static void trim_outbox(void *ctx, int64_t upto, relay_trimmed_fn *trimmed, void *trimmed_ctx)
{
    struct trim_job *trim = calloc(1, sizeof(*trim));
    if (!trim)
        abort();
    trim->job.run = trim_run;
    trim->job.done = trim_done;
    trim->upto = upto;
    trim->trimmed = trimmed;
    trim->ctx = trimmed_ctx;
    sqlite_db_write(ctx, &trim->job);
}

struct relay_source *relay_add_sqlite_source(
    struct relay *relay, const char *name, struct sqlite_db *db)
{
    struct relay_source_config config = {
        .name = name, .ctx = db, .read = read_outbox, .trim = trim_outbox};
    return relay_add_source(relay, &config);
}
