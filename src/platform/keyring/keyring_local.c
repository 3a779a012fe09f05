#include "keyring_local.h"

#include "arena.h"
#include "clock.h"
#include "secure.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define WRAPPED_BYTES (1 + MASTER_ID_BYTES + NONCE + DATA_KEY_BYTES + TAG)
#define WRAPPED_TEXT sodium_base64_ENCODED_LEN(WRAPPED_BYTES, VARIANT)

void keyring_local_init(struct keyring_local *local, const struct keyring_ops *ops)
{
    local->base.ops = ops;
    local->masters = NULL;
    local->count = 0;
    pthread_rwlock_init(&local->lock, NULL);
}

void keyring_local_release(struct keyring_local *local)
{
    pthread_rwlock_destroy(&local->lock);
    if (local->masters)
        sodium_memzero(local->masters, local->count * sizeof(*local->masters));
    free(local->masters);
    sodium_memzero(local->mac_root, sizeof(local->mac_root));
}

struct master_key master_key_new(void)
{
    struct master_key master = {.created_ms = clock_now_ms()};
    secure_random(master.id, sizeof(master.id));
    secure_random(master.bytes, sizeof(master.bytes));
    return master;
}

void keyring_local_add(struct keyring_local *local, const struct master_key *master)
{
    pthread_rwlock_wrlock(&local->lock);
    /* Not realloc, which could leave a copy of the keys behind in freed memory. */
    struct master_key *grown = calloc(local->count + 1, sizeof(*grown));
    if (!grown)
        abort();
    if (local->count) {
        memcpy(grown, local->masters, local->count * sizeof(*grown));
        sodium_memzero(local->masters, local->count * sizeof(*grown));
    }
    grown[local->count] = *master;
    free(local->masters);
    local->masters = grown;
    local->count++;
    pthread_rwlock_unlock(&local->lock);
}

static int check_context(const char *context, struct error *error)
{
    size_t length = strlen(context);
    if (length == 0 || length > KEYRING_CONTEXT_MAX)
        return error_set(error, ERROR_INVALID, NULL, "context",
            "a key's context has 1 to %d bytes, not %zu", KEYRING_CONTEXT_MAX, length);
    return 0;
}

int keyring_local_generate(struct keyring *keyring, const char *context, struct arena *arena,
    struct data_key *key, char **wrapped, struct error *error)
{
    struct keyring_local *local = (struct keyring_local *)keyring;
    int rc = check_context(context, error);
    if (rc != 0)
        return rc;

    unsigned char bytes[WRAPPED_BYTES];
    unsigned char *id = bytes + 1, *nonce = id + MASTER_ID_BYTES;
    bytes[0] = VERSION;
    secure_random(nonce, NONCE);
    secure_random(key->bytes, sizeof(key->bytes));

    pthread_rwlock_rdlock(&local->lock);
    const struct master_key *master = &local->masters[local->count - 1];
    memcpy(id, master->id, MASTER_ID_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL, key->bytes, sizeof(key->bytes),
        (const unsigned char *)context, strlen(context), NULL, nonce, master->bytes);
    pthread_rwlock_unlock(&local->lock);

    *wrapped = sodium_bin2base64(
        arena_alloc(arena, WRAPPED_TEXT), WRAPPED_TEXT, bytes, sizeof(bytes), VARIANT);
    return 0;
}

/* From the newest: that one wrapped most of what is still in use. The caller holds the lock. */
static const struct master_key *find_master(
    const struct keyring_local *local, const unsigned char *id)
{
    for (size_t i = local->count; i > 0; i--)
        if (memcmp(local->masters[i - 1].id, id, MASTER_ID_BYTES) == 0)
            return &local->masters[i - 1];
    return NULL;
}

static int invalid(struct error *error)
{
    return error_set(error, ERROR_INVALID, "wrapped_key_invalid", NULL,
        "a wrapped key does not open: it was altered or belongs to another owner");
}

int keyring_local_unwrap(struct keyring *keyring, const char *context, const char *wrapped,
    struct data_key *key, struct error *error)
{
    struct keyring_local *local = (struct keyring_local *)keyring;
    int rc = check_context(context, error);
    if (rc != 0)
        return rc;

    unsigned char bytes[WRAPPED_BYTES];
    size_t length;
    const char *end;
    if (sodium_base642bin(
            bytes, sizeof(bytes), wrapped, strlen(wrapped), NULL, &length, &end, VARIANT) != 0 ||
        *end || length != sizeof(bytes) || bytes[0] != VERSION)
        return invalid(error);
    const unsigned char *id = bytes + 1, *nonce = id + MASTER_ID_BYTES;

    struct data_key plain;
    pthread_rwlock_rdlock(&local->lock);
    const struct master_key *master = find_master(local, id);
    int opened = master ? crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes, NULL, NULL,
                              nonce + NONCE, sizeof(plain.bytes) + TAG,
                              (const unsigned char *)context, strlen(context), nonce, master->bytes)
                        : -1;
    pthread_rwlock_unlock(&local->lock);
    if (!master) {
        char text[MASTER_ID_BYTES * 2 + 1];
        sodium_bin2hex(text, sizeof(text), id, MASTER_ID_BYTES);
        return error_set(error, ERROR_NOT_FOUND, "master_key_missing", NULL,
            "master key %s is not in this keyring: restore the key file that belongs to the data",
            text);
    }
    if (opened != 0)
        return invalid(error);
    *key = plain;
    data_key_release(&plain);
    return 0;
}

int keyring_local_mac(struct keyring *keyring, const char *purpose, const void *data, size_t length,
    char *hex, struct error *error)
{
    struct keyring_local *local = (struct keyring_local *)keyring;
    if (!*purpose)
        return error_set(error, ERROR_INVALID, NULL, "purpose", "a MAC needs a purpose");
    unsigned char derived[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256(
        derived, (const unsigned char *)purpose, strlen(purpose), local->mac_root);
    secure_hmac_hex(derived, data, length, hex);
    sodium_memzero(derived, sizeof(derived));
    return 0;
}
