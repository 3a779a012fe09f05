/*
 * A data key: 32 secret bytes that seal one owner's fields (sealed.h). It comes from a keyring in
 * the clear and wrapped; the wrapped form is stored, this one lives as briefly as possible.
 */
#ifndef PLATFORM_DATA_KEY_H
#define PLATFORM_DATA_KEY_H

#define DATA_KEY_BYTES 32

struct data_key {
    unsigned char bytes[DATA_KEY_BYTES];
};

/* Overwrites the key. Safe to call twice. */
void data_key_release(struct data_key *key);

#define CLEANUP_DATA_KEY __attribute__((cleanup(data_key_release)))

#endif
