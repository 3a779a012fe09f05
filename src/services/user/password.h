/*
 * Passwords: Argon2id (RFC 9106; 2 passes over 19 MiB, libsodium) on a pool of its own threads, so
 * that hashing, some 12 ms of a core each, never runs on a thread that serves. The queue is
 * bounded: beyond it the work is refused at once.
 */
#ifndef SERVICES_USER_PASSWORD_H
#define SERVICES_USER_PASSWORD_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct password_pool;
struct password_job;

#define PASSWORD_HASH_SIZE 128

enum password_work {
    PASSWORD_HASH,   /* fills `hash` */
    PASSWORD_VERIFY, /* compares with `hash`; with a NULL hash takes as long and does not match */
};

struct password_job {
    enum password_work work;
    char *password;                         /* overwritten once it has been used */
    const char *hash;                       /* to verify against */
    void (*done)(struct password_job *job); /* once, on a thread of the pool */
    void *ctx;

    char hashed[PASSWORD_HASH_SIZE]; /* result of PASSWORD_HASH */
    bool matches;                    /* result of PASSWORD_VERIFY */
    int rc;                          /* ERROR_INTERNAL when there is no memory to hash in */
    struct password_job *next;
};

/* Threads begin at the first job. */
struct password_pool *password_pool_new(int threads, int max_waiting);

/* Finishes what waits. */
void password_pool_free(struct password_pool *pool);

/* The job stays the caller's and valid until `done`. ERROR_UNAVAILABLE when the queue is full:
 * `done` is then not called. */
int password_pool_submit(struct password_pool *pool, struct password_job *job, struct error *error);

/* Jobs waiting now. */
int password_pool_waiting(struct password_pool *pool);

/* Hashes on the calling thread: for the command line and the start-up. */
int password_hash(const char *password, char hashed[PASSWORD_HASH_SIZE], struct error *error);

#endif
