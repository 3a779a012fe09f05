/* A query string, as a stranger sends it: its parameters, and the numbers and ids in them. */
#include "fuzz.h"

#include "arena.h"
#include "exchange.h"
#include "id.h"
#include "text.h"

#include <string.h>

static void check_decoded(struct arena *arena, const char *text, size_t length, bool plus)
{
    const char *decoded = url_decode(arena, text, length, plus);
    if (!decoded)
        return;
    demand(strlen(decoded) <= length && utf8_valid(decoded, strlen(decoded)));
    const char *encoded = url_encode(arena, decoded);
    const char *again = url_decode(arena, encoded, strlen(encoded), false);
    demand(again && strcmp(again, decoded) == 0);
}

static void check_number(const char *text)
{
    char written[32];
    int64_t number, again;
    double real;
    if (text_to_int(text, -1000, INT64_MAX, &number) == 0) {
        demand(number >= -1000);
        snprintf(written, sizeof(written), "%lld", (long long)number);
        demand(text_to_int(written, -1000, INT64_MAX, &again) == 0 && again == number);
    }
    if (text_to_double(text, -1e6, 1e6, &real) == 0)
        demand(real >= -1e6 && real <= 1e6);
}

static void check_query(struct arena *arena, const char *raw)
{
    struct http_request request = {0};
    struct error error = {0};
    if (http_parse_query(&request, arena, raw, &error) < 0) {
        demand(error.code == ERROR_INVALID);
        return;
    }
    demand(request.query_count <= HTTP_MAX_QUERY);
    for (size_t i = 0; i < request.query_count; i++) {
        const char *value = request.query[i].value;
        demand(utf8_valid(request.query[i].name, strlen(request.query[i].name)));
        demand(utf8_valid(value, strlen(value)));
        demand(!id_valid(value) || strlen(value) == ID_LENGTH);
        check_number(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    check_decoded(arena, (const char *)data, size, false);
    check_decoded(arena, (const char *)data, size, true);
    check_query(arena, arena_strndup(arena, (const char *)data, size));
    arena_free(arena);
    return 0;
}
