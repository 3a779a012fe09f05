/* The memory engine: reservations, changes of stock, ratings. */
#include "store_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_stock(struct store_memory *store, const struct memory_wine *wine,
    const char *cause, int64_t change, const char *order_id, const struct trace *trace)
{
    struct product_event event = {
        .wine_id = wine->wine.id, .sequence = wine->wine.stock_version, .trace = trace};
    event_stock(
        &store->scratch, &event, cause, change, wine->wine.available, wine->wine.on_hand, order_id);
    memory_put_event(store, &event);
}

static void move_line(
    struct memory_wine *wine, struct product_line *line, int64_t available, int64_t on_hand)
{
    wine->wine.available += available;
    wine->wine.on_hand += on_hand;
    wine->wine.stock_version++;
    line->available = wine->wine.available;
    line->on_hand = wine->wine.on_hand;
}

static void copy_lines(struct product_line *to, const struct product_line *from, size_t count)
{
    memset(to, 0, PRODUCT_MAX_LINES * sizeof(*to));
    for (size_t i = 0; i < count; i++) {
        memcpy(to[i].id, from[i].id, ID_SIZE);
        to[i].quantity = from[i].quantity;
    }
    product_lines_sort(to, count);
}

/* ---- reserving ---- */

static struct memory_reservation *find_reservation(struct store_memory *store, const char *order_id)
{
    for (size_t i = 0; i < store->reservation_count; i++) {
        if (strcmp(store->reservations[i].order_id, order_id) == 0)
            return &store->reservations[i];
    }
    return NULL;
}

static void add_reservation(struct store_memory *store, const char *order_id,
    enum reservation_status status, const char *lines)
{
    store->reservations =
        memory_grow(store->reservations, store->reservation_count, sizeof(*store->reservations));
    struct memory_reservation *reservation = &store->reservations[store->reservation_count++];
    memcpy(reservation->order_id, order_id, ID_SIZE);
    reservation->status = status;
    reservation->lines = memory_strdup(lines);
}

static int reserve_lines(struct store_memory *store, const char *order_id,
    struct product_line *lines, size_t count, const struct trace *trace, struct error *error)
{
    bool any_short = false;
    for (size_t i = 0; i < count; i++) {
        const struct memory_wine *wine = memory_find(store, lines[i].id);
        int64_t left = wine && !wine->wine.withdrawn ? wine->wine.available : 0;
        lines[i].short_of = left < lines[i].quantity;
        lines[i].available = left;
        any_short |= lines[i].short_of;
    }
    if (any_short)
        return product_lines_short(lines, count, error);
    for (size_t i = 0; i < count; i++) {
        struct memory_wine *wine = memory_find(store, lines[i].id);
        move_line(wine, &lines[i], -lines[i].quantity, 0);
        tell_stock(store, wine, "reserved", -lines[i].quantity, order_id, trace);
    }
    return 0;
}

void memory_reserve(struct product_store *base, const char *order_id,
    const struct product_line *given, size_t count, const struct trace *trace,
    product_lines_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_line lines[PRODUCT_MAX_LINES];
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    struct error error = {0};
    int rc = 0;
    copy_lines(lines, given, count);
    reservation_lines_append(&text, lines, count);
    pthread_mutex_lock(&store->lock);
    const struct memory_reservation *known = find_reservation(store, order_id);
    if (!known) {
        rc = reserve_lines(store, order_id, lines, count, trace, &error);
        if (rc == 0)
            add_reservation(store, order_id, RESERVATION_RESERVED, text.data);
    } else {
        count = 0;
        if (known->status != RESERVATION_RESERVED || strcmp(known->lines, text.data) != 0)
            rc = error_set(&error, ERROR_CONFLICT, "version_conflict", NULL,
                "this order was reserved with other lines, or has been settled");
    }
    memory_commit(store);
    done(ctx, rc, &error, lines, count);
}

/* ---- settling ---- */

static size_t settle_lines(struct store_memory *store, const char *order_id, const char *text,
    enum product_settlement settlement, struct product_line *lines, const struct trace *trace)
{
    struct stock_move move = reservation_move(settlement);
    size_t count = reservation_lines_parse(text, lines);
    for (size_t i = 0; i < count; i++) {
        struct memory_wine *wine = memory_find(store, lines[i].id);
        int64_t change = move.available * lines[i].quantity;
        move_line(wine, &lines[i], change, move.on_hand * lines[i].quantity);
        tell_stock(store, wine, move.cause, change, order_id, trace);
    }
    return count;
}

void memory_settle(struct product_store *base, const char *order_id,
    enum product_settlement settlement, const struct trace *trace, product_lines_fn *done,
    void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_line lines[PRODUCT_MAX_LINES];
    struct error error = {0};
    enum reservation_status next;
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    struct memory_reservation *known = find_reservation(store, order_id);
    int rc = reservation_step(known ? known->status : RESERVATION_NONE, settlement, &next, &error);
    if (rc > 0 && known) {
        count = settle_lines(store, order_id, known->lines, settlement, lines, trace);
        known->status = next;
    } else if (rc > 0) {
        add_reservation(store, order_id, next, "");
    }
    memory_commit(store);
    done(ctx, rc < 0 ? rc : 0, &error, lines, count);
}

/* ---- restocking and corrections ---- */

static bool was_applied(const struct store_memory *store, const char *id)
{
    for (size_t i = 0; id && i < store->applied_count; i++) {
        if (strcmp(store->applied[i], id) == 0)
            return true;
    }
    return false;
}

static void note_message(struct store_memory *store, const char *id)
{
    store->applied = memory_grow(store->applied, store->applied_count, sizeof(*store->applied));
    snprintf(store->applied[store->applied_count++], sizeof(*store->applied), "%s", id);
}

static int check_changes(
    struct store_memory *store, struct product_line *lines, size_t count, struct error *error)
{
    bool any_short = false;
    for (size_t i = 0; i < count; i++) {
        const struct memory_wine *wine = memory_need(store, lines[i].id, error);
        if (!wine)
            return ERROR_NOT_FOUND;
        if (wine->wine.on_hand + lines[i].quantity > PRODUCT_MAX_STOCK)
            return error_set(error, ERROR_INVALID, NULL, "change",
                "no more than %d bottles of a wine can be kept", PRODUCT_MAX_STOCK);
        lines[i].available = wine->wine.available;
        lines[i].on_hand = wine->wine.on_hand;
        lines[i].short_of = wine->wine.available + lines[i].quantity < 0;
        any_short |= lines[i].short_of;
    }
    return any_short ? product_lines_short(lines, count, error) : 0;
}

void memory_change_stock(struct product_store *base, const struct product_line *given, size_t count,
    const struct product_change *change, product_lines_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_line lines[PRODUCT_MAX_LINES];
    struct error error = {0};
    copy_lines(lines, given, count);
    pthread_mutex_lock(&store->lock);
    if (was_applied(store, change->message_id))
        count = 0;
    int rc = check_changes(store, lines, count, &error);
    if (rc == 0 && count && change->message_id)
        note_message(store, change->message_id);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct memory_wine *wine = memory_find(store, lines[i].id);
        move_line(wine, &lines[i], lines[i].quantity, lines[i].quantity);
        tell_stock(store, wine,
            change->cause           ? change->cause
            : lines[i].quantity > 0 ? "restock"
                                    : "correction",
            lines[i].quantity, NULL, &change->trace);
    }
    memory_commit(store);
    done(ctx, rc, &error, lines, count);
}

/* ---- ratings ---- */

static void put_rating(struct store_memory *store, const struct product_rating *rating)
{
    store->ratings = memory_grow(store->ratings, store->rating_count, sizeof(*store->ratings));
    struct memory_rating *slot = &store->ratings[store->rating_count++];
    slot->rating = *rating;
    slot->note = rating->note ? memory_strdup(rating->note) : NULL;
}

/* Replaces in place: the newest id then stands in the middle, so readers sort. */
static int64_t replace_rating(struct store_memory *store, const struct product_rating *rating)
{
    for (size_t i = 0; i < store->rating_count; i++) {
        struct memory_rating *slot = &store->ratings[i];
        if (strcmp(slot->rating.wine_id, rating->wine_id) != 0 ||
            strcmp(slot->rating.user_id, rating->user_id) != 0)
            continue;
        int64_t previous = slot->rating.halves;
        free(slot->note);
        slot->rating = *rating;
        slot->note = rating->note ? memory_strdup(rating->note) : NULL;
        return previous;
    }
    put_rating(store, rating);
    return 0;
}

static bool is_forgotten(const struct store_memory *store, const char *user_id)
{
    for (size_t i = 0; i < store->forgotten_count; i++) {
        if (strcmp(store->forgotten[i], user_id) == 0)
            return true;
    }
    return false;
}

void memory_rate(struct product_store *base, const struct product_rating *rating,
    const struct trace *trace, product_rated_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_wine result = {0};
    struct error error = {0};
    pthread_mutex_lock(&store->lock);
    struct memory_wine *wine = memory_need(store, rating->wine_id, &error);
    if (wine && wine->wine.withdrawn)
        error_set(&error, ERROR_CONFLICT, "withdrawn", NULL, "this wine is no longer sold");
    else if (wine && is_forgotten(store, rating->user_id))
        error_set(&error, ERROR_UNAUTHORIZED, "unauthenticated", NULL, "this account was erased");
    if (error.code == 0) {
        int64_t previous = replace_rating(store, rating);
        wine->wine.halves += rating->halves - previous;
        wine->wine.ratings += previous == 0;
        wine->wine.rating_version++;
        struct product_event event = {
            .wine_id = wine->wine.id, .sequence = wine->wine.rating_version, .trace = trace};
        event_rating(&store->scratch, &event, rating, wine->wine.halves, wine->wine.ratings);
        memory_put_event(store, &event);
        result = wine->wine;
    }
    memory_commit(store);
    done(ctx, error.code, &error, &result);
}

void memory_forget(
    struct product_store *base, const char *user_id, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    const struct error error = {0};
    char pseudonym[ID_SIZE];
    pthread_mutex_lock(&store->lock);
    if (!is_forgotten(store, user_id)) {
        store->forgotten = memory_grow(store->forgotten, store->forgotten_count, ID_SIZE);
        memcpy(store->forgotten[store->forgotten_count++], user_id, ID_SIZE);
    }
    id_new(pseudonym);
    for (size_t i = 0; i < store->rating_count; i++) {
        struct memory_rating *slot = &store->ratings[i];
        if (strcmp(slot->rating.user_id, user_id) != 0)
            continue;
        memcpy(slot->rating.user_id, pseudonym, ID_SIZE);
        free(slot->note);
        slot->note = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error);
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(((const struct product_rating *)b)->id, ((const struct product_rating *)a)->id);
}

void memory_ratings(struct product_store *base, struct arena *arena, const char *wine_id,
    const char *user_id, const char *before, size_t limit, product_ratings_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_wine result = {0};
    struct error error = {0};
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    struct product_rating *ratings =
        arena_new_array(arena, store->rating_count + 1, struct product_rating);
    const struct memory_wine *wine = wine_id ? memory_need(store, wine_id, &error) : NULL;
    if (wine)
        result = wine->wine;
    for (size_t i = 0; i < store->rating_count; i++) {
        const struct product_rating *rating = &store->ratings[i].rating;
        if (strcmp(wine_id ? rating->wine_id : rating->user_id, wine_id ? wine_id : user_id) != 0 ||
            (before && strcmp(rating->id, before) >= 0))
            continue;
        ratings[count] = *rating;
        ratings[count++].note = arena_strdup(arena, store->ratings[i].note);
    }
    pthread_mutex_unlock(&store->lock);
    qsort(ratings, count, sizeof(*ratings), newest_first);
    bool more = count > limit;
    done(ctx, error.code, &error, &result, ratings, more ? limit : count, more);
}
