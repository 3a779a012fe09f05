/*
 * The relay carries what services left in their outboxes to queues and to the stream: at least
 * once, in order per target, and never forgetting an item before its target has it durably.
 *
 * One relay per process, with one thread of its own; each outbox is a source. A store calls
 * relay_wake after its commits (cheap; any thread). Items are read in batches, sent grouped by
 * target, and trimmed from the outbox lazily: after a crash some are sent again, which queues and
 * consumers recognise by the id. A target that is away is tried again with growing pauses and does
 * not hold up the others.
 *
 * Order: relay_new, relay_add_queue/relay_set_stream, relay_add_source, relay_start, and at the end
 * relay_stop (drains) and relay_free.
 */
#ifndef PLATFORM_RELAY_RELAY_H
#define PLATFORM_RELAY_RELAY_H

#include "error.h"
#include "outbox.h"

#include <stdint.h>

struct arena;
struct queue;
struct relay;
struct relay_source;
struct sqlite_db;
struct stream;

typedef void relay_trimmed_fn(void *ctx, int rc);

struct relay_source_config {
    const char *name; /* of the service, for the metrics; copied */
    void *ctx;

    /* The oldest items with seq > after, at most `max`, in the order of seq, allocated from the
     * arena. Returns the count or a negative code. Called on the relay's thread. */
    int (*read)(void *ctx, struct arena *arena, int64_t after, int max, struct outbox_item **items,
        struct error *error);

    /* Forgets all items with seq <= upto, asynchronously; calls trimmed(trimmed_ctx, rc) once, on
     * any thread. */
    void (*trim)(void *ctx, int64_t upto, relay_trimmed_fn *trimmed, void *trimmed_ctx);
};

struct relay_stats {
    const char *name;
    int64_t sent;          /* items, since the start */
    int64_t refused;       /* items that their target will never take, see relay_on_refused */
    int64_t retries;       /* sends that failed and were tried again */
    int64_t pending;       /* items read and not yet durable at their target */
    int64_t oldest_age_ms; /* of these: since it was read; 0 if none */
    char error[160];       /* of a target that is failing now, "" if none */
};

struct relay *relay_new(void);

/* Where items with the target "queue:<name>" or "stream" go; before the start. Not owned; outlive
 * the relay. */
void relay_add_queue(struct relay *relay, struct queue *queue);
void relay_set_stream(struct relay *relay, struct stream *stream);

/* An item that its target refuses as invalid would be refused for ever: it is handed to `refused`
 * (for the log; on the relay's thread), counted and passed over. Before the start. */
void relay_on_refused(struct relay *relay,
    void (*refused)(void *ctx, const struct outbox_item *item, const struct error *error),
    void *ctx);

/* Before the start. The source belongs to the relay. */
struct relay_source *relay_add_source(
    struct relay *relay, const struct relay_source_config *config);

/* The outbox of a service's SQLite file; the caller wakes it, see sqlite_db_on_commit. */
struct relay_source *relay_add_sqlite_source(
    struct relay *relay, const char *name, struct sqlite_db *db);

/* Starts the thread; what earlier runs left behind is sent first. */
int relay_start(struct relay *relay, struct error *error);

/* There may be new items. Any thread, also before the start and after the stop; cheap. */
void relay_wake(struct relay_source *source);

/* relay_wake with the type of a callback. */
void relay_wake_source(void *source);

/* Fills at most `max`, one per source; returns how many sources there are. */
int relay_stats(struct relay *relay, struct relay_stats *stats, int max);

/* Sends what the outboxes hold and waits, at most `timeout_ms`; then stops the thread. Items that
 * could not be sent stay in their outbox. ERROR_TIMEOUT if there are such. */
int relay_stop(struct relay *relay, int64_t timeout_ms, struct error *error);

/* After relay_stop, and while the sources' stores, the queues and the stream are still open. */
void relay_free(struct relay *relay);

#endif
