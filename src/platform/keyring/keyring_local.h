/*
 * Inside this folder only: master keys held in this process, which the memory and the file engine
 * share. A wrapped key is
 *
 *     version byte 1 | master key id (8) | nonce (24) | encrypted data key (32) | tag (16)
 *
 * as base64url, the context being authenticated. Master keys are appended and never removed.
 */
#ifndef PLATFORM_KEYRING_LOCAL_H
#define PLATFORM_KEYRING_LOCAL_H

#include "keyring.h"

#include <pthread.h>
#include <stdint.h>

#define MASTER_ID_BYTES 8
#define MASTER_MAX 4096

struct master_key {
    unsigned char id[MASTER_ID_BYTES];
    unsigned char bytes[32];
    int64_t created_ms;
};

struct keyring_local {
    struct keyring base;
    pthread_rwlock_t lock; /* guards `masters` and `count` */
    struct master_key *masters;
    size_t count;
    unsigned char mac_root[32];
};

/* Sets the lock up; no keys yet. */
void keyring_local_init(struct keyring_local *local, const struct keyring_ops *ops);
void keyring_local_release(struct keyring_local *local);

struct master_key master_key_new(void);

/* Appends a copy, which becomes the key that wraps. */
void keyring_local_add(struct keyring_local *local, const struct master_key *master);

int keyring_local_generate(struct keyring *keyring, const char *context, struct arena *arena,
    struct data_key *key, char **wrapped, struct error *error);
int keyring_local_unwrap(struct keyring *keyring, const char *context, const char *wrapped,
    struct data_key *key, struct error *error);
int keyring_local_mac(struct keyring *keyring, const char *purpose, const void *data, size_t length,
    char *hex, struct error *error);

#endif
