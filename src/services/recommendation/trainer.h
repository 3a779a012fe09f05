/*
 * The trainer: a thread that trains when it is time. On a schedule, after enough new events, when
 * it is asked to, and a minute after a start without a model; never with fewer than
 * TRAINER_LEAST_EVENTS (unless asked), nor twice within TRAINER_PAUSE_MS. Attempts that fail are
 * logged and counted (`recommendation_trainings_total{result}`), and tried again in time.
 */
#ifndef RECOMMENDATION_TRAINER_H
#define RECOMMENDATION_TRAINER_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct recommendation_service;
struct trainer;

#define TRAINER_LEAST_EVENTS 1000
#define TRAINER_PAUSE_MS INT64_C(600000)

struct trainer_options {
    int64_t every_ms;     /* 0: not by the clock */
    int64_t after_events; /* 0: not by their number */
    int threads;          /* of a training */
};

struct trainer *trainer_new(
    struct recommendation_service *service, const struct trainer_options *options);
int trainer_start(struct trainer *trainer, struct error *error);

/* A training that runs is given up. */
void trainer_stop(struct trainer *trainer);
void trainer_free(struct trainer *trainer); /* NULL is fine */

/* Soon, whatever the schedule says; returns at once. */
void trainer_ask(struct trainer *trainer);

/* Whether it trains, or was asked to and has not begun; and why the last training that was asked
 * for failed (no code: it did not). Any thread. */
bool trainer_busy(struct trainer *trainer, struct error *failed);

#endif
