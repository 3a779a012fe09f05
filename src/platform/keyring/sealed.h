/*
 * Small fields sealed at rest: XChaCha20-Poly1305 (libsodium's IETF construction,
 * draft-irtf-cfrg-xchacha-03) under a data key. The context ("user.address:01J...:line1": table,
 * row, column) is authenticated and not stored, so that a sealed value moved to another row or
 * column does not open. Pure functions; any thread; call secure_init first.
 *
 *     sealed = version byte 1 | nonce (24 random bytes) | ciphertext | tag (16)
 */
#ifndef PLATFORM_SEALED_H
#define PLATFORM_SEALED_H

#include "data_key.h"
#include "error.h"

#include <stddef.h>

struct arena;

#define SEALED_OVERHEAD (1 + 24 + 16)

/* Writes `length + SEALED_OVERHEAD` bytes to `sealed`, which may not overlap `plain`. */
void sealed_seal(const struct data_key *key, const char *context, const void *plain, size_t length,
    unsigned char *sealed);

/* Writes `length - SEALED_OVERHEAD` bytes to `plain` (room for them is the caller's). ERROR_INVALID
 * with reason "sealed_invalid" when key, context or bytes are not those of the sealing; `plain` is
 * then zeroed. */
int sealed_open(const struct data_key *key, const char *context, const unsigned char *sealed,
    size_t length, void *plain, struct error *error);

/* The same for texts: base64url without padding, in the arena. A NULL text stays NULL. */
char *sealed_seal_text(
    struct arena *arena, const struct data_key *key, const char *context, const char *text);
int sealed_open_text(struct arena *arena, const struct data_key *key, const char *context,
    const char *sealed, char **text, struct error *error);

#endif
