#include "list_query.h"

#include "exchange.h"
#include "text.h"

#include <string.h>

#define DEFAULT_LIMIT 12
#define MAX_REGION 8
#define MAX_TYPES 20

static const char *const lists[LIST_QUERY_LISTS] = {
    [MODEL_PERSONAL] = "personal",
    [MODEL_BASKET_OF] = "basket",
    [MODEL_BUY_AGAIN] = "buy_again",
};

const char *list_query_name(enum model_list list)
{
    return lists[list];
}

static bool read_list(struct exchange *exchange, struct model_query *query)
{
    const char *name = http_query(exchange, "list");
    if (!name)
        return true;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        if (strcmp(name, lists[i]) == 0) {
            query->list = (enum model_list)i;
            return true;
        }
    }
    http_problem(exchange, 422, "invalid_field", "list", "must be personal, basket or buy_again");
    return false;
}

static bool read_types(struct exchange *exchange, struct model_query *query)
{
    int values = 0;
    for (size_t i = 0; i < exchange->request.query_count; i++) {
        const struct http_pair *pair = &exchange->request.query[i];
        if (strcmp(pair->name, "type") != 0)
            continue;
        if (++values > MAX_TYPES) {
            http_problem(exchange, 422, "invalid_field", "type", "at most %d values", MAX_TYPES);
            return false;
        }
        unsigned char type = catalogue_type(pair->value);
        if (!type) {
            http_problem(exchange, 422, "invalid_field", "type",
                "must be Red, White, Rosé, Sparkling, Dessert or Fortified");
            return false;
        }
        query->types |= 1u << type;
    }
    return true;
}

static bool read_numbers(struct exchange *exchange, struct model_query *query)
{
    int64_t limit = DEFAULT_LIMIT;
    struct error error = {0};
    if (http_query_int(exchange, "limit", 1, MODEL_MAX_LIST, &limit, &error) < 0 ||
        http_query_int(exchange, "min_price", 0, INT64_MAX, &query->min_price, &error) < 0 ||
        http_query_int(exchange, "max_price", 0, INT64_MAX, &query->max_price, &error) < 0) {
        http_fail(exchange, &error);
        return false;
    }
    query->limit = (size_t)limit;
    if (query->max_price >= query->min_price)
        return true;
    http_problem(exchange, 422, "invalid_field", "max_price", "must not be below min_price");
    return false;
}

static bool is_country(const char *text)
{
    return text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z' && !text[2];
}

static bool read_place(struct exchange *exchange, struct list_query *query)
{
    const char *region = http_query(exchange, "region");
    query->country = http_query(exchange, "country");
    query->region = region ? region : "";
    if (query->country && !is_country(query->country)) {
        http_problem(
            exchange, 422, "invalid_field", "country", "must be two capital letters, such as DE");
        return false;
    }
    if (!region)
        return true;
    size_t length = utf8_length(region);
    if (!query->country || length < 1 || length > MAX_REGION) {
        http_problem(exchange, 422, "invalid_field", "region",
            "must be 1 to %d characters, such as CA, beside a country", MAX_REGION);
        return false;
    }
    return true;
}

bool list_query_read(struct exchange *exchange, int64_t now_ms, struct list_query *query)
{
    const struct identity *who = &exchange->request.identity;
    *query = (struct list_query){
        .model = {.shopper = *who->user ? who->user : who->guest,
            .now_ms = now_ms,
            .max_price = INT64_MAX},
    };
    return read_list(exchange, &query->model) && read_types(exchange, &query->model) &&
           read_numbers(exchange, &query->model) && read_place(exchange, query);
}
