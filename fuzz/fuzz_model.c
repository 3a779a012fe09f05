/*
 * The file of a trained model, as it may lie in the blob store: the bytes as they are, and the same
 * with the length and the hash put right, so that what is behind them is read as well. What is
 * accepted must rank.
 */
#include "buffer.h"
#include "fuzz.h"
#include "trained.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#define LENGTH_AT 16 /* of the header's field */
#define HASH_BYTES 32

static void check(const void *data, size_t size)
{
    struct trained *trained = NULL;
    struct error error = {0};
    if (trained_read(&trained, data, size, &error) < 0) {
        demand(error.code == ERROR_INVALID && *error.message);
        return;
    }
    struct preference preference = {.wine = 0, .weight = 1};
    struct scored best[4];
    size_t count = trained_rank(trained, &preference, 1, NULL, NULL, best, 4);
    demand(count <= 4);
    for (size_t i = 0; i < count; i++)
        demand(best[i].wine < trained_info(trained)->wines);
    trained_similar(trained, 0, best, 4);
    struct buffer again = BUFFER_INIT;
    trained_write(trained, &again);
    demand(again.length == size && memcmp(again.data, data, size) == 0);
    buffer_release(&again);
    trained_release(trained);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    if (size < LENGTH_AT + 8)
        return 0;
    uint64_t length = size + HASH_BYTES;
    uint8_t *whole = malloc(length);
    demand(whole);
    memcpy(whole, data, size);
    memcpy(whole + LENGTH_AT, &length, sizeof(length));
    crypto_generichash(whole + size, HASH_BYTES, whole, size, NULL, 0);
    check(whole, length);
    free(whole);
    return 0;
}
