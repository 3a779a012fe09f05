/*
 * The user service's store port: accounts, sessions, addresses, guests, and the outbox. Engines
 * keep what they are given; they know nothing of keys: personal fields arrive sealed.
 *
 * - Operations are asynchronous: `done` is called exactly once, on any thread, perhaps before the
 *   operation returns. What an operation points to, `out` included, stays valid until then; texts
 *   of results are allocated in the arena given.
 * - A write and the items of its `struct user_effects` are one transaction. A write that has
 *   called `done` with 0 is durable.
 * - Accounts carry a version: user_store_update and user_store_erase refuse one that has moved on.
 *
 * Any thread, but for the arena, which is the operation's until `done`.
 */
#ifndef SERVICES_USER_STORE_H
#define SERVICES_USER_STORE_H

#include "error.h"
#include "id.h"
#include "keyring.h"
#include "outbox.h"
#include "relay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct user_store;

#define SESSION_HASH_SIZE 65 /* SHA-256 of the token as lower-case hex, and a NUL */
#define USER_MAX_ADDRESSES 20

/* An account as it is kept. An erased one is gone: no lookup finds it. */
struct user_row {
    char id[ID_SIZE];
    char email_mac[KEYRING_MAC_SIZE]; /* unique */
    const char *data_key;             /* wrapped */
    const char *name, *email;         /* sealed under the data key */
    const char *birth_date;           /* sealed; NULL for the first admin */
    const char *password;             /* Argon2id string */
    bool admin;
    bool email_verified;
    bool marketing;
    int64_t version; /* 1 when new */
    int64_t created_ms;
};

struct user_list {
    struct user_row *rows;
    size_t count;
};

/* Which accounts, newest first. Either `ids`, or a page. */
struct user_query {
    const char *const *ids;
    size_t id_count;
    const char *before; /* ids below this one; NULL starts at the newest */
    bool admins;        /* admins only */
    int limit;
};

struct session_row {
    char hash[SESSION_HASH_SIZE];
    char user_id[ID_SIZE];
    int64_t created_ms;
    int64_t expires_ms;
    bool admin, email_verified; /* of the account; filled by finding */
};

struct address_row {
    char id[ID_SIZE];
    char user_id[ID_SIZE];
    bool preferred;   /* one at most per account */
    const char *data; /* sealed JSON */
    int64_t created_ms;
};

struct address_list {
    struct address_row *rows;
    size_t count;
};

struct guest_row {
    char id[ID_SIZE];
    char email_mac[KEYRING_MAC_SIZE];
    const char *data_key;                  /* wrapped */
    const char *name, *email, *birth_date; /* sealed */
    int64_t created_ms;
};

/* What happens in the transaction of a write besides the write. */
struct user_effects {
    const struct outbox_item *items; /* `seq` is ignored */
    size_t item_count;
    bool end_sessions; /* of the account */
};

typedef void user_store_done(void *ctx, int rc, const struct error *error);

struct user_store_ops {
    void (*add)(struct user_store *store, const struct user_row *row,
        const struct user_effects *effects, user_store_done *done, void *ctx);
    void (*find)(struct user_store *store, struct arena *arena, const char *id,
        const char *email_mac, struct user_row *out, user_store_done *done, void *ctx);
    void (*list)(struct user_store *store, struct arena *arena, const struct user_query *query,
        struct user_list *out, user_store_done *done, void *ctx);
    void (*update)(struct user_store *store, const struct user_row *row,
        const struct user_effects *effects, user_store_done *done, void *ctx);
    void (*erase)(struct user_store *store, const struct user_row *row,
        const struct user_effects *effects, user_store_done *done, void *ctx);
    void (*post)(struct user_store *store, const struct user_effects *effects,
        user_store_done *done, void *ctx);

    void (*put_session)(struct user_store *store, const struct session_row *session,
        user_store_done *done, void *ctx);
    void (*find_session)(struct user_store *store, const char *hash, struct session_row *out,
        user_store_done *done, void *ctx);
    void (*drop_session)(
        struct user_store *store, const char *hash, user_store_done *done, void *ctx);
    void (*drop_expired)(
        struct user_store *store, int64_t now_ms, user_store_done *done, void *ctx);

    void (*put_address)(struct user_store *store, const struct address_row *address, bool replace,
        user_store_done *done, void *ctx);
    void (*list_addresses)(struct user_store *store, struct arena *arena, const char *user_id,
        struct address_list *out, user_store_done *done, void *ctx);
    void (*drop_address)(struct user_store *store, const char *user_id, const char *id,
        user_store_done *done, void *ctx);

    void (*put_guest)(struct user_store *store, const struct guest_row *guest, bool replace,
        user_store_done *done, void *ctx);
    void (*find_guest)(struct user_store *store, struct arena *arena, const char *id,
        struct guest_row *out, user_store_done *done, void *ctx);

    struct relay_source_config (*outbox)(struct user_store *store);
    void (*on_commit)(struct user_store *store, void (*wake)(void *), void *ctx);
    int (*backup)(struct user_store *store, const char *path, struct error *error);
    void (*close)(struct user_store *store);
};

struct user_store {
    const struct user_store_ops *ops;
};

/* A new account. ERROR_CONFLICT, reason "email_taken". */
static inline void user_store_add(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    store->ops->add(store, row, effects, done, ctx);
}

/* By id, or by the hash of the address: exactly one is given. ERROR_NOT_FOUND. */
static inline void user_store_find(struct user_store *store, struct arena *arena, const char *id,
    const char *email_mac, struct user_row *out, user_store_done *done, void *ctx)
{
    store->ops->find(store, arena, id, email_mac, out, done, ctx);
}

static inline void user_store_list(struct user_store *store, struct arena *arena,
    const struct user_query *query, struct user_list *out, user_store_done *done, void *ctx)
{
    store->ops->list(store, arena, query, out, done, ctx);
}

/* Writes all fields of the row and raises its version. `row->version` is the version that was
 * read: ERROR_CONFLICT, reason "version_conflict", when it is no longer that one; "email_taken". */
static inline void user_store_update(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    store->ops->update(store, row, effects, done, ctx);
}

/* Erases account, key, sessions and addresses; nothing of them is left in the engine's files. Only
 * the id stays taken. `row->version` as above. */
static inline void user_store_erase(struct user_store *store, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    store->ops->erase(store, row, effects, done, ctx);
}

/* The effects' items alone. */
static inline void user_store_post(
    struct user_store *store, const struct user_effects *effects, user_store_done *done, void *ctx)
{
    store->ops->post(store, effects, done, ctx);
}

/* Adds the session, or sets the expiry of the one with that hash. ERROR_NOT_FOUND without the
 * account. */
static inline void user_store_put_session(
    struct user_store *store, const struct session_row *session, user_store_done *done, void *ctx)
{
    store->ops->put_session(store, session, done, ctx);
}

/* One point read. Whether it has expired is the caller's to see. ERROR_NOT_FOUND. */
static inline void user_store_find_session(struct user_store *store, const char *hash,
    struct session_row *out, user_store_done *done, void *ctx)
{
    store->ops->find_session(store, hash, out, done, ctx);
}

/* Ends it; 0 also when there is none. */
static inline void user_store_drop_session(
    struct user_store *store, const char *hash, user_store_done *done, void *ctx)
{
    store->ops->drop_session(store, hash, done, ctx);
}

/* Forgets the sessions that have expired. */
static inline void user_store_drop_expired(
    struct user_store *store, int64_t now_ms, user_store_done *done, void *ctx)
{
    store->ops->drop_expired(store, now_ms, done, ctx);
}

/* Adds, or with `replace` changes, an address; a preferred one takes the preference from the
 * others, and the first one is preferred by itself. ERROR_NOT_FOUND without the account, or (to
 * replace) the address; ERROR_INVALID, reason "too_many_addresses". */
static inline void user_store_put_address(struct user_store *store,
    const struct address_row *address, bool replace, user_store_done *done, void *ctx)
{
    store->ops->put_address(store, address, replace, done, ctx);
}

/* The preferred one first, then in the order they were added. */
static inline void user_store_list_addresses(struct user_store *store, struct arena *arena,
    const char *user_id, struct address_list *out, user_store_done *done, void *ctx)
{
    store->ops->list_addresses(store, arena, user_id, out, done, ctx);
}

/* ERROR_NOT_FOUND. */
static inline void user_store_drop_address(
    struct user_store *store, const char *user_id, const char *id, user_store_done *done, void *ctx)
{
    store->ops->drop_address(store, user_id, id, done, ctx);
}

/* Adds a guest (ERROR_CONFLICT, reason "guest_exists"), or with `replace` changes all but the data
 * key (ERROR_NOT_FOUND). */
static inline void user_store_put_guest(struct user_store *store, const struct guest_row *guest,
    bool replace, user_store_done *done, void *ctx)
{
    store->ops->put_guest(store, guest, replace, done, ctx);
}

/* ERROR_NOT_FOUND. */
static inline void user_store_find_guest(struct user_store *store, struct arena *arena,
    const char *id, struct guest_row *out, user_store_done *done, void *ctx)
{
    store->ops->find_guest(store, arena, id, out, done, ctx);
}

/* What relay_add_source takes. */
static inline struct relay_source_config user_store_outbox(struct user_store *store)
{
    return store->ops->outbox(store);
}

/* `wake` is called after commits that may have left something in the outbox; set it before the
 * first write. */
static inline void user_store_on_commit(struct user_store *store, void (*wake)(void *), void *ctx)
{
    store->ops->on_commit(store, wake, ctx);
}

/* A consistent copy in a file at `path`, which must not exist; blocks. */
static inline int user_store_backup(struct user_store *store, const char *path, struct error *error)
{
    return store->ops->backup(store, path, error);
}

/* No operation may be under way. NULL is fine. */
static inline void user_store_close(struct user_store *store)
{
    if (store)
        store->ops->close(store);
}

/* ---- engines ---- */

struct user_store *user_store_memory_new(void);

/* Errors as sqlite_db_open. */
int user_store_sqlite_open(struct user_store **out, const char *path, struct error *error);

#endif
