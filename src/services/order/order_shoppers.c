#include "order_shoppers.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "json.h"
#include "keyring.h"
#include "sealed.h"
#include "upstream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A direct-mapped table: a shopper who meets another in its place is asked for again, no more. */
#define SLOTS 4096
#define EMAIL_SIZE 256
#define KEY_SIZE 256

struct slot {
    char owner[OWNER_SIZE];
    int64_t until_ms; /* monotonic */
    char birth_date[11];
    char email[EMAIL_SIZE];
    char data_key[KEY_SIZE];
};

struct shoppers {
    struct upstream *user;
    struct keyring *keyring;
    pthread_mutex_t lock;
    struct slot *slots[SLOTS];
};

struct asking {
    struct shoppers *shoppers;
    char owner[OWNER_SIZE];
    struct arena *arena;
    shopper_done_fn *done;
    void *ctx;
};

struct shoppers *shoppers_new(struct upstream *user, struct keyring *keyring)
{
    struct shoppers *shoppers = calloc(1, sizeof(*shoppers));
    if (!shoppers)
        abort();
    shoppers->user = user;
    shoppers->keyring = keyring;
    pthread_mutex_init(&shoppers->lock, NULL);
    return shoppers;
}

void shoppers_free(struct shoppers *shoppers)
{
    if (!shoppers)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        if (shoppers->slots[i])
            explicit_bzero(shoppers->slots[i], sizeof(*shoppers->slots[i]));
        free(shoppers->slots[i]);
    }
    pthread_mutex_destroy(&shoppers->lock);
    free(shoppers);
}

/* FNV-1a. */
static struct slot **slot_of(struct shoppers *shoppers, const char *owner)
{
    unsigned hash = 2166136261u;
    for (; *owner; owner++)
        hash = (hash ^ (unsigned char)*owner) * 16777619u;
    return &shoppers->slots[hash % SLOTS];
}

static const struct shopper *recall(
    struct shoppers *shoppers, const char *owner, struct arena *arena)
{
    struct shopper *found = NULL;
    pthread_mutex_lock(&shoppers->lock);
    const struct slot *slot = *slot_of(shoppers, owner);
    if (slot && slot->until_ms > clock_monotonic_ms() && strcmp(slot->owner, owner) == 0) {
        found = arena_new_struct(arena, struct shopper);
        found->email = arena_strdup(arena, slot->email);
        found->birth_date = arena_strdup(arena, slot->birth_date);
        found->data_key = arena_strdup(arena, slot->data_key);
    }
    pthread_mutex_unlock(&shoppers->lock);
    return found;
}

static void keep(struct shoppers *shoppers, const char *owner, const struct shopper *shopper)
{
    if (strlen(shopper->email) >= EMAIL_SIZE || strlen(shopper->data_key) >= KEY_SIZE ||
        strlen(shopper->birth_date) > 10)
        return;
    pthread_mutex_lock(&shoppers->lock);
    struct slot **slot = slot_of(shoppers, owner);
    if (!*slot && !(*slot = malloc(sizeof(**slot))))
        abort();
    explicit_bzero(*slot, sizeof(**slot));
    strcpy((*slot)->owner, owner);
    strcpy((*slot)->email, shopper->email);
    strcpy((*slot)->birth_date, shopper->birth_date);
    strcpy((*slot)->data_key, shopper->data_key);
    (*slot)->until_ms = clock_monotonic_ms() + SHOPPERS_TTL_MS;
    pthread_mutex_unlock(&shoppers->lock);
}

static void answered(void *ctx, int status, const char *body, size_t length)
{
    struct asking *asking = ctx;
    struct error error = {0};
    CLEANUP_JSON json_t *answer = NULL;
    int rc = 0;
    if (status >= 500 || status == 429)
        rc = error_set(&error, ERROR_UNAVAILABLE, NULL, NULL,
            "the accounts do not answer; try again in a moment");
    else if (status != 200)
        rc = upstream_error(status, body, length, &error);
    else if (json_read_object(body, length, &answer, NULL) < 0)
        rc = error_set(&error, ERROR_INTERNAL, NULL, NULL, "the user service's answer is no JSON");
    if (rc < 0) {
        asking->done(asking->ctx, rc, &error, NULL);
        return;
    }
    struct arena *arena = asking->arena;
    struct shopper *shopper = arena_new_struct(arena, struct shopper);
    shopper->email = arena_strdup(arena, json_text_or(answer, "email", ""));
    shopper->birth_date = arena_strdup(arena, json_text_or(answer, "birth_date", ""));
    shopper->data_key = arena_strdup(arena, json_text_or(answer, "data_key", ""));
    keep(asking->shoppers, asking->owner, shopper);
    asking->done(asking->ctx, 0, &error, shopper);
}

static void ask(struct shoppers *shoppers, const char *owner, enum http_method method,
    const char *body, size_t length, const struct trace *trace, struct arena *arena,
    shopper_done_fn *done, void *ctx)
{
    struct asking *asking = arena_new_struct(arena, struct asking);
    *asking = (struct asking){.shoppers = shoppers, .arena = arena, .done = done, .ctx = ctx};
    strcpy(asking->owner, owner);
    char path[64];
    snprintf(path, sizeof(path), "/internal/%s/%s", *owner == 'u' ? "users" : "guests", owner + 1);
    upstream_call(shoppers->user, &(struct upstream_call){.method = method,
                                      .path = path,
                                      .body = body,
                                      .body_length = length,
                                      .trace = trace,
                                      .done = answered,
                                      .ctx = asking});
}

void shoppers_get(struct shoppers *shoppers, const char *owner, const struct trace *trace,
    struct arena *arena, shopper_done_fn *done, void *ctx)
{
    const struct shopper *known = recall(shoppers, owner, arena);
    if (known) {
        done(ctx, 0, &(struct error){0}, known);
        return;
    }
    ask(shoppers, owner, HTTP_GET, NULL, 0, trace, arena, done, ctx);
}

void shoppers_put_guest(struct shoppers *shoppers, const char *owner, const char *email,
    const char *name, const char *birth_date, const struct trace *trace, struct arena *arena,
    shopper_done_fn *done, void *ctx)
{
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"email\":");
    buffer_append_json(&body, email);
    buffer_append_text(&body, ",\"name\":");
    buffer_append_json(&body, name);
    buffer_append_text(&body, ",\"birth_date\":");
    buffer_append_json(&body, birth_date);
    buffer_append_char(&body, '}');
    ask(shoppers, owner, HTTP_PUT, body.data, body.length, trace, arena, done, ctx);
}

/* ---- sealing ---- */

static int open_key(struct shoppers *shoppers, const char *owner, const struct shopper *shopper,
    struct data_key *key, struct error *error)
{
    char context[40];
    snprintf(context, sizeof(context), "%s:%s", *owner == 'u' ? "user" : "guest", owner + 1);
    struct error cause = {0};
    if (keyring_unwrap(shoppers->keyring, context, shopper->data_key, key, &cause) < 0)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "a data key of %s does not open: %s",
            context, cause.message);
    return 0;
}

static void address_context(char context[64], const char *order_id)
{
    snprintf(context, 64, "order.address:%s", order_id);
}

int shopper_seal(struct shoppers *shoppers, const char *owner, const struct shopper *shopper,
    const char *order_id, const char *address, struct arena *arena, const void **sealed,
    size_t *length, struct error *error)
{
    CLEANUP_DATA_KEY struct data_key key;
    int rc = open_key(shoppers, owner, shopper, &key, error);
    if (rc < 0)
        return rc;
    char context[64];
    address_context(context, order_id);
    size_t plain = strlen(address);
    unsigned char *out = arena_alloc(arena, plain + SEALED_OVERHEAD);
    sealed_seal(&key, context, address, plain, out);
    *sealed = out;
    *length = plain + SEALED_OVERHEAD;
    return 0;
}

int shopper_open(struct shoppers *shoppers, const char *owner, const struct shopper *shopper,
    const char *order_id, const void *sealed, size_t length, struct arena *arena,
    const char **address, struct error *error)
{
    if (length < SEALED_OVERHEAD)
        return error_set(
            error, ERROR_INTERNAL, NULL, NULL, "the address of order %s is cut", order_id);
    CLEANUP_DATA_KEY struct data_key key;
    int rc = open_key(shoppers, owner, shopper, &key, error);
    if (rc < 0)
        return rc;
    char context[64];
    address_context(context, order_id);
    char *text = arena_zalloc(arena, length - SEALED_OVERHEAD + 1);
    if (sealed_open(&key, context, sealed, length, text, error) < 0)
        return error_set(
            error, ERROR_INTERNAL, NULL, NULL, "the address of order %s does not open", order_id);
    *address = text;
    return 0;
}
