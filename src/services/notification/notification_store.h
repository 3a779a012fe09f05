/*
 * The notification service's store port: what was sent to whom, newest first, and the inbox that
 * keeps a letter from being sent twice. No personal data. Any thread; operations as in the
 * services' other stores: `done` is called once, on any thread, perhaps before the return, and
 * what an operation points to stays valid until then.
 */
#ifndef SERVICES_NOTIFICATION_STORE_H
#define SERVICES_NOTIFICATION_STORE_H

#include "error.h"
#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct notification_store;

enum notification_status { NOTIFICATION_QUEUED, NOTIFICATION_SENT, NOTIFICATION_FAILED };

struct notification_row {
    const char *id;                 /* of the mail message, a ULID */
    const char *user_id, *guest_id; /* one of the two; the other is NULL */
    const char *template, *subject;
    const char *order_id; /* or NULL */
    const char *error;    /* why it was not sent, or NULL */
    enum notification_status status;
    int attempts;
    int64_t created_ms, sent_ms; /* sent_ms: 0 until it is sent */
};

struct notification_list {
    struct notification_row *rows;
    size_t count;
};

struct notification_query {
    const char *user_id; /* NULL: everybody's */
    int status;          /* enum notification_status, or -1 for all */
    const char *before;  /* ids below this one; NULL starts at the newest */
    int limit;
};

typedef void notification_done(void *ctx, int rc, const struct error *error);

struct notification_store_ops {
    int (*sent)(struct notification_store *store, const char *id, struct error *error);
    void (*record)(struct notification_store *store, const struct notification_row *rows,
        size_t count, notification_done *done, void *ctx);
    void (*list)(struct notification_store *store, struct arena *arena,
        const struct notification_query *query, struct notification_list *out,
        notification_done *done, void *ctx);
    int (*backup)(struct notification_store *store, const char *path, struct error *error);
    void (*close)(struct notification_store *store);
};

struct notification_store {
    const struct notification_store_ops *ops;
};

/* 1 if the letter is recorded as sent, 0 if not, or a negative code. May block: for the thread of
 * the consumer. */
static inline int notification_store_sent(
    struct notification_store *store, const char *id, struct error *error)
{
    return store->ops->sent(store, id, error);
}

/* Adds the rows, or replaces those with the same id unless they are sent; all or none. */
static inline void notification_store_record(struct notification_store *store,
    const struct notification_row *rows, size_t count, notification_done *done, void *ctx)
{
    store->ops->record(store, rows, count, done, ctx);
}

static inline void notification_store_list(struct notification_store *store, struct arena *arena,
    const struct notification_query *query, struct notification_list *out, notification_done *done,
    void *ctx)
{
    store->ops->list(store, arena, query, out, done, ctx);
}

/* A consistent copy in a file at `path`, which must not exist; blocks. */
static inline int notification_store_backup(
    struct notification_store *store, const char *path, struct error *error)
{
    return store->ops->backup(store, path, error);
}

/* NULL is fine. */
static inline void notification_store_close(struct notification_store *store)
{
    if (store)
        store->ops->close(store);
}

/* "queued", "sent", "failed"; and back, -1 for anything else. */
const char *notification_status_name(enum notification_status status);
int notification_status_parse(const char *name);

/* ---- engines ---- */

struct notification_store *notification_store_memory_new(void);

/* Errors as sqlite_db_open. */
int notification_store_sqlite_open(
    struct notification_store **out, const char *path, struct error *error);

#endif
