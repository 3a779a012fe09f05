/* The signer's canonical form of a path (the first line) and a query (the second): what is signed
 * is well-formed, in order, and its own canonical form. */
#include "fuzz.h"

#include "arena.h"
#include "credentials.h"
#include "sigv4.h"

#include <string.h>

struct canonical {
    char *path, *query;
};

/* False when the request is refused. */
static bool sign(struct arena *arena, const struct aws_credentials *credentials, const char *path,
    const char *query, bool as_is, struct canonical *out)
{
    const struct sigv4_header host = {"Host", "example.com"};
    const struct sigv4_request request = {.method = "GET",
        .path = path,
        .query = query,
        .headers = &host,
        .header_count = 1,
        .region = "r",
        .service = "s",
        .path_as_is = as_is};
    struct sigv4_signed made;
    struct error error = {0};
    if (sigv4_sign(&request, credentials, arena, &made, &error) < 0) {
        demand(error.code == ERROR_INVALID && *error.message);
        return false;
    }
    char *text = arena_strdup(arena, made.canonical);
    demand(strncmp(text, "GET\n", 4) == 0);
    out->path = text + 4;
    char *end = strchr(out->path, '\n');
    demand(end != NULL);
    *end = '\0';
    out->query = end + 1;
    end = strchr(out->query, '\n');
    demand(end && strncmp(end, "\nhost:example.com\n", 18) == 0);
    *end = '\0';
    return true;
}

static void check_characters(const char *text, const char *others)
{
    for (; *text; text++) {
        bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        demand(letter || (*text >= '0' && *text <= '9') || strchr("-._~%", *text) ||
               strchr(others, *text));
    }
}

/* Pairs with one '=' each, names in order. */
static void check_query(struct arena *arena, const char *query)
{
    const char *before = "";
    char *rest = *query ? arena_strdup(arena, query) : NULL;
    check_characters(query, "=&");
    for (char *pair; (pair = strsep(&rest, "&"));) {
        char *equals = strchr(pair, '=');
        demand(equals && !strchr(equals + 1, '='));
        *equals = '\0';
        demand(strcmp(before, pair) <= 0);
        before = pair;
    }
}

static void check(struct arena *arena, const struct aws_credentials *credentials, const char *path,
    const char *query)
{
    struct canonical tidy, again, plain;
    if (!sign(arena, credentials, path, query, false, &tidy))
        return;
    check_characters(tidy.path, "/");
    demand(tidy.path[0] == '/' && !strstr(tidy.path, "//") && !strstr(tidy.path, "/./") &&
           !strstr(tidy.path, "/../"));
    check_query(arena, tidy.query);
    demand(sign(arena, credentials, path, query, true, &plain));
    check_characters(plain.path, "/");
    /* S3's form and a query are the same when they are canonical already. */
    demand(sign(arena, credentials, plain.path, plain.query, true, &again));
    demand(strcmp(again.path, plain.path) == 0 && strcmp(again.query, plain.query) == 0);
    demand(strcmp(tidy.query, plain.query) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct aws_credentials *credentials;
    struct error error = {0};
    demand(aws_credentials_new(&credentials, "ID", "secret", "", &error) == 0);
    char *path = arena_strndup(arena, (const char *)data, size);
    char *query = strchr(path, '\n');
    if (query)
        *query++ = '\0';
    check(arena, credentials, path, query ? query : "");
    check(arena, credentials, arena_printf(arena, "/%s", path), query ? query : "");
    aws_credentials_free(credentials);
    arena_free(arena);
    return 0;
}
