#include "search.h"

#include "id.h"
#include "search_port.h"
#include "text.h"

#include <math.h>
#include <string.h>

static int invalid(struct error *error, const char *field, const char *message)
{
    return error_set(error, ERROR_INVALID, "invalid_field", field, "%s", message);
}

static int check_text(const char *q, struct error *error)
{
    if (!q)
        return 0;
    size_t length = strnlen(q, SEARCH_MAX_Q_LENGTH * 4 + 1);
    if (length > SEARCH_MAX_Q_LENGTH * 4)
        return invalid(error, "q", "Search for at most 256 characters.");
    if (!utf8_valid(q, length))
        return invalid(error, "q", "The text is not valid UTF-8.");
    if (utf8_length(q) > SEARCH_MAX_Q_LENGTH)
        return invalid(error, "q", "Search for at most 256 characters.");
    return 0;
}

static int check_filters(const struct search_query *query, struct error *error)
{
    static const char *const names[SEARCH_FACETS] = {
        "type", "country", "region", "grape", "pairing", "winery", "vintage"};
    for (size_t i = 0; i < SEARCH_FACETS; i++) {
        if (query->filters[i].count > SEARCH_MAX_FILTER_VALUES)
            return error_set(error, ERROR_INVALID, "invalid_field", names[i],
                "Give at most %d values.", SEARCH_MAX_FILTER_VALUES);
    }
    if (query->min_price < 0)
        return invalid(error, "min_price", "A price is not negative.");
    if (query->max_price < query->min_price)
        return invalid(error, "max_price", "The highest price is below the lowest.");
    if (query->limit > SEARCH_MAX_LIMIT)
        return invalid(error, "limit", "Ask for 1 to 100 wines.");
    if ((unsigned)query->sort > SEARCH_BY_NAME)
        return invalid(error, "sort", "There is no such order.");
    return 0;
}

int search_query(struct search *search, struct arena *arena, const struct search_query *query,
    struct search_result *result, struct error *error)
{
    int code = check_text(query->q, error);
    if (!code)
        code = check_filters(query, error);
    return code ? code : search->ops->query(search, arena, query, result, error);
}

int search_suggest(struct search *search, struct arena *arena, const char *typed, size_t limit,
    struct search_suggestions *result, struct error *error)
{
    if (limit < 1 || limit > SEARCH_MAX_SUGGESTIONS)
        return invalid(error, "limit", "Ask for 1 to 20 suggestions.");
    int code = check_text(typed, error);
    if (code)
        return code;
    return search->ops->suggest(search, arena, typed ? typed : "", limit, result, error);
}

static bool is_text(const char *text, size_t max)
{
    if (!text)
        return true;
    size_t length = strnlen(text, max + 1);
    return length <= max && utf8_valid(text, length);
}

static bool are_texts(const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_text(texts[i], 1000))
            return false;
    }
    return true;
}

static int check_document(const struct search_document *d, struct error *error)
{
    if (!d->id || !*d->id || !is_text(d->id, ID_LENGTH))
        return invalid(error, "id", "An id has 1 to 26 characters.");
    if (!is_text(d->group_id, ID_LENGTH))
        return invalid(error, "group_id", "An id has 1 to 26 characters.");
    if (!is_text(d->name, 4000) || !is_text(d->winery, 1000) || !is_text(d->type, 1000) ||
        !is_text(d->country, 1000) || !is_text(d->region, 1000) || !is_text(d->appellation, 1000) ||
        !is_text(d->sku, 1000) || !is_text(d->notes, 100000) ||
        !are_texts(d->grapes, d->grape_count) || !are_texts(d->pairings, d->pairing_count))
        return invalid(error, "name", "A text of the wine is too long or not valid UTF-8.");
    if (d->price < 0)
        return invalid(error, "price", "A price is not negative.");
    if (d->rating_count < 0 || !isfinite(d->rating_sum) || d->rating_sum < 0 || d->rating_sum > 1e9)
        return invalid(error, "rating", "A rating is not negative.");
    return 0;
}

static int put(struct search *search, const struct search_document *documents, size_t count,
    bool texts, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        int code = check_document(&documents[i], error);
        if (code)
            return code;
    }
    return search->ops->put(search, documents, count, texts, error);
}

int search_put(struct search *search, const struct search_document *documents, size_t count,
    struct error *error)
{
    return put(search, documents, count, /* texts= */ true, error);
}

int search_load(struct search *search, const struct search_document *documents, size_t count,
    struct error *error)
{
    return put(search, documents, count, /* texts= */ false, error);
}

int search_remove(struct search *search, const char *const *ids, size_t count, struct error *error)
{
    return search->ops->remove(search, ids, count, error);
}

int search_set_stock(struct search *search, const char *id, int available, struct error *error)
{
    return search->ops->set_stock(search, id, available, error);
}

int search_set_rating(
    struct search *search, const char *id, double rating_sum, int rating_count, struct error *error)
{
    if (rating_count < 0 || !isfinite(rating_sum) || rating_sum < 0 || rating_sum > 1e9)
        return invalid(error, "rating", "A rating is not negative.");
    return search->ops->set_rating(search, id, rating_sum, rating_count, error);
}

int search_version(struct search *search, const char *id, uint64_t *version, struct error *error)
{
    return search->ops->version(search, id, version, error);
}

int search_rebuild(struct search *search, struct error *error)
{
    return search->ops->advance(search, SEARCH_EMPTY, error);
}

void search_loaded(struct search *search)
{
    search->ops->advance(search, SEARCH_LISTS, NULL);
}

int search_rebuilt(struct search *search, struct error *error)
{
    return search->ops->advance(search, SEARCH_ANSWERS, error);
}

static enum search_status status_of(struct search *search)
{
    enum search_status status;
    size_t count;
    uint64_t position;
    search->ops->look(search, &status, &count, &position);
    return status;
}

bool search_ready(struct search *search)
{
    return status_of(search) == SEARCH_ANSWERS;
}

bool search_lists_ready(struct search *search)
{
    return status_of(search) != SEARCH_EMPTY;
}

size_t search_count(struct search *search)
{
    enum search_status status;
    size_t count;
    uint64_t position;
    search->ops->look(search, &status, &count, &position);
    return count;
}

uint64_t search_position(struct search *search)
{
    enum search_status status;
    size_t count;
    uint64_t position;
    search->ops->look(search, &status, &count, &position);
    return position;
}

void search_close(struct search *search, bool clean, uint64_t position)
{
    if (search)
        search->ops->close(search, clean, position);
}
