/* The engine that forgets: for tests and trials. A list, newest id first, under a lock. */
#include "notification_store.h"

#include "arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct notification_row row;
    struct kept *next;
    char *texts[7]; /* the row's, to be freed */
};

struct memory_store {
    struct notification_store base; /* first */
    pthread_mutex_t lock;
    struct kept *newest;
};

static struct memory_store *lock(struct notification_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    pthread_mutex_lock(&store->lock);
    return store;
}

static struct kept **find(struct memory_store *store, const char *id)
{
    struct kept **at = &store->newest;
    while (*at && strcmp((*at)->row.id, id) > 0)
        at = &(*at)->next;
    return at;
}

static bool is_sent(const struct kept *kept, const char *id)
{
    return kept && strcmp(kept->row.id, id) == 0 && kept->row.status == NOTIFICATION_SENT;
}

static int sent(struct notification_store *base, const char *id, struct error *error)
{
    (void)error;
    struct memory_store *store = lock(base);
    bool found = is_sent(*find(store, id), id);
    pthread_mutex_unlock(&store->lock);
    return found;
}

static char *keep(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        abort();
    return copy;
}

static void fill(struct kept *kept, const struct notification_row *row)
{
    char **texts = kept->texts;
    const char *from[] = {row->id, row->user_id, row->guest_id, row->template, row->subject,
        row->order_id, row->error};
    for (int i = 0; i < 7; i++)
        texts[i] = keep(from[i]);
    kept->row = *row;
    kept->row.id = texts[0];
    kept->row.user_id = texts[1];
    kept->row.guest_id = texts[2];
    kept->row.template = texts[3];
    kept->row.subject = texts[4];
    kept->row.order_id = texts[5];
    kept->row.error = texts[6];
}

static void drop_texts(struct kept *kept)
{
    for (int i = 0; i < 7; i++)
        free(kept->texts[i]);
}

static void record_one(struct memory_store *store, const struct notification_row *row)
{
    struct kept **at = find(store, row->id), *kept = *at;
    if (is_sent(kept, row->id))
        return;
    if (kept && strcmp(kept->row.id, row->id) == 0) {
        struct kept old = *kept;
        fill(kept, row);
        kept->row.created_ms = old.row.created_ms;
        drop_texts(&old);
        return;
    }
    kept = calloc(1, sizeof(*kept));
    if (!kept)
        abort();
    fill(kept, row);
    kept->next = *at;
    *at = kept;
}

static void record(struct notification_store *base, const struct notification_row *rows,
    size_t count, notification_done *done, void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    for (size_t i = 0; i < count; i++)
        record_one(store, &rows[i]);
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error);
}

static bool wanted(const struct notification_row *row, const struct notification_query *query)
{
    return (!query->user_id || (row->user_id && strcmp(row->user_id, query->user_id) == 0)) &&
           (query->status < 0 || row->status == (enum notification_status)query->status) &&
           (!query->before || strcmp(row->id, query->before) < 0);
}

static void list(struct notification_store *base, struct arena *arena,
    const struct notification_query *query, struct notification_list *out, notification_done *done,
    void *ctx)
{
    struct memory_store *store = lock(base);
    struct error error = {0};
    size_t count = 0, max = (size_t)query->limit;
    struct notification_row *rows = arena_new_array(arena, max + 1, struct notification_row);
    for (struct kept *kept = store->newest; kept && count < max; kept = kept->next) {
        if (!wanted(&kept->row, query))
            continue;
        struct notification_row *row = &rows[count++];
        *row = kept->row;
        row->id = arena_strdup(arena, row->id);
        row->user_id = arena_strdup(arena, row->user_id);
        row->guest_id = arena_strdup(arena, row->guest_id);
        row->template = arena_strdup(arena, row->template);
        row->subject = arena_strdup(arena, row->subject);
        row->order_id = arena_strdup(arena, row->order_id);
        row->error = arena_strdup(arena, row->error);
    }
    *out = (struct notification_list){rows, count};
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error);
}

static int backup(struct notification_store *base, const char *path, struct error *error)
{
    (void)base;
    return error_set(error, ERROR_INVALID, NULL, NULL, "%s: nothing in memory is backed up", path);
}

static void store_close(struct notification_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    while (store->newest) {
        struct kept *next = store->newest->next;
        drop_texts(store->newest);
        free(store->newest);
        store->newest = next;
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static const struct notification_store_ops memory_ops = {
    .sent = sent,
    .record = record,
    .list = list,
    .backup = backup,
    .close = store_close,
};

struct notification_store *notification_store_memory_new(void)
{
    struct memory_store *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &memory_ops;
    pthread_mutex_init(&store->lock, NULL);
    return &store->base;
}
