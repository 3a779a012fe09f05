/* The memory engine: plain arrays, for tests. Reads, and what the writes share. */
#include "store_memory.h"

#include "outbox_memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_grow(void *array, size_t count, size_t size)
{
    /* Doubles at the powers of two. */
    if (count & (count - 1))
        return array;
    array = realloc(array, (count ? count * 2 : 1) * size);
    if (!array)
        abort();
    return array;
}

char *memory_strdup(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

void memory_replace(char **slot, const char *text)
{
    char *copy = memory_strdup(text);
    free(*slot);
    *slot = copy;
}

struct memory_wine *memory_find(struct store_memory *store, const char *id)
{
    for (size_t i = 0; i < store->wine_count; i++) {
        if (strcmp(store->wines[i].wine.id, id) == 0)
            return &store->wines[i];
    }
    return NULL;
}

struct memory_wine *memory_find_sku(struct store_memory *store, const char *sku)
{
    for (size_t i = 0; i < store->wine_count; i++) {
        if (strcmp(store->wines[i].sku, sku) == 0)
            return &store->wines[i];
    }
    return NULL;
}

struct memory_wine *memory_need(struct store_memory *store, const char *id, struct error *error)
{
    struct memory_wine *wine = memory_find(store, id);
    if (!wine)
        error_set(error, ERROR_NOT_FOUND, NULL, NULL, "there is no such wine");
    return wine;
}

void memory_put_event(struct store_memory *store, const struct product_event *event)
{
    struct outbox_item item = {.target = "stream",
        .key = event->wine_id,
        .id = event->id,
        .body = store->scratch.data,
        .length = store->scratch.length};
    store->position = outbox_memory_put(store->outbox, &item);
}

void memory_put_pending(struct store_memory *store, const struct memory_wine *wine)
{
    store->pending = memory_grow(store->pending, store->pending_count, sizeof(*store->pending));
    struct product_pending *pending = &store->pending[store->pending_count++];
    pending->seq = ++store->last_pending;
    memcpy(pending->id, wine->wine.id, ID_SIZE);
}

void memory_commit(struct store_memory *store)
{
    pthread_mutex_unlock(&store->lock);
    if (store->source)
        relay_wake(store->source);
}

/* ---- reads ---- */

static const char *group_key_of(const struct store_memory *store, const char *group_id)
{
    for (size_t i = 0; i < store->group_count; i++) {
        if (strcmp(store->groups[i].id, group_id) == 0)
            return store->groups[i].key;
    }
    return "";
}

static void read_wine(struct store_memory *store, struct arena *arena,
    const struct memory_wine *from, enum product_detail detail, struct product_wine *to)
{
    const char *stored = detail == PRODUCT_BRIEF ? from->brief : from->doc;
    *to = from->wine;
    to->group_key = arena_strdup(arena, group_key_of(store, from->group_id));
    document_splice(arena, to, detail, stored, strlen(stored));
}

static void memory_get(struct product_store *base, struct arena *arena, const char *const *ids,
    size_t count, enum product_detail detail, product_wines_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, count ? count : 1, struct product_wine);
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < count; i++) {
        const struct memory_wine *wine = memory_find(store, ids[i]);
        if (wine)
            read_wine(store, arena, wine, detail, &wines[i]);
    }
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error, wines, count);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(
        (*(struct memory_wine *const *)a)->wine.id, (*(struct memory_wine *const *)b)->wine.id);
}

static void memory_scan(struct product_store *base, struct arena *arena, const char *after,
    size_t max, product_wines_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, max, struct product_wine);
    pthread_mutex_lock(&store->lock);
    struct memory_wine **found =
        arena_new_array(arena, store->wine_count + 1, struct memory_wine *);
    size_t count = 0;
    for (size_t i = 0; i < store->wine_count; i++) {
        struct memory_wine *wine = &store->wines[i];
        if (!wine->wine.withdrawn && strcmp(wine->wine.id, after) > 0)
            found[count++] = wine;
    }
    qsort(found, count, sizeof(*found), compare_ids);
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++)
        read_wine(store, arena, found[i], PRODUCT_PUBLIC, &wines[i]);
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error, wines, count);
}

static void memory_vintages(struct product_store *base, struct arena *arena, const char *id,
    product_wines_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, PRODUCT_MAX_VINTAGES, struct product_wine);
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    const struct memory_wine *asked = memory_find(store, id);
    for (size_t i = 0; asked && i < store->wine_count && count < PRODUCT_MAX_VINTAGES; i++) {
        const struct memory_wine *wine = &store->wines[i];
        if (!wine->wine.withdrawn && strcmp(wine->group_id, asked->group_id) == 0)
            read_wine(store, arena, wine, PRODUCT_PUBLIC, &wines[count++]);
    }
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error, wines, count);
}

static int memory_totals(
    struct product_store *base, struct product_totals *totals, struct error *error)
{
    struct store_memory *store = memory_of(base);
    (void)error;
    pthread_mutex_lock(&store->lock);
    totals->wines = (int64_t)store->wine_count;
    totals->pending = store->pending_count ? store->pending[store->pending_count - 1].seq : 0;
    totals->position = store->position;
    pthread_mutex_unlock(&store->lock);
    return 0;
}

/* ---- the back office's list ---- */

static bool matches(const struct memory_wine *wine, const struct product_list_query *query)
{
    for (size_t i = 0; i < query->word_count; i++) {
        if (!strstr(wine->words, query->words[i]))
            return false;
    }
    return true;
}

static int64_t number_key(const struct memory_wine *wine, enum product_list_sort sort)
{
    return sort == PRODUCT_BY_PRICE       ? wine->price
           : sort == PRODUCT_BY_AVAILABLE ? wine->wine.available
                                          : 0;
}

static int compare_listed(const void *a, const void *b, void *ctx)
{
    const struct memory_wine *left = *(struct memory_wine *const *)a;
    const struct memory_wine *right = *(struct memory_wine *const *)b;
    const struct product_list_query *query = ctx;
    int64_t order = query->sort == PRODUCT_BY_NAME
                        ? strcmp(left->name_key, right->name_key)
                        : number_key(left, query->sort) - number_key(right, query->sort);
    if (order == 0)
        order = left->wine.row - right->wine.row;
    int sign = (order > 0) - (order < 0);
    return query->descending ? -sign : sign;
}

static void memory_list(struct product_store *base, struct arena *arena,
    const struct product_list_query *query, product_list_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_wine *wines = arena_new_array(arena, query->limit, struct product_wine);
    pthread_mutex_lock(&store->lock);
    struct memory_wine **found =
        arena_new_array(arena, store->wine_count + 1, struct memory_wine *);
    size_t total = 0, first = 0, count = 0;
    for (size_t i = 0; i < store->wine_count; i++) {
        if (matches(&store->wines[i], query))
            found[total++] = &store->wines[i];
    }
    qsort_r(found, total, sizeof(*found), compare_listed, (void *)query);
    struct memory_wine *last = query->after ? memory_find(store, query->after) : NULL;
    while (last && first < total && compare_listed(&found[first], &last, (void *)query) <= 0)
        first++;
    for (; count < query->limit && first + count < total; count++)
        read_wine(store, arena, found[first + count], PRODUCT_PUBLIC, &wines[count]);
    pthread_mutex_unlock(&store->lock);
    int rc = query->after && !last ? error_set(&error, ERROR_INVALID, "malformed_parameter",
                                         "cursor", "is not one that this list gave")
                                   : 0;
    done(ctx, rc, &error, wines, rc < 0 ? 0 : count, (int64_t)total, first + count < total);
}

/* ---- what the search has yet to hear ---- */

static void memory_pending(
    struct product_store *base, int64_t after, size_t max, product_pending_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_pending *pending = calloc(max, sizeof(*pending));
    if (!pending)
        abort();
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->pending_count && count < max; i++) {
        if (store->pending[i].seq > after)
            pending[count++] = store->pending[i];
    }
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error, pending, count);
    free(pending);
}

static void memory_pending_done(
    struct product_store *base, int64_t upto, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    size_t kept = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->pending_count; i++) {
        if (store->pending[i].seq > upto)
            store->pending[kept++] = store->pending[i];
    }
    /* memory_grow goes by the count, so the array is made anew when it shrinks. */
    struct product_pending *left = calloc(kept ? kept * 2 : 1, sizeof(*left));
    if (!left)
        abort();
    memcpy(left, store->pending, kept * sizeof(*left));
    free(store->pending);
    store->pending = NULL;
    store->pending_count = 0;
    for (size_t i = 0; i < kept; i++) {
        store->pending = memory_grow(store->pending, i, sizeof(*left));
        store->pending[i] = left[i];
    }
    store->pending_count = kept;
    free(left);
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error);
}

/* ---- life ---- */

static void memory_attach_relay(struct product_store *base, struct relay *relay)
{
    struct store_memory *store = memory_of(base);
    struct relay_source_config config = outbox_memory_source(store->outbox, "product");
    store->source = relay_add_source(relay, &config);
}

static void wine_release(struct memory_wine *wine)
{
    free(wine->sku);
    free(wine->name_key);
    free(wine->words);
    free(wine->brief);
    free(wine->doc);
    free(wine->images);
}

static void memory_close(struct product_store *base)
{
    struct store_memory *store = memory_of(base);
    for (size_t i = 0; i < store->wine_count; i++)
        wine_release(&store->wines[i]);
    for (size_t i = 0; i < store->group_count; i++)
        free(store->groups[i].key);
    for (size_t i = 0; i < store->rating_count; i++)
        free(store->ratings[i].note);
    for (size_t i = 0; i < store->upload_count; i++)
        free(store->uploads[i].reason);
    for (size_t i = 0; i < store->reservation_count; i++)
        free(store->reservations[i].lines);
    free(store->wines);
    free(store->groups);
    free(store->ratings);
    free(store->forgotten);
    free(store->uploads);
    free(store->reservations);
    free(store->applied);
    free(store->pending);
    buffer_release(&store->scratch);
    outbox_memory_free(store->outbox);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static const struct product_store_ops memory_ops = {
    .get = memory_get,
    .vintages = memory_vintages,
    .scan = memory_scan,
    .list = memory_list,
    .totals = memory_totals,
    .put = memory_put_wine,
    .withdraw = memory_withdraw,
    .reserve = memory_reserve,
    .settle = memory_settle,
    .change_stock = memory_change_stock,
    .rate = memory_rate,
    .ratings = memory_ratings,
    .forget = memory_forget,
    .add_upload = memory_add_upload,
    .finish_upload = memory_finish_upload,
    .clear_images = memory_clear_images,
    .uploads = memory_uploads,
    .import = memory_import,
    .pending = memory_pending,
    .pending_done = memory_pending_done,
    .attach_relay = memory_attach_relay,
    .close = memory_close,
};

struct product_store *product_store_memory_new(void)
{
    struct store_memory *store = calloc(1, sizeof(*store));
    if (!store)
        abort();
    store->base.ops = &memory_ops;
    store->outbox = outbox_memory_new();
    pthread_mutex_init(&store->lock, NULL);
    return &store->base;
}
