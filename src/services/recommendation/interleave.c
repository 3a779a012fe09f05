#include "interleave.h"

void interleave_init(struct interleave *interleave, const struct scored *a, size_t a_count,
    const struct scored *b, size_t b_count, uint64_t seed)
{
    *interleave = (struct interleave){
        .arms = {{.ranked = a, .count = a_count}, {.ranked = b, .count = b_count}},
        .state = seed,
    };
}

/* SplitMix64 (Steele, Lea and Flood 2014): any seed will do, near ones too. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int captain(struct interleave *interleave)
{
    size_t a = interleave->arms[0].places, b = interleave->arms[1].places;
    if (a != b)
        return a > b;
    return (int)(draw(&interleave->state) >> 63);
}

static bool choose(
    struct interleave *interleave, int arm, interleave_judge *judge, void *ctx, uint32_t *wine)
{
    size_t count = interleave->arms[arm].count, *first = &interleave->arms[arm].first;
    for (size_t i = *first; i < count; i++) {
        uint32_t candidate = interleave->arms[arm].ranked[i].wine;
        enum interleave_verdict verdict = judge(ctx, candidate);
        if (verdict == INTERLEAVE_FREE) {
            *wine = candidate;
            return true;
        }
        if (verdict == INTERLEAVE_GONE && i == *first)
            ++*first;
    }
    return false;
}

bool interleave_next(
    struct interleave *interleave, interleave_judge *judge, void *ctx, uint32_t *wine, int *arm)
{
    int turn = captain(interleave);
    if (choose(interleave, turn, judge, ctx, wine)) {
        interleave->arms[turn].places++;
        *arm = turn;
        return true;
    }
    *arm = INTERLEAVE_NOBODY;
    return choose(interleave, !turn, judge, ctx, wine);
}
