#include "queue_core.h"

#include "arena.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>

struct dead {
    struct core_message *message;
    int64_t died_at_ms;
    char *reason;
    struct dead *next;
};

struct memory_queue {
    struct queue_core core; /* first; its lock guards the rest */
    /* The ids that are present: open addressing, a power of two, at most half full. The texts are
     * the messages' own. */
    const char **ids;
    size_t id_count, id_capacity;
    struct dead *dead, **dead_end;
};

/* ---- the set of ids ---- */

static uint64_t hash(const char *text)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 1099511628211u;
    return value;
}

static size_t find(const struct memory_queue *queue, const char *id)
{
    size_t mask = queue->id_capacity - 1, at = hash(id) & mask;
    while (queue->ids[at] && strcmp(queue->ids[at], id) != 0)
        at = (at + 1) & mask;
    return at;
}

static void grow(struct memory_queue *queue)
{
    const char **old = queue->ids;
    size_t old_capacity = queue->id_capacity;
    queue->id_capacity = old_capacity ? old_capacity * 2 : 64;
    queue->ids = calloc(queue->id_capacity, sizeof(*queue->ids));
    if (!queue->ids)
        abort();
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i])
            queue->ids[find(queue, old[i])] = old[i];
    free(old);
}

/* False if it is there already. `id` stays the caller's until it is removed. */
static bool ids_add(struct memory_queue *queue, const char *id)
{
    if (queue->id_count * 2 >= queue->id_capacity)
        grow(queue);
    size_t at = find(queue, id);
    if (queue->ids[at])
        return false;
    queue->ids[at] = id;
    queue->id_count++;
    return true;
}

static void ids_remove(struct memory_queue *queue, const char *id)
{
    size_t mask = queue->id_capacity - 1, hole = find(queue, id);
    if (!queue->ids[hole])
        return;
    queue->ids[hole] = NULL;
    queue->id_count--;
    /* What was pushed on by the removed one moves back (Knuth 6.4, algorithm R). */
    for (size_t at = (hole + 1) & mask; queue->ids[at]; at = (at + 1) & mask) {
        size_t home = hash(queue->ids[at]) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            queue->ids[hole] = queue->ids[at];
            queue->ids[at] = NULL;
            hole = at;
        }
    }
}

/* ---- hooks ---- */

static void memory_acked(struct queue_core *core, struct core_message *message)
{
    ids_remove((struct memory_queue *)core, message->id);
}

static void memory_retry(struct queue_core *core, struct core_message *message)
{
    (void)core, (void)message;
}

static void memory_died(struct queue_core *core, struct core_message *message, const char *reason)
{
    struct memory_queue *queue = (struct memory_queue *)core;
    struct dead *dead = calloc(1, sizeof(*dead));
    if (!dead || !(dead->reason = strdup(reason)))
        abort();
    dead->message = message;
    dead->died_at_ms = clock_now_ms();
    *queue->dead_end = dead;
    queue->dead_end = &dead->next;
}

static void memory_load(struct queue_core *core)
{
    (void)core; /* never spilled */
}

static void dead_free(struct dead *dead)
{
    core_message_unref(dead->message);
    free(dead->reason);
    free(dead);
}

static void memory_free(struct queue_core *core)
{
    struct memory_queue *queue = (struct memory_queue *)core;
    while (queue->dead) {
        struct dead *next = queue->dead->next;
        dead_free(queue->dead);
        queue->dead = next;
    }
    free(queue->ids);
    free(queue);
}

static const struct core_hooks memory_hooks = {
    .acked_locked = memory_acked,
    .retry_locked = memory_retry,
    .died_locked = memory_died,
    .load = memory_load,
    .free = memory_free,
};

/* ---- slots ---- */

static void memory_send(struct queue *base, const struct queue_message *messages, size_t count,
    queue_done_fn *done, void *ctx)
{
    struct memory_queue *queue = (struct memory_queue *)base;
    struct error error = {0};
    int rc = core_check(messages, count, &error);
    if (rc == 0) {
        int64_t now_ms = clock_now_ms();
        pthread_mutex_lock(&queue->core.lock);
        for (size_t i = 0; i < count; i++) {
            struct core_message *message = core_message_new(
                messages[i].id, messages[i].key, messages[i].body, messages[i].length, now_ms);
            if (!ids_add(queue, message->id)) {
                core_message_unref(message);
                continue;
            }
            message->available_at_ms = now_ms + messages[i].delay_ms;
            queue->core.stats.sent++;
            core_add_locked(&queue->core, message, now_ms);
        }
        pthread_mutex_unlock(&queue->core.lock);
    }
    if (done)
        done(ctx, rc, &error);
    if (rc == 0)
        core_dispatch(&queue->core);
}

static int memory_dead_letters(struct queue *base, struct arena *arena, int max,
    struct queue_dead_letter **letters, struct error *error)
{
    (void)error;
    struct memory_queue *queue = (struct memory_queue *)base;
    pthread_mutex_lock(&queue->core.lock);
    int64_t held = queue->core.stats.dead;
    int room = held < max ? (int)held : max, count = 0;
    struct queue_dead_letter *found = arena_new_array(arena, room, struct queue_dead_letter);
    for (const struct dead *dead = queue->dead; dead && count < room; dead = dead->next) {
        const struct core_message *message = dead->message;
        found[count++] = (struct queue_dead_letter){
            .id = arena_strdup(arena, message->id),
            .key = arena_strdup(arena, message->key),
            .body = arena_strndup(arena, message->body, message->length),
            .length = message->length,
            .receive_count = message->receives,
            .sent_at_ms = message->sent_at_ms,
            .died_at_ms = dead->died_at_ms,
            .reason = arena_strdup(arena, dead->reason),
        };
    }
    pthread_mutex_unlock(&queue->core.lock);
    *letters = found;
    return count;
}

static void redrive_locked(struct memory_queue *queue, struct dead *dead)
{
    /* A fresh copy: an expired delivery may still hold the old one, and its late ack is not about
     * this second life. */
    const struct core_message *old = dead->message;
    struct core_message *message =
        core_message_new(old->id, old->key, old->body, old->length, old->sent_at_ms);
    ids_remove(queue, old->id);
    ids_add(queue, message->id);
    core_add_locked(&queue->core, message, clock_now_ms());
}

static void memory_dead_act(struct queue *base, enum queue_dead_action action, const char *id,
    queue_done_fn *done, void *ctx)
{
    struct memory_queue *queue = (struct memory_queue *)base;
    struct error error = {0};
    int rc = 0;
    bool found = false;
    pthread_mutex_lock(&queue->core.lock);
    for (struct dead **at = &queue->dead; *at;) {
        struct dead *dead = *at;
        if (id && strcmp(id, dead->message->id) != 0) {
            at = &dead->next;
            continue;
        }
        found = true;
        *at = dead->next;
        queue->core.stats.dead--;
        if (action == QUEUE_DEAD_REDRIVE)
            redrive_locked(queue, dead);
        else
            ids_remove(queue, dead->message->id);
        dead_free(dead);
    }
    queue->dead_end = &queue->dead;
    while (*queue->dead_end)
        queue->dead_end = &(*queue->dead_end)->next;
    pthread_mutex_unlock(&queue->core.lock);
    if (id && !found)
        rc = error_set(&error, ERROR_NOT_FOUND, NULL, "id", "there is no dead letter %s", id);
    if (done)
        done(ctx, rc, &error);
    core_dispatch(&queue->core);
}

static const struct queue_ops memory_ops = {
    .send = memory_send,
    .subscribe = core_subscribe,
    .unsubscribe = core_unsubscribe,
    .ack = core_ack,
    .nack = core_nack,
    .stats = core_stats,
    .dead_letters = memory_dead_letters,
    .dead_act = memory_dead_act,
    .close = core_close,
};

struct queue *queue_memory_new(const char *name, const struct queue_options *options)
{
    struct memory_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        abort();
    core_init(&queue->core, &memory_ops, &memory_hooks, name, options);
    queue->dead_end = &queue->dead;
    return &queue->core.base;
}
