/*
 * The store in memory: for tests and trials. One lock; texts go to an arena that lives as long as
 * the store, so every change costs memory until the end. Orders are looked up from the newest.
 */
#include "order_store.h"

#include "arena.h"
#include "order_messages.h"
#include "order_transition.h"
#include "outbox_memory.h"
#include "text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct cart_entry {
    char owner[OWNER_SIZE];
    struct cart cart;
    struct cart_entry *next;
};

struct key_entry {
    char owner[OWNER_SIZE];
    const char *key, *request_hash, *order_id;
    int64_t created_at;
    struct key_entry *next;
};

struct memory {
    struct order_store base;
    pthread_mutex_t lock;
    struct arena *arena;
    struct outbox_memory *outbox;
    struct cart_entry *carts;
    struct key_entry *keys;
    struct order_record *orders; /* orders[i].seq is i + 1 */
    size_t count, capacity;
    void (*wake)(void *ctx);
    void *wake_ctx;
};

static struct memory *of(struct order_store *store)
{
    return (struct memory *)store;
}

static void lock(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
}

static void unlock(struct memory *memory)
{
    pthread_mutex_unlock(&memory->lock);
}

/* After a commit, outside the lock. */
static void wake(struct memory *memory)
{
    if (memory->wake)
        memory->wake(memory->wake_ctx);
}

static void copy_record(
    const struct order_record *from, struct arena *arena, struct order_record *to)
{
    *to = *from;
    to->state.reason = arena_strdup(arena, from->state.reason);
    to->state.reference = arena_strdup(arena, from->state.reference);
    to->state.history = arena_strdup(arena, from->state.history);
    to->method = arena_strdup(arena, from->method);
    to->destination = arena_strdup(arena, from->destination);
    to->doc = arena_strdup(arena, from->doc);
    to->sealed = arena_memdup(arena, from->sealed, from->sealed_length);
}

static void copy_state(const struct order_state *from, struct arena *arena, struct order_state *to)
{
    *to = *from;
    to->reason = arena_strdup(arena, from->reason);
    to->reference = arena_strdup(arena, from->reference);
    to->history = arena_strdup(arena, from->history);
}

static struct order_record *find_order(struct memory *memory, const char *id)
{
    for (size_t i = memory->count; i > 0; i--) {
        if (strcmp(memory->orders[i - 1].id, id) == 0)
            return &memory->orders[i - 1];
    }
    return NULL;
}

/* ---- carts ---- */

static struct cart_entry *find_cart(struct memory *memory, const char *owner)
{
    struct cart_entry *entry = memory->carts;
    while (entry && strcmp(entry->owner, owner) != 0)
        entry = entry->next;
    return entry;
}

static struct cart_entry *need_cart(struct memory *memory, const char *owner)
{
    struct cart_entry *entry = find_cart(memory, owner);
    if (entry)
        return entry;
    entry = arena_new_struct(memory->arena, struct cart_entry);
    strcpy(entry->owner, owner);
    entry->next = memory->carts;
    memory->carts = entry;
    return entry;
}

static void clear_cart(struct cart *cart)
{
    cart->version = 0;
    cart->count = 0;
}

/* With the lock held. */
static int edit_cart(struct memory *memory, const struct cart_change *change, struct arena *arena,
    struct cart *after, struct error *error)
{
    struct cart_entry *entry = need_cart(memory, change->owner);
    int rc = cart_apply(&entry->cart, change->edits, change->count, change->now_ms, error);
    if (rc < 0)
        return rc;
    *after = entry->cart;
    for (size_t i = 0; rc > 0 && i < change->count; i++) {
        const struct cart_edit *edit = &change->edits[i];
        if (edit->now == edit->previous)
            continue;
        struct outbox_item item =
            message_cart(arena, change->owner, edit, after->version, &change->trace);
        outbox_memory_put(memory->outbox, &item);
    }
    return 0;
}

static void memory_cart_get(struct order_store *store, const char *owner, struct arena *arena,
    cart_done_fn *done, void *ctx)
{
    struct cart *cart = arena_new_struct(arena, struct cart);
    lock(of(store));
    const struct cart_entry *entry = find_cart(of(store), owner);
    if (entry)
        *cart = entry->cart;
    unlock(of(store));
    done(ctx, 0, &(struct error){0}, cart);
}

static void memory_cart_edit(struct order_store *store, const struct cart_change *change,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    struct error error = {0};
    struct cart *cart = arena_new_struct(arena, struct cart);
    lock(of(store));
    int rc = edit_cart(of(store), change, arena, cart, &error);
    unlock(of(store));
    wake(of(store));
    done(ctx, rc, &error, rc < 0 ? NULL : cart);
}

/* With the lock held. */
static void hand_over(struct memory *memory, const struct cart_merge *merge)
{
    for (size_t i = 0; i < merge->order_count; i++) {
        const struct resealed *resealed = &merge->orders[i];
        struct order_record *record = find_order(memory, resealed->order_id);
        if (!record || strcmp(record->owner, merge->guest) != 0)
            continue;
        strcpy(record->owner, merge->user);
        strcpy(record->sealer, merge->user);
        record->sealed = arena_memdup(memory->arena, resealed->sealed, resealed->sealed_length);
        record->sealed_length = resealed->sealed_length;
        for (struct key_entry *key = memory->keys; key; key = key->next) {
            if (strcmp(key->order_id, record->id) == 0)
                strcpy(key->owner, merge->user);
        }
    }
}

static void memory_merge(struct order_store *store, const struct cart_merge *merge,
    struct arena *arena, cart_done_fn *done, void *ctx)
{
    struct memory *memory = of(store);
    struct error error = {0};
    struct cart *cart = arena_new_struct(arena, struct cart);
    struct cart_edit edits[CART_MAX_LINES];
    lock(memory);
    hand_over(memory, merge);
    struct cart_entry *guest = need_cart(memory, merge->guest);
    for (size_t i = 0; i < guest->cart.count; i++) {
        edits[i] = (struct cart_edit){.kind = CART_ADD,
            .quantity = guest->cart.lines[i].quantity,
            .price = guest->cart.lines[i].price};
        memcpy(edits[i].wine_id, guest->cart.lines[i].wine_id, ID_SIZE);
    }
    struct cart_change change = {.owner = merge->user,
        .edits = edits,
        .count = guest->cart.count,
        .now_ms = merge->now_ms,
        .trace = merge->trace};
    int rc = edit_cart(memory, &change, arena, cart, &error);
    if (rc == 0 && guest->cart.version) {
        struct outbox_item item =
            message_merged(arena, merge->guest, merge->user, cart->version, &merge->trace);
        outbox_memory_put(memory->outbox, &item);
        clear_cart(&guest->cart);
    }
    unlock(memory);
    wake(memory);
    done(ctx, rc, &error, rc < 0 ? NULL : cart);
}

/* ---- checkout ---- */

static struct key_entry *find_key(
    struct memory *memory, const char *owner, const char *key, int64_t now_ms)
{
    for (struct key_entry *entry = memory->keys; entry; entry = entry->next) {
        if (strcmp(entry->owner, owner) == 0 && strcmp(entry->key, key) == 0 &&
            entry->created_at >= now_ms - ORDER_KEY_TTL_MS)
            return entry;
    }
    return NULL;
}

static void memory_checkout(struct order_store *store, const char *owner, const char *key,
    int64_t now_ms, struct arena *arena, checkout_done_fn *done, void *ctx)
{
    struct checkout_state state = {.cart = arena_new_struct(arena, struct cart)};
    lock(of(store));
    const struct cart_entry *cart = find_cart(of(store), owner);
    const struct key_entry *used = find_key(of(store), owner, key, now_ms);
    if (cart)
        *state.cart = cart->cart;
    if (used) {
        state.key_used = true;
        state.order_id = arena_strdup(arena, used->order_id);
        state.request_hash = arena_strdup(arena, used->request_hash);
    }
    unlock(of(store));
    done(ctx, 0, &(struct error){0}, &state);
}

/* With the lock held. */
static void insert_order(struct memory *memory, struct order_placement *placement)
{
    struct order_record *record = &placement->record;
    if (memory->count == memory->capacity) {
        memory->capacity = memory->capacity ? memory->capacity * 2 : 64;
        memory->orders = realloc(memory->orders, memory->capacity * sizeof(*memory->orders));
        if (!memory->orders)
            abort();
    }
    record->seq = (int64_t)memory->count + 1;
    copy_record(record, memory->arena, &memory->orders[memory->count++]);
    struct key_entry *key = arena_new_struct(memory->arena, struct key_entry);
    strcpy(key->owner, record->owner);
    key->key = arena_strdup(memory->arena, placement->key);
    key->request_hash = arena_strdup(memory->arena, placement->request_hash);
    key->order_id = arena_strdup(memory->arena, record->id);
    key->created_at = record->placed_at;
    key->next = memory->keys;
    memory->keys = key;
    for (size_t i = 0; i < placement->item_count; i++)
        outbox_memory_put(memory->outbox, &placement->items[i]);
}

static void memory_place(struct order_store *store, struct order_placement *placement,
    struct arena *arena, place_done_fn *done, void *ctx)
{
    (void)arena;
    struct memory *memory = of(store);
    const struct order_record *record = &placement->record;
    enum place_outcome outcome = PLACE_DONE;
    lock(memory);
    struct cart_entry *cart = find_cart(memory, record->owner);
    if (find_key(memory, record->owner, placement->key, record->placed_at))
        outcome = PLACE_KEY_USED;
    else if (!cart || cart->cart.version != placement->cart_version)
        outcome = PLACE_CART_CHANGED;
    if (outcome == PLACE_DONE) {
        insert_order(memory, placement);
        clear_cart(&cart->cart);
    }
    unlock(memory);
    wake(memory);
    done(ctx, 0, &(struct error){0}, outcome);
}

/* ---- orders ---- */

static void memory_get(
    struct order_store *store, const char *id, struct arena *arena, order_done_fn *done, void *ctx)
{
    struct error error = {0};
    struct order_record *record = NULL;
    lock(of(store));
    const struct order_record *found = find_order(of(store), id);
    if (found) {
        record = arena_new_struct(arena, struct order_record);
        copy_record(found, arena, record);
    }
    unlock(of(store));
    int rc = found ? 0 : error_set(&error, ERROR_NOT_FOUND, NULL, NULL, "no such order");
    done(ctx, rc, &error, record);
}

/* With the lock held. */
static void write_outcome(struct memory *memory, struct order_record *record,
    const struct order_transition *transition, const struct transition_outcome *outcome,
    struct arena *arena)
{
    copy_state(&outcome->state, memory->arena, &record->state);
    for (size_t i = 0; i < outcome->item_count; i++)
        outbox_memory_put(memory->outbox, &outcome->items[i]);
    if (!outcome->restore_cart)
        return;
    struct cart after;
    struct cart_edit edits[CART_MAX_LINES];
    struct cart_change change = {.owner = record->owner,
        .edits = edits,
        .count = order_transition_lines(record, arena, edits),
        .now_ms = transition->now_ms,
        .trace = transition->trace};
    edit_cart(memory, &change, arena, &after, NULL);
}

static void memory_transition(struct order_store *store, const struct order_transition *transition,
    struct arena *arena, order_done_fn *done, void *ctx)
{
    struct memory *memory = of(store);
    struct error error = {0};
    struct transition_outcome outcome;
    struct order_record *copy = NULL;
    int rc;
    lock(memory);
    struct order_record *record = find_order(memory, transition->order_id);
    if (!record)
        rc = error_set(&error, ERROR_NOT_FOUND, NULL, NULL, "no such order");
    else
        rc = order_transition_apply(record, transition, arena, &outcome, &error);
    if (rc == 0 && !outcome.replayed)
        write_outcome(memory, record, transition, &outcome, arena);
    if (rc == 0 || rc == ERROR_CONFLICT) {
        copy = arena_new_struct(arena, struct order_record);
        copy_record(record, arena, copy);
    }
    unlock(memory);
    wake(memory);
    done(ctx, rc, &error, copy);
}

/* ---- lists ---- */

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++) {
        if (strncasecmp(text, part, length) == 0)
            return true;
    }
    return false;
}

static bool selected(const struct order_record *record, const struct order_query *query)
{
    if (query->owner)
        return strcmp(record->owner, query->owner) == 0;
    if (query->statuses && !(query->statuses & 1u << record->state.status))
        return false;
    const char *text = query->text;
    int64_t seq;
    if (!text || !*text)
        return true;
    if (id_valid(text))
        return strcmp(record->id, text) == 0;
    if (order_number_parse(text, &seq))
        return record->seq == seq;
    return contains(record->doc, text);
}

static void memory_list(struct order_store *store, const struct order_query *query,
    struct arena *arena, order_page_fn *done, void *ctx)
{
    struct memory *memory = of(store);
    struct order_page page = {0};
    page.records = arena_new_array(arena, query->limit, struct order_record);
    lock(memory);
    for (size_t i = memory->count; i > 0; i--) {
        const struct order_record *record = &memory->orders[i - 1];
        if (!selected(record, query))
            continue;
        page.total++;
        if ((query->before && record->seq >= query->before) || page.next)
            continue;
        if (page.count == query->limit)
            page.next = page.records[page.count - 1].seq;
        else
            copy_record(record, arena, &page.records[page.count++]);
    }
    unlock(memory);
    done(ctx, 0, &(struct error){0}, &page);
}

/* ---- the outbox ---- */

static void memory_source(struct order_store *store, struct relay_source_config *source)
{
    *source = outbox_memory_source(of(store)->outbox, "order");
}

static void memory_on_commit(struct order_store *store, void (*wake_fn)(void *), void *ctx)
{
    of(store)->wake_ctx = ctx;
    of(store)->wake = wake_fn;
}

static void memory_close(struct order_store *store)
{
    struct memory *memory = of(store);
    outbox_memory_free(memory->outbox);
    arena_free(memory->arena);
    pthread_mutex_destroy(&memory->lock);
    free(memory->orders);
    free(memory);
}

static const struct order_store_ops memory_ops = {
    .cart_get = memory_cart_get,
    .cart_edit = memory_cart_edit,
    .merge = memory_merge,
    .checkout = memory_checkout,
    .place = memory_place,
    .get = memory_get,
    .transition = memory_transition,
    .list = memory_list,
    .source = memory_source,
    .on_commit = memory_on_commit,
    .close = memory_close,
};

struct order_store *order_store_memory_new(void)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        abort();
    memory->base.ops = &memory_ops;
    memory->arena = arena_new();
    memory->outbox = outbox_memory_new();
    pthread_mutex_init(&memory->lock, NULL);
    return &memory->base;
}
