#include "index.h"

#include "arena.h"
#include "json.h"
#include "log.h"
#include "search.h"
#include "store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define ACKNOWLEDGE_ROWS 4096 /* each costs a synced commit */
#define LOAD_BATCH 256
#define RETRY_SECONDS 2
#define PATIENCE 3 /* failures of the engine in a row before its files are given up */

struct product_index {
    struct product_store *store;
    struct search *search;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;    /* the thread has something to do */
    pthread_cond_t changed; /* the thread did something */
    bool running, stopping, woken, idle, rebuild_wanted, failed;
    int64_t attempts;              /* rebuilds ended, well or not */
    struct error error;            /* of the last failure */
    int64_t done, total;           /* of the rebuild */
    int64_t drained, acknowledged; /* the thread's: seqs of pending rows */
};

/* ---- documents ---- */

static size_t texts_of(struct arena *arena, const json_t *list, const char *const **out)
{
    size_t count = json_array_size(list);
    const char **texts = arena_new_array(arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    *out = texts;
    return count;
}

/* The texts are borrowed from `json`, which must outlive the document. */
static void fill_document(struct arena *arena, const struct product_wine *wine, const json_t *json,
    struct search_document *document)
{
    memset(document, 0, sizeof(*document));
    document->id = wine->id;
    document->group_id = json_text_or(json, "group_id", NULL);
    document->name = json_text_or(json, "name", NULL);
    document->winery = json_text_or(json, "winery", NULL);
    document->type = json_text_or(json, "type", NULL);
    document->country = json_text_or(json, "country", NULL);
    document->region = json_text_or(json, "region", NULL);
    document->appellation = json_text_or(json, "appellation", NULL);
    document->notes = json_text_or(json, "notes", NULL);
    document->sku = json_text_or(json, "sku", NULL);
    document->grape_count = texts_of(arena, json_object_get(json, "grapes"), &document->grapes);
    document->pairing_count =
        texts_of(arena, json_object_get(json, "pairings"), &document->pairings);
    document->vintage = (int)json_int_or(json, "vintage", 0);
    document->price = json_int_or(json_object_get(json, "price"), "amount", 0);
    document->available = (int)wine->available;
    document->rating_sum = (double)wine->halves / 2;
    document->rating_count = (int)wine->ratings;
    document->created_seq = wine->row;
    document->version = (uint64_t)wine->revision;
}

struct batch {
    struct product_wine *wines;
    size_t count;
    struct search_document *documents;
    json_t **trees;
    int rc;
    struct error error;
};

static void batch_read(
    void *ctx, int rc, const struct error *error, struct product_wine *wines, size_t count)
{
    struct batch *batch = ctx;
    batch->wines = wines;
    batch->count = count;
    batch->rc = rc;
    batch->error = *error;
}

static void batch_parse(struct arena *arena, struct batch *batch)
{
    batch->documents = arena_new_array(arena, batch->count + 1, struct search_document);
    batch->trees = arena_new_array(arena, batch->count + 1, json_t *);
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct product_wine *wine = &batch->wines[i];
        if (!wine->row || wine->withdrawn ||
            json_read_object(wine->json, wine->length, &batch->trees[kept], &batch->error) < 0)
            continue;
        fill_document(arena, wine, batch->trees[kept], &batch->documents[kept]);
        kept++;
    }
    batch->count = kept;
}

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        json_decref(batch->trees[i]);
}

/* Stock and ratings may have changed between our reading and our putting, and their callbacks have
 * told the search before the put did. Reading again until what we put is what is stored settles it:
 * a change after the last reading tells the search itself, later than we did. */
static int settle_numbers(
    struct product_index *index, struct arena *arena, struct batch *batch, struct error *error)
{
    const char **ids = arena_new_array(arena, batch->count + 1, const char *);
    bool again = batch->count > 0;
    for (size_t i = 0; i < batch->count; i++)
        ids[i] = batch->documents[i].id;
    while (again) {
        struct batch now = {0};
        product_store_get(index->store, arena, ids, batch->count, PRODUCT_BRIEF, batch_read, &now);
        if (now.rc < 0) {
            *error = now.error;
            return now.rc;
        }
        again = false;
        for (size_t i = 0; i < batch->count; i++) {
            struct search_document *put = &batch->documents[i];
            const struct product_wine *wine = &now.wines[i];
            if (put->available != (int)wine->available) {
                put->available = (int)wine->available;
                search_set_stock(index->search, put->id, put->available, NULL);
                again = true;
            }
            if (put->rating_count != (int)wine->ratings ||
                put->rating_sum != (double)wine->halves / 2) {
                put->rating_sum = (double)wine->halves / 2;
                put->rating_count = (int)wine->ratings;
                search_set_rating(index->search, put->id, put->rating_sum, put->rating_count, NULL);
                again = true;
            }
        }
    }
    return 0;
}

/* ---- draining ---- */

struct drain {
    const char **ids;
    char texts[BATCH][ID_SIZE];
    size_t count;
    int64_t upto;
    int rc;
    struct error error;
};

static void got_pending(void *ctx, int rc, const struct error *error,
    const struct product_pending *pending, size_t count)
{
    struct drain *drain = ctx;
    drain->rc = rc;
    drain->error = *error;
    for (size_t i = 0; i < count; i++) {
        drain->upto = pending[i].seq;
        bool seen = false;
        for (size_t j = 0; !seen && j < drain->count; j++)
            seen = strcmp(drain->texts[j], pending[i].id) == 0;
        if (!seen)
            memcpy(drain->texts[drain->count++], pending[i].id, ID_SIZE);
    }
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc;
    struct error error;
};

static void waited(void *ctx, int rc, const struct error *error)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    waiter->rc = rc;
    waiter->error = *error;
    waiter->done = true;
    pthread_cond_signal(&waiter->finished);
    pthread_mutex_unlock(&waiter->lock);
}

static int acknowledge(struct product_index *index, int64_t upto, struct error *error)
{
    struct waiter waiter = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER};
    product_store_pending_done(index->store, upto, waited, &waiter);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.finished, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (waiter.rc < 0)
        *error = waiter.error;
    return waiter.rc;
}

static int put_wines(
    struct product_index *index, struct arena *arena, struct drain *drain, struct error *error)
{
    struct batch batch = {0};
    const char **ids = arena_new_array(arena, drain->count, const char *);
    const char **gone = arena_new_array(arena, drain->count, const char *);
    size_t gone_count = 0;
    for (size_t i = 0; i < drain->count; i++)
        ids[i] = drain->texts[i];
    product_store_get(index->store, arena, ids, drain->count, PRODUCT_PUBLIC, batch_read, &batch);
    if (batch.rc < 0) {
        *error = batch.error;
        return batch.rc;
    }
    for (size_t i = 0; i < batch.count; i++) {
        if (batch.wines[i].row && batch.wines[i].withdrawn)
            gone[gone_count++] = batch.wines[i].id;
    }
    batch_parse(arena, &batch);
    int rc = gone_count ? search_remove(index->search, gone, gone_count, error) : 0;
    if (rc == 0 && batch.count)
        rc = search_put(index->search, batch.documents, batch.count, error);
    if (rc == 0)
        rc = settle_numbers(index, arena, &batch, error);
    batch_release(&batch);
    return rc;
}

/* One batch: 1 when there was something, 0 when nothing is pending. */
static int drain_some(struct product_index *index, struct arena *arena, struct error *error)
{
    struct drain drain = {0};
    product_store_pending(index->store, index->drained, BATCH, got_pending, &drain);
    int rc = drain.rc;
    if (rc < 0)
        *error = drain.error;
    else if (drain.count > 0)
        rc = put_wines(index, arena, &drain, error);
    if (rc < 0)
        return rc;
    if (drain.count > 0) {
        pthread_mutex_lock(&index->lock);
        index->drained = drain.upto;
        pthread_mutex_unlock(&index->lock);
    }
    int64_t waiting = index->drained - index->acknowledged;
    if (waiting > ACKNOWLEDGE_ROWS || (waiting > 0 && drain.count == 0)) {
        rc = acknowledge(index, index->drained, error);
        if (rc == 0)
            index->acknowledged = index->drained;
    }
    return rc < 0 ? rc : drain.count > 0;
}

/* ---- rebuilding ---- */

typedef int batch_fn(
    struct product_index *index, struct arena *arena, struct batch *batch, struct error *error);

static bool is_stopping(struct product_index *index)
{
    pthread_mutex_lock(&index->lock);
    bool stopping = index->stopping;
    pthread_mutex_unlock(&index->lock);
    return stopping;
}

static int load_batch(
    struct product_index *index, struct arena *arena, struct batch *batch, struct error *error)
{
    int rc = search_load(index->search, batch->documents, batch->count, error);
    return rc < 0 ? rc : settle_numbers(index, arena, batch, error);
}

static int put_batch(
    struct product_index *index, struct arena *arena, struct batch *batch, struct error *error)
{
    int rc = search_put(index->search, batch->documents, batch->count, error);
    pthread_mutex_lock(&index->lock);
    index->done += (int64_t)batch->count;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    return rc < 0 ? rc : settle_numbers(index, arena, batch, error);
}

/* Every wine for sale, in batches. ERROR_UNAVAILABLE when the service is stopping. */
static int each_batch(struct product_index *index, batch_fn *fn, struct error *error)
{
    struct arena *arena = arena_new();
    char after[ID_SIZE] = "";
    int rc = 0;
    for (;;) {
        if (is_stopping(index)) {
            rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "stopping");
            break;
        }
        struct batch batch = {0};
        arena_clear(arena);
        product_store_scan(index->store, arena, after, LOAD_BATCH, batch_read, &batch);
        if (batch.rc < 0 || batch.count == 0) {
            *error = batch.error;
            rc = batch.rc;
            break;
        }
        memcpy(after, batch.wines[batch.count - 1].id, ID_SIZE);
        batch_parse(arena, &batch);
        rc = fn(index, arena, &batch, error);
        batch_release(&batch);
        if (rc < 0)
            break;
    }
    arena_free(arena);
    return rc;
}

static int rebuild(struct product_index *index, struct error *error)
{
    struct product_totals totals = {0};
    int rc = product_store_totals(index->store, &totals, error);
    pthread_mutex_lock(&index->lock);
    index->done = 0;
    index->total = totals.wines;
    pthread_mutex_unlock(&index->lock);
    if (rc == 0)
        rc = search_rebuild(index->search, error);
    if (rc == 0)
        rc = each_batch(index, load_batch, error);
    if (rc == 0) {
        search_loaded(index->search);
        rc = each_batch(index, put_batch, error);
    }
    return rc < 0 ? rc : search_rebuilt(index->search, error);
}

/* ---- the thread ---- */

static bool in_step(struct product_index *index)
{
    struct product_totals totals;
    struct error error;
    if (product_store_totals(index->store, &totals, &error) < 0)
        return true;
    return search_ready(index->search) &&
           search_position(index->search) == (uint64_t)totals.position;
}

/* Does what there is to do; negative when it has to be tried again later. */
static int work(struct product_index *index, bool rebuild_wanted, struct error *error)
{
    struct arena *arena = arena_new();
    int rc = rebuild_wanted ? rebuild(index, error) : 0;
    if (rc == 0 && rebuild_wanted)
        log_write(LOG_INFO, "product", NULL, "search index rebuilt: %zu wines",
            search_count(index->search));
    while (rc >= 0 && (rc = drain_some(index, arena, error)) > 0) {
        arena_clear(arena);
        pthread_mutex_lock(&index->lock);
        pthread_cond_broadcast(&index->changed);
        pthread_mutex_unlock(&index->lock);
    }
    arena_free(arena);
    return rc;
}

/* Waits for work, or after a failure for a while. False when it is time to stop. */
static bool await_work(struct product_index *index, bool failed)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RETRY_SECONDS;
    while (!index->stopping && (failed || !index->woken)) {
        if (!failed)
            pthread_cond_wait(&index->wake, &index->lock);
        else if (pthread_cond_timedwait(&index->wake, &index->lock, &until) != 0)
            break;
    }
    return !index->stopping || index->woken;
}

static void *index_loop(void *argument)
{
    struct product_index *index = argument;
    pthread_setname_np(pthread_self(), "search-index");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 5);
    bool failed = false;
    int failures = 0;
    pthread_mutex_lock(&index->lock);
    while (await_work(index, failed)) {
        bool wanted = index->rebuild_wanted;
        bool stopping = index->stopping;
        index->woken = false;
        index->idle = false;
        pthread_mutex_unlock(&index->lock);
        struct error error = {0};
        int rc = work(index, wanted, &error);
        failed = rc < 0;
        failures = rc == ERROR_INTERNAL ? failures + 1 : 0;
        if (failed && !stopping && !is_stopping(index))
            log_write(LOG_ERROR, "product", NULL, "the search index cannot be written: %s",
                error.message);
        pthread_mutex_lock(&index->lock);
        index->failed = failed;
        index->attempts += wanted;
        if (failed)
            index->error = error;
        index->idle = !index->woken;
        if (failures == PATIENCE)
            index->rebuild_wanted = true;
        if (!failed && wanted)
            index->rebuild_wanted = false;
        pthread_cond_broadcast(&index->changed);
        if (failed && index->stopping)
            break;
    }
    index->running = false;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    return NULL;
}

/* ---- the outside ---- */

struct product_index *index_new(struct product_store *store, struct search *search)
{
    struct product_index *index = calloc(1, sizeof(*index));
    if (!index)
        abort();
    index->store = store;
    index->search = search;
    pthread_mutex_init(&index->lock, NULL);
    pthread_cond_init(&index->wake, NULL);
    pthread_cond_init(&index->changed, NULL);
    return index;
}

void index_free(struct product_index *index)
{
    if (!index)
        return;
    pthread_cond_destroy(&index->changed);
    pthread_cond_destroy(&index->wake);
    pthread_mutex_destroy(&index->lock);
    free(index);
}

int index_start(struct product_index *index, struct error *error)
{
    index->rebuild_wanted = !in_step(index);
    /* At once, not when the thread comes to it: until then the old index would answer, perhaps an
     * empty one. */
    if (index->rebuild_wanted)
        search_rebuild(index->search, NULL);
    index->woken = true;
    index->running = true;
    if (pthread_create(&index->thread, NULL, index_loop, index) == 0)
        return 0;
    index->running = false;
    return error_set(error, ERROR_INTERNAL, NULL, NULL, "no thread to index with");
}

bool index_stop(struct product_index *index)
{
    pthread_mutex_lock(&index->lock);
    bool started = index->running;
    index->stopping = true;
    index->woken = true;
    pthread_cond_broadcast(&index->wake);
    pthread_mutex_unlock(&index->lock);
    if (started)
        pthread_join(index->thread, NULL);
    return started && !index->failed && !index->rebuild_wanted && search_ready(index->search);
}

void index_wake(struct product_index *index)
{
    pthread_mutex_lock(&index->lock);
    index->woken = true;
    pthread_cond_signal(&index->wake);
    pthread_mutex_unlock(&index->lock);
}

static int64_t pending_now(struct product_index *index)
{
    struct product_totals totals = {0};
    struct error error;
    product_store_totals(index->store, &totals, &error);
    pthread_mutex_lock(&index->lock);
    int64_t waiting = totals.pending - index->drained;
    pthread_mutex_unlock(&index->lock);
    return waiting > 0 ? waiting : 0;
}

bool index_wait(
    struct product_index *index, void (*progress)(void *ctx, int64_t waiting), void *ctx)
{
    index_wake(index);
    pthread_mutex_lock(&index->lock);
    while (index->running && !index->failed && (index->woken || !index->idle)) {
        pthread_cond_wait(&index->changed, &index->lock);
        pthread_mutex_unlock(&index->lock);
        if (progress)
            progress(ctx, pending_now(index));
        pthread_mutex_lock(&index->lock);
    }
    bool good = index->running && !index->failed;
    pthread_mutex_unlock(&index->lock);
    return good;
}

int index_rebuild(struct product_index *index, bool wait,
    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct error *error)
{
    pthread_mutex_lock(&index->lock);
    int64_t before = index->attempts;
    int rc = 0;
    index->rebuild_wanted = true;
    index->woken = true;
    pthread_cond_signal(&index->wake);
    while (wait && index->running && index->attempts == before) {
        pthread_cond_wait(&index->changed, &index->lock);
        if (progress)
            progress(ctx, index->done, index->total);
    }
    if (!index->running) {
        rc = error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "the index is not being kept");
    } else if (wait && index->failed) {
        rc = index->error.code;
        *error = index->error;
    }
    pthread_mutex_unlock(&index->lock);
    return rc;
}
