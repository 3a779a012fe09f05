/*
 * What the gateway remembers of sessions: SHA-256 of the token (hex) -> who it is. At most 5 s, so
 * a session that ends elsewhere ends here that soon. Any thread.
 */
#ifndef GATEWAY_SESSIONS_H
#define GATEWAY_SESSIONS_H

#include "exchange.h"
#include "secure.h"

struct sessions;

struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);

/* Whether it is known; then fills `identity`. */
bool sessions_get(struct sessions *sessions, const char *hash, struct identity *identity);

/* `lifetime_ms`: what is left of the session. */
void sessions_put(struct sessions *sessions, const char *hash, const struct identity *identity,
    int64_t lifetime_ms);
void sessions_drop(struct sessions *sessions, const char *hash);

#endif
