/*
 * Queues in a SQLite file. A message is delivered from memory after the commit of its send; the
 * file is read at the start and after the backlog in memory overflowed. What becomes of a message
 * (acked, tried again, dead) is noted and written a little later, many at a time: nobody waits for
 * it, and a crash in between only means one more delivery.
 */
#include "queue_core.h"

#include "arena.h"
#include "clock.h"
#include "sqlite_db.h"
#include "timer.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_DELAY_MS 20 /* how long a note may wait for a send to ride along with */
#define RETRY_MS 1000     /* after a write or a load that failed */
#define ACT_ROWS 500      /* dead letters driven back in one job */

static const char *const migrations[] = {
    /* WITHOUT ROWID: a queue's messages lie together, in order, and the load finds them without an
     * index of its own. */
    "CREATE TABLE queue(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE message(queue INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,"
    " key TEXT NOT NULL, body BLOB NOT NULL, sent_at INTEGER NOT NULL,"
    " available_at INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0, died_at INTEGER,"
    " reason TEXT, PRIMARY KEY(queue, seq)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX message_id ON message(queue, id);"
    "CREATE INDEX message_dead ON message(queue, seq) WHERE died_at IS NOT NULL;",
    NULL,
};

enum note_kind { NOTE_ACKED, NOTE_RETRY, NOTE_DIED };

struct note {
    enum note_kind kind;
    int receives;
    int64_t queue, seq;
    int64_t at_ms; /* available or died */
    char *reason;  /* of NOTE_DIED; owned */
};

struct notes {
    struct note *list;
    size_t count, capacity;
};

struct queue_sqlite_file {
    struct sqlite_db *db;
    struct timers *timers;
    pthread_mutex_t submitting; /* notes reach the writer in the order in which they were taken */
    pthread_mutex_t lock;       /* inside a core's lock and `submitting` */
    pthread_cond_t timer_over;
    struct notes noted;
    struct timer *timer; /* armed */
    bool timer_running;
    bool closing;
};

struct sqlite_queue {
    struct queue_core core; /* first */
    struct queue_sqlite_file *file;
    int64_t id;
    int64_t last_seq;    /* the writer thread's */
    int64_t loaded_upto; /* the core's lock: while spilled, memory holds none above it */
};

/* ---- notes ---- */

struct notes_job {
    struct sqlite_job job;
    struct queue_sqlite_file *file;
    struct notes notes;
};

static void notes_release(struct notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->list[i].reason);
    free(notes->list);
}

static void notes_add(struct notes *notes, const struct note *note)
{
    if (notes->count == notes->capacity) {
        notes->capacity = notes->capacity ? notes->capacity * 2 : 256;
        notes->list = realloc(notes->list, notes->capacity * sizeof(struct note));
        if (!notes->list)
            abort();
    }
    notes->list[notes->count++] = *note;
}

static int write_note(struct sqlite_conn *conn, const struct note *note, struct error *error)
{
    switch (note->kind) {
    case NOTE_ACKED:
        return sqlite_exec(conn, error, "DELETE FROM message WHERE queue = ? AND seq = ?", "ii",
            note->queue, note->seq);
    case NOTE_RETRY:
        return sqlite_exec(conn, error,
            "UPDATE message SET receives = ?, available_at = ? WHERE queue = ? AND seq = ?", "iiii",
            (int64_t)note->receives, note->at_ms, note->queue, note->seq);
    case NOTE_DIED:
        return sqlite_exec(conn, error,
            "UPDATE message SET receives = ?, died_at = ?, reason = ?"
            " WHERE queue = ? AND seq = ?",
            "iitii", (int64_t)note->receives, note->at_ms, note->reason, note->queue, note->seq);
    }
    return 0;
}

static int notes_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct notes *notes = &((struct notes_job *)job)->notes;
    int rc = 0;
    for (size_t i = 0; i < notes->count && rc >= 0; i++)
        rc = write_note(conn, &notes->list[i], &job->error);
    return rc < 0 ? rc : 0;
}

static void on_notes_timer(void *ctx);

static void notes_done(struct sqlite_job *job)
{
    struct notes_job *write = (struct notes_job *)job;
    struct queue_sqlite_file *file = write->file;
    if (job->rc < 0) {
        /* Before what was noted since: the last word on a message comes last. */
        pthread_mutex_lock(&file->lock);
        for (size_t i = 0; i < file->noted.count; i++)
            notes_add(&write->notes, &file->noted.list[i]);
        free(file->noted.list);
        file->noted = write->notes;
        if (!file->timer && !file->closing)
            file->timer = timers_after(file->timers, RETRY_MS, on_notes_timer, file);
        pthread_mutex_unlock(&file->lock);
    } else {
        notes_release(&write->notes);
    }
    free(write);
}

/* Hands what is noted to the writer. */
static void write_notes(struct queue_sqlite_file *file)
{
    pthread_mutex_lock(&file->submitting);
    pthread_mutex_lock(&file->lock);
    struct notes notes = file->noted;
    file->noted = (struct notes){0};
    pthread_mutex_unlock(&file->lock);
    if (notes.count > 0) {
        struct notes_job *write = calloc(1, sizeof(*write));
        if (!write)
            abort();
        write->job.run = notes_run;
        write->job.done = notes_done;
        write->file = file;
        write->notes = notes;
        sqlite_db_write(file->db, &write->job);
    }
    pthread_mutex_unlock(&file->submitting);
}

static void on_notes_timer(void *ctx)
{
    struct queue_sqlite_file *file = ctx;
    pthread_mutex_lock(&file->lock);
    file->timer = NULL;
    file->timer_running = true;
    pthread_mutex_unlock(&file->lock);
    write_notes(file);
    pthread_mutex_lock(&file->lock);
    file->timer_running = false;
    pthread_cond_signal(&file->timer_over);
    pthread_mutex_unlock(&file->lock);
}

static void note(struct queue_core *core, const struct core_message *message, enum note_kind kind,
    int64_t at_ms, char *reason)
{
    struct sqlite_queue *queue = (struct sqlite_queue *)core;
    struct queue_sqlite_file *file = queue->file;
    struct note entry = {.kind = kind,
        .receives = message->receives,
        .queue = queue->id,
        .seq = message->seq,
        .at_ms = at_ms,
        .reason = reason};
    pthread_mutex_lock(&file->lock);
    notes_add(&file->noted, &entry);
    if (!file->timer)
        file->timer = timers_after(file->timers, NOTES_DELAY_MS, on_notes_timer, file);
    pthread_mutex_unlock(&file->lock);
}

static void sqlite_acked(struct queue_core *core, struct core_message *message)
{
    note(core, message, NOTE_ACKED, 0, NULL);
}

static void sqlite_retry(struct queue_core *core, struct core_message *message)
{
    note(core, message, NOTE_RETRY, message->available_at_ms, NULL);
}

static void sqlite_died(struct queue_core *core, struct core_message *message, const char *reason)
{
    char *copy = strdup(reason);
    if (!copy)
        abort();
    note(core, message, NOTE_DIED, clock_now_ms(), copy);
    core_message_unref(message);
}

/* ---- sending ---- */

struct send_job {
    struct sqlite_job job;
    struct sqlite_queue *queue;
    queue_done_fn *done;
    void *ctx;
    size_t count;
    struct core_message *messages[]; /* NULL once it turns out to be present */
};

static int insert(struct sqlite_conn *conn, struct sqlite_queue *queue,
    struct core_message **message, struct error *error)
{
    struct core_message *it = *message;
    int rc = sqlite_exec(conn, error,
        "INSERT INTO message(queue, seq, id, key, body, sent_at, available_at)"
        " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(queue, id) DO NOTHING",
        "iittbii", queue->id, queue->last_seq + 1, it->id, it->key, it->body, it->length,
        it->sent_at_ms, it->available_at_ms);
    if (rc < 0)
        return rc;
    if (sqlite_changes(conn) == 1) {
        it->seq = ++queue->last_seq;
    } else {
        core_message_unref(it);
        *message = NULL;
    }
    return 0;
}

static int send_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct send_job *send = (struct send_job *)job;
    int rc = 0;
    for (size_t i = 0; i < send->count && rc >= 0; i++)
        rc = insert(conn, send->queue, &send->messages[i], &job->error);
    return rc < 0 ? rc : 0;
}

static void add_sent(struct send_job *send)
{
    struct queue_core *core = &send->queue->core;
    int64_t now_ms = clock_now_ms();
    pthread_mutex_lock(&core->lock);
    for (size_t i = 0; i < send->count; i++) {
        struct core_message *message = send->messages[i];
        if (!message)
            continue;
        core->stats.sent++;
        if (!core->spilled && core->ready_count >= core->backlog) {
            core->spilled = true;
            send->queue->loaded_upto = message->seq - 1;
        }
        if (core->spilled || core->closed) {
            core->spilled_count++;
            core_message_unref(message);
        } else {
            core_add_locked(core, message, now_ms);
        }
    }
    pthread_mutex_unlock(&core->lock);
}

static void send_done(struct sqlite_job *job)
{
    struct send_job *send = (struct send_job *)job;
    struct queue_core *core = &send->queue->core;
    if (job->rc == 0) {
        add_sent(send);
    } else {
        for (size_t i = 0; i < send->count; i++)
            if (send->messages[i])
                core_message_unref(send->messages[i]);
    }
    if (send->done)
        send->done(send->ctx, job->rc, &job->error);
    if (job->rc == 0)
        core_dispatch(core);
    core_unref(core);
    free(send);
}

static void sqlite_send(struct queue *base, const struct queue_message *messages, size_t count,
    queue_done_fn *done, void *ctx)
{
    struct sqlite_queue *queue = (struct sqlite_queue *)base;
    struct error error = {0};
    int rc = core_check(messages, count, &error);
    if (rc < 0) {
        if (done)
            done(ctx, rc, &error);
        return;
    }
    struct send_job *send = calloc(1, sizeof(*send) + count * sizeof(send->messages[0]));
    if (!send)
        abort();
    send->job.run = send_run;
    send->job.done = send_done;
    send->queue = queue;
    send->done = done;
    send->ctx = ctx;
    send->count = count;
    int64_t now_ms = clock_now_ms();
    for (size_t i = 0; i < count; i++) {
        const struct queue_message *from = &messages[i];
        send->messages[i] = core_message_new(from->id, from->key, from->body, from->length, now_ms);
        send->messages[i]->available_at_ms = now_ms + from->delay_ms;
    }
    core_ref(&queue->core);
    /* There is going to be a commit: the notes ride along. */
    write_notes(queue->file);
    sqlite_db_write(queue->file->db, &send->job);
}

/* ---- loading what memory does not hold ---- */

struct load_job {
    struct sqlite_job job;
    struct sqlite_queue *queue;
    int64_t after, limit;
    struct core_message *messages, **end;
    int64_t count, last_seq;
};

static struct core_message *message_from_row(sqlite3_stmt *row)
{
    struct core_message *message =
        core_message_new(sqlite_text(row, 1), sqlite_text(row, 2), sqlite3_column_blob(row, 3),
            (size_t)sqlite3_column_bytes(row, 3), sqlite3_column_int64(row, 4));
    message->seq = sqlite3_column_int64(row, 0);
    message->available_at_ms = sqlite3_column_int64(row, 5);
    message->receives = sqlite3_column_int(row, 6);
    return message;
}

static void drop_list(struct core_message *list)
{
    while (list) {
        struct core_message *next = list->next;
        core_message_unref(list);
        list = next;
    }
}

/* In a job, because only there is it known which sends come before and which after. */
static int load_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct load_job *load = (struct load_job *)job;
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, &job->error,
        "SELECT seq, id, key, body, sent_at, available_at, receives FROM message"
        " WHERE queue = ? AND seq > ? AND died_at IS NULL ORDER BY seq LIMIT ?",
        "iii", load->queue->id, load->after, load->limit);
    if (!rows)
        return ERROR_INTERNAL;
    int rc;
    while ((rc = sqlite_step(conn, rows, &job->error)) > 0) {
        struct core_message *message = message_from_row(rows);
        *load->end = message;
        load->end = &message->next;
        load->last_seq = message->seq;
        load->count++;
    }
    return rc;
}

static void add_loaded(struct load_job *load)
{
    struct queue_core *core = &load->queue->core;
    int64_t now_ms = clock_now_ms();
    pthread_mutex_lock(&core->lock);
    core->loading = false;
    core->spilled_count -= load->count;
    if (load->count < load->limit) {
        core->spilled = false;
        core->spilled_count = 0;
    } else {
        core->spilled = true;
        load->queue->loaded_upto = load->last_seq;
    }
    while (load->messages) {
        struct core_message *next = load->messages->next;
        core_add_locked(core, load->messages, now_ms);
        load->messages = next;
    }
    pthread_mutex_unlock(&core->lock);
}

static void load_done(struct sqlite_job *job)
{
    struct load_job *load = (struct load_job *)job;
    struct queue_core *core = &load->queue->core;
    if (job->rc == 0) {
        add_loaded(load);
        core_dispatch(core);
    } else {
        drop_list(load->messages);
        pthread_mutex_lock(&core->lock);
        core->loading = false;
        core_dispatch_later_locked(core, RETRY_MS);
        pthread_mutex_unlock(&core->lock);
    }
    core_unref(core);
    free(load);
}

static void sqlite_load(struct queue_core *core)
{
    struct sqlite_queue *queue = (struct sqlite_queue *)core;
    struct load_job *load = calloc(1, sizeof(*load));
    if (!load)
        abort();
    load->job.run = load_run;
    load->job.done = load_done;
    load->queue = queue;
    load->end = &load->messages;
    load->limit = core->backlog / 2 + 1;
    pthread_mutex_lock(&core->lock);
    load->after = queue->loaded_upto;
    pthread_mutex_unlock(&core->lock);
    core_ref(core);
    sqlite_db_write(queue->file->db, &load->job);
}

/* ---- dead letters ---- */

static int sqlite_dead_letters(struct queue *base, struct arena *arena, int max,
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
        struct core_message *message = message_from_row(rows);
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
    write_notes(act->queue->file);
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
        drop_list(act->messages);
    }
    if (act->done)
        act->done(act->ctx, job->rc, &job->error);
    core_unref(core);
    free(act->id);
    free(act);
}

static void sqlite_dead_act(struct queue *base, enum queue_dead_action action, const char *id,
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

/* ---- opening and closing ---- */

static void sqlite_free(struct queue_core *core)
{
    free(core);
}

static const struct core_hooks sqlite_hooks = {
    .acked_locked = sqlite_acked,
    .retry_locked = sqlite_retry,
    .died_locked = sqlite_died,
    .load = sqlite_load,
    .free = sqlite_free,
};

static const struct queue_ops sqlite_ops = {
    .send = sqlite_send,
    .subscribe = core_subscribe,
    .unsubscribe = core_unsubscribe,
    .ack = core_ack,
    .nack = core_nack,
    .stats = core_stats,
    .dead_letters = sqlite_dead_letters,
    .dead_act = sqlite_dead_act,
    .close = core_close,
};

struct open_job {
    struct sqlite_job job;
    const char *name;
    int64_t id, last_seq, total, dead;
};

static int open_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct open_job *open = (struct open_job *)job;
    int rc = sqlite_exec(conn, &job->error,
        "INSERT INTO queue(name) VALUES(?) ON CONFLICT(name) DO NOTHING", "t", open->name);
    if (rc < 0)
        return rc;
    CLEANUP_STATEMENT sqlite3_stmt *row = sqlite_query(conn, &job->error,
        "SELECT id, (SELECT max(seq) FROM message WHERE queue = queue.id),"
        " (SELECT count(*) FROM message WHERE queue = queue.id),"
        " (SELECT count(*) FROM message WHERE queue = queue.id AND died_at IS NOT NULL)"
        " FROM queue WHERE name = ?",
        "t", open->name);
    if (!row)
        return ERROR_INTERNAL;
    rc = sqlite_step(conn, row, &job->error);
    if (rc <= 0)
        return rc < 0 ? rc : ERROR_INTERNAL;
    open->id = sqlite3_column_int64(row, 0);
    open->last_seq = sqlite3_column_int64(row, 1);
    open->total = sqlite3_column_int64(row, 2);
    open->dead = sqlite3_column_int64(row, 3);
    return 0;
}

int queue_sqlite_open(struct queue **out, struct queue_sqlite_file *file, const char *name,
    const struct queue_options *options, struct error *error)
{
    struct open_job open = {.job = {.run = open_run}, .name = name};
    int rc = sqlite_db_write_wait(file->db, &open.job, error);
    if (rc < 0)
        return rc;
    struct sqlite_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        abort();
    core_init(&queue->core, &sqlite_ops, &sqlite_hooks, name, options);
    queue->file = file;
    queue->id = open.id;
    queue->last_seq = open.last_seq;
    queue->core.stats.dead = open.dead;
    /* Everything starts in the file; the first dispatch, or none, finds nothing in memory and
     * loads. */
    queue->core.spilled_count = open.total - open.dead;
    queue->core.spilled = queue->core.spilled_count > 0;
    core_dispatch(&queue->core);
    *out = &queue->core.base;
    return 0;
}

int queue_sqlite_file_open(
    struct queue_sqlite_file **out, const char *path, struct timers *timers, struct error *error)
{
    struct queue_sqlite_file *file = calloc(1, sizeof(*file));
    if (!file)
        abort();
    struct sqlite_options options = {.name = "queue-writer", .migrations = migrations};
    int rc = sqlite_db_open(&file->db, path, &options, error);
    if (rc < 0) {
        free(file);
        return rc;
    }
    file->timers = timers;
    pthread_mutex_init(&file->submitting, NULL);
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->timer_over, NULL);
    *out = file;
    return 0;
}

void queue_sqlite_file_close(struct queue_sqlite_file *file)
{
    if (!file)
        return;
    pthread_mutex_lock(&file->lock);
    file->closing = true;
    if (file->timer && timers_cancel(file->timers, file->timer))
        file->timer = NULL;
    while (file->timer || file->timer_running)
        pthread_cond_wait(&file->timer_over, &file->lock);
    pthread_mutex_unlock(&file->lock);
    write_notes(file);
    sqlite_db_close(file->db);
    notes_release(&file->noted);
    pthread_cond_destroy(&file->timer_over);
    pthread_mutex_destroy(&file->lock);
    pthread_mutex_destroy(&file->submitting);
    free(file);
}

int queue_sqlite_file_backup(struct queue_sqlite_file *file, const char *path, struct error *error)
{
    return sqlite_db_backup(file->db, path, error);
}
