/* One letter: read the message, ask the services for the facts, write, send. */
#include "service.h"
#include "templates.h"

#include "arena.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_NAME 200 /* bytes that a header field takes */

static void increment(struct counter *counter)
{
    if (counter)
        counter_increment(counter);
}

/* ---- outcomes ---- */

/* Nothing to do, now or later. */
static void drop(struct letter_outcome *outcome)
{
    outcome->ack = true;
    outcome->has_row = false;
}

static void bury(struct letter_outcome *outcome, const char *reason)
{
    outcome->delay_ms = QUEUE_NACK_DEAD;
    outcome->reason = reason;
    outcome->has_row = false;
}

/* It will never work: said in the records, and done with. `reason` holds nothing personal. */
static void give_up(
    struct notification_service *service, struct letter_outcome *outcome, const char *reason)
{
    increment(service->failed);
    log_write(LOG_WARN, "notification", NULL, "letter %s (%s) is given up: %s", outcome->row.id,
        outcome->row.template, reason);
    outcome->ack = true;
    outcome->has_row = true;
    outcome->row.status = NOTIFICATION_FAILED;
    outcome->row.error = reason;
}

/* 2, 4, 8 ... seconds, at most 5 minutes; after the last attempt a dead letter. */
static void try_again(
    struct notification_service *service, struct letter_outcome *outcome, const char *reason)
{
    int attempt = outcome->delivery->receive_count;
    outcome->has_row = true;
    outcome->reason = reason;
    outcome->row.error = reason;
    if (attempt >= service->max_attempts) {
        increment(service->failed);
        outcome->delay_ms = QUEUE_NACK_DEAD;
        outcome->row.status = NOTIFICATION_FAILED;
        log_write(LOG_ERROR, "notification", NULL, "letter %s (%s) failed %d times: %s",
            outcome->row.id, outcome->row.template, attempt, reason);
        return;
    }
    increment(service->retried);
    outcome->row.status = NOTIFICATION_QUEUED;
    outcome->delay_ms = (int64_t)1000 << (attempt < 9 ? attempt : 9);
    if (outcome->delay_ms > 300 * 1000)
        outcome->delay_ms = 300 * 1000;
}

/* ---- facts ---- */

struct letter_work {
    struct notification_service *service;
    struct arena *arena;
    struct letter_outcome *outcome;
    const struct letter_template *template;
    json_t *message, *reader, *order, *wines, *token;
};

/* Asks a service. 1: `*answer` is a new reference; 0: it knows of no such thing; -1: the outcome is
 * set to another try. */
static int ask(
    struct letter_work *work, struct upstream *upstream, const char *path, json_t **answer)
{
    const char *body = NULL;
    int status = upstream_call_wait(
        upstream, &(struct upstream_call){.method = HTTP_GET, .path = path}, work->arena, &body);
    if (status == 404 || status == 410)
        return 0;
    if (status == 200 && json_read_object(body, strlen(body), answer, NULL) == 0)
        return 1;
    try_again(
        work->service, work->outcome, arena_printf(work->arena, "a service answered %d", status));
    return -1;
}

/* Who reads it. Not found means erased: then there is nobody to write to. */
static bool ask_reader(struct letter_work *work)
{
    const struct notification_row *row = &work->outcome->row;
    const char *path = row->user_id
                           ? arena_printf(work->arena, "/internal/users/%s", row->user_id)
                           : arena_printf(work->arena, "/internal/guests/%s", row->guest_id);
    int found = ask(work, work->service->user, path, &work->reader);
    if (found == 0)
        drop(work->outcome);
    return found > 0;
}

static bool ask_order(struct letter_work *work)
{
    const char *path =
        arena_printf(work->arena, "/internal/orders/%s", work->outcome->row.order_id);
    int found = ask(work, work->service->order, path, &work->order);
    if (found == 0)
        give_up(work->service, work->outcome, "no such order");
    return found > 0;
}

static bool ask_token(struct letter_work *work, const char *kind)
{
    const char *path = arena_printf(work->arena, "/internal/users/%s/mail-token?kind=%s&nonce=%s",
        work->outcome->row.user_id ? work->outcome->row.user_id : "", kind,
        url_encode(work->arena, json_text_or(work->message, "token_ref", "")));
    int found = ask(work, work->service->user, path, &work->token);
    if (found == 0)
        give_up(work->service, work->outcome, "its link has expired");
    return found > 0;
}

static bool ask_wine(struct letter_work *work)
{
    const char *path = arena_printf(work->arena, "/internal/wines?ids=%s",
        url_encode(work->arena, json_text_or(work->message, "wine_id", "")));
    int found = ask(work, work->service->product, path, &work->wines);
    if (found == 0 || (found > 0 && json_array_size(json_object_get(work->wines, "items")) == 0)) {
        give_up(work->service, work->outcome, "no such wine");
        return false;
    }
    return found > 0;
}

static bool ask_facts(struct letter_work *work)
{
    unsigned needs = work->template->needs;
    if (!ask_reader(work))
        return false;
    if (needs & NEEDS_ORDER && !ask_order(work))
        return false;
    if (needs & NEEDS_WINE && !ask_wine(work))
        return false;
    if (needs & NEEDS_VERIFY_TOKEN && !ask_token(work, "verify"))
        return false;
    return !(needs & NEEDS_RESET_TOKEN) || ask_token(work, "reset");
}

/* ---- once ---- */

static void remember(struct notification_service *service, const char *id)
{
    memcpy(service->recent[service->next_recent], id, ID_SIZE);
    service->next_recent = (service->next_recent + 1) % MAX_RECENT;
}

/* 1 if the letter went out already, 0 if not, or a negative code. */
static int went_out(struct notification_service *service, const char *id)
{
    struct error error = {0};
    for (size_t i = 0; i < MAX_RECENT; i++) {
        if (memcmp(service->recent[i], id, ID_SIZE) == 0)
            return 1;
    }
    return notification_store_sent(service->store, id, &error);
}

/* ---- writing and sending ---- */

static int send(struct letter_work *work, struct error *error)
{
    struct notification_service *service = work->service;
    struct letter *letter = &service->letter;
    const char *name = json_text_or(work->reader, "name", "");
    struct mail_message message = {
        .message_id = arena_printf(work->arena, "%s@%s", work->outcome->row.id, service->domain),
        .from = {service->shop.name, service->from_address},
        .to = {strlen(name) <= LONGEST_NAME && *name ? name : NULL,
            json_text_or(work->reader, "email", "")},
        .subject = letter->subject.data,
        .text = letter->text.data,
        .html = letter->html.data,
        .date_ms = work->outcome->delivery->sent_at_ms,
    };
    return mail_send(service->mail, &message, error);
}

/* Reasons are ours: a mail server's words may quote the address. */
static const char *reason_of(struct arena *arena, const struct error *error)
{
    const char *reason = error->reason[0] ? error->reason : error_code_name(error->code);
    return arena_printf(arena, "%s%s%s", reason, error->field[0] ? ": " : "", error->field);
}

static void write_and_send(struct letter_work *work)
{
    struct letter_outcome *outcome = work->outcome;
    struct letter *letter = &work->service->letter;
    struct letter_facts facts = {
        .reader = work->reader,
        .order = work->order,
        .wine = json_array_get(json_object_get(work->wines, "items"), 0),
        .token = json_text_or(work->token, "token", ""),
    };
    struct error error = {0};
    work->template->write(letter, &facts);
    outcome->row.subject = arena_strdup(work->arena, letter->subject.data);
    int rc = send(work, &error);
    if (rc == 0) {
        remember(work->service, outcome->row.id);
        increment(work->service->sent);
        outcome->ack = true;
        outcome->has_row = true;
        outcome->row.status = NOTIFICATION_SENT;
        outcome->row.sent_ms = clock_now_ms();
    } else if (rc == ERROR_INVALID || rc == ERROR_NOT_FOUND) {
        give_up(work->service, outcome, reason_of(work->arena, &error));
    } else {
        try_again(work->service, outcome, reason_of(work->arena, &error));
    }
}

/* ---- the message ---- */

static const char *id_member(const json_t *message, struct arena *arena, const char *field)
{
    const char *id = json_text_or(message, field, NULL);
    return id_valid(id) ? arena_strdup(arena, id) : NULL;
}

/* False when it is none of ours: the outcome is then a dead letter. */
static bool read_message(struct letter_work *work)
{
    struct letter_outcome *outcome = work->outcome;
    const struct queue_delivery *delivery = outcome->delivery;
    struct notification_row *row = &outcome->row;
    if (json_read_object(delivery->body, delivery->length, &work->message, NULL) < 0) {
        bury(outcome, "not JSON");
        return false;
    }
    row->id = id_member(work->message, work->arena, "id");
    row->user_id = id_member(work->message, work->arena, "user_id");
    row->guest_id = id_member(work->message, work->arena, "guest_id");
    row->order_id = id_member(work->message, work->arena, "order_id");
    work->template = letter_template_find(json_text_or(work->message, "template", ""));
    if (!row->id || !row->user_id == !row->guest_id || !work->template ||
        (work->template->needs & NEEDS_ORDER && !row->order_id)) {
        bury(outcome, work->template ? "ids are missing" : "no such template");
        return false;
    }
    row->template = work->template->name;
    row->subject = "";
    row->created_ms = delivery->sent_at_ms;
    row->attempts = delivery->receive_count;
    return true;
}

void letter_deliver(
    struct notification_service *service, struct arena *arena, struct letter_outcome *outcome)
{
    struct letter_work work = {.service = service, .arena = arena, .outcome = outcome};
    if (read_message(&work)) {
        int sent = went_out(service, outcome->row.id);
        if (sent > 0)
            drop(outcome);
        else if (sent < 0)
            try_again(service, outcome, "the records cannot be read");
        else if (ask_facts(&work))
            write_and_send(&work);
    }
    json_decref(work.message);
    json_decref(work.reader);
    json_decref(work.order);
    json_decref(work.wines);
    json_decref(work.token);
}
