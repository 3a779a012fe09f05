#include "breaker.h"

#include <pthread.h>
#include <stdlib.h>

struct breaker {
    struct breaker_options options;
    pthread_mutex_t lock; /* guards what follows */
    enum { CLOSED, OPEN, HALF_OPEN } state;
    uint64_t era; /* counts the changes of state: a ticket is the era of its entry */
    int in_flight, failures;
    int64_t open_until_ms;
};

struct breaker *breaker_new(const struct breaker_options *options)
{
    struct breaker *breaker = calloc(1, sizeof(*breaker));
    if (!breaker)
        abort();
    breaker->options = *options;
    breaker->era = 1;
    pthread_mutex_init(&breaker->lock, NULL);
    return breaker;
}

void breaker_free(struct breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->lock);
    free(breaker);
}

enum breaker_entry breaker_enter(struct breaker *breaker, int64_t now_ms, uint64_t *ticket)
{
    enum breaker_entry entry = BREAKER_ENTERED;
    pthread_mutex_lock(&breaker->lock);
    if (breaker->state == HALF_OPEN || (breaker->state == OPEN && now_ms < breaker->open_until_ms))
        entry = BREAKER_IS_OPEN;
    else if (breaker->in_flight >= breaker->options.max_in_flight)
        entry = BREAKER_IS_FULL;
    if (entry == BREAKER_ENTERED) {
        if (breaker->state == OPEN) {
            breaker->state = HALF_OPEN;
            breaker->era++;
        }
        breaker->in_flight++;
        *ticket = breaker->era;
    }
    pthread_mutex_unlock(&breaker->lock);
    return entry;
}

static void open_it(struct breaker *breaker, int64_t until_ms)
{
    breaker->state = OPEN;
    breaker->era++;
    breaker->open_until_ms = until_ms;
}

static enum breaker_change judge(
    struct breaker *breaker, enum breaker_outcome outcome, int64_t now_ms)
{
    if (breaker->state == HALF_OPEN) {
        if (outcome == BREAKER_SUCCEEDED) {
            breaker->state = CLOSED;
            breaker->era++;
            breaker->failures = 0;
            return BREAKER_CLOSED;
        }
        /* A trial that told nothing leaves the next one to try at once. */
        open_it(breaker, outcome == BREAKER_FAILED ? now_ms + breaker->options.pause_ms : now_ms);
        return BREAKER_AS_BEFORE;
    }
    if (outcome == BREAKER_SUCCEEDED)
        breaker->failures = 0;
    if (outcome != BREAKER_FAILED || ++breaker->failures < breaker->options.failures)
        return BREAKER_AS_BEFORE;
    open_it(breaker, now_ms + breaker->options.pause_ms);
    return BREAKER_OPENED;
}

enum breaker_change breaker_leave(
    struct breaker *breaker, uint64_t ticket, enum breaker_outcome outcome, int64_t now_ms)
{
    enum breaker_change change = BREAKER_AS_BEFORE;
    pthread_mutex_lock(&breaker->lock);
    breaker->in_flight--;
    if (ticket == breaker->era)
        change = judge(breaker, outcome, now_ms);
    pthread_mutex_unlock(&breaker->lock);
    return change;
}

bool breaker_is_open(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    bool open = breaker->state != CLOSED;
    pthread_mutex_unlock(&breaker->lock);
    return open;
}
