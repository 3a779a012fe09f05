/* The lists for a shopper: the model names the wines, the product service has their documents. */
#include "buffer.h"
#include "clock.h"
#include "documents.h"
#include "list_query.h"
#include "metrics.h"
#include "outside.h"
#include "recall.h"
#include "service.h"
#include "shipping.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

struct listing {
    struct recommendation_service *service;
    struct exchange *exchange;
    struct list_query query;
    struct experiment experiment; /* with an empty id: none */
    struct model_answer answer;
    struct model_pick picks[MODEL_MAX_LIST];
    struct model_draft *draft; /* while somebody outside is asked */
};

/* ---- why a wine is there ---- */

static const struct {
    const char *kind, *before, *after;
} reasons[] = {
    [MODEL_LIKED] = {"similar_to", "Because you liked ", ""},
    [MODEL_BOUGHT] = {"similar_to", "Because you bought ", ""},
    [MODEL_VIEWED] = {"similar_to", "Because you looked at ", ""},
    [MODEL_BASKET] = {"bought_together", "Goes with ", " in your basket"},
    [MODEL_BOUGHT_WITH] = {"bought_together", "Often bought with ", ""},
    [MODEL_POPULAR] = {"popular", "Popular at the moment", ""},
    [MODEL_NEW] = {"new", "New in the shop", ""},
    [MODEL_AGAIN] = {"buy_again", "You ordered it ", ""},
};

static void append_ago(struct buffer *text, int64_t then_ms, int64_t now_ms)
{
    static const struct {
        int64_t days; /* from so many on */
        int64_t unit;
        const char *name;
    } spans[] = {{730, 365, "years"}, {60, 30, "months"}, {14, 7, "weeks"}, {2, 1, "days"}};
    int64_t days = (now_ms - then_ms) / DAY_MS;
    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
        if (days >= spans[i].days) {
            buffer_printf(text, "%lld %s ago", (long long)(days / spans[i].unit), spans[i].name);
            return;
        }
    }
    buffer_append_text(text, days == 1 ? "yesterday" : "today");
}

static void append_reason(struct buffer *body, const struct listing *listing,
    const struct model_pick *pick, struct buffer *text)
{
    buffer_reset(text);
    buffer_append_text(text, reasons[pick->reason].before);
    if (pick->source_name)
        buffer_append_text(text, pick->source_name);
    if (pick->reason == MODEL_AGAIN)
        append_ago(text, pick->ordered_ms, listing->query.model.now_ms);
    buffer_append_text(text, reasons[pick->reason].after);
    buffer_append_text(body, ",\"reason\":{\"kind\":\"");
    buffer_append_text(body, reasons[pick->reason].kind);
    buffer_append_text(body, "\",\"text\":");
    buffer_append_json(body, text->data);
    if (pick->source_id) {
        buffer_append_text(body, ",\"wine_id\":");
        buffer_append_json(body, pick->source_id);
    }
    buffer_append_char(body, '}');
}

static void append_experiment(
    struct buffer *body, const struct listing *listing, const struct model_pick *pick)
{
    if (!pick->arm || !*listing->experiment.id)
        return;
    buffer_printf(
        body, ",\"experiment\":{\"id\":\"%s\",\"arm\":\"%c\"}", listing->experiment.id, pick->arm);
}

/* ---- why there is nothing ---- */

struct note {
    const char *code, *text;
};

static const struct note note_not_served = {
    "destination_not_served", "We do not ship to this country."};
static const struct note note_not_there = {
    "destination_not_served", "We do not ship to this part of the country."};
static const struct note note_region_needed = {
    "destination_not_served", "We ship to parts of this country only: say which state or region."};
static const struct note note_learning = {
    "learning", "The shop is still getting to know its wines."};
static const struct note note_recalling = {
    "recalling", "What you did before is being looked up: ask again in a moment."};
static const struct note note_basket_empty = {"basket_empty", "There is nothing in your basket."};
static const struct note note_nothing_ordered = {
    "nothing_ordered", "You have not ordered anything yet."};
static const struct note note_nothing_fits = {
    "nothing_fits", "No wine in stock fits what you asked for."};

static const struct note *note_of(const struct listing *listing)
{
    if (!recommendation_service_ready(listing->service))
        return &note_learning;
    bool known = *listing->query.model.shopper != '\0';
    if (known && listing->query.model.list != MODEL_PERSONAL && !listing->answer.whole)
        return &note_recalling;
    if (!listing->answer.empty)
        return &note_nothing_fits;
    return listing->query.model.list == MODEL_BASKET_OF ? &note_basket_empty
                                                        : &note_nothing_ordered;
}

/* ---- the answer ---- */

static const struct model_pick *pick_of(
    const struct listing *listing, const struct document *document)
{
    for (size_t i = 0; i < listing->answer.count; i++) {
        const char *id = listing->picks[i].wine_id;
        if (strlen(id) == document->id_length && memcmp(id, document->id, document->id_length) == 0)
            return &listing->picks[i];
    }
    return NULL;
}

static void count_list(const struct listing *listing, bool filled)
{
    enum list_source source = LIST_EMPTY;
    if (filled && !listing->answer.personal)
        source = LIST_POPULAR;
    else if (filled)
        source = listing->answer.trained ? LIST_BY_MODEL : LIST_BY_FIRST_DAYS;
    struct counter *counter = listing->service->lists[listing->query.model.list][source];
    if (counter)
        counter_increment(counter);
}

static void append_items(struct buffer *body, const struct listing *listing,
    const struct document *documents, size_t count)
{
    struct buffer text = BUFFER_INIT;
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        const struct model_pick *pick = pick_of(listing, &documents[i]);
        if (!pick)
            continue;
        buffer_append_text(body, first ? "{\"wine\":" : ",{\"wine\":");
        buffer_append(body, documents[i].text, documents[i].length);
        append_reason(body, listing, pick, &text);
        append_experiment(body, listing, pick);
        buffer_append_char(body, '}');
        first = false;
    }
    buffer_release(&text);
}

static void reply(struct listing *listing, const struct document *documents, size_t count,
    const struct note *note)
{
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    append_items(&body, listing, documents, count);
    bool filled = body.data[body.length - 1] == '}';
    count_list(listing, filled);
    buffer_append_text(&body, "],\"list\":\"");
    buffer_append_text(&body, list_query_name(listing->query.model.list));
    buffer_append_text(&body, "\",\"personal\":");
    buffer_append_text(&body, listing->answer.personal && filled ? "true" : "false");
    if (!filled) {
        note = note ? note : note_of(listing);
        buffer_append_text(&body, ",\"note\":{\"code\":");
        buffer_append_json(&body, note->code);
        buffer_append_text(&body, ",\"text\":");
        buffer_append_json(&body, note->text);
        buffer_append_char(&body, '}');
    }
    buffer_append_char(&body, '}');
    http_reply_json(listing->exchange, 200, &body);
}

static void got_documents(void *ctx, int status, const char *body, size_t length)
{
    struct listing *listing = ctx;
    struct document documents[MODEL_MAX_LIST];
    if (status != 200)
        service_reply_upstream(listing->exchange, status >= 400 ? 503 : status, body, length);
    else
        reply(listing, documents, documents_split(body, documents, MODEL_MAX_LIST), NULL);
}

/* One shopper sees one order of both models' wines all day, however often the page is loaded. */
static uint64_t seed_of(const struct listing *listing)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const char *const texts[] = {listing->experiment.id, listing->query.model.shopper};
    for (int i = 0; i < 2; i++) {
        for (const unsigned char *c = (const unsigned char *)texts[i]; *c; c++)
            hash = (hash ^ *c) * 0x100000001b3u;
    }
    return hash ^ (uint64_t)(listing->query.model.now_ms / DAY_MS) * 0x9e3779b97f4a7c15u;
}

static void fetch_documents(struct listing *listing)
{
    struct recommendation_service *service = listing->service;
    const char *ids[MODEL_MAX_LIST];
    if (!listing->answer.whole && recommendation_service_ready(service))
        recall_want(service->recall, listing->query.model.shopper);
    for (size_t i = 0; i < listing->answer.count; i++)
        ids[i] = listing->picks[i].wine_id;
    if (listing->answer.count == 0)
        reply(listing, NULL, 0, NULL);
    else
        service_call_product(service, listing->exchange,
            service_documents_path(listing->exchange->arena, ids, listing->answer.count),
            got_documents, listing);
}

static void got_scores(void *ctx, const float *scores)
{
    struct listing *listing = ctx;
    model_draft_finish(
        listing->draft, &listing->query.model, scores, listing->picks, &listing->answer);
    fetch_documents(listing);
}

/* But for those of whom nothing is known: the trend is the same for all. */
static void ask_outside(struct listing *listing)
{
    struct recommendation_service *service = listing->service;
    const struct model_candidates *candidates;
    struct outside_wine history[PROFILE_ITEMS];
    _Static_assert(PROFILE_ITEMS <= OUTSIDE_MAX_HISTORY, "the whole history is told");
    _Static_assert(MODEL_MAX_CANDIDATES <= OUTSIDE_MAX_CANDIDATES, "all candidates are asked of");
    listing->draft = model_draft_new(service->model, &listing->query.model, &candidates);
    if (!candidates->known_count) {
        got_scores(listing, NULL);
        return;
    }
    for (size_t i = 0; i < candidates->known_count; i++)
        history[i] = (struct outside_wine){candidates->known_ids[i], candidates->known_weights[i]};
    outside_score(service->options.scorer,
        &(struct outside_query){.history = history,
            .history_count = candidates->known_count,
            .candidates = candidates->ids,
            .candidate_count = candidates->count},
        got_scores, listing);
}

static void make_list(struct listing *listing)
{
    struct recommendation_service *service = listing->service;
    struct model_query *query = &listing->query.model;
    /* Whom nobody knows cannot be told from others: their clicks would decide nothing. */
    bool known = query->list == MODEL_PERSONAL && *query->shopper;
    if (known && service_experiment(service, &listing->experiment)) {
        query->experiment = true;
        query->seed = seed_of(listing);
    }
    if (known && !query->experiment && service->options.scorer) {
        ask_outside(listing);
        return;
    }
    model_recommend(service->model, query, listing->picks, &listing->answer);
    fetch_documents(listing);
}

static void know_shipping(void *ctx, enum shipping_answer answer)
{
    struct listing *listing = ctx;
    switch (answer) {
    case SHIPPING_SERVED:
        make_list(listing);
        break;
    case SHIPPING_NOT_SERVED:
        reply(listing, NULL, 0, &note_not_served);
        break;
    case SHIPPING_NOT_THERE:
        reply(listing, NULL, 0, &note_not_there);
        break;
    case SHIPPING_REGION_NEEDED:
        reply(listing, NULL, 0, &note_region_needed);
        break;
    case SHIPPING_UNKNOWN:
        http_problem(listing->exchange, 503, "unavailable", NULL,
            "where we ship to cannot be read at the moment");
        break;
    }
}

void route_recommendations(void *ctx, struct exchange *exchange)
{
    struct listing *listing = arena_new_struct(exchange->arena, struct listing);
    listing->service = ctx;
    listing->exchange = exchange;
    if (!list_query_read(exchange, clock_now_ms(), &listing->query))
        return;
    if (listing->query.country)
        shipping_check(listing->service->shipping, listing->query.country, listing->query.region,
            know_shipping, listing);
    else
        make_list(listing);
}
