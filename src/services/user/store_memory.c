/* The engine that forgets: for tests and trials. Linear lists under one lock. */
#include "store.h"

#include "arena.h"
#include "outbox_memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept_user {
    struct user_row row;
    bool erased;
    struct kept_user *next; /* newest first by id */
};

struct kept_session {
    struct session_row row;
    struct kept_session *next;
};

struct kept_address {
    struct address_row row;
    struct kept_address *next; /* oldest first */
};

struct kept_guest {
    struct guest_row row;
    struct kept_guest *next;
};

struct memory_store {
    struct user_store base; /* first */
    pthread_mutex_t lock;
    struct kept_user *users;
    struct kept_session *sessions;
    struct kept_address *addresses;
    struct kept_guest *guests;
    struct outbox_memory *outbox;
    void (*wake)(void *);
    void *wake_ctx;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static char *keep(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        abort();
    return copy;
}

static struct memory_store *lock(struct user_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    pthread_mutex_lock(&store->lock);
    return store;
}

/* Ends an operation: unlocks, wakes the relay after a write, tells the caller. */
static void finish(struct memory_store *store, bool wrote, int rc, const struct error *error,
    user_store_done *done, void *ctx)
{
    void (*wake)(void *) = wrote && rc == 0 ? store->wake : NULL;
    void *wake_ctx = store->wake_ctx;
    pthread_mutex_unlock(&store->lock);
    if (wake)
        wake(wake_ctx);
    done(ctx, rc, error);
}

/* ---- accounts ---- */

static struct kept_user *user_by_id(struct memory_store *store, const char *id)
{
    for (struct kept_user *user = store->users; user; user = user->next) {
        if (!user->erased && strcmp(user->row.id, id) == 0)
            return user;
    }
    return NULL;
}

static struct kept_user *user_by_mac(struct memory_store *store, const char *mac)
{
    for (struct kept_user *user = store->users; user; user = user->next) {
        if (!user->erased && strcmp(user->row.email_mac, mac) == 0)
            return user;
    }
    return NULL;
}

static void keep_row(struct user_row *to, const struct user_row *from)
{
    *to = *from;
    to->data_key = keep(from->data_key);
    to->name = keep(from->name);
    to->email = keep(from->email);
    to->birth_date = keep(from->birth_date);
    to->password = keep(from->password);
}

static void forget_row(struct user_row *row)
{
    free((char *)row->data_key);
    free((char *)row->name);
    free((char *)row->email);
    free((char *)row->birth_date);
    free((char *)row->password);
    row->data_key = row->name = row->email = row->birth_date = row->password = NULL;
}

static void hand_out(struct arena *arena, const struct user_row *from, struct user_row *to)
{
    *to = *from;
    to->data_key = arena_strdup(arena, from->data_key);
    to->name = arena_strdup(arena, from->name);
    to->email = arena_strdup(arena, from->email);
    to->birth_date = arena_strdup(arena, from->birth_date);
    to->password = arena_strdup(arena, from->password);
}

static void drop_sessions_of(struct memory_store *store, const char *user_id)
{
    struct kept_session **at = &store->sessions;
    while (*at) {
        struct kept_session *session = *at;
        if (strcmp(session->row.user_id, user_id) == 0) {
            *at = session->next;
            free(session);
        } else {
            at = &session->next;
        }
    }
}

static void apply(
    struct memory_store *store, const char *user_id, const struct user_effects *effects)
{
    if (!effects)
        return;
    for (size_t i = 0; i < effects->item_count; i++)
        outbox_memory_put(store->outbox, &effects->items[i]);
    if (effects->end_sessions)
        drop_sessions_of(store, user_id);
}

static int email_taken(struct error *error)
{
    return error_set(
        error, ERROR_CONFLICT, "email_taken", "email", "another account has this address");
}

static int not_found(struct error *error, const char *what)
{
    return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such %s", what);
}

static void add(struct user_store *base, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    int rc = 0;
    if (user_by_mac(store, row->email_mac)) {
        rc = email_taken(&error);
    } else {
        struct kept_user *user = allocate(sizeof(*user));
        keep_row(&user->row, row);
        struct kept_user **at = &store->users;
        while (*at && strcmp((*at)->row.id, row->id) > 0)
            at = &(*at)->next;
        user->next = *at;
        *at = user;
        apply(store, row->id, effects);
    }
    finish(store, true, rc, &error, done, ctx);
}

static void find(struct user_store *base, struct arena *arena, const char *id,
    const char *email_mac, struct user_row *out, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_user *user = id ? user_by_id(store, id) : user_by_mac(store, email_mac);
    int rc = user ? 0 : not_found(&error, "account");
    if (user)
        hand_out(arena, &user->row, out);
    finish(store, false, rc, &error, done, ctx);
}

static bool wanted(const struct kept_user *user, const struct user_query *query)
{
    return !user->erased && (!query->admins || user->row.admin) &&
           (!query->before || strcmp(user->row.id, query->before) < 0);
}

static void list(struct user_store *base, struct arena *arena, const struct user_query *query,
    struct user_list *out, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    size_t max = query->ids ? query->id_count : (size_t)query->limit, count = 0;
    struct user_row *rows = arena_new_array(arena, max + 1, struct user_row);
    if (query->ids) {
        for (size_t i = 0; i < max; i++) {
            struct kept_user *user = user_by_id(store, query->ids[i]);
            if (user)
                hand_out(arena, &user->row, &rows[count++]);
        }
    } else {
        for (struct kept_user *user = store->users; user && count < max; user = user->next) {
            if (wanted(user, query))
                hand_out(arena, &user->row, &rows[count++]);
        }
    }
    *out = (struct user_list){rows, count};
    finish(store, false, 0, &error, done, ctx);
}

/* The account of `row` if it still is at that version. */
static struct kept_user *unmoved(
    struct memory_store *store, const struct user_row *row, struct error *error)
{
    struct kept_user *user = user_by_id(store, row->id);
    if (user && user->row.version == row->version)
        return user;
    error_set(error, ERROR_CONFLICT, "version_conflict", NULL, "the account was changed meanwhile");
    return NULL;
}

static void update(struct user_store *base, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_user *user = unmoved(store, row, &error);
    struct kept_user *other = user_by_mac(store, row->email_mac);
    int rc = user ? 0 : ERROR_CONFLICT;
    if (user && other && other != user) {
        rc = email_taken(&error);
    } else if (user) {
        struct user_row old = user->row;
        keep_row(&user->row, row);
        user->row.created_ms = old.created_ms;
        user->row.version = old.version + 1;
        forget_row(&old);
        apply(store, row->id, effects);
    }
    finish(store, true, rc, &error, done, ctx);
}

static void drop_addresses_of(struct memory_store *store, const char *user_id)
{
    struct kept_address **at = &store->addresses;
    while (*at) {
        struct kept_address *address = *at;
        if (strcmp(address->row.user_id, user_id) == 0) {
            *at = address->next;
            free((char *)address->row.data);
            free(address);
        } else {
            at = &address->next;
        }
    }
}

static void erase(struct user_store *base, const struct user_row *row,
    const struct user_effects *effects, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_user *user = unmoved(store, row, &error);
    if (user) {
        forget_row(&user->row);
        user->erased = true;
        drop_sessions_of(store, row->id);
        drop_addresses_of(store, row->id);
        apply(store, row->id, effects);
    }
    finish(store, true, user ? 0 : ERROR_CONFLICT, &error, done, ctx);
}

static void post(
    struct user_store *base, const struct user_effects *effects, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    apply(store, "", effects);
    finish(store, true, 0, &error, done, ctx);
}

/* ---- sessions ---- */

static struct kept_session *session_by_hash(struct memory_store *store, const char *hash)
{
    struct kept_session *session = store->sessions;
    while (session && strcmp(session->row.hash, hash) != 0)
        session = session->next;
    return session;
}

static void put_session(
    struct user_store *base, const struct session_row *row, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_session *session = session_by_hash(store, row->hash);
    int rc = user_by_id(store, row->user_id) ? 0 : not_found(&error, "account");
    if (rc == 0 && session) {
        session->row.expires_ms = row->expires_ms;
    } else if (rc == 0) {
        session = allocate(sizeof(*session));
        session->row = *row;
        session->next = store->sessions;
        store->sessions = session;
    }
    finish(store, true, rc, &error, done, ctx);
}

static void find_session(struct user_store *base, const char *hash, struct session_row *out,
    user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_session *session = session_by_hash(store, hash);
    struct kept_user *user = session ? user_by_id(store, session->row.user_id) : NULL;
    int rc = user ? 0 : not_found(&error, "session");
    if (user) {
        *out = session->row;
        out->admin = user->row.admin;
        out->email_verified = user->row.email_verified;
    }
    finish(store, false, rc, &error, done, ctx);
}

/* Drops the session with that hash, or (NULL) those that have expired. */
static void drop_some(struct memory_store *store, const char *hash, int64_t now_ms)
{
    struct kept_session **at = &store->sessions;
    while (*at) {
        struct kept_session *session = *at;
        if (hash ? strcmp(session->row.hash, hash) == 0 : session->row.expires_ms <= now_ms) {
            *at = session->next;
            free(session);
        } else {
            at = &session->next;
        }
    }
}

static void drop_session(
    struct user_store *base, const char *hash, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    drop_some(store, hash, 0);
    finish(store, true, 0, &error, done, ctx);
}

static void drop_expired(struct user_store *base, int64_t now_ms, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    drop_some(store, NULL, now_ms);
    finish(store, true, 0, &error, done, ctx);
}

/* ---- addresses ---- */

static size_t count_addresses(struct memory_store *store, const char *user_id)
{
    size_t count = 0;
    for (struct kept_address *address = store->addresses; address; address = address->next)
        count += strcmp(address->row.user_id, user_id) == 0;
    return count;
}

static struct kept_address **address_by_id(
    struct memory_store *store, const char *user_id, const char *id)
{
    struct kept_address **at = &store->addresses;
    while (*at && (strcmp((*at)->row.user_id, user_id) != 0 || strcmp((*at)->row.id, id) != 0))
        at = &(*at)->next;
    return at;
}

static int add_address(
    struct memory_store *store, const struct address_row *row, struct error *error)
{
    size_t count = count_addresses(store, row->user_id);
    if (!user_by_id(store, row->user_id))
        return not_found(error, "account");
    if (count >= USER_MAX_ADDRESSES)
        return error_set(error, ERROR_INVALID, "too_many_addresses", NULL,
            "%d addresses are kept already; delete one first", USER_MAX_ADDRESSES);
    struct kept_address *address = allocate(sizeof(*address));
    address->row = *row;
    address->row.data = keep(row->data);
    address->row.preferred = row->preferred || count == 0;
    struct kept_address **at = &store->addresses;
    while (*at)
        at = &(*at)->next;
    *at = address;
    return 0;
}

static int replace_address(
    struct memory_store *store, const struct address_row *row, struct error *error)
{
    struct kept_address *address = *address_by_id(store, row->user_id, row->id);
    if (!address)
        return not_found(error, "address");
    free((char *)address->row.data);
    address->row.data = keep(row->data);
    address->row.preferred = row->preferred;
    return 0;
}

static void put_address(struct user_store *base, const struct address_row *row, bool replace,
    user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    int rc = replace ? replace_address(store, row, &error) : add_address(store, row, &error);
    if (rc == 0 && row->preferred) {
        for (struct kept_address *other = store->addresses; other; other = other->next) {
            if (strcmp(other->row.user_id, row->user_id) == 0)
                other->row.preferred = strcmp(other->row.id, row->id) == 0;
        }
    }
    finish(store, true, rc, &error, done, ctx);
}

static void list_addresses(struct user_store *base, struct arena *arena, const char *user_id,
    struct address_list *out, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct address_row *rows = arena_new_array(arena, USER_MAX_ADDRESSES, struct address_row);
    size_t count = 0;
    for (int preferred = 1; preferred >= 0; preferred--) {
        for (struct kept_address *address = store->addresses; address; address = address->next) {
            if (strcmp(address->row.user_id, user_id) != 0 || address->row.preferred != preferred)
                continue;
            rows[count] = address->row;
            rows[count++].data = arena_strdup(arena, address->row.data);
        }
    }
    *out = (struct address_list){rows, count};
    finish(store, false, 0, &error, done, ctx);
}

static void drop_address(
    struct user_store *base, const char *user_id, const char *id, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_address **at = address_by_id(store, user_id, id), *address = *at;
    int rc = address ? 0 : not_found(&error, "address");
    if (address) {
        *at = address->next;
        free((char *)address->row.data);
        free(address);
    }
    finish(store, true, rc, &error, done, ctx);
}

/* ---- guests ---- */

static struct kept_guest *guest_by_id(struct memory_store *store, const char *id)
{
    struct kept_guest *guest = store->guests;
    while (guest && strcmp(guest->row.id, id) != 0)
        guest = guest->next;
    return guest;
}

static void forget_guest(struct guest_row *row)
{
    free((char *)row->name);
    free((char *)row->email);
    free((char *)row->birth_date);
}

static int keep_guest(
    struct memory_store *store, const struct guest_row *row, bool replace, struct error *error)
{
    struct kept_guest *guest = guest_by_id(store, row->id);
    if (replace && !guest)
        return not_found(error, "guest");
    if (!replace && guest)
        return error_set(error, ERROR_CONFLICT, "guest_exists", NULL, "the guest is known already");
    if (guest) {
        forget_guest(&guest->row);
        snprintf(guest->row.email_mac, sizeof(guest->row.email_mac), "%s", row->email_mac);
    } else {
        guest = allocate(sizeof(*guest));
        guest->row = *row;
        guest->row.data_key = keep(row->data_key);
        guest->next = store->guests;
        store->guests = guest;
    }
    guest->row.name = keep(row->name);
    guest->row.email = keep(row->email);
    guest->row.birth_date = keep(row->birth_date);
    return 0;
}

static void put_guest(struct user_store *base, const struct guest_row *row, bool replace,
    user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    int rc = keep_guest(store, row, replace, &error);
    finish(store, true, rc, &error, done, ctx);
}

static void find_guest(struct user_store *base, struct arena *arena, const char *id,
    struct guest_row *out, user_store_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    struct kept_guest *guest = guest_by_id(store, id);
    int rc = guest ? 0 : not_found(&error, "guest");
    if (guest) {
        *out = guest->row;
        out->data_key = arena_strdup(arena, guest->row.data_key);
        out->name = arena_strdup(arena, guest->row.name);
        out->email = arena_strdup(arena, guest->row.email);
        out->birth_date = arena_strdup(arena, guest->row.birth_date);
    }
    finish(store, false, rc, &error, done, ctx);
}

/* ---- the rest ---- */

static struct relay_source_config outbox(struct user_store *base)
{
    return outbox_memory_source(((struct memory_store *)base)->outbox, "user");
}

static void on_commit(struct user_store *base, void (*wake)(void *), void *ctx)
{
    struct memory_store *store = lock(base);
    store->wake = wake;
    store->wake_ctx = ctx;
    pthread_mutex_unlock(&store->lock);
}

static int backup(struct user_store *base, const char *path, struct error *error)
{
    (void)base;
    return error_set(error, ERROR_INVALID, NULL, NULL, "%s: nothing in memory is backed up", path);
}

static void store_close(struct user_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    while (store->users) {
        struct kept_user *next = store->users->next;
        drop_sessions_of(store, store->users->row.id);
        drop_addresses_of(store, store->users->row.id);
        forget_row(&store->users->row);
        free(store->users);
        store->users = next;
    }
    while (store->guests) {
        struct kept_guest *next = store->guests->next;
        forget_guest(&store->guests->row);
        free((char *)store->guests->row.data_key);
        free(store->guests);
        store->guests = next;
    }
    outbox_memory_free(store->outbox);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static const struct user_store_ops memory_ops = {
    .add = add,
    .find = find,
    .list = list,
    .update = update,
    .erase = erase,
    .post = post,
    .put_session = put_session,
    .find_session = find_session,
    .drop_session = drop_session,
    .drop_expired = drop_expired,
    .put_address = put_address,
    .list_addresses = list_addresses,
    .drop_address = drop_address,
    .put_guest = put_guest,
    .find_guest = find_guest,
    .outbox = outbox,
    .on_commit = on_commit,
    .backup = backup,
    .close = store_close,
};

struct user_store *user_store_memory_new(void)
{
    struct memory_store *store = allocate(sizeof(*store));
    store->base.ops = &memory_ops;
    pthread_mutex_init(&store->lock, NULL);
    store->outbox = outbox_memory_new();
    return &store->base;
}
