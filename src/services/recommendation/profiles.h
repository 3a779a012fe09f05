/*
 * What is known of each shopper, by pseudonym: the last wines that mattered and how much, what is
 * in the cart, what the last order had, what was disliked. At most so many shoppers: the one not
 * heard of for longest is forgotten first. Any thread.
 */
#ifndef RECOMMENDATION_PROFILES_H
#define RECOMMENDATION_PROFILES_H

#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_ITEMS 50
#define PROFILE_CART 40
#define PROFILE_ORDER 40
#define PROFILE_DISLIKED 64

enum profile_sign { PROFILE_VIEWED, PROFILE_CARTED, PROFILE_ORDERED, PROFILE_RATED };

struct profile_item {
    uint32_t wine;
    float weight; /* negative: disliked */
    int64_t at_ms;
    enum profile_sign sign; /* the strongest */
};

/* A copy for one reader. */
struct profile {
    struct profile_item items[PROFILE_ITEMS]; /* one per wine, no order */
    uint32_t cart[PROFILE_CART], order[PROFILE_ORDER], disliked[PROFILE_DISLIKED];
    size_t item_count, cart_count, order_count, disliked_count;
};

struct profiles;

struct profiles *profiles_new(size_t max);
void profiles_free(struct profiles *profiles);

/* False (and `*profile` empty) when nothing is known. */
bool profiles_get(struct profiles *profiles, const char *shopper, struct profile *profile);

/* A wine mattered; what is already known of it and the new weight add up, to a bound. Pseudonyms
 * that are "" or too long are ignored, here and below. */
void profiles_see(struct profiles *profiles, const char *shopper, uint32_t wine,
    enum profile_sign sign, float weight, int64_t at_ms);

/* 1 to 5 stars: replaces what was known of the wine. */
void profiles_rate(
    struct profiles *profiles, const char *shopper, uint32_t wine, double stars, int64_t at_ms);

void profiles_cart(struct profiles *profiles, const char *shopper, uint32_t wine, bool inside);

/* The last order; its wines leave the cart. */
void profiles_order(struct profiles *profiles, const char *shopper, const char *order_id,
    const uint32_t *wines, size_t count);

/* It was rejected or cancelled. */
void profiles_order_undone(struct profiles *profiles, const char *shopper, const char *order_id);

/* The guest is the user: the guest's profile moves. */
void profiles_merge(struct profiles *profiles, const char *user, const char *guest);

void profiles_forget(struct profiles *profiles, const char *shopper);

size_t profiles_count(struct profiles *profiles);

#endif
