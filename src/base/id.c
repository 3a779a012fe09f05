#include "id.h"

#include "clock.h"

#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct state {
    int64_t last_ms;
    unsigned char random[10];
};

/* Monotonic per thread: one more than the last id of the same millisecond. */
static _Thread_local struct state state;

char *id_new(char *id)
{
    int64_t now = clock_now_ms();
    if (now > state.last_ms) {
        state.last_ms = now;
        randombytes_buf(state.random, sizeof(state.random));
        state.random[0] &= 0x7f; /* room to count up */
    } else {
        for (int i = 9; i >= 0 && ++state.random[i] == 0; i--)
            ;
    }
    uint64_t ms = (uint64_t)state.last_ms;
    for (int i = 9; i >= 0; i--, ms >>= 5)
        id[i] = alphabet[ms & 31];
    for (int half = 0; half < 2; half++) {
        const unsigned char *bytes = state.random + half * 5;
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | bytes[i];
        for (int i = 7; i >= 0; i--, bits >>= 5)
            id[10 + half * 8 + i] = alphabet[bits & 31];
    }
    id[ID_LENGTH] = '\0';
    return id;
}

bool id_valid(const char *text)
{
    if (!text || strlen(text) != ID_LENGTH || text[0] > '7')
        return false;
    return strspn(text, alphabet) == ID_LENGTH;
}

int64_t id_time_ms(const char *text)
{
    int64_t ms = 0;
    if (!id_valid(text))
        return 0;
    for (int i = 0; i < 10; i++)
        ms = ms << 5 | (int64_t)(strchr(alphabet, text[i]) - alphabet);
    return ms;
}
