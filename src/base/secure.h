/* Hashes, encodings and random bytes, over libsodium. `secure_init` first, once per process. */
#ifndef BASE_SECURE_H
#define BASE_SECURE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define SECURE_SHA256_HEX_SIZE 65

void secure_init(void);

void secure_random(void *bytes, size_t length);

/* SHA-256 (FIPS 180-4) as lower-case hex with its NUL. Returns `hex`. */
char *secure_sha256_hex(const void *data, size_t length, char hex[SECURE_SHA256_HEX_SIZE]);

/* HMAC-SHA-256 (RFC 2104) under a key of 32 bytes, as hex. Returns `hex`. */
char *secure_hmac_hex(
    const unsigned char key[32], const void *data, size_t length, char hex[SECURE_SHA256_HEX_SIZE]);

/* Compares in time that depends on the lengths alone. */
bool secure_equal(const char *a, const char *b);

/* base64url without padding (RFC 4648, section 5). */
char *secure_base64(struct arena *arena, const void *data, size_t length);

/* NULL if the text is not base64url. The bytes are NUL-terminated for convenience. */
unsigned char *secure_base64_decode(struct arena *arena, const char *text, size_t *length);

/* A random token of 32 bytes as base64url: 43 characters and a NUL. Returns `token`. */
#define SECURE_TOKEN_SIZE 44
char *secure_token(char token[SECURE_TOKEN_SIZE]);

#endif
