/*
 * A server that misbehaves, for the tests of what calls out: one thread per connection, which reads
 * a request's head and does what the path asks.
 */
#ifndef TESTS_ROGUE_H
#define TESTS_ROGUE_H

#include <stdint.h>

struct rogue;

/*
 * Paths: /hello       "hello", and keeps the connection
 *        /last        the same, and closes the connection without having said so
 *        /hidden      "hello" without a length: the connection's end is the answer's
 *        /cut         closes in the middle of the body
 *        /close       closes without an answer
 *        /garbage     does not speak HTTP
 *        /silent      never answers
 *        /slow        a byte of the body each 20 ms, for ever
 *        /headers     header lines for ever
 *        /large       a body of 100,000 bytes, told beforehand
 *        /endless     a chunked body for ever
 *        /away        redirects to /hello
 */
struct rogue *rogue_new(void);
void rogue_free(struct rogue *rogue);

uint16_t rogue_port(const struct rogue *rogue);

/* Connections and requests so far. */
int rogue_connections(struct rogue *rogue);
int rogue_requests(struct rogue *rogue);

#endif
