/* What a scorer outside answers, and the settings that name it. */
#include "fuzz.h"

#include "arena.h"
#include "buffer.h"
#include "outside_wire.h"

#include <math.h>
#include <string.h>

static void check_answer(struct arena *arena, const char *text, size_t size)
{
    float scores[3] = {0};
    struct error error = {0};
    int rc = outside_read_answer(text, size, arena, scores, 3, &error);
    if (rc < 0) {
        demand(rc == ERROR_INVALID && *error.message);
        return;
    }
    for (size_t i = 0; i < 3; i++)
        demand(isfinite(scores[i]));
    /* What was taken is taken again when it is written as we would. */
    struct buffer body = BUFFER_INIT;
    float again[3];
    buffer_printf(&body, "{\"scores\":[%.9g,%.9g,%.9g]}", (double)scores[0], (double)scores[1],
        (double)scores[2]);
    demand(outside_read_answer(body.data, body.length, arena, again, 3, &error) == 0);
    demand(memcmp(scores, again, sizeof(scores)) == 0);
    buffer_release(&body);
}

static void check_address(struct arena *arena, const char *text)
{
    struct outside_address address, again;
    struct error error = {0};
    if (outside_read_address(&address, text, &error) < 0) {
        demand(error.code == ERROR_INVALID);
        return;
    }
    demand(!strpbrk(address.name, "/?&.@:#%") && !strpbrk(address.region, "/?&.@:#%"));
    const char *written =
        arena_printf(arena, "sagemaker://%s?region=%s", address.name, address.region);
    demand(strcmp(written, text) == 0);
    demand(outside_read_address(&again, written, &error) == 0);
    demand(memcmp(&address, &again, sizeof(address)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_strndup(arena, (const char *)data, size);
    check_answer(arena, text, size);
    check_address(arena, text);
    arena_free(arena);
    return 0;
}
