/* What the files of the SQLite engine share. */
#ifndef SERVICES_USER_STORE_SQLITE_H
#define SERVICES_USER_STORE_SQLITE_H

#include "sqlite_db.h"
#include "store.h"

struct user_store_sqlite {
    struct user_store base; /* first */
    struct sqlite_db *db;
};

/* One write under way. */
struct user_job {
    struct sqlite_job job; /* first */
    user_store_done *done;
    void *ctx;
    const struct user_row *row;
    const struct user_effects *effects;
    const struct session_row *session;
    const struct address_row *address;
    const struct guest_row *guest;
    const char *key, *owner;
    int64_t number;
    bool replace;
};

typedef int user_job_run(struct sqlite_conn *conn, struct sqlite_job *job);

/* Enqueues a copy of `job`. */
void user_job_start(struct user_store *store, user_job_run *run, const struct user_job *job);

struct sqlite_db *user_store_db(struct user_store *store);

/* Items of the outbox, and the end of sessions; within a job. */
int user_job_effects(struct sqlite_conn *conn, struct user_job *job);

/* The slots of store_sqlite_shopper.c. */
void user_sqlite_put_session(
    struct user_store *store, const struct session_row *session, user_store_done *done, void *ctx);
void user_sqlite_find_session(struct user_store *store, const char *hash, struct session_row *out,
    user_store_done *done, void *ctx);
void user_sqlite_drop_session(
    struct user_store *store, const char *hash, user_store_done *done, void *ctx);
void user_sqlite_drop_expired(
    struct user_store *store, int64_t now_ms, user_store_done *done, void *ctx);
void user_sqlite_put_address(struct user_store *store, const struct address_row *address,
    bool replace, user_store_done *done, void *ctx);
void user_sqlite_list_addresses(struct user_store *store, struct arena *arena, const char *user_id,
    struct address_list *out, user_store_done *done, void *ctx);
void user_sqlite_drop_address(struct user_store *store, const char *user_id, const char *id,
    user_store_done *done, void *ctx);
void user_sqlite_put_guest(struct user_store *store, const struct guest_row *guest, bool replace,
    user_store_done *done, void *ctx);
void user_sqlite_find_guest(struct user_store *store, struct arena *arena, const char *id,
    struct guest_row *out, user_store_done *done, void *ctx);

#endif
