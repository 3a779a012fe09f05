/*
 * The outbox: messages and events written in the transaction that changes the state they speak of,
 * and carried on to their queue or stream by the relay (platform/relay) after the commit. Each
 * service's file has one, in the order of commits.
 */
#ifndef SQLITE_SQLITE_OUTBOX_H
#define SQLITE_SQLITE_OUTBOX_H

#include "outbox.h"
#include "sqlite_db.h"

struct arena;

/* Put first into a service's first migration. */
#define SQLITE_OUTBOX_SCHEMA                                                                       \
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL,"             \
    " key TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL);"

/* Adds one item; call within a job's `run`. */
int sqlite_outbox_put(
    struct sqlite_conn *conn, const struct outbox_item *item, struct error *error);

/* The oldest items with seq > after, at most `max`, allocated from the arena. Returns the count or
 * a negative code. */
int sqlite_outbox_read(struct sqlite_conn *conn, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error);

/* Forgets all items with seq <= upto; call within a job's `run`. */
int sqlite_outbox_trim(struct sqlite_conn *conn, int64_t upto, struct error *error);

#endif
