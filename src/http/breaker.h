/*
 * A circuit breaker (Nygard, "Release It!") with a limit of calls in flight: what stands before an
 * upstream that may fail. While CLOSED, calls enter up to the limit. After so many failures in a
 * row it is OPEN: nobody enters for a while. Then it is HALF OPEN: one call enters on trial, and
 * its outcome closes the breaker or opens it anew. A slow or dead upstream thus costs one call a
 * pause, not one deadline per shopper.
 *
 * Each call that entered leaves exactly once. Outcomes of calls that entered before the last change
 * of state are ignored, so that stragglers neither open nor close it. Times are of the caller's
 * monotonic clock. Any thread.
 */
#ifndef HTTP_BREAKER_H
#define HTTP_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker;

struct breaker_options {
    int max_in_flight;
    int failures;     /* in a row, until it opens */
    int64_t pause_ms; /* until a trial */
};

struct breaker *breaker_new(const struct breaker_options *options);
void breaker_free(struct breaker *breaker);

enum breaker_entry { BREAKER_ENTERED, BREAKER_IS_OPEN, BREAKER_IS_FULL };

/* On BREAKER_ENTERED the ticket is to be given back. */
enum breaker_entry breaker_enter(struct breaker *breaker, int64_t now_ms, uint64_t *ticket);

enum breaker_outcome {
    BREAKER_SUCCEEDED,
    BREAKER_FAILED,
    BREAKER_NEITHER, /* says nothing of the upstream: we stopped, or never asked */
};

enum breaker_change { BREAKER_AS_BEFORE, BREAKER_OPENED, BREAKER_CLOSED };

/* Tells whether this call changed what callers notice, for one line in the log: a failed trial does
 * not open what was open. */
enum breaker_change breaker_leave(
    struct breaker *breaker, uint64_t ticket, enum breaker_outcome outcome, int64_t now_ms);

/* Whether calls are turned away: open, or half open. */
bool breaker_is_open(struct breaker *breaker);

#endif
