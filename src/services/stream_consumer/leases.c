/*
 * The thread that keeps the readers' leases. It asks the warehouse, which may take seconds to tell
 * that it is away; the readers go on meanwhile by what it told them last.
 */
#include "internal.h"

#include "clock.h"
#include "log.h"

#include <string.h>

#define AWAY_MS 1000 /* between two questions while the warehouse is away */

/* A lease is three quarters of the time in which another is to have taken over: the last quarter is
 * the longest that it takes the other to ask again. */
static int64_t lease_ms(const struct stream_consumer *group)
{
    return (int64_t)group->options.takeover_ms * 3 / 4;
}

static int ask_warehouse(struct reader *reader, bool release, bool *held, struct error *error)
{
    struct stream_consumer *group = reader->group;
    return warehouse_lease(group->options.warehouse,
        &(struct warehouse_lease_query){.owner = reader->owner,
            .shards = group->shards,
            .now_ms = clock_now_ms(),
            .lease_ms = lease_ms(group),
            .release = release},
        held, error);
}

static void publish(struct reader *reader, int rc, const bool *held, int64_t asked_ms)
{
    pthread_mutex_lock(&reader->lock);
    bool first = !reader->lease.answered;
    reader->lease.answered = true;
    if (rc == 0) {
        /* In a lease that had run out before it was renewed another may have come and gone. */
        bool gap = !reader->lease.granted || reader->lease.valid_until_ms < asked_ms;
        if (gap || reader->lost ||
            memcmp(reader->lease.held, held, sizeof(reader->lease.held)) != 0) {
            memcpy(reader->lease.held, held, sizeof(reader->lease.held));
            reader->lease.epoch++;
            reader->signaled = true;
        }
        reader->lost = false;
        reader->lease.granted = true;
        reader->lease.valid_until_ms = asked_ms + lease_ms(reader->group);
    }
    if (first || reader->signaled) {
        reader->signaled = true;
        pthread_cond_broadcast(&reader->wake);
    }
    pthread_mutex_unlock(&reader->lock);
}

static void note_away(struct stream_consumer *group, int rc, const struct error *error)
{
    bool was = atomic_exchange(&group->away, rc < 0);
    if (rc < 0 && !was)
        log_write(LOG_WARN, COMPONENT, NULL,
            "the warehouse does not answer; the model goes on learning: %s", error->message);
    else if (rc == 0 && was)
        log_write(LOG_INFO, COMPONENT, NULL, "the warehouse answers again");
}

/* Asks for all readers; those behind one that got no answer would get none either. Returns when to
 * ask next. */
static int64_t ask_all(struct stream_consumer *group, bool tell)
{
    struct error error = {0};
    int rc = 0;
    for (int i = 0; i < group->options.consumers; i++) {
        bool held[WAREHOUSE_MAX_SHARDS] = {false};
        int64_t asked_ms = clock_monotonic_ms();
        if (rc == 0)
            rc = ask_warehouse(group->readers[i], /* release= */ false, held, &error);
        if (tell || rc < 0)
            publish(group->readers[i], rc, held, asked_ms);
    }
    note_away(group, rc, &error);
    int64_t next = lease_ms(group) / 3;
    return rc < 0 && next > AWAY_MS ? AWAY_MS : next;
}

static void *keep(void *argument)
{
    struct stream_consumer *group = argument;
    pthread_setname_np(pthread_self(), "stream_leases");
    /* The first to ask gets all, alone as it is; only when all are known is it a fair share. */
    for (int i = 0; i < 2 && group->options.consumers > 1; i++)
        ask_all(group, /* tell= */ false);
    pthread_mutex_lock(&group->keeper_lock);
    while (!group->keeper_stopping) {
        group->keeper_signaled = false;
        pthread_mutex_unlock(&group->keeper_lock);
        int64_t next_ms = ask_all(group, /* tell= */ true) + clock_monotonic_ms();
        pthread_mutex_lock(&group->keeper_lock);
        while (!group->keeper_stopping && !group->keeper_signaled &&
               clock_cond_wait(
                   &group->keeper_wake, &group->keeper_lock, next_ms - clock_monotonic_ms()))
            ;
    }
    pthread_mutex_unlock(&group->keeper_lock);
    return NULL;
}

int leases_start(struct stream_consumer *group, struct error *error)
{
    if (pthread_create(&group->keeper, NULL, keep, group) != 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread for the leases");
    group->keeping = true;
    return 0;
}

void leases_hurry(struct stream_consumer *group)
{
    pthread_mutex_lock(&group->keeper_lock);
    group->keeper_signaled = true;
    pthread_cond_broadcast(&group->keeper_wake);
    pthread_mutex_unlock(&group->keeper_lock);
}

void leases_stop(struct stream_consumer *group)
{
    if (!group->keeping)
        return;
    pthread_mutex_lock(&group->keeper_lock);
    group->keeper_stopping = true;
    pthread_cond_broadcast(&group->keeper_wake);
    pthread_mutex_unlock(&group->keeper_lock);
    pthread_join(group->keeper, NULL);
    group->keeping = false;
    bool away = group->options.forsake || atomic_load(&group->away);
    for (int i = 0; i < group->options.consumers && !away; i++) {
        bool held[WAREHOUSE_MAX_SHARDS];
        away = ask_warehouse(group->readers[i], /* release= */ true, held, NULL) < 0;
    }
}
