/* The memory engine: adding, changing, importing and withdrawing wines, and their pictures. */
#include "store_memory.h"

#include "clock.h"
#include "outbox_memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- groups: as in the SQLite engine, a wine that stands alone is its own ---- */

static struct memory_group *group_named(struct store_memory *store, const char *key)
{
    for (size_t i = 0; i < store->group_count; i++) {
        if (strcmp(store->groups[i].key, key) == 0)
            return &store->groups[i];
    }
    return NULL;
}

static void add_group(struct store_memory *store, const char *key, const char *id)
{
    store->groups = memory_grow(store->groups, store->group_count, sizeof(*store->groups));
    struct memory_group *group = &store->groups[store->group_count++];
    group->key = memory_strdup(key);
    memcpy(group->id, id, ID_SIZE);
}

static void group_by_key(struct store_memory *store, const char *key, const char *sku,
    const char *id, char group_id[ID_SIZE])
{
    bool alone = !key || !*key || strcmp(key, sku) == 0;
    const struct memory_group *group = group_named(store, alone ? sku : key);
    if (group) {
        memcpy(group_id, group->id, ID_SIZE);
        return;
    }
    if (alone) {
        memcpy(group_id, id, ID_SIZE);
        return;
    }
    const struct memory_wine *first = memory_find_sku(store, key);
    if (first && strcmp(first->group_id, first->wine.id) == 0)
        memcpy(group_id, first->wine.id, ID_SIZE);
    else
        id_new(group_id);
    add_group(store, key, group_id);
}

static int group_by_id(struct store_memory *store, const char *wanted, const char *id,
    char group_id[ID_SIZE], struct error *error)
{
    bool known = strcmp(wanted, id) == 0;
    for (size_t i = 0; !known && i < store->group_count; i++)
        known = strcmp(store->groups[i].id, wanted) == 0;
    const struct memory_wine *first = known ? NULL : memory_find(store, wanted);
    if (first && strcmp(first->group_id, first->wine.id) == 0) {
        add_group(store, first->sku, wanted);
        known = true;
    }
    if (!known)
        return error_set(error, ERROR_INVALID, NULL, "group_id", "there is no such group");
    memcpy(group_id, wanted, ID_SIZE);
    return 0;
}

/* ---- writing ---- */

static void tell(struct store_memory *store, const struct memory_wine *wine, const char *type,
    const struct trace *trace)
{
    struct product_event event = {
        .wine_id = wine->wine.id, .sequence = wine->wine.revision, .trace = trace};
    event_product(&store->scratch, &event, type, wine->doc);
    memory_put_event(store, &event);
    memory_put_pending(store, wine);
}

static void set_texts(struct memory_wine *wine, const struct product_record *record)
{
    struct buffer text = BUFFER_INIT;
    memory_replace(&wine->sku, record->sku);
    memory_replace(&wine->name_key, record->name_key);
    memory_replace(&wine->words, record->words);
    wine->price = record->price;
    document_append(&text, wine->wine.id, wine->group_id, record->body, wine->images);
    free(wine->doc);
    wine->doc = buffer_take(&text);
    document_append_brief(&text, wine->wine.id, record->brief);
    free(wine->brief);
    wine->brief = buffer_take(&text);
    wine->wine.version++;
    wine->wine.revision++;
    wine->wine.updated_ms = clock_now_ms();
}

static void insert_wine(struct store_memory *store, const struct product_record *record,
    const char *id, const char *group_id, const struct trace *trace)
{
    store->wines = memory_grow(store->wines, store->wine_count, sizeof(*store->wines));
    struct memory_wine *wine = &store->wines[store->wine_count++];
    memset(wine, 0, sizeof(*wine));
    wine->wine.row = (int64_t)store->wine_count;
    memcpy(wine->wine.id, id, ID_SIZE);
    memcpy(wine->group_id, group_id, ID_SIZE);
    wine->images = memory_strdup("[]");
    wine->wine.on_hand = wine->wine.available = record->stock;
    wine->wine.stock_version = record->stock > 0;
    wine->wine.created_ms = clock_now_ms();
    set_texts(wine, record);
    tell(store, wine, "product.created", trace);
    if (record->stock > 0) {
        struct product_event event = {.wine_id = wine->wine.id, .sequence = 1, .trace = trace};
        event_stock(&store->scratch, &event, trace ? "restock" : "import", record->stock,
            record->stock, record->stock, NULL);
        memory_put_event(store, &event);
    }
}

static int check_version(const struct memory_wine *wine, int64_t version, struct error *error)
{
    if (wine->wine.version == version)
        return 0;
    return error_set(error, ERROR_CONFLICT, "version_conflict", "If-Match",
        "the wine was changed meanwhile: it is now at version %lld", (long long)wine->wine.version);
}

static int put_wine(struct store_memory *store, const struct product_put *put, struct error *error)
{
    const struct product_record *record = &put->record;
    struct memory_wine *old = put->version ? memory_need(store, put->id, error) : NULL;
    if (put->version && !old)
        return ERROR_NOT_FOUND;
    int rc = old ? check_version(old, put->version, error) : 0;
    const struct memory_wine *owner = memory_find_sku(store, record->sku);
    if (rc == 0 && owner && owner != old)
        rc = error_set(
            error, ERROR_CONFLICT, "sku_taken", "sku", "another wine has the sku %s", record->sku);
    char group_id[ID_SIZE] = "";
    if (rc == 0 && put->keep_group)
        memcpy(group_id, old->group_id, ID_SIZE);
    else if (rc == 0 && put->group_id)
        rc = group_by_id(store, put->group_id, put->id, group_id, error);
    else if (rc == 0)
        group_by_key(store, record->group_key, record->sku, put->id, group_id);
    if (rc < 0)
        return rc;
    if (!old) {
        insert_wine(store, record, put->id, group_id, &put->trace);
        return 0;
    }
    memcpy(old->group_id, group_id, ID_SIZE);
    set_texts(old, record);
    tell(store, old, "product.updated", &put->trace);
    return 0;
}

void memory_put_wine(
    struct product_store *base, const struct product_put *put, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    pthread_mutex_lock(&store->lock);
    int rc = put_wine(store, put, &error);
    memory_commit(store);
    done(ctx, rc, &error);
}

static int withdraw(struct store_memory *store, const char *id, int64_t version,
    const struct trace *trace, struct error *error)
{
    struct memory_wine *wine = memory_need(store, id, error);
    if (!wine || wine->wine.withdrawn)
        return wine ? 0 : ERROR_NOT_FOUND;
    int rc = check_version(wine, version, error);
    if (rc < 0)
        return rc;
    wine->wine.withdrawn = true;
    wine->wine.version++;
    wine->wine.revision++;
    struct product_event event = {.wine_id = id, .sequence = wine->wine.revision, .trace = trace};
    event_product(&store->scratch, &event, "product.withdrawn", NULL);
    memory_put_event(store, &event);
    memory_put_pending(store, wine);
    return 0;
}

void memory_withdraw(struct product_store *base, const char *id, int64_t version,
    const struct trace *trace, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    pthread_mutex_lock(&store->lock);
    int rc = withdraw(store, id, version, trace, &error);
    memory_commit(store);
    done(ctx, rc, &error);
}

/* ---- imports ---- */

/* All rows are taken from the source before the first is applied: all or nothing. */
static int take_rows(struct product_import_source *source, struct arena *arena,
    struct product_record **rows, size_t *count, struct error *error)
{
    struct product_record record = {0};
    int rc;
    while ((rc = source->next(source, &record, error)) > 0) {
        *rows = memory_grow(*rows, *count, sizeof(**rows));
        struct product_record *copy = &(*rows)[(*count)++];
        *copy = record;
        copy->sku = arena_strdup(arena, record.sku);
        copy->group_key = arena_strdup(arena, record.group_key);
        copy->body = arena_strdup(arena, record.body);
        copy->brief = arena_strdup(arena, record.brief);
        copy->name_key = arena_strdup(arena, record.name_key);
        copy->words = arena_strdup(arena, record.words);
    }
    return rc;
}

static void import_row(struct store_memory *store, const struct product_record *record,
    struct product_import_counts *counts)
{
    struct memory_wine *old = memory_find_sku(store, record->sku);
    char id[ID_SIZE], group_id[ID_SIZE];
    if (old)
        memcpy(id, old->wine.id, ID_SIZE);
    else
        id_new(id);
    group_by_key(store, record->group_key, record->sku, id, group_id);
    if (!old) {
        counts->added++;
        insert_wine(store, record, id, group_id, NULL);
        return;
    }
    struct buffer doc = BUFFER_INIT;
    document_append(&doc, id, group_id, record->body, old->images);
    bool same = strcmp(doc.data, old->doc) == 0;
    buffer_release(&doc);
    if (same) {
        counts->unchanged++;
        return;
    }
    counts->changed++;
    memcpy(old->group_id, group_id, ID_SIZE);
    set_texts(old, record);
    tell(store, old, "product.updated", NULL);
}

void memory_import(struct product_store *base, struct product_import_source *source,
    product_import_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct product_import_counts counts = {0};
    struct product_record *rows = NULL;
    size_t count = 0;
    struct error error = {0};
    struct arena *arena = arena_new();
    int rc = take_rows(source, arena, &rows, &count, &error);
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; rc == 0 && i < count; i++)
        import_row(store, &rows[i], &counts);
    memory_commit(store);
    done(ctx, rc, &error, &counts);
    free(rows);
    arena_free(arena);
}

/* ---- pictures ---- */

static void set_images(struct store_memory *store, struct memory_wine *wine, const char *upload,
    const char *images, const struct trace *trace)
{
    struct buffer doc = BUFFER_INIT;
    size_t kept = strlen(wine->doc) - strlen(wine->images) - strlen("}");
    buffer_append(&doc, wine->doc, kept);
    buffer_append_text(&doc, images);
    buffer_append_char(&doc, '}');
    free(wine->doc);
    wine->doc = buffer_take(&doc);
    memory_replace(&wine->images, images);
    memcpy(wine->image_upload, upload, ID_SIZE);
    wine->wine.revision++;
    wine->wine.updated_ms = clock_now_ms();
    tell(store, wine, "product.updated", trace);
}

void memory_add_upload(struct product_store *base, const struct product_upload *upload,
    const char *blob, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    pthread_mutex_lock(&store->lock);
    if (memory_need(store, upload->wine_id, &error)) {
        store->uploads = memory_grow(store->uploads, store->upload_count, sizeof(*store->uploads));
        struct memory_upload *slot = &store->uploads[store->upload_count++];
        slot->upload = *upload;
        slot->upload.status = PRODUCT_UPLOAD_PENDING;
        slot->reason = NULL;
        message_image(&store->scratch, upload, blob);
        struct outbox_item item = {.target = "queue:images",
            .key = upload->wine_id,
            .id = upload->id,
            .body = store->scratch.data,
            .length = store->scratch.length};
        store->position = outbox_memory_put(store->outbox, &item);
    }
    memory_commit(store);
    done(ctx, error.code, &error);
}

static struct memory_upload *find_upload(
    struct store_memory *store, const struct product_upload *upload)
{
    for (size_t i = 0; i < store->upload_count; i++) {
        struct memory_upload *slot = &store->uploads[i];
        if (strcmp(slot->upload.id, upload->id) == 0 &&
            strcmp(slot->upload.wine_id, upload->wine_id) == 0)
            return slot;
    }
    return NULL;
}

void memory_finish_upload(struct product_store *base, const struct product_upload *upload,
    const char *images, const struct trace *trace, product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    pthread_mutex_lock(&store->lock);
    struct memory_upload *slot = find_upload(store, upload);
    struct memory_wine *wine = memory_find(store, upload->wine_id);
    if (!slot || !wine) {
        error_set(&error, ERROR_NOT_FOUND, NULL, NULL, "there is no such upload of this wine");
    } else {
        slot->upload.status = upload->status;
        free(slot->reason);
        slot->reason = upload->reason ? memory_strdup(upload->reason) : NULL;
        if (upload->status == PRODUCT_UPLOAD_DONE && strcmp(wine->image_upload, upload->id) < 0)
            set_images(store, wine, upload->id, images, trace);
    }
    memory_commit(store);
    done(ctx, error.code, &error);
}

void memory_clear_images(struct product_store *base, const char *wine_id, const struct trace *trace,
    product_done_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    char mark[ID_SIZE] = "";
    pthread_mutex_lock(&store->lock);
    struct memory_wine *wine = memory_need(store, wine_id, &error);
    for (size_t i = 0; i < store->upload_count; i++) {
        const struct product_upload *upload = &store->uploads[i].upload;
        if (strcmp(upload->wine_id, wine_id) == 0 && strcmp(upload->id, mark) > 0)
            memcpy(mark, upload->id, ID_SIZE);
    }
    if (wine)
        set_images(store, wine, mark, "[]", trace);
    memory_commit(store);
    done(ctx, error.code, &error);
}

void memory_uploads(
    struct product_store *base, const char *wine_id, product_uploads_fn *done, void *ctx)
{
    struct store_memory *store = memory_of(base);
    struct error error = {0};
    struct product_upload found[10];
    struct arena *arena = arena_new();
    size_t count = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = store->upload_count; i-- > 0 && count < 10;) {
        if (strcmp(store->uploads[i].upload.wine_id, wine_id) != 0)
            continue;
        found[count] = store->uploads[i].upload;
        found[count++].reason = arena_strdup(arena, store->uploads[i].reason);
    }
    pthread_mutex_unlock(&store->lock);
    done(ctx, 0, &error, found, count);
    arena_free(arena);
}
