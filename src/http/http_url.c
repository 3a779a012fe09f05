#include "http_url.h"

#include "arena.h"
#include "text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>

/* NULL when the part is missing. */
static const char *part(CURLU *url, CURLUPart which, unsigned flags, struct arena *arena)
{
    char *text = NULL;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = arena_strdup(arena, text);
    curl_free(text);
    return copy;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    return strcasecmp(host, "localhost") == 0 || text_equal(host, "[::1]") ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static int read_parts(struct http_url *out, CURLU *url, const char *text, const char *field,
    struct arena *arena, struct error *error)
{
    const char *scheme = NULL, *host = NULL;
    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        scheme = part(url, CURLUPART_SCHEME, 0, arena);
        host = part(url, CURLUPART_HOST, 0, arena);
    }
    if (!host || (!text_equal(scheme, "http") && !text_equal(scheme, "https")))
        return error_set(error, ERROR_INVALID, NULL, field,
            "%s = %.100s: write https://host or https://host:port", field, text);
    if (part(url, CURLUPART_USER, 0, arena) || part(url, CURLUPART_FRAGMENT, 0, arena))
        return error_set(error, ERROR_INVALID, NULL, field,
            "%s: an address with a user name or a fragment is not taken", field);
    const char *port = part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, arena);
    const char *query = part(url, CURLUPART_QUERY, 0, arena);
    *out = (struct http_url){
        .tls = text_equal(scheme, "https"),
        .loopback = is_loopback(host),
        .authority = port ? arena_printf(arena, "%s:%s", host, port) : host,
        .path = part(url, CURLUPART_PATH, 0, arena),
        .query = query ? query : "",
    };
    return 0;
}

int http_url_read(struct http_url *out, const char *text, const char *field, struct arena *arena,
    struct error *error)
{
    CURLU *url = curl_url();
    if (!url)
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "out of memory");
    int rc = read_parts(out, url, text, field, arena, error);
    curl_url_cleanup(url);
    return rc;
}
