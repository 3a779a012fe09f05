/* Dead letters of the SQLite engine: listed, driven back, purged. */
#include "queue_sqlite.h"

#include "arena.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define ACT_ROWS 500 /* dead letters driven back in one job */

int queue_sqlite_dead_letters(struct queue *base, struct arena *arena, int max,
    struct queue_dead_letter **letters, struct error *error)
{
    struct sqlite_queue *queue = (struct sqlite_queue *)base;
    struct sqlite_conn *conn = sqlite_db_reader(queue->file->db, error);
    if (!conn)
        return ERROR_UNAVAILABLE;
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT id, key, body, receives, sent_at, died_at, reason FROM message"
        " WHERE queue = ? AND died_at IS NOT NULL ORDER BY seq LIMIT ?",
        "ii", queue->id, (int64_t)max);
    if (!rows)
        return ERROR_INTERNAL;
    struct queue_dead_letter *found = arena_new_array(arena, max, struct queue_dead_letter);
    int count = 0, rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct queue_dead_letter *letter = &found[count++];
        letter->id = arena_strdup(arena, sqlite_text(rows, 0));
        letter->key = arena_strdup(arena, sqlite_text(rows, 1));
        letter->length = (size_t)sqlite3_column_bytes(rows, 2);
        letter->body = arena_strndup(arena, sqlite3_column_blob(rows, 2), letter->length);
        letter->receive_count = sqlite3_column_int(rows, 3);
        letter->sent_at_ms = sqlite3_column_int64(rows, 4);
        letter->died_at_ms = sqlite3_column_int64(rows, 5);
        letter->reason = arena_strdup(arena, sqlite_text(rows, 6));
    }
    if (rc < 0)
        return rc;
    *letters = found;
    return count;
}

struct act_job {
    struct sqlite_job job;
    struct sqlite_queue *queue;
    enum queue_dead_action action;
    char *id; /* NULL: all */
    queue_done_fn *done;
    void *ctx;
    struct core_message *messages, **end;
    int64_t count;
};

/* They get a new seq: behind what waits, and out of the way of a load that has passed them. */
static int redrive_one(struct sqlite_conn *conn, struct act_job *act, struct core_message *message,
    struct error *error)
{
    int64_t old = message->seq, now_ms = clock_now_ms();
    message->seq = act->queue->last_seq + 1;
    message->receives = 0;
    message->available_at_ms = now_ms;
    int rc = sqlite_exec(conn, error,
        "UPDATE message SET seq = ?, receives = 0, available_at = ?, died_at = NULL, reason = NULL"
        " WHERE queue = ? AND seq = ?",
        "iiii", message->seq, now_ms, act->queue->id, old);
    if (rc >= 0)
        act->queue->last_seq++;
    return rc;
}

static int collect_dead(struct sqlite_conn *conn, struct act_job *act, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT seq, id, key, body, sent_at, available_at, receives FROM message"
        " WHERE queue = ?1 AND died_at IS NOT NULL AND (?2 IS NULL OR id = ?2)"
        " ORDER BY seq LIMIT ?3",
        "iti", act->queue->id, act->id, (int64_t)ACT_ROWS);
    if (!rows)
        return ERROR_INTERNAL;
    int rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct core_message *message = queue_message_read(rows);
        *act->end = message;
        act->end = &message->next;
        act->count++;
    }
    return rc;
}

static int redrive_run(struct sqlite_conn *conn, struct act_job *act, struct error *error)
{
    int rc = collect_dead(conn, act, error);
    for (struct core_message *it = act->messages; it && rc >= 0; it = it->next)
        rc = redrive_one(conn, act, it, error);
    return rc < 0 ? rc : 0;
}

static int act_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct act_job *act = (struct act_job *)job;
    int rc;
    if (act->action == QUEUE_DEAD_REDRIVE) {
        rc = redrive_run(conn, act, &job->error);
    } else {
        rc = sqlite_exec(conn, &job->error,
            "DELETE FROM message WHERE queue = ?1 AND died_at IS NOT NULL"
            " AND (?2 IS NULL OR id = ?2)",
            "it", act->queue->id, act->id);
        act->count = rc < 0 ? 0 : sqlite_changes(conn);
    }
    if (rc >= 0 && act->id && act->count == 0)
        rc = error_set(
            &job->error, ERROR_NOT_FOUND, NULL, "id", "there is no dead letter %s", act->id);
    return rc < 0 ? rc : 0;
}

static void add_redriven(struct act_job *act)
{
    struct sqlite_queue *queue = act->queue;
    struct queue_core *core = &queue->core;
    pthread_mutex_lock(&core->lock);
    core->stats.dead -= act->count;
    while (act->messages) {
        struct core_message *message = act->messages;
        act->messages = message->next;
        if (core->spilled) {
            core->spilled_count++;
            core_message_unref(message);
        } else {
            queue_id_add(queue, message);
            core_add_locked(core, message, message->available_at_ms);
        }
    }
    pthread_mutex_unlock(&core->lock);
}

static void act_submit(struct act_job *act)
{
    act->messages = NULL;
    act->end = &act->messages;
    act->count = 0;
    queue_notes_write(act->queue->file);
    sqlite_db_write(act->queue->file->db, &act->job);
}

static void act_done(struct sqlite_job *job)
{
    struct act_job *act = (struct act_job *)job;
    struct queue_core *core = &act->queue->core;
    if (job->rc == 0) {
        bool more = act->action == QUEUE_DEAD_REDRIVE && act->count == ACT_ROWS;
        add_redriven(act);
        core_dispatch(core);
        if (more) {
            act_submit(act);
            return;
        }
    } else {
        queue_messages_drop(act->messages);
    }
    if (act->done)
        act->done(act->ctx, job->rc, &job->error);
    core_unref(core);
    free(act->id);
    free(act);
}

void queue_sqlite_dead_act(struct queue *base, enum queue_dead_action action, const char *id,
    queue_done_fn *done, void *ctx)
{
    struct sqlite_queue *queue = (struct sqlite_queue *)base;
    struct act_job *act = calloc(1, sizeof(*act));
    if (!act || (id && !(act->id = strdup(id))))
        abort();
    act->job.run = act_run;
    act->job.done = act_done;
    act->queue = queue;
    act->action = action;
    act->done = done;
    act->ctx = ctx;
    core_ref(&queue->core);
    act_submit(act);
}
