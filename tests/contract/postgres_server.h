/*
 * A PostgreSQL server for tests, in a directory of its own below /tmp and reached by a socket in
 * it, which nobody else may enter: no port, no password. It runs as `nobody` when the tests run as
 * root, since it refuses that, and dies with the test program, however that ends.
 */
#ifndef TESTS_POSTGRES_SERVER_H
#define TESTS_POSTGRES_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct postgres_server;

/* Fails the test when there is no server to start. */
struct postgres_server *postgres_server_start(void);
void postgres_server_free(struct postgres_server *server); /* NULL is fine */

void postgres_server_stop(struct postgres_server *server); /* at once, as if killed */
void postgres_server_again(struct postgres_server *server);

/* Runs again, if it was stopped or held still. */
void postgres_server_mend(struct postgres_server *server);

/* Holds all its processes still, as on a machine that hangs. */
void postgres_server_freeze(struct postgres_server *server, bool still);

void postgres_server_schema(struct postgres_server *server, const char *name);

/* The URL of a schema. */
void postgres_server_url(const struct postgres_server *server, const char *scheme,
    const char *schema, char *url, size_t size);

#endif
