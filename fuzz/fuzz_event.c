/* An event of the stream. */
#include "fuzz.h"

#include "arena.h"
#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct decoded event;
    struct error error = {0};
    if (event_decode((const char *)data, size, arena, &event, &error) < 0)
        demand(error.code == ERROR_INVALID && event.id);
    else
        demand(*event.id && *event.type && event.subject && event.sequence >= 0);
    arena_free(arena);
    return 0;
}
