#include "sigv4.h"

#include "arena.h"
#include "buffer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HEX_SIZE (2 * SHA256_DIGEST_LENGTH + 1)

/* ---- hashes ---- */

static char *to_hex(const unsigned char hash[SHA256_DIGEST_LENGTH], char hex[HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[HEX_SIZE - 1] = '\0';
    return hex;
}

static char *hash_hex(const void *data, size_t length, char hex[HEX_SIZE])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    if (!SHA256(data ? data : "", length, hash))
        abort();
    return to_hex(hash, hex);
}

/* `out` may be `key`. */
static void mac(
    const void *key, size_t key_length, const char *text, unsigned char out[SHA256_DIGEST_LENGTH])
{
    unsigned char result[SHA256_DIGEST_LENGTH];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, strlen(text), result,
            &length))
        abort();
    memcpy(out, result, sizeof(result));
    OPENSSL_cleanse(result, sizeof(result));
}

/* ---- encoding ---- */

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void append_encoded(struct buffer *out, const char *text, size_t length, char kept)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_unreserved(text[i]) || (kept && text[i] == kept))
            buffer_append_char(out, text[i]);
        else
            buffer_append(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Escapes become bytes; a '%' that begins none stays one, as servers read it. In place is fine. */
static size_t decode(const char *text, size_t length, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        int high = text[i] == '%' && i + 2 < length ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out[written++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[written++] = text[i];
        }
    }
    return written;
}

/* One encoding, whether or not it was encoded before: as the parts of a query and S3's paths are
 * signed. */
static char *encode_once(struct arena *arena, const char *text, size_t length, char kept)
{
    struct buffer out = BUFFER_INIT;
    char *decoded = arena_strndup(arena, text, length);
    append_encoded(&out, decoded, decode(decoded, length, decoded), kept);
    char *encoded = arena_strndup(arena, out.data ? out.data : "", out.length);
    buffer_release(&out);
    return encoded;
}

/* ---- the canonical request ---- */

/* "." and ".." are resolved and empty segments dropped; then what is left is encoded, which is the
 * second time for what the sender had to encode. */
static void append_tidy_path(struct buffer *out, struct arena *arena, const char *path)
{
    size_t length = strlen(path), kept = 0, start = 0;
    char *tidy = arena_alloc(arena, length + 2);
    for (size_t i = 0; i <= length; i++) {
        if (i < length && path[i] != '/')
            continue;
        size_t size = i - start;
        if (size == 2 && path[start] == '.' && path[start + 1] == '.') {
            while (kept && tidy[--kept] != '/')
                ;
        } else if (size && !(size == 1 && path[start] == '.')) {
            tidy[kept++] = '/';
            memcpy(tidy + kept, path + start, size);
            kept += size;
        }
        start = i + 1;
    }
    if (!kept || path[length - 1] == '/')
        tidy[kept++] = '/';
    append_encoded(out, tidy, kept, '/');
}

struct parameter {
    const char *name, *value;
};

static int compare_parameters(const void *left, const void *right)
{
    const struct parameter *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->value, b->value);
}

static int append_query(
    struct buffer *out, struct arena *arena, const char *query, struct error *error)
{
    struct parameter parameters[SIGV4_MAX_PARAMETERS];
    size_t count = 0;
    while (query && *query) {
        const char *end = strchrnul(query, '&');
        const char *equals = memchr(query, '=', (size_t)(end - query));
        const char *name_end = equals ? equals : end;
        if (end > query) {
            if (count == SIGV4_MAX_PARAMETERS)
                return error_set(error, ERROR_INVALID, NULL, "query",
                    "more than %d parameters cannot be signed", SIGV4_MAX_PARAMETERS);
            parameters[count].name =
                encode_once(arena, query, (size_t)(name_end - query), /* kept= */ 0);
            parameters[count++].value =
                equals ? encode_once(arena, equals + 1, (size_t)(end - equals - 1), 0) : "";
        }
        query = *end ? end + 1 : end;
    }
    qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s%s=%s", i ? "&" : "", parameters[i].name, parameters[i].value);
    return 0;
}

/* Names in lower case; values without blanks around, and one where several were. */
static const char *tidy_value(struct arena *arena, const char *value)
{
    char *tidy = arena_alloc(arena, strlen(value) + 1), *to = tidy;
    for (; *value; value++) {
        bool blank = *value == ' ' || *value == '\t';
        if (!blank)
            *to++ = *value;
        else if (to > tidy && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > tidy && to[-1] == ' ')
        to--;
    *to = '\0';
    return tidy;
}

static bool is_header_name(const char *name)
{
    if (!*name)
        return false;
    for (; *name; name++) {
        if (!is_unreserved(*name))
            return false;
    }
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct sigv4_header *const *a = left, *const *b = right;
    int order = strcasecmp((*a)->name, (*b)->name);
    /* Those of one name stay in their order: qsort keeps none by itself. */
    return order ? order : (*a > *b) - (*a < *b);
}

/* All headers, the sender's and ours, in the order of their names. */
struct header_list {
    struct sigv4_header all[SIGV4_MAX_HEADERS + 4];
    const struct sigv4_header *sorted[SIGV4_MAX_HEADERS + 4];
    size_t count;
};

static int collect_headers(const struct sigv4_request *request, const struct sigv4_signed *added,
    struct header_list *list, struct error *error)
{
    bool host = false;
    if (request->header_count > SIGV4_MAX_HEADERS)
        return error_set(error, ERROR_INVALID, NULL, "headers",
            "more than %d headers cannot be signed", SIGV4_MAX_HEADERS);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct sigv4_header *header = &request->headers[i];
        if (!is_header_name(header->name) || strpbrk(header->value, "\r\n"))
            return error_set(
                error, ERROR_INVALID, NULL, "headers", "header %zu cannot be sent", i + 1);
        host = host || strcasecmp(header->name, "host") == 0;
        list->all[list->count++] = *header;
    }
    if (!host)
        return error_set(
            error, ERROR_INVALID, NULL, "headers", "the Host is not among the headers");
    for (size_t i = 0; i < added->header_count; i++)
        list->all[list->count++] = added->headers[i];
    for (size_t i = 0; i < list->count; i++)
        list->sorted[i] = &list->all[i];
    qsort(list->sorted, list->count, sizeof(list->sorted[0]), compare_names);
    return 0;
}

/* The header lines, and in `names` which they are. */
static void append_headers(
    struct buffer *out, struct buffer *names, struct arena *arena, const struct header_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sigv4_header *header = list->sorted[i];
        bool again = i > 0 && strcasecmp(header->name, list->sorted[i - 1]->name) == 0;
        bool last =
            i + 1 == list->count || strcasecmp(header->name, list->sorted[i + 1]->name) != 0;
        if (!again) {
            if (i > 0)
                buffer_append_char(names, ';');
            for (const char *c = header->name; *c; c++) {
                char low = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
                buffer_append_char(out, low);
                buffer_append_char(names, low);
            }
        }
        buffer_append_char(out, again ? ',' : ':');
        buffer_append_text(out, tidy_value(arena, header->value));
        if (last)
            buffer_append_char(out, '\n');
    }
}

static int append_canonical(const struct sigv4_request *request, const struct header_list *list,
    const char *body_hash, struct arena *arena, struct buffer *out, struct buffer *names,
    struct error *error)
{
    buffer_append_text(out, request->method);
    buffer_append_char(out, '\n');
    if (request->path_as_is)
        buffer_append_text(out, encode_once(arena, request->path, strlen(request->path), '/'));
    else
        append_tidy_path(out, arena, request->path);
    buffer_append_char(out, '\n');
    int rc = append_query(out, arena, request->query, error);
    if (rc < 0)
        return rc;
    buffer_append_char(out, '\n');
    append_headers(out, names, arena, list);
    buffer_printf(out, "\n%s\n%s", names->data, body_hash);
    return 0;
}

/* ---- the signature ---- */

/* "20150830T123600Z"; the day is its first eight letters. */
static const char *format_time(struct arena *arena, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    return arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ", parts.tm_year + 1900, parts.tm_mon + 1,
        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static void derive_key(const struct sigv4_request *request,
    const struct aws_credentials *credentials, const char *day, unsigned char *key)
{
    char first[160]; /* credentials.c allows 128 characters */
    int length = snprintf(first, sizeof(first), "AWS4%s", aws_credentials_secret(credentials));
    mac(first, (size_t)length, day, key);
    OPENSSL_cleanse(first, sizeof(first));
    mac(key, SHA256_DIGEST_LENGTH, request->region, key);
    mac(key, SHA256_DIGEST_LENGTH, request->service, key);
    mac(key, SHA256_DIGEST_LENGTH, "aws4_request", key);
}

static const char *authorization(const struct sigv4_request *request,
    const struct aws_credentials *credentials, const struct buffer *canonical, const char *names,
    const char *time, struct arena *arena)
{
    unsigned char key[SHA256_DIGEST_LENGTH], signature[SHA256_DIGEST_LENGTH];
    char hex[HEX_SIZE];
    const char *day = arena_strndup(arena, time, 8);
    const char *scope =
        arena_printf(arena, "%s/%s/%s/aws4_request", day, request->region, request->service);
    const char *to_sign = arena_printf(arena, "%s\n%s\n%s\n%s", ALGORITHM, time, scope,
        hash_hex(canonical->data, canonical->length, hex));
    derive_key(request, credentials, day, key);
    mac(key, sizeof(key), to_sign, signature);
    OPENSSL_cleanse(key, sizeof(key));
    return arena_printf(arena, "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", ALGORITHM,
        aws_credentials_key_id(credentials), scope, names, to_hex(signature, hex));
}

static void add_header(struct sigv4_signed *out, const char *name, const char *value)
{
    out->headers[out->header_count++] = (struct sigv4_header){name, value};
}

int sigv4_sign(const struct sigv4_request *request, const struct aws_credentials *credentials,
    struct arena *arena, struct sigv4_signed *out, struct error *error)
{
    CLEANUP_BUFFER struct buffer canonical = BUFFER_INIT, names = BUFFER_INIT;
    struct header_list list = {.count = 0};
    struct sigv4_signed made = {.header_count = 0};
    char hex[HEX_SIZE];
    if (request->path[0] != '/')
        return error_set(error, ERROR_INVALID, NULL, "path", "a path begins with '/'");
    const char *time = format_time(arena, request->at_ms);
    const char *body_hash = arena_strdup(arena, hash_hex(request->body, request->body_length, hex));
    const char *token = aws_credentials_token(credentials);
    add_header(&made, "X-Amz-Date", time);
    if (*token)
        add_header(&made, "X-Amz-Security-Token", arena_strdup(arena, token));
    if (request->hash_header)
        add_header(&made, "X-Amz-Content-Sha256", body_hash);
    int rc = collect_headers(request, &made, &list, error);
    if (rc == 0)
        rc = append_canonical(request, &list, body_hash, arena, &canonical, &names, error);
    if (rc < 0)
        return rc;
    made.canonical = arena_strndup(arena, canonical.data, canonical.length);
    add_header(&made, "Authorization",
        authorization(request, credentials, &canonical, names.data, time, arena));
    *out = made;
    return 0;
}
