/* A batch, from its checks to its last row: one transaction. */
#include "arena.h"
#include "buffer.h"
#include "text_index.h"
#include "warehouse_sql_loader.h"

#include <stdlib.h>
#include <string.h>

/* ---- what every job begins and ends with ---- */

int loader_begin(struct loader *loader, struct sql *sql, struct error *error)
{
    int64_t forgotten = loader->counts.forgotten;
    struct counts counts = {0};
    loader_clear(loader);
    int rc = sql_query(
        sql, error, "SELECT forgotten, wines, shoppers, events, letters FROM load_state", "");
    if (rc == 0)
        rc = sql_step(sql, error);
    if (rc > 0) {
        counts = (struct counts){sql_integer(sql, 0), sql_integer(sql, 1), sql_integer(sql, 2),
            sql_integer(sql, 3), sql_integer(sql, 4)};
        sql_done(sql);
    } else if (rc == 0) {
        rc = error_set(error, ERROR_INTERNAL, NULL, NULL, "load_state is empty");
    }
    if (rc < 0)
        return rc;
    loader->counts = loader->before = counts;
    if (counts.forgotten != forgotten)
        keys_forget(&loader->shoppers);
    return 0;
}

int loader_end(struct loader *loader, struct sql *sql, struct error *error)
{
    const struct counts *counts = &loader->counts;
    if (memcmp(counts, &loader->before, sizeof(*counts)) == 0)
        return 0;
    return sql_run(sql, error,
        "UPDATE load_state SET forgotten = $1, wines = $2, shoppers = $3, events = $4,"
        " letters = $5",
        "iiiii", counts->forgotten, counts->wines, counts->shoppers, counts->events,
        counts->letters);
}

/* ---- changes ---- */

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void fill_wine(struct loader *loader, const struct change *change, struct sql_value *row)
{
    const struct warehouse_wine *wine = &change->fact->wine;
    row[0] = SQL_INT(change->key);
    row[1] = SQL_TEXT(loader_cut(loader, wine->name, WIDTH_TEXT));
    row[2] = SQL_TEXT(loader_cut(loader, wine->winery, WIDTH_TEXT));
    row[3] = SQL_TEXT(loader_cut(loader, wine->type, WIDTH_CODE));
    row[4] = SQL_TEXT(loader_cut(loader, wine->country, WIDTH_CODE));
    row[5] = SQL_TEXT(loader_cut(loader, wine->region, WIDTH_TEXT));
    row[6] = SQL_INT(wine->vintage);
    row[7] = SQL_INT(wine->bottle_ml);
    row[8] = SQL_INT(wine->price);
    row[9] = SQL_TEXT(loader_cut(loader, wine->currency, WIDTH_CODE));
    row[10] = SQL_INT(change->sequence);
}

static void fill_change(
    struct loader *loader, enum changed kind, const struct change *change, struct sql_value *row)
{
    const struct warehouse_fact *fact = change->fact;
    switch (kind) {
    case CHANGE_MERGE:
        row[0] = SQL_INT(change->key);
        row[1] = SQL_INT(
            keys_of(&loader->shoppers, loader_cut(loader, fact->shopper, WAREHOUSE_ID_MAX)));
        break;
    case CHANGE_WINE:
        fill_wine(loader, change, row);
        break;
    case CHANGE_WITHDRAWN:
        row[0] = SQL_INT(change->key);
        row[1] = SQL_INT(change->sequence);
        break;
    case CHANGE_STOCK:
        row[0] = SQL_INT(change->key);
        row[1] = SQL_INT(fact->available);
        row[2] = SQL_INT(change->sequence);
        break;
    case CHANGE_STATUS:
        row[0] = SQL_TEXT(text_index_text(loader->orders, (uint32_t)change->key));
        row[1] = SQL_TEXT(loader_cut(loader, fact->status.status, WIDTH_CODE));
        row[2] = SQL_INT(change->sequence);
        break;
    default:
        break;
    }
}

/* One change a row: the statement would take any of several. */
static int run_changes(
    struct loader *loader, enum changed kind, struct sql *sql, struct error *error)
{
    struct changes *all = &loader->changes[kind];
    if (!all->count)
        return 0;
    qsort(all->items, all->count, sizeof(*all->items), compare_changes);
    for (size_t i = 0; i < all->count; i++) {
        if (i + 1 == all->count || all->items[i].key != all->items[i + 1].key)
            fill_change(loader, kind, &all->items[i], bulk_add(&all->bulk));
    }
    all->count = 0;
    return bulk_run(&all->bulk, sql, error);
}

int loader_flush(struct loader *loader, struct sql *sql, struct error *error)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < INSERTED; i++)
        rc = bulk_run(&loader->inserts[i], sql, error);
    for (int i = 0; rc == 0 && i < CHANGED; i++)
        rc = run_changes(loader, (enum changed)i, sql, error);
    if (rc == 0)
        loader_clear(loader);
    return rc;
}

/* ---- forgetting ---- */

/* The facts stay and still count; what led from them to a person goes. */
static int forget(
    struct loader *loader, struct sql *sql, const char *pseudonym, struct error *error)
{
    int64_t key = 0;
    int rc = sql_one(sql, error, &key, "SELECT shopper_key FROM dim_shopper WHERE pseudonym = $1",
        "t", loader_cut(loader, pseudonym, WAREHOUSE_ID_MAX));
    if (rc <= 0)
        return rc;
    rc = sql_run(
        sql, error, "UPDATE dim_shopper SET pseudonym = NULL WHERE shopper_key = $1", "i", key);
    if (rc == 0)
        rc = sql_run(
            sql, error, "UPDATE dim_shopper SET pseudonym = NULL WHERE merged_into = $1", "i", key);
    loader->counts.forgotten++;
    keys_forget(&loader->shoppers);
    return rc;
}

static int apply_facts(struct loader *loader, struct sql *sql, const struct warehouse_fact *facts,
    size_t count, struct error *error)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count;) {
        size_t end = i;
        while (end < count && facts[end].kind != WAREHOUSE_FORGET)
            end++;
        if (end > i)
            rc = loader_stage(loader, sql, &facts[i], end - i, error);
        if (rc == 0)
            rc = loader_flush(loader, sql, error);
        if (rc == 0 && end < count)
            rc = forget(loader, sql, facts[end++].shopper, error);
        i = end;
    }
    return rc;
}

/* ---- the rest of a batch ---- */

static int check_owner(struct sql *sql, const struct warehouse_batch *batch, struct error *error)
{
    bool held[WAREHOUSE_MAX_SHARDS] = {false};
    if (!batch->owner || !*batch->owner || !batch->checkpoint_count)
        return 0;
    int rc =
        sql_query(sql, error, "SELECT shard FROM load_lease WHERE owner = $1", "t", batch->owner);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        int64_t shard = sql_integer(sql, 0);
        if (shard >= 0 && shard < WAREHOUSE_MAX_SHARDS)
            held[shard] = true;
        rc = 0;
    }
    for (size_t i = 0; rc == 0 && i < batch->checkpoint_count; i++) {
        if (!held[batch->checkpoints[i].shard])
            rc = warehouse_not_held(batch, batch->checkpoints[i].shard, error);
    }
    return rc;
}

static int check_places(struct sql *sql, const struct warehouse_batch *batch, struct error *error)
{
    int64_t places[WAREHOUSE_MAX_SHARDS];
    if (!batch->checkpoint_count)
        return 1;
    int rc = warehouse_sql_checkpoints(sql, places, error);
    return rc < 0 ? rc : warehouse_check_places(batch, places, error);
}

static int apply_checkpoints(struct loader *loader, struct sql *sql,
    const struct warehouse_batch *batch, struct error *error)
{
    struct bulk *drop = &loader->drop_checkpoints;
    bulk_clear(drop);
    for (size_t i = 0; i < batch->checkpoint_count; i++) {
        *bulk_add(drop) = SQL_INT(batch->checkpoints[i].shard);
        struct sql_value *row = bulk_add(&loader->inserts[INTO_CHECKPOINT]);
        row[0] = SQL_INT(batch->checkpoints[i].shard);
        row[1] = SQL_INT(batch->checkpoints[i].sequence);
    }
    return bulk_run(drop, sql, error);
}

static int apply_letters(struct loader *loader, struct sql *sql,
    const struct warehouse_batch *batch, struct error *error)
{
    for (size_t i = 0; i < batch->letter_count; i++) {
        const struct warehouse_dead_letter *letter = &batch->letters[i];
        struct sql_value *row = bulk_add(&loader->inserts[INTO_LETTER]);
        row[0] = SQL_INT(++loader->counts.letters);
        row[1] = SQL_TEXT(loader_cut(loader, letter->event_id, WAREHOUSE_ID_MAX));
        row[2] = SQL_INT(letter->shard);
        row[3] = SQL_INT(letter->sequence);
        row[4] = SQL_INT(letter->at_ms);
        row[5] = SQL_TEXT(loader_cut(loader, letter->reason, WIDTH_TEXT));
        row[6] = SQL_TEXT(loader_cut(loader, letter->body, WIDTH_BODY));
    }
    if (!batch->letter_count)
        return 0;
    return sql_run(sql, error, "DELETE FROM dead_letter WHERE position <= $1", "i",
        loader->counts.letters - WAREHOUSE_RECENT_LETTERS);
}

/* Many ids a row, since a row an event would be a third of the work: the ids, a blank after each,
 * and how many there were up to this row. */
static int apply_events(struct loader *loader, struct sql *sql, const struct warehouse_batch *batch,
    struct error *error)
{
    CLEANUP_BUFFER struct buffer ids = BUFFER_INIT;
    for (size_t i = 0; i < batch->event_count; i++) {
        buffer_append_text(&ids, loader_cut(loader, batch->event_ids[i], WAREHOUSE_ID_MAX));
        buffer_append_char(&ids, ' ');
        loader->counts.events++;
        if (i + 1 < batch->event_count && ids.length < WIDTH_EVENTS - WAREHOUSE_ID_MAX - 1)
            continue;
        struct sql_value *row = bulk_add(&loader->inserts[INTO_EVENT]);
        row[0] = SQL_INT(loader->counts.events);
        row[1] = SQL_TEXT(arena_strndup(loader->arena, ids.data, ids.length));
        buffer_reset(&ids);
    }
    if (!batch->event_count)
        return 0;
    return sql_run(sql, error, "DELETE FROM load_event WHERE up_to <= $1", "i",
        loader->counts.events - WAREHOUSE_RECENT_EVENTS);
}

int loader_apply(struct loader *loader, struct sql *sql, const struct warehouse_batch *batch,
    struct error *error)
{
    int rc = check_owner(sql, batch, error);
    if (rc == 0)
        rc = check_places(sql, batch, error);
    if (rc <= 0)
        return rc;
    rc = loader_begin(loader, sql, error);
    if (rc == 0)
        rc = apply_facts(loader, sql, batch->facts, batch->fact_count, error);
    if (rc == 0)
        rc = apply_events(loader, sql, batch, error);
    if (rc == 0)
        rc = apply_letters(loader, sql, batch, error);
    if (rc == 0)
        rc = apply_checkpoints(loader, sql, batch, error);
    if (rc == 0)
        rc = loader_flush(loader, sql, error);
    return rc < 0 ? rc : loader_end(loader, sql, error);
}
