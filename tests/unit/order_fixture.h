/*
 * The order service and the processor over their handlers, with what they need around them: a
 * product and a user service that keep the contract of docs/internal-api.md in a few lines, the
 * test payment engine, memory queues and a relay. Either engine of the store.
 */
#ifndef TESTS_ORDER_FIXTURE_H
#define TESTS_ORDER_FIXTURE_H

#include "engines.h"

#include "arena.h"
#include "order.h"
#include "order_processor.h"
#include "payment.h"
#include "queue.h"
#include "relay.h"
#include "stream.h"
#include "timer.h"
#include "upstream.h"

#define FAKE_WINES 45
#define FAKE_ORDERS 4096
#define FAKE_PEOPLE 256

struct fake_reservation {
    char order_id[ID_SIZE];
    enum { NEVER, RESERVED, RELEASED, SHIPPED, RETURNED } state;
    int lines;
    struct {
        int wine, quantity;
    } line[CART_MAX_LINES];
};

struct fake_wine {
    char id[ID_SIZE];
    int64_t price, available, on_hand;
    bool withdrawn;
};

struct order_fixture {
    char directory[64];
    struct timers *timers;
    struct keyring *keyring;
    struct payment *payment;
    struct order_store *store;
    struct order_service *service;
    struct order_processor *processor;
    struct queue *orders, *mail;
    struct stream *stream;
    struct relay *relay;
    struct upstream *order, *product, *user;

    pthread_mutex_t lock; /* of the fakes */
    struct router *product_router, *user_router;
    struct fake_wine wines[FAKE_WINES];
    struct fake_reservation reservations[FAKE_ORDERS];
    int reservation_count;
    int product_down;       /* answer so many calls with 503 */
    const char *birth_date; /* of every user */
    bool erased;            /* every user is gone */
    char email[64];         /* of the guest who was put last */
    struct {
        char id[ID_SIZE], wrapped[256];
    } people[FAKE_PEOPLE]; /* who have a data key */
    int people_count;
};

/* Opens everything; the processor waits for fixture_process. */
void fixture_open(struct order_fixture *fixture, bool sqlite);
void fixture_close(struct order_fixture *fixture);

/* Starts relay and processor. */
void fixture_process(struct order_fixture *fixture);

struct answer {
    int status;
    char *body;   /* freed by answer_release */
    json_t *json; /* NULL if the body is none */
    char location[128];
    bool replayed;
    char content_type[64];
};
void answer_release(struct answer *answer);

struct ask {
    enum http_method method;
    const char *path; /* with its query */
    const char *body;
    const char *user, *guest; /* ids, or NULL */
    bool admin;
    const char *key; /* Idempotency-Key */
    const char *accept;
};

/* Asks the order service as the gateway would, and waits for the answer. */
struct answer fixture_ask(struct order_fixture *fixture, const struct ask *ask);

/* The text, number or boolean (0, 1) at a path such as "totals.total" or "items.0.quantity". */
const char *answer_text(const struct answer *answer, const char *path);
int64_t answer_int(const struct answer *answer, const char *path);
const json_t *answer_at(const struct answer *answer, const char *path);

#endif
