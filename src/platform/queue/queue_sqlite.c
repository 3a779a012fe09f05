/*
 * Queues in a SQLite file. A message is delivered from memory; the file is read at the start and
 * after the backlog in memory overflowed. What becomes of a message (acked, tried again, dead) is
 * noted and written a little later, many at a time: nobody waits for it, and a crash in between
 * only means one more delivery.
 *
 * Where memory holds the whole queue, a message is delivered while its commit is still under way:
 * the sender is told after the commit, so what a crash takes is sent again. What is acked before
 * its row was written is never written.
 */
#include "queue_sqlite.h"

#include "clock.h"
#include "timer.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_DELAY_MS 20 /* how long a note may wait for a send to ride along with */
#define RETRY_MS 1000     /* after a write or a load that failed */

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
    case NOTE_NONE:
        break;
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

void queue_notes_write(struct queue_sqlite_file *file)
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
    queue_notes_write(file);
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

/* Before the commit there is no row to write it to: it is noted after. The last word counts. */
static bool note_after_commit(struct core_message *message, enum note_kind kind)
{
    if (message->unwritten)
        message->meanwhile = kind;
    return message->unwritten;
}

static void sqlite_acked(struct queue_core *core, struct core_message *message)
{
    queue_id_remove((struct sqlite_queue *)core, message);
    if (!note_after_commit(message, NOTE_ACKED))
        note(core, message, NOTE_ACKED, 0, NULL);
}

static void sqlite_retry(struct queue_core *core, struct core_message *message)
{
    if (!note_after_commit(message, NOTE_RETRY))
        note(core, message, NOTE_RETRY, message->available_at_ms, NULL);
}

static void sqlite_died(struct queue_core *core, struct core_message *message, const char *reason)
{
    char *copy = strdup(reason);
    if (!copy)
        abort();
    queue_id_remove((struct sqlite_queue *)core, message);
    if (note_after_commit(message, NOTE_DIED))
        message->why = copy;
    else
        note(core, message, NOTE_DIED, clock_now_ms(), copy);
    core_message_unref(message);
}

/* ---- the table of ids ---- */

/* FNV-1a. */
static unsigned bucket_of(const char *id)
{
    unsigned hash = 2166136261u;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash % QUEUE_ID_BUCKETS;
}

bool queue_id_known(const struct sqlite_queue *queue, const char *id)
{
    const struct core_message *message = queue->ids[bucket_of(id)];
    while (message && strcmp(message->id, id) != 0)
        message = message->same;
    return message != NULL;
}

void queue_id_add(struct sqlite_queue *queue, struct core_message *message)
{
    struct core_message **bucket = &queue->ids[bucket_of(message->id)];
    message->same = *bucket;
    message->listed = true;
    *bucket = message;
}

void queue_id_remove(struct sqlite_queue *queue, struct core_message *message)
{
    if (!message->listed)
        return;
    struct core_message **link = &queue->ids[bucket_of(message->id)];
    while (*link != message)
        link = &(*link)->same;
    *link = message->same;
    message->listed = false;
}

/* ---- sending ---- */

struct send_job {
    struct sqlite_job job;
    struct sqlite_queue *queue;
    queue_done_fn *done;
    void *ctx;
    bool early; /* delivered already; the job has a reference of its own to each */
    size_t count;
    struct core_message *messages[]; /* NULL once it turns out to be present */
};

static int insert_row(struct sqlite_conn *conn, struct sqlite_queue *queue,
    struct core_message *message, int receives, int64_t available_at_ms, struct error *error)
{
    int rc = sqlite_exec(conn, error,
        "INSERT INTO message(queue, seq, id, key, body, sent_at, available_at, receives)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(queue, id) DO NOTHING",
        "iittbiii", queue->id, queue->last_seq + 1, message->id, message->key, message->body,
        message->length, message->sent_at_ms, available_at_ms, (int64_t)receives);
    return rc < 0 ? rc : sqlite_changes(conn);
}

static int insert(struct sqlite_conn *conn, struct sqlite_queue *queue,
    struct core_message **message, struct error *error)
{
    int rc = insert_row(conn, queue, *message, 0, (*message)->available_at_ms, error);
    if (rc > 0) {
        (*message)->seq = ++queue->last_seq;
    } else if (rc == 0) {
        core_message_unref(*message);
        *message = NULL;
    }
    return rc < 0 ? rc : 0;
}

/* A message that is out already. If the row of one acked earlier is still there, its seq stays 0,
 * and what is noted of it finds no row: it is the same message. */
static int insert_early(struct sqlite_conn *conn, struct sqlite_queue *queue,
    struct core_message *message, struct error *error)
{
    pthread_mutex_lock(&queue->core.lock);
    bool acked = message->meanwhile == NOTE_ACKED;
    if (acked)
        message->meanwhile = NOTE_NONE;
    int receives = message->meanwhile == NOTE_RETRY ? message->receives : 0;
    int64_t available_at_ms = message->available_at_ms;
    pthread_mutex_unlock(&queue->core.lock);
    if (acked)
        return 0;
    int rc = insert_row(conn, queue, message, receives, available_at_ms, error);
    if (rc <= 0)
        return rc;
    pthread_mutex_lock(&queue->core.lock);
    message->seq = ++queue->last_seq;
    pthread_mutex_unlock(&queue->core.lock);
    return 0;
}

static int send_run(struct sqlite_conn *conn, struct sqlite_job *job)
{
    struct send_job *send = (struct send_job *)job;
    int rc = 0;
    for (size_t i = 0; i < send->count && rc >= 0; i++)
        rc = send->early ? insert_early(conn, send->queue, send->messages[i], &job->error)
                         : insert(conn, send->queue, &send->messages[i], &job->error);
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
            queue_id_add(send->queue, message);
            core_add_locked(core, message, now_ms);
        }
    }
    pthread_mutex_unlock(&core->lock);
}

/* The rows are there: what happened meanwhile can be noted. After a failed write the messages stay
 * what they were, in memory alone; the sender knows, and sends them again. */
static void settle_early(struct send_job *send)
{
    struct queue_core *core = &send->queue->core;
    bool written = send->job.rc == 0;
    pthread_mutex_lock(&core->lock);
    for (size_t i = 0; i < send->count; i++) {
        struct core_message *message = send->messages[i];
        message->unwritten = !written;
        core->stats.sent += written;
        if (written && message->meanwhile != NOTE_NONE && !core->closed) {
            int64_t at_ms =
                message->meanwhile == NOTE_DIED ? clock_now_ms() : message->available_at_ms;
            note(core, message, (enum note_kind)message->meanwhile, at_ms, message->why);
            message->why = NULL;
        }
        core_message_unref(message);
    }
    pthread_mutex_unlock(&core->lock);
}

static void drop_sent(struct send_job *send)
{
    for (size_t i = 0; i < send->count; i++)
        if (send->messages[i])
            core_message_unref(send->messages[i]);
}

static void send_done(struct sqlite_job *job)
{
    struct send_job *send = (struct send_job *)job;
    struct queue_core *core = &send->queue->core;
    if (send->early)
        settle_early(send);
    else if (job->rc == 0)
        add_sent(send);
    else
        drop_sent(send);
    if (send->done)
        send->done(send->ctx, job->rc, &job->error);
    if (job->rc == 0)
        core_dispatch(core);
    core_unref(core);
    free(send);
}

/* Whether memory holds all there is, so that what is sent can be seen to be new, and delivered. */
static bool may_be_early(const struct send_job *send, int64_t now_ms)
{
    const struct sqlite_queue *queue = send->queue;
    const struct queue_core *core = &queue->core;
    if (core->closed || !core->handler || core->spilled || core->stats.dead > 0 ||
        core->ready_count + (int64_t)send->count > core->backlog)
        return false;
    for (size_t i = 0; i < send->count; i++) {
        if (send->messages[i]->available_at_ms > now_ms ||
            queue_id_known(queue, send->messages[i]->id))
            return false;
    }
    return true;
}

static void send_early(struct send_job *send, int64_t now_ms)
{
    struct queue_core *core = &send->queue->core;
    pthread_mutex_lock(&core->lock);
    send->early = may_be_early(send, now_ms);
    for (size_t i = 0; send->early && i < send->count; i++) {
        struct core_message *message = send->messages[i];
        message->refs++;
        message->unwritten = true;
        queue_id_add(send->queue, message);
        core_add_locked(core, message, now_ms);
    }
    pthread_mutex_unlock(&core->lock);
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
    core_ref(&queue->core); /* the job's */
    core_ref(&queue->core); /* ours */
    send_early(send, now_ms);
    bool early = send->early;
    /* There is going to be a commit: the notes ride along. */
    queue_notes_write(queue->file);
    sqlite_db_write(queue->file->db, &send->job);
    if (early)
        core_dispatch(&queue->core);
    core_unref(&queue->core);
}

/* ---- loading what memory does not hold ---- */

struct load_job {
    struct sqlite_job job;
    struct sqlite_queue *queue;
    int64_t after, limit;
    struct core_message *messages, **end;
    int64_t count, last_seq;
};

struct core_message *queue_message_read(sqlite3_stmt *row)
{
    struct core_message *message =
        core_message_new(sqlite_text(row, 1), sqlite_text(row, 2), sqlite3_column_blob(row, 3),
            (size_t)sqlite3_column_bytes(row, 3), sqlite3_column_int64(row, 4));
    message->seq = sqlite3_column_int64(row, 0);
    message->available_at_ms = sqlite3_column_int64(row, 5);
    message->receives = sqlite3_column_int(row, 6);
    return message;
}

void queue_messages_drop(struct core_message *list)
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
        struct core_message *message = queue_message_read(rows);
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
        struct core_message *message = load->messages;
        load->messages = message->next;
        if (queue_id_known(load->queue, message->id)) {
            core_message_unref(message); /* sent early, and here already */
            continue;
        }
        queue_id_add(load->queue, message);
        core_add_locked(core, message, now_ms);
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
        queue_messages_drop(load->messages);
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
    .dead_letters = queue_sqlite_dead_letters,
    .dead_act = queue_sqlite_dead_act,
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
    queue_notes_write(file);
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
