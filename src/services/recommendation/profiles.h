/*
 * What is known of each shopper, by pseudonym: the last wines that mattered and how much, what is
 * in the cart, what the last order had, what was disliked. At most so many shoppers: the one not
 * heard of for longest is forgotten first. Any thread.
 *
 * A profile is whole once the shopper's past has been taken into it (profiles_adopt); until then it
 * holds what was heard of since the service started.
 */
#ifndef RECOMMENDATION_PROFILES_H
#define RECOMMENDATION_PROFILES_H

#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_ITEMS 128
#define PROFILE_CART 40
#define PROFILE_ORDER 40
#define PROFILE_DISLIKED 1024

/* How fast a bottle that was ordered is needed again less. */
#define PROFILE_AGAIN_HALF_LIFE_DAYS 180.0

enum profile_sign { PROFILE_VIEWED, PROFILE_CARTED, PROFILE_ORDERED, PROFILE_RATED };

struct profile_item {
    uint32_t wine;
    float weight; /* negative: disliked */
    int64_t at_ms;
    int64_t ordered_ms;     /* the last time; 0: never */
    int64_t carted_ms;      /* put in the cart the last time; 0: never */
    float orders;           /* how many, faded (PROFILE_AGAIN_HALF_LIFE_DAYS) as of `ordered_ms` */
    float stars;            /* 0: not rated */
    enum profile_sign sign; /* the strongest */
};

/* A copy for one reader. */
struct profile {
    struct profile_item items[PROFILE_ITEMS]; /* one per wine, what happened last at the end */
    uint32_t cart[PROFILE_CART], order[PROFILE_ORDER], disliked[PROFILE_DISLIKED];
    size_t item_count, cart_count, order_count, disliked_count;
    bool whole;
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

/* A wine was put in or taken out. Orders and carts come by different shards: what was put in before
 * an order that had it is told late, and is out again. */
void profiles_cart(
    struct profiles *profiles, const char *shopper, uint32_t wine, bool inside, int64_t at_ms);

/* An order; what of it was in the cart by then has left it. The newest is the last one. */
void profiles_order(struct profiles *profiles, const char *shopper, const char *order_id,
    const uint32_t *wines, size_t count, int64_t at_ms);

/* It was rejected or cancelled. */
void profiles_order_undone(struct profiles *profiles, const char *shopper, const char *order_id);

/* The guest is the user: the guest's profile moves. */
void profiles_merge(struct profiles *profiles, const char *user, const char *guest);

void profiles_forget(struct profiles *profiles, const char *shopper);

size_t profiles_count(struct profiles *profiles);

/* ---- the past of one shopper, read while the present goes on ---- */

/* To be read before the past is, and given to profiles_adopt. */
uint64_t profiles_forgotten(struct profiles *profiles);

/* Takes what `past` knows of the shopper (perhaps nothing) below what is known already: of each
 * wine the newer knowledge stays. The profile is whole then. False, and nothing done, if somebody
 * was forgotten or merged since `forgotten` was read: what was read may be theirs. */
bool profiles_adopt(
    struct profiles *profiles, const char *shopper, struct profiles *past, uint64_t forgotten);

#endif
