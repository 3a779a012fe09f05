#include "sealed.h"

#include "arena.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(SEALED_OVERHEAD == 1 + NONCE + TAG, "the sealed layout");
_Static_assert(DATA_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key's size");

void data_key_release(struct data_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

void sealed_seal(const struct data_key *key, const char *context, const void *plain, size_t length,
    unsigned char *sealed)
{
    unsigned char *nonce = sealed + 1;
    sealed[0] = VERSION;
    randombytes_buf(nonce, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL, plain, length,
        (const unsigned char *)context, strlen(context), NULL, nonce, key->bytes);
}

static int invalid(struct error *error)
{
    return error_set(error, ERROR_INVALID, "sealed_invalid", NULL,
        "a sealed value does not open: it was altered, moved, or sealed under another key");
}

int sealed_open(const struct data_key *key, const char *context, const unsigned char *sealed,
    size_t length, void *plain, struct error *error)
{
    if (length < SEALED_OVERHEAD || sealed[0] != VERSION)
        return invalid(error);
    const unsigned char *nonce = sealed + 1;
    size_t cipher_length = length - 1 - NONCE;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + NONCE, cipher_length,
            (const unsigned char *)context, strlen(context), nonce, key->bytes) != 0) {
        memset(plain, 0, cipher_length - TAG);
        return invalid(error);
    }
    return 0;
}

char *sealed_seal_text(
    struct arena *arena, const struct data_key *key, const char *context, const char *text)
{
    if (!text)
        return NULL;
    size_t length = strlen(text);
    size_t sealed_length = length + SEALED_OVERHEAD;
    size_t size = sodium_base64_encoded_len(sealed_length, VARIANT);
    unsigned char *sealed = arena_alloc(arena, sealed_length);
    sealed_seal(key, context, text, length, sealed);
    return sodium_bin2base64(arena_alloc(arena, size), size, sealed, sealed_length, VARIANT);
}

int sealed_open_text(struct arena *arena, const struct data_key *key, const char *context,
    const char *sealed, char **text, struct error *error)
{
    if (!sealed) {
        *text = NULL;
        return 0;
    }
    size_t size = strlen(sealed);
    size_t length;
    const char *end;
    unsigned char *bytes = arena_alloc(arena, size + 1);
    if (sodium_base642bin(bytes, size, sealed, size, NULL, &length, &end, VARIANT) != 0 || *end ||
        length < SEALED_OVERHEAD)
        return invalid(error);
    char *plain = arena_alloc(arena, length - SEALED_OVERHEAD + 1);
    int rc = sealed_open(key, context, bytes, length, plain, error);
    if (rc != 0)
        return rc;
    plain[length - SEALED_OVERHEAD] = '\0';
    *text = plain;
    return 0;
}
