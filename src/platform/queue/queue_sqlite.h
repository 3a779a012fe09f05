/* What the files of the SQLite engine share. */
#ifndef PLATFORM_QUEUE_QUEUE_SQLITE_H
#define PLATFORM_QUEUE_QUEUE_SQLITE_H

#include "queue_core.h"
#include "sqlite_db.h"

enum note_kind { NOTE_NONE, NOTE_ACKED, NOTE_RETRY, NOTE_DIED };

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

#define QUEUE_ID_BUCKETS 1024

struct sqlite_queue {
    struct queue_core core; /* first */
    struct queue_sqlite_file *file;
    int64_t id;
    int64_t last_seq; /* the writer thread's */

    /* The core's lock. */
    int64_t loaded_upto; /* while spilled, memory holds none above it but those sent early */
    struct core_message *ids[QUEUE_ID_BUCKETS]; /* what is in memory, by id */
};

/* Hands what is noted to the writer. */
void queue_notes_write(struct queue_sqlite_file *file);

/* A message of the columns seq, id, key, body, sent_at, available_at, receives. */
struct core_message *queue_message_read(sqlite3_stmt *row);
void queue_messages_drop(struct core_message *list);

/* With the core's lock held: the table of ids. */
bool queue_id_known(const struct sqlite_queue *queue, const char *id);
void queue_id_add(struct sqlite_queue *queue, struct core_message *message);
void queue_id_remove(struct sqlite_queue *queue, struct core_message *message);

/* Slots of the other file. */
int queue_sqlite_dead_letters(struct queue *base, struct arena *arena, int max,
    struct queue_dead_letter **letters, struct error *error);
void queue_sqlite_dead_act(struct queue *base, enum queue_dead_action action, const char *id,
    queue_done_fn *done, void *ctx);

#endif
