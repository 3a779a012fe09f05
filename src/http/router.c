#include "router.h"

#include "buffer.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define METHODS (HTTP_OTHER + 1)

/* A trie of path segments. */
struct node {
    char *segment; /* NULL for a {name} */
    struct node *children;
    struct node *sibling;
    const struct route *routes[METHODS];
};

struct router {
    struct node root;
    void *ctx;
};

static size_t segment_length(const char *path)
{
    return (size_t)(strchrnul(path, '/') - path);
}

static struct node *child_for(struct node *parent, const char *segment, size_t length)
{
    bool named = segment[0] == '{';
    for (struct node *child = parent->children; child; child = child->sibling) {
        if (named ? !child->segment
                  : child->segment && strlen(child->segment) == length &&
                        strncmp(child->segment, segment, length) == 0)
            return child;
    }
    struct node *child = calloc(1, sizeof(*child));
    if (!child || (!named && !(child->segment = strndup(segment, length))))
        abort();
    /* Literals first, names last: the first match is then the right one. */
    struct node **link = &parent->children;
    while (named && *link)
        link = &(*link)->sibling;
    child->sibling = *link;
    *link = child;
    return child;
}

static void insert(struct router *router, const struct route *route)
{
    struct node *node = &router->root;
    const char *cursor = route->pattern + 1;
    while (*cursor) {
        size_t length = segment_length(cursor);
        node = child_for(node, cursor, length);
        cursor += length;
        cursor += *cursor == '/';
    }
    assert(!node->routes[route->method]);
    node->routes[route->method] = route;
}

struct router *router_new(const struct route *routes, void *ctx)
{
    struct router *router = calloc(1, sizeof(*router));
    if (!router)
        abort();
    router->ctx = ctx;
    for (; routes->pattern; routes++)
        insert(router, routes);
    return router;
}

static void free_children(struct node *node)
{
    struct node *child = node->children;
    while (child) {
        struct node *next = child->sibling;
        free_children(child);
        free(child->segment);
        free(child);
        child = next;
    }
}

void router_free(struct router *router)
{
    if (!router)
        return;
    free_children(&router->root);
    free(router);
}

static bool has_routes(const struct node *node)
{
    for (int i = 0; i < METHODS; i++) {
        if (node->routes[i])
            return true;
    }
    return false;
}

struct match {
    const char *starts[HTTP_MAX_PARAMS];
    size_t lengths[HTTP_MAX_PARAMS];
    size_t count;
};

static const struct node *find(const struct node *node, const char *cursor, struct match *match)
{
    if (!*cursor)
        return has_routes(node) ? node : NULL;
    size_t length = segment_length(cursor);
    const char *rest = cursor + length + (cursor[length] == '/');
    for (const struct node *child = node->children; child; child = child->sibling) {
        if (child->segment) {
            if (strncmp(child->segment, cursor, length) != 0 || child->segment[length])
                continue;
            const struct node *found = find(child, rest, match);
            if (found)
                return found;
        } else if (length && match->count < HTTP_MAX_PARAMS) {
            match->starts[match->count] = cursor;
            match->lengths[match->count++] = length;
            const struct node *found = find(child, rest, match);
            if (found)
                return found;
            match->count--;
        }
    }
    return NULL;
}

static const struct node *find_path(struct router *router, struct exchange *exchange)
{
    struct match match = {.count = 0};
    const char *path = exchange->request.path;
    size_t length = strlen(path);
    if (length > 1 && path[length - 1] == '/')
        return NULL;
    const struct node *node = find(&router->root, path + 1, &match);
    for (size_t i = 0; node && i < match.count; i++)
        exchange->request.params[i] =
            arena_strndup(exchange->arena, match.starts[i], match.lengths[i]);
    return node;
}

const struct route *router_match(struct router *router, struct exchange *exchange, bool *path_known)
{
    const struct node *node = find_path(router, exchange);
    *path_known = node != NULL;
    return node ? node->routes[exchange->request.method] : NULL;
}

static void reply_not_allowed(struct exchange *exchange, const struct node *node)
{
    CLEANUP_BUFFER struct buffer allow = BUFFER_INIT;
    for (int i = 0; i < METHODS; i++) {
        if (node->routes[i])
            buffer_printf(
                &allow, "%s%s", allow.length ? ", " : "", http_method_name((enum http_method)i));
    }
    http_set_header(exchange, "Allow", arena_strdup(exchange->arena, allow.data));
    http_problem(exchange, 405, "method_not_allowed", NULL, "this resource answers %s", allow.data);
}

void router_dispatch(struct router *router, struct exchange *exchange)
{
    bool hidden = !exchange->trusted && text_starts_with(exchange->request.path, "/internal/");
    const struct node *node = hidden ? NULL : find_path(router, exchange);
    if (!node) {
        http_problem(exchange, 404, "not_found", NULL, "there is nothing at this address");
        return;
    }
    const struct route *route = node->routes[exchange->request.method];
    if (!route) {
        reply_not_allowed(exchange, node);
        return;
    }
    route->handler(router->ctx, exchange);
}
