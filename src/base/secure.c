#include "secure.h"

#include "arena.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

void secure_init(void)
{
    if (sodium_init() < 0) {
        fputs("winestore: libsodium does not start\n", stderr);
        abort();
    }
}

void secure_random(void *bytes, size_t length)
{
    randombytes_buf(bytes, length);
}

char *secure_sha256_hex(const void *data, size_t length, char hex[SECURE_SHA256_HEX_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, data, length);
    return sodium_bin2hex(hex, SECURE_SHA256_HEX_SIZE, hash, sizeof(hash));
}

char *secure_hmac_hex(
    const unsigned char key[32], const void *data, size_t length, char hex[SECURE_SHA256_HEX_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256(mac, data, length, key);
    return sodium_bin2hex(hex, SECURE_SHA256_HEX_SIZE, mac, sizeof(mac));
}

bool secure_equal(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && sodium_memcmp(a, b, length) == 0;
}

char *secure_base64(struct arena *arena, const void *data, size_t length)
{
    size_t size = sodium_base64_encoded_len(length, VARIANT);
    return sodium_bin2base64(arena_alloc(arena, size), size, data, length, VARIANT);
}

unsigned char *secure_base64_decode(struct arena *arena, const char *text, size_t *length)
{
    size_t size = strlen(text);
    unsigned char *bytes = arena_alloc(arena, size + 1);
    size_t written;
    const char *end;
    if (sodium_base642bin(bytes, size, text, size, NULL, &written, &end, VARIANT) != 0 || *end)
        return NULL;
    bytes[written] = '\0';
    *length = written;
    return bytes;
}

char *secure_token(char token[SECURE_TOKEN_SIZE])
{
    unsigned char bytes[32];
    randombytes_buf(bytes, sizeof(bytes));
    return sodium_bin2base64(token, SECURE_TOKEN_SIZE, bytes, sizeof(bytes), VARIANT);
}
