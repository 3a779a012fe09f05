/*
 * The pages: the bundle's index.html with its three marks filled in, so that a reader without
 * scripts, a search engine and a slow phone see text, title and JSON-LD at once; the script then
 * takes over with the data that stands beside.
 */
#include "internal.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICTURE_MAX ((size_t)16 * 1024 * 1024)
#define PAGE_SECURITY                                                                              \
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "        \
    "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action "        \
    "'self'; "                                                                                     \
    "frame-ancestors 'none'"

void page_release(struct page *page)
{
    buffer_release(&page->head);
    buffer_release(&page->content);
    buffer_release(&page->data);
}

static void append_part(struct buffer *out, const struct buffer *part)
{
    buffer_append(out, part->data ? part->data : "", part->length);
}

/* Copies the template, putting each part in the place of its mark. */
static void fill(struct buffer *out, const char *template, const struct page *page)
{
    static const char mark[] = "<!--ws:";
    for (;;) {
        const char *found = strstr(template, mark);
        const char *end = found ? strstr(found, "-->") : NULL;
        if (!end) {
            buffer_append_text(out, template);
            return;
        }
        buffer_append(out, template, (size_t)(found - template));
        const char *name = found + sizeof(mark) - 1;
        if (text_starts_with(name, "head-->"))
            append_part(out, &page->head);
        else if (text_starts_with(name, "content-->"))
            append_part(out, &page->content);
        else if (text_starts_with(name, "data-->"))
            append_part(out, &page->data);
        template = end + 3;
    }
}

static void reply_page(
    struct gateway *gateway, struct exchange *exchange, int status, struct page *page)
{
    const struct asset *template = assets_find(gateway->assets, "/index.html");
    struct buffer html = BUFFER_INIT;
    buffer_reserve(&html, template->plain.length + page->content.length + page->data.length);
    fill(&html, template->plain.data, page);
    page_release(page);
    struct http_response *response = &exchange->response;
    size_t length = html.length;
    char *data = buffer_take(&html);
    response->body_release = free;
    response->body_owner = data;
    flow_of(exchange)->page_security = PAGE_SECURITY;
    http_set_header(exchange, "Cache-Control", "no-cache");
    http_reply(exchange, status, "text/html; charset=utf-8", data, length);
}

void page_shell(struct gateway *gateway, struct exchange *exchange)
{
    struct page page = {0};
    content_title(gateway, NULL, &page);
    reply_page(gateway, exchange, 200, &page);
}

static void reply_nothing(
    struct gateway *gateway, struct exchange *exchange, int status, const char *heading)
{
    struct page page = {0};
    content_title(gateway, heading, &page);
    buffer_printf(
        &page.content, "<main><h1>%s</h1><p><a href=\"/wines\">All wines</a></p></main>", heading);
    reply_page(gateway, exchange, status, &page);
}

void page_missing(struct gateway *gateway, struct exchange *exchange)
{
    reply_nothing(gateway, exchange, 404, "This page is not here");
}

void page_home(struct gateway *gateway, struct exchange *exchange)
{
    struct page page = {0};
    content_home(gateway, &page);
    reply_page(gateway, exchange, 200, &page);
}

/* The office is a page of its own in the bundle when there is one. */
void page_office(struct gateway *gateway, struct exchange *exchange)
{
    flow_of(exchange)->page_security = PAGE_SECURITY;
    const struct asset *office = assets_find(gateway->assets, "/office.html");
    if (!office)
        office = assets_find(gateway->assets, "/office/index.html");
    if (office)
        assets_reply(exchange, office);
    else
        page_shell(gateway, exchange);
}

void page_asset(struct gateway *gateway, struct exchange *exchange)
{
    const struct asset *asset = assets_find(gateway->assets, exchange->request.path);
    if (asset)
        assets_reply(exchange, asset);
    else
        http_problem(exchange, 404, "not_found", NULL, "there is no such file");
}

/* ---- pages that ask the product service ---- */

static void ask_product(struct gateway *gateway, struct exchange *exchange, const char *path,
    void (*done)(void *, int, const char *, size_t))
{
    upstream_call(gateway->options.product, &(struct upstream_call){.method = HTTP_GET,
                                                .path = path,
                                                .trace = &exchange->request.trace,
                                                .done = done,
                                                .ctx = exchange});
}

static void page_unavailable(struct exchange *exchange)
{
    struct gateway *gateway = flow_of(exchange)->gateway;
    struct page page = {0};
    content_title(gateway, NULL, &page);
    http_set_header(exchange, "Retry-After", "1");
    reply_page(gateway, exchange, 503, &page);
}

static void list_answered(void *ctx, int status, const char *body, size_t length)
{
    struct exchange *exchange = ctx;
    struct gateway *gateway = flow_of(exchange)->gateway;
    CLEANUP_JSON json_t *list = NULL;
    if (status >= 500) {
        page_unavailable(exchange);
        return;
    }
    struct page page = {0};
    if (status == 200 && json_read_object(body, length, &list, NULL) == 0)
        content_list(gateway, &exchange->request, list, body, &page);
    else
        content_title(gateway, "Wines", &page);
    reply_page(gateway, exchange, status == 200 ? 200 : 400, &page);
}

void page_list(struct gateway *gateway, struct exchange *exchange)
{
    CLEANUP_BUFFER struct buffer path = BUFFER_INIT;
    const struct http_request *request = &exchange->request;
    buffer_append_text(&path, "/api/v1/wines?limit=24");
    for (size_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->query[i].name, "limit") == 0)
            continue;
        buffer_printf(&path, "&%s=%s", url_encode(exchange->arena, request->query[i].name),
            url_encode(exchange->arena, request->query[i].value));
    }
    ask_product(gateway, exchange, path.data, list_answered);
}

static void wine_answered(void *ctx, int status, const char *body, size_t length)
{
    struct exchange *exchange = ctx;
    struct gateway *gateway = flow_of(exchange)->gateway;
    CLEANUP_JSON json_t *wine = NULL;
    if (status >= 500) {
        page_unavailable(exchange);
    } else if (status == 410) {
        reply_nothing(gateway, exchange, 410, "This wine is no longer sold");
    } else if (status != 200 || json_read_object(body, length, &wine, NULL) < 0) {
        page_missing(gateway, exchange);
    } else {
        struct page page = {0};
        content_wine(gateway, wine, body, &page);
        reply_page(gateway, exchange, 200, &page);
    }
}

void page_wine(struct gateway *gateway, struct exchange *exchange)
{
    const char *id = exchange->request.path + strlen("/wines/");
    size_t length = strcspn(id, "/");
    char *only = arena_strndup(exchange->arena, id, length);
    if (!id_valid(only)) {
        page_missing(gateway, exchange);
        return;
    }
    ask_product(
        gateway, exchange, arena_printf(exchange->arena, "/api/v1/wines/%s", only), wine_answered);
}

/* ---- pictures, robots, sitemap ---- */

void page_media(struct gateway *gateway, struct exchange *exchange)
{
    const char *name = exchange->request.path + strlen("/media/");
    struct blob_object object = {0};
    struct error error = {0};
    /* Only what the image service made is public: uploads are not. */
    bool public = text_starts_with(name, "images/") && blob_name_valid(name);
    if (!public || blob_get(gateway->options.blob, name, PICTURE_MAX, &object, &error) < 0) {
        http_problem(exchange, 404, "not_found", NULL, "there is no such picture");
        return;
    }
    struct http_response *response = &exchange->response;
    http_set_header(exchange, "Cache-Control", "public, max-age=31536000, immutable");
    response->body_release = free;
    response->body_owner = object.data;
    const char *type = arena_strdup(exchange->arena, object.info.type);
    if (http_not_modified(exchange, object.info.etag))
        return;
    http_reply(exchange, 200, type, (const char *)object.data, object.info.length);
}

void page_robots(struct gateway *gateway, struct exchange *exchange)
{
    const char *text = arena_printf(exchange->arena,
        "User-agent: *\nDisallow: /api/\nDisallow: /office\nDisallow: /account\nDisallow: /cart\n"
        "Disallow: /checkout\nDisallow: /orders\n\nSitemap: %s/sitemap.xml\n",
        gateway->options.public_url);
    http_reply(exchange, 200, "text/plain; charset=utf-8", text, strlen(text));
}

/* sitemaps.org 0.9: at most 50,000 addresses in a file. */
#define SITEMAP_PAGE 1000
#define SITEMAP_MAX 50000

struct sitemap {
    struct exchange *exchange;
    struct buffer xml;
    char after[ID_SIZE];
    size_t count;
};

static void sitemap_ask(struct sitemap *sitemap);

static void sitemap_finish(struct sitemap *sitemap)
{
    struct http_response *response = &sitemap->exchange->response;
    buffer_append_text(&sitemap->xml, "</urlset>\n");
    size_t length = sitemap->xml.length;
    char *data = buffer_take(&sitemap->xml);
    response->body_release = free;
    response->body_owner = data;
    http_set_header(sitemap->exchange, "Cache-Control", "public, max-age=3600");
    http_reply(sitemap->exchange, 200, "application/xml; charset=utf-8", data, length);
}

static void sitemap_answered(void *ctx, int status, const char *body, size_t length)
{
    struct sitemap *sitemap = ctx;
    CLEANUP_JSON json_t *page = NULL;
    if (status != 200 || json_read_object(body, length, &page, NULL) < 0) {
        buffer_release(&sitemap->xml);
        http_set_header(sitemap->exchange, "Retry-After", "1");
        http_problem(sitemap->exchange, 503, "unavailable", NULL, "try again in a moment");
        return;
    }
    const char *base = flow_of(sitemap->exchange)->gateway->options.public_url;
    json_t *items = json_object_get(page, "items"), *wine;
    size_t i;
    json_array_foreach(items, i, wine)
    {
        const char *id = json_text_or(wine, "id", "");
        if (!id_valid(id) || sitemap->count++ >= SITEMAP_MAX)
            continue;
        buffer_printf(&sitemap->xml, "<url><loc>%s/wines/%s</loc></url>\n", base, id);
        memcpy(sitemap->after, id, ID_SIZE);
    }
    if (json_array_size(items) == SITEMAP_PAGE && sitemap->count < SITEMAP_MAX)
        sitemap_ask(sitemap);
    else
        sitemap_finish(sitemap);
}

static void sitemap_ask(struct sitemap *sitemap)
{
    char path[128];
    snprintf(
        path, sizeof(path), "/internal/wines/all?after=%s&limit=%d", sitemap->after, SITEMAP_PAGE);
    upstream_call(flow_of(sitemap->exchange)->gateway->options.product,
        &(struct upstream_call){
            .method = HTTP_GET, .path = path, .done = sitemap_answered, .ctx = sitemap});
}

void page_sitemap(struct gateway *gateway, struct exchange *exchange)
{
    struct sitemap *sitemap = arena_new_struct(exchange->arena, struct sitemap);
    sitemap->exchange = exchange;
    buffer_printf(&sitemap->xml,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
        "<url><loc>%s/</loc></url>\n<url><loc>%s/wines</loc></url>\n",
        gateway->options.public_url, gateway->options.public_url);
    sitemap_ask(sitemap);
}
