/*
 * The keyring: envelope encryption. It holds master keys that never leave it; each owner of
 * personal data has a data key, stored wrapped by a master key beside the data. Who destroys the
 * wrapped key destroys the data under it wherever it was copied to without the key (queues, other
 * services' files); a backup that holds both keeps both until it expires. Modelled on AWS KMS:
 * generate = GenerateDataKey, unwrap = Decrypt, both with the context as encryption context; mac =
 * GenerateMac.
 *
 * - A wrapped key opens only under the context it was made with ("user:01J...").
 * - A rotation makes a new master key for new wraps; what older ones wrapped still unwraps.
 * - The MAC key is not rotated: e-mail addresses are looked up by it.
 *
 * Any thread. The embedded engines compute in memory and return within microseconds (rotate syncs
 * the disk); an engine across a network would wait for a round trip, so callers keep a shopper's
 * data key for a request rather than unwrapping it per field.
 */
#ifndef PLATFORM_KEYRING_H
#define PLATFORM_KEYRING_H

#include "data_key.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct keyring;

#define KEYRING_CONTEXT_MAX 256 /* bytes of a context; longer ones, and empty ones, are invalid */
#define KEYRING_MAC_SIZE 65     /* 64 hex digits and a NUL */

struct keyring_ops {
    int (*generate)(struct keyring *keyring, const char *context, struct arena *arena,
        struct data_key *key, char **wrapped, struct error *error);
    int (*unwrap)(struct keyring *keyring, const char *context, const char *wrapped,
        struct data_key *key, struct error *error);
    int (*mac)(struct keyring *keyring, const char *purpose, const void *data, size_t length,
        char *hex, struct error *error);
    int (*rotate)(struct keyring *keyring, struct error *error);
    void (*close)(struct keyring *keyring);
};

struct keyring {
    const struct keyring_ops *ops;
};

/* A fresh data key in `*key` (release it) and its wrapped form, base64url text in the arena. */
static inline int keyring_generate(struct keyring *keyring, const char *context,
    struct arena *arena, struct data_key *key, char **wrapped, struct error *error)
{
    return keyring->ops->generate(keyring, context, arena, key, wrapped, error);
}

/* The data key behind `wrapped`. ERROR_INVALID (reason "wrapped_key_invalid") when it was altered
 * or made under another context; ERROR_NOT_FOUND (reason "master_key_missing") when its master key
 * is not in this keyring. */
static inline int keyring_unwrap(struct keyring *keyring, const char *context, const char *wrapped,
    struct data_key *key, struct error *error)
{
    return keyring->ops->unwrap(keyring, context, wrapped, key, error);
}

/* A keyed hash of the data as lower-case hex into `hex` of KEYRING_MAC_SIZE bytes, under a key
 * derived for `purpose` ("email", "identity"): the same data under two purposes has unrelated
 * hashes. Stable over restarts and rotations. */
static inline int keyring_mac(struct keyring *keyring, const char *purpose, const void *data,
    size_t length, char *hex, struct error *error)
{
    return keyring->ops->mac(keyring, purpose, data, length, hex, error);
}

/* From now on a new master key wraps. */
static inline int keyring_rotate(struct keyring *keyring, struct error *error)
{
    return keyring->ops->rotate(keyring, error);
}

static inline void keyring_close(struct keyring *keyring)
{
    if (keyring)
        keyring->ops->close(keyring);
}

/* Random keys that die with the process: for tests. */
struct keyring *keyring_memory_new(void);

/*
 * Master keys in one file of mode 0600, replaced atomically. With `create` a missing file is made;
 * without it, ERROR_NOT_FOUND: a store that has data must not go on with new keys, for the old data
 * would be lost silently. ERROR_UNAUTHORIZED when others may read the file, ERROR_INVALID when it
 * is damaged (it carries a checksum), ERROR_UNAVAILABLE when it cannot be read or written; each
 * message says what to do.
 */
int keyring_file_open(struct keyring **out, const char *path, bool create, struct error *error);

#endif
