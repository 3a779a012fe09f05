#include "profiles.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000.0

struct numbers {
    uint32_t *items;
    uint16_t count, capacity;
};

struct entry {
    char shopper[ID_SIZE];
    char order_id[ID_SIZE];
    int64_t order_ms; /* of the last order */
    struct profile_item *items;
    uint16_t item_count, item_capacity;
    struct numbers cart, order, disliked;
    bool whole;
    struct entry *next;          /* of the bucket */
    struct entry *newer, *older; /* by when they were last heard of */
};

struct profiles {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_count, count, max;
    uint64_t forgotten; /* how often a shopper was forgotten or merged */
    struct entry *newest, *oldest;
};

static void *grown(void *memory, size_t count, size_t size)
{
    void *larger = reallocarray(memory, count, size);
    if (!larger)
        abort();
    return larger;
}

/* ---- lists of wines ---- */

static int find_number(const struct numbers *numbers, uint32_t wine)
{
    for (int i = 0; i < numbers->count; i++) {
        if (numbers->items[i] == wine)
            return i;
    }
    return -1;
}

static void remove_number(struct numbers *numbers, uint32_t wine)
{
    int i = find_number(numbers, wine);
    if (i < 0)
        return;
    numbers->count--;
    memmove(numbers->items + i, numbers->items + i + 1,
        (size_t)(numbers->count - i) * sizeof(*numbers->items));
}

/* At the end; over `max` the oldest goes. */
static void add_number(struct numbers *numbers, uint32_t wine, size_t max)
{
    remove_number(numbers, wine);
    if (numbers->count == max)
        remove_number(numbers, numbers->items[0]);
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity ? numbers->capacity * 2 : 4;
        numbers->items = grown(numbers->items, numbers->capacity, sizeof(*numbers->items));
    }
    numbers->items[numbers->count++] = wine;
}

/* ---- shoppers ---- */

static struct entry **bucket_of(const struct profiles *profiles, const char *shopper)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)shopper; *c; c++)
        hash = (hash ^ *c) * 0x100000001b3u;
    return &profiles->buckets[(hash ^ hash >> 32) & (profiles->bucket_count - 1)];
}

static struct entry *find(const struct profiles *profiles, const char *shopper)
{
    struct entry *entry = *bucket_of(profiles, shopper);
    while (entry && strcmp(entry->shopper, shopper) != 0)
        entry = entry->next;
    return entry;
}

static void unlink_age(struct profiles *profiles, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &profiles->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &profiles->oldest) = entry->newer;
}

static void link_newest(struct profiles *profiles, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = profiles->newest;
    *(profiles->newest ? &profiles->newest->newer : &profiles->oldest) = entry;
    profiles->newest = entry;
}

static void drop(struct profiles *profiles, struct entry *entry)
{
    struct entry **at = bucket_of(profiles, entry->shopper);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    unlink_age(profiles, entry);
    profiles->count--;
    free(entry->items);
    free(entry->cart.items);
    free(entry->order.items);
    free(entry->disliked.items);
    free(entry);
}

/* The shopper's entry, made if there is none, now the newest; NULL for nobody. */
static struct entry *touch(struct profiles *profiles, const char *shopper)
{
    if (!*shopper || strlen(shopper) >= ID_SIZE)
        return NULL;
    struct entry *entry = find(profiles, shopper);
    if (entry) {
        unlink_age(profiles, entry);
        link_newest(profiles, entry);
        return entry;
    }
    if (profiles->count == profiles->max)
        drop(profiles, profiles->oldest);
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    strcpy(entry->shopper, shopper);
    struct entry **bucket = bucket_of(profiles, shopper);
    entry->next = *bucket;
    *bucket = entry;
    link_newest(profiles, entry);
    profiles->count++;
    return entry;
}

/* The wine's item, moved to its place by time or made there: the one that is longest ago makes
 * room. NULL when all that is known is newer and there is no room. */
static struct profile_item *item_of(struct entry *entry, uint32_t wine, int64_t at_ms)
{
    struct profile_item item = {.wine = wine, .at_ms = at_ms};
    size_t from = 0, to;
    while (from < entry->item_count && entry->items[from].wine != wine)
        from++;
    if (from < entry->item_count) {
        item = entry->items[from];
        if (at_ms > item.at_ms)
            item.at_ms = at_ms;
    } else if (entry->item_count == PROFILE_ITEMS) {
        if (at_ms < entry->items[0].at_ms)
            return NULL;
        from = 0;
    } else {
        if (entry->item_count == entry->item_capacity) {
            entry->item_capacity = entry->item_capacity ? entry->item_capacity * 2 : 4;
            entry->items = grown(entry->items, entry->item_capacity, sizeof(*entry->items));
        }
        from = entry->item_count++;
    }
    to = entry->item_count - 1;
    memmove(entry->items + from, entry->items + from + 1, (to - from) * sizeof(item));
    for (; to > 0 && entry->items[to - 1].at_ms > item.at_ms; to--)
        entry->items[to] = entry->items[to - 1];
    entry->items[to] = item;
    return &entry->items[to];
}

/* ---- the interface ---- */

struct profiles *profiles_new(size_t max)
{
    struct profiles *profiles = calloc(1, sizeof(*profiles));
    if (!profiles)
        abort();
    profiles->max = max;
    profiles->bucket_count = 64;
    while (profiles->bucket_count < max)
        profiles->bucket_count *= 2;
    profiles->buckets = calloc(profiles->bucket_count, sizeof(*profiles->buckets));
    if (!profiles->buckets)
        abort();
    pthread_mutex_init(&profiles->lock, NULL);
    return profiles;
}

void profiles_free(struct profiles *profiles)
{
    if (!profiles)
        return;
    while (profiles->newest)
        drop(profiles, profiles->newest);
    free(profiles->buckets);
    pthread_mutex_destroy(&profiles->lock);
    free(profiles);
}

static size_t copy_numbers(uint32_t *to, const struct numbers *from)
{
    if (from->count)
        memcpy(to, from->items, from->count * sizeof(*to));
    return from->count;
}

bool profiles_get(struct profiles *profiles, const char *shopper, struct profile *profile)
{
    profile->item_count = profile->cart_count = profile->order_count = profile->disliked_count = 0;
    profile->whole = false;
    if (!*shopper)
        return false;
    pthread_mutex_lock(&profiles->lock);
    const struct entry *entry = find(profiles, shopper);
    if (entry) {
        profile->item_count = entry->item_count;
        if (entry->item_count)
            memcpy(profile->items, entry->items, entry->item_count * sizeof(*entry->items));
        profile->cart_count = copy_numbers(profile->cart, &entry->cart);
        profile->order_count = copy_numbers(profile->order, &entry->order);
        profile->disliked_count = copy_numbers(profile->disliked, &entry->disliked);
        profile->whole = entry->whole;
    }
    pthread_mutex_unlock(&profiles->lock);
    return entry != NULL;
}

void profiles_see(struct profiles *profiles, const char *shopper, uint32_t wine,
    enum profile_sign sign, float weight, int64_t at_ms)
{
    static const float most = 8;
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = touch(profiles, shopper);
    struct profile_item *item = entry ? item_of(entry, wine, at_ms) : NULL;
    if (item) {
        /* What somebody rated badly does not become good by being looked at. */
        if (item->weight >= 0)
            item->weight = fminf(most, item->weight + weight);
        if (sign > item->sign)
            item->sign = sign;
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_rate(
    struct profiles *profiles, const char *shopper, uint32_t wine, double stars, int64_t at_ms)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = touch(profiles, shopper);
    if (entry) {
        struct profile_item *item = item_of(entry, wine, at_ms);
        if (item) {
            item->weight = (float)((stars - 2.5) * 2.4);
            item->stars = (float)stars;
            item->sign = PROFILE_RATED;
        }
        if (stars <= 2)
            add_number(&entry->disliked, wine, PROFILE_DISLIKED);
        else
            remove_number(&entry->disliked, wine);
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_cart(
    struct profiles *profiles, const char *shopper, uint32_t wine, bool inside, int64_t at_ms)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = touch(profiles, shopper);
    struct profile_item *item = entry && inside ? item_of(entry, wine, at_ms) : NULL;
    if (entry && !inside)
        remove_number(&entry->cart, wine);
    if (entry && inside && (!item || item->ordered_ms < at_ms))
        add_number(&entry->cart, wine, PROFILE_CART);
    if (item && at_ms > item->carted_ms)
        item->carted_ms = at_ms;
    pthread_mutex_unlock(&profiles->lock);
}

static double faded(double orders, int64_t ms)
{
    return orders * exp2(-fmax(0, (double)ms) / (PROFILE_AGAIN_HALF_LIFE_DAYS * DAY_MS));
}

static void count_order(struct entry *entry, uint32_t wine, int64_t at_ms)
{
    struct profile_item *item = item_of(entry, wine, at_ms);
    if (!item || item->carted_ms <= at_ms)
        remove_number(&entry->cart, wine);
    if (!item)
        return;
    if (at_ms >= item->ordered_ms) {
        item->orders = (float)faded((double)item->orders, at_ms - item->ordered_ms) + 1;
        item->ordered_ms = at_ms;
    } else {
        item->orders += (float)faded(1, item->ordered_ms - at_ms);
    }
}

void profiles_order(struct profiles *profiles, const char *shopper, const char *order_id,
    const uint32_t *wines, size_t count, int64_t at_ms)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = strlen(order_id) < ID_SIZE ? touch(profiles, shopper) : NULL;
    bool last = entry && at_ms >= entry->order_ms;
    if (last) {
        strcpy(entry->order_id, order_id);
        entry->order_ms = at_ms;
        entry->order.count = 0;
    }
    for (size_t i = 0; entry && i < count; i++) {
        count_order(entry, wines[i], at_ms);
        if (last)
            add_number(&entry->order, wines[i], PROFILE_ORDER);
    }
    pthread_mutex_unlock(&profiles->lock);
}

/* What was never delivered is not wanted again. */
static void uncount_order(struct entry *entry, uint32_t wine)
{
    for (int i = 0; i < entry->item_count; i++) {
        struct profile_item *item = &entry->items[i];
        if (item->wine != wine)
            continue;
        item->orders = fmaxf(0, item->orders - 1);
        if (item->orders < 0.001f)
            item->ordered_ms = 0;
    }
}

void profiles_order_undone(struct profiles *profiles, const char *shopper, const char *order_id)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = find(profiles, shopper);
    if (entry && strcmp(entry->order_id, order_id) == 0) {
        for (int i = 0; i < entry->order.count; i++)
            uncount_order(entry, entry->order.items[i]);
        entry->order.count = 0;
    }
    pthread_mutex_unlock(&profiles->lock);
}

static void move_numbers(struct numbers *to, const struct numbers *from, size_t max)
{
    for (int i = 0; i < from->count; i++)
        add_number(to, from->items[i], max);
}

/* A rating says more than whatever else was done; of two ratings the later one counts. */
static void join_item(struct profile_item *item, const struct profile_item *theirs, bool later)
{
    if (theirs->stars > 0 && (later || item->stars == 0)) {
        item->weight = theirs->weight;
        item->stars = theirs->stars;
        item->sign = PROFILE_RATED;
    } else if (item->stars == 0) {
        item->weight = fmaxf(item->weight, theirs->weight);
        item->sign = theirs->sign > item->sign ? theirs->sign : item->sign;
    }
    if (theirs->orders > item->orders) {
        item->orders = theirs->orders;
        item->ordered_ms = theirs->ordered_ms;
    }
    if (theirs->carted_ms > item->carted_ms)
        item->carted_ms = theirs->carted_ms;
}

static void take_items(struct entry *to, const struct entry *from)
{
    for (int i = 0; i < from->item_count; i++) {
        const struct profile_item *theirs = &from->items[i];
        struct profile_item *item = item_of(to, theirs->wine, theirs->at_ms);
        if (item)
            join_item(item, theirs, /* later= */ item->at_ms == theirs->at_ms);
    }
}

/* A wine that was rated again since is not disliked any more. */
static bool is_liked_now(const struct entry *entry, uint32_t wine)
{
    for (int i = 0; i < entry->item_count; i++) {
        if (entry->items[i].wine == wine)
            return entry->items[i].stars > 2;
    }
    return false;
}

/* `past`: read from what may not know of the last order yet. */
static void take(struct entry *to, const struct entry *from, bool past)
{
    take_items(to, from);
    for (int i = 0; i < from->cart.count; i++) {
        if (!past || find_number(&to->order, from->cart.items[i]) < 0)
            add_number(&to->cart, from->cart.items[i], PROFILE_CART);
    }
    for (int i = 0; i < from->disliked.count; i++) {
        if (!is_liked_now(to, from->disliked.items[i]))
            add_number(&to->disliked, from->disliked.items[i], PROFILE_DISLIKED);
    }
    if (!to->order.count) {
        move_numbers(&to->order, &from->order, PROFILE_ORDER);
        strcpy(to->order_id, from->order_id);
        to->order_ms = from->order_ms;
    }
}

void profiles_merge(struct profiles *profiles, const char *user, const char *guest)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *from = *guest && strcmp(user, guest) != 0 ? find(profiles, guest) : NULL;
    profiles->forgotten++;
    /* The guest is heard of first, so that making room for the user does not drop it. */
    if (from && touch(profiles, guest)) {
        struct entry *to = profiles->max > 1 ? touch(profiles, user) : NULL;
        if (to) {
            take(to, from, /* past= */ false);
            to->whole = to->whole && from->whole;
        }
        drop(profiles, from);
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_forget(struct profiles *profiles, const char *shopper)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = find(profiles, shopper);
    profiles->forgotten++;
    if (entry)
        drop(profiles, entry);
    pthread_mutex_unlock(&profiles->lock);
}

uint64_t profiles_forgotten(struct profiles *profiles)
{
    pthread_mutex_lock(&profiles->lock);
    uint64_t forgotten = profiles->forgotten;
    pthread_mutex_unlock(&profiles->lock);
    return forgotten;
}

bool profiles_adopt(
    struct profiles *profiles, const char *shopper, struct profiles *past, uint64_t forgotten)
{
    pthread_mutex_lock(&profiles->lock);
    bool adopted = profiles->forgotten == forgotten;
    struct entry *to = adopted ? touch(profiles, shopper) : NULL;
    /* Nobody else knows `past`: its lock is not needed. */
    const struct entry *from = to ? find(past, shopper) : NULL;
    if (to)
        to->whole = true;
    if (from)
        take(to, from, /* past= */ true);
    pthread_mutex_unlock(&profiles->lock);
    return adopted;
}

size_t profiles_count(struct profiles *profiles)
{
    pthread_mutex_lock(&profiles->lock);
    size_t count = profiles->count;
    pthread_mutex_unlock(&profiles->lock);
    return count;
}
