/* The readable content of pages: plain, complete, and replaced by the script when it runs. */
#include "internal.h"
#include "money.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static void append_title(
    const struct gateway *gateway, struct page *page, const char *title, const char *description)
{
    struct buffer *head = &page->head;
    buffer_append_text(head, "<title>");
    if (title) {
        buffer_append_html(head, title);
        buffer_append_text(head, " · ");
    }
    buffer_append_html(head, gateway->options.shop_name);
    buffer_append_text(head, "</title>");
    if (!description)
        return;
    buffer_append_text(head, "<meta name=\"description\" content=\"");
    buffer_append_html(head, description);
    buffer_append_text(head, "\"><meta property=\"og:title\" content=\"");
    buffer_append_html(head, title ? title : gateway->options.shop_name);
    buffer_append_text(head, "\"><meta property=\"og:description\" content=\"");
    buffer_append_html(head, description);
    buffer_append_text(head, "\">");
}

static void append_canonical(const struct gateway *gateway, struct page *page, const char *path)
{
    buffer_append_text(&page->head, "<link rel=\"canonical\" href=\"");
    buffer_append_html(&page->head, gateway->options.public_url);
    buffer_append_html(&page->head, path);
    buffer_append_text(&page->head, "\">");
}

/* JSON inside a script element: '<' only occurs within strings, where an escape means the same. */
static void append_data(struct buffer *out, const char *json)
{
    buffer_append_text(out, "<script type=\"application/json\" id=\"initial-data\">");
    for (;;) {
        size_t plain = strcspn(json, "<");
        buffer_append(out, json, plain);
        json += plain;
        if (!*json)
            break;
        buffer_append_text(out, "\\u003c");
        json++;
    }
    buffer_append_text(out, "</script>");
}

void content_title(const struct gateway *gateway, const char *title, struct page *page)
{
    append_title(gateway, page, title, NULL);
}

void content_home(const struct gateway *gateway, struct page *page)
{
    append_title(gateway, page, NULL,
        "Wines for tonight, for a present and for the cellar: described honestly, shipped well.");
    append_canonical(gateway, page, "/");
    buffer_append_text(&page->head, "<script type=\"application/ld+json\">"
                                    "{\"@context\":\"https://schema.org\",\"@type\":\"Store\","
                                    "\"name\":");
    buffer_append_json(&page->head, gateway->options.shop_name);
    buffer_append_text(&page->head, ",\"url\":");
    buffer_append_json(&page->head, gateway->options.public_url);
    buffer_append_text(&page->head, "}</script>");
    buffer_append_text(&page->content, "<main><h1>");
    buffer_append_html(&page->content, gateway->options.shop_name);
    buffer_append_text(&page->content, "</h1><p><a href=\"/wines\">All wines</a></p></main>");
}

static void append_name(struct buffer *out, const json_t *wine)
{
    buffer_append_html(out, json_text_or(wine, "winery", ""));
    buffer_append_char(out, ' ');
    buffer_append_html(out, json_text_or(wine, "name", ""));
    buffer_append_char(out, ' ');
    int64_t vintage = json_int_or(wine, "vintage", 0);
    if (vintage)
        buffer_append_int(out, vintage);
    else
        buffer_append_text(out, "NV");
}

static const char *price_text(const json_t *wine, char *text, size_t size)
{
    const json_t *price = json_object_get(wine, "price");
    char amount[24];
    money_format(json_int_or(price, "amount", 0), amount);
    snprintf(text, size, "%s %s", amount, json_text_or(price, "currency", ""));
    return text;
}

static void append_link(struct buffer *out, const json_t *wine)
{
    char price[40];
    buffer_append_text(out, "<li><a href=\"/wines/");
    buffer_append_html(out, json_text_or(wine, "id", ""));
    buffer_append_text(out, "\">");
    append_name(out, wine);
    buffer_append_text(out, "</a>, ");
    buffer_append_html(out, json_text_or(wine, "region", ""));
    buffer_append_text(out, ", ");
    buffer_append_html(out, json_text_or(wine, "country", ""));
    buffer_printf(out, ", %s</li>", price_text(wine, price, sizeof(price)));
}

void content_list(const struct gateway *gateway, const struct http_request *request,
    const json_t *list, const char *raw, struct page *page)
{
    const char *query = NULL;
    for (size_t i = 0; i < request->query_count && !query; i++) {
        if (strcmp(request->query[i].name, "q") == 0 && *request->query[i].value)
            query = request->query[i].value;
    }
    CLEANUP_BUFFER struct buffer title = BUFFER_INIT;
    char description[200];
    buffer_append_text(&title, "Wines");
    if (query)
        buffer_printf(&title, " for “%s”", query);
    snprintf(description, sizeof(description),
        "%lld wines to choose from, with region, grape and price.",
        (long long)json_int_or(list, "total", 0));
    append_title(gateway, page, title.data, description);
    if (request->query_count == 0)
        append_canonical(gateway, page, "/wines");
    else
        buffer_append_text(&page->head, "<meta name=\"robots\" content=\"noindex,follow\">");
    buffer_append_text(&page->content, "<main><h1>");
    buffer_append_html(&page->content, title.data);
    buffer_append_text(&page->content, "</h1><ul>");
    size_t i;
    json_t *wine;
    json_array_foreach(json_object_get(list, "items"), i, wine) append_link(&page->content, wine);
    buffer_append_text(&page->content, "</ul></main>");
    append_data(&page->data, raw);
}

/* schema.org/Product */
static void append_product(
    const struct gateway *gateway, const json_t *wine, const char *url, struct buffer *out)
{
    const json_t *price = json_object_get(wine, "price");
    const json_t *rating = json_object_get(wine, "rating");
    const json_t *image = json_array_get(json_object_get(wine, "images"), 0);
    char amount[24];
    buffer_append_text(out, "<script type=\"application/ld+json\">"
                            "{\"@context\":\"https://schema.org\",\"@type\":\"Product\",\"name\":");
    CLEANUP_BUFFER struct buffer name = BUFFER_INIT;
    int64_t vintage = json_int_or(wine, "vintage", 0);
    buffer_append_text(&name, json_text_or(wine, "name", ""));
    if (vintage)
        buffer_printf(&name, " %lld", (long long)vintage);
    buffer_append_json(out, name.data);
    buffer_append_text(out, ",\"sku\":");
    buffer_append_json(out, json_text_or(wine, "sku", json_text_or(wine, "id", "")));
    buffer_append_text(out, ",\"description\":");
    buffer_append_json(out, json_text_or(wine, "notes", ""));
    buffer_append_text(out, ",\"brand\":{\"@type\":\"Brand\",\"name\":");
    buffer_append_json(out, json_text_or(wine, "winery", ""));
    buffer_append_text(out, "},\"url\":");
    buffer_append_json(out, url);
    if (image) {
        buffer_append_text(out, ",\"image\":");
        CLEANUP_BUFFER struct buffer full = BUFFER_INIT;
        buffer_printf(&full, "%s%s", gateway->options.public_url, json_text_or(image, "url", ""));
        buffer_append_json(out, full.data);
    }
    buffer_printf(out,
        ",\"offers\":{\"@type\":\"Offer\",\"price\":\"%s\",\"priceCurrency\":\"%.3s\","
        "\"availability\":\"https://schema.org/%s\"}",
        money_format(json_int_or(price, "amount", 0), amount), json_text_or(price, "currency", ""),
        json_int_or(wine, "available", 0) > 0 ? "InStock" : "OutOfStock");
    if (json_int_or(rating, "count", 0) > 0)
        buffer_printf(out,
            ",\"aggregateRating\":{\"@type\":\"AggregateRating\",\"ratingValue\":%.2f,"
            "\"reviewCount\":%lld}",
            json_number_or(rating, "mean", 0), (long long)json_int_or(rating, "count", 0));
    buffer_append_text(out, "}</script>");
}

static void append_row(struct buffer *out, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    buffer_printf(out, "<dt>%s</dt><dd>", label);
    buffer_append_html(out, value);
    buffer_append_text(out, "</dd>");
}

static void append_list_row(struct buffer *out, const char *label, const json_t *values)
{
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value)
    {
        if (json_is_string(value))
            buffer_printf(&text, "%s%s", text.length ? ", " : "", json_string_value(value));
    }
    append_row(out, label, text.data);
}

static void append_wine(struct buffer *out, const json_t *wine)
{
    char price[40];
    buffer_append_text(out, "<main><h1>");
    append_name(out, wine);
    buffer_append_text(out, "</h1><p>");
    buffer_append_html(out, json_text_or(wine, "notes", ""));
    buffer_printf(out, "</p><p>%s</p><dl>", price_text(wine, price, sizeof(price)));
    append_row(out, "Type", json_text_or(wine, "type", NULL));
    append_row(out, "Region", json_text_or(wine, "region", NULL));
    append_row(out, "Country", json_text_or(wine, "country", NULL));
    append_list_row(out, "Grapes", json_object_get(wine, "grapes"));
    append_list_row(out, "Goes with", json_object_get(wine, "pairings"));
    append_row(out, "Body", json_text_or(wine, "body", NULL));
    append_row(out, "Acidity", json_text_or(wine, "acidity", NULL));
    char abv[32];
    snprintf(abv, sizeof(abv), "%.1f %% vol", json_number_or(wine, "abv", 0));
    append_row(out, "Alcohol", abv);
    append_row(out, "Stock", json_int_or(wine, "available", 0) > 0 ? "In stock" : "Sold out");
    buffer_append_text(out, "</dl><p><a href=\"/wines\">All wines</a></p></main>");
}

void content_wine(
    const struct gateway *gateway, const json_t *wine, const char *raw, struct page *page)
{
    CLEANUP_BUFFER struct buffer title = BUFFER_INIT;
    int64_t vintage = json_int_or(wine, "vintage", 0);
    buffer_printf(
        &title, "%s, %s", json_text_or(wine, "name", ""), json_text_or(wine, "winery", ""));
    if (vintage)
        buffer_printf(&title, " %lld", (long long)vintage);
    char path[64], url[512];
    snprintf(path, sizeof(path), "/wines/%s", json_text_or(wine, "id", ""));
    snprintf(url, sizeof(url), "%s%s", gateway->options.public_url, path);
    append_title(gateway, page, title.data, json_text_or(wine, "notes", ""));
    append_canonical(gateway, page, path);
    append_product(gateway, wine, url, &page->head);
    append_wine(&page->content, wine);
    append_data(&page->data, raw);
}
