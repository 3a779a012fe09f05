/* The web bundle is small and read often: all of it stands in memory, with what the build
 * compressed beforehand beside it. */
#include "internal.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_ASSETS 512
#define MAX_FILE ((size_t)8 * 1024 * 1024)

struct assets {
    struct arena *arena;
    struct asset items[MAX_ASSETS];
    size_t count;
};

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".woff2", "font/woff2"},
        {".woff", "font/woff"},
        {".png", "image/png"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (text_ends_with(path, types[i][0]))
            return types[i][1];
    }
    return "application/octet-stream";
}

static int read_whole(
    struct assets *assets, const char *path, struct encoded *out, struct error *error)
{
    FILE *file = fopen(path, "re");
    struct stat info;
    if (!file || fstat(fileno(file), &info) < 0 || (size_t)info.st_size > MAX_FILE) {
        int rc = error_set(error, ERROR_INVALID, NULL, NULL, "%s: %s", path,
            file ? "larger than 8 MiB" : strerror(errno));
        if (file)
            fclose(file);
        return rc;
    }
    out->length = (size_t)info.st_size;
    out->data = arena_alloc(assets->arena, out->length + 1);
    size_t got = fread(out->data, 1, out->length, file);
    fclose(file);
    out->data[out->length] = '\0';
    if (got != out->length)
        return error_set(error, ERROR_INVALID, NULL, NULL, "%s: cannot be read", path);
    return 0;
}

static struct asset *asset_for(struct assets *assets, const char *path)
{
    for (size_t i = 0; i < assets->count; i++) {
        if (strcmp(assets->items[i].path, path) == 0)
            return &assets->items[i];
    }
    if (assets->count == MAX_ASSETS)
        return NULL;
    struct asset *asset = &assets->items[assets->count++];
    asset->path = arena_strdup(assets->arena, path);
    asset->type = type_of(path);
    asset->immutable = text_starts_with(path, "/assets/");
    return asset;
}

static int load_file(struct assets *assets, const char *root, const char *path, struct error *error)
{
    size_t length = strlen(path);
    bool gzip = text_ends_with(path, ".gz"), brotli = text_ends_with(path, ".br");
    const char *name = gzip || brotli ? arena_strndup(assets->arena, path, length - 3) : path;
    struct asset *asset = asset_for(assets, name);
    if (!asset)
        return error_set(
            error, ERROR_INVALID, NULL, NULL, "%s holds more than %d files", root, MAX_ASSETS);
    struct encoded *slot = gzip ? &asset->gzip : brotli ? &asset->brotli : &asset->plain;
    return read_whole(assets, arena_printf(assets->arena, "%s%s", root, path), slot, error);
}

static int load_directory(
    struct assets *assets, const char *root, const char *below, struct error *error)
{
    DIR *directory = opendir(arena_printf(assets->arena, "%s%s", root, below));
    if (!directory)
        return error_set(error, ERROR_NOT_FOUND, NULL, "web.root",
            "%s%s: %s; build the web page (`make build`) or set web.root", root, below,
            strerror(errno));
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        const char *path = arena_printf(assets->arena, "%s/%s", below, entry->d_name);
        rc = entry->d_type == DT_DIR ? load_directory(assets, root, path, error)
                                     : load_file(assets, root, path, error);
    }
    closedir(directory);
    return rc;
}

static void seal(struct assets *assets)
{
    for (size_t i = 0; i < assets->count; i++) {
        char hex[SECURE_SHA256_HEX_SIZE];
        struct asset *asset = &assets->items[i];
        secure_sha256_hex(asset->plain.data ? asset->plain.data : "", asset->plain.length, hex);
        snprintf(asset->etag, sizeof(asset->etag), "%.16s", hex);
    }
}

int assets_load(struct assets **out, const char *root, struct error *error)
{
    struct arena *arena = arena_new();
    struct assets *assets = arena_new_struct(arena, struct assets);
    assets->arena = arena;
    int rc = load_directory(assets, root, "", error);
    if (rc == 0 && !assets_find(assets, "/index.html"))
        rc = error_set(error, ERROR_NOT_FOUND, NULL, "web.root",
            "%s has no index.html; build the web page (`make build`) or set web.root", root);
    if (rc < 0) {
        arena_free(arena);
        return rc;
    }
    seal(assets);
    *out = assets;
    return 0;
}

void assets_free(struct assets *assets)
{
    if (assets)
        arena_free(assets->arena);
}

const struct asset *assets_find(const struct assets *assets, const char *path)
{
    for (size_t i = 0; i < assets->count; i++) {
        if (assets->items[i].plain.data && strcmp(assets->items[i].path, path) == 0)
            return &assets->items[i];
    }
    return NULL;
}

/* RFC 9110, 12.5.3: a coding that is named, and not with a weight of 0. */
static bool accepts(const char *accepted, const char *coding)
{
    size_t length = strlen(coding);
    while (accepted && *accepted) {
        accepted += strspn(accepted, ", \t");
        size_t entry = strcspn(accepted, ",");
        const char *rest = accepted + length;
        if (entry >= length && strncasecmp(accepted, coding, length) == 0 &&
            strcspn(rest, ",; \t") == 0) {
            rest += strspn(rest, "; \t");
            return strncasecmp(rest, "q=", 2) != 0 || strtod(rest + 2, NULL) > 0;
        }
        accepted += entry;
    }
    return false;
}

void assets_reply(struct exchange *exchange, const struct asset *asset)
{
    const char *accepted = http_header(exchange, "Accept-Encoding");
    const struct encoded *body = &asset->plain;
    http_set_header(exchange, "Cache-Control",
        asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (asset->gzip.data || asset->brotli.data)
        http_set_header(exchange, "Vary", "Accept-Encoding");
    if (http_not_modified(exchange, asset->etag))
        return;
    if (asset->brotli.data && accepts(accepted, "br")) {
        body = &asset->brotli;
        http_set_header(exchange, "Content-Encoding", "br");
    } else if (asset->gzip.data && accepts(accepted, "gzip")) {
        body = &asset->gzip;
        http_set_header(exchange, "Content-Encoding", "gzip");
    }
    http_reply(exchange, 200, asset->type, body->data, body->length);
}
