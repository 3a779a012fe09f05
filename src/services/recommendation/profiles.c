#include "profiles.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct numbers {
    uint32_t *items;
    uint16_t count, capacity;
};

struct entry {
    char shopper[ID_SIZE];
    char order_id[ID_SIZE];
    struct profile_item *items;
    uint16_t item_count, item_capacity;
    struct numbers cart, order, disliked;
    struct entry *next;          /* of the bucket */
    struct entry *newer, *older; /* by when they were last heard of */
};

struct profiles {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_count, count, max;
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

/* The wine's item, made if there is none: the weakest old one makes room. */
static struct profile_item *item_of(struct entry *entry, uint32_t wine)
{
    for (int i = 0; i < entry->item_count; i++) {
        if (entry->items[i].wine == wine)
            return &entry->items[i];
    }
    struct profile_item *item;
    if (entry->item_count == PROFILE_ITEMS) {
        item = &entry->items[0];
        for (int i = 1; i < entry->item_count; i++) {
            if (entry->items[i].at_ms < item->at_ms)
                item = &entry->items[i];
        }
    } else {
        if (entry->item_count == entry->item_capacity) {
            entry->item_capacity = entry->item_capacity ? entry->item_capacity * 2 : 4;
            entry->items = grown(entry->items, entry->item_capacity, sizeof(*entry->items));
        }
        item = &entry->items[entry->item_count++];
    }
    *item = (struct profile_item){.wine = wine};
    return item;
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
    struct profile_item *item = entry ? item_of(entry, wine) : NULL;
    if (item) {
        /* What somebody rated badly does not become good by being looked at. */
        if (item->weight >= 0)
            item->weight = fminf(most, item->weight + weight);
        if (sign > item->sign)
            item->sign = sign;
        if (at_ms > item->at_ms)
            item->at_ms = at_ms;
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_rate(
    struct profiles *profiles, const char *shopper, uint32_t wine, double stars, int64_t at_ms)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = touch(profiles, shopper);
    if (entry) {
        struct profile_item *item = item_of(entry, wine);
        *item = (struct profile_item){.wine = wine,
            .weight = (float)((stars - 2.5) * 2.4),
            .at_ms = at_ms,
            .sign = PROFILE_RATED};
        if (stars <= 2)
            add_number(&entry->disliked, wine, PROFILE_DISLIKED);
        else
            remove_number(&entry->disliked, wine);
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_cart(struct profiles *profiles, const char *shopper, uint32_t wine, bool inside)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = touch(profiles, shopper);
    if (entry && inside)
        add_number(&entry->cart, wine, PROFILE_CART);
    else if (entry)
        remove_number(&entry->cart, wine);
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_order(struct profiles *profiles, const char *shopper, const char *order_id,
    const uint32_t *wines, size_t count)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = strlen(order_id) < ID_SIZE ? touch(profiles, shopper) : NULL;
    if (entry) {
        strcpy(entry->order_id, order_id);
        entry->order.count = 0;
        for (size_t i = 0; i < count; i++) {
            add_number(&entry->order, wines[i], PROFILE_ORDER);
            remove_number(&entry->cart, wines[i]);
        }
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_order_undone(struct profiles *profiles, const char *shopper, const char *order_id)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = find(profiles, shopper);
    if (entry && strcmp(entry->order_id, order_id) == 0)
        entry->order.count = 0;
    pthread_mutex_unlock(&profiles->lock);
}

static void move_numbers(struct numbers *to, const struct numbers *from, size_t max)
{
    for (int i = 0; i < from->count; i++)
        add_number(to, from->items[i], max);
}

void profiles_merge(struct profiles *profiles, const char *user, const char *guest)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *from = *guest && strcmp(user, guest) != 0 ? find(profiles, guest) : NULL;
    /* The guest is heard of first, so that making room for the user does not drop it. */
    if (from && touch(profiles, guest)) {
        struct entry *to = profiles->max > 1 ? touch(profiles, user) : NULL;
        for (int i = 0; to && i < from->item_count; i++) {
            struct profile_item *item = item_of(to, from->items[i].wine);
            if (item->at_ms <= from->items[i].at_ms)
                *item = from->items[i];
        }
        if (to) {
            move_numbers(&to->cart, &from->cart, PROFILE_CART);
            move_numbers(&to->disliked, &from->disliked, PROFILE_DISLIKED);
        }
        if (to && !to->order.count) {
            move_numbers(&to->order, &from->order, PROFILE_ORDER);
            strcpy(to->order_id, from->order_id);
        }
        drop(profiles, from);
    }
    pthread_mutex_unlock(&profiles->lock);
}

void profiles_forget(struct profiles *profiles, const char *shopper)
{
    pthread_mutex_lock(&profiles->lock);
    struct entry *entry = find(profiles, shopper);
    if (entry)
        drop(profiles, entry);
    pthread_mutex_unlock(&profiles->lock);
}

size_t profiles_count(struct profiles *profiles)
{
    pthread_mutex_lock(&profiles->lock);
    size_t count = profiles->count;
    pthread_mutex_unlock(&profiles->lock);
    return count;
}
